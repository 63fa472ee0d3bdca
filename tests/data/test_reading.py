"""One reader for the pictures that people have: upright, in their colours, in bounded memory, or one sentence."""

from __future__ import annotations

import os
import pickle
import random
import struct
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from awkward_pictures import AWKWARD, BLUE, FLAG, REFUSED, WHITE, Awkward, flag, photograph, png, saved, steps, turned
from PIL import Image, ImageCms, ImageFile
from torch import Tensor

from course_lib.data.decoding import BAND
from course_lib.data.reading import MOST_PIXELS, PictureError, open_picture, quietly, read_picture, to_tensor
from course_lib.errors import DataError, ShapeError


def corners(picture: Tensor) -> list[list[int]]:
    """Return the colours near the corners, from the upper left on, clockwise."""
    height, width = picture.shape[1:]
    down, across = min(2, (height - 1) // 2), min(2, (width - 1) // 2)
    places = [(down, across), (down, -1 - across), (-1 - down, -1 - across), (-1 - down, across)]
    return [picture[:, y, x].int().tolist() for y, x in places]


def near(found: Any, wanted: Any, within: int = 3) -> bool:
    return bool(np.abs(np.subtract(found, wanted)).max() <= within)


@pytest.mark.parametrize("awkward", AWKWARD, ids=lambda one: one.name)
@pytest.mark.filterwarnings("error")
def test_awkward_pictures_are_read(awkward: Awkward, tmp_path: Path) -> None:
    path = tmp_path / awkward.name
    path.write_bytes(awkward.data)
    opened = open_picture(path)
    assert opened.size == opened.image.size == awkward.size
    assert awkward.says in "; ".join(opened.notes)
    assert bool(opened.notes) == bool(awkward.says)
    picture = read_picture(path)
    assert picture.dtype == torch.uint8
    assert picture.shape == (3, *awkward.size[::-1])
    assert picture.is_contiguous()
    assert near(corners(picture), awkward.corners, awkward.within)
    assert torch.equal(read_picture(awkward.data), picture)
    small = read_picture(path, longest=20)
    factor = min(1, 20 / max(awkward.size))
    assert small.shape[1:] == tuple(max(1, round(side * factor)) for side in awkward.size[::-1])
    if min(small.shape[1:]) > 5:
        assert near(corners(small), awkward.corners, awkward.within + 4)
    assert open_picture(path, enough=10).size == awkward.size
    grey = read_picture(path, channels=1)
    luma = (picture.float() * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(0)
    assert float((grey[0].float() - luma).abs().max()) <= 1.1


@pytest.mark.parametrize("awkward", REFUSED, ids=lambda one: one.name)
@pytest.mark.filterwarnings("error")
def test_what_is_no_picture_gets_one_sentence(awkward: Awkward, tmp_path: Path) -> None:
    path = tmp_path / awkward.name
    path.write_bytes(awkward.data)
    for source, name in ((path, awkward.name), (awkward.data, "This ")):
        with pytest.raises(PictureError) as caught:
            read_picture(source)
        text = str(caught.value)
        assert text.startswith(name)
        assert awkward.says in text
        assert text.endswith(".")
        assert text.count(". ") == 0
        assert caught.value.why in text
        assert str(pickle.loads(pickle.dumps(caught.value))) == text  # it may come from another process


def test_heic_is_read_where_pillow_has_learned_it(monkeypatch: pytest.MonkeyPatch) -> None:
    data = next(one.data for one in REFUSED if one.name == "telephone.jpg")

    class Plugin(ImageFile.ImageFile):
        format = "HEIF"

        def _open(self) -> None:
            self._size, self._mode = (2, 1), "RGB"
            self.tile = [ImageFile._Tile("raw", (0, 0, 2, 1), 8, ("RGB", 0, 1))]

    Image.init()
    monkeypatch.setattr(Image, "ID", [*Image.ID, "HEIF"])
    monkeypatch.setitem(Image.OPEN, "HEIF", (Plugin, lambda start: start[4:8] == b"ftyp"))
    assert read_picture(data)[:, 0].T.flatten().tolist() == list(b"heic\0\0")


def test_a_name_may_be_given() -> None:
    with pytest.raises(PictureError, match=r"^The second picture is empty: "):
        read_picture(b"", name="The second picture")


def test_files_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "link.png").symlink_to(tmp_path / "nowhere.png")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "whole.png").write_bytes(saved(flag()))
    (tmp_path / "good.png").symlink_to(tmp_path / "whole.png")
    for name, sentence in (
        ("no.png", r"^no\.png does not exist: check the path\.$"),
        ("whole.png/no.png", r"^no\.png does not exist: check the path\.$"),
        ("zero\0.png", r"does not exist: check the path\.$"),
        ("n" * 300, "cannot be read"),
        ("link.png", r"^link\.png is a link to a file that is not there: mend the link\.$"),
        (".", "is a folder: give a file"),
        ("pipe.png", r"^pipe\.png is no file: give the file of a picture\.$"),
    ):
        with pytest.raises(PictureError, match=sentence):
            read_picture(tmp_path / name)
    assert read_picture(str(tmp_path / "good.png")).shape == (3, 40, 60)


