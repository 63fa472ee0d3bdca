"""Two sides without pairs: nothing on both, in a fixed order, from training pictures only; grey pictures by formula."""

import pytest
import torch

from course_lib.data.bundled.emoji import emoji, emoji_index, emoji_pairs
from course_lib.data.bundled.paintings import paintings
from course_lib.data.bundled.photos import photos
from course_lib.data.luma import luma
from course_lib.data.super_resolution import shrink
from course_lib.data.unpaired import (
    emoji_and_grey,
    emoji_at,
    emoji_unpaired,
    grey_pairs,
    paintings_and_photos,
    patches_of,
)
from course_lib.errors import DataError

NEAR = {"3d": 15.0, "flat": 15.0, "outline": 10.0}  # the limits of the splits, see data/emoji/README.md


@pytest.fixture(scope="module")
def both():
    return emoji_unpaired()


@pytest.fixture(scope="module")
def rows_of(both):
    """Return the rows of the index that lie on each side, found by name."""
    by_name = {row["name"]: row for row in emoji_index()}
    return [[by_name[name] for name in side.names] for side in (both.x, both.y)]


def least_distance(a, b):
    """Return the smallest root mean square difference between a picture of ``a`` and one of ``b``, mirrored or not."""
    least = float("inf")
    x = a.flatten(1).float() / 255
    for other in (b, b.flip(-1)):
        y = other.flatten(1).float() / 255
        squared = (x**2).sum(1)[:, None] + (y**2).sum(1)[None] - 2 * (x @ y.T)
        least = min(least, 255 * float(squared.clamp(min=0).min() / x.shape[1]) ** 0.5)
    return least


@pytest.mark.parametrize("column", ["role", "base", "code", "cluster", "name"])
def test_the_sides_share_no_emoji(rows_of, column):
    first, second = ({row[column] for row in side} for side in rows_of)
    assert first
    assert second
    assert not first & second


@pytest.mark.parametrize("style", NEAR)
def test_no_picture_has_a_near_duplicate_on_the_other_side(rows_of, style):
    """In neither style: a flat emoji on the one side and its double in 3D on the other would be a pair."""
    images = emoji("train", style).images
    place = {row["code"]: number for number, row in enumerate(emoji_index("train"))}
    first, second = (images[[place[row["code"]] for row in side]] for side in rows_of)
    assert least_distance(first, second) >= NEAR[style]


def test_all_training_emoji_are_there_and_no_held_out_one(rows_of):
    together = [row["code"] for side in rows_of for row in side]
    assert len(together) == len(set(together))
    assert set(together) == {row["code"] for row in emoji_index("train")}
    assert {row["split"] for side in rows_of for row in side} == {"train"}


def test_the_sides_are_about_equal(both):
    assert abs(len(both.x) - len(both.y)) < 0.05 * len(both.x)
    assert both.x.images.shape[1:] == both.y.images.shape[1:] == (3, 64, 64)


@pytest.mark.parametrize(("x", "y"), [("flat", "3d"), ("noto", "3d"), ("outline", "noto")])
def test_each_side_has_its_style(x, y):
    sides = emoji_unpaired(x, y)
    for side, style in ((sides.x, x), (sides.y, y)):
        truth = emoji("train", style)
        place = {name: row for row, name in enumerate(truth.names)}
        assert torch.equal(side.images, truth.images[[place[name] for name in side.names]])


def test_the_deal_is_fixed_and_the_same_for_all_styles_and_sizes(both):
    torch.manual_seed(5)
    state = torch.get_rng_state()
    again, small, noto = emoji_unpaired(), emoji_unpaired(size=32), emoji_unpaired("noto")
    assert torch.equal(torch.get_rng_state(), state)
    for other in (again, small, noto):
        assert other.x.names == both.x.names
        assert other.y.names == both.y.names
    assert torch.equal(again.x.images, both.x.images)
    assert torch.equal(small.y.images, shrink(both.y.images, 2))
    # dealt out at random, not cut in the middle: each group of Unicode is on both sides
    assert set(both.x.labels.tolist()) == set(both.y.labels.tolist())


def test_both_sides_are_in_the_order_of_the_index(rows_of):
    for side in rows_of:
        places = [int(row["position"]) for row in side]
        assert places == sorted(places)


