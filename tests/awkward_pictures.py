"""Picture files as they come from telephones, scanners, printers and downloads: what a reader of pictures must bear.

    from awkward_pictures import AWKWARD, REFUSED, write_awkward

Each of ``AWKWARD`` can be read, and says which size and colours must come out; none of ``REFUSED`` can, and each says
what the message must speak of. ``write_awkward(folder)`` writes all of them, or one kind.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Colour = tuple[int, int, int]
RED, GREEN, BLUE, WHITE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)
GREY: Colour = (128, 128, 128)


@dataclass(frozen=True)
class Awkward:
    """One file.

    Args:
        name: of the file.
        make: returns its bytes.
        size: width and height that must come out.
        corners: the colours near the corners, from the upper left on, clockwise.
        within: how far bytes may be from these.
        says: what the message must contain, of a file that is no picture, or the notes, of one that is.
    """

    name: str
    make: Callable[[], bytes]
    size: tuple[int, int] = (0, 0)
    corners: tuple[Colour, ...] = field(default=())
    within: int = 3
    says: str = ""

    @cached_property
    def data(self) -> bytes:
        return self.make()


def saved(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """Return a Pillow picture as the bytes of a file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def flag(size: tuple[int, int] = (60, 40)) -> Image.Image:
    """Return a picture with a colour in each corner: red, green, blue, white, from the upper left on, clockwise."""
    width, height = size
    image = Image.new("RGB", size)
    for x, y, colour in ((0, 0, RED), (1, 0, GREEN), (1, 1, BLUE), (0, 1, WHITE)):
        box = (x * width // 2, y * height // 2, width if x else width // 2, height if y else height // 2)
        image.paste(colour, box)
    return image


def photograph(size: tuple[int, int] = (3000, 2000)) -> Image.Image:
    """Return a large picture in the manner of a photograph: the four colours of the flag, with soft noise."""
    noise = Image.effect_noise((size[0] // 10, size[1] // 10), 30).resize(size, Image.Resampling.BICUBIC)
    return Image.blend(flag(size), noise.convert("RGB"), 0.02)


def turned(orientation: int) -> Image.Exif:
    """Return EXIF data that say how the camera was held, 1 to 8."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def transparent() -> Image.Image:
    """Return a left half with nothing in it, whose hidden colour is black, and a right half of half-clear red."""
    image = Image.new("RGBA", (60, 40), (0, 0, 0, 0))
    image.paste((255, 0, 0, 128), (30, 0, 60, 40))
    return image


def clear_red() -> bytes:
    palette = flag().quantize(8)
    return saved(palette, transparency=palette.getpixel((2, 2)))


def steps(top: int) -> np.ndarray:
    """Return 16-bit grey: 0 at the upper left, ``top`` at the upper right, and half of it below."""
    values = np.zeros((40, 60), np.uint16)
    values[:20, 30:] = top
    values[20:] = (top + 1) // 2
    return values


def grey_16(top: int, kind: str = "PNG") -> bytes:
    return saved(Image.fromarray(steps(top)), kind)


def animation(kind: str) -> bytes:
    frames = [flag(), Image.new("RGB", (60, 40), "lime"), Image.new("RGB", (60, 40), "blue")]
    return saved(frames[0], kind, save_all=True, append_images=frames[1:])


def one_bit() -> Image.Image:
    image = Image.new("1", (60, 40), 0)
    image.paste(1, (30, 0, 60, 40))
    return image


def grey_alpha() -> Image.Image:
    image = Image.new("LA", (60, 40), (0, 0))
    image.paste((128, 255), (30, 0, 60, 40))
    return image


def png(width: int, height: int, rows: bytes, depth: int = 8, kind: int = 2) -> bytes:
    """Return a PNG with the header and the rows (filter bytes included) that are given, whether they fit or not."""
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def heic() -> bytes:
    body = b"ftyp" + b"heic" + bytes(4) + b"mif1heic"
    return struct.pack(">I", 4 + len(body)) + body + bytes(400)


FLAG = (RED, GREEN, BLUE, WHITE)
PINK = (255, 127, 127)
LEFT_CLEAR = (WHITE, PINK, PINK, WHITE)
HALF = (BLACK, WHITE, GREY, GREY)
ANIMATED = "first of its 3 frames"

AWKWARD = (
    Awkward("turned.jpg", lambda: saved(flag(), "JPEG", exif=turned(6)), (40, 60), (WHITE, RED, GREEN, BLUE), 8),
    Awkward("turned.png", lambda: saved(flag(), exif=turned(8)), (40, 60), (GREEN, BLUE, WHITE, RED)),
    Awkward("turned.tif", lambda: saved(flag(), "TIFF", exif=turned(6)), (40, 60), (WHITE, RED, GREEN, BLUE)),
    Awkward(
        "mirrored.webp",
        lambda: saved(flag(), "WEBP", lossless=True, exif=turned(2)),
        (60, 40),
        (GREEN, RED, WHITE, BLUE),
    ),
    Awkward("clear.png", lambda: saved(transparent()), (60, 40), LEFT_CLEAR),
    Awkward("clear palette.png", clear_red, (60, 40), (WHITE, GREEN, BLUE, WHITE)),
    Awkward("clear colour.png", lambda: saved(flag(), transparency=RED), (60, 40), (WHITE, GREEN, BLUE, WHITE)),
    Awkward("one bit.png", lambda: saved(one_bit()), (60, 40), (BLACK, WHITE, WHITE, BLACK)),
    Awkward("grey.PNG", lambda: saved(Image.fromarray((steps(65535) // 257).astype(np.uint8))), (60, 40), HALF),
    Awkward("grey and clear.png", lambda: saved(grey_alpha()), (60, 40), (WHITE, GREY, GREY, WHITE)),
    Awkward("16 bit.png", lambda: grey_16(65535), (60, 40), HALF),
    Awkward("16 bit.tiff", lambda: grey_16(65535, "TIFF"), (60, 40), HALF),
    Awkward("12 bit in 16.png", lambda: grey_16(4095), (60, 40), HALF, says="4095 was taken for white"),
    Awkward("8 bit in 16.png", lambda: grey_16(255), (60, 40), HALF, says="255 was taken for white"),
    Awkward("printed.jpg", lambda: saved(flag().convert("CMYK"), "JPEG"), (60, 40), FLAG, 8),
    Awkward("printed.tif", lambda: saved(flag().convert("CMYK"), "TIFF"), (60, 40), FLAG),
    Awkward("moving.gif", lambda: animation("GIF"), (60, 40), FLAG, says=ANIMATED),
    Awkward("moving.webp", lambda: animation("WEBP"), (60, 40), FLAG, 40, says=ANIMATED),
    Awkward("moving.png", lambda: animation("PNG"), (60, 40), FLAG, says=ANIMATED),
    Awkward("strip.png", lambda: saved(flag((50, 3000))), (50, 3000), FLAG),
    Awkward("holiday.JPG", lambda: saved(photograph(), "JPEG"), (3000, 2000), FLAG, 20),
    Awkward("dot.png", lambda: saved(Image.new("RGB", (1, 1), (200, 100, 50))), (1, 1), ((200, 100, 50),) * 4),
    Awkward(
        "grey dot.png", lambda: saved(Image.fromarray(np.full((1, 1), 30000, np.uint16))), (1, 1), ((117,) * 3,) * 4
    ),
    Awkward("ÄÖ 日本 🙂.bmp", lambda: saved(flag(), "BMP"), (60, 40), FLAG),
    Awkward("wrong name.jpg", lambda: saved(flag(), "PNG"), (60, 40), FLAG),
)

REFUSED = (
    Awkward("cut off.jpg", lambda: saved(photograph((300, 200)), "JPEG")[:-2000], says="is cut off or damaged"),
    Awkward("cut off.png", lambda: saved(photograph((300, 200)))[:1000], says="is cut off or damaged"),
    Awkward("cut off.tif", lambda: saved(photograph((300, 200)), "TIFF")[:-9000], says="is cut off or damaged"),
    Awkward("letter.png", lambda: b"hello, I am a letter", says="is no picture that can be read"),
    Awkward("page.jpg", lambda: b"<!doctype html><title>404</title>", says="is no picture that can be read"),
    Awkward("drawing.png", lambda: b"<?xml version='1.0'?>\n<svg width='9'/>", says="SVG: save it as PNG"),
    Awkward("paper.png", lambda: b"%PDF-1.7\n%", says="PDF: save it as PNG"),
    Awkward("telephone.jpg", heic, says="HEIC, which cannot be read here: save it as JPEG"),
    Awkward("empty.png", lambda: b"", says="is empty"),
    Awkward("bomb.png", lambda: png(9000, 9000, bytes(100)), says="9,000 × 9,000 pixels: choose one of at most"),
    Awkward("great bomb.png", lambda: png(60000, 60000, bytes(100)), says="far too many pixels"),
)


def write_awkward(folder: Path, pictures: tuple[Awkward, ...] = AWKWARD + REFUSED) -> list[Path]:
    """Write the files into a folder, and return their paths in the same order."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for picture in pictures:
        paths.append(folder / picture.name)
        paths[-1].write_bytes(picture.data)
    return paths
