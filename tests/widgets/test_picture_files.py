"""Files become pictures: upright, in their colours, small; and each kind of bad file gets its own sentence."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from course_lib.errors import DataError
from course_lib.widgets.picture_files import LARGEST_FILE, MOST_PIXELS, picture_from_bytes


def saved(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def corners(picture: Tensor) -> list[list[int]]:
    """Return the colours near the corners, from the upper left on, clockwise, as bytes."""
    height, width = picture.shape[1:]
    places = [(2, 2), (2, width - 3), (height - 3, width - 3), (height - 3, 2)]
    return [((picture[:, y, x] + 1) * 127.5).round().int().tolist() for y, x in places]


def flag() -> Image.Image:
    """Return a picture with a colour in each corner: red, green, blue, white, from the upper left on, clockwise."""
    image = Image.new("RGB", (60, 40))
    for box, colour in (((0, 0), "red"), ((30, 0), "lime"), ((30, 20), "blue"), ((0, 20), "white")):
        image.paste(colour, (*box, box[0] + 30, box[1] + 20))
    return image


RED, GREEN, BLUE, WHITE = [255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "TIFF", "GIF", "WEBP"])
def test_the_usual_kinds_of_file(kind: str) -> None:
    picture = picture_from_bytes(saved(flag(), kind), side=100)
    assert picture.dtype == torch.float32
    assert picture.shape == (3, 40, 60)  # smaller pictures stay as they are
    assert picture.is_contiguous()
    assert -1 <= float(picture.min()) <= float(picture.max()) <= 1
    for found, wanted in zip(corners(picture), (RED, GREEN, BLUE, WHITE), strict=True):
        assert np.abs(np.subtract(found, wanted)).max() <= 8


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize(("size", "expected"), [((1200, 800), (64, 96)), ((500, 2000), (96, 24)), ((97, 97), (96, 96))])
def test_the_longer_side_is_at_most_so_long(kind: str, size: tuple[int, int], expected: tuple[int, int]) -> None:
    picture = picture_from_bytes(saved(flag().resize(size), kind), side=96)
    assert picture.shape[1:] == expected
    for found, wanted in zip(corners(picture), (RED, GREEN, BLUE, WHITE), strict=True):
        assert np.abs(np.subtract(found, wanted)).max() <= 8


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize(
    ("orientation", "order"),
    [
        (1, [RED, GREEN, BLUE, WHITE]),
        (2, [GREEN, RED, WHITE, BLUE]),
        (3, [BLUE, WHITE, RED, GREEN]),
        (6, [WHITE, RED, GREEN, BLUE]),  # the camera was turned: what is left in the file is up
        (8, [GREEN, BLUE, WHITE, RED]),
    ],
)
def test_pictures_stand_upright(kind: str, orientation: int, order: list[list[int]]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = picture_from_bytes(saved(flag(), kind, exif=exif), side=100)
    assert picture.shape[1:] == ((60, 40) if orientation > 4 else (40, 60))
    for found, wanted in zip(corners(picture), order, strict=True):
        assert np.abs(np.subtract(found, wanted)).max() <= 8


def test_damaged_exif_data_are_no_reason_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(flag(), "JPEG", exif=b"Exif\0\0MM\0\x2a\xff\xff\xff\xff" + bytes(9))
    assert picture_from_bytes(data).shape == (3, 40, 60)


def transparent() -> Image.Image:
    """Return a half with nothing in it, whose hidden colour is black, and a half of red that hides the half of it."""
    image = Image.new("RGBA", (60, 40), (0, 0, 0, 0))
    image.paste((255, 0, 0, 128), (30, 0, 60, 40))
    return image


@pytest.mark.parametrize("side", [100, 30])
def test_what_is_transparent_lies_on_white(side: int) -> None:
    upper_left, upper_right, _, _ = corners(picture_from_bytes(saved(transparent()), side))
    assert upper_left == WHITE
    assert np.abs(np.subtract(upper_right, [255, 127, 127])).max() <= 2


def test_other_transparencies() -> None:
    grey = Image.new("LA", (40, 40), (0, 0))
    assert corners(picture_from_bytes(saved(grey)))[0] == WHITE
    palette = flag().quantize(8)
    index = palette.getpixel((2, 2))
    assert corners(picture_from_bytes(saved(palette, transparency=index)))[:2] == [WHITE, GREEN]
    assert corners(picture_from_bytes(saved(flag(), transparency=(255, 0, 0))))[:2] == [WHITE, GREEN]


@pytest.mark.parametrize(
    ("mode", "kind", "colour", "expected"),
    [
        ("L", "PNG", 51, [51, 51, 51]),
        ("1", "PNG", 1, WHITE),
        ("CMYK", "JPEG", (0, 255, 255, 0), RED),
        ("CMYK", "TIFF", (255, 255, 0, 0), BLUE),
        ("I;16", "PNG", 13107, [51, 51, 51]),  # a fifth of 65535
        ("I;16", "TIFF", 65535, WHITE),
        ("I", "TIFF", 13107, [51, 51, 51]),
        ("F", "TIFF", 0.2, [51, 51, 51]),
    ],
)
def test_all_colours_become_red_green_and_blue(mode: str, kind: str, colour: Any, expected: list[int]) -> None:
    picture = picture_from_bytes(saved(Image.new(mode, (40, 40), colour), kind))
    assert picture.shape == (3, 40, 40)
    assert np.abs(np.subtract(corners(picture)[0], expected)).max() <= 3


def test_values_beyond_the_usual_do_not_wrap_round() -> None:
    values = np.full((40, 40), 20.0, np.float32)
    values[:, :20] = 80.0
    values[0, 0] = np.nan
    picture = picture_from_bytes(saved(Image.fromarray(values), "TIFF"))
    assert corners(picture)[:2] == [WHITE, [64, 64, 64]]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_is_taken(kind: str) -> None:
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("red", "lime", "blue")]
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:])
    assert Image.open(io.BytesIO(data)).n_frames == 3
    assert np.abs(np.subtract(corners(picture_from_bytes(data))[0], RED)).max() <= 4


def bomb(width: int, height: int) -> bytes:
    """Return the PNG of a picture that says to be large and holds nothing."""
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(bytes(100))),
        (b"IEND", b""),
    ]
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


NOISE = Image.effect_noise((300, 200), 90).convert("RGB")
WHOLE = {kind: saved(NOISE, kind) for kind in ("PNG", "JPEG", "WEBP", "TIFF")}


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "This file is empty: choose a picture."),
        (b"hello, I am a letter", "This file is no picture that can be read: choose JPEG, PNG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 50 50\n%%EndComments\n", "This file is no picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' width='90' height='90'/>", "This file is no picture"),
        (WHOLE["PNG"][:-9000], "This picture is cut off or damaged: choose another"),
        (WHOLE["JPEG"][:-9000], "This picture is cut off or damaged"),
        (WHOLE["WEBP"][:-9000], "cut off or damaged|no picture that can be read"),
        (WHOLE["TIFF"][:-9000], "This picture is cut off or damaged"),
        (WHOLE["PNG"][:600] + bytes(900) + WHOLE["PNG"][1500:], "This picture is cut off or damaged"),
        (bomb(9000, 9000), "This picture has 9,000 × 9,000 pixels: choose one of at most 60 million."),
        (bomb(60000, 60000), "This picture has far too many pixels: choose one of at most 60 million."),
        (saved(Image.new("RGB", (15, 200))), "This picture has 15 × 200 pixels: choose one of at least 16"),
        (saved(Image.new("RGB", (4000, 60))), "so narrow that 384 × 6 pixels would be left"),
        (bytes(LARGEST_FILE + 60_000), r"This file has 10\.1 MB: choose one of at most 10 MB\."),
    ],
    ids=range(14),
)
@pytest.mark.filterwarnings("error")
def test_bad_files(data: bytes, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence) as caught:
        picture_from_bytes(data)
    text = str(caught.value)
    assert text.endswith(".")
    assert text.count(". ") == 0  # one sentence


@pytest.mark.parametrize("data", ["me.jpg", Path("me.jpg"), None, NOISE, np.zeros((40, 40, 3), np.uint8), 7, [1, 2]])
def test_what_is_no_bytes(data: Any) -> None:
    with pytest.raises(
        DataError, match=r": give the bytes of a file, such as Path\(\.\.\.\)\.read_bytes\(\)\.$"
    ) as caught:
        picture_from_bytes(data)
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_bytes_of_other_types_are_taken(kind: Any) -> None:
    assert torch.equal(picture_from_bytes(kind(saved(flag()))), picture_from_bytes(saved(flag())))


def begins(brand: bytes, *others: bytes) -> bytes:
    """Return a file of the family of HEIC and AVIF that holds nothing."""
    body = b"ftyp" + brand + bytes(4) + b"".join(others)
    return struct.pack(">I", 4 + len(body)) + body + bytes(400)


@pytest.mark.parametrize("brand", [b"heic", b"heix", b"mif1"])
def test_heic_says_how_to_save_it(brand: bytes) -> None:
    with pytest.raises(DataError, match=r"^This file is HEIC, which cannot be read here: save it as JPEG first\.$"):
        picture_from_bytes(begins(brand, b"mif1", b"heic"))


@pytest.mark.parametrize("data", [begins(b"avif", b"mif1"), begins(b"mif1", b"avif"), begins(b"isom", b"mp41")])
def test_what_begins_like_heic_is_not_called_so(data: bytes) -> None:
    with pytest.raises(DataError, match=r"cut off or damaged|no picture that can be read"):
        picture_from_bytes(data)


def test_every_cut_of_a_file_gets_a_sentence_unless_nothing_is_missing() -> None:
    for data in WHOLE.values():
        whole, refused = picture_from_bytes(data), 0
        for end in range(0, len(data), len(data) // 25):
            try:
                picture = picture_from_bytes(data[:end])
            except DataError:
                refused += 1
            else:  # some files end with what is not needed
                assert torch.equal(picture, whole)
        assert refused >= 25


def test_the_limits_themselves_are_allowed() -> None:
    data = saved(Image.new("RGB", (16, 16), "red"), "JPEG")
    padded = data + bytes(LARGEST_FILE - len(data))
    assert picture_from_bytes(padded).shape == (3, 16, 16)
    assert MOST_PIXELS >= 8160 * 6144  # of a telephone with "50 megapixels"


@pytest.mark.parametrize("side", [15, 0, -3, 20.0, True, None])
def test_sides_that_cannot_be(side: Any) -> None:
    with pytest.raises(DataError, match="give a whole number of pixels from 16 up"):
        picture_from_bytes(saved(flag()), side)


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8])
def test_sides_may_be_integers_of_numpy(kind: Any) -> None:
    picture = picture_from_bytes(saved(flag().resize((600, 400)), "JPEG"), kind(200))
    assert torch.equal(picture, picture_from_bytes(saved(flag().resize((600, 400)), "JPEG"), 200))
    assert picture.shape == (3, 133, 200)


def test_a_large_jpeg_is_not_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[tuple[int, int]] = []
    resize: Callable[..., Image.Image] = Image.Image.resize

    def note(self: Image.Image, *given: Any, **options: Any) -> Image.Image:
        sizes.append(self.size)
        return resize(self, *given, **options)

    data = saved(flag().resize((3000, 2000)), "JPEG")
    monkeypatch.setattr(Image.Image, "resize", note)
    assert picture_from_bytes(data, side=150).shape == (3, 100, 150)
    assert sizes == [(750, 500)]  # a fourth: of the sides that a JPEG can be read at, the first above twice 150
