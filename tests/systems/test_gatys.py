"""Style transfer by optimisation: the pixels move and nothing else, in range, alike for a seed, and Ctrl-C keeps it."""

import math
import os
import signal

import numpy as np
import pytest
import torch

from course_lib.errors import DataError, ShapeError, TrainingError
from course_lib.losses.perceptual import PerceptualLoss, gram_matrix, style_loss
from course_lib.models.vgg import VGG16Features
from course_lib.systems.gatys import paint, reconstruct_features, reconstruct_style

BOTH = pytest.mark.parametrize("optimiser", ["lbfgs", "adam"])


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def smooth(height, width, seed, rows=1):
    """Return colours that change slowly, in [-1, 1]."""
    noise = torch.rand(rows, 3, 5, 5, generator=torch.Generator().manual_seed(seed))
    return 2 * torch.nn.functional.interpolate(noise, (height, width), mode="bilinear") - 1


CONTENT = smooth(20, 28, seed=0)


def judge(**options):
    return PerceptualLoss("relu2_1", ("relu1_1", "relu2_1"), style=smooth(24, 24, seed=1, rows=2)[0], **options)


@BOTH
@pytest.mark.parametrize("start", ["content", "noise"])
def test_the_loss_falls_and_the_picture_is_that_of_the_least_loss(optimiser, start):
    loss = judge(tv_weight=10.0)
    painted = paint(CONTENT, loss, 25, optimiser, start)
    history = painted.history
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert painted.picture.shape == CONTENT.shape
    assert not painted.picture.requires_grad
    assert loss(painted.picture, CONTENT).item() == pytest.approx(min(history["loss"]), rel=1e-5)
    terms = [history[name] for name in ("content", "style", "tv")]
    assert [sum(one) for one in zip(*terms, strict=True)] == pytest.approx(history["loss"], rel=1e-5)
    assert (history["content"][0] == 0) == (start == "content")
    assert len(history) == 25
    assert history.seconds == sorted(history.seconds)
    assert history.stopped is None


@BOTH
def test_only_the_pixels_move(optimiser):
    """E6: not VGG, not the Gram matrices, not the content, and there is no weight that could."""
    loss, content = judge(), CONTENT.clone().requires_grad_()
    before = [buffer.clone() for buffer in loss.buffers()]
    painted = paint(content, loss, 4, optimiser)
    assert (painted.picture - CONTENT).abs().max() > 0.01
    assert torch.equal(content.detach(), CONTENT)
    assert content.grad is None
    assert all(torch.equal(a, b) for a, b in zip(before, loss.buffers(), strict=True))
    assert not any(buffer.requires_grad or buffer.grad is not None for buffer in loss.buffers())


@BOTH
@pytest.mark.parametrize("start", ["content", "noise"])
def test_every_picture_looked_at_is_in_range(optimiser, start):
    seen = []
    painted = paint(
        1.005 * CONTENT / CONTENT.abs().max(),
        judge(),
        15,
        optimiser,
        start,
        callback=lambda step, one: seen.append(one.clone()),
        lr=0.5,
    )
    assert all(one.abs().max() <= 1 for one in [*seen, painted.picture])
    assert max(one.abs().max() for one in seen[1:]) == 1  # the range was in the way
    assert len(seen) == 15


def test_the_best_picture_is_kept_and_not_the_last():
    seen = []
    painted = paint(CONTENT, judge(), 6, "adam", callback=lambda step, one: seen.append(one.clone()), lr=1.0)
    losses = painted.history["loss"]
    best = losses.index(min(losses))
    assert best < 5  # the rate is far too high
    assert torch.equal(painted.picture, seen[best])
    assert not torch.equal(painted.picture, seen[-1])


def test_the_first_step_of_adam_goes_down_the_gradient_of_each_pixel():
    """Adam's first step is lr times the sign; with the gradient in another memory order it is another pixel's sign."""
    loss, seen = judge(), []
    paint(0.5 * CONTENT, loss, 2, "adam", callback=lambda step, one: seen.append(one.clone()), lr=0.01)
    start = (0.5 * CONTENT).requires_grad_()
    (slope,) = torch.autograd.grad(loss(start, 0.5 * CONTENT), start)
    assert torch.equal(seen[0], start.detach())
    assert torch.allclose(seen[1], start.detach() - 0.01 * slope.sign(), atol=1e-5)


