"""The PatchGAN: parameters, and the receptive field by formula and by the gradient at the input."""

import pytest
import torch

from course_lib.errors import ShapeError
from course_lib.models.norms import InstanceNorm
from course_lib.models.patchgan import PATCH_LAYERS, PatchGAN, receptive_field


def test_the_70_pixel_network_has_the_papers_size():
    convolutions = 6 * 64 * 16 + 64 + 64 * 128 * 16 + 128 * 256 * 16 + 256 * 512 * 16 + 512 * 16 + 1
    norms = 2 * (128 + 256 + 512)
    assert sum(p.numel() for p in PatchGAN().parameters()) == convolutions + norms == 2_768_705


@pytest.mark.parametrize(("layers", "side"), [(0, 1), (1, 16), (2, 34), (3, 70), (4, 142), (5, 286)])
def test_receptive_field_by_formula(layers, side):
    assert receptive_field(PatchGAN(layers=layers, base_channels=2)) == side


@pytest.mark.parametrize(("layers", "side"), [(0, 1), (1, 16), (2, 34), (3, 70)])
def test_receptive_field_by_input_gradient(layers, side):
    """The logit in the middle has a gradient in a square of exactly that side, and nowhere else."""
    # eval mode: in train mode batch norm's statistics tie every pixel to every logit
    network = PatchGAN(3, 3, layers=layers, base_channels=4).double().eval()
    x = torch.randn(1, 3, 128, 128, dtype=torch.float64)
    y = torch.randn(1, 3, 128, 128, dtype=torch.float64, requires_grad=True)
    logits = network(x, y)
    row, column = logits.shape[2] // 2, logits.shape[3] // 2
    logits[0, 0, row, column].backward()
    seen = y.grad.abs().sum(dim=(0, 1)) > 0
    rows, columns = seen.any(dim=1).nonzero().flatten(), seen.any(dim=0).nonzero().flatten()
    assert rows[-1] - rows[0] + 1 == columns[-1] - columns[0] + 1 == side
    assert seen[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].float().mean() > 0.99


def test_no_sigmoid_at_the_end():
    network = PatchGAN(1, 3, base_channels=4, layers=2).eval()
    with torch.no_grad():
        network.body[-1].bias.fill_(-30)
        logits = network(torch.randn(2, 1, 64, 64), torch.randn(2, 3, 64, 64))
    assert logits.shape == (2, 1, 14, 14)
    assert logits.max() < -20


def test_unconditional_takes_no_condition():
    assert PatchGAN(0, 3, base_channels=4, layers=1)(None, torch.zeros(2, 3, 32, 32)).shape[0] == 2


@pytest.mark.parametrize(
    ("x", "y"), [(None, (2, 3, 32, 32)), ((1, 1, 32, 32), (2, 3, 32, 32)), ((2, 1, 16, 16), (2, 3, 32, 32))]
)
def test_a_pair_that_does_not_fit_is_refused(x, y):
    with pytest.raises(ShapeError, match="same number and size"):
        PatchGAN(1, 3, base_channels=4, layers=1)(None if x is None else torch.zeros(x), torch.zeros(y))


def test_wrong_channels_are_refused():
    with pytest.raises(ShapeError, match=r"takes 1 \+ 3 channels"):
        PatchGAN(1, 3, base_channels=4, layers=1)(torch.zeros(1, 2, 32, 32), torch.zeros(1, 3, 32, 32))


def test_spectral_norm_bounds_every_convolution():
    torch.manual_seed(0)
    network = PatchGAN(1, 3, base_channels=4, layers=2, norm="spectral")
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())
    x, y = torch.randn(2, 1, 32, 32), torch.randn(2, 3, 32, 32)
    for _ in range(30):  # each call in train mode takes one step of the power iteration
        network(x, y)
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            largest = torch.linalg.matrix_norm(module.weight.flatten(1), ord=2)
            assert largest.item() == pytest.approx(1.0, abs=0.02)


def test_the_table_of_patches_agrees_with_the_networks():
    assert {side: receptive_field(PatchGAN(layers=n, base_channels=2)) for side, n in PATCH_LAYERS.items()} == {
        side: side for side in (1, 16, 34, 70, 142, 286)
    }


def test_instance_norm_has_no_parameters_and_its_convolutions_have_biases():
    """CycleGAN's: 3 channels, four biases for the six scales and shifts."""
    network = PatchGAN(0, 3, norm="instance")
    convolutions = 3 * 64 * 16 + 64 * 128 * 16 + 128 * 256 * 16 + 256 * 512 * 16 + 512 * 16
    biases = 64 + 128 + 256 + 512 + 1
    assert sum(p.numel() for p in network.parameters()) == convolutions + biases == 2_764_737
    kinds = [type(layer) for layer in network.body]
    assert kinds.count(InstanceNorm) == 3
    assert kinds[1] is torch.nn.LeakyReLU  # the first block is not normalised
    assert kinds[-1] is torch.nn.Conv2d


def test_with_instance_norm_real_and_fake_can_be_judged_in_one_pass():
    one, other = torch.randn(3, 3, 32, 32), 2 * torch.randn(3, 3, 32, 32)
    together = {}
    for norm in ("instance", "batch"):
        torch.manual_seed(0)
        network = PatchGAN(0, 3, base_channels=4, layers=2, norm=norm)
        apart = torch.cat([network(None, one), network(None, other)])
        together[norm] = (network(None, torch.cat([one, other])) - apart).abs().max().item()
    assert together["instance"] < 1e-5
    assert together["batch"] > 1e-3


@pytest.mark.parametrize(("layers", "side"), [(1, 6), (2, 12), (3, 24), (5, 96)])
def test_the_smallest_picture_has_one_logit(layers, side):
    network = PatchGAN(0, 3, base_channels=2, layers=layers, norm="instance")
    assert network(None, torch.randn(1, 3, side, side)).shape == (1, 1, 1, 1)
    with pytest.raises(ShapeError, match=f"at least {side} x {side}, not .* fewer layers"):
        network(None, torch.randn(1, 3, side, side - 1))


def test_an_unknown_norm_is_refused():
    with pytest.raises(ShapeError, match="'layer': choose one of batch, instance, spectral"):
        PatchGAN(norm="layer")
