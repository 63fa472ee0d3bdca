"""CycleGAN's training step as it is commonly written, to set beside the one of the course.

python -m course_lib.lessons.lesson_11.usual      times both in turns, and ours compiled, and keeps the result

It is right, has the same networks and does the same sums. It differs in how they are asked for: a pass of its own for
every picture that goes through a network, torch's instance norm, memory in the order (N, C, H, W), Adam in its plain
form.
"""

from __future__ import annotations

import itertools
import json
import random
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.lessons.lesson_11.runs import EMOJI
from course_lib.runs.side_by_side import Comparison, UsualBlock, copy_weights, for_all_settings, gflop_of, time_in_turns
from course_lib.systems.cyclegan import CycleGAN, CycleGANConfig

SETTINGS = {
    "paper, 64 pixels": (CycleGANConfig(identity=0.5), 64, 1),
    "lesson, 64 pixels": (replace(EMOJI, upsample="transposed"), 64, 2),
}
"""What is compared: settings, side of the pictures, and batch size."""


def usual_generator(config: CycleGANConfig) -> nn.Sequential:
    """Return the generator of CycleGAN, from torch's own layers, for three channels."""
    width = config.base_channels
    layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(3, width, 7), nn.InstanceNorm2d(width), nn.ReLU(True)]
    for _ in range(config.downs):
        layers += [nn.Conv2d(width, 2 * width, 3, 2, 1), nn.InstanceNorm2d(2 * width), nn.ReLU(True)]
        width *= 2
    layers += [UsualBlock(width) for _ in range(config.blocks)]
    for _ in range(config.downs):
        layers += [nn.ConvTranspose2d(width, width // 2, 3, 2, 1, 1), nn.InstanceNorm2d(width // 2), nn.ReLU(True)]
        width //= 2
    return nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh())


def usual_discriminator(config: CycleGANConfig) -> nn.Sequential:
    """Return the PatchGAN of CycleGAN, from torch's own layers, for three channels."""
    layers: list[nn.Module] = []
    before, width = 3, config.d_channels
    for number, stride in enumerate([2] * config.patch_layers + [1]):
        width = config.d_channels * min(2**number, 8)
        layers.append(nn.Conv2d(before, width, 4, stride, 1))
        if number:
            layers.append(nn.InstanceNorm2d(width))
        layers.append(nn.LeakyReLU(0.2, True))
        before = width
    return nn.Sequential(*layers, nn.Conv2d(before, 1, 4, 1, 1))


class UsualPool:
    """A pool of fakes that looks at one picture after another.

    Args:
        size: number of pictures held.
    """

    def __init__(self, size: int) -> None:
        self.size, self.kept = size, []  # type: int, list[Tensor]

    def __call__(self, pictures: Tensor) -> Tensor:
        """Return pictures of this step and of earlier ones."""
        out = []
        for picture in pictures.detach().split(1):
            if len(self.kept) < self.size:
                self.kept.append(picture)
                out.append(picture)
            elif random.random() > 0.5:
                place = random.randrange(self.size)
                out.append(self.kept[place].clone())
                self.kept[place] = picture
            else:
                out.append(picture)
        return torch.cat(out)


class UsualCycleGAN:
    """The four networks, two optimisers and one step of CycleGAN, written out.

    Args:
        config: as for the course's system.
    """

    def __init__(self, config: CycleGANConfig) -> None:
        self.config = config
        self.netG, self.netF = usual_generator(config), usual_generator(config)
        self.netD_y, self.netD_x = usual_discriminator(config), usual_discriminator(config)
        chain = itertools.chain
        betas = (config.beta1, 0.999)
        self.opt_g = torch.optim.Adam(chain(self.netG.parameters(), self.netF.parameters()), config.lr, betas)
        self.opt_d = torch.optim.Adam(chain(self.netD_y.parameters(), self.netD_x.parameters()), config.d_lr, betas)
        self.pool_y, self.pool_x = UsualPool(config.pool), UsualPool(config.pool)
        self.l1, self.mse = nn.L1Loss(), nn.MSELoss()

    def step(self, x: Tensor, y: Tensor) -> dict[str, float]:
        """Train all players on one batch; return the losses of the generators and of the discriminators."""
        c = self.config
        fake_y, fake_x = self.netG(x), self.netF(y)
        back_x, back_y = self.netF(fake_y), self.netG(fake_x)
        for parameter in itertools.chain(self.netD_y.parameters(), self.netD_x.parameters()):
            parameter.requires_grad_(False)
        self.opt_g.zero_grad()
        loss = c.lambda_forward * self.l1(back_x, x) + c.lambda_backward * self.l1(back_y, y)
        if c.identity:
            loss = loss + c.lambda_backward * c.identity * self.l1(self.netG(y), y)
            loss = loss + c.lambda_forward * c.identity * self.l1(self.netF(x), x)
        for netD, fake in ((self.netD_y, fake_y), (self.netD_x, fake_x)):
            judged = netD(fake)
            loss = loss + self.mse(judged, torch.ones_like(judged))
        loss.backward()
        self.opt_g.step()

        for parameter in itertools.chain(self.netD_y.parameters(), self.netD_x.parameters()):
            parameter.requires_grad_(True)
        self.opt_d.zero_grad()
        total = 0.0
        for netD, real, fake in (
            (self.netD_y, y, self.pool_y(fake_y)),
            (self.netD_x, x, self.pool_x(fake_x)),
        ):
            on_real, on_fake = netD(real), netD(fake)
            half = 0.5 * (self.mse(on_real, torch.ones_like(on_real)) + self.mse(on_fake, torch.zeros_like(on_fake)))
            half.backward()
            total += half.item()
        self.opt_d.step()
        return {"G": loss.item(), "D": total}


def pair_of(config: CycleGANConfig) -> tuple[UsualCycleGAN, CycleGAN]:
    """Return both, with the same weights."""
    usual, ours = UsualCycleGAN(config), CycleGAN(config)
    for name in ("netG", "netF", "netD_y", "netD_x"):
        copy_weights(getattr(usual, name), getattr(ours, name))
    return usual, ours.train()


def compare(
    config: CycleGANConfig, side: int, batch_size: int, seconds: float, compiled: bool = True
) -> dict[str, Any]:
    """Time both steps in turns on the same random pictures, so that a busy machine disturbs them alike.

    Args:
        config: of both.
        side: of the pictures.
        batch_size: of a step.
        seconds: for all.
        compiled: whether to time ours compiled too, which first takes a minute or two.

    Returns:
        Median seconds of a step of each, ``GFLOP`` of a step, ``images/s``, and the ratios to the usual one.
    """
    from course_lib.data.containers import Batch

    torch.manual_seed(0)
    usual, ours = pair_of(config)
    x, y = torch.rand(2, batch_size, 3, side, side) * 2 - 1
    batch = Batch(index=torch.arange(batch_size), x=x, y=y)
    players = {"usual": lambda: usual.step(x, y), "ours": lambda: ours.training_step(batch)}
    if compiled:
        fast = pair_of(config)[1]
        for name in ("netG", "netF", "netD_y", "netD_x"):
            getattr(fast, name).compile()
        players["ours compiled"] = lambda: fast.training_step(batch)
    gflop = gflop_of(players["ours"])
    return time_in_turns(players, batch_size, seconds) | {"GFLOP": round(gflop, 2)}


COMPARISON = Comparison("course_lib.lessons.lesson_11.usual", partial(for_all_settings, SETTINGS, compare))

if __name__ == "__main__":
    print(json.dumps(COMPARISON.record(), indent=1))
