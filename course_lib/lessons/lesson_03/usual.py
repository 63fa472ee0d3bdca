"""The usual example of a variational autoencoder, as it is commonly written, to set beside the one of the course.

python -m course_lib.lessons.lesson_03.usual      measures both, three seeds of ten epochs, and keeps the result

It is right, and the same model. It differs in how pictures reach the network (one PIL image at a time), in the batch
(128 for 512), in how exactly matrices are multiplied (float32 for bfloat16), in the loss (a sum over the batch, from
probabilities and not from logits), in Adam (not fused) and in the rate (constant). ``factors`` changes one after the
other, so that each has its share of the difference in time.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import ToTensor

from course_lib import data
from course_lib.metrics import elbo_figures
from course_lib.runs.side_by_side import Comparison
from course_lib.systems.vae import VAE, VAEConfig
from course_lib.training import fit, seed_everything
from course_lib.training.exactness import float32_products

OURS = VAEConfig(lr=6e-3)
BATCH = 512  # of ours, with a rate to match; the usual example takes 128 and 1e-3
USUAL_BATCH = 128


class PILPictures(Dataset):
    """A map data set in torchvision's manner: item i is a PIL image, passed through ``ToTensor``, and its label.

    Args:
        images: ``(N, 1, 28, 28)`` uint8.
        labels: ``(N,)``.
    """

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.images, self.labels, self.transform = images, labels, ToTensor()

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Return one picture, ``(1, 28, 28)`` in [0, 1], and its label."""
        image = Image.fromarray(self.images[index, 0].numpy())
        return self.transform(image), int(self.labels[index])


class UsualVAE(nn.Module):
    """784, 400 and 20 units, and back; the output is a probability for each pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(784, 400)
        self.mu = nn.Linear(400, 20)
        self.logvar = nn.Linear(400, 20)
        self.back = nn.Linear(20, 400)
        self.out = nn.Linear(400, 784)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance, ``(N, 20)`` each, for pictures in [0, 1]."""
        h = F.relu(self.hidden(x.view(-1, 784)))
        return self.mu(h), self.logvar(h)

    def decode(self, z: Tensor) -> Tensor:
        """Return probabilities, ``(N, 784)``."""
        return torch.sigmoid(self.out(F.relu(self.back(z))))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the probabilities for one draw of z, and mean and log variance."""
        mu, logvar = self.encode(x)
        std = torch.exp(0.5 * logvar)
        return self.decode(mu + torch.randn_like(std) * std), mu, logvar


def usual_loss(output: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """Return the negative bound, summed over pixels, latents and the batch."""
    bce = F.binary_cross_entropy(output, x.view(-1, 784), reduction="sum")
    kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return bce + kld


def usual_loader(images: Tensor, labels: Tensor, batch_size: int = USUAL_BATCH) -> DataLoader:
    """Return the batches of the usual example."""
    return DataLoader(PILPictures(images, labels), batch_size=batch_size, shuffle=True)


def usual_epoch(model: UsualVAE, loader: DataLoader, optimizer: torch.optim.Optimizer) -> float:
    """Train for one epoch; return the mean negative bound of a picture in nats, as it was while training."""
    model.train()
    total, rows = 0.0, 0
    for x, _ in loader:
        total, rows = total + _usual_step(model, x, optimizer), rows + len(x)
    return total / rows


def _usual_step(model: UsualVAE, x: Tensor, optimizer: torch.optim.Optimizer) -> float:
    optimizer.zero_grad()
    output, mu, logvar = model(x)
    loss = usual_loss(output, x, mu, logvar)
    loss.backward()
    optimizer.step()
    return loss.item()


def plain_epoch(model: UsualVAE, images: Tensor, batch_size: int, optimizer: torch.optim.Optimizer) -> float:
    """Do what ``usual_epoch`` does without a loader: each batch is cut at once from one tensor of bytes.

    Args:
        model: trained in place.
        images: ``(N, 1, 28, 28)`` uint8.
        batch_size: rows of a step.
        optimizer: of the model.

    Returns:
        The mean negative bound of a picture in nats.
    """
    model.train()
    parts = torch.randperm(len(images)).split(batch_size)
    return sum(_usual_step(model, images[rows].float() / 255, optimizer) for rows in parts) / len(images)


def as_system(model: UsualVAE) -> VAE:
    """Return the course's VAE with the same weights, so that the same metrics apply."""
    system = VAE(VAEConfig())
    pairs = (
        (system.netE.get_submodule("body.1"), model.hidden),
        (system.netE.get_submodule("mu"), model.mu),
        (system.netE.get_submodule("logvar"), model.logvar),
        (system.netG.get_submodule("0"), model.back),
        (system.netG.get_submodule("2"), model.out),
    )
    for ours, usual in pairs:
        ours.load_state_dict(usual.state_dict())
    return system.eval()


