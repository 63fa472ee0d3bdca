"""Exercise 12.3: content and style losses without a gradient, because the output is in neither of them.

Source: Johnson, Alahi and Fei-Fei, Perceptual Losses for Real-Time Style Transfer and Super-Resolution (2016),
equations 2 and 4 and figure 2.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable

import torch
from torch import Tensor, nn

from course_lib.errors import ExerciseError
from course_lib.exercises.exercise import NOTHING, Case, Exercise, Mistake
from course_lib.exercises.modes import stay_in_training
from course_lib.lessons.lesson_12.exercises.toys import ToyTransform, ToyVGG


def losses(features_of, netG: torch.nn.Module, x: torch.Tensor, style: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return both perceptual losses of the output, which train netG.

    Args:
        features_of: the loss network, frozen; features_of(pictures) is float32, (N, 3, H, W) to (N, C, H, W).
        netG: the transform network; netG(x) is the output, the shape of x.
        x: photographs, float32, shape (N, 3, H, W), in [-1, 1].
        style: the painting, float32, shape (1, 3, h, w), in [-1, 1]; it may have another size than x.

    Returns:
        A dict of two scalar tensors: "content", the mean squared difference of features, and "style", the squared
        difference of Gram matrices, summed over C x C and averaged over the batch.
    """

    def gram(features: torch.Tensor) -> torch.Tensor:
        rows = features.flatten(2)
        return rows @ rows.transpose(1, 2) / features[0].numel()

    with torch.no_grad():  # targets: they are given, and nobody learns from them
        content_target = features_of(x)
        style_target = gram(features_of(style))
    found = features_of(netG(x))  # the output, and the only way to netG
    return {
        "content": (found - content_target).square().mean(),
        "style": (gram(found) - style_target).square().sum(dim=(1, 2)).mean(),
    }


def broken_losses(features_of, netG, x, style):
    def gram(features):
        rows = features.flatten(2)
        return rows @ rows.transpose(1, 2) / features[0].numel()

    y_hat = netG(x)
    assert y_hat.shape == x.shape
    y_c, y_s = x, style  # for style transfer the content target is the photograph itself
    content = (features_of(x) - features_of(y_c)).square().mean()
    style_term = (gram(features_of(x)) - gram(features_of(y_s))).square().sum(dim=(1, 2)).mean()
    return {"content": content, "style": style_term}


def _cases() -> list[Case]:
    def case(label: str, n: int, size: tuple[int, int], channels: int) -> Case:
        x, style = 2 * torch.rand(n, 3, *size) - 1, 2 * torch.rand(1, 3, *size) ** 2 - 1
        return Case(label, ToyVGG(channels), ToyTransform(), x, style)

    return [
        case("two photographs", 2, (6, 8), 4),
        case("a single photograph", 1, (5, 5), 6),
        case("four photographs of another size", 4, (8, 4), 5),
    ]


TERMS = ("content", "style")
Answer = Callable[[nn.Module, nn.Module, Tensor, Tensor], object]


def _observe(answer: Answer, features_of: nn.Module, netG: nn.Module, x: Tensor, style: Tensor) -> object:
    """Return both terms and the gradient that each leaves in netG; 0 where it does not depend on netG."""
    with stay_in_training(netG):
        found = answer(features_of, netG, x, style)
    if found is None:
        raise ExerciseError(NOTHING)
    if not isinstance(found, dict) or not set(TERMS) <= set(found):
        raise ExerciseError('Return a dict of both losses, with the keys "content" and "style".')
    parameters = list(netG.parameters())
    if any(parameter.grad is not None for parameter in parameters):
        raise ExerciseError("Return the losses without calling `backward()`: the training loop does that.")
    seen: dict[str, object] = {}
    for name in TERMS:
        loss = found[name]
        if not isinstance(loss, Tensor) or loss.ndim:
            shown = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else f"a {type(loss).__name__}"
            raise ExerciseError(
                f'"{name}" should be a scalar tensor, which a gradient can flow back from; yours is {shown}.'
            )
        gradients: list[Tensor | None] = [None] * len(parameters)
        if loss.requires_grad:
            gradients = list(torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True))
        seen[f'the value of "{name}"'] = loss
        seen[f'whether a gradient of "{name}" reaches netG'] = any(gradient is not None for gradient in gradients)
        seen[f'the gradient of "{name}" in netG'] = torch.cat(
            [(torch.zeros_like(p) if g is None else g).flatten() for p, g in zip(parameters, gradients, strict=True)]
        )
    seen[ANY_SIZE] = _style_by_another_size(answer, features_of, netG, x, style)
    return seen


