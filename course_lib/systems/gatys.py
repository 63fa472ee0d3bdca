"""Style transfer by optimisation: nothing is trained, and the pixels of one picture go down the gradient."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from course_lib.asked import is_number, is_whole, shown
from course_lib.errors import ShapeError
from course_lib.history import History
from course_lib.losses.perceptual import STYLE_LAYERS, PerceptualLoss
from course_lib.systems.base import adam, not_finite

OPTIMISERS = ("lbfgs", "adam")
STARTS = ("content", "noise")
MARGIN = 0.01  # how far beyond [-1, 1] resizing or rounding may take a picture

Callback = Callable[[int, Tensor], Any]


@dataclass(frozen=True, eq=False)
class OptimisedPicture:
    """What an optimisation of pixels has come to.

    Args:
        picture: ``(1, 3, H, W)`` in [-1, 1], of all that were evaluated the one with the least loss.
        history: at every function evaluation (loss and gradient) the ``"loss"``, its terms and the seconds so far;
            ``history.interrupted`` says whether Ctrl-C ended it.
    """

    picture: Tensor
    history: History


def paint(
    content: Tensor,
    loss: PerceptualLoss,
    steps: int = 200,
    optimiser: str = "lbfgs",
    start: str = "content",
    seed: int = 0,
    callback: Callback | None = None,
    *,
    style_index: int | None = None,
    lr: float = 0.05,
) -> OptimisedPicture:
    """Change the pixels of a picture until a perceptual loss is small. VGG-16 stays as it is, and so do the targets.

    A step is one function evaluation, the loss and its gradient, so that the two optimisers can be compared by
    time. Both keep every pixel in [-1, 1]: Adam by clamping after each step, L-BFGS by bounds (L-BFGS-B). L-BFGS
    may stop early, where no step lowers the loss any more. Ctrl-C ends the work and keeps the best picture so far.

    Args:
        content: ``(1, 3, H, W)`` in [-1, 1]; the target of the content term, and the size of the picture.
        loss: the terms and the style; the work is done on its device.
        steps: function evaluations, at most.
        optimiser: ``"lbfgs"`` or ``"adam"``.
        start: ``"content"``, or ``"noise"``: uniform in [-1, 1].
        seed: of the noise; the global random state is not touched.
        callback: called after each evaluation with their number and the picture that was evaluated.
        style_index: which style, where the loss holds several.
        lr: learning rate of Adam, in units of the pixels; L-BFGS finds its own steps.

    Returns:
        The best picture, on the device of ``content``, and the history.

    Raises:
        ShapeError: if the content has another shape, type or range or is not finite, or another argument is of another
            type, too small or unknown.
        TrainingError: if the loss is NaN or infinite.

    Source: Gatys, Ecker and Bethge 2016, "Image Style Transfer Using Convolutional Neural Networks", section 2.3;
        L-BFGS with bounds is that of Zhu, Byrd, Lu and Nocedal 1997, algorithm 778.
    """
    _check_picture("content", content)
    if not isinstance(loss, PerceptualLoss):
        raise ShapeError(f"loss is {shown(loss)}: give a PerceptualLoss.")
    for what, word, known in (("optimiser", optimiser, OPTIMISERS), ("start", start, STARTS)):
        if not isinstance(word, str) or word not in known:
            raise ShapeError(f"{what} is {shown(word)}: choose {' or '.join(map(repr, known))}.")
    if not is_whole(steps) or steps < 1:
        raise ShapeError(f"steps is {shown(steps)}: give a whole number of at least 1.")
    if not is_whole(seed) or not -(2**63) <= seed < 2**64:
        raise ShapeError(f"seed is {shown(seed)}: give a whole number below 2**64, such as 0.")
    if callback is not None and not callable(callback):
        raise ShapeError(f"callback is {shown(callback)}: give a function of the step and the picture, or None.")
    if not is_number(lr) or not 0 < lr < math.inf:
        raise ShapeError(f"lr is {shown(lr)}: give a finite number above 0, such as 0.05.")
    canvas = content.detach().to(loss.vgg.mean.device, torch.float32)
    objective = _Objective(canvas, loss, int(steps), style_index, callback)
    if start == "noise":
        noise = torch.rand(canvas.shape, generator=torch.Generator().manual_seed(int(seed)))
        canvas = (2 * noise - 1).to(canvas.device)
    objective.best = canvas = canvas.clamp(-1, 1)
    try:
        if optimiser == "adam":
            _by_adam(objective, canvas, float(lr))
        else:
            _by_lbfgs(objective, canvas)
    except _Done:
        pass
    except KeyboardInterrupt:
        objective.history.stopped = "interrupt"
        print(f"Stopped by Ctrl-C after step {len(objective.history)} of {steps}; the best picture so far is kept.")
    return OptimisedPicture(objective.best.to(content.device), objective.history)


def reconstruct_features(
    image: Tensor,
    layer: str,
    steps: int = 200,
    optimiser: str = "lbfgs",
    seed: int = 0,
    callback: Callback | None = None,
    *,
    tv_weight: float = 0.0,
    lr: float = 0.05,
    device: torch.device | str | None = None,
) -> OptimisedPicture:
    """Look for a picture that VGG-16 sees at one layer as it sees ``image``, from noise: what does the layer keep?

    Args:
        image: ``(1, 3, H, W)`` in [-1, 1].
        layer: ``relu1_1 ... relu4_3``.
        steps: see ``paint``; so are ``optimiser``, ``seed``, ``callback`` and ``lr``.
        tv_weight: of the total variation, which keeps what the layer does not fix smooth.
        device: where to work; that of ``image`` if not given.

    Returns:
        The best picture and the history. The content term is in units of the mean square of the image's features, so
        that a black picture's features would cost about 1 and ``tv_weight`` means the same at every layer.

    Raises:
        DataError: if there is no such layer.
        ShapeError: see ``paint``.

    Source: Johnson et al. 2016, figure 3; Mahendran and Vedaldi 2015, equation 1.
    """
    _check_picture("image", image)
    loss = PerceptualLoss(layer, content_weight=1.0, tv_weight=tv_weight).to(device or image.device)
    size = loss.content_features(image.to(loss.vgg.mean.device)).square().mean()
    loss.content_weight = 1.0 / max(float(size), 1e-12)
    return paint(image, loss, steps, optimiser, "noise", seed, callback, lr=lr)


def reconstruct_style(
    image: Tensor,
    layers: Sequence[str] = STYLE_LAYERS,
    steps: int = 200,
    optimiser: str = "lbfgs",
    seed: int = 0,
    callback: Callback | None = None,
    *,
    size: tuple[int, int] | None = None,
    tv_weight: float = 0.0,
    lr: float = 0.05,
    device: torch.device | str | None = None,
) -> OptimisedPicture:
    """Look for a picture with the Gram matrices of ``image``, from noise: its manner without its layout.

    Args:
        image: ``(1, 3, H, W)`` in [-1, 1].
        layers: whose Gram matrices count.
        steps: see ``paint``; so are ``optimiser``, ``seed``, ``callback`` and ``lr``.
        size: height and width of the result; those of ``image`` if not given.
        tv_weight: of the total variation.
        device: where to work; that of ``image`` if not given.

    Returns:
        The best picture and the history. Each layer is in units of the squared norm of its own Gram matrix and the term
        is their mean, so that layers count alike and a black picture's features would cost about 1.

    Raises:
        DataError: if there is no such layer.
        ShapeError: see ``paint``.

    Source: Johnson et al. 2016, figure 4; Gatys, Ecker and Bethge 2015, "Texture Synthesis Using Convolutional Neural
        Networks", equation 4.
    """
    _check_picture("image", image)
    loss = PerceptualLoss(style_layers=layers, content_weight=0.0, style_weight=1.0, tv_weight=tv_weight, style=image)
    sizes = [max(float(gram.square().sum()), 1e-12) for gram in loss.grams.values()]
    loss.style_layer_weights = tuple(1.0 / (len(sizes) * one) for one in sizes)
    blank = torch.zeros(1, 3, *(size or image.shape[2:]), device=image.device)
    return paint(blank, loss.to(device or image.device), steps, optimiser, "noise", seed, callback, lr=lr)


def _check_picture(what: str, picture: Any) -> None:
    """Raise unless ``picture`` is ``(1, 3, H, W)``, float, finite and in [-1, 1] but for rounding."""
    if not isinstance(picture, Tensor):
        raise ShapeError(f"The {what} is {shown(picture)}: give a float tensor (1, 3, H, W) in [-1, 1].")
    if picture.dim() != 4 or picture.shape[:2] != (1, 3) or picture.numel() == 0:
        raise ShapeError(f"The {what} must be one picture (1, 3, H, W), not {tuple(picture.shape)}.")
    if not picture.is_floating_point():
        raise ShapeError(f"The {what} is {picture.dtype}: map bytes to floats in [-1, 1] with x / 127.5 - 1.")
    if not bool(picture.isfinite().all()):
        raise ShapeError(f"The {what} is not finite: give a picture without NaN and infinite values.")
    low, high = (float(one) for one in picture.detach().aminmax())
    if max(-low, high) > 1 + MARGIN:
        remedy = "map them with x / 127.5 - 1" if high > 2 and low >= 0 else "clamp them with x.clamp(-1, 1)"
        raise ShapeError(f"The {what} has values from {low:.4g} to {high:.4g} and not in [-1, 1]: {remedy}.")


class _Done(Exception):
    """All steps are done."""


class _Objective:
    """Looks at pictures: loss and gradient of each, all losses in a history, and the best picture.

    Args:
        content: on the device of the loss; its features are computed once.
        loss: the terms.
        steps: after how many evaluations to stop.
        style_index: which style.
        callback: called after each evaluation.
    """

    def __init__(
        self, content: Tensor, loss: PerceptualLoss, steps: int, style_index: int | None, callback: Callback | None
    ) -> None:
        self.loss, self.steps, self.style_index, self.callback = loss, steps, style_index, callback
        self.target = None if loss.content_layer is None else loss.content_features(content)
        self.history = History()
        self.best = content
        self.least = math.inf
        self.started = time.perf_counter()

    def evaluate(self, picture: Tensor) -> tuple[float, Tensor]:
        """Return the loss of ``(1, 3, H, W)`` and its gradient with respect to the pixels, and nothing else's."""
        picture = picture.detach().requires_grad_()
        terms = self.loss.terms(picture, content_features=self.target, style_index=self.style_index)
        total = torch.stack(list(terms.values())).sum()
        (gradient,) = torch.autograd.grad(total, picture)
        gradient = gradient.contiguous()  # VGG's is not, and fused Adam would pair each slope with another pixel
        numbers = torch.stack([total, *terms.values()]).tolist()
        value = numbers[0]
        if not math.isfinite(value):
            raise not_finite("loss", value, len(self.history) + 1)
        if value < self.least:
            self.least, self.best = value, picture.detach().clone()
        seconds = time.perf_counter() - self.started
        self.history.append(dict(zip(("loss", *terms), numbers, strict=True)), epoch=0, seconds=seconds)
        if self.callback is not None:
            self.callback(len(self.history), picture.detach())
        return value, gradient

    def evaluate_unless_done(self, picture: Tensor) -> tuple[float, Tensor]:
        """Do the same, or raise ``_Done`` where all steps are done."""
        if len(self.history) >= self.steps:
            raise _Done
        return self.evaluate(picture)


