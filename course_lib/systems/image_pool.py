"""A pool of earlier fakes, so that the discriminator does not forget them."""

from __future__ import annotations

import random
from typing import Any

import torch
from torch import Tensor

from course_lib.asked import whole
from course_lib.errors import ShapeError


class ImagePool:
    """Hold up to ``size`` generated images and hand back a mix of new and old ones.

    Until the pool is full every image is stored and returned as it is. From then on, each image is returned as it is
    with probability 1/2, and otherwise exchanged with a random one of the pool.

    Args:
        size: number of images held; 0 switches the pool off.

    Raises:
        ShapeError: if the size is no whole number of at least 0.

    Source: Shrivastava et al. 2017, section 2.3, in the form of Zhu et al. 2017 (CycleGAN), section 4.
    """

    def __init__(self, size: int = 50) -> None:
        self.size = whole("size", size, 0)
        self.images: list[Tensor] = []

    def __len__(self) -> int:
        return len(self.images)

    def query(self, images: Tensor) -> Tensor:
        """Return as many images as given, some of them from earlier steps.

        Args:
            images: new fakes (N, C, H, W); they are detached.

        Returns:
            Images (N, C, H, W) without a graph.
        """
        images = images.detach()
        if self.images and self.images[0].device != images.device:  # the system has moved since
            self.images = [image.to(images.device) for image in self.images]
        if self.images and self.images[0].shape != images.shape[1:]:
            raise ShapeError(
                f"The pool holds images of shape {tuple(self.images[0].shape)} and was given "
                f"{tuple(images.shape[1:])}: use one pool for each image size."
            )
        returned = []
        for image in images:  # decided by Python's generator: no wait for the device
            if len(self.images) < self.size:
                self.images.append(image.clone())
            elif self.size and random.random() < 0.5:
                place = random.randrange(self.size)
                image, self.images[place] = self.images[place], image.clone()
            returned.append(image)
        return torch.stack(returned)

    def clear(self) -> None:
        """Let go of all images, so that a new training begins with none of an earlier one."""
        self.images = []

    def state_dict(self) -> dict[str, Any]:
        """Return the pool's content for a checkpoint."""
        return {"images": torch.stack(self.images) if self.images else None}

    def load_state_dict(self, state: dict[str, Any], device: torch.device | str = "cpu") -> None:
        """Take up the content of a checkpoint, on ``device``."""
        images = state["images"]
        self.images = [] if images is None else [image.clone() for image in images.to(device)]
