"""The perceptual loss as a whole: its targets, who gets a gradient, and how far VGG runs."""

import pytest
import torch

from course_lib.errors import DataError, ShapeError
from course_lib.losses.perceptual import (
    STYLE_LAYERS,
    PerceptualLoss,
    content_loss,
    gram_matrix,
    style_grams,
    style_loss,
    total_variation,
)
from course_lib.models.vgg import VGG16Features


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def pictures(rows=2, height=24, width=24, seed=0):
    return 2 * torch.rand(rows, 3, height, width, generator=torch.Generator().manual_seed(seed)) - 1


@pytest.fixture(scope="module")
def loss():
    """Return content and style on early layers, which is quick."""
    return PerceptualLoss("relu2_1", ("relu1_1", "relu2_2"), tv_weight=3.0, style=pictures(1, 20, 28, seed=9))


# The style targets.


def test_style_grams_are_those_of_the_features_without_graph():
    vgg = VGG16Features(("relu1_1", "relu2_1"))
    images = pictures(2).requires_grad_()
    grams = style_grams(vgg, images)
    seen = vgg((images.detach() + 1) / 2)  # [-1, 1] of the course is [0, 1] of VGG
    assert {layer: tuple(gram.shape) for layer, gram in grams.items()} == {
        "relu1_1": (2, 64, 64),
        "relu2_1": (2, 128, 128),
    }
    for layer, gram in grams.items():
        assert not gram.requires_grad
        assert torch.allclose(gram, gram_matrix(seen[layer]), rtol=1e-4, atol=1e-2)
    one = style_grams(vgg, images[1])["relu1_1"]
    assert torch.equal(one, grams["relu1_1"][1:])


def test_styles_may_differ_in_size():
    vgg = VGG16Features("relu1_1")
    grams = style_grams(vgg, [pictures(1)[0], pictures(1, 16, 40)[0]])["relu1_1"]
    assert grams.shape == (2, 64, 64)
    assert torch.equal(grams[1:], style_grams(vgg, pictures(1, 16, 40))["relu1_1"])


@pytest.mark.parametrize("style", [torch.zeros(3, 8), [torch.zeros(1, 3, 8, 8)], []])
def test_no_style_picture(style):
    with pytest.raises(ShapeError, match="A style is a picture"):
        style_grams(VGG16Features("relu1_1"), style)


# The whole loss.


def test_terms_are_the_formulas(loss):
    output, content = pictures(), pictures(seed=1)
    vgg = VGG16Features(("relu1_1", "relu2_1", "relu2_2"))
    seen, wanted, style = (vgg((one + 1) / 2) for one in (output, content, pictures(1, 20, 28, seed=9)))
    expected = {
        "content": (seen["relu2_1"] - wanted["relu2_1"]).square().mean(),
        "style": 1e-4
        * sum(
            (gram_matrix(seen[layer]) - gram_matrix(style[layer])).square().sum((1, 2)).mean()
            for layer in ("relu1_1", "relu2_2")
        ),
        "tv": 3.0 * total_variation(output),
    }
    terms = loss.terms(output, content=content)
    assert list(terms) == ["content", "style", "tv"]
    for name, term in terms.items():
        assert term.item() == pytest.approx(float(expected[name]), rel=1e-4), name
    assert loss(output, content).item() == pytest.approx(sum(float(one) for one in expected.values()), rel=1e-4)


def test_comparing_the_targets_with_each_other_has_no_gradient_and_is_zero(loss):
    """E3: with y_c = x the loss between input and content target is 0 and no weight is in its graph."""
    x = pictures()
    network = torch.nn.Conv2d(3, 3, 1)
    wrong = content_loss(loss.content_features(x), loss.content_features(x))
    assert wrong.item() == 0
    assert not wrong.requires_grad
    right = loss.terms(network(x).tanh(), content=x)["content"]
    assert right.item() > 0
    right.backward()
    assert network.weight.grad.abs().max() > 0


def test_only_the_output_gets_a_gradient(loss):
    output, content = pictures().requires_grad_(), pictures(seed=1).requires_grad_()
    loss(output, content).backward()
    assert output.grad.abs().max() > 0
    assert content.grad is None
    kept = loss.content_features(content)
    assert not kept.requires_grad
    assert not any(gram.requires_grad for gram in loss.grams.values())
    with_graph = content.clone().mean() * kept  # features that somebody computed with a graph are cut off too
    loss(pictures().requires_grad_(), content_features=with_graph).backward()
    assert content.grad is None


def test_gradient_of_all_terms_by_differences(loss):
    """In a random direction; VGG's are ReLUs, so steps are small and the network is asked in few places."""
    output, content = pictures(1), pictures(1, seed=1)
    direction = torch.randn(output.shape)
    for name in ("content", "style", "tv"):
        moved = output.clone().requires_grad_()
        (slope,) = torch.autograd.grad(loss.terms(moved, content)[name], moved)
        step = 1e-3
        up, down = (loss.terms(output + sign * step * direction, content)[name] for sign in (1, -1))
        assert ((up - down) / (2 * step)).item() == pytest.approx(float((slope * direction).sum()), rel=0.02), name


