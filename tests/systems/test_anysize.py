"""Pictures of any size: exact cuts, tiles without seams, and every wish that a system cannot meet in one sentence."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from course_lib.errors import ShapeError, TrainingError
from course_lib.models import norms
from course_lib.models.norms import ConditionalInstanceNorm, InstanceNorm, Statistics
from course_lib.models.resnet_generator import ResNetGenerator
from course_lib.models.srresnet import SRResNet
from course_lib.models.transform_net import TransformNet
from course_lib.models.unet import UNet
from course_lib.systems import anysize
from course_lib.systems.anysize import Spans, Takes, bytes_for, extended, fitted, translate_any, translated_bands
from course_lib.systems.base import System
from course_lib.systems.cyclegan import CycleGAN, CycleGANConfig
from course_lib.systems.gan import GAN
from course_lib.systems.pix2pix import Pix2Pix, Pix2PixConfig
from course_lib.systems.regression import Regression, RegressionConfig
from course_lib.systems.style_transfer import StyleTransfer, StyleTransferConfig

TITLES = ("Café Terrace at Night", "The Church at Auvers", "The Great Wave off Kanagawa")


def regression() -> System:
    return Regression(RegressionConfig(x_channels=3, base_channels=4, max_channels=8, levels=2))


def pix2pix(**changes: int) -> System:
    small = {"base_channels": 4, "max_channels": 8, "levels": 3, "d_channels": 4, "patch_layers": 1}
    return Pix2Pix(Pix2PixConfig(**(small | changes)))


def cyclegan() -> System:
    return CycleGAN(CycleGANConfig(base_channels=4, blocks=1, d_channels=4, patch_layers=1))


def enlarging() -> System:
    return Regression(RegressionConfig(x_channels=3), netG=SRResNet(channels=4, blocks=1, factor=2, skip=True))


def painting(titles: tuple[str, ...] = TITLES[:1]) -> System:
    return StyleTransfer(StyleTransferConfig(paintings=titles, base_channels=4, blocks=1))


SYSTEMS = {"regression": regression, "pix2pix": pix2pix, "cyclegan": cyclegan, "style": painting, "large": enlarging}


class Same(nn.Module):
    """Return what it is given."""

    in_channels = 3

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))  # says on which device the system is

    def forward(self, x: Tensor) -> Tensor:
        return x


def lively(system: System) -> System:
    """Give a system weights and running means with which its output varies."""
    generator = torch.Generator().manual_seed(3)
    for parameter in system.parameters():
        if parameter.dim() == 4:
            spread = (2 / parameter[0].numel()) ** 0.5
            parameter.data = torch.randn(parameter.shape, generator=generator) * spread
    for name, buffer in system.named_buffers():
        if name.endswith("running_mean"):
            buffer.copy_(0.2 * torch.randn(buffer.shape, generator=generator))
    return system.eval()


def picture(height: int, width: int, channels: int = 3) -> Tensor:
    """Return a picture whose left is another than its right: what a tile sees is not what the whole picture has."""
    noise = torch.rand(channels, height, width, generator=torch.Generator().manual_seed(7))
    return (noise * torch.linspace(0.2, 2, width)).clamp(0, 2) - 1


def whole_by(system: System) -> Callable[[Tensor], Tensor]:
    if isinstance(system, StyleTransfer):
        return system.stylise
    return lambda x: system.translate(x, **({"noise": False} if system.noisy else {}))  # type: ignore[operator]


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("size", [(1, 1), (3, 50), (17, 9), (24, 32)])
def test_every_size_comes_back_as_it_went_in(name: str, size: tuple[int, int]) -> None:
    system = lively(SYSTEMS[name]())
    output = translate_any(system, picture(*size))
    factor = 2 if name == "large" else 1
    assert output.shape == (3, factor * size[0], factor * size[1])
    assert torch.isfinite(output).all()
    assert output.abs().max() <= 1


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_size_that_fits_is_translated_as_ever(name: str) -> None:
    system = lively(SYSTEMS[name]())
    x = picture(24, 32)
    assert torch.equal(translate_any(system, x), whole_by(system)(x[None])[0])


@pytest.mark.parametrize(("name", "tile"), [("regression", 48), ("pix2pix", 96), ("large", 48)])
def test_tiles_are_exact_where_statistics_are_those_of_training(name: str, tile: int) -> None:
    system = lively(SYSTEMS[name]())
    x = picture(tile + 40, 2 * tile + 24)
    whole, passes = translate_any(system, x), []
    tiled = translate_any(system, x, tile=tile, progress=lambda done, total: passes.append((done, total)))
    assert passes[-1][0] == passes[-1][1] == len(passes) > 4
    torch.testing.assert_close(tiled, whole, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("name", "tile"), [("cyclegan", 160), ("style", 128)])
def test_tiles_share_the_statistics_of_the_whole_picture(name: str, tile: int) -> None:
    system = lively(SYSTEMS[name]())
    x = picture(tile + 40, tile + 72)
    whole, tiled = translate_any(system, x), translate_any(system, x, tile=tile)
    torch.testing.assert_close(tiled, whole, atol=1e-4, rtol=0)
    halves = torch.cat([translate_any(system, half.contiguous()) for half in x.chunk(2, dim=2)], dim=2)
    assert (halves - whole).abs().max() > 0.1  # each by its own statistics: that is what is avoided


@pytest.mark.parametrize("name", ["cyclegan", "style"])
def test_statistics_of_a_large_picture_are_estimated(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    system = lively(SYSTEMS[name]())
    x = picture(200, 264)
    whole = translate_any(system, x)
    run, network = anysize.translation_of(system)
    per_pixel = bytes_for(run, network, Takes.of(system, network), system.device)
    monkeypatch.setattr(anysize, "_SAMPLED", 64)
    monkeypatch.setattr(anysize, "_SMALL", 16)
    monkeypatch.setattr(anysize, "MEMORY", per_pixel * 160 * 160)  # half of the picture
    halves = torch.cat([translate_any(system, half.contiguous()) for half in x.chunk(2, dim=2)], dim=2)
    assert (translate_any(system, x) - whole).abs().mean() < (halves - whole).abs().mean() / 2


def test_statistics_are_not_needed_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    system = lively(cyclegan())
    before = translate_any(system, picture(40, 40))
    translate_any(system, picture(90, 90), tile=64)
    assert torch.equal(translate_any(system, picture(40, 40)), before)
    monkeypatch.setattr(anysize.Spans, "over", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        translate_any(system, picture(90, 90), tile=64)
    assert torch.equal(translate_any(system, picture(40, 40)), before)


@pytest.mark.parametrize("kind", ["instance", "conditional", "torch", "torch affine"])
def test_joint_statistics_are_those_of_the_pictures_side_by_side(kind: str) -> None:
    norm = {
        "instance": InstanceNorm(),
        "conditional": ConditionalInstanceNorm(3, 2),
        "torch": nn.InstanceNorm2d(3),
        "torch affine": nn.InstanceNorm2d(3, affine=True),
    }[kind]
    for parameter in norm.parameters():
        nn.init.normal_(parameter)
    style = (1,) if kind == "conditional" else ()
    parts = torch.randn(2, 3, 8, 5) * torch.tensor([1.0, 4.0]).view(2, 1, 1, 1)
    wide = norm(torch.cat(list(parts), dim=2)[None], *style)[0]
    with Statistics(norm) as statistics:
        statistics.take()
        together = norm(parts, *style)
        statistics.hold()
        alone = norm(parts[1:], *style)
    torch.testing.assert_close(torch.cat(list(together), dim=2), wide, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(alone[0], together[1])
    assert not torch.allclose(norm(parts, *style), together)


def test_norms_with_running_statistics_are_left_alone() -> None:
    assert not Statistics(nn.Sequential(nn.InstanceNorm2d(3, track_running_stats=True), nn.BatchNorm2d(3))).found
    assert not Statistics(None).found


def test_a_small_tile_is_blended_and_covers_all() -> None:
    """With a network that returns its input, tiles of any size must give the picture back."""
    system = Regression(RegressionConfig(), netG=Same())
    x = picture(101, 67)
    for tile in (1, 2, 5, 16, 33, 66, 100, 101):
        torch.testing.assert_close(translate_any(system, x, tile=tile), x, atol=1e-6, rtol=0)


def test_two_tiles_that_differ_meet_smoothly() -> None:
    """A network that paints each tile in a tone of its own: between neighbours no step is left."""
    tones = itertools.count()

    class Tones(Same):
        reach = 200

        def forward(self, x: Tensor) -> Tensor:
            return torch.full_like(x, (next(tones) % 2) * 1.0)

    system = Regression(RegressionConfig(), netG=Tones())
    output = translate_any(system, picture(64, 200), tile=64)
    steps = output.diff(dim=2).abs().amax()
    assert output.std() > 0.2
    assert steps < 0.06  # a ramp of 32 pixels, not an edge of 1


def test_bands_are_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    system = lively(enlarging())
    x = picture(90, 70)
    bands = list(translated_bands(system, x, tile=32))
    assert len(bands) > 3
    assert torch.equal(torch.cat(bands, dim=1), translate_any(system, x, tile=32))


def test_large_pictures_go_in_tiles_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    system = lively(regression())
    x = picture(100, 120)
    sides: list[int] = []
    system.netG.register_forward_hook(lambda _, inputs, __: sides.append(inputs[0].shape[-1]))
    translate_any(system, x)
    assert max(sides) == 120
    sides.clear()
    run, network = anysize.translation_of(system)
    per_pixel = bytes_for(run, network, Takes.of(system, network), system.device)
    monkeypatch.setattr(anysize, "_SMALL", 16)
    monkeypatch.setattr(anysize, "MEMORY", per_pixel * 80 * 80)
    sides.clear()
    tiled = translate_any(system, x)
    assert max(sides) == 80
    monkeypatch.undo()
    torch.testing.assert_close(tiled, translate_any(system, x), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("side", "seen"), [(3, 4), (4, 4), (5, 12), (8, 8), (21, 28), (24, 24)])
def test_a_large_picture_has_a_frame_for_what_the_zeros_beyond_do(side: int, seen: int) -> None:
    system = lively(regression())
    sides: list[int] = []
    system.netG.register_forward_hook(lambda _, inputs, __: sides.append(inputs[0].shape[-1]))
    translate_any(system, picture(side, side))
    assert sides == [seen]


def test_memory_grows_with_the_channels() -> None:
    def needed(base: int) -> float:
        net = ResNetGenerator(base_channels=base, blocks=1)
        takes = Takes.of(None, net)
        with torch.no_grad():
            return bytes_for(net, net, takes, torch.device("cpu"))

    assert needed(16) == pytest.approx(2 * needed(8), rel=0.05)
    assert needed(8) == pytest.approx(2 * 4 * 2 * 8, rel=0.3)  # twice four bytes of 8 channels in and 8 out


# What the networks say of themselves.

PLAIN: dict[str, Callable[[], nn.Module]] = {
    "unet": lambda: UNet(base_channels=2, levels=3, dropout=0.0),
    "unet resize": lambda: UNet(base_channels=2, levels=3, dropout=0.0, upsample="resize"),
    "unet bilinear": lambda: UNet(base_channels=2, levels=3, dropout=0.0, upsample="bilinear"),
    "resnet bilinear": lambda: ResNetGenerator(base_channels=2, blocks=2, downs=2, upsample="bilinear"),
    "resnet": lambda: ResNetGenerator(base_channels=2, blocks=2, downs=2, upsample="resize"),
    "resnet transposed": lambda: ResNetGenerator(base_channels=2, blocks=2, downs=1),
    "transform": lambda: TransformNet(2, 2),
    "transform bilinear": lambda: TransformNet(2, 2, upsample="bilinear"),
    "srresnet": lambda: SRResNet(channels=2, blocks=2, factor=2, skip=True),
}


@pytest.mark.parametrize("name", PLAIN)
def test_no_output_depends_on_what_lies_beyond_the_reach(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Norms taken away and all weights positive: what an input can reach, it does."""
    monkeypatch.setattr(norms.InstanceNorm, "forward", lambda self, x: x)
    monkeypatch.setattr(norms.ConditionalInstanceNorm, "forward", lambda self, x, style=0: x)
    net = PLAIN[name]().eval().double()
    for parameter in net.parameters():
        nn.init.uniform_(parameter, 0.01, 0.02)
    takes = Takes.of(None, net)
    farthest = 0
    for offset in range(takes.grid * takes.factor):
        x = torch.full((1, 3, 96, 96), 1e-3, dtype=torch.float64, requires_grad=True)
        place = 48 // takes.grid * takes.grid * takes.factor + offset
        (slope,) = torch.autograd.grad(net(x)[0, :, place, place].sum(), x)
        touched = slope.abs().sum((0, 1, 3)).nonzero().flatten()
        here = place // takes.factor
        farthest = max(farthest, here - int(touched[0]), int(touched[-1]) - here)
    assert takes.reach - 4 <= farthest <= takes.reach


