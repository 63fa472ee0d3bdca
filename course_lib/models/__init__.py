"""Networks and nothing else, one file a paper family; each name is imported on first use."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from course_lib.models.patchgan import PatchGAN as PatchGAN
    from course_lib.models.unet import UNet as UNet
    from course_lib.models.vgg import VGG16Features as VGG16Features

_HOME = {"PatchGAN": "patchgan", "UNet": "unet", "VGG16Features": "vgg"}

__all__ = ["PatchGAN", "UNet", "VGG16Features"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
