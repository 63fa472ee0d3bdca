"""Figures of a variational autoencoder on held-out pictures, in nats a picture: its bound, and what that leaves out.

With the likelihood ``"binary"`` the pixels are drawn black or white from the greys by a seeded generator, and with the
likelihood ``"soft"`` no figure bounds the log likelihood of grey pictures: the cross-entropy of grey pixels is the mean
of that of black and white pixels drawn from them, and it is their mean log likelihood that is bounded.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_lib.arguments import check_alike, check_count, check_floats, check_number, check_tensor
from course_lib.data.pixels import normalise
from course_lib.errors import ShapeError
from course_lib.losses.elbo import kl_diagonal_gaussian, kl_each_latent
from course_lib.metrics.checks import check_images
from course_lib.systems.conditional_vae import ConditionalVAE
from course_lib.systems.modes import inference
from course_lib.systems.vae import VAE

LOG_2PI = math.log(2 * math.pi)


@torch.no_grad()
def elbo_figures(
    system: VAE, images: Tensor, batch_size: int = 500, seed: int = 0, labels: Tensor | None = None
) -> dict[str, float]:
    """Return the mean bound and its two terms, with one draw of z a picture.

    The KL counts once, whatever ``beta`` the system was trained with: only then is it a bound.

    Args:
        system: a VAE.
        images: ``(N, 1, 28, 28)``, uint8 or float in [-1, 1].
        batch_size: pictures at once; the figures do not depend on it.
        seed: of the draws.
        labels: ``(N,)`` int64, the classes, which a conditional VAE must be told; the bound is of log p(x | c) then.

    Returns:
        ``negative ELBO``, and what it is the sum of: ``reconstruction`` (the mean of -log p(x | z)) and ``KL``.

    Raises:
        ShapeError: if the pictures have another shape, type or range, a batch is to hold none, or the classes are
            missing or do not belong here.
    """
    x, mu, logvar = _encoded(system, images, batch_size, seed, labels)
    z = mu + torch.exp(0.5 * logvar) * _noise(mu, _generator(seed))
    nll = _reconstruction(system, x, z, batch_size, labels).mean().item()
    kl = kl_diagonal_gaussian(mu, logvar).double().mean().item()
    return {"negative ELBO": nll + kl, "reconstruction": nll, "KL": kl}


@torch.no_grad()
def importance_bound(
    system: VAE, images: Tensor, samples: int = 500, chunk: int = 500, seed: int = 0, count: int | None = None
) -> Tensor:
    """Return a tighter bound of log p(x) of each picture, from K draws of q(z | x) weighted by p(x, z) / q(z | x).

    Its expectation is the ELBO at K = 1, never falls with K, and tends to log p(x). Time goes with pictures times K.

    Args:
        system: a VAE.
        images: ``(N, 1, 28, 28)``, uint8 or float in [-1, 1].
        samples: K, the draws for a picture.
        chunk: pictures decoded at once, which bounds the memory; the figures do not depend on it.
        seed: of the draws; the first one of each picture is that of :func:`elbo_figures`.
        count: take the first so many pictures only, at least 1.

    Returns:
        ``(N,)`` or ``(count,)`` float64, in nats.

    Raises:
        ShapeError: if the pictures have another shape, type or range, or there is to be no draw.

    Source: Burda, Grosse & Salakhutdinov, Importance Weighted Autoencoders, 2016, equation 8.
    """
    check_count(samples, "samples")
    check_count(chunk, "chunk")
    if count is not None:
        check_count(count, "count")
    check_tensor(images, "images")
    x, mu, logvar = _encoded(system, images[:count], chunk, seed)
    generator, std = _generator(seed), torch.exp(0.5 * logvar)
    total = torch.full((len(x),), -math.inf, dtype=torch.float64)
    for _ in range(samples):
        noise = _noise(mu, generator)
        z = mu + std * noise
        log_prior_over_q = 0.5 * (noise.square() + logvar - z.square()).sum(dim=1)
        log_weight = log_prior_over_q.double().cpu() - _reconstruction(system, x, z, chunk)
        total = torch.logaddexp(total, log_weight)
    return total - math.log(samples)


@torch.no_grad()
def kl_of_latents(
    system: VAE, images: Tensor, batch_size: int = 500, seed: int = 0, labels: Tensor | None = None
) -> Tensor:
    """Return ``KL(q(z_j | x) || N(0, 1))`` of each latent j, averaged over the pictures, ``(latents,)``.

    Args: as for :func:`elbo_figures`.
    """
    _, mu, logvar = _encoded(system, images, batch_size, seed, labels)
    return kl_each_latent(mu, logvar).mean(dim=0)


@torch.no_grad()
def active_units(
    system: VAE,
    images: Tensor,
    threshold: float = 0.01,
    batch_size: int = 500,
    seed: int = 0,
    labels: Tensor | None = None,
) -> Tensor:
    """Return which latents are in use, ``(latents,)`` of True and False: their sum is the number of active units.

    A latent is active if the mean of q(z_j | x) varies over the pictures with a variance above ``threshold``.

    Args: as for :func:`elbo_figures`; two pictures at least, and a threshold of at least 0.

    Raises:
        ShapeError: as for :func:`elbo_figures`, or if there is one picture only, or the threshold is negative.

    Source: Burda, Grosse & Salakhutdinov 2016, section 5.2.
    """
    check_number(threshold, "threshold", 0)
    _, mu, _ = _encoded(system, images, batch_size, seed, labels)
    if len(mu) < 2:
        raise ShapeError("One picture has no variance: give two at least.")
    return mu.var(dim=0) > threshold


@torch.no_grad()
def aggregate_figures(
    system: VAE, images: Tensor, draws: int = 2000, batch_size: int = 500, seed: int = 0
) -> dict[str, float]:
    """Return how the mean KL splits: what z says of the picture, and how far all codes together are from the prior.

    With q(z) the mean of q(z | x_n) over the N given pictures, mean KL = I + KL(q(z) || N(0, I)). I, the mutual
    information between z and the number n of a picture, is estimated as the mean of log q(z | x_n) - log q(z) over
    draws of n and z; the mixture q(z) is computed over all N. For these N pictures the estimate has no bias. It is at
    most log N, draw by draw: where it comes near, it says little about pictures beyond the N given.

    Args:
        system: a VAE.
        images: ``(N, 1, 28, 28)``, uint8 or float in [-1, 1].
        draws: how many.
        batch_size: pictures encoded at once.
        seed: of the draws.

    Returns:
        ``KL``, ``aggregate KL``, ``mutual information``, ``standard error`` (of the last two), ``log N``.

    Raises:
        ShapeError: if the pictures have another shape, type or range, or there are to be fewer than two draws.

    Source: Hoffman & Johnson, ELBO surgery, 2016, equation 7.
    """
    check_count(draws, "draws", 2)
    _, mu, logvar = _encoded(system, images, batch_size, seed)
    kl = kl_diagonal_gaussian(mu, logvar).double().mean().item()
    mu, logvar = mu.double().cpu(), logvar.double().cpu()
    z, chosen = _from_aggregate(mu, logvar, draws, seed)
    own = -0.5 * ((z - mu[chosen]).square() / logvar[chosen].exp() + logvar[chosen] + LOG_2PI).sum(dim=1)
    information = own - torch.cat([log_mixture(part, mu, logvar) for part in z.split(100)])
    mean, error = information.mean().item(), information.std().item() / math.sqrt(draws)
    return {
        "KL": kl,
        "aggregate KL": kl - mean,
        "mutual information": mean,
        "standard error": error,
        "log N": math.log(len(mu)),
    }


@torch.no_grad()
def aggregate_draws(system: VAE, images: Tensor, count: int, seed: int = 0, batch_size: int = 500) -> Tensor:
    """Return draws of the aggregate posterior, ``(count, latents)``: a picture by chance, then z from its q(z | x).

    Args:
        system: a VAE.
        images: ``(N, 1, 28, 28)``, uint8 or float in [-1, 1].
        count: how many draws.
        seed: of the draws.
        batch_size: pictures encoded at once.

    Raises:
        ShapeError: if the pictures have another shape, type or range, or there is to be no draw.
    """
    check_count(count, "count")
    _, mu, logvar = _encoded(system, images, batch_size, seed)
    return _from_aggregate(mu.cpu(), logvar.cpu(), count, seed)[0].to(mu.device)


def log_mixture(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """Return the log density at z ``(S, d)`` of N equally likely Gaussians with mu and logvar ``(N, d)``, as ``(S,)``.

    The square is multiplied out, so that it is a product of matrices: give float64.

    Raises:
        ShapeError: if the shapes do not fit, or one of them is no tensor of floats.
    """
    for value, name, shape in ((z, "z", "(S, d)"), (mu, "mu", "(N, d)"), (logvar, "logvar", "(N, d)")):
        check_floats(value, name, shape)
    check_alike(z, mu, ("z", "mu"), shapes=False)
    check_alike(mu, logvar, ("mu", "logvar"))
    if z.shape[1] != mu.shape[1]:
        raise ShapeError(f"z has {z.shape[1]} latents and mu {mu.shape[1]}: give as many.")
    precision = torch.exp(-logvar)
    distance = z.square() @ precision.T - 2 * z @ (mu * precision).T + (mu.square() * precision).sum(dim=1)
    log_each = -0.5 * (distance + logvar.sum(dim=1) + mu.shape[1] * LOG_2PI)
    return torch.logsumexp(log_each, dim=1) - math.log(len(mu))


def _from_aggregate(mu: Tensor, logvar: Tensor, count: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = _generator(seed)
    chosen = torch.randint(len(mu), (count,), generator=generator)
    noise = torch.randn(count, mu.shape[1], generator=generator, dtype=mu.dtype)
    return mu[chosen] + torch.exp(0.5 * logvar[chosen]) * noise, chosen


def _encoded(
    system: VAE, images: Tensor, batch_size: int, seed: int, labels: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the pixels that the likelihood sees, ``(N, 1, 28, 28)`` on the CPU, and mean and log variance of q."""
    if not isinstance(system, VAE):
        raise ShapeError(f"system is of type {type(system).__name__}: give a VAE.")
    if isinstance(system, ConditionalVAE) != (labels is not None):
        need = "must be told the classes: give labels=" if labels is None else "knows no classes: leave labels out"
        raise ShapeError(f"A {type(system).__name__} {need}.")
    check_count(batch_size, "The number of pictures at once")
    check_tensor(images, "images")
    if images.dtype == torch.uint8 and images.dim() == 4 and len(images):
        check_images(normalise(images[:1], (-1, 1)), channels=(1,))
    else:
        check_images(images, channels=(1,))
    generator = _generator(seed + 1)  # apart from that of z, so that z is the same for every likelihood
    pixels, codes = [], []
    with inference(system.netE):
        for part, told in zip(images.split(batch_size), _told(labels, len(images), batch_size), strict=True):
            part = normalise(part, (-1, 1)) if part.dtype == torch.uint8 else part
            pixels.append(system.pixels(part.cpu(), generator))
            codes.append(system.netE(pixels[-1].to(system.device), *told))
    return torch.cat(pixels), torch.cat([mu for mu, _ in codes]), torch.cat([logvar for _, logvar in codes])


