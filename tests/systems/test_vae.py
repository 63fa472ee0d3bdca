"""The VAE's step against the formula, what each likelihood sees, and that it learns."""

import math

import pytest
import torch
from torch.nn import functional as F

from course_lib.data import ImageSet
from course_lib.errors import ShapeError
from course_lib.systems.vae import VAE, VAEConfig
from course_lib.training import meta_step

SMALL = {"dense": VAEConfig(width=16, latents=4), "conv": VAEConfig(architecture="conv", width=4, latents=4)}


@pytest.fixture(params=sorted(SMALL))
def system(request):
    torch.manual_seed(0)
    return VAE(SMALL[request.param])


@pytest.fixture
def batch(system):
    return system.example_batch(8, "cpu")


def by_the_formula(system, images, noise, beta=1.0):
    """Return loss, reconstruction and KL, written out with sums: a picture at a time, in float64."""
    system = system.double()
    x = (images.double() + 1) / 2
    mu, logvar = system.netE(x)
    chance = torch.sigmoid(system.netG(mu + logvar.exp().sqrt() * noise.double()))
    nll = -(x * chance.log() + (1 - x) * (1 - chance).log()).sum() / len(x)
    kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum() / len(x)
    return {"loss": (nll + beta * kl).item(), "reconstruction": nll.item(), "kl": kl.item()}


def test_a_step_returns_the_formula(system, batch):
    torch.manual_seed(5)
    noise = torch.randn(8, 4)
    weights = {name: value.clone() for name, value in system.state_dict().items()}
    torch.manual_seed(5)
    scalars = system.training_step(batch)
    again = VAE(system.config)
    again.load_state_dict(weights)
    expected = by_the_formula(again, batch.images, noise)
    assert {name: value.item() for name, value in scalars.items()} == pytest.approx(expected, rel=1e-5)
    assert scalars["reconstruction"] > 400  # a sum over 784 pixels of about log 2 each, and no mean


@pytest.mark.parametrize("beta", [0.0, 4.0])
def test_beta_weighs_the_kl(beta):
    system = VAE(VAEConfig(width=16, latents=4, beta=beta))
    seen = {}
    system.optimizer_step = lambda name, loss: seen.update({name: loss.item()})
    scalars = system.training_step(system.example_batch(8, "cpu"))
    expected = scalars["reconstruction"].item() + beta * scalars["kl"].item()
    assert scalars["kl"] > 0
    assert seen == {"EG": pytest.approx(expected, rel=1e-6)}
    assert scalars["loss"].item() == pytest.approx(expected, rel=1e-6)


def test_the_loss_is_a_mean_over_the_batch(system, batch):
    """The same pictures twice make the same loss and the same gradient, but for the noise, which is silenced."""
    with torch.no_grad():
        system.netE.logvar.weight.zero_()
        system.netE.logvar.bias.fill_(-40.0)
    seen = []
    system.optimizer_step = lambda name, loss: seen.append(loss)
    system.training_step(batch)
    twice = torch.cat([torch.arange(8), torch.arange(8)])
    system.training_step(batch[twice])
    assert seen[0].item() == pytest.approx(seen[1].item(), rel=1e-5)
    one, two = (torch.autograd.grad(loss, system.netE.mu.weight)[0] for loss in seen)
    torch.testing.assert_close(one, two, rtol=1e-3, atol=1e-4)


def test_both_networks_learn_from_the_one_loss(system, batch):
    before = {name: p.clone() for name, p in system.named_parameters()}
    system.training_step(batch)
    moved = {name.split(".")[0] for name, p in system.named_parameters() if not torch.equal(p, before[name])}
    assert moved == {"netE", "netG"}


def test_the_loss_falls_on_eight_pictures(system, batch):
    first = system.training_step(batch)["loss"].item()
    for _ in range(15):
        last = system.training_step(batch)["loss"].item()
    assert last < first


def test_step_makes_no_tensor_on_the_wrong_device(system):
    assert set(meta_step(system)) == {"loss", "reconstruction", "kl"}


@pytest.mark.parametrize("likelihood", ["soft", "binary", "gaussian"])
def test_step_on_the_meta_device_for_each_likelihood(likelihood):
    meta_step(VAE(VAEConfig(width=16, latents=4, likelihood=likelihood)))


