"""Each fault that the checks must see, made on purpose."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from course_lib.publishing.checks import anatomy_faults, file_faults
from course_lib.publishing.lessons import Lesson, Point, coverage, describe
from course_lib.publishing.readme import BEGIN, END, minutes, table, with_table

PARTS = "## Train it here\n## Measure\n## Play\n## Where it fails, shown\n## Exercises\n## Summary\n### References"


def code(source: str, *outputs: NotebookNode, **metadata: list[str]) -> NotebookNode:
    return new_code_cell(source, execution_count=1, outputs=list(outputs), metadata=metadata)


def whole_lesson() -> NotebookNode:
    setup = code("start()")
    setup.id = "setup"
    return nbformat.v4.new_notebook(
        cells=[
            new_markdown_cell("# 90 · A title\n\n**Question.** Which\none?\n\nTwo minutes."),
            setup,
            new_markdown_cell("Often written, not so: ...", metadata={"syllabus": ["E1", "N0.9"]}),
            new_markdown_cell(PARTS),
            code('check("90.1", f)\ncheck("90.2", f)\ncheck("90.3", f)\ncheck("90.4", f)'),
        ]
    )


def drop(old: str, new: str) -> Callable[[NotebookNode], None]:
    def edit(notebook: NotebookNode) -> None:
        assert any(old in cell.source for cell in notebook.cells)
        for cell in notebook.cells:
            cell.source = cell.source.replace(old, new)

    return edit


def test_whole_lesson_has_no_fault() -> None:
    notebook = whole_lesson()
    assert anatomy_faults("90_middle", notebook) == []
    lesson = describe("90_middle", notebook)
    assert (lesson.title, lesson.question, lesson.number) == ("90 · A title", "Which one?", "90")
    assert lesson.points == ("E1", "N0.9")
    assert lesson.exercises == ("90.1", "90.2", "90.3", "90.4")


@pytest.mark.parametrize(
    ("edit", "fault"),
    [
        (drop("# 90", "# 91"), "its number"),
        (drop("**Question.**", "Question."), "no question"),
        (drop("Two minutes", "Soon"), "how long"),
        (drop("## Play", "## Toy"), "'Play'"),
        (drop("## Where it fails, shown", ""), "'Where it fails'"),
        (drop("90.4", "90.3"), "3 exercises"),
        (drop("90.4", "01.4"), "01.4 belongs to another"),
        (drop("Often written", "Often said"), "E1 has no box"),
        (lambda notebook: notebook.cells[1].update(id="other"), "set-up"),
    ],
)
def test_anatomy_sees(edit: Callable[[NotebookNode], None], fault: str) -> None:
    notebook = whole_lesson()
    edit(notebook)
    faults = anatomy_faults("90_middle", notebook)
    assert len(faults) == 1
    assert fault in faults[0]


@pytest.mark.parametrize(
    ("cell", "fault"),
    [
        (new_code_cell("1"), "has not been run"),
        (code("1", new_output("error", ename="ValueError", evalue="", traceback=[])), "ValueError"),
        (code("1", new_output("stream", name="stderr", text="UserWarning: x")), "stderr"),
        (code("1", new_output("stream", name="stdout", text="saved to /home/ada/x")), "path of a machine"),
        (
            code("1", new_output("stream", name="stdout", text="lib/python3.11/site-packages/torch")),
            "path of a machine",
        ),
        (code("1", new_output("execute_result", data={"text/plain": "<A at 0x7f3a2b1c>"})), "address in memory"),
        (code("1", new_output("display_data", data={"image/png": "x"})), "alt text"),
        (code("1", new_output("display_data", data={"image/svg+xml": "x"}, metadata={"alt": ""})), "alt text"),
        (code("1", tags=["nbval-check-output"]), "to be checked"),
        (new_markdown_cell("![](picture.png)"), "no alt text"),
    ],
)
def test_file_faults_are_seen(cell: NotebookNode, fault: str, tmp_path: Path) -> None:
    path = tmp_path / "x.ipynb"
    path.write_text("{}")
    (found,) = file_faults(nbformat.v4.new_notebook(cells=[cell]), path)
    assert fault in found


def test_good_cells_and_limits(tmp_path: Path) -> None:
    path = tmp_path / "x.ipynb"
    path.write_text("{}")
    picture = new_output("display_data", data={"image/png": "x"}, metadata={"image/png": {"alt": "A"}})
    notebook = nbformat.v4.new_notebook(
        cells=[code("1", picture), new_markdown_cell("![A curve](x.png), see /work or a/home/b")]
    )
    assert file_faults(notebook, path) == []
    path.write_bytes(b"x" * 1_500_001)
    notebook.metadata["course"] = {"seconds": 121}
    assert len(file_faults(notebook, path)) == 2


def lesson(name: str, *points: str) -> Lesson:
    return Lesson(name, f"{name} title", "Why?", 61, points, ())


def test_coverage() -> None:
    points = {
        "N1": Point("N1", ("01",), "one"),
        "N2": Point("N2", ("01", "02"), "two"),
        "N3": Point("N3", ("03",), "three"),
    }
    assert coverage(points, [lesson("01_a", "N1", "N2")]) == ([], [points["N2"], points["N3"]])
    faults, pending = coverage(points, [lesson("01_a", "N1", "N3", "N9"), lesson("02_b", "N2")])
    assert [fault.split(":")[0] for fault in faults] == [
        "01_a has a section on N3, which belongs to lesson 03.",
        "01_a has a section on N9, which notebooks/syllabus.csv does not know.",
        "Lesson 01 has no section on N2",
    ]
    assert pending == [points["N3"]]


def test_readme_table() -> None:
    text = f"before\n{BEGIN}\nold\n{END}\nafter"
    new = with_table(text, table([lesson("01_a")]))
    assert "| [01_a title](notebooks/01_a.ipynb) | Why? | 1.5 | [solutions](notebooks/solutions/01_a.ipynb) |" in new
    assert new.startswith("before\n")
    assert new.endswith("\nafter")
    assert "old" not in new
    assert with_table(new, table([lesson("01_a")])) == new
    assert [minutes(s) for s in (None, 3, 60, 61, 118)] == ["?", "0.5", "1", "1.5", "2"]
