"""Named columns: a kind of value that the library never heard of goes through sets, batches, devices and ranks."""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from course_lib.data import (
    Batch,
    ClassIds,
    Column,
    Floats,
    ImageSet,
    Labels,
    Making,
    PairedSet,
    Pictures,
    RowSet,
    Texts,
    UnpairedSet,
)
from course_lib.errors import DataError, ShapeError


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(rows: int, channels: int = 3, side: int = 4, seed: int = 0) -> Tensor:
    return torch.randint(0, 256, (rows, channels, side, side), dtype=torch.uint8, generator=seeded(seed))


# A ragged column, defined here and nowhere in the library: scenes of differing numbers of people.


@dataclass(frozen=True, eq=False)
class People:
    """Tracks of the people of some scenes, packed: scene k holds ``tracks[borders[k]:borders[k + 1]]``."""

    tracks: Tensor
    borders: Tensor

    def __len__(self) -> int:
        return len(self.borders) - 1

    def __getitem__(self, rows: slice | Tensor) -> People:
        chosen = torch.arange(len(self))[rows].tolist()
        parts = [self.scene(row) for row in chosen]
        sizes = torch.tensor([0, *(len(part) for part in parts)])
        return People(torch.cat([self.tracks[:0], *parts]), sizes.cumsum(0))

    def scene(self, row: int) -> Tensor:
        return self.tracks[self.borders[row] : self.borders[row + 1]]

    def to(self, device: Any) -> People:
        return People(self.tracks.to(device), self.borders)


@dataclass(frozen=True, eq=False)
class Scenes(Column):
    """Scenes (people, time, 2), which must not be mirrored: people walk on one side."""

    values: People

    @property
    def mirrors(self) -> bool:
        return False

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: slice | Tensor) -> Scenes:
        return Scenes(self.values[rows])

    def batch(self, rows: Tensor, making: Making) -> People:
        return self.values[rows].to(making.device)

    def check(self, title: str) -> None:
        if self.values.tracks.ndim != 3:
            raise ShapeError(f"{title} must be (people, time, 2).")


SIZES = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3]


def people() -> People:
    """Ten scenes; every number of scene k is k, but for the first, which counts its people."""
    tracks = torch.cat([torch.full((size, 7, 2), float(scene)) for scene, size in enumerate(SIZES)])
    borders = torch.tensor([0, *SIZES]).cumsum(0)
    for start, end in zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True):
        tracks[start:end, 0, 0] = torch.arange(end - start).float()
    return People(tracks, borders)


def scenes() -> RowSet:
    return RowSet(
        "crossing",
        "train",
        {"scene": Scenes(people()), "wind": Floats(torch.arange(10.0)[:, None], mirrors=True)},
        captions=[f"scene {row}" for row in range(10)],
    )


def whole(scene: Tensor, row: int) -> bool:
    """Return whether this is scene ``row`` with all of its people in their order."""
    right = torch.full((SIZES[row], 7, 2), float(row))
    right[:, 0, 0] = torch.arange(SIZES[row])
    return torch.equal(scene, right)


def test_a_ragged_column_goes_through_an_epoch() -> None:
    found = []
    for batch in scenes().batches(4, generator=seeded()):
        assert batch.columns == ("scene", "wind", "captions")
        assert len(batch.scene) == len(batch)
        for place, row in enumerate(batch.index.tolist()):
            assert whole(batch.scene.scene(place), row)
            assert batch.wind[place].item() == row
            assert batch.captions[place] == f"scene {row}"
        found += batch.index.tolist()
    assert sorted(found) == list(range(10))
    assert found != sorted(found)


@pytest.mark.parametrize("world", [2, 3])
def test_ranks_share_a_ragged_batch_at_the_borders_of_rows(world: int) -> None:
    batch = next(scenes().batches(6, generator=seeded(1)))
    parts = [batch[rank::world] for rank in range(world)]
    for rank, part in enumerate(parts):
        assert part.index.tolist() == batch.index.tolist()[rank::world]
        assert all(whole(part.scene.scene(place), row) for place, row in enumerate(part.index.tolist()))
        assert part.captions == batch.captions[rank::world]
    assert sum(len(part.scene.tracks) for part in parts) == len(batch.scene.tracks)


def test_a_ragged_batch_moves() -> None:
    batch = next(scenes().batches(4, generator=seeded()))
    away = batch.to("meta")
    assert away.scene.tracks.device.type == away.wind.device.type == "meta"
    assert away.index.device.type == "cpu"
    assert away.captions == batch.captions
    assert next(scenes().batches(4, device="meta")).scene.tracks.device.type == "meta"