def test_binary_sees_black_and_white_only_and_draws_them_anew():
    system = VAE(VAEConfig(width=16, latents=4, likelihood="binary"))
    images = torch.rand(50, 1, 28, 28) * 2 - 1
    x = system.pixels(images)
    assert set(x.unique().tolist()) == {0.0, 1.0}
    assert not torch.equal(x, system.pixels(images))
    grey = torch.full((200, 1, 28, 28), -0.4)  # 0.3 in [0, 1]
    share = system.pixels(grey, torch.Generator().manual_seed(0)).mean().item()
    assert share == pytest.approx(0.3, abs=4 * math.sqrt(0.3 * 0.7 / grey.numel()))
    assert torch.equal(
        system.pixels(grey, torch.Generator().manual_seed(7)), system.pixels(grey, torch.Generator().manual_seed(7))
    )
    seen = []
    system.netE.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].unique().tolist()))
    system.training_step(system.example_batch(4, "cpu"))
    assert seen == [[0.0, 1.0]]


def test_soft_sees_the_greys():
    images = torch.rand(3, 1, 28, 28) * 2 - 1
    torch.testing.assert_close(VAE(SMALL["dense"]).pixels(images), (images + 1) / 2)


def test_gaussian_likelihood_by_hand():
    system = VAE(VAEConfig(width=16, latents=4, likelihood="gaussian", std=0.2))
    logits, x = torch.randn(3, 1, 28, 28), torch.rand(3, 1, 28, 28)
    squared = (torch.sigmoid(logits) - x).square().sum(dim=(1, 2, 3))
    expected = squared / (2 * 0.04) + 784 * math.log(0.2 * math.sqrt(2 * math.pi))
    torch.testing.assert_close(system.negative_log_likelihood(logits, x), expected)
    soft = VAE(SMALL["dense"]).negative_log_likelihood(logits, x)
    torch.testing.assert_close(soft, F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(dim=(1, 2, 3)))


def test_decoded_pictures_lie_in_the_range(system):
    pictures = system.decode(50 * torch.randn(16, 4))
    assert pictures.shape == (16, 1, 28, 28)
    assert pictures.min() >= -1
    assert pictures.max() <= 1
    assert pictures.min() < -0.1  # not in [0, 1]
    assert not pictures.requires_grad


def test_sample_is_decided_by_the_generator(system):
    one, two = (system.sample(5, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(one, two)
    z = torch.randn(5, 4, generator=torch.Generator().manual_seed(3))
    assert torch.equal(one, system.decode(z))
    assert not torch.equal(one, system.sample(5, torch.Generator().manual_seed(4)))


def test_reconstruct_decodes_the_mean(system, batch):
    mu, _ = system.encode(batch.images)
    assert torch.equal(system.reconstruct(batch.images), system.decode(mu))


def test_a_resumed_run_has_the_same_bits(same_bits_after_resume):
    images = (torch.rand(40, 1, 28, 28, generator=torch.Generator().manual_seed(1)) * 255).to(torch.uint8)
    pictures = ImageSet(name="noise", split="train", images=images)
    config = VAEConfig(width=16, latents=4, likelihood="binary")
    same_bits_after_resume(lambda: VAE(config), pictures, steps=7, stop_at=3, batch_size=8)


def test_unknown_names_are_refused():
    with pytest.raises(ShapeError, match="choose one of dense, conv"):
        VAE(VAEConfig(architecture="transformer"))
    with pytest.raises(ShapeError, match="choose one of soft, binary, gaussian"):
        VAE(VAEConfig(likelihood="poisson"))


def test_what_it_cannot_start_from_or_decode():
    system = VAE(VAEConfig(width=8, latents=4))
    bytes_ = torch.zeros(3, 1, 28, 28, dtype=torch.uint8)
    for wrong, words in (
        (bytes_.float(), "images is torch.float32: give bytes"),
        (bytes_[:, 0], "images has the shape"),
    ):
        with pytest.raises(ShapeError, match=words):
            system.start_at_mean(wrong)
    with pytest.raises(ShapeError, match=r"z has the shape \(2, 5\): give \(N, 4\)"):
        system.decode(torch.zeros(2, 5))
