"""The model cards name every bundled run, its command, and the minutes that its files tell."""

import math

import pytest

from course_lib import runs
from course_lib.errors import DataError
from course_lib.paths import data_dir
from course_lib.runs import cards
from course_lib.runs.records import records_of


def test_every_bundled_run_has_its_section():
    for name in runs.names():
        if runs.run(name).recorded or runs.run(name).download:
            continue
        text = (data_dir() / "checkpoints" / name.split("/")[0] / "README.md").read_text(encoding="utf-8")
        section = text.split(f"## {name}\n", 1)[1].split("\n## ", 1)[0]
        headers = [runs.load(name, seed).card for seed in runs.seeds(name)]
        assert headers, f"{name} has no bundled weights"
        assert headers[0]["command"] in section
        assert f"{headers[0]['epochs']} epochs, {headers[0]['steps']} steps of {headers[0]['batch_size']}" in section
        assert ", ".join(f"{header['minutes']:g}" for header in headers) in section
        further = records_of(name.split("/")[0]).get(name, {}) if runs.run(name).bundled else {}
        assert all(f"{entry['minutes']:g}" in section for entry in further.values())
        assert ("the figures alone are kept" in section) == bool(further)
        assert "| held-out figure | value |" in section


def test_every_recorded_run_has_its_row():
    for name in runs.names():
        if runs.run(name).recorded:
            lesson, short = name.split("/")
            text = (data_dir() / "checkpoints" / lesson / "README.md").read_text(encoding="utf-8")
            entries = records_of(lesson)[name]
            rows = [line for line in text.splitlines() if line.startswith(f"| {short} | ")]
            assert len(rows) == 1, name
            assert rows[0].startswith(f"| {short} | {', '.join(map(str, entries))} | {entries[0]['epochs']} | ")


@pytest.mark.parametrize("weights", [cards.IN_8_BITS, "as trained", None])
def test_figures_of_rounded_and_of_other_weights_are_not_averaged(weights, monkeypatch):
    first = {"L1": 0.2, "sharpness": 0.6}
    entry = {"figures": {key: value + 2.0 for key, value in first.items()}, "minutes": 1.0}
    monkeypatch.setattr(cards, "figures", lambda name, seed: first)
    monkeypatch.setattr(cards, "_further_seeds", lambda one: {1: entry | ({"weights": weights} if weights else {})})
    text = cards.card(runs.run("lesson_01/mae"))
    row = next(line for line in text.splitlines() if line.startswith("| L1 | "))
    l1 = first["L1"]
    if weights == cards.IN_8_BITS:
        assert row == f"| L1 | {l1 + 1:.3f} ± {2**0.5:.3f} |"
    else:
        assert row == f"| L1 | {l1:.3f} | {l1 + 2:.3f} |"
        assert f"| held-out figure | value | of seeds [1], {cards.OTHERWISE} |" in text


def test_the_cards_of_some_lessons_alone(monkeypatch, tmp_path):
    monkeypatch.setattr(cards, "data_dir", lambda: tmp_path)
    monkeypatch.setattr(cards, "card", lambda one: f"## {one.name}\n")
    for lesson in ("lesson_01", "lesson_12"):
        (tmp_path / "checkpoints" / lesson).mkdir(parents=True)
    assert [path.parent.name for path in cards.write(["lesson_12"])] == ["lesson_12"]
    assert not (tmp_path / "checkpoints" / "lesson_01" / "README.md").exists()
    with pytest.raises(DataError, match="no runs of 'lesson_99': choose some of lesson_01"):
        cards.write(["lesson_99"])


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([1.0, 2.0, 3.0], "2.000 ± 1.000"),
        ([0.5], "0.500"),
        ([1.0, 3.0, math.inf], "2.000 ± 1.414 (infinite in 1 of 3 seeds)"),
        ([math.inf, math.inf], "infinite"),
    ],
)
def test_a_figure_over_seeds(values, text):
    assert cards._written(values) == text
