from __future__ import annotations

import math

import pytest
import torch

from course_lib.errors import ShapeError
from course_lib.systems.schedules import constant, cosine, linear_decay, schedule, warmup


def rates(factor: object, steps: int, lr: float = 0.2) -> list[float]:
    """The rate that each of the steps is done with."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    scheduler = schedule(optimizer, factor)  # type: ignore[arg-type]
    seen = []
    for _ in range(steps):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return [*seen, optimizer.param_groups[0]["lr"]]


def test_constant() -> None:
    assert rates(constant(), 3) == [0.2] * 4


def test_linear_decay_at_exact_steps() -> None:
    seen = rates(linear_decay(10), 10, lr=1.0)
    assert seen == pytest.approx([1, 1, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2, 0.0])
    assert rates(linear_decay(4, share=1.0, final=0.5), 4, lr=1.0) == pytest.approx([1, 0.875, 0.75, 0.625, 0.5])
    assert linear_decay(10)(99) == 0.0
    assert linear_decay(10, share=0.0)(10) == 1.0


def test_cosine_at_exact_steps() -> None:
    factor = cosine(8, final=0.1)
    assert factor(0) == 1.0
    assert factor(4) == pytest.approx(0.55)
    assert factor(2) == pytest.approx(0.1 + 0.9 * 0.5 * (1 + math.sqrt(0.5)))
    assert factor(8) == pytest.approx(0.1)
    assert factor(80) == pytest.approx(0.1)


def test_warmup_alone_and_before_a_decay() -> None:
    assert rates(warmup(4), 6, lr=1.0) == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1, 1])
    factor = warmup(2, linear_decay(10))
    assert [factor(s) for s in (0, 1, 5, 9)] == pytest.approx([0.5, 1, 1, 0.2])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: linear_decay(-1), "total_steps is -1"),
        (lambda: linear_decay(10, share=1.5), "share is 1.5"),
        (lambda: linear_decay(10, final=math.nan), "final is nan"),
        (lambda: cosine(2.5), "total_steps is 2.5"),  # type: ignore[arg-type]
        (lambda: cosine(10, final=-1), "final is -1"),
        (lambda: warmup(-2), "steps is -2"),
    ],
)
def test_what_cannot_be(make: object, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        make()  # type: ignore[operator]
