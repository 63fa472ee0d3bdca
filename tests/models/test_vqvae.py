"""Vector quantisation against values by hand: the nearest code, two gradients, the moving average as k-means."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.errors import ShapeError
from course_lib.models.quantizer import VectorQuantizer
from course_lib.models.vqvae import QuantisedAutoencoder


def a_map(rows: int = 3, dim: int = 4, side: int = 5, seed: int = 0) -> Tensor:
    return torch.randn(rows, dim, side, side, generator=torch.Generator().manual_seed(seed))


def lines(z: Tensor) -> Tensor:
    return z.permute(0, 2, 3, 1).flatten(0, 2)


def codebook(codes: int = 6, dim: int = 4, decay: float | None = 0.99) -> VectorQuantizer:
    torch.manual_seed(1)
    made = VectorQuantizer(codes, dim, decay)
    with torch.no_grad():
        made.weight.normal_()
        if decay is not None:
            made.sums.copy_(made.weight)
    return made


def small(levels: int = 2, **options: Any) -> QuantisedAutoencoder:
    torch.manual_seed(0)
    return QuantisedAutoencoder(8, 4, levels, **{"channels": 8, "inside": 4, "blocks": 1, **options})


def test_the_nearest_code_is_the_nearest() -> None:
    z, quantizer = a_map(), codebook()
    brute = torch.cdist(lines(z).double(), quantizer.weight.double()).argmin(1).view(3, 5, 5)
    assert torch.equal(quantizer.nearest(z), brute)
    found = quantizer(z)
    assert torch.equal(found.codes, brute)
    assert torch.allclose(lines(found.z_q), quantizer.weight[brute.flatten()], atol=1e-6)
    assert torch.equal(quantizer.look_up(brute), quantizer.weight[brute].permute(0, 3, 1, 2))


def test_it_is_chosen_in_float32_in_mixed_precision() -> None:
    """Two codes that bfloat16 takes for one."""
    quantizer = VectorQuantizer(2, 1)
    quantizer.weight.copy_(torch.tensor([[1.0], [1.001]]))
    z = torch.tensor([1.0, 1.001]).view(1, 1, 1, 2)
    with torch.autocast("cpu", torch.bfloat16):
        assert quantizer.nearest(z).flatten().tolist() == [0, 1]


def test_the_gradient_goes_straight_through_and_the_true_one_is_zero() -> None:
    quantizer, z = codebook(), a_map().requires_grad_()
    target = a_map(seed=3)
    found = quantizer(z)
    F.mse_loss(found.z_q, target).backward()
    assert torch.allclose(z.grad, 2 * (found.z_q.detach() - target) / target.numel(), atol=1e-7)
    with torch.no_grad():  # the loss does not change at all when z moves a little
        moved = F.mse_loss(quantizer.look_up(quantizer.nearest(z + 1e-4 * torch.sign(z.grad))), target)
        assert moved == F.mse_loss(quantizer.look_up(found.codes), target)


def test_each_term_moves_one_side_alone() -> None:
    quantizer, z = codebook(decay=None), a_map().requires_grad_()
    found = quantizer(z)
    assert found.commitment == found.codebook == (z - found.z_q).square().mean()
    of_z, of_codes = torch.autograd.grad(found.commitment, (z, quantizer.weight), allow_unused=True)
    assert of_codes is None
    assert torch.allclose(of_z, 2 * (z - found.z_q).detach() / z.numel(), atol=1e-7)
    found = quantizer(z)
    of_z, of_codes = torch.autograd.grad(found.codebook, (z, quantizer.weight), allow_unused=True)
    assert of_z is None
    flat, vectors = found.codes.flatten(), lines(z.detach())
    for code in range(6):
        mine = vectors[flat == code]
        wanted = 2 * (quantizer.weight[code] - mine).sum(0) / z.numel()
        assert torch.allclose(of_codes[code], wanted, atol=1e-6)


def test_a_moving_average_without_memory_is_one_step_of_k_means() -> None:
    quantizer, z = codebook(decay=0.0), a_map(rows=8)
    centres, vectors = quantizer.weight.clone(), lines(z)
    for _ in range(4):
        choice = torch.cdist(vectors, centres).argmin(1)
        centres = torch.stack(
            [vectors[choice == k].mean(0) if (choice == k).any() else centres[k] for k in range(len(centres))]
        )
        quantizer.update(z, quantizer.nearest(z))
        assert torch.allclose(quantizer.weight, centres, atol=1e-5)


def test_the_moving_average_by_hand() -> None:
    """Two codes in one dimension, decay 1/2; each began as if chosen once. Three vectors choose the first one."""
    quantizer = VectorQuantizer(2, 1, 0.5)
    quantizer.weight.copy_(torch.tensor([[0.0], [10.0]]))
    quantizer.sums.copy_(quantizer.weight)
    z = torch.tensor([1.0, 2.0, 3.0]).view(1, 1, 1, 3)
    quantizer.update(z, torch.zeros(1, 1, 3, dtype=torch.int64))
    assert quantizer.counts.tolist() == [0.5 * 1 + 0.5 * 3, 0.5]
    assert quantizer.weight.flatten().tolist() == [0.5 * 6 / 2, 10.0]


def test_a_code_that_nobody_chooses_stays_where_it_is() -> None:
    quantizer = VectorQuantizer(2, 1, 0.9)
    quantizer.weight.copy_(torch.tensor([[0.0], [10.0]]))
    quantizer.sums.copy_(quantizer.weight)
    z = torch.ones(1, 1, 2, 2)
    for _ in range(2000):  # its count falls below what a float holds
        quantizer.update(z, quantizer.nearest(z))
    assert quantizer.weight[1].item() == pytest.approx(10.0, rel=1e-4)
    assert quantizer.weight[0].item() == pytest.approx(1.0, rel=1e-4)


def test_dead_codes_are_put_onto_vectors() -> None:
    quantizer, z = codebook(), a_map()
    quantizer.counts.copy_(torch.tensor([5.0, 0.01, 5.0, 0.0, 5.0, 5.0]))
    before = quantizer.weight.clone()
    assert quantizer.restart(z, 0.5, torch.Generator().manual_seed(0)) == 2
    kept = [0, 2, 4, 5]
    assert torch.equal(quantizer.weight[kept], before[kept])
    assert (quantizer.weight[[1, 3]][:, None] == lines(z)).all(2).any(1).all()  # each is one of the vectors
    assert torch.equal(quantizer.sums[[1, 3]], quantizer.weight[[1, 3]])
    assert quantizer.counts[[1, 3]].tolist() == [1.0, 1.0]
    assert quantizer.restart(z, 0.5) == 0


def test_codes_by_gradient_are_weights_and_by_average_are_not() -> None:
    assert [name for name, _ in codebook(decay=None).named_parameters()] == ["weight"]
    assert list(codebook().parameters()) == []
    assert "weight" in codebook().state_dict()
    with pytest.raises(ShapeError, match="learn by gradient"):
        codebook(decay=None).update(a_map(), torch.zeros(3, 5, 5, dtype=torch.int64))
    with pytest.raises(ShapeError, match="nobody counts them"):
        codebook(decay=None).restart(a_map(), 1.0)


@pytest.mark.parametrize("levels", [1, 2])
def test_codes_are_all_that_a_picture_leaves(levels: int) -> None:
    """Decoding the codes gives the reconstruction; the top comes first; the sizes are those of the paper's halvings."""
    network, x = small(levels).eval(), torch.rand(2, 3, 32, 16) * 2 - 1
    with torch.no_grad():
        y, found = network(x)
        codes = network.encode(x)
        assert y.shape == x.shape
        assert [tuple(grid.shape) for grid in codes] == [(2, 4, 2), (2, 8, 4)][2 - levels :]
        assert all(torch.equal(one.codes, grid) for one, grid in zip(found, codes, strict=True))
        assert torch.allclose(network.decode(codes), y, atol=1e-5)
        assert len(network.quantizers) == levels