def test_the_edge_goes_on() -> None:
    x = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    assert extended(x, (4, 5)).tolist() == [[[1, 1, 2, 2, 2], [1, 1, 2, 2, 2], [3, 3, 4, 4, 4], [3, 3, 4, 4, 4]]]
    assert extended(x, (2, 2)) is x


def test_colours_become_what_the_network_takes() -> None:
    red = torch.tensor([1.0, -1.0, -1.0]).view(3, 1, 1)
    assert fitted(red, 1).item() == pytest.approx(2 * 0.299 - 1)
    assert fitted(red[:1], 3).flatten().tolist() == [1, 1, 1]
    grey = lively(pix2pix(x_channels=1))
    x = picture(16, 16)
    assert torch.equal(translate_any(grey, x), translate_any(grey, fitted(x, 1)))
    with pytest.raises(ShapeError, match="has 4 channels and this network takes 3"):
        translate_any(lively(regression()), torch.zeros(4, 8, 8))


# Wishes.


def test_back_goes_the_other_way() -> None:
    system = lively(cyclegan())
    x = picture(20, 20)
    assert torch.equal(translate_any(system, x, back=True), system.translate_back(x[None])[0])


def test_styles_go_by_number_by_title_and_by_weights() -> None:
    system = lively(painting(TITLES))
    for row in system.netG.modules():
        if isinstance(row, ConditionalInstanceNorm):
            nn.init.normal_(row.weight)
    x = picture(16, 20)
    wave = system.stylise(x[None], 2)[0]
    for style in (2, "2", "wave", "GREAT WAVE", TITLES[2], torch.tensor([0.0, 0.0, 1.0])):
        torch.testing.assert_close(translate_any(system, x, style=style), wave)
    torch.testing.assert_close(translate_any(system, x, style="cafe"), system.stylise(x[None], 0)[0])


