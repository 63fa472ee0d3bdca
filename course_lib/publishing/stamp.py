"""What every lesson gets from one place: the set-up cell and the line of links."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

LINKS_MARKER = "<!-- links -->"
BRANCH = "main"

SETUP = """\
# Set-up, the same in every lesson: finds the course or fetches it. An installed torch is never touched.
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

if find_spec("course_lib") is None:
    address = os.environ.get("COURSE_REPOSITORY", "@REPOSITORY@")  # from [project.urls] Repository in pyproject.toml
    places = (Path.cwd(), *Path.cwd().parents, Path("course").resolve())
    course = next((place for place in places if (place / "course_lib/__init__.py").is_file()), places[-1])
    if not course.is_dir():
        if not address:
            raise RuntimeError("The course is not here: set COURSE_REPOSITORY to the address of its git repository.")
        subprocess.run(["git", "clone", "--quiet", "--depth=1", address, str(course)], check=True)
    sys.path.insert(0, str(course))

from course_lib.notebook import start

device = start(seed=0)"""


def setup_cell(repository: str) -> str:
    """Return the text of the set-up cell.

    Args:
        repository: the course's address, or "" where none is set.
    """
    return SETUP.replace("@REPOSITORY@", repository)


def links(lesson: str, edition: str, repository: str) -> str:
    """Return the line of links of a lesson, in Markdown.

    Args:
        lesson: name such as ``01_regression_blur``.
        edition: ``learner`` or ``solution``.
        repository: the course's address, or "": Colab and Binder are left out then.
    """
    folder = "notebooks/" if edition == "learner" else "notebooks/solutions/"
    path = f"{folder}{lesson}.ipynb"
    parts = []
    github = re.fullmatch(r"https://github\.com/([\w.-]+/[\w.-]+)", repository)
    if github:
        parts.append(f"[Open in Colab](https://colab.research.google.com/github/{github[1]}/blob/{BRANCH}/{path})")
        parts.append(f"[Open in Binder](https://mybinder.org/v2/gh/{github[1]}/{BRANCH}?urlpath=lab/tree/{path})")
    elif urlsplit(repository).scheme in ("http", "https"):
        address = quote(repository, safe="")
        parts.append(f"[Open in Binder](https://mybinder.org/v2/git/{address}/{BRANCH}?urlpath=lab/tree/{path})")
    if edition == "learner":
        parts.append(f"[Solutions](solutions/{lesson}.ipynb)")
    else:
        parts.append(f"[The learner's edition](../{lesson}.ipynb)")
    parts.append(f"Slides: `make slides`, then open `slides/build/{lesson}.html`")
    return " · ".join(parts)


def stamp_markdown(text: str, lesson: str, edition: str, repository: str) -> str:
    """Return Markdown with its links marker, if any, replaced by the line of links."""
    return text.replace(LINKS_MARKER, links(lesson, edition, repository))
