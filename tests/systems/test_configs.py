"""Numbers that a system cannot be built with, and configs of another system, are refused with a sentence."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

from course_lib.errors import ShapeError
from course_lib.systems.cyclegan import CycleGAN, CycleGANConfig
from course_lib.systems.dcgan import DCGAN, DCGANConfig
from course_lib.systems.gan import GAN, GANConfig
from course_lib.systems.pix2pix import Pix2Pix, Pix2PixConfig
from course_lib.systems.pixelcnn import PixelCNN, PixelCNNConfig
from course_lib.systems.regression import Regression, RegressionConfig
from course_lib.systems.style_transfer import StyleTransfer, StyleTransferConfig
from course_lib.systems.vae import VAE, VAEConfig
from course_lib.systems.vqvae import VQVAE, VQVAEConfig

SYSTEMS: dict[type, type] = {
    CycleGANConfig: CycleGAN,
    DCGANConfig: DCGAN,
    GANConfig: GAN,
    Pix2PixConfig: Pix2Pix,
    RegressionConfig: Regression,
    StyleTransferConfig: StyleTransfer,
    VAEConfig: VAE,
    VQVAEConfig: VQVAE,
    PixelCNNConfig: PixelCNN,
}
every_config = pytest.mark.parametrize("config", list(SYSTEMS))
NEVER = (math.nan, math.inf, -1, "1e-3", True, [1])
"""What no number of a config can be."""


def numbers_of(config: type) -> list[str]:
    """Return the fields that hold numbers, by their defaults."""
    fields = [(field.name, field.default) for field in dataclasses.fields(config)]
    plain = {name for name, default in fields if type(default) in (int, float) or name == "max_channels"}
    tuples = {name for name, default in fields if isinstance(default, tuple) and isinstance(default[0], int)}
    return sorted(plain | tuples)


@every_config
def test_no_number_of_a_config_takes_what_is_none(config: Any) -> None:
    """Every field, those to come included: a number without a check fails here."""
    for name in numbers_of(config):
        for wrong in NEVER:
            value = (wrong,) if isinstance(getattr(config(), name), tuple) else wrong
            with pytest.raises(ShapeError, match=f"{name} of {config.__name__} is .*: give a "):
                config(**{name: value})


@every_config
def test_a_rate_of_0_teaches_nothing(config: Any) -> None:
    with pytest.raises(ShapeError, match=f"lr of {config.__name__} is 0: give a finite number above 0"):
        config(lr=0)


@pytest.mark.parametrize(
    ("config", "values"),
    [
        (GANConfig, {"beta1": 1.0, "decay": 1.5, "d_dropout": 1.0, "shape": (0,), "g_hidden": (2.5,), "pack": 0}),
        (Pix2PixConfig, {"beta1": 1.0, "dropout": 1.0, "levels": 2.5, "max_channels": 0, "x_channels": 0}),
        (CycleGANConfig, {"beta1": 1.0, "pool": 1.5, "x_channels": 0}),
        (RegressionConfig, {"max_channels": 0, "y_channels": 0}),
        (StyleTransferConfig, {"style_ramp": 1.1, "style_side": 0}),
        (VAEConfig, {"beta2": 1.0, "std": 0, "latents": 0}),
    ],
)
def test_bounds(config: Any, values: dict[str, Any]) -> None:
    for name, value in values.items():
        with pytest.raises(ShapeError, match=f"{name} of {config.__name__}"):
            config(**{name: value})


def test_what_may_be_0_or_none() -> None:
    GANConfig(d_lr=0, noise=0, decay=1.0)  # a D that stays as it is
    Pix2PixConfig(d_lr=0.0, gan_weight=0, max_channels=None, dropout=0, patch_layers=0)
    CycleGANConfig(pool=0, identity=0, downs=0)
    VAEConfig(beta=0)
    StyleTransferConfig(style_ramp=0, content_weight=0)


@every_config
def test_another_systems_config(config: Any) -> None:
    system = SYSTEMS[config]
    other = VAEConfig() if config is not VAEConfig else GANConfig()
    for wrong in (other, {"lr": 1e-3}, 3):
        words = f"{system.__name__} takes a {config.__name__} and was given a {type(wrong).__name__}: write"
        with pytest.raises(ShapeError, match=words):
            system(wrong)


def test_a_config_made_from_the_systems_own_will_do() -> None:
    @dataclasses.dataclass(frozen=True)
    class Mine(GANConfig):
        more: int = 1

    class Own(GAN):
        pass

    assert Own(Mine(g_hidden=(4,), d_hidden=(4,))).config.more == 1
