"""Exercise 03.4: the beta that is hidden in a loss made of means.

Source: Higgins et al., beta-VAE (2017), equation 4.
"""

from __future__ import annotations

from collections.abc import Callable

from course_lib.exercises.exercise import Case, Exercise, Mistake


def beta_of_means(pixels: int, latents: int) -> dict[str, float]:
    """Return the beta that two unweighted losses made of means amount to.

    Args:
        pixels: how many values a picture has (channels x height x width).
        latents: how many values a code has.

    Returns:
        A dict of two numbers: "beta_mean_both" if the reconstruction error is averaged over the pixels and the KL over
        the latents, "beta_mean_pixels_only" if the error is averaged over the pixels and the KL summed over the
        latents.
    """
    return {
        "beta_mean_both": pixels / latents,
        "beta_mean_pixels_only": float(pixels),
    }


def _cases() -> list[Case]:
    return [
        Case("digits, 20 latents", 784, 20),
        Case("digits, 2 latents", 784, 2),
        Case("small colour pictures", 3 * 32 * 32, 128),
        Case("larger colour pictures", 3 * 64 * 64, 256),
        Case("one latent", 100, 1),
        Case("as many latents as pixels", 64, 64),
        Case("more latents than pixels", 16, 40),
    ]


Beta = Callable[[int, int], float]


def _but(**changes: Beta) -> Callable[[int, int], dict[str, float]]:
    def answer(pixels: int, latents: int) -> dict[str, float]:
        return beta_of_means(pixels, latents) | {key: change(pixels, latents) for key, change in changes.items()}

    return answer


def _of_batch(factor: float) -> list[Callable[[int, int], dict[str, float]]]:
    """Return answers that count a batch of a usual size, in one of the numbers or in both."""
    both: Beta = lambda pixels, latents: factor * pixels / latents  # noqa: E731
    only: Beta = lambda pixels, latents: factor * pixels  # noqa: E731
    return [_but(beta_mean_both=both), _but(beta_mean_pixels_only=only)]


BETA_OF_MEANS = Exercise(
    id="03.4",
    title="Which beta is hidden in the means?",
    kind="prediction to test",
    trains="the weights that means hide",
    minutes=15,
    level=2,
    task=r"""
        A $\beta$-VAE minimises $R + \beta\, \mathrm{KL}$, with the reconstruction error $R$ summed over the pixels and
        the KL summed over the latents, both averaged over the batch; at $\beta = 1$ it is the negative bound. Somebody
        writes `error.mean() + kl.mean()` instead, without a weight: `error` has one value for each picture and pixel,
        `kl` one for each picture and latent. Somebody else writes `error.mean() + kl.sum(dim=1).mean()`. Each loss is
        proportional to that of a $\beta$-VAE: a common factor changes the size of the step, but not where the minimum
        is. Predict both $\beta$, for pictures of `pixels` values and codes of `latents` values: `beta_of_means(pixels,
        latents)` returns them in a dict. A figure further below shows networks of different $\beta$. It stops at 20, so
        extrapolate: what becomes of the reconstructions of such a model with 784 pixels and 20 latents?
    """,
    reference=beta_of_means,
    cases=_cases,
    rtol=1e-3,
    atol=1e-7,
    mistakes=(
        Mistake(
            "The two numbers are exchanged: each mean changes the weight of its own term. "
            "Find the loss in which the number of latents enters.",
            _but(
                beta_mean_both=lambda pixels, latents: pixels,
                beta_mean_pixels_only=lambda pixels, latents: pixels / latents,
            ),
        ),
        Mistake(
            "Both numbers are upside down. A mean makes its term smaller: multiply each loss until the reconstruction "
            "has weight 1, then read the weight of the KL.",
            _but(
                beta_mean_both=lambda pixels, latents: latents / pixels,
                beta_mean_pixels_only=lambda pixels, latents: 1 / pixels,
            ),
        ),
        Mistake(
            "Your beta_mean_both is upside down. A mean over more values makes its term smaller: "
            "multiply the first loss until the reconstruction has weight 1.",
            _but(beta_mean_both=lambda pixels, latents: latents / pixels),
        ),
        Mistake(
            "Your beta_mean_pixels_only is upside down. The mean over the pixels makes the reconstruction smaller, "
            "not the KL: multiply the second loss until the reconstruction has weight 1.",
            _but(beta_mean_pixels_only=lambda pixels, latents: 1 / pixels),
        ),
        Mistake(
            "For the means of both you forgot the latents: the mean of the KL is smaller than its sum.",
            _but(beta_mean_both=lambda pixels, latents: pixels),
        ),
        Mistake(
            "For the means of both you counted the latents alone. "
            "The mean over the pixels changes the weight of the reconstruction as well.",
            _but(beta_mean_both=lambda pixels, latents: latents),
            _but(beta_mean_both=lambda pixels, latents: 1 / latents),
        ),
        Mistake(
            "A loss without a visible weight does not have beta = 1: "
            "a mean over more values is a smaller part of its sum.",
            _but(beta_mean_both=lambda pixels, latents: 1),
            _but(beta_mean_pixels_only=lambda pixels, latents: 1),
        ),
        Mistake(
            "You multiplied the two numbers. The mean over the pixels raises the weight of the KL "
            "relative to the reconstruction; the mean over the latents does not.",
            _but(beta_mean_both=lambda pixels, latents: pixels * latents),
            _but(beta_mean_both=lambda pixels, latents: 1 / (pixels * latents)),
        ),
        Mistake(
            "In the second loss the KL is summed over the latents, as in the bound itself: "
            "their number does not matter there.",
            _but(beta_mean_pixels_only=lambda pixels, latents: pixels / latents),
            _but(beta_mean_pixels_only=lambda pixels, latents: pixels * latents),
            _but(beta_mean_pixels_only=lambda pixels, latents: latents),
            _but(beta_mean_pixels_only=lambda pixels, latents: 1 / latents),
            _but(beta_mean_pixels_only=lambda pixels, latents: latents / pixels),
        ),
        Mistake(
            "You divided without a remainder (`//`), or rounded. A weight need not be a whole number.",
            _but(beta_mean_both=lambda pixels, latents: pixels // latents),
            _but(beta_mean_both=lambda pixels, latents: round(pixels / latents)),
        ),
        Mistake(
            "You took roots. Means and sums differ by the number of values itself.",
            _but(beta_mean_both=lambda pixels, latents: (pixels / latents) ** 0.5),
            _but(beta_mean_pixels_only=lambda pixels, latents: pixels**0.5),
        ),
        Mistake(
            "You counted the size of the batch. Both terms are averaged over it, here and in the beta-VAE: it cancels.",
            *(
                answer
                for size in (32, 64, 100, 128, 256)
                for factor in (size, 1 / size)
                for answer in _of_batch(factor)
            ),
        ),
    ),
    hints=(
        "Write each mean as a sum divided by a number. Which numbers stand before R and before the KL?",
        "A loss and a multiple of it have the same minimum. By what must you multiply so that R stands alone?",
        "Means of both: `R / pixels + KL / latents`. Times `pixels` it is `R + (pixels / latents) * KL`.",
        "For the second loss, do the same with `R / pixels + KL`.",
    ),
    why="a mean is a sum divided by a count, so that the mean over the pixels hands their number to the KL as a weight "
    "and the mean over the latents takes theirs away.",
)
