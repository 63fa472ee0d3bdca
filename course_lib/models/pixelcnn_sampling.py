"""Draw codes from a gated PixelCNN, one position after the other: plainly, and keeping what does not change.

Source: van den Oord et al. 2016, "Pixel Recurrent Neural Networks", section 3; the cache: Ramachandran et al. 2017,
"Fast Generation for Convolutional Autoregressive Models", section 2.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.arguments import check_finite, check_floats, check_number, check_tensor
from course_lib.errors import ShapeError
from course_lib.models.pixelcnn import CausalAttention, GatedBlock, GatedPixelCNN

UNKNOWN = -1
"""In codes that are begun: what is still to be drawn."""

At = Callable[[int, int], Tensor]


@torch.no_grad()
def draw_codes(
    network: GatedPixelCNN,
    u: Tensor,
    labels: Tensor | None = None,
    context: Tensor | None = None,
    *,
    temperature: float = 1.0,
    begun: Tensor | None = None,
    cached: bool = True,
) -> Tensor:
    """Return codes ``(N, H, W)`` int64, drawn in reading order by the network's own probabilities.

    A position becomes the first code at which the summed probability passes its number in ``u``: the same numbers
    give the same codes. With the cache a position costs one column of each layer; without it, a whole pass.

    Args:
        network: in eval mode.
        u: ``(N, H, W)``, uniform in [0, 1); its shape is that of the codes.
        labels: ``(N,)`` int64, where the network has classes.
        context: ``(N, context, H, W)``, where it has one.
        temperature: what logits are divided by; below 1 the likely gets likelier, and 0 takes the likeliest.
        begun: ``(N, H, W)`` int64, codes that are known already, and -1 where one is to be drawn. A position sees only
            what lies before it, so that known codes further on are kept and have no influence on it.
        cached: whether to keep the columns of all layers.

    Raises:
        ShapeError: if the network is in training mode, or an argument has another shape, type, range or device.
    """
    if network.training:
        raise ShapeError("The network is in training mode, where dropout works: call network.eval() first.")
    check_floats(u, "u", "(N, H, W)")
    device = network.embed.weight.device
    if u.device != device:
        raise ShapeError(f"u lies on {u.device} and the network on {device}: move one of the two.")
    if u.dim() != 3 or not 0 <= float(u.min()) <= float(u.max()) < 1:
        raise ShapeError("u must be floats from 0 to below 1, as torch.rand gives them.")
    check_number(temperature, "temperature", 0)
    codes = _begin(network, u, begun)
    network._check_condition(codes.clamp(min=0), labels, context)
    if context is not None:
        check_finite(context, "context")
    at = _Columns(network, codes, labels, context).logits if cached else _whole_passes(network, codes, labels, context)
    unknown = (codes == UNKNOWN).any(0)
    for row in range(codes.shape[1]):
        for column in range(codes.shape[2]):
            if not cached and not unknown[row, column]:
                continue
            logits = at(row, column)
            drawn = _draw(logits, u[:, row, column], temperature)
            here = codes[:, row, column]
            codes[:, row, column] = torch.where(here == UNKNOWN, drawn, here)
    return codes


def _begin(network: GatedPixelCNN, u: Tensor, begun: Tensor | None) -> Tensor:
    if begun is None:
        return torch.full(u.shape, UNKNOWN, dtype=torch.int64, device=u.device)
    check_tensor(begun, "begun", "(N, H, W)")
    if begun.dtype != torch.int64 or begun.shape != u.shape or begun.device != u.device:
        raise ShapeError(f"begun must be int64 in the shape of u, {tuple(u.shape)}, on its device.")
    if begun.numel() and not UNKNOWN <= int(begun.min()) <= int(begun.max()) < network.codes:
        raise ShapeError(f"begun must hold -1 where a code is to be drawn, and else 0 to {network.codes - 1}.")
    return begun.clone()


def _draw(logits: Tensor, u: Tensor, temperature: float) -> Tensor:
    if temperature == 0:
        return logits.argmax(1)
    below = (logits.double() / temperature).softmax(1).cumsum(1)
    return (below <= u[:, None].double() * below[:, -1:]).sum(1).clamp(max=logits.shape[1] - 1)


def _whole_passes(network: GatedPixelCNN, codes: Tensor, labels: Tensor | None, context: Tensor | None) -> At:
    def logits(row: int, column: int) -> Tensor:
        return network(codes.clamp(min=0), labels, context)[:, :, row, column]

    return logits


class _Columns:
    """The maps of a network as far as they are known: rows of the vertical stack, columns of the horizontal one."""

    def __init__(self, network: GatedPixelCNN, codes: Tensor, labels: Tensor | None, context: Tensor | None) -> None:
        self.network, self.codes = network, codes
        self.layers = [_Layer(block, codes.shape, labels, context) for block in network.blocks]  # type: ignore[arg-type]
        self.attention = {int(name): _Asked(one, len(codes)) for name, one in network.attention.items()}  # type: ignore[arg-type]
        self.row = 0

    def logits(self, row: int, column: int) -> Tensor:
        """Return the logits of a position, ``(N, K)``; all positions are asked for in reading order."""
        if row > self.row:
            self._finish_row(self.row)
            self.row = row
        h = None
        if column:  # what has been drawn last is seen now
            self.layers[0].know(column - 1, self.network.embed(self.codes[:, row, column - 1]))
        for number, layer in enumerate(self.layers):
            if number:
                assert h is not None
                layer.know(column, h)
            h = layer.column(row, column, h)
            if number in self.attention:
                h = self.attention[number].add(h)
        assert h is not None
        return self.network.head(h[:, :, None, None])[:, :, 0, 0]

    def _finish_row(self, row: int) -> None:
        v = self.network.embed(self.codes[:, row]).mT  # (N, C, W)
        for layer in self.layers:
            v = layer.finish(row, v)


class _Layer:
    def __init__(self, block: GatedBlock, shape: torch.Size, labels: Tensor | None, context: Tensor | None) -> None:
        n, _, width = shape
        channels, r = block.out.in_channels, block.reach
        weight = block.horizontal.weight
        self.block, self.width = block, width
        self.taps = weight.shape[-1]
        self.of_left = weight.flatten(1).T  # (C * taps, 2 C)
        self.above = weight.new_zeros(n, channels, r + 1, width + 2 * r)  # the last rows of the vertical stack's input
        self.known = weight.new_zeros(n, channels, r + width)  # the own row of the horizontal stack's input
        assert block.down.bias is not None
        assert block.horizontal.bias is not None
        self.bias = block.horizontal.bias
        self.down = block.down.bias.view(1, -1, 1).expand(n, -1, width)  # of nothing, above the first row
        self.conditions: list[tuple[Tensor, Tensor]] = []
        if block.label is not None and labels is not None:
            of_v, of_h = block.label(labels)[:, :, None, None].chunk(2, dim=1)
            self.conditions.append((of_v.expand(-1, -1, shape[1], width), of_h.expand(-1, -1, shape[1], width)))
        if block.context is not None and context is not None:
            of_v, of_h = block.context(context).chunk(2, dim=1)
            self.conditions.append((of_v, of_h))

    def know(self, column: int, h: Tensor) -> None:
        self.known[:, :, self.block.reach + column] = h

    def column(self, row: int, column: int, h: Tensor | None) -> Tensor:
        """Return the layer's output at a position, ``(N, C)``; h is its input there, None in the first layer."""
        seen = self.known[:, :, column : column + self.taps]  # the first layer has no tap at the position itself
        left = seen.flatten(1) @ self.of_left + self.bias + self.down[:, :, column]
        for _, of_h in self.conditions:
            left = left + of_h[:, :, row, column]
        a, b = left.chunk(2, dim=1)
        found = F.linear(torch.tanh(a) * torch.sigmoid(b), self.block.out.weight[:, :, 0, 0], self.block.out.bias)
        return found if h is None else h + found

    def finish(self, row: int, v: Tensor) -> Tensor:
        """Take a whole row of the vertical stack's input, ``(N, C, W)``, and return that of its output."""
        r = self.block.reach
        self.above = self.above.roll(-1, dims=2)
        self.above[:, :, -1, r : r + self.width] = v
        above = self.block.vertical(self.above)[:, :, 0]
        self.down = self.block.down(above[:, :, None])[:, :, 0]
        self.known = torch.zeros_like(self.known)
        for of_v, _ in self.conditions:
            above = above + of_v[:, :, row]
        a, b = above.chunk(2, dim=1)
        return torch.tanh(a) * torch.sigmoid(b)


class _Asked:
    """The keys and values of all positions so far."""

    def __init__(self, attention: CausalAttention, rows: int) -> None:
        places, channels = attention.place.shape
        self.attention, self.count = attention, 0
        shape = (rows, attention.heads, places, channels // attention.heads)
        self.k, self.v = (attention.place.new_zeros(shape) for _ in range(2))

    def add(self, h: Tensor) -> Tensor:
        """Take the next position's input, ``(N, C)``, and return its output."""
        one, here = self.attention, self.count
        q, k, v = one.ask(one.norm(h) + one.place[here]).view(len(h), 3, one.heads, 1, -1).unbind(1)
        self.k[:, :, here], self.v[:, :, here] = k[:, :, 0], v[:, :, 0]
        self.count += 1
        found = F.scaled_dot_product_attention(q, self.k[:, :, : here + 1], self.v[:, :, : here + 1])
        return h + one.out(found.flatten(1))