def _by_adam(objective: _Objective, start: Tensor, lr: float) -> None:
    pixels = torch.nn.Parameter(start.clone())
    optimiser = adam([pixels], lr)
    while True:
        _, pixels.grad = objective.evaluate_unless_done(pixels)
        optimiser.step()
        with torch.no_grad():
            pixels.clamp_(-1, 1)


def _by_lbfgs(objective: _Objective, start: Tensor) -> None:
    from scipy.optimize import Bounds, minimize

    def function(flat: Any) -> tuple[float, Any]:
        picture = torch.from_numpy(flat).to(start.device, torch.float32).view_as(start)
        value, gradient = objective.evaluate_unless_done(picture)
        return value, gradient.flatten().double().cpu().numpy()

    least = math.inf
    while True:  # the line search may fail by rounding: it begins anew from the best picture, unless that was in vain
        flat = objective.best.flatten().double().cpu().numpy()
        # no tolerances: it goes on as long as the loss falls
        options = {
            "maxiter": objective.steps,
            "maxfun": 2 * objective.steps + 20,
            "ftol": 0.0,
            "gtol": 0.0,
            "maxcor": 10,
        }
        minimize(function, flat, jac=True, method="L-BFGS-B", bounds=Bounds(-1, 1), options=options)
        if not objective.least < least:
            return
        least = objective.least
