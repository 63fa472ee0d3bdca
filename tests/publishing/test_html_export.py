"""Exported HTML has the texts of the pictures; slides, feedback and what somebody chose stay as they were."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter, SlidesExporter
from nbformat.v4 import new_code_cell, new_notebook, new_output
from traitlets.config import Config

from course_lib.plotting.jupyter.__main__ import CHOICES, CONFIGS, TEMPLATE, install
from course_lib.publishing.settings import this_house

PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    install(tmp_path)
    return tmp_path


def exported(exporter: type[HTMLExporter], prefix: Path, notebook: nbformat.NotebookNode) -> str:
    config = Config(json.loads((prefix / "etc/jupyter" / CONFIGS[0]).read_text()))
    bases = [str(prefix / "share/jupyter/nbconvert/templates")]
    return str(exporter(config=config, extra_template_basedirs=bases).from_notebook_node(notebook)[0])


def alts(page: str) -> list[str]:
    return [str(image["alt"]) for image in BeautifulSoup(page, "html.parser").select("img")]


def a_notebook(**metadata: str) -> nbformat.NotebookNode:
    kinds = ("image/png", "image/jpeg")
    outputs = [new_output("display_data", {kind: PIXEL}, metadata={kind: dict(metadata)}) for kind in kinds]
    return new_notebook(cells=[new_code_cell("1", outputs=outputs)])


def test_the_texts_arrive_with_quotes_and_brackets(installed: Path) -> None:
    page = exported(HTMLExporter, installed, a_notebook(alt='a "bar" < 1 & more', width="12"))
    assert alts(page) == ['a "bar" < 1 & more'] * 2
    assert page.count("width=12") + page.count('width="12"') == 2  # what the page had before is there


def test_without_a_text_the_page_is_nbconverts(installed: Path) -> None:
    page = exported(HTMLExporter, installed, a_notebook())
    assert alts(page) == ["No description has been provided for this image"] * 2


def test_a_lesson_keeps_all_its_texts(installed: Path) -> None:
    notebook = nbformat.read(this_house().notebook("00_start_here", "learner"), as_version=4)
    wanted = [
        output.metadata["alt"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if {"image/png", "image/jpeg"} & set(output.get("data", {}))
    ]
    page = exported(HTMLExporter, installed, notebook)
    assert len(wanted) > 3
    assert [text for text in alts(page) if text in wanted] == wanted


def test_slides_have_their_own_template(installed: Path) -> None:
    assert "reveal" in exported(SlidesExporter, installed, a_notebook(alt="a bar as high as one"))


def test_nbgrader_chooses_its_feedback_page(installed: Path) -> None:
    """It takes its own template only where its configuration names none, and reads neither of these files."""
    assert all("nbgrader" not in name and name != "jupyter_config.json" for name in CONFIGS)


def test_what_somebody_chose_stays(tmp_path: Path) -> None:
    path = tmp_path / "etc/jupyter" / CONFIGS[1]
    path.parent.mkdir(parents=True)
    path.write_text('{"HTMLExporter": {"template_name": "mine"}, "ServerApp": {"port": 1}}')
    install(tmp_path)
    install(tmp_path)
    config = json.loads(path.read_text())
    assert config["HTMLExporter"]["template_name"] == "mine"
    assert config["ServerApp"] == {"port": 1}
    assert config["SlidesExporter"]["template_name"] == CHOICES["SlidesExporter"]


def test_it_is_installed_here() -> None:
    """What ``make`` has made: the test environment is the one of the Makefile."""
    assert (Path(sys.prefix) / "share/jupyter/nbconvert/templates" / TEMPLATE / "index.html.j2").is_file()
