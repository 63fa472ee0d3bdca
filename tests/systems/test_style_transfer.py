"""Fast style transfer: a step against its formula, who learns, several paintings, any size, resume."""

import copy
from dataclasses import replace
from functools import lru_cache

import pytest
import torch

from course_lib.data.bundled.paintings import paintings
from course_lib.data.containers import Batch, ImageSet, PairedSet
from course_lib.data.crops import photo_crops
from course_lib.errors import DataError, ShapeError
from course_lib.losses.perceptual import content_loss, gram_matrix, total_variation
from course_lib.models.vgg import VGG16Features
from course_lib.systems import style_transfer
from course_lib.systems.anysize import translate_any
from course_lib.systems.style_transfer import StyleTransfer, StyleTransferConfig
from course_lib.training import fit, meta_step

TITLES = ("Café Terrace at Night", "The Great Wave off Kanagawa", "The Harvest")
SMALL = StyleTransferConfig(
    style_side=24,
    base_channels=2,
    blocks=1,
    content_layer="relu2_1",
    style_layers=("relu1_1", "relu2_1"),
    content_weight=1.0,
    style_weight=1e-4,
    tv_weight=5.0,
    balanced=False,
    style_ramp=0.0,
)


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module", autouse=True)
def _read_once():
    """Every judge reads the paintings anew, which takes longer than these tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("course_lib.systems.style_transfer.paintings", lru_cache(paintings))
        yield


def make(**changes):
    torch.manual_seed(0)
    return StyleTransfer(replace(SMALL, **changes))


def pictures(rows=2, height=16, width=16):
    x = 2 * torch.rand(rows, 3, height, width, generator=torch.Generator().manual_seed(1)) - 1
    return Batch(index=torch.arange(rows), images=x)


def values_of(network):
    return [p.detach().clone() for p in network.parameters()]


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_step_is_what_the_formula_says():
    """With plain gradient descent in Adam's place, so that the size of the gradient shows."""
    rate, batch = 1e-8, pictures()
    system = make()
    network = copy.deepcopy(system.netG)
    system._optimizers = {"G": torch.optim.SGD(system.netG.parameters(), rate)}
    vgg = VGG16Features(("relu1_1", "relu2_1"))
    output = network(batch.images)
    seen, wanted = vgg((output + 1) / 2), vgg((batch.images + 1) / 2)
    style = [
        (gram_matrix(seen[layer]) - system.judge.grams[layer]).square().sum((1, 2)).mean()
        for layer in ("relu1_1", "relu2_1")
    ]
    terms = {
        "content": content_loss(seen["relu2_1"], wanted["relu2_1"]),
        "style": 1e-4 * sum(style),
        "tv": 5.0 * total_variation(output),
    }
    slopes = torch.autograd.grad(sum(terms.values()), list(network.parameters()))
    expected = [p.detach() - rate * slope for p, slope in zip(network.parameters(), slopes, strict=True)]
    before = values_of(system.netG)
    scalars = system.training_step(batch)
    assert {name: value.item() for name, value in scalars.items()} == pytest.approx(
        {name: float(term.detach()) for name, term in terms.items()}, rel=1e-4
    )
    moved = [(new - old).abs().max() for new, old in zip(values_of(system.netG), before, strict=True)]
    assert all(move > 0 for move in moved)
    for new, wanted_value, move in zip(values_of(system.netG), expected, moved, strict=True):
        assert (new - wanted_value).abs().max() < 0.05 * move + 1e-7


def test_the_network_learns_and_nothing_else():
    system, batch = make(), pictures()
    buffers = [buffer.clone() for buffer in system.judge.buffers()]
    before, x = values_of(system.netG), batch.images.clone()
    system.training_step(batch)
    assert not any(torch.equal(a, b) for a, b in zip(values_of(system.netG), before, strict=True))
    assert same(list(system.judge.buffers()), buffers)
    assert torch.equal(batch.images, x)
    assert list(system.judge.parameters()) == []
    own = {id(p) for p in system.netG.parameters()}
    assert {id(p) for group in system.optimizers["G"].param_groups for p in group["params"]} == own
    assert all(name.startswith("netG.") for name in system.state_dict())


