"""The networks of pix2pix and CycleGAN under the names that the authors' PyTorch code gives their weights.

In that code a U-Net is a block in a block in a block, so that the names of its inner weights repeat
``model.3.model``; a ResNet generator and a discriminator are one chain of numbered layers, as ours are.

Source: the file ``models/networks.py`` of the repository ``junyanz/pytorch-CycleGAN-and-pix2pix``; the order in which
halves are joined was changed in its pull request 110 (September 2017), and later changed back.
"""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from course_lib.errors import DataError, ShapeError
from course_lib.models.patchgan import PatchGAN
from course_lib.models.resnet_generator import ResNetGenerator
from course_lib.models.unet import UNet

Generator = UNet | ResNetGenerator
Network = TypeVar("Network", UNet, ResNetGenerator, PatchGAN)

COUNTER = "num_batches_tracked"
STATISTICS = ("running_mean", "running_var", COUNTER)
DEEPEST = 12
"""More halvings than this no picture allows; a file that claims more is not built."""


class Places(NamedTuple):
    """Which of our modules is which of theirs.

    Args:
        convs: our convolutions by name, and theirs.
        norms: our norms by name, and theirs.
        joined: those of ``convs`` that take the two halves of a skip connection.
    """

    convs: dict[str, str]
    norms: dict[str, str]
    joined: frozenset[str] = frozenset()


def unet_places(levels: int) -> Places:
    """Return the names of a U-Net's modules; theirs begin with ``model.model``.

    Args:
        levels: as ``UNet`` takes it: 8 for their ``unet_256``, 7 for ``unet_128``.
    """
    prefix = "model.model."
    convs, norms = {"down.0.conv": f"{prefix}0", "last": f"{prefix}3"}, {}
    for level in range(1, levels):
        prefix += "1.model." if level == 1 else "3.model."
        innermost = level == levels - 1
        step = levels - 1 - level
        convs[f"down.{level}.conv"] = f"{prefix}1"
        convs[f"up.{step}.conv"] = prefix + ("3" if innermost else "5")
        norms[f"up.{step}.norm"] = prefix + ("4" if innermost else "6")
        if not innermost:
            norms[f"down.{level}.norm"] = f"{prefix}2"
    return Places(convs, norms, frozenset({"last", *(f"up.{step}.conv" for step in range(1, levels - 1))}))


def resnet_places(blocks: int, downs: int, ours: bool, theirs: bool) -> Places:
    """Return the names of a ResNet generator's modules; theirs are ``model.10.conv_block.1`` and the like.

    Args:
        blocks: residual blocks: 9 in their ``resnet_9blocks``.
        downs: halvings before them: always 2 in their code.
        ours: whether our blocks have a layer of dropout, which takes a number.
        theirs: whether theirs have.
    """
    first = 4 + 3 * downs
    after = first + blocks
    outer = [1 + 3 * place for place in range(1 + downs)] + [after + 3 * place for place in range(downs)]
    convs = {f"body.{place}": f"model.{place}" for place in [*outer, after + 3 * downs + 1]}
    norms = {f"body.{place + 1}": f"model.{place + 1}" for place in outer}
    for block in range(first, after):
        mine, other = f"body.{block}.body.", f"model.{block}.conv_block."
        convs |= {f"{mine}1": f"{other}1", f"{mine}{5 + ours}": f"{other}{5 + theirs}"}
        norms |= {f"{mine}2": f"{other}2", f"{mine}{6 + ours}": f"{other}{6 + theirs}"}
    return Places(convs, norms)


def patch_places(layers: int) -> Places:
    """Return the names of a PatchGAN's modules: ``model.0`` and so on, for the PixelGAN (0 layers) ``net.0``."""
    theirs = "model" if layers else "net"
    convs = [0, *range(2, 3 * (layers or 1) + 3, 3)]
    return Places(
        {f"body.{place}": f"{theirs}.{place}" for place in convs},
        {f"body.{place + 1}": f"{theirs}.{place + 1}" for place in convs[1:-1]},
    )


def generator_of(state: dict[str, Tensor], dropout: float = 0.5, up_first: bool = False) -> Generator:
    """Return our network for a generator's state dict of theirs, with its weights, in eval mode.

    Args:
        state: tensors by their names, without ``module.`` before them.
        dropout: chance of dropout where the network has some. A U-Net's names do not say whether it has: 0 for none.
        up_first: whether a U-Net joins what comes up before what the skip connection brings.

    Raises:
        DataError: if a name or a shape is not one of such a network.
    """
    if "model.model.0.weight" in state:
        return _unet_of(state, dropout, up_first)
    if any(".conv_block." in name for name in state):
        return _resnet_of(state, dropout)
    if "model.0.weight" in state or "net.0.weight" in state:
        raise DataError("its names are those of a discriminator, for which there is load_authors_discriminator()")
    raise DataError("its names are neither those of a U-Net (model.model.0.weight) nor of a ResNet (model.1.weight)")


