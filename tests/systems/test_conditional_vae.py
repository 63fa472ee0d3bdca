"""The conditional VAE: its step against the formula, what it is told, the remedies at exact steps, samples by class."""

from __future__ import annotations

import pytest
import torch

from course_lib.data import ImageSet
from course_lib.errors import ShapeError, TrainingError
from course_lib.losses.elbo import free_bits, kl_each_latent
from course_lib.models.conditional_vae import ConditionalDecoder, ConditionalEncoder
from course_lib.systems.conditional_vae import ConditionalVAE, ConditionalVAEConfig
from course_lib.training import fit, meta_step, seed_everything


def make(**changes) -> ConditionalVAE:
    torch.manual_seed(0)
    return ConditionalVAE(ConditionalVAEConfig(width=16, latents=3, classes=4, **changes))


def test_free_bits_against_the_definition():
    kl = torch.tensor([[0.1, 2.0], [0.3, 4.0]])
    assert free_bits(kl).item() == pytest.approx(kl.sum(1).mean().item())
    assert free_bits(kl, 0.5).item() == pytest.approx(0.5 + 3.0)
    leaf = kl.clone().requires_grad_()
    free_bits(leaf, 0.5).backward()
    assert leaf.grad.tolist() == [[0.0, 0.5], [0.0, 0.5]]  # the mean decides, not each picture
    with pytest.raises(ShapeError, match="free is -1"):
        free_bits(kl, -1)


def test_a_step_returns_the_formula():
    system = make(beta=2.0)
    batch = system.example_batch(6, "cpu")
    with torch.no_grad():
        x = (batch.images + 1) / 2
        mu, logvar = system.netE(x, batch.labels)
        torch.manual_seed(3)
        logits = system.netG(mu + (0.5 * logvar).exp() * torch.randn_like(mu), batch.labels)
        nll = torch.nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="sum") / 6
        kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum() / 6
    torch.manual_seed(3)
    said = system.training_step(batch)
    expected = {"reconstruction": nll, "kl": kl, "paid": 2 * kl, "loss": nll + 2 * kl}
    assert {name: value.item() for name, value in said.items()} == pytest.approx(
        {name: value.item() for name, value in expected.items()}, rel=1e-4
    )


def test_both_networks_hear_the_class():
    system = make()
    images, z = torch.zeros(2, 1, 28, 28), torch.zeros(2, 3)
    one, other = torch.tensor([0, 0]), torch.tensor([0, 3])
    for call, first in ((system.encode, images), (system.decode, z)):
        a, b = (call(first, labels) for labels in (one, other))
        a, b = (found[0] if isinstance(found, tuple) else found for found in (a, b))
        assert torch.equal(a[0], b[0])
        assert not torch.allclose(a[1], b[1])


def test_the_weight_of_the_kl_rises_to_beta():
    system = make(beta=3.0, warm_up=0.5)
    assert system.kl_weight == 3.0  # no length is known
    seen = []
    dataset = ImageSet("toys", "train", images=torch.zeros(8, 1, 28, 28, dtype=torch.uint8), labels=torch.arange(8) % 4)
    step = system.training_step
    system.training_step = lambda batch: seen.append(system.kl_weight) or step(batch)
    fit(system, dataset, steps=8, batch_size=4, flip=False, progress=False, seed=0)
    assert seen == pytest.approx([0.75, 1.5, 2.25, 3.0, 3.0, 3.0, 3.0, 3.0])


def test_free_nats_are_not_paid_for_below_and_kept_in_the_bound():
    system, batch = make(free=50.0), make().example_batch(4, "cpu")
    said = system.training_step(batch)
    assert said["paid"].item() == pytest.approx(150.0)  # 3 latents
    assert said["kl"] < 150
    assert said["loss"].item() == pytest.approx((said["reconstruction"] + said["kl"]).item(), rel=1e-6)
    with torch.no_grad():
        mu, logvar = system.netE(system.pixels(batch.images), batch.labels)
    assert kl_each_latent(mu, logvar).sum() >= 0


def test_samples_are_of_the_class_after_a_short_training():
    """Four classes of plain pictures: what is sampled has the grey of the class that was asked for."""
    greys = torch.tensor([20, 90, 160, 230], dtype=torch.uint8)
    labels = torch.arange(256) % 4
    dataset = ImageSet("plain", "train", images=greys[labels].view(-1, 1, 1, 1).repeat(1, 1, 28, 28), labels=labels)
    seed_everything(0)
    system = ConditionalVAE(ConditionalVAEConfig(width=32, latents=2, classes=4, lr=1e-2, beta=20.0))
    fit(system, dataset, steps=200, batch_size=64, flip=False, progress=False, seed=0)
    wanted = torch.tensor([3, 0, 2, 1])
    found = system.sample(torch.randn(4, 2), condition=wanted).mean(dim=(1, 2, 3))
    expected = greys[wanted].float() / 127.5 - 1
    assert (found - expected).abs().max() < 0.1
    again = system.reconstruct(dataset.images[:4].float() / 127.5 - 1, labels[:4])
    assert again.shape == (4, 1, 28, 28)


def test_a_step_makes_no_tensor_on_the_wrong_device():
    meta_step(make())


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        (lambda: make(architecture="conv"), ShapeError, "the conditional VAE is dense"),
        (lambda: make(warm_up=1.5), ShapeError, "warm_up"),
        (lambda: make().sample(3), TrainingError, r"call sample\(condition=labels\)"),
        (lambda: make().encode(torch.zeros(1, 1, 28, 28)), TrainingError, r"encode\(images, labels\)"),
        (
            lambda: make().decode(torch.zeros(2, 3), torch.tensor([0, 4])),
            ShapeError,
            "from 0 to 4: there are 4 classes",
        ),
        (lambda: make().decode(torch.zeros(2, 3), torch.tensor([0])), ShapeError, "one for each of the 2 rows"),
        (lambda: make().decode(torch.zeros(2, 3), torch.zeros(2)), ShapeError, "torch.float32"),
        (lambda: make().start_at_mean(torch.zeros(1)), TrainingError, "mean picture for each class"),
        (lambda: ConditionalEncoder()(torch.zeros(1, 3, 28, 28), torch.zeros(1).long()), ShapeError, "grey pictures"),
        (lambda: ConditionalDecoder(classes=0), ShapeError, "classes is 0"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(wrong, error, says):
    with pytest.raises(error, match=says):
        wrong()
