"""How a figure leaves the house: as a small file, whole, once, and with a text for those who cannot see it."""

from __future__ import annotations

import io
import math
import sys
from typing import TYPE_CHECKING, Any

from course_lib.arguments import check_count
from course_lib.errors import CourseError
from course_lib.plotting import told_apart
from course_lib.plotting.style import CSS_DPI, JPEG_QUALITY, PNG_DPI, apply_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray
    from PIL.Image import Image

# A palette would be seen beyond these errors (of 255): on average, in all but a thousandth of the pixels, in any pixel.
_MANY_COLOURS = 10_000  # more are a photograph, or many drawings: not worth trying
_MEAN_ERROR, _USUAL_ERROR, _LARGEST_ERROR = 0.5, 10, 48
_SHARE = 0.4  # a colour of a drawing counts by its pixels to this power
_SAMPLED = 100_000  # pixels that a palette is taken from: more of them cost seconds, and choose no better


def show(
    figure: Figure, alt: str, width: int | None = None, palette: bool | None = None, *, photo: bool = False
) -> None:
    """Show a figure in the notebook, with its text, and close it.

    Args:
        figure: any matplotlib figure.
        alt: what the figure shows, in a sentence or two, for those who cannot see it. Say what is to be seen, with
            its figures, not that it is a plot.
        width: on the page, in CSS pixels; None: 100 for each inch.
        palette: as for :func:`to_png`.
        photo: as a JPEG, which photographs and paintings fit into with all their colours in half the bytes.

    Raises:
        CourseError: if the text is missing, or this is no figure.
    """
    from IPython.display import display

    data, metadata = mime_bundle(figure, alt, width, palette, photo=photo)
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close(figure)  # or the notebook would show it again at the end of the cell
    display(data, metadata=metadata, raw=True)


