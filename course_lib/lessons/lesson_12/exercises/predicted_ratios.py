"""Exercise 12.2: what the divisor C H W of a Gram matrix is for, in predicted numbers.

Source: Johnson, Alahi and Fei-Fei (2016), equations 3 and 4; Gatys, Ecker and Bethge, Image Style Transfer Using
Convolutional Neural Networks (2016), equations 3 and 4.
"""

from __future__ import annotations

from collections.abc import Callable

from course_lib.exercises.exercise import Case, Exercise, Mistake


def predicted_ratios(divided_by: str, tiles: int, copies: int) -> dict[str, float]:
    """Return what becomes of Gram matrices and style losses when a picture or a layer grows by repetition.

    Args:
        divided_by: what the sum over positions is divided by: "nothing", "H W" or "C H W".
        tiles: how often the picture is laid side by side, 4 for 2 x 2; its features repeat in the same way.
        copies: how often each channel of the layer is there, instead of once; the picture is not tiled then.

    Returns:
        A dict of four numbers: "gram", the factor on each entry of the Gram matrix by the tiling; "loss", the factor on
        the style loss when output and target are both tiled; "own tiling", the style loss between a picture and its own
        tiling, divided by the squared norm of the picture's own Gram matrix; "channels", the factor on the style loss
        when each channel is there `copies` times.
    """
    positions = 1 if divided_by == "nothing" else tiles  # how much the divisor grows with the picture
    channels = copies if divided_by == "C H W" else 1  # and with the layer
    entry = tiles / positions  # the sum over positions grows with the tiles
    return {
        "gram": entry,
        "loss": entry**2,  # a squared difference
        "own tiling": (entry - 1) ** 2,
        "channels": (copies / channels) ** 2,  # copies^2 times as many entries, each divided by `channels`, squared
    }


def _cases() -> list[Case]:
    return [
        Case("the formula of the lesson", "C H W", 4, 2),
        Case("a plain sum", "nothing", 4, 2),
        Case("a mean over positions", "H W", 4, 2),
        Case("a plain sum and two tiles", "nothing", 2, 3),
        Case("the formula of the lesson and nine tiles", "C H W", 9, 5),
        Case("a mean over positions and many copies", "H W", 16, 10),
        Case("no repetition at all", "nothing", 1, 1),
    ]


Answer = Callable[[str, int, int], dict[str, float]]


def _but(**changes: Callable[[str, int, int], float]) -> Answer:
    """Return the variant with other numbers in some parts; `own_tiling` is the part "own tiling"."""

    def answer(divided_by: str, tiles: int, copies: int) -> dict[str, float]:
        changed = {key.replace("_", " "): change(divided_by, tiles, copies) for key, change in changes.items()}
        return predicted_ratios(divided_by, tiles, copies) | changed

    return answer


def _entry(entry: Callable[[str, int], float]) -> tuple[Answer, ...]:
    """Return the variants with another factor on the entries: in the three parts that follow from it, and alone."""
    follow = {
        "gram": lambda by, tiles, copies: entry(by, tiles),
        "loss": lambda by, tiles, copies: entry(by, tiles) ** 2,
        "own_tiling": lambda by, tiles, copies: (entry(by, tiles) - 1) ** 2,
    }
    first_two = {key: follow[key] for key in ("gram", "loss")}
    return _but(**follow), _but(**first_two), _but(gram=follow["gram"])


def _plain(by: str, value: float, otherwise: float) -> float:
    return value if by == "nothing" else otherwise


