# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] slideshow={"slide_type": "slide"} syllabus=["N0.7"]
# # 01 · Why is my regression output blurry?
#
# **Question.** Why does a network whose loss keeps falling still draw a blur, and what does an adversary change?
#
# **You will be able to**
# - say which picture a pixel loss asks for, and compute it where all right answers are known;
# - train a network by your own loss, and see it arrive at that picture;
# - measure how far it stays from every real picture;
# - say what a discriminator adds, and what it does not.
#
# <!-- the slide ends here -->
#
# **Time.** Less than two minutes for all cells on two CPU cores, less on a GPU. About ninety minutes to read and do.
#
# <!-- links -->
#
# Papers: Isola et al. 2017 (pix2pix), sections 1 and 3; Ledig et al. 2017 (SRGAN), section 1; Goodfellow et al. 2014
# (GAN).
#
# <!-- notes 2 min
# Ask who has trained a network from pictures to pictures, and what its outputs looked like. Promise that by the end of
# the hour the blur has a formula.
# One year of PyTorch is enough. Nothing of GANs is needed.
# -->

# %% tags=["setup"]

# %%
import torch
import torch.nn.functional as F
from torch import nn

from course_lib import data, plotting, runs
from course_lib.data.answers import emoji_answers
from course_lib.data.super_resolution import shrink, super_resolution_pairs
from course_lib.exercises import check, hint, reached, solution
from course_lib.losses.reconstruction import distance_to_interval
from course_lib.lessons.lesson_01.commitment import in_a_real_tone, pieced_together
from course_lib.lessons.lesson_01.displaced import moved, moved_answers
from course_lib.lessons.lesson_01.held_out import TRAINING, displaced_inputs, usual_places
from course_lib.metrics import sharpness
from course_lib.metrics.answers import AnswerJudge, exact_minimisers, rms
from course_lib.metrics.answers import nearest_answer as closest_answer
from course_lib.plotting import Arrow, Box
from course_lib.presets import choose
from course_lib.runs.translation import outputs_of, quiet_outputs_of
from course_lib.runs.enlarging import enlarged, enlarging_figures
from course_lib.systems.pix2pix import Pix2Pix
from course_lib.systems.regression import Regression
from course_lib.training import fit
from course_lib.lessons.lesson_01.weighted_answers import answer_weights

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ### Where this lesson goes
#
# A camera moved, by up to three pixels to the left or right. Nobody wrote down how far. Three networks answer.
#
# <!-- notes 3 min
# Show the input, the two right answers, then the three outputs from left to right. None of the networks has seen these
# emoji.
# Ask: which of the three would you believe? Which one is furthest from a right answer? Keep the votes.
# -->

# %% [markdown]
# ### Where this lesson goes
#
# Somebody photographs a picture, and the camera has moved: up to three pixels to the left or to the right. Nobody wrote
# down how far. A network sees the picture at the left and should say what the camera took. Seven pictures are right
# answers, and two of them are shown. Three networks answer. None of them has seen these emoji before.

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
pictures = displaced_inputs("test")
answers_in_place = moved_answers(pictures)  # (128, 7, 3, 64, 64): displaced by -3 ... 3 pixels
ANSWERING = {"by MSE": "moved_mse", "by MAE": "moved_mae", "L1 + adversary": "moved_gan"}
answered = {label: quiet_outputs_of(runs.load(f"lesson_01/{name}"), pictures) for label, name in ANSWERING.items()}
faces = [51, 1]
rows = [
    [pictures[i], answers_in_place[i, 0], answers_in_place[i, 6], *(made[i] for made in answered.values())]
    for i in faces
]
fig = plotting.image_grid(rows, column_titles=["input x", "3 to the left", "3 to the right", *ANSWERING], tile=140)
plotting.show(
    fig,
    palette=True,
    alt="Two emoji; each moved to the left and to the right; the answer of the MSE network, blurred sideways as by a hand "
    "that shook; that of the MAE network; and that of the adversarial network, which is sharp",
)

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ### The method in one drawing
#
# Above: regression, one network and a pixel loss. Below: the adversary, a second network $D$.
#
# <!-- notes 3 min
# Upper half first: x goes in, one answer comes out, the loss compares it with the one y that was written down. Lower
# half: D looks at input and picture together. At a bar no gradient passes. When G learns, the weights of D stay.
# Ask: what does the upper half know of the other right answers? Nothing.
# -->

# %% [markdown]
# ### The method in one drawing
#
# Regression is the upper half: a network, one right answer $y$, and a loss that compares pixels. The adversary is the
# lower half: a second network $D$ looks at input and picture together. Two bars mark where no gradient passes: what
# teaches $D$ must not teach $G$. When $G$ learns, $D$'s weights stay as they are.

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
fig = plotting.diagram(
    {
        "x": Box(0, 0.75, "input x"),
        "z": Box(1.15, 1.95, "noise z", "noise"),
        "G": Box(1.15, 0.75, "f(x) or\nG(x, z)", "network"),
        "out": Box(2.35, 0.75, "output\n(N, 3, 64, 64)", width=0.84),
        "y": Box(2.35, -0.45, "y, one of the\nright answers", width=0.84),
        "pixel": Box(3.75, 0.15, "pixel loss\nfor f or G", "loss", width=0.74),
        "D": Box(3.75, 1.95, "D (x, picture)", "network", width=0.74),
        "d": Box(5.0, 1.95, "loss of D\nreal or not?", "loss", width=0.74),
        "g": Box(5.0, 0.95, "loss of G\nlooks real?", "loss", width=0.74),
    },
    [
        Arrow("x", "G"),
        Arrow("z", "G"),
        Arrow("G", "out"),
        Arrow("out", "pixel"),
        Arrow("y", "pixel"),
        Arrow("out", "D", "for D's loss", stop=True, bend=-0.14),
        Arrow("out", "D", bend=0.14),
        Arrow("D", "d"),
        Arrow("D", "g"),
    ],
    size=(9, 3.6),
)
plotting.show(
    fig,
    alt="Boxes and arrows: x and noise z enter the network; its output and the right answer y enter the pixel loss; "
    "output and x enter D, once with the gradient stopped for D's own loss, once without for the loss of G",
)

# %% [markdown]
# > **Exercises** stand where you need them. Write your answer where the cell says so, and run it. `check` says whether it
# > is right, and if not, what is likely wrong. It hands back what the lesson goes on with: *your* function if it is right,
# > ours if you have not tried. `hint("01.1")` gives a hint, a stronger one each time; `solution("01.1")` shows ours.

# %% tags=["exercise:01.1"]

# %% [markdown] slideshow={"slide_type": "slide"} syllabus=["N0.9"]
# ## Two answers: black or white
#
# The smallest case has one pixel. The input $x$ is always the same. The target $y$ is white ($y = 1$) with chance $p$,
# else black ($y = 0$).
# The network can only output one number $c$, because it always sees the same $x$. Its expected losses are
#
# $$\mathbb{E}\,(y - c)^2 = p\,(1 - c)^2 + (1 - p)\,c^2, \qquad \mathbb{E}\,|y - c| = p\,(1 - c) + (1 - p)\,c \quad (0 \le c \le 1).$$
#
# <!-- notes 5 min
# One pixel, always the same input. Let them find the best c for the square before you unfold it. Then the absolute
# value: ask for its slope in c.
# The 50:50 case is the one to stay at: every grey is equally good, and no gradient says anything.
# -->

# %% [markdown] slideshow={"slide_type": "fragment"}
# Set the derivative of the first to zero: $-2p(1 - c) + 2(1 - p)c = 0$, so $c = p$. **MSE outputs the mean.**

# %% [markdown] slideshow={"slide_type": "fragment"}
# The second is a straight line in $c$ with slope $1 - 2p$. For $p > \tfrac12$ it falls all the way to $c = 1$.
# For $p = \tfrac12$ it is flat: every grey is equally good. **MAE outputs a median.**


