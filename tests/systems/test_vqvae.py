"""The autoencoder's step against the formula, its codebooks after it, and that it learns a small world."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from course_lib.data import ImageSet
from course_lib.errors import ShapeError
from course_lib.systems.vqvae import VQVAE, VQVAEConfig
from course_lib.training import fit, meta_step


def make(levels: int = 2, **changes: Any) -> VQVAE:
    torch.manual_seed(0)
    small = {"codes": 8, "dim": 4, "channels": 8, "inside": 4, "blocks": 1, "levels": levels}
    return VQVAE(VQVAEConfig(**{**small, **changes}))


@pytest.mark.parametrize("levels", [1, 2])
@pytest.mark.parametrize("decay", [None, 0.9])
def test_a_step_returns_the_formula(levels: int, decay: float | None) -> None:
    system = make(levels, decay=decay, commitment=0.3)
    x = system.example_batch(4, "cpu").images
    y, found = system.netVQ(x)
    near = sum(F.mse_loss(one.z, one.z_q.detach()) for one in found)
    expected = F.mse_loss(y, x) + (0.3 if decay else 1.3) * near
    said = system.training_step(system.example_batch(4, "cpu").with_columns(images=x))
    assert said["loss"].item() == pytest.approx(expected.item(), rel=1e-5)
    assert said["reconstruction"].item() == pytest.approx(F.mse_loss(y, x).item(), rel=1e-5)
    assert said["commitment"].item() == pytest.approx(near.item(), rel=1e-5)
    for name, one in zip(system.names, found, strict=True):
        share = torch.bincount(one.codes.flatten(), minlength=8).double() / one.codes.numel()
        entropy = -(share[share > 0] * share[share > 0].log()).sum()
        assert said[f"perplexity, {name}"].item() == pytest.approx(entropy.exp().item(), rel=1e-5)


def test_codes_follow_the_average_of_what_chose_them_before_the_step() -> None:
    system = make(1, decay=0.0)
    x = system.example_batch(4, "cpu").images
    found = system.netVQ(x)[1][0]
    system.training_step(system.example_batch(4, "cpu").with_columns(images=x))
    lines, chosen = found.z.permute(0, 2, 3, 1).flatten(0, 2), found.codes.flatten()
    for code in chosen.unique().tolist():
        expected = lines[chosen == code].mean(0)
        assert torch.allclose(system.netVQ.bottom.weight[code], expected, atol=1e-6)


def test_by_gradient_they_are_moved_by_the_optimiser() -> None:
    system = make(1, decay=None)
    before = system.netVQ.bottom.weight.clone()
    system.training_step(system.example_batch(4, "cpu"))
    assert not torch.equal(system.netVQ.bottom.weight, before)


def test_unused_codes_are_put_elsewhere_where_asked() -> None:
    said = [make(1, restart_below=least).training_step(make().example_batch(4, "cpu")) for least in (0.0, 2.0)]
    assert "restarted, codes" not in said[0]
    assert said[1]["restarted, codes"] > 0
    with pytest.raises(ShapeError, match="learn by gradient are not counted"):
        make(decay=None, restart_below=1.0)


@pytest.mark.parametrize("options", [{"levels": 1}, {}, {"decay": None}, {"restart_below": 1.0}])
def test_step_makes_no_tensor_on_the_wrong_device(options: dict[str, Any]) -> None:
    assert {"loss", "reconstruction", "commitment"} < set(meta_step(make(**options)))


@pytest.mark.parametrize(("levels", "grids"), [(1, [(4, 4)]), (2, [(2, 2), (4, 4)])])
def test_codes_and_pictures(levels: int, grids: list[tuple[int, int]]) -> None:
    system, x = make(levels), torch.rand(3, 3, 16, 16) * 2 - 1
    codes = system.encode(x)
    assert [tuple(one.shape[1:]) for one in codes] == grids
    assert len(codes) == len(system.names)
    y = system.decode(codes)
    assert torch.equal(y, system.reconstruct(x))
    assert y.shape == x.shape
    assert -1 <= y.min() <= y.max() <= 1
    assert system.bits(16, 16) == 3 * sum(h * w for h, w in grids)
    assert system.training
    with pytest.raises(ShapeError, match="multiple of"):
        system.bits(17, 16)


def two_colours(count: int = 64) -> ImageSet:
    """Quarters of pictures, dark or bright at random: four bits a picture."""
    bits = torch.randint(2, (count, 1, 2, 2), generator=torch.Generator().manual_seed(0))
    pictures = (40 + 175 * bits).to(torch.uint8).repeat_interleave(8, 2).repeat_interleave(8, 3)
    return ImageSet(name="quarters", split="train", images=pictures)


def test_a_world_of_four_bits_is_learned_with_codes_to_spare() -> None:
    system = make(1, image_channels=1, channels=32, inside=16, lr=3e-3, decay=0.9, restart_below=0.5)
    history = fit(system, two_colours(), steps=120, batch_size=16, progress=False, device="cpu", flip=False)
    assert history["reconstruction"][-1] < 0.05 * history["reconstruction"][0]


def test_a_run_broken_off_and_resumed_ends_with_the_same_bits(tmp_path: Any) -> None:
    """Codebooks, their counts, and the chance that restarts draw from are in the checkpoint."""
    options: dict[str, Any] = {"batch_size": 16, "progress": False, "device": "cpu", "seed": 3}
    whole, broken = (make(decay=0.9, restart_below=0.5, image_channels=1) for _ in range(2))
    fit(whole, two_colours(), steps=12, **options)
    kept = tmp_path / "run"

    def stop(system: Any, step: int) -> None:
        if step == 7:
            raise KeyboardInterrupt

    fit(broken, two_colours(), steps=12, checkpoint=kept, on_step=stop, **options)
    resumed = make(decay=0.9, restart_below=0.5, image_channels=1)
    fit(resumed, two_colours(), steps=12, checkpoint=kept, **options)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_the_codebook_by_average_is_no_parameter_and_by_gradient_it_is() -> None:
    sizes = {decay: sum(p.numel() for p in make(decay=decay).parameters()) for decay in (0.9, None)}
    assert sizes[None] - sizes[0.9] == 2 * 8 * 4
