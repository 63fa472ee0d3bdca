"""Exercises 10.5 to 10.3: the predictions are held against what is measured, and G's diversity against a known one."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from course_lib import runs
from course_lib.exercises import find
from course_lib.exercises.checking import judge
from course_lib.lessons.lesson_10.exercises import predicted_ablation, predicted_order
from course_lib.lessons.lesson_10.exercises.draw_diversity import draw_diversity
from course_lib.lessons.lesson_10.exercises.noisy_g import NoisyG, known_diversity
from course_lib.metrics import diversity
from course_lib.models.patchgan import PatchGAN
from course_lib.systems.pix2pix import Pix2Pix, Pix2PixConfig

ORDER, ABLATION = predicted_order.predicted_order, predicted_ablation.predicted_ablation


def found(exercise_id: str, answer: Any) -> str:
    """Return what a check says of an answer, without the exercise's number; an empty text if it is right."""
    try:
        return judge(find(exercise_id), answer)
    except Exception as error:
        return str(error)


# 10.5: which pair D accepts.


class _StandIn(nn.Module):
    """A D that knows what it is asked: it adds up how well the means of x and y fit and how bright y is."""

    def __init__(self, fit: float, real: float) -> None:
        super().__init__()
        self.fit, self.real = fit, real

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.real * y.mean() - self.fit * (x.mean(dim=(1, 2, 3)) - y.mean(dim=(1, 2, 3))).abs().mean()


def _pairs() -> tuple[Tensor, Tensor, Tensor]:
    x = torch.linspace(-0.8, 0.8, 6).view(6, 1, 1, 1).expand(6, 3, 32, 32)
    return x, x + 0.02, x - 0.02


def order_of(scores: dict[str, float], tie: float = 1e-4) -> dict[str, str]:
    """Return the comparisons of four mean scores; nearer than ``tie`` is "="."""
    found = {}
    for pair in predicted_order.PAIRS:
        first, second = (scores[kind] for kind in pair.split(" ? "))
        found[pair] = "=" if abs(first - second) < tie else (">" if first > second else "<")
    return found


def test_mean_scores_of_a_d_that_sees_the_fit() -> None:
    scores = predicted_order.mean_scores(_StandIn(fit=1.0, real=1.0), *_pairs())
    assert scores["true"] == pytest.approx(0.02 - 0.02, abs=1e-6)
    assert scores["output"] == pytest.approx(-0.02 - 0.02, abs=1e-6)
    assert scores["shuffled"] < scores["output"]


def test_what_is_not_settled_can_turn_out_either_way() -> None:
    """Two D that tell true pairs from outputs alike, and disagree wherever the answer is "?"."""
    kind, strange = (order_of(predicted_order.mean_scores(_StandIn(fit, 3.0), *_pairs())) for fit in (0.5, -0.5))
    open_ones = [pair for pair, sign in ORDER("x and y").items() if sign == "?"]
    assert len(open_ones) == 3
    assert kind["true ? output"] == strange["true ? output"] == ORDER("x and y")["true ? output"]
    assert all(kind[pair] != strange[pair] for pair in open_ones)


def test_order_of_an_unconditional_stand_in() -> None:
    assert order_of(predicted_order.mean_scores(_StandIn(0.0, 1.0), *_pairs())) == ORDER("y")


@pytest.mark.parametrize("seed", range(3))
def test_the_ties_hold_for_any_network(seed: int) -> None:
    """What is called "=" does not depend on a training."""
    torch.manual_seed(seed)
    network = PatchGAN(0, 3, base_channels=4, layers=1).double().eval()
    x, y, fake = torch.rand(3, 5, 3, 16, 16, dtype=torch.float64)
    for sees, judged in (("y", lambda a, b: network(None, b)), ("x", lambda a, b: network(None, a))):
        order = order_of(predicted_order.mean_scores(judged, x, y, fake), tie=1e-12)
        ties = {pair for pair, sign in ORDER(sees).items() if sign == "="}
        assert {pair for pair, sign in order.items() if sign == "="} == ties, sees


def test_the_bundled_d_does_as_the_exercise_says() -> None:
    """It scores true pairs above outputs, and real pictures beside a wrong x above true pairs."""
    system = runs.load("lesson_10/flat")
    x, y = predicted_order.held_out()
    torch.manual_seed(0)
    scores = predicted_order.mean_scores(system.netD, x, y, system.translate(x))
    assert scores["output"] < scores["true"] < scores["shuffled"]


