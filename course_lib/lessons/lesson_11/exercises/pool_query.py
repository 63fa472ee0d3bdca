"""Exercise 11.5: the pool of earlier fakes, with its rule of one half.

Source: Shrivastava et al. (2017), section 2.3, in the form of Zhu et al. (2017), section 4, and of the authors' code.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.exercises.exercise import Case, Exercise, Mistake
from course_lib.lessons.lesson_11.exercises.pool_play import Query, findings


def query(
    image: torch.Tensor, pool: list[torch.Tensor], size: int, draw: torch.Generator | None = None
) -> torch.Tensor:
    """Return the picture that D sees as the fake of this step, and keep the pool up to date.

    Args:
        image: a new fake of G, shape (C, H, W), with its graph.
        pool: earlier fakes, at most ``size``; changed in place.
        size: the number of pictures that the pool should hold, 1 or more.
        draw: torch's generator, which all chance comes from; None is torch's own.

    Returns:
        Shape (C, H, W), without a graph: the new fake, or one of the pool.
    """
    image = image.detach()  # what D learns from must not reach G, and a stored graph fills the memory
    if len(pool) < size:
        pool.append(image)
        return image
    if torch.rand((), generator=draw) < 0.5:
        return image
    place = int(torch.randint(size, (), generator=draw))
    stored = pool[place]
    pool[place] = image
    return stored


def _cases() -> list[Case]:
    def case(label: str, count: int, shape: tuple[int, int, int], size: int) -> Case:
        return Case(label, 2 * torch.rand(count, *shape) - 1, [], size)

    return [
        case("a pool of four", 400, (1, 2, 2), 4),
        case("a pool of one", 60, (3, 2, 1), 1),
        case("a pool that is never full", 20, (1, 3, 2), 50),
        case("a pool of ten", 40, (3, 1, 1), 10),
    ]


def _with(
    full: Callable[[Tensor, list[Tensor], int, torch.Generator | None], Tensor] | None = None,
    fills: bool = True,
    stored: Callable[[Tensor], Tensor] = Tensor.detach,
    returned: Callable[[Tensor], Tensor] = Tensor.detach,
) -> Query:
    """Return a variant: what it does once the pool is full, whether it fills it first, and what it cuts off."""

    def answer(image: Tensor, pool: list[Tensor], size: int, draw: torch.Generator | None = None) -> Tensor:
        if fills and len(pool) < size:
            pool.append(stored(image))
            return returned(image)
        if full is not None:
            return full(image.detach(), pool, size, draw)
        if _coin(draw):
            return returned(image)
        place = _place(size, draw)
        old, pool[place] = pool[place], stored(image)
        return old

    return answer


def _coin(draw: torch.Generator | None, probability: float = 0.5) -> bool:
    return bool(torch.rand((), generator=draw) < probability)


def _place(size: int, draw: torch.Generator | None) -> int:
    return int(torch.randint(size, (), generator=draw))


def _chance(probability: float) -> Callable[..., Tensor]:
    def full(image: Tensor, pool: list[Tensor], size: int, draw: torch.Generator | None) -> Tensor:
        return image if _coin(draw, probability) else _exchanged(image, pool, _place(size, draw))

    return full


def _chance_of_a_gaussian(mark: float) -> Callable[..., Tensor]:
    """Toss the coin in a way that cannot be told from one draw between two ends."""

    def full(image: Tensor, pool: list[Tensor], size: int, draw: torch.Generator | None) -> Tensor:
        new = bool(torch.randn((), generator=draw) < mark)
        return image if new else _exchanged(image, pool, _place(size, draw))

    return full


def _exchanged(image: Tensor, pool: list[Tensor], place: int) -> Tensor:
    old, pool[place] = pool[place], image
    return old


def _always_new(image: Tensor, pool: list[Tensor], size: int, draw: torch.Generator | None) -> Tensor:
    _exchanged(image, pool, _place(size, draw))
    return image


def _always_new_in_a_queue(image: Tensor, pool: list[Tensor], size: int, draw: torch.Generator | None) -> Tensor:
    pool.append(image)
    pool.pop(0)
    return image


def _returns_what_it_overwrote(image: Tensor, pool: list[Tensor], size: int, draw: torch.Generator | None) -> Tensor:
    if not _coin(draw):
        pool[_place(size, draw)] = image
    return image


def _stores_always(image: Tensor, pool: list[Tensor], size: int, draw: torch.Generator | None) -> Tensor:
    old = _exchanged(image, pool, _place(size, draw))
    return image if _coin(draw) else old


def _two_places(image: Tensor, pool: list[Tensor], size: int, draw: torch.Generator | None) -> Tensor:
    if _coin(draw):
        return image
    old = pool[_place(size, draw)]
    pool[_place(size, draw)] = image
    return old


def _new_one_among_the_drawn(image: Tensor, pool: list[Tensor], size: int, draw: torch.Generator | None) -> Tensor:
    """Draw from one place more, which stands for the new picture, and toss no coin."""
    place = _place(size + 1, draw)
    return image if place == size else _exchanged(image, pool, place)


def _random_half(image: Tensor, pool: list[Tensor], size: int, draw: torch.Generator | None) -> Tensor:
    """Store with one coin and return an old one with another."""
    place, old = _place(size, draw), None
    if not _coin(draw):
        old = pool[place]
    if not _coin(draw):
        pool[place] = image
    return image if old is None else old


def _not_filled(image: Tensor, pool: list[Tensor], size: int, draw: torch.Generator | None = None) -> Tensor:
    """Toss the coin from the first picture on."""
    image = image.detach()
    if not pool or _coin(draw):
        if len(pool) < size:
            pool.append(image)
        return image
    return _exchanged(image, pool, _place(len(pool), draw))


def _another_pool(image: Tensor, pool: list[Tensor], size: int, draw: torch.Generator | None = None) -> Tensor:
    """Rebind the name ``pool``, which leaves the caller's list as it was."""
    if len(pool) < size:
        pool = [*pool, image.detach()]
        return image.detach()
    return _chance(0.5)(image.detach(), pool, size, draw)


