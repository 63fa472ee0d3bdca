"""Advice works when it is followed to the letter: messages are read and obeyed, and the call is made again."""

from __future__ import annotations

import ast
import errno
import gzip
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from download_server import NOTHING_LISTENS, Patch, Server, announce, facades, get

from course_lib import data
from course_lib.data import fetch, inventory, unpack
from course_lib.data.remote import DOWNLOADS
from course_lib.errors import DataError

ARCHIVE = "facades.tar.gz"
Situation = Callable[[Path, Server, Patch], None]
Options = dict[str, object]


def obey(message: str, tmp_path: Path, monkeypatch: Patch) -> Options:
    """Do what a message says; return the arguments that it asks for."""
    options: Options = {}
    for place in re.findall(r"delete (/\S+)|(/\S+) is in the way of .*: delete it", message):
        path = Path("".join(place).rstrip(":,;"))
        assert path.exists(), f"there is no {path} to be deleted"
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    if "set COURSE_CACHE to" in message or "set it to a full path" in message:
        monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "another disk"))
    for variable in re.findall(r"\w+_(?:PROXY|proxy|BUNDLE)", message) if re.search("unset (it|them)", message) else ():
        monkeypatch.delenv(variable)
    if "give limit=" in message:
        options["limit"] = 1
    for name in re.findall(r"did you mean '(\w+)'", message):
        options["name" if name in data.downloadable() else "split"] = name
    if "choose 'AtoB' or 'BtoA'" in message:
        options["direction"] = "BtoA"
    for name in re.findall(r"(\w+) is .*: give a whole number of at least 1", message):
        options[name] = 1
    return options


def disk_answers(error: int, owner: object, name: str) -> Situation:
    """Let a step fail by an error of the disk, in the first cache alone."""

    def prepare(tmp: Path, server: Server, patch: Patch) -> None:
        real = getattr(owner, name)

        def refuses(*details: object, **options: object) -> object:
            if os.environ["COURSE_CACHE"] == str(tmp / "cache"):
                raise OSError(error, os.strerror(error))
            return real(*details, **options)

        patch.setattr(owner, name, refuses)

    return prepare


def in_the_way(place: str, kind: str) -> Situation:
    def prepare(tmp: Path, server: Server, patch: Patch) -> None:
        path = tmp / "cache" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "file":
            path.write_bytes(b"")
        else:
            (path / "inside").mkdir(parents=True)

    return prepare


def no_room(tmp: Path, server: Server, patch: Patch) -> None:
    def usage(folder: Path) -> object:
        return shutil._ntuple_diskusage(10**12, 10**12, 10**7 if str(folder).startswith(str(tmp / "cache")) else 10**11)

    patch.setattr(shutil, "disk_usage", usage)


def no_memory(tmp: Path, server: Server, patch: Patch) -> None:
    memory = psutil.virtual_memory()._replace(available=40_000)
    patch.setattr(psutil, "virtual_memory", lambda: memory)


def once(server: Server, body: bytes, patch: Patch) -> None:
    """Send this in the place of the archive, the first time."""
    good = server.files[ARCHIVE]
    announce(patch, "facades", good, hashed=False, size=None)
    left = iter([body])
    server.odd[ARCHIVE] = lambda handler, found, start: handler.send(200, next(left, good), {})


def corrupt(tmp: Path, server: Server, patch: Patch) -> None:
    once(server, server.files[ARCHIVE][:-9], patch)


def too_few(tmp: Path, server: Server, patch: Patch) -> None:
    once(server, facades(train=11), patch)


def another_version(tmp: Path, server: Server, patch: Patch) -> None:
    announce(patch, "facades", server.files[ARCHIVE], hashed=False, size=None)
    get(server)
    server.files[ARCHIVE] = gzip.compress(gzip.decompress(server.files[ARCHIVE]), 1, mtime=7)
    shutil.rmtree(tmp / "cache" / "downloads" / "facades" / "files")


def always_altered(tmp: Path, server: Server, patch: Patch) -> None:
    """A folder that gives other bytes than it was given, until it is deleted."""
    get(server)
    shutil.rmtree(tmp / "cache" / "downloads" / "facades" / "prepared")
    folder = tmp / "cache" / "downloads" / "facades" / "files"
    mark, real = folder / "bad sector", Path.read_bytes
    mark.touch()

    def read_bytes(path: Path) -> bytes:
        return real(path) + b"x" * (folder in path.parents and mark.exists())

    patch.setattr(Path, "read_bytes", read_bytes)


def unreadable(tmp: Path, server: Server, patch: Patch) -> None:
    """An archive on a bad sector, until another file takes its place."""
    path = tmp / "cache" / "downloads" / "facades" / ARCHIVE
    path.parent.mkdir(parents=True)
    path.write_bytes(server.files[ARCHIVE])
    os.utime(path, (1, 1))
    real = gzip.open

    def opened(place: Path, *rest: object) -> object:
        if place.stat().st_mtime == 1:
            raise OSError(errno.EIO, "Input/output error")
        return real(place, *rest)

    patch.setattr(gzip, "open", opened)


def variable(name: str, value: str) -> Situation:
    return lambda tmp, server, patch: patch.setenv(name, value)


def nothing(tmp: Path, server: Server, patch: Patch) -> None:
    """All is well; what is wrong is the call."""


