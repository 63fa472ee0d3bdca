"""Batches as promised: every row once, resumable inside an epoch, exact ranges, pairs mirrored together."""

from __future__ import annotations

import dataclasses
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.data.batching import Batch, Batched
from course_lib.data.containers import ImageSet, PairedSet, UnpairedSet
from course_lib.data.photographs import PhotoSet
from course_lib.errors import CourseError, DataError, ShapeError

BIG = 10**6


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(rows: int, channels: int = 3, size: int = 4, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, 256, (rows, channels, size, size), dtype=torch.uint8, generator=seeded(seed))


def image_set(rows: int = 10, **fields: object) -> ImageSet:
    defaults = {
        "names": [f"row {row}" for row in range(rows)],
        "labels": torch.arange(rows) % 3,
        "label_names": ["a", "b", "c"],
        "captions": [f"caption {row}" for row in range(rows)],
        "factors": {"tone": torch.arange(rows)},
    }
    return ImageSet("test set", "train", images(rows), **{**defaults, **fields})


def photo_set(sizes: tuple[tuple[int, int], ...] = ((20, 30), (25, 20))) -> PhotoSet:
    """Photographs whose pixels tell their place: channel 0 the row, channel 1 the column, channel 2 the photograph."""
    photos = []
    for number, (height, width) in enumerate(sizes):
        down = torch.arange(height, dtype=torch.uint8)[:, None].expand(height, width)
        across = torch.arange(width, dtype=torch.uint8)[None, :].expand(height, width)
        photos.append(torch.stack([down, across, torch.full_like(down, number)]))
    names = [f"photo {number}" for number in range(len(sizes))]
    return PhotoSet("test photos", "all", photos, names, [{"title": name} for name in names], ["CC0"] * len(sizes))


def as_bytes(batch_images: torch.Tensor) -> torch.Tensor:
    return ((batch_images + 1) * 127.5).round().to(torch.uint8)


def same(one: Batch, other: Batch) -> bool:
    keys = [key for key in ("images", "x", "y", "y_index") if key in one]
    alike = all(torch.equal(getattr(one, key), getattr(other, key)) for key in keys)
    return one.columns == other.columns and torch.equal(one.index, other.index) and alike


def make(kind: str, rows: int) -> Batched:
    if kind == "images":
        return image_set(rows)
    if kind == "pairs":
        return PairedSet("pairs", "train", images(rows), images(rows, 1, seed=1), categorical=("y",))
    if kind == "unpaired":
        return UnpairedSet(image_set(rows), image_set(max(1, rows // 3)))
    return photo_set(((20, 30),) * rows).crops(8, per_photo=2)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 40),
    batch_size=st.integers(1, 50),
    flip=st.booleans(),
    shuffle=st.booleans(),
    drop=st.booleans(),
)
def test_every_row_comes_once_and_as_it_is(rows: int, batch_size: int, flip: bool, shuffle: bool, drop: bool) -> None:
    drop = drop and batch_size <= rows
    dataset = image_set(rows)
    batches = list(dataset.batches(batch_size, generator=seeded(3), flip=flip, shuffle=shuffle, drop_last=drop))
    assert len(batches) == dataset.num_batches(batch_size, drop)
    assert all(len(batch) == batch_size for batch in batches[:-1])
    index = torch.cat([batch.index for batch in batches])
    kept = rows - rows % batch_size if drop else rows
    assert len(index) == len(index.unique()) == kept
    if not shuffle:
        assert index.tolist() == list(range(kept))
    for batch in batches:
        truth, got = dataset.images[batch.index], as_bytes(batch.images)
        mirrored = (got != truth).flatten(1).any(1)
        assert torch.equal(torch.where(mirrored[:, None, None, None], truth.flip(-1), truth), got)
        assert flip or not mirrored.any()
        assert torch.equal(batch.labels, dataset.labels[batch.index])
        assert torch.equal(batch.factors["tone"], batch.index)


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(["images", "pairs", "unpaired", "photos"]),
    rows=st.integers(1, 20),
    batch_size=st.integers(1, 7),
    skip=st.integers(0, 20),
    flip=st.booleans(),
)
def test_skip_gives_the_tail_of_the_same_epoch(kind: str, rows: int, batch_size: int, skip: int, flip: bool) -> None:
    dataset = make(kind, rows)
    generator = seeded(rows)
    torch.rand(5, generator=generator)
    state = generator.get_state()
    whole = list(dataset.batches(batch_size, generator=generator, flip=flip))
    after = generator.get_state()
    skip = min(skip, len(whole))
    generator.set_state(state)
    tail = list(dataset.batches(batch_size, generator=generator, flip=flip, skip=skip))
    assert len(tail) == len(whole) - skip
    assert all(same(one, other) for one, other in zip(whole[skip:], tail, strict=True))
    assert torch.equal(generator.get_state(), after)  # the next epoch is the same too