def test_lbfgs_needs_fewer_looks_than_gradient_descent_on_a_bowl():
    """On a quadratic in 3 H W unknowns with a wide spread of curvatures, where the least loss is known to be 0."""

    class Bowl(PerceptualLoss):
        def terms(self, output, content=None, content_features=None, style_index=None):
            curvature = torch.linspace(0, 4, output.numel()).exp().view_as(output)
            return {"content": (curvature * (output - 0.5 * CONTENT).square()).sum()}

    bowl = Bowl("relu1_1")
    found = {name: paint(CONTENT, bowl, 30, name, "noise", lr=0.05) for name in ("lbfgs", "adam")}
    assert found["lbfgs"].history["loss"][-1] < 1e-4 * found["lbfgs"].history["loss"][0]
    assert found["lbfgs"].history["loss"][-1] < 0.1 * found["adam"].history["loss"][-1]
    assert (found["lbfgs"].picture - 0.5 * CONTENT).abs().max() < 0.05


def test_at_the_best_picture_lbfgs_ends():
    painted = paint(CONTENT, PerceptualLoss("relu1_1"), 30)  # content alone, from the content: the loss is 0
    assert torch.equal(painted.picture, CONTENT)
    assert 1 <= len(painted.history) <= 3
    assert painted.history["loss"][0] == 0


