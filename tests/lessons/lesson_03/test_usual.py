"""The usual example is the same model as the course's, fed and written in another way."""

import pytest
import torch
from torch.nn import functional as F

from course_lib import data
from course_lib.data.pixels import normalise
from course_lib.lessons.lesson_03.usual import (
    PILPictures,
    UsualVAE,
    as_system,
    compare,
    usual_epoch,
    usual_loader,
    usual_loss,
)
from course_lib.losses.elbo import bernoulli_nll, kl_diagonal_gaussian


@pytest.fixture(scope="module")
def pictures():
    return data.fashion_mnist("test")[:300]


def test_it_has_the_known_size():
    assert sum(p.numel() for p in UsualVAE().parameters()) == 652_824


def test_a_picture_arrives_unchanged(pictures):
    one, label = PILPictures(pictures.images, pictures.labels)[17]
    assert one.shape == (1, 28, 28)
    assert torch.equal(one, normalise(pictures.images[17], (0, 1)))
    assert label == pictures.labels[17]


def test_an_epoch_has_every_picture_once(pictures):
    loader = usual_loader(pictures.images, pictures.labels)
    batches = [(x, labels) for x, labels in loader]
    assert [len(x) for x, _ in batches] == [128, 128, 44]
    seen = torch.cat([x for x, _ in batches]).sum(dim=(1, 2, 3)).sort().values
    torch.testing.assert_close(seen, normalise(pictures.images, (0, 1)).sum(dim=(1, 2, 3)).sort().values)
    first = torch.cat([labels for _, labels in batches])
    assert not torch.equal(first, pictures.labels)


def test_the_same_weights_give_the_same_outputs(pictures):
    model = UsualVAE()
    system = as_system(model)
    x = normalise(pictures.images[:20], (0, 1))
    with torch.no_grad():
        mu, logvar = model.encode(x)
        our_mu, our_logvar = system.encode(2 * x - 1)
        torch.testing.assert_close(our_mu, mu)
        torch.testing.assert_close(our_logvar, logvar)
        torch.testing.assert_close((system.decode(mu).flatten(1) + 1) / 2, model.decode(mu))


def test_the_same_weights_give_the_same_loss_up_to_the_batch(pictures):
    model = UsualVAE()
    x = normalise(pictures.images[:20], (0, 1))
    output, mu, logvar = model(x)
    logits = torch.logit(output.double()).view(-1, 1, 28, 28)
    ours = (bernoulli_nll(logits, x.double()) + kl_diagonal_gaussian(mu, logvar)).mean()
    assert usual_loss(output, x, mu, logvar).item() == pytest.approx(20 * ours.item(), rel=1e-5)


def test_an_epoch_trains(pictures):
    torch.manual_seed(0)
    model = UsualVAE()
    loader = usual_loader(pictures.images, pictures.labels)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    losses = [usual_epoch(model, loader, optimizer) for _ in range(3)]
    assert losses[0] < 784  # nats a picture
    assert losses[2] < losses[1] < losses[0]
    x = normalise(pictures.images, (0, 1))
    with torch.no_grad():
        assert F.binary_cross_entropy(model(x)[0], x.view(-1, 784)) < 0.6


@pytest.mark.parametrize(("usual", "ours"), [(1, 2), (3, 1)])
def test_both_are_timed_by_epoch_and_trained(usual, ours):
    found = compare(usual, ours, seed=1, rows=600)
    assert len(found["usual seconds"]) == usual
    assert len(found["our seconds"]) == ours
    assert all(seconds > 0 for seconds in found["usual seconds"] + found["our seconds"])
    assert found["ours"].step == ours  # the 88 rows left over are no batch of 512
    pixels = normalise(data.fashion_mnist("train").images[:300], (-1, 1))
    blank = (pixels + 1).square().mean()
    for name in ("usual", "ours"):
        assert (found[name].reconstruct(pixels) - pixels).square().mean() < blank
