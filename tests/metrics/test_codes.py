"""How a codebook is used, by hand."""

from __future__ import annotations

import pytest
import torch

from course_lib.errors import ShapeError
from course_lib.metrics import use_of_codes


def test_use_by_hand() -> None:
    codes = torch.tensor([0, 0, 1, 1, 2, 2, 3, 3]).view(2, 2, 2)
    assert use_of_codes(codes, 8) == pytest.approx({"used": 4, "dead": 4, "perplexity": 4.0, "entropy": 2.0})
    codes = torch.tensor([0, 0, 0, 1]).view(1, 2, 2)
    entropy = 0.75 * torch.tensor(4 / 3).log2().item() + 0.25 * 2
    assert use_of_codes(codes, 2) == pytest.approx({"used": 2, "dead": 0, "perplexity": 2**entropy, "entropy": entropy})


def test_a_code_that_is_none() -> None:
    with pytest.raises(ShapeError, match="from 0 to 3"):
        use_of_codes(torch.full((1, 2, 2), 4), 4)
