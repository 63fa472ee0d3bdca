"""A right call of each network; see ``test_arguments.py``."""

from __future__ import annotations

import torch
from rows_of_losses import first_layer, vgg_state
from spoilt import Row, rand

from course_lib.models import (
    conditional_vae,
    dcgan,
    mlp,
    norms,
    patchgan,
    pixelcnn,
    pixelcnn_sampling,
    quantizer,
    resnet_generator,
    srresnet,
    transform_net,
    unet,
    vae,
    vgg,
    vqvae,
)


def networks() -> dict[str, Row]:
    torch.manual_seed(0)
    image, maps = {"x": rand(2, 3, 16, 16)}, {"x": rand(2, 4, 8, 8)}
    none = {"*": {"empty"}}  # no picture, and none comes out
    meta = {"*": {"empty", "elsewhere"}}  # no weights, so that pictures may lie anywhere
    chosen = {"style": torch.tensor([0, 1])}
    styled = {"x": {"empty"}, "style": set[str]()}
    grey, codes = {"images": rand(2, 1, 28, 28)}, {"z": rand(2, 3)}
    labels = {"labels": torch.tensor([0, 3])}
    grid = {"codes": torch.randint(4, (2, 6, 6))}
    tiny = vqvae.QuantisedAutoencoder(4, 3, 1, channels=4, inside=2, blocks=1).eval()
    return {
        "models.mlp.MLP.forward": Row(mlp.MLP(6, 2).eval(), {"x": rand(4, 6)}, fine=none),
        "models.norms.InstanceNorm.forward": Row(norms.InstanceNorm(), maps, fine=meta),
        "models.norms.ConditionalInstanceNorm.forward": Row(
            norms.ConditionalInstanceNorm(4, 2), maps | chosen, fine=styled
        ),
        "models.norms.rows_of": Row(
            norms.rows_of, {"table": rand(2, 4), **chosen}, fine={"table": {"fewer axes"}, "style": {"empty"}}
        ),
        "models.norms.check_style": Row(
            norms.check_style, chosen, {"styles": 2, "rows": 2}, fine={"style": {"elsewhere"}}
        ),
        "models.patchgan.PatchGAN.forward": Row(
            patchgan.PatchGAN(1, 3, base_channels=4, layers=1).eval(),
            {"x": rand(2, 1, 16, 16), "y": rand(2, 3, 16, 16)},
        ),
        "models.resnet_generator.ReflectedResidualBlock.forward": Row(
            resnet_generator.ReflectedResidualBlock(4), maps, fine=none
        ),
        "models.resnet_generator.ResNetGenerator.forward": Row(
            resnet_generator.ResNetGenerator(base_channels=4, blocks=1), image, fine=none
        ),
        "models.srresnet.ResidualBlock.forward": Row(srresnet.ResidualBlock(4).eval(), maps, fine=none),
        "models.srresnet.SRResNet.forward": Row(srresnet.SRResNet(channels=4, blocks=1).eval(), image, fine=none),
        "models.transform_net.StyledConv.forward": Row(
            transform_net.StyledConv(4, 4, 3, styles=2), maps | chosen, fine=styled
        ),
        "models.transform_net.StyledResidualBlock.forward": Row(
            transform_net.StyledResidualBlock(4, styles=2), maps | chosen, fine=styled
        ),
        "models.transform_net.TransformNet.forward": Row(
            transform_net.TransformNet(4, 1, styles=2), image | chosen, fine=styled
        ),
        "models.transform_net.doubled": Row(
            transform_net.doubled,
            {"x": rand(2, 3, 4, 4)},
            {"size": (8, 7)},
            fine={"*": {"empty"}},
        ),
        "models.unet.DownBlock.forward": Row(unet.DownBlock(4, 4).eval(), maps, fine=none),
        "models.unet.UpBlock.forward": Row(unet.UpBlock(4, 4).eval(), maps, fine=none),
        "models.unet.UNet.forward": Row(unet.UNet(base_channels=4, levels=2).eval(), image, fine=none),
        "models.quantizer.VectorQuantizer.forward": Row(
            quantizer.VectorQuantizer(5, 4), {"z": rand(2, 4, 6, 6)}, fine=none
        ),
        "models.quantizer.VectorQuantizer.nearest": Row(
            quantizer.VectorQuantizer(5, 4).nearest, {"z": rand(2, 4, 6, 6)}, fine=none
        ),
        "models.quantizer.VectorQuantizer.look_up": Row(
            quantizer.VectorQuantizer(4, 3).look_up, grid, fine={"codes": {"empty"}}
        ),
        "models.quantizer.VectorQuantizer.update": Row(
            quantizer.VectorQuantizer(4, 3).update, grid | {"z": rand(2, 3, 6, 6)}
        ),
        "models.quantizer.VectorQuantizer.restart": Row(
            lambda z: quantizer.VectorQuantizer(4, 3).restart(z, 0.5), {"z": rand(2, 3, 6, 6)}
        ),
        "models.vqvae.ResidualStack.forward": Row(vqvae.ResidualStack(4, 2, 1), maps, fine=none),
        "models.vqvae.QuantisedAutoencoder.forward": Row(tiny, image, fine=none),
        "models.vqvae.QuantisedAutoencoder.encode": Row(tiny.encode, image, fine=none),
        "models.vqvae.QuantisedAutoencoder.decode": Row(
            lambda codes: tiny.decode([codes]), grid, fine={"codes": {"empty"}}
        ),
        "models.pixelcnn.MaskedConv2d.forward": Row(pixelcnn.MaskedConv2d(4, 2), maps, fine=none),
        "models.pixelcnn.PlainPixelCNN.forward": Row(pixelcnn.PlainPixelCNN(4, 4, 1).eval(), grid),
        "models.pixelcnn.GatedBlock.forward": Row(
            pixelcnn.GatedBlock(4), {"v": rand(2, 4, 8, 8), "h": rand(2, 4, 8, 8)}, fine=none
        ),
        "models.pixelcnn.CausalAttention.forward": Row(pixelcnn.CausalAttention(4, 64), {"h": rand(2, 4, 8, 8)}),
        "models.pixelcnn.GatedPixelCNN.forward": Row(
            pixelcnn.GatedPixelCNN(4, 4, 2, classes=5, context=3).eval(),
            grid | labels | {"context": rand(2, 3, 6, 6)},
        ),
        "models.pixelcnn.UpperLevel.forward": Row(pixelcnn.UpperLevel(4, 3).eval(), grid),
        "models.pixelcnn_sampling.draw_codes": Row(
            lambda u, labels, context: pixelcnn_sampling.draw_codes(
                pixelcnn.GatedPixelCNN(4, 4, 2, classes=5, context=3).eval(), u, labels, context
            ),
            {"u": torch.rand(2, 6, 6)} | labels | {"context": rand(2, 3, 6, 6)},
        ),
        "models.dcgan.DCGANGenerator.forward": Row(
            dcgan.DCGANGenerator(3, 8, 1, 2).eval(), {"z": rand(2, 3)}, fine=none
        ),
        "models.dcgan.DCGANDiscriminator.forward": Row(
            dcgan.DCGANDiscriminator(16, 3, 2).eval(), {"x": rand(2, 3, 16, 16)}, fine=none
        ),
        "models.dcgan.DCGANDiscriminator.features": Row(
            dcgan.DCGANDiscriminator(16, 3, 2).eval().features, {"x": rand(2, 3, 16, 16)}, fine=none
        ),
        "models.quantizer.perplexity": Row(quantizer.perplexity, {"counts": torch.tensor([3.0, 1.0, 0.0])}),
        "models.pixelcnn.check_codes": Row(lambda codes: pixelcnn.check_codes(torch.nn.Embedding(4, 2), codes), grid),
        "models.conditional_vae.ConditionalEncoder.forward": Row(
            conditional_vae.ConditionalEncoder(8, 3, 4), grey | labels, fine={"labels": {"whole"}}
        ),
        "models.conditional_vae.ConditionalDecoder.forward": Row(
            conditional_vae.ConditionalDecoder(8, 3, 4), codes | labels, fine={"labels": {"whole"}}
        ),
        "models.vae.DenseEncoder.forward": Row(vae.DenseEncoder(8, 3), grey, fine=none),
        "models.vae.DenseDecoder.forward": Row(vae.DenseDecoder(8, 3), codes, fine=none),
        "models.vae.ConvEncoder.forward": Row(vae.ConvEncoder(4, 3), grey, fine=none),
        "models.vae.ConvDecoder.forward": Row(vae.ConvDecoder(4, 3), codes, fine=none),
        "models.vgg.VGG16Features.forward": Row(
            lambda images: first_layer()(images), {"images": rand(4, 3, 12, 12).abs()}, fine=none
        ),
        "models.vgg.relative_error_per_layer": Row(
            lambda images: vgg.relative_error_per_layer(vgg_state(), vgg_state(), images, ("relu1_1",)),
            {"images": rand(4, 3, 12, 12).abs()},
        ),
    }
