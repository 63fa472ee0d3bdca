"""Pictures of any size through a trained network: padded to what it takes, in tiles where they are large, cut back."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.data.pixels import LUMA
from course_lib.errors import ShapeError
from course_lib.models.norms import Statistics
from course_lib.systems.directions import Pass, translation_of

MEMORY = 2_000_000_000
"""Bytes that one pass may take; the same on every machine, so that a picture is cut into the same tiles everywhere."""
_SMALL = 256  # pixels: no network takes too much memory for a square of this side
_PROBED = 64  # pixels: the side of the picture that a network's memory is measured with
_SAMPLED = 256  # pixels: the side of the squares that statistics of a large picture are taken from
_UNKNOWN_REACH = 64  # pixels, of a network that does not say
_UNKNOWN_NUMBERS = 128.0  # a pixel in its largest layer, of a network that cannot be looked at


@dataclass(frozen=True)
class Takes:
    """What a network takes, and what it makes of it.

    Args:
        channels: of the input.
        multiple: that height and width must be divisible by.
        smallest: height and width.
        factor: by which the output is larger than the input.
        grid: that the corner of a tile must be divisible by, for the tile to be treated like the whole.
        reach: how many pixels of the input lie at most between a place and what its output depends on, instance norm
            apart.
    """

    channels: int
    multiple: int
    smallest: int
    factor: int
    grid: int
    reach: int

    @classmethod
    def of(cls, system: Any, network: nn.Module | None) -> Takes:
        """Return what a network says of itself; what it does not say is that of a network that takes any size."""
        config = getattr(system, "config", None)
        multiple = getattr(network, "multiple", 1)
        return cls(
            channels=getattr(network, "in_channels", getattr(config, "x_channels", 3)),
            multiple=multiple,
            smallest=getattr(network, "smallest", 1),
            factor=getattr(network, "factor", 1),
            grid=getattr(network, "grid", multiple),
            reach=getattr(network, "reach", _UNKNOWN_REACH),
        )

    def side_for(self, side: int, in_tiles: bool = False) -> int:
        """Return the least side from ``side`` up that the network takes, or that tiles of it have."""
        multiple = self.grid if in_tiles else self.multiple
        return math.ceil(max(side, self.smallest) / multiple) * multiple

    def framed(self, side: int) -> int:
        """Return the side of the picture with its frame: none if it fits, and no narrow one around a large picture.

        What a network makes of the outermost places is coloured by the zeros beyond: that is to fall on the frame.
        """
        fits = self.side_for(side)
        return fits if fits in (side, self.multiple) else self.side_for(side + self.multiple)


def translate_any(
    system: Any,
    picture: Tensor,
    *,
    back: bool = False,
    style: int | str | Tensor | None = None,
    noise: bool = False,
    generator: torch.Generator | None = None,
    tile: int | None = None,
    progress: Callable[[int, int], Any] | None = None,
) -> Tensor:
    """Return the translation of one picture of any size, which ``System.translate`` has of some sizes only.

    The picture's edges go on outwards until the network takes it, and the output is cut back. Where one pass would
    take more than ``MEMORY``, the picture goes through in tiles that overlap. Each tile sees enough around it to give
    what the whole picture would have given, but for two things: instance norm takes mean and variance of the whole
    picture, which are then estimated from squares spread over it, the same for all tiles, so that there is no seam;
    and with ``tile`` less than about four times the network's reach a tile sees too little, and is blended with its
    neighbour.

    Args:
        system: with ``translate(x)`` or ``stylise(x)``, trained.
        picture: ``(C, H, W)`` floats in [-1, 1], grey or in colour; it is made grey for a network of grey pictures.
        back: go from y to x, where the system can (CycleGAN).
        style: the number of a painting, a part of its title, or weights of all ``(S,)``; for style transfer only.
        noise: draw noise, where the system has some; tiles draw each their own.
        generator: of the noise, on the CPU; torch's own if not given.
        tile: side in pixels of what goes through the network at once, rounded up to what it takes; None: as large as
            ``MEMORY`` allows.
        progress: called after each pass with the number of passes done and of all.

    Returns:
        ``(C', factor * H, factor * W)`` in [-1, 1] on the CPU; the factor is that of the network, usually 1.

    Raises:
        ShapeError: if the picture has another shape, type or range, or ``tile`` is no size.
        TrainingError: if the system translates no pictures, or not in the way that is asked for.
    """
    options: dict[str, Any] = {"back": back, "style": style, "noise": noise, "generator": generator}
    bands = list(translated_bands(system, picture, tile=tile, progress=progress, **options))
    return bands[0] if len(bands) == 1 else torch.cat(bands, dim=1)


def translated_bands(
    system: Any,
    picture: Tensor,
    *,
    tile: int | None = None,
    progress: Callable[[int, int], Any] | None = None,
    **options: Any,
) -> Iterator[Tensor]:
    """Yield what ``translate_any`` returns in bands from top to bottom, so that it need not be held as floats.

    Args:
        system: as ``translate_any`` takes it, and so are the others.
        picture: as there.
        tile: as there.
        progress: as there.
        options: ``back``, ``style``, ``noise`` and ``generator``.
    """
    run, network = translation_of(system, **options)
    quiet, _ = translation_of(system, **{**options, "noise": False, "generator": None})
    takes = Takes.of(system, network)
    _check(picture, tile)
    height, width = picture.shape[1:]
    device, f = system.device, takes.factor
    size = takes.framed(height), takes.framed(width)
    whole = size[0] * size[1] <= _SMALL * _SMALL if tile is None else tile >= max(size)
    if not whole:  # the side of the largest square that goes through in one pass
        most = int(math.sqrt(MEMORY / bytes_for(quiet, network, takes, device)))
        whole = tile is None and size[0] * size[1] <= most * most
    if not whole:
        size = takes.side_for(size[0], in_tiles=True), takes.side_for(size[1], in_tiles=True)
    top, left = ((padded - side) // 2 for padded, side in zip(size, (height, width), strict=True))
    padded = extended(fitted(picture, takes.channels), size)[None]
    if hasattr(system, "grained"):
        padded = system.grained(padded)  # of the whole: tiles must see the same grain where they overlap

    def passed(x: Tensor) -> Tensor:
        return run(x.to(device)).float().cpu()

    if whole:
        output = passed(padded)[0]
        if progress:
            progress(1, 1)
        yield output[:, f * top : f * (top + height), f * left : f * (left + width)].clone()
        return
    side = takes.side_for(most - takes.grid + 1 if tile is None else tile, in_tiles=True)
    rows, columns = (Spans.over(length, side, takes) for length in size)
    statistics = Statistics(network)
    with statistics:
        if statistics.found:
            statistics.take()
            quiet(squares(padded, takes, most).to(device))
            statistics.hold()
        begin, end = f * top, f * (top + height)
        done, total = 0, len(rows.starts) * len(columns.starts)

        def strip(row: int) -> Tensor:
            nonlocal done
            parts = []
            for column in columns.starts:
                parts.append(passed(padded[:, :, row : row + rows.side, column : column + columns.side])[0])
                done += 1
                if progress:
                    progress(done, total)
            joined = torch.cat(list(columns.joined(iter(parts), f, dim=2)), dim=2)
            return joined[:, :, f * left : f * (left + width)]

        at = 0
        for band in rows.joined(map(strip, rows.starts), f, dim=1):
            first, last = max(begin - at, 0), min(end - at, band.shape[1])
            at += band.shape[1]
            if first < last:
                yield band[:, first:last].clone()


@dataclass(frozen=True)
class Spans:
    """Tiles along one axis of a padded picture, and where each gives way to the next.

    Args:
        starts: the first pixel of each tile.
        side: of a tile.
        border: pixels before the end of a tile where the next one takes its place.
        ramp: pixels before and after that place over which the two are blended.
    """

    starts: tuple[int, ...]
    side: int
    border: int
    ramp: int

    @classmethod
    def over(cls, length: int, side: int, takes: Takes) -> Spans:
        """Cover ``length`` pixels by tiles that overlap by twice the reach, or by half of a small tile."""
        if length <= side:
            return cls((0,), length, 0, 0)
        border = math.ceil((takes.reach + 1) / takes.grid) * takes.grid
        if border > side // 4:
            border = side // 4 // takes.grid * takes.grid or side // 4
        step = side - 2 * border
        count = math.ceil((length - 2 * border) / step)
        starts = tuple(min(number * step, length - side) for number in range(count))
        return cls(starts, side, border, border - takes.reach if border > takes.reach else border)

    def joined(self, tiles: Iterator[Tensor], factor: int, dim: int) -> Iterator[Tensor]:
        """Yield the pieces, one after the other, of what the tiles make together along an axis of ``(C, H, W)``."""
        ramp = self.ramp * factor
        rising = torch.sin((torch.arange(2 * ramp) + 0.5) / (2 * ramp or 1) * math.pi / 2).square()
        rising = rising.view(-1, *[1] * (2 - dim))
        fading: Tensor | None = None
        begin = 0  # in pixels of the whole output
        for number, (start, tile) in enumerate(zip(self.starts, tiles, strict=True)):
            offset = start * factor
            if fading is not None:
                yield fading + rising * tile.narrow(dim, begin - offset, 2 * ramp)
                begin += 2 * ramp
            if number + 1 == len(self.starts):
                yield tile.narrow(dim, begin - offset, offset + tile.shape[dim] - begin)
                return
            middle = factor * (start + self.side - self.border)
            yield tile.narrow(dim, begin - offset, middle - ramp - begin)
            begin = middle - ramp
            fading = (1 - rising) * tile.narrow(dim, begin - offset, 2 * ramp)


def fitted(picture: Tensor, channels: int) -> Tensor:
    """Return a picture ``(C, H, W)`` with as many channels as a network takes: its luma, or grey three times.

    Raises:
        ShapeError: if neither is of use.
    """
    have = picture.shape[0]
    if have == channels:
        return picture
    if (have, channels) == (3, 1):
        return (picture * torch.tensor(LUMA, dtype=picture.dtype).view(3, 1, 1)).sum(0, keepdim=True)
    if (have, channels) == (1, 3):
        return picture.expand(3, -1, -1)
    raise ShapeError(f"The picture has {have} channels and this network takes {channels}: give it what it takes.")


def extended(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """Return a picture whose edges go on outwards until it has a size; the picture itself is in the middle.

    A reflected edge would bring a second drawing into the frame, and what was white would not stay so; a white frame
    would be an edge that no photograph has.

    Args:
        picture: ``(C, H, W)``.
        size: height and width, of at least those of the picture.
    """
    for dim, wanted in zip((1, 2), size, strict=True):
        length = picture.shape[dim]
        if wanted > length:
            place = torch.arange(wanted) - (wanted - length) // 2
            picture = picture.index_select(dim, place.clamp(0, length - 1))
    return picture


def squares(padded: Tensor, takes: Takes, side: int) -> Tensor:
    """Return squares spread evenly over a picture, from which its statistics are taken, or all of it if it is small.

    Args:
        padded: ``(1, C, H, W)``.
        takes: of the network.
        side: of a square with as many pixels as may be taken in all.

    Returns:
        ``(N, C, h, w)``.
    """
    sizes = padded.shape[2:]
    if sizes[0] * sizes[1] <= side * side:
        return padded
    h, w = (min(takes.side_for(_SAMPLED), length) for length in sizes)
    most = max(1, side * side // (h * w))
    rows = min(max(1, int(math.sqrt(most * sizes[0] / sizes[1]))), math.ceil(sizes[0] / h), most)
    columns = min(max(1, most // rows), math.ceil(sizes[1] / w))
    tops, lefts = (
        [round((length - part) * (number + 0.5) / count) for number in range(count)]
        for length, part, count in zip(sizes, (h, w), (rows, columns), strict=True)
    )
    return torch.cat([padded[:, :, top : top + h, left : left + w] for top in tops for left in lefts])


def bytes_for(run: Pass, network: nn.Module | None, takes: Takes, device: torch.device) -> float:
    """Return about how many bytes a pass takes for each pixel of the input, measured on a small picture.

    Twice what the layer with most numbers takes and gives: as much again is in use around it.
    """
    largest = 0

    def note(_: nn.Module, inputs: Any, output: Any) -> None:
        nonlocal largest
        numbers = [value.numel() for value in (*inputs, output) if isinstance(value, Tensor)]
        largest = max(largest, sum(numbers))

    leaves = [module for module in network.modules() if not any(module.children())] if network is not None else []
    hooks = [module.register_forward_hook(note) for module in leaves]
    side = takes.side_for(_PROBED)
    try:
        run(torch.zeros(1, takes.channels, side, side, device=device))
    finally:
        for hook in hooks:
            hook.remove()
    return 2 * 4 * (largest / (side * side) if leaves else _UNKNOWN_NUMBERS)


def _check(picture: Any, tile: Any) -> None:
    if not isinstance(picture, Tensor) or picture.dim() != 3 or not picture.is_floating_point() or not picture.numel():
        got = f"{picture.dtype} {tuple(picture.shape)}" if isinstance(picture, Tensor) else type(picture).__name__
        raise ShapeError(f"The picture is {got}: give floats (C, H, W) in [-1, 1], such as normalise(bytes).")
    low, high = picture.aminmax()
    if not (low >= -1.001 and high <= 1.001):  # NaN is neither
        raise ShapeError("The picture has values outside [-1, 1]: give what normalise(bytes) returns.")
    if tile is not None and (isinstance(tile, bool) or not isinstance(tile, int) or tile < 1):
        raise ShapeError(f"tile is {tile!r}: give a whole number of pixels, at least 1.")
