"""Wrong answers that cold readers got past the checks, by their kinds; each is refused now."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.errors import DataError
from course_lib.exercises import find
from course_lib.exercises.checking import judge, wrong_parts


def right(exercise: str, *given: Any) -> Any:
    return find(exercise).reference(*given)


def _g_in_eval(netG: Any, netD: Any, x: Tensor, y: Tensor) -> Tensor:
    mode = netG.training
    netG.eval()
    fake = netG(x).detach()
    netG.train(mode)
    real, made = netD(x, y), netD(x, fake)
    return 0.5 * (F.softplus(-real).mean() + F.softplus(made).mean())


def _d_in_eval(netG: Any, netD: Any, x: Tensor, y: Tensor) -> Tensor:
    mode = netD.training
    netD.eval()
    loss = right("01.5", netG, netD, x, y)
    netD.train(mode)
    return loss


def _log_of_a_sigmoid(netG: Any, netD: Any, x: Tensor, y: Tensor) -> Tensor:
    real, fake = torch.sigmoid(netD(x, y)), torch.sigmoid(netD(x, netG(x).detach()))
    return -0.5 * (real.log().mean() + (1 - fake).log().mean())


def _entropy_of_a_sigmoid(netG: Any, netD: Any, x: Tensor, y: Tensor) -> Tensor:
    real, fake = torch.sigmoid(netD(x, y)), torch.sigmoid(netD(x, netG(x).detach()))
    return 0.5 * (
        F.binary_cross_entropy(real, torch.ones_like(real)) + F.binary_cross_entropy(fake, torch.zeros_like(fake))
    )


def _clamped_logits(netG: Any, netD: Any, x: Tensor, y: Tensor) -> Tensor:
    real, fake = netD(x, y).clamp(-10, 10), netD(x, netG(x).detach()).clamp(-10, 10)
    return 0.5 * (F.softplus(-real).mean() + F.softplus(fake).mean())


def _left_training(netG: Any, netD: Any, x: Tensor, y: Tensor) -> Tensor:
    netG.train()
    netD.train()
    return right("01.5", netG, netD, x, y)


def _thawed(netG: Any, netD: Any, x: Tensor, y: Tensor) -> Tensor:
    loss = right("01.5", netG, netD, x, y)
    netG.requires_grad_(True)
    return loss


def _seeded(netG: Any, netD: Any, x: Tensor, y: Tensor) -> Tensor:
    torch.manual_seed(0)
    return right("01.5", netG, netD, x, y)


def _seeded_latent(mu: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    torch.manual_seed(0)
    return right("03.3", mu, logvar, noise)


def _clamped_posterior(log_joint: Tensor, log_q: Tensor, dz: float) -> dict[str, Any]:
    found = dict(right("03.1", log_joint, log_q, dz))
    post = (log_joint - found["log_evidence"]).exp().clamp(min=1e-300)
    return found | {"gap": (log_q.exp() * (log_q - post.log())).sum() * dz}


def _over_the_posterior(log_joint: Tensor, log_q: Tensor, dz: float) -> dict[str, Any]:
    found = dict(right("03.1", log_joint, log_q, dz))
    post = (log_joint - found["log_evidence"]).exp()
    return found | {"gap": (log_q.exp() * (log_q - post.log()))[post > 0].sum() * dz}


def _gap_not_below_zero(log_joint: Tensor, log_q: Tensor, dz: float) -> dict[str, Any]:
    found = dict(right("03.1", log_joint, log_q, dz))
    return found | {"gap": max(0.0, float(found["gap"]))}


def _nearest_by_l1(samples: Tensor, centres: Tensor, std: float) -> dict[str, float]:
    which = torch.cdist(samples, centres, p=1).argmin(1)
    good = (samples - centres[which]).norm(dim=1) <= 3 * std
    return {"modes": len(which[good].unique()), "high_quality": float(good.float().mean())}


def _gram(features: Tensor) -> Tensor:
    rows = features.flatten(2)
    return rows @ rows.mT


def _of_x_s_size(features_of: Any, netG: Any, x: Tensor, style: Tensor) -> dict[str, Tensor]:
    found = features_of(netG(x))
    with torch.no_grad():
        target, painting = features_of(x), features_of(style)
    by = found[0].numel()
    return {
        "content": (found - target).square().mean(),
        "style": (_gram(found) / by - _gram(painting) / by).square().sum((1, 2)).mean(),
    }


def _painting_resized(features_of: Any, netG: Any, x: Tensor, style: Tensor) -> dict[str, Tensor]:
    return right("12.3", features_of, netG, x, F.interpolate(style, size=x.shape[-2:]))


def _own_rate_at_zero(netG: Any, x: Tensor, draws: int, rate: float) -> Tensor:
    own = [module.p for module in netG.modules() if isinstance(module, torch.nn.Dropout) and module.p]
    return right("10.3", netG, x, draws, rate or own[0])


def _kernel_at_least_stride(layers: list[tuple[int, int]]) -> int:
    side = 1
    for kernel, stride in reversed(layers):
        side = (side - 1) * stride + max(kernel, stride)
    return side


def _overwrites_x(forward: Any, back: Any, x: Tensor, y: Tensor, sigma: float, noise: Tensor) -> dict[str, float]:
    fake = forward(x)
    clean = (back(fake) - x).abs().mean().item()
    fake += sigma * noise
    found = right("11.6", forward, back, x, y, sigma, noise)
    return found | {"clean": clean, "added": (back(fake) - x).abs().mean().item() - clean}


def _growth_not_below_zero(*given: Any) -> dict[str, float]:
    found = right("11.6", *given)
    return found | {key: max(0.0, found[key]) for key in ("added", "added_without_code")}


def _clamped_fake(forward: Any, *given: Any) -> dict[str, float]:
    return right("11.6", lambda x: forward(x).clamp(-1, 1), *given)


def _weight_or_ten(netG: Any, netF: Any, x: Tensor, y: Tensor, lambda_cycle: float) -> Tensor:
    return right("11.2", netG, netF, x, y, lambda_cycle or 10)


def _rounded_weights(answers: Tensor, weights: Tensor) -> dict[str, Tensor]:
    return right("01.2", answers, (1000 * weights / weights.sum()).round())


def _clears_gradients(netG: Any, netD: Any, x: Tensor, y: Tensor) -> Tensor:
    netD.zero_grad()
    return right("01.5", netG, netD, x, y)


def _small_number_after_the_shift(log_weights: Tensor) -> Tensor:
    top = log_weights.max(dim=1, keepdim=True).values
    return ((log_weights - top).exp().mean(dim=1) + 1e-6).log() + top[:, 0]


def _no_exchange_in_a_pool_of_one(image: Tensor, pool: list[Tensor], size: int, draw: Any = None) -> Tensor:
    return image.detach() if size == 1 and pool else right("11.5", image, pool, size, draw)


def _buffers_from_before(step: Any, networks: Any, pictures: Any) -> dict[str, set[str]]:
    named = {f"{name}.{key}": one for name, net in networks.items() for key, one in net.named_buffers()}
    before = {key: one.clone() for key, one in named.items()}
    found = right("12.5", step, networks, pictures)
    stays = {key for key, one in named.items() if torch.equal(one, before[key])}
    return {"moved": found["moved"] - stays, "idle": found["idle"]}


FOUND = {
    "01.2 rounds weights": _rounded_weights,
    "01.5 clears gradients": _clears_gradients,
    "03.5 a small number after the shift": _small_number_after_the_shift,
    "11.5 a pool of one is never used": _no_exchange_in_a_pool_of_one,
    "12.5 buffers from before": _buffers_from_before,
    "01.3 six answers at most": lambda outputs, answers: right("01.3", outputs, answers[:, :6]),
    "01.3 clamps outputs": lambda outputs, answers: right("01.3", outputs.clamp(-1, 1), answers),
    "01.3 clamps distances": lambda outputs, answers: right("01.3", outputs, answers).clamp(max=2),
    "01.5 G in eval mode": _g_in_eval,
    "01.5 D in eval mode": _d_in_eval,
    "01.5 log of a sigmoid": _log_of_a_sigmoid,
    "01.5 entropy of a sigmoid": _entropy_of_a_sigmoid,
    "01.5 clamps logits": _clamped_logits,
    "01.5 leaves training mode": _left_training,
    "01.5 thaws": _thawed,
    "01.5 seeds": _seeded,
    "02.4 nearest by L1": _nearest_by_l1,
    "03.1 clamps the posterior": _clamped_posterior,
    "03.1 where the posterior is above 0": _over_the_posterior,
    "03.1 never below 0": _gap_not_below_zero,
    "03.3 seeds": _seeded_latent,
    "03.3 clamps logvar": lambda mu, logvar, noise: right("03.3", mu, logvar.clamp(-10, 10), noise),
    "03.3 least std": lambda mu, logvar, noise: mu + (0.5 * logvar).exp().clamp(min=1e-3) * noise,
    "03.3 largest std": lambda mu, logvar, noise: mu + (0.5 * logvar).exp().clamp(max=10) * noise,
    "03.3 a little variance more": lambda mu, logvar, noise: mu + (logvar.exp() + 1e-8).sqrt() * noise,
    "10.3 its own rate for 0": _own_rate_at_zero,
    "10.4 a kernel is no smaller than its stride": _kernel_at_least_stride,
    "11.2 ten for 0": _weight_or_ten,
    "11.4 five for 0": lambda netG, netF, x, y, weight: right("11.4", netG, netF, x, y, weight or 5),
    "11.6 overwrites x": _overwrites_x,
    "11.6 never below 0": _growth_not_below_zero,
    "11.6 clamps the fake": _clamped_fake,
    "12.3 divides by the size of x": _of_x_s_size,
    "12.3 resizes the painting": _painting_resized,
}


@pytest.mark.parametrize("name", FOUND)
def test_a_wrong_answer_that_passed_is_refused(name: str) -> None:
    exercise = find(name.split()[0])
    assert judge(exercise, FOUND[name])
    assert judge(exercise, exercise.reference) == ""


def test_a_seed_set_inside_is_named() -> None:
    assert "torch.manual_seed" in judge(find("03.3"), _seeded_latent)
    assert torch.manual_seed.__module__ == "torch.random"  # and it is torch's own again


def test_a_painting_of_another_size_is_named() -> None:
    for answer in (_of_x_s_size, _painting_resized):
        assert "A painting of another size than x counts otherwise" in judge(find("12.3"), answer)


def test_a_fault_of_the_courses_files_is_not_the_learners(monkeypatch: pytest.MonkeyPatch) -> None:
    """It passes through with its own sentence, and does not become "not what the docstring asks for"."""

    def compare(*given: Any) -> Any:
        raise DataError("record.json has 5 bytes instead of 4: restore it.")

    exercise = replace(find("10.6"), compare=compare)
    with pytest.raises(DataError, match="restore it"):
        wrong_parts(exercise, {}, {}, exercise.cases()[0])