# %%
def expected_losses(c, p):
    """Return the expected squared and absolute error of the output c when the target is 1 with chance p, else 0."""
    squared = p * (1 - c) ** 2 + (1 - p) * c**2
    absolute = p * (1 - c).abs() + (1 - p) * c.abs()
    return squared, absolute


# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ### Both losses over the one number
#
# Left: white and black equally often. Right: white in six of ten.
#
# <!-- notes 2 min
# Point at the dot of MSE: it moves with p. Point at the flat line of MAE, and at its corner on the right. Ask what
# gradient descent does that starts at 0.3 on the flat line.
# -->

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
c = torch.linspace(0, 1, 201)
fig, axes = plotting.subplots(1, 2, size=(9, 3.2), sharey=True)
for ax, p in zip(axes, (0.5, 0.6), strict=True):
    squared, absolute = expected_losses(c, p)
    ax.plot(c, squared, label="MSE", color=plotting.COLOURS["blue"])
    ax.plot(c, absolute, label="MAE", color=plotting.COLOURS["vermilion"])
    ax.plot(p, p * (1 - p), "o", color=plotting.COLOURS["blue"])
    if p == 0.5:
        ax.plot([0, 1], [0.5, 0.5], color=plotting.COLOURS["vermilion"], linewidth=6, alpha=0.3)
    else:
        ax.plot(1, 1 - p, "o", color=plotting.COLOURS["vermilion"])
    ax.set(title=f"white with chance {p:.1f}", xlabel="output c (0 black, 1 white)")
axes[0].set_ylabel("expected loss")
axes[0].legend(loc="upper center")
plotting.show(
    fig,
    alt="Expected loss over the output. At 50:50 the squared error is lowest at mid-grey and the absolute error is flat. "
    "At 60:40 the squared error is lowest at 0.6 and the absolute error at 1.",
)

# %% [markdown]
# ### Does gradient descent find them?
#
# Start one number at $c = 0.3$ and follow the gradient of each expected loss. The results below are the minimisers of
# the formulas.


# %% tags=["checked"]
def descend(p, loss, steps=2000, lr=0.01):
    """Return where gradient descent on an expected loss ends, started at 0.3."""
    c = torch.tensor(0.3, requires_grad=True)
    for _ in range(steps):
        value = expected_losses(c, p)[0 if loss == "MSE" else 1]
        (gradient,) = torch.autograd.grad(value, c)
        with torch.no_grad():
            c -= lr * gradient
    return c.item()


for p in (0.5, 0.6):
    print(f"white with chance {p:.1f}:  MSE ends at {descend(p, 'MSE'):.2f}   MAE ends at {descend(p, 'MAE'):.2f}")
    print("            predicted:", {name: round(float(value), 2) for name, value in predicted(p).items()})

# %% tags=["exercise:01.2"]

# %% [markdown] slideshow={"slide_type": "slide"} syllabus=["E1"]
# ### Does MAE ask for the average?
#
# > **Often written, not so:** "MAE, like MSE, outputs the average of the answers."
#
# At 50:50 gradient descent on MAE did not move from 0.3, because the gradient there is exactly zero. MAE does not ask
# for mid-grey; it asks for nothing.
# At 60:40 it went to 1, the colour of the majority. MSE went to the mean both times. The next cell says it for three
# answers.
#
# <!-- notes 2 min
# Three answers, 0, 0.1 and 1. Let them say mean and median before the numbers come. At 50:50 MAE asks for nothing at
# all; that is not the same as asking for grey.
# -->

# %% tags=["output-in-decks", "checked"] slideshow={"slide_type": "-"}
three = torch.tensor([0.0, 0.1, 1.0]).view(3, 1, 1, 1)
best = best_constant(three, torch.ones(3))
print(f"answers 0, 0.1, 1:  mean {best['mse_minimiser'].item():.2f}   median {best['mae_minimiser'].item():.2f}")
for name, value in (("mean", best["mse_minimiser"]), ("median", best["mae_minimiser"])):
    print(f"  at the {name:6}  MSE {(three - value).square().mean():.3f}   MAE {(three - value).abs().mean():.3f}")

# %% [markdown] slideshow={"slide_type": "slide"} syllabus=["N1.2"]
# ## Any number of answers
#
# Let the answers to one input be $y_1, \dots, y_K$ with weights $w_k \ge 0$, $\sum_k w_k = 1$. The argument holds for
# each pixel by itself.
#
# **Squared error.** With the mean $m = \sum_k w_k y_k$,
# $$\sum_k w_k (y_k - c)^2 = \underbrace{\sum_k w_k (y_k - m)^2}_{\text{variance, no } c \text{ in it}} + (m - c)^2 .$$
# So the best output is $m$, and the loss that stays is the variance of the answers.
#
# <!-- notes 4 min
# The step that carries it: the cross term vanishes because m is the mean. So the loss is a part without c, and a
# square.
# Ask: how large is the loss of the best network? The variance of the answers. It cannot fall below that, however long
# one trains.
# The median may be one of the answers, where it has more than half of the weight; the mean hardly ever is.
# -->

# %% [markdown] slideshow={"slide_type": "fragment"}
# **Absolute error.** Its slope in $c$ is (weight of answers below $c$) $-$ (weight of answers above $c$). It is zero,
# or changes sign, at a median.
#
# <!-- the slide ends here -->
#
# The input does not say which answer is meant. A pixel loss must then choose the same picture for all of them. The mean
# lies between the answers. The median need not: where one answer has more than half of the weight, it *is* that answer.

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ## Answers that differ in place
#
# Seven answers: the picture displaced by $-3 \dots 3$ pixels, each with chance $1/7$. Mean and median are known.
#
# <!-- notes 4 min
# Ask before you show it: what is the mean of a picture and its six shifted copies? Each pixel is the mean of seven
# neighbours in a row: a motion blur. Nobody put it in; least squares asks for it.
# The second picture from the right is that mean, the last one the median.
# -->

# %% [markdown] syllabus=["N0.7"]
# ## Answers that differ in place
#
# Back to the camera that moved. The input is a picture, the right answer the same picture displaced by
# $-3, -2, \dots, 3$ pixels, each with chance $1/7$. So the mean of the answers is known: each of its pixels is the mean
# of seven neighbours in a row. That is a **motion blur**, and nobody has put it in. It is what squared error asks for.
# The median of the answers is known, too.

# %% tags=["checked"]
moved_mean, moved_median, _ = exact_minimisers(answers_in_place)  # seven is odd: there is one median
seven = torch.full((3, 1, 1, 7), 1 / 7)
blurred = F.conv2d(F.pad(pictures, (3, 3, 0, 0), mode="replicate"), seven, groups=3)
print("the exact mean is a blur over seven pixels of a row:", torch.allclose(moved_mean, blurred, atol=1e-5))

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
rows = [[pictures[i], *answers_in_place[i, ::2], moved_mean[i], moved_median[i]] for i in (35, 106, 103)]
fig = plotting.image_grid(
    rows, column_titles=["input x", "-3", "-1", "+1", "+3", "exact mean", "exact median"], tile=112
)
plotting.show(
    fig,
    palette=True,
    alt="Three held-out emoji, four of the seven displaced answers to each, their exact mean, blurred sideways, "
    "and their exact median, which keeps broad parts and loses thin ones",
)

# %% [markdown]
# How far is each from a picture that could be right? Measure the distance to the nearest of the seven.

# %% tags=["exercise:01.3"]

# %% tags=["checked"]
everything = answers_in_place.flatten(0, 1)
for name, picture in (
    ("an answer", answers_in_place[:, 5]),
    ("exact mean", moved_mean),
    ("exact median", moved_median),
):
    print(
        f"{name:13} to the nearest answer {nearest_answer(picture, answers_in_place).mean():.3f}   "
        f"sharpness {sharpness(picture, everything):.2f}"
    )

