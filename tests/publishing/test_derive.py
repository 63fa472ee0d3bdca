"""The text of both editions, their ids, and what is kept and refused."""

from __future__ import annotations

import re
from collections.abc import Callable

import nbformat
import pytest

from course_lib.errors import CourseError
from course_lib.publishing.deck_text import slide_type
from course_lib.publishing.derive import CHECK, EDITIONS, code_digest, derive, differences, keep_outputs, save, write
from course_lib.publishing.settings import House
from course_lib.publishing.slides import deck_of

Edit = Callable[[str, str], None]
LESSON = "90_middle"


def texts(house: House, edition: str, repository: str = "") -> list[str]:
    return [cell.source for cell in derive(house.source(LESSON), edition, repository).cells]


def test_learner_gets_stub_and_instructor_the_solution(house: House) -> None:
    learner, solution = "\n".join(texts(house, "learner")), "\n".join(texts(house, "solution"))
    assert "    # YOUR CODE HERE\n    raise NotImplementedError()\n\n\nbest_for_mae = check(" in learner
    assert "median()" not in learner
    assert "SOLUTION" not in learner
    assert "as many answers lie below" not in learner
    assert "return answers.median()" in solution
    assert "as many answers lie below" in solution
    assert "NotImplementedError()" not in solution


def test_hidden_tests_are_cleared(house: House, edit: Edit) -> None:
    edit('print(f"{7 * len(answers)} steps")', "### BEGIN HIDDEN TESTS\nassert 1 == 1\n### END HIDDEN TESTS")
    assert "assert" not in "\n".join(texts(house, "learner"))
    assert "assert 1 == 1" in "\n".join(texts(house, "solution"))


def test_ids_are_stable_unique_and_shared_by_editions(house: House, edit: Edit) -> None:
    before = [cell.id for cell in derive(house.source(LESSON), "learner", "").cells]
    assert before == [cell.id for cell in derive(house.source(LESSON), "learner", "").cells]
    assert len(set(before)) == len(before)
    assert all(re.fullmatch(r"[0-9a-f]{8}|setup", name) for name in before)
    solution = [cell.id for cell in derive(house.source(LESSON), "solution", "").cells]
    assert [name for name in solution if name in before] == before
    edit("Under a minute", "Half a minute")
    after = [cell.id for cell in derive(house.source(LESSON), "learner", "").cells]
    assert [a == b for a, b in zip(after, before, strict=True)].count(False) == 1


def test_code_that_draws_is_folded_away_and_no_other(house: House) -> None:
    for edition in EDITIONS:
        cells = derive(house.source(LESSON), edition, "").cells
        folded = [cell for cell in cells if cell.metadata.get("jupyter") == {"source_hidden": True}]
        assert folded == [cell for cell in cells if cell.metadata.get("cellView") == "form"]
        assert folded == [cell for cell in cells if "hide-input" in cell.metadata.get("tags", [])]
        assert 0 < len(folded) < len(cells)
        assert all(cell.cell_type == "code" for cell in folded)


def test_metadata_is_minimal(house: House) -> None:
    notebook = derive(house.source(LESSON), "learner", "")
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert set().union(*(cell.metadata for cell in notebook.cells)) == {
        "tags",
        "slideshow",
        "syllabus",
        "jupyter",
        "cellView",
    }
    assert notebook.cells[2].metadata["syllabus"] == ["N0.9", "E1"]
    nbformat.validate(notebook)


def test_what_is_for_a_class_alone_is_in_no_notebook_and_the_other_way_round(house: House) -> None:
    cells = {edition: derive(house.source(LESSON), edition, "").cells for edition in ("learner", "solution", "slides")}
    texts = {edition: [cell.source for cell in found] for edition, found in cells.items()}
    for text in texts["learner"] + texts["solution"]:
        assert "Ask for a guess" not in text
        assert "<!-- notes" not in text
        assert "the slide ends" not in text
    assert any("Whoever reads alone" in text for text in texts["learner"])
    assert not any("Whoever reads alone" in text for text in texts["slides"])
    notes, of_exercise = (cell for cell in cells["slides"] if slide_type(cell) == "notes")
    assert of_exercise.source.startswith("**5 min.** ")
    assert notes.source == "**3 min.** Ask for a guess before the figure is shown."
    assert deck_of(house, LESSON).times() == (4, 3, 5)
    assert len(texts["slides"]) == len(texts["learner"]) + 3  # notes, the slide of the exercise, and its notes


def test_notes_change_no_notebook(house: House, edit: Edit) -> None:
    before = nbformat.writes(derive(house.source(LESSON), "learner", ""))
    edit("Ask for a guess before", "Let them guess before")
    assert nbformat.writes(derive(house.source(LESSON), "learner", "")) == before


