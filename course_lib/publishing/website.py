"""The course as a website: the lessons as executed, decks and downloads, and the reference from the docstrings.

It needs no server and no network: open ``site/index.html``.
"""

from __future__ import annotations

import html
import logging
import pkgutil
import re
import shutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from warnings import catch_warnings, simplefilter

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

import course_lib
from course_lib.errors import CourseError
from course_lib.publishing.derive import FOLDED
from course_lib.publishing.execute import is_hint
from course_lib.publishing.lessons import Lesson, read_lesson
from course_lib.publishing.readme import minutes
from course_lib.publishing.rules import tags_of
from course_lib.publishing.settings import House
from course_lib.publishing.slides import export
from course_lib.publishing.stamp import links

FOLDER = "site"
TITLE = "Conditional generative models"
PARTS = [Path(__file__).with_name(name) for name in ("website.css", "website.js")]
PICTURES = ("image/png", "image/jpeg")
ANSWER = "raise NotImplementedError"
NOT_IN_THE_REFERENCE = re.compile(r"\.exercises\.|\.__main__$|plotting\.jupyter")  # answers, and what is no library

OPTIONS: dict[str, Any] = {
    "project": TITLE,
    "html_title": TITLE,
    "copyright": "the authors of the course",
    "extensions": ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"],
    "html_theme": "furo",
    "html_css_files": ["website.css"],
    "html_js_files": ["website.js"],
    "html_show_sphinx": False,
    "html_copy_source": False,
    "html_show_sourcelink": False,
    "html_show_search_summary": False,  # it would be fetched, which a browser refuses where there is no server
    "mathjax_path": "mathjax/tex-svg-full.js",
    "mathjax3_config": {"options": {"enableMenu": False}, "tex": {"tags": "ams"}},
    "nb_execution_mode": "off",
    "nb_merge_streams": True,
    "myst_enable_extensions": ["dollarmath", "amsmath"],
    "myst_heading_anchors": 3,
    "autodoc_member_order": "bysource",
    "autodoc_typehints": "signature",
    "autodoc_default_options": {"members": True, "show-inheritance": True},
    "napoleon_google_docstring": True,
    "napoleon_use_ivar": True,
    "pygments_style": "a11y-high-contrast-light",
    # Notebooks say `ipython3`; titles of their own levels; docstrings name types that have no page here.
    "suppress_warnings": ["misc.highlighting_failure", "myst.header", "mystnb.lexer", "config.cache"],
}


