"""Frozen networks and inference modes."""

import pytest
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


def normed():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.ReLU(), nn.Conv2d(4, 1, 1))


def statistics(net):
    return {key: value.clone() for key, value in net[1].named_buffers()}


def test_batch_statistics_are_those_of_train_mode():
    net, x = normed(), 3 + 2 * torch.randn(5, 2, 8, 8)
    net(torch.randn(5, 2, 8, 8))  # running statistics are of another batch
    net[2].eval()
    expected = net(x).detach()
    before = statistics(net)
    with inference(net, batch_statistics=True):
        found = net(x)
        one = net(x[:1])
    assert torch.allclose(found, expected, atol=1e-6)
    assert not torch.allclose(one, found[:1], atol=1e-3)  # a picture depends on its neighbours then
    with inference(net):
        assert not torch.allclose(net(x), expected, atol=1e-2)
        assert torch.allclose(net(x[:1]), net(x)[:1], atol=1e-6)
    assert all(torch.equal(value, before[key]) for key, value in statistics(net).items())


def test_batch_statistics_and_noise_are_asked_for_apart():
    net, x = normed(), torch.randn(4, 2, 8, 8)
    with inference(net, dropout=True, batch_statistics=True):
        assert not torch.equal(net(x), net(x))
    with inference(net, batch_statistics=True):
        assert torch.equal(net(x), net(x))


@pytest.mark.parametrize("options", [{}, {"dropout": True}, {"batch_statistics": True}])
def test_all_is_put_back_after_an_exception(options):
    net = normed()
    net(torch.randn(3, 2, 8, 8))
    net[2].eval()
    before, keys = statistics(net), list(net.state_dict())
    modes = [m.training for m in net.modules()]
    with pytest.raises(KeyError), inference(net, **options):
        raise KeyError
    assert [m.training for m in net.modules()] == modes
    assert net[1].track_running_stats
    assert list(net.state_dict()) == keys
    assert all(torch.equal(value, before[key]) for key, value in statistics(net).items())
    net(torch.randn(3, 2, 8, 8))  # and training goes on counting
    assert net[1].num_batches_tracked == before["num_batches_tracked"] + 1
    assert not torch.equal(net[1].running_mean, before["running_mean"])


def test_a_norm_that_never_tracked_is_left_so():
    net = nn.Sequential(nn.BatchNorm1d(3, track_running_stats=False))
    with inference(net, batch_statistics=True):
        net(torch.randn(4, 3))
    assert not net[0].track_running_stats
    assert net[0].running_mean is None


def test_frozen_is_undone_after_an_exception():
    net = nn.Linear(3, 1)
    with pytest.raises(KeyError), frozen(net):
        raise KeyError
    assert all(p.requires_grad for p in net.parameters())
