"""What stands in the place of an exercise, and which places are refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from nbformat import NotebookNode

from course_lib.errors import CourseError
from course_lib.exercises import Exercise
from course_lib.publishing.derive import derive
from course_lib.publishing.exercise_cells import cells_of
from course_lib.publishing.settings import House

Edit = Callable[[str, str], None]
LESSON = "90_middle"
PLACE = '# %% tags=["exercise:90.1"]\n'
GIVEN = "def buggy(answers):\n    return answers.mean()"
ANSWER = '''\
def best_for_mae(answers: torch.Tensor) -> torch.Tensor:
    """Return the minimiser of the summed absolute error."""
    {}


best_for_mae = check("90.1", best_for_mae)'''
SOLUTION = ANSWER.format("### BEGIN SOLUTION\n    return answers.median()\n    ### END SOLUTION")
STUB = ANSWER.format("# YOUR CODE HERE\n    raise NotImplementedError()")


def expanded(house: House, edition: str = "solution") -> list[NotebookNode]:
    """Return the cells from the task to the cell with the check."""
    cells = derive(house.source(LESSON), edition, "").cells
    first = next(number for number, cell in enumerate(cells) if cell.source.startswith("### Exercise 90.1"))
    last = next(number for number, cell in enumerate(cells) if 'check("90.1"' in cell.source)
    return cells[first : last + 1]


@pytest.mark.parametrize(("edition", "answer"), [("learner", STUB), ("solution", SOLUTION)])
def test_a_place_becomes_task_and_answer(house: House, known: dict[str, Exercise], edition: str, answer: str) -> None:
    cells = expanded(house, edition)
    assert [(cell.cell_type, cell.source) for cell in cells] == [
        ("markdown", known["90.1"].markdown),
        ("code", answer),
    ]
    assert [dict(cell.metadata) for cell in cells] == [{}, {}]


def test_given_code_stands_between_them(house: House, known: dict[str, Exercise]) -> None:
    known["90.1"] = replace(known["90.1"], given=GIVEN)
    assert [cell.source for cell in expanded(house, "learner")] == [known["90.1"].markdown, GIVEN, STUB]


def test_the_task_gets_slide_type_and_points_and_no_tag(house: House, edit: Edit) -> None:
    edit(PLACE, PLACE[:-1] + ' slideshow={"slide_type": "subslide"} syllabus=["N0.9"]\n')
    task, answer = expanded(house)
    assert dict(task.metadata) == {"slideshow": {"slide_type": "subslide"}, "syllabus": ["N0.9"]}
    assert dict(answer.metadata) == {}


def test_cells_around_a_place_keep_their_ids_and_order(house: House, known: dict[str, Exercise], edit: Edit) -> None:
    with_it = [cell.id for cell in derive(house.source(LESSON), "solution", "").cells]
    inside = [cell.id for cell in expanded(house)]
    start = with_it.index(inside[0])
    assert with_it[start : start + 2] == inside
    known.clear()
    edit(PLACE, "")
    assert [cell.id for cell in derive(house.source(LESSON), "solution", "").cells] == [
        name for name in with_it if name not in inside
    ]


def test_a_second_exercise_stands_where_its_place_is(house: House, known: dict[str, Exercise], edit: Edit) -> None:
    known |= {"90.1": replace(known["90.1"], title="First"), "90.2": replace(known["90.1"], id="90.2")}
    edit(PLACE, '# %% tags=["exercise:90.2"]\n')
    edit('# %% tags=["setup"]\n', '# %% tags=["setup"]\n\n' + PLACE)
    cells = derive(house.source(LESSON), "learner", "").cells
    headings = [cell.source.splitlines()[0] for cell in cells if cell.source.startswith(("## ", "### "))]
    assert headings == [
        "### Exercise 90.1: First",
        "## The squared error",
        "## Exercises",
        "### Exercise 90.2: The middle",
    ]


@pytest.mark.parametrize(
    ("new", "message"),
    [
        ('# %% tags=["exercise:90.7"]\n', "has a place for exercise 90.7, but lesson 90 has 90.1, 90.2."),
        ('# %% tags=["exercise:01.2"]\n', "has a place for exercise 01.2, but lesson 90 has 90.1, 90.2."),
        ('# %% tags=["exercise:"]\n', "has a place for exercise , but lesson 90 has 90.1, 90.2."),
        (
            '# %% tags=["exercise:90.2"]\n\n' + PLACE,
            "has exercise 90.1 after 90.2: number them in the order of reading.",
        ),
        (PLACE + "\n" + PLACE, "has two places for exercise 90.1: leave one."),
        (
            PLACE,
            'has no place for exercise 90.2: write `# %% tags=["exercise:90.2"]` where it should stand.',
        ),
        (PLACE + "answer = 1\n", "must leave the place of exercise 90.1 an empty code cell: its file fills it."),
        (
            '# %% [markdown] tags=["exercise:90.1"]\n',
            "must leave the place of exercise 90.1 an empty code cell: its file fills it.",
        ),
        (
            '# %% tags=["exercise:90.1", "solution-only"]\n',
            "has other tags than exercise:90.1 on the place of exercise 90.1: remove them.",
        ),
        (
            PLACE + "\n# %%\ndef f():\n    ### BEGIN SOLUTION\n    return 1\n    ### END SOLUTION\n",
            "holds a solution (### BEGIN SOLUTION): write the exercise in course_lib/lessons/lesson_90/exercises and "
            'leave `# %% tags=["exercise:90.k"]` here.',
        ),
        (PLACE + "\n# %%\n# END SOLUTION\n", "holds a solution"),
    ],
)
def test_what_a_source_may_not_hold(
    house: House, known: dict[str, Exercise], edit: Edit, new: str, message: str
) -> None:
    known["90.2"] = replace(known["90.1"], id="90.2")
    edit(PLACE, new)
    for edition in ("learner", "solution"):
        with pytest.raises(CourseError) as caught:
            derive(house.source(LESSON), edition, "")
        assert str(caught.value).startswith(f"notebooks/source/90_middle.py {message}")


def test_a_lesson_without_exercises_has_no_places(house: House, known: dict[str, Exercise], edit: Edit) -> None:
    known.clear()
    with pytest.raises(CourseError, match=r"has a place for exercise 90\.1, but lesson 90 has no exercises\.$"):
        derive(house.source(LESSON), "learner", "")
    edit(PLACE, "")
    derive(house.source(LESSON), "learner", "")


def test_a_value_would_stop_the_learners_run(house: House, known: dict[str, Exercise]) -> None:
    known["90.1"] = replace(known["90.1"], reference=0.0, name="middle", cases=None)
    derive(house.source(LESSON), "solution", "")
    with pytest.raises(CourseError, match="outside a function"):
        derive(house.source(LESSON), "learner", "")


def test_the_cells_are_new_each_time(known: dict[str, Exercise]) -> None:
    first, second = (cells_of(known["90.1"], {"syllabus": ["N0.9"]}) for _ in range(2))
    first[1].metadata["syllabus"] = []  # the first is the slide
    assert second[1].metadata["syllabus"] == ["N0.9"]
