"""A recorded game: its densities and losses against values known by hand, and a training that it leaves alone."""

from __future__ import annotations

import math
import time
from statistics import median
from typing import Any

import pytest
import torch
from torch import nn

from course_lib.data.mixtures import GaussianMixture, ring, two_humps
from course_lib.errors import ShapeError
from course_lib.lessons.lesson_02.game_record import GameRecord, record_line, record_plane
from course_lib.systems.gan import GAN, GANConfig
from course_lib.training import fit

GRID = torch.linspace(-4, 4, 161)
LINE = GANConfig(shape=(1,), latents=1, g_hidden=(16,), d_hidden=(16,))
PLANE = GANConfig(shape=(2,), latents=2, g_hidden=(16,), d_hidden=(16,))


def known_players(system: GAN, slope: float) -> GAN:
    """Let G be the identity on its first latent, and D's logit ``slope`` times the first coordinate."""
    values = system.config.shape[0]
    system.netG, system.netD = nn.Linear(values, values), nn.Linear(values, 1)  # type: ignore[assignment]
    with torch.no_grad():
        system.netG.weight.copy_(torch.eye(values))
        system.netD.weight.zero_()[0, 0] = slope
        for network in (system.netG, system.netD):
            network.bias.zero_()
    return system


def test_the_density_of_a_known_generator() -> None:
    system = known_players(GAN(LINE), slope=1.0)
    (frame,) = record_line(system, two_humps(), GRID, every=10, width=0.3).frames
    smoothed = GaussianMixture("smoothed", torch.zeros(1, 1), math.sqrt(1 + 0.3**2)).density(GRID[:, None])
    assert (frame.p_g - smoothed).abs().max() < 0.012  # four standard errors of the estimate
    assert float(torch.trapezoid(frame.p_g, GRID)) == pytest.approx(1, abs=2e-3)
    assert torch.allclose(frame.p_data, two_humps().density(GRID[:, None]))
    assert torch.allclose(frame.d, torch.sigmoid(GRID))


def test_the_losses_are_those_of_the_whole_distributions() -> None:
    data = GaussianMixture("one", torch.tensor([[1.0]]), 0.5)
    system = known_players(GAN(LINE), slope=2.0)
    (frame,) = record_line(system, data, GRID, every=10).frames
    y = torch.linspace(-8, 8, 4001, dtype=torch.float64)
    p, q = data.density(y[:, None]), torch.exp(-0.5 * y**2) / math.sqrt(2 * math.pi)
    log_d, log_not_d = nn.functional.logsigmoid(2 * y), nn.functional.logsigmoid(-2 * y)
    assert frame.d_loss == pytest.approx(-float(torch.trapezoid(p * log_d + q * log_not_d, y)), abs=0.06)
    assert frame.g_loss == pytest.approx(-float(torch.trapezoid(q * log_d, y)), abs=0.06)
    unsure = record_line(known_players(GAN(LINE), slope=0.0), data, GRID, every=10).frames[0]
    assert unsure.d_loss == pytest.approx(math.log(4), abs=1e-6)
    assert unsure.g_loss == pytest.approx(math.log(2), abs=1e-6)


def test_the_plane_has_its_first_row_below() -> None:
    system = known_players(GAN(PLANE), slope=1.0)
    record = record_plane(system, ring(), every=10, side=8, extent=(-4, 4, -2, 2), points=30)
    (frame,) = record.frames
    across = torch.sigmoid(torch.linspace(-3.5, 3.5, 8))
    assert torch.allclose(frame.d, across.expand(8, 8))
    with torch.no_grad():
        system.netD.weight.copy_(torch.tensor([[0.0, 1.0]]))
    record(system, 10)
    up = torch.sigmoid(torch.linspace(-1.75, 1.75, 8))
    assert torch.allclose(record.frames[1].d, up[:, None].expand(8, 8))
    assert record.frames[1].extent == (-4, 4, -2, 2)
    assert torch.equal(record.frames[1].points, frame.points)  # the noise stays, and so did G
    assert frame.points.shape == (30, 2)
    assert record_plane(system, ring(), every=1).frames[0].extent == pytest.approx((-2.7, 2.7, -2.7, 2.7))


def test_frames_come_every_few_steps_and_leave_the_training_as_it_was() -> None:
    data, weights = two_humps().points(640), []
    for recorded in (True, False):
        torch.manual_seed(0)
        system = GAN(GANConfig(shape=(1,), latents=1, g_hidden=(16,), d_hidden=(16,), d_dropout=0.2))
        record = record_line(system, two_humps(), GRID, every=5)
        options: dict[str, Any] = {"on_step": record} if recorded else {}
        fit(system, data, steps=12, batch_size=64, flip=False, device="cpu", progress=False, **options)
        weights.append(torch.cat([p.detach().flatten() for p in system.parameters()]))
        assert [frame.step for frame in record.frames] == ([0, 5, 10] if recorded else [0])
    assert torch.equal(*weights)


def test_dropout_is_off_and_the_mode_is_put_back() -> None:
    system = GAN(GANConfig(shape=(1,), latents=1, d_dropout=0.5)).train()
    record = record_line(system, two_humps(), GRID, every=1)
    record(system, 1)
    assert torch.equal(record.frames[0].d, record.frames[1].d)
    assert all(module.training for module in system.modules())
    assert not record.frames[0].d.requires_grad


def test_a_frame_costs_little() -> None:
    system = GAN(GANConfig(shape=(1,), latents=1))
    record = record_line(system, two_humps(), GRID, every=1)
    seconds = []
    for step in range(9):
        begin = time.thread_time()
        record(system, step)
        seconds.append(time.thread_time() - begin)
    assert median(seconds) < 0.1  # 15 ms on a quiet machine


@pytest.mark.parametrize(
    ("config", "mixture", "grid", "options", "sentence"),
    [
        (PLANE, two_humps(), GRID, {}, "use record_line for 1 and record_plane for 2"),
        (LINE, ring(), GRID, {}, "use record_line for 1 and record_plane for 2"),
        (GANConfig(shape=(1,), pack=2), two_humps(), GRID, {}, "record with pack=1"),
        (LINE, two_humps(), GRID.square(), {}, "evenly spaced"),
        (LINE, two_humps(), GRID.flip(0), {}, "evenly spaced"),
        (LINE, two_humps(), GRID[:1], {}, "evenly spaced"),
        (LINE, two_humps(), GRID, {"width": 0.01}, "take a finer grid"),
        (LINE, two_humps(), GRID, {"every": 0}, "give 1 or more"),
    ],
)
def test_what_cannot_be_recorded(
    config: GANConfig, mixture: GaussianMixture, grid: torch.Tensor, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ShapeError, match=sentence):
        record_line(GAN(config), mixture, grid, **({"every": 10} | options))


def test_the_plane_asks_for_points_of_two_numbers() -> None:
    with pytest.raises(ShapeError, match="record_plane for 2"):
        record_plane(GAN(LINE), ring(), every=10)
    assert isinstance(record_plane(GAN(PLANE), ring(), every=10), GameRecord)
