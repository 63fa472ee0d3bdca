"""What tests of damaged files share: a manifest that lists the damage, and how an error must read."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def relist() -> Callable[[Path, str], None]:
    """Return a function that writes what is on disk now into the manifest, so that only the content is wrong."""

    def write(data: Path, name: str) -> None:
        path = data / "manifest.json"
        listed = json.loads(path.read_text(encoding="utf-8"))
        content = (data / name).read_bytes()
        listed["files"][name] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        path.write_text(json.dumps(listed), encoding="utf-8")

    return write


@pytest.fixture
def one_sentence() -> Callable[[BaseException], str]:
    """Return a function that gives the text of an error and fails if it is more or less than one sentence."""

    def read(error: BaseException) -> str:
        text = str(error)
        assert re.fullmatch(r"[^\n]+\.", text), text
        assert ". " not in text, text
        return text

    return read
