"""The usual step of fast style transfer has the same losses as the course's, so that the times can be compared."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from course_lib.data.containers import Batch
from course_lib.lessons.lesson_12.usual import COMPARISON, SETTINGS, compare, pair_of, step_on_kept, usual_vgg
from course_lib.models.vgg import LAYERS, VGG16Features
from course_lib.systems.style_transfer import StyleTransferConfig

SMALL = StyleTransferConfig(
    style_side=48, base_channels=4, blocks=1, balanced=True, half_judge=False,
    content_weight=4e-6, style_weight=3.0, tv_weight=10.0,
)  # fmt: skip
SUMMED = replace(SMALL, balanced=False, content_weight=1.0, style_weight=1e-5, tv_weight=1e6)
"""With the weights of both no term's gradient is lost beside another's."""
PLAYERS = {"usual", "usual, VGG frozen", "ours", "ours, targets kept"}


def pictures(count: int = 3, side: int = 32) -> torch.Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(1)) * 2 - 1


def in_float64(config: StyleTransferConfig, frozen: bool = False):
    torch.manual_seed(0)
    usual, ours = pair_of(config, frozen)
    usual.netG.double(), usual.vgg.double(), ours.double()
    return usual, ours


def take_our_step(ours, x, kept):
    if kept:
        return step_on_kept(ours, x, ours.judge.content_features(x))
    return ours.training_step(Batch(index=torch.arange(len(x)), images=x))


def pairs_of_weights(usual, ours):
    """Return names and weights of both, in two lists: those that the loss depends on, and those without effect.

    The second norm of a block adds a constant to what the next norm centres, so that its shift has no effect: its
    gradient is 0 but for rounding, which Adam makes a step of.
    """
    both = zip(ours.netG.named_parameters(), usual.netG.parameters(), strict=True)
    found = [(name, theirs, own.view_as(theirs), own.grad.view_as(theirs)) for (name, own), theirs in both]
    without = [row for row in found if row[0].startswith("blocks") and row[0].endswith("second.norm.bias")]
    return [row for row in found if row not in without], without


@torch.no_grad()
def share_apart(usual, ours) -> float:
    """Return the share of the weights that differ by a ten-thousandth or more.

    Adam's first steps have the size lr whatever the gradient: where that is 0 but for rounding they can differ.
    """
    pairs, _ = pairs_of_weights(usual, ours)
    apart = [((a - b).abs() > 1e-4 * (a.abs() + SMALL.lr)).flatten() for _, a, b, _ in pairs]
    return float(torch.cat(apart).double().mean())


@pytest.mark.parametrize(
    ("config", "frozen", "kept"),
    [(SMALL, False, False), (SMALL, True, True), (SUMMED, False, True)],
    ids=["balanced", "balanced, VGG frozen, targets kept", "summed, targets kept"],
)
def test_all_steps_are_the_same(config, frozen, kept):
    usual, ours = in_float64(config, frozen)
    x = pictures().double()
    for _ in range(2):
        before = [value.detach().clone() for value in ours.netG.parameters()]
        terms, own = usual.step(x), take_our_step(ours, x, kept)
        assert list(terms) == list(own) == ["content", "style", "tv"]
        for name, value in terms.items():
            assert float(own[name]) == pytest.approx(value, rel=1e-5), name
            assert value > 0
        assert share_apart(usual, ours) < 2e-3
        moved = [float((a - b.detach()).abs().max()) for a, b in zip(before, ours.netG.parameters(), strict=True)]
        assert sorted(moved)[1] > 0.5 * SMALL.lr  # but for one without effect


@pytest.mark.parametrize("changes", [{"blocks": 2, "base_channels": 6}, {"tv_weight": 0.0}, {"content_weight": 0.0}])
def test_they_are_the_same_for_other_settings(changes):
    usual, ours = in_float64(replace(SMALL, **changes))
    x = pictures().double()
    terms, own = usual.step(x), take_our_step(ours, x, kept=False)
    assert terms == pytest.approx({name: float(value) for name, value in own.items()}, rel=1e-5)
    assert share_apart(usual, ours) < 2e-3


@pytest.mark.parametrize("config", [SMALL, SUMMED], ids=["balanced", "summed"])
def test_the_weights_of_the_style_layers_are_those_of_the_judge(config):
    (usual, ours), (changed, own) = in_float64(config), in_float64(config)
    own.judge.style_layer_weights = (9.0, 2.0, 3.0, 400.0)
    x = pictures().double()
    plain, other = usual.step(x)["style"], changed.step(x)["style"]
    assert abs(other / plain - 1) > 0.2
    assert plain == pytest.approx(float(take_our_step(ours, x, kept=False)["style"]), rel=1e-5)
    assert other == pytest.approx(float(take_our_step(own, x, kept=True)["style"]), rel=1e-5)
    assert share_apart(changed, own) < 2e-3
    assert share_apart(usual, own) > 0.02


def test_a_wrong_step_is_seen():
    usual, ours = in_float64(SMALL)
    x = pictures().double()
    usual.mean = torch.zeros_like(usual.mean)  # VGG's pictures not centred
    usual.step(x)
    take_our_step(ours, x, kept=False)
    assert share_apart(usual, ours) > 0.02


def test_in_float32_losses_and_gradients_agree():
    torch.manual_seed(0)
    usual, ours = pair_of(SMALL)
    terms, own = usual.step(pictures()), take_our_step(ours, pictures(), kept=False)
    assert terms == pytest.approx({name: float(value) for name, value in own.items()}, rel=1e-4)
    pairs, without = pairs_of_weights(usual, ours)
    for name, theirs, _, gradient in pairs:
        error = (gradient - theirs.grad).norm() / theirs.grad.norm()
        assert error < 1e-3, name
    usual_size = pairs[-1][1].grad.norm()
    assert len(without) == SMALL.blocks
    assert all(row[1].grad.norm() < 1e-3 * usual_size for row in without)


def test_the_usual_vgg_is_the_whole_one_with_weights_that_ask_for_gradients():
    vgg, mean = usual_vgg()
    images = (pictures(1) + 1) / 2
    torch.testing.assert_close(vgg(images - mean), VGG16Features(LAYERS)(images)["relu4_3"], rtol=1e-3, atol=5e-3)
    assert sum(value.numel() for value in vgg.parameters()) == 7_635_264
    assert all(value.is_contiguous() for value in vgg.parameters())
    for frozen in (False, True):
        usual, _ = pair_of(SMALL, frozen)
        before = [value.clone() for value in usual.vgg.parameters()]
        usual.step(pictures())
        for value, old in zip(usual.vgg.parameters(), before, strict=True):
            assert (value.grad is None) == frozen
            assert torch.equal(value, old)


def test_operations_differ_by_what_is_not_done(even_clock):
    found = compare(SMALL, side=32, batch_size=2, seconds=0.1)
    assert found["seconds"] == found["times faster"] == dict.fromkeys(PLAYERS, 1.0)
    assert found["images/s"] == dict.fromkeys(PLAYERS, 2.0)
    assert set(found["GFLOP"]) == PLAYERS
    assert found["turns"] == 3

    # 2 operations a product, 2 pictures, 9 products a pair of channels and place; stages of 32, 16, 8 and 4 pixels
    first = 4 * 9 * 3 * 64 * 32**2 / 1e9
    to_content = first + 4 * 9 * (64 * 64 * 32**2 + (64 * 128 + 128 * 128) * 16**2) / 1e9
    rest = 4 * 9 * ((128 * 256 + 2 * 256 * 256) * 8**2 + (256 * 512 + 2 * 512 * 512) * 4**2) / 1e9
    gflop = found["GFLOP"]
    assert gflop["ours"] - gflop["ours, targets kept"] == pytest.approx(to_content, abs=0.002)
    assert gflop["usual, VGG frozen"] - gflop["ours"] == pytest.approx(rest, abs=0.002)
    # of the weights for the output, and for the target, where the features in between need theirs too
    thrown_away = to_content + rest + to_content + (to_content - first)
    assert gflop["usual"] - gflop["usual, VGG frozen"] == pytest.approx(thrown_away, abs=0.002)


def test_what_was_measured_last_is_of_the_settings_as_they_are():
    found = COMPARISON.last()["settings"]
    assert {name: (one["side"], one["batch"]) for name, one in found.items()} == {
        name: (side, batch) for name, (_, side, batch) in SETTINGS.items()
    }
    assert all(set(one["seconds"]) == PLAYERS for one in found.values())


def test_the_settings_are_the_papers_network():
    for config, side, _ in SETTINGS.values():
        assert (config.base_channels, config.blocks) == (32, 5)
        assert side in (128, 256)
