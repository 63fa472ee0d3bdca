"""The folder ``data/`` as a whole: size, hashes, cards and licences."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from course_lib.paths import data_dir

LIMIT = 170_000_000  # of all seventeen lessons together


def on_disk(data: Path) -> list[str]:
    """Return what is shipped: all files but the builders, the manifest, and hidden or half-written ones."""
    names = []
    for path in data.rglob("*"):
        parts = path.relative_to(data).parts
        if path.is_file() and parts[0] != "build" and not any(part.startswith((".", "__")) for part in parts):
            names.append("/".join(parts))
    return sorted(set(names) - {"manifest.json"})


def folders(data: Path) -> list[str]:
    """Return every folder that holds a shipped file other than its card."""
    return sorted({str(Path(name).parent) for name in on_disk(data) if Path(name).name != "README.md"})


def test_every_file_is_listed_and_hashes() -> None:
    data = data_dir()
    listed = json.loads((data / "manifest.json").read_text(encoding="utf-8"))["files"]
    expected = {}
    for name in on_disk(data):
        if Path(name).name != "README.md":
            content = (data / name).read_bytes()
            expected[name] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    assert listed == expected, "run python data/build/manifest.py"


def test_the_whole_stays_under_170_mb() -> None:
    data = data_dir()
    assert sum(path.stat().st_size for path in data.rglob("*") if path.is_file()) < LIMIT


def test_photographs_and_paintings_stay_under_8_mb() -> None:
    data = data_dir()
    both = [path for folder in ("photos", "paintings") for path in (data / folder).iterdir()]
    assert sum(path.stat().st_size for path in both) < 8_000_000


@pytest.mark.parametrize("folder", folders(data_dir()))
def test_every_folder_has_a_card_that_says_where_it_is_from(folder: str) -> None:
    here = data_dir() / folder
    cards = [place / "README.md" for place in (here, *here.parents) if data_dir() in place.parents]
    found = [card for card in cards if card.is_file()]
    assert found, f"data/{folder} has no README.md"
    text = found[0].read_text(encoding="utf-8").lower()
    for word in ("licence", "source", "changes made", "known flaws") if "checkpoints" not in folder else ("licence",):
        assert word in text, f"{found[0]} does not say: {word}"


@pytest.mark.parametrize("folder", sorted({folder.split("/")[0] for folder in folders(data_dir())} - {"checkpoints"}))
def test_upstream_licences_are_shipped(folder: str) -> None:
    texts = [path for path in (data_dir() / folder).rglob("LICENSE*") if path.stat().st_size > 500]
    assert texts, f"data/{folder} has no licence text"
