"""Codes of a set of pictures: those of the system, mirrored before encoding, kept for these weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from course_lib.data import ImageSet
from course_lib.data.pixels import normalise
from course_lib.errors import ShapeError
from course_lib.runs.codes import code_rows
from course_lib.systems.vqvae import VQVAE, VQVAEConfig


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))


def make(seed: int = 0) -> VQVAE:
    torch.manual_seed(seed)
    return VQVAE(VQVAEConfig(codes=16, dim=4, channels=8, inside=4, blocks=1))


def pictures() -> ImageSet:
    drawn = torch.randint(256, (5, 3, 16, 16), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    return ImageSet("toy", "train", drawn, labels=torch.arange(5), label_names=list("abcde"))


def test_columns_are_the_systems_codes() -> None:
    system, rows = make(), code_rows(make(), pictures(), mirrored=True)
    assert len(rows) == 10
    assert rows.labels is not None
    assert rows.labels.tolist() == [0, 1, 2, 3, 4] * 2
    both = normalise(torch.cat([pictures().images, pictures().images.flip(3)]))
    for name, codes in zip(("top", "bottom"), system.encode(both), strict=True):
        assert torch.equal(rows.columns[name].values, codes)
    assert not rows.mirrors


def test_other_weights_and_other_pictures_have_other_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    encode = VQVAE.encode
    monkeypatch.setattr(VQVAE, "encode", lambda self, x: calls.append(len(x)) or encode(self, x))
    first = code_rows(make(), pictures())
    assert torch.equal(code_rows(make(), pictures()).columns["top"].values, first.columns["top"].values)
    assert calls == [5]
    code_rows(make(1), pictures())
    code_rows(make(), pictures()[:3])
    assert calls == [5, 5, 3]


def test_class_ids_are_no_pictures() -> None:
    ids = ImageSet("ids", "train", torch.zeros(2, 1, 16, 16, dtype=torch.uint8), categorical=("images",))
    with pytest.raises(ShapeError, match="ImageSet of bytes"):
        code_rows(make(), ids)
