"""A distance between pictures by what VGG-16 sees at several layers, each as a share of what there is to see."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from course_lib.arguments import check_alike, check_floats, check_number
from course_lib.errors import DataError, ShapeError
from course_lib.losses.perceptual import to_unit_range
from course_lib.models.vgg import LAYERS, VGG16Features

LEAST = 1e-6
"""What a layer's mean square is taken to be at least, where VGG-16 sees nothing in the target."""


class FeatureLoss(nn.Module):
    """The weighted mean over layers of the squared difference of features, divided by the target's mean square.

    A layer of which the output shares nothing with the target costs 1 or more, and one that agrees costs 0, whatever
    the scale of its features; so layers can be weighed against each other, and a number can be read. It has no
    parameters, and nothing of it goes into a state dict. The target gets no gradient, and its scale neither.

    Args:
        layers: of VGG-16, such as ``("relu2_2", "relu4_3")``; or one.
        weights: one number a layer, above 0; 1 each if not given. They are divided by their sum.
        half: compute VGG-16 in bfloat16; the differences stay in float32.

    Raises:
        DataError: if VGG-16 has no such layer, or one is named twice.
        ShapeError: if there is no layer, or the weights do not fit.

    Source: Johnson et al. 2016, equation 2, over several layers; the division by the target's size is ours.
    """

    def __init__(
        self, layers: str | Sequence[str], weights: Sequence[float] | None = None, *, half: bool = False
    ) -> None:
        super().__init__()
        self.layers = (layers,) if isinstance(layers, str) else tuple(layers)
        if not self.layers:
            raise ShapeError("There is no layer to compare at: give one or more, such as relu2_2.")
        if unknown := sorted(set(self.layers) - set(LAYERS)):
            raise DataError(f"VGG-16 has no layer {unknown[0]!r}: choose some of {', '.join(LAYERS)}.")
        if len(set(self.layers)) < len(self.layers):
            raise DataError(f"The layers are {', '.join(self.layers)}: name each once, and give it a weight.")
        given = [1.0] * len(self.layers) if weights is None else list(weights)
        if len(given) != len(self.layers):
            raise ShapeError(f"There are {len(self.layers)} layers and {len(given)} weights: give one a layer.")
        for weight in given:
            check_number(weight, "A weight", 0, above=True)
        self.weights = tuple(float(weight) / sum(given) for weight in given)
        self.vgg = VGG16Features(sorted(self.layers, key=LAYERS.index))
        if half:
            self.vgg.bfloat16()

    def each(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Return the distance at each layer, not weighted: scalars by the name of the layer.

        Args:
            output: ``(N, 3, H, W)`` in [-1, 1]; the only one that gets a gradient.
            target: the same shape.

        Raises:
            ShapeError: if the shapes or devices differ, or the type or range is another.
        """
        for value, name in ((output, "output"), (target, "target")):
            check_floats(value, name, "(N, 3, H, W)")
        check_alike(output, target, ("output", "target"))
        found = self.vgg(to_unit_range(output))
        with torch.no_grad():
            wanted = self.vgg(to_unit_range(target))
        return {layer: _share(found[layer].float(), wanted[layer].float()) for layer in self.layers}

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the weighted mean of ``each``, a scalar."""
        terms = self.each(output, target)
        return torch.stack(
            [weight * terms[layer] for layer, weight in zip(self.layers, self.weights, strict=True)]
        ).sum()


def _share(found: Tensor, wanted: Tensor) -> Tensor:
    """Return the mean squared difference over the batch as a share of the target's mean square."""
    return (found - wanted).square().mean() / wanted.square().mean().clamp(min=LEAST)