def test_permissions_have_their_own_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "locked.png").write_bytes(saved(flag()))

    def refuse(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(PictureError, match=r"^locked\.png may not be read: change its permissions"):
        read_picture(tmp_path / "locked.png")


@pytest.mark.parametrize("source", [None, 7, [1, 2], flag(), np.zeros((4, 4, 3), np.uint8)])
def test_sources_of_other_types(source: Any) -> None:
    with pytest.raises(DataError, match=r"^The picture is of type \w+: give the path of a file, or its bytes"):
        read_picture(source)


@pytest.mark.parametrize(
    "options",
    [
        {"channels": 2},
        {"channels": True},
        {"channels": "grey"},
        {"longest": 0},
        {"longest": 20.0},
        {"longest": True},
        {"white": 0},
        {"white": True},
        {"white": float("nan")},
        {"white": "4095"},
    ],
)
def test_options_that_cannot_be(options: dict[str, Any]) -> None:
    key, value = next(iter(options.items()))
    with pytest.raises(DataError, match=f"^{key} is {value!r}: give "):
        read_picture(saved(flag()), **options)
    if key == "longest":
        with pytest.raises(DataError, match=f"^enough is {value!r}: give a whole number"):
            open_picture(saved(flag()), enough=value)


def test_white_may_be_said() -> None:
    dark = saved(Image.fromarray(steps(2000)))
    assert near(corners(read_picture(dark, white=65535))[1], [8, 8, 8], 0)
    assert near(corners(read_picture(dark, white=1000))[1], WHITE, 0)  # above white is white, and does not wrap round
    assert near(corners(read_picture(dark))[1], [125, 125, 125], 1)
    assert open_picture(dark, white=4095).notes == []


def test_16_bit_grey_has_its_transparent_value_and_its_negative() -> None:
    clear = saved(Image.fromarray(steps(65535)), transparency=65535 // 2 + 1)
    assert near(corners(read_picture(clear)), [(0, 0, 0), WHITE, WHITE, WHITE], 0)
    tag = struct.pack("<HHII", 262, 3, 1, 1)  # of a TIFF: 1, 0 is black
    tiff = saved(Image.fromarray(steps(65535)), "TIFF")
    assert tiff.count(tag) == 1
    negative = tiff.replace(tag, struct.pack("<HHII", 262, 3, 1, 0))
    assert near(corners(read_picture(negative)), [WHITE, (0, 0, 0), (127,) * 3, (127,) * 3], 1)


def test_values_below_black_are_said() -> None:
    opened = open_picture(saved(Image.fromarray(np.array([[-50.0, 0.5], [np.inf, np.nan]], np.float32)), "TIFF"))
    assert opened.notes == ["its values below 0 became black"]
    assert np.asarray(opened.image)[..., 0].tolist() == [[0, 128], [255, 0]]


def profile_of_swapped_colours() -> bytes:
    """Return the profile of a device whose red is everybody's blue, and the other way round."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(data[128:132], "big")
    for place in range(132, 132 + 12 * count, 12):
        name = bytes(data[place : place + 4])
        if name in (b"rXYZ", b"bXYZ"):
            data[place : place + 4] = b"bXYZ" if name == b"rXYZ" else b"rXYZ"
    return spelled(bytes(data), "sRGB", "odd!")


def spelled(profile: bytes, word: str, other: str) -> bytes:
    """Return a profile with another word in its description."""
    for code in ("utf-16-be", "ascii"):
        profile = profile.replace(word.encode(code), other.encode(code))
    return profile


def test_colour_profiles_are_converted() -> None:
    odd = profile_of_swapped_colours()
    found = corners(read_picture(saved(flag(), icc_profile=odd)))
    assert near(found, [BLUE, (0, 255, 0), (255, 0, 0), WHITE], 3)
    light = spelled(spelled(odd, "built-in", "linear  "), "odd!", "sRGB")  # sRGB's colours, and not its curve
    assert near(corners(read_picture(saved(flag(), icc_profile=light)))[0], BLUE, 3)
    usual = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert near(corners(read_picture(saved(flag(), icc_profile=usual))), FLAG, 0)


@pytest.mark.parametrize("profile", [b"nonsense", bytes(500), profile_of_swapped_colours()[:200]])
def test_broken_profiles_are_passed_over(profile: bytes) -> None:
    assert near(corners(read_picture(saved(flag(), icc_profile=profile))), FLAG, 0)


def test_a_profile_of_another_kind_of_picture_is_passed_over() -> None:
    odd = profile_of_swapped_colours()
    assert near(corners(read_picture(saved(flag().convert("CMYK"), "TIFF", icc_profile=odd))), FLAG)
    assert near(corners(read_picture(saved(Image.new("L", (9, 9), 77), icc_profile=odd))), 77, 0)


def test_large_pictures_are_converted_in_bands_and_come_out_the_same() -> None:
    side = int((2.5 * BAND) ** 0.5)
    small = Image.fromarray(np.random.default_rng(0).integers(0, 65535, (side, side + 7), np.uint16))
    opened = open_picture(saved(small, "TIFF"))
    wanted = np.rint(np.asarray(small) / 65535 * 255)
    assert np.abs(np.asarray(opened.image)[..., 0] - wanted).max() <= 1
    third = open_picture(saved(small, "TIFF"), enough=side // 6)
    assert third.image.size == (-(-small.width // 3), -(-side // 3))
    whole = wanted[: side // 3 * 3, : small.width // 3 * 3].reshape(side // 3, 3, -1, 3).mean((1, 3))
    assert np.abs(np.asarray(third.image)[: side // 3, : small.width // 3, 0] - whole).max() <= 1.5


def peak_of(source: str) -> float:
    """Return the MB that a process of its own needs for some lines beyond what it needs to import the reader."""
    import subprocess
    import sys

    lines = f"""
import resource
from course_lib.data.reading import read_picture
import PIL.Image, PIL.PngImagePlugin, numpy, torch
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
{source}
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""
    return float(subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(os.name == "nt", reason="no resource module")
def test_a_small_file_of_many_pixels_takes_little_memory(tmp_path: Path) -> None:
    width, height = 6000, 4000
    (tmp_path / "flat.png").write_bytes(png(width, height, bytes((1 + 2 * width) * height), depth=16, kind=0))
    assert (tmp_path / "flat.png").stat().st_size < 60_000
    pixels = width * height / 1e6
    assert peak_of(f"assert read_picture({str(tmp_path / 'flat.png')!r}, longest=64).shape == (3, 43, 64)") < 5 * pixels


def test_a_jpeg_is_limited_by_the_size_that_it_is_decoded_at() -> None:
    data = saved(photograph((800, 600)), "JPEG")
    large = data.replace(b"\x02\x58\x03\x20", (9000).to_bytes(2, "big") + (9000).to_bytes(2, "big"), 1)  # of the header
    with pytest.raises(PictureError, match="9,000 × 9,000 pixels"):
        read_picture(large)
    assert read_picture(large, longest=64).shape == (3, 64, 64)  # decoded at an eighth; what is missing is grey
    smooth = saved(photograph((800, 600)), "JPEG", progressive=True)
    large = smooth.replace(b"\x02\x58\x03\x20", (9000).to_bytes(2, "big") + (9000).to_bytes(2, "big"), 1)
    with pytest.raises(PictureError, match="9,000 × 9,000 pixels"):  # a progressive one is held whole
        read_picture(large, longest=64)
    assert MOST_PIXELS >= 8160 * 6144  # of a telephone with "50 megapixels"


def test_decoders_that_hold_several_copies_have_a_limit_of_their_own() -> None:
    data = bytearray(next(one.data for one in AWKWARD if one.name == "moving.webp"))
    assert data[12:16] == b"VP8X"
    data[24:30] = (7999).to_bytes(3, "little") + (4999).to_bytes(3, "little")  # of the canvas, less one
    with pytest.raises(PictureError, match="8,000 × 5,000 pixels: choose one of at most 30 million"):
        read_picture(bytes(data), longest=16)


KINDS = {
    "PNG": saved(photograph((90, 60))),
    "palette": saved(photograph((90, 60)).quantize(16)),
    "16 bit": saved(Image.fromarray(steps(65535))),
    "turned": saved(photograph((90, 60)), "JPEG", exif=turned(6)),
    "profile": saved(photograph((90, 60)), "JPEG", icc_profile=profile_of_swapped_colours()),
    "CMYK": saved(photograph((90, 60)).convert("CMYK"), "JPEG"),
    "WEBP": saved(photograph((90, 60)), "WEBP"),
    "TIFF": saved(photograph((90, 60)), "TIFF"),
    "LZW": saved(photograph((90, 60)), "TIFF", compression="tiff_lzw"),
    "GIF": saved(photograph((90, 60)), "GIF"),
    "BMP": saved(photograph((90, 60)), "BMP"),
}


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.filterwarnings("error")
def test_mutated_files_end_in_a_picture_or_one_sentence(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("course_lib.data.reading.MOST_PIXELS", 4_000_000)  # a changed header is not to take seconds
    chance, read, sentences = random.Random(kind), 0, []
    for _ in range(300):
        data = bytearray(KINDS[kind])
        way = chance.randrange(4)
        if way == 0:
            del data[chance.randrange(len(data)) :]
        elif way == 1:
            start = chance.randrange(len(data))
            del data[start : start + chance.randrange(1, 40)]
        else:
            end = 200 if way == 2 else len(data)  # the header, or anywhere
            for _ in range(chance.randrange(1, 6)):
                data[chance.randrange(min(end, len(data)))] = chance.randrange(256)
        try:
            picture = read_picture(bytes(data), channels=chance.choice((1, 3)), longest=chance.choice((None, 16)))
        except PictureError as error:
            sentences.append(str(error))
        else:
            read += 1
            assert picture.dtype == torch.uint8
            assert min(picture.shape) > 0
    assert read + len(sentences) == 300
    assert len(sentences) > 20
    assert all(text.endswith(".") and "\n" not in text and text.count(". ") == 0 for text in sentences)


def test_warnings_are_silent_in_threads_and_come_back() -> None:
    before = list(warnings.filters)
    inside, leave = threading.Event(), threading.Event()

    def stay() -> None:
        with quietly():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=stay)
    with quietly():
        thread.start()
        inside.wait(10)
    with warnings.catch_warnings(record=True) as seen:
        warnings.warn("one thread is still inside", stacklevel=1)
    leave.set()
    thread.join()
    assert seen == []
    assert list(warnings.filters) == before


def test_to_tensor_takes_two_modes() -> None:
    assert to_tensor(Image.new("L", (5, 3))).shape == (1, 3, 5)
    with pytest.raises(ShapeError, match="not CMYK: convert it first"):
        to_tensor(Image.new("CMYK", (5, 3)))