@BOTH
def test_same_seed_same_picture_and_no_other_random_state(optimiser):
    torch.manual_seed(5)
    state = torch.get_rng_state()
    one, again, other = (paint(CONTENT, judge(), 4, optimiser, "noise", seed).picture for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(one, again)
    assert not torch.allclose(one, other, atol=0.1)


def test_noise_is_uniform_over_the_range():
    seen = []
    paint(
        torch.zeros(1, 3, 40, 40), PerceptualLoss("relu1_1"), 1, start="noise", callback=lambda _, one: seen.append(one)
    )
    noise = seen[0].flatten()
    assert noise.mean() == pytest.approx(0, abs=0.03)
    assert noise.std() == pytest.approx(1 / math.sqrt(3), abs=0.02)
    assert noise.abs().max() <= 1


# Stopping.


@BOTH
def test_ctrl_c_keeps_the_best_so_far(optimiser, capsys):
    kept = []

    def callback(step, picture):
        kept.append(picture.clone())
        if step == 6:
            os.kill(os.getpid(), signal.SIGINT)

    painted = paint(CONTENT, judge(), 50, optimiser, callback=callback)
    losses = painted.history["loss"]
    assert painted.history.interrupted
    assert 6 <= len(losses) <= 7
    assert torch.equal(painted.picture, kept[losses.index(min(losses))])
    assert "Stopped by Ctrl-C after step" in capsys.readouterr().out


def test_ctrl_c_before_the_first_look_gives_the_start(monkeypatch):
    loss = judge()

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(loss, "terms", stop)
    painted = paint(CONTENT, loss, 5)
    assert torch.equal(painted.picture, CONTENT)
    assert painted.history.interrupted
    assert len(painted.history) == 0


@BOTH
@pytest.mark.parametrize("steps", [1, 7])
def test_a_step_is_one_look(optimiser, steps, monkeypatch):
    loss, looks = judge(), []
    original = loss.terms
    monkeypatch.setattr(loss, "terms", lambda *a, **k: looks.append(1) or original(*a, **k))
    painted = paint(CONTENT, loss, steps, optimiser)
    assert len(looks) == len(painted.history) == steps


def test_content_features_are_computed_once(monkeypatch):
    loss, asked = judge(), []
    original = loss.content_features
    monkeypatch.setattr(loss, "content_features", lambda images: asked.append(1) or original(images))
    paint(CONTENT, loss, 5)
    assert len(asked) == 1


def test_a_loss_that_is_not_finite_stops():
    loss = judge(tv_weight=1.0)
    loss.tv_weight = math.nan  # no weight is given so, but a step may make one
    with pytest.raises(TrainingError, match="became nan at step 1"):
        paint(CONTENT, loss, 3)


def test_a_line_search_that_fails_begins_anew(monkeypatch):
    """A minimiser that gives up after each two looks is called again, as long as that helps."""
    import scipy.optimize

    calls = []

    def lazy(function, start, **_):
        calls.append(1)
        _, slope = function(start)
        function(np.clip(start - 0.01 * np.sign(slope), -1, 1))

    monkeypatch.setattr(scipy.optimize, "minimize", lazy)
    painted = paint(CONTENT, judge(), 9)
    assert len(painted.history) == 9
    assert len(calls) == 5
    assert painted.history["loss"][-1] < painted.history["loss"][0]
    calls.clear()
    monkeypatch.setattr(scipy.optimize, "minimize", lambda function, start, **_: calls.append(function(start)))
    painted = paint(CONTENT, judge(), 9)
    assert len(calls) == 2  # the second was in vain


def test_styles_by_number():
    styles = smooth(24, 24, seed=1, rows=2)
    loss = PerceptualLoss(style_layers=("relu1_1",), content_weight=0.0, style=styles)
    made = [paint(CONTENT, loss, 6, style_index=place).picture for place in (0, 1)]
    assert not torch.allclose(*made, atol=0.05)
    alone = PerceptualLoss(style_layers=("relu1_1",), content_weight=0.0, style=styles[1])
    assert torch.allclose(paint(CONTENT, alone, 6).picture, made[1], atol=1e-3)
    with pytest.raises(ShapeError, match="give a number from 0 to 1"):
        paint(CONTENT, loss, 6)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"content": CONTENT[0]}, r"one picture \(1, 3, H, W\), not \(3, 20, 28\)"),
        ({"content": CONTENT[:, :1]}, r"one picture \(1, 3, H, W\)"),
        ({"content": CONTENT[..., :0]}, r"one picture \(1, 3, H, W\)"),
        ({"content": CONTENT.repeat(2, 1, 1, 1)}, r"one picture \(1, 3, H, W\)"),
        ({"content": CONTENT.numpy()}, "The content is of type ndarray: give a float tensor"),
        ({"content": CONTENT.tolist()}, "The content is of type list: give a float tensor"),
        ({"content": None}, "The content is None: give a float tensor"),
        ({"content": torch.zeros(1, 3, 20, 28, dtype=torch.uint8)}, r"torch.uint8: map .* with x / 127\.5 - 1\."),
        ({"content": (CONTENT + 1) * 127.5}, r"not in \[-1, 1\]: map them with x / 127\.5 - 1\."),
        ({"content": CONTENT / CONTENT.abs().max() * 1.02}, r"not in \[-1, 1\]: clamp them with x\.clamp\(-1, 1\)\."),
        ({"content": CONTENT.log()}, "The content is not finite: give a picture without NaN"),
        ({"content": CONTENT / 0}, "The content is not finite"),
        ({"loss": torch.nn.MSELoss()}, "loss is of type MSELoss: give a PerceptualLoss"),
        ({"loss": None}, "loss is None: give a PerceptualLoss"),
        ({"optimiser": "sgd"}, "optimiser is 'sgd': choose 'lbfgs' or 'adam'"),
        ({"start": "black"}, "start is 'black': choose 'content' or 'noise'"),
        ({"start": CONTENT}, "start is of type Tensor: choose 'content' or 'noise'"),
        ({"start": CONTENT.numpy()}, "start is of type ndarray: choose 'content' or 'noise'"),
        *[({"steps": one}, "steps is .*: give a whole number of at least 1") for one in (0, -1, 2.5, True, "9", None)],
        *[({"seed": one}, "seed is .*: give a whole number") for one in (0.5, True, "0", None, 2**64)],
        *[({"callback": one}, "callback is .*: give a function of the step and") for one in (3, "show", [print])],
        *[({"lr": one}, "lr is .*: give a finite number above 0") for one in (0, -1.0, math.nan, math.inf, True, "1")],
        ({"lr": torch.ones(2)}, "lr is of type Tensor: give a finite number above 0"),
    ],
)
def test_what_cannot_be_is_refused(options, words):
    with pytest.raises(ShapeError, match=words) as caught:
        paint(**{"content": CONTENT, "loss": judge(), **options})
    text = str(caught.value)
    assert len(text) < 140
    assert text.endswith(".")
    assert text.count(". ") == 0  # one sentence


