"""Exercise 10.3: how much the noise of pix2pix does, and a way to make it do more.

Source: Isola et al., Image-to-Image Translation with Conditional Adversarial Networks (2017), section 3.1; Zhu et al.,
Toward Multimodal Image-to-Image Translation (2017), section 5.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from course_lib.errors import ExerciseError
from course_lib.exercises.comparing import Difference, differences
from course_lib.exercises.exercise import NOTHING, Case, Exercise, Mistake
from course_lib.lessons.lesson_10.exercises.noisy_g import NoisyG, Tape, known_diversity


def draw_diversity(netG: torch.nn.Module, x: torch.Tensor, draws: int, rate: float) -> torch.Tensor:
    """Return how much the outputs for one input differ when G draws its noise, the dropout, at a rate of your choice.

    Args:
        netG: G in eval mode. Some `torch.nn.Dropout` inside have a rate `p` above 0 and are its noise; others may have
            p = 0 and stay off. Afterwards all is as it was before.
        x: float32, shape (N, C, H, W), from -1 to 1, the inputs.
        draws: number K of outputs drawn for each input, 2 or more.
        rate: chance that its noise sets a value to 0 while these outputs are drawn; from 0 to below 1.

    Returns:
        Shape (N,), without gradient: for each input the mean absolute difference of two of its outputs, over
        pixels, channels and all K (K - 1) / 2 pairs of draws.
    """
    dropouts = [module for module in netG.modules() if isinstance(module, torch.nn.Dropout) and module.p > 0]
    before = [module.p for module in dropouts]
    for module in dropouts:
        module.train()  # dropout alone: batch norm stays in eval mode
        module.p = rate
    with torch.no_grad():
        y_hat = torch.stack([netG(x) for _ in range(draws)])  # (K, N, C, H, W)
    for module, p in zip(dropouts, before, strict=True):
        module.eval()
        module.p = p
    pairs = torch.combinations(torch.arange(draws))  # (K (K - 1) / 2, 2)
    return (y_hat[pairs[:, 0]] - y_hat[pairs[:, 1]]).abs().mean(dim=(0, 2, 3, 4))


def _cases() -> list[Case]:
    def case(label: str, levels: list[float], side: int, draws: int, p: float, rate: float) -> Case:
        x = torch.tensor(levels).view(-1, 1, 1, 1) * torch.tensor([1.0, 0.8, -0.6]).view(1, 3, 1, 1)
        return Case(label, NoisyG(p, 0.5).eval(), x.expand(-1, -1, side, side).contiguous(), draws, rate)

    return [
        case("three inputs with four draws", [0.9, -0.4, 0.0], 36, 4, 0.5, 0.2),
        case("two draws", [0.3, 1.0], 40, 2, 0.2, 0.5),
        case("one input with three draws", [-0.7], 44, 3, 0.5, 0.7),
        case("a rate of 0", [0.5], 4, 2, 0.5, 0.0),
    ]


DIVERSITY, KEEPS = "the diversity", "whether the result carries gradients"
DRAWN, PAIRS = "the number of outputs that are drawn", "whether the result is the mean over all pairs of them"
MODE, RATE, NORM = "the mode of netG afterwards", "its dropout rates afterwards", "its batch norm afterwards"


def _observe(answer: Callable[..., object], netG: NoisyG, x: Tensor, draws: int, rate: float) -> object:
    """Look at the diversity, and at whether G is afterwards as it was."""
    netG = copy.deepcopy(netG)
    netG._drawn = Tape()
    norm = [tensor.clone() for tensor in netG.norm.state_dict().values()]
    found = answer(netG, x, draws, rate)
    if found is None:
        raise ExerciseError(NOTHING)
    same = all(torch.equal(a, b) for a, b in zip(norm, netG.norm.state_dict().values(), strict=True))
    rates = [f"{module.p:.3g}" for module in netG.modules() if isinstance(module, nn.Dropout)]
    modes = {module.training for module in netG.modules()}
    return {
        DIVERSITY: found.detach() if isinstance(found, Tensor) else found,
        **_of_draws(found, netG._drawn, len(x), draws),
        KEEPS: isinstance(found, Tensor) and found.requires_grad,
        NORM: "as before" if same else "changed",
        MODE: "eval" if modes == {False} else "training",
        RATE: ", ".join(rates),
    }


def _of_draws(found: object, drawn: list[Tensor], n: int, draws: int) -> dict[str, object]:
    """Say whether a result is the mean over all pairs of as many draws as asked for; more may be drawn and left out.

    Several draws may be made in one batch, one behind the other or beside each other. Other outputs, such as one
    without noise, may come before or after them.
    """
    y_hat, wanted = torch.cat(drawn) if drawn else torch.zeros(0, 3, 2, 2), n * draws
    starts = {0, len(y_hat) - wanted} if len(y_hat) >= wanted else ()
    rows = [y_hat[start : start + wanted] for start in starts]
    orders = [one.unflatten(0, (draws, n)) for one in rows]
    if len(drawn) < draws or n == draws:  # several in one batch, maybe those of one input
        orders += [_by_input(one, n, draws) for one in rows]
    mine = found.detach().cpu().double() if isinstance(found, Tensor) else torch.zeros(0)
    if mine.shape == (n,) and any(torch.allclose(mine, _one_by_one(one), 2e-5, 1e-7) for one in orders):
        return {DRAWN: "enough for the pairs", PAIRS: True}
    number = "none" if not drawn else "fewer" if len(y_hat) < wanted else "more" if len(y_hat) > wanted else "as asked"
    return {DRAWN: number, PAIRS: False}


def _one_by_one(y_hat: Tensor) -> Tensor:
    """Return the mean over all pairs, pair by pair, which takes less memory."""
    pairs = [(a - b).abs().mean(dim=(1, 2, 3)) for i, a in enumerate(y_hat) for b in y_hat[:i]]
    return torch.stack(pairs).double().mean(dim=0)


def _by_input(y_hat: Tensor, n: int, draws: int) -> Tensor:
    return y_hat.unflatten(0, (n, draws)).transpose(0, 1)


def _compare(
    result: object, expected: dict[str, object], netG: NoisyG, x: Tensor, draws: int, rate: float
) -> list[Difference]:
    """Compare with the diversity that is known, within what chance does to the draws."""
    known = expected | {DIVERSITY: known_diversity(netG, x, rate)}
    return differences(result, known, rtol=TOLERANCE, atol=1e-4)


TOLERANCE = 0.07
Answer = Callable[[NoisyG, Tensor, int, float], Tensor]


def _variant(
    reduce: Callable[[Tensor], Tensor] | None = None,
    *,
    used: Callable[[NoisyG, float], float] = lambda netG, rate: rate,
    switched: Callable[[NoisyG], list[nn.Module]] = lambda netG: list(netG.modules()),
    everywhere: bool = False,
    whole: bool = False,
    seeded: bool = False,
    gradient: bool = False,
    leave_rate: bool = False,
    leave_mode: bool = False,
    number: int = 0,
) -> Answer:
    """Return an answer with another reduction of the draws, or another treatment of G."""

    def answer(netG: NoisyG, x: Tensor, draws: int, rate: float) -> Tensor:
        before = netG.dropout.p
        for module in switched(netG):
            if isinstance(module, nn.Dropout) and (module.p > 0 or everywhere):
                module.train()
                module.p = used(netG, rate)
        if whole:
            netG.train()
        outputs = []
        with torch.set_grad_enabled(gradient):
            for _ in range(number or draws):
                if seeded:
                    torch.manual_seed(0)
                outputs.append(netG(x))
        if not leave_mode:
            netG.eval()
        if not leave_rate:
            netG.dropout.p = netG.block[1].p = before  # type: ignore[assignment]
            netG.never.p = 0.0
        y_hat = torch.stack(outputs)
        return (reduce or _pairs)(y_hat)

    return answer


def _pairs(y_hat: Tensor) -> Tensor:
    """Return the right reduction of (K, N, C, H, W)."""
    pairs = torch.combinations(torch.arange(len(y_hat)))
    return (y_hat[pairs[:, 0]] - y_hat[pairs[:, 1]]).abs().mean(dim=(0, 2, 3, 4))


def _on_a_copy(answer: Answer) -> Answer:
    return lambda netG, x, draws, rate: answer(copy.deepcopy(netG), x, draws, rate)


def _dropped(of_input: bool) -> Answer:
    """Return an answer that drops values of the input or of the output, and leaves G's own layers off."""

    def answer(netG: NoisyG, x: Tensor, draws: int, rate: float) -> Tensor:
        def drop(picture: Tensor) -> Tensor:
            return nn.functional.dropout(picture, rate, True)

        with torch.no_grad():
            return _pairs(torch.stack([netG(drop(x)) if of_input else drop(netG(x)) for _ in range(draws)]))

    return answer


