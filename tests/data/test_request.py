"""Servers that answer wrongly: each call has an end, one sentence, and keeps what can be trusted."""

from __future__ import annotations

import gzip
import logging
import re
import socket
import ssl
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from download_server import (
    NOTHING_LISTENS,
    Handler,
    Patch,
    Server,
    announce,
    get,
    leave_part,
    left_over,
)

from course_lib import data
from course_lib.data import request
from course_lib.data.request import Address, Refused
from course_lib.errors import DataError

NAME = "facades.tar.gz"
PART = f"facades/{NAME}.part"
MOST_REQUESTS = 8

Odd = Callable[[Handler, bytes, int], None]


def whole_or(odd: Odd) -> Odd:
    """Answer oddly where a range is asked for, and rightly where all of the file is."""
    return lambda handler, body, start: odd(handler, body, start) if start else handler.send(200, body, {})


def span(first: int, last: int, total: int | str) -> dict[str, str]:
    return {"Content-Range": f"bytes {first}-{last}/{total}"}


ODD_RANGES: dict[str, Odd] = {
    "another start": lambda h, b, s: h.send(206, b[s - 9 :], span(s - 9, len(b) - 1, len(b))),
    "from zero": lambda h, b, s: h.send(206, b, span(0, len(b) - 1, len(b))),
    "no Content-Range": lambda h, b, s: h.send(206, b[s:], {}),
    "a Content-Range that is none": lambda h, b, s: h.send(206, b[s:], {"Content-Range": "pages 3-4"}),
    "digits without end": lambda h, b, s: h.send(206, b[s:], {"Content-Range": f"bytes {'9' * 5000}-1/2"}),
    "several parts": lambda h, b, s: h.send(206, b"--x", {"Content-Type": "multipart/byteranges; boundary=x"}),
    "416": lambda h, b, s: h.send(416, b"", {"Content-Range": "bytes */7"}),
    "416 without a size": lambda h, b, s: h.send(416, b"", {}),
    "200": lambda h, b, s: h.send(200, b, {}),
    "200 without a length": lambda h, b, s: h.send(200, b, {"Content-Length": ""}),
}


@pytest.mark.parametrize("kind", ODD_RANGES)
def test_a_server_that_is_wrong_about_ranges_is_asked_for_all(kind: str, served: Server, tmp_path: Path) -> None:
    body = served.files[NAME]
    leave_part(tmp_path, body[:400])
    served.odd[NAME] = whole_or(ODD_RANGES[kind])
    assert len(get(served)) == 12
    assert len(served.requests) <= MOST_REQUESTS


@pytest.mark.parametrize("kind", ODD_RANGES)
def test_a_server_that_is_wrong_about_ranges_and_cuts_has_an_end(kind: str, served: Server, tmp_path: Path) -> None:
    """Before: the part was thrown away, so that each beginning anew passed for progress, without end."""
    served.odd[NAME] = lambda h, b, s: ODD_RANGES[kind](h, b, s) if s and "200" not in kind else h.send(200, b, {}, 500)
    with pytest.raises(DataError, match=r"what has come is kept.*emoji_pairs") as caught:
        get(served)
    assert len(str(caught.value).splitlines()) == 1
    assert len(served.requests) <= MOST_REQUESTS
    part = tmp_path / "cache" / "downloads" / PART
    assert part.read_bytes() == served.files[NAME][:500]
    served.odd = {}
    assert len(get(served)) == 12
    assert served.requests[-1] == (NAME, 500)


def test_a_server_without_ranges_that_cuts_earlier_takes_nothing_away(served: Server, tmp_path: Path) -> None:
    body = served.files[NAME]
    leave_part(tmp_path, body[:800])
    served.no_ranges = True
    served.cut_after[NAME] = [300] * 9
    with pytest.raises(DataError, match=r"what has come is kept.*cut"):
        get(served)
    assert (tmp_path / "cache" / "downloads" / PART).read_bytes() == body[:800]


def no_length(handler: Handler, status: int, body: bytes, headers: dict[str, str]) -> None:
    handler.send(status, body, {**headers, "Content-Length": ""})


