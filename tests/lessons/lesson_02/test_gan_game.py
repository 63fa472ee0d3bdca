"""The whole game, on the line: it goes where the theory says, and the loss of D rises on the way."""

import math

import pytest
import torch

from course_lib.data.mixtures import GaussianMixture
from course_lib.lessons.lesson_02.game_record import record_line
from course_lib.systems.gan import GAN, GANConfig
from course_lib.training import fit, seed_everything


def test_the_loss_of_d_falls_and_then_rises_to_log_4():
    data = GaussianMixture("one", torch.zeros(1, 1), 1.0)
    seed_everything(0)
    system = GAN(
        GANConfig(
            shape=(1,), latents=1, g_hidden=(), d_hidden=(32, 32), d_activation="silu", lr=2e-2, d_lr=1e-2, decay=0.7
        )
    )
    with torch.no_grad():
        system.netG[0].weight.fill_(0.3)
        system.netG[0].bias.fill_(-4.0)  # far from the data: easy to tell apart
    record = record_line(system, data, torch.linspace(-7, 5, 241), every=20)
    fit(
        system, data.points(20_000), steps=1200, batch_size=256, seed=0, flip=False, device="cpu", on_step=record,
        progress=False,
    )  # fmt: skip
    losses = [frame.d_loss for frame in record.frames]
    lowest = min(losses)
    assert lowest < 0.5 * losses[0]
    assert losses[-1] > 2 * lowest
    assert losses[-1] == pytest.approx(math.log(4), abs=0.03)
    assert record.frames[0].overlap() < 0.1
    assert record.frames[-1].overlap() > 0.85