def test_the_style_is_the_painting_at_its_size():
    system = make(style_side=32)
    whole = paintings()
    painting = whole.images[whole.names.index(TITLES[0])]
    assert painting.shape == (3, 492, 393)
    smaller = torch.nn.functional.interpolate(painting[None].float(), (40, 32), mode="bicubic", antialias=True)
    vgg = VGG16Features(("relu1_1", "relu2_1"))
    for layer, features in vgg(smaller.round().clamp(0, 255) / 255).items():
        expected = gram_matrix(features)
        assert (system.judge.grams[layer] - expected).norm() < 1e-4 * expected.norm()
    larger = make(style_side=64).judge.grams["relu2_1"]
    assert (larger - system.judge.grams["relu2_1"]).norm() > 0.05 * larger.norm()


def test_content_of_pairs_is_their_x():
    x = pictures().images
    one, other = make(), make()
    first = one.training_step(Batch(index=torch.arange(2), images=x))
    second = other.training_step(Batch(index=torch.arange(2), x=x, y=-x))
    assert {name: value.item() for name, value in first.items()} == {n: value.item() for n, value in second.items()}


@pytest.mark.parametrize(
    ("changes", "terms"),
    [
        ({}, {"content", "style", "tv"}),
        ({"tv_weight": 0.0}, {"content", "style"}),
        ({"content_weight": 0.0}, {"style", "tv"}),
        ({"style_weight": 0.0}, {"content", "tv"}),
        ({"paintings": TITLES}, {"content", "style", "tv"}),
    ],
)
def test_weights_of_0_switch_terms_off_and_no_device_is_mixed(changes, terms):
    system = make(**changes)
    assert set(meta_step(system)) == terms
    assert set(system.training_step(system.example_batch(2, "cpu"))) == terms


def test_the_paper_s_network_takes_a_step_on_the_meta_device():
    with torch.device("meta"):
        network = StyleTransfer().netG
    assert sum(p.numel() for p in network.parameters()) == 1_677_635
    c = StyleTransferConfig()
    assert (c.content_layer, c.style_layers) == ("relu2_2", ("relu1_2", "relu2_2", "relu3_3", "relu4_3"))
    assert (c.base_channels, c.blocks, c.lr) == (32, 5, 1e-3)


def test_several_paintings_are_drawn_at_random_for_each_picture(monkeypatch):
    system, drawn = make(paintings=TITLES), []
    judge = system.judge
    original = judge.terms

    def spy(output, content, style_index):
        drawn.append(style_index.clone())
        expected = system.netG(content, style_index)
        assert torch.allclose(output, expected, atol=1e-5)  # the network and the judge are told the same
        return original(output, content=content, style_index=style_index)

    monkeypatch.setattr(judge, "terms", spy)
    before = values_of(system.netG)
    for _ in range(12):
        system.training_step(pictures(rows=3))
    together = torch.stack(drawn)
    assert together.shape == (12, 3)
    assert [set(column.tolist()) for column in together.T] == [{0, 1, 2}] * 3
    assert (together != together[:, :1]).any()  # not one for the whole batch
    assert not same(values_of(system.netG), before)


def test_grams_are_in_the_order_of_the_config():
    several = make(paintings=TITLES).judge.grams["relu1_1"]
    for place, title in enumerate(TITLES):
        assert torch.equal(several[place : place + 1], make(paintings=(title,)).judge.grams["relu1_1"])
    assert not torch.allclose(several[0], several[1], rtol=0.1)


def test_the_judge_is_made_when_it_is_needed():
    system = make()
    system.stylise(pictures().images)
    assert all(judge._made is None for judge in system._judges.values())
    assert system.optimizers
    assert system.judge is system._judges[False]._made
    assert system._judges[True]._made is None