@pytest.mark.parametrize("kind", ["images", "pairs", "unpaired", "photos"])
def test_all_chance_is_drawn_by_the_call(kind: str) -> None:
    dataset = make(kind, 9)
    generator = seeded()
    epoch = dataset.batches(2, generator=generator, flip=True)
    state = generator.get_state()
    torch.manual_seed(1)
    before = torch.get_rng_state()
    list(epoch)
    assert torch.equal(generator.get_state(), state)
    assert torch.equal(torch.get_rng_state(), before)
    second = dataset.batches(9, generator=generator, flip=True)
    first = dataset.batches(9, generator=seeded(), flip=True)
    assert not same(next(first), next(second))  # a new epoch, a new order


def test_without_a_generator_torch_s_own_is_used() -> None:
    torch.manual_seed(5)
    one = next(image_set().batches(10))
    torch.manual_seed(5)
    assert same(one, next(image_set().batches(10)))


def test_pairs_are_mirrored_together_and_about_half_of_them() -> None:
    x = images(2000, 1)
    batch = next(PairedSet("pairs", "train", x, 255 - x).batches(2000, generator=seeded(), flip=True))
    assert torch.allclose(batch.x, -batch.y, atol=1e-6)
    mirrored = (as_bytes(batch.x) != x[batch.index]).flatten(1).any(1)
    assert 0.45 < mirrored.float().mean() < 0.55


def test_mirroring_is_left_to_right_and_not_upside_down() -> None:
    one = ImageSet("one", "train", torch.tensor([[0, 255], [0, 255]], dtype=torch.uint8).reshape(1, 1, 2, 2))
    seen = {tuple(next(one.batches(1, generator=seeded(s), flip=True)).images.flatten().tolist()) for s in range(20)}
    assert seen == {(-1, 1, -1, 1), (1, -1, 1, -1)}


@pytest.mark.parametrize(("value_range", "low", "high"), [((-1, 1), -1.0, 1.0), ((0, 1), 0.0, 1.0), ([0.0, 1.0], 0, 1)])
def test_ranges_are_exact_at_both_ends(value_range: tuple, low: float, high: float) -> None:
    every = ImageSet("bytes", "all", torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16))
    values = next(every.batches(1, shuffle=False, value_range=value_range)).images.flatten()
    assert values.dtype == torch.float32
    assert values[0].item() == low
    assert values[255].item() == high
    exact = low + (high - low) * torch.arange(256, dtype=torch.float64) / 255
    assert (values.double() - exact).abs().max() < 1e-7
    back = ((values - low) * 255 / (high - low)).round().to(torch.uint8)
    assert torch.equal(back, every.images.flatten())


def test_class_ids_are_not_normalised() -> None:
    labels = torch.randint(0, 20, (6, 1, 4, 4), dtype=torch.uint8, generator=seeded())
    pairs = PairedSet("pairs", "train", labels, images(6), categorical=("x",))
    batch = next(pairs.batches(6, generator=seeded(), flip=True))
    assert batch.x.dtype == torch.int64
    assert batch.y.dtype == torch.float32
    assert sorted(batch.x.flatten().tolist()) == sorted(labels.flatten().tolist())
    assert pairs.side("x").categorical == ("images",)
    assert next(pairs.side("y").batches(6)).images.dtype == torch.float32


def test_a_batch_shares_no_memory_with_the_set() -> None:
    dataset = image_set()
    before = dataset.images.clone()
    for batch in dataset.batches(4, shuffle=False):
        batch.images.zero_()
        batch.index.zero_()
        batch.labels.fill_(9)
        batch.factors["tone"].fill_(9)
    assert torch.equal(dataset.images, before)
    assert dataset.labels.max() == 2
    assert dataset.factors["tone"].tolist() == list(range(10))
    batch = next(dataclasses.replace(dataset, categorical=("images",)).batches(10, shuffle=False))
    batch.images.zero_()
    assert torch.equal(dataset.images, before)


