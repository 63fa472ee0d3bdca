"""Wrong answers that once passed, each with what it must be told now."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.exercises import find
from course_lib.exercises.checking import judge


def _through_data(output: Tensor, target: Tensor) -> Tensor:
    loss = (output - target).square().sum(dim=(1, 2, 3)).mean()
    output.data.zero_()
    return loss


def _from_the_limit_on(images: Tensor) -> Tensor:
    _, h, w = images.shape
    energy = torch.fft.fft2(images - images.mean(dim=(1, 2), keepdim=True)).abs() ** 2
    high = torch.hypot(torch.fft.fftfreq(h)[:, None], torch.fft.fftfreq(w)[None]) >= 0.25
    return energy[:, high].sum(dim=1) / energy.sum(dim=(1, 2))


def _reversed_keys(answers: Tensor, weights: Tensor) -> dict[str, Tensor]:
    right = find("01.2").reference(answers, weights)
    return {"mse_minimiser": right["mae_minimiser"], "mae_minimiser": right["mse_minimiser"]}


def _difference(log_joint: Tensor, log_q: Tensor, dz: float) -> dict[str, float]:
    right = find("03.1").reference(log_joint, log_q, dz)
    return right | {"gap": right["log_evidence"] - right["elbo"]}


def _shifted_by_the_mean(log_weights: Tensor) -> Tensor:
    mean = log_weights.mean(dim=1)
    return mean + (log_weights - mean[:, None]).exp().mean(dim=1).log()


def _shifted_by_the_least(log_weights: Tensor) -> Tensor:
    least = log_weights.amin(dim=1)
    return least + (log_weights - least[:, None]).exp().mean(dim=1).log()


def _shifted_by_the_first(log_weights: Tensor) -> Tensor:
    first = log_weights[:, 0]
    return first + (log_weights - first[:, None]).exp().mean(dim=1).log()


def _backward_inside(netD: Any, x: Tensor, y: Tensor, fake: Tensor, lambda_l1: float) -> dict[str, Tensor]:
    losses = find("10.1").reference(netD, x, y, fake, lambda_l1)
    losses["d_loss"].backward(retain_graph=True)
    return losses


def _backward_and_graph_gone(netD: Any, x: Tensor, y: Tensor, fake: Tensor, lambda_l1: float) -> dict[str, Tensor]:
    losses = find("10.1").reference(netD, x, y, fake, lambda_l1)
    losses["d_loss"].backward()
    return losses


def _left_in_eval(netG: Any, netD: Any, opt_g: Any, opt_d: Any, x: Tensor, y: Tensor, lambda_l1: float) -> None:
    netD.eval()
    find("10.2").reference(netG, netD, opt_g, opt_d, x, y, lambda_l1)


def _two_draws(netG: Any, x: Tensor, draws: int, rate: float) -> Tensor:
    return find("10.3").reference(netG, x, 2, rate)


def _many_draws(netG: Any, x: Tensor, draws: int, rate: float) -> Tensor:
    return find("10.3").reference(netG, x, 20, rate)


def _unfair(image: Tensor, pool: list[Tensor], size: int, draw: torch.Generator | None = None) -> Tensor:
    image = image.detach()
    if len(pool) < size:
        pool.append(image)
        return image
    if torch.rand(1, generator=draw).item() > 0.45:
        return image
    place = int(torch.randint(0, size, (1,), generator=draw))
    old, pool[place] = pool[place], image
    return old


def _fails_on_torchs_own(image: Tensor, pool: list[Tensor], size: int, draw: Any = None) -> Tensor:
    draw.device  # noqa: B018
    return find("11.5").reference(image, pool, size, draw)


def _not_all_zero(step: Any, networks: Any, pictures: Any) -> dict[str, set[str]]:
    found = find("12.5").reference(step, networks, pictures)
    tensors = {f"{n}.{k}": t for n, net in networks.items() for k, t in net.named_parameters()} | pictures
    return found | {"idle": {name for name in found["idle"] if tensors[name].grad.any()}}


def _nearer_than(samples: Tensor, centres: Tensor, std: float) -> dict[str, float]:
    nearest, which = torch.cdist(samples, centres).min(dim=1)
    good = nearest < 3 * std
    return {"modes": len(set(which[good].tolist())), "high_quality": float(good.float().mean())}


MISSED = {
    "01.2 keys exchanged": (_reversed_keys, 'The values of "mse_minimiser" and "mae_minimiser" are exchanged.'),
    "01.4 through .data": (_through_data, "Your function changes its input output: work on a copy"),
    "01.4 clamps": (
        lambda output, target: find("01.4").reference(output.clamp(-1, 1), target),
        "The output is cut off at black and white before it is compared.",
    ),
    "01.6 >= for above": (_from_the_limit_on, "You count the waves at exactly 0.25 cycles per pixel too"),
    "02.1 clamps densities": (
        lambda p, q, real_weight: find("02.1").reference(p.clamp(max=1), q, real_weight),
        "On two densities above 1",
    ),
    "02.2 clamps densities": (
        lambda p, q, dx: find("02.2").reference(p.clamp(max=1), q, dx),
        "On two densities above 1",
    ),
    "02.4 < for at most": (_nearer_than, "A sample at exactly 3 `std` is of high quality"),
    "03.2 cuts mu off": (
        lambda mu, logvar: find("03.2").reference(mu.detach(), logvar),
        "The value is right, but mu or logvar is cut off",
    ),
    "03.1 a difference": (_difference, "Your gap is the difference of the other two numbers"),
    "03.5 shift by the mean": (_shifted_by_the_mean, "You shifted each row by another number than its largest"),
    "03.5 shift by the least": (_shifted_by_the_least, "You shifted each row by another number than its largest"),
    "03.5 shift by the first": (_shifted_by_the_first, "You shifted each row by another number than its largest"),
    "10.1 backward": (_backward_inside, "Your function leaves a gradient in `netD."),
    "10.1 backward, graph gone": (_backward_and_graph_gone, "Your function leaves a gradient in `netD."),
    "10.2 eval": (_left_in_eval, "A network computes in eval mode in your function"),
    "10.4 caps": (lambda layers: min(256, find("10.4").reference(layers)), "You stop at the size of a picture"),
    "10.3 two draws": (_two_draws, "You did not draw `draws` outputs"),
    "10.3 twenty draws": (_many_draws, "You did not draw `draws` outputs"),
    "11.5 a coin of 0.45": (_unfair, "The share of new pictures is not one half"),
    "12.1 half of the gradient": (
        lambda features: find("12.1").reference(features) / 2 + find("12.1").reference(features.detach()) / 2,
        "One of the two factors is cut off",
    ),
    "12.5 not all zero": (_not_all_zero, "A gradient of zeros is missing from your idle set"),
    "12.6 features.detach()": (
        lambda features, scales, shifts, weights: find("12.6").reference(features.detach(), scales, shifts, weights),
        "The features are cut off",
    ),
    "12.4 fails on one row": (
        lambda images: find("12.4").reference(images) if images.shape[2] > 1 else images.diff(dim=3).square().sum(),
        "On two pictures of one row",
    ),
}


@pytest.mark.parametrize("name", MISSED)
def test_what_passed_is_refused_by_name(name: str) -> None:
    answer, text = MISSED[name]
    assert judge(find(name[:4]), answer).startswith(text)


def _of_two_networks(number: str) -> Any:
    def in_eval_mode(netG: Any, netF: Any, x: Tensor, y: Tensor, weight: float) -> Tensor:
        netG.eval(), netF.eval()
        loss = find(number).reference(netG, netF, x, y, weight)
        netG.train(), netF.train()
        return loss

    return in_eval_mode


def _style_in_eval_mode(features_of: Any, netG: Any, x: Tensor, style: Tensor) -> dict[str, Tensor]:
    netG.eval()
    found = find("12.3").reference(features_of, netG, x, style)
    netG.train()
    return found


@pytest.mark.parametrize(
    "number, answer",
    [("11.2", _of_two_networks("11.2")), ("11.4", _of_two_networks("11.4")), ("12.3", _style_in_eval_mode)],
)
def test_a_network_in_training_stays_in_training_mode(number: str, answer: Any) -> None:
    assert judge(find(number), answer).startswith("A network computes in eval mode in your function")


def test_the_pool_must_do_with_torchs_own_generator() -> None:
    from course_lib.exercises.running import Stopped

    with pytest.raises(Stopped, match="NoneType"):
        judge(find("11.5"), _fails_on_torchs_own)


def _noise_in_place(forward: Any, back: Any, x: Tensor, y: Tensor, sigma: float, noise: Tensor) -> dict[str, float]:
    noise *= sigma
    return find("11.6").reference(forward, back, x, y, 1.0, noise)


def _latent_in_place(mu: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    z = mu + (0.5 * logvar).exp() * noise
    mu.data.add_(1)
    return z


@pytest.mark.parametrize(
    "exercise_id, answer, text",
    [
        ("11.6", _noise_in_place, "Your function changes its input noise: work on a copy"),
        ("03.3", _latent_in_place, "Your function changes its input mu: work on a copy"),
        ("02.3", lambda x: torch.log1p(torch.exp(-x)).mean(), "At a logit of -10000 your loss is infinite: a sigmoid"),
        (
            "03.2",
            lambda mu, logvar: torch.distributions.kl_divergence(
                torch.distributions.Normal(mu, logvar.exp().sqrt()), torch.distributions.Normal(0.0, 1.0)
            ).sum(dim=1),
            "A distribution of torch refuses a standard deviation of 0",
        ),
    ],
)
def test_the_message_names_what_was_done(exercise_id: str, answer: Any, text: str) -> None:
    assert judge(find(exercise_id), answer).startswith(text)


def test_the_coin_may_be_tossed_in_many_ways() -> None:
    def pool_with(new: Any) -> Any:
        def answer(image, pool, size, draw=None):
            image = image.detach()
            if len(pool) < size:
                pool.append(image)
                return image
            if new(draw):
                return image
            place = int(torch.randint(size, (), generator=draw))
            old, pool[place] = pool[place], image
            return old

        return answer

    for coin in (
        lambda draw: torch.rand(1, generator=draw).item() >= 0.5,
        lambda draw: bool(torch.randint(2, (), generator=draw)),
        lambda draw: bool(torch.bernoulli(torch.tensor(0.5), generator=draw)),
        lambda draw: bool(torch.empty(()).uniform_(generator=draw) > 0.5),
        lambda draw: torch.randperm(2, generator=draw)[0] == 0,
        lambda draw: torch.randn((), generator=draw) > 0,
        lambda draw: torch.rand((), generator=draw, dtype=torch.float64).round() == 0,
    ):
        assert judge(find("11.5"), pool_with(coin)) == ""


RIGHT = {
    "00.1": [
        lambda images: (images.to(torch.float32) - 127.5) / 127.5,
        lambda images: torch.tensor(images.numpy() / 127.5 - 1, dtype=torch.float32),
        lambda images: torch.lerp(torch.tensor(-1.0), torch.tensor(1.0), images / 255),
    ],
    "01.4": [
        lambda output, target: F.mse_loss(output, target, reduction="sum") / len(output),
        lambda output, target: torch.einsum("nchw,nchw->", output - target, output - target) / len(output),
        lambda output, target: torch.stack([(a - b).pow(2).sum() for a, b in zip(output, target, strict=True)]).mean(),
        lambda output, target: (output.double() - target).square().flatten(1).sum(1).mean(),
    ],
    "01.3": [
        lambda outputs, answers: torch.stack(
            [(outputs - answers[:, k]).pow(2).flatten(1).mean(1).sqrt() for k in range(answers.shape[1])]
        ).amin(0),
        lambda outputs, answers: (outputs[:, None].double() - answers).flatten(2).pow(2).mean(2).amin(1).sqrt(),
    ],
    "02.3": [
        lambda logits: -F.logsigmoid(logits).mean(),
        lambda logits: F.softplus(-logits.double()).mean(),
        lambda logits: torch.logaddexp(torch.zeros_like(logits), -logits).sum() / logits.numel(),
    ],
    "03.5": [
        lambda w: w.double().logsumexp(1) - torch.tensor(w.shape[1]).log(),
        lambda w: w.amax(1) + (w - w.amax(1, keepdim=True)).exp().mean(1).log(),
        lambda w: torch.stack([torch.logsumexp(row, 0) for row in w]) - torch.log(torch.tensor(float(w.shape[1]))),
    ],
    "03.6": [
        lambda mu, labels, having, lacking: (
            torch.stack([m for m, one in zip(mu, labels, strict=True) if one == having]).mean(0)
            - torch.stack([m for m, one in zip(mu, labels, strict=True) if one == lacking]).mean(0)
        ),
        lambda mu, labels, having, lacking: mu.double()[labels == having].mean(0) - mu[labels == lacking].mean(0),
    ],
    "12.1": [
        lambda features: torch.einsum("nchw,ndhw->ncd", features, features) / features[0].numel(),
        lambda features: torch.bmm(features.flatten(2), features.flatten(2).mT).div(features[0].numel()),
        lambda features: torch.stack([f.flatten(1) @ f.flatten(1).T for f in features]) / features[0].numel(),
    ],
    "12.4": [
        lambda images: (images.diff(dim=2).pow(2).sum() + images.diff(dim=3).pow(2).sum()) / images.numel(),
        lambda images: (
            sum(
                F.mse_loss(
                    images.narrow(d, 1, images.shape[d] - 1), images.narrow(d, 0, images.shape[d] - 1), reduction="sum"
                )
                for d in (2, 3)
            )
            / images.numel()
        ),
    ],
    "12.6": [
        lambda features, scales, shifts, weights: (
            F.instance_norm(features) * torch.einsum("ns,sc->nc", weights, scales).view(len(features), -1, 1, 1)
            + (weights @ shifts).view(len(features), -1, 1, 1)
        ),
        lambda features, scales, shifts, weights: torch.stack(
            [
                F.batch_norm(f[None], None, None, w @ scales, w @ shifts, training=True)[0]
                for f, w in zip(features, weights, strict=True)
            ]
        ),
    ],
}


@pytest.mark.parametrize("exercise_id, number", [(key, n) for key, found in RIGHT.items() for n in range(len(found))])
def test_other_right_answers_pass(exercise_id: str, number: int) -> None:
    assert judge(find(exercise_id), RIGHT[exercise_id][number]) == ""
