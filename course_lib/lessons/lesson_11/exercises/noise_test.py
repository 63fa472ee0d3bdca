"""Exercise 11.6: is x hidden inside G(x)? A little noise tells.

Source: Chu et al., CycleGAN, a Master of Steganography (2017).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.errors import ExerciseError
from course_lib.exercises.comparing import differences
from course_lib.exercises.exercise import NOTHING, Case, Exercise, Mistake
from course_lib.lessons.lesson_11.exercises.two_pairs import Translate, cheating_pair, checks, honest_pair, smooth


def noise_test(forward, back, x: torch.Tensor, y: torch.Tensor, sigma: float, noise: torch.Tensor) -> dict[str, float]:
    """Return what noise costs the way back, from a translated picture and from one that holds no code.

    Args:
        forward: G, called as forward(x).
        back: F, called as back(y).
        x: pictures, shape (N, C, H, W), in [-1, 1].
        y: the true partners of x, shape (N, C, H, W), in [-1, 1]; G did not make them, so that no x is hidden in them.
        sigma: the strength of the noise, 0 or more.
        noise: shape (N, C, H, W), drawn from N(0, 1); the only source of chance.

    Returns:
        A dict of three numbers, all from mean absolute errors against x: "clean", the error of F(G(x)); "added", by how
        much it grows when sigma * noise is added to G(x); "added_without_code", by how much the error of F(y) grows
        when the same is added to y.
    """

    def error(picture: torch.Tensor) -> float:
        return (back(picture) - x).abs().mean().item()

    fake_y = forward(x)
    clean = error(fake_y)
    return {
        "clean": clean,
        "added": error(fake_y + sigma * noise) - clean,
        "added_without_code": error(y + sigma * noise) - error(y),
    }


def _cases() -> list[Case]:
    draw = torch.Generator().manual_seed(0)

    def noise(shape: tuple[int, int, int, int]) -> Tensor:
        return torch.randn(shape, generator=draw)

    def honest(label: str, shape: tuple[int, int, int, int], sigma: float) -> Case:
        x = 2 * torch.rand(shape, generator=draw) - 1
        return Case(label, *honest_pair(), x, 0.8 * x, sigma, noise(shape))

    def cheating(label: str, shape: tuple[int, int, int, int], sigma: float) -> Case:
        x = (0.5 * checks(shape, draw) + 0.5 * smooth(2 * torch.rand(shape, generator=draw) - 1)).clamp(-1, 1)
        return Case(label, *cheating_pair(), x, 0.5 * smooth(x), sigma, noise(shape))

    def of_lines(label: str, forward: Translate, back: Translate, sigma: float = 0.2) -> Case:
        x = 0.8 + 0.2 * torch.rand((2, 1, 6, 6), generator=draw)
        return Case(label, forward, back, x, 0.7 * x, sigma, noise((2, 1, 6, 6)))

    return [
        honest("an honest pair", (2, 3, 8, 8), 0.1),
        cheating("a pair that hides x in a faint pattern", (3, 1, 16, 16), 0.3),
        cheating("the same with little noise", (2, 3, 8, 8), 0.02),
        honest("an honest pair with much noise", (4, 1, 6, 10), 0.5),
        honest("no noise at all", (1, 1, 4, 4), 0.0),
        of_lines("a G that changes nothing", lambda x: x, lambda y: 0.9 * y),
        of_lines("a G that goes beyond black and white", lambda x: 1.6 * x, lambda y: y / 1.5),
        of_lines("an F that noise helps", lambda x: 0.5 * x.abs(), lambda y: 1.2 * y.abs() - 0.1, sigma=0.4),
    ]


Answer = Callable[[Translate, Translate, Tensor, Tensor, float, Tensor], dict[str, float]]
KEYS = ("clean", "added", "added_without_code")


def _observe(
    answer: Answer, forward: Translate, back: Translate, x: Tensor, y: Tensor, sigma: float, noise: Tensor
) -> object:
    """Look at the three numbers, and require that the same noise gives the same ones."""
    # Each call gets tensors of its own: noise that is scaled in place is another fault than noise that is drawn.
    calls = [[tensor.clone() for tensor in (x, y, noise)] for _ in range(2)]
    found, again = (answer(forward, back, own_x, own_y, sigma, own_noise) for own_x, own_y, own_noise in calls)
    if found is None:
        raise ExerciseError(NOTHING)
    if isinstance(found, dict) and set(KEYS) <= set(found) and differences(again, found):
        raise ExerciseError(
            "Two calls with the same inputs differ: you draw noise of your own. Take the `noise` that is given, "
            "the same for G(x) and for y, or chance alone makes them differ."
        )
    return found


Parts = Callable[[Translate, Translate, Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor, Tensor]]
Distance = Callable[[Tensor, Tensor], Tensor]


def _parts(forward: Translate, back: Translate, x: Tensor, y: Tensor, scaled: Tensor) -> tuple[Tensor, ...]:
    """Return F(G(x)), the same with noise, F(y), and the same with noise."""
    fake_y = forward(x)
    return back(fake_y), back(fake_y + scaled), back(y), back(y + scaled)


def _with(
    parts: Callable[..., tuple[Tensor, ...]] = _parts,
    distance: Distance = lambda a, b: (a - b).abs().mean(),
    scale: Callable[[float], float] = lambda sigma: sigma,
    keys: tuple[str, ...] = KEYS,
) -> Answer:
    """Return a variant: other pictures, another distance or another noise, in some of the three numbers."""

    def answer(
        forward: Translate, back: Translate, x: Tensor, y: Tensor, sigma: float, noise: Tensor
    ) -> dict[str, float]:
        errors = [float(distance(part, x)) for part in parts(forward, back, x, y, scale(sigma) * noise)]
        found = dict(zip(KEYS, (errors[0], errors[1] - errors[0], errors[3] - errors[2]), strict=True))
        right = noise_test(forward, back, x, y, sigma, noise)
        return {key: found[key] if key in keys else right[key] for key in KEYS}

    return answer


def _errors(make: Callable[[float, float, float, float], tuple[float, float, float]], *keys: str) -> Answer:
    """Return a variant that combines the four right errors in another way, in some of the three numbers."""

    def answer(
        forward: Translate, back: Translate, x: Tensor, y: Tensor, sigma: float, noise: Tensor
    ) -> dict[str, float]:
        errors = [float((part - x).abs().mean()) for part in _parts(forward, back, x, y, sigma * noise)]
        found = dict(zip(KEYS, make(*errors), strict=True))
        right = noise_test(forward, back, x, y, sigma, noise)
        return {key: found[key] if key in (keys or KEYS) else right[key] for key in KEYS}

    return answer


def _moved(*keys: str) -> Answer:
    """Return the variant that measures how far the noise moves the result, and not how far from x it gets."""

    def answer(
        forward: Translate, back: Translate, x: Tensor, y: Tensor, sigma: float, noise: Tensor
    ) -> dict[str, float]:
        clean, noisy, bare, bare_noisy = _parts(forward, back, x, y, sigma * noise)
        right = noise_test(forward, back, x, y, sigma, noise)
        found = {"added": (noisy - clean).abs().mean(), "added_without_code": (bare_noisy - bare).abs().mean()}
        return right | {key: float(found[key]) for key in keys}

    return answer


def _against(target: Callable[[Translate, Tensor, Tensor], Tensor]) -> Answer:
    """Return the variant that compares what comes back with another picture than x."""

    def answer(
        forward: Translate, back: Translate, x: Tensor, y: Tensor, sigma: float, noise: Tensor
    ) -> dict[str, float]:
        parts = _parts(forward, back, x, y, sigma * noise)
        errors = [float((part - target(forward, x, y)).abs().mean()) for part in parts]
        return dict(zip(KEYS, (errors[0], errors[1] - errors[0], errors[3] - errors[2]), strict=True))

    return answer


def _bare_against_y(
    forward: Translate, back: Translate, x: Tensor, y: Tensor, sigma: float, noise: Tensor
) -> dict[str, float]:
    """Compare what F makes of y, with noise and without, with y itself."""
    *_, bare, bare_noisy = _parts(forward, back, x, y, sigma * noise)
    grown = (bare_noisy - y).abs().mean() - (bare - y).abs().mean()
    return noise_test(forward, back, x, y, sigma, noise) | {"added_without_code": float(grown)}


def _part(position: int, changed: Callable[..., Tensor]) -> Callable[..., tuple[Tensor, ...]]:
    """Return the four pictures with one of them replaced."""

    def parts(forward: Translate, back: Translate, x: Tensor, y: Tensor, scaled: Tensor) -> tuple[Tensor, ...]:
        found = list(_parts(forward, back, x, y, scaled))
        found[position] = changed(forward, back, x, y, scaled)
        return tuple(found)

    return parts


def _of_another_picture(picture: Callable[[Translate, Translate, Tensor, Tensor], Tensor]) -> Answer:
    """Return the variant whose picture without a code is another one than y."""

    def parts(forward: Translate, back: Translate, x: Tensor, y: Tensor, scaled: Tensor) -> tuple[Tensor, ...]:
        other = picture(forward, back, x, y)
        return *_parts(forward, back, x, y, scaled)[:2], back(other), back(other + scaled)

    return _with(parts, keys=("added_without_code",))


NOISE_TEST = Exercise(
    id="11.6",
    title="Is x hidden inside G(x)?",
    kind="open extension",
    trains="testing for hidden codes",
    minutes=30,
    level=3,
    task="""
        A small cycle loss can be had in two ways: G(x) shows all that F needs, or G hides x in a pattern too faint to
        see. Noise that nobody sees in a picture may destroy the pattern. Write
        `noise_test(forward, back, x, y, sigma, noise)`, which returns a dict of three numbers: `"clean"`, the mean
        absolute error of F(G(x)) against x; `"added"`, by how much that error grows when `sigma * noise` is added to
        G(x); and `"added_without_code"`, by how much the error of F(y) against x grows when the same is added to y, the
        true partner, which G did not make. Any F suffers from noise; a code makes the second number much larger than
        the third. Do not clamp the noisy pictures.

        Then put `models["emoji"]` and `models["grey"]` to the test (the second goes from colour to grey, where a code
        must be found; the true y is `normalise(luma(pairs.x))`, in three channels), with held-out pairs:
        `system.translate` and `system.translate_back`, `torch.randn` from a generator with a fixed seed, and sigma from
        0.01 to 0.3. Plot `added` and `added_without_code` over sigma. Does x still come back when G(x) is rounded to 16
        levels a channel or blurred a little? A remedy is a change of `CycleGAN.training_step`, for example noise on
        G(x) before F sees it. Choose one, say what you expect of the three numbers, and train with three seeds: `course
        train lesson_11/grey --seed S` is the recorded command, and takes about a quarter of an hour on one CPU core.
    """,
    reference=noise_test,
    cases=_cases,
    observe=_observe,
    mistakes=(
        Mistake(
            "The noise is added to x, before G sees it. It belongs between the two translations, on G(x), "
            "where the code would be.",
            _with(_part(1, lambda forward, back, x, y, scaled: back(forward(x + scaled)))),
        ),
        Mistake(
            "The noise is added to what came back, after F. Any picture gets worse by that; "
            "add it to G(x), so that F has to read a noisy picture.",
            _with(_part(1, lambda forward, back, x, y, scaled: back(forward(x)) + scaled)),
            _with(
                lambda forward, back, x, y, scaled: (
                    back(forward(x)),
                    back(forward(x)) + scaled,
                    back(y),
                    back(y) + scaled,
                )
            ),
        ),
        Mistake(
            "The translations are called in the wrong order: x goes through `forward` first, then `back`.",
            _with(lambda g, f, x, y, scaled: (g(f(x)), g(f(x) + scaled), g(y), g(y + scaled))),
            _with(lambda g, f, x, y, scaled: (g(f(x)), g(f(x) + scaled), f(y), f(y + scaled))),
        ),
        Mistake(
            "You compare what comes back with y or with G(x). It should be x: compare with x in all four errors.",
            _against(lambda forward, x, y: y),
            _against(lambda forward, x, y: forward(x)),
        ),
        Mistake(
            "Your `clean` compares G(x) with y. It is the error of the way there and back, F(G(x)) against x.",
            lambda forward, back, x, y, sigma, noise: (
                noise_test(forward, back, x, y, sigma, noise) | {"clean": float((forward(x) - y).abs().mean())}
            ),
        ),
        Mistake(
            "You compare F(y) with y. F makes pictures of the kind of x, and y has a true partner there: "
            "compare with that one.",
            _bare_against_y,
        ),
        Mistake(
            "One of your numbers is the difference of two growths. Give the growth of each alone, "
            "so that they can be compared.",
            _errors(
                lambda clean, noisy, bare, bare_noisy: (clean, noisy - clean - bare_noisy + bare, 0.0),
                "added",
            ),
            _errors(
                lambda clean, noisy, bare, bare_noisy: (clean, 0.0, noisy - clean - bare_noisy + bare),
                "added_without_code",
            ),
            _errors(
                lambda clean, noisy, bare, bare_noisy: (clean, 0.0, bare_noisy - bare - noisy + clean),
                "added_without_code",
            ),
        ),
        Mistake(
            "You measured how far noise moves the result, not how much worse it gets. A result that was wrong before "
            "and is wrong in another way after has moved and is no worse: subtract two errors against x.",
            _moved("added", "added_without_code"),
            _moved("added"),
            _moved("added_without_code"),
        ),
        Mistake(
            "You return the errors with noise themselves. Subtract the error without noise: "
            "F(y) is not x even when y is clean.",
            _errors(lambda clean, noisy, bare, bare_noisy: (clean, noisy, bare_noisy)),
            _errors(lambda clean, noisy, bare, bare_noisy: (clean, noisy, 0.0), "added"),
            _errors(lambda clean, noisy, bare, bare_noisy: (clean, 0.0, bare_noisy), "added_without_code"),
        ),
        Mistake(
            "You subtract the error of F(G(x)) from that of the noisy y. Each picture has its own start: "
            "subtract the error of F(y).",
            _errors(lambda clean, noisy, bare, bare_noisy: (clean, noisy - clean, bare_noisy - clean)),
        ),
        Mistake(
            "The difference has the wrong sign: the error with noise comes first, and the clean one is subtracted.",
            _errors(lambda clean, noisy, bare, bare_noisy: (clean, clean - noisy, bare - bare_noisy)),
            _errors(lambda clean, noisy, bare, bare_noisy: (clean, clean - noisy, 0.0), "added"),
            _errors(lambda clean, noisy, bare, bare_noisy: (clean, 0.0, bare - bare_noisy), "added_without_code"),
        ),
        Mistake(
            "You divided the errors. Where the clean error is near 0, as with a code, a ratio has no bound; "
            "take the difference.",
            _errors(
                lambda clean, noisy, bare, bare_noisy: (
                    clean,
                    noisy / clean if clean else float("inf"),
                    bare_noisy / bare if bare else float("inf"),
                )
            ),
            _errors(lambda clean, noisy, bare, bare_noisy: (clean, noisy / max(clean, 1e-8), 0.0), "added"),
        ),
        Mistake(
            "Your picture without a code is G(x) again, in which the code is. Take y, which G did not make.",
            _of_another_picture(lambda forward, back, x, y: forward(x)),
        ),
        Mistake(
            "Your picture without a code is x. F expects a y: take the true partner.",
            _of_another_picture(lambda forward, back, x, y: x),
        ),
        Mistake(
            "Your picture without a code has been through G, as G(F(y)). What G makes may hold a code again: "
            "give y itself to F.",
            _of_another_picture(lambda forward, back, x, y: forward(back(y))),
        ),
        Mistake(
            "sigma is a standard deviation: do not square it.",
            _with(scale=lambda sigma: sigma**2),
            _with(scale=lambda sigma: sigma**2, keys=("added",)),
            _with(scale=lambda sigma: sigma**2, keys=("added_without_code",)),
        ),
        Mistake(
            "The noise is not scaled, or not by sigma: add `sigma * noise`. `noise` has standard deviation 1.",
            _with(scale=lambda sigma: 1.0),
            _with(scale=lambda sigma: sigma**0.5),
            _with(scale=lambda sigma: 1.0, keys=("added",)),
            _with(scale=lambda sigma: 1.0, keys=("added_without_code",)),
        ),
        Mistake(
            "You subtract the noise. That has the same distribution, but the check gives you the noise and adds it.",
            _with(scale=lambda sigma: -sigma),
        ),
        Mistake(
            "You clamped the noisy pictures to [-1, 1]. At a white or black pixel half of the noise is then lost; "
            "leave them as they are.",
            _with(
                lambda forward, back, x, y, scaled: (
                    back(forward(x)),
                    back((forward(x) + scaled).clamp(-1, 1)),
                    back(y),
                    back((y + scaled).clamp(-1, 1)),
                )
            ),
        ),
        Mistake(
            "You squared the errors. Take the mean of the absolute ones.",
            _with(distance=lambda a, b: (a - b).square().mean()),
            _with(distance=lambda a, b: (a - b).square().mean().sqrt()),
        ),
        Mistake(
            "You added the errors of all pixels. Take their mean.",
            _with(distance=lambda a, b: (a - b).abs().sum()),
            _with(distance=lambda a, b: (a - b).abs().flatten(1).sum(dim=1).mean()),
        ),
    ),
    hints=(
        "There are four results of F to compare with x: of G(x) and of y, each without noise and with it.",
        "A small function `error(picture)`, which gives the mean absolute error of `back(picture)` against x, "
        "is called four times.",
        "`error(forward(x) + sigma * noise) - error(forward(x))` is what noise adds. "
        "What is the same difference for y?",
        "The third number is `error(y + sigma * noise) - error(y)`. All three are numbers, so `.item()` at the end.",
    ),
    why="noise costs any F something, and the cost for a y that G did not make says how much; "
    "what G(x) loses beyond that was not in what one sees of it.",
)