def _reconstruction(system: VAE, x: Tensor, z: Tensor, batch_size: int, labels: Tensor | None = None) -> Tensor:
    """Return ``-log p(x | z)`` of each picture, ``(N,)`` float64 on the CPU."""
    classes = _told(labels, len(x), batch_size)
    with inference(system.netG):
        parts = [
            system.negative_log_likelihood(system.netG(z_part, *told), x_part.to(z.device)).double().cpu()
            for x_part, z_part, told in zip(x.split(batch_size), z.split(batch_size), classes, strict=True)
        ]
    return torch.cat(parts)


def _told(labels: Tensor | None, rows: int, batch_size: int) -> list[tuple[Tensor, ...]]:
    """Return what the networks are given beside the pictures or codes of each batch: their classes, or nothing."""
    if labels is None:
        return [()] * max(1, math.ceil(rows / batch_size))
    check_tensor(labels, "labels", "(N,)")
    if labels.shape != (rows,):
        raise ShapeError(f"labels has the shape {tuple(labels.shape)}: give one for each of the {rows} pictures.")
    return [(part,) for part in labels.split(batch_size)]


def _noise(like: Tensor, generator: torch.Generator) -> Tensor:
    """Return standard normal noise, drawn on the CPU so that it is the same on every device."""
    return torch.randn(like.shape, generator=generator).to(like)


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
