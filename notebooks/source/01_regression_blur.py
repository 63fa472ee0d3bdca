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
# - measure how close a trained network comes to that picture, and how far it stays from every real one;
# - say what a discriminator adds, and what it does not.
#
# **Time.** About a minute for all cells on two CPU cores, less on a GPU. About ninety minutes to read and do.
#
# <!-- links -->
#
# Papers: Isola et al. 2017 (pix2pix), sections 1 and 3; Ledig et al. 2017 (SRGAN), section 1; Goodfellow et al. 2014
# (GAN).

# %% tags=["setup"]

# %%
import torch
import torch.nn.functional as F

from course_lib import data, plotting, runs
from course_lib.data.answers import emoji_answers
from course_lib.data.super_resolution import shrink, super_resolution_pairs
from course_lib.exercises import check, hint, solution
from course_lib.losses.reconstruction import distance_to_interval
from course_lib.lessons.lesson_01.commitment import pieced_together
from course_lib.metrics.answers import AnswerJudge, exact_minimisers, rms
from course_lib.metrics.answers import nearest_answer as closest_answer
from course_lib.presets import choose
from course_lib.lessons.lesson_01.held_out import TRAINING
from course_lib.runs.translation import outputs_of, quiet_outputs_of
from course_lib.runs.enlarging import enlarged, enlarging_figures
from course_lib.runs.records import records_of
from course_lib.systems.pix2pix import Pix2Pix
from course_lib.systems.regression import Regression
from course_lib.training import fit
from course_lib.lessons.lesson_01.weighted_answers import answer_weights

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Where this lesson goes
#
# Below is one line drawing. Next to it are the outputs of three networks. They have the same architecture and were
# trained on the same pictures, this one among them. The first two differ in the loss alone. The third goes on from the
# second with an adversary, for 60 epochs more. The six pictures at the right are all correct: they share that line
# drawing, pixel for pixel. The lesson shows drawings from outside the training set, too.

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
TITLES = ["default", "light", "medium-light", "medium", "medium-dark", "dark"]  # the six tones
known = emoji_answers("train")
example = known.names.index("elf")
outputs = [runs.load(f"lesson_01/{name}").translate(known.condition()[[example]])[0] for name in ("mse", "mae", "gan")]
strip = [known.condition()[example], *outputs, *known.targets()[example]]
fig = plotting.image_grid([strip], column_titles=["input", "MSE", "MAE", "L1 + adversary", *TITLES])
plotting.show(
    fig,
    alt="A line drawing, the outputs of the MSE, MAE and adversarial networks, and the six real pictures of that drawing",
)

# %% [markdown]
# > **Exercises** stand where you need them. Write your answer where the cell says so, and run it. `check` says whether it
# > is right, and if not, what is likely wrong. It hands back what the lesson goes on with: *your* function if it is right,
# > ours if you have not tried. `hint("01.4")` gives a hint, a stronger one each time; `solution("01.4")` shows ours.

# %% tags=["exercise:01.4"]

# %% [markdown] slideshow={"slide_type": "slide"} syllabus=["N0.9"]
# ## Two answers: black or white
#
# The smallest case has one pixel. The input $x$ is always the same. The target $y$ is white ($y = 1$) with chance $p$,
# else black ($y = 0$).
# The network can only output one number $c$, because it always sees the same $x$. Its expected losses are
#
# $$\mathbb{E}\,(y - c)^2 = p\,(1 - c)^2 + (1 - p)\,c^2, \qquad \mathbb{E}\,|y - c| = p\,(1 - c) + (1 - p)\,c \quad (0 \le c \le 1).$$
#
# Set the derivative of the first to zero: $-2p(1 - c) + 2(1 - p)c = 0$, so $c = p$. **MSE outputs the mean.**
#
# The second is a straight line in $c$ with slope $1 - 2p$. For $p > \tfrac12$ it falls all the way to $c = 1$.
# For $p = \tfrac12$ it is flat: every grey is equally good. **MAE outputs a median.**


# %%
def expected_losses(c, p):
    """Return the expected squared and absolute error of the output c when the target is 1 with chance p, else 0."""
    squared = p * (1 - c) ** 2 + (1 - p) * c**2
    absolute = p * (1 - c).abs() + (1 - p) * c.abs()
    return squared, absolute


