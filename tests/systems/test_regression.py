"""Regression: it learns, it finds the mean or the median, and it refuses an unknown loss."""

import pytest
import torch
from torch import nn

from course_lib.data.containers import Batch
from course_lib.errors import ShapeError
from course_lib.losses.features import FeatureLoss
from course_lib.losses.reconstruction import distance_to_interval, mae_minimisers, mse_minimiser
from course_lib.models.vgg import VGG16Features
from course_lib.systems.regression import Regression, RegressionConfig
from course_lib.training import meta_step


class OnePicture(nn.Module):
    """A network that knows one picture and ignores its input: the constant of the lesson's theory."""

    def __init__(self):
        super().__init__()
        self.picture = nn.Parameter(torch.zeros(1, 3, 4, 4))

    def forward(self, x):
        return self.picture.expand(len(x), -1, -1, -1)


@pytest.mark.parametrize("loss", ["mse", "mae"])
def test_six_answers_to_one_input_lead_to_the_exact_minimiser(loss):
    generator = torch.Generator().manual_seed(0)
    answers = torch.rand(6, 3, 4, 4, generator=generator) * 2 - 1
    system = Regression(RegressionConfig(loss=loss, lr=0.02), netG=OnePicture())
    schedule = system.configure_schedules(system.optimizers, 600)["G"]
    batch = Batch(index=torch.arange(6), x=torch.zeros(6, 1, 4, 4), y=answers)
    for _ in range(600):
        system.training_step(batch)
        schedule.step()
    output = system.translate(torch.zeros(1, 1, 4, 4))[0]
    if loss == "mse":
        assert (output - mse_minimiser(answers)).abs().max() < 0.002
    else:
        low, high = mae_minimisers(answers)
        assert distance_to_interval(output, low, high).max() < 0.005
        assert (output - mse_minimiser(answers)).abs().max() > 0.05  # and that is not the mean


def test_a_few_steps_lower_the_loss():
    torch.manual_seed(0)
    system = Regression(RegressionConfig(base_channels=8, levels=3))
    batch = system.example_batch(8, "cpu")
    losses = [system.training_step(batch)["mse"].item() for _ in range(8)]
    assert losses[-1] < losses[0]


def test_step_makes_no_tensor_on_the_wrong_device():
    assert set(meta_step(Regression(RegressionConfig(base_channels=8, levels=3)))) == {"mse"}


def test_output_depends_on_no_noise_and_no_neighbour():
    torch.manual_seed(0)
    system = Regression(RegressionConfig(base_channels=8, levels=3))
    x = torch.randn(4, 1, 16, 16)
    together = system.translate(x)
    assert torch.equal(together, system.translate(x))
    assert torch.allclose(together[:1], system.translate(x[:1]), atol=1e-5)
    assert system.netG.training  # the mode is put back


def test_unknown_loss():
    with pytest.raises(ShapeError, match="choose one of mse, mae"):
        Regression(RegressionConfig(loss="huber"))


def test_the_perceptual_loss_compares_features_of_vgg():
    torch.manual_seed(0)
    system = Regression(RegressionConfig(loss="perceptual", content_layer="relu1_2"), netG=OnePicture())
    y = torch.rand(2, 3, 4, 4) * 2 - 1
    vgg = VGG16Features("relu1_2")
    expected = (vgg(torch.full((1, 3, 4, 4), 0.5))["relu1_2"] - vgg((y + 1) / 2)["relu1_2"]).square().mean()
    step = system.training_step(Batch(index=torch.arange(2), x=torch.zeros(2, 1, 4, 4), y=y))
    assert step["perceptual"].item() == pytest.approx(expected.item(), rel=1e-4)
    assert system.netG.picture.abs().max() > 0
    assert set(dict(system.named_parameters())) == {"netG.picture"}  # VGG learns nothing
    assert list(system.state_dict()) == ["netG.picture"]


def test_features_of_several_layers_and_a_little_l1():
    torch.manual_seed(0)
    config = RegressionConfig(loss="features", feature_layers=("relu1_1", "relu2_1"), lambda_l1=0.5)
    system = Regression(config, netG=OnePicture())
    x, y = torch.zeros(2, 1, 4, 4), torch.rand(2, 3, 4, 4) * 2 - 1
    grey = torch.zeros(2, 3, 4, 4)
    expected = FeatureLoss(("relu1_1", "relu2_1"))(grey, y)
    step = system.training_step(Batch(index=torch.arange(2), x=x, y=y))
    assert step["features"].item() == pytest.approx(expected.item(), rel=1e-4)
    assert step["l1"].item() == pytest.approx(0.5 * y.abs().mean().item(), rel=1e-4)
    assert list(system.state_dict()) == ["netG.picture"]


def test_far_beyond_white_vgg_is_not_asked():
    system = Regression(RegressionConfig(loss="perceptual", content_layer="relu1_1"), netG=OnePicture())
    with torch.no_grad():
        system.netG.picture.fill_(9.0)
    y = torch.zeros(1, 3, 4, 4)
    assert system.training_step(Batch(index=torch.arange(1), x=torch.zeros(1, 1, 4, 4), y=y))["perceptual"] > 0
