"""Exercises 11.5 and 11.6: other right answers pass, and wrong ones get the message of the mistake."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
import torch

from course_lib.errors import ExerciseError
from course_lib.exercises import check, find
from course_lib.exercises.checking import judge
from course_lib.lessons.lesson_11.exercises.noise_test import noise_test
from course_lib.lessons.lesson_11.exercises.pool_query import query
from course_lib.lessons.lesson_11.exercises.two_pairs import cheating_pair, checks, honest_pair, smooth
from course_lib.systems.image_pool import ImagePool

# 11.5: the pool


def _other_side_of_the_coin(image, pool, size, draw=None):
    new = image.detach().clone()
    if len(pool) < size:
        pool.append(new)
        return new
    if torch.rand(1, generator=draw).item() < 0.5:
        place = torch.randint(0, size, (1,), generator=draw).item()
        old = pool[place].clone()
        pool[place] = new
        return old
    return new


def _takes_out_and_appends(image, pool, size, draw=None):
    image = image.detach()
    if len(pool) >= size:
        place = int(torch.randperm(size, generator=draw)[0])
        if torch.randint(2, (), generator=draw):
            pool.append(image)
            return pool.pop(place)
        return image
    pool.append(image)
    return image


def _copies_into_the_place(image, pool, size, draw=None):
    with torch.no_grad():
        if len(pool) < size:
            pool.append(image.detach().clone())
        elif torch.rand((), generator=draw) > 0.5:
            stored = pool[int(size * torch.rand((), generator=draw))]
            old = stored.clone()
            stored.copy_(image)
            return old
    return image.detach()


@pytest.mark.parametrize("answer", [_other_side_of_the_coin, _takes_out_and_appends, _copies_into_the_place])
def test_query_right(answer: Any) -> None:
    assert judge(find("11.5"), answer) == ""


def _full(then: Any, graph: bool = False):
    """Return an answer that fills the pool rightly and then does something of its own."""

    def answer(image, pool, size, draw=None):
        image = image if graph else image.detach()
        if len(pool) < size:
            pool.append(image)
            return image
        coin, place = torch.rand((), generator=draw) < 0.5, int(torch.randint(size, (), generator=draw))
        return then(image, pool, bool(coin), place)

    return answer


def _write_then_read(image, pool, coin, place):
    if coin:
        return image
    pool[place] = image
    return pool[place]


def _store_whatever_the_coin_says(image, pool, coin, place):
    old, pool[place] = pool[place], image
    return old if coin else image


def _exchange(image, pool, coin, place):
    if coin:
        return image
    old, pool[place] = pool[place], image
    return old


def _coin_of(probability: float):
    """Return an answer whose coin says new with this probability."""

    def answer(image, pool, size, draw=None):
        image = image.detach()
        if len(pool) < size:
            pool.append(image)
            return image
        coin = torch.rand((), generator=draw) < probability
        return _exchange(image, pool, bool(coin), int(torch.randint(size, (), generator=draw)))

    return answer


def _draws_the_new_one_too(image, pool, size, draw=None):
    pool.append(image.detach())
    if len(pool) <= size:
        return pool[-1]
    return pool.pop(int(torch.randint(size + 1, (), generator=draw)))


def _python_chance(image, pool, size, draw=None):
    image = image.detach()
    if len(pool) < size:
        pool.append(image)
        return image
    return _exchange(image, pool, random.random() < 0.5, random.randrange(size))


def _coin_from_the_first(image, pool, size, draw=None):
    image = image.detach()
    if not pool or torch.rand((), generator=draw) < 0.5:
        if len(pool) < size:
            pool.append(image)
        return image
    place = int(torch.randint(len(pool), (), generator=draw))
    old, pool[place] = pool[place], image
    return old


def _no_limit(image, pool, size, draw=None):
    pool.append(image.detach())
    if len(pool) <= size or torch.rand((), generator=draw) < 0.5:
        return image.detach()
    return pool[int(torch.randint(len(pool) - 1, (), generator=draw))]


@pytest.mark.parametrize(
    "answer, message",
    [
        (_full(lambda image, pool, coin, place: (pool.__setitem__(place, image), image)[1]), "always comes back"),
        (_full(lambda image, pool, coin, place: image if coin else pool[place]), "does not take its place"),
        (_full(lambda image, pool, coin, place: image), "in 400 pictures (almost) none was exchanged"),
        (_coin_of(0.97), "in 400 pictures (almost) none was exchanged"),
        (_coin_of(0.03), "an old picture comes back (almost) each"),
        (_draws_the_new_one_too, "or the new picture is among those drawn from"),
        (_full(_write_then_read), "you overwrite the pool before you read it"),
        (_full(_store_whatever_the_coin_says), "you store every new picture"),
        (
            _full(lambda image, pool, coin, place: _exchange(image, pool, False, place)),
            "an old picture comes back (almost) each",
        ),
        (_full(lambda image, pool, coin, place: _exchange(image, pool, coin, 0)), "in the same place"),
        (_full(lambda image, pool, coin, place: image if coin else pool.pop(place)), "do not put the new one in"),
        (_full(lambda image, pool, coin, place: _exchange(image, pool, coin and place > 0, place)), "one half"),
        (_full(_exchange, graph=True), "The pictures keep their graph"),
        (_coin_from_the_first, "before the pool is full"),
        (_python_chance, "some of your chance comes from elsewhere"),
        (lambda image, pool, size, draw=None: query(image, list(pool), size, draw), "The caller's pool stays empty"),
        (lambda image, pool, size, draw=None: query(image, pool, size + 1, draw), "one picture more than `size`"),
        (_no_limit, "The pool grows on when it is full"),
        (lambda image, pool, size, draw=None: (query(image, pool, size, draw), pool), "yours is a tuple"),
        (lambda image, pool, size, draw=None: query(image, pool, size, draw)[None], "Return one picture of the shape"),
        (lambda image, pool, size, draw=None: pool.append(image), "returned nothing (None)"),
        (lambda image, pool: image, "should take (image, pool, size, draw)"),
    ],
)
def test_query_wrong(answer: Any, message: str) -> None:
    with pytest.raises(ExerciseError) as caught:
        check("11.5", answer)
    assert message in str(caught.value)
    assert str(caught.value).endswith((".", "?"))


@pytest.mark.parametrize("seed", range(6))
def test_a_right_answer_passes_whatever_it_draws(seed: int) -> None:
    def answer(image, pool, size, draw):
        if not pool:  # the stream begins: other draws than the reference's
            torch.rand(seed, generator=draw)
        return query(image, pool, size, draw)

    assert judge(find("11.5"), answer) == ""


def test_the_rule_is_that_of_the_course_pool() -> None:
    """Both return about half new pictures once they are full, and hold what the other would hold."""
    pool, library, draw = [], ImagePool(4), torch.Generator().manual_seed(0)
    random.seed(0)
    pictures = torch.arange(2000.0).view(-1, 1, 1, 1)
    mine = [query(picture, pool, 4, draw).item() == picture.item() for picture in pictures]
    theirs = [library.query(picture[None]).item() == picture.item() for picture in pictures]
    assert all(mine[:4])
    assert all(theirs[:4])
    assert sum(mine) / 2000 == pytest.approx(0.5, abs=0.05)
    assert sum(theirs) / 2000 == pytest.approx(0.5, abs=0.05)
    assert len(pool) == len(library) == 4


# 11.6: steganography


def _as_tensors(forward, back, x, y, sigma, noise):
    fake = forward(x)
    pictures = [fake, fake + sigma * noise, y, y + sigma * noise]
    errors = torch.stack([torch.nn.functional.l1_loss(back(picture), x) for picture in pictures])
    return {"clean": errors[0], "added": errors[1] - errors[0], "added_without_code": errors[3] - errors[2]}


def test_noise_test_right() -> None:
    assert judge(find("11.6"), _as_tensors) == ""


def _l1(a, b):
    return (a - b).abs().mean().item()


def _but(**changes: Any):
    def answer(forward, back, x, y, sigma, noise):
        right = noise_test(forward, back, x, y, sigma, noise)
        return right | {key: change(forward, back, x, y, sigma * noise) for key, change in changes.items()}

    return answer


def _third_as_a_difference(forward, back, x, y, sigma, noise):
    right = noise_test(forward, back, x, y, sigma, noise)
    return right | {"added_without_code": right["added"] - right["added_without_code"]}


def _own_noise(forward, back, x, y, sigma, noise):
    return noise_test(forward, back, x, y, sigma, torch.randn_like(x))


@pytest.mark.parametrize(
    "answer, message",
    [
        (_but(added=lambda f, b, x, y, n: _l1(b(f(x + n)), x) - _l1(b(f(x)), x)), "The noise is added to x"),
        (_but(added=lambda f, b, x, y, n: _l1(b(f(x)) + n, x) - _l1(b(f(x)), x)), "added to what came back"),
        (_but(added=lambda f, b, x, y, n: _l1(b(f(x) + n), x)), "You return the errors with noise themselves"),
        (_but(added=lambda f, b, x, y, n: _l1(b(f(x) + n), b(f(x)))), "how far noise moves the result"),
        (_but(added_without_code=lambda f, b, x, y, n: _l1(b(f(x) + n), x) - _l1(b(f(x)), x)), "is G(x) again"),
        (_but(added_without_code=lambda f, b, x, y, n: _l1(b(x + n), x) - _l1(b(x), x)), "without a code is x."),
        (_but(added_without_code=lambda f, b, x, y, n: _l1(b(y + n), x) - _l1(b(f(x)), x)), "Each picture has its own"),
        (_but(added=lambda f, b, x, y, n: _l1(b(f(x)), x) - _l1(b(f(x) + n), x)), "has the wrong sign"),
        (lambda f, b, x, y, s, noise: noise_test(b, f, x, y, s, noise), "called in the wrong order"),
        (lambda f, b, x, y, s, noise: noise_test(f, b, x, y, 1.0, noise), "The noise is not scaled"),
        (lambda f, b, x, y, s, noise: noise_test(f, b, x, y, s**2, noise), "do not square it"),
        (lambda f, b, x, y, s, noise: noise_test(f, b, x, y, s**0.5, noise), "The noise is not scaled"),
        (_but(added_without_code=lambda f, b, x, y, n: _l1(b(y + n), y) - _l1(b(y), y)), "You compare F(y) with y"),
        (_third_as_a_difference, "One of your numbers is the difference of two growths"),
        (_own_noise, "you draw noise of your own"),
        (lambda f, b, x, y, s, noise: noise_test(f, b, x, y, s, noise)["added"], "expected a dict with the keys"),
        (lambda f, b, x, y, s, noise: print(end=""), "returned nothing (None)"),
    ],
)
def test_noise_test_wrong(answer: Any, message: str) -> None:
    with pytest.raises(ExerciseError) as caught:
        check("11.6", answer)
    assert message in str(caught.value)
    assert str(caught.value).endswith((".", "?"))


def test_an_honest_pair_loses_the_same_with_and_without_a_code() -> None:
    """F divides by 0.8, so that noise of 0.2 comes back as 0.25, with a mean of 0.25 * sqrt(2 / pi)."""
    torch.manual_seed(0)
    x = 2 * torch.rand(4, 3, 32, 32) - 1
    found = noise_test(*honest_pair(), x, 0.8 * x, 0.2, torch.randn(x.shape))
    assert found["clean"] == pytest.approx(0.02 / 0.8, abs=1e-6)
    expected = 0.25 * math.sqrt(2 / math.pi)
    assert found["added_without_code"] == pytest.approx(expected, abs=0.004)
    # The clean error is a shift of m = 0.025, a tenth of the noise: E|n + m| is a little more than E|n|.
    assert found["added"] + found["clean"] == pytest.approx(expected * math.exp(-0.005) + 0.025 * 0.0797, abs=0.004)


def test_a_cheating_pair_loses_much_more_where_its_code_was() -> None:
    """With x of fine detail alone the code brings x back; noise makes it a coin at each pixel, with an error near 1."""
    draw = torch.Generator().manual_seed(0)
    x = checks((4, 1, 32, 32), draw)
    y = 0.5 * smooth(x)
    assert x.unique().tolist() == [-1, 1]
    assert smooth(x).abs().max() == 0
    forward, back = cheating_pair()
    assert (forward(x) - y).abs().max().item() == pytest.approx(0.01)  # nobody sees that
    found = noise_test(forward, back, x, y, 0.3, torch.randn(x.shape, generator=draw))
    assert found["clean"] == pytest.approx(0, abs=1e-5)
    assert found["added"] == pytest.approx(1, abs=0.06)
    assert found["added_without_code"] == pytest.approx(0, abs=0.06)
