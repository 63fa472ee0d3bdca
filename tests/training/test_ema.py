from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from course_lib.training import EMA


def test_average_is_the_closed_form() -> None:
    """After n updates: d^n w_0 + (1 - d) * sum of d^(n - i) w_i."""
    decay, network = 0.7, nn.Linear(3, 2)
    ema, weights = EMA(network, decay), [network.weight.detach().clone()]
    for _ in range(6):
        with torch.no_grad():
            network.weight.add_(torch.randn(2, 3))
        weights.append(network.weight.detach().clone())
        ema.update()
    n = len(weights) - 1
    expected = decay**n * weights[0]
    expected += (1 - decay) * sum(decay ** (n - i) * weights[i] for i in range(1, n + 1))
    torch.testing.assert_close(ema.module.weight, expected)


def test_buffers_are_copied_and_the_average_is_frozen() -> None:
    network = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)).train()
    ema = EMA(network, 0.99)
    network(torch.randn(8, 3))
    ema.update()
    assert torch.equal(ema.module[1].running_mean, network[1].running_mean)
    assert int(ema.module[1].num_batches_tracked) == 1
    assert not ema.module.training
    assert not any(p.requires_grad for p in ema.module.parameters())
    assert network.training
    assert all(p.requires_grad for p in network.parameters())


def test_decay_zero_follows_the_weights_and_decay_one_is_refused() -> None:
    network = nn.Linear(2, 2)
    ema = EMA(network, 0.0)
    with torch.no_grad():
        network.weight.zero_()
    ema.update()
    assert torch.equal(ema.module.weight, network.weight)
    with pytest.raises(ValueError, match=r"decay is 1\.0: give a finite number of at least 0 and below 1"):
        EMA(network, 1.0)


def test_update_leaves_the_network_alone() -> None:
    network = nn.Linear(2, 2)
    before = copy.deepcopy(network.state_dict())
    EMA(network, 0.5).update()
    assert all(torch.equal(before[k], v) for k, v in network.state_dict().items())
