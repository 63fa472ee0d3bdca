"""CycleGAN: two generators and two discriminators learn a translation from pictures that come in no pairs."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from course_lib import asked
from course_lib.data.containers import Batch
from course_lib.errors import ShapeError
from course_lib.losses.adversarial import LOSSES
from course_lib.losses.reconstruction import mean_absolute_error
from course_lib.models.patchgan import PatchGAN
from course_lib.models.resnet_generator import ResNetGenerator
from course_lib.systems.base import System, adam
from course_lib.systems.image_pool import ImagePool
from course_lib.systems.modes import check_generator, frozen, has_batch_norm, inference
from course_lib.systems.schedules import linear_decay, schedule


@dataclass(frozen=True)
class CycleGANConfig:
    """Sizes, the weights of the terms, and the optimisers' settings. The default is the paper's, for 256 pixels.

    ``gan_weight=0`` is the paper's "cycle alone"; ``lambda_forward`` weighs ``|F(G(x)) - x|`` and ``lambda_backward``
    ``|G(F(y)) - y|``, so that 0 in one or both gives the other rows of its ablation. ``identity`` is the weight of
    ``|G(y) - y|`` and ``|F(x) - x|`` as a share of lambda: 0.5 for paintings in the paper, else 0; the authors' PyTorch
    code has 0.5 by default for all.

    Raises:
        ShapeError: if a number cannot be.
    """

    x_channels: int = 3
    y_channels: int = 3
    base_channels: int = 64
    blocks: int = 9
    downs: int = 2
    upsample: str = "transposed"
    d_channels: int = 64
    patch_layers: int = 3
    loss: str = "least-squares"
    gan_weight: float = 1.0
    lambda_forward: float = 10.0
    lambda_backward: float = 10.0
    identity: float = 0.0
    pool: int = 50
    lr: float = 2e-4
    d_lr: float = 2e-4
    beta1: float = 0.5

    def __post_init__(self) -> None:
        asked.fields(
            self,
            above_0=("lr",),
            from_0=("d_lr", "gan_weight", "lambda_forward", "lambda_backward", "identity"),
            decays=("beta1",),
            counts=("x_channels", "y_channels", "base_channels", "d_channels"),
            counts_from_0=("blocks", "downs", "patch_layers", "pool"),
        )


class CycleGAN(System):
    """Translate x to the other domain so that it looks like a y, and so that x can be got back from it.

    ``netG`` (G): x to y. ``netF`` (F): y to x. ``netD_y`` (D_Y): is this a real y? ``netD_x`` (D_X): is this a real x?
    G and F minimise ``E[(D_Y(G(x)) - 1)^2] + E[(D_X(F(y)) - 1)^2] + lambda (E|F(G(x)) - x| + E|G(F(y)) - y|)``, and,
    where asked, ``identity * lambda (E|G(y) - y| + E|F(x) - x|)``. Each D minimises half of
    ``E[(D(real) - 1)^2] + E[D(fake)^2]``, on fakes from a pool of earlier ones.
    What the paper leaves open (the order of the players, one optimiser for both generators and one for both
    discriminators, a pool for each domain) is as in the authors' PyTorch code.
    Departures from that code, declared: no identity loss by default, as in the paper; where ``lambda_forward`` or
    ``lambda_backward`` is 0, the identity loss of that domain is a share of the other one, and there it goes with it;
    the learning rate falls at every step, there once an epoch.

    Args:
        config: sizes, the weights of the terms, and the optimisers' settings; with networks but no config, the default
            of the networks' channels.
        netG, netF: networks to go on from, with their ``in_channels`` and ``out_channels``, for example those that
            ``load_authors_generator`` returned of ``latest_net_G_A.pth`` (G) and ``latest_net_G_B.pth`` (F); else new
            ones. What the config says of their inside is not read then.

    Raises:
        ShapeError: if the loss is unknown, all weights are 0, or the identity loss is asked for without a cycle loss
            or of unlike channels; or if a given network has other channels than the config, or batch norm, which would
            let the pictures of x and y that pass together change each other.

    Source: Zhu et al. 2017, equations 1 to 4, section 4 and, for the identity loss, section 5.2.
    """

    config: CycleGANConfig
    ema_networks = ("netG", "netF")  # kept only where fit() is asked to: ema_decay

    def __init__(
        self, config: CycleGANConfig | None = None, netG: nn.Module | None = None, netF: nn.Module | None = None
    ) -> None:
        self.check_config(config or CycleGANConfig())
        super().__init__(_config_for(config, netG, netF))
        c = self.config
        if c.loss not in tuple(LOSSES):
            raise ShapeError(f"The loss is {c.loss!r}: choose one of {', '.join(LOSSES)}.")
        if not (c.gan_weight or c.lambda_forward or c.lambda_backward):
            raise ShapeError("All weights are 0, so G and F have nothing to learn from: set one of them.")
        if c.identity and not (c.lambda_forward or c.lambda_backward):
            raise ShapeError(
                "The identity loss is a share of lambda: set lambda_forward or lambda_backward, or leave it 0."
            )
        if c.identity and c.x_channels != c.y_channels:
            raise ShapeError("The identity loss feeds y to G: x and y need the same number of channels.")
        self.adversarial = LOSSES[c.loss]

        def generator(inputs: int, outputs: int) -> nn.Module:
            return ResNetGenerator(
                inputs, outputs, base_channels=c.base_channels, blocks=c.blocks, downs=c.downs, upsample=c.upsample
            )

        def discriminator(channels: int) -> nn.Module:
            return PatchGAN(0, channels, base_channels=c.d_channels, layers=c.patch_layers, norm="instance")

        self.netG = generator(c.x_channels, c.y_channels) if netG is None else netG
        self.netF = generator(c.y_channels, c.x_channels) if netF is None else netF
        self.netD_y, self.netD_x = discriminator(c.y_channels), discriminator(c.x_channels)
        self.pools = {"fake_y": ImagePool(c.pool), "fake_x": ImagePool(c.pool)}
        self.to(memory_format=torch.channels_last)

    def get_pools(self) -> dict[str, ImagePool]:
        """Return the pools of earlier fakes by name."""
        return self.pools

    def configure_optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Return one Adam for both generators, and one for both discriminators."""
        betas = (self.config.beta1, 0.999)
        generators = itertools.chain(self.netG.parameters(), self.netF.parameters())
        discriminators = itertools.chain(self.netD_y.parameters(), self.netD_x.parameters())
        return {
            "G": adam(generators, lr=self.config.lr, betas=betas),
            "D": adam(discriminators, lr=self.config.d_lr, betas=betas),
        }

    def configure_schedules(self, optimizers: dict[str, Optimizer], total_steps: int) -> dict[str, LRScheduler]:
        """Return, for all players, a constant rate for half the steps and then a line to 0."""
        return {name: schedule(one, linear_decay(total_steps)) for name, one in optimizers.items()}

    def example_batch(self, batch_size: int, device: torch.device | str) -> Batch:
        """Return a random batch of the right channels: 32 x 32, or larger where G or D needs it."""
        c = self.config
        levels = max(getattr(net, "levels", 0) for net in (self.netG, self.netF))
        side = max(32, 2 * 2**c.downs, 4 * 2**c.patch_layers, 2**levels)
        x = torch.randn(batch_size, c.x_channels, side, side, device=device)
        y = torch.randn(batch_size, c.y_channels, side, side, device=device)
        return Batch(index=torch.arange(batch_size), x=x, y=y)

    def training_step(self, batch: Any) -> dict[str, Tensor]:
        """Take one step of both generators, then one of both discriminators; return the losses by term."""
        x, y, c = batch.x, batch.y, self.config
        # One pass of G takes x and, for the identity loss, y: instance norm keeps pictures apart, so this is exact.
        fake_y, same_y = _split(self.netG(torch.cat([x, y]) if c.identity else x), len(x))
        fake_x, same_x = _split(self.netF(torch.cat([y, x]) if c.identity else y), len(y))
        terms: dict[str, Tensor] = {}
        if c.lambda_forward:
            terms["forward"] = c.lambda_forward * mean_absolute_error(self.netF(fake_y), x)
        if c.lambda_backward:
            terms["backward"] = c.lambda_backward * mean_absolute_error(self.netG(fake_x), y)
        if same_y is not None and same_x is not None:
            terms["identity_y"] = c.identity * (c.lambda_backward or c.lambda_forward) * mean_absolute_error(same_y, y)
            terms["identity_x"] = c.identity * (c.lambda_forward or c.lambda_backward) * mean_absolute_error(same_x, x)
        if c.gan_weight:
            with frozen(self.netD_y, self.netD_x):  # the discriminators judge, and collect no gradient
                terms["g_y"] = c.gan_weight * self.adversarial.g_loss(self.netD_y(None, fake_y))
                terms["g_x"] = c.gan_weight * self.adversarial.g_loss(self.netD_x(None, fake_x))
        self.optimizer_step("G", torch.stack(list(terms.values())).sum())

        scalars = {name: term.detach() for name, term in terms.items()}
        if c.gan_weight:
            # The pools detach: what D learns from cannot reach G. The loss is halved, as in the paper.
            d_y = 0.5 * self._d_loss(self.netD_y, y, self.pools["fake_y"].query(fake_y))
            d_x = 0.5 * self._d_loss(self.netD_x, x, self.pools["fake_x"].query(fake_x))
            self.optimizer_step("D", d_y + d_x)
            scalars |= {"d_y": d_y.detach(), "d_x": d_x.detach()}
        return scalars

    def _d_loss(self, netD: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        """Judge real and fake pictures in one pass (again exact with instance norm), and return D's loss."""
        real_logits, fake_logits = netD(None, torch.cat([real, fake])).split([len(real), len(fake)])
        return self.adversarial.d_loss(real_logits, fake_logits)

    @torch.no_grad()
    def translate(self, x: Tensor, *, noise: bool = False) -> Tensor:
        """Return G(x) in [-1, 1] for x ``(N, C, H, W)`` in [-1, 1].

        Args:
            x: pictures of the one domain.
            noise: leave dropout on, which only a network that was given as ``netG`` may have; the authors' test script
                does so unless it is called with ``--eval``.
        """
        network = self.averaged("netG")
        with inference(network, dropout=noise):
            return network(x)

    @torch.no_grad()
    def translate_back(self, y: Tensor, *, noise: bool = False) -> Tensor:
        """Return F(y) in [-1, 1] for y ``(N, C, H, W)`` in [-1, 1]; ``noise`` as in ``translate``."""
        network = self.averaged("netF")
        with inference(network, dropout=noise):
            return network(y)


def _config_for(config: CycleGANConfig | None, netG: nn.Module | None, netF: nn.Module | None) -> CycleGANConfig:
    """Return the config, or the default of the channels of given networks, and check that these fit it."""
    channels = (config.x_channels, config.y_channels) if config else None
    for name, network, back in (("netG", netG, False), ("netF", netF, True)):
        if network is None:
            continue
        check_generator(name, network, (channels[1], channels[0]) if channels and back else channels)
        if has_batch_norm(network):
            raise ShapeError(
                f"{name} has batch norm, with which CycleGAN's pictures of x and y would change each other: "
                "give a network with instance norm, or translate with Pix2Pix(netG=network)."
            )
        found: Any = network
        channels = channels or (
            (found.out_channels, found.in_channels) if back else (found.in_channels, found.out_channels)
        )
    if config is None and channels:
        return CycleGANConfig(x_channels=channels[0], y_channels=channels[1])
    return config or CycleGANConfig()


def _split(both: Tensor, count: int) -> tuple[Tensor, Tensor | None]:
    """Return the first ``count`` rows, and the rest if there is one."""
    return both[:count], both[count:] if len(both) > count else None
