"""A file that somebody gives becomes a picture, or a sentence that says why not: the one reader of such files.

    from course_lib.data.reading import open_picture, read_picture

    pixels = read_picture("holiday.jpg", longest=384)  # (3, H, W) bytes, upright, the longer side at most 384
    opened = open_picture(path, channels=1, enough=64)  # a Pillow picture, to be cropped and resized at will

``PictureError`` is what both raise: ``name``, ``why`` and ``remedy`` apart, and together as one sentence.
"""

from __future__ import annotations

import io
import os
import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from course_lib.asked import is_number, is_whole, shown
from course_lib.data.decoding import plain
from course_lib.errors import DataError, ShapeError

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

MOST_PIXELS = 60_000_000  # what a telephone takes, and 250 MB as colours
HUNGRY = ("WEBP", "AVIF", "HEIF")  # decoders that hold several copies of the picture: half as many
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")  # HEIF with a plug-in for Pillow
KNOWN = "JPEG, PNG, WebP, GIF, BMP or TIFF"
ANIMATED = ("GIF", "PNG", "WEBP", "AVIF")
HEIC = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"heif", b"mif1", b"msf1")
NOT_READ = (  # how a file begins, what it is, and what it had better be
    (b"%PDF", "PDF", "PNG"),
    (b"%!PS", "PostScript", "PNG"),
    (b"<svg", "SVG", "PNG"),
    (b"8BPS", "of Photoshop", "PNG"),
    (b"\xff\x0a", "JPEG XL", "JPEG"),
    (b"\0\0\0\x0cJXL ", "JPEG XL", "JPEG"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000", "JPEG"),
)


class PictureError(DataError):
    """A file is no picture that can be used.

    Args:
        name: what the sentence begins with, such as the file's name.
        why: the fault, such as ``"is cut off or damaged"``.
        remedy: what to do about it.
    """

    def __init__(self, name: str, why: str, remedy: str) -> None:
        super().__init__(f"{name} {why}: {remedy}.")
        self.name, self.why, self.remedy = name, why, remedy

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.name, self.why, self.remedy)


@dataclass(frozen=True, eq=False)
class Opened:
    """A picture that could be read.

    Args:
        image: a Pillow picture in mode L or RGB, upright, perhaps smaller than the file's.
        size: width and height of the whole picture, upright.
        notes: what was decided for it, for example ``"only the first of its 3 frames was taken"``.
    """

    image: Picture
    size: tuple[int, int]
    notes: list[str] = field(default_factory=list)


def read_picture(
    source: str | os.PathLike[str] | bytes,
    *,
    channels: int = 3,
    longest: int | None = None,
    white: float | None = None,
    name: str | None = None,
) -> Tensor:
    """Read one picture as bytes, upright and in sRGB, with its proportions kept.

    Args:
        source: the path of a file, or the bytes of one.
        channels: 3 for colours, 1 for grey.
        longest: the longer side of the result in pixels, at most; smaller pictures stay as they are.
        white: the value of 16-bit grey that counts as white; ``None`` guesses, see ``open_picture``.
        name: what a message calls the picture; ``None`` is the file's name.

    Returns:
        ``(channels, H, W)`` uint8.

    Raises:
        DataError: if ``channels``, ``longest`` or ``white`` cannot be.
        PictureError: if there is no such file, or it is no picture that can be used.
    """
    if longest is not None:
        longest = _whole("longest", longest)
    opened = open_picture(source, channels=channels, enough=longest, white=white, name=name)
    return to_tensor(shrunk(opened, longest) if longest else opened.image)


