"""A matrix to point at: mouse, finger and menus choose the same entry, and the canvas shows which."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course_lib.lessons.lesson_12.channel_pairs import BOTH, EDGE, FINE, FIRST, HELD, SECOND, SIDE, ChannelPairs

CHANNELS = [7, 120, 33, 64, 5]
CELL = (SIDE - EDGE - 2) * FINE // 5


def place(row: float, column: float) -> tuple[float, float]:
    """Return the middle of an entry in canvas pixels, x first."""
    return EDGE * FINE + (column + 0.5) * CELL, EDGE * FINE + (row + 0.5) * CELL


def tell(widget: ChannelPairs, event: str, row: float = 0, column: float = 0) -> None:
    x, y = place(row, column)
    content = {"touches": [{"x": x, "y": y}]} if event.startswith("touch") else {"x": x, "y": y}
    widget.canvas._handle_frontend_event(None, {"event": event, **content}, [])


@pytest.fixture
def pairs() -> ChannelPairs:
    return ChannelPairs(CHANNELS, "White is nothing.")


def test_the_mouse_chooses_as_it_moves(pairs: ChannelPairs) -> None:
    seen: list[tuple[int, int]] = []
    pairs.observe(lambda change: seen.append(change["new"]), names="value")
    assert pairs.value == (0, 1)
    tell(pairs, "mouse_move", 3, 2)
    tell(pairs, "mouse_move", 3.3, 2.4)  # the same entry
    tell(pairs, "mouse_move", 3, 1)
    assert seen == [(3, 2), (3, 1)]  # row first, one event for each entry, and none in between
    assert (pairs.a.value, pairs.b.value) == (3, 1)
    assert (pairs.a.label, pairs.b.label) == ("64", "120")


def test_beside_the_matrix_nothing_is_chosen(pairs: ChannelPairs) -> None:
    for row, column in ((-0.6, 2), (2, -0.6), (5.2, 2), (2, 5.2)):
        tell(pairs, "mouse_move", row, column)
        tell(pairs, "mouse_down", row, column)
        assert pairs.value == (0, 1)
        assert not pairs.held
    for row in range(5):
        for column in range(5):
            assert pairs.entry_at(*place(row, column)) == (row, column)


def test_a_click_holds_and_another_lets_go(pairs: ChannelPairs) -> None:
    tell(pairs, "mouse_down", 4, 2)
    assert pairs.held
    assert pairs.value == (4, 2)
    assert HELD in pairs._hint.value
    tell(pairs, "mouse_move", 1, 1)
    assert pairs.value == (4, 2)
    pairs.a.value = 0  # the menus go on
    assert pairs.value == (0, 2)
    tell(pairs, "mouse_down", 1, 3)
    assert not pairs.held
    assert pairs.value == (1, 3)
    assert HELD not in pairs._hint.value
    tell(pairs, "mouse_move", 2, 2)
    assert pairs.value == (2, 2)
    assert "White is nothing." in pairs._hint.value


def test_a_finger_chooses_too(pairs: ChannelPairs) -> None:
    tell(pairs, "touch_start", 2, 4)
    assert pairs.value == (2, 4)
    tell(pairs, "mouse_down", 2, 4)
    tell(pairs, "touch_move", 3, 3)
    assert pairs.value == (3, 3)
    pairs.canvas._handle_frontend_event(None, {"event": "touch_start", "touches": []}, [])
    assert pairs.value == (3, 3)


def test_the_menus_choose_without_a_mouse(pairs: ChannelPairs) -> None:
    assert pairs.a.options == tuple((str(channel), k) for k, channel in enumerate(CHANNELS)) == pairs.b.options
    pairs.a.value = 4
    assert pairs.value == (4, 1)
    pairs.b.value = 3
    assert pairs.value == (4, 3)


def test_the_matrix_is_shown_dark_where_it_is_large() -> None:
    pairs = ChannelPairs(CHANNELS)
    matrix = torch.arange(25).view(5, 5) / 24
    pairs.show(matrix)
    pixels = np.asarray(pairs.image().convert("L")).astype(int)
    shown = np.array([[pixels[round(y), round(x)] for x, y in (place(r, c) for c in range(5))] for r in range(5)])
    assert shown[0, 0] == 255
    assert (np.diff(shown.ravel()) < 0).all()
    assert shown[4, 4] < 40


def test_the_chosen_row_column_and_entry_are_framed(pairs: ChannelPairs) -> None:
    pairs.value = (3, 1)
    image = np.asarray(pairs.image())

    def of(colour: str) -> tuple[np.ndarray, np.ndarray]:
        rgb = [int(colour[k : k + 2], 16) for k in (1, 3, 5)]
        return np.nonzero((image == rgb).all(axis=2))

    (x, y), reach = place(3, 1), CELL / 2 + 8
    rows, columns = of(FIRST)
    assert abs(rows - y).max() <= reach
    assert np.ptp(columns) > 4.9 * CELL
    rows, columns = of(SECOND)
    assert abs(columns - x).max() <= reach
    assert np.ptp(rows) > 4.9 * CELL
    rows, columns = of(BOTH)
    assert max(abs(rows - y).max(), abs(columns - x).max()) <= reach


def test_the_canvas_is_drawn_when_something_changes_and_on_a_page_that_is_loaded_again(pairs: ChannelPairs) -> None:
    sent: list[np.ndarray] = []
    pairs.canvas.put_image_data = lambda picture: sent.append(picture.copy())
    pairs.show(torch.eye(5))
    pairs.show(torch.eye(5))
    assert len(sent) == 1
    assert sent[0].shape == (SIDE * FINE, SIDE * FINE)  # grey: three channels would be sent with losses
    tell(pairs, "mouse_move", 0, 1)
    assert len(sent) == 1
    tell(pairs, "mouse_move", 2, 2)
    assert len(sent) == 2
    tell(pairs, "client_ready")
    assert len(sent) == 3


@pytest.mark.parametrize("count", [2, 16, 32])
def test_all_numbers_fit(count: int) -> None:
    pairs = ChannelPairs(range(511, 511 - count, -1))
    pairs.value = (0, 1)
    sheet = np.asarray(pairs._sheet())
    edge = EDGE * FINE - 2
    assert (sheet[:2] == 255).all()
    assert (sheet[:, :2] == 255).all()
    numbers = (sheet[:, :edge] < 160).any(axis=1).sum()  # rows of pixels with ink left of the matrix
    assert numbers > 8 * min(count, 16)
    assert (sheet[edge - 6 : edge + 1, 2:edge].min(axis=1) == 255).any()