SITUATIONS: dict[str, tuple[Situation, Options]] = {
    "the disk is full before": (no_room, {}),
    "the disk is full while it comes": (disk_answers(errno.ENOSPC, fetch, "request"), {}),
    "the disk is full while it is put in place": (disk_answers(errno.ENOSPC, fetch, "settle"), {}),
    "the disk is full while it is listed": (disk_answers(errno.ENOSPC, inventory.Inventory, "write"), {}),
    "the share is full while it is exchanged": (disk_answers(errno.EDQUOT, unpack, "_exchange"), {}),
    "the disk is full where unpacking begins": (disk_answers(errno.ENOSPC, unpack.tempfile, "mkdtemp"), {}),
    "the disk is read-only": (disk_answers(errno.EROFS, fetch, "settle"), {}),
    "a name is too long": (disk_answers(errno.ENAMETOOLONG, unpack, "_exchange"), {}),
    "the disk is broken": (disk_answers(errno.EIO, unpack, "_exchange"), {}),
    "a file for the cache": (in_the_way("", "file"), {}),
    "a file for downloads": (in_the_way("downloads", "file"), {}),
    "a file for the locks": (in_the_way("locks", "file"), {}),
    "a folder for a lock": (in_the_way("locks/facades.lock", "folder"), {}),
    "a file for the set": (in_the_way("downloads/facades", "file"), {}),
    "a folder for the archive": (in_the_way(f"downloads/facades/{ARCHIVE}", "folder"), {}),
    "a folder for the part": (in_the_way(f"downloads/facades/{ARCHIVE}.part", "folder"), {}),
    "a folder for the record": (in_the_way("downloads/facades/record.json", "folder"), {}),
    "a corrupt archive": (corrupt, {}),
    "too few pictures": (too_few, {}),
    "another version": (another_version, {}),
    "other bytes than were written": (always_altered, {}),
    "an archive that cannot be read": (unreadable, {}),
    "too little memory": (no_memory, {"size": 64}),
    "a proxy that is none": (variable("HTTP_PROXY", "http://[bad"), {}),
    "a proxy that is not there": (variable("HTTP_PROXY", NOTHING_LISTENS), {}),
    "a proxy in small letters": (variable("http_proxy", NOTHING_LISTENS), {}),
    "a proxy for all": (variable("all_proxy", "socks5://127.0.0.1:9"), {}),
    "a user who does not exist": (variable("COURSE_CACHE", "~nobody-of-that-name/x"), {}),
    "a wrong name": (nothing, {"name": "facade"}),
    "a wrong split": (nothing, {"split": "tain"}),
    "a wrong size": (nothing, {"size": 0}),
    "a wrong limit": (nothing, {"limit": -1}),
    "a wrong direction": (nothing, {"direction": "AB"}),
}


@pytest.mark.parametrize("kind", SITUATIONS)
def test_what_a_message_says_helps_when_it_is_done(
    kind: str, served: Server, tmp_path: Path, monkeypatch: Patch
) -> None:
    situation, options = SITUATIONS[kind]
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    (tmp_path / "another disk").mkdir()
    situation(tmp_path, served, monkeypatch)
    options = {"name": "facades", "size": 16, **options}
    with pytest.raises(DataError) as caught:
        get(served, **options)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert message.endswith(".")
    told = obey(message, tmp_path, monkeypatch)
    assert len(get(served, **{**options, **told})) == (1 if told.get("limit") else 12)


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("downloads/facades/files", "file"),
        ("downloads/facades/prepared", "file"),
        ("downloads/facades/prepared/train-16-12.npy", "folder"),
        ("downloads/facades/prepared/train-16-12.npy.json", "folder"),
    ],
)
def test_what_can_be_done_without_asking_needs_no_message(
    place: str, kind: str, served: Server, tmp_path: Path, monkeypatch: Patch
) -> None:
    in_the_way(place, kind)(tmp_path, served, monkeypatch)
    assert len(get(served)) == 12
    assert len(get(served)) == 12


@pytest.mark.parametrize(
    "call", sorted({call for one in DOWNLOADS for call in re.findall(r"data\.load\([^)]*\)", one.instead)})
)
def test_the_bundled_sets_that_messages_name_can_be_loaded(call: str) -> None:
    tree = ast.parse(call, mode="eval").body
    assert isinstance(tree, ast.Call)
    values = [ast.literal_eval(value) for value in tree.args]
    assert len(data.load(*values, **{one.arg: ast.literal_eval(one.value) for one in tree.keywords})) > 0


@pytest.mark.parametrize("address", ["{}", "", "ftp://{}", 7, b"http://127.0.0.1/", "http://[bad"])
def test_an_address_that_is_none_is_told_the_form(address: object, served: Server, monkeypatch: Patch) -> None:
    bare = served.url.removeprefix("http://")
    wrong = address.format(bare) if isinstance(address, str) else address
    with pytest.raises(DataError, match=r"^base_url cannot be used, because .* such as https://example\.org/sets\.$"):
        data.download("facades", base_url=wrong, progress=False)
    if address == "{}":
        monkeypatch.setenv("COURSE_DOWNLOADS", wrong)
        with pytest.raises(DataError, match=r"^COURSE_DOWNLOADS cannot be used"):
            data.download("facades", progress=False)
