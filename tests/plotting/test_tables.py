"""Tables: the right text in the right cell, the best in bold, and HTML that is well formed and harmless."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree

import pytest

from course_lib.errors import ShapeError
from course_lib.plotting import metric_table

ROWS = {
    "MSE": {"l1": [0.21, 0.22, 0.23], "psnr": 20.0, "note": "exact"},
    "L1 & adversarial": {"l1": (0.2399, 0.012), "psnr": 21.5},
    "<b>": {"l1": 0.5, "psnr": math.inf, "kid": -0.5},
}


def parse(table) -> ElementTree.Element:
    return ElementTree.fromstring(table._repr_html_())


def test_cells():
    table = metric_table(ROWS, columns={"l1": "L1", "psnr": "PSNR (dB)", "kid": "VGG-KID", "note": "note"})
    assert table.headings == ("", "L1", "PSNR (dB)", "VGG-KID", "note")
    assert table.rows == (
        ("MSE", "0.220 ± 0.010", "20.0", "–", "exact"),
        ("L1 & adversarial", "0.240 ± 0.012", "21.5", "–", "–"),
        ("<b>", "0.500", "∞", "\N{MINUS SIGN}0.500", "–"),
    )


def test_all_columns_in_the_order_of_their_first_use():
    assert metric_table(ROWS).headings == ("", "l1", "psnr", "note", "kid")


def test_what_does_not_compete_is_never_in_bold():
    table = metric_table(ROWS, columns=["l1", "psnr"], best={"l1": "min", "psnr": "max"}, aside=("MSE", "<b>"))
    assert table.bold == frozenset()  # one row alone is no competition
    rows = ROWS | {"better": {"l1": 0.3, "psnr": 30.0}}
    assert metric_table(rows, columns=["l1"], best="min", aside=("MSE",)).bold == {(1, 1)}
    with pytest.raises(ShapeError, match="aside names the row 'nobody': choose from MSE, "):
        metric_table(ROWS, aside=("nobody",))


def test_best_in_bold():
    table = metric_table(ROWS, columns=["l1", "psnr"], best={"l1": "min", "psnr": "max"})
    assert table.bold == {(0, 1), (1, 2)}
    bold = [element.text for element in parse(table).iter("strong")]
    assert bold == ["0.220 ± 0.010", "21.5"]
    same = metric_table({"a": {"l1": 0.22004}, "b": {"l1": 0.22001}, "c": {"l1": 0.3}}, best="min")
    assert same.bold == {(0, 1), (1, 1)}  # they look the same
    assert metric_table({"a": {"l1": 0.2}}, best="min").bold == frozenset()
    with pytest.raises(ShapeError, match="lowest"):
        metric_table(ROWS, best="lowest")


def test_digits():
    rows = {"a": {"x": 0.123456, "y": 1234.5}}
    assert metric_table(rows).rows[0] == ("a", "0.123", "1234")
    assert metric_table(rows, digits=1).rows[0] == ("a", "0.1", "1234.5")
    assert metric_table(rows, digits={"x": 5}).rows[0] == ("a", "0.12346", "1234")


def test_html():
    table = metric_table(ROWS, caption="Held-out emoji <5>", best="min", columns=["l1"])
    root = parse(table)
    assert root.find("caption").text == "Held-out emoji <5>"
    assert [element.get("scope") for element in root.iter("th")] == ["col", "col", "row", "row", "row"]
    assert [element.text for element in root.iter("th")][2:] == list(ROWS)
    assert all("text-align:right" in cell.get("style") for cell in root.iter("td"))
    markup = table._repr_html_()
    assert "background" not in markup  # the page's own is right in every theme
    assert "<style" not in markup
    assert "#" not in markup


def test_text():
    text = str(metric_table(ROWS, columns=["l1"], best="min", caption="Held out"))
    assert text.split("\n") == [
        "Held out",
        "                              l1",
        "MSE               0.220 ± 0.010*",
        "L1 & adversarial   0.240 ± 0.012",
        "<b>                        0.500",
    ]


def test_nothing():
    with pytest.raises(ShapeError, match="at least one row"):
        metric_table({})