def mime_bundle(
    figure: Figure,
    alt: str,
    width: int | None = None,
    palette: bool | None = None,
    *,
    photo: bool = False,
    quick: bool = False,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what ``show`` displays: the data and metadata of a notebook output.

    Args: as for :func:`show`, and
        quick: in a quarter of the time, as a PNG with the same pixels in all their colours, several times as large:
            for pictures that follow a slider and are kept nowhere.

    Raises:
        CourseError: if the text is missing, or this is no figure.
    """
    if not isinstance(alt, str) or len(alt.split()) < 3:
        raise CourseError('A figure needs a text for those who cannot see it: say what it shows in alt="...".')
    if width is not None:
        check_count(width, "width")
    alt = " ".join(alt.split())
    if photo:
        picture = _drawn(figure)
        buffer = io.BytesIO()
        picture.save(buffer, format="JPEG", quality=JPEG_QUALITY, optimize=True)
        kind, file, across = "image/jpeg", buffer.getvalue(), picture.width
    else:
        kind, file = "image/png", _quick_png(figure) if quick else to_png(figure, palette)
        across = _size_of(file)[0]
    shown = width or round(across * CSS_DPI / _dpi(figure))
    return {kind: file, "text/plain": alt}, {kind: {"alt": alt, "width": shown}, "alt": alt}


def to_png(figure: Figure, palette: bool | None = None) -> bytes:
    """Return a figure as a PNG: the same bytes each time, no text cut off, as small as it gets without visible loss.

    Pictures with few colours get a palette; the error is measured, and where it could be seen they keep all colours. A
    figure may say by an attribute ``few_colours`` how many it needs, as drawings by ``diagram`` do.

    Args:
        figure: any matplotlib figure.
        palette: None: a palette where its loss cannot be seen; True: always (a third of the size for a large grid of
            pictures); False: never.

    Raises:
        CourseError: if it is no figure.
    """
    return _small_png(_drawn(figure), palette, getattr(figure, "few_colours", 256))


def _quick_png(figure: Figure) -> bytes:
    """Return a figure as a PNG, drawn once if nothing has to be laid out, and as others are if text leaves it."""
    import numpy as np
    import PIL.Image
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    _check(figure)
    canvas: Any = figure.canvas
    picture = None
    if isinstance(canvas, FigureCanvasAgg) and _dpi(figure) == figure.dpi:
        laid_out = figure.get_layout_engine() is not None  # a layout settles in the second drawing
        whole = laid_out and _whole(figure, figure.dpi) is None
        canvas.draw()
        if whole or (not laid_out and _beyond(figure, figure.dpi) is None):
            picture = _on_paper(PIL.Image.fromarray(np.asarray(canvas.buffer_rgba())))
    picture = picture or _drawn(figure)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()


def _check(figure: Figure) -> None:
    from matplotlib.figure import Figure

    if not isinstance(figure, Figure):
        raise CourseError(f"This is a {type(figure).__name__} and no figure: give one, such as plotting.subplots()[0].")
    apply_style()
    told_apart.check(figure)


def _drawn(figure: Figure) -> Image:
    """Return a figure as a picture in RGB on white paper."""
    import PIL.Image

    _check(figure)
    dpi = _dpi(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, bbox_inches=_whole(figure, dpi))
    return _on_paper(PIL.Image.open(buffer))


def _on_paper(picture: Image) -> Image:
    import PIL.Image

    if picture.mode == "RGBA":
        paper = PIL.Image.new("RGBA", picture.size, "white")
        picture = PIL.Image.alpha_composite(paper, picture)
    return picture.convert("RGB")


def _dpi(figure: Figure) -> float:
    """Our figures know their resolution; those of pyplot have that of the screen."""
    return float(max(figure.dpi, PNG_DPI)) if hasattr(figure, "number") else float(figure.dpi)


def _whole(figure: Figure, dpi: float) -> Any:
    """Return None if all that is drawn lies inside the figure, else the box that holds it (inches, whole pixels)."""
    figure.draw_without_rendering()
    return _beyond(figure, dpi)


def _beyond(figure: Figure, dpi: float) -> Any:
    """Return the same as :func:`_whole` for a figure that has been laid out."""
    from matplotlib.transforms import Bbox

    drawn, page = figure.get_tightbbox(), figure.bbox_inches
    tolerance = 0.5 / dpi
    sides = (page.x0 - drawn.x0, page.y0 - drawn.y0, drawn.x1 - page.x1, drawn.y1 - page.y1)
    if max(sides) <= tolerance:
        return None
    left, bottom, right, top = (math.ceil((side + 0.06) * dpi) / dpi if side > tolerance else 0.0 for side in sides)
    return Bbox.from_extents(page.x0 - left, page.y0 - bottom, page.x1 + right, page.y1 + top)


def _small_png(picture: Image, palette: bool | None, colours: int = 256) -> bytes:
    if colours < 256:
        picture = _quantised(picture, colours)
    elif palette is not False:
        few = _with_palette(picture, forced=palette is True)
        picture = picture if few is None else few
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)  # the same pixels in a twentieth less
    return buffer.getvalue()


def _quantised(picture: Image, colours: int) -> Image:
    """Return a drawing of a few plain colours in as many, those of its smooth edges included."""
    from PIL import Image

    return picture.quantize(colours, method=Image.Quantize.MEDIANCUT, kmeans=1, dither=Image.Dither.NONE)


def _with_palette(picture: Image, forced: bool) -> Image | None:
    """Return the picture in 256 colours, or None if that would be seen."""
    import numpy as np

    if not forced and picture.getcolors(_MANY_COLOURS) is None:
        return None
    few = _painted_with(_palette_of(picture), picture)
    error = np.abs(np.asarray(few.convert("RGB"), dtype=np.int16) - np.asarray(picture, dtype=np.int16))
    worst = error.max(axis=2)
    unusual = np.count_nonzero(worst > _USUAL_ERROR)
    unseen = error.mean() <= _MEAN_ERROR and unusual <= worst.size / 1000 and worst.max() <= _LARGEST_ERROR
    return few if forced or unseen else None


def _palette_of(picture: Image) -> NDArray[Any]:
    """Return at most 256 colours, ``(K, 3)``: all, or those that fit a sample of the pixels, and white and black."""
    import numpy as np

    if few := picture.getcolors(256):
        return np.array([colour for _, colour in few])
    if drawn := picture.getcolors(_MANY_COLOURS):  # a drawing: each colour once and more, or thin lines would be lost
        counts, shades = (np.array(part) for part in zip(*drawn, strict=True))
        return _fitted(np.repeat(shades, np.maximum(1, counts**_SHARE).astype(int), axis=0)[None])
    pixels = np.asarray(picture).reshape(-1, 3)
    step = math.ceil(len(pixels) / _SAMPLED)
    while math.gcd(step, picture.width) > 1:  # else some columns would never be seen, and with them a thin line
        step += 1
    return _fitted(pixels[None, ::step])


def _fitted(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return 254 colours that fit pixels ``(1, N, 3)``, and white and black."""
    import numpy as np
    from PIL import Image

    sample = Image.fromarray(np.ascontiguousarray(pixels, dtype=np.uint8))
    fitted = sample.quantize(254, method=Image.Quantize.MEDIANCUT, kmeans=1, dither=Image.Dither.NONE)
    colours = np.array(fitted.getpalette()).reshape(-1, 3)[:254]
    return np.concatenate([colours, [[255, 255, 255], [0, 0, 0]]])


def _painted_with(colours: NDArray[Any], picture: Image) -> Image:
    """Return the picture with each pixel in the nearest of the colours, exactly; Pillow's own search is rougher."""
    import numpy as np
    from PIL import Image

    red, green, blue = np.moveaxis(np.asarray(picture, dtype=np.int32), 2, 0)
    number = (red << 16) + (green << 8) + blue
    seen = np.zeros(1 << 24, dtype=bool)
    seen[number] = True
    present = np.flatnonzero(seen)
    values = np.stack([present >> 16, present >> 8 & 255, present & 255], axis=1).astype(np.float32)
    palette = colours.astype(np.float32)
    nearest = np.zeros(1 << 24, dtype=np.uint8)
    for start in range(0, len(present), 1 << 16):  # |v - p|^2 is least where |p|^2 / 2 - v p is
        part = slice(start, start + (1 << 16))
        nearest[present[part]] = ((palette**2).sum(1) / 2 - values[part] @ palette.T).argmin(1)
    few = Image.fromarray(nearest[number])
    few.putpalette(colours.astype(np.uint8).tobytes())
    return few


def _size_of(png: bytes) -> tuple[int, int]:
    """Read width and height from a PNG's header."""
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")
