"""Weights that the authors' code of pix2pix and CycleGAN saved, read into the networks of the course, and written.

A ``.pth`` file is a pickle. Only tensors are taken from it, on the CPU: a pickle that holds any other object is refused
before anything of it runs, and none of its claims is believed that its own size does not cover.
"""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from course_lib.errors import DataError, ShapeError
from course_lib.models.authors import Generator, authors_state, discriminator_of, generator_of
from course_lib.models.patchgan import PatchGAN

LARGEST = 4 * 2**30
"""Bytes of the largest file that is read; the largest that was published has 0.2 of 10^9."""


def load_authors_generator(path: str | os.PathLike[str], *, dropout: float = 0.5, up_first: bool = False) -> Generator:
    """Return the generator in a file that the authors' PyTorch code saved, as a network of the course, in eval mode.

    Which network it is, is read from names and shapes: ``unet_128``, ``unet_256`` or one of other depth,
    ``resnet_6blocks`` or ``resnet_9blocks``, of any width and channels, with batch norm, instance norm or none. Its
    output is that of their network: pictures in [-1, 1] go in and come out. The usual ways to use it::

        pix2pix = Pix2Pix(netG=load_authors_generator("latest_net_G.pth"))
        y = pix2pix.translate(x, batch_statistics=True)  # one picture at a time: what their test script does
        cyclegan = CycleGAN(netG=load_authors_generator("latest_net_G_A.pth"))
        y = cyclegan.translate(x)

    Their test script leaves dropout on and takes batch norm's statistics from the one picture of the batch, unless it
    is called with ``--eval``, which is ``translate(x, noise=False)``. For CycleGAN's instance norm there is no
    difference. Statistics that instance norm left in some files are not read, as they are not by their test script
    without ``--eval``.

    Args:
        path: for example ``latest_net_G.pth``.
        dropout: chance of dropout where the network has some. The file of a ResNet tells whether it has; that of a
            U-Net does not, so that one trained with ``--no_dropout`` (as CycleGAN is by default) needs 0 here. In eval
            mode, and with ``noise=False``, it does not matter.
        up_first: how a U-Net joins the two halves, which the file does not tell either: False as in their present
            code, True as in that of about September 2017 to early 2018. The wrong one gives noise.

    Returns:
        A ``UNet`` with ``wiring="authors"`` or a ``ResNetGenerator``, on the CPU.

    Raises:
        DataError: if the file is missing, damaged or no such file; it says what was found.
        ShapeError: if ``dropout`` is no chance.

    Source: the repository ``junyanz/pytorch-CycleGAN-and-pix2pix``: ``models/networks.py``, ``models/base_model.py``
        and ``test.py``.
    """
    if not 0.0 <= dropout < 1.0:
        raise ShapeError(f"dropout is {dropout}: give a chance from 0 to below 1.")
    state = _tensors(path, "generator")
    try:
        return generator_of(state, dropout, up_first)
    except DataError as error:
        raise _refused(path, "generator", str(error)) from error


def load_authors_discriminator(path: str | os.PathLike[str], *, x_channels: int) -> PatchGAN:
    """Return the discriminator in a file that the authors' PyTorch code saved, as a PatchGAN, in eval mode.

    It returns logits; a version of their code that ended D in a sigmoid saved the same names.

    Args:
        path: for example ``latest_net_D.pth`` of pix2pix, or ``latest_net_D_A.pth`` of CycleGAN (D_Y).
        x_channels: how many of its input channels are the condition's: 3 for pix2pix, 0 for CycleGAN.

    Raises:
        DataError: if the file is missing, damaged or no such file; it says what was found.
        ShapeError: if ``x_channels`` is no whole number from 0.
    """
    if isinstance(x_channels, bool) or not isinstance(x_channels, int) or x_channels < 0:
        raise ShapeError(f"x_channels is {x_channels!r}: give a whole number, 3 for pix2pix and 0 for CycleGAN.")
    state = _tensors(path, "discriminator")
    try:
        return discriminator_of(state, x_channels)
    except DataError as error:
        raise _refused(path, "discriminator", str(error)) from error