def test_unpaired_sides_are_independent_and_the_smaller_begins_again() -> None:
    both = UnpairedSet(image_set(3), ImageSet("other", "train", images(7, 1, seed=9)))
    epoch = list(both.batches(4, generator=seeded()))
    x, y = torch.cat([batch.index for batch in epoch]), as_bytes(torch.cat([batch.y for batch in epoch]))
    assert len(both) == 7
    assert [x[part].sort().values.tolist() for part in (slice(0, 3), slice(3, 6))] == [[0, 1, 2], [0, 1, 2]]
    assert torch.equal(as_bytes(torch.cat([batch.x for batch in epoch])), both.x.images[x])
    assert {tuple(row.flatten().tolist()) for row in y} == {tuple(row.flatten().tolist()) for row in both.y.images}
    joint = [tuple(next(both.batches(1, generator=seeded(s))).x.flatten().tolist()) for s in range(9)]
    assert len(set(joint)) > 1


def test_crops_lie_inside_reach_every_edge_and_take_each_photograph_as_often() -> None:
    photos = photo_set()
    epoch = list(photos.crops(19, per_photo=200).batches(32, generator=seeded()))
    assert sum(len(batch) for batch in epoch) == 400 == 32 * (len(epoch) - 1) + len(epoch[-1])
    index = torch.cat([batch.index for batch in epoch])
    crops = as_bytes(torch.cat([batch.images for batch in epoch])).long()
    assert torch.bincount(index).tolist() == [200, 200]
    assert torch.equal(crops[:, 2, 0, 0], index)
    assert torch.equal(crops[:, 0, -1, 0] - crops[:, 0, 0, 0], torch.full((400,), 18))
    places = crops[index == 0][:, :2, 0, 0]
    assert places.min(0).values.tolist() == [0, 0]
    assert places.max(0).values.tolist() == [1, 11]  # 20 - 19 and 30 - 19
    whole = next(photos.crops(20).batches(2, shuffle=False)).images
    assert as_bytes(whole)[1, 0, :, 0].tolist() in [list(range(s, s + 20)) for s in range(6)]


def test_patches_tile_the_photographs() -> None:
    patches = photo_set().patches(10)
    assert patches.images.shape == (2 * 3 + 2 * 2, 3, 10, 10)
    assert patches.factors["photo"].tolist() == [0] * 6 + [1] * 4
    assert patches.images[4, :2, 0, 0].tolist() == [10, 10]
    assert patches.images[4, 0, :, 0].tolist() == list(range(10, 20))
    assert patches.names[4] == "photo 0 at 10, 10"
    assert len(photo_set().patches(10, stride=5)) == 3 * 5 + 4 * 3
    few = photo_set().patches(10, stride=1, limit_per_image=4)
    assert few.factors["photo"].tolist() == [0] * 4 + [1] * 4
    assert len({tuple(patch[:2, 0, 0].tolist()) for patch in few.images[:4]}) == 4


@pytest.mark.parametrize(
    ("rows", "kept"),
    [
        (slice(2, 5), [2, 3, 4]),
        (slice(None, None, -4), [9, 5, 1]),
        (torch.tensor([3, -1, 3]), [3, 9, 3]),
        ([1, 0], [1, 0]),
        (torch.arange(10) > 7, [8, 9]),
        (-2, [8]),
        (torch.tensor([4], dtype=torch.int32), [4]),
    ],
)
def test_indexing_gives_the_same_type_with_all_that_belongs_to_the_rows(rows: object, kept: list[int]) -> None:
    full = image_set()
    part = full[rows]
    assert type(part) is ImageSet
    assert torch.equal(part.images, full.images[kept])
    assert part.factors["tone"].tolist() == kept
    assert part.labels.tolist() == [row % 3 for row in kept]
    assert part.names == [f"row {row}" for row in kept]
    assert part.captions == [f"caption {row}" for row in kept]
    pairs = PairedSet("pairs", "train", full.images, full.images)[rows]
    assert type(pairs) is PairedSet
    assert torch.equal(pairs.y, full.images[kept])
    ten = photo_set(((20, 20),) * 10)
    assert type(ten[rows]) is PhotoSet
    assert ten[rows].names == [f"photo {row}" for row in kept]


def test_a_set_can_be_iterated_and_is_frozen_and_pickled() -> None:
    dataset = image_set(3)
    assert [row.names for row in dataset] == [["row 0"], ["row 1"], ["row 2"]]
    with pytest.raises(dataclasses.FrozenInstanceError):
        dataset.images = dataset.images
    assert torch.equal(pickle.loads(pickle.dumps(dataset)).images, dataset.images)


