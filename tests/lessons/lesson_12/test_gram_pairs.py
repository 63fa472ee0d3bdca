"""The Gram viewer: its numbers are those of gram_matrix, and its maps show where channels fire."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from course_lib.errors import DataError, ShapeError
from course_lib.lessons.lesson_12 import gram_pairs
from course_lib.lessons.lesson_12.gram_pairs import FIRST, FULL, LayerView, gram_viewer, layer_views
from course_lib.losses.perceptual import gram_matrix
from course_lib.models.vgg import VGG16Features
from course_lib.widgets.sheets import written

VIEW = "application/vnd.jupyter.widget-view+json"
LAYER = "relu1_2"


@pytest.fixture(scope="module")
def pictures() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    stripes = torch.ones(3, 32, 40)
    stripes[:, ::4] = -1
    return {"noise": torch.rand(3, 32, 40, generator=generator) * 2 - 1, "stripes": stripes}


@pytest.fixture(scope="module")
def features(pictures: dict[str, Tensor]) -> dict[str, Tensor]:
    vgg = VGG16Features((LAYER,))
    return {title: vgg((picture[None] + 1) / 2)[LAYER] for title, picture in pictures.items()}


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Keep one entry for each pass through VGG: whether it made a graph."""
    seen: list[bool] = []
    forward = VGG16Features.forward

    def note(self: VGG16Features, images: Tensor) -> dict[str, Tensor]:
        seen.append(torch.is_grad_enabled())
        return forward(self, images)

    monkeypatch.setattr(VGG16Features, "forward", note)
    return seen


def test_the_channels_are_the_most_active_over_all_pictures(
    pictures: dict[str, Tensor], features: dict[str, Tensor]
) -> None:
    chosen, _ = layer_views(pictures, LAYER, 6)
    activity = (features["noise"].mean((0, 2, 3)) + features["stripes"].mean((0, 2, 3))) / 2
    assert chosen == activity.topk(6).indices.tolist()
    alone, _ = layer_views({"noise": pictures["noise"]}, LAYER, 6)
    assert alone == features["noise"].mean((0, 2, 3)).topk(6).indices.tolist()
    assert alone != chosen


def test_entries_are_those_of_the_gram_matrix_of_the_whole_layer(
    pictures: dict[str, Tensor], features: dict[str, Tensor]
) -> None:
    chosen, looks = layer_views(pictures, LAYER, 5)
    for title, look in looks.items():
        whole = gram_matrix(features[title])[0]
        for a, first in enumerate(chosen):
            for b, second in enumerate(chosen):
                entry = float(whole[first, second])
                assert float(look.gram[a, b]) == pytest.approx(entry, rel=1e-4)
                size = float(whole[first, first] * whole[second, second]) ** 0.5
                assert float(look.cosine[a, b]) == pytest.approx(entry / size, rel=1e-4)


def test_the_mean_of_both_maps_product_is_the_cosine(pictures: dict[str, Tensor]) -> None:
    _, looks = layer_views(pictures, LAYER, 5)
    for look in looks.values():
        products = torch.einsum("aij,bij->ab", look.maps, look.maps) / look.maps[0].numel()
        assert torch.allclose(products, look.cosine, atol=1e-4)
        assert torch.allclose(look.cosine.diagonal(), torch.ones(5), atol=1e-5)


def test_a_channel_that_never_fires_has_the_cosine_0(monkeypatch: pytest.MonkeyPatch) -> None:
    class Dead:
        def __init__(self, layers: tuple[str, ...]) -> None:
            pass

        def __call__(self, images: Tensor) -> dict[str, Tensor]:
            maps = torch.zeros(1, 3, 4, 4)
            maps[:, 1] = 2.0
            maps[:, 2, 0] = 3.0
            return {LAYER: maps}

    monkeypatch.setattr(gram_pairs, "VGG16Features", Dead)
    chosen, looks = layer_views({"x": torch.zeros(3, 4, 4)}, LAYER, 3)
    assert chosen == [1, 2, 0]
    cosine = torch.tensor([[1, 0.5, 0], [0.5, 1, 0], [0, 0, 0]])  # 2 * 3 / 4 over 2 * 3 / 2
    assert torch.allclose(looks["x"].cosine, cosine)
    assert looks["x"].maps.isfinite().all()
    widget = gram_viewer({"x": torch.zeros(3, 4, 4)}, LAYER, 3)
    assert widget.error is None