def test_training_may_use_half_precision_and_measuring_does_not(monkeypatch):
    monkeypatch.setattr(style_transfer, "computes_in_bfloat16", lambda device: True)  # whatever this processor has
    system = make(half_judge=True)
    assert system.optimizers
    assert system._judges[False]._made is None
    assert system._judges[True]._made.vgg.mean.dtype == torch.bfloat16
    assert system.judge.vgg.mean.dtype == torch.float32
    exact, rounded = make().training_step(pictures()), system.training_step(pictures())
    assert rounded["content"].dtype == torch.float32
    for name in ("content", "style"):
        assert rounded[name].item() == pytest.approx(exact[name].item(), rel=0.03)
        assert rounded[name].item() != exact[name].item()


def test_the_style_rises_over_the_first_steps():
    system, batch = make(style_ramp=0.5, lr=1e-9), pictures()
    crops = ImageSet("x", "train", ((batch.images + 1) * 127.5).byte())
    history = fit(system, crops, steps=8, batch_size=2, seed=0, flip=False, progress=False)
    style, content = history["style"], history["content"]
    full = style[-1]
    assert style == pytest.approx([full * share for share in (0.25, 0.5, 0.75, 1, 1, 1, 1, 1)], rel=1e-2)
    assert content == pytest.approx([content[0]] * 8, rel=1e-2)
    assert make(style_ramp=0.5).style_factor == 1.0  # a step by hand knows no end, and takes the whole weight


@pytest.mark.parametrize("changes", [{"style_weight": 0.0}, {"content_weight": 0.0}, {}])
def test_losses_fall_on_eight_photographs(changes):
    batch = next(photo_crops("validation", size=24, count=8).batches(8, shuffle=False))
    system = make(base_channels=4, lr=2e-3, tv_weight=0.0, **changes)
    history = [sum(term.item() for term in system.training_step(batch).values()) for _ in range(30)]
    assert sum(history[-3:]) < 0.6 * sum(history[:3])


def test_the_rate_falls_along_a_cosine_to_zero():
    system, rates = make(), []
    schedules = system.configure_schedules(system.optimizers, 10)
    for _ in range(10):
        rates.append(system.optimizers["G"].param_groups[0]["lr"])
        system.optimizers["G"].step(), schedules["G"].step()
    assert rates[0] == pytest.approx(1e-3)
    assert rates[5] == pytest.approx(5e-4)
    assert system.optimizers["G"].param_groups[0]["lr"] == pytest.approx(0, abs=1e-9)


# Inference.


@pytest.mark.parametrize("size", [(97, 131), (16, 16), (5, 9)])
def test_stylise_takes_any_size_and_each_picture_alone(size):
    system = make(paintings=TITLES)
    x = pictures(3, *size).images
    made = system.stylise(x, 2)
    assert made.shape == x.shape
    assert made.abs().max() <= 1
    assert not made.requires_grad
    assert torch.allclose(made, torch.cat([system.stylise(row, 2) for row in x.split(1)]), atol=1e-4)


def test_stylise_goes_by_the_style_and_uses_the_average():
    system, x = make(paintings=TITLES), pictures().images
    with torch.no_grad():
        for name, value in system.netG.named_parameters():
            if name.endswith("norm.weight"):
                value.copy_(1 + 0.3 * torch.randn(value.shape))
    made = [system.stylise(x, place) for place in range(3)]
    assert not torch.allclose(made[0], made[1], atol=1e-3)
    assert torch.allclose(system.stylise(x, torch.tensor([2, 0])), torch.stack([made[2][0], made[0][1]]), atol=1e-5)
    assert torch.equal(system.stylise(x), made[0])
    assert all(module.training for module in system.netG.modules())
    average = copy.deepcopy(system.netG)
    with torch.no_grad():
        average.last[-1].weight.zero_(), average.last[-1].bias.fill_(0.5)
    system.averages["netG"] = average
    assert torch.allclose(system.stylise(x), 1.2 * torch.full_like(x, 0.5).tanh())


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"paintings": ("The Harvst",)}, DataError, "did you mean 'The Harvest'"),
        ({"paintings": ()}, DataError, "give one or more"),
        ({"paintings": "The Harvest"}, DataError, "a tuple of titles"),
        ({"blocks": 0}, ShapeError, "blocks is 0"),
    ],
)
def test_what_cannot_be_is_refused(changes, error, words):
    with pytest.raises(error, match=words):
        make(**changes)