def test_numbers_of_numpy_and_pictures_of_other_precision_are_taken():
    made = paint(CONTENT.double(), judge(), np.int64(2), "adam", "noise", np.int64(3), lr=np.float32(0.5)).picture
    assert torch.equal(made, paint(CONTENT, judge(), 2, "adam", "noise", 3, lr=0.5).picture)


def test_of_one_style_no_other_can_be_chosen():
    with pytest.raises(ShapeError, match="style is 3, but there is only one style: give 0 or leave it out"):
        paint(CONTENT, judge(), 2, style_index=3)


# What a layer keeps.


@BOTH
def test_features_are_reconstructed_from_noise(optimiser):
    painted = reconstruct_features(CONTENT, "relu1_2", 40, optimiser)
    history = painted.history
    assert history.names == ["loss", "content"]
    assert history["loss"][-1] < 0.05 * history["loss"][0]
    features = [VGG16Features("relu1_2")((one + 1) / 2)["relu1_2"] for one in (painted.picture, CONTENT)]
    # in units of the features' own mean square
    missed = (features[0] - features[1]).square().mean() / features[1].square().mean()
    assert min(history["loss"]) == pytest.approx(missed.item(), rel=1e-3)
    noise = 2 * torch.rand(CONTENT.shape, generator=torch.Generator().manual_seed(0)) - 1
    assert (painted.picture - CONTENT).square().mean() < 0.4 * (noise - CONTENT).square().mean()


def test_total_variation_keeps_a_reconstruction_smooth():
    def roughness(weight):
        picture = reconstruct_features(CONTENT, "relu2_2", 20, tv_weight=weight).picture
        return picture.diff(dim=2).square().mean() + picture.diff(dim=3).square().mean()

    assert roughness(3.0) < 0.3 * roughness(0.0)


def test_style_is_reconstructed_from_noise_without_the_layout():
    image = smooth(24, 32, seed=2)
    layers = ("relu1_1", "relu2_1")
    painted = reconstruct_style(image, layers, 40, size=(16, 40))
    assert painted.picture.shape == (1, 3, 16, 40)
    history = painted.history
    assert history.names == ["loss", "style"]
    assert history["loss"][-1] < 0.1 * history["loss"][0]
    vgg = VGG16Features(layers)
    own, wanted = (vgg((one + 1) / 2) for one in (painted.picture, image))
    shares = [
        (style_loss(gram_matrix(own[layer]), target := gram_matrix(wanted[layer])) / target.square().sum()).item()
        for layer in layers
    ]
    assert min(history["loss"]) == pytest.approx(sum(shares) / 2, rel=1e-3)  # layers count alike
    assert reconstruct_style(image, "relu1_1", 2).picture.shape == image.shape


def test_reconstructions_of_what_is_not_there():
    with pytest.raises(DataError, match="no layer 'relu7_1'"):
        reconstruct_features(CONTENT, "relu7_1", 2)
    with pytest.raises(DataError, match="no layer 'relu7_1'"):
        reconstruct_style(CONTENT, ("relu7_1",), 2)
    for reconstruct, layers in ((reconstruct_style, ("relu1_1",)), (reconstruct_features, "relu1_1")):
        with pytest.raises(ShapeError, match="The image must be one picture"):
            reconstruct(CONTENT[0], layers, 2)
        with pytest.raises(ShapeError, match=r"The image has values .* with x / 127\.5 - 1"):
            reconstruct((CONTENT + 1) * 127.5, layers, 2)