def test_a_deck_without_headings_or_notes_is_refused(house: House) -> None:
    deck = deck_of(house, LESSON)
    found = "\n".join(deck.faults())
    assert "slide 1 (90 · Which number lies in the middle?) has no speaker notes" in found
    assert "slide 2" not in found
    assert "it has 4 slides" in found
    deck.slides[1][0].source = "Just text."
    assert "slide 2 has no heading: 'Just text.'" in "\n".join(deck.faults())


def test_checked_cells(house: House) -> None:
    def checked(edition: str) -> list[str]:
        cells = derive(house.source(LESSON), edition, "").cells
        return [cell.source[:15] for cell in cells if CHECK in cell.metadata.get("tags", [])]

    assert checked("learner") == ['print(f"lowest ']
    assert checked("solution") == ['print(f"lowest ', 'print(f"{7 * le']


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: python3", "name: julia", "header"),
        ("# # 90", "# 90", "title"),
        ("# <!-- links -->", "#", "links"),
        ("# <!-- notes 3 min", "# <!-- notes 3 min\n# A.\n# -->\n#\n# <!-- notes 3 min", "has two notes in one cell"),
        ('slideshow={"slide_type": "slide"} syllabus=["N0.9", "E1"]', "", "has notes in a cell that is no slide"),
        ('# %% tags=["setup"]', "# %%", "set-up|setup"),
        ('# %% tags=["setup"]\n', '# %% tags=["setup"]\nimport torch\n', "stamped"),
        ('print("the same")', "### BEGIN HIDDEN TESTS\nassert 1 == 1", "No end hidden tests"),
    ],
)
def test_broken_sources_are_refused(house: House, edit: Edit, old: str, new: str, message: str) -> None:
    edit(old, new)
    with pytest.raises(CourseError, match=message):
        derive(house.source(LESSON), "learner", "")


def test_unknown_lesson_and_edition(house: House) -> None:
    with pytest.raises(CourseError, match="no source"):
        derive(house.source("91_none"), "learner", "")
    with pytest.raises(CourseError, match="learner, solution or slides"):
        derive(house.source(LESSON), "teacher", "")
    with pytest.raises(CourseError, match="90_middle"):
        house.find(["07"])
    assert house.find(["90"]) == house.find([]) == house.find(["notebooks/source/90_middle.py"]) == [LESSON]


def test_outputs_stay_where_the_text_stays(house: House, edit: Edit) -> None:
    write(house, LESSON)
    path = house.notebook(LESSON, "learner")
    notebook = nbformat.read(path, as_version=4)
    for number, cell in enumerate(cell for cell in notebook.cells if cell.cell_type == "code"):
        cell.execution_count = number
        cell.outputs = [nbformat.v4.new_output("stream", text=f"{number}\n")]
    notebook.metadata["course"] = {"code": code_digest(notebook), "preset": "cpu", "seconds": 1}
    save(notebook, path)
    assert write(house, LESSON) == []  # nothing changed, so nothing is written
    edit('print(f"lowest at', 'print(f"least at')
    assert house.notebook(LESSON, "learner") in write(house, LESSON)
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    lost = [cell.source[:14] for cell in cells if not cell.outputs]
    assert lost == ['print(f"least ']
    assert any("other code" in problem for problem in differences(house, LESSON))


def test_keep_outputs_tells_equal_cells_apart(house: House) -> None:
    old, new = (derive(house.source(LESSON), "learner", "") for _ in range(2))
    for number, cell in enumerate(cell for cell in old.cells if cell.cell_type == "code"):
        cell.outputs = [nbformat.v4.new_output("stream", text=str(number))]
    keep_outputs(new, old)
    assert [cell.get("outputs") for cell in new.cells] == [cell.get("outputs") for cell in old.cells]


def test_differences_name_each_fault(house: House) -> None:
    assert len([p for p in differences(house, LESSON) if "is missing" in p]) == 2
    write(house, LESSON)
    for edition in ("learner", "solution"):
        path = house.notebook(LESSON, edition)
        notebook = nbformat.read(path, as_version=4)
        notebook.metadata["course"] = {"code": code_digest(notebook), "preset": "cpu", "seconds": 1}
        save(notebook, path)
    assert differences(house, LESSON) == []
    path = house.notebook(LESSON, "solution")
    whole = path.read_text()
    path.write_text(whole.replace("squared error", "cubed error"))
    assert any(
        "solutions/90_middle.ipynb differs from its source from cell 2 on" in p for p in differences(house, LESSON)
    )
    path.write_text(whole.replace('"preset": "cpu"', '"preset": "smoke"'))
    assert any("preset smoke" in p for p in differences(house, LESSON))
    path.write_text(whole.replace('"tags": [\n     "hide-input"', '"tags": [\n     "hidden"'))
    assert any("differs from its source" in p for p in differences(house, LESSON))
    path.write_text(whole.replace('"language_info"', '"colab": {}, "language_info"'))
    assert any("colab" in p for p in differences(house, LESSON))