def test_the_bottom_knows_the_top() -> None:
    network, x = small(), torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        before = network._quantise(x)[1].z
        network.top.weight.mul_(50)
        after = network._quantise(x)[1].z
    assert not torch.allclose(before, after)


def test_every_weight_hears_the_loss() -> None:
    network, x = small(decay=None), torch.rand(2, 3, 16, 16)
    y, found = network(x)
    (F.mse_loss(y, x) + sum(one.codebook + 0.25 * one.commitment for one in found)).backward()
    silent = [name for name, weight in network.named_parameters() if weight.grad is None]
    assert silent == []


def test_weights_of_the_papers_encoder() -> None:
    """128 channels, 2 residual blocks of 32: the bottom's encoder, layer by layer."""
    network = QuantisedAutoencoder()
    wanted = (3 * 64 * 16 + 64) + (64 * 128 * 16 + 128) + (128 * 128 * 9 + 128)
    wanted += 2 * ((128 * 32 * 9 + 32) + (32 * 128 + 128))
    assert sum(weight.numel() for weight in network.encode_bottom.parameters()) == wanted
    assert isinstance(network.encode_bottom[0], nn.Conv2d)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: small()(torch.rand(1, 3, 12, 16)), "multiples of 8"),
        (lambda: small(1)(torch.rand(1, 1, 16, 16)), "give 3 channels"),
        (lambda: small().decode([torch.zeros(1, 2, 2, dtype=torch.int64)]), "a tuple of 2"),
        (lambda: small().decode([torch.zeros(1, 2, 2, dtype=torch.int64)] * 2), "twice the size"),
        (lambda: small(1).decode([torch.full((1, 2, 2), 8)]), "between 0 and 7"),
        (lambda: QuantisedAutoencoder(levels=3), "give 1 or 2"),
        (lambda: VectorQuantizer(4, 2, 1.0), "no code would ever move"),
        (lambda: codebook()(torch.zeros(1, 3, 2, 2)), "they must be as many"),
    ],
)
def test_a_mistake_is_named(call: Any, sentence: str) -> None:
    with pytest.raises(ShapeError, match=sentence):
        call()
