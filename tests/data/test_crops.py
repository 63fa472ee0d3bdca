"""Random crops of the photographs: their splits, scales and places, the same for the same seed."""

import re

import pytest
import torch

from course_lib.data.bundled.photos import photos
from course_lib.data.crops import photo_crops, resized, shorter_side_to
from course_lib.data.super_resolution import shrink
from course_lib.errors import DataError, ShapeError


@pytest.fixture(scope="module")
def crops():
    return photo_crops("validation", size=64, count=60)


def read(names):
    """Return title, factor, top and left of each name."""
    found = [re.fullmatch(r"(.+), (\d\.\d\d) times smaller, from (\d+), (\d+)", name).groups() for name in names]
    return [(title, float(factor), int(top), int(left)) for title, factor, top, left in found]


def test_a_set_of_rows_with_the_photograph_as_factor(crops):
    whole = photos("validation")
    assert crops.images.shape == (60, 3, 64, 64)
    assert crops.images.dtype == torch.uint8
    assert crops.split == "validation"
    assert crops.factor_names == {"photo": whole.names}
    assert crops.factors["photo"].tolist() == [row % 8 for row in range(60)]  # in turns
    assert [title for title, *_ in read(crops.names)] == [whole.names[row % 8] for row in range(60)]
    batch = next(crops.batches(4, flip=True))
    assert batch.images.shape == (4, 3, 64, 64)
    assert batch.factors["photo"].shape == (4,)


@pytest.mark.parametrize("split", ["train", "test"])
def test_photographs_of_the_split_and_no_other(split):
    crops = photo_crops(split, size=32, count=60)
    assert crops.factor_names["photo"] == photos(split).names
    held_out = {name for other in ("train", "validation", "test") if other != split for name in photos(other).names}
    assert not held_out & set(crops.factor_names["photo"])
    assert set(crops.factors["photo"].tolist()) == set(range(len(photos(split))))


def test_a_crop_is_the_square_that_its_name_says(crops):
    whole = photos("validation")
    for row, (title, factor, top, left) in enumerate(read(crops.names)):
        photo = whole.images[whole.names.index(title)]
        side = round(64 * factor)
        square = photo[:, top : top + side, left : left + side]
        assert square.shape[1:] == (side, side)  # inside the photograph
        near = resized(square, (64, 64)).int()
        if round(side / 64, 2) == factor:
            assert torch.equal(crops.images[row].int(), near)


def test_shrinking_first_differs_along_the_border_only():
    whole = photos("validation")
    crops = photo_crops("validation", size=96, count=16, shrunk=(2.0, 2.0))
    for row, (title, factor, top, left) in enumerate(read(crops.names)):
        assert factor == 2
        photo = whole.images[whole.names.index(title)]
        top, left = top % 2, left % 2  # on a grid of two pixels the photograph can be shrunk first
        height, width = ((side - off) // 2 * 2 for side, off in zip(photo.shape[1:], (top, left), strict=True))
        small = shrink(photo[None, :, top : top + height, left : left + width], 2)[0]
        down, across = (int(one) // 2 for one in read(crops.names)[row][2:])
        expected = small[:, down : down + 96, across : across + 96].int()
        assert (crops.images[row].int() - expected)[:, 2:-2, 2:-2].abs().max() <= 1


def test_scales_are_spread_and_places_too(crops):
    many = read(photo_crops("validation", size=64, count=200).names)
    factors = torch.tensor([factor for _, factor, *_ in many])
    assert 1.0 <= factors.min() < 1.1
    assert 2.8 < factors.max() <= 3.0
    assert factors.median() == pytest.approx(3**0.5, rel=0.12)  # log-uniform: uniform would give 2
    places = {(top, left) for _, _, top, left in many}
    assert len(places) > 190
    assert min(top for top, _ in places) < 10
    assert max(left for _, left in places) > 400


def test_a_photograph_is_never_made_too_small():
    """384 pixels and crops of 256: the factor ends at 1.5 and the shorter side is then used as a whole."""
    found = read(photo_crops("validation", size=256, count=24, shrunk=(1.0, 9.0)).names)
    assert max(factor for _, factor, *_ in found) <= 1.5
    assert max(factor for _, factor, *_ in found) > 1.3
    whole = photo_crops("validation", size=384, count=8)
    assert all(factor == 1 for _, factor, *_ in read(whole.names))
    assert all(factor == 1 for _, factor, *_ in read(photo_crops("test", size=64, count=12, shrunk=(1, 1)).names))


def test_same_seed_same_crops_and_no_other_random_state(crops):
    torch.manual_seed(5)
    state = torch.get_rng_state()
    again, other = photo_crops("validation", 64, 60), photo_crops("validation", 64, 60, seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(again.images, crops.images)
    assert again.names == crops.names
    assert not torch.equal(other.images, crops.images)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"split": "all"}, "no split 'all'"),
        ({"size": 385}, "size is 385: give a whole number from 1 to 384"),
        ({"size": 0}, "size is 0"),
        ({"count": 0}, "count is 0: give a whole number of at least 1"),
        ({"count": 2.5}, "count is 2.5"),
        ({"shrunk": (0.5, 1.0)}, "the least and the greatest factor"),
        ({"shrunk": (3.0, 2.0)}, "the least and the greatest factor"),
    ],
)
def test_what_cannot_be_is_refused(options, words):
    with pytest.raises(DataError, match=words):
        photo_crops(**{"split": "validation", "size": 32, "count": 4, **options})


# Resizing.


def test_resizing_by_a_whole_factor_is_shrinking():
    image = torch.randint(0, 256, (3, 24, 36), dtype=torch.uint8)
    assert torch.equal(resized(image, (8, 12)), shrink(image[None], 3)[0])
    same = resized(image, (24, 36))
    assert torch.equal(same, image)
    assert same.data_ptr() != image.data_ptr()


def test_resizing_averages_and_does_not_skip():
    stripes = torch.tensor([0, 255], dtype=torch.uint8).repeat(30).expand(1, 60, 60)
    assert (resized(stripes, (23, 23)).int()[..., 2:-2] - 127.5).abs().max() < 40


@pytest.mark.parametrize(
    ("shape", "side", "expected"), [((30, 45), 20, (20, 30)), ((45, 30), 20, (30, 20)), ((30, 31), 60, (60, 62))]
)
def test_the_shorter_side_and_the_proportions(shape, side, expected):
    image = torch.full((3, *shape), 77, dtype=torch.uint8)
    small = shorter_side_to(image, side)
    assert small.shape == (3, *expected)
    assert (small == 77).all()


def test_what_cannot_be_resized():
    with pytest.raises(ShapeError, match=r"takes uint8 \(C, H, W\)"):
        resized(torch.zeros(3, 8, 8), (4, 4))
    with pytest.raises(DataError, match="side is 0"):
        shorter_side_to(torch.zeros(3, 8, 8, dtype=torch.uint8), 0)