ODD_BODIES: dict[str, tuple[Odd, str]] = {
    "shorter": (lambda h, b, s: no_length(h, 206, b[s : s + 1], span(s, len(b) - 1, len(b))), "cut"),
    "shorter than its length": (lambda h, b, s: h.send(206, b[s:], span(s, len(b) - 1, len(b)), 1), "cut"),
    "longer": (lambda h, b, s: no_length(h, 206, b[s:] + b"more", span(s, len(b) - 1, len(b))), "announced"),
    "empty": (lambda h, b, s: no_length(h, 206, b"", span(s, len(b) - 1, len(b))), "cut"),
    "of another total": (lambda h, b, s: h.send(206, b[s:], span(s, len(b) + 4, len(b) + 5)), "bytes and not"),
    "broken chunks": (lambda h, b, s: no_length(h, 206, b"zz", {"Transfer-Encoding": "chunked"}), "answers 503"),
}


@pytest.mark.parametrize("kind", ODD_BODIES)
def test_a_body_that_is_not_as_announced(kind: str, served: Server, tmp_path: Path) -> None:
    body = served.files[NAME]
    leave_part(tmp_path, body[:400])
    odd, message = ODD_BODIES[kind]
    served.odd[NAME] = lambda h, b, s: odd(h, b, s) if s else h.send(503, b"", {})
    with pytest.raises(DataError, match=message):
        get(served)
    assert len(served.requests) <= 60
    part = (tmp_path / "cache" / "downloads" / PART).read_bytes()
    assert len(part) >= 400
    assert body.startswith(part)


def test_bytes_that_never_end_are_not_waited_for(served: Server, tmp_path: Path, monkeypatch: Patch) -> None:
    announce(monkeypatch, "facades", served.files[NAME], hashed=False, size=None, about=5000)

    def endless(handler: Handler, body: bytes, start: int) -> None:
        no_length(handler, 200, body[:10], {})
        while True:
            handler.wfile.write(bytes(100_000))

    served.odd[NAME] = endless
    with pytest.raises(DataError, match="more bytes came than the file can have"):
        get(served)
    assert left_over(tmp_path) == []


def test_a_server_that_drips_is_given_up(served: Server, tmp_path: Path, monkeypatch: Patch) -> None:
    monkeypatch.setattr(request, "SLOWEST", (-1.0, 1_000_000))
    served.no_ranges = True
    served.cut_after[NAME] = [500] * 9
    with pytest.raises(DataError, match=r"what has come is kept.*too slowly"):
        get(served)
    assert left_over(tmp_path) == [PART]


def test_one_byte_a_request_has_an_end(served: Server, tmp_path: Path) -> None:
    leave_part(tmp_path, served.files[NAME][:400])
    served.odd[NAME] = lambda h, b, s: h.send(206, b[s:], span(s, len(b) - 1, len(b)), 1)
    with pytest.raises(DataError, match=r"what has come is kept.*cut"):
        get(served)
    assert len(served.requests) == 50


@pytest.mark.parametrize("honours", [True, False])
def test_a_file_that_changes_between_two_calls_is_not_mixed(honours: bool, served: Server, monkeypatch: Patch) -> None:
    announce(monkeypatch, "facades", served.files[NAME], hashed=False, size=None)
    served.odd[NAME] = lambda h, b, s: h.send(200, b, {"ETag": '"one"'}, 500) if not s else h.send(503, b"", {})
    with pytest.raises(DataError, match="what has come is kept"):
        get(served)
    served.files[NAME] = gzip.compress(gzip.decompress(served.files[NAME]), 1, mtime=7)

    def second(h: Handler, b: bytes, s: int) -> None:
        if s and not (honours and h.headers.get("If-Range") == '"one"'):
            return h.send(206, b[s:], {**span(s, len(b) - 1, len(b)), "ETag": '"two"'})
        return h.send(200, b, {"ETag": '"two"'})

    served.odd[NAME] = second
    before = len(served.requests)
    assert len(get(served)) == 12
    assert served.headers[before]["If-Range"] == '"one"'