def test_a_set_of_any_columns_is_cut_described_and_kept() -> None:
    part = scenes()[[7, 2]]
    assert isinstance(part, RowSet)
    assert part.captions == ["scene 7", "scene 2"]
    batch = next(part.batches(2, shuffle=False))
    assert whole(batch.scene.scene(0), 7)
    assert whole(batch.scene.scene(1), 2)
    assert repr(part) == "RowSet('crossing' (train); 2 rows; scene; wind 1; captions)"
    again = pickle.loads(pickle.dumps(part))
    assert again.columns.keys() == part.columns.keys()
    assert torch.equal(next(again.batches(2, shuffle=False)).scene.tracks, batch.scene.tracks)


def test_the_sides_of_an_unpaired_set_may_hold_anything() -> None:
    both = UnpairedSet(scenes(), ImageSet("pictures", "train", pictures(4), labels=torch.arange(4)))
    assert not both.mirrors
    batch = next(both.batches(5, generator=seeded()))
    assert batch.columns == ("x", "x_wind", "x_captions", "y", "y_labels", "y_index")
    assert whole(batch.x.scene(0), int(batch.index[0]))


# Grids of whole numbers.


@pytest.mark.parametrize("kind", [torch.uint8, torch.int16, torch.int64])
@pytest.mark.parametrize("shape", [(9, 3, 5), (9, 1, 3, 5), (9, 12)])
def test_grids_of_whole_numbers_stay_what_they_are(kind: torch.dtype, shape: tuple[int, ...]) -> None:
    big = 200 if kind == torch.uint8 else 30_000
    codes = (torch.arange(torch.tensor(shape).prod().item()) * 7919 % big).reshape(shape).to(kind)
    dataset = RowSet("codes", "train", {"codes": ClassIds(codes)}, labels=torch.arange(9))
    batch = next(dataset.batches(9, generator=seeded()))
    assert batch.codes.dtype == torch.int64
    assert torch.equal(batch.codes, codes[batch.index].to(torch.int64))
    batch.codes.zero_()
    assert codes.any(), "the batch shares memory with the set"


def test_maps_are_mirrored_with_their_pictures_and_codes_forbid_it() -> None:
    images = pictures(200, 1)
    both = RowSet("maps", "train", {"images": Pictures(images), "map": ClassIds(images.to(torch.int32))})
    assert both.mirrors
    batch = next(both.batches(200, generator=seeded(), flip=True))
    assert torch.equal(((batch.images + 1) * 127.5).round().long(), batch.map)
    mirrored = (batch.map != images[batch.index].long()).flatten(1).any(1)
    assert 60 < mirrored.sum() < 140
    codes = RowSet("codes", "train", {"images": Pictures(images), "codes": ClassIds(images[:, 0])})
    assert not codes.mirrors
    with pytest.raises(DataError, match="'codes' may not be mirrored"):
        codes.batches(2, flip=True)


# Labels, captions and factors reach the batch.


def described(rows: int, name: str, shift: int = 0) -> dict[str, Any]:
    return {
        "labels": (torch.arange(rows) + shift) % 5,
        "captions": [f"{name} {row}" for row in range(rows)],
        "factors": {"tone": torch.arange(rows) * 2 + shift},
    }


def test_a_batch_of_pairs_has_labels_captions_and_factors() -> None:
    dataset = PairedSet("pairs", "train", pictures(11), pictures(11, 1), **described(11, "pair"))
    for batch in dataset.batches(4, generator=seeded()):
        assert batch.columns == ("x", "y", "labels", "captions", "factors")
        assert torch.equal(batch.labels, batch.index % 5)
        assert batch.captions == [f"pair {row}" for row in batch.index.tolist()]
        assert torch.equal(batch.factors["tone"], batch.index * 2)


def test_a_batch_of_two_sides_has_those_of_each_side() -> None:
    sides = [ImageSet(name, "train", pictures(n), **described(n, name, n)) for name, n in (("a", 4), ("b", 11))]
    dataset = UnpairedSet(*sides)
    for batch in dataset.batches(4, generator=seeded()):
        for key, index, side in (("x", batch.index, sides[0]), ("y", batch.y_index, sides[1])):
            got = {name: getattr(batch, f"{key}_{name}") for name in ("labels", "captions", "factors")}
            assert torch.equal(((getattr(batch, key) + 1) * 127.5).round().byte(), side.images[index])
            assert torch.equal(got["labels"], side.labels[index])
            assert got["captions"] == [side.captions[row] for row in index.tolist()]
            assert torch.equal(got["factors"]["tone"], side.factors["tone"][index])
        assert batch.to("meta").y_index.device.type == "cpu"
        assert batch.to("meta").y_factors["tone"].device.type == "meta"
        assert torch.equal(batch[1::2].y_index, batch.y_index[1::2])


# The batch itself.


