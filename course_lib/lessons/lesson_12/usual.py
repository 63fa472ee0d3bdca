"""Fast style transfer's training step as it is commonly written, to set beside the one of the course.

python -m course_lib.lessons.lesson_12.usual      times all in turns, and keeps the result

It is right, has the same networks and asks for the same losses. What it does otherwise, all of it:

- the content target goes through the whole VGG-16, as far as the bundled weights reach (relu4_3), and not only to the
  content layer;
- VGG's weights are parameters as they were loaded, with ``requires_grad`` left on: the content target has a graph,
  which nobody cuts off, and the backward pass computes gradients of VGG's weights, in both passes, that nobody uses;
- memory in the order (N, C, H, W), torch's instance norm, and Adam in its plain form.

Much code freezes VGG's weights and much does not, so the same step is timed with VGG frozen too. The Gram
matrices of the style are computed once by all, as is common; here they are repeated for the batch. The bundled weights
end at the last layer of the style, so that for the output there is nothing to stop before.

"Targets kept" is the course's step on content features that were computed once, before the clock starts. It needs
pictures that come again as they were, not new crops at each step, and memory for their features: 2 MB for a picture of
128 pixels at relu2_2.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.losses.perceptual import PerceptualLoss
from course_lib.models.transform_net import TransformNet
from course_lib.models.vgg import LAYERS, VGG16Features
from course_lib.runs.side_by_side import Comparison, UsualBlock, copy_weights, for_all_settings, gflop_of, time_in_turns
from course_lib.systems.style_transfer import StyleTransfer, StyleTransferConfig

SETTINGS = {
    "lesson, 128 pixels": (StyleTransferConfig(half_judge=False), 128, 4),
    "paper, 256 pixels": (StyleTransferConfig(half_judge=False), 256, 1),
}
"""What is compared, all in float32: settings, side of the pictures, and batch size. The paper's batch is 4. At 256
pixels that takes four times as long for all alike, and a minute would hold too few turns for a median."""


def usual_layers(before: int, after: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    """Return a convolution with its border reflected, its norm with scale and shift, and ReLU."""
    return [
        nn.ReflectionPad2d(kernel // 2),
        nn.Conv2d(before, after, kernel, stride, bias=False),
        nn.InstanceNorm2d(after, affine=True),
        nn.ReLU(True),
    ]


def usual_transform_net(config: StyleTransferConfig) -> nn.Sequential:
    """Return the image transform network for one painting and sides that 4 divides, from torch's own layers."""
    c = config.base_channels
    layers = [*usual_layers(3, c, 9), *usual_layers(c, 2 * c, 3, 2), *usual_layers(2 * c, 4 * c, 3, 2)]
    layers += [UsualBlock(4 * c, affine=True) for _ in range(config.blocks)]
    for before in (4 * c, 2 * c):
        layers += [nn.Upsample(scale_factor=2, mode="nearest"), *usual_layers(before, before // 2, 3)]
    return nn.Sequential(*layers, nn.ReflectionPad2d(4), nn.Conv2d(c, 3, 9), nn.Tanh())


def usual_vgg() -> tuple[nn.Sequential, Tensor]:
    """Return VGG-16 as layers with names, with all weights that are bundled, and the mean to take away before it."""
    bundled = VGG16Features(LAYERS)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for layer in LAYERS:
        name = layer.removeprefix("relu")
        if name in ("2_1", "3_1", "4_1"):
            layers[f"pool{name[0]}"] = nn.MaxPool2d(2)
        weight, bias = bundled.get_buffer(f"weight{name}"), bundled.get_buffer(f"bias{name}")
        conv = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1)
        conv.load_state_dict({"weight": weight, "bias": bias})
        layers[f"conv{name}"], layers[layer] = conv, nn.ReLU(True)
    return nn.Sequential(layers), bundled.mean


def usual_gram(features: Tensor) -> Tensor:
    """Map ``(N, C, H, W)`` to Gram matrices ``(N, C, C)``, divided by C H W."""
    n, c, h, w = features.shape
    flat = features.view(n, c, h * w)
    return flat.bmm(flat.transpose(1, 2)) / (c * h * w)


class UsualStyleTransfer:
    """The network, VGG-16, the optimiser and one step of fast style transfer, written out.

    Args:
        config: as for the course's system, with one painting.
        judge: the course's loss, for the layers, the weights of the terms and the Gram matrices of the painting.
        frozen: whether VGG's weights have ``requires_grad`` off.
    """

    def __init__(self, config: StyleTransferConfig, judge: PerceptualLoss, frozen: bool = False) -> None:
        self.judge = judge
        self.netG, self.output_scale = usual_transform_net(config), TransformNet.output_scale
        self.vgg, self.mean = usual_vgg()
        self.vgg.requires_grad_(not frozen)
        self.opt = torch.optim.Adam(self.netG.parameters(), config.lr)
        self.mse = nn.MSELoss()

    def features(self, images: Tensor) -> dict[str, Tensor]:
        """Return what every layer of VGG-16 makes of pictures in [-1, 1]."""
        x = (images + 1) / 2 - self.mean
        found = {}
        for name, layer in self.vgg.named_children():
            x = found[name] = layer(x)
        return found

    def step(self, x: Tensor) -> dict[str, float]:
        """Train on one batch ``(N, 3, H, W)`` in [-1, 1]; return the weighted terms of the loss."""
        judge = self.judge
        y_hat = self.output_scale * self.netG(x)
        of_output, of_content = self.features(y_hat), self.features(x)
        terms = {}
        if judge.content_layer is not None:
            layer = judge.content_layer
            terms["content"] = judge.content_weight * self.mse(of_output[layer], of_content[layer])
        for layer, weight in zip(judge.style_layers, judge.style_layer_weights, strict=True):
            target = judge.grams[layer].repeat(len(x), 1, 1)
            loss = ((usual_gram(of_output[layer]) - target) ** 2).sum() / len(x)
            if judge.balanced:
                loss = loss / (target[0] ** 2).sum() / sum(judge.style_layer_weights)
            terms["style"] = terms.get("style", 0) + judge.style_weight * weight * loss
        if judge.tv_weight:
            down, across = y_hat[:, :, 1:] - y_hat[:, :, :-1], y_hat[..., 1:] - y_hat[..., :-1]
            terms["tv"] = judge.tv_weight * ((down**2).sum() + (across**2).sum()) / y_hat.numel()
        self.opt.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        self.opt.step()
        return {name: term.item() for name, term in terms.items()}


def step_on_kept(system: StyleTransfer, x: Tensor, content_features: Tensor) -> dict[str, Tensor]:
    """Take the course's step of one painting, outside ``fit`` and its schedules, with content features that were kept.

    Args:
        system: that learns.
        x: ``(N, 3, H, W)`` in [-1, 1].
        content_features: ``system.judge.content_features(x)``, computed before.

    Returns:
        The weighted terms of the loss.
    """
    terms = system.judge.terms(system.netG(x), content_features=content_features)
    system.optimizer_step("G", torch.stack(list(terms.values())).sum())
    return {name: term.detach() for name, term in terms.items()}


def pair_of(config: StyleTransferConfig, frozen: bool = False) -> tuple[UsualStyleTransfer, StyleTransfer]:
    """Return both, with the same weights; ``frozen`` as for the usual one."""
    ours = StyleTransfer(config)
    usual = UsualStyleTransfer(config, ours.judge, frozen)
    copy_weights(usual.netG, ours.netG)
    return usual, ours.train()


def compare(config: StyleTransferConfig, side: int, batch_size: int, seconds: float) -> dict[str, Any]:
    """Time all steps in turns on the same random pictures, so that a busy machine disturbs them alike.

    Args:
        config: of all.
        side: of the pictures.
        batch_size: of a step.
        seconds: for all.

    Returns:
        By player median ``seconds`` of a step, ``images/s``, how many ``times faster`` it is than the usual one, and
        ``GFLOP`` of a step; and ``turns``. The players are ``"usual"``, ``"usual, VGG frozen"``, ``"ours"`` and
        ``"ours, targets kept"``.
    """
    from course_lib.data.containers import Batch

    torch.manual_seed(0)
    usual, ours = pair_of(config)
    frozen = UsualStyleTransfer(config, ours.judge, frozen=True)
    x = torch.rand(batch_size, 3, side, side) * 2 - 1
    batch = Batch(index=torch.arange(batch_size), images=x)
    content_features = ours.judge.content_features(x)
    players = {
        "usual": lambda: usual.step(x),
        "usual, VGG frozen": lambda: frozen.step(x),
        "ours": lambda: ours.training_step(batch),
        "ours, targets kept": lambda: step_on_kept(ours, x, content_features),
    }
    gflop = {name: round(gflop_of(step), 3) for name, step in players.items()}
    return time_in_turns(players, batch_size, seconds) | {"GFLOP": gflop}


COMPARISON = Comparison("course_lib.lessons.lesson_12.usual", partial(for_all_settings, SETTINGS, compare))

if __name__ == "__main__":
    print(json.dumps(COMPARISON.record(), indent=1))
