"""The prior over codes: its step against the formula, an exact distribution learned, and new grids in their order."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from course_lib.data.columns import ClassIds
from course_lib.data.rowsets import RowSet
from course_lib.errors import ShapeError
from course_lib.systems.pixelcnn import PixelCNN, PixelCNNConfig
from course_lib.training import fit, meta_step


def make(levels: int = 2, **changes: Any) -> PixelCNN:
    torch.manual_seed(0)
    small = {"codes": 5, "side": 3, "channels": 8, "blocks": 2, "context": 4, "levels": levels}
    return PixelCNN(PixelCNNConfig(**{**small, **changes}))


def some_codes(levels: int, rows: int = 4) -> list[torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    return [torch.randint(5, (rows, 3 * 2**level, 3 * 2**level), generator=draw) for level in range(levels)]


@pytest.mark.parametrize("levels", [1, 2])
def test_a_step_returns_the_mean_nats_of_a_code(levels: int) -> None:
    system, grids = make(levels, classes=3), some_codes(levels)
    labels = torch.tensor([0, 1, 2, 0])
    batch = system.example_batch(4, "cpu").with_columns(**dict(zip(system.names, grids, strict=True)), labels=labels)
    logits = [system.netT(grids[0], labels)]
    if levels == 2:
        logits.append(system.netB(grids[1], labels, system.netC(grids[0])))
    chances = [one.double().softmax(1).gather(1, grid[:, None])[:, 0] for one, grid in zip(logits, grids, strict=True)]
    nats = system.nats(grids, labels)
    said = system.training_step(batch)
    for name, chance in zip(system.names, chances, strict=True):
        assert said[name].item() == pytest.approx(-chance.log().mean().item(), rel=1e-5)
        assert torch.allclose(nats[name].double(), -chance.log().sum((1, 2)), rtol=1e-5)


def test_both_networks_learn_and_neither_from_the_others_loss() -> None:
    system = make()
    before = {name: p.clone() for name, p in system.named_parameters()}
    system.training_step(system.example_batch(4, "cpu"))
    assert {name.split(".")[0] for name, p in system.named_parameters() if not torch.equal(p, before[name])} == {
        "netT",
        "netB",
        "netC",
    }
    known = {id(p) for one in system.optimizers.values() for group in one.param_groups for p in group["params"]}
    assert known == {id(p) for p in system.parameters()}
    alone = make()
    grids = [torch.zeros(4, 3, 3, dtype=torch.int64), torch.zeros(4, 6, 6, dtype=torch.int64)]
    loss = alone._losses(grids, None)["bottom"].mean()
    assert torch.autograd.grad(loss, list(alone.netT.parameters()), allow_unused=True)[0] is None


@pytest.mark.parametrize("options", [{"levels": 1}, {}, {"classes": 3, "attention_every": 1}])
def test_step_makes_no_tensor_on_the_wrong_device(options: dict[str, Any]) -> None:
    system = make(**options)
    assert set(meta_step(system)) == set(system.names)


def test_a_known_distribution_of_pictures_is_learned() -> None:
    """All 512 black and white pictures of 3 x 3, more likely the more neighbours are alike: KL, and a sum of 1."""
    every = (torch.arange(512)[:, None] >> torch.arange(9) & 1).view(512, 3, 3)
    alike = (every[:, 1:] == every[:, :-1]).sum((1, 2)) + (every[..., 1:] == every[..., :-1]).sum((1, 2))
    truth = (0.6 * alike.double()).softmax(0)
    rows = torch.multinomial(truth, 2048, replacement=True, generator=torch.Generator().manual_seed(0))
    system = make(1, codes=2, channels=24, blocks=3, lr=5e-3)
    fit(
        system,
        RowSet("pictures", "train", {"codes": ClassIds(every[rows])}),
        steps=120,
        batch_size=128,
        progress=False,
        device="cpu",
        flip=False,
    )
    log_p = -system.nats((every,))["codes"].double()
    assert log_p.exp().sum().item() == pytest.approx(1.0, abs=1e-5)
    kl = (truth * (truth.log() - log_p)).sum().item()
    assert kl >= 0
    assert kl < 0.3 * (truth * (truth.log() + math.log(512))).sum().item()


@pytest.mark.parametrize("levels", [1, 2])
def test_new_grids(levels: int) -> None:
    system = make(levels, classes=3)
    labels = torch.tensor([2, 0])
    drawn = system.draw(labels=labels, generator=torch.Generator().manual_seed(1))
    assert [tuple(one.shape) for one in drawn] == [(2, 3 * 2**level, 3 * 2**level) for level in range(levels)]
    again = system.draw(labels=labels, generator=torch.Generator().manual_seed(1), cached=False)
    assert all(torch.equal(one, other) for one, other in zip(drawn, again, strict=True))
    assert system.training
    begun = [torch.full_like(one, -1) for one in drawn]
    begun[0][:, :2] = drawn[0][:, :2]
    kept = system.draw(labels=labels, begun=begun, generator=torch.Generator().manual_seed(5))
    assert torch.equal(kept[0][:, :2], drawn[0][:, :2])


def test_the_bottom_depends_on_the_whole_top() -> None:
    """Also on codes of the top that lie behind the position, which its own grid could not tell it."""
    system = make()
    top, bottom = some_codes(2)
    other = top.clone()
    other[:, -1, -1] = (other[:, -1, -1] + 1) % 5
    first, second = (system.netB(bottom, None, system.netC(one)) for one in (top, other))
    assert not torch.allclose(first[:, :, 2, 2], second[:, :, 2, 2])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: make().draw(), "say how many"),
        (lambda: make(classes=3).draw(2, torch.tensor([0])), "say how many, once"),
        (lambda: make().draw(2, begun=[torch.zeros(2, 3, 3, dtype=torch.int64)]), "a grid for each level"),
        (lambda: make().nats(some_codes(1)), "a grid for each level"),
        (lambda: make(levels=3), "give 1 or 2"),
        (lambda: make(classes=3).draw(2), "needs labels"),
    ],
)
def test_what_cannot_be(call: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        call()