def discriminator_of(state: dict[str, Tensor], x_channels: int) -> PatchGAN:
    """Return our PatchGAN for a discriminator's state dict of theirs, with its weights, in eval mode.

    Args:
        state: tensors by their names, without ``module.`` before them.
        x_channels: how many of its input channels are the condition's, which come first.

    Raises:
        DataError: if a name or a shape is not one of such a network.
    """
    if "net.0.weight" in state:
        layers = 0
    elif "model.0.weight" in state:
        numbers = {number for name in state if (number := _number(name)) is not None}
        layers = (max(numbers) - 2) // 3
        if not 1 <= layers <= DEEPEST:
            raise DataError(f"its last layer is model.{max(numbers)}, which is not where a PatchGAN ends")
    else:
        raise DataError("its names are not those of a discriminator (model.0.weight, or net.0.weight)")
    places_of = patch_places(layers)
    weight = _weight(state, places_of.convs["body.0"])
    norm = _norm_of(state, "net.3" if not layers else "model.3", biased=f"{places_of.convs['body.2']}.bias" in state)
    if norm not in ("batch", "instance"):
        raise DataError(f"its norm is {norm!r}, and that of a PatchGAN is 'batch' or 'instance'")
    inputs = weight.shape[1]
    if not 0 <= x_channels < inputs:
        raise DataError(f"it takes {inputs} channels, so that x_channels must be from 0 to {inputs - 1}")
    last = f"{places_of.convs[list(places_of.convs)[-1]]}.bias"
    if not layers and last not in state:
        state = state | {last: torch.zeros(1)}  # theirs has a bias there with instance norm only, ours always
    with torch.device("meta"):
        network = PatchGAN(x_channels, inputs - x_channels, base_channels=len(weight), layers=layers, norm=norm)
    return _filled(network, places_of, state, False)


def authors_state(network: Generator, up_first: bool = False) -> dict[str, Tensor]:
    """Return the weights of one of our generators as a state dict of theirs, on the CPU.

    Args:
        network: what their classes can build: a U-Net with ``wiring="authors"``, or a ResNet generator with two
            halvings; both with transposed convolutions and the biases of their code.
        up_first: as ``generator_of`` takes it.

    Raises:
        ShapeError: if their classes cannot build it; it says why.
    """
    if isinstance(network, UNet):
        top = [min(network.widths[0] * 2**level, 8 * network.widths[0]) for level in range(network.levels)]
        faults = {
            "its wiring is 'paper'": network.wiring != "authors",
            "it has no skip connections": not network.skips,
            "it has fewer than 5 levels": network.levels < 5,
            "its channels stop doubling elsewhere than at 8 times the first": network.widths != top,
        }
        places = unet_places(network.levels)
    elif isinstance(network, ResNetGenerator):
        faults = {"it does not halve the size twice": network.downs != 2}
        places = resnet_places(network.blocks, network.downs, bool(network.dropout), bool(network.dropout))
    else:
        raise ShapeError(f"A {type(network).__name__} is no generator of the authors' code: give a U-Net or a ResNet.")
    biased = all(isinstance(module.bias, Tensor) for module in network.modules() if _is_conv(module))
    faults |= {
        "it doubles by resizing": network.upsample != "transposed",
        "its biases are not where theirs are": biased != ("instance" in network.norm),
        "its norm has a scale": network.norm == "affine instance",
    }
    for fault, found in faults.items():
        if found:
            raise ShapeError(f"The authors' code cannot build this network, because {fault}: build one that it can.")
    names = places.convs | places.norms
    state = {}
    for key, tensor in network.state_dict().items():
        module, _, kind = key.rpartition(".")
        swapped = kind == "weight" and module in places.joined and not up_first
        state[f"{names[module]}.{kind}"] = (_swapped(tensor) if swapped else tensor).detach().cpu().clone()
    return state


def _is_conv(module: nn.Module) -> bool:
    return isinstance(module, nn.Conv2d | nn.ConvTranspose2d)


def _number(name: str) -> int | None:
    """Return which layer of the chain ``model`` a name belongs to, or None if to none of at most four digits."""
    parts = name.split(".")
    fits = len(parts) > 1 and parts[0] == "model" and len(parts[1]) <= 4
    return int(parts[1]) if fits and parts[1].isascii() and parts[1].isdigit() else None


def _swapped(weight: Tensor) -> Tensor:
    """Exchange the two halves of the channels that a transposed convolution takes."""
    return torch.cat(weight.chunk(2)[::-1])


