"""Lesson 03: a classifier of garments that judges whether a sample shows the class that was asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor, nn

from course_lib import data
from course_lib.data.pixels import normalise
from course_lib.errors import ShapeError
from course_lib.presets import choose
from course_lib.training import rng_untouched

Classifier = Callable[[Tensor], Tensor]


@cache
def garment_classifier(seed: int = 0) -> Classifier:
    """Return a small dense network that was trained to name the class of garments: from pictures to logits.

    It learns from the 55,000 training pictures, in some seconds; its mistakes on held-out pictures are the floor of
    what it can say of samples. It is trained once for each seed and then kept.

    Args:
        seed: of its first weights and its batches.

    Returns:
        A function from ``(N, 1, 28, 28)`` in [-1, 1] to ``(N, 10)`` logits.
    """
    pictures = data.fashion_mnist("train")
    with rng_untouched():
        torch.manual_seed(seed)
        network = nn.Sequential(
            nn.Flatten(),
            nn.Linear(784, 256),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(256, 128),
            nn.ReLU(),
            nn.Linear(128, 10),
        )
        optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
        order = torch.cat([torch.randperm(len(pictures)) for _ in range(choose(smoke=1, cpu=4, gpu=4))])
        batches = order.split(128)[: choose(smoke=20, cpu=None, gpu=None)]
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, len(batches))
        for rows in batches:
            loss = nn.functional.cross_entropy(network(normalise(pictures.images[rows])), pictures.labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    network.eval()
    return torch.no_grad()(network)


def class_accuracy(images: Tensor, labels: Tensor, classifier: Classifier | None = None) -> float:
    """Return the share of pictures that the classifier takes for the class that is given.

    Args:
        images: ``(N, 1, 28, 28)`` in [-1, 1].
        labels: ``(N,)`` int64, the classes that were asked for.
        classifier: ``garment_classifier()`` if not given.

    Raises:
        ShapeError: if there is not one class for each picture.
    """
    if labels.shape != (len(images),) or not len(images):
        raise ShapeError(f"{tuple(labels.shape)} labels for {len(images)} pictures: give one a picture.")
    named = (classifier or garment_classifier())(images).argmax(dim=1)
    return float((named == labels).double().mean())
