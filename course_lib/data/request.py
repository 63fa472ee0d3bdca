"""One request for one file: what the server answers is held against what is here, and nothing good is lost."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from course_lib.data.disk import check_space

CHUNK = 1 << 16
TIMEOUT = (10, 60)  # seconds to connect, and without a byte
SLOWEST = (60.0, 60_000)  # in so many seconds at least so many bytes must come
LOOK_AT_DISK = 1 << 26  # bytes between two looks at the free space

_ENOUGH = 16  # bytes, to see what kind of file it is
_MAGIC = {".zip": (b"PK\x03\x04", b"PK\x05\x06"), ".gz": (b"\x1f\x8b",), ".tgz": (b"\x1f\x8b",)}


class Retry(Exception):
    """The same address may work at the next try.

    Args:
        why: for the error message.
        whole: whether to ask for all of the file then, and not for the rest.
    """

    def __init__(self, why: str, *, whole: bool = False) -> None:
        super().__init__(why)
        self.whole = whole


class Refused(Exception):
    """This address will not give the file; another one may."""


class DiskRefuses(Exception):
    """The disk did not take what came; apart from ``OSError``, which errors of the network are as well."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(frozen=True)
class Address:
    """Where a file is: the password stands apart, so that no message, log or error of a library can hold it."""

    url: str
    host: str
    account: tuple[str, str] | None = None

    @classmethod
    def of(cls, text: str) -> Address:
        """Take an address apart.

        Raises:
            Refused: if it is none, without repeating it: a password may be in it.
        """
        try:
            parts = urlsplit(text)
            scheme, name, port = parts.scheme.lower(), parts.hostname, parts.port
        except (ValueError, AttributeError):
            raise Refused("it is no address") from None
        if scheme not in ("http", "https") or not name or re.search(r"[\s\x00-\x20\x7f]", text):
            raise Refused("it does not have the form https://server/folder")
        place = f"[{name}]" if ":" in name else name
        bare = place if port is None else f"{place}:{port}"
        # A password with an unquoted / or # would look like a port, so the port is only named where none can be.
        host = place if "@" in text.rpartition(parts.netloc)[2] else bare
        account = (unquote(parts.username or ""), unquote(parts.password or "")) if "@" in parts.netloc else None
        return cls(urlunsplit((scheme, bare, parts.path, parts.query, "")), host, account)


@dataclass(frozen=True)
class Needs:
    """What a request has to know beside the address and the place.

    Args:
        title: name of the file.
        size: of the whole file in bytes, where it is known.
        at_most: how many bytes the file can have.
        unpacked: bytes that unpacking will take for each byte of the file.
        progress: show a progress bar.
        instead: what to use without a network.
    """

    title: str
    size: int | None
    at_most: int
    unpacked: float
    progress: bool
    instead: str


def size_of(part: Path) -> int:
    """Return how many bytes are here already."""
    return part.stat().st_size if part.is_file() else 0


def request(address: Address, part: Path, needs: Needs, whole: bool) -> None:
    """Make one request, and let ``part`` grow by what comes.

    Where the server sends the file from its beginning, what is here is compared and not written again: a part shrinks
    only where the server's bytes prove it wrong.

    Args:
        address: where to ask.
        part: what has come so far, if anything.
        needs: see there.
        whole: ask for all of the file, also if a part of it is here.

    Raises:
        Retry: if the same address may work at the next try.
        Refused: if it will not.
        DiskRefuses: if the disk does not take what comes.
        DataError: if there is no room for the file.
    """
    import requests

    here = size_of(part)
    known = _Version.beside(part)
    headers = {"Accept-Encoding": "identity"}
    if here and not whole:
        headers["Range"] = f"bytes={here}-"
        if known.host == address.host and known.etag and not known.etag.startswith("W/"):
            headers["If-Range"] = known.etag
    with (
        _network(address),
        requests.get(address.url, headers=headers, auth=address.account, stream=True, timeout=TIMEOUT) as response,
    ):
        version = _Version(address.host, response.headers.get("ETag", "").strip())
        start, total = _agree(response, here if "Range" in headers else 0, needs)
        if start and start == total:
            return
        if start and known.host == address.host and known.etag and version.etag not in ("", known.etag):
            raise Retry("the server's file is not the one that it began to send", whole=True)
        if total is not None:
            check_space(part.parent, max(0, int(total * (1 + needs.unpacked)) - here), needs.title, needs.instead)
        _copy(response.raw, part, start, total, needs, version)


