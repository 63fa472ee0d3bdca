"""Autoregressive networks over a grid of codes: each position is predicted from those before it, row by row.

A picture of grey values is a grid of codes, too. Codes are whole numbers from 0 to K - 1; what comes out are logits
over them, and the logits at a position must not depend on that position nor on any behind it.

Source: van den Oord et al. 2016, "Pixel Recurrent Neural Networks", section 3.4 (masks); van den Oord et al. 2016,
"Conditional Image Generation with PixelCNN Decoders", section 2 (blind spot, two stacks, gates, condition); Razavi et
al. 2019, "Generating Diverse High-Fidelity Images with VQ-VAE-2", section 3.2 (condition on an upper level, attention).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.arguments import check_choice, check_count, check_input, check_number, check_tensor
from course_lib.errors import ShapeError
from course_lib.models.vqvae import ResidualStack

KINDS = ("A", "B")
FIRST_KERNEL = 7


class MaskedConv2d(nn.Conv2d):
    """A convolution that sees only positions before its own in reading order; of kind "B" its own, too.

    Args:
        in_channels: of the input.
        out_channels: of the output.
        kernel_size: an odd number; size is kept.
        kind: "A" for a first layer, whose input is the picture itself, or "B" for all others.

    Raises:
        ShapeError: if a number or the kind is another.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int = 3, kind: str = "B") -> None:
        check_count(in_channels, "in_channels")
        check_count(out_channels, "out_channels")
        _check_kernel(kernel_size, "kernel_size")
        check_choice(kind, "kind", KINDS)
        super().__init__(in_channels, out_channels, kernel_size, padding=kernel_size // 2)
        middle = kernel_size // 2
        mask = torch.ones(kernel_size, kernel_size)
        mask[middle, middle + (kind == "B") :] = 0  # behind, in the same row
        mask[middle + 1 :] = 0  # all rows below
        self.mask: Tensor
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve maps ``(N, in_channels, H, W)``; the output has the same size.

        Raises:
            ShapeError: if x has another shape or type, or lies on another device.
        """
        check_tensor(x, "x", "(N, C, H, W)")
        check_input(self, x)
        return F.conv2d(x, self.weight * self.mask, self.bias, padding=self.padding)


class PlainPixelCNN(nn.Module):
    """A chain of masked convolutions. It never sees some of what lies above and to the right: the blind spot.

    Args:
        codes: K, how many values a position may have.
        channels: of the maps inside.
        layers: masked convolutions of kind "B" after the first one of kind "A".
        kernel_size: of the layers after the first, which has 7.

    Raises:
        ShapeError: if a number is another.
    """

    def __init__(self, codes: int, channels: int = 32, layers: int = 4, kernel_size: int = 3) -> None:
        for name, value in (("codes", codes), ("channels", channels), ("layers", layers)):
            check_count(value, name)
        super().__init__()
        self.codes = codes
        self.embed = nn.Embedding(codes, channels)
        parts: list[nn.Module] = [MaskedConv2d(channels, channels, FIRST_KERNEL, "A")]
        for _ in range(layers):
            parts += [nn.ReLU(), MaskedConv2d(channels, channels, kernel_size)]
        self.body = nn.Sequential(*parts, nn.ReLU(), nn.Conv2d(channels, codes, 1))

    def forward(self, codes: Tensor) -> Tensor:
        """Map codes ``(N, H, W)`` (int64, 0 to K - 1) to logits, ``(N, K, H, W)``.

        Raises:
            ShapeError: if the codes have another shape, type or range, or lie on another device.
        """
        check_codes(self.embed, codes)
        return self.body(self.embed(codes).permute(0, 3, 1, 2))


class GatedBlock(nn.Module):
    """One layer of the two stacks, with the gate tanh(a) * sigmoid(b).

    The vertical stack sees the rows above and its own whole row; what it hands to the horizontal stack is moved down by
    one row first, so that nothing of the own row leaks. The horizontal stack sees what lies to the left.

    Args:
        channels: of both stacks.
        kernel_size: an odd number.
        first: the first layer: the horizontal stack does not see its own position, and has no skip.
        classes: how many labels there are; 0 for none.
        context: channels of a map that conditions each position; 0 for none.

    Raises:
        ShapeError: if a number is another.
    """

    def __init__(
        self, channels: int, kernel_size: int = 3, *, first: bool = False, classes: int = 0, context: int = 0
    ) -> None:
        check_count(channels, "channels")
        _check_kernel(kernel_size, "kernel_size")
        check_count(classes, "classes", 0)
        check_count(context, "context", 0)
        super().__init__()
        self.first, self.reach = first, kernel_size // 2
        self.vertical = nn.Conv2d(channels, 2 * channels, (self.reach + 1, kernel_size))
        self.horizontal = nn.Conv2d(channels, 2 * channels, (1, self.reach + (not first)))
        self.down = nn.Conv2d(2 * channels, 2 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)
        self.label = nn.Embedding(classes, 4 * channels) if classes else None
        self.context = nn.Conv2d(context, 4 * channels, 1) if context else None

    def forward(
        self, v: Tensor, h: Tensor, labels: Tensor | None = None, context: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the next maps of both stacks.

        Args:
            v: of the vertical stack, ``(N, channels, H, W)``.
            h: of the horizontal stack, the same shape.
            labels: ``(N,)`` int64, if the block has classes.
            context: ``(N, context, H, W)``, if the block has one.

        Raises:
            ShapeError: if a shape or type is another, or something lies on another device.
        """
        check_input(self.down, torch.cat([v, v], dim=1) if isinstance(v, Tensor) and v.dim() == 4 else v, "v")
        if not isinstance(h, Tensor) or h.shape != v.shape or h.dtype != v.dtype or h.device != v.device:
            raise ShapeError("h must be like v: maps of the same shape, type and device.")
        r = self.reach
        above = self.vertical(F.pad(v, (r, r, r, 0)))
        left = self.horizontal(F.pad(h, (r, 0, 0, 0)))[..., : h.shape[-1]]
        left = left + self.down(F.pad(above, (0, 0, 1, 0))[..., :-1, :])  # one row down: the own row stays unseen
        if self.label is not None and labels is not None:
            of_v, of_h = self.label(labels)[:, :, None, None].chunk(2, dim=1)
            above, left = above + of_v, left + of_h
        if self.context is not None and context is not None:
            of_v, of_h = self.context(context).chunk(2, dim=1)
            above, left = above + of_v, left + of_h
        found = self.out(_gate(left))
        return _gate(above), found if self.first else h + found


class CausalAttention(nn.Module):
    """Each position asks those before it, and itself, wherever they lie; several heads, and a skip.

    Its input must already be blind to its own position, as the horizontal stack is after the first layer.

    Args:
        channels: of the maps, a multiple of ``heads``.
        positions: H times W, of the grid that it is for.
        heads: that ask side by side.

    Raises:
        ShapeError: if a number is another.
    """

    def __init__(self, channels: int, positions: int, heads: int = 4) -> None:
        for name, value in (("channels", channels), ("positions", positions), ("heads", heads)):
            check_count(value, name)
        if channels % heads:
            raise ShapeError(f"channels is {channels} and heads is {heads}: give a number of heads that divides it.")
        super().__init__()
        self.heads = heads
        self.place = nn.Parameter(0.02 * torch.randn(positions, channels))
        self.norm = nn.LayerNorm(channels)
        self.ask = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)
        nn.init.zeros_(self.out.weight)  # at first a layer that changes nothing
        nn.init.zeros_(self.out.bias)

    def forward(self, h: Tensor) -> Tensor:
        """Return maps ``(N, channels, H, W)`` with what each position found before it.

        Raises:
            ShapeError: if h has another shape or type, or lies on another device.
        """
        check_tensor(h, "h", "(N, C, H, W)")
        check_input(self, h, "h")
        rows, channels, height, width = h.shape
        if height * width != len(self.place) or channels != self.place.shape[1]:
            raise ShapeError(
                f"h has {channels} channels and {height} x {width} places: "
                f"this attention is for {self.place.shape[1]} and {len(self.place)}."
            )
        line = h.flatten(2).mT  # (N, H W, C), in reading order
        q, k, v = self.ask(self.norm(line) + self.place).view(rows, height * width, 3, self.heads, -1).unbind(2)
        q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)  # (N, heads, H W, C / heads)
        found = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return h + self.out(found.transpose(1, 2).flatten(2)).mT.view_as(h)


