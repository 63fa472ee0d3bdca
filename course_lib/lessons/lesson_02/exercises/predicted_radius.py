"""Exercise 02.5: how far two players are from the equilibrium of the smallest game, predicted before it is played."""

from __future__ import annotations

import math
from collections.abc import Callable

from course_lib.exercises.exercise import Case, Exercise, Mistake


def predicted_radius(lr: float, steps: int) -> dict[str, float]:
    """Predict how far g and d are from (0, 0) in the game min over g, max over d of g * d, begun at (1, 0).

    Args:
        lr: learning rate of both players, between 0 and 1 (both excluded).
        steps: number of steps, 0 or more.

    Returns:
        A dict of four radii, that is values of sqrt(g**2 + d**2): "simultaneous" after so many simultaneous steps,
        "continuous" after following the flow for the time lr * steps, "alternating_min" and "alternating_max" the
        smallest and the greatest on the ellipse that alternating steps stay on.
    """
    return {
        "simultaneous": (1 + lr**2) ** (steps / 2),  # each step multiplies g**2 + d**2 by 1 + lr**2
        "continuous": 1.0,  # the flow goes round in a circle
        "alternating_min": (2 / (2 + lr)) ** 0.5,  # g**2 + d**2 + lr * g * d = 1 with d = g
        "alternating_max": (2 / (2 - lr)) ** 0.5,  # and with d = -g
    }


def _cases() -> list[Case]:
    return [
        Case("a hundred small steps", 0.1, 100),
        Case("one large step", 0.9, 1),
        Case("twenty large steps", 0.5, 20),
        Case("many tiny steps", 0.01, 1000),
        Case("seven steps", 0.25, 7),
        Case("no step at all", 0.3, 0),
    ]


Answer = Callable[[float, int], dict[str, float]]
Part = Callable[[float, int], float]


def _but(**changes: Part) -> Answer:
    def answer(lr: float, steps: int) -> dict[str, float]:
        return predicted_radius(lr, steps) | {key: change(lr, steps) for key, change in changes.items()}

    return answer


def _both(part: Part) -> tuple[Answer, Answer]:
    return _but(alternating_min=part), _but(alternating_max=part)


def _ellipse(c: Callable[[float], float]) -> tuple[Answer, Answer]:
    """Return the radii on g**2 + d**2 + c g d = 1 with a wrong c, one at a time."""
    return (
        _but(alternating_min=lambda lr, steps: (2 / (2 + c(lr))) ** 0.5),
        _but(alternating_max=lambda lr, steps: (2 / (2 - c(lr))) ** 0.5 if c(lr) < 2 else math.inf),
    )


def _in_turns(g_first: bool) -> Part:
    """Return the radius after steps in which the second player sees the first one's new value."""

    def radius(lr: float, steps: int) -> float:
        g, d = 1.0, 0.0
        for _ in range(steps):
            if g_first:
                g -= lr * d
                d += lr * g
            else:
                d += lr * g
                g -= lr * d
        return math.hypot(g, d)

    return radius


def _visited(lr: float, steps: int) -> list[float]:
    """Return the radius at the start and after each alternating step."""
    g, d = 1.0, 0.0
    radii = [1.0]
    for _ in range(steps):
        d += lr * g
        g -= lr * d
        radii.append(math.hypot(g, d))
    return radii