def open_picture(
    source: str | os.PathLike[str] | bytes,
    *,
    channels: int = 3,
    enough: int | None = None,
    white: float | None = None,
    name: str | None = None,
) -> Opened:
    """Read one picture with Pillow: upright, without palette, transparency or profile, as grey or colours of 8 bits.

    It is turned as its EXIF data say. What is transparent becomes white; a colour profile is converted to sRGB; of an
    animation the first frame is taken. 16-bit grey is brought to 8 bits with 65,535 as white, or with 4,095 or 255 if
    no value is greater (12 or 8 bits, stored in 16); floating grey with the greatest value above 1. The file's size in
    pixels is looked at before anything is decoded: at most 60 million, 30 million of WebP and AVIF, and of a JPEG those
    of the size that it is decoded at.

    Args:
        source: the path of a file, or the bytes of one.
        channels: 3 for colours, 1 for grey.
        enough: the side in pixels that the picture will be brought to: it is then read at a size that has at least
            twice as many on its shorter side, where the file has, which takes less time and memory. ``None`` reads
            it whole.
        white: the value of 16-bit or floating grey that counts as white; ``None`` guesses as above.
        name: what a message calls the picture; ``None`` is the file's name.

    Returns:
        The picture, its whole size and notes.

    Raises:
        DataError: if ``channels``, ``enough`` or ``white`` cannot be.
        PictureError: if there is no such file, or it is no picture that can be used.
    """
    check_channels("channels", channels)
    if enough is not None:
        enough = _whole("enough", enough)
    check_white(white)
    if isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source)
        return _decoded(io.BytesIO(data), len(data), name, channels, enough, white)
    if not isinstance(source, (str, os.PathLike)):
        kind = type(source).__name__
        raise DataError(
            f"The picture is of type {kind}: give the path of a file, or its bytes, such as Path(...).read_bytes()."
        )
    path = Path(os.path.expanduser(source))
    called = name or printable(path.name or str(path))
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise PictureError(called, "is a folder", "give a file")
        if not stat.S_ISREG(found.st_mode):  # a pipe would be waited for without end
            raise PictureError(called, "is no file", "give the file of a picture")
        with path.open("rb") as file:
            return _decoded(file, found.st_size, called, channels, enough, white)
    except PermissionError as error:
        raise PictureError(called, "may not be read", "change its permissions, or choose another") from error
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
        if isinstance(error, FileNotFoundError) and path.is_symlink():
            raise PictureError(called, "is a link to a file that is not there", "mend the link") from error
        if isinstance(error, (FileNotFoundError, NotADirectoryError, ValueError)):
            raise PictureError(called, "does not exist", "check the path") from error
        raise PictureError(called, f"cannot be read ({error.strerror})", "choose another") from error


def check_channels(what: str, channels: Any) -> None:
    """Raise unless a number of channels is 3 or 1.

    Raises:
        DataError: if it is not; the message begins with ``what``.
    """
    if not is_whole(channels) or channels not in (1, 3):
        raise DataError(f"{what} is {shown(channels)}: give 3 for colours or 1 for grey.")


def check_white(white: Any) -> None:
    """Raise unless a value can count as the white of 16-bit or floating grey, or is ``None``.

    Raises:
        DataError: if it cannot.
    """
    if white is not None and not (is_number(white) and 0 < white < 2**32):
        raise DataError(f"white is {shown(white)}: give the value that counts as white, for example 4095, or None.")


