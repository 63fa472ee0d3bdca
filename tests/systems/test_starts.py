"""What two systems do at the start of a run: the decoder's mean picture, and the noise that D sees."""

import pytest
import torch

from course_lib.systems.gan import GAN, GANConfig
from course_lib.systems.vae import VAE, VAEConfig


@pytest.mark.parametrize(("config", "each"), [(VAEConfig(), True), (VAEConfig(architecture="conv", width=4), False)])
def test_a_silent_decoder_gives_the_mean_picture(config, each):
    images = torch.randint(20, 236, (50, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    images[..., :14] //= 4
    system = VAE(config).start_at_mean(images)
    last = [layer for layer in system.netG.children() if hasattr(layer, "weight")][-1]
    with torch.no_grad():
        last.weight.zero_()
    made = (system.decode(torch.randn(3, 20)) + 1) / 2
    mean = images.float().div(255).mean(0)
    wanted = mean if each else mean.mean()
    assert (made - wanted).abs().max() < 1e-5


def test_black_and_white_pixels_give_no_infinite_bias():
    images = torch.zeros(4, 1, 28, 28, dtype=torch.uint8)
    images[..., 14:] = 255
    made = (VAE().start_at_mean(images).decode(torch.zeros(1, 20)) + 1) / 2
    assert made.isfinite().all()


def test_noise_on_what_d_sees_falls_to_zero_over_the_run():
    torch.manual_seed(0)
    system = GAN(GANConfig(noise=0.5, d_hidden=()))
    with torch.no_grad():  # D's logit is the sum of a sample's two numbers, and so shows the noise as it is
        system.netD[0].weight.fill_(1.0)
        system.netD[0].bias.zero_()
    nothing = torch.zeros(20_000, 2)
    system.total_steps = 100
    for step, std in ((0, 0.5), (50, 0.25), (100, 0.0)):
        system.step = step
        seen = system.train().discriminate(nothing).detach()
        assert float(seen.std()) == pytest.approx(std * 2**0.5, rel=0.03, abs=1e-6)
        assert not system.eval().discriminate(nothing).any()
