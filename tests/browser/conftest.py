"""One headless Chromium and one JupyterLab for all tests here; without a browser they are left out by name.

nbval runs the lessons from the first cell to the last. Here their widgets are shown, by the cells that these need.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ipywidgets
import nbformat
import pytest

from course_lib.publishing.settings import this_house
from course_lib.publishing.slides import browser_flags, find_browser

TOKEN = "only-for-this-test"
START_SECONDS = 120
RUN_SECONDS = 600
CLICKS = 3  # on "Run All Cells", at most
UNHEARD_SECONDS = 30  # after a click: by then a first cell has begun, or the click is lost
STILL_SECONDS = 120  # nothing changes and the kernel is not busy: an answer is lost
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True},
    "notebook-extension/tracker": {"windowingMode": "none"},
}
# JupyterLab gives errors of cells the type of stderr, too.
FAULTS = ", ".join(f"[data-mime-type='application/vnd.jupyter.{kind}']" for kind in ("error", "stderr"))
# The prompts, whether a cell complains, and how much there is to see.
LOOK = """(faults) => ({
  prompts: [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].map((prompt) => prompt.textContent),
  complains: document.querySelector(faults) !== null,
  dialogs: [...document.querySelectorAll('.jp-Dialog')].map((dialog) => dialog.textContent),
  shown: [...document.querySelectorAll('.jp-OutputArea')].map((area) => area.innerHTML.length).join(),
})"""


def needed(cells: list[Any]) -> list[Any]:
    """Return the first of a lesson's code cells, those that show a widget, and those that these need.

    Names are followed backwards from statement to statement: what binds a name that is needed is needed, and so is what
    changes it, by an entry or attribute set, by a call of its methods, or by ``fit``, which trains what it is given.
    """
    code = [_statements(cell.source) for cell in cells]
    showing = shows_widget(code)
    modules = {name for body in code for one in body if _imports(one) for name in _bound(one)}
    kept: list[Any] = []
    live: set[str] = set()
    for number, (cell, body) in reversed(list(enumerate(zip(cells, code, strict=True)))):
        touched = set().union(*(_bound(one) | (_changed(one) - modules) for one in body))
        if number == 0 or showing[number] or live & touched:
            kept.insert(0, cell)
            for one in reversed(body):
                live = (live - (_bound(one) - _changed(one))) | (_used(one) - _local(one))
    return kept


def shows_widget(code: list[list[ast.stmt]]) -> list[bool]:
    """Return for each cell whether it ends in a widget: a call of what makes one, or a name that such a call gave.

    What is kept of a notebook's outputs does not tell: of a large widget it is a picture alone.
    """
    statements = [one for body in code for one in body]
    makers = {name for one in statements if isinstance(one, ast.ImportFrom) for name in _makers(one)}

    def makes(value: ast.expr | None) -> bool:
        return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in makers

    given = {
        target.id
        for one in statements
        if isinstance(one, ast.Assign) and makes(one.value)
        for target in one.targets
        if isinstance(target, ast.Name)
    }

    def shows(body: list[ast.stmt]) -> bool:
        last = body[-1].value if body and isinstance(body[-1], ast.Expr) else None
        return makes(last) or (isinstance(last, ast.Name) and last.id in given)

    return [shows(body) for body in code]


def _makers(statement: ast.ImportFrom) -> set[str]:
    """Return the names that an import from the course gives to functions that return a widget."""
    if not (statement.module or "").startswith("course_lib."):
        return set()
    module = importlib.import_module(statement.module or "")
    found = set()
    for alias in statement.names:
        thing = getattr(module, alias.name, None)
        returned = thing.__globals__.get(thing.__annotations__.get("return")) if inspect.isfunction(thing) else None
        if isinstance(returned, type) and issubclass(returned, ipywidgets.Widget):
            found.add(alias.asname or alias.name)
    return found


def _statements(source: str) -> list[ast.stmt]:
    return compile(source, "a cell", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT).body


def _imports(statement: ast.AST) -> bool:
    return isinstance(statement, ast.Import | ast.ImportFrom)


def _names(tree: ast.AST, context: type[ast.expr_context]) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, context)}


def _used(statement: ast.AST) -> set[str]:
    return _names(statement, ast.Load)


def _local(statement: ast.AST) -> set[str]:
    """Return the names of loops, comprehensions and arguments."""
    found = {node.arg for node in ast.walk(statement) if isinstance(node, ast.arg)}
    targets = [node.target for node in ast.walk(statement) if isinstance(node, ast.For | ast.comprehension)]
    return found.union(*(_names(target, ast.Store) for target in targets))


def _bound(statement: ast.AST) -> set[str]:
    """Return the names that a statement gives a meaning: assigned, defined or imported."""
    found = _names(statement, ast.Store) - _local(statement)
    for node in ast.walk(statement):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return found


def _changed(statement: ast.AST) -> set[str]:
    """Return the names whose content a statement changes."""
    found: set[str] = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
            found |= _used(node.value)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "fit":
            given = [*node.args, *(keyword.value for keyword in node.keywords)]
            found |= {one.id for one in given if isinstance(one, ast.Name)}
        call = node.value if isinstance(node, ast.Expr) else None
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
            found |= _used(call.func.value)
    return found


@pytest.fixture
def needed_cells() -> Callable[[list[Any]], list[Any]]:
    """Return the function that tells what widgets need."""
    return needed


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Return a browser, or skip."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = find_browser()
    if program is None:
        pytest.skip("no Chromium or Chrome on this machine (install the package chromium, or set COURSE_BROWSER)")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=browser_flags())
        yield browser
        browser.close()


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab: its address, its root folder and the file with its log."""

    address: str
    folder: Path
    log: Path

    def write(self, name: str, *cells: str) -> str:
        """Write a notebook of some code cells; return its path for ``run``."""
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, self.folder / "notebooks" / name)
        return f"notebooks/{name}"

    def open(self, page: Any, path: str, place: str = "lab/tree") -> None:
        """Open a notebook, with the kernel that it has or a fresh one; the place ``notebooks`` is Notebook 7's."""
        page.goto(f"{self.address}/{place}/{path}?token={TOKEN}&reset")
        page.wait_for_selector(".jp-Notebook .jp-Cell")

    def save(self, page: Any) -> None:
        """Save the open notebook with its outputs."""
        page.locator(".jp-NotebookPanel-toolbar [data-command='docmanager:save']").click()
        page.wait_for_selector(".lm-TabBar-tab.jp-mod-current:not(.jp-mod-dirty)")

    def run(self, page: Any, path: str, place: str = "lab/tree") -> None:
        """Open a notebook, run all its cells, and wait until the last has ended.

        A notebook that was just opened has a fresh kernel, so nothing is restarted. A click may still be lost, for
        instance where the page has not yet heard from the kernel: then it is made again.
        """
        self.open(page, path, place)
        opened = time.monotonic()
        while not (self.state(path) == "idle" and (page.locator(READY).count() or place == "notebooks")):
            if time.monotonic() > opened + START_SECONDS:
                break  # perhaps only the news of it was lost: the cells will tell
            page.wait_for_timeout(200)
        end = time.monotonic() + RUN_SECONDS
        clicks, clicked, changed, before = 0, 0.0, 0.0, None
        while not finished(look := page.evaluate(LOOK, FAULTS)) or not clicks:
            now = time.monotonic()
            assert now < end, self.report(page, path, f"the cells have not ended after {clicks} clicks")
            if look != before:
                before, changed = look, now
            unheard = not begun(look) and now - clicked > UNHEARD_SECONDS
            still = now - max(clicked, changed) > STILL_SECONDS
            if not clicks or (clicks < CLICKS and (unheard or still) and self.state(path) != "busy"):
                click_run_all(page)
                clicks, clicked = clicks + 1, time.monotonic()
            page.wait_for_timeout(200)

    def state(self, path: str) -> str:
        """Return what the server knows of a notebook's kernel: idle, busy, starting, or that there is none."""
        sessions = json.loads(self.ask("sessions"))
        states = [one["kernel"] for one in sessions if one["path"] == path and one["kernel"]]
        if not states:
            return "no kernel"
        return str(states[0]["execution_state"]) if states[0].get("connections") else "not connected"

    def end_kernels(self) -> None:
        """End all kernels, so that none takes memory from the next test."""
        for session in json.loads(self.ask("sessions")):
            self.ask(f"sessions/{session['id']}", method="DELETE")

    def ask(self, what: str, method: str = "GET") -> bytes:
        """Return the answer of the server's API."""
        headers = {"Authorization": f"token {TOKEN}"}
        request = urllib.request.Request(f"{self.address}/api/{what}", headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.read()

    def report(self, page: Any, path: str, fault: str) -> str:
        """Return what to say of a notebook that did not run."""
        look = page.evaluate(LOOK, FAULTS)
        log = self.log.read_text(errors="replace")[-2000:]
        return (
            f"{path}: {fault}; kernel {self.state(path)}, indicator {page.locator(READY).count() == 1}, "
            f"prompts {look['prompts']}, errors {self.errors(page)}, dialogs {look['dialogs']}; "
            f"end of the server's log:\n{log}"
        )

    @staticmethod
    def stroke(page: Any, *places: tuple[float, float]) -> None:
        """Draw from place to place (0 to 1 from left and top), and wait until the picture has changed."""
        canvas = page.locator("canvas.course-drawing")
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        image = page.locator(".jp-OutputArea-output:has(canvas) img").evaluate_handle("image => image.parentElement")
        before = image.evaluate("place => place.innerHTML")
        for number, (x, y) in enumerate(places):
            page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=1 if number == 0 else 10)
            if number == 0:
                page.mouse.down()
        page.mouse.up()
        page.wait_for_function("([place, before]) => place.innerHTML !== before", arg=[image, before])

    @staticmethod
    def errors(page: Any) -> list[str]:
        """Return all that went wrong in the open notebook: errors of cells, what widgets say in place of a figure."""
        found = page.locator(f"{FAULTS}, .jupyter-widgets [role='alert']").all_inner_texts()
        found += page.get_by_text("Error displaying widget").all_inner_texts()
        return [text[:300] for text in found if text.strip()]


