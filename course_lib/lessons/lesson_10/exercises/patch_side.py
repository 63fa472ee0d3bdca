"""Exercise 10.4: the patch that one output of a PatchGAN sees, by hand and then in code.

Source: Isola et al., Image-to-Image Translation with Conditional Adversarial Networks (2017), section 6.1.2.
"""

from __future__ import annotations

from collections.abc import Callable

from course_lib.exercises.exercise import Case, Exercise, Mistake


def patch_side(layers: list[tuple[int, int]]) -> int:
    """Return the side of the patch of the input that one output of a chain of convolutions depends on.

    Args:
        layers: kernel and stride of each convolution, (k, s), from the input to the output; may be empty.

    Returns:
        The side in pixels of the input, before any of it is lost at the border.
    """
    side = 1  # one output
    for kernel, stride in reversed(layers):
        side = (side - 1) * stride + kernel  # the last of its inputs begins (side - 1) strides after the first
    return side


def _cases() -> list[Case]:
    return [
        Case("the paper's D", [(4, 2), (4, 2), (4, 2), (4, 1), (4, 1)]),
        Case("the D of 1 x 1 pixels", [(1, 1), (1, 1), (1, 1)]),
        Case("the D of 16 x 16 pixels", [(4, 2), (4, 1), (4, 1)]),
        Case("one convolution", [(5, 3)]),
        Case("no convolution at all", []),
        Case("no stride", [(3, 1), (3, 1), (5, 1)]),
        Case("strides at the end", [(3, 1), (7, 1), (4, 2), (3, 3)]),
        Case("a large first kernel", [(7, 2), (3, 2), (3, 1)]),
        Case("kernels that do not overlap", [(2, 2), (2, 2), (2, 2)]),
        Case("kernels smaller than their strides", [(1, 2), (3, 1), (2, 3), (3, 1)]),
        Case("a patch larger than any picture here", [(4, 2)] * 8),
        Case("strides in between", [(4, 1), (4, 3), (4, 1), (4, 2)]),
    ]


Layers = list[tuple[int, int]]
Answer = Callable[[Layers], float]


def _walk(step: Callable[[int, int, int], int], start: int = 1, backwards: bool = True) -> Answer:
    """Walk through the layers with a rule that makes a new side of (side, kernel, stride)."""

    def answer(layers: Layers) -> int:
        side = start
        for kernel, stride in reversed(layers) if backwards else layers:
            side = step(side, kernel, stride)
        return side

    return answer


def _forwards(
    start: int = 1,
    *,
    add: Callable[[int, int], int] = lambda kernel, stride: kernel - 1,
    jump_first: bool = False,
    jump: Callable[[int, int], int] = lambda jump, stride: jump * stride,
) -> Answer:
    """Walk from the input to the output, and keep the distance of two neighbouring outputs in pixels ("jump")."""

    def answer(layers: Layers) -> int:
        side, distance = start, 1
        for kernel, stride in layers:
            if jump_first:
                distance = jump(distance, stride)
            side += add(kernel, stride) * distance
            if not jump_first:
                distance = jump(distance, stride)
        return side

    return answer


def _product(position: int, minus: int = 0) -> Answer:
    def answer(layers: Layers) -> int:
        product = 1
        for layer in layers:
            product *= layer[position] - minus
        return product

    return answer