PREDICTED_RADIUS = Exercise(
    id="02.5",
    title="Two players in a circle: in, out or round?",
    kind="prediction to test",
    trains="how two players move round each other",
    minutes=20,
    level=3,
    task=r"""
        The smallest game has two numbers for players: $\min_g \max_d\; g\, d$, with its equilibrium at $(0, 0)$. Both
        start at $(g, d) = (1, 0)$, and the radius $\sqrt{g^2 + d^2}$ says how far they are from the equilibrium.
        Predict, before you run anything, for the learning rate `lr` ($\eta$ in the lesson), between 0 and 1:

        * `"simultaneous"`: the radius after `steps` steps in which both move at once, each knowing the other's *old*
          value: $g' = g - \mathrm{lr}\, d$ and $d' = d + \mathrm{lr}\, g$.
        * `"continuous"`: the radius after following the flow $\dot g = -d,\ \dot d = g$ for the time
          $\mathrm{lr} \cdot$ `steps`.
        * `"alternating_min"` and `"alternating_max"`: when the players take turns, d first with the old g
          ($d' = d + \mathrm{lr}\, g$) and then g with the *new* d ($g' = g - \mathrm{lr}\, d'$), all points lie on one
          ellipse $g^2 + d^2 + c\, g d = 1$. Find c, and from it the smallest and the greatest radius on this ellipse
          (on all of it, whether or not a step ends there).

        Write `predicted_radius(lr, steps)`, which returns the four numbers in a dict. Then play the game with a loop
        of a few lines and compare.
    """,
    reference=predicted_radius,
    cases=_cases,
    mistakes=(
        Mistake(
            "You predict that simultaneous steps keep the radius. That holds for the flow; "
            "a step goes along the tangent, and the end of a tangent lies outside the circle.",
            _but(simultaneous=lambda lr, steps: 1.0),
        ),
        Mistake(
            "You predict that simultaneous steps come nearer to the equilibrium. "
            "Compute the radius after a single step from (1, 0).",
            _but(simultaneous=lambda lr, steps: (1 + lr**2) ** (-steps / 2)),
            _but(simultaneous=lambda lr, steps: (1 - lr**2) ** (steps / 2)),
            _but(simultaneous=lambda lr, steps: (1 - lr**2) ** steps),
            _but(simultaneous=lambda lr, steps: (1 - lr) ** steps),
            _but(simultaneous=lambda lr, steps: math.exp(-lr * steps)),
            _but(simultaneous=lambda lr, steps: 0.0),
        ),
        Mistake(
            "Your factor for a simultaneous step is that of the squared radius. The root is missing.",
            _but(simultaneous=lambda lr, steps: (1 + lr**2) ** steps),
        ),
        Mistake(
            "Your factor for a simultaneous step is too large: the step is at a right angle to the radius, "
            "so that its length is not simply added. Draw the triangle.",
            _but(simultaneous=lambda lr, steps: (1 + lr) ** steps),
            _but(simultaneous=lambda lr, steps: (1 + lr) ** (steps / 2)),
            _but(simultaneous=lambda lr, steps: math.exp(lr * steps)),
        ),
        Mistake(
            "You let the radius grow by the same amount with each simultaneous step. "
            "A step is as long as lr times the radius, so that the radius is multiplied each time.",
            _but(simultaneous=lambda lr, steps: 1 + steps * lr**2),
            _but(simultaneous=lambda lr, steps: 1 + steps * lr**2 / 2),
            _but(simultaneous=lambda lr, steps: 1 + steps * lr),
            _but(simultaneous=lambda lr, steps: 1 + steps * ((1 + lr**2) ** 0.5 - 1)),
            _but(simultaneous=lambda lr, steps: (1 + steps * lr**2) ** 0.5),
            _but(simultaneous=lambda lr, steps: steps * (1 + lr**2) ** 0.5),
        ),
        Mistake(
            "You took all the simultaneous steps as one long one. "
            "The direction changes after each step: find the factor of one, then apply it again and again.",
            _but(simultaneous=lambda lr, steps: (1 + (steps * lr) ** 2) ** 0.5),
            _but(simultaneous=lambda lr, steps: (1 + lr ** (2 * steps)) ** 0.5),
        ),
        Mistake(
            "Your simultaneous radius is that after one step. Apply the factor as often as there are steps.",
            _but(simultaneous=lambda lr, steps: (1 + lr**2) ** 0.5),
            _but(simultaneous=lambda lr, steps: 1 + lr**2),
        ),
        Mistake(
            "Your simultaneous radius holds for small learning rates only, as an approximation. "
            "The factor of one step can be had exactly.",
            _but(simultaneous=lambda lr, steps: math.exp(steps * lr**2 / 2)),
            _but(simultaneous=lambda lr, steps: (1 + lr**2 / 2) ** steps),
        ),
        Mistake(
            "In your simultaneous steps one player answers to the other's new value. Both answer to the old values: "
            "keep the old g until d has moved.",
            _but(simultaneous=_in_turns(g_first=True)),
            _but(simultaneous=_in_turns(g_first=False)),
        ),
        Mistake(
            "You predict that the flow moves away from the equilibrium, as simultaneous steps do. "
            "Take the derivative of the squared radius along the flow.",
            _but(continuous=lambda lr, steps: (1 + lr**2) ** (steps / 2)),
            _but(continuous=lambda lr, steps: math.exp(lr * steps)),
            _but(continuous=lambda lr, steps: math.exp(steps * lr**2 / 2)),
            _but(continuous=lambda lr, steps: 1 + lr * steps),
            _but(continuous=lambda lr, steps: (1 + (lr * steps) ** 2) ** 0.5),
        ),
        Mistake(
            "You predict that the flow reaches the equilibrium. "
            "Look at how the squared radius changes along it: its derivative is the same everywhere.",
            _but(continuous=lambda lr, steps: math.exp(-lr * steps)),
            _but(continuous=lambda lr, steps: 0.0),
            _but(continuous=lambda lr, steps: (1 + lr**2) ** (-steps / 2)),
        ),
        Mistake(
            "You returned a coordinate of the flow, a cosine or a sine. The radius takes both coordinates.",
            _but(continuous=lambda lr, steps: abs(math.cos(lr * steps))),
            _but(continuous=lambda lr, steps: math.cos(lr * steps)),
            _but(continuous=lambda lr, steps: math.sin(lr * steps)),
        ),
        Mistake(
            "You predict that alternating steps stay on the circle. They stay near it, on an ellipse: "
            "the product of g and d comes in as soon as g sees the new d.",
            *_both(lambda lr, steps: 1.0),
        ),
        Mistake(
            "You let alternating steps grow as the simultaneous ones do. "
            "Here g answers to the new d, and the points stay on an ellipse whatever the number of steps.",
            *_both(lambda lr, steps: (1 + lr**2) ** (steps / 2)),
            *_both(lambda lr, steps: (1 + lr**2) ** 0.5),
        ),
        Mistake(
            "The smallest and the greatest radius of the ellipse are exchanged.",
            _but(
                alternating_min=lambda lr, steps: (2 / (2 - lr)) ** 0.5,
                alternating_max=lambda lr, steps: (2 / (2 + lr)) ** 0.5,
            ),
        ),
        Mistake(
            "Your radii of the ellipse are squared: on a diagonal you found the sum of squares. Take the root.",
            _but(alternating_min=lambda lr, steps: 2 / (2 + lr)),
            _but(alternating_max=lambda lr, steps: 2 / (2 - lr)),
        ),
        Mistake(
            "Your radii are coordinates: on a diagonal g and d are equally large, and both count in the radius.",
            _but(alternating_min=lambda lr, steps: (1 / (2 + lr)) ** 0.5),
            _but(alternating_max=lambda lr, steps: (1 / (2 - lr)) ** 0.5),
        ),
        Mistake(
            "Your ellipse is not the right one: its c is too large or too small. "
            "Try it on the first step from (1, 0), where the sum must still be 1.",
            *_ellipse(lambda lr: 2 * lr),
            *_ellipse(lambda lr: lr / 2),
            *_ellipse(lambda lr: lr**2),
            *_ellipse(lambda lr: 1.0),
        ),
        Mistake(
            "You played the game and returned what the points visited. "
            "Asked for are the extremes of the whole ellipse, which do not depend on the number of steps.",
            *_both(lambda lr, steps: _visited(lr, steps)[-1]),
            _but(alternating_min=lambda lr, steps: min(_visited(lr, steps))),
            _but(alternating_max=lambda lr, steps: max(_visited(lr, steps))),
        ),
    ),
    hints=(
        "Simultaneous: write down `g**2 + d**2` after one step from any (g, d). Which terms cancel, and which factor "
        "is left? The flow: the derivative of `g**2 + d**2` is twice `g * g_dot + d * d_dot`.",
        "Alternating: `g_new - g = -lr * d_new` and `d_new - d = lr * g`. Multiply the first by `g_new + g`, the "
        "second by `d_new + d`, and add. The change of `g**2 + d**2` is then lr times a difference of two products.",
        "So `g**2 + d**2 + lr * g * d` stays as it is. In this sum g and d can be exchanged, so that the axes of the "
        "ellipse are the diagonals d = g and d = -g.",
        "Put d = g into the ellipse and solve for `g**2 + d**2`, then do the same with d = -g. The radius is the root.",
    ),
    why="a simultaneous step is a turn with a stretch by the root of 1 + lr**2, the flow is a turn alone, and "
    "alternating steps keep g**2 + d**2 + lr g d, an ellipse with its axes on the diagonals.",
)