def build(house: House) -> Path:
    """Build the site into ``site/`` of the house and return its first page.

    Raises:
        CourseError: if a lesson is not executed, or Sphinx finds a fault: a link to nowhere, text that it cannot read.
    """
    from sphinx.application import Sphinx
    from sphinx.util.console import nocolor

    target = house.root / FOLDER
    names = house.lessons()
    with TemporaryDirectory() as place:
        source, warnings = Path(place) / "source", Path(place) / "warnings"
        _write_source(house, names, source)
        nocolor()
        with warnings.open("w+", encoding="utf-8") as heard:
            logging.getLogger("sphinx").handlers.clear()
            with catch_warnings():
                simplefilter("ignore", PendingDeprecationWarning)  # of what Sphinx's extensions do
                simplefilter("ignore", DeprecationWarning)
                options = OPTIONS | {"html_static_path": [str(source / "_static")]}
                trees, pages = Path(place) / "trees", Path(place) / "out" / "html"  # beside it goes what nobody wants
                app = Sphinx(source, None, pages, trees, "html", options, None, heard, freshenv=True)
                app.build(force_all=True)
            heard.seek(0)
            faults = [line for line in heard.read().splitlines() if line.strip()]
        if faults:
            raise CourseError("The site has faults:\n" + "\n".join(faults))
        shutil.rmtree(target, ignore_errors=True)
        shutil.move(pages, target)
    for name in names:
        deck = export(house, name)
        shutil.copytree(deck.parent, target / "slides", dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.pdf"))
        (target / "notebooks").mkdir(exist_ok=True)
        shutil.copyfile(house.notebook(name, "learner"), target / "notebooks" / f"{name}.ipynb")
    return target / "index.html"


def page_of(notebook: NotebookNode, lesson: str, repository: str) -> NotebookNode:
    """Return a lesson as a page: pictures with their texts, wide tables that scroll, set-up and answers folded.

    Args:
        notebook: the learner's edition, executed; changed in place.
        lesson: its name.
        repository: the address that its links are stamped with, or "".
    """
    own = f'<p class="of-the-lesson"><a href="../slides/{lesson}.html">Slides</a> · '
    own += f'<a href="../notebooks/{lesson}.ipynb" download>Notebook to run</a></p>'
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = cell.source.replace(links(lesson, "learner", repository), "")
            continue
        folded = {FOLDED, "setup"} & set(tags_of(cell)) or ANSWER in cell.source
        cell.metadata = NotebookNode(tags=["hide-input"] if folded else [])
        cell.outputs = [_for_the_web(output) for output in cell.outputs if not is_hint(output)]
    notebook.cells.insert(1, new_markdown_cell(own))
    return notebook


def _for_the_web(output: NotebookNode) -> NotebookNode:
    data, metadata = output.get("data", {}), output.get("metadata", {})
    for kind in PICTURES:
        if kind in data:
            own = metadata.get(kind, {})
            alt, width = html.escape(own.get("alt", "")), own.get("width")
            size = f' width="{width}"' if width else ""
            picture = f'<img alt="{alt}"{size} loading="lazy" src="data:{kind};base64,{data[kind].strip()}">'
            output.data = NotebookNode({"text/html": picture})
            return output
    if "text/html" in data:
        output.data = NotebookNode({"text/html": f'<div class="table-wrapper">{data["text/html"]}</div>'})
    return output


def _write_source(house: House, names: list[str], folder: Path) -> None:
    """Write what Sphinx reads: the first page, the lessons, the reference."""
    (folder / "lessons").mkdir(parents=True)
    (folder / "reference").mkdir()
    lessons = [read_lesson(house, name) for name in names]
    (folder / "index.md").write_text(_first_page(lessons), encoding="utf-8")
    for name in names:
        notebook = nbformat.read(house.notebook(name, "learner"), as_version=4)
        page_of(notebook, name, house.repository())
        nbformat.write(notebook, folder / "lessons" / f"{name}.ipynb")
    modules = sorted(_modules())
    toc = "\n".join(f"   {module}" for module in modules)
    text = "Reference\n=========\n\nWhat is in ``course_lib``, from its docstrings.\n\n"
    (folder / "reference/index.rst").write_text(f"{text}.. toctree::\n   :maxdepth: 1\n\n{toc}\n", encoding="utf-8")
    for module in modules:
        page = f"{module}\n{'=' * len(module)}\n\n.. automodule:: {module}\n{_exports(module)}"
        (folder / "reference" / f"{module}.rst").write_text(page, encoding="utf-8")
    static = folder / "_static"
    static.mkdir()
    for part in PARTS:
        shutil.copyfile(part, static / part.name)
    shutil.copytree(house.slides / "vendor/mathjax", static / "mathjax")


def _first_page(lessons: list[Lesson]) -> str:
    rows = ["| Lesson | The question | CPU minutes | More |", "| --- | --- | ---: | --- |"]
    for lesson in lessons:
        more = f'<a href="slides/{lesson.name}.html">slides</a>, '
        more += f'<a href="notebooks/{lesson.name}.ipynb" download>notebook</a>'
        title = f"[{lesson.title}](lessons/{lesson.name})"
        rows.append(f"| {title} | {lesson.question} | {minutes(lesson.seconds)} | {more} |")
    toc = "\n".join(f"{lesson.title} <lessons/{lesson.name}>" for lesson in lessons)
    return (
        f"# {TITLE}\n\nEach lesson as it was run: derivations, code, figures and the numbers that were measured. To do "
        "the exercises, open the notebook.\n\n"
        + "\n".join(rows)
        + f"\n\n```{{toctree}}\n:hidden:\n:caption: Lessons\n\n{toc}\n```\n\n"
        + "```{toctree}\n:hidden:\n:caption: Library\n\nreference/index\n```\n"
    )


def _exports(name: str) -> str:
    """Return for a package a list of what it gives, with links to where that is described; nothing for a module."""
    module = import_module(name)
    if not hasattr(module, "__path__"):
        return ""
    lines = ["   :no-members:", ""]
    for export_ in getattr(module, "__all__", ()):
        home = getattr(getattr(module, export_), "__module__", None)
        lines.append(f"- :py:obj:`{export_} <{home}.{export_}>`" if home else f"- ``{export_}``")
    return "\n".join(lines) + "\n"


def _modules() -> Iterator[str]:
    for found in pkgutil.walk_packages(course_lib.__path__, "course_lib."):
        if not NOT_IN_THE_REFERENCE.search(found.name):
            yield found.name