def test_a_batch_moves_and_is_cut() -> None:
    batch = next(image_set().batches(6, generator=seeded()))
    part = batch[1::2]
    assert len(part) == 3
    assert torch.equal(part.images, batch.images[1::2])
    assert torch.equal(part.factors["tone"], part.index)
    away = batch.to("meta")
    assert away.images.device.type == away.labels.device.type == away.factors["tone"].device.type == "meta"
    assert away.index.device.type == "cpu"
    assert next(image_set().batches(6, device="meta", flip=True)).images.shape == (6, 3, 4, 4)


def test_descriptions_are_short_and_useful() -> None:
    assert repr(image_set()) == (
        "ImageSet('test set' (train); 10 rows; images 3x4x4; 3 labels; captions; factors tone)"
    )
    assert repr(photo_set()) == "PhotoSet('test photos' (all); 2 photographs; 20-25 x 20-30 pixels)"
    assert repr(next(image_set().batches(4))) == (
        "Batch(4 rows; images (4, 3, 4, 4) float32; labels; captions; factors tone)"
    )


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ImageSet("a", "b", torch.rand(2, 3, 4, 4)), ShapeError, "uint8 .* it is torch.float32"),
        (lambda: ImageSet("a", "b", images(2)[0]), ShapeError, "shape .N, C, H, W."),
        (lambda: ImageSet("a", "b", images(2)[:0]), DataError, "would hold no rows"),
        (lambda: image_set()[torch.zeros(10, dtype=torch.bool)], DataError, "would hold no rows"),
        (lambda: image_set()[3:3], DataError, "would hold no rows"),
        (lambda: image_set()[[10]], ShapeError, "numbered 0 to 9"),
        (lambda: image_set()["names"], ShapeError, "a mask of 10 values"),
        (lambda: image_set()[torch.rand(3)], ShapeError, "a mask of 10 values"),
        (lambda: image_set()[torch.ones(9, dtype=torch.bool)], ShapeError, "a mask of 10 values"),
        (lambda: image_set(labels=torch.rand(10)), ShapeError, "labels must be an int64"),
        (lambda: image_set(labels=torch.arange(10)), ShapeError, "holds 9 but only 3 names"),
        (lambda: image_set(names=["one"]), ShapeError, "names has 1 entries"),
        (lambda: image_set(categorical=("x",)), ShapeError, "it may name .'images'. only"),
        (lambda: PairedSet("a", "b", images(2), images(3)), ShapeError, "y has 3 rows but the set has 2"),
        (lambda: PairedSet("a", "b", images(2), images(2)).side("z"), DataError, "'x' and 'y'"),
        (lambda: UnpairedSet(images(2), image_set()), ShapeError, "must be an ImageSet"),
        (lambda: image_set().batches(0), DataError, "batch_size is 0"),
        (lambda: image_set().batches(2.0), DataError, "batch_size is 2.0"),
        (lambda: image_set().batches(11, drop_last=True), DataError, "lower batch_size to 10"),
        (lambda: image_set().batches(4, value_range=(0, 255)), DataError, "choose .-1, 1."),
        (lambda: image_set().batches(4, value_range=None), DataError, "choose .-1, 1."),
        (lambda: image_set().batches(4, skip=4), DataError, "from 0 to 3"),
        (lambda: image_set().batches(4, skip=-1), DataError, "from 0 to 3"),
        (lambda: image_set().batches(4, device="gpu"), DataError, "'cuda'"),
        (lambda: PhotoSet("a", "b", [], [], [], []), DataError, "no photograph"),
        (lambda: PhotoSet("a", "b", [torch.rand(3, 9, 9)], ["a"], [{}], [""]), ShapeError, "uint8"),
        (lambda: PhotoSet("a", "b", [images(1)[0]], ["a"], [], [""]), ShapeError, "metadata has 0 entries"),
        (lambda: photo_set().crops(21), DataError, "from 1 to 20"),
        (lambda: photo_set().crops(8, per_photo=0), DataError, "per_photo is 0"),
        (lambda: photo_set().patches(8, stride=0), DataError, "stride is 0"),
        (lambda: photo_set().patches(99), DataError, "size is 99"),
    ],
)
def test_mistakes_are_told_at_the_call_in_one_sentence(call, error, message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        call()
    assert isinstance(caught.value, CourseError)
    assert "\n" not in str(caught.value)
