"""Encoders and decoders of the VAE: the usual example's size, shapes, and what is refused."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.errors import ShapeError
from course_lib.models.vae import ConvDecoder, ConvEncoder, DenseDecoder, DenseEncoder


def count(*networks):
    return sum(p.numel() for network in networks for p in network.parameters())


def test_the_usual_example_has_its_size():
    encoder = 784 * 400 + 400 + 2 * (400 * 20 + 20)
    decoder = 20 * 400 + 400 + 400 * 784 + 784
    assert count(DenseEncoder()) == encoder
    assert count(DenseDecoder()) == decoder
    assert encoder + decoder == 652_824


def test_the_convolutional_size():
    encoder = (9 * 32 + 32) + (9 * 32 * 64 + 64) + (9 * 64 * 96 + 96) + 2 * (96 * 16 * 20 + 20)
    decoder = (20 * 96 * 16 + 96 * 16) + (9 * 96 * 64 + 64) + (9 * 64 * 32 + 32) + (9 * 32 + 1)
    assert count(ConvEncoder()) == encoder
    assert count(ConvDecoder()) == decoder


@settings(max_examples=10, deadline=None)
@given(rows=st.integers(1, 3), width=st.integers(1, 6), latents=st.integers(1, 5), conv=st.booleans())
def test_shapes(rows, width, latents, conv):
    encoder = (ConvEncoder if conv else DenseEncoder)(width, latents)
    decoder = (ConvDecoder if conv else DenseDecoder)(width, latents)
    mu, logvar = encoder(torch.rand(rows, 1, 28, 28))
    assert mu.shape == logvar.shape == (rows, latents)
    assert not torch.equal(mu, logvar)
    assert decoder(mu).shape == (rows, 1, 28, 28)


@pytest.mark.parametrize("decoder", [DenseDecoder, ConvDecoder])
def test_a_decoder_returns_logits_not_chances(decoder):
    out = decoder(8, 4)(100 * torch.randn(16, 4))
    assert out.min() < 0
    assert out.abs().max() > 1


@pytest.mark.parametrize("encoder", [DenseEncoder, ConvEncoder])
@pytest.mark.parametrize("shape", [(2, 3, 28, 28), (2, 1, 32, 32), (2, 784), (1, 28, 28)])
def test_another_shape_is_refused(encoder, shape):
    with pytest.raises(ShapeError, match=r"takes grey pictures \(N, 1, 28, 28\)"):
        encoder(8, 4)(torch.zeros(shape))