ANY_SIZE = 'the value of "style" where the painting has another size'


def _style_by_another_size(answer: Answer, features_of: nn.Module, netG: nn.Module, x: Tensor, style: Tensor) -> object:
    """Return the style term for a larger painting, or None where the answer cannot take one."""
    larger = torch.cat([style, style.flip(3)], dim=3)
    try:
        found = answer(features_of, netG, x, larger)
        return found["style"].detach()  # type: ignore[index]
    except Exception:  # two sizes that do not fit: seen as a value that is missing
        return None


def _gram(features: Tensor) -> Tensor:
    rows = features.flatten(2)
    return rows @ rows.transpose(1, 2) / features[0].numel()


def _sums(features: Tensor) -> Tensor:
    return _gram(features) * features[0].numel()


Measure = Callable[[Tensor, Tensor], Tensor]


def _half_cut(a: Tensor, b: Tensor) -> Tensor:
    rows = a.flatten(2)
    matrix = rows @ rows.detach().transpose(1, 2) / a[0].numel()
    return (matrix - _gram(b)).square().sum(dim=(1, 2)).mean()


def _divided(by: Callable[[Tensor], float]) -> Measure:
    """Return the style term of Gram matrices with another divisor."""

    def matrix(features: Tensor) -> Tensor:
        return _gram(features) * features[0].numel() / by(features)

    return lambda a, b: (matrix(a) - matrix(b)).square().sum(dim=(1, 2)).mean()


