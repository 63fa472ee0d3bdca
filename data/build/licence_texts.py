"""Full texts of standard licences, for data whose own package carries none, from npm ``spdx-license-list``."""

from __future__ import annotations

import json
from pathlib import Path

import common

PACKAGE = "spdx-license-list@6.12.0"


def licence_text(identifier: str, work: Path) -> str:
    """Return the text of the licence with this SPDX identifier, for example ``"CC0-1.0"``."""
    entry = common.npm_package(PACKAGE, work) / "licenses" / f"{identifier}.json"
    text = json.loads(entry.read_text(encoding="utf-8"))["licenseText"]
    return "\n".join(line.rstrip() for line in text.splitlines()).strip() + "\n"
