"""What torch may do to float32 products inside a training, whichever of its two sets of switches the user has set."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import backends

from course_lib.training import fit
from course_lib.training.exactness import float32_products

PLACES: dict[str, Any] = {
    "all": backends,
    "cuda": backends.cudnn,
    "cuda products": backends.cuda.matmul,
    "cuda convolutions": backends.cudnn.conv,
    "cuda rnn": backends.cudnn.rnn,
    "cpu products": backends.mkldnn.matmul,
    "cpu convolutions": backends.mkldnn.conv,
    "cpu rnn": backends.mkldnn.rnn,
}


def newer() -> dict[str, str]:
    return {name: place.fp32_precision for name, place in PLACES.items()}


def older() -> list[Any]:
    """What the older names say, or that they cannot express it."""
    found: list[Any] = []
    for read in (torch.get_float32_matmul_precision, lambda: backends.cudnn.allow_tf32):
        try:
            found.append(read())
        except RuntimeError:
            found.append(None)
    return found


def put(place: str, value: str) -> Callable[[], None]:
    return lambda: setattr(PLACES[place], "fp32_precision", value)


STATES: dict[str, Callable[[], Any]] = {
    "nothing": lambda: None,
    "older: products": lambda: torch.set_float32_matmul_precision("medium"),
    "older: convolutions": lambda: setattr(backends.cudnn, "allow_tf32", False),
    "all ieee": put("all", "ieee"),
    "all tf32": put("all", "tf32"),
    "cuda ieee": put("cuda", "ieee"),
    "cuda products ieee": put("cuda products", "ieee"),
    "cuda products tf32": put("cuda products", "tf32"),
    "cuda convolutions ieee": put("cuda convolutions", "ieee"),
    "cpu convolutions bf16": put("cpu convolutions", "bf16"),
}


@pytest.fixture(autouse=True)
def as_at_the_start() -> Iterator[None]:
    before = newer()
    yield
    torch.set_float32_matmul_precision("highest")
    backends.cudnn.allow_tf32 = True
    for name, place in PLACES.items():
        place.fp32_precision = before[name]
    assert newer() == before


@pytest.mark.parametrize("exactness", ["highest", "high", "medium"])
@pytest.mark.parametrize("state", list(STATES))
def test_inside_it_is_what_was_asked_for_and_afterwards_what_it_was(state: str, exactness: str) -> None:
    STATES[state]()
    before, readable = newer(), older()
    with float32_products(exactness):
        inside = newer()
        assert older() == [exactness, exactness != "highest"]  # both sets agree, so that either may be read
    exact = exactness == "highest"
    assert {inside[name] for name in ("cuda products", "cuda convolutions", "cuda rnn")} == {
        "ieee" if exact else "tf32"
    }
    assert inside["cpu products"] == {"highest": "ieee", "high": "tf32", "medium": "bf16"}[exactness]
    assert {inside["cpu convolutions"], inside["cpu rnn"]} == {"ieee"}
    assert newer() == before
    assert all(now == then for now, then in zip(older(), readable, strict=True) if then is not None)


def test_what_stood_above_still_decides_afterwards() -> None:
    """A switch that had not been set itself is left unset, and follows the one above it."""
    put("all", "tf32")()
    with float32_products("highest"):
        pass
    put("all", "ieee")()
    assert {newer()[name] for name in ("cuda products", "cuda convolutions", "cpu products", "cpu rnn")} == {"ieee"}


@pytest.mark.parametrize("state", ["all tf32", "all ieee", "cuda products tf32", "cuda products ieee"])
def test_a_training_runs_whatever_the_user_had_set(toys: Any, state: str) -> None:
    STATES[state]()
    before, inside = newer(), []
    fit(
        toys.Duel(), toys.duel_data(), steps=1, batch_size=5, progress=False, device="cpu",
        on_step=lambda *_: inside.append((newer()["cuda convolutions"], backends.cudnn.allow_tf32)),
    )  # fmt: skip
    assert inside == [("ieee", False)]
    assert newer() == before


def test_all_is_put_back_after_an_error_and_nothing_is_said() -> None:
    before = newer()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ZeroDivisionError), float32_products("medium"):
            raise ZeroDivisionError
    assert newer() == before


def test_a_convolution_on_the_cpu_has_the_same_bits_as_without() -> None:
    x, weight = torch.randn(2, 3, 16, 16), torch.randn(4, 3, 3, 3, requires_grad=True)
    plain = torch.nn.functional.conv2d(x, weight)
    plain.sum().backward()
    gradient, weight.grad = weight.grad, None
    for exactness in ("highest", "high", "medium"):
        with float32_products(exactness):
            again = torch.nn.functional.conv2d(x, weight)
            again.sum().backward()
        assert torch.equal(again, plain)
        assert torch.equal(weight.grad, gradient)
        weight.grad = None