def test_each_picture_goes_through_vgg_once_and_without_a_graph(
    pictures: dict[str, Tensor], passes: list[bool]
) -> None:
    widget = gram_viewer(pictures, LAYER, 8)
    for title in ("stripes", "noise", "stripes"):
        widget.controls["picture"].value = title
        widget.controls["pair"].value = (len(title) % 3, 4)
    widget._repr_mimebundle_()
    assert passes == [False, False]


def test_the_entry_that_one_points_at_is_read_out(pictures: dict[str, Tensor]) -> None:
    chosen, looks = layer_views(pictures, LAYER, 8)
    widget = gram_viewer(pictures, LAYER, 8)
    assert widget.controls["pair"].channels == chosen
    before = widget.png
    for title, (a, b) in (("noise", (2, 5)), ("stripes", (5, 2))):
        widget.controls["picture"].value = title
        widget.controls["pair"].value = (a, b)
        assert widget.error is None
        look = looks[title]
        assert widget.alt == (
            f"{title} at {LAYER}: where channel {chosen[a]} fires, where channel {chosen[b]} fires, and where both do; "
            f"the entry of the Gram matrix is {written(float(look.gram[a, b]))}, "
            f"the cosine {float(look.cosine[a, b]):.2f}"
        )
        assert widget.png != before
        before = widget.png


def test_the_matrix_follows_the_picture(pictures: dict[str, Tensor]) -> None:
    _, looks = layer_views(pictures, LAYER, 8)
    widget = gram_viewer(pictures, LAYER, 8)
    pair = widget.controls["pair"]
    lowest = min(float(look.cosine.min()) for look in looks.values())
    for title in ("noise", "stripes"):
        widget.controls["picture"].value = title
        shown, cosine = torch.from_numpy(pair._matrix), looks[title].cosine
        assert 0 <= float(shown.min()) <= float(shown.max()) <= 1 + 1e-6
        white = float((cosine[0, 1] - shown[0, 1]) / (1 - shown[0, 1]))  # shown = (cosine - white) / (1 - white)
        assert lowest - 0.1 <= white <= lowest + 1e-5
        assert torch.allclose(shown, (cosine - white) / (1 - white), atol=1e-4)
        assert f"White is a cosine of {white:.1g}" in pair._hint.value


def test_a_map_has_its_colour_where_the_channel_fires() -> None:
    strength = torch.zeros(4, 6)
    strength[1, 2], strength[3, 5] = 1.0, 0.5
    grey = np.full((8, 12, 3), 100, np.uint8)
    picture = gram_pairs._coloured(LayerView(grey, strength, strength, strength), strength, FIRST).astype(int)
    full = [int(FIRST[k : k + 2], 16) for k in (1, 3, 5)]
    ground = picture[0, 0]
    assert np.ptp(ground) == 0
    assert ground[0] > 180
    assert (picture[2:4, 4:6] == full).all()
    assert np.abs(picture[6:8, 10:12] - (ground + full) / 2).max() <= 1
    assert (picture[:2] == ground).all()
    assert FULL > 1


def test_where_no_kernel_runs_matrix_and_maps_stand_there(pictures: dict[str, Tensor]) -> None:
    widget = gram_viewer(pictures, LAYER, 4)
    data, metadata = widget._repr_mimebundle_()
    assert data[VIEW]["model_id"] == widget.model_id
    assert data["text/plain"] == metadata["alt"] == f"The Gram matrix of {widget.alt}"
    still = Image.open(io.BytesIO(base64.b64decode(data["image/jpeg"])))
    assert still.width == metadata["image/jpeg"]["width"] <= 900
    assert still.height > 300


def test_what_fits_no_viewer(pictures: dict[str, Tensor]) -> None:
    with pytest.raises(ShapeError, match="no picture to look at"):
        gram_viewer({})
    with pytest.raises(ShapeError, match=r"The picture 'a' is \(1, 3, 8, 8\)"):
        gram_viewer({"a": torch.zeros(1, 3, 8, 8)})
    with pytest.raises(DataError, match="no layer 'relu9_9'"):
        gram_viewer(pictures, "relu9_9")
    for channels in (1, 33):
        with pytest.raises(ShapeError, match=f"channels is {channels}: give a number from 2 to 32"):
            gram_viewer(pictures, LAYER, channels)