@pytest.mark.parametrize("honours", [True, False])
def test_an_etag_that_changes_at_each_request_has_an_end(honours: bool, served: Server, tmp_path: Path) -> None:
    count = iter(range(1000))

    def answer(h: Handler, b: bytes, s: int) -> None:
        tag = {"ETag": f'"{next(count)}"'}
        if s and not (honours and "If-Range" in h.headers):
            return h.send(206, b[s:], {**span(s, len(b) - 1, len(b)), **tag})
        return h.send(200, b, tag, 500)

    served.odd[NAME] = answer
    with pytest.raises(DataError, match="what has come is kept"):
        get(served)
    assert len(served.requests) <= MOST_REQUESTS
    assert (tmp_path / "cache" / "downloads" / PART).read_bytes() == served.files[NAME][:500]


REDIRECTS = {
    "in circles": ("{url}facades.tar.gz", "in circles"),
    "to nowhere": ("http://127.0.0.1:9/x", "no connection"),
    "to another kind": ("ftp://127.0.0.1/x", "cannot be used"),
    "to a file": ("file:///etc/passwd", "cannot be used"),
    "to no address": ("http://", "in circles"),
    "to a broken address": ("http://[::bad/x", "cannot be used"),
    "to a port beyond all": ("http://127.0.0.1:99999999/x", "cannot be used|no connection"),
    "to an empty name": ("http://.../x", "cannot be used|no connection"),
    "without a place": ("", "answers 302"),
}


@pytest.mark.parametrize("kind", REDIRECTS)
def test_redirects(kind: str, served: Server, tmp_path: Path) -> None:
    place, message = REDIRECTS[kind]
    served.odd[NAME] = lambda h, b, s: h.send(302, b"", {"Location": place.format(url=served.url)})
    with pytest.raises(DataError, match=message) as caught:
        get(served)
    assert len(str(caught.value).splitlines()) == 1
    assert len(served.requests) <= 35
    assert left_over(tmp_path) == []


@pytest.fixture
def no_retries(server: Server, monkeypatch: Patch) -> Iterator[Patch]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    "proxy",
    ["http://[bad", "http://127.0.0.1:notaport", ":::", "socks5://127.0.0.1:9", "http://", "http://127.0.0.1:9", "x y"],
)
def test_a_proxy_that_cannot_be_used_is_named(proxy: str, served: Server, no_retries: Patch) -> None:
    no_retries.setenv("HTTP_PROXY", proxy)
    with pytest.raises(DataError, match="proxy that HTTP_PROXY names: change or unset it"):
        get(served)


def test_a_file_of_certificates_that_is_not_there(no_retries: Patch) -> None:
    no_retries.setenv("REQUESTS_CA_BUNDLE", "/nowhere/certificates.pem")
    with pytest.raises(DataError, match=r"certificates .* that REQUESTS_CA_BUNDLE names"):
        data.download("facades", base_url="https://127.0.0.1:9/", progress=False)


def test_no_secure_connection(served: Server) -> None:
    with pytest.raises(DataError, match="no secure connection"):
        data.download("facades", base_url=served.url.replace("http:", "https:"), progress=False)