def compare(epochs_usual: int = 2, epochs_ours: int = 2, seed: int = 0, rows: int | None = None) -> dict[str, Any]:
    """Train both on Fashion-MNIST, an epoch of the one and an epoch of the other in turn, and time them.

    In turn, because a machine that does other work slows both alike then. Ours leaves out the last, smaller batch of
    an epoch, and the time of looking whether it is the other's turn counts as ours.

    Args:
        epochs_usual: of the usual example.
        epochs_ours: of ``VAE(OURS)`` by ``fit``.
        seed: of weights, order and noise.
        rows: take the first so many pictures only.

    Returns:
        ``usual seconds`` and ``our seconds`` (one number an epoch), ``ratio`` (of the medians: how many times faster
        ours is), and what was trained, ``usual`` and ``ours``, as a VAE each.
    """
    pictures = data.fashion_mnist("train+validation")[slice(rows)]
    assert pictures.labels is not None
    seed_everything(seed)
    model, system = UsualVAE(), VAE(OURS).start_at_mean(pictures.images)
    loader = usual_loader(pictures.images, pictures.labels)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    usual_seconds: list[float] = []
    our_seconds: list[float] = []
    steps_an_epoch = pictures.num_batches(BATCH, drop_last=True)
    started = time.perf_counter()

    def usual_turn() -> None:
        before = time.perf_counter()
        usual_epoch(model, loader, optimizer)
        usual_seconds.append(time.perf_counter() - before)

    def after_step(_: Any, step: int) -> None:
        nonlocal started
        if step % steps_an_epoch == 0:
            our_seconds.append(time.perf_counter() - started)
            if len(usual_seconds) < epochs_usual:
                usual_turn()
            started = time.perf_counter()

    fit(
        system, pictures, epochs=epochs_ours, batch_size=BATCH, seed=seed, flip=False, matmul="medium",
        device="cpu", progress=False, on_step=after_step,
    )  # fmt: skip
    while len(usual_seconds) < epochs_usual:
        usual_turn()
    return {
        "usual seconds": usual_seconds,
        "our seconds": our_seconds,
        "ratio": statistics.median(usual_seconds) / statistics.median(our_seconds),
        "usual": as_system(model),
        "ours": system,
    }


def factors(rows: int = 20 * 1024, turns: int = 7) -> dict[str, Any]:
    """Time the ways from the usual example to ours, each of which changes one thing, in turns.

    Args:
        rows: pictures that each way trains on in a turn; a multiple of both batch sizes.
        turns: of each.

    Returns:
        ``pictures a second``, by way, the median over the turns; ``rows`` and ``turns``.
    """
    pictures = data.fashion_mnist("train+validation")[:rows]
    assert pictures.labels is not None
    seed_everything(0)
    loader = usual_loader(pictures.images, pictures.labels)

    def usual() -> Callable[[], float]:
        model, optimizer = _usual_pair()
        return lambda: _seconds(lambda: usual_epoch(model, loader, optimizer))

    def plain(batch_size: int, matmul: str) -> Callable[[], float]:
        model, optimizer = _usual_pair()

        def turn() -> float:
            with float32_products(matmul):
                return _seconds(lambda: plain_epoch(model, pictures.images, batch_size, optimizer))

        return turn

    def ours(batch_size: int, matmul: str) -> Callable[[], float]:
        system = VAE(OURS).start_at_mean(pictures.images)

        def turn() -> float:
            history = fit(
                system, pictures, epochs=1, batch_size=batch_size, flip=False, matmul=matmul, device="cpu",
                progress=False,
            )  # fmt: skip
            first, last = history.seconds[0], history.seconds[-1]  # fit's own beginning is not a step's
            return (last - first) * len(history) / (len(history) - 1)

        return turn

    ways = {
        "usual example": usual(),
        "no loader: batches cut from one tensor of bytes": plain(USUAL_BATCH, "highest"),
        "and batches of 512": plain(BATCH, "highest"),
        "and products in bfloat16": plain(BATCH, "medium"),
        "ours: fit(), the same batch and products": ours(BATCH, "medium"),
        "ours, but batches of 128 and float32": ours(USUAL_BATCH, "highest"),
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(turns + 1):
        for name, way in ways.items():
            seconds = way()
            if turn:  # the first warms up
                taken[name].append(seconds)
    found = {name: round(rows / statistics.median(seconds)) for name, seconds in taken.items()}
    return {"pictures a second": found, "rows": rows, "turns": turns}


def _usual_pair() -> tuple[UsualVAE, torch.optim.Optimizer]:
    model = UsualVAE()
    return model, torch.optim.Adam(model.parameters(), lr=1e-3)


def _seconds(action: Callable[[], Any]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def over_seeds(epochs: int = 10, seeds: tuple[int, ...] = (0, 1, 2)) -> dict[str, Any]:
    """Compare both over some seeds on held-out pictures.

    Args:
        epochs: of both.
        seeds: of weights, order and noise.

    Returns:
        For ``"usual"`` and ``"ours"`` one number a seed: median ``seconds`` of an epoch, ``negative ELBO`` and ``KL``
        in nats on the test pictures; ``epochs``; and ``factors``, see there.
    """
    held_out = data.fashion_mnist("test").images
    found: dict[str, Any] = {who: {"seconds": [], "negative ELBO": [], "KL": []} for who in ("usual", "ours")}
    for seed in seeds:
        both = compare(epochs, epochs, seed)
        for who, seconds in (("usual", both["usual seconds"]), ("ours", both["our seconds"])):
            figures = elbo_figures(both[who], held_out)
            found[who]["seconds"].append(round(statistics.median(seconds), 3))
            found[who]["negative ELBO"].append(round(figures["negative ELBO"], 3))
            found[who]["KL"].append(round(figures["KL"], 3))
    found["epochs"] = epochs
    found["factors"] = factors()
    return found


COMPARISON = Comparison("course_lib.lessons.lesson_03.usual", over_seeds)

if __name__ == "__main__":
    print(json.dumps(COMPARISON.record(), indent=1))