def test_kept_content_features_give_the_same_bits(loss):
    content = pictures(seed=1)
    kept = loss.content_features(content)
    results = []
    for options in ({"content": content}, {"content_features": kept}):
        output = pictures().requires_grad_()
        terms = loss.terms(output, **options)
        (slope,) = torch.autograd.grad(sum(terms.values()), output)
        results.append((terms, slope))
    (fresh, slope), (cached, slope_of_cached) = results
    assert all(torch.equal(fresh[name], cached[name]) for name in fresh)
    assert torch.equal(slope, slope_of_cached)


def test_vgg_runs_no_further_than_needed(monkeypatch):
    counted = []
    convolve = torch.nn.functional.conv2d
    monkeypatch.setattr("course_lib.models.vgg.F.conv2d", lambda *a, **k: counted.append(1) or convolve(*a, **k))

    def convolutions(call):
        counted.clear()
        call()
        return len(counted)

    x, style = pictures(1, 16, 16), pictures(1, 16, 16, seed=2)
    johnson = PerceptualLoss(style=style)
    features = johnson.content_features(x)
    assert convolutions(lambda: johnson.content_features(x)) == 4  # up to relu2_2
    assert convolutions(lambda: johnson.terms(x, content_features=features)) == 10  # up to relu4_3
    assert convolutions(lambda: johnson.terms(x, content=x)) == 14
    alone = PerceptualLoss()
    assert convolutions(lambda: alone.terms(x, content=x)) == 8
    assert alone.vgg is alone.content_vgg
    deep = PerceptualLoss("relu3_1", ("relu1_1", "relu2_1"), style=style)
    assert convolutions(lambda: deep.terms(x, content=x)) == 10
    texture = PerceptualLoss(style_layers=("relu1_2",), content_weight=0.0, style=style)
    assert convolutions(lambda: texture.terms(x)) == 2


@pytest.mark.parametrize("options", [{"style": None}, {"style": torch.zeros(3, 8, 8), "style_weight": 0.0}])
def test_without_a_style_it_is_the_content_alone(options):
    loss = PerceptualLoss("relu1_2", content_weight=2.0, **options)
    output, content = pictures(), pictures(seed=1)
    terms = loss.terms(output, content)
    assert list(terms) == ["content"]
    plain = PerceptualLoss("relu1_2").terms(output, content)
    assert terms["content"].item() == pytest.approx(2 * plain["content"].item())
    assert loss.grams == {}
    assert loss.vgg.layers == ("relu1_2",)
    assert loss.terms(content, content)["content"].item() == 0


def test_the_default_is_johnsons():
    loss = PerceptualLoss(style=pictures(1, 8, 8))
    assert loss.content_layer == "relu2_2"
    assert loss.style_layers == STYLE_LAYERS == ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
    assert loss.style_layer_weights == (1.0,) * 4


def test_nothing_learns_and_nothing_is_saved(loss):
    assert list(loss.parameters()) == []
    assert loss.state_dict() == {}
    before = [buffer.clone() for buffer in loss.buffers()]
    optimiser = torch.optim.SGD([output := torch.nn.Parameter(pictures())], 1e-6)
    loss(output, pictures(seed=1)).backward()
    optimiser.step()
    assert all(torch.equal(a, b) for a, b in zip(before, loss.buffers(), strict=True))


def test_weights_of_layers():
    style, output = pictures(1, seed=2), pictures()
    layers = ("relu1_1", "relu2_1")

    def term(weights):
        loss = PerceptualLoss(
            style_layers=layers, content_weight=0.0, style_weight=1.0, style=style, style_layer_weights=weights
        )
        return loss.terms(output)["style"].item()

    first, second = term((1, 0)), term((0, 1))
    assert first > 0 < second
    assert term((2, 0.5)) == pytest.approx(2 * first + 0.5 * second, rel=1e-5)
    assert term(None) == pytest.approx(first + second, rel=1e-5)


def test_each_picture_has_its_style():
    styles = pictures(3, seed=2)
    output = pictures(2)

    def build(style):
        return PerceptualLoss(style_layers=("relu1_2",), content_weight=0.0, style_weight=1.0, style=style)

    several = build(styles)
    alone = [[build(one).terms(row)["style"].item() for row in output.split(1)] for one in styles]

    def term(style):
        return several.terms(output, style_index=style)["style"].item()

    assert term(2) == pytest.approx(sum(alone[2]) / 2, rel=1e-4)
    index = torch.tensor([2, 0])
    assert term(index) == pytest.approx((alone[2][0] + alone[0][1]) / 2, rel=1e-4)
    assert term(index.flip(0)) != pytest.approx(term(index), rel=1e-4)
    assert term(torch.eye(3)[index]) == term(index)
    grams = several.grams["relu1_2"]
    mixed = (0.5 * grams[0] + 0.5 * grams[2])[None]
    own = gram_matrix(VGG16Features("relu1_2")((output + 1) / 2)["relu1_2"])
    half = torch.tensor([[0.5, 0.0, 0.5]]).expand(2, 3)
    assert term(half) == pytest.approx(style_loss(own, mixed).item(), rel=1e-4)


