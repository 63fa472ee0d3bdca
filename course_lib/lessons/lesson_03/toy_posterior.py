"""Two small models whose posterior is known, so that what the evidence lower bound leaves out can be computed.

For any density q(z): log p(x) - ELBO = KL(q(z) || p(z | x)). ``ToyModel`` has one latent and any decoder, and
integrates on a fine grid; ``LinearGaussian`` has any number of latents and a closed form. All is in float64 and in
nats.

Source: Kingma & Welling, Auto-Encoding Variational Bayes, 2014, equation 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.errors import ShapeError
from course_lib.losses.elbo import kl_diagonal_gaussian, kl_each_latent

Number = float | Tensor
LOG_2PI = math.log(2 * math.pi)
REACH, NODES = 9.0, 901  # the grid laid over q: so many standard deviations to each side, in so many points
NEGLIGIBLE = 24.0  # nats: what lies so far below the peak of the posterior has no weight


class ToyModel:
    """One latent z ~ N(0, 1) and one number x ~ N(decoder(z), noise_std^2).

    Integrals are sums over equally spaced points (trapezoidal rule), which for smooth functions that are 0 at both ends
    is exact to about ten digits. Arguments may be numbers or tensors of shapes that broadcast; results have that shape.

    Args:
        decoder: maps a tensor of latents to a tensor of the same shape; differentiable for ``best_q``.
        noise_std: standard deviation of x given z.
        low: lower end of the grid of latents.
        high: upper end.
        cells: points of the grid.

    Raises:
        ShapeError: if the noise is not above 0 or the grid is none.

    Attributes:
        z: the grid, ``(cells,)``.
    """

    def __init__(
        self,
        decoder: Callable[[Tensor], Tensor],
        noise_std: float,
        low: float = -8.0,
        high: float = 8.0,
        cells: int = 4001,
    ) -> None:
        if not noise_std > 0 or not low < high or cells < 3:
            raise ShapeError("A toy model needs noise_std above 0, low below high and at least 3 cells.")
        self.decoder, self.noise_std = decoder, float(noise_std)
        self.z = torch.linspace(low, high, cells, dtype=torch.float64)
        self._width = torch.full_like(self.z, (high - low) / (cells - 1))
        self._width[[0, -1]] /= 2
        self._decoded = decoder(self.z)
        self._nodes = torch.linspace(-REACH, REACH, NODES, dtype=torch.float64)
        self._shares = torch.exp(-0.5 * self._nodes.square()) / math.sqrt(2 * math.pi) * (2 * REACH / (NODES - 1))

    def log_joint(self, x: Number) -> Tensor:
        """Return log p(x, z) on the grid, ``(..., cells)`` for x of shape ``(...)``."""
        return self._log_likelihood(_double(x)[..., None], self._decoded) - 0.5 * (self.z.square() + LOG_2PI)

    def log_evidence(self, x: Number) -> Tensor:
        """Return log p(x), the logarithm of the integral of p(x, z) over z.

        Raises:
            ShapeError: if the posterior reaches past the grid or is too narrow for it.
        """
        joint = self.log_joint(x)
        matters = joint > joint.amax(dim=-1, keepdim=True) - NEGLIGIBLE
        if bool(matters[..., 0].any() | matters[..., -1].any()):
            raise ShapeError("The posterior reaches past the grid of latents: widen low and high.")
        steps = self._decoded.diff().abs() > self.noise_std
        if bool((matters[..., :-1] & steps).any()):
            raise ShapeError("The posterior is too narrow for the grid of latents: raise cells or noise_std.")
        return torch.logsumexp(joint + self._width.log(), dim=-1)

    def posterior(self, x: Number) -> Tensor:
        """Return the density p(z | x) on the grid, ``(..., cells)``."""
        return torch.exp(self.log_joint(x) - self.log_evidence(x)[..., None])

    def terms(self, x: Number, mu: Number, std: Number) -> tuple[Tensor, Tensor]:
        """Return the two terms of the bound for q = N(mu, std^2): E_q[log p(x | z)], and KL(q || N(0, 1))."""
        mu, std = _mean_and_width(mu, std)
        z = self._over_q(mu, std)
        expected = (self._log_likelihood(_double(x)[..., None], self.decoder(z)) * self._shares).sum(dim=-1)
        kl = kl_each_latent(mu, 2 * std.log())
        return expected, kl.expand_as(expected)

    def elbo(self, x: Number, mu: Number, std: Number) -> Tensor:
        """Return the evidence lower bound of log p(x) for q = N(mu, std^2)."""
        expected, kl = self.terms(x, mu, std)
        return expected - kl

    def gap(self, x: Number, mu: Number, std: Number) -> Tensor:
        """Return KL(q || p(z | x)) for q = N(mu, std^2), integrated from the two densities.

        Raises:
            ShapeError: as for ``log_evidence``.
        """
        mu, std = _mean_and_width(mu, std)
        z = self._over_q(mu, std)
        log_q = -0.5 * (self._nodes.square() + LOG_2PI) - std.log()[..., None]
        log_joint = self._log_likelihood(_double(x)[..., None], self.decoder(z)) - 0.5 * (z.square() + LOG_2PI)
        log_posterior = log_joint - self.log_evidence(x)[..., None]
        return ((log_q - log_posterior) * self._shares).sum(dim=-1)

    def best_q(self, x: float) -> tuple[float, float]:
        """Return the (mu, std) that maximise the ELBO, which are those that minimise the gap.

        The ELBO can have several maxima. Each hump of the posterior, and its mean and standard deviation, is a start
        for a gradient method (L-BFGS); the best end is returned, the lowest mu of several equal ones.
        """
        best, best_value = (0.0, 1.0), -math.inf
        for mu, std in sorted(self._starts(x)):
            free = torch.tensor([mu, math.log(std)], dtype=torch.float64, requires_grad=True)
            optimiser = torch.optim.LBFGS(
                [free], max_iter=200, tolerance_grad=1e-10, tolerance_change=1e-14, line_search_fn="strong_wolfe"
            )

            def loss(free: Tensor = free, optimiser: torch.optim.LBFGS = optimiser) -> Tensor:
                optimiser.zero_grad()
                value = -self.elbo(x, free[0], free[1].exp())
                value.backward()
                return value

            optimiser.step(loss)
            mu, std = free.detach()[0].item(), free.detach()[1].exp().item()
            value = float(self.elbo(x, mu, std))
            if value > best_value + 1e-9:
                best, best_value = (mu, std), value
        return best

    def _starts(self, x: float) -> list[tuple[float, float]]:
        density = self.posterior(x) * self._width
        mean = float((density * self.z).sum())
        found = [(mean, math.sqrt(float((density * (self.z - mean).square()).sum())))]
        joint, cell = self.log_joint(x), float(self._width[1])
        rise = joint.diff()
        for peak in ((rise[:-1] > 0) & (rise[1:] <= 0)).nonzero().flatten().tolist():
            if joint[peak + 1] > joint.max() - NEGLIGIBLE:
                curvature = max(float(rise[peak] - rise[peak + 1]) / cell**2, 1e-2)
                found.append((float(self.z[peak + 1]), 1 / math.sqrt(curvature)))
        return found

    def _over_q(self, mu: Tensor, std: Tensor) -> Tensor:
        return mu[..., None] + std[..., None] * self._nodes

    def _log_likelihood(self, x: Tensor, decoded: Tensor) -> Tensor:
        return -0.5 * ((x - decoded) / self.noise_std).square() - math.log(self.noise_std) - 0.5 * LOG_2PI


class LinearGaussian:
    """Latents z ~ N(0, I) and x ~ N(W z, std^2 I): probabilistic PCA without its mean, all of it in closed form.

    q is the Gaussian of a VAE, with one mean and one standard deviation for each latent, ``(N, d)`` both.

    Args:
        weight: W, ``(D, d)``.
        std: standard deviation of x given z.

    Raises:
        ShapeError: if the weight is no matrix or std is not above 0.

    Source: Tipping & Bishop, Probabilistic Principal Component Analysis, 1999, equations 4 and 6 to 8.
    """

    def __init__(self, weight: Tensor, std: float) -> None:
        if weight.dim() != 2 or not std > 0:
            raise ShapeError(f"The weight has the shape {tuple(weight.shape)}: give (D, d), and a std above 0.")
        self.weight, self.std = weight.double(), float(std)
        eye = torch.eye(weight.shape[1], dtype=torch.float64)
        self.precision = self.weight.T @ self.weight / self.std**2 + eye  # of the posterior, the same for every x

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean ``(N, d)`` and covariance ``(d, d)`` of p(z | x) for x of shape ``(N, D)``.

        Raises:
            ShapeError: if x has another shape.
        """
        if x.dim() != 2 or x.shape[1] != self.weight.shape[0]:
            raise ShapeError(f"x has the shape {tuple(x.shape)}: give (N, {self.weight.shape[0]}).")
        mean = torch.linalg.solve(self.precision, self.weight.T @ x.double().T / self.std**2).T
        return mean, torch.linalg.inv(self.precision)

    def log_evidence(self, x: Tensor) -> Tensor:
        """Return log p(x), ``(N,)``: that of N(0, W W^T + std^2 I)."""
        mean, _ = self.posterior(x)
        # x^T C^-1 x without the D x D covariance C: the squared error at the posterior mean, and that mean's own length
        distance = self._error(x, mean) + mean.square().sum(dim=1)
        size = self.weight.shape[0]
        logdet = 2 * size * math.log(self.std) + torch.logdet(self.precision)
        return -0.5 * (distance + logdet + size * LOG_2PI)

    def terms(self, x: Tensor, mu: Tensor, std: Tensor) -> tuple[Tensor, Tensor]:
        """Return E_q[log p(x | z)] and KL(q || N(0, I)), ``(N,)`` each."""
        mu, std = _mean_and_width(mu, std)
        spread = (std.square() * self.weight.square().sum(dim=0)).sum(dim=1) / self.std**2
        constant = self.weight.shape[0] * (2 * math.log(self.std) + LOG_2PI)
        return -0.5 * (self._error(x, mu) + spread + constant), kl_diagonal_gaussian(mu, 2 * std.log())

    def elbo(self, x: Tensor, mu: Tensor, std: Tensor) -> Tensor:
        """Return the evidence lower bound, ``(N,)``."""
        expected, kl = self.terms(x, mu, std)
        return expected - kl

    def gap(self, x: Tensor, mu: Tensor, std: Tensor) -> Tensor:
        """Return KL(q || p(z | x)), ``(N,)``, by the formula for two Gaussians."""
        mu, std = _mean_and_width(mu, std)
        off = mu - self.posterior(x)[0]
        trace = (std.square() * self.precision.diagonal()).sum(dim=1)
        distance = ((off @ self.precision) * off).sum(dim=1)
        logdets = -torch.logdet(self.precision) - 2 * std.log().sum(dim=1)
        return 0.5 * (trace + distance - mu.shape[1] + logdets)

    def best_q(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the (mu, std) that maximise the ELBO: the posterior's mean, and the widths of its conditionals.

        Where the posterior's latents are correlated a gap remains, since q has no correlations.
        """
        mean, _ = self.posterior(x)
        return mean, self.precision.diagonal().rsqrt().expand_as(mean)

    def _error(self, x: Tensor, z: Tensor) -> Tensor:
        return (x.double() - z @ self.weight.T).square().sum(dim=1) / self.std**2


def _double(value: Number) -> Tensor:
    return torch.as_tensor(value, dtype=torch.float64)


def _mean_and_width(mu: Number, std: Number) -> tuple[Tensor, Tensor]:
    means, widths = torch.broadcast_tensors(_double(mu), _double(std))
    if not bool((widths > 0).all()):
        raise ShapeError("The width of q is not above 0: give a std above 0.")
    return means, widths
