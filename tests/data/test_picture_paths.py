"""Which files of a folder are pictures, and in which order."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from course_lib.data.picture_paths import a_folder, list_pictures, natural, nothing_found, sub_folders
from course_lib.errors import DataError


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def test_names_are_sorted_as_people_do() -> None:
    names = ["1", "2", "10", "a2", "A10", "a10", "b", "x²", "x٣", "x10", "é"]
    shuffled = random.Random(0).sample(names, len(names))
    assert sorted(shuffled, key=natural) == ["1", "2", "10", "a2", "A10", "a10", "b", "x٣", "x10", "x²", "é"]


def test_a_folder_is_listed_with_what_lies_deeper_and_without_litter(tmp_path: Path) -> None:
    touch(tmp_path, "10.PNG", "2.jpeg", "1.JPG", "notes.txt", "raw", "b/3.tiff", "b/c/4.webp", "telephone.HEIC")
    touch(tmp_path, ".DS_Store", "._1.JPG", "Thumbs.db", ".hidden/5.png", "__MACOSX/6.png", "b/@eaDir/7.png")
    listing = list_pictures(tmp_path)
    assert [found.key for found in listing.pictures] == ["1", "2", "10", "b/3", "b/c/4", "telephone"]
    assert listing.others == {".txt": 1, "no suffix": 1}
    assert list(sub_folders(tmp_path)) == ["b"]


def test_links_are_followed_once(tmp_path: Path) -> None:
    touch(tmp_path / "there", "1.png", "deeper/2.png")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "link").symlink_to(tmp_path / "there")
    (tmp_path / "there" / "deeper" / "loop").symlink_to(tmp_path / "there")
    (tmp_path / "here" / "broken.png").symlink_to(tmp_path / "nowhere.png")
    keys = [found.key for found in list_pictures(tmp_path / "here").pictures]
    assert keys == ["broken", "link/1", "link/deeper/2"]


def test_names_are_the_same_on_every_system(tmp_path: Path) -> None:
    touch(tmp_path, "u\u0308ber.png")  # as macOS spells it
    assert [found.key for found in list_pictures(tmp_path).pictures] == ["\u00fcber"]


@pytest.mark.skipif(os.name == "nt", reason="names there are Unicode")
def test_names_that_are_no_text(tmp_path: Path) -> None:
    try:
        (Path(os.fsencode(tmp_path).decode()) / os.fsdecode(b"caf\xe9.png")).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system takes no such names")
    assert len(list_pictures(tmp_path).pictures) == 1


def test_folders_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "horses/1.png", "horses.zip")
    for given, sentence in (
        ("horse", r"There is no folder .*horse: check the path \(did you mean 'horses'\?\)\.$"),
        ("horses/1.png", r"1\.png is a file: give a folder of pictures\.$"),
        ("horses.zip", r"horses\.zip is a file: unpack it, and give a folder of pictures\.$"),
        ("a\0b", "There is no folder"),
        ("x/y/z", "There is no folder .*x/y/z: check the path"),
    ):
        with pytest.raises(DataError, match=sentence):
            a_folder(f"{tmp_path}/{given}", "x")
    for nothing in (None, "", 7, b"horses"):
        with pytest.raises(DataError, match=r"^y is .*: give the path of a folder of pictures\.$"):
            a_folder(nothing, "y")  # type: ignore[arg-type]
    monkeypatch.setenv("HOME", str(tmp_path))
    assert a_folder("~/horses", "x") == tmp_path / "horses"


def test_a_folder_that_may_not_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a/locked/1.png")
    usual = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return usual(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError, match=r"^The folder locked may not be opened: change its permissions"):
        list_pictures(tmp_path)


def test_nothing_found_says_what_was_looked_for(tmp_path: Path) -> None:
    touch(tmp_path, "a.txt", "b.txt", "c.csv")
    text = str(nothing_found(tmp_path, list_pictures(tmp_path).others))
    assert "holds no picture (it holds 2 × .txt, 1 × .csv)" in text
    assert ".jpg, .jpeg" in text
    assert text.endswith("or .avif.")
