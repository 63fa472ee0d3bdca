"""Exercise 10.3: right answers as readers wrote them, each by another way to the noise of G."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from course_lib.exercises import find
from course_lib.exercises.checking import judge


def _noise_of(netG):
    return [module for module in netG.modules() if isinstance(module, nn.Dropout) and module.p > 0]


def _all_pairs(samples):
    i, j = torch.triu_indices(len(samples), len(samples), 1)
    return (samples[i] - samples[j]).abs().mean((0, 2, 3, 4))


def _on_a_copy(netG, x, draws, rate):
    other = copy.deepcopy(netG)
    for module in _noise_of(other):
        module.p = rate
        module.train()
    with torch.no_grad():
        return _all_pairs(torch.stack([other(x) for _ in range(draws)]))


def _by_hooks(netG, x, draws, rate):
    hooks = [
        module.register_forward_hook(lambda module, given, out: nn.functional.dropout(given[0], rate, True))
        for module in _noise_of(netG)
    ]
    with torch.no_grad():
        y_hat = netG(x.repeat_interleave(draws, 0)).unflatten(0, (len(x), draws))
    for hook in hooks:
        hook.remove()
    return _all_pairs(y_hat.transpose(0, 1))


def _by_other_forwards(netG, x, draws, rate):
    for module in _noise_of(netG):
        module.forward = lambda given: nn.functional.dropout(given, rate, training=True)
    with torch.no_grad():
        samples = torch.stack([netG(x) for _ in range(draws)])
    for module in netG.modules():
        module.__dict__.pop("forward", None)
    return _all_pairs(samples)


def _one_batch_an_input(netG, x, draws, rate):
    noise = _noise_of(netG)
    old = [module.p for module in noise]
    for module in noise:
        module.p = rate
        module.train()
    with torch.no_grad():
        samples = torch.stack([netG(one.expand(draws, -1, -1, -1)) for one in x.split(1)], dim=1)
    for module, p in zip(noise, old, strict=True):
        module.p = p
        module.eval()
    return _all_pairs(samples)


@pytest.mark.parametrize("answer", [_on_a_copy, _by_hooks, _by_other_forwards, _one_batch_an_input])
def test_diversity_by_ways_that_a_reader_took(answer: Any) -> None:
    assert judge(find("10.3"), answer) == ""