def printable(name: str) -> str:
    """Return a file's name as it can stand in a sentence: what cannot be printed becomes a mark."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name)


def shrunk(opened: Opened, longest: int) -> Picture:
    """Return a picture whose longer side has at most ``longest`` pixels, with the proportions of the file."""
    from PIL import Image

    factor = longest / max(opened.size)
    if factor >= 1:
        return opened.image
    width, height = (max(1, round(side * factor)) for side in opened.size)
    return opened.image.resize((width, height), Image.Resampling.LANCZOS)


def to_tensor(image: Picture) -> Tensor:
    """Return a Pillow picture in mode L or RGB as ``(1, H, W)`` or ``(3, H, W)`` uint8.

    Raises:
        ShapeError: if it is in another mode.
    """
    if image.mode not in ("L", "RGB"):
        raise ShapeError(f"to_tensor takes pictures in mode L or RGB, not {image.mode}: convert it first.")
    pixels = torch.from_numpy(np.array(image))
    return pixels[None] if pixels.ndim == 2 else pixels.permute(2, 0, 1).contiguous()


def _decoded(
    file: IO[bytes], length: int, name: str | None, channels: int, enough: int | None, white: float | None
) -> Opened:
    """Look at a file's beginning, then at its size, and only then decode it."""
    from PIL import Image, UnidentifiedImageError

    here = name or "This picture"
    if length == 0:
        raise PictureError(name or "This file", "is empty", "choose a picture")
    start = file.read(512)
    file.seek(0)
    Image.init()
    _refuse_others(start, name or "This file", heic="HEIF" in Image.OPEN)
    formats = [one for one in FORMATS if one in Image.OPEN]  # no others: some of them start programs
    with quietly():
        try:
            image: Picture = Image.open(file, formats=formats)
            whole, smooth = image.size, _smooth_jpeg(image)
            if enough:
                image.draft(None, (2 * enough, 2 * enough))  # a JPEG is read at a half, a quarter or an eighth
        except UnidentifiedImageError as error:
            raise PictureError(name or "This file", "is no picture that can be read", f"choose {KNOWN}") from error
        except Image.DecompressionBombError as error:
            raise _too_many(here, "far too many", MOST_PIXELS) from error
        except Exception as error:  # Pillow has no common error for what a broken file can do to it
            raise _damaged(here) from error
        looked_at = image.size if smooth else whole
        most = MOST_PIXELS // 2 if image.format in HUNGRY else MOST_PIXELS
        if looked_at[0] * looked_at[1] > most:
            raise _too_many(here, f"{whole[0]:,} × {whole[1]:,}", most)
        try:
            stored = image.size
            image.load()
            factor = max(1, min(image.size) // (2 * enough)) if enough else 1
            drawn, swapped, notes = plain(image, channels, factor, white)
        except MemoryError as error:
            raise PictureError(
                here, f"has {whole[0]:,} × {whole[1]:,} pixels, more than fit in memory", "make it smaller first"
            ) from error
        except Exception as error:
            raise _damaged(here) from error
        swapped = swapped or image.size != stored  # a TIFF is turned by Pillow itself
        return Opened(drawn, whole[::-1] if swapped else whole, [*_frames(image), *notes])


def _smooth_jpeg(image: Picture) -> bool:
    """Tell whether only the size that a picture is decoded at takes memory: true of a JPEG that is not progressive."""
    return image.format in ("JPEG", "MPO") and not image.info.get("progressive")


def _frames(image: Picture) -> list[str]:
    """Say so if a file holds more than the picture that is taken; it may lose that picture."""
    frames = 1
    with suppress(Exception):
        frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format in ANIMATED:
        return [f"only the first of its {frames} frames was taken"]
    if frames > 1 and image.format == "TIFF":
        return [f"only the first of its {frames} pages was taken"]
    return []


def _refuse_others(start: bytes, name: str, heic: bool) -> None:
    """Raise if a file begins like one of a known kind that is not read here; HEIC may be."""
    if _is_heic(start) and not heic:
        raise PictureError(name, "is HEIC, which cannot be read here", "save it as JPEG first")
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith(b"<?xml") and b"<svg" in text:
        text = text[text.index(b"<svg") :]
    for begins, kind, better in NOT_READ:
        if start.startswith(begins) or text.startswith(begins):
            raise PictureError(
                name, f"is no picture that can be read, because it is {kind}", f"save it as {better} first"
            )


def _is_heic(start: bytes) -> bool:
    """Tell by its first bytes whether a file is HEIC or HEIF, and not AVIF, which may begin alike."""
    brands = start[8 : int.from_bytes(start[:4], "big")]
    return start[4:8] == b"ftyp" and start[8:12] in HEIC and b"avif" not in brands


def _too_many(name: str, pixels: str, most: int) -> PictureError:
    remedy = f"choose one of at most {most / 1e6:.0f} million, or make it smaller first"
    return PictureError(name, f"has {pixels} pixels", remedy)


def _damaged(name: str) -> PictureError:
    return PictureError(name, "is cut off or damaged", "choose another, or save it anew with a program for pictures")


def _whole(what: str, side: Any) -> int:
    """Return a side as Python's integer: of NumPy's the small ones overflow."""
    if not is_whole(side) or side < 1:
        raise DataError(f"{what} is {shown(side)}: give a whole number of pixels from 1 up.")
    return int(side)


_lock = threading.Lock()
_inside: list[Any] = []


@contextmanager
def quietly() -> Iterator[None]:
    """Silence Pillow's warnings, in several threads at once: the first to come shuts them off, the last puts them back.

    ``warnings.catch_warnings`` alone restores what another thread has set meanwhile.
    """
    with _lock:
        if not _inside:
            filters = warnings.catch_warnings()
            filters.__enter__()
            warnings.simplefilter("ignore")  # sizes are checked by the reader
            _inside.append(filters)
        _inside.append(None)
    try:
        yield
    finally:
        with _lock:
            _inside.pop()
            if len(_inside) == 1:
                _inside.pop().__exit__(None, None, None)
