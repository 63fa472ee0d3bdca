"""Perceptual losses: pictures are compared by what a trained classifier sees in them, and not pixel by pixel.

Of the three pictures in these losses only one can change: the *output*. The content target and the style target are
given. So features of the targets are computed without a graph, once where they stay the same, and the gradient goes
from the loss through VGG-16 to the output, and from there to whatever made it: pixels (Gatys) or a network (Johnson).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from course_lib.arguments import check_alike, check_floats, check_network, check_number, check_tensor, check_values
from course_lib.errors import DataError, ShapeError
from course_lib.losses.reconstruction import mean_squared_error
from course_lib.models.norms import check_style, rows_of
from course_lib.models.vgg import LAYERS, VGG16Features, without_autocast

STYLE_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
"""The layers whose Gram matrices are the style in Johnson et al. 2016, section 4.1."""


def gram_matrix(features: Tensor) -> Tensor:
    """Return the Gram matrix of each picture: the sum over positions of f f^T, divided by C H W.

    With ``F = features.flatten(2)``, of shape ``(N, C, H W)``, it is ``F F^T / (C H W)``. Flattening loses nothing; the
    sum over positions is what drops the layout. An entry is an un-centred second moment of two channels and no
    probability: it grows with the square of the features and may be far above 1. It is computed in float32 also under
    autocast, because such squares do not fit into float16.

    Args:
        features: ``(N, C, H, W)``, float.

    Returns:
        ``(N, C, C)``, symmetric and positive semi-definite.

    Raises:
        ShapeError: if the features have another shape or type, or there are none.

    Source: Johnson et al. 2016, equation 3.
    """
    check_tensor(features, "features")
    if features.dim() != 4:
        raise ShapeError(f"gram_matrix takes features (N, C, H, W), not {tuple(features.shape)}: add the batch axis.")
    check_floats(features, "features")
    with without_autocast(features.device.type):
        flat = _wide(features).flatten(2)
        return torch.bmm(flat, flat.transpose(1, 2)) / features[0].numel()


def content_loss(features: Tensor, target: Tensor) -> Tensor:
    """Return the feature reconstruction loss: the squared difference, averaged over C, H, W and the batch.

    Args:
        features: ``(N, C, H, W)``, float, of the output.
        target: the same shape, of the picture whose content is wanted.

    Returns:
        A scalar.

    Raises:
        ShapeError: if the shapes or devices differ, or one of them is no tensor of floats or empty.

    Source: Johnson et al. 2016, equation 2.
    """
    return mean_squared_error(features, target)


def style_loss(gram: Tensor, target_gram: Tensor) -> Tensor:
    """Return the style reconstruction loss: the squared Frobenius norm of the difference, averaged over the batch.

    Args:
        gram: ``(N, C, C)``, of the output.
        target_gram: ``(1, C, C)``, one style for all, or ``(N, C, C)``.

    Returns:
        A scalar: a sum over the C x C entries, and a mean over the pictures.

    Raises:
        ShapeError: if the shapes or devices do not fit, or one of them is no tensor of floats.

    Source: Johnson et al. 2016, equation 4.
    """
    check_floats(gram, "gram")
    check_floats(target_gram, "target_gram")
    check_alike(gram, target_gram, ("gram", "target_gram"), shapes=False)
    if gram.dim() != 3 or target_gram.shape not in (gram.shape, (1, *gram.shape[1:])):
        raise ShapeError(
            f"style_loss compares Gram matrices (N, C, C) with (1, C, C) or (N, C, C), not {tuple(gram.shape)} with "
            f"{tuple(target_gram.shape)}."
        )
    return (gram - target_gram).square().sum((1, 2)).mean()


def total_variation(images: Tensor) -> Tensor:
    """Return the sum of the squared differences of neighbours, downwards and across, divided by N C H W.

    Departures, declared: the differences are squared (beta = 2 in the source), so that the loss is smooth; the sum is
    divided by the number of values, so that its weight does not depend on the size of the picture.

    Args:
        images: ``(N, C, H, W)``, float.

    Returns:
        A scalar.

    Raises:
        ShapeError: if the pictures have another shape or type, or there are none.

    Source: Mahendran and Vedaldi 2015, "Understanding Deep Image Representations by Inverting Them", section 3.
    """
    check_tensor(images, "images")
    if images.dim() != 4:
        raise ShapeError(f"total_variation takes pictures (N, C, H, W), not {tuple(images.shape)}: add the batch axis.")
    check_floats(images, "images")
    down, across = images.diff(dim=2), images.diff(dim=3)
    return (down.square().sum() + across.square().sum()) / images.numel()


@torch.no_grad()
def style_grams(
    vgg: VGG16Features, style_images: Tensor | Sequence[Tensor], layers: Sequence[str] | None = None
) -> dict[str, Tensor]:
    """Return the Gram matrices of style pictures, without graph.

    Each picture is looked at by itself, so that they may differ in size: Gram matrices do not.

    Args:
        vgg: the loss network.
        style_images: ``(3, H, W)`` or ``(S, 3, H, W)`` in [-1, 1], or S pictures ``(3, H, W)``.
        layers: some of the layers of ``vgg``; all if not given.

    Returns:
        ``{layer: (S, C, C)}``.

    Raises:
        ShapeError: if the pictures have another shape, type or range.
        DataError: if ``vgg`` does not give such a layer.
    """
    check_network(vgg, "vgg")
    if unknown := sorted(set(layers or ()) - set(vgg.layers)):
        raise DataError(f"This VGG-16 does not give {unknown[0]!r}: choose some of {', '.join(vgg.layers)}.")
    one = isinstance(style_images, Tensor) and style_images.dim() == 3
    if not isinstance(style_images, (Tensor, list, tuple)):
        check_tensor(style_images, "The style")
    pictures: list[Tensor] = [style_images] if one else list(style_images)  # type: ignore[list-item]
    for picture in pictures:
        check_floats(picture, "A picture of the style")
        check_values(picture, "A picture of the style")
    if not pictures or any(picture.dim() != 3 for picture in pictures):
        raise ShapeError("A style is a picture (3, H, W) in [-1, 1], and several are (S, 3, H, W) or a list of such.")
    seen = [vgg(to_unit_range(picture[None].to(vgg.mean.device))) for picture in pictures]
    return {layer: torch.cat([gram_matrix(one[layer]) for one in seen]) for layer in layers or vgg.layers}


def to_unit_range(images: Tensor) -> Tensor:
    """Map pictures from [-1, 1], where the networks of the course work, to [0, 1], which VGG-16 takes.

    Args:
        images: float pictures of any shape.

    Raises:
        ShapeError: if they are no tensor of floats: bytes would wrap round.
    """
    check_floats(images, "The pictures", empty=True)
    return (images + 1) / 2


def _wide(features: Tensor) -> Tensor:
    """Return features of half precision in float32, in which they are compared."""
    return features.float() if features.dtype in (torch.float16, torch.bfloat16) else features


class PerceptualLoss(nn.Module):
    """Content loss, style loss and total variation, weighted: the loss of fast style transfer and of Gatys' method.

    Without a style it is the content term (and total variation) alone, as for super-resolution. It has no parameters,
    and nothing of it goes into a state dict. The pass for the output stops after the last layer that any term needs,
    and the pass for the content target, which has no graph, after the content layer.

    Args:
        content_layer: where the content is compared.
        style_layers: where the style is compared.
        content_weight: of the content term, at least 0; 0 leaves it out.
        style_weight: of the style term, at least 0; 0 leaves it out, as ``style=None`` does.
        tv_weight: of the total variation, at least 0; 0 leaves it out.
        style: ``(3, H, W)`` or ``(S, 3, H, W)`` in [-1, 1], or a list of pictures ``(3, H, W)`` of any size.
        style_layer_weights: one number a style layer, at least 0; 1 each if not given. With the bundled weights the
            Gram matrices of relu4_3 are a hundred times smaller than the others, and so count little as they are.
        balanced: divide the style loss of each layer by the squared norm of its target, and take the weighted mean
            over the layers instead of the sum. Then layers and paintings count alike, and features that are all 0
            would cost 1.
        half: compute VGG-16 in bfloat16, which some processors do 1.6 times as fast; Gram matrices and losses stay in
            float32. The gradient turns a little (its cosine with the exact one is above 0.99): enough to train by.

    Raises:
        DataError: if VGG-16 has no such layer.
        ShapeError: if there is neither content nor style, the style is no picture of floats in [-1, 1], a weight is
            negative, or the number of weights does not fit.

    Source: Johnson et al. 2016, equation 5; Gatys, Ecker and Bethge 2016, equation 7.
    """

    def __init__(
        self,
        content_layer: str = "relu2_2",
        style_layers: Sequence[str] = STYLE_LAYERS,
        *,
        content_weight: float = 1.0,
        style_weight: float = 1e-4,
        tv_weight: float = 0.0,
        style: Tensor | Sequence[Tensor] | None = None,
        style_layer_weights: Sequence[float] | None = None,
        balanced: bool = False,
        half: bool = False,
    ) -> None:
        super().__init__()
        for what, number in (("content", content_weight), ("style", style_weight), ("tv", tv_weight)):
            check_number(number, f"{what}_weight", 0)
        for number in style_layer_weights or ():
            check_number(number, "A weight of a style layer", 0)
        style_layers = (style_layers,) if isinstance(style_layers, str) else tuple(style_layers)
        if style is None or not style_weight:
            style, style_layers, style_layer_weights = None, (), ()
        if not content_weight and not style_layers:
            raise ShapeError("There is neither content nor style to compare: give one of them and its weight.")
        weights = [1.0] * len(style_layers) if style_layer_weights is None else [float(w) for w in style_layer_weights]
        if len(weights) != len(style_layers):
            raise ShapeError(
                f"There are {len(style_layers)} style layers and {len(weights)} weights: give one a layer."
            )
        self.content_layer = content_layer if content_weight else None
        self.style_layers = style_layers
        self.style_layer_weights = tuple(weights)
        self.content_weight, self.style_weight, self.tv_weight = content_weight, style_weight, tv_weight

        used = {*style_layers, content_layer} if content_weight else set(style_layers)
        if unknown := sorted(used - set(LAYERS)):
            raise DataError(f"VGG-16 has no layer {unknown[0]!r}: choose some of {', '.join(LAYERS)}.")
        self.vgg = VGG16Features(sorted(used, key=LAYERS.index))
        # The content target needs no layer after its own: a second, shorter network, unless it is the same.
        shorter = content_weight != 0 and self.vgg.layers[-1] != content_layer
        self.content_vgg = VGG16Features((content_layer,)) if shorter else self.vgg

        self.styles = 0
        if style is not None:
            for layer, gram in style_grams(self.vgg, style, style_layers).items():
                self.register_buffer(f"gram_{layer}", gram, persistent=False)
                self.styles = len(gram)
        self.balanced = balanced
        if half:
            self.vgg.bfloat16()
            self.content_vgg.bfloat16()

    @property
    def grams(self) -> dict[str, Tensor]:
        """The Gram matrices of the styles, ``{layer: (S, C, C)}``; empty without a style."""
        return {layer: self.get_buffer(f"gram_{layer}") for layer in self.style_layers}

    @torch.no_grad()
    def content_features(self, images: Tensor) -> Tensor:
        """Return what the content of pictures is compared by, without graph; it may be kept for a fixed set.

        Args:
            images: ``(N, 3, H, W)`` in [-1, 1].

        Returns:
            ``(N, C, h, w)``, the features of the content layer.

        Raises:
            ShapeError: if this loss has no content term, or the pictures have another shape or range.
        """
        if self.content_layer is None:
            raise ShapeError("This loss has no content term: give it a content_weight above 0.")
        return _wide(self.content_vgg(to_unit_range(images))[self.content_layer])

    def terms(
        self,
        output: Tensor,
        content: Tensor | None = None,
        content_features: Tensor | None = None,
        style_index: int | Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Return the weighted terms by name, of ``"content"``, ``"style"`` and ``"tv"`` those whose weight is not 0.

        Args:
            output: ``(N, 3, H, W)`` in [-1, 1], the picture that is judged; the only one that gets a gradient.
            content: the same shape, whose content is wanted; or
            content_features: what ``content_features(content)`` returned.
            style_index: the number of a style; or ``(N,)`` int64, one for each picture; or ``(N, S)`` float, weights
                that mix Gram matrices. It may be left out where there is only one style.

        Returns:
            Scalars. Their sum is the loss.

        Raises:
            ShapeError: if the content is missing or given twice, or a shape, type, range, device or style does not fit.
        """
        check_floats(output, "output", "(N, 3, H, W)")
        found = self.vgg(to_unit_range(output))
        terms: dict[str, Tensor] = {}
        if self.content_layer is not None:
            if (content is None) == (content_features is None):
                raise ShapeError("The content term needs either content or content_features: give exactly one of them.")
            if content is not None:
                check_floats(content, "content")
                if content.shape != output.shape:
                    raise ShapeError(
                        f"The content {tuple(content.shape)} and the output {tuple(output.shape)} must have the same "
                        "shape: crop or resize one of them."
                    )
                content_features = self.content_features(content)
            assert content_features is not None
            check_floats(content_features, "content_features")
            loss = content_loss(_wide(found[self.content_layer]), content_features.detach())
            terms["content"] = self.content_weight * loss
        if self.style_layers:
            style = check_style(style_index, self.styles, len(output))
            losses = []
            for layer, weight in zip(self.style_layers, self.style_layer_weights, strict=True):
                gram, target = gram_matrix(found[layer]), rows_of(self.get_buffer(f"gram_{layer}"), style)
                target = target if target.dim() == 3 else target[None]
                if self.balanced:
                    norm = target.square().sum((1, 2), keepdim=True).sqrt().clamp(min=1e-12)
                    gram, target, weight = gram / norm, target / norm, weight / sum(self.style_layer_weights)
                losses.append(weight * style_loss(gram, target))
            terms["style"] = self.style_weight * torch.stack(losses).sum()
        if self.tv_weight:
            terms["tv"] = self.tv_weight * total_variation(output)
        return terms

    def forward(
        self,
        output: Tensor,
        content: Tensor | None = None,
        content_features: Tensor | None = None,
        style_index: int | Tensor | None = None,
    ) -> Tensor:
        """Return the sum of ``terms``, a scalar."""
        return torch.stack(list(self.terms(output, content, content_features, style_index).values())).sum()
