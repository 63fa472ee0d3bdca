"""What a folder becomes is what systems train on, at two sizes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from course_lib import data


def systems() -> dict[str, tuple[Callable[[], Any], dict[str, Any]]]:
    from course_lib.systems.cyclegan import CycleGAN, CycleGANConfig
    from course_lib.systems.gan import GAN, GANConfig
    from course_lib.systems.pix2pix import Pix2Pix, Pix2PixConfig
    from course_lib.systems.vae import VAE, VAEConfig

    pix = Pix2PixConfig(x_channels=1, base_channels=4, d_channels=4, levels=4, patch_layers=1)
    cycle = CycleGANConfig(base_channels=4, blocks=1, downs=1, d_channels=4, patch_layers=1)
    return {
        "pix2pix": (lambda: Pix2Pix(pix), {"kind": "halves", "x_channels": 1, "size": 32}),
        "pix2pix, 64": (lambda: Pix2Pix(pix), {"kind": "pairs", "x_channels": 1, "size": 64}),
        "cyclegan": (lambda: CycleGAN(cycle), {"kind": "unpaired", "size": 32}),
        "cyclegan, 64": (lambda: CycleGAN(cycle), {"kind": "unpaired", "size": 64}),
        "vae": (lambda: VAE(VAEConfig(width=16, latents=4)), {"x_channels": 1, "size": 28}),
        "gan": (lambda: GAN(GANConfig(shape=(3, 32, 32), latents=4, image=True)), {"size": 32, "fit": "pad"}),
    }


@pytest.mark.parametrize("which", list(systems()))
def test_systems_train_on_folders(which: str, tmp_path: Path) -> None:
    from course_lib.training import fit

    make, options = systems()[which]
    for side in "AB":
        (tmp_path / side).mkdir()
        for number in range(6):
            pixels = np.random.default_rng(number).integers(0, 256, (40, 80, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / side / f"{number}.png")
    made = data.folder(tmp_path, progress=False, **options)
    assert (made.mirrors, len(made)) == (True, 6 if options.get("kind") in ("pairs", "unpaired") else 12)
    history = fit(make(), made, steps=2, batch_size=2, seed=0, device="cpu", progress=False)
    assert len(history) == 2
    assert all(np.isfinite(history[name]).all() for name in history.names)
