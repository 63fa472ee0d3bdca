from __future__ import annotations

import json
import math

import pytest

from course_lib.history import History


def filled() -> History:
    history = History()
    for step in range(5):
        scalars = {"G": float(step)} | ({"penalty": 10.0 * step} if step % 2 else {})
        history.append(scalars, epoch=step // 3, seconds=0.5 * step)
    return history


def test_lists_are_aligned_and_gaps_are_nan() -> None:
    history = filled()
    assert len(history) == 5
    assert history.names == ["G", "penalty"]
    assert "G" in history
    assert history["G"] == [0, 1, 2, 3, 4]
    assert [math.isnan(v) for v in history["penalty"]] == [True, False, True, False, True]
    assert history.epoch == [0, 0, 0, 1, 1]


def test_last_and_mean_pass_over_gaps() -> None:
    history = filled()
    assert history.last("penalty") == 30
    assert history.mean("penalty") == 20
    assert history.mean("G", 2) == 3.5
    with pytest.raises(KeyError, match="'D' is not in this history, which has G, penalty"):
        history["D"]


def test_round_trip_through_json() -> None:
    history = filled()
    history.stopped = "interrupt"
    copied = History.from_dict(json.loads(json.dumps(history.to_dict())))
    assert copied.interrupted
    assert copied["G"] == history["G"]
    assert copied.seconds == history.seconds
    assert repr(copied) == "History(5 steps: G 4, penalty 30)"
    copied["G"].append(1.0)
    assert len(history["G"]) == 5