class GatedPixelCNN(nn.Module):
    """The gated PixelCNN: a vertical and a horizontal stack, without a blind spot; conditioned where asked.

    Args:
        codes: K, how many values a position may have.
        channels: of both stacks.
        blocks: layers; the first has a kernel of 7.
        kernel_size: of the others.
        classes: how many labels there are; 0 for none.
        context: channels of a map of the same size that conditions each position; 0 for none.
        side: of the grid, where attention is asked for; it holds for that size alone.
        attention_every: after how many blocks a causal attention stands; 0 for none.
        heads: of each attention.
        dropout: after each block, in the horizontal stack.

    Raises:
        ShapeError: if a number cannot be.
    """

    def __init__(
        self,
        codes: int,
        channels: int = 64,
        blocks: int = 8,
        kernel_size: int = 3,
        *,
        classes: int = 0,
        context: int = 0,
        side: int | None = None,
        attention_every: int = 0,
        heads: int = 4,
        dropout: float = 0.0,
    ) -> None:
        for name, value in (("codes", codes), ("channels", channels), ("blocks", blocks)):
            check_count(value, name)
        check_count(attention_every, "attention_every", 0)
        check_number(dropout, "dropout", 0, 1)
        if attention_every:
            if side is None:
                raise ShapeError("Attention needs the side of the grid: give side as well as attention_every.")
            check_count(side, "side")
        super().__init__()
        self.codes, self.classes, self.context_channels = codes, classes, context
        self.embed = nn.Embedding(codes, channels)
        options = {"classes": classes, "context": context}
        self.blocks = nn.ModuleList(
            GatedBlock(channels, FIRST_KERNEL if not number else kernel_size, first=not number, **options)
            for number in range(blocks)
        )
        places = [number for number in range(blocks) if attention_every and (number + 1) % attention_every == 0]
        self.attention = nn.ModuleDict(
            {str(number): CausalAttention(channels, (side or 0) ** 2, heads) for number in places}
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Sequential(nn.ReLU(), nn.Conv2d(channels, channels, 1), nn.ReLU(), nn.Conv2d(channels, codes, 1))

    def forward(self, codes: Tensor, labels: Tensor | None = None, context: Tensor | None = None) -> Tensor:
        """Map codes to the logits of each position given those before it, ``(N, K, H, W)``.

        Args:
            codes: ``(N, H, W)`` int64, 0 to K - 1.
            labels: ``(N,)`` int64, 0 to classes - 1, where there are classes.
            context: ``(N, context, H, W)`` floats, where there is one.

        Raises:
            ShapeError: if a shape, type or range is another, a condition is missing or too much, or something lies on
                another device.
        """
        check_codes(self.embed, codes)
        self._check_condition(codes, labels, context)
        v = h = self.embed(codes).permute(0, 3, 1, 2)
        for number, block in enumerate(self.blocks):
            v, h = block(v, h, labels, context)
            if str(number) in self.attention:
                h = self.attention[str(number)](h)
            h = self.dropout(h)
        return self.head(h)

    def _check_condition(self, codes: Tensor, labels: Tensor | None, context: Tensor | None) -> None:
        for name, given, wanted in (("labels", labels, self.classes), ("context", context, self.context_channels)):
            if (given is None) == bool(wanted):
                said = "needs" if wanted else "takes no"
                raise ShapeError(f"This PixelCNN {said} {name}: {'give them' if wanted else 'leave them out'}.")
        if labels is not None:
            check_tensor(labels, "labels", "(N,)")
            if labels.dtype != torch.int64 or labels.shape != codes.shape[:1] or labels.device != codes.device:
                raise ShapeError(f"labels must be int64, one for each of the {len(codes)} rows, on their device.")
            seen = labels.numel() and labels.device.type != "meta"
            if seen and not 0 <= int(labels.min()) <= int(labels.max()) < self.classes:
                raise ShapeError(f"labels must lie between 0 and {self.classes - 1}.")
        if context is not None:
            check_input(self.blocks[0].context, context, "context")  # type: ignore[arg-type]
            if context.shape[:1] + context.shape[2:] != codes.shape:
                raise ShapeError(f"context must have the rows and the size of the codes, {tuple(codes.shape)}.")


class UpperLevel(nn.Module):
    """What a lower grid sees of the grid above it: a map of twice its size, from codes that look in all directions.

    Args:
        codes: K.
        channels: of the map.
        blocks: residual blocks before it is enlarged.

    Raises:
        ShapeError: if a number is below 1.
    """

    def __init__(self, codes: int, channels: int, blocks: int = 2) -> None:
        for name, value in (("codes", codes), ("channels", channels), ("blocks", blocks)):
            check_count(value, name)
        super().__init__()
        self.embed = nn.Embedding(codes, channels)
        self.body = nn.Sequential(
            ResidualStack(channels, channels, blocks), nn.ConvTranspose2d(channels, channels, 4, 2, 1), nn.ReLU()
        )

    def forward(self, codes: Tensor) -> Tensor:
        """Map codes ``(N, H, W)`` (int64, 0 to K - 1) to ``(N, channels, 2 H, 2 W)``.

        Raises:
            ShapeError: if the codes have another shape, type or range, or lie on another device.
        """
        check_codes(self.embed, codes)
        return self.body(self.embed(codes).permute(0, 3, 1, 2))


def check_codes(embed: nn.Embedding, codes: Tensor) -> None:
    """Raise unless codes fit an embedding.

    Args:
        embed: of K codes.
        codes: ``(N, H, W)`` int64, 0 to K - 1, on its device.

    Raises:
        ShapeError: if the shape, type, range or device is another.
    """
    check_tensor(codes, "codes", "(N, H, W)")
    if codes.dtype != torch.int64:
        raise ShapeError(f"codes are {codes.dtype}: give int64, as codes.long() does.")
    if codes.device != embed.weight.device:
        raise ShapeError(f"codes lie on {codes.device} and the network on {embed.weight.device}: move one of the two.")
    known = embed.num_embeddings
    if codes.numel() and codes.device.type != "meta" and not 0 <= int(codes.min()) <= int(codes.max()) < known:
        raise ShapeError(
            f"codes lie between {int(codes.min())} and {int(codes.max())}: this network knows 0 to {known - 1}."
        )


def _gate(both: Tensor) -> Tensor:
    a, b = both.chunk(2, dim=1)
    return torch.tanh(a) * torch.sigmoid(b)


def _check_kernel(size: int, name: str) -> None:
    check_count(size, name)
    if size % 2 == 0 or size < 3:
        raise ShapeError(f"{name} is {size}: give an odd number from 3 up, so that there is a middle.")