def _without_limit(image: Tensor, pool: list[Tensor], size: int, draw: torch.Generator | None = None) -> Tensor:
    if len(pool) < size:
        pool.append(image.detach())
        return image.detach()
    if _coin(draw):
        return image.detach()
    old = pool[_place(len(pool), draw)]
    pool.append(image.detach())
    return old


def _one_too_many(image: Tensor, pool: list[Tensor], size: int, draw: torch.Generator | None = None) -> Tensor:
    return query(image, pool, size + 1, draw)


def _own_chance(image: Tensor, pool: list[Tensor], size: int, draw: torch.Generator | None = None) -> Tensor:
    return query(image, pool, size)


def _keep(image: Tensor) -> Tensor:
    return image


POOL_QUERY = Exercise(
    id="11.5",
    title="The pool's rule of one half",
    kind="derivation to code",
    trains="a memory for D",
    minutes=20,
    level=2,
    task="""
        D should not forget what G made some time ago, so it is shown a mix of new fakes and old ones. Write
        `query(image, pool, size, draw)` for one picture at a time. While the pool holds fewer than `size` pictures, the
        new one is stored and returned as it is. From then on, with probability 1/2 it is returned as it is and the
        pool stays as it is; otherwise a random picture of the pool is returned, and the new one takes its place. All
        chance comes from `draw` (`torch.rand((), generator=draw)`), so that a run can be repeated. What is stored and
        what is returned has no graph. The check plays 400 pictures and counts.
    """,
    reference=query,
    may_leave=("draws",),
    cases=_cases,
    observe=findings,
    mistakes=(
        Mistake(
            "The caller's pool stays empty. Change the list itself, with `pool.append(...)`; "
            "`pool = pool + [...]` makes another list, which is lost when the function ends.",
            _another_pool,
        ),
        Mistake(
            "The coin is tossed before the pool is full. Store every picture first, and return it as it is, "
            "until there are `size` of them.",
            _not_filled,
        ),
        Mistake(
            "The pool holds one picture more than `size`: while it holds fewer, a picture is stored, "
            "so that the last one is stored at `size - 1`.",
            _one_too_many,
        ),
        Mistake(
            "You wrote 50. How many pictures the pool holds is an argument, `size`.",
            lambda image, pool, size, draw=None: query(image, pool, 50, draw),
        ),
        Mistake(
            "The pool grows on when it is full. The new picture takes the place of the one that is returned.",
            _without_limit,
        ),
        Mistake(
            "The new picture always comes back, and is always stored: D never sees an old one, "
            "and the pool might as well not be there.",
            _with(_always_new),
            _with(_always_new_in_a_queue),
            _with(lambda image, pool, size, draw: (_exchanged(image, pool, 0), image)[1]),
        ),
        Mistake(
            "You return the new picture in place of the stored one: you overwrite the pool before you read it. "
            "Take the old picture out first.",
            _with(_returns_what_it_overwrote),
        ),
        Mistake(
            "The full pool is not used: in 400 pictures (almost) none was exchanged.",
            _with(lambda image, pool, size, draw: image),
            _with(_chance(0.96)),
        ),
        Mistake(
            "A pool of one picture is never used: its picture is exchanged like those of any other pool.",
            lambda image, pool, size, draw=None: (
                image.detach() if size == 1 and pool else query(image, pool, size, draw)
            ),
            whole=True,
        ),
        Mistake(
            "You toss two coins, one for what is returned and one for what is stored. "
            "One coin decides both: as it is, or an exchange.",
            _with(_random_half),
        ),
        Mistake(
            "An old picture comes back, but the new one does not take its place. "
            "The pool never changes once it is full, and D sees G's first attempts for ever.",
            _with(lambda image, pool, size, draw: image if _coin(draw) else pool[_place(size, draw)]),
            _with(lambda image, pool, size, draw: pool[_place(size, draw)]),
        ),
        Mistake(
            "An old picture comes back, and the new one is stored in another place: you draw twice. "
            "Draw the place once, read there and write there.",
            _with(_two_places),
        ),
        Mistake(
            "You take the old picture out of the pool and do not put the new one in. "
            "The pool is then one short, and fills again at the next picture.",
            _with(lambda image, pool, size, draw: image if _coin(draw) else pool.pop(_place(size, draw))),
        ),
        Mistake(
            "The coin decides what comes back and not what is stored: you store every new picture. "
            "One that comes back as it is leaves the pool alone.",
            _with(_stores_always),
        ),
        Mistake(
            "Once the pool is full, an old picture comes back (almost) each time. "
            "In half of the steps the new one should, so that D also sees what G makes now.",
            _with(_chance(0.0)),
        ),
        Mistake(
            "The share of new pictures is not one half: your coin is not fair, or the new picture is among those drawn "
            "from. Compare one number between 0 and 1 with 0.5.",
            *(_with(_chance(probability)) for probability in (0.17, 0.33, 0.45, 0.67, 0.83)),
            _with(_new_one_among_the_drawn),
            *(_with(_chance_of_a_gaussian(mark)) for mark in (-0.43,)),
        ),
        Mistake(
            "It is always the picture in the same place that is exchanged, the first or the last. "
            "The others then stay for ever, or the pool is a queue: draw the place.",
            _with(lambda image, pool, size, draw: image if _coin(draw) else _exchanged(image, pool, 0)),
            _with(lambda image, pool, size, draw: image if _coin(draw) else _exchanged(image, pool, -1)),
        ),
        Mistake(
            "Not every picture of the pool can be drawn. `torch.randint(size, ())` gives 0 to `size - 1`.",
            _with(
                lambda image, pool, size, draw: (
                    image if _coin(draw) else _exchanged(image, pool, _place(max(size - 1, 1), draw))
                )
            ),
        ),
        Mistake(
            "The pictures keep their graph, in the pool and on the way out. D's step would reach G, "
            "and each stored graph holds the memory of its step: detach first.",
            _with(stored=_keep, returned=_keep),
        ),
        Mistake(
            "The stored pictures keep their graph, and with it the memory of the steps that made them. Detach them.",
            lambda image, pool, size, draw=None: _with(stored=_keep)(image, pool, size, draw).detach(),
            _with(stored=_keep),
        ),
        Mistake(
            "A new picture comes back with its graph, so that D's loss reaches G. Return it detached, as it is stored.",
            _with(returned=_keep),
        ),
        Mistake(
            "The same `draw` gives other pictures the second time: some of your chance comes from elsewhere. "
            "Hand it on, `generator=draw`, in every draw.",
            _own_chance,
            _with(
                lambda image, pool, size, draw: image if _coin(draw) else _exchanged(image, pool, _place(size, None))
            ),
            _with(
                lambda image, pool, size, draw: image if _coin(None) else _exchanged(image, pool, _place(size, draw))
            ),
        ),
    ),
    hints=(
        "There are three ways through: the pool is not full, the coin says new, the coin says old. "
        "What is returned in each, and what is stored?",
        "`image = image.detach()` in the first line does for all three. `len(pool) < size` is the first way; "
        "it stores with `pool.append(image)`.",
        "The coin is `torch.rand((), generator=draw) < 0.5`. Whether that means new or old makes no difference.",
        "The place is `int(torch.randint(size, (), generator=draw))`, drawn once. "
        "Keep `stored = pool[place]` before you write `pool[place] = image`.",
    ),
    why="one coin decides between the new picture and an exchange, so that half of what D sees is old and the pool "
    "moves on slowly; which side of the coin means new cannot be told from outside, for both are 1/2.",
)
