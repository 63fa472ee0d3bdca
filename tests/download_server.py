"""A server on this machine that cuts, lies and refuses, and small archives for it; shared by tests."""

from __future__ import annotations

import dataclasses
import hashlib
import http.server
import io
import re
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from course_lib import data
from course_lib.data import downloads, fetch
from course_lib.data.remote import DOWNLOADS

Patch = pytest.MonkeyPatch
NOTHING_LISTENS = "http://127.0.0.1:9/"


class Server(http.server.ThreadingHTTPServer):
    """Serves ``files``; the other attributes are faults, by file name."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.cut_after: dict[str, list[int]] = {}  # bytes to send before each cut, one entry a request
        self.status: dict[str, list[int]] = {}  # one entry a request, then all is well
        self.page: set[str] = set()  # send an error page with status 200
        self.page_type = "text/html"
        self.no_ranges = False
        self.odd: dict[str, Callable[[Handler, bytes, int], None]] = {}  # answers in the place of do_GET
        self.headers: list[dict[str, str]] = []  # of each request
        self.requests: list[tuple[str, int]] = []  # (file, first byte asked for)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"

    def handle_error(self, *details: object) -> None:
        """A client that goes away is part of the tests."""


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *details: object) -> None:
        """Stay silent."""

    def do_GET(self) -> None:
        name = self.path.lstrip("/")
        body = self.server.files.get(name)
        span = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(span[1]) if span and not self.server.no_ranges else 0
        self.server.requests.append((name, int(span[1]) if span else 0))
        self.server.headers.append(dict(self.headers))
        if name in self.server.odd:
            self.close_connection = True
            return self.server.odd[name](self, body or b"", start)
        status = self.server.status[name].pop(0) if self.server.status.get(name) else 200
        if name in self.server.page:
            return self.send(200, b"<!DOCTYPE html><title>Moved</title>", {"Content-Type": self.server.page_type})
        if body is None or status != 200:
            return self.send(status if status != 200 else 404, b"no", {})
        if start >= len(body) > 0 and start > 0:
            return self.send(416, b"", {"Content-Range": f"bytes */{len(body)}"})
        headers = {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"} if start else {}
        cuts = self.server.cut_after.get(name, [])
        self.send(206 if start else 200, body[start:], headers, cuts.pop(0) if cuts else None)

    def send(self, status: int, body: bytes, headers: dict[str, str], cut: int | None = None) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **headers}.items():
            if value:
                self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body if cut is None else body[:cut])
        self.close_connection = True


@pytest.fixture
def server(tmp_path: Path, monkeypatch: Patch) -> Iterator[Server]:
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("COURSE_DOWNLOADS", raising=False)
    monkeypatch.setattr(fetch, "PAUSE", 0.0)
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def picture(colour: tuple, size: tuple[int, int] = (32, 32), left: tuple | None = None) -> bytes:
    image = Image.new("RGB", size, colour)
    image.paste(left or colour, (0, 0, 32, 32))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def pair(left: tuple, right: tuple) -> bytes:
    return picture(right, (64, 32), left)


def tar(content: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as packed:
        for name, body in content.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            packed.addfile(info, io.BytesIO(body))
    return file.getvalue()


def zipped(content: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        for name, body in content.items():
            packed.writestr(name, body)
    return file.getvalue()


def facades(train: int = 12) -> bytes:
    red, blue = (200, 10, 10), (10, 10, 200)
    content = {f"facades/train/{row}.png": pair((row, row, row), red) for row in range(1, train + 1)}
    content |= {"facades/val/1.png": pair(red, blue), "facades/test/1.png": pair(red, blue)}
    return tar({**content, "facades/train/._1.png": b"rubbish of a Mac"})


def horses() -> bytes:
    content = {f"horse2zebra/trainA/{row}.png": picture((row, 0, 0), (32, 48)) for row in range(7)}
    content |= {f"horse2zebra/trainB/{row}.png": picture((0, row, 0)) for row in range(4)}
    content |= {f"horse2zebra/test{side}/1.png": picture((1, 2, 3)) for side in "AB"}
    return zipped(content)


def announce(monkeypatch: Patch, name: str, body: bytes, hashed: bool = True, **changes: object) -> None:
    """Make the catalogue expect ``body`` under the name of a real set."""
    real = next(remote for remote in DOWNLOADS if remote.name == name)
    checksum = f"sha256:{hashlib.sha256(body).hexdigest()}" if hashed else None
    known = {"size": len(body), "checksum": checksum, "counts": {"train": 12}}
    mine = dataclasses.replace(real, **{**known, **changes})
    others = tuple(remote for remote in DOWNLOADS if remote.name != name)
    monkeypatch.setattr(downloads, "DOWNLOADS", (mine, *others))


@pytest.fixture
def served(server: Server, monkeypatch: Patch) -> Server:
    server.files = {"facades.tar.gz": facades(), "horse2zebra.zip": horses()}
    announce(monkeypatch, "facades", server.files["facades.tar.gz"])
    return server


def get(server: Server, name: str = "facades", **options: object) -> object:
    return data.download(name, base_url=server.url, progress=False, **{"size": 16, **options})


def leave_part(tmp_path: Path, body: bytes) -> None:
    part = tmp_path / "cache" / "downloads" / "facades" / "facades.tar.gz.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(body)


def left_over(tmp_path: Path) -> list[str]:
    root = tmp_path / "cache" / "downloads"
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