def test_noise_is_off_unless_asked_for() -> None:
    system = lively(pix2pix())
    x = picture(20, 20)
    quiet = translate_any(system, x)
    assert torch.equal(quiet, translate_any(system, x))
    draws = [translate_any(system, x, noise=True, generator=torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    assert not torch.equal(draws[0], quiet)


@pytest.mark.parametrize(
    ("system", "options", "sentence"),
    [
        (regression, {"back": True}, "Regression does not translate back: leave back out."),
        (GAN, {}, "GAN translates no pictures: call sample(n)."),
        (regression, {"style": "wave"}, "Regression has no styles: leave style out."),
        (regression, {"noise": True}, "Regression draws no noise: leave noise out."),
        (lambda: painting(TITLES), {}, f"This network paints in 3 styles: choose one of {'; '.join(TITLES)}."),
        (lambda: painting(TITLES), {"style": "wafe"}, "No style is called 'wafe': did you mean 'wave'?"),
        (lambda: painting(TITLES), {"style": "at"}, "Several styles are called 'at': choose one of"),
        (lambda: painting(TITLES), {"style": 3}, "There is no style 3: give a number from 0 to 2."),
        (painting, {"style": "wave"}, f"No style is called 'wave': the only one is {TITLES[0]}."),
    ],
)
def test_what_a_system_cannot_do(system: Callable[[], System], options: dict, sentence: str) -> None:
    with pytest.raises(TrainingError) as caught:
        translate_any(system(), picture(8, 8), **options)
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("x", "tile", "sentence"),
    [
        (torch.zeros(3, 8, 8, dtype=torch.uint8), None, r"is torch.uint8 \(3, 8, 8\): give floats \(C, H, W\)"),
        (torch.zeros(1, 3, 8, 8), None, r"\(1, 3, 8, 8\): give floats"),
        (torch.zeros(3, 0, 8), None, "give floats"),
        ("picture", None, "is str: give floats"),
        (torch.full((3, 8, 8), 2.0), None, r"outside \[-1, 1\]"),
        (torch.full((3, 8, 8), torch.nan), None, r"outside \[-1, 1\]"),
        (torch.zeros(3, 8, 8), 0, "tile is 0: give a whole number"),
        (torch.zeros(3, 8, 8), 6.5, "tile is 6.5"),
    ],
)
def test_what_is_no_picture(x: Tensor, tile: int | None, sentence: str) -> None:
    with pytest.raises(ShapeError, match=sentence):
        translate_any(regression(), x, tile=tile)


def test_spans_cover_a_length_in_order() -> None:
    takes = Takes(3, 4, 8, 1, 4, 21)
    for length in range(100, 400, 4):
        spans = Spans.over(length, 100, takes)
        assert spans.starts[0] == 0
        assert spans.starts[-1] + spans.side == length
        assert all(start % 4 == 0 for start in spans.starts)
        assert all(b - a <= spans.side - 2 * spans.border for a, b in itertools.pairwise(spans.starts))