def _copy(raw: Any, part: Path, start: int, total: int | None, needs: Needs, version: _Version) -> None:
    here, position, looked = size_of(part), start, start
    limit = needs.at_most if total is None else total
    chunks = _chunks(raw)
    chunk = next(chunks, b"")
    while not start and 0 < len(chunk) < _ENOUGH and (more := next(chunks, b"")):
        chunk += more
    with _disk():
        if not start:
            _check_start(needs.title, chunk)  # before an earlier part is touched
            version.note(part)
        file = part.open("r+b" if here else "w+b", buffering=0)  # nothing is left to be written when it is closed
    with file, _bar(needs, total, position) as bar:
        while chunk:
            with _disk():
                if position + len(chunk) > limit:
                    file.truncate(start)
                    many = "the server announced" if total is not None else "the file can have"
                    raise Refused(f"more bytes came than {many}")
                here = _compare(file, chunk, position, here)
            position += len(chunk)
            bar.update(len(chunk))
            if position - looked > LOOK_AT_DISK:
                looked = position
                check_space(part.parent, 0 if total is None else total - position, needs.title, needs.instead)
            chunk = next(chunks, b"")
        if total is not None and position < total:
            raise Retry("the connection was cut")
        with _disk():
            if here > position:
                file.truncate(position)


def _compare(file: io.FileIO, chunk: bytes, position: int, here: int) -> int:
    """Write what is not here yet; return how many bytes are here and not proven wrong."""
    file.seek(position)
    old = file.read(min(len(chunk), here - position)) if position < here else b""
    if not chunk.startswith(old):
        here, old = position, b""
        file.truncate(position)
    file.seek(position + len(old))
    rest = memoryview(chunk)[len(old) :]
    while rest:
        rest = rest[file.write(rest) :]
    return max(here, position + len(chunk))


def _chunks(raw: Any) -> Iterator[bytes]:
    """Yield what comes as soon as it comes; not ``iter_content``, which throws away what it holds at a cut."""
    read = getattr(raw, "read1", raw.read)
    begun, count = time.monotonic(), 0
    while chunk := read(CHUNK, decode_content=False):
        count += len(chunk)
        yield chunk
        if time.monotonic() - begun > SLOWEST[0]:
            if count < SLOWEST[1]:
                raise Retry("the server sends too slowly")
            begun, count = time.monotonic(), 0


@contextlib.contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DiskRefuses(error) from error


@contextlib.contextmanager
def _network(address: Address) -> Iterator[None]:
    """Say every error of the network in a few words of our own: those of the libraries repeat addresses."""
    import http.client

    import requests
    import urllib3

    try:
        yield
    except requests.exceptions.ConnectTimeout:
        raise Refused("no connection") from None
    except requests.exceptions.SSLError:
        raise Refused("no secure connection, or its certificate is not valid") from None
    except (requests.exceptions.Timeout, urllib3.exceptions.ReadTimeoutError):
        raise Retry("the server does not answer in time") from None
    except requests.exceptions.ProxyError:
        raise Refused(f"no connection to the proxy {_proxies()}") from None
    except requests.exceptions.ConnectionError as error:
        cause = error.args[0] if error.args else None
        if isinstance(cause, urllib3.exceptions.ProtocolError):
            raise Retry("the connection was cut") from None
        unknown = type(getattr(cause, "reason", None)).__name__ == "NameResolutionError"
        raise Refused("no connection: no server of that name was found" if unknown else "no connection") from None
    except requests.exceptions.TooManyRedirects:
        raise Refused("the server sends the request in circles") from None
    except (ValueError, urllib3.exceptions.LocationValueError):  # among them all that requests says of addresses
        if _proxy(address):
            raise Refused(f"no use can be made of the proxy {_proxies()}") from None
        raise Refused("the server sends the request on to an address that cannot be used") from None
    except requests.exceptions.RequestException as error:
        raise Refused(f"the request failed ({type(error).__name__})") from None
    except (urllib3.exceptions.HTTPError, http.client.HTTPException, ConnectionError, TimeoutError):
        raise Retry("the connection was cut") from None
    except OSError:
        raise Refused(
            f"no certificates can be read from the file that {_certificates()} names: change or unset it"
        ) from None