# %% [markdown]
# Distances in this lesson are root mean squares (RMS) on the scale $[-1, 1]$, over all pixels and channels of a
# picture, where nothing else is said. *Sharpness* is the energy in the upper half of the frequencies, as a share of that of the right answers.
#
# The mean is farther away than the median, and it has lost most of its fine detail. It is not one of the answers; it is
# all of them at once.

# %% [markdown]
# ## Build it
#
# Now train a network and see where *your* loss takes it. First the loss.

# %% tags=["exercise:01.4"]

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ### A network, a loss, a loop
#
# ```python
# net = Sequential(Conv2d(3, 32, 7, padding=3), ReLU(),
#                  Conv2d(32, 32, 3, padding=1), ReLU(), Conv2d(32, 3, 3, padding=1))
# for step in range(steps):
#     y = displaced(x)                          # anew at each step
#     loss = your_loss(net(x), y)
#     optimizer.zero_grad(); loss.backward(); optimizer.step()
# ```
#
# Twice: by *your* squared error and by the absolute error. Weights, batches, displacements: the same.
#
# <!-- notes 3 min
# This is the cell of the lesson, shortened: the learner's own loss is trained at 32 pixels, by Adam, in seconds. Ask
# what the network will draw. It has never seen a blurred picture.
# -->

# %% [markdown]
# ### A network, a loss, a loop
#
# Here is the whole of regression, in torch alone. The pictures are emoji at $32 \times 32$ pixels. The network is three
# convolutions at full size. At each step every picture of the batch is displaced anew. We train it twice, by your
# squared error and by the absolute error. All else is the same: first weights, batches, displacements.


# %%
def shrunk(split):
    """Return the emoji of a split at 32 x 32 pixels: (N, 3, 32, 32) in [-1, 1]."""
    return F.avg_pool2d(data.emoji(split).images / 127.5 - 1, 2)


def absolute_error(output, target):
    """Return the absolute error, summed over channels and pixels and averaged over the batch."""
    return (output - target).abs().sum(dim=(1, 2, 3)).mean()