READY = ".jp-Notebook-ExecutionIndicator[data-status='idle']"


def click_run_all(page: Any) -> None:
    """Choose "Run All Cells" from the menu."""
    page.keyboard.press("Escape")  # a menu that an earlier click has left open
    page.get_by_role("menuitem", name="Run", exact=True).first.click()
    page.locator("[data-command='runmenu:run-all']").click()


def begun(look: dict[str, Any]) -> bool:
    """Return whether a cell waits or has run."""
    return any("*" in text or any(map(str.isdigit, text)) for text in look["prompts"])


def finished(look: dict[str, Any]) -> bool:
    """Return whether no cell waits, and either all have a number or an error has stopped the run."""
    if any("*" in text for text in look["prompts"]):
        return False
    return (begun(look) and look["complains"]) or all(any(map(str.isdigit, text)) for text in look["prompts"])


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Serve the learner's notebooks, those cells that their widgets need, at the smoke preset, with no own settings."""
    folder = tmp_path_factory.mktemp("lab")
    served = folder / "served" / "notebooks"
    served.mkdir(parents=True)
    for path in this_house().notebooks.glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        notebook.cells = needed([cell for cell in notebook.cells if cell.cell_type == "code"])
        showing = shows_widget([_statements(cell.source) for cell in notebook.cells])
        for cell, shown in zip(notebook.cells, showing, strict=True):
            cell.metadata["widget"] = shown
            cell.metadata.pop("jupyter", None)  # a folded cell has no prompt that says when it has run
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
    running = Lab(f"http://127.0.0.1:{port}", served.parent, folder / "log")
    try:
        end = time.monotonic() + START_SECONDS
        while not answers(running):
            assert server.poll() is None, running.log.read_text()[-2000:]
            assert time.monotonic() < end, "JupyterLab did not start"
            time.sleep(0.3)
        yield running
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()


def answers(lab: Lab) -> bool:
    """Return whether the server answers."""
    try:
        return bool(lab.ask("status"))
    except OSError:
        return False


@pytest.fixture
def page(chromium: Any, lab: Lab) -> Iterator[Any]:
    """Return an empty page of its own; the kernels that it started end with it."""
    context = chromium.new_context(viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(START_SECONDS * 1000)
    yield context.new_page()
    context.close()
    lab.end_kernels()
