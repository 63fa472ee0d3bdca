"""Inference is the same few verbs for all systems: latents, sample from z, a condition or both, and translate."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from course_lib.errors import ShapeError, TrainingError
from course_lib.systems.base import System
from course_lib.systems.cyclegan import CycleGAN, CycleGANConfig
from course_lib.systems.gan import GAN, GANConfig
from course_lib.systems.pix2pix import Pix2Pix, Pix2PixConfig
from course_lib.systems.regression import Regression, RegressionConfig
from course_lib.systems.vae import VAE, VAEConfig

DRAWING = {
    "gan": lambda: GAN(GANConfig(shape=(1, 8, 8), latents=6, image=True, g_batch_norm=True)),
    "vae": lambda: VAE(VAEConfig(width=16, latents=6)),
}
drawing = pytest.mark.parametrize("name", list(DRAWING))
SMALL = Pix2PixConfig(x_channels=1, base_channels=4, max_channels=8, levels=3, d_channels=4, patch_layers=1)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@drawing
def test_the_same_z_gives_the_same_sample_each_time_and_alone(name: str) -> None:
    system = DRAWING[name]().train()
    z = system.latents(4, seeded())
    assert z.shape == (4, 6)
    assert torch.equal(z, system.latents(4, seeded()))
    first = system.sample(z)
    assert torch.equal(first, system.sample(z))
    torch.testing.assert_close(first[1:2], system.sample(z[1:2]))  # in eval mode: it does not depend on its neighbours
    assert torch.equal(first, system.sample(4, seeded()))
    assert torch.equal(first, system.sample(4, generator=seeded()))
    assert not torch.equal(first, system.sample(4, seeded(1)))
    assert not first.requires_grad
    assert system.training


@drawing
def test_a_sample_leaves_torch_s_own_generator_alone_where_another_is_given(name: str) -> None:
    system = DRAWING[name]()
    before = torch.get_rng_state()
    system.sample(3, seeded())
    assert torch.equal(before, torch.get_rng_state())


def test_samples_come_from_the_averaged_network_where_one_is_kept() -> None:
    system, other = (DRAWING["gan"]() for _ in range(2))
    z = system.latents(3)
    plain = system.sample(z)
    system.averages = {"netG": other.netG}
    assert not torch.equal(system.sample(z), plain)
    assert torch.equal(system.sample(z), other.sample(z))


def test_a_walk_between_two_latents_is_smooth() -> None:
    system = DRAWING["vae"]()
    a, b = system.latents(2, seeded()).unsqueeze(1)
    pictures = system.sample(torch.cat([torch.lerp(a, b, share) for share in torch.linspace(0, 1, 9)]))
    steps = (pictures[1:] - pictures[:-1]).abs().flatten(1).mean(dim=1)
    whole = (pictures[-1] - pictures[0]).abs().mean()
    assert float(steps.max()) < float(whole) / 2


def test_pix2pix_draws_z_from_a_generator_by_its_dropout() -> None:
    system = Pix2Pix(SMALL)
    x = torch.rand(2, 1, 16, 16) * 2 - 1
    before = torch.get_rng_state()
    first = system.sample(condition=x, generator=seeded())
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(first, system.translate(x, generator=seeded()))
    assert not torch.equal(first, system.translate(x, generator=seeded(1)))
    assert not torch.equal(system.translate(x), system.translate(x))
    for wrong in ({"z": 3}, {"z": torch.zeros(2, 4), "condition": x}, {}):
        with pytest.raises(TrainingError, match=r"sample\(condition=x\)"):
            system.sample(**wrong)


@pytest.mark.parametrize(
    "system",
    [
        Regression(RegressionConfig(base_channels=4, max_channels=8, levels=3)),
        CycleGAN(CycleGANConfig(base_channels=4, blocks=1, d_channels=4, patch_layers=1)),
    ],
    ids=["regression", "cyclegan"],
)
def test_what_has_no_latents_says_what_to_call(system: System) -> None:
    for call in (lambda: system.latents(2), lambda: system.sample(2)):
        with pytest.raises(TrainingError, match=r"has no latents: call translate\(x\)"):
            call()


@pytest.mark.parametrize("z", [True, "four", torch.zeros(2, 6, dtype=torch.int64), 2.5])
def test_a_z_that_is_none_is_refused(z: object) -> None:
    with pytest.raises(ShapeError, match="z is neither latents nor a number"):
        DRAWING["gan"]().sample(z)  # type: ignore[arg-type]


def test_a_conditional_system_draws_as_many_latents_as_there_are_conditions() -> None:
    class Labelled(System):
        def __init__(self) -> None:
            super().__init__(GANConfig(latents=3))
            self.netG = nn.Linear(3, 2)

        def _sample(self, z: Tensor, condition: Tensor, generator: torch.Generator | None) -> Tensor:
            return self.averaged("netG")(z) * condition[:, None]

    system = Labelled()
    labels = torch.tensor([0.0, 1.0, 2.0])
    z = system.latents(3, seeded())
    assert torch.equal(system.sample(condition=labels, generator=seeded()), system.sample(z, condition=labels))
    with pytest.raises(TrainingError, match=r"sample\(16\)"):
        system.sample()
