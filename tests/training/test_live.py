"""What a notebook shows of a training, in a real kernel."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]

SET_UP = f"""
import importlib.util, sys
sys.path.insert(0, {str(ROOT)!r})
spec = importlib.util.spec_from_file_location("toys", {str(Path(__file__).with_name("conftest.py"))!r})
toys = sys.modules["toys"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(toys)
import torch
torch.set_num_threads(1)
from course_lib.training import fit, seed_everything
options = dict(batch_size=5, device="cpu")
"""
WATCHED = """
import matplotlib.pyplot as plt
calls = []
def draw(system, history):
    seed_everything(0)  # a drawing that meddles with chance and mode must not change the training
    calls.append((system.step, system.training, len(history)))
    fig, ax = plt.subplots(figsize=(2, 1))
    ax.plot(history["G"])
    return (fig, "Loss of G.") if system.step < 20 else fig
torch.manual_seed(1)
watched = toys.Duel()
history = fit(watched, toys.duel_data(), steps=20, figure=draw, figure_every=6, **options)
"""
FACTS = """
import json
torch.manual_seed(1)
alone = toys.Duel()
fit(alone, toys.duel_data(), steps=20, progress=False, **options)
same = all(torch.equal(a, b) for a, b in zip(watched.state_dict().values(), alone.state_dict().values()))
print(json.dumps({"calls": calls, "same": same, "open": plt.get_fignums()}))
"""
STOPPED = """
import os, signal, threading
threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
history = fit(toys.Line(), toys.line_data(), steps=10**8, **options)
assert history.interrupted and len(history) > 0
"""
BUNDLE = """
def bundle(system, history):
    return {"image/png": b"not looked at", "text/plain": "A text."}, {"alt": "A text."}
history = fit(toys.Line(), toys.line_data(), steps=5, figure=bundle, progress=False, **options)
"""
WRONG = """
fit(toys.Line(), toys.line_data(), **options)
"""


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> list[list[Any]]:
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(c) for c in (SET_UP, WATCHED, FACTS, STOPPED, BUNDLE, WRONG)]
    notebook.cells[-1].metadata["tags"] = ["raises-exception"]
    folder = str(tmp_path_factory.mktemp("notebook"))
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
    return [cell.outputs for cell in notebook.cells]


def test_a_training_leaves_one_line_and_one_picture_with_its_text(cells: list[list[Any]]) -> None:
    assert cells[0] == []
    line, picture = cells[1]
    assert line.output_type == picture.output_type == "display_data"
    assert set(line.data) == {"text/plain"}
    text = line.data["text/plain"]
    assert "\n" not in text
    assert "\r" not in text
    assert text.startswith("100%")
    assert "20/20" in text
    assert "G=" in text
    assert picture.data["image/png"].startswith("iVBORw0KGgo")  # base64 of a PNG's first bytes
    alt = "Duel after 20 training steps."
    assert picture.metadata["alt"] == picture.metadata["image/png"]["alt"] == picture.data["text/plain"] == alt


def test_drawing_keeps_time_and_changes_nothing(cells: list[list[Any]]) -> None:
    facts = json.loads(cells[2][0].text)
    assert facts == {"calls": [[s, False, s] for s in (6, 12, 18, 20)], "same": True, "open": []}


def test_the_stop_button_leaves_a_line_and_a_sentence(cells: list[list[Any]]) -> None:
    outputs = cells[3]
    assert [o.output_type for o in outputs] == ["display_data", "stream"]
    assert outputs[1].name == "stdout"
    assert outputs[1].text.startswith("Stopped by Ctrl-C after step")


def test_a_ready_made_output_is_shown_as_it_is(cells: list[list[Any]]) -> None:
    (output,) = cells[4]
    assert output.data["text/plain"] == "A text."
    assert output.metadata["alt"] == "A text."


def test_an_error_is_a_sentence_without_a_traceback(cells: list[list[Any]]) -> None:
    (output,) = cells[5]
    assert output.output_type == "error"
    assert output.traceback == ["TrainingError: fit() needs either epochs or steps: give exactly one of the two."]


def test_outside_a_notebook_nothing_is_drawn(toys: Any) -> None:
    from course_lib.training import fit

    def draw(*_: Any) -> Any:
        raise AssertionError

    fit(toys.Line(), toys.line_data(), steps=3, batch_size=5, device="cpu", progress=False, figure=draw)