def test_held_out_pairs_are_of_different_emoji() -> None:
    x, y = predicted_order.held_out()
    assert x.shape == y.shape == (predicted_order.SHOWN, 3, 64, 64)
    assert -1 <= x.min() < x.max() <= 1
    distance = (x.unsqueeze(0) - x.unsqueeze(1)).abs().mean(dim=(2, 3, 4)) + torch.eye(len(x))
    assert distance.min() > 0.005


def _order(**by_d: dict[str, str]) -> Any:
    """Return a prediction with other signs for the D that sees both (xy), y or x."""
    keys = {"x and y": "xy", "y": "y", "x": "x"}
    return lambda sees: ORDER(sees) | by_d.get(keys[sees], {})


@pytest.mark.parametrize(
    "answer, message",
    [
        (_order(xy={"true ? shuffled": ">"}), "You think that D's loss settles what a real picture"),
        (lambda sees: ORDER("y"), "You think that D's loss settles what a real picture"),
        (lambda sees: ORDER("x and y"), "To a D that sees y alone, true and shuffled pairs are the same pictures"),
        (_order(x={"true ? shuffled": ">"}), "To a D that sees x alone, shuffling exchanges"),
        (_order(xy={"true ? output": "="}), "D is trained to score true pairs higher"),
        (_order(y={"true ? output": "="}), "A D that sees y alone is still trained"),
        (_order(x={"true ? output": ">"}), "A D that sees x alone is shown the very same x"),
        (_order(xy={"output ? shuffled": "<"}), "You compare outputs with real pictures beside a wrong x"),
        (_order(y={"true ? output": "?"}), "A D that sees y alone is still trained"),
        (_order(y={"output ? shuffled": ">"}), "A D that sees y alone does not notice the wrong x"),
        (_order(y={"output ? shuffled output": ">"}), "Both sides are the same outputs"),
        (_order(xy={"output ? shuffled output": ">"}), "An output beside the x of another was never shown"),
        (_order(xy={"true ? shuffled": "higher"}), 'Each value is ">", "=", "<" or "?"; yours has \'higher\'.'),
        (lambda sees: list(ORDER(sees).values()), "On the conditional D (sees: 'x and y'), expected a dict"),
        (lambda sees: {"x ? y": ">"}, "On the conditional D (sees: 'x and y'), expected a dict"),
        (lambda sees: print(end=""), "Your function returned nothing (None)"),
    ],
)
def test_order_wrong(answer: Any, message: str) -> None:
    assert found("10.5", answer).startswith(message)


def test_order_right_without_weights() -> None:
    assert found("10.5", lambda sees: dict(reversed(ORDER(sees).items()))) == ""


# 10.6: what each term gives by itself.


def _record(**changes: list[dict[str, float]]) -> Any:
    both = [
        {"sharpness": 0.84, "L1": 0.244, "colourfulness": 0.91},
        {"sharpness": 0.91, "L1": 0.241, "colourfulness": 0.89},
    ]
    l1 = [
        {"sharpness": 0.48, "L1": 0.234, "colourfulness": 0.72},
        {"sharpness": 0.50, "L1": 0.229, "colourfulness": 0.70},
    ]
    cgan = [
        {"sharpness": 1.35, "L1": 0.278, "colourfulness": 1.1},
        {"sharpness": 1.27, "L1": 0.271, "colourfulness": 1.08},
    ]
    runs = {"outline_both": both, "outline_l1": l1, "outline_cgan": cgan} | changes
    return lambda run: runs[run]


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predicted_ablation, "recorded_figures", _record())


def _ablation(system: str, **words: str) -> Any:
    return lambda asked: ABLATION(asked) | (words if asked == system else {})


@pytest.mark.usefixtures("recorded")
def test_ablation_right() -> None:
    assert found("10.6", lambda system: dict(reversed(ABLATION(system).items()))) == ""


@pytest.mark.parametrize(
    "answer, message",
    [
        (_ablation("L1 alone", sharpness="same"), "L1 alone is not as sharp as both."),
        (_ablation("cGAN alone", sharpness="lower"), "Without L1, nothing holds G back from fine detail"),
        (_ablation("both", sharpness="higher"), "A training of both terms against another one"),
        (_ablation("L1 alone", L1="higher"), "The held-out L1 is what L1 alone minimises"),
        (_ablation("cGAN alone", L1="lower"), "Without the L1 term nothing asks for *this* target"),
        (_ablation("L1 alone", colourfulness="higher"), "L1 alone is not as colourful as both."),
        (_ablation("cGAN alone", colourfulness="lower"), "A grey picture is easy for D to tell"),
        (lambda system: ABLATION("L1 alone"), "Without L1, nothing holds G back from fine detail"),
        (lambda system: ABLATION("both"), "L1 alone is not as sharp as both."),
        (_ablation("L1 alone", L1="better"), 'Each value is "lower", "same" or "higher"; yours has \'better\'.'),
        (lambda system: "lower", "On the regression (system: 'L1 alone'), expected a dict with the keys"),
        (lambda system: print(end=""), "Your function returned nothing (None)"),
    ],
)
@pytest.mark.usefixtures("recorded")
def test_ablation_wrong(answer: Any, message: str) -> None:
    assert found("10.6", answer).startswith(message)