PREDICTED_RATIOS = Exercise(
    id="12.2",
    title="Why divide by C H W?",
    kind="prediction to test",
    trains="scales of losses",
    minutes=15,
    level=2,
    task="""
        A Gram matrix is a sum over positions, divided by C H W. Some divide by H W alone, and some by nothing. What
        does the choice do? Work it out on paper; the style loss is the sum of the squared differences of the entries.

        * `"gram"`: a picture is laid side by side `tiles` times (4 for 2 x 2), and its features repeat as it does.
          What factor is on each entry of the Gram matrix?
        * `"loss"`: output and target are both tiled. What factor is on the style loss between them?
        * `"own tiling"`: what is the style loss between a picture and its own tiling, in units of the squared norm of
          the picture's Gram matrix?
        * `"channels"`: output and target stay as they are, but each of the C channels is there `copies` times. What
          factor is on the style loss?

        Write `predicted_ratios(divided_by, tiles, copies)`, which returns the four numbers in a dict. The cell below
        asks VGG-16. Before you run it: what will the seams between the tiles change, and in which layer most?
    """,
    reference=predicted_ratios,
    cases=_cases,
    mistakes=(
        Mistake(
            "You let a plain sum stay the same when the picture is tiled: count how many positions are summed then.",
            *_entry(lambda by, tiles: 1.0),
        ),
        Mistake(
            "You count the tiles along one side: all positions are summed, in both directions.",
            *_entry(lambda by, tiles: _plain(by, tiles**0.5, 1.0)),
        ),
        Mistake(
            "You let each entry of a plain sum grow with the square of the tiles: an entry sums products of two "
            "channels at the same position, so count positions and not pairs of them.",
            *_entry(lambda by, tiles: _plain(by, tiles**2, 1.0)),
        ),
        Mistake(
            "You let the divided matrix shrink with the tiles: its divisor grows, "
            "but look at what the sum that it divides does at the same time.",
            *_entry(lambda by, tiles: _plain(by, tiles, 1 / tiles)),
            *_entry(lambda by, tiles: _plain(by, 1.0, 1 / tiles)),
        ),
        Mistake(
            "You let the divided matrix grow with the tiles: its sum does, but look at the divisor too, "
            'which counts positions (the words are "H W" and "C H W", with spaces).',
            *_entry(lambda by, tiles: float(tiles)),
            *_entry(lambda by, tiles: 1.0 if by == "C H W" else float(tiles)),
            *_entry(lambda by, tiles: 1.0 if by == "H W" else float(tiles)),
        ),
        Mistake(
            "The factor on the loss is that on the entries in your answer: the style loss squares differences.",
            _but(loss=lambda by, tiles, copies: _plain(by, tiles, 1.0)),
        ),
        Mistake(
            "You raise the factor on the entries too often: the loss squares a difference once, "
            "and the number of entries does not depend on the picture's size.",
            _but(loss=lambda by, tiles, copies: _plain(by, tiles**4, 1.0)),
            _but(loss=lambda by, tiles, copies: _plain(by, tiles**3, 1.0)),
        ),
        Mistake(
            "You took the difference of squares, or the square of the larger matrix alone: "
            "subtract one Gram matrix from the other first, and square after.",
            _but(own_tiling=lambda by, tiles, copies: _plain(by, tiles**2 - 1, 0.0)),
            _but(own_tiling=lambda by, tiles, copies: _plain(by, tiles**2, 0.0)),
            _but(own_tiling=lambda by, tiles, copies: _plain(by, tiles**2, 1.0)),
        ),
        Mistake(
            "The square is missing where a picture meets its own tiling: the two Gram matrices differ by a multiple, "
            "and the loss squares that.",
            _but(own_tiling=lambda by, tiles, copies: _plain(by, tiles - 1, 0.0)),
            _but(own_tiling=lambda by, tiles, copies: _plain(by, 1 - tiles, 0.0)),
        ),
        Mistake(
            "You let a plain sum cost nothing between a picture and its own tiling: their matrices differ by the "
            "factor that you gave for the entries.",
            _but(own_tiling=lambda by, tiles, copies: 0.0),
        ),
        Mistake(
            "You give the ratio of two Gram matrices where their difference is asked for: "
            "look at two pictures whose matrices agree.",
            _but(own_tiling=lambda by, tiles, copies: _plain(by, (tiles - 1) ** 2, 1.0)),
        ),
        Mistake(
            "You let repeated channels change nothing whatever the divisor is: the matrix has more entries then, "
            "and only one of the three divisors knows how many channels there are.",
            _but(channels=lambda by, tiles, copies: 1.0),
        ),
        Mistake(
            "You let the loss grow with the number of channels: a Gram matrix has an entry for each pair of them.",
            _but(channels=lambda by, tiles, copies: float(copies) if by != "C H W" else 1.0),
            _but(channels=lambda by, tiles, copies: float(copies) if by != "C H W" else 1 / copies),
        ),
        Mistake(
            "With C in the divisor you count the entries as if nothing divided them: the divisor grows too "
            '(the words are "H W" and "C H W", with spaces).',
            _but(channels=lambda by, tiles, copies: float(copies**2)),
        ),
        Mistake(
            "With C in the divisor you count what each entry is divided by and not how many more entries are summed: "
            "put both together.",
            _but(channels=lambda by, tiles, copies: 1 / copies**2 if by == "C H W" else float(copies**2)),
            _but(channels=lambda by, tiles, copies: 1 / copies**2 if by == "C H W" else 1.0),
            _but(channels=lambda by, tiles, copies: 1 / copies if by == "C H W" else float(copies**2)),
            _but(channels=lambda by, tiles, copies: 1 / copies if by == "C H W" else 1.0),
        ),
        Mistake(
            "With C in the divisor you squared the number of entries and not what each is divided by: "
            "ask what the square of the loss is taken of.",
            _but(channels=lambda by, tiles, copies: float(copies) if by == "C H W" else float(copies**2)),
        ),
        Mistake(
            "You give H W the effect of C H W on the channels: the number of positions does not know how many "
            'channels there are (the words are "H W" and "C H W", with spaces).',
            _but(channels=lambda by, tiles, copies: _plain(by, copies**2, 1.0)),
        ),
        Mistake(
            "You squared the number of entries that the copies add: copies^2 times as many squares are summed, "
            "and copying changes none of them.",
            _but(channels=lambda by, tiles, copies: 1.0 if by == "C H W" else float(copies**4)),
            _but(channels=lambda by, tiles, copies: float(copies ** (2 if by == "C H W" else 4))),
            _but(channels=lambda by, tiles, copies: float(copies**4)),
        ),
        Mistake(
            'The copies of the channels are in "gram" too: there the picture is tiled, '
            "and each channel of the layer is there once.",
            _but(gram=lambda by, tiles, copies: _plain(by, tiles, 1.0) * copies),
            _but(gram=lambda by, tiles, copies: _plain(by, tiles, 1.0) * copies**2),
            _but(gram=lambda by, tiles, copies: _plain(by, tiles, 1.0) / (copies if by == "C H W" else 1)),
            _but(gram=lambda by, tiles, copies: _plain(by, tiles, 1.0) * (1 if by == "C H W" else copies)),
            _but(gram=lambda by, tiles, copies: _plain(by, tiles, 1.0) * (copies if by == "C H W" else copies**2)),
        ),
    ),
    hints=(
        "Take one channel with one position of value a: its Gram matrix is a^2. With four such positions it is 4 a^2 "
        "as a plain sum; what is it divided by H W?",
        "The loss sums (entry of one - entry of the other)^2 over all pairs of channels. Put the factor into the "
        "bracket: first on both entries, then on one of them alone.",
        "Copied channels repeat the matrix in blocks: copies^2 times as many squares. Divided by C H W, each entry is "
        "smaller by the factor `copies`, and each square by its square.",
    ),
    why="divided by C H W, neither the size of a picture nor the number of channels changes what a style costs, "
    "so that a painting of 512 pixels can steer an output of 128; a plain sum asks for louder features instead.",
)
