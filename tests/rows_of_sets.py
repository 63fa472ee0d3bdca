"""A right call of all that draws, or makes a set or a batch; see ``test_arguments.py``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from spoilt import ANY_SHAPE, SPOILT, Row, rand
from spoilt import pictures as P
from torch import Tensor

from course_lib import data, plotting
from course_lib.data import columns as kinds
from course_lib.data import crops, mixtures, pixels, rowsets, super_resolution
from course_lib.plotting import charts, numbers


def figures() -> dict[str, Row]:
    numbers_too = {"*": {"bytes", "whole", "mask", "array", "list"}}
    arrays = {"*": {"bytes", "array"}}

    def drawn(function: Callable[..., Any]) -> Callable[..., Any]:
        """Return what the lines of a figure show, so that a result can be looked at."""

        def call(**given: Any) -> Any:
            return [line.get_ydata() for axes in function(**given).axes for line in axes.lines]

        return call

    def grid(rows: Any) -> Any:
        return np.asarray(plotting.image_grid(rows, tile=16).images[0].get_array())

    return {
        "plotting.charts.curves": Row(
            drawn(lambda y: plotting.curves({"G": y})), {"y": rand(5)}, fine={"*": numbers_too["*"] | {"nan"}}
        ),
        "plotting.charts.bars_with_spread": Row(
            drawn(lambda y: plotting.bars_with_spread({"G": y})),
            {"y": rand(5)},
            fine={"*": {"fewer axes"} | numbers_too["*"]},
        ),
        "plotting.charts.points_with_spread": Row(
            drawn(lambda y: plotting.points_with_spread({"G": y})),
            {"y": rand(5)},
            fine={"*": {"fewer axes"} | numbers_too["*"]},
        ),
        "plotting.charts.mean_and_spread": Row(
            charts.mean_and_spread, {"value": rand(5)}, fine={"*": {"fewer axes", "nan"} | numbers_too["*"]}
        ),
        "plotting.distributions.spectrum_plot": Row(
            drawn(lambda y, frequencies: plotting.spectrum_plot({"G": y}, frequencies)),
            {"y": rand(5) + 1, "frequencies": torch.arange(1.0, 6) / 10},
            fine={"y": {"whole", "mask", "array", "list"}, "frequencies": {"array", "list"}},
        ),
        "plotting.distributions.histogram_plot": Row(
            drawn(lambda share: plotting.histogram_plot({"G": {"a": share}}, shown=("a",))),
            {"share": (rand(5) + 1) / 8},
            fine=numbers_too,
        ),
        "plotting.grids.image_grid": Row(grid, {"rows": rand(3, 3, 5, 5)}, fine=arrays),
        "plotting.numbers.as_numbers": Row(
            lambda value: numbers.as_numbers(value, "It"),
            {"value": rand(5)},
            fine={"*": ANY_SHAPE | {"empty", "nan"} | numbers_too["*"]},
        ),
        "plotting.numbers.as_picture": Row(
            lambda image: numbers.as_picture(image, (-1, 1)),
            {"image": rand(3, 5, 5)},
            fine={"*": {"bytes", "array", "fewer axes"}},
        ),
        "plotting.tables.metric_table": Row(
            lambda value: plotting.metric_table({"G": {"l1": value}}).rows[0][1],
            {"value": rand(5)},
            fine={"*": {"fewer axes", "nan", "text"} | numbers_too["*"]},
        ),
    }


def sets() -> dict[str, Row]:
    bytes_ = torch.zeros(4, 3, 8, 8, dtype=torch.uint8)
    image_set = data.ImageSet(name="four", split="train", images=bytes_)
    batch = data.Batch(torch.arange(4), images=rand(4, 3, 8, 8))
    mixture = mixtures.ring()
    number = torch.arange(2)
    as_bytes = {"*": {"bytes"}}
    rows = {"rows": {"bytes", "whole", "array", "list", "empty", "fewer axes"}}

    def made(kind: type, **others: Any) -> Callable[..., Any]:
        return lambda **given: kind(name="made", split="train", **others, **given)

    def density_of(means: Tensor, weights: Tensor) -> Tensor:
        return mixtures.GaussianMixture("made", means, 0.5, weights).density(rand(2, 2))

    def answer_set(x: Tensor, answers: Tensor) -> Any:
        return data.answers.AnswerSet("train", x, answers, ["a", "b"], ["1", "2", "3"], "")

    return {
        "data.mixtures.PointSet": Row(made(mixtures.PointSet), {"points": rand(4, 2)}, fine={"*": ANY_SHAPE}),
        "data.mixtures.GaussianMixture": Row(density_of, {"means": rand(3, 2), "weights": rand(3) + 1}),
        "data.mixtures.GaussianMixture.log_density": Row(
            mixture.log_density, {"points": rand(4, 2)}, fine={"*": {"elsewhere"}}
        ),
        "data.mixtures.GaussianMixture.density": Row(
            mixture.density, {"points": rand(4, 2)}, fine={"*": {"elsewhere"}}
        ),
        "data.crops.resized": Row(crops.resized, {"image": bytes_[0]}, {"size": (4, 4)}, fine=as_bytes),
        "data.crops.shorter_side_to": Row(crops.shorter_side_to, {"image": bytes_[0]}, {"side": 4}, fine=as_bytes),
        "data.answers.AnswerSet": Row(
            answer_set, {"x": bytes_[:2, :1], "answers": torch.zeros(2, 3, 3, 8, 8, dtype=torch.uint8)}, fine=as_bytes
        ),
        "data.super_resolution.shrink": Row(super_resolution.shrink, {"images": bytes_}, {"factor": 2}, fine=as_bytes),
        "data.batching.Batch": Row(
            lambda index, images: data.Batch(index, images=images).images,
            {"index": torch.arange(4), "images": rand(4, 3, 8, 8)},
            fine={"images": set(SPOILT), "index": set()},  # columns are the user's own, of any kind
        ),
        "data.batching.Batch.__getitem__": Row(
            lambda rows: batch[rows].images, {"rows": number}, fine={"rows": {"whole", "bytes", "empty"}}
        ),
        "data.batching.Batch.with_columns": Row(
            lambda images: batch.with_columns(images=images).images,
            {"images": rand(4, 3, 8, 8)},
            fine={"*": set(SPOILT)},
        ),
        "data.rowsets.as_rows": Row(lambda rows: rowsets.as_rows(rows, 4), {"rows": number}, fine=rows),
        "data.rowsets.Rows.__getitem__": Row(
            lambda rows: image_set[rows].images, {"rows": number}, fine={"rows": rows["rows"] - {"empty"}}
        ),
        "data.rowsets.RowSet": Row(
            lambda values: made(data.RowSet)(columns={"codes": kinds.ClassIds(values)}),
            {"values": torch.ones(4, 3, dtype=torch.int64)},
            fine={"*": {"bytes", "whole", "more axes"}},
        ),
        "data.containers.ImageSet": Row(
            made(data.ImageSet), {"images": bytes_, "labels": torch.arange(4)}, fine={"images": {"bytes"}}
        ),
        "data.containers.PairedSet": Row(made(data.PairedSet), {"x": bytes_, "y": bytes_}, fine=as_bytes),
        "data.pixels.normalise": Row(
            pixels.normalise, {"images": bytes_}, fine={"*": ANY_SHAPE | {"bytes", "empty", "elsewhere"}}
        ),
        "data.pixels.to_bytes": Row(pixels.to_bytes, P("pictures"), fine={"*": ANY_SHAPE | {"empty", "nan"}}),
    }
