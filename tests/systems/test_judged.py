"""A judge is made once, at its first use, and belongs to no system."""

from __future__ import annotations

import torch
from torch import nn

from course_lib.systems.judged import Judge


class Counted(nn.Module):
    made = 0

    def __init__(self):
        super().__init__()
        Counted.made += 1
        self.register_buffer("kept", torch.zeros(1))


def test_it_is_made_once_and_moved():
    Counted.made = 0
    judge = Judge(Counted)
    assert Counted.made == 0
    first = judge.on("cpu")
    assert judge.on(torch.device("cpu")) is first
    assert judge.on("meta").kept.is_meta
    assert Counted.made == 1


def test_a_system_that_holds_one_has_none_of_its_state():
    holder = nn.Module()
    holder.judge = Judge(Counted)
    holder.judge.on("cpu")
    assert not list(holder.modules())[1:]
    assert not holder.state_dict()