# %% tags=["hide-input"] slideshow={"slide_type": "subslide"}
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

# %% [markdown] slideshow={"slide_type": "subslide"}
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

# %% tags=["exercise:01.1"]

# %% [markdown] slideshow={"slide_type": "slide"} syllabus=["E1"]
# > **Often written, not so:** "MAE, like MSE, outputs the average of the answers."
#
# At 50:50 gradient descent on MAE did not move from 0.3, because the gradient there is exactly zero. MAE does not ask
# for mid-grey; it asks for nothing.
# At 60:40 it went to 1, the colour of the majority. MSE went to the mean both times. The next cell says it for three
# answers.

# %% tags=["checked"] slideshow={"slide_type": "-"}
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
# **Absolute error.** Its slope in $c$ is (weight of answers below $c$) $-$ (weight of answers above $c$). It is zero,
# or changes sign, at a median.
#
# The input does not say which answer is meant. A pixel loss must then choose the same picture for all of them. The mean
# lies between the answers. The median need not: where one answer has more than half of the weight, it *is* that answer.

# %% [markdown] slideshow={"slide_type": "slide"} syllabus=["N0.7"]
# ## Six answers, all known
#
# On photographs nobody knows all right answers. Here we do. Person emoji come in six tones, and all six share one
# outline **to the pixel**.
# For such an outline the right answer is one of six pictures, each with chance 1/6. The mean and the medians are
# pictures that we can compute.

# %% tags=["checked"] slideshow={"slide_type": "-"}
held_out = emoji_answers("test")
print(f"training: {len(known)} outlines, {known.answers.shape[0] * known.answers.shape[1]} pictures")
print(f"held out: {len(held_out)} outlines, {held_out.answers.shape[0] * held_out.answers.shape[1]} pictures")


# %% slideshow={"slide_type": "-"}
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

# %% tags=["hide-input"] slideshow={"slide_type": "subslide"}
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

# %% [markdown] slideshow={"slide_type": "subslide"}
# The mean has a skin colour that no emoji has, and hair that is a mix of black, blond and yellow.
# The median takes, for each pixel and channel, the middle of six sorted values. Six is even: every value between the
# third and the fourth is a
# median, and we show the middle of that interval. Neither picture is one of the six. The numbers below say how far off
# they are.
#
# All distances in this lesson are root mean squares (RMS) on the scale $[-1, 1]$, over all pixels and channels of a
# picture.

# %% tags=["exercise:01.5"]

# %% tags=["checked"] slideshow={"slide_type": "-"}
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

# %% [markdown] slideshow={"slide_type": "slide"} syllabus=["N3.3"]
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

# %% [markdown] slideshow={"slide_type": "fragment"}
# Both pixel losses are lowest *between* the answers, where no real picture is. What we want is low *at* the answers,
# at any of them.
# A discriminator gives a loss of that shape without being told where the answers are: it learns it from examples.

# %% tags=["exercise:01.2"]

# %% [markdown] slideshow={"slide_type": "slide"} syllabus=["N0.6"]
# ## Train it here: regression
#
# A U-Net (lesson 10 explains it) maps the outline $x$ to a picture $f(x)$. This is the whole training step of the
# course's `Regression`:

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
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
# That was a short run. The long runs are bundled: `course train lesson_01/mse`, `lesson_01/mae` and `lesson_01/gan`,
# three seeds each, the same code
# and data. `data/checkpoints/lesson_01/README.md` gives command, time and figures. From here on we use those. Of some
# seeds the figures alone are kept, as the same function measured them.

# %% [markdown] slideshow={"slide_type": "slide"} syllabus=["N0.1", "N0.8"]
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
# A picture between the six answers never occurs in the data, so $D$ learns to reject it. A picture equal to any one of
# the six is accepted.
# The $L_1$ term ($\lambda$ its weight) keeps $G$ near the target while $D$ is still bad at its task.

# %% tags=["exercise:01.3"]

# %% tags=["hide-input"] slideshow={"slide_type": "subslide"}
plotting.show_source(Pix2Pix.training_step)

# %% [markdown]
# Three lines decide whether this step is right: `detach` keeps D's loss away from G, `frozen` keeps G's loss away from
# D's weights, and D takes logits,
# because the loss contains the sigmoid. Here is a short run of it, to see the two players move. Lesson 02 explains why
# these curves do not simply fall.

