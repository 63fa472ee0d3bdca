"""``python -m course_lib.plotting.labextension``: install the extension where the JupyterLab of this Python looks."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

NAME = "course-alt-text"


def install(prefix: Path) -> Path:
    """Copy the extension below a prefix of Python, replacing an earlier one, and return its folder there."""
    here, there = Path(__file__).parent, prefix / "share/jupyter/labextensions" / NAME
    shutil.rmtree(there, ignore_errors=True)
    shutil.copytree(here, there, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return there


if __name__ == "__main__":
    print(f"Pictures in JupyterLab have their alt texts ({install(Path(sys.prefix)).name}).")