@pytest.mark.parametrize("changes", [{"content_layer": "conv1"}, {"style_side": 0}])
def test_what_the_judge_cannot_be(changes):
    with pytest.raises((DataError, ShapeError), match=r"no layer 'conv1'|style_side of StyleTransferConfig is 0"):
        _ = make(**changes).judge


# With fit.


def few(rows=7):
    generator = torch.Generator().manual_seed(1)
    return ImageSet("few", "train", torch.randint(0, 256, (rows, 3, 12, 12), generator=generator, dtype=torch.uint8))


@pytest.mark.parametrize("dataset", [few(), PairedSet("pairs", "train", x=few().images, y=few().images)])
def test_fit_takes_pictures_and_pairs(dataset):
    system = make()
    history = fit(system, dataset, steps=2, batch_size=2, progress=False, device="cpu")
    assert history.names == ["content", "style", "tv"]
    assert set(system.averages) == set()


def test_half_precision_trains():
    system = make()
    history = fit(system, few(), steps=3, batch_size=2, progress=False, device="cpu", precision="bf16-mixed")
    assert len(history) == 3


@pytest.mark.parametrize("changes", [{}, {"paintings": TITLES}])
@pytest.mark.parametrize("stop_at", [1, 5])
def test_resumed_run_has_the_same_bits(same_bits_after_resume, stop_at, changes):
    settings = {"batch_size": 2, "ema_decay": 0.9}
    held = same_bits_after_resume(lambda: make_unseeded(**changes), few(), steps=7, stop_at=stop_at, **settings)
    assert any(path.endswith("netG.first.norm.weight") for path in held)
    assert not any("gram" in path for path in held)


def make_unseeded(**changes):
    return StyleTransfer(replace(SMALL, **changes))


def test_grain_is_the_same_for_each_picture_and_at_each_call():
    system = StyleTransfer(replace(SMALL, grain=0.3)).eval()
    x = pictures(2).images
    made = system.stylise(x)
    assert torch.equal(system.stylise(x), made)
    torch.testing.assert_close(torch.cat([system.stylise(one) for one in x.split(1)]), made, atol=1e-5, rtol=0)
    assert not torch.allclose(system.stylise(x, grain=False), made, atol=1e-3)
    torch.testing.assert_close(system.stylise(system.grained(x), grain=False), made, atol=1e-5, rtol=0)
    added = system.grained(torch.zeros(1, 3, 64, 64))
    assert abs(added.std().item() - 0.3) < 0.01


def test_the_content_of_a_step_is_the_photograph_without_grain(monkeypatch):
    system = StyleTransfer(replace(SMALL, grain=0.3)).train()
    seen, wanted = [], []
    network, terms = system.netG.forward, system.judge.terms
    monkeypatch.setattr(system.netG, "forward", lambda x, style: seen.append(x) or network(x, style))
    monkeypatch.setattr(
        type(system.judge), "terms", lambda self, y, **options: wanted.append(options["content"]) or terms(y, **options)
    )
    batch = pictures()
    system.training_step(batch)
    system.training_step(batch)
    assert all(torch.equal(one, batch.images) for one in wanted)
    assert not any(torch.equal(one, batch.images) for one in seen)
    assert not torch.equal(*seen)  # drawn anew at each step


def test_tiles_see_the_grain_of_the_whole():
    system = StyleTransfer(replace(SMALL, grain=0.3)).eval()
    x = pictures(1, 96, 200).images[0]
    whole, tiled = (translate_any(system, x, tile=tile) for tile in (None, 96))
    assert (whole - tiled).abs().mean() < 0.1 * (whole - system.stylise(x[None], grain=False)[0]).abs().mean()
