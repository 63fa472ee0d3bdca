"""Frozen networks and inference modes."""

import torch
from torch import nn

from course_lib.systems.modes import frozen, inference


def test_frozen_weights_get_no_gradient_but_the_input_does():
    net = nn.Linear(3, 1)
    x = torch.randn(2, 3, requires_grad=True)
    with frozen(net):
        net(x).sum().backward()
    assert net.weight.grad is None
    assert x.grad is not None
    assert all(p.requires_grad for p in net.parameters())


def test_what_was_frozen_before_stays_frozen():
    net = nn.Linear(3, 1)
    net.bias.requires_grad_(False)
    with frozen(net):
        pass
    assert net.weight.requires_grad
    assert not net.bias.requires_grad


def test_inference_keeps_only_dropout_on_and_restores_every_mode():
    net = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5), nn.Linear(3, 2))
    net[2].eval()
    with inference(net, dropout=True):
        assert [m.training for m in net] == [False, True, False]
    assert [m.training for m in net] == [True, True, False]
    with inference(net):
        assert not any(m.training for m in net.modules())
