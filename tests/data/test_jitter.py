"""Random crops: places, pairs cut alike, sides cut apart, all chance drawn at the start, and a resumed run."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.data.containers import ImageSet, PairedSet, UnpairedSet
from course_lib.data.jitter import Jittered
from course_lib.errors import DataError, ShapeError
from course_lib.systems.cyclegan import CycleGAN, CycleGANConfig
from course_lib.systems.pix2pix import Pix2Pix, Pix2PixConfig
from course_lib.training import fit
from course_lib.training.checkpoints import CheckpointFolder


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def placed(rows, side=10, width=None):
    """Pictures whose pixels tell their place: channel 0 the row, 1 the column, 2 the number of the picture."""
    width = width or side
    down = torch.arange(side, dtype=torch.uint8).view(1, 1, side, 1).expand(rows, 1, side, width)
    across = torch.arange(width, dtype=torch.uint8).view(1, 1, 1, width).expand(rows, 1, side, width)
    number = torch.arange(rows, dtype=torch.uint8).view(rows, 1, 1, 1).expand(rows, 1, side, width)
    return torch.cat([down, across, number], dim=1)


def pairs(rows=9, side=10, **fields):
    return PairedSet("pairs", "train", placed(rows, side), placed(rows, side), **fields)


def unpaired(rows=9, side=10):
    first, second = ImageSet("a", "train", placed(rows, side)), ImageSet("b", "train", placed(max(1, rows // 2), side))
    return UnpairedSet(first, second)


SETS = {"pairs": pairs, "unpaired": unpaired}
each_set = pytest.mark.parametrize("kind", SETS)


def as_bytes(images):
    return ((images + 1) * 127.5).round().long()


def same(one, other):
    return all(torch.equal(getattr(one, key), getattr(other, key)) for key in ("index", "x", "y"))


@each_set
@pytest.mark.parametrize("flip", [False, True])
def test_a_crop_is_a_window_of_its_picture(kind, flip):
    dataset = Jittered(SETS[kind](), 7)
    for batch in dataset.batches(4, generator=seeded(), flip=flip):
        assert batch.x.shape == batch.y.shape == (len(batch), 3, 7, 7)
        assert as_bytes(batch.x)[:, 2, 0, 0].tolist() == batch.index.tolist()
        for image in (*as_bytes(batch.x), *as_bytes(batch.y)):
            down, across, number = image
            top, left = int(down[0, 0]), int(across.min())
            window = torch.arange(left, left + 7).expand(7, 7)
            assert 0 <= top <= 3
            assert 0 <= left <= 3
            assert torch.equal(down, torch.arange(top, top + 7)[:, None].expand(7, 7))
            assert torch.equal(across, window) or (flip and torch.equal(across, window.flip(-1)))
            assert len(number.unique()) == 1


def tops_and_lefts(images):
    return as_bytes(images)[:, :2, 0, 0]


def test_all_places_are_equally_likely():
    """16 places and 8000 crops: each within five standard deviations of 500, edges and corners too."""
    batch = next(Jittered(pairs(8000 // 40), 7).batches(200, generator=seeded()))
    found = [tops_and_lefts(batch.x)]
    for seed in range(1, 40):
        found.append(tops_and_lefts(next(Jittered(pairs(200), 7).batches(200, generator=seeded(seed))).x))
    places = torch.cat(found)
    counts = torch.bincount(places[:, 0] * 4 + places[:, 1], minlength=16)
    assert counts.sum() == 8000
    assert len(counts) == 16
    assert (counts - 500).abs().max() < 5 * (8000 * 15 / 256) ** 0.5


def test_pairs_are_cropped_alike_and_unpaired_sides_are_not():
    """Mirrored or not, a pair stays a pair; the places of unpaired sides are independent."""
    batch = next(Jittered(pairs(200), 7).batches(200, generator=seeded(), flip=True))
    assert torch.equal(batch.x, batch.y)
    both = UnpairedSet(*(ImageSet(name, "train", placed(200)) for name in "ab"))
    batch = next(Jittered(both, 7).batches(200, generator=seeded()))
    x, y = tops_and_lefts(batch.x), tops_and_lefts(batch.y)
    for axis in (0, 1):
        equal = (x[:, axis] == y[:, axis]).float().mean().item()
        assert 0.1 < equal < 0.4  # by chance one in four
    assert abs(torch.corrcoef(torch.stack([x[:, 0], x[:, 1]]).float())[0, 1].item()) < 0.25


def test_a_picture_that_is_not_square_is_cropped_all_over():
    wide = PairedSet("wide", "train", placed(60, 8, 12), placed(60, 8, 12))
    corners = torch.cat([tops_and_lefts(b.x) for b in Jittered(wide, 7).batches(60, generator=seeded(1))])
    assert set(corners[:, 0].tolist()) == {0, 1}
    assert set(corners[:, 1].tolist()) == set(range(6))


@each_set
def test_a_crop_of_the_whole_changes_nothing(kind):
    dataset = SETS[kind]()
    plain = list(dataset.batches(4, generator=seeded(), flip=True))
    cropped = list(Jittered(dataset, 10).batches(4, generator=seeded(), flip=True))
    assert all(same(one, other) for one, other in zip(plain, cropped, strict=True))


@settings(max_examples=40, deadline=None)
@given(
    kind=st.sampled_from(sorted(SETS)),
    rows=st.integers(1, 12),
    batch_size=st.integers(1, 5),
    skip=st.integers(0, 12),
    flip=st.booleans(),
    shuffle=st.booleans(),
)
def test_skip_gives_the_tail_of_the_same_epoch(kind, rows, batch_size, skip, flip, shuffle):
    dataset, generator = Jittered(SETS[kind](rows), 6), seeded(rows)
    options = {"generator": generator, "flip": flip, "shuffle": shuffle}
    state = generator.get_state()
    whole = list(dataset.batches(batch_size, **options))
    after = generator.get_state()
    assert len(whole) == dataset.num_batches(batch_size)
    skip = min(skip, len(whole))
    generator.set_state(state)
    tail = list(dataset.batches(batch_size, skip=skip, **options))
    assert len(tail) == len(whole) - skip
    assert all(same(one, other) for one, other in zip(whole[skip:], tail, strict=True))
    assert torch.equal(generator.get_state(), after)


@each_set
def test_all_chance_is_drawn_by_the_call_and_every_epoch_crops_anew(kind):
    dataset, generator = Jittered(SETS[kind](), 6), seeded()
    epoch = dataset.batches(2, generator=generator, flip=True)
    state = generator.get_state()
    torch.manual_seed(1)
    before = torch.get_rng_state()
    list(epoch)
    assert torch.equal(generator.get_state(), state)
    assert torch.equal(torch.get_rng_state(), before)
    first, second = (next(dataset.batches(9, generator=generator, shuffle=False)) for _ in range(2))
    assert torch.equal(first.index, second.index)
    assert not torch.equal(first.x, second.x)
    torch.manual_seed(5)
    one = next(dataset.batches(9))
    torch.manual_seed(5)
    assert same(one, next(dataset.batches(9)))  # without a generator torch's own is used


def test_class_ids_labels_and_factors_stay_what_they_are():
    tone = torch.arange(9) % 3
    dataset = pairs(categorical=("x",), labels=tone, factors={"tone": tone})
    batch = next(Jittered(dataset, 7).batches(9, generator=seeded()))
    assert batch.x.dtype == torch.int64
    assert torch.equal(batch.x, as_bytes(batch.y))
    assert torch.equal(batch.labels, tone[batch.index])
    assert torch.equal(batch.factors["tone"], tone[batch.index])


def test_a_batch_shares_no_memory_with_the_set():
    dataset = pairs()
    before = dataset.x.clone()
    for batch in Jittered(dataset, 10).batches(4, shuffle=False):
        batch.x.zero_()
    assert torch.equal(dataset.x, before)


def test_it_says_what_it_is():
    one, other = Jittered(pairs(), 7), Jittered(unpaired(), 6)
    assert (len(one), one.num_batches(4), one.num_batches(4, drop_last=True)) == (9, 3, 2)
    assert (one.name, one.split) == ("pairs, random crops of 7", "train")
    assert other.name == "a and b, random crops of 6"
    assert repr(one) == "Jittered(PairedSet('pairs' (train); 9 rows; x 3x10x10; y 3x10x10), crop=7)"
    assert next(one.batches(4, value_range=(0, 1))).x.min() >= 0
    assert next(one.batches(4, device="meta")).x.shape == (4, 3, 7, 7)
    assert len(list(one.batches(4, drop_last=True))) == 2


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: Jittered(pairs(), 11), DataError, "crop is 11: give a whole number from 1 to 10"),
        (lambda: Jittered(unpaired(), 0), DataError, "from 1 to 10"),
        (lambda: Jittered(pairs(), 7.0), DataError, "crop is 7.0"),
        (lambda: Jittered(pairs().side("x"), 7), ShapeError, "not ImageSet"),
        (lambda: Jittered(PairedSet("p", "train", placed(3), placed(3, 8)), 7), ShapeError, "bring both to one size"),
        (lambda: Jittered(pairs(), 7).batches(0), DataError, "batch_size is 0"),
        (lambda: Jittered(pairs(), 7).batches(4, skip=4), DataError, "from 0 to 3"),
    ],
)
def test_mistakes_are_told_at_the_call(call, error, words):
    with pytest.raises(error, match=words):
        call()


def leaves(tree, path=""):
    """Return what a checkpoint holds as bytes or plain values by path; times are passed over."""
    if isinstance(tree, dict):
        return {key: leaf for name in tree for key, leaf in leaves(tree[name], f"{path}/{name}").items()}
    if isinstance(tree, (list, tuple)):
        return {key: leaf for i, part in enumerate(tree) for key, leaf in leaves(part, f"{path}/{i}").items()}
    if path.endswith("/seconds"):
        return {}
    return {path: tree.numpy().tobytes() if isinstance(tree, torch.Tensor) else tree}


def system_for(kind):
    if kind == "pairs":
        return Pix2Pix(Pix2PixConfig(base_channels=4, d_channels=4, levels=3, patch_layers=1))
    return CycleGAN(CycleGANConfig(base_channels=4, blocks=1, downs=1, d_channels=4, patch_layers=1, pool=3))


@each_set
@pytest.mark.parametrize("stop_at", [2, 4, 5])
def test_a_resumed_run_has_the_same_bits(tmp_path, kind, stop_at):
    """An epoch has four batches: stopped inside one, at its end, and inside the next."""

    def train(folder, stop_at=None):
        def stop(system, step):
            if step == stop_at:
                raise KeyboardInterrupt

        torch.manual_seed(5 if stop_at or not folder.exists() else 99)  # weights that the checkpoint must replace
        settings = {"steps": 7, "batch_size": 2, "seed": 3, "progress": False, "device": "cpu"}
        fit(system_for(kind), Jittered(SETS[kind](9, 11), 8), checkpoint=folder, on_step=stop, **settings)

    train(tmp_path / "whole")
    train(tmp_path / "parts", stop_at)
    train(tmp_path / "parts")
    ends = [leaves(CheckpointFolder(tmp_path / name).load()) for name in ("whole", "parts")]
    assert ends[0].keys() == ends[1].keys()
    assert [path for path in ends[0] if ends[0][path] != ends[1][path]] == []