def test_a_name_that_nobody_knows(served: Server, monkeypatch: Patch) -> None:
    def unknown(*details: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(DataError, match=r"nowhere\.invalid: no connection: no server of that name"):
        data.download("facades", base_url="http://nowhere.invalid/", progress=False)


@pytest.mark.parametrize(
    "error",
    [
        requests.exceptions.ReadTimeout("x"),
        requests.exceptions.ConnectTimeout("x"),
        requests.exceptions.ChunkedEncodingError("x"),
        requests.exceptions.ContentDecodingError("x"),
        requests.exceptions.InvalidHeader("x"),
        requests.exceptions.ConnectionError("x"),
        requests.exceptions.RetryError("x"),
        ssl.SSLError("x"),
        ConnectionResetError("x"),
        TimeoutError("x"),
        UnicodeError("x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_the_libraries_raise_becomes_one_sentence(
    error: Exception, served: Server, monkeypatch: Patch
) -> None:
    def fail(*details: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(requests, "get", fail)
    with pytest.raises(DataError, match=r"^facades\.tar\.gz could not be downloaded: 127\.0\.0\.1.*emoji_pairs"):
        get(served)


def test_a_server_that_never_answers(server: Server, monkeypatch: Patch) -> None:
    monkeypatch.setattr(request, "TIMEOUT", (0.05, 0.05))
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(DataError, match="does not answer in time"):
            data.download("facades", base_url=f"http://127.0.0.1:{silent.getsockname()[1]}/", progress=False)


SECRET = "open-sesame"


@pytest.mark.parametrize(
    "address",
    [
        "http://ada:{}@127.0.0.1:9/",
        "http://ada:{}@127.0.0.1:notaport/",
        "http://ada:{}@[bad/",
        "ftp://ada:{}@127.0.0.1/",
        "ada:{}@127.0.0.1/",
        "http://ada:pass@{}@127.0.0.1:9/",
        "http://ada:12/{}@127.0.0.1:9/",
        "http://ada:12#{}@127.0.0.1:9/",
        "http://ada:{}@nowhere.invalid/ x",
        "http://127.0.0.1:9/?token={}",
        "http:// ada:{}@127.0.0.1/",
    ],
)
def test_a_password_is_never_shown(
    address: str, served: Server, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(DataError) as caught:
        data.download("facades", base_url=address.format(SECRET), progress=True)
    seen = "".join(traceback.format_exception(caught.value)) + caplog.text + "".join(capfd.readouterr())
    assert SECRET not in re.sub(r"(?m)^    .*$", "", seen)  # without the lines of code


@pytest.mark.parametrize("password", ["sesame", "a b/c@d#e", "ünicode"])
def test_a_password_is_sent_and_not_kept(password: str, served: Server, tmp_path: Path) -> None:
    from base64 import b64decode
    from urllib.parse import quote

    served.odd[NAME] = lambda h, b, s: h.send(200, b, {"ETag": '"one"'}, 500) if not s else h.send(503, b"", {})
    url = served.url.replace("://", f"://ada:{quote(password, safe='')}@")
    with pytest.raises(DataError) as caught:
        data.download("facades", base_url=url, progress=False)
    kind, _, told = served.headers[0]["Authorization"].partition(" ")
    assert kind == "Basic"
    assert b64decode(told) in (f"ada:{password}".encode(), f"ada:{password}".encode("latin-1", "replace"))
    kept = b"".join(path.read_bytes() for path in (tmp_path / "cache").rglob("*.version"))
    assert b"one" in kept
    assert not re.search(rb"ada|sesame", kept)
    assert "ada" not in str(caught.value)


def test_an_account_is_not_sent_on_to_another_server(served: Server, no_retries: Patch) -> None:
    other = Server()
    other.files = served.files
    thread = threading.Thread(target=other.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    place = other.url.replace("127.0.0.1", "localhost")
    served.odd[NAME] = lambda h, b, s: h.send(302, b"", {"Location": f"{place}{NAME}"})
    try:
        assert len(data.download("facades", base_url=served.url.replace("://", "://ada:x@"), progress=False)) == 12
    finally:
        other.shutdown()
        other.server_close()
        thread.join()
    assert "Authorization" in served.headers[0]
    assert "Authorization" not in other.headers[0]


def test_what_an_address_is_called() -> None:
    assert Address.of("https://ada:b%40c@[::1]:8080/x?y=1#z") == Address(
        "https://[::1]:8080/x?y=1", "[::1]:8080", ("ada", "b@c")
    )
    assert Address.of("http://a.org/@x").account is None
    for text in ("", "a.org/x", "http:///x", "http://a.org:port/x", "http://a b/", "file:///x", None, 7):
        with pytest.raises(Refused):
            Address.of(text)  # type: ignore[arg-type]


def test_a_query_stays_behind_the_name_of_the_file(served: Server) -> None:
    served.files[f"folder/{NAME}?key=1"] = served.files[NAME]
    assert len(data.download("facades", base_url=served.url + "folder/?key=1", progress=False)) == 12


def test_nothing_listens_is_one_sentence(server: Server) -> None:
    with pytest.raises(DataError, match="no connection"):
        data.download("facades", base_url=NOTHING_LISTENS, progress=False)