def _weight(state: dict[str, Tensor], place: str) -> Tensor:
    """Return the weight of a convolution, of which shapes are read."""
    weight = state.get(f"{place}.weight")
    if weight is None:
        raise DataError(f"{place}.weight is missing")
    if weight.dim() != 4 or not weight.numel():
        raise DataError(f"{place}.weight has shape {tuple(weight.shape)}, which is not one of a convolution")
    return weight


def _norm_of(state: dict[str, Tensor], place: str, biased: bool) -> str:
    """Return which norm is at a place; instance norm may have left statistics there, which nothing reads."""
    if f"{place}.weight" in state:
        return "batch" if f"{place}.running_mean" in state else "affine instance"
    return "instance" if biased else "none"


def _unet_of(state: dict[str, Tensor], dropout: float, up_first: bool) -> UNet:
    prefix, levels = "model.model.1.model.", 1
    while f"{prefix}1.weight" in state and levels < DEEPEST:
        prefix, levels = f"{prefix}3.model.", levels + 1
    if levels < 2:
        raise DataError("model.model.1.model.1.weight is missing")
    first, last = _weight(state, "model.model.0"), _weight(state, "model.model.3")
    biased = "model.model.0.bias" in state
    with torch.device("meta"):
        network = UNet(
            first.shape[1],
            last.shape[1],
            base_channels=len(first),
            levels=levels,
            dropout=dropout,
            dropout_start=1,
            dropout_blocks=max(0, levels - 5),
            wiring="authors",
            norm=_norm_of(state, unet_places(levels).norms["up.0.norm"], biased),
            bias=biased,
        )
    return _filled(network, unet_places(levels), state, not up_first)


def _resnet_of(state: dict[str, Tensor], dropout: float) -> ResNetGenerator:
    found = {_number(name) for name in state if ".conv_block." in name}
    numbers = sorted(number for number in found if number is not None)
    if not numbers or numbers[0] < 4 or numbers[0] % 3 != 1 or numbers[0] > 4 + 3 * DEEPEST:
        raise DataError("its residual blocks are not where a ResNet generator has them (model.10.conv_block)")
    blocks, downs = len(numbers), (numbers[0] - 4) // 3
    if gap := sorted(set(range(numbers[0], numbers[-1])) - set(numbers)):
        raise DataError(f"model.{gap[0]}.conv_block.1.weight is missing")
    theirs = f"model.{numbers[0]}.conv_block.7.weight" in state or (
        f"model.{numbers[0]}.conv_block.5.weight" not in state
    )
    places = resnet_places(blocks, downs, theirs and dropout > 0, theirs)
    last = list(places.convs)[2 * downs + 1]  # before those of the residual blocks
    first = _weight(state, "model.1")
    biased = "model.1.bias" in state
    with torch.device("meta"):
        network = ResNetGenerator(
            first.shape[1],
            len(_weight(state, places.convs[last])),
            base_channels=len(first),
            blocks=blocks,
            downs=downs,
            norm=_norm_of(state, "model.2", biased),
            dropout=dropout if theirs else 0.0,
            bias=biased,
        )
    return _filled(network, places, state, False)


def _filled(network: Network, places: Places, state: dict[str, Tensor], swap: bool) -> Network:
    """Put their tensors in the place of ours, each of them once, and return the network in eval mode."""
    names, left, mine = places.convs | places.norms, dict(state), {}
    for key, wanted in network.state_dict().items():
        module, _, kind = key.rpartition(".")
        theirs = f"{names[module]}.{kind}"
        if kind == COUNTER and theirs not in left:  # before torch 0.4 there was none
            left[theirs] = torch.tensor(0)
        if theirs not in left:
            raise DataError(f"{theirs} is missing")
        tensor = left.pop(theirs)
        if kind != COUNTER and not tensor.is_floating_point():
            raise DataError(f"{theirs} holds {tensor.dtype}, and weights are floating-point numbers")
        shape = wanted.shape[1:] if wanted.dim() == 2 else wanted.shape  # of a scale, which ours has for each style
        if tensor.shape != shape:
            raise DataError(f"{theirs} has shape {tuple(tensor.shape)} where {tuple(shape)} would fit the rest")
        tensor = tensor.reshape(wanted.shape).to(wanted.dtype, copy=True).contiguous()
        if not torch.isfinite(tensor).all():
            raise DataError(f"{theirs} holds NaN or infinity")
        if kind == "running_var" and (tensor < 0).any():
            raise DataError(f"{theirs} holds a negative variance")
        mine[key] = _swapped(tensor) if swap and kind == "weight" and module in places.joined else tensor
    # Some versions of the code kept statistics of instance norm, which neither its training nor its test ever read.
    unread = {f"{place}.{kind}" for place in places.norms.values() for kind in STATISTICS}
    if rest := sorted(left.keys() - unread):
        raise DataError(f"it holds {rest[0]}, which has no place in such a network")
    network.load_state_dict(mine, assign=True)
    return network.eval()