def save_authors_generator(network: Generator, path: str | os.PathLike[str], *, up_first: bool = False) -> Path:
    """Write a generator so that the authors' PyTorch code loads it, for example as ``latest_net_G.pth``.

    Args:
        network: a U-Net with ``wiring="authors"``, or a ResNet generator with two halvings; both with transposed
            convolutions. Their options know U-Nets of 7 and 8 levels, and ResNets of 6 and 9 blocks.
        path: the file; its folder is made if need be.
        up_first: as ``load_authors_generator`` takes it.

    Returns:
        The path.

    Raises:
        ShapeError: if their code cannot build such a network; it says why.
    """
    state = authors_state(network, up_first)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".unfinished-{path.name}")
    torch.save(state, unfinished)
    os.replace(unfinished, path)
    return path


def _refused(path: str | os.PathLike[str], what: str, fault: str) -> DataError:
    return DataError(
        f"{os.fspath(path)} was not loaded, because {fault}: give the state dict of a {what} as the authors' code "
        f"saves it, for example {'latest_net_G.pth' if what == 'generator' else 'latest_net_D.pth'}."
    )


def _tensors(path: str | os.PathLike[str], what: str) -> dict[str, Tensor]:
    """Return the tensors of a file by name, without the ``module.`` that training on several GPUs puts before them."""
    fault = _fault_of(Path(path))
    if fault:
        raise _refused(path, what, fault)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # what a damaged or hostile pickle raises is not bounded
        fault = "it holds more than tensors (a whole model, perhaps)" if _is_unsafe(error) else "it is damaged"
        raise _refused(path, what, fault) from error
    fault = _fault_in(state, Path(path).stat().st_size)
    if fault:
        raise _refused(path, what, fault)
    if all(name.startswith("module.") for name in state):
        return {name.removeprefix("module."): tensor for name, tensor in state.items()}
    return dict(state)


def _is_unsafe(error: Exception) -> bool:
    """Return whether torch refused an object, by its own words, and not because the file cannot be read."""
    said = str(error).lower()
    return any(words in said for words in ("unsupported global", "unsupported class", "can only build", "not allowed"))


def _fault_of(path: Path) -> str | None:
    """Return what is wrong with a file before it is unpacked, or None."""
    if not path.is_file():
        return "it is a folder" if path.is_dir() else "there is no such file"
    size = path.stat().st_size
    if size > LARGEST:
        return f"it has {size / 2**30:.0f} GiB, and at most {LARGEST / 2**30:.0f} are read"
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    if start[8:9] == b"{":
        return "it is a safetensors file, for which there is load_weights()"
    if start[:2] == b"PK":
        try:
            with zipfile.ZipFile(path) as archive:
                entries = archive.infolist()
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
            return "it is damaged"
        # torch compresses nothing, so that a file cannot grow when it is unpacked
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            return "it is compressed, which torch.save() never does"
        if sum(entry.file_size for entry in entries) > size:
            return "it claims to hold more than it has bytes"
    elif start[:1] != b"\x80":  # every pickle that torch wrote begins so
        return "it is no file of torch.save()"
    return None


def _fault_in(state: Any, size: int) -> str | None:
    """Return what is wrong with the unpacked content of a file of ``size`` bytes, or None."""
    if not isinstance(state, dict):
        return f"it holds one object of type {type(state).__name__}"
    if not state:
        return "it is empty"
    claimed = 0
    for name, tensor in state.items():
        if not isinstance(name, str) or type(tensor) is not Tensor:
            return f"it holds {str(name)[:80]!r} of type {type(tensor).__name__}"
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.device.type != "cpu":
            return f"{name[:80]} is no ordinary tensor"
        claimed += tensor.numel() * tensor.element_size()
    return "its tensors claim more numbers than it has bytes" if claimed > size else None
