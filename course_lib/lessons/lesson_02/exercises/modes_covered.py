"""Exercise 02.4: how many modes of a mixture a generator finds, and how many of its samples are good."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.exercises.exercise import Case, Exercise, Mistake


def modes_covered(samples: torch.Tensor, centres: torch.Tensor, std: float) -> dict[str, float]:
    """Return how many modes of a mixture of round Gaussians are found, and the share of good samples.

    Args:
        samples: float32, shape (N, 2), points of the generator.
        centres: float32, shape (K, 2), the means of the mixture.
        std: the standard deviation of each Gaussian in each direction, above 0.

    Returns:
        A dict of two numbers. A sample is of high quality if it is within 3 std of the centre that is nearest to it.
        "modes" is the number of centres that are nearest to at least one sample of high quality, "high_quality" the
        share of such samples, from 0 to 1.
    """
    distance = (samples.unsqueeze(1) - centres).square().sum(dim=2).sqrt()  # (N, K)
    nearest, which = distance.min(dim=1)  # (N,) each
    good = nearest <= 3 * std
    return {"modes": len(which[good].unique()), "high_quality": good.float().mean().item()}


def _cases() -> list[Case]:
    draw = torch.Generator().manual_seed(0)

    def around(centres: Tensor, which: list[int], each: int, spread: float) -> Tensor:
        points = centres[which].repeat_interleave(each, dim=0)
        return points + spread * torch.randn(points.shape, generator=draw)

    def strays(count: int, width: float) -> Tensor:
        return width * (2 * torch.rand((count, 2), generator=draw) - 1)

    def case(label: str, samples: Tensor, centres: Tensor, std: float) -> Case:
        distance = torch.cdist(samples.double(), centres.double())
        clear = ((distance / (3 * std) - 1).abs() > 0.01).all(dim=1)  # nobody argues about a sample on the border
        return Case(label, samples[clear], centres, std)

    turn = torch.arange(8) / 8 * 2 * torch.pi
    ring = torch.stack([turn.cos(), turn.sin()], dim=1)
    grid = torch.cartesian_prod(torch.arange(-2.0, 3.0), torch.arange(-2.0, 3.0))
    corners = torch.tensor([[0.0, 0.0], [8.0, 0.0], [0.0, 8.0]])
    pair = torch.tensor([[0.0, 0.0], [0.5, 0.0], [3.0, 3.0]])
    between = torch.tensor([[0.1, 0.0], [0.15, 0.1], [0.2, -0.1], [3.1, 2.9], [2.0, 1.0]])
    half = torch.cat([around(ring, [0, 1, 2, 4, 5], 30, 0.08), strays(50, 1.5)])
    odd = torch.cat([around(grid, list(range(0, 25, 2)), 12, 0.15), strays(60, 3)])
    wide = torch.cat([around(20 * ring, [0, 2, 3, 7], 25, 3.0), strays(40, 40)])
    near = torch.tensor([[0.0, 0.0], [1.9, 0.7]])
    return [
        case("half of a ring, and strays", half, ring, 0.05),
        case("one point for all", around(ring, [3], 40, 0.001), ring, 0.05),
        case("half of a square, and strays", odd, grid, 0.1),
        case("a wide mixture", wide, 20 * ring, 2.0),
        case("two modes close together", between, pair, 0.15),
        case("strays only", torch.tensor([[0.1, 0.2], [-0.3, 0.1], [2.5, 2.0], [0.0, 3.0]]), ring, 0.1),
        # 3 std, the places and the distances are exact in floats.
        Case("a centre that is nearer by another measure", torch.tensor([[0.7, 0.7]]), near, 0.35),
        Case("a sample exactly 3 std away", torch.tensor([[1.5, 0.0], [8.0, -1.75], [0.25, 0.0]]), corners, 0.5),
        case("a single mode", around(pair[2:], [0], 9, 0.5), pair[2:], 0.3),
    ]


Answer = Callable[[Tensor, Tensor, float], dict[str, float]]
Rule = Callable[[Tensor, float], Tensor]


def _distances(samples: Tensor, centres: Tensor) -> Tensor:
    return (samples.unsqueeze(1) - centres).square().sum(dim=2).sqrt()


def _rule(rule: Rule, norm: float = 2.0, nearest_norm: float = 2.0) -> Answer:
    """Return a variant with another rule for "good", or with another distance."""

    def answer(samples: Tensor, centres: Tensor, std: float) -> dict[str, float]:
        difference = samples.unsqueeze(1) - centres
        which = torch.linalg.vector_norm(difference, ord=nearest_norm, dim=2).argmin(dim=1)
        distance = torch.linalg.vector_norm(difference, ord=norm, dim=2)
        good = rule(distance.gather(1, which.unsqueeze(1))[:, 0], std)
        return {"modes": len(which[good].unique()), "high_quality": good.float().mean().item()}

    return answer


def _but(**changes: Callable[[Tensor, Tensor], float]) -> Answer:
    """Return a variant with other figures, each made from the distances (N, K) and from which are at most 3 std."""

    def answer(samples: Tensor, centres: Tensor, std: float) -> dict[str, float]:
        distance = _distances(samples, centres)
        within = distance <= 3 * std
        return modes_covered(samples, centres, std) | {key: change(distance, within) for key, change in changes.items()}

    return answer


def _over_the_samples(samples: Tensor, centres: Tensor, std: float) -> dict[str, float]:
    nearest, which = _distances(samples, centres).min(dim=0)  # (K,) each
    good = nearest <= 3 * std
    return {"modes": len(which[good].unique()), "high_quality": good.float().mean().item()}


def _good(within: Tensor) -> Tensor:
    return within.any(dim=1)


def _modes(distance: Tensor, within: Tensor) -> int:
    return len(distance.argmin(dim=1)[_good(within)].unique())


def _which(samples: Tensor, centres: Tensor) -> Tensor:
    return _distances(samples, centres).argmin(dim=1)


def _nearest_good(samples: Tensor, centres: Tensor, std: float) -> tuple[Tensor, Tensor]:
    distance, which = _distances(samples, centres).min(dim=1)
    return distance <= 3 * std, which


def _good_by_mode(samples: Tensor, centres: Tensor, std: float) -> Tensor:
    good, which = _nearest_good(samples, centres, std)
    return torch.bincount(which[good], minlength=len(centres))


def _mean_over_modes(samples: Tensor, centres: Tensor, std: float) -> dict[str, float]:
    good, which = _nearest_good(samples, centres, std)
    shares = [good[which == one].float().mean() for one in which.unique()]
    return modes_covered(samples, centres, std) | {"high_quality": float(torch.stack(shares).mean())}


MODES_COVERED = Exercise(
    id="02.4",
    title="How many modes does the generator find?",
    kind="open extension",
    trains="modes that are found, and what feeds them",
    minutes=30,
    level=2,
    task="""
        A generator that sits exactly on one mode makes good samples, all of them alike: one figure is not enough.
        Write `modes_covered(samples, centres, std)` for a mixture of round Gaussians. Each sample belongs to the centre
        that is nearest to it, and to no other; it is of *high quality* if its (Euclidean) distance from that centre is
        at most 3 `std`. Return a dict: `"modes"`, the number of centres to which at least one sample of high quality
        belongs, and `"high_quality"`, the share of the samples that are of high quality.

        The lesson uses it below, where a slow D lets G collapse. Come back then and use it for a remedy. Start from
        `GAN(GANConfig(g_hidden=(256, 256), d_hidden=(256, 256), d_lr=1e-4))` and `fit(system, ring().points(50_000),
        steps=6000, batch_size=256, flip=False)`, about a minute a run. Choose a remedy of your own: D's rate (`d_lr`),
        other widths, more samples a step, or an option of `GANConfig`, whose docstring says what each does: `pack` (D
        sees several samples at once), `noise`, `decay`. Say beforehand what you expect of both figures, and train with
        three seeds (`seed_everything(seed)` before the system is made). Did the remedy help, or did one seed have luck?
    """,
    reference=modes_covered,
    cases=_cases,
    mistakes=(
        Mistake(
            "You reduce the table of distances over the samples, which leaves K answers, one a centre. "
            "Every sample has its nearest centre: N answers.",
            _over_the_samples,
        ),
        Mistake(
            "You count a centre as soon as any sample is nearest to it, even one far away. "
            "Only samples of high quality count for `modes`.",
            _but(modes=lambda distance, within: len(distance.argmin(dim=1).unique())),
        ),
        Mistake(
            "A sample close to two centres counts for both in your `modes`. "
            "It belongs to the nearest one alone: first find that one, then ask whether it is near enough.",
            _but(modes=lambda distance, within: int(within.any(dim=0).sum())),
        ),
        Mistake(
            "You draw the line at another distance than 3 `std`: one or two would cut off good samples of the mixture "
            "itself, and more lets strays in.",
            _rule(lambda distance, std: distance <= std),
            _rule(lambda distance, std: distance <= 2 * std),
            _rule(lambda distance, std: distance <= 4 * std),
            _rule(lambda distance, std: distance <= 6 * std),
            _rule(lambda distance, std: distance <= 3),
        ),
        Mistake(
            "A sample at exactly 3 `std` is of high quality: at most means `<=`, not `<`.",
            _rule(lambda distance, std: distance < 3 * std),
        ),
        Mistake(
            "You compare the squared distance with 3 `std`. Take the root first, or square both sides.",
            _rule(lambda distance, std: distance**2 <= 3 * std),
        ),
        Mistake(
            "You compare the squared distance with 3 times the variance. The 3 has to be squared too.",
            _rule(lambda distance, std: distance**2 <= 3 * std**2),
        ),
        Mistake(
            "You treat `std` as a variance or square it. It is a standard deviation: a length, as the distance is.",
            _rule(lambda distance, std: distance <= 3 * std**2),
            _rule(lambda distance, std: distance <= 3 * std**0.5),
        ),
        Mistake(
            "You look at each coordinate alone, which draws a square around the centre. "
            "The Euclidean distance draws a circle.",
            _rule(lambda distance, std: distance <= 3 * std, norm=float("inf")),
            _rule(lambda distance, std: distance <= 3 * std, norm=float("inf"), nearest_norm=float("inf")),
        ),
        Mistake(
            "You add the distances along the two coordinates, which draws a diamond around the centre. "
            "The Euclidean distance draws a circle.",
            _rule(lambda distance, std: distance <= 3 * std, norm=1.0),
            _rule(lambda distance, std: distance <= 3 * std, norm=1.0, nearest_norm=1.0),
        ),
        Mistake(
            "Your `high_quality` is a share of the centres. It is a share of the samples: one answer a sample, "
            "then the mean over the N samples.",
            _but(high_quality=lambda distance, within: within.any(dim=0).float().mean().item()),
            _but(high_quality=lambda distance, within: _modes(distance, within) / distance.shape[1]),
        ),
        Mistake(
            "Your `high_quality` averages over all pairs of a sample and a centre. "
            "Each sample is compared with its nearest centre alone.",
            _but(high_quality=lambda distance, within: within.float().mean().item()),
        ),
        Mistake(
            "Your `high_quality` counts a sample once for each centre that is near enough, so that it can exceed 1. "
            "A sample counts once at most.",
            _but(high_quality=lambda distance, within: within.sum().item() / len(within)),
        ),
        Mistake(
            "Your `high_quality` is a number of samples or a percentage. It is a share, from 0 to 1.",
            _but(high_quality=lambda distance, within: _good(within).sum().item()),
            _but(high_quality=lambda distance, within: 100 * _good(within).float().mean().item()),
        ),
        Mistake(
            "Your `high_quality` is the share of the bad samples.",
            _but(high_quality=lambda distance, within: 1 - _good(within).float().mean().item()),
        ),
        Mistake(
            "Your `modes` counts samples. Several samples may belong to one centre, which counts once.",
            _but(modes=lambda distance, within: int(_good(within).sum())),
            _but(modes=lambda distance, within: int(within.sum())),
        ),
        Mistake(
            "Your `modes` is the number of modes that are missed. Return the number of those that are found.",
            _but(modes=lambda distance, within: distance.shape[1] - _modes(distance, within)),
        ),
        Mistake(
            "Your `modes` is a share of the centres. Return their number.",
            _but(modes=lambda distance, within: _modes(distance, within) / distance.shape[1]),
        ),
        Mistake(
            "A width is written into your code. How far a good sample may be is said by `std`.",
            lambda samples, centres, std: modes_covered(samples, centres, 0.05),
        ),
        Mistake(
            "You took the share of good samples mode by mode and averaged. Take it over all samples.",
            _mean_over_modes,
        ),
        Mistake(
            "Samples that belong nowhere count as a mode of their own: leave them out before you count.",
            lambda samples, centres, std: (
                modes_covered(samples, centres, std)
                | {
                    "modes": len(
                        torch.where(_nearest_good(samples, centres, std)[0], _which(samples, centres), -1).unique()
                    )
                }
            ),
        ),
        Mistake(
            "One good sample is enough for a mode: you ask for more.",
            lambda samples, centres, std: (
                modes_covered(samples, centres, std) | {"modes": int((_good_by_mode(samples, centres, std) >= 2).sum())}
            ),
        ),
        Mistake(
            "You took 3 times the root of 2 `std`, as if both coordinates had to be added. The limit is 3 `std`.",
            lambda samples, centres, std: modes_covered(samples, centres, 2**0.5 * std),
        ),
        Mistake(
            "You count eight modes. How many there are is said by `centres`.",
            lambda samples, centres, std: (
                modes_covered(samples, centres, std)
                | {"modes": int((_good_by_mode(samples, centres, std)[:8] > 0).sum())}
            ),
        ),
    ),
    hints=(
        "Make the table of all distances first, of shape (N, K). Along which dimension is the nearest centre found?",
        "`samples.unsqueeze(1) - centres` has shape (N, K, 2); square, sum over the last dimension, root.",
        "`.min(dim=1)` of the table returns two tensors of shape (N,): how far the nearest centre is, and which it is. "
        "The first gives the mask of good samples.",
        "`which[good]` are the centres of the good samples; `.unique()` keeps each once. "
        "`good.float().mean()` is the share.",
    ),
    why="the share tells whether the samples are good and the number of modes whether they are different: "
    "a generator that sits exactly on one mode has a perfect share, 1, and covers one mode.",
)