def _from_noise_free(netG: NoisyG, x: Tensor, draws: int, rate: float) -> Tensor:
    with torch.no_grad():
        quiet = netG(x)
    return _variant(lambda y_hat: (y_hat - quiet).abs().mean(dim=(0, 2, 3, 4)))(netG, x, draws, rate)


def _with_themselves(y_hat: Tensor) -> Tensor:
    return (y_hat.unsqueeze(0) - y_hat.unsqueeze(1)).abs().mean(dim=(0, 1, 3, 4, 5))


def _over_inputs(y_hat: Tensor) -> Tensor:
    return (y_hat.unsqueeze(1) - y_hat.unsqueeze(2)).abs().mean(dim=(0, 2, 3, 4, 5))


def _signed(y_hat: Tensor) -> Tensor:
    pairs = torch.combinations(torch.arange(len(y_hat)))
    return (y_hat[pairs[:, 0]] - y_hat[pairs[:, 1]]).mean(dim=(2, 3, 4)).abs().mean(dim=0)


def _summed_pairs(y_hat: Tensor) -> Tensor:
    return _pairs(y_hat) * (len(y_hat) * (len(y_hat) - 1) / 2)


def _squared(y_hat: Tensor) -> Tensor:
    pairs = torch.combinations(torch.arange(len(y_hat)))
    return (y_hat[pairs[:, 0]] - y_hat[pairs[:, 1]]).square().mean(dim=(0, 2, 3, 4))