PATCH_SIDE = Exercise(
    id="10.4",
    title="How large a patch does one logit see?",
    kind="derivation to code",
    trains="receptive fields",
    minutes=15,
    level=2,
    task="""
        The paper's D is called 70 x 70, but no layer of it has a kernel of that size: each has 4 x 4, with the strides
        2, 2, 2, 1, 1. First find the 70 on paper. Begin with one logit and go back: how many of the values before the
        last convolution does it depend on, along one side? How many before the one before that, and so on to the
        pixels? Then write `patch_side(layers)` for any chain of convolutions, given as a list of pairs
        (kernel, stride) from the input to the output. Then use it: which list gives 34, and which 16? What would the
        side be if the three strides of 2 came last?
    """,
    reference=patch_side,
    cases=_cases,
    mistakes=(
        Mistake(
            "You walk from the input to the output with the rule for the way back. "
            "Begin with one output and the last convolution, and go back to the pixels.",
            _walk(lambda r, k, s: (r - 1) * s + k, backwards=False),
        ),
        Mistake(
            "You multiply by the kernel and add the stride. It is the other way round: r positions are r - 1 strides "
            "apart, and the last one is a kernel wide.",
            _walk(lambda r, k, s: (r - 1) * k + s),
        ),
        Mistake(
            "One pixel too few at each layer: r positions take (r - 1) strides and one whole kernel.",
            _walk(lambda r, k, s: (r - 1) * s + k - 1),
        ),
        Mistake(
            "You add a whole kernel where windows overlap. The next window begins one stride further on: "
            "r positions take (r - 1) strides and one kernel, not r strides and one kernel.",
            _walk(lambda r, k, s: r * s + k),
            _walk(lambda r, k, s: r * s + k, start=0),
            _walk(lambda r, k, s: r * s + k - 1),
            _forwards(add=lambda kernel, stride: kernel),
            _forwards(start=0, add=lambda kernel, stride: kernel),
        ),
        Mistake(
            "The strides are missing: your side grows by k - 1 with each layer, as if they were all 1. "
            "After a stride of 2, one step in the deeper layer is two steps in the one before.",
            _walk(lambda r, k, s: r + k - 1),
            _walk(lambda r, k, s: r + k - 1, start=0),
        ),
        Mistake(
            "You use the stride of each layer by itself, and forget those of the other layers. "
            "One step deep inside is worth the product of all strides before it.",
            _forwards(add=lambda kernel, stride: (kernel - 1) * stride, jump=lambda jump, stride: 1),
            _forwards(jump=lambda jump, stride: stride),
        ),
        Mistake(
            "The stride of a layer acts too early: its own kernel is still measured in steps of its input. "
            "Only what comes after it is spread out by this stride.",
            _forwards(jump_first=True),
            _walk(lambda r, k, s: (r - 1 + k - 1) * s + 1),
            _walk(lambda r, k, s: (r + k - 1) * s),
            _walk(lambda r, k, s: r * s + (k - 1) * s),
        ),
        Mistake(
            "You add the strides of the layers before, and they multiply: two halvings make a quarter.",
            _forwards(jump=lambda jump, stride: jump + stride),
            _forwards(jump=lambda jump, stride: jump + stride - 1),
        ),
        Mistake(
            "You are off by the first step: a single output is 1 position wide, not 0. "
            "Without any convolution the side is 1.",
            _walk(lambda r, k, s: (r - 1) * s + k, start=0),
            _forwards(start=0),
            _walk(lambda r, k, s: r * s + k - s, start=0),
        ),
        Mistake(
            "This is the size of the output that such a chain has, or a step of its formula, (n - k) / s + 1. "
            "Asked for is the way back: from 1 output to the size n that it needs.",
            _walk(lambda r, k, s: (r - k) // s + 1),
            _walk(lambda r, k, s: (r - k) // s + 1, start=70, backwards=False),
            _walk(lambda r, k, s: (r - k) // s + 1, start=64, backwards=False),
            _walk(lambda r, k, s: (r - k) // s + 1, start=256, backwards=False),
        ),
        Mistake(
            "You multiply the kernels. Neighbouring windows overlap, so that each layer adds to the side.",
            _product(0),
            _product(0, minus=1),
        ),
        Mistake(
            "This is the product of the strides, the distance of two neighbouring patches. Asked for is their width.",
            _product(1),
        ),
        Mistake(
            "This is the sum of the kernels. Neighbouring windows overlap, and strides spread them out.",
            lambda layers: sum(kernel for kernel, _ in layers),
        ),
        Mistake(
            "You stop at the size of a picture. Asked for is the side before any of it is lost at the border, "
            "and it can be larger than every picture.",
            *(lambda layers, most=most: min(patch_side(layers), most) for most in (256, 128, 286, 512)),
        ),
        Mistake(
            "You returned the area of the patch. Asked for is its side.",
            lambda layers: patch_side(layers) ** 2,
        ),
    ),
    hints=(
        "Draw it in one dimension. One output of a kernel of 4 depends on 4 values. Two neighbouring outputs, at "
        "stride 2, depend on how many together? And three?",
        "r neighbouring outputs: the window of the first is k wide, and each further one begins s later. So they "
        "depend on `(r - 1) * s + k` values.",
        "Begin with r = 1 and the last convolution. For the paper's D: 1, 4, 7, then three times with stride 2.",
        "A loop over `reversed(layers)`, with `side = (side - 1) * stride + kernel` in it.",
    ),
    why="r outputs begin (r - 1) strides apart and the last one is a kernel wide, so that from one logit back "
    "the paper's D gives 1, 4, 7, 16, 34, 70.",
)
