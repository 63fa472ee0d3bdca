"""What lies in the cache is held against what was unpacked; kills, and two processes at once, leave no mixture."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from download_server import NOTHING_LISTENS, Patch, Server, announce, get, left_over, pair, picture, tar
from PIL import Image

from course_lib import data, paths
from course_lib.data import disk, fetch, inventory, prepared, unpack
from course_lib.errors import DataError

ARCHIVE = "facades.tar.gz"
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither fork nor users by number")


def home(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "downloads" / "facades"


def one(tmp_path: Path) -> Path:
    return home(tmp_path) / "files" / "facades" / "train" / "5.png"


def flip(path: Path, place: int = -20, *, same_time: bool = False) -> None:
    before = path.stat()
    body = bytearray(path.read_bytes())
    body[place] ^= 1
    path.write_bytes(body)
    if same_time:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGE: dict[str, Callable[[Path], None]] = {
    "a flipped byte": lambda tmp: flip(one(tmp)),
    "a missing picture": lambda tmp: one(tmp).unlink(),
    "an exchanged picture": lambda tmp: one(tmp).write_bytes(one(tmp).with_name("6.png").read_bytes()),
    "a picture cut short": lambda tmp: one(tmp).write_bytes(one(tmp).read_bytes()[:30]),
    "an empty picture": lambda tmp: one(tmp).write_bytes(b""),
    "a folder for a picture": lambda tmp: a_folder(one(tmp)),
    "a missing split": lambda tmp: shutil.rmtree(one(tmp).parent),
    "a missing inventory": lambda tmp: (home(tmp) / "files" / ".inventory.json").unlink(),
    "an altered inventory": lambda tmp: flip(home(tmp) / "files" / ".inventory.json"),
    "a file for the folder": lambda tmp: (shutil.rmtree(home(tmp) / "files"), (home(tmp) / "files").write_bytes(b"")),
}


@pytest.mark.parametrize("archive", ["here", "on the server"])
@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_noticed_at_the_next_use_and_mended(kind: str, archive: str, served: Server, tmp_path: Path) -> None:
    good = get(served)
    DAMAGE[kind](tmp_path)
    if archive == "here":
        (home(tmp_path) / ARCHIVE).write_bytes(served.files.pop(ARCHIVE))
    again = get(served)
    assert torch.equal(again.x, good.x)
    assert torch.equal(again.y, good.y)
    assert again.names == good.names
    assert len(served.requests) == (1 if archive == "here" else 2)
    assert not [name for name in left_over(tmp_path) if name.endswith((".tmp", ".gz", ".part"))]


def test_damage_without_a_network_is_one_sentence_and_the_rest_stays(served: Server, tmp_path: Path) -> None:
    get(served)
    one(tmp_path).unlink()
    files = left_over(tmp_path)
    with pytest.raises(
        DataError, match=r"1 of the 15 files .*'facades/train/5\.png'.*no connection.*emoji_pairs"
    ) as caught:
        data.download("facades", base_url=NOTHING_LISTENS, size=16, progress=False)
    assert len(str(caught.value).splitlines()) == 1
    assert left_over(tmp_path) == files


def test_a_flipped_byte_of_the_same_time_is_noticed_when_it_is_decoded(served: Server, tmp_path: Path) -> None:
    good = get(served)
    flip(one(tmp_path), same_time=True)
    assert torch.equal(get(served).x, good.x)  # what was decoded before is whole
    assert len(served.requests) == 1
    other = get(served, size=8)
    assert len(served.requests) == 2
    shutil.rmtree(home(tmp_path))
    assert torch.equal(get(served, size=8).x, other.x)


def test_a_copied_cache_is_not_taken_for_a_damaged_one(served: Server, tmp_path: Path, monkeypatch: Patch) -> None:
    get(served)
    for path in home(tmp_path).rglob("*"):
        os.utime(path, (1, 1))
    hashed: list[Path] = []
    monkeypatch.setattr(inventory, "sha256_of", lambda path: (hashed.append(path), paths.sha256_of(path))[1])
    get(served)
    assert len(hashed) == 15
    get(served)
    assert len(hashed) == 15  # the new times are noted
    assert len(served.requests) == 1


def test_pictures_that_somebody_adds_are_no_part_of_the_set(served: Server, tmp_path: Path) -> None:
    get(served)
    one(tmp_path).with_name("99.png").write_bytes(one(tmp_path).read_bytes())
    assert len(get(served, size=8)) == 12


@pytest.mark.parametrize("what", ["*.npy", "*.npy.json"])
@pytest.mark.parametrize("damage", ["flipped", "cut", "missing", "a folder", "of another set"])
def test_kept_tensors_are_held_against_their_hash(what: str, damage: str, served: Server, tmp_path: Path) -> None:
    good = get(served)
    (path,) = (home(tmp_path) / "prepared").glob(what)
    if damage == "flipped":
        flip(path, -5)
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-9])
    elif damage == "missing":
        path.unlink()
    elif damage == "a folder":
        a_folder(path)
    else:
        path.write_bytes(json.dumps({"key": "other", "sha256": ""}).encode())
    assert torch.equal(get(served).x, good.x)
    assert len(served.requests) == 1


def test_kept_tensors_belong_to_the_bytes_of_their_pictures(served: Server, monkeypatch: Patch) -> None:
    """The same names and number in another version of the set."""
    good = get(served)
    content = {f"facades/train/{row}.png": pair((99, 9, 9), (9, 9, 99)) for row in range(1, 13)}
    content |= {f"facades/{split}/1.png": pair((1, 1, 1), (2, 2, 2)) for split in ("val", "test")}
    served.files[ARCHIVE] = tar(content)
    announce(monkeypatch, "facades", served.files[ARCHIVE])
    shutil.rmtree(prepared.home(data.downloads.DOWNLOADS[0]) / "files")
    (prepared.home(data.downloads.DOWNLOADS[0]) / "record.json").unlink()
    assert not torch.equal(get(served).x, good.x)


def sixteen_bits() -> bytes:
    import io

    file = io.BytesIO()
    Image.frombytes("I;16", (64, 32), b"\x00\x80" * 64 * 32).save(file, "PNG")
    return file.getvalue()


def gigapixels() -> bytes:
    body = bytearray(picture((1, 2, 3)))
    body[16:24] = (60_000).to_bytes(4, "big") * 2
    body[29:33] = zlib.crc32(body[12:29]).to_bytes(4, "big")
    return bytes(body)


BAD_PICTURES = {
    "1 x 1": (picture((1, 1, 1), (1, 1)), "has 1 x 1 pixels"),
    "gigapixels": (gigapixels(), "far too many pixels"),
    "text": (b"no picture", "no picture"),
    "nothing": (b"", "empty"),
    "cut": (picture((1, 1, 1))[:60], "cut off|no picture"),
}


@pytest.mark.parametrize("kind", BAD_PICTURES)
def test_a_picture_that_the_archive_holds_so_is_not_downloaded_again(
    kind: str, served: Server, monkeypatch: Patch
) -> None:
    body, why = BAD_PICTURES[kind]
    good = {f"facades/{split}/1.png": pair((1, 1, 1), (2, 2, 2)) for split in ("train", "val", "test")}
    served.files[ARCHIVE] = tar({**good, "facades/train/2.png": body})
    announce(monkeypatch, "facades", served.files[ARCHIVE], counts={"train": 2})
    with pytest.raises(DataError, match=rf"^'facades/train/2\.png' in the .* ({why}).*: tell whoever") as caught:
        get(served)
    assert len(str(caught.value).splitlines()) == 1
    assert len(served.requests) == 1
    assert len(get(served, split="test")) == 1


def test_sixteen_bits_are_not_clipped_to_white(served: Server, monkeypatch: Patch) -> None:
    good = {f"facades/{split}/1.png": pair((1, 1, 1), (2, 2, 2)) for split in ("val", "test")}
    served.files[ARCHIVE] = tar({**good, "facades/train/1.png": sixteen_bits()})
    announce(monkeypatch, "facades", served.files[ARCHIVE], counts={})
    assert get(served).x.unique().tolist() == [128]


def in_a_child(work: Callable[[], object]) -> int:
    """Start ``work`` in a process of its own; return the process."""
    child = os.fork()
    if child:
        return child
    signal.alarm(60)  # a child that waits for ever must not keep the test waiting
    try:
        work()
        os._exit(0)
    except BaseException:
        os._exit(1)


def ended(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed_at(module: object, name: str, nth: int = 1, *, after: bool = False) -> Callable[[], None]:
    """Return what makes the ``nth`` call of a function the end of its process, before or after it."""

    def prepare() -> None:
        real, count = getattr(module, name), iter(range(1, 1000))

        def last(*details: object, **options: object) -> object:
            now = next(count) == nth
            found = real(*details, **options) if after or not now else None
            if now:
                os.kill(os.getpid(), signal.SIGKILL)
            return found

        setattr(module, name, last)

    return prepare


KILLS = {
    "before the archive is renamed": killed_at(fetch, "settle"),
    "after the archive is renamed": killed_at(fetch, "settle", after=True),
    "while it is unpacked": killed_at(unpack.Building, "_add", 6),
    "before the inventory": killed_at(inventory.Inventory, "write"),
    "before the folder is renamed": killed_at(unpack, "_exchange"),
    "while the folder is exchanged": killed_at(unpack.Path, "replace", 4),
    "after the folder is renamed": killed_at(unpack, "_exchange", after=True),
    "before the archive is deleted": killed_at(prepared, "discard"),
    "while pictures are decoded": killed_at(prepared, "open_picture", 6),
    "between the tensor and its note": killed_at(prepared, "_note", 3, after=True),
}


@posix
@pytest.mark.parametrize("found", ["nothing", "a damaged set"])
@pytest.mark.parametrize("kind", KILLS)
def test_a_kill_leaves_nothing_that_the_next_call_cannot_use(
    kind: str, found: str, served: Server, tmp_path: Path
) -> None:
    good = get(served)
    if found == "nothing":
        shutil.rmtree(home(tmp_path))
    else:
        one(tmp_path).unlink()
        shutil.rmtree(home(tmp_path) / "prepared")
    child = in_a_child(lambda: (KILLS[kind](), get(served)))
    assert ended(child) == -signal.SIGKILL
    assert torch.equal(get(served).x, good.x)
    assert not [name for name in left_over(tmp_path) if name.endswith((".tmp", ".part", ".version"))]


@posix
def test_what_is_whole_but_not_in_place_needs_no_network(served: Server, tmp_path: Path) -> None:
    assert ended(in_a_child(lambda: (KILLS["before the archive is renamed"](), get(served)))) == -signal.SIGKILL
    assert left_over(tmp_path) == [f"facades/{ARCHIVE}.part"]
    assert len(data.download("facades", base_url=NOTHING_LISTENS, size=16, progress=False)) == 12


@posix
def test_processes_that_ask_at_once_download_once(served: Server, tmp_path: Path, monkeypatch: Patch) -> None:
    monkeypatch.setattr(disk, "NOTICE_AFTER", 0.01)
    get(served)  # so that the children import nothing
    shutil.rmtree(home(tmp_path))
    served.requests.clear()
    served.odd[ARCHIVE] = lambda handler, body, start: (time.sleep(0.2), handler.send(200, body, {}))
    children = [in_a_child(lambda: get(served)) for _ in range(4)]
    assert [ended(child) for child in children] == [0] * 4
    assert served.requests == [(ARCHIVE, 0)]
    assert not [name for name in left_over(tmp_path) if name.endswith((".tmp", ".part", ".gz"))]


@posix
def test_the_lock_of_a_killed_process_is_open(served: Server, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    def holds() -> None:
        with disk.alone("facades"):
            os.kill(os.getpid(), signal.SIGKILL)

    assert ended(in_a_child(holds)) == -signal.SIGKILL
    assert len(get(served)) == 12
    assert capsys.readouterr().out == ""


@pytest.fixture
def read_only(monkeypatch: Patch) -> Iterator[Callable[[], Path]]:
    """Return what makes the cache read-only, also for root, who could write all the same."""
    root = Path(tempfile.mkdtemp())
    root.chmod(0o755)
    cache = root / "cache"
    cache.mkdir()
    monkeypatch.setenv("COURSE_CACHE", str(cache))
    was = os.geteuid()

    def close() -> Path:
        for path in (root, *root.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        if was == 0:
            os.seteuid(65534)
        return cache

    yield close
    os.seteuid(was)
    for path in (root, *root.rglob("*")):
        path.chmod(0o755)
    shutil.rmtree(root)


@posix
def test_a_read_only_cache_serves_what_it_holds(served: Server, read_only: Callable[[], Path]) -> None:
    good, other = get(served), get(served, size=8)
    shutil.rmtree(next(path.parent for path in Path(os.environ["COURSE_CACHE"]).rglob("train-8-12.npy")))
    cache = read_only()
    before = sorted(cache.rglob("*"))
    assert torch.equal(get(served).x, good.x)
    assert torch.equal(get(served, size=8).x, other.x)  # decoded, and not kept
    assert sorted(cache.rglob("*")) == before
    assert len(served.requests) == 1


@posix
def test_a_read_only_cache_without_the_set_is_one_sentence(
    served: Server, read_only: Callable[[], Path], tmp_path: Path
) -> None:
    get(served)
    shutil.rmtree(Path(os.environ["COURSE_CACHE"]) / "downloads")
    cache = read_only()
    with pytest.raises(DataError, match=rf"cannot be written in {cache}.*: set COURSE_CACHE to a folder that you may"):
        get(served)


@pytest.mark.parametrize("named", ["~/course cache", "relative/cache", "./a/../b"])
def test_the_cache_may_be_named_as_in_a_shell(named: str, served: Server, tmp_path: Path, monkeypatch: Patch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "ada"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "ada"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COURSE_CACHE", named)
    assert len(get(served)) == 12
    assert paths.cache_dir().is_absolute()
    place = tmp_path / "ada" / "course cache" if named.startswith("~") else tmp_path / named
    assert (place / "downloads" / "facades" / "files").is_dir()
    assert not (tmp_path / "~").exists()


def test_the_data_folder_may_be_named_so_too(tmp_path: Path, monkeypatch: Patch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("COURSE_DATA", "~")
    assert paths.data_dir() == tmp_path


def test_a_user_who_does_not_exist(monkeypatch: Patch) -> None:
    monkeypatch.setenv("COURSE_CACHE", "~nobody-of-that-name/cache")
    with pytest.raises(DataError, match="does not exist"):
        paths.cache_dir()