def test_sizes_of_pairs():
    pairs = emoji_pairs("validation", x="labels", y="3d")
    assert emoji_at(pairs, 64) is pairs
    small = emoji_at(pairs, 32)
    assert small.x.shape[2:] == small.y.shape[2:] == (32, 32)
    assert small.names == pairs.names
    assert torch.equal(small.y, shrink(pairs.y, 2))
    # class ids are picked and never mixed: the mean of classes 2 and 4 is not class 3
    assert torch.equal(small.x, pairs.x[:, :, ::2, ::2])
    assert not torch.equal(small.x, shrink(pairs.x, 2))


@pytest.mark.parametrize("size", [16, 128, 48, "64"])
def test_other_sizes_are_refused(size):
    with pytest.raises(DataError, match="choose 64 or 32"):
        emoji_unpaired(size=size)


def test_an_unknown_style_is_refused():
    with pytest.raises(DataError, match="no style"):
        emoji_unpaired("round")


def test_grey_is_the_luma_of_the_colour():
    pairs = grey_pairs("validation", size=32)
    assert pairs.x.shape == (len(pairs), 1, 32, 32)
    assert pairs.y.shape == (len(pairs), 3, 32, 32)
    red, green, blue = pairs.y.double().unbind(1)
    exact = 0.299 * red + 0.587 * green + 0.114 * blue
    assert (pairs.x[:, 0].double() - exact).abs().max() <= 0.5 + 1e-4  # rounded to bytes and no more
    assert (pairs.x[:, 0].double() - pairs.y.double().mean(1)).abs().max() > 10  # not the mean of the channels


def test_colour_and_grey_share_no_emoji(both):
    sides = emoji_and_grey(size=32)
    assert sides.x.names == both.x.names
    assert sides.y.names == both.y.names
    assert sides.x.images.shape[1:] == sides.y.images.shape[1:] == (3, 32, 32)
    assert torch.equal(sides.x.images, emoji_unpaired(size=32).x.images)
    drawn_flat = emoji_unpaired("3d", "flat", size=32).y
    assert drawn_flat.names == sides.y.names
    assert torch.equal(sides.y.images, luma(drawn_flat.images).expand(-1, 3, -1, -1))
    assert luma(torch.tensor([255, 0, 0], dtype=torch.uint8).view(1, 3, 1, 1)).item() == 76  # 76.245


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_grey_patches_are_of_their_split(split):
    pairs, whole = grey_pairs(split, size=64), photos(split)
    assert pairs.split == split
    assert pairs.factor_names["photo"] == whole.names
    assert set(pairs.factors["photo"].tolist()) == set(range(len(whole)))
    assert torch.equal(pairs.y, patches_of(whole, 64, shrunk=2).images)
    assert len(grey_pairs(split, size=64, stride=32)) > 2 * len(pairs)


def test_patches_show_the_photograph_made_smaller():
    whole = photos("validation")
    patches = patches_of(whole[:1], 32, shrunk=4)
    image = whole.images[0]
    height, width = (side // 4 * 4 for side in image.shape[1:])
    small = shrink(image[None, :, :height, :width], 4)[0]
    assert torch.equal(patches.images[0], small[:, :32, :32])
    assert len(patches) == (small.shape[1] // 32) * (small.shape[2] // 32)
    assert torch.equal(patches_of(whole[:1], 32).images, whole[:1].patches(32).images)
    with pytest.raises(DataError, match="size is 200"):
        patches_of(whole, 200, shrunk=2)


def test_paintings_are_van_gogh_s_and_photographs_are_for_training():
    both = paintings_and_photos(size=64)
    author = {entry["title"]: entry["author"] for entry in paintings().metadata}
    titles = both.x.factor_names["photo"]
    assert len(titles) == 8
    assert all("van Gogh" in author[title] for title in titles)
    assert set(both.x.factors["photo"].tolist()) == set(range(8))
    assert torch.equal(both.y.images, patches_of(photos("train"), 64, shrunk=2).images)
    held_out = {name for split in ("validation", "test") for name in photos(split).names}
    assert not held_out & set(both.y.factor_names["photo"])
    assert both.x.images.shape[1:] == both.y.images.shape[1:] == (3, 64, 64)
    assert len(both.x) > 500
    assert len(both.y) > 500
