"""A lone notebook on Colab, simulated: no course installed, an empty folder, a clone from the notebook's own address.

The address is made up; git is told to take it for this repository, so nothing leaves the machine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import nbformat
import pytest

from course_lib.publishing.derive import derive
from course_lib.publishing.settings import House

ADDRESS = "https://git.example.org/somebody/course"
CELLS_AFTER_SETUP = 3
COLAB_STUB = """
import sys, types
google = sys.modules.setdefault("google", types.ModuleType("google"))
google.colab = types.ModuleType("google.colab")
sys.modules["google.colab"] = google.colab
"""
RUN = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read("lone.ipynb", as_version=4)
NotebookClient(notebook, kernel_name="python3", timeout=300, resources={"metadata": {"path": "."}}).execute()
nbformat.write(notebook, sys.argv[1])
"""
PROBE = """
import json, subprocess, sys
import course_lib, torch
print(json.dumps({"course": course_lib.__file__, "torch": torch.__file__, "colab": "google.colab" in sys.modules}))
"""


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a Python that sees all packages of this environment but not the course."""
    folder = tmp_path_factory.mktemp("colab") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    script = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
    own = subprocess.run([str(python), "-c", script], capture_output=True, text=True, check=True).stdout.strip()
    # A folder named in a .pth file is put on the path, but its own .pth files (the course's hook) are not read.
    Path(own, "packages.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return python


@pytest.fixture
def environment(tmp_path: Path, root: Path) -> dict[str, str]:
    """Return the environment of the simulated machine."""
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(("COURSE_", "PYTHON", "JUPYTER", "GIT_"))
    }
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00-colab.py").write_text(COLAB_STUB)
    return {
        **kept,
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "JUPYTER_CONFIG_DIR": str(tmp_path / "jupyter"),
        "JUPYTER_DATA_DIR": str(tmp_path / "jupyter-data"),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "jupyter-runtime"),
        "COURSE_PRESET": "smoke",
        "COURSE_CACHE": str(tmp_path / "cache"),
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": f"url.{root.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": ADDRESS,
        "GIT_CONFIG_KEY_1": "safe.directory",
        "GIT_CONFIG_VALUE_1": "*",
    }


def test_the_stranger_does_not_know_the_course(stranger: Path, environment: dict[str, str], tmp_path: Path) -> None:
    run = subprocess.run(
        [str(stranger), "-c", "import course_lib"], cwd=tmp_path, env=environment, capture_output=True, check=False
    )
    assert run.returncode
    assert b"No module named 'course_lib'" in run.stderr
    subprocess.run([str(stranger), "-c", "import torch"], cwd=tmp_path, env=environment, check=True)


def test_lone_notebook_fetches_the_course(
    house: House, stranger: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    lesson = house.lessons()[0]
    notebook = derive(house.source(lesson), "learner", ADDRESS)
    setup = next(number for number, cell in enumerate(notebook.cells) if cell.id == "setup")
    code = [number for number, cell in enumerate(notebook.cells) if cell.cell_type == "code" and number >= setup]
    notebook.cells = notebook.cells[: code[:CELLS_AFTER_SETUP][-1] + 1]
    assert ADDRESS in notebook.cells[setup].source
    notebook.cells.append(nbformat.v4.new_code_cell(PROBE))
    content = tmp_path / "content"
    content.mkdir()
    nbformat.write(notebook, content / "lone.ipynb")

    command = [str(stranger), "-c", RUN, str(tmp_path / "done.ipynb")]
    run = subprocess.run(command, cwd=content, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-3000:]

    done = nbformat.read(tmp_path / "done.ipynb", as_version=4)
    probe = json.loads(done.cells[-1].outputs[-1].text)
    assert Path(probe["course"]).is_relative_to((content / "course").resolve())
    assert probe["colab"]
    assert Path(probe["torch"]).is_relative_to(sysconfig.get_paths()["purelib"])  # the torch that was there before
    assert "preset smoke" in done.cells[setup].outputs[0].text
