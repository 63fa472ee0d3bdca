"""Folders of pictures become sets in the course's own containers, and each fault of a folder gets its sentence."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from awkward_pictures import AWKWARD, BLUE, GREEN, RED, REFUSED, saved, steps, write_awkward
from PIL import Image

from course_lib import data
from course_lib.data import folder_rows
from course_lib.data.containers import ImageSet, PairedSet, UnpairedSet
from course_lib.data.photographs import PhotoSet
from course_lib.errors import DataError

Colour = tuple[int, int, int]


def put(root: Path, colours: Mapping[str, Colour | tuple[Colour, Colour]], size: tuple[int, int] = (20, 16)) -> Path:
    """Write pictures of one colour, or of two side by side, and return the folder."""
    for name, colour in colours.items():
        image = Image.new("RGB", size, colour if isinstance(colour[0], int) else colour[0])
        if not isinstance(colour[0], int):
            image.paste(colour[1], (size[0] // 2, 0, *size))
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path)
    return root


def shade(number: int) -> Colour:
    return (number, 2 * number % 256, 255 - number)


def colours(images: torch.Tensor) -> list[list[int]]:
    return [image[:, image.shape[1] // 2, image.shape[2] // 2].tolist() for image in images]


def load(*given: Any, **options: Any) -> Any:
    return data.folder(*given, **{"size": 8, "progress": False, **options})


def test_one_folder_is_a_set_of_images_in_natural_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = put(tmp_path / "mine", {f"{number}.png": shade(number) for number in (10, 2, 1)} | {"deep/3.PNG": shade(3)})
    made = load(root)
    assert isinstance(made, ImageSet)
    assert made.images.shape == (4, 3, 8, 8)
    assert made.images.dtype == torch.uint8
    assert made.names == ["1", "2", "10", "deep/3"]
    assert colours(made.images) == [list(shade(number)) for number in (1, 2, 10, 3)]
    assert (made.name, made.split, made.mirrors, made.labels) == ("mine", "all", True, None)
    assert capsys.readouterr().out == ""
    other = load(str(root), size=(4, 6), x_channels=1, mirrors=False, name="ours", licence="CC0", limit=2)
    assert other.images.shape == (2, 1, 4, 6)
    assert (other.name, other.mirrors, other.licence, other.names) == ("ours", False, "CC0", ["2", "deep/3"])


def test_awkward_pictures_are_all_taken_and_the_others_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_awkward(tmp_path / "mine")
    (tmp_path / "mine" / "notes.txt").write_text("x")
    with pytest.raises(DataError, match=r'^mine/bomb\.png has 9,000 × .*, or leave out all .* with on_error="skip"\.$'):
        load(tmp_path / "mine")
    made = load(tmp_path / "mine", on_error="skip")
    assert len(made) == len(AWKWARD)
    assert {"moving.gif", "moving.png", "moving.webp", "clear"} < set(made.names)  # one name for one row
    assert len(set(made.names)) == len(made)
    line = capsys.readouterr().out
    assert line.count("\n") == 1
    assert line.startswith(f"mine: {len(REFUSED)} left out: mine/bomb.png (has 9,000")
    assert "mine/cut off.jpg, mine/cut off.png, mine/cut off.tif (is cut off or damaged)" in line
    assert "To know: " in line
    assert "mine/moving.gif, mine/moving.png, mine/moving.webp (only the first of its 3 frames was taken)" in line
    assert "Files of other kinds were passed over (1 × .txt)" in line
    dots = made[[made.names.index("dot"), made.names.index("grey dot")]]
    assert colours(dots.images) == [[200, 100, 50], [117, 117, 117]]


def test_each_awkward_picture_gets_the_colours_that_the_reader_gives(tmp_path: Path) -> None:
    write_awkward(tmp_path, AWKWARD)
    made = load(tmp_path, fit="stretch", size=16)
    by_key = {key: one for one in AWKWARD for key in (one.name, Path(one.name).stem)}
    assert made.names is not None
    for name, image in zip(made.names, made.images, strict=True):
        if name in by_key:
            found = [image[:, y, x].int().tolist() for y, x in ((3, 3), (3, 12), (12, 12), (12, 3))]
            assert np.abs(np.subtract(found, by_key[name].corners)).max() <= by_key[name].within + 6, name


def test_folders_are_labels(tmp_path: Path) -> None:
    names = {f"{kind}/{number}.png": shade(number) for number in (1, 2, 3) for kind in ("cat 10", "cat 2")}
    root = put(tmp_path / "animals", names | {"cat 2/young/7.png": shade(7)})
    made = load(root, labels=True)
    assert made.label_names == ["cat 2", "cat 10"]
    assert made.labels.tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert made.names[3] == "cat 2/young/7"
    put(root, {"8.png": shade(8)})
    with pytest.raises(DataError, match=r"^animals/8\.png lies in no folder that would be its label: move it"):
        load(root, labels=True)
    assert len(load(root, labels=True, on_error="skip")) == 7
    with pytest.raises(DataError, match="young has no folders with pictures to take labels from"):
        load(root / "cat 2" / "young", labels=True)


def test_labels_are_numbered_alike_in_all_splits(tmp_path: Path) -> None:
    root = put(tmp_path, {"train/a/1.png": RED, "train/b/1.png": GREEN, "val/b/2.png": BLUE})
    made = load(root, labels=True, split="validation")
    assert (made.labels.tolist(), made.label_names) == ([1], ["a", "b"])


def test_folders_of_splits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = put(tmp_path / "mine", {"train/1.png": shade(1), "Val/1.png": shade(2), "extra/1.png": shade(3)})
    assert colours(load(root, split="validation").images) == [list(shade(2))]
    assert "1 pictures of mine lie in no folder of a split and were passed over" in capsys.readouterr().out
    assert len(load(root)) == 3
    with pytest.raises(DataError, match=r"^mine has no folder with pictures for the split 'test' but for train, valid"):
        load(root, split="test")
    with pytest.raises(DataError, match=r"There is no split 'val': .* \(did you mean 'validation'\?\)"):
        load(root, split="val")
    anew = [load(root, split=split, splits=(0.34, 0.33, 0.33), seed=0).names for split in ("train", "test")]
    assert len(anew[0]) + len(anew[1]) == 2
    assert load(root, split="test", splits={"test": "train/*"}).names == ["train/1"]


def test_splits_by_hash_seed_and_name_are_disjoint(tmp_path: Path) -> None:
    root = put(tmp_path, {f"p{number // 2}_{number % 2}.png": shade(number) for number in range(40)}, (4, 4))
    for options in (
        {},
        {"seed": 0},
        {"group": lambda key: key.partition("_")[0]},
        {"splits": {"train": "p?_*", "test": "p1?_*"}},
    ):
        held = [set(load(root, split=split, **options).names) for split in ("train", "test")]
        assert not held[0] & held[1]
        assert all(held)
    before = set(load(root, split="test").names)
    put(root, {f"new{number}.png": shade(number) for number in range(50)}, (4, 4))
    later = set(load(root, split="test").names)
    assert {name for name in later if name.startswith("p")} == before


@pytest.mark.parametrize("layout", ["two folders", "A and B", "by split", "trainA"])
def test_pairs_by_name(layout: str, tmp_path: Path) -> None:
    a, b = {f"{n}.png": shade(n) for n in (1, 2, 10)}, {f"{n}.bmp": shade(100 + n) for n in (1, 2, 10)}
    given: tuple[Path, ...] = (tmp_path,)
    options: dict[str, Any] = {"kind": "pairs"}
    if layout == "two folders":
        given, options = (put(tmp_path / "a", a), put(tmp_path / "b", b)), {}
    elif layout == "A and B":
        put(tmp_path / "A", a), put(tmp_path / "B", b)
    elif layout == "by split":
        put(tmp_path / "A" / "train", a), put(tmp_path / "B" / "training", b), put(tmp_path / "A" / "test", a)
        options["split"] = "train"
    else:
        put(tmp_path / "trainA", a), put(tmp_path / "trainB", b), put(tmp_path / "testA", a)
        options["split"] = "train"
    made = load(*given, **options)
    assert isinstance(made, PairedSet)
    assert colours(made.x) == [list(shade(number)) for number in (1, 2, 10)]
    assert colours(made.y) == [list(shade(100 + number)) for number in (1, 2, 10)]
    assert [Path(name).name for name in made.names or []] == ["1", "2", "10"]
    back = load(*given, **options, direction="BtoA", x_channels=1)
    assert back.x.shape == (3, 1, 8, 8)
    assert colours(back.y) == colours(made.x)


def test_pairs_that_do_not_match_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = put(tmp_path / "a", {"1.png": RED, "2.png": GREEN, "3.png": BLUE, "4.png": RED, "4.bmp": BLUE})
    b = put(tmp_path / "b", {"2.jpg": RED, "9.png": RED, "4.png": GREEN})
    put(b, {"3.png": RED}, (16, 20))
    with pytest.raises(DataError, match=r"^a/4\.png has the name of a/4\.bmp, and so 2 others: give pairs the same"):
        load(a, b)
    (a / "4.bmp").unlink()
    with pytest.raises(DataError, match=r"^a/1\.png has no partner in b, and so 1 others: give pairs the same names"):
        load(a, b)
    (a / "1.png").unlink()
    (b / "9.png").unlink()
    sizes = r"^The pair a/3\.png and b/3\.png has 20 × 16 and 16 × 20 pixels: give both the same proportions, or leave"
    with pytest.raises(DataError, match=sizes):
        load(a, b)
    assert load(a, b, on_error="skip").names == ["2", "4"]
    assert "1 left out: a/3.png (has 20 × 16 and 16 × 20 pixels)" in capsys.readouterr().out
    c = put(tmp_path / "c", {"1_B.png": RED})
    for skip in ("raise", "skip"):
        with pytest.raises(
            DataError, match=r"^No picture of a has the name of one of c \(a/2\.png, a/3\.png, a/4\.png "
        ):
            load(a, c, on_error=skip)


def test_pairs_of_the_same_proportions_may_differ_in_size(tmp_path: Path) -> None:
    a, b = put(tmp_path / "a", {"1.png": RED}, (20, 15)), put(tmp_path / "b", {"1.png": GREEN}, (41, 31))
    assert len(load(a, b)) == 1
    with pytest.raises(DataError, match=r"has 20 × 15 and 41 × 31 pixels: give both the same size, or leave"):
        load(a, b, fit="centre")


def test_names_of_pairs_may_differ(tmp_path: Path) -> None:
    a, b = (
        put(tmp_path / "a", {"1_a.png": RED, "2_a.png": BLUE}),
        put(tmp_path / "b", {"2-b.png": RED, "1-b.png": GREEN}),
    )
    made = load(a, b, match=lambda key: key[:1])
    assert (colours(made.x), colours(made.y)) == ([list(RED), list(BLUE)], [list(GREEN), list(RED)])
    with pytest.raises(DataError, match=r"give pairs the same names, or a function match=, or choose kind="):
        load(a, b)


def test_photographs_keep_their_proportions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(tmp_path / "mine", {"1.jpg": (RED, BLUE)}, (600, 400))
    put(tmp_path / "mine", {"2.png": RED}, (20, 50))
    put(tmp_path / "mine", {"10.png": RED}, (8, 8))
    (tmp_path / "mine" / "9.png").write_bytes(b"")
    made = load(tmp_path / "mine", kind="photographs", size=24, on_error="skip", licence="CC0", mirrors=False)
    assert isinstance(made, PhotoSet)
    assert [tuple(image.shape) for image in made.images] == [(3, 24, 36), (3, 50, 20), (3, 8, 8)]
    assert made.names == ["1", "2", "10"]
    assert made.metadata[0] == {"file": "mine/1.jpg"}
    assert (made.licences, made.mirrors) == (["CC0"] * 3, False)
    assert "1 left out: mine/9.png (is empty)" in capsys.readouterr().out
    crops = next(iter(made.crops(8, per_photo=4).batches(12, device="cpu", generator=torch.Generator().manual_seed(0))))
    assert crops.images.shape == (12, 3, 8, 8)
    (tmp_path / "mine" / "9.png").unlink()
    grey = load(tmp_path / "mine", kind="photographs", x_channels=1, limit=1)
    assert grey.images[0].shape[0] == 1
    with pytest.raises(DataError, match=r"^size is \(8, 9\): give one number for photographs"):
        load(tmp_path / "mine", kind="photographs", size=(8, 9))


@pytest.mark.parametrize(("width", "height"), [(40, 20), (41, 20), (2, 1), (3, 1), (1000, 500)])
def test_halves_are_pairs(width: int, height: int, tmp_path: Path) -> None:
    root = put(tmp_path, {"train/1.png": (RED, BLUE), "test/1.png": (GREEN, RED)}, (width, height))
    made = load(root, kind="halves", split="train")
    assert isinstance(made, PairedSet)
    assert (made.x == torch.tensor(RED)[None, :, None, None]).all()  # to the seam
    assert (made.y == torch.tensor(BLUE)[None, :, None, None]).all()
    back = load(root, kind="halves", split="train", direction="BtoA", y_channels=1)
    assert colours(back.x) == [list(BLUE)]
    assert colours(back.y) == [[76]]


def test_what_has_no_halves_is_named_and_not_black(tmp_path: Path) -> None:
    put(tmp_path / "mine", {"1.png": RED}, (1, 1))
    with pytest.raises(DataError, match=r"^mine/1\.png has 1 × 1 pixels, and no two halves: give pictures A\|B"):
        load(tmp_path / "mine", kind="halves")


@pytest.mark.parametrize("layout", ["two folders", "trainA"])
def test_two_folders_that_do_not_match(layout: str, tmp_path: Path) -> None:
    given, options = (tmp_path,), {"kind": "unpaired", "split": "train"}
    if layout == "two folders":
        given, options["split"] = (tmp_path / "trainA", tmp_path / "trainB"), "all"  # type: ignore[assignment]
    put(tmp_path / "trainA", {"1.png": RED, "2.png": GREEN, "3.png": BLUE}), put(tmp_path / "trainB", {"5.png": BLUE})
    put(tmp_path / "testA", {"7.png": RED}), put(tmp_path / "testB", {"8.png": RED})
    made = load(*given, **options)
    assert isinstance(made, UnpairedSet)
    assert (len(made.x), len(made.y)) == (3, 1)
    assert colours(made.y.images) == [list(BLUE)]
    back = load(*given, **options, direction="BtoA", x_channels=1)
    assert (back.x.images.shape[:2], back.y.images.shape[:2]) == ((1, 1), (3, 3))


def test_one_folder_that_holds_no_two_sides(tmp_path: Path) -> None:
    root = put(tmp_path / "mine", {"trainA/1.png": RED, "2.png": RED})
    with pytest.raises(
        DataError, match=r"^kind='pairs' takes two folders, or one .* mine holds none .* for B: give the"
    ):
        load(root, kind="pairs")
    put(root, {"trainB/1.png": RED})
    with pytest.raises(DataError, match=r"^mine A has no folder with pictures for the split 'test' but for train"):
        load(root, kind="unpaired", split="test")


def test_a_folder_without_pictures_says_what_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    for options in ({}, {"kind": "halves"}, {"y": tmp_path}):
        with pytest.raises(DataError, match=r"holds no picture \(it holds 1 × \.txt\): give a folder that holds"):
            load(tmp_path, **options)


def test_only_bad_pictures_are_no_set(tmp_path: Path) -> None:
    write_awkward(tmp_path / "mine", REFUSED[:3])
    with pytest.raises(DataError, match=r"^None of the 3 pictures could be read: mine/cut off\.jpg, .* \(is cut off"):
        load(tmp_path / "mine", on_error="skip")


def test_white_is_for_the_whole_folder(tmp_path: Path) -> None:
    (tmp_path / "dark.png").write_bytes(saved(Image.fromarray(steps(200))))
    (tmp_path / "light.png").write_bytes(saved(Image.fromarray(steps(4095))))
    made = load(tmp_path, white=4095, x_channels=1, size=40)
    assert [int(image.max()) for image in made.images] == [12, 255]


def test_pictures_that_are_the_same_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = put(tmp_path / "mine", {"1.png": RED, "2.bmp": GREEN, "3.png": RED, "4.bmp": RED})
    load(root)
    assert "mine/3.png equals mine/1.png to the last pixel (2 such in all): keep both in" in capsys.readouterr().out


def test_memory_is_looked_at_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path, {f"{number}.png": shade(number) for number in range(3)})
    with monkeypatch.context() as poor:
        poor.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=12_000_000))
        with pytest.raises(
            DataError, match=r"^3 rows of this size take 9\.0 MB of memory and 12\.0 MB are free: lower"
        ):
            load(tmp_path, size=1000)
    monkeypatch.setattr(folder_rows, "MANY", 3)
    load(tmp_path, name="mine", size=100)
    assert capsys.readouterr().out == "Reading 3 files of mine into 0.1 MB of memory.\n"


def test_the_first_fault_stops_the_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, {f"{number}.png": shade(number) for number in range(200)})
    (tmp_path / "0.png").write_bytes(b"")
    opened: list[Path] = []
    enough, usual = threading.Event(), data.folder.__globals__["images"].__globals__["open_picture"]

    def note(path: Path, **options: Any) -> Any:
        opened.append(path)
        if path.name != "0.png":
            enough.wait(0.01)
        return usual(path, **options)

    monkeypatch.setattr("course_lib.data.folder_kinds.open_picture", note)
    with pytest.raises(DataError, match=r"0\.png is empty"):
        load(tmp_path)
    assert len(opened) < 100


def test_a_bar_is_shown_unless_it_is_not_wanted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(tmp_path / "mine", {"1.png": RED})
    load(tmp_path / "mine", progress=True)
    assert "reading mine" in capsys.readouterr().err
    load(tmp_path / "mine")
    assert capsys.readouterr().err == ""