def test_the_check_looks_at_the_record_and_gives_nothing_away(monkeypatch: pytest.MonkeyPatch) -> None:
    blurred = [{"sharpness": 0.5, "L1": 0.278, "colourfulness": 1.1}]
    monkeypatch.setattr(predicted_ablation, "recorded_figures", _record(outline_cgan=blurred))
    told = found("10.6", ABLATION)
    assert told.endswith("sharpness: 'higher' is not right.")
    assert "lower" not in told  # nor the figures, from which it could be read
    assert found("10.6", _ablation("cGAN alone", sharpness="lower")) == ""


@pytest.mark.parametrize("word", ["lower", "same", "higher"])
def test_where_the_seeds_overlap_any_answer_is_right(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    both = {"sharpness": 0.87, "L1": 0.278, "colourfulness": 1.1}
    monkeypatch.setattr(
        predicted_ablation, "recorded_figures", _record(outline_cgan=[both, both | {"sharpness": 0.95}])
    )
    assert predicted_ablation.decided("sharpness", "cGAN alone")[0] == ""
    assert found("10.6", _ablation("cGAN alone", sharpness=word)) == ""


def test_without_a_record_the_solution_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predicted_ablation, "recorded_figures", lambda run: [])
    assert found("10.6", ABLATION) == ""
    assert found("10.6", _ablation("cGAN alone", L1="lower")).startswith("Without the L1 term")


def test_the_bundled_record_agrees_with_the_solution() -> None:
    if not predicted_ablation.recorded_figures("outline_cgan"):
        pytest.skip("the ablation of lesson 10 is not recorded")
    for system in predicted_ablation.RUNS:
        for figure in predicted_ablation.FIGURES:
            assert predicted_ablation.decided(figure, system)[0] == ABLATION(system)[figure], (system, figure)


# 10.3: how much z does.


def _by_loops(netG, x, draws, rate):
    layers = [m for m in netG.modules() if m.__class__.__name__ == "Dropout" and m.p]
    old = [m.p for m in layers]
    for m in layers:
        m.p = rate
        m.train()
    with torch.no_grad():
        outputs = [netG(x) for _ in range(draws)]
    for m, p in zip(layers, old, strict=True):
        m.p = p
        m.eval()
    total = torch.zeros(len(x))
    for i in range(draws):
        for j in range(i):
            total += (outputs[i] - outputs[j]).abs().flatten(1).mean(1)
    return 2 * total / (draws * (draws - 1))


class _Noted(nn.Module):
    """A network that keeps what it returns."""

    def __init__(self, network: nn.Module, kept: list[Tensor]) -> None:
        super().__init__()
        self.network, self.kept = network, kept

    def forward(self, x: Tensor) -> Tensor:
        self.kept.append(self.network(x))
        return self.kept[-1]


def _one_batch(netG, x, draws, rate):
    """All draws in one batch: right, since batch norm is in eval mode."""
    kept: list[Tensor] = []
    _by_loops(_Noted(netG, kept), x.repeat(draws, 1, 1, 1), 1 + 1, rate)
    y_hat = kept[0].unflatten(0, (draws, -1))
    total = sum((a - b).abs().mean(dim=(1, 2, 3)) for a in y_hat for b in y_hat)
    return total / (draws * (draws - 1))


@pytest.mark.parametrize("answer", [_by_loops, _one_batch])
def test_diversity_right(answer: Any) -> None:
    assert found("10.3", answer) == ""


def _over_inputs(netG, x, draws, rate):
    outputs = []
    _by_loops(_Noted(netG, outputs), x, draws, rate)
    y_hat = torch.stack(outputs)
    return (y_hat.unsqueeze(1) - y_hat.unsqueeze(2)).abs().mean(dim=(0, 2, 3, 4, 5))


def _drawn(*changes: tuple[str, str]) -> Any:
    """Return the solution with parts of its source changed."""
    source = find("10.3").solution_code
    for old, new in changes:
        assert old in source
        source = source.replace(old, new)
    names: dict[str, Any] = {"torch": torch}
    exec(source, names)
    return names["draw_diversity"]