def train_by(loss, pictures, steps):
    """Return a network that was trained by a loss to say where pictures are after an unknown displacement."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 32, 7, padding=3),
        nn.ReLU(),
        nn.Conv2d(32, 32, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 3, 3, padding=1),
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        x = pictures[torch.randint(len(pictures), (32,))]
        y = moved(x, torch.randint(-3, 4, (32,)))
        value = loss(network(x), y)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        schedule.step()
    return network


small, unseen = shrunk("train"), shrunk("validation")
small_answers = moved_answers(unseen)
small_mean, small_median, _ = exact_minimisers(small_answers)
yours = {}
for name, loss in (("your squared error", squared_error), ("absolute error", absolute_error)):
    network = train_by(loss, small, steps=choose(smoke=2, cpu=300, gpu=3000))
    with torch.no_grad():
        yours[name] = network(unseen).clamp(-1, 1)
    print(
        f"{name:18}: to the exact mean {rms(yours[name] - small_mean).mean():.3f}   "
        f"to the exact median {rms(yours[name] - small_median).mean():.3f}   "
        f"to the nearest answer {nearest_answer(yours[name], small_answers).mean():.3f}"
    )
reached(
    "RMS from the exact mean, on emoji that the network has not seen",
    rms(yours["your squared error"] - small_mean).mean(),
    at_most=0.085,
    otherwise="Look at `squared_error`: is the difference squared before it is summed?",
)

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ### What your loss draws
#
# Each network beside the exact picture that its loss asks for.
#
# <!-- notes 3 min
# Compare the second row with the third, and the fourth with the fifth. The network of the squared error draws the blur.
# Ask: is the training only too short? Collect arguments; the next slide has longer runs and three seeds.
# -->

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
picked = [2, 6, 156, 193, 211, 232]
fig = plotting.image_grid(
    [
        unseen[picked],
        yours["your squared error"][picked],
        small_mean[picked],
        yours["absolute error"][picked],
        small_median[picked],
    ],
    row_titles=["input x", "your squared error", "exact mean", "absolute error", "exact median"],
    tile=96,
)
plotting.show(
    fig,
    palette=True,
    alt="Six emoji of 32 pixels, what the network trained by squared error makes of them, the exact mean, what the network "
    "trained by absolute error makes of them, and the exact median",
)

# %% [markdown]
# The network that followed your squared error draws the blur. It was not told of a mean, and it has never seen a blurred
# picture. Is the training only too short? The next section trains for longer.

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ### Trained until they are there
#
# <!-- notes 3 min
# Rows of networks stand beside rows of exact pictures. The MSE network is several times as near to the exact mean as to
# any right answer, and no sharper than that blur. The MAE network is near the median and has not quite arrived.
# No longer training would sharpen MSE beyond the first row. VGG-KID is a distance between two sets; it has no bias, so
# it is below 0 half of the time for two samples of the same pictures.
# -->

# %% [markdown]
# ### Trained until they are there
#
# The same with the library's `Regression`, at 64 pixels, for 2,928 steps and with three seeds:
# `course train lesson_01/moved_mse` and `lesson_01/moved_mae`. The table holds them against the exact pictures.

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
place_judge = AnswerJudge(answers_in_place)
PLACE = ["to the mean", "to the medians", "to the nearest answer", "sharpness", "VGG-KID"]


def place_figures(system):
    """Return the figures of a system where the answers differ in place."""
    output = quiet_outputs_of(system, pictures)
    return place_judge.figures(output) | {"in the two usual places": usual_places(output, answers_in_place)}


in_place = {
    "exact mean": place_judge.figures(moved_mean),
    "exact median": place_judge.figures(moved_median),
    "an answer": place_judge.figures(answers_in_place[:, 5]),
}
for label, name in {
    "MSE": "moved_mse",
    "MAE": "moved_mae",
    "MAE, trained on": "moved_more",
    "L1 + D of the picture": "moved_gan",
    "L1 + D of x and picture": "moved_pair",
}.items():
    in_place[label] = runs.by_seed(f"lesson_01/{name}", measure=place_figures)
plotting.metric_table(
    {label: in_place[label] for label in ("exact mean", "MSE", "exact median", "MAE", "an answer")},
    columns=PLACE,
    caption="128 held-out emoji, displaced, 64 x 64. Mean over three seeds, ± the standard deviation; exact pictures have none.",
)

# %% [markdown]
# Each network came near the picture that its loss asks for. The MSE network is several times as near to the exact mean as to
# any right answer, and it is no sharper than that blur. The MAE network is near the median. It has less fine detail than the
# exact median, so it has not quite arrived. No longer training would sharpen the outputs of MSE beyond the first row: what
# is blurred there is the minimiser.
#
# The last column looks at the outputs as a set. *VGG-KID* is a distance between two sets of pictures, outputs and right
# answers, in features of VGG-16; near 0 they look alike (lesson 12 explains such features). It estimates a squared distance
# without bias. So for two samples of the same pictures it is 0 on average, and below 0 half of the time.

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ## Six answers, all known
#
# Person emoji come in six tones with one outline, to the pixel. Mean and median of the six are pictures.
#
# <!-- notes 3 min
# On photographs nobody knows all right answers. Here we do. Let them look for what is odd in the last two columns: a
# skin colour that no emoji has, hair that is a mix. Six is even, so there are many medians; the middle one is shown.
# -->

# %% [markdown] syllabus=["N0.7"]
# ## Six answers, all known
#
# On photographs nobody knows all right answers. Here we do. Person emoji come in six tones, and all six share one
# outline **to the pixel**.
# For such an outline the right answer is one of six pictures, each with chance 1/6. The mean and the medians are
# pictures that we can compute.

# %% tags=["checked"]
TITLES = ["default", "light", "medium-light", "medium", "medium-dark", "dark"]  # the six tones
known, held_out = emoji_answers("train"), emoji_answers("test")
print(f"training: {len(known)} outlines, {known.answers.shape[0] * known.answers.shape[1]} pictures")
print(f"held out: {len(held_out)} outlines, {held_out.answers.shape[0] * held_out.answers.shape[1]} pictures")


# %%
mean, median_low, median_high = exact_minimisers(known.targets())
median = (median_low + median_high) / 2

# %%
yours = [best_constant(six, torch.ones(6)) for six in known.targets()[:8]]
print(
    "`best_constant` finds the same means:",
    all(torch.allclose(one["mse_minimiser"], m) for one, m in zip(yours, mean, strict=False)),
)
inside = [
    distance_to_interval(one["mae_minimiser"], *ends)
    for one, *ends in zip(yours, median_low, median_high, strict=False)
]
print("and medians between the lowest and the highest:", max(gap.max().item() for gap in inside) < 1e-6)

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
shown = torch.linspace(0, len(known) - 1, 4).long().tolist()
rows = [[known.condition()[i], *known.targets()[i], mean[i], median[i]] for i in shown]
fig = plotting.image_grid(
    rows,
    column_titles=["outline", *TITLES, "exact mean", "exact median"],
    row_titles=[known.names[i] for i in shown],
    tile=74,
)
plotting.show(
    fig,
    palette=True,
    alt="Four outlines, each with its six pictures in six skin tones, their exact mean and their exact median",
)

# %% [markdown]
# The mean has a skin colour that no emoji has, and hair that is a mix of black, blond and yellow.
# The median takes, for each pixel and channel, the middle of six sorted values. Six is even: every value between the
# third and the fourth is a
# median, and we show the middle of that interval. Neither picture is one of the six. The numbers below say how far off
# they are.

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ### Neither is one of the six
#
# <!-- notes 2 min
# Root mean square distances on the scale from -1 to 1. The last line is the yardstick: how near two real answers come
# to each other. Ask which of the first two is nearer, and why being near is not being one.
# -->

# %% tags=["output-in-decks", "checked"] slideshow={"slide_type": "-"}
answers = known.targets()
between = torch.stack([rms(answers[:, a] - answers[:, b]) for a in range(6) for b in range(a)]).amin(0).mean()
print(f"exact mean   to its nearest real answer: {nearest_answer(mean, answers).mean():.3f}")
print(f"exact median to its nearest real answer: {nearest_answer(median, answers).mean():.3f}")
print(f"the closest two real answers           : {between:.3f}")

# %% [markdown]
# The next cell checks the claim on these pictures. It moves the mean and the median a little, in a random direction,
# and computes both expected losses again.

# %% tags=["checked"]
generator = torch.Generator().manual_seed(0)
nudge = 0.05 * torch.randn(mean.shape, generator=generator)
for name, picture in (("mean", mean), ("median", median)):
    here = answers - picture[:, None]
    moved = here - nudge[:, None]
    print(
        f"at the {name:6}:  MSE {here.square().mean():.4f} (moved {moved.square().mean():.4f})   "
        f"MAE {here.abs().mean():.4f} (moved {moved.abs().mean():.4f})"
    )

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ## The loss, seen among pictures
#
# A straight line from one real answer, through another, and past both.
#
# <!-- notes 4 min
# Every picture is a point, and real ones lie in a thin part. Both pixel losses are lowest between the answers. The
# curve at the right is what we want: low at the answers, at any of them.
# Ask: who could give such a loss without being told where the answers are?
# -->

# %% [markdown] syllabus=["N3.3"]
# ## The loss, seen among pictures
#
# Think of every picture as a point. Real pictures lie in a thin part of that space. A pixel loss does not know this
# part; it only sees distances to the answers.
# The next figure walks in a straight line from one real answer (light) to another (dark), and past both. At each step
# it draws the
# expected squared and absolute error over the six answers, and the distance to the nearest real answer.

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
walked = next((i for i, name in enumerate(known.names) if name == "woman raising hand"), 0)
six = answers[walked]
steps = torch.linspace(-0.4, 1.4, 181)
path = six[1] + steps.view(-1, 1, 1, 1) * (six[5] - six[1])
difference = path[:, None] - six[None]
squared, absolute = difference.square().mean((1, 2, 3, 4)), difference.abs().mean((1, 2, 3, 4))
nearest = difference.square().mean((2, 3, 4)).sqrt().amin(1)
fig, axes = plotting.subplots(1, 3, size=(9, 2.9))
for ax, values, title, colour in zip(
    axes,
    (squared, absolute, nearest),
    ("expected squared error", "expected absolute error", "distance to the nearest"),
    (plotting.COLOURS["blue"], plotting.COLOURS["vermilion"], plotting.COLOURS["green"]),
    strict=True,
):
    ax.plot(steps, values, color=colour)
    lowest = values.argmin()
    ax.plot(steps[lowest], values[lowest], "o", color=colour)
    ax.axvline(0, color="0.7", linewidth=1)
    ax.axvline(1, color="0.7", linewidth=1)
    ax.set(title=title, xticks=[0, 0.5, 1], xticklabels=["light", "half way", "dark"], ylim=(0, None))
plotting.show(
    fig,
    alt="Three curves along the line from the light to the dark answer. Both expected losses are lowest between the answers; "
    "the distance to the nearest answer is zero at the answers and rises between them.",
)

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "fragment"}
# Pixel losses are lowest *between* the answers, where no real picture is.

# %% [markdown]
# Both pixel losses are lowest *between* the answers, where no real picture is. What we want is low *at* the answers,
# at any of them.
# A discriminator gives a loss of that shape without being told where the answers are: it learns it from examples.

# %% [markdown] syllabus=["N0.6"]
# ## Train it here: regression
#
# A U-Net (lesson 10 explains it) maps the outline $x$ to a picture $f(x)$. This is the whole training step of the
# course's `Regression`:

# %% tags=["hide-input"]
plotting.show_source(Regression.training_step)

# %% [markdown]
# We train it for a short time with MAE. The live figure shows four *training* outlines, the outputs and the exact
# medians. Watch where the colours go.


# %%
def live_figure(system, history):
    """Draw four training outlines with the outputs so far and the exact medians, below the loss."""
    output = system.translate(known.condition()[shown].to(system.device)).cpu()
    rows = [[known.condition()[i], picture, median[i]] for i, picture in zip(shown, output, strict=True)]
    tiles = [[row[part] for row in rows] for part in range(3)]
    title = f"step {len(history)}: MAE {history.mean('mae', 20):.3f}"
    fig = plotting.image_grid(tiles, row_titles=["outline", "output", "exact median"], title=title, tile=110)
    return plotting.mime_bundle(fig, alt="Four training outlines, the outputs so far, and the exact medians")


train_pairs = data.emoji_pairs("train", x="outline", y="3d", subset="factorial")
torch.manual_seed(0)
here = Regression(runs.run("lesson_01/mae").system().config)
history = fit(
    here, train_pairs, epochs=choose(smoke=0.1, cpu=6, gpu=60), batch_size=16, seed=0, device=device, figure=live_figure
)

# %% [markdown]
# That was a short run. The long runs are bundled: `course train lesson_01/mse`, `lesson_01/mae` and so on, three seeds
# each, the same code and data. `data/checkpoints/lesson_01/README.md` gives command, time and metrics. From here on we
# use those. Of the second and third seed the metrics alone are kept, as the same function measured them.

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ## An adversary that sees the condition
#
# $$\mathcal{L}_D = -\tfrac12\, \mathbb{E} \log D(x, y) - \tfrac12\, \mathbb{E} \log\bigl(1 - D(x, G(x, z))\bigr)$$
#
# $$\mathcal{L}_G = -\mathbb{E} \log D(x, G(x, z)) + \lambda\, \mathbb{E}\,|y - G(x, z)|$$
#
# - $D$ sees a *pair* and gives one logit a patch: is this pair real?
# - A picture between the answers never occurs: $D$ learns to reject it.
# - $z$ is the dropout inside $G$.
#
# <!-- notes 4 min
# The L1 term keeps G near the target while D is still bad at its task. A picture equal to one of the six occurs, so D
# must accept it, unless G draws it more often than the data do.
# Three words decide whether the code is right: detach, frozen, logits.
# Ask: where is the noise? Not at the input.
# -->

# %% [markdown] syllabus=["N0.1", "N0.8"]
# ## An adversary that sees the condition
#
# A generative model *samples*: each call may give another picture. An *unconditional* one samples from everything it
# knows. A *conditional* one samples
# under a condition, so that a user can steer: here the outline says what is drawn, and chance decides the rest.
#
# The conditional GAN has two players. The generator $G$ draws $G(x, z)$ from the outline $x$ and noise $z$. The
# discriminator $D$ sees a pair, outline and picture,
# and gives one logit for every patch: is this pair real? $G$ is rewarded where $D$ is fooled:
#
# $$\mathcal{L}_D = -\tfrac12\, \mathbb{E} \log D(x, y) - \tfrac12\, \mathbb{E} \log\bigl(1 - D(x, G(x, z))\bigr), \qquad
# \mathcal{L}_G = -\mathbb{E} \log D(x, G(x, z)) + \lambda\, \mathbb{E}\,|y - G(x, z)|.$$
#
# A picture between the six answers never occurs in the data, so $D$ learns to reject it. A picture equal to one of the
# six occurs, and $D$ must accept it, unless $G$ draws it more often than the data do.
# The $L_1$ term ($\lambda$ its weight) keeps $G$ near the target while $D$ is still bad at its task.
#
# Where is $z$? Not at the input. In pix2pix, as here, $z$ is the dropout inside $G$: which values are set to zero is drawn
# anew at each call. Below you will see how much two draws for one outline differ.

# %% tags=["exercise:01.5"]

# %% tags=["hide-input"]
plotting.show_source(Pix2Pix.training_step)

# %% [markdown]
# Three lines decide whether this step is right: `detach` keeps D's loss away from G, `frozen` keeps G's loss away from
# D's weights, and D takes logits,
# because the loss contains the sigmoid. Here is a short run of it, to see the two players move. Lesson 02 explains why
# these curves do not simply fall.

# %%
torch.manual_seed(0)
players = Pix2Pix(runs.run("lesson_01/gan").system().config)
history = fit(players, train_pairs, epochs=choose(smoke=0.1, cpu=1, gpu=30), batch_size=16, seed=0, device=device)
one, other = (players.translate(known.condition()[:16].to(players.device)) for _ in range(2))
print(f"two draws of z, 16 outlines: mean absolute difference {(one - other).abs().mean():.3f}")
fig = plotting.curves(history, names=["d_loss", "g_adversarial", "l1"], smooth=20)
plotting.show(
    fig, alt="The discriminator's loss, the generator's adversarial loss and the L1 term over the steps of a short run"
)

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ## Does the adversary commit?
#
# - The adversarial network goes on from the MAE network, for twelve epochs.
# - That alone could make it better. So a **control** goes on from the same network, as long, at the same rate, by $L_1$ alone.
# - The adversary is then the one thing that differs.
#
# <!-- notes 3 min
# A comparison without a control is the commonest mistake in this field. Let the class name what else could have
# changed: epochs, averaged weights, dropout, rate.
# -->

# %% [markdown]
# ## Does the adversary commit?
#
# First where answers differ in place. The adversarial network goes on from the MAE network, for twelve epochs. That alone
# could make it better. So a **control** starts from the same network and trains as long, with the same rate and the same
# averaged weights (a moving average of $G$'s weights over the steps), by $L_1$ alone. The adversary is then the one thing that differs.
#
# There is a trap in this task. This $G$ has no noise, so it gives one displacement to each input, always the same. The
# right answers have seven. Suppose $D$ sees $x$ and the picture, and $G$ has settled on one of the seven. How often does
# $D$ see that displacement in true pairs, and how often in made ones? The best $D$ (lesson 02 derives it) is $p / (p + q)$; it says:

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ### A trap
#
# $G$ has no noise and settles on one of seven displacements. $D$ sees $x$ *and* the picture.
#
# <!-- notes 3 min
# What does the best D say, p / (p + q), to each displacement? Let them fill in the numbers: one seventh against one.
# Whatever G settles on is what D rejects. There is no place to rest.
# So one of the two adversaries sees the picture alone. Which would you take?
# -->

# %% tags=["output-in-decks", "checked"] slideshow={"slide_type": "-"}
true_share, made_share = torch.full((7,), 1 / 7), F.one_hot(torch.tensor(3), 7).float()  # G settled on the middle one
best_d = true_share / (true_share + made_share)
print("the best D of pairs, by displacement:", [round(value, 3) for value in best_d.tolist()])

# %% [markdown]
# Whatever $G$ settles on is the one displacement that $D$ rejects: there is no place to rest. So one of the two
# adversaries below sees the picture alone. It asks "is this sharp, as pictures are?", and the $L_1$ term ties the answer to
# $x$. The other one sees $x$ as well; nothing else differs. Which of the two would you take?

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ### With a control, over three seeds
#
# <!-- notes 4 min
# Read by columns. The adversary that sees the picture alone is about as sharp as a right answer. By distance it is no
# nearer than the control: small errors of colour and of an edge weigh as much there as softness. The one that sees x as
# well leaves ghosts.
# Ask: which column can see whether a picture could be real?
# -->

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
plotting.metric_table(
    in_place,
    columns=[*PLACE, "in the two usual places"],
    best={"to the nearest answer": "min"},
    aside=("an answer", "exact mean", "exact median"),
    caption="128 held-out emoji, displaced. 'MAE, trained on' is the control. Mean over three seeds, ± the standard "
    "deviation. The last column: the share of outputs that are nearest to one of the network's two most usual places.",
)

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ### Look at them
#
# MAE is soft; one adversary is sharp; the other leaves ghosts beside the edges.
#
# <!-- notes 2 min
# Go back to the votes of the first slide. Point at the ghosts.
# -->

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
ANSWERING = {"MAE": "moved_mae", "D of the picture": "moved_gan", "D of x and picture": "moved_pair"}
answered |= {label: quiet_outputs_of(runs.load(f"lesson_01/{name}"), pictures) for label, name in ANSWERING.items()}
fig = plotting.image_grid(
    [[pictures[i], *(answered[label][i] for label in ANSWERING), answers_in_place[i, 3]] for i in (35, 103, 60)],
    column_titles=["input x", *ANSWERING, "an answer"],
    tile=130,
)
plotting.show(
    fig,
    palette=True,
    alt="Three held-out emoji, the answers of the MAE network, which are soft, of the network whose adversary sees the picture, "
    "which are sharp, of the one whose adversary sees both, which have ghosts beside their edges, and a right answer",
)

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ### Which displacement is nearest?
#
# A sample of the right answers would reach the line everywhere.
#
# <!-- notes 2 min
# It commits, and it does not sample. Two neighbouring displacements take nearly all. The cure would be a G with noise
# that answers with all seven; that is not trained here.
# -->

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
fig, axes = plotting.subplots(1, 3, size=(9, 2.8), sharey=True)
for ax, label in zip(axes, ANSWERING, strict=True):
    _, which = closest_answer(answered[label], answers_in_place)
    ax.bar(range(-3, 4), torch.bincount(which, minlength=7) / len(which), color=plotting.COLOURS["green"])
    ax.axhline(1 / 7, color="0.4", linewidth=1)
    ax.set(title=label, xticks=range(-3, 4))
axes[0].set_ylabel("share of outputs")
axes[1].set_xlabel("displacement of the nearest answer, pixels")
plotting.show(
    fig,
    alt="For each network, which displacement the answer nearest to its output has, over 128 held-out emoji; "
    "the line marks one seventh",
)

# %% [markdown]
# **The control** has learned a little in its twelve epochs and is as soft as before. **The adversary that sees the picture**
# settles on one of two neighbouring displacements, and is about as sharp as a right answer. As a set, its outputs and the right
# answers are alike to VGG-KID. Yet by RMS it is no nearer to the nearest answer than the control. Small errors of colour and
# of an edge weigh as much there as a soft picture that lies near everything. A distance to answers cannot see whether a
# picture could be real; sharpness and VGG-KID can.
#
# **The adversary that sees $x$ as well** leaves ghosts beside the edges. By the nearest answer, by sharpness and by VGG-KID it is
# worse than the other, by more than the spread; and its outputs do not always keep to two displacements (last column). By
# the argument above the cure is not a $D$ that knows less, but a $G$ with noise: a $G(x, z)$ that answers with
# all seven gives $D$ no favourite to find out. That is not trained here. What a $D$ that sees $x$ is good for, lesson 10 shows.

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ## Measure: six tones
#
# | metric | good |
# | --- | --- |
# | RMS to the exact mean; gap to the medians | low for MSE; low for MAE |
# | RMS to the nearest of the six | low |
# | sharpness, real pictures are 1 | near 1 |
# | answers found in six draws | 6 would be all |
# | VGG-KID, a distance between two sets | low |
# | share of telling pixels in a real tone | high |
# | share of outputs pieced together of two tones | low |
#
# <!-- notes 3 min
# Held-out means that no other tone or gender of these emoji was in the training set. The last two were made for one
# question: does an output decide? Ask which of these columns the exact mean will win.
# -->

# %% [markdown]
# ## Measure: six tones
#
# Now where answers differ in colour. Metrics are computed on outlines that the networks trained on and on held-out ones.
# Held-out means: no other tone or gender of these emoji was in the training set either. One more network takes part:
# the control, MAE trained on for as long as the adversary, with its noise and averages.
#
# | metric | what it is | good |
# | --- | --- | --- |
# | to the mean | RMS between output and the exact mean of the six | low for MSE |
# | to the medians | mean gap between output and the interval of exact medians | low for MAE |
# | to the nearest answer | RMS between output and the nearest of the six real pictures | low for a picture that could be real |
# | sharpness | energy in the upper half of the frequencies, real pictures = 1 | near 1 |
# | answers found | how many different tones are nearest, in six draws for one outline | 6 would be all |
# | VGG-KID | distance between outputs and real pictures as two sets, in VGG-16 features | low |
# | in a real tone | share of the pixels that tell the six tones apart whose colour is that of one of them, to 0.05 | high |
# | pieced together | share of outputs in which two tones each hold a fifth of those pixels or more | low |

# %% tags=["exercise:01.6"]


# %%
def all_figures(known):
    """Return {row: {metric: values, one a seed}} for the exact pictures, the systems and a real answer."""
    right = known.targets()
    judge = AnswerJudge(right)

    def of(output, draws=None):
        committed = {"in a real tone": in_a_real_tone(output, right), "pieced together": pieced_together(output, right)}
        return judge.figures(output, draws) | committed

    start = TRAINING if known.split == "train" else ""
    found = {"exact mean": of(judge.mean), "exact median": of((judge.low + judge.high) / 2)}
    for label, name in SYSTEMS.items():

        def measure(system, label=label):
            draws = outputs_of(system, known.condition(), 6) if system.noisy else None
            output = quiet_outputs_of(system, known.condition())
            quiet[label, known.split], drawn[label, known.split] = output, output[:, None] if draws is None else draws
            return of(output, draws)

        found[label] = runs.by_seed(f"lesson_01/{name}", measure=measure, recorded_as=start + "{}")
    rows = torch.arange(len(known))
    return found | {"a real answer": of(known.targets()[rows, rows % 6])}


SYSTEMS = {
    "MSE": "mse",
    "MAE": "mae",
    "MAE, trained on": "mae_more",
    "L1 + adversary": "gan",
}
EXACT = ("exact mean", "exact median", "a real answer")
NAMED = {
    "to the mean": "to the mean",
    "to the medians": "to the medians",
    "to the nearest answer": "to the nearest",
} | {name: name for name in ("sharpness", "VGG-KID", "in a real tone", "pieced together", "answers found")}
BEST = {"to the nearest answer": "min", "VGG-KID": "min", "in a real tone": "max", "pieced together": "min"}
drawn, quiet = {}, {}
torch.manual_seed(0)
parts = {"train": known[::3], "test": held_out}  # of the training outlines every third, for time
figures = {split: all_figures(part) for split, part in parts.items()}

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ### On training outlines
#
# <!-- notes 4 min
# Each regression went where its loss points. What counts as the adversary's doing is what it has beyond the control: it
# is sharper, and more of its pixels have a real tone. The exact mean is ahead by nearly every distance, and next to
# none of its pixels has a real tone.
# More than half of the adversary's outputs are pieced together, a yellow face on brown arms. Its D gives many
# judgements, none of the whole.
# -->

# %% [markdown]
# ### On training outlines

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
plotting.metric_table(
    figures["train"],
    columns=NAMED,
    best=BEST,
    aside=EXACT,
    caption="Outlines that the networks trained on. Outputs without noise; answers found: in six draws with noise. "
    "Mean over three seeds, ± the standard deviation (the two last shares of MSE: one seed).",
)

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ### On held-out outlines
#
# <!-- notes 2 min
# All networks are far from every answer, because the colour of clothes is not in a line drawing. Sharper, not truer.
# -->

# %% [markdown]
# ### On held-out outlines

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
plotting.metric_table(
    figures["test"],
    columns=NAMED,
    best=BEST,
    aside=EXACT,
    caption="Held-out outlines. Outputs without noise; answers found: in six draws with noise. "
    "Mean over three seeds, ± the standard deviation (the two last shares of MSE: one seed).",
)

# %%
for split, part in parts.items():
    truth = fine_detail(part.targets()[:, 0].mean(1)).mean()
    for label in SYSTEMS:
        share = fine_detail(quiet[label, split].mean(1)).mean() / truth
        print(f"{split:5} {label:22}: `fine_detail` {share:.2f} of the truth's")

# %% [markdown]
# ### What the tables say
#
# **Training outlines.** Each regression went where its loss points: MSE is nearest to the exact mean, MAE to the medians. The
# control, MAE trained on, gains on MAE nearly everywhere: sixty epochs more help. What counts as the adversary's doing is what
# it has *beyond the control*. It is sharper, by more than the spread of the seeds. And several times as many of its pixels have
# the colour of a real tone. By the distance to the nearest answer it is ahead by very little, and no nearer than the blurred
# MSE output: a blur in the middle of six answers has a short way to each. VGG-KID does not separate adversary and control.
#
# Look at the exact mean. It is ahead of every network by nearly every distance, and next to none of its pixels has a real
# tone. A distance is small in the middle between the answers, where no answer is. *In a real tone* counts instead, and sees
# that. Beside sharpness it is the only column in which the adversary is clearly ahead of the control.
#
# **Does an output decide?** Take the pixels at which all six tones differ by more than 0.1 (RMS over channels), and ask
# which tone each is nearest to. *Pieced together* counts outputs in which two tones each hold a fifth of them or more: a
# yellow face on brown arms. No real picture is like that. More than half of the adversary's outputs are, as are those of MAE
# and of the control. Its $D$ lets them pass. It gives $6 \times 6$ judgements; what a $D$ would do that gives a single one
# for the whole picture is not trained here.
#
# **Held-out outlines.** All networks are far from every answer, because the colour of clothes is not in a line drawing.
# The adversary still has more pixels in a real tone. In sharpness the two are not separated here. It is not nearer to an answer than the control, and as
# a set its outputs come no nearer to the real set.

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ### Which tone is nearest?
#
# The line is what a model of the true distribution would reach.
#
# <!-- notes 2 min
# One tone takes nearly all, and it is the tone that costs the least L1. A likely reading: the adversary decides that it
# should be a real tone, and the pixel loss which. No cell tests it; say so.
# -->

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
fig, axes = plotting.subplots(1, 2, size=(9, 3), sharey=True)
for ax, known_part in zip(axes, parts.values(), strict=True):
    outputs = drawn["L1 + adversary", known_part.split]  # six draws for each outline
    wide = known_part.targets().repeat_interleave(outputs.shape[1], 0)
    _, which = closest_answer(outputs.flatten(0, 1), wide)
    share = torch.bincount(which, minlength=6) / len(which)
    ax.bar(range(6), share, color=plotting.COLOURS["green"])
    ax.axhline(1 / 6, color="0.4", linewidth=1)
    ax.set(title={"train": "training outlines", "test": "held-out outlines"}[known_part.split], xticks=range(6))
    ax.set_xticklabels([title.replace("-", "-\n") for title in TITLES], fontsize=9)
axes[0].set_ylabel("share of outputs")
plotting.show(
    fig,
    alt="How often each of the six tones is the one nearest to an output of the adversarial network, "
    "on training and on held-out outlines; the line marks one sixth",
)

# %% [markdown]
# The line marks one sixth: what a model of the true distribution would reach for each tone. The network comes nowhere
# near that. One tone takes nearly all, and six draws for one outline nearly always show the same one
# (column *answers found*). Why that tone? The next cell measures what each tone's real pictures pay in the $L_1$ term: their
# mean absolute difference to all six.

# %% tags=["checked"]
for title, tone in zip(TITLES, answers.unbind(1), strict=True):
    print(f"{title:13} {(tone[:, None] - answers).abs().mean():.3f}")

# %% [markdown]
# The tone that the network draws is the one that costs the least $L_1$. So a likely reading is that the adversary decides
# *that* the output should be a real tone, and the pixel loss *which*; no cell tests it. The trap of the displaced pictures
# is here as well: this $D$ sees the outline, and $G$ has settled on one tone. In these sixty epochs, with an $L_1$ term that
# weighs 200, it has stayed there. To sample all six is another problem. Lesson 10 comes back to it, and so will lessons 06
# and 08, which are still to come.

# %% [markdown]
# ### Look at them
#
# Four training outlines, then four held-out ones. All networks at seed 0, without noise.


# %% tags=["hide-input"]
def comparison(known, picked):
    """Return rows of outline, four outputs, and the real answer that is nearest to that with the adversary."""
    rows = []
    for i in picked:
        outputs = [quiet[label, known.split][i] for label in SHOWN_SYSTEMS]
        _, which = closest_answer(outputs[-1][None], known.targets()[i : i + 1])
        rows.append([known.condition()[i], *outputs, known.targets()[i, which.item()]])
    return rows


SHOWN_SYSTEMS = ["MSE", "MAE", "MAE, trained on", "L1 + adversary"]
COLUMNS = ["outline", *SHOWN_SYSTEMS, "nearest real answer"]
unseen = torch.linspace(0, len(held_out) - 1, 4).long().tolist()
seen = torch.linspace(0, len(parts["train"]) - 1, 4).long().tolist()
rows = comparison(parts["train"], seen) + comparison(held_out, unseen)
names = [parts["train"].names[i] for i in seen] + [f"{held_out.names[i]} (held out)" for i in unseen]
fig = plotting.image_grid(rows, column_titles=COLUMNS, row_titles=names, tile=78)
plotting.show(
    fig,
    palette=True,
    alt="Outputs of four networks for four training outlines and four held-out outlines, with the nearest real answers",
)

# %% [markdown] syllabus=["N0.6"]
# ## The natural case: enlarging photographs
#
# Emoji are a clean case because we know all answers. In practice nobody does. Take super-resolution: the input is a
# photograph at a quarter of its size,
# the target the photograph itself. Many large pictures shrink to the same small one, so here too one input has many
# right answers.
#
# The next cell makes that concrete. It takes a photograph and adds a fine pattern that vanishes when the picture is
# shrunk.
# The two large pictures differ in every pixel. The two small ones are the same, but for a few pixels at the very border.

# %% tags=["hide-input"]
pairs = super_resolution_pairs("test", size=96)
one = pairs.y[pairs.names.index("Ring-tailed lemurs at 96, 192")][None].clamp(16, 239)
pattern = torch.ones(96, 96, dtype=torch.int16)
pattern[::2] *= -1
pattern[:, ::2] *= -1
another = (one + 16 * pattern).byte()
small_one, small_other = shrink(one, 4), shrink(another, 4)
inside = (slice(None), slice(None), slice(2, -2), slice(2, -2))  # at the very border the pattern has no neighbours
apart_large = (one.int() - another.int()).abs()
apart_small = (small_one.int() - small_other.int())[inside].abs()
print(f"the large pictures differ by {apart_large.min()} to {apart_large.max()} of 255 in every value")
print(f"the small ones by at most {apart_small.max()}, on average by {apart_small.float().mean():.3f}")
fig = plotting.image_grid(
    [[one[0], another[0], small_one[0], small_other[0]]],
    column_titles=["a photograph", "with a fine pattern", "the first, shrunk", "the second, shrunk"],
    tile=190,
)
plotting.show(
    fig,
    alt="A photograph, the same with a fine checked pattern, and both shrunk to a quarter: the small pictures look the same",
)

# %% [markdown]
# SRResNet (lesson 09) is trained on other photographs, once with MSE and once with MAE. Bicubic interpolation learns
# nothing and is the baseline.

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ## The natural case: enlarging photographs
#
# Many large pictures shrink to the same small one. Here nobody knows them all.
#
# <!-- notes 3 min
# Four times larger, photographs that no training saw. Bicubic interpolation learns nothing and is the baseline. Look at
# the fur: the fine detail is not there. It is the blur of the moved camera again.
# Nearly all of the error vanishes when output and truth are shrunk to the input's size: what is wrong is what the input
# does not say.
# -->

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
enlargers = {
    "bicubic": None,
    "MSE": runs.load("lesson_01/enlarge_mse"),
    "MAE": runs.load("lesson_01/enlarge_mae"),
}
CROPS = ["Ring-tailed lemurs at 96, 192", "German shepherd at 96, 192", "Hedgehog at 96, 192"]
crops = [pairs.names.index(name) for name in CROPS]
small = pairs.x[crops].float() / 127.5 - 1
columns = [small, *(enlarged(system, small) for system in enlargers.values()), pairs.y[crops].float() / 127.5 - 1]
fig = plotting.image_grid(
    [list(row) for row in zip(*columns, strict=True)],
    column_titles=["input", *enlargers, "truth"],
    row_titles=[name.split(" at ")[0] for name in CROPS],
    tile=112,
)
plotting.show(
    fig,
    palette=True,
    alt="Three held-out photographs: the small input, the bicubic, MSE and MAE enlargements, and the truth, "
    "which alone has fine texture",
)

# %% [markdown]
# ### How near, and how sharp

# %% tags=["hide-input"]
rows = {name: enlarging_figures(system, kid=False) for name, system in enlargers.items()}
for name, system in enlargers.items():
    error = enlarged(system, pairs.x / 127.5 - 1) - (pairs.y / 127.5 - 1)
    print(
        f"{name:8} error {error.square().mean().sqrt():.3f}, shrunk to the input's size {F.avg_pool2d(error, 4).square().mean().sqrt():.3f}"
    )
plotting.metric_table(
    rows,
    best={"PSNR": "max", "SSIM": "max", "L1": "min", "sharpness": "max"},
    caption=f"{len(pairs)} held-out patches of 12 photographs, enlarged by 4. The truth has sharpness 1.",
)

# %% [markdown]
# Two new metrics: PSNR is the squared error on a scale of decibels, and SSIM compares means, contrasts and structure of small
# windows; for both, more is better (lesson 12 looks at them). Regression beats bicubic interpolation on both, which reward what it was trained for. Shrunk to the input's size, output and truth
# differ by a sixth of what they did; of an error without any order the mean of 16 pixels would leave a quarter. So most of what is wrong
# is what the input does not say. The fine detail of the truth is not there:
# see the column *sharpness*, and the fur above. It is the blur of the moved camera again: many right answers, one output.
# Lesson 09 puts an adversary on top.

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ## Where this stands today
#
# > **Often written, not so:** "Since GANs, everyone uses GANs; and a model without a condition cannot be steered."
#
# Encode, move one latent, decode: principal components, no label, no condition.
#
# <!-- notes 3 min
# Much of image synthesis has moved to diffusion and autoregressive models, which sample instead of averaging. And a
# model without a condition can be steered through its latents. The reconstruction is poor, as a hundred linear
# components are a weak model. The steering works: nobody told it of light or colour.
# -->

# %% [markdown] syllabus=["E22"]
# ## Where this stands today
#
# > **Often written, not so:** "Since GANs, everyone uses GANs; and a model without a condition cannot be steered."
#
# Much of image synthesis has moved to diffusion and autoregressive models. They are trained by regression or by
# likelihood, and then they *sample* instead of averaging. And a model without a condition can be steered through its
# latent variables. Lesson 03 does it with a VAE; lesson 05, which is still to come, with a GAN. The smallest case fits here:
# principal components, a linear model with no label and no condition. **Encode** a held-out picture: its 100 latents are
# its coordinates along the components. **Move** one latent. **Decode**. The next cell does it for the first two latents,
# by up to two standard deviations. Nobody told the model of light or colour: they are what varies most.

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
farmer = held_out.names.index("woman farmer")
training = known.targets().flatten(0, 1).flatten(1)
centre = training.mean(0)
torch.manual_seed(0)
_, _, basis = torch.pca_lowrank(training - centre, q=100, center=False)  # (values of a picture, 100 latents)
spread = ((training - centre) @ basis).std(0)
z = (held_out.targets()[farmer, 2].flatten() - centre) @ basis  # encode
rows = []
for latent in (0, 1):
    moves = (z + amount * spread * F.one_hot(torch.tensor(latent), 100) for amount in (-2, -1, 0, 1, 2))  # move
    decoded = [(centre + basis @ moved_z).view(3, 64, 64).clamp(-1, 1) for moved_z in moves]  # decode
    rows.append([held_out.targets()[farmer, 2], *decoded])
fig = plotting.image_grid(
    rows,
    column_titles=["held out", "- 2 sd", "- 1 sd", "reconstruction", "+ 1 sd", "+ 2 sd"],
    row_titles=["latent 1", "latent 2"],
    tile=112,
)
plotting.show(
    fig,
    palette=True,
    alt="A held-out emoji; its reconstruction by the linear model, which is soft and stained; and the reconstruction with the "
    "first latent moved, from dark to light, and with the second moved, from brown to blue",
)

# %% [markdown]
# The reconstruction is poor, because a hundred linear components are a weak model of such pictures. The steering works.

# %% [markdown] syllabus=["N0.7"]
# ## Play
#
# Give the six answers other weights. The mean changes with every slider; the median jumps; the mode, the most
# likely answer, is one real picture. Try: all the weight on two tones. Then make one of the two a little heavier.

# %% tags=["hide-input"]
explorer = answer_weights(held_out.targets()[farmer], TITLES)
explorer

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ## Where it fails
#
# The held-out outlines on which the adversary is farthest from every answer.
#
# <!-- notes 2 min
# The adversary does not make the generator know more. Where it does not know, regression paints soft patches of the
# average; the adversary makes patches with edges, not truer ones. And one outline gives one tone: a picture that could be real is
# not yet a sample.
# -->

# %% [markdown]
# ## Where it fails
#
# The adversary does not make the generator *know* more. On held-out outlines the colour of the clothes is not in the
# input, and no training outline shows it. Below are the held-out outlines on which the adversarial network is farthest
# from every real answer.

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
first = quiet["L1 + adversary", "test"]
far, which = closest_answer(first, held_out.targets())
worst = far.argsort(descending=True)[:4].tolist()
rows = [[held_out.condition()[i], quiet["MSE", "test"][i], first[i], held_out.targets()[i, which[i]]] for i in worst]
fig = plotting.image_grid(
    rows,
    column_titles=["outline", "MSE", "L1 + adversary", "nearest real answer"],
    row_titles=[f"{held_out.names[i]}, RMS {far[i]:.2f}" for i in worst],
    tile=84,
)
plotting.show(
    fig,
    palette=True,
    alt="The four held-out outlines with the largest distance between the adversarial output and the nearest real answer",
)

# %% [markdown]
# Where it does not know, regression paints the average of what it saw, in soft patches. The adversary makes the patches
# sharper, not truer. The second failure was in the tones: a picture that could be real is not yet a *sample* of what
# could be. Both failures have the same cure, which the next lessons build: a better account of the whole distribution.

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ## Summary
#
# - A pixel loss asks for one picture an input: MSE for the mean of the answers, MAE for a median.
# - At 50:50 MAE has no preference.
# - Where answers differ in place the mean is a motion blur, and no longer training takes it away.
# - A discriminator rewards pictures that occur.
# - It made outputs sharper, not truer, and gave no variety.
#
# <!-- notes 2 min
# Ask for the formula of the blur without looking. Hand out what was not done: 01.3 and 01.4 are trained in the lesson.
# -->

# %% [markdown]
# ## Summary
#
# - A pixel loss asks for one picture per input: MSE for the mean of the right answers, MAE for a median. The mean is
#   a picture that never occurs.
# - At 50:50, MAE has no preference; it does not "output the average".
# - Where the answers differ in place, the mean is a motion blur, and least squares draws it. No longer training takes it
#   away: it is the minimiser.
# - A discriminator rewards pictures that occur, instead of pictures near all that occur. Where answers differ in
#   place, one that saw the picture alone made outputs as sharp as right answers. With six tones it made them sharper and gave
#   more pixels a real tone than as many epochs of MAE did, and hardly brought them nearer to an answer.
# - On held-out outlines it made them neither sharper nor truer than the control. And it gave no variety: one outline, nearly
#   always one tone.
# - Enlarging photographs has the same problem, without anyone knowing the answers.

# %% [markdown]
# ### References
#
# - P. Isola, J.-Y. Zhu, T. Zhou, A. A. Efros. *Image-to-Image Translation with Conditional Adversarial Networks.*
#   CVPR 2017. Sections 1, 3.1, 3.3 and 4.2.
# - C. Ledig et al. *Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network.* CVPR 2017.
#   Sections 1 and 2.2, figure 3.
# - I. Goodfellow et al. *Generative Adversarial Nets.* NeurIPS 2014. Section 3.
# - M. Bińkowski et al. *Demystifying MMD GANs.* ICLR 2018. Section 4 (the kernel distance behind VGG-KID).
# - T. Miyato et al. *Spectral Normalization for Generative Adversarial Networks.* ICLR 2018. Section 2.
