"""Lesson 00's exercises: other right answers pass, other wrong answers get a concrete message."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
import torch

from course_lib.exercises import find
from course_lib.exercises.checking import judge


def _lookup(images):
    return torch.linspace(-1, 1, 256)[images.long()]


def _by_hand(images):
    out = torch.empty(images.shape)
    for index in np.ndindex(*images.shape):
        out[index] = 2 * int(images[index]) / 255 - 1
    return out


@pytest.mark.parametrize(
    "answer",
    [
        lambda images: images / 127.5 - 1,
        lambda images: (images.float() - 127.5) / 127.5,
        lambda images: images.to(torch.float32).div(255).mul(2).sub(1),
        lambda images: torch.from_numpy(images.numpy().astype("float32") / 127.5 - 1),
        lambda images: torch.lerp(torch.tensor(-1.0), torch.tensor(1.0), images.float() / 255),
        _lookup,
        _by_hand,
    ],
)
def test_to_network_right(answer: object) -> None:
    assert judge(find("00.1"), answer) == ""


@pytest.mark.parametrize(
    "answer, message",
    [
        (
            lambda images: (images / 127.5 - 1).permute(0, 2, 3, 1),
            "expected shape (2, 3, 4, 5), got shape (2, 4, 5, 3)",
        ),
        (lambda images: (images / 127.5 - 1).half(), "got float16"),
        (lambda images: images.numpy() / 127.5 - 1, "expected a torch tensor, got a NumPy array"),
        (lambda images: torch.zeros(images.shape), "values from -1 to 1, got values from 0 to 0"),
        (lambda images: (images / 127.5 - 1)[0], "expected shape (2, 1, 1, 1), got shape (1, 1, 1)"),
        (lambda images: images.float() / 63.75 - 2, "On every input your result is 2 times the right one."),
        (lambda images: images, "expected values from -1 to 1, got values from 0 to 255"),
        (lambda images: (images / 127.5 - 1).clamp(-0.5, 0.5), "expected values from -1 to 1"),
    ],
)
def test_to_network_wrong_in_another_way(answer: object, message: str) -> None:
    assert message in judge(find("00.1"), answer)


def _sorted_pairs(bases, splits):
    pairs = set(zip(bases.tolist(), splits, strict=True))
    ids = [base for base, _ in pairs]
    return {base for base in ids if ids.count(base) > 1}


def _one_by_one(bases, splits):
    return {
        int(base) for base in bases.unique() if len({s for b, s in zip(bases, splits, strict=True) if b == base}) > 1
    }


def _by_split(bases, splits):
    seen = defaultdict(set)
    for base, split in zip(bases.tolist(), splits, strict=True):
        seen[split].add(base)
    a, b, c = seen["train"], seen["validation"], seen["test"]
    return (a & b) | (b & c) | (a & c)


@pytest.mark.parametrize("answer", [_sorted_pairs, _one_by_one, _by_split])
def test_leaking_bases_right(answer: object) -> None:
    assert judge(find("00.2"), answer) == ""


@pytest.mark.parametrize(
    "answer, message",
    [
        (lambda bases, splits: bool(_sorted_pairs(bases, splits)), "expected a set, got True"),
        (lambda bases, splits: list(_sorted_pairs(bases, splits)), "expected a set, got [3]"),
        (lambda bases, splits: {torch.tensor(b) for b in _sorted_pairs(bases, splits)}, "got tensors in it"),
        (lambda bases, splits: set(), "expected {3}, got the empty set"),
        (lambda bases, splits: set(bases.tolist()), "got {3, 5, 8}"),
        (lambda bases, splits: len(_sorted_pairs(bases, splits)), "expected a set, got 1"),
    ],
)
def test_leaking_bases_wrong_in_another_way(answer: object, message: str) -> None:
    assert message in judge(find("00.2"), answer)