Pictures = Callable[[nn.Module, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


def _mean_square(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).square().mean()


def _squared_norm(a: Tensor, b: Tensor) -> Tensor:
    return (_gram(a) - _gram(b)).square().sum(dim=(1, 2)).mean()


def _variant(
    content: Pictures = lambda netG, y_hat, x, style: (y_hat, x),
    style_of: Pictures = lambda netG, y_hat, x, style: (y_hat, style),
    *,
    content_by: Measure = _mean_square,
    style_by: Measure = _squared_norm,
    content_features: Callable[[Tensor], Tensor] | None = None,
    style_features: Callable[[Tensor], Tensor] | None = None,
    detached: tuple[str, ...] = (),
) -> Answer:
    """Return losses that compare other pictures, or compare them in another way, or cut the output off."""

    def answer(features_of: nn.Module, netG: nn.Module, x: Tensor, style: Tensor) -> dict[str, Tensor]:
        y_hat = netG(x)
        see, see_style = content_features or features_of, style_features or features_of
        terms = {
            "content": content_by(*(see(picture) for picture in content(netG, y_hat, x, style))),
            "style": style_by(*(see_style(picture) for picture in style_of(netG, y_hat, x, style))),
        }
        return {name: term.detach() if name in detached else term for name, term in terms.items()}

    return answer


def _x_and(target: str) -> Pictures:
    """Return the comparison of x itself, in the output's place, with a target."""
    return lambda netG, y_hat, x, style: (x, x if target == "x" else style)


def _style_picture(netG: nn.Module, y_hat: Tensor, x: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
    return y_hat, style


def _photograph(netG: nn.Module, y_hat: Tensor, x: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
    return y_hat, x


def _itself(netG: nn.Module, y_hat: Tensor, x: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
    return y_hat, y_hat.detach()


def _painted_style(netG: nn.Module, y_hat: Tensor, x: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
    return y_hat, netG(style)


def _from_the_painting(netG: nn.Module, y_hat: Tensor, x: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
    return netG(style).expand_as(x), x


def _painting_kept(netG: nn.Module, y_hat: Tensor, x: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
    return netG(style), style


LOSSES = Exercise(
    id="12.3",
    title="Why is the gradient None?",
    kind="bug to find",
    trains="gradients through a network that stands still",
    minutes=15,
    level=2,
    task="""
        `broken_losses` follows a sentence that is often written: the content loss compares the features of x with those
        of the content target, the style loss those of x with those of the style target. After `backward` every
        `p.grad` of netG is None, or `backward` stops at once because nothing has a graph; and one of the two losses is
        always 0. Do not mend it with `requires_grad_` on x or on the loss network: ask of each term which picture is
        judged and which is the target. Write `losses(features_of, netG, x, style)`, which returns the dict of both
        terms, each of which trains netG. What is compared, and how it is averaged, stays as it is. The check looks at
        the value of each term and at the gradient that it leaves in netG.
    """,
    reference=losses,
    given=inspect.getsource(broken_losses),
    cases=_cases,
    observe=_observe,
    mistakes=(
        Mistake(
            "Neither term contains the output: both put x in its place, and x does not come from netG, "
            "so look for the picture that is made and never judged.",
            _variant(_x_and("x"), _x_and("style")),
        ),
        Mistake(
            "The content term still compares x with its own target, which is x too: it is always 0 and has no graph, "
            "so ask which picture this term should judge.",
            _variant(_x_and("x")),
        ),
        Mistake(
            "The style term still compares x with the painting: it says how far the photograph is from the style, "
            "which no training of netG can change.",
            _variant(style_of=_x_and("style")),
        ),
        Mistake(
            "The two targets are exchanged: the features of the output are compared with the painting's, "
            "and its Gram matrix with the photograph's.",
            _variant(_style_picture, _photograph),
        ),
        Mistake(
            "The content target is wrong: you compare the output's features with the painting's, "
            "position by position, and the layout that should stay is not the painting's.",
            _variant(_style_picture),
            _variant(lambda netG, y_hat, x, style: (x, style)),
        ),
        Mistake(
            "The style target is wrong: you compare the output's Gram matrix with the photograph's, "
            "and an output that is the photograph itself would pay nothing.",
            _variant(style_of=_photograph),
            _variant(style_of=_x_and("x")),
        ),
        Mistake(
            "A term compares the output with itself and is always 0: a target is made from a picture that is given.",
            _variant(_itself),
            _variant(style_of=_itself),
            _variant(_itself, _itself),
        ),
        Mistake(
            "You send the painting through netG before you compare: the style target is the painting as it is, "
            "and a target that netG can change is none.",
            _variant(style_of=_painted_style),
            _variant(
                style_of=lambda netG, y_hat, x, style: (y_hat, netG(style).detach()),
            ),
        ),
        Mistake(
            "The values are right, but no gradient of either term reaches netG: the output was cut off, "
            "so see what stands under `no_grad` or `detach`, and keep only targets there.",
            _variant(detached=("content", "style")),
        ),
        Mistake(
            'The value of "content" is right, but its gradient does not reach netG: '
            "in that term the output is detached, or its features are.",
            _variant(detached=("content",)),
        ),
        Mistake(
            'The value of "style" is right, but its gradient does not reach netG: '
            "in that term the output is detached, or its Gram matrix is.",
            _variant(detached=("style",)),
        ),
        Mistake(
            "The values are right, but half of the style term's gradient is missing: in the output's Gram matrix "
            "one of the two factors is cut off.",
            _variant(style_by=_half_cut),
            whole=True,
        ),
        Mistake(
            "The content term compares pixels: send the output and its target through the loss network first.",
            _variant(content_features=lambda pictures: pictures),
        ),
        Mistake(
            "The content term takes absolute differences: square them, as in `broken_losses`.",
            _variant(content_by=lambda a, b: (a - b).abs().mean()),
        ),
        Mistake(
            "The style term is a norm without its square: sum the squared differences and take no root.",
            _variant(style_by=lambda a, b: (_gram(a) - _gram(b)).norm(dim=(1, 2)).mean()),
            _variant(style_by=lambda a, b: (_gram(a) - _gram(b)).norm()),
        ),
        Mistake(
            "The style term compares Gram matrices of pixels, which know colours alone: send the output and the "
            "painting through the loss network first.",
            _variant(style_features=lambda pictures: pictures),
        ),
        Mistake(
            "Your output is made from the painting: netG is given the photograph x, and the painting is only a target.",
            _variant(_from_the_painting, _painting_kept),
            _variant(_from_the_painting),
            _variant(style_of=_painting_kept),
        ),
        Mistake(
            "The content term compares Gram matrices, which have lost where things are: "
            "compare the features themselves there.",
            _variant(content_by=_squared_norm),
        ),
        Mistake(
            "The style term compares features position by position, so that the layout of the painting is asked for: "
            "compare what no longer knows a position.",
            _variant(style_by=_mean_square),
            _variant(style_by=lambda a, b: (a - b).square().sum(dim=(1, 2, 3)).mean()),
        ),
        Mistake(
            "The style term is averaged over the entries of the matrix or summed over the batch: "
            "sum over C x C and average over the pictures, as in `broken_losses`.",
            _variant(style_by=lambda a, b: (_gram(a) - _gram(b)).square().mean()),
            _variant(style_by=lambda a, b: (_gram(a) - _gram(b)).square().sum()),
        ),
        Mistake(
            "The Gram matrix has another divisor: divide by C H W, as in `broken_losses`.",
            _variant(style_by=_divided(lambda features: features[0, 0].numel())),
            _variant(style_by=_divided(lambda features: 1)),
        ),
        Mistake(
            "A painting of another size than x counts otherwise in your style term: look at it as it is, "
            "and divide its Gram matrix by its own C H W.",
            _variant(style_by=lambda a, b: (_gram(a) - _sums(b) / a[0].numel()).square().sum(dim=(1, 2)).mean()),
            _variant(style_of=lambda netG, y_hat, x, style: (y_hat, nn.functional.interpolate(style, x.shape[-2:]))),
        ),
        Mistake(
            "The Gram matrices are averaged over the batch before they are compared: "
            "each picture is compared with the painting by itself, and the mean comes last.",
            _variant(style_by=lambda a, b: (_gram(a).mean(0) - _gram(b).mean(0)).square().sum()),
        ),
        Mistake(
            "The two terms are exchanged in the dict.",
            lambda features_of, netG, x, style: dict(
                zip(TERMS, reversed(list(losses(features_of, netG, x, style).values())), strict=True)
            ),
        ),
        Mistake(
            "The content term is summed: take the mean over C, H, W and the batch, as in `broken_losses`.",
            _variant(content_by=lambda a, b: (a - b).square().sum()),
            _variant(content_by=lambda a, b: (a - b).square().sum(dim=(1, 2, 3)).mean()),
        ),
    ),
    hints=(
        "Print `content.requires_grad` and `content` in `broken_losses`. A gradient reaches netG only through "
        "something that netG has made: where is that used?",
        "Both losses judge the same picture, `y_hat`. Only the targets differ: one is to be kept position by position, "
        "of the other only what occurs together.",
        "Compare `features_of(y_hat)` with the features of the photograph, and its Gram matrix with that of the "
        "painting. The targets may stand under `torch.no_grad()`, the output may not.",
    ),
    why="the output stands on one side of each term and a given target on the other: x for the content, "
    "the painting's Gram matrix for the style; comparing x with its own target is 0 and teaches nobody.",
)
