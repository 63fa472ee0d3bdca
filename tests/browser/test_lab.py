"""The lessons in a real JupyterLab: all cells run, and a widget answers."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest

from course_lib.publishing.settings import this_house

TOKEN = "only-for-this-test"
START_SECONDS = 120
RUN_SECONDS = 600
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True},
    "notebook-extension/tracker": {"windowingMode": "none"},
}
# No cell waits, and either all have a number or one has stopped the run.
DONE = """() => {
  const prompts = [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].map((prompt) => prompt.textContent);
  if (prompts.some((text) => text.includes('[*]'))) return false;
  const stopped = document.querySelector("[data-mime-type='application/vnd.jupyter.error']");
  return stopped !== null || prompts.every((text) => /[0-9]/.test(text));
}"""


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab: its address and its root folder."""

    address: str
    folder: Path


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Serve the learner's notebooks without outputs, at the smoke preset, with no settings of this machine."""
    folder = tmp_path_factory.mktemp("lab")
    served = folder / "served" / "notebooks"
    served.mkdir(parents=True)
    for path in this_house().notebooks.glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        nbformat.write(notebook, served / path.name)
    settings = folder / "settings" / "@jupyterlab"
    for name, values in SETTINGS.items():
        path = settings / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={port}"]
    command += [f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={served.parent}"]
    if hasattr(os, "getuid") and os.getuid() == 0:
        command.append("--allow-root")
    environment = {
        **os.environ,
        "COURSE_PRESET": "smoke",
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        **{f"JUPYTER_{kind}_DIR": str(folder / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")},
    }
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, cwd=served.parent, stdout=log, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + START_SECONDS
        while not answers(f"{address}/api/status?token={TOKEN}"):
            assert server.poll() is None, (folder / "log").read_text()[-2000:]
            assert time.monotonic() < end, "JupyterLab did not start"
            time.sleep(0.3)
        yield Lab(address, served.parent)
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()


def answers(address: str) -> bool:
    """Return whether a server answers at an address."""
    try:
        with urllib.request.urlopen(address, timeout=5) as reply:
            return reply.status == 200
    except OSError:
        return False


def open_and_run(page: Any, lab: Lab, path: str) -> None:
    """Open a notebook, run all its cells, and wait until the last has ended."""
    page.goto(f"{lab.address}/lab/tree/{path}?token={TOKEN}&reset")
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status='idle']")
    page.get_by_role("menuitem", name="Run", exact=True).first.click()
    page.get_by_text("Restart Kernel and Run All Cells", exact=False).first.click()
    page.locator(".jp-Dialog .jp-mod-accept").click()
    page.wait_for_function(DONE, timeout=RUN_SECONDS * 1000)


def errors(page: Any) -> list[str]:
    """Return all that went wrong in the open notebook: errors of cells, and what widgets say in place of a figure."""
    kinds = ("application/vnd.jupyter.error", "application/vnd.jupyter.stderr")
    places = [f"[data-mime-type='{kind}']" for kind in kinds] + [".jupyter-widgets [role='alert']"]
    found = page.locator(", ".join(places)).all_inner_texts()
    found += page.get_by_text("Error displaying widget").all_inner_texts()
    return [text[:300] for text in found if text.strip()]


def play(page: Any, steps: int) -> bool:
    """Move the first slider that stands with a picture; return whether the picture's place changed, False if none."""
    widget = page.locator(".jp-OutputArea-output:has(.noUi-handle):has(img)").first
    if not widget.count():
        return False
    place = widget.locator("img").first.evaluate_handle("image => image.parentElement")
    before = place.evaluate("place => place.innerHTML")
    handle = widget.locator(".noUi-handle").first
    handle.scroll_into_view_if_needed()
    handle.focus()
    for _ in range(steps):
        handle.press("ArrowRight")
    page.wait_for_function("([place, before]) => place.innerHTML !== before", arg=[place, before])
    return True


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    """Return an empty page of its own."""
    context = chromium.new_context(viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(START_SECONDS * 1000)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("lesson", this_house().lessons())
def test_lesson_runs_and_its_widgets_answer(page: Any, lab: Lab, lesson: str) -> None:
    open_and_run(page, lab, f"notebooks/{lesson}.ipynb")
    assert errors(page) == []
    assert play(page, steps=3) or lesson.startswith("00"), "the lesson has no picture with a slider to play with"
    assert errors(page) == []


PROBE = """
import ipywidgets
import matplotlib.pyplot as plt
from course_lib.widgets.explorer import Explorer

def draw(value):
    if value > 2:
        raise ValueError("drawn too far")
    figure, axis = plt.subplots()
    axis.plot([0, value])
    return figure, f"a line up to {value}"

Explorer(draw, {"value": ipywidgets.IntSlider(value=0, max=5)})
"""


@pytest.mark.parametrize(("code", "steps", "fault"), [("1 / 0", 0, "ZeroDivisionError"), (PROBE, 5, "drawn too far")])
def test_what_goes_wrong_is_seen(page: Any, lab: Lab, code: str, steps: int, fault: str) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, lab.folder / "notebooks" / "probe.ipynb")
    open_and_run(page, lab, "notebooks/probe.ipynb")
    if steps:
        assert errors(page) == []
        assert play(page, 1)
        assert errors(page) == []
        play(page, steps)
        page.wait_for_selector("[role='alert']")
    assert any(fault in one for one in errors(page))