def _certificates() -> str:
    return "REQUESTS_CA_BUNDLE" if os.environ.get("REQUESTS_CA_BUNDLE") else "CURL_CA_BUNDLE"


def _proxies() -> str:
    """Return the end of a sentence on a proxy: the environment variables that name one, as they are spelt."""
    variables = ("http_proxy", "https_proxy", "all_proxy")
    found = [name for name in os.environ if name.lower() in variables and os.environ[name]]
    if not found:
        return "that the settings of this system name: change them"
    return f"that {' and '.join(found)} {'name: change or unset them' if found[1:] else 'names: change or unset it'}"


def _proxy(address: Address) -> bool:
    import requests

    try:
        return bool(requests.utils.select_proxy(address.url, requests.utils.get_environ_proxies(address.url)))
    except ValueError:
        return True


@dataclass(frozen=True)
class _Version:
    """Which version of a file a part is of, as far as its server says."""

    host: str = ""
    etag: str = ""

    @staticmethod
    def _place(part: Path) -> Path:
        return part.with_name(part.name + ".version")

    @classmethod
    def beside(cls, part: Path) -> _Version:
        try:
            noted = json.loads(cls._place(part).read_text(encoding="utf-8"))
            return cls(str(noted["host"]), str(noted["etag"]))
        except (OSError, ValueError, KeyError, TypeError):
            return cls()

    def note(self, part: Path) -> None:
        if self.etag and self.etag.isprintable() and len(self.etag) < 1000:
            noted = json.dumps({"host": self.host, "etag": self.etag})
            self._place(part).write_text(noted, encoding="utf-8")
        else:
            self._place(part).unlink(missing_ok=True)


def forget(part: Path) -> None:
    """Delete a part and the note of its version."""
    part.unlink(missing_ok=True)
    _Version._place(part).unlink(missing_ok=True)


def settle(part: Path, target: Path) -> None:
    """Put a whole part in its place."""
    part.replace(target)
    _Version._place(part).unlink(missing_ok=True)


def _agree(response: Any, asked: int, needs: Needs) -> tuple[int, int | None]:
    """Read the server's answer; return where its bytes begin and the size of the whole file, if it is told."""
    status = response.status_code
    span = re.fullmatch(r"bytes (?:(\d{1,18})-\d{1,18}|\*)/(\d{1,18}|\*)", response.headers.get("Content-Range", ""))
    first = int(span[1]) if span and span[1] else None
    total = int(span[2]) if span and span[2] != "*" else None
    if status == 416 and asked:
        if total == asked and needs.size in (None, total):
            return asked, asked  # the part was whole already
        raise Retry("the server's file is shorter than the part that is here", whole=True)
    if status == 206:
        if not span or first != asked:
            raise Retry("the server does not send the range that it was asked for", whole=True)
    elif status == 200:
        asked = 0  # it ignores the request to go on, and sends all
        length = response.headers.get("Content-Length", "")
        total = int(length) if re.fullmatch(r"[0-9]{1,18}", length) else None
    elif status in (408, 425, 429) or status >= 500:
        raise Retry(f"the server answers {status}")
    else:
        raise Refused(f"the server answers {status}")
    if "html" in response.headers.get("Content-Type", "").lower():
        raise Refused("the server sends a web page and not the file")
    if total is not None and needs.size is not None and total != needs.size:
        raise Refused(f"the server's file has {total} bytes and not {needs.size}")
    if total is not None and total > needs.at_most:
        raise Refused(f"the server's file has {total} bytes, more than the file can have")
    return asked, total


def _check_start(title: str, chunk: bytes) -> None:
    magic = _MAGIC.get(Path(title).suffix)
    if chunk.lstrip()[:1] == b"<":
        raise Refused("the server sends a web page and not the file")
    if magic and not chunk.startswith(magic):
        raise Refused("what the server sends is not an archive")


def _bar(needs: Needs, total: int | None, position: int) -> Any:
    if not needs.progress:
        return contextlib.nullcontext(_Silent())
    from tqdm.auto import tqdm

    form: dict[str, Any] = {"unit": "B", "unit_scale": True, "unit_divisor": 1000, "leave": False}
    return tqdm(total=total, initial=position, desc=needs.title, **form)


class _Silent:
    def update(self, count: int) -> None:
        """Show nothing."""
