"""The codes that a trained autoencoder gives a set of pictures, as a set of rows that a prior is trained on."""

from __future__ import annotations

import hashlib

import torch

from course_lib.data.columns import ClassIds
from course_lib.data.containers import ImageSet
from course_lib.data.pixels import normalise
from course_lib.data.rowsets import RowSet
from course_lib.errors import ShapeError
from course_lib.runs.encoded import encoded
from course_lib.systems.vqvae import VQVAE

CHUNK = 128


def code_rows(system: VQVAE, pictures: ImageSet, *, mirrored: bool = False) -> RowSet:
    """Return the codes of pictures, a column a level, with their labels; kept while the system's weights are these.

    A mirrored picture has other codes than the mirrored grid of its own, so that mirroring is done before encoding.

    Args:
        system: a trained autoencoder.
        pictures: bytes.
        mirrored: whether the mirrored pictures follow as further rows.

    Raises:
        ShapeError: if the pictures are class ids, or have another shape than the system takes.
    """
    if not isinstance(pictures, ImageSet) or pictures.categorical:
        raise ShapeError("code_rows() encodes pictures: give an ImageSet of bytes.")
    images = torch.cat([pictures.images, pictures.images.flip(3)]) if mirrored else pictures.images

    def make() -> dict[str, torch.Tensor]:
        parts = [system.encode(normalise(part).to(system.device)) for part in images.split(CHUNK)]
        levels = zip(*parts, strict=True)
        return {name: torch.cat(level).cpu() for name, level in zip(system.names, levels, strict=True)}

    digest = hashlib.sha256(images.contiguous().numpy().tobytes()).hexdigest()
    what = f"codes of {tuple(images.shape)} {digest}"
    codes = encoded(system, what, make)
    labels = pictures.labels
    if labels is not None and mirrored:
        labels = torch.cat([labels, labels])
    return RowSet(
        pictures.name,
        pictures.split,
        {name: ClassIds(codes[name]) for name in system.names},
        labels=labels,
        label_names=pictures.label_names,
        mirrors=False,
    )