@pytest.mark.parametrize(
    "answer, message",
    [
        (_drawn(("module.train()", "module.eval()")), "All draws of an input are alike."),
        (_drawn(("[netG(x) for", "[(torch.manual_seed(0), netG(x))[1] for")), "All draws of an input are alike."),
        (
            _drawn(("    for module in dropouts:\n", "    netG.train()\n    for module in dropouts:\n")),
            "All of G was in",
        ),
        (_drawn(("module.p = rate", "pass")), "You did not use `rate`"),
        (_drawn(("module.p = rate", "module.p = 1 - rate")), "You set the chance that a value is kept."),
        (_drawn((" and module.p > 0", "")), "A dropout layer whose p was 0 took part."),
        (_drawn(("netG.modules()", "netG.children()")), "Some dropout layers were not reached"),
        (
            _drawn(("torch.combinations(torch.arange(draws))", "torch.cartesian_prod(*[torch.arange(draws)] * 2)")),
            "Each draw",
        ),
        (
            _over_inputs,
            "You compared the outputs of",
        ),
        (_drawn((".abs()", ".square()")), "You squared the differences."),
        (_drawn((".abs().mean(dim=(0, 2, 3, 4))", ".abs().mean()")), "You put all inputs into one number."),
        (_drawn((".abs().mean(dim=(0, 2, 3, 4))", ".abs().mean(dim=(2, 3, 4)).sum(0)")), "You summed over the pairs."),
        (_drawn(("with torch.no_grad():", "with torch.enable_grad():")), "The result carries gradients"),
        (_drawn(("module.p = p", "pass")), "The diversity is right, but G keeps your dropout rate."),
        (_drawn(("module.eval()", "pass")), "The diversity is right, but dropout is left on"),
        (lambda netG, x, draws, rate: 0.3, "On three inputs with four draws"),
        (lambda netG, x, draws, rate: print(end=""), "Your function returned nothing (None)"),
    ],
)
def test_diversity_wrong(answer: Any, message: str) -> None:
    assert found("10.3", answer).startswith(message)


def test_the_known_diversity_of_one_value() -> None:
    """At rate 1/2 a value of 1 becomes 0 or 2: half of the pairs differ, by tanh(2) = 0.9640; 1 is 1.3 - 0.3."""
    netG = NoisyG(p=0.1, variance=1.0).eval()
    assert known_diversity(netG, torch.full((1, 3, 4, 4), 1.3), 0.5).item() == pytest.approx(0.4820, abs=1e-4)
    torch.manual_seed(0)
    drawn = draw_diversity(netG, torch.full((1, 3, 64, 64), 1.3), 8, 0.5)
    assert drawn.item() == pytest.approx(0.4820, abs=0.005)


def test_the_spread_about_the_noise_free_output_is_another_figure() -> None:
    """Without tanh, or at rate 1/2, the two agree, and a check could not tell them apart."""
    netG, x = NoisyG(p=0.2, variance=1.0).eval(), torch.full((1, 3, 64, 64), 1.3)
    netG.dropout.train()
    netG.block[1].train()
    with torch.no_grad():
        spread = (netG(x) - netG.eval()(x)).abs().mean().item()
    assert spread == pytest.approx(0.2217, abs=0.005)  # p tanh(a) + (1 - p) (tanh(a / (1 - p)) - tanh(a))
    assert known_diversity(netG, x, 0.2).item() == pytest.approx(0.2715, abs=1e-3)


def test_diversity_of_a_u_net_is_that_of_the_courses_metric() -> None:
    torch.manual_seed(0)
    netG = Pix2Pix(Pix2PixConfig(base_channels=8, levels=3, max_channels=16, d_channels=4, patch_layers=1)).netG.eval()
    x = torch.rand(2, 3, 16, 16) * 2 - 1
    before = {name: tensor.clone() for name, tensor in netG.state_dict().items()}
    none, little, much = (draw_diversity(netG, x, 3, rate) for rate in (0.0, 0.3, 0.8))
    assert none.tolist() == [0, 0]
    assert (little < much).all()
    assert all(torch.equal(before[name], tensor) for name, tensor in netG.state_dict().items())
    assert not any(module.training for module in netG.modules())
    dropouts = [module for module in netG.modules() if isinstance(module, nn.Dropout) and module.p > 0]
    assert {module.p for module in dropouts} == {0.5}
    torch.manual_seed(1)
    mine = draw_diversity(netG, x, 3, 0.5)
    torch.manual_seed(1)
    for module in dropouts:
        module.train()
    with torch.no_grad():
        samples = torch.stack([netG(x) for _ in range(3)], dim=1)
    assert mine.mean().item() == pytest.approx(diversity(samples), rel=1e-4)
