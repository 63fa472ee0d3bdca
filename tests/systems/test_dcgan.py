"""DCGAN's step against the formula written out, who moves in it, and the same bits after a break."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from course_lib.data import ImageSet
from course_lib.errors import ShapeError
from course_lib.losses.adversarial import LOSSES
from course_lib.systems.dcgan import DCGAN, DCGANConfig
from course_lib.training import fit, meta_step


def make(**changes: Any) -> DCGAN:
    torch.manual_seed(0)
    return DCGAN(DCGANConfig(**{"side": 8, "latents": 4, "base_channels": 4, "d_channels": 4, **changes}))


def by_hand(system: DCGAN, y: torch.Tensor, z: torch.Tensor) -> dict[str, float]:
    """The step of the common implementations: one G(z), D on both, D's step, then G's through the moved D."""
    netG, netD, c = system.netG, system.netD, system.config
    g_step = torch.optim.Adam(netG.parameters(), c.lr, (c.beta1, 0.999))
    d_step = torch.optim.Adam(netD.parameters(), c.d_lr, (c.beta1, 0.999))
    fake = netG(z)
    ones, zeros = torch.ones(len(y)), torch.zeros(len(y))
    d_loss = F.binary_cross_entropy_with_logits(netD(y), ones)
    d_loss = d_loss + F.binary_cross_entropy_with_logits(netD(fake.detach()), zeros)
    d_step.zero_grad()
    d_loss.backward()
    d_step.step()
    g_loss = F.binary_cross_entropy_with_logits(netD(fake), ones)
    g_step.zero_grad()
    g_loss.backward()
    g_step.step()
    return {"d_loss": d_loss.item(), "g_loss": g_loss.item()}


def test_a_step_is_that_of_the_common_implementation() -> None:
    system, other = make(lr=1e-3, d_lr=3e-3), make(lr=1e-3, d_lr=3e-3)
    batch = system.example_batch(6, "cpu")
    torch.manual_seed(3)
    said = system.training_step(batch)
    torch.manual_seed(3)
    expected = by_hand(other, batch.images, torch.randn(6, 4))
    assert {name: said[name].item() for name in expected} == pytest.approx(expected, rel=1e-5)
    for (name, one), (_, two) in zip(system.named_parameters(), other.named_parameters(), strict=True):
        assert torch.allclose(one, two, atol=1e-6), name


@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_each_player_moves_itself_alone(loss: str) -> None:
    for player, still in (("netG", {"d_lr": 0.0}), ("netD", {"lr": 1e-30})):
        system = make(loss=loss, **still)
        before = {name: p.clone() for name, p in system.named_parameters()}
        system.training_step(system.example_batch(6, "cpu"))
        moved = {name.split(".")[0] for name, p in system.named_parameters() if (p - before[name]).abs().max() > 1e-20}
        assert moved == {player}


@pytest.mark.parametrize("options", [{}, {"norm": "none"}, {"sizes_change_by": "pooling"}, {"hidden": 5}])
def test_step_makes_no_tensor_on_the_wrong_device(options: dict[str, Any]) -> None:
    assert set(meta_step(make(**options), batch_size=4)) == {"d_loss", "g_loss", "d_real", "d_fake"}


def pictures(count: int = 12) -> ImageSet:
    drawn = torch.randint(256, (count, 3, 8, 8), generator=torch.Generator().manual_seed(0))
    return ImageSet(name="toy", split="train", images=drawn.to(torch.uint8))


def test_a_sample_does_not_depend_on_those_beside_it() -> None:
    """In eval mode batch norm has its running statistics; in training mode each sample would change with its batch."""
    system = make()
    fit(system, pictures(), steps=4, batch_size=6, progress=False, device="cpu")
    z = system.latents(5, torch.Generator().manual_seed(1))
    together = system.sample(z)
    assert torch.allclose(together[:1], system.sample(z[:1]), atol=1e-6)
    assert together.shape == (5, 3, 8, 8)
    assert torch.equal(together, system.sample(5, torch.Generator().manual_seed(1)))


def test_a_run_broken_off_and_resumed_ends_with_the_same_bits(tmp_path: Any) -> None:
    options: dict[str, Any] = {"batch_size": 6, "progress": False, "device": "cpu", "seed": 3, "ema_decay": 0.9}
    whole, broken, resumed = make(), make(), make()
    fit(whole, pictures(), steps=10, **options)

    def stop(system: Any, step: int) -> None:
        if step == 5:
            raise KeyboardInterrupt

    fit(broken, pictures(), steps=10, checkpoint=tmp_path / "run", on_step=stop, **options)
    fit(resumed, pictures(), steps=10, checkpoint=tmp_path / "run", **options)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    z = torch.randn(2, 4)
    assert torch.equal(whole.sample(z), resumed.sample(z))


def test_features_of_d() -> None:
    system = make()
    found = system.features(torch.rand(3, 3, 8, 8) * 2 - 1)
    assert found.shape == (3, 16 * 4)
    assert not found.requires_grad


def test_what_cannot_be() -> None:
    with pytest.raises(ShapeError, match="choose one of"):
        make(loss="magic")
    with pytest.raises(ShapeError, match="side of DCGANConfig"):
        make(side=0)
