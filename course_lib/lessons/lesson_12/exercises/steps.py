"""Trainings that exercise 12.5 looks at: the methods of the lesson, some of them with a mistake."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from course_lib.exercises.exercise import Case
from course_lib.lessons.lesson_12.exercises.toys import ToyTransform, ToyVGG


def gram(features: Tensor) -> Tensor:
    rows = features.flatten(2)
    return rows @ rows.transpose(1, 2) / features[0].numel()


def training_of(
    setting: str, netG: nn.Module, vgg: nn.Module, x: Tensor
) -> tuple[Callable[[], None], dict[str, nn.Module], dict[str, Tensor]]:
    """Return the step of a setting, the networks and the pictures that it works with."""
    netG, vgg, x = copy.deepcopy(netG).train(), copy.deepcopy(vgg), x.clone()
    vgg.register_buffer("mean", torch.zeros(3, 1, 1), persistent=False)  # as the course's own VGG keeps its tensors
    y_s = (x[:1].flip(3) ** 2 * 64).round() / 64  # so that sums are exact, in any order of the values
    pixels = x.flip(2).clone().requires_grad_()  # Gatys' picture; it begins elsewhere than at x
    by_pixels = setting.startswith("Gatys")
    vgg.requires_grad_("nothing frozen" in setting or "optimiser" in setting)
    vgg.train("VGG in training mode" in setting)
    x.requires_grad_("nothing frozen" in setting)
    weights = [*netG.parameters(), *vgg.parameters()] if "optimiser" in setting else list(netG.parameters())
    rate = 1e-6 if "small" in setting else 0.01
    optimiser = torch.optim.Adam([pixels] if by_pixels else weights, lr=rate)

    def step() -> None:
        if "flipped" in setting:
            y_s.copy_(y_s.flip(3))
        optimiser.zero_grad()
        found, target = vgg(pixels if by_pixels else netG(x)), vgg(x)
        if "middle" in setting:
            found, target = found[..., 2:3], target[..., 2:3]
        loss = (found - target).square().mean() + 10 * (gram(found) - gram(vgg(y_s))).square().sum()
        loss.backward()
        optimiser.step()
        if setting == "Johnson":
            optimiser.zero_grad()
        if "set to 0" in setting:
            vgg.zero_grad(set_to_none=False)
        if "mean of VGG" in setting:
            dict(vgg.named_buffers())["mean"].copy_(x.mean(dim=(0, 2, 3)).view(3, 1, 1))
            next(vgg.parameters()).mul_(0.5)  # frozen, and moved all the same

        if "another tensor" in setting:
            vgg.mean = x.mean(dim=(0, 2, 3)).view(3, 1, 1)

    if "second step" in setting:
        step()
    networks = {"vgg": vgg} if by_pixels else {"netG": netG, "vgg": vgg}
    return step, networks, {"x": x, "y_s": y_s} | ({"y_hat": pixels} if by_pixels else {})


SETTINGS = (
    "Johnson",
    "Gatys, in the middle alone",
    "Gatys, nothing frozen",
    "Gatys, nothing frozen, VGG's gradients set to 0, the second step",
    "Johnson, VGG's weights in the optimiser",
    "Johnson, VGG in training mode",
    "Johnson, a small learning rate, another tensor for the mean",
    "Johnson, the painting flipped, the mean of VGG and a frozen weight moved in place",
)


def cases() -> list[Case]:
    return [
        Case("one step", setting, ToyTransform(norm=True), ToyVGG(norm=True), 2 * torch.rand(2, 3, 4, 5 + number) - 1)
        for number, setting in enumerate(SETTINGS)
    ]
