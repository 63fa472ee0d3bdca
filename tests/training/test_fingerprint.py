"""The fingerprint of a data set: other content is seen, what is no content is not, and no kind of set stops it."""

from __future__ import annotations

import importlib.util
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from course_lib import data
from course_lib.data.columns import ClassIds
from course_lib.data.jitter import Jittered
from course_lib.data.photographs import CropSet, PhotoSet
from course_lib.errors import TrainingError
from course_lib.training import fingerprint as module
from course_lib.training import fit
from course_lib.training.fingerprint import fingerprint

QUICK: dict[str, Any] = {"batch_size": 5, "steps": 3, "progress": False, "device": "cpu"}


def pictures(seed: int = 0, rows: int = 6, channels: int = 3) -> torch.Tensor:
    return torch.randint(0, 256, (rows, channels, 8, 8), generator=torch.Generator().manual_seed(seed)).byte()


def images(seed: int = 0, **options: Any) -> data.ImageSet:
    return data.ImageSet(name="set", split="train", images=pictures(seed), **options)


class Own:
    """A set of another class, without columns, that keeps what changes."""

    def __init__(self, seed: int, wrapped: Any = None) -> None:
        self.rows = np.random.default_rng(seed).normal(size=(6, 2))
        self.ragged = [torch.full((k + 1,), float(seed)) for k in range(6)]
        self.wrapped = wrapped
        self.asked = 0
        self._cache: dict[int, torch.Tensor] = {}
        self.generator = torch.Generator()
        self.last = torch.zeros(2)

    def __len__(self) -> int:
        return 6

    def batches(self, batch_size: int, **options: Any) -> Any:
        raise AssertionError("a set is not asked for batches: it might draw random numbers")


def crops(seed: int) -> CropSet:
    photos = PhotoSet("p", "train", list(pictures(seed)), ["n"] * 6, [{}] * 6, ["l"] * 6)
    return CropSet(photos, size=4)


KINDS = {
    "images": images,
    "labels": lambda seed: images(labels=torch.arange(6) + seed),
    "captions": lambda seed: images(captions=["a"] * 5 + [f"b{seed}"]),
    "factors": lambda seed: images(factors={"tone": torch.arange(6) * (seed + 1)}),
    "pairs": lambda seed: data.PairedSet(name="set", split="train", x=pictures(0), y=pictures(seed)),
    "unpaired": lambda seed: data.UnpairedSet(images(0), images(seed)),
    "jittered": lambda seed: Jittered(data.UnpairedSet(images(0), images(seed)), 4),
    "crops": crops,
    "codes": lambda seed: data.RowSet("c", "train", {"codes": ClassIds(pictures(seed))}, mirrors=False),
    "own": Own,
    "own, of a set": lambda seed: Own(0, wrapped=images(seed)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_content_has_one_fingerprint_and_other_content_another(kind: str) -> None:
    build = KINDS[kind]
    first = fingerprint(build(0))
    assert first is not None
    assert len(first) == 16
    assert fingerprint(build(0)) == first
    assert fingerprint(build(1)) != first


def test_ragged_columns_count() -> None:
    path = Path(__file__).parents[1] / "data" / "test_columns.py"
    spec = importlib.util.spec_from_file_location("fingerprint_columns", path)
    assert spec is not None
    assert spec.loader is not None
    columns = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(columns)
    first = fingerprint(columns.scenes())
    assert first is not None
    assert fingerprint(columns.scenes()) == first
    assert fingerprint(columns.scenes()[:4]) != first


def test_what_is_no_content_does_not_count() -> None:
    assert fingerprint(images(licence="one", source="here")) == fingerprint(images(licence="other"))
    assert fingerprint(images(names=[f"n{k}" for k in range(6)])) == fingerprint(images())
    used = Own(3)
    before = fingerprint(used)
    used.asked, used._cache[0], used.last = 7, torch.ones(3), torch.ones(2)
    used.generator.manual_seed(9)
    assert fingerprint(used) == before
    assert fingerprint(object()) is None


def test_order_shape_and_type_count() -> None:
    whole = images()
    assert fingerprint(whole[[1, 0, 2, 3, 4, 5]]) != fingerprint(whole)
    assert fingerprint({"a": torch.zeros(2, 3)}) != fingerprint({"a": torch.zeros(3, 2)})
    assert fingerprint({"a": torch.zeros(4)}) != fingerprint({"a": torch.zeros(4, dtype=torch.int32)})
    assert fingerprint({"a": torch.zeros(0)}) is not None
    assert fingerprint({"a": torch.arange(6.0).view(2, 3).t()}) == fingerprint(
        {"a": torch.tensor([[0.0, 3], [1, 4], [2, 5]])}
    )


def test_of_a_large_tensor_rows_from_all_over_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WHOLE", 1000)
    large = torch.zeros(100, 100, dtype=torch.uint8)
    first = fingerprint({"a": large})
    for row in (0, 99):
        changed = large.clone()
        changed[row] = 1
        assert fingerprint({"a": changed}) != first
    assert fingerprint({"a": torch.zeros(1, dtype=torch.uint8).expand(10**12)}) is not None  # 1 TB on paper


def test_many_pictures_take_a_moment() -> None:
    many = data.ImageSet(name="m", split="train", images=torch.zeros(55_000, 1, 28, 28, dtype=torch.uint8))
    fingerprint(many)
    times = []
    for _ in range(3):
        started = time.perf_counter()
        fingerprint(many)
        times.append(time.perf_counter() - started)
    assert min(times) < 0.2


def test_a_training_does_not_go_on_with_other_pictures(toys: Any, tmp_path: Path) -> None:
    rows = toys.line_data()
    other = toys.Pairs(rows.x, rows.y.flip(0), name=rows.name)
    fit(toys.Line(), rows, checkpoint=tmp_path, **QUICK)
    with pytest.raises(
        TrainingError, match=r"was made with other data of the same name and number .*use the same, name"
    ):
        fit(toys.Line(), other, checkpoint=tmp_path, **QUICK | {"steps": 4})
    assert len(fit(toys.Line(), rows, checkpoint=tmp_path, **QUICK | {"steps": 4})) == 4
    assert len(fit(toys.Line(), other, checkpoint=tmp_path, resume=False, **QUICK)) == 3


def test_a_checkpoint_from_before_fingerprints_goes_on(
    toys: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("course_lib.training.state.fingerprint", lambda dataset: None)
        fit(toys.Line(), toys.line_data(), checkpoint=tmp_path, **QUICK)
    assert len(fit(toys.Line(), toys.line_data(), checkpoint=tmp_path, **QUICK | {"steps": 5})) == 5


def test_each_stage_has_its_own(toys: Any, tmp_path: Path) -> None:
    import small_systems

    def train(second: int) -> None:
        stages = small_systems.growing_stages()
        shifted = small_systems.pictures(8)
        if second:
            shifted.images.add_(1)
        last = [small_systems.Stage(shifted, 4, steps=2)]
        fit(small_systems.Growing(), [stages[0], *last], checkpoint=tmp_path, progress=False, device="cpu")

    train(0)
    with pytest.raises(TrainingError, match="stage 1: content of the data"):
        train(1)