# %%
torch.manual_seed(0)
players = Pix2Pix(runs.run("lesson_01/gan").system().config)
history = fit(players, train_pairs, epochs=choose(smoke=0.1, cpu=2, gpu=30), batch_size=16, seed=0, device=device)
fig = plotting.curves(history, names=["d_loss", "g_adversarial", "l1"], smooth=20)
plotting.show(
    fig, alt="The discriminator's loss, the generator's adversarial loss and the L1 term over the steps of a short run"
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Measure
#
# Every figure below is computed here, from the bundled networks, on outlines the networks trained on and on held-out
# ones. Held-out means: no other tone
# or gender of these emoji was in the training set either.
#
# | figure | what it is | good |
# | --- | --- | --- |
# | to the mean | RMS between output and the exact mean of the six | low for MSE |
# | to the medians | mean gap between output and the interval of exact medians | low for MAE |
# | to the nearest answer | RMS between output and the nearest of the six real pictures | low for a picture that could be real |
# | L1 | mean absolute difference to all six answers | lowest at the median, by definition |
# | sharpness | energy in the upper half of the frequencies, real pictures = 1 | near 1 |
# | answers found | how many different tones are nearest, in six draws for one outline | 6 would be all |
# | VGG-KID | distance between outputs and real pictures as two sets, in VGG-16 features | low |

# %% tags=["exercise:01.6"]


# %%
def all_figures(known):
    """Return {row: {figure: values, one a seed}} for the exact pictures, the three systems and a real answer."""
    right = known.targets()
    judge = AnswerJudge(right)
    rows = torch.arange(len(right))
    found = {
        "exact mean": [judge.figures(judge.mean)],
        "exact median": [judge.figures((judge.low + judge.high) / 2)],
    }
    for label, name in SYSTEMS.items():
        found[label] = []
        for seed in range(choose(smoke=1, cpu=3, gpu=3)):
            if seed not in runs.seeds(f"lesson_01/{name}"):  # its weights are not bundled: its figures are
                figures_kept = kept[f"lesson_01/{name}"][seed]["figures"]
                start = TRAINING if known.split == "train" else ""
                found[label].append({figure: figures_kept[start + figure] for figure in found["exact mean"][0]})
                continue
            system = runs.load(f"lesson_01/{name}", seed)
            draws = outputs_of(system, known.condition(), 6) if system.noisy else None
            output = quiet_outputs_of(system, known.condition()) if draws is None else draws[:, 0]
            found[label].append(judge.figures(output, draws))
            drawn.setdefault((label, known.split), output[:, None] if draws is None else draws)
    found["a real answer"] = [judge.figures(right[rows, rows % 6])]
    return {label: {key: [one[key] for one in seeds] for key in seeds[0]} for label, seeds in found.items()}


BEST = {"to the mean": "min", "to the medians": "min", "to the nearest answer": "min", "L1": "min", "VGG-KID": "min"}
SYSTEMS = {"MSE": "mse", "MAE": "mae", "L1 + adversary": "gan"}
drawn, kept = {}, records_of("lesson_01")
torch.manual_seed(0)
parts = {"train": known[::3], "test": held_out}  # of the training outlines every third, for time
figures = {split: all_figures(part) for split, part in parts.items()}

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### On training outlines

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
plotting.metric_table(
    figures["train"],
    best=BEST,
    caption="Outlines that the networks trained on. The adversary's with its noise on; answers found: in six draws. "
    "Mean over three seeds, ± the standard deviation.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### On held-out outlines

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
plotting.metric_table(
    figures["test"],
    best=BEST,
    caption="Held-out outlines. The adversary's with its noise on; answers found: in six draws. "
    "Mean over three seeds, ± the standard deviation.",
)

# %%
for split, part in parts.items():
    truth = fine_detail(part.targets()[:, 0].mean(1)).mean()
    for label in SYSTEMS:
        share = fine_detail(drawn[label, split][:, 0].mean(1)).mean() / truth
        print(f"{split:5} {label:14}: `fine_detail` {share:.2f} of the truth's", end="   ")
        torn = pieced_together(drawn[label, split][:, 0], part.targets())
        print(f"pieced together from several tones: {torn:.0%}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ### What the tables say
#
# **Training outlines.** Each regression went where its loss points: MSE is nearest to the exact mean, MAE to the
# interval of medians. Both exact pictures have a distance to every real answer that no training can remove.
# The adversarial network started from the MAE network. It left the medians and the mean and came nearer to a real
# answer than the network it started from, though not nearer than the blurred MSE output: a blur in the middle of six
# answers has a short way to each. It is sharper than both, and as a set its outputs look more like the real set
# (VGG-KID). None of the three is as close as a real picture: what stays is the error of a small network after minutes
# of training.
#
# **Does an output decide?** Take the pixels at which all six tones differ by more than 0.1 (RMS over channels), and ask
# which tone each is nearest to. The last column above counts outputs in which two tones each hold a fifth of them or more:
# a yellow face on brown arms. No real picture is like that. With the adversary more than half of the training outputs still
# are: its $D$ lets them pass.
#
# **Held-out outlines.** All three are far from every answer, because the colour of clothes is not in a line drawing.
# The adversary still makes the output sharper. It does not make it right, and as a set the outputs come no nearer to
# the real set than those of MAE.

# %% tags=["hide-input"] slideshow={"slide_type": "subslide"}
fig, axes = plotting.subplots(1, 2, size=(9, 3), sharey=True)
for ax, known_part in zip(axes, parts.values(), strict=True):
    outputs = drawn["L1 + adversary", known_part.split]
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

# %% [markdown] slideshow={"slide_type": "-"}
# The line marks one sixth: what a model of the true distribution would reach for each tone. The network comes nowhere
# near that. One tone takes nearly all, and six draws for one outline nearly always show the same one
# (column *answers found*). Why that tone? The $L_1$ term is content anywhere in the interval of medians. The next cell
# measures how far each tone's real pictures lie outside of it.

# %% tags=["checked"]
judge = AnswerJudge(answers, kid=False)
for title, tone in zip(TITLES, answers.unbind(1), strict=True):
    print(f"{title:13} {distance_to_interval(tone, judge.low, judge.high).mean():.3f}")

# %% [markdown]
# The tone that the network draws is the one that costs the least $L_1$. The adversary decided *that* it should be a real
# picture; the pixel loss decided *which*. To sample all six is another problem: lessons 06, 08 and 10 come back to it.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Look at them
#
# Four training outlines, then four held-out ones. All three networks at seed 0.


# %% tags=["hide-input"] slideshow={"slide_type": "-"}
def comparison(known, picked):
    """Return rows of outline, MSE, MAE, two draws with the adversary, and the nearest real answer to the first."""
    rows = []
    for i in picked:
        outputs = [drawn[label, known.split][i, 0] for label in SYSTEMS]
        _, which = closest_answer(outputs[2][None], known.targets()[i : i + 1])
        second = drawn["L1 + adversary", known.split][i, 1]
        rows.append([known.condition()[i], *outputs, second, known.targets()[i, which.item()]])
    return rows


COLUMNS = ["outline", "MSE", "MAE", "L1 + adversary", "another draw", "nearest real answer"]
unseen = torch.linspace(0, len(held_out) - 1, 4).long().tolist()
seen = torch.linspace(0, len(parts["train"]) - 1, 4).long().tolist()
rows = comparison(parts["train"], seen) + comparison(held_out, unseen)
names = [parts["train"].names[i] for i in seen] + [f"{held_out.names[i]} (held out)" for i in unseen]
fig = plotting.image_grid(rows, column_titles=COLUMNS, row_titles=names, tile=78)
plotting.show(
    fig,
    palette=True,
    alt="Outputs of the three networks for four training outlines and four held-out outlines, with the nearest real answers",
)

# %% [markdown] slideshow={"slide_type": "slide"} syllabus=["N0.6"]
# ## The natural case: enlarging photographs
#
# Emoji are a clean case because we know all answers. In practice nobody does. Take super-resolution: the input is a
# photograph at a quarter of its size,
# the target the photograph itself. Many large pictures shrink to the same small one, so here too one input has many
# right answers.
#
# The next cell makes that concrete. It takes a photograph and adds a fine pattern that vanishes when the picture is
# shrunk.
# The two large pictures differ in every pixel, the two small ones in none.

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
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

# %% [markdown] slideshow={"slide_type": "subslide"}
# SRResNet (lesson 09) is trained on other photographs, once with MSE and once with MAE. Bicubic interpolation learns
# nothing and is the baseline.

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

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### How near, and how sharp

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
rows = {name: enlarging_figures(system, kid=False) for name, system in enlargers.items()}
plotting.metric_table(
    rows,
    best={"PSNR": "max", "SSIM": "max", "L1": "min", "sharpness": "max"},
    caption=f"{len(pairs)} held-out patches of 12 photographs, enlarged by 4. The truth has sharpness 1.",
)

# %% [markdown]
# Regression wins on PSNR and SSIM, which reward what it was trained for. Yet the fine detail of the truth is not there:
# see the column *sharpness*, and the fur above. It is the same blur as before, for the same reason.
# Lesson 09 puts an adversary on top.

# %% [markdown] slideshow={"slide_type": "slide"} syllabus=["E22"]
# ## Where this stands today
#
# > **Often written, not so:** "Since GANs, everyone uses GANs; and a model without a condition cannot be steered."
#
# Much of image synthesis has moved to diffusion and autoregressive models. They are trained by regression or by
# likelihood, and then they *sample* instead of averaging. And a model without a condition can be steered through its
# latent variables: lessons 03 and 05 do it with a VAE and a GAN. The smallest case fits here. A linear model of the
# training pictures, with no label and no condition, is fitted by principal components. One direction of its latent
# space, added to a held-out picture, changes the tone.

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
farmer = held_out.names.index("woman farmer")
pictures = known.targets().flatten(0, 1).flatten(1)
centre = pictures.mean(0)
torch.manual_seed(0)
_, _, basis = torch.pca_lowrank(pictures - centre, q=100, center=False)  # (values of a picture, 100 latents)
latents = ((pictures - centre) @ basis).view(len(known), 6, -1)
direction = (latents[:, 5] - latents[:, 1]).mean(0)  # from light to dark, an average over all training outlines
picture = held_out.targets()[farmer, 2].flatten()
edited = [(picture + amount * direction @ basis.T).view(3, 64, 64) for amount in (-1.0, -0.5, 0.0, 0.5, 1.0)]
fig = plotting.image_grid(
    [edited], column_titles=["lighter by 1", "lighter by 1/2", "as it was", "darker by 1/2", "darker by 1"], tile=130
)
plotting.show(
    fig,
    alt="A held-out person emoji moved along the latent direction from light to dark: the face changes most, "
    "with a soft edge that does not follow the outline",
)

# %% [markdown] slideshow={"slide_type": "slide"} syllabus=["N0.7"]
# ## Play
#
# Give the six answers other weights. The mean changes with every slider; the median jumps; the mode picks one real
# picture. Try: all the weight on two tones. Then make one of the two a little heavier.

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
explorer = answer_weights(held_out.targets()[farmer], TITLES)
explorer

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Where it fails
#
# The adversary does not make the generator *know* more. On held-out outlines the colour of the clothes is not in the
# input, and no training outline shows it. Below are the held-out outlines on which the adversarial network is farthest
# from every real answer.

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
first = drawn["L1 + adversary", "test"][:, 0]
far, which = closest_answer(first, held_out.targets())
worst = far.argsort(descending=True)[:4].tolist()
rows = [[held_out.condition()[i], drawn["MSE", "test"][i, 0], first[i], held_out.targets()[i, which[i]]] for i in worst]
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

# %% [markdown] slideshow={"slide_type": "-"}
# Where it does not know, regression paints the average of what it saw, in soft patches. The adversary makes the patches
# sharper, not truer. The second failure was in the tones: a picture that could be real is not yet a *sample* of what
# could be. Both failures have the same cure, which the next lessons build: a better account of the whole distribution.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Summary
#
# - A pixel loss asks for one picture per input: MSE for the mean of the right answers, MAE for a median. The mean is
#   a picture that never occurs.
# - At 50:50, MAE has no preference; it does not "output the average".
# - A discriminator that sees input and output rewards pictures that occur, instead of pictures near all that occur. Here
#   it moved the outputs from the medians towards a real answer and made them sharper.
# - On held-out outlines it made them sharper, not truer. And it gave no variety: one outline, nearly always one tone.
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