@pytest.mark.parametrize("index", [None, 3, -1, True, torch.tensor([0]), torch.tensor([0, 3]), torch.ones(2, 2)])
def test_a_style_that_is_not_there(index):
    loss = PerceptualLoss(style_layers=("relu1_1",), content_weight=0.0, style=pictures(3, 8, 8))
    with pytest.raises(ShapeError, match="give a number from 0 to 2"):
        loss.terms(pictures(), style_index=index)


def test_on_the_meta_device():
    loss = PerceptualLoss(style=pictures(2, 16, 16), tv_weight=1.0).to("meta")
    output = torch.empty(2, 3, 32, 32, device="meta", requires_grad=True)
    terms = loss.terms(output, content=torch.empty(2, 3, 32, 32, device="meta"), style_index=1)
    assert all(term.shape == () and term.device.type == "meta" for term in terms.values())


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"content_weight": 0.0}, ShapeError, "neither content nor style"),
        ({"content_layer": "conv2_2"}, DataError, "no layer 'conv2_2'"),
        ({"style_layers": ("relu9_9",), "style": torch.zeros(3, 8, 8)}, DataError, "no layer 'relu9_9'"),
        ({"style": torch.zeros(3, 8, 8), "style_layer_weights": (1, 1)}, ShapeError, "give one a layer"),
        ({"style": 127 * torch.ones(3, 8, 8)}, ShapeError, r"takes pictures in \[0, 1\]"),
    ],
)
def test_what_cannot_be_built_is_refused(options, error, words):
    with pytest.raises(error, match=words):
        PerceptualLoss(**options)


def test_what_cannot_be_judged_is_refused(loss):
    x = pictures()
    for options in ({}, {"content": x, "content_features": loss.content_features(x)}):
        with pytest.raises(ShapeError, match="give exactly one of them"):
            loss.terms(x, **options)
    with pytest.raises(ShapeError, match="crop or resize"):
        loss.terms(x, content=pictures(2, 25, 24))  # after pooling the features would have the same size
    texture = PerceptualLoss(style_layers=("relu1_1",), content_weight=0.0, style=x)
    with pytest.raises(ShapeError, match="no content term"):
        texture.content_features(x)


def test_balanced_layers_count_alike_for_each_painting():
    style, output = pictures(2, 20, 28, seed=9), pictures(2)
    style[1] *= 0.3  # another norm
    loss = PerceptualLoss(
        content_weight=0.0,
        style_layers=("relu1_1", "relu2_2"),
        style_weight=2.0,
        style=style,
        balanced=True,
        style_layer_weights=(1.0, 3.0),
    )
    vgg = VGG16Features(("relu1_1", "relu2_2"))
    seen, wanted = vgg((output + 1) / 2), vgg((style + 1) / 2)
    expected = 0.0
    for layer, share in (("relu1_1", 0.25), ("relu2_2", 0.75)):
        gram, target = gram_matrix(seen[layer]), gram_matrix(wanted[layer]).flip(0)
        apart = (gram - target).square().sum((1, 2)) / target.square().sum((1, 2))
        expected += 2.0 * share * apart.mean()
    terms = loss.terms(output, style_index=torch.tensor([1, 0]))
    assert terms["style"].item() == pytest.approx(float(expected), rel=1e-4)
    plain = PerceptualLoss(content_weight=0.0, style_layers=loss.style_layers, style_weight=2.0, style=style)
    assert plain.terms(output, style_index=torch.tensor([1, 0]))["style"].item() > 100 * float(expected)


def test_half_precision_turns_the_gradient_little_and_keeps_grams_exact():
    style, output, content = pictures(1, 20, 28, seed=9), pictures().requires_grad_(), pictures(seed=1)
    exact, half = (PerceptualLoss(style=style, balanced=True, content_weight=4e-6, half=half) for half in (False, True))
    slopes = [torch.autograd.grad(loss(output, content), output)[0] for loss in (exact, half)]
    assert torch.cosine_similarity(slopes[0].flatten(), slopes[1].flatten(), dim=0) > 0.98
    assert not torch.equal(*slopes)
    assert all(torch.equal(half.grams[layer], exact.grams[layer]) for layer in STYLE_LAYERS)
    assert half.content_features(content).dtype == torch.float32
