"""The lessons in a real JupyterLab: all cells run, and a widget answers."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from course_lib.publishing.settings import this_house

TOKEN = "only-for-this-test"
START_SECONDS = 120
RUN_SECONDS = 600
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True},
    "notebook-extension/tracker": {"windowingMode": "none"},
}


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab: its address and its root folder."""

    address: str
    folder: Path


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Serve copies of the learner's notebooks, at the smoke preset, with no settings of this machine."""
    folder = tmp_path_factory.mktemp("lab")
    served = folder / "served" / "notebooks"
    served.mkdir(parents=True)
    for path in this_house().notebooks.glob("*.ipynb"):
        shutil.copy(path, served)
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
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=START_SECONDS * 1000)
    page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status='idle']", timeout=START_SECONDS * 1000)
    page.get_by_role("menuitem", name="Run", exact=True).first.click()
    page.get_by_text("Restart Kernel and Run All Cells", exact=False).first.click()
    page.locator(".jp-Dialog .jp-mod-accept").click()
    page.wait_for_selector(".jp-InputPrompt:has-text('[*]')", state="attached", timeout=60_000)
    page.wait_for_function(
        "() => ![...document.querySelectorAll('.jp-InputPrompt')].some((prompt) => prompt.textContent.includes('[*]'))",
        timeout=RUN_SECONDS * 1000,
    )


def errors(page: Any) -> list[str]:
    """Return all error outputs that stand in the open notebook, those inside widgets too."""
    kinds = ("application/vnd.jupyter.error", "application/vnd.jupyter.stderr")
    found = page.locator(", ".join(f"[data-mime-type='{kind}']" for kind in kinds))
    return [text[:300] for text in found.all_inner_texts() if text.strip()]


@pytest.mark.parametrize("lesson", this_house().lessons())
def test_lesson_runs_and_its_widgets_answer(chromium: Any, lab: Lab, lesson: str) -> None:
    context = chromium.new_context(viewport={"width": 1400, "height": 1000})
    page = context.new_page()
    try:
        open_and_run(page, lab, f"notebooks/{lesson}.ipynb")
        assert errors(page) == []
        assert not page.get_by_text("Error displaying widget").count()
        handles = page.locator(".widget-slider .noUi-handle, .jupyter-widget-slider .noUi-handle")
        if not lesson.startswith("00"):
            assert handles.count(), "the lesson has no slider to play with"
        if handles.count():
            image = page.locator(".widget-output img, .jupyter-widget-output img, .widget-image").first
            handle = handles.first
            handle.scroll_into_view_if_needed()
            before = image.get_attribute("src")
            handle.focus()
            for _ in range(3):
                handle.press("ArrowRight")
            page.wait_for_function(
                "([before]) => { const image = document.querySelector("
                "'.widget-output img, .jupyter-widget-output img, .widget-image');"
                " return image && image.src && image.getAttribute('src') !== before; }",
                arg=[before],
                timeout=60_000,
            )
            assert errors(page) == []
    finally:
        context.close()
