"""Arguments of ``data.folder`` that cannot be: each gets a sentence of its own, whatever was given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from course_lib import data
from course_lib.errors import DataError


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"kind": "pair"},
            r"kind is 'pair': choose one of 'images', 'photographs', 'pairs', 'halves', 'unpaired' \(did you mean",
        ),
        ({"y": "b", "kind": "halves"}, "kind='halves' takes one folder: leave out the second"),
        ({"y": "b", "labels": True}, "labels are for single images, and kind is 'pairs': leave out labels"),
        ({"direction": "A2B"}, "direction is 'A2B': choose 'AtoB' or 'BtoA'"),
        ({"on_error": "ignore"}, "on_error is 'ignore': choose 'raise' or 'skip'"),
        ({"x_channels": 2}, "x_channels is 2: give 3 for colours or 1 for grey"),
        ({"y_channels": True}, "y_channels is True"),
        ({"limit": 0}, "limit is 0: give a whole number of at least 1"),
        ({"group": "person"}, "group is 'person': give a function from a picture's name to a text"),
        ({"match": 5, "kind": "pairs"}, "match is 5: give a function"),
        ({"match": str}, "match has no meaning for kind='images': leave it out"),
        ({"direction": "BtoA"}, "direction has no meaning for kind='images'"),
        ({"y_channels": 1}, "y_channels has no meaning for kind='images'"),
        ({"fit": "pad", "kind": "photographs"}, "fit has no meaning for kind='photographs'"),
        ({"white": -1}, "white is -1: give the value"),
        ({"name": 5}, "name is 5: give a text"),
        ({"licence": None}, "licence is None: give a text"),
        ({"fit": "squash"}, "fit is 'squash'"),
        ({"size": 0}, "size is 0"),
        ({"seed": "x"}, "seed is 'x'"),
        ({"splits": 5}, "splits is 5"),
        ({"y": "nowhere"}, "There is no folder nowhere"),
    ],
)
def test_arguments_that_cannot_be(options: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    Image.new("RGB", (9, 9), "red").save(tmp_path / "1.png")
    with pytest.raises(DataError, match=f"^{sentence}"):
        data.folder(tmp_path, progress=False, **options)


ODD: tuple[Any, ...] = (
    None,
    True,
    "x",
    b"x",
    2.5,
    -1,
    10**30,
    np.nan,
    [],
    {"train": 5},
    np.zeros((40, 40)),
    torch.zeros(9, 9),
    str,
)
ARGUMENTS = (
    "kind size fit x_channels y_channels direction labels match split splits seed group on_error limit white name"
)


@pytest.mark.parametrize("what", [*ARGUMENTS.split(), "licence", "y"])
def test_odd_values_of_every_argument_get_one_sentence(what: str, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    Image.new("RGB", (9, 9), "red").save(tmp_path / "a" / "1.png")
    sentences = []
    for value in ODD:
        try:
            data.folder(tmp_path, progress=False, **{what: value})
        except DataError as error:  # and no other
            sentences.append(str(error))
    assert len(sentences) >= len(ODD) - 4
    assert all(len(text) < 320 and "\n" not in text and text.endswith(".") for text in sentences)