DRAW_DIVERSITY = Exercise(
    id="10.3",
    title="Make z do more",
    kind="open extension",
    trains="noise, and what would reward it",
    minutes=30,
    level=3,
    optional=True,
    task="""
        In pix2pix z is dropout, and it does little: the outputs for one input are almost alike. First measure it. Write
        `draw_diversity(netG, x, draws, rate)`: draw K outputs for each input, with the noise of G at the given
        rate and all else as at inference, and return for each input the mean absolute difference of two of its outputs,
        over all pairs of draws. Work on `netG` or on a copy of it. (The noise is the dropout layers with `p` above 0;
        the U-Net also has some with `p` equal to 0, which do nothing and should go on doing nothing.) G must be
        afterwards as it was: mode, rates and running statistics. The check takes a toy G whose diversity is known on
        paper, and allows for chance.

        Then make z do more without leaving the set of good pictures. The least effort is another `rate` while drawing:
        try 0, 0.2, 0.5, 0.7 and 0.9 with the bundled outline to 3D model, and for each rate measure the diversity and,
        against the held-out targets, L1 and VGG-KID, the distance of sets of lesson 01. Up to which rate does diversity
        cost nothing? A second way is to train with a channel of noise beside x. It is likely to be ignored: why does
        neither L1 nor D ask G to use it? Look at the draws as well: noise is diverse too.
    """,
    reference=draw_diversity,
    cases=_cases,
    observe=_observe,
    compare=_compare,
    rtol=TOLERANCE,
    atol=1e-4,
    mistakes=(
        Mistake(
            "All draws of an input are alike. In eval mode dropout is off, and with a seed set before each draw it "
            "drops the same values: switch it on, and let chance run on.",
            _variant(switched=lambda netG: []),
            _variant(seeded=True),
        ),
        Mistake(
            "All of G was in training mode. Batch norm then takes the statistics of the batch, and the diversity of an "
            "input depends on its neighbours: switch the dropout layers alone.",
            _variant(whole=True),
            _variant(whole=True, leave_mode=True),
            _variant(whole=True, used=lambda netG, rate: netG.dropout.p),
            _variant(whole=True, switched=lambda netG: []),
            _on_a_copy(_variant(whole=True)),
        ),
        Mistake(
            "You did not use `rate`: dropout has the rate of the training.",
            _variant(used=lambda netG, rate: netG.dropout.p),
        ),
        Mistake(
            "You set the chance that a value is kept. `p` of a dropout layer is the chance that it becomes 0.",
            _variant(used=lambda netG, rate: 1 - rate),
        ),
        Mistake(
            "Some dropout layers were not reached: `children()` lists the outermost ones alone. "
            "Those inside of blocks are in `modules()`.",
            _variant(switched=lambda netG: list(netG.children())),
        ),
        Mistake(
            "A dropout layer whose p was 0 took part. It is not the noise that G was trained with: "
            "leave it off, and change those with p above 0.",
            _variant(everywhere=True),
        ),
        Mistake(
            "You compared the outputs of different inputs. Two draws of the *same* input show what z does.",
            _variant(_over_inputs),
        ),
        Mistake(
            "Each draw is compared with itself too, or with the mean that it is part of: your figure grows with K. "
            "Take the K (K - 1) / 2 pairs of different draws.",
            _variant(_with_themselves),
            _variant(lambda y_hat: (y_hat - y_hat.mean(dim=0)).abs().mean(dim=(0, 2, 3, 4))),
        ),
        Mistake(
            "You compared the draws with the output without noise. Asked for is how far two draws lie apart.",
            _from_noise_free,
        ),
        Mistake(
            "You summed over the pairs. With a mean the figure does not grow with the number of draws.",
            _variant(_summed_pairs),
        ),
        Mistake(
            "You drop values of the input or of the output. The noise of G is in its own dropout layers: "
            "switch those on.",
            _dropped(of_input=True),
            _dropped(of_input=False),
        ),
        Mistake(
            "Your figure is twice or half the right one: each pair counts once, and there are K (K - 1) / 2 of them.",
            _variant(lambda y_hat: 2 * _pairs(y_hat)),
            _variant(lambda y_hat: _pairs(y_hat) / 2),
        ),
        Mistake(
            "You summed over the channels. It is a mean over channels and pixels, as in the L1 term.",
            _variant(lambda y_hat: 3 * _pairs(y_hat)),
        ),
        Mistake(
            "You squared the differences. Asked for is their absolute value, as in the L1 term.",
            _variant(_squared),
            _variant(lambda y_hat: _squared(y_hat).sqrt()),
        ),
        Mistake(
            "You measured a standard deviation or a variance of the draws. "
            "Asked for is the mean absolute difference of two of them.",
            _variant(lambda y_hat: y_hat.std(dim=0).mean(dim=(1, 2, 3))),
            _variant(lambda y_hat: y_hat.var(dim=0).mean(dim=(1, 2, 3))),
        ),
        Mistake(
            "You put all inputs into one number. Return one for each input: some leave G more choice than others.",
            _variant(lambda y_hat: _pairs(y_hat).mean()),
        ),
        Mistake(
            "You took the mean of the differences with their signs, in which they cancel. Take absolute values first.",
            _variant(lambda y_hat: (y_hat[0] - y_hat[1]).mean(dim=(1, 2, 3)).abs()),
            _variant(lambda y_hat: (y_hat[0] - y_hat[1]).mean(dim=(1, 2, 3))),
            _variant(_signed),
        ),
        Mistake(
            "You did not draw `draws` outputs for each input: K is an argument, and the pairs are those of these K.",
            *(_variant(number=number) for number in (5, 2)),
        ),
        Mistake(
            "Your figure is near the right one, but it is not the mean over all K (K - 1) / 2 pairs of the draws.",
            _variant(lambda y_hat: (y_hat[1:] - y_hat[:-1]).abs().mean(dim=(0, 2, 3, 4))),
            _variant(lambda y_hat: (y_hat[1:] - y_hat[:1]).abs().mean(dim=(0, 2, 3, 4))),
            _variant(lambda y_hat: (y_hat[0] - y_hat[1]).abs().mean(dim=(1, 2, 3))),
        ),
        Mistake(
            "The result carries gradients: G ran outside of `torch.no_grad()`, and K graphs stay in memory.",
            _variant(gradient=True),
        ),
        Mistake(
            "The diversity is right, but G keeps your dropout rate. Put the old one back.",
            _variant(leave_rate=True),
            whole=True,
        ),
        Mistake(
            "The diversity is right, but dropout is left on: the next output of G would be noisy. "
            "Put the old mode back.",
            _variant(leave_mode=True),
            whole=True,
        ),
    ),
    hints=(
        "`netG.modules()` lists all modules, also those inside of blocks. Those that are a `torch.nn.Dropout` have "
        "a rate `p` and a mode of their own: pick those with p above 0, and note p before you change it.",
        "`module.train()` on these alone, then `torch.stack([netG(x) for _ in range(draws)])` under "
        "`torch.no_grad()`: shape (K, N, C, H, W).",
        "`torch.combinations(torch.arange(draws))` has a row for each pair i < j. Which dimensions are averaged over, "
        "and which one stays?",
        "With `pairs` so: `(y_hat[pairs[:, 0]] - y_hat[pairs[:, 1]]).abs().mean(dim=(0, 2, 3, 4))`. "
        "Then put mode and rate back.",
    ),
    why="only draws for the same x show what z does, and only dropout may differ from inference, "
    "so that the figure belongs to the G that is used.",
)
