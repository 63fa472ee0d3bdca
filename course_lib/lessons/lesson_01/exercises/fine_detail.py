"""Exercise 01.6: the share of fine detail in a picture, from its spectrum."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.exercises.exercise import Case, Exercise, Mistake


def fine_detail(images: torch.Tensor) -> torch.Tensor:
    """Return the share of each picture's spectral energy that lies in the upper half of the frequencies.

    Args:
        images: float32, shape (N, H, W), grey pictures that are not of one constant grey.

    Returns:
        Shape (N,), from 0 to 1: the energy (squared magnitude of the Fourier transform) at radial frequencies
        above half of the Nyquist frequency, that is above 0.25 cycles per pixel, divided by the energy at all
        frequencies but zero.
    """
    height, width = images.shape[1:]
    images = images - images.mean(dim=(1, 2), keepdim=True)  # frequency zero is the mean grey
    energy = torch.fft.fft2(images).abs().square()
    vertical = torch.fft.fftfreq(height).view(-1, 1)
    horizontal = torch.fft.fftfreq(width).view(1, -1)
    radius = (vertical**2 + horizontal**2).sqrt()  # cycles per pixel
    return energy[:, radius > 0.25].sum(dim=1) / energy.sum(dim=(1, 2))


def _cases() -> list[Case]:
    draw = torch.Generator().manual_seed(0)

    def images(*shape: int) -> Tensor:
        return torch.rand(shape, generator=draw) * 2 - 1

    ramp = torch.linspace(-1, 1, 14).view(1, 1, 14).expand(1, 14, 14).contiguous()
    smooth = torch.nn.functional.avg_pool2d(images(3, 1, 20, 24), 3, stride=1)[:, 0]  # (3, 18, 22)
    smooth[1] += 0.5
    board = ((torch.arange(10).view(-1, 1) + torch.arange(10)) % 2).float().view(1, 10, 10)
    return [
        Case("two pictures of noise", images(2, 10, 10)),
        Case("bright pictures that are not square", images(3, 9, 14) * 0.3 + 0.6),
        Case("three smooth pictures", smooth),
        Case("a ramp from black to white", ramp),
        Case("a chessboard of single pixels", board),
        # 8 and 16 have frequencies at exactly 0.25, in the arithmetic of floats too.
        Case("two pictures with waves at the limit itself", images(2, 8, 16)),
    ]


def _variant(
    *,
    centred: bool = True,
    power: float = 2.0,
    limit: float = 0.25,
    radius: Callable[[Tensor, Tensor], Tensor] = torch.hypot,
    below: bool = False,
    reached: bool = False,
    shift: bool = False,
    half: bool = False,
    total: bool = False,
    divide: bool = True,
    counted: bool = False,
) -> Callable[[Tensor], Tensor]:
    def answer(images: Tensor) -> Tensor:
        height, width = images.shape[1:]
        if centred:
            images = images - images.mean(dim=(1, 2), keepdim=True)
        spectrum = torch.fft.rfft2(images) if half else torch.fft.fft2(images)
        horizontal = torch.fft.rfftfreq(width) if half else torch.fft.fftfreq(width)
        vertical = torch.fft.fftfreq(height)
        if counted:
            vertical, horizontal = torch.arange(height) / height, torch.arange(width) / width
        energy = spectrum.abs() ** power
        energy = torch.fft.fftshift(energy, dim=(1, 2)) if shift else energy
        frequency = radius(vertical.view(-1, 1), horizontal.view(1, -1))
        high = frequency >= limit if reached else frequency > limit
        high = ~high if below else high
        if total:
            return energy[:, high].sum() / energy.sum()
        top = energy[:, high].sum(dim=1)
        return top / energy.sum(dim=(1, 2)) if divide else top

    return answer


def _variant_with(change: Callable[[Tensor], Tensor], **options: bool) -> Callable[[Tensor], Tensor]:
    return lambda images: _variant(**options)(change(images))  # type: ignore[arg-type]


def _windowed(images: Tensor) -> Tensor:
    height, width = images.shape[1:]
    window = torch.hann_window(height).view(-1, 1) * torch.hann_window(width)
    return (images - images.mean(dim=(1, 2), keepdim=True)) * window


def _of_one_side(images: Tensor) -> Tensor:
    height, width = images.shape[1:]
    images = images - images.mean(dim=(1, 2), keepdim=True)
    energy = torch.fft.fft2(images).abs().square()
    radius = torch.hypot(torch.fft.fftfreq(height).view(-1, 1), torch.fft.fftfreq(width) * width / height)
    return energy[:, radius > 0.25].sum(dim=1) / energy.sum(dim=(1, 2))


def _over_the_batch(images: Tensor) -> Tensor:
    radius = torch.hypot(*torch.meshgrid(*map(torch.fft.fftfreq, images.shape[1:]), indexing="ij"))
    energy = torch.fft.fftn(images).abs().square()
    energy[:, 0, 0] = 0
    return energy[:, radius > 0.25].sum(dim=1) / energy.sum(dim=(1, 2))


FINE_DETAIL = Exercise(
    id="01.6",
    title="A measure of sharpness",
    kind="open extension",
    trains="the spectrum of a picture",
    minutes=25,
    level=3,
    optional=True,
    task="""
        A blurred picture lacks high frequencies. Measure that: `fine_detail(images)` returns, for each grey picture of
        shape (H, W), the share of its spectral energy at radial frequencies above half of the Nyquist frequency
        (0.25 cycles per pixel), with frequency zero, the mean grey, left out. Then use it: apply it to the target, the
        outputs of regression and those with an adversary (averaged over the colour channels), and divide by the
        target's share. Which output is too smooth, and is any of them sharper than the truth? (The lesson's own figure
        takes the cosine transform, which continues a picture by its mirror image. On which pictures does that matter?)
    """,
    reference=fine_detail,
    cases=_cases,
    mistakes=(
        Mistake(
            "Frequency zero is still in: it is the mean grey, so that a brighter picture counts as less sharp. "
            "Subtract each picture's mean first.",
            _variant(centred=False),
        ),
        Mistake(
            "You added up magnitudes. Energy is the squared magnitude.",
            _variant(power=1.0),
        ),
        Mistake(
            "You took the share below the limit. Fine detail is above it.",
            _variant(below=True),
        ),
        Mistake(
            "You count the waves at exactly 0.25 cycles per pixel too: above the limit means `>`, not `>=`.",
            _variant(reached=True),
        ),
        Mistake(
            "Half of the Nyquist frequency is 0.25 cycles per pixel: Nyquist is 0.5, one cycle in two pixels.",
            _variant(limit=0.5),
        ),
        Mistake(
            "You shifted the spectrum but not the frequencies, so that they no longer belong together. "
            "Shift both with `fftshift`, or neither.",
            _variant(shift=True),
        ),
        Mistake(
            "`rfft2` keeps one half of the spectrum, and all but its first (and last) column stand for two. "
            "Use `fft2`, or count those columns twice.",
            _variant(half=True),
        ),
        Mistake(
            "You counted the frequencies from 0 up to nearly 1. Beyond the middle of the spectrum they are negative, "
            "small ones at the end: `torch.fft.fftfreq` knows.",
            _variant(counted=True),
        ),
        Mistake(
            "You tested the two directions one by one. The radial frequency is the root of the sum of their squares.",
            _variant(radius=lambda v, h: torch.maximum(v.abs(), h.abs())),
            _variant(radius=lambda v, h: torch.minimum(v.abs(), h.abs())),
        ),
        Mistake(
            "You added the two frequencies. The radial frequency is the root of the sum of their squares.",
            _variant(radius=lambda v, h: v.abs() + h.abs()),
        ),
        Mistake(
            "You put all pictures of the batch together. Return one share for each picture.",
            _variant(total=True),
        ),
        Mistake(
            "You returned the energy itself, which grows with the contrast. Divide by the energy at all frequencies.",
            _variant(divide=False),
        ),
        Mistake(
            "You cut the pictures to squares. Take all of each picture: a side has its own frequencies.",
            lambda images: fine_detail(images[:, : min(images.shape[1:]), : min(images.shape[1:])]),
        ),
        Mistake(
            "Both frequencies are in units of one side. Cycles per pixel are counted along each side for itself: "
            "`fftfreq(H)` and `fftfreq(W)`.",
            _of_one_side,
        ),
        Mistake(
            "The transform runs over the batch too. Take it over the last two axes: `fft2`, not `fftn`.",
            _over_the_batch,
        ),
        Mistake(
            "You subtracted one mean for the whole batch. Each picture has its own mean grey.",
            _variant_with(lambda images: images - images.mean(), centred=False),
        ),
        Mistake(
            "You faded the picture out at its borders with a window. The share asked for is of the picture as it is.",
            _variant_with(_windowed),
        ),
    ),
    hints=(
        "Which frequency does each entry of `torch.fft.fft2(images)` belong to? `torch.fft.fftfreq` knows.",
        "`fftfreq(H)` and `fftfreq(W)`, as a column and a row, give the radial frequency of every entry by Pythagoras.",
        "Subtract the mean, square `fft2(...).abs()`, and divide the sum at radii above 0.25 by the whole sum.",
    ),
    why="the squared magnitudes add up to the picture's variance, and the mask counts the part of it in fine detail.",
)