def some() -> Batch:
    return Batch(
        torch.arange(4), x=torch.arange(8.0).reshape(4, 2), captions=list("abcd"), factors={"f": torch.arange(4)}
    )


def test_what_a_batch_has_not_is_said_with_what_it_has() -> None:
    assert "x" in some()
    assert "images" not in some()
    assert "index" not in some()
    with pytest.raises(AttributeError, match=r"^The batch has no 'images': it has x, captions, factors\.$"):
        _ = some().images
    assert getattr(some(), "labels", None) is None
    assert not hasattr(some(), "labels")


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda batch: pickle.loads(pickle.dumps(batch))])
def test_a_batch_is_copied_and_pickled(again: Any) -> None:
    one = again(some())
    assert isinstance(one, Batch)
    assert one.columns == some().columns
    assert torch.equal(one.x, some().x)
    assert one[1:].captions == ["b", "c", "d"]


@pytest.mark.parametrize(
    "rows", [slice(1, None, 2), torch.tensor([1, 3]), torch.tensor([False, True, False, True])], ids=str
)
def test_a_batch_is_cut_in_all_its_columns(rows: slice | Tensor) -> None:
    part = some()[rows]
    assert part.index.tolist() == part.factors["f"].tolist() == [1, 3]
    assert part.captions == ["b", "d"]
    assert part.x.tolist() == [[2, 3], [6, 7]]


def test_columns_are_replaced_in_another_batch() -> None:
    batch = some()
    other = batch.with_columns(x=-batch.x, labels=torch.zeros(4))
    assert torch.equal(other.x, -batch.x)
    assert other.columns == ("x", "captions", "factors", "labels")
    assert batch.columns == ("x", "captions", "factors")
    with pytest.raises(AttributeError, match="with_columns"):
        batch.x = other.x


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: Batch(torch.arange(4), x=torch.zeros(3)),
            ShapeError,
            "'x' of the batch has 3 rows but the batch has 4",
        ),
        (lambda: Batch(torch.arange(4), x=None), ShapeError, "no rows .NoneType."),
        (lambda: Batch(torch.arange(4), columns=torch.zeros(4)), ShapeError, "another name"),
        (lambda: Batch(torch.arange(4), _x=torch.zeros(4)), ShapeError, "another name"),
        (lambda: some()[0], ShapeError, "slice or a tensor"),
        (lambda: RowSet("a", "b", {}), ShapeError, "at least one column"),
        (lambda: RowSet("a", "b", {"codes": torch.zeros(3)}), ShapeError, "Tensor: give a column"),
        (lambda: RowSet("a", "b", {"to": Labels(torch.arange(3))}), ShapeError, "'to': choose another"),
        (lambda: RowSet("a", "b", {"two words": Labels(torch.arange(3))}), ShapeError, "choose another"),
        (lambda: RowSet("a", "b", {"index": Labels(torch.arange(3))}), ShapeError, "choose another"),
        (lambda: RowSet("a", "b", {"codes": ClassIds(torch.rand(3, 4))}), ShapeError, "RowSet.codes .* torch.float32"),
        (lambda: RowSet("a", "b", {"codes": ClassIds(torch.arange(3))}), ShapeError, "a grid of class ids a row"),
        (lambda: RowSet("a", "b", {"points": Floats(torch.arange(3))}), ShapeError, "floating"),
        (lambda: RowSet("a", "b", {"label": Labels(torch.zeros(3, 1).long())}), ShapeError, "int64 .* one value a row"),
        (lambda: RowSet("a", "b", {"text": Texts("abc")}), ShapeError, "list of texts"),
        (lambda: RowSet("a", "b", {"text": Texts(["a"])}, labels=torch.arange(2)), ShapeError, "labels has 2 rows"),
        (lambda: ImageSet("a", "b", pictures(2), factors={"f": torch.arange(3)}), ShapeError, "factors has 3 rows"),
        (lambda: ImageSet("a", "b", pictures(2), factors={"f": torch.rand(2)}), ShapeError, "factors.'f'. must be"),
        (lambda: ImageSet("a", "b", pictures(2), captions=["a", 3]), ShapeError, "captions must be a list of texts"),
    ],
)
def test_mistakes_are_one_sentence(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_which_sets_may_be_mirrored() -> None:
    plain, digits = ImageSet("a", "train", pictures(3)), ImageSet("b", "train", pictures(3), mirrors=False)
    assert plain.mirrors
    assert not digits[1:].mirrors
    assert UnpairedSet(plain, plain).mirrors
    assert not UnpairedSet(plain, digits).mirrors
    with pytest.raises(DataError, match="'a and b' may not be mirrored left to right"):
        UnpairedSet(plain, digits).batches(2, flip=True)
    pairs = PairedSet("p", "train", plain.images, plain.images, mirrors=False)
    assert not pairs.side("x").mirrors
