# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # 11 · How does a network translate without examples?
#
# **Question.** How can a network learn to translate pictures when nobody can show it a single translation?
#
# **You will be able to**
# - write the objective of CycleGAN, and say what each term rules out and leaves open;
# - provoke mode collapse, and measure it;
# - judge a translation that had no pairs against true pairs that were hidden from it, and against doing nothing;
# - test whether a network hides its input in its output.
#
# <!-- the slide ends here -->
#
# **Time.** About a minute and a half for all cells on two CPU cores. About two and a half hours to read and do.
#
# <!-- links -->
#
# Papers: Zhu et al. 2017 (CycleGAN); Chu et al. 2017, on what it hides. All papers are at the end.
#
# <!-- notes 2 min
# Zhu et al. 2017. Lesson 10 is needed, and D* = p / (p + q) of lesson 02.
# Ask: how would you learn a language from two libraries, without a dictionary?
# -->

# %% tags=["setup"]

# %%
import copy
import itertools
from dataclasses import replace

import torch
from torch.nn.functional import interpolate

from course_lib import data, plotting, runs
from course_lib.data.crops import shorter_side_to
from course_lib.data.luma import luma
from course_lib.data.unpaired import emoji_at, paintings_and_photos, patches_of
from course_lib.exercises import check, hint, reached, solution
from course_lib.lessons.lesson_11.ring import play_on_a_ring
from course_lib.losses.adversarial import LOSSES
from course_lib.losses.game import best_discriminator
from course_lib.losses.reconstruction import mean_absolute_error
from course_lib.lessons.lesson_11.steganography import blurred, noise_curve
from course_lib.metrics import distinct_outputs, input_dependence, l1, radial_spectrum, sharpness, ssim, vgg_kid
from course_lib.models.resnet_generator import ResNetGenerator, resnet_9blocks
from course_lib.plotting import Arrow, Box
from course_lib.presets import choose
from course_lib.lessons.lesson_11 import usual as usual_cyclegan
from course_lib.lessons.lesson_11.runs import ABLATED, ROWS, SMALL_SIDE, held_out, unpaired
from course_lib.runs.records import records_of, recorded_pictures
from course_lib.data.pixels import normalise
from course_lib.runs.translation import quiet_outputs_of, shown_rows
from course_lib.lessons.lesson_11.held_out import painting_figures
from course_lib.systems.cyclegan import CycleGAN
from course_lib.systems.anysize import translate_any
from course_lib.systems.modes import inference
from course_lib.training import fit, seed_everything
from course_lib.lessons.lesson_11.cycle_slider import cycle_explorer

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ### Where this lesson goes
#
# Each translated into a style that was never shown beside it. The truth was hidden from the training.
#
# <!-- notes 2 min
# Left and middle have a truth, which the paper could have for label maps and street maps only. Let them judge, and
# remember what they see in the colours.
# -->

# %% [markdown]
# ### Where this lesson goes
#
# Flat emoji, Noto emoji and photographs, each translated into a style that was never shown beside it. All inputs are
# held out and drawn at random. The truth, where there is one, was hidden from the training.

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
models = {name: runs.load(f"lesson_11/{name}") for name in ("emoji", "noto", "van_gogh", "van_gogh_mixed", "grey")}
flat, noto = held_out(), held_out("noto")
photographs = patches_of(data.photos("test"), 64, shrunk=2)
rows, titles = [[], [], []], []
for label, pairs, system in (("flat", flat, models["emoji"]), ("Noto", noto, models["noto"])):
    three = shown_rows(pairs, 8)[5:]
    x = normalise(pairs.x[three])
    strips = (x, quiet_outputs_of(system, x), normalise(pairs.y[three]))
    for row, pictures in zip(rows, strips, strict=True):
        row += [*pictures, None]
    titles += [label, "", "", ""]
y = normalise(photographs.images[shown_rows(photographs, 4)[1:]])
painted = models["van_gogh_mixed"].translate_back(y)  # back: the paintings are its x, the photographs its y
for row, pictures in zip(rows, (y, painted, [None] * len(y)), strict=True):
    row += list(pictures)
titles += ["photo"] + [""] * (len(y) - 1)
fig = plotting.image_grid(rows, row_titles=["input", "output", "truth"], column_titles=titles, tile=72)
plotting.show(
    fig,
    palette=True,
    alt="Inputs and outputs of three translations that were learned without pairs, three random held-out pictures "
    "each: "
    "flat to 3D emoji and Noto to 3D emoji, with the hidden truth, and photographs to patches in the manner of van "
    "Gogh, "
    "where there is no truth",
)

# %% [markdown] slideshow={"slide_type": "slide"} syllabus=["N0.13", "N1.5"]
# ## Why do without pairs?
#
# pix2pix (lesson 10) learns from pairs $(x, y)$. What do pairs cost?
#
# - **Labour.** A label map of one street scene takes a person an hour and a half (Cordts et al. 2016).
# - **Staging.** Day and night of the same street: two visits, the same cars.
# - **They may not exist.** Nobody has the photograph of what Monet saw. No horse has a twin that is a zebra.
#
# <!-- the slide ends here -->
#
# *Unpaired* sets are cheap: some horses, some zebras. CycleGAN learns from $\{x_i\}$ and $\{y_j\}$, where no $x_i$
# belongs to any $y_j$.
#
# <!-- notes 2 min
# Ask for a task that has no pairs at all. Unpaired sets are cheap: some horses, some zebras; no x belongs to any y.
# Where pairs can be made, by shrinking for example, they should be.
# -->

# %% [markdown] syllabus=["N1.10", "N0.4", "N4.28"]
# ### What it is used for
#
# | use | $x$ | $y$ | here |
# | --- | --- | --- | --- |
# | style of a painter, theme of a game | photographs, scenes | paintings, the other theme | van Gogh; flat to 3D |
# | painting to photograph | paintings | photographs | van Gogh, the way back |
# | objects | horses, apples | zebras, oranges | at the paper's scale |
# | seasons | Yosemite in summer | Yosemite in winter | at the paper's scale |
# | photo enhancement | photographs by a telephone | by a camera with shallow focus | - |

# %% [markdown]
# Paintings, objects, seasons and enhancement are in section 5.2 of the paper. Editing and super-resolution can be put
# in this form as well: noisy and clean photographs, coarse and fine ones. Where pairs can be *made* (shrink a picture,
# and you have a pair) they should be: lesson 09 does so, and "The price of having no pairs" below says why.

# %% [markdown]
# ## The data: pairs exist, and are kept away
#
# Our two sets are 3D emoji and flat emoji. True pairs exist, so the result can be judged, which the paper could do
# only for label maps and street maps. To make sure that no pair helps in training, the training emoji are *dealt out*:
# each emoji, with its skin tones, its genders and its near-duplicates, is on one side only. Near-duplicates differ by less
# than 15 grey levels, where large differences count most (the *root mean square*). So a face and the same face with
# another mouth are not among them: they differ in few pixels, and there by much. Such look-alikes remain: clocks, arrows,
# grinning faces. The cell counts them by the *mean absolute* difference, in which few pixels weigh little. How much they
# help CycleGAN was not tested.

# %% tags=["hide-input", "checked"]
sides = unpaired()
names_x, names_y = set(sides.x.names), set(sides.y.names)
roles_x, roles_y = (set(side.factors["role"].tolist()) for side in (sides.x, sides.y))
roles_test = set(flat.factors["role"].tolist())
print(f"flat: {len(sides.x)} pictures   3D: {len(sides.y)} pictures   held-out pairs: {len(flat)}")
print(f"emoji on both sides: {len(names_x & names_y)}   roles on both sides: {len(roles_x & roles_y)}")
print(f"roles of the held-out pairs seen in training: {len((roles_x | roles_y) & roles_test)}")
every = emoji_at(data.emoji_pairs("train", x="flat", y="3d"), SMALL_SIDE)
place = {name: row for row, name in enumerate(every.names)}
of_x, of_y = (every.y[[place[name] for name in side.names]] for side in (sides.x, sides.y))
nearest = torch.cdist(of_x.flatten(1).float(), of_y.flatten(1).float(), p=1).amin(1) / of_x[0].numel()
print(
    f"3D pictures of x with a look-alike in y, less than 15 apart on average: {int((nearest < 15).sum())} of {len(of_x)}"
)

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ## The data: pairs exist, and are kept away
#
# Each emoji, with its tones, genders and near-duplicates, is on one side only.
#
# <!-- notes 2 min
# Dealt out at random, so that both sides hold the same kinds of things. One number to keep in mind: how far is a flat
# emoji itself from its 3D truth? Output = input stands in every table: who is not nearer has not come nearer to the
# truth.
# -->

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
some_x, some_y = (torch.linspace(0, len(side) - 1, 12).long() for side in (sides.x, sides.y))
fig = plotting.image_grid(
    [sides.x.images[some_x], sides.y.images[some_y]], row_titles=["x: flat", "y: 3D"], tile=68
)  # fmt: skip
plotting.show(
    fig,
    palette=True,
    alt="Twelve training pictures of each side: flat emoji above, 3D emoji below; no emoji is in both rows",
)

# %% [markdown]
# One number to keep in mind: how far is a flat emoji itself from its 3D truth? A translation that is not closer than
# that has not come closer to the truth, whatever else it has learned. This **identity baseline** (output = input) is
# in every table below.

# %% tags=["hide-input", "checked"]
small = held_out(size=SMALL_SIDE)
for label, pairs in (("64", flat), ("32", small)):
    print(f"output = input, at {label} pixels: held-out L1 {l1(normalise(pairs.x), normalise(pairs.y)):.3f}")

# %% [markdown] slideshow={"slide_type": "slide"} syllabus=["N0.14"]
# ## The objective, part 1: two adversaries
#
# Two generators, $G: X \to Y$ and $F: Y \to X$. Two discriminators: $D_Y$ tells $y$ from $G(x)$, and $D_X$ tells $x$
# from $F(y)$. As in lesson 02:
#
# $$\mathcal{L}_\text{GAN}(G, D_Y) = \mathbb{E}_{y} \log D_Y(y) + \mathbb{E}_{x} \log\bigl(1 - D_Y(G(x))\bigr), \qquad
# \mathcal{L}_\text{GAN}(F, D_X) = \mathbb{E}_{x} \log D_X(x) + \mathbb{E}_{y} \log\bigl(1 - D_X(F(y))\bigr).$$
#
# - $D_Y$ sees *one* picture, never a pair: no pair exists. "Is this a 3D emoji?", and not "of this $x$?"
# - In the code: `netG`, `netF`, `netD_y`, `netD_x`. There is no $z$: one $x$ gets one answer.
#
# <!-- notes 3 min
# Two generators, two discriminators. D_Y sees one picture and never a pair. There is no z: one x gets one answer.
# Ask: what does D_Y accept that you would not?
# -->

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ### Squares in place of logarithms
#
# > **Often written, not so:** "CycleGAN uses a least-squares loss", above a formula with logarithms.
#
# $$\mathcal{L}_D = \mathbb{E}_y \bigl(D_Y(y) - 1\bigr)^2 + \mathbb{E}_x\, D_Y(G(x))^2, \qquad
# \mathcal{L}_G = \mathbb{E}_x \bigl(D_Y(G(x)) - 1\bigr)^2 .$$
#
# $D$ has no sigmoid: a plain number, with the marks 1 for real and 0 for made.
#
# <!-- notes 3 min
# The paper writes logarithms in its equation 1 and trains with squares. Let them find the best d for given p and q: p /
# (p + q), as before. Halving D's loss changes nothing with Adam.
# -->

# %% [markdown] syllabus=["E10", "N1.8"]
# ### Squares in place of logarithms
#
# > **Often written, not so:** "CycleGAN uses a least-squares loss", above a formula with logarithms.
#
# It uses squares, and the formula is another one. The paper writes the game with logarithms (its equation 1) and
# trains with squares (section 4). Then $D$ has no sigmoid, its output is a plain number $d$ with the marks 1 for real
# and 0 for made (in code it is still called a logit), and the formulas are
#
# $$\mathcal{L}_D = \mathbb{E}_y \bigl(D_Y(y) - 1\bigr)^2 + \mathbb{E}_x\, D_Y(G(x))^2, \qquad
# \mathcal{L}_G = \mathbb{E}_x \bigl(D_Y(G(x)) - 1\bigr)^2 .$$
#
# The paper halves $D$'s loss to slow $D$ down, and so do we. With Adam that changes nothing: its steps do not depend
# on a constant factor. The best $D$ is the same as before: $p\,(d - 1)^2 + q\, d^2$ is smallest at $d = p / (p + q)$.

# %% [markdown]
# > **Exercises** stand where you need them. Write your answer where the cell says so, and run it. `check` says whether it
# > is right, and if not, what is likely wrong. It hands back what the lesson goes on with: *your* function if it is right,
# > ours if you have not tried. `hint("11.1")` gives a hint, a stronger one each time; `solution("11.1")` shows ours.

# %% tags=["exercise:11.1"]

# %% [markdown] syllabus=["E10", "N1.8"]
# ### The gradients where D is sure
#
# What does $G$'s loss tell one output? Its slope in what $D$ returns. With logarithms $D = \sigma(d)$:
#
# | form | $G$ minimises | slope in $d$ | $D$ is sure of a fake | $D$ is fooled | $d$ beyond the mark |
# | --- | --- | --- | --- | --- | --- |
# | saturating | $\log(1 - \sigma(d))$ | $-\sigma(d)$ | near 0: nothing to learn | near −1 | near −1 |
# | non-saturating | $-\log \sigma(d)$ | $\sigma(d) - 1$ | near −1 | near 0 | near 0 |
# | least squares | $(d - 1)^2$ | $2(d - 1)$ | −2 at $d = 0$ | 0 at $d = 1$ | positive: pulled back |
#
# With logarithms $D$ is sure at $d = -6$, fooled at 6, and 12 is beyond; with squares these are 0, 1 and 3.

# %% tags=["hide-input", "checked"]
AT = {"saturating": (-6.0, 6.0, 12.0), "non-saturating": (-6.0, 6.0, 12.0), "least-squares": (0.0, 1.0, 3.0)}
for name, places in AT.items():
    slopes = []
    for place in places:
        d = torch.tensor(place, dtype=torch.float64, requires_grad=True)
        loss = least_squares_losses(d, d)["g"] if name == "least-squares" else LOSSES[name].g_loss(d)
        (slope,) = torch.autograd.grad(loss, d)
        slopes.append(f"d = {place:g}: {round(slope.item(), 3) + 0.0:.3f}")
    print(f"{name:14}", "   ".join(slopes))

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ### The gradients where $D$ is sure
#
# $G$'s loss and its slope over what $D$ returns.
#
# <!-- notes 2 min
# The straight line is the argument for squares: an output that D rejects with certainty is pulled hardest, and one far
# beyond the mark is pulled back. Ask where the saturating loss teaches nothing.
# -->

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
d = torch.linspace(-3, 4, 141, dtype=torch.float64)
fig, axes = plotting.subplots(1, 2, size=(9.2, 3.4))
for name, colour in (("saturating", "vermilion"), ("non-saturating", "blue"), ("least-squares", "green")):
    marked = d.clone().requires_grad_()
    values = torch.stack([LOSSES[name].g_loss(one) for one in marked])
    (slopes,) = torch.autograd.grad(values.sum(), marked)
    for ax, line in zip(axes, (values.detach(), slopes), strict=True):
        ax.plot(d, line, color=plotting.COLOURS[colour], label=name)
for ax, title in zip(axes, ("G's loss", "its slope"), strict=True):
    ax.axvline(1, color="0.6", linestyle=":")
    ax.set(xlabel="d, what D returns for an output", title=title)
axes[0].legend(frameon=False)
plotting.show(
    fig,
    alt="G's loss and its slope over the number that D returns, for the saturating, the non-saturating and the "
    "least-squares "
    "form: the slope of the first goes to zero where D is sure of a fake, that of the second to minus one, that of "
    "the "
    "third is a straight line that crosses zero at one",
)

# %% [markdown]
# The straight line is the argument of Mao et al.: an output that $D$ rejects with certainty is pulled hardest, and one
# far beyond the mark is pulled *back*. $D$'s own slopes, $2(d - 1)$ on real and $2 d$ on made pictures, are lines too.

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ## Why an adversary alone is not enough
#
# Let $G$ answer *every* $x$ with the same convincing $y_0$. Each single output passes.
#
# The smallest case: four inputs, four answers, $4^4 = 256$ maps.
#
# <!-- notes 3 min
# Nothing compares G(x) with x. A D that is slow to learn accepts all 256. The best D compares densities and leaves the
# permutations; one of them is right. Let them count before they see the lines.
# -->

# %% [markdown] syllabus=["N3.4", "N0.15"]
# ## Why an adversary alone is not enough
#
# $D_Y$ asks of each output: could this be a real $y$? Now let $G$ answer **every** $x$ with the same convincing $y_0$.
# Each single output passes. Nothing in $\mathcal{L}_\text{GAN}(G, D_Y)$ compares $G(x)$ with $x$.
#
# The smallest case, exactly: four inputs, four answers, equally frequent. $G$ is one of the $4^4 = 256$ maps, and the
# right one sends 0 to 0, 1 to 1, and so on.

# %% tags=["output-in-decks", "checked"] slideshow={"slide_type": "-"}
places = range(4)
maps = list(itertools.product(places, repeat=4))  # each G as the tuple of its answers to 0, 1, 2, 3
constant = [g for g in maps if len(set(g)) == 1]
same_density = [g for g in maps if sorted(g) == list(places)]
right = [g for g in maps if g == tuple(places)]
print(f"each output is a real y:                  {len(maps):3} maps, {len(constant)} of them constant")
print(f"the outputs are distributed as the y are: {len(same_density):3} maps, the permutations")
print(f"each x gets its own y:                    {len(right):3} map")

# %% [markdown]
# So there are two gaps. A $D$ that is slow to learn accepts all 256. The *best* $D$ compares densities and leaves 24,
# in which $y$ still has nothing to do with $x$.

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ### Collapse, drawn as two densities
#
# $q$ sits in one mode of $p$. The best $D$ is not deceived.
#
# <!-- notes 2 min
# Every draw looks real, since p is high there; most of p is never drawn. At the crowded mode D falls below one half, at
# the empty one it is near 1. Ask what G does then: it moves there, all of it, and so on.
# -->

# %% [markdown] syllabus=["N1.6", "N0.15"]
# ### Collapse, drawn as two densities
#
# $p$ is the density of the real $y$, $q$ that of the outputs. In a collapse $q$ sits in one mode of $p$. Every draw
# from $q$ looks real, because $p$ is high there. But most of $p$ is never drawn.

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
grid = torch.linspace(-4, 4, 801)


def bump(centre, width):
    """Return a normal density on the grid."""
    return torch.exp(-0.5 * ((grid - centre) / width) ** 2) / (width * (2 * torch.pi) ** 0.5)


p = 0.5 * bump(-1.8, 0.5) + 0.5 * bump(1.8, 0.5)
q = bump(1.8, 0.4)
best = best_discriminator(p, q)
fig, axes = plotting.subplots(1, 2, size=(9.2, 3.2))
axes[0].plot(grid, p, color=plotting.COLOURS["blue"], label="p, real y")
axes[0].plot(grid, q, color=plotting.COLOURS["vermilion"], linestyle="--", label="q, outputs")
axes[1].plot(grid, best, color=plotting.COLOURS["green"], label="p / (p + q)")
axes[1].axhline(0.5, color="0.6", linestyle=":")
axes[0].set(xlabel="y", title="Two densities")
axes[1].set(xlabel="y", title="The best D", ylim=(0, 1.05))
for ax in axes:
    ax.legend(frameon=False)
plotting.show(
    fig,
    alt="Left, the density p of real pictures with two modes, and the density q of outputs in one of them only; "
    "right, the "
    "best discriminator, which is near one at the mode that q misses and below one half where q sits",
)
step = grid[1] - grid[0]
print(f"share of p that q covers: {(torch.minimum(p, q).sum() * step).item():.2f}")
print(f"mean of log p over draws from q: {(q * p.log()).sum().item() * step.item():.2f}, over the real y: ", end="")
print(f"{(p * p.log()).sum().item() * step.item():.2f}")

# %% [markdown]
# By its $\log p$ a collapsed output is even *more* likely than a real picture. The best $D$ is not deceived: at the
# crowded mode it falls below one half, and at the empty one it is near 1. What does $G$ do then? It moves there, all
# of it:

# %% tags=["checked"] syllabus=["N0.15", "N3.4"]
p = torch.full((4,), 0.25)


def wandering(remembers, turns):
    """Return the answers of a G with one answer for all x, which always moves to what the best D likes most."""
    answer, seen, answers = 0, torch.zeros(4), []
    for _ in range(turns):
        answers.append(answer)
        now = torch.eye(4)[answer]
        seen += now
        opinion = best_discriminator(p, seen / seen.sum() if remembers else now).tolist()
        answer = max(places, key=opinion.__getitem__)
    return answers


print("D sees the outputs of now:       G answers every x with", *wandering(False, 10))
print("D remembers the earlier outputs: G answers every x with", *wandering(True, 10))

# %% [markdown]
# The constant answer is driven from place to place and stays constant. (Of places that $D$ likes equally the first is
# taken. With a memory all places are visited: a reason for the pool further down.)

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ### Provoked
#
# Eight points to eight points, both adversaries, no cycle; $D$ learns ten times as slowly as $G$.
#
# <!-- notes 2 min
# Networks now. The lines say which of the eight points each output is nearest to. Eight inputs share one to three
# points. What a cycle changes in it, and what a faster D, is exercise 11.3: let them predict.
# -->

# %% [markdown] syllabus=["N0.15", "N3.4"]
# ### Provoked
#
# Networks now. $x$ and $y$ are eight points of a circle each. Both adversaries play, no cycle, and $D$ learns ten
# times as slowly as $G$ (`play_on_a_ring`; exercise 11.3 shows its code). Which of the eight is each output nearest
# to?

# %% tags=["output-in-decks"] slideshow={"slide_type": "-"}
for seed in range(choose(smoke=1, cpu=3, gpu=3)):
    ring = play_on_a_ring(lambda_cycle=0.0, d_lr=1e-4, seed=seed, steps=choose(smoke=10, cpu=800, gpu=800))
    print(f"seed {seed}: outputs nearest to", *ring["partner"], end="   ")
    print(f"points reached {ring['reached']} of 8   with their own partner {ring['right']}")

# %% [markdown]
# So a collapse can be had. What the cycle changes in it, and what a faster $D$ changes, is for you to predict
# (exercise 11.3, below). Now pictures: both adversaries, no cycle loss, at 32 pixels. A training does not find the best $D$
# at each step, and no proof says where it ends, so it was run and recorded.

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ### And with pictures
#
# At 32 pixels, one seed: the adversaries alone, and with both cycles.
#
# <!-- notes 2 min
# A worse failure than on the ring, in every seed: outputs depend on inputs far less than they should, look alike, and
# are not even emoji. Nothing holds G near its input.
# -->

# %% tags=["hide-input"] slideshow={"slide_type": "-"} syllabus=["N0.15"]
record = records_of("lesson_11")
rows_shown = shown_rows(small)
small_x, small_y = normalise(small.x), normalise(small.y)
inputs, truths = small_x[rows_shown], small_y[rows_shown]
strips = {key: recorded_pictures(f"lesson_11/{key}") for key in [*ROWS, "pairs"]}
eight = range(choose(smoke=4, cpu=8, gpu=8))
fig = plotting.image_grid(
    [[strip[i] for i in eight] for strip in (inputs, strips["gan_alone"], strips["both"], truths)],
    row_titles=["flat", "adversaries alone", "with both cycles", "truth"],
    tile=92,
)
plotting.show(
    fig,
    palette=True,
    alt="Eight random held-out flat emoji at 32 pixels, the outputs of a training with the adversarial losses "
    "alone and of "
    "one with the cycle losses as well, and the hidden truth",
)

# %% [markdown]
# Is that a collapse? Two numbers say how far the outputs depend on the inputs at all. *Distinct* counts outputs that
# differ from each output counted before by more than six grey levels on average over the pixels, as a share of the count among the truths. *Dependence* is how
# much two outputs differ on average, as a share of the truths. Both are 0, or nearly so, for a constant answer, and 1
# for outputs as varied as the truths; both are blind to whether an output *fits* its input.

# %% tags=["hide-input"]
constant = small_y[:1].expand_as(small_y)
shuffled = small_y.roll(len(small_y) // 2, 0)
for label, made in (("one y for all", constant), ("true y of another x", shuffled), ("the truth", small_y)):
    share = distinct_outputs(made) / distinct_outputs(small_y)
    print(f"{label:20} distinct {share:.2f}   dependence {input_dependence(small_y, made):.2f}", end="")
    print(f"   L1 {l1(made, small_y):.3f}")
for key in ("gan_alone", "both"):
    for seed, entry in record[f"lesson_11/{key}"].items():
        found = entry["figures"]
        print(f"{key}, seed {seed:<{13 - len(key)}} distinct {found['distinct']:.2f}", end="   ")
        print(f"dependence {found['dependence']:.2f}   L1 {found['L1']:.3f}   there and back {found['cycle x']:.3f}")

# %% [markdown]
# On the ring the outputs fall together: eight inputs share one to three points. The pictures are a worse failure, in every seed: the outputs depend on the inputs far
# less than they should, look alike, are more than three quarters as far from the truth as the truth of *another* emoji, and are not even
# emoji. Nothing holds $G$ near its input, and the game has not come to rest. (*Distinct* alone would have missed it:
# it asks for no more than six grey levels.) In the paper (figure 7) the label maps of all photographs came out alike.

# %% [markdown] slideshow={"slide_type": "slide"} syllabus=["N0.16", "N1.7", "N1.9"]
# ## The objective, part 2: there and back again
#
# No $y$ is known for $x$. But $x$ itself is known. So translate, translate *back*, and compare with where it began:
#
# 1. **forward cycle:** $x \to G(x) \to F(G(x)) \approx x$;
# 2. **backward cycle:** $y \to F(y) \to G(F(y)) \approx y$.
#
# $$\mathcal{L}_\text{cyc}(G, F) = \mathbb{E}_{x} \lVert F(G(x)) - x \rVert_1
# + \mathbb{E}_{y} \lVert G(F(y)) - y \rVert_1$$

# %% [markdown] slideshow={"slide_type": "fragment"}
# $$\mathcal{L}(G, F, D_X, D_Y) = \mathcal{L}_\text{GAN}(G, D_Y) + \mathcal{L}_\text{GAN}(F, D_X)
# + \lambda\, \mathcal{L}_\text{cyc}(G, F), \qquad \lambda = 10.$$
#
# <!-- the slide ends here -->
#
# It is *self-supervision*: the right answer is taken from the data themselves. A constant $G$ cannot be undone.
#
# <!-- notes 4 min
# No y is known for x, but x itself is. The right answer is taken from the data: self-supervision. A constant G cannot
# be undone.
# Each generator is used twice. Ask what the forward cycle teaches to whom: F to undo G, and G to leave enough for it.
# -->

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ### The two cycles
#
# <!-- notes 2 min
# Two rows, the same G and F in both. Follow one x with your hand; then ask for the losses of the second row.
# -->

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
boxes, arrows = {}, []
for row, (start, there, back, judge) in enumerate((("x", "G", "F", "D_Y"), ("y", "F", "G", "D_X"))):
    level = 2.8 * row
    first, last = f"{there}({start})", f"{back}({there}({start}))"
    boxes |= {
        start: Box(0, level, f"{start}\n(N, 3, H, W)", width=0.84),
        f"{there} {row}": Box(1.15, level, there, "network", width=0.5),
        first: Box(2.25, level, first, width=0.7),
        f"{back} {row}": Box(3.35, level, back, "network", width=0.5),
        last: Box(4.5, level, last, width=0.8),
        judge: Box(
            2.25, level + 1.15, f"{judge}: does it\nlook like {'a y' if row == 0 else 'an x'}?", "loss", width=0.94
        ),
        f"cycle {row}": Box(4.5, level + 1.15, f"cycle loss\nL1 to {start}", "loss", width=0.8),
    }
    names = [start, f"{there} {row}", first, f"{back} {row}", last]
    arrows += [Arrow(one, other) for one, other in itertools.pairwise(names)]
    arrows += [Arrow(first, judge), Arrow(last, f"cycle {row}"), Arrow(start, f"cycle {row}", bend=-0.47)]
fig = plotting.diagram(boxes, arrows, size=(8.8, 5))
plotting.show(
    fig,
    alt="Two rows. x goes through G to G(x), which D_Y judges, and through F back to F(G(x)), which the cycle loss compares "
    "with x. y goes through F to F(y), which D_X judges, and through G back to G(F(y)), compared with y",
)

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ### Both closed
#
# <!-- notes 2 min
# Held-out pictures. The way back is good. Ask whether that shows that the middle picture is right. Keep the answer for
# the slide after the next exercises.
# -->

# %% tags=["hide-input"] slideshow={"slide_type": "-"} syllabus=["N1.7", "N0.16"]
two = shown_rows(flat, 8)[4:6]
x, y = normalise(flat.x[two]), normalise(flat.y[two.flip(0)])
system = models["emoji"]
fake_y, fake_x = system.translate(x), system.translate_back(y)
back_x, back_y = system.translate_back(fake_y), system.translate(fake_x)
columns = [x, fake_y, back_x, [None] * 2, y, fake_x, back_y]
fig = plotting.image_grid(
    [list(row) for row in zip(*columns, strict=True)],
    column_titles=["x", "G(x)", "F(G(x))", "", "y", "F(y)", "G(F(y))"],
    tile=92,
)
plotting.show(
    fig,
    palette=True,
    alt="Two held-out flat emoji, their translations and the way back, and two held-out 3D emoji with theirs: both "
    "cycles of "
    "the bundled model",
)
some = torch.randperm(len(flat), generator=torch.Generator().manual_seed(1))[: choose(smoke=8, cpu=64, gpu=64)]
x, y = normalise(flat.x[some]), normalise(flat.y[some])
fake_y, fake_x = system.translate(x), system.translate_back(y)
print(f"mean of {len(some)} held-out pictures:")
print(f"forward: L1 from x to G(x) {l1(fake_y, x):.3f}, to F(G(x)) {l1(system.translate_back(fake_y), x):.3f}")
print(f"backward: L1 from y to F(y) {l1(fake_x, y):.3f}, to G(F(y)) {l1(system.translate(fake_x), y):.3f}")

# %% [markdown]
# Each generator is used twice: $G$ as the first step of one cycle and as the second of the other. So the forward cycle
# teaches $F$ to undo $G$ *and* $G$ to leave enough for it.

# %% tags=["exercise:11.2"]

# %% tags=["exercise:11.3"]

# %% [markdown]
# Your predictions are of tables. Now the networks of the ring, with the cycle, and with a $D$ that learns as fast as $G$
# or ten times as slowly; and without the cycle, with the fast $D$. (Without the cycle and with the slow $D$: see above.)

# %%
steps = choose(smoke=10, cpu=800, gpu=800)
for weight, d_lr in ((0.0, 1e-3), (10.0, 1e-4), (10.0, 1e-3)):
    for seed in range(choose(smoke=1, cpu=3, gpu=3)):
        ring = play_on_a_ring(lambda_cycle=weight, d_lr=d_lr, seed=seed, steps=steps)
        print(f"lambda {weight:2g}, D's rate {d_lr:g}, seed {seed}: reached {ring['reached']} of 8", end="   ")
        print(f"with their own partner {ring['right']}   cycle error {ring['cycle error']:.2f}")

# %% [markdown]
# So there are two cures of this collapse: the cycle, and a $D$ that keeps up with $G$. With either all eight points are
# reached. And with either the partners are wrong: who goes to whom is left to chance.

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ### What the cycle does not rule out
#
# > **Often written, not so:** "Cycle consistency solves mode collapse, and ties each output to its input."
#
# The four places again, with all pairs $(G, F)$:
#
# <!-- notes 3 min
# It makes collapse costly. It does not say which y an x gets: every permutation with its inverse meets the objective as
# well as the right map. For the cycle the same holds of colours: exchange channels on the way there, exchange them
# back, and it closes to the last bit.
# -->

# %% [markdown] syllabus=["E11", "N0.16"]
# ### What the cycle does not rule out
#
# > **Often written, not so:** "Cycle consistency solves mode collapse, and ties each output to its input."
#
# It makes collapse *costly*: a $G$ that forgets $x$ cannot be undone. It does not say *which* $y$ an $x$ gets. Back to
# the four points, now with all pairs $(G, F)$:

# %% tags=["output-in-decks", "checked"] slideshow={"slide_type": "-"}
pairs_of_maps = list(itertools.product(maps, maps))
matching = [(g, f) for g, f in pairs_of_maps if sorted(g) == sorted(f) == list(places)]
closed = [(g, f) for g, f in matching if all(f[g[i]] == i and g[f[i]] == i for i in places)]
print(f"pairs (G, F):                     {len(pairs_of_maps):6,}")
print(f"both densities match:             {len(matching):6,}")
print(f"and both cycles close:            {len(closed):6,}, the permutations with their inverses")
print(f"and each x gets its own y:        {sum(g == tuple(places) for g, _ in closed):6,}")
FREQUENCIES = (0.4, 0.2, 0.2, 0.2)
kept = [g for g, _ in closed if all(FREQUENCIES[g[i]] == FREQUENCIES[i] for i in places)]
print(f"closed, where 0 is twice as frequent as the others: {len(kept):6,}")

# %% [markdown]
# Every permutation meets the objective so far as well as the right map: both cycle losses are 0, and the best $D$ can
# only say $\frac12$ everywhere. Unequal frequencies help: what is rare cannot be exchanged with what is common.
# Equally frequent ones still can. For the *cycle* the same holds of the colours of pictures: exchange the channels on
# the way there and exchange them back, and it closes to the last bit.

# %% tags=["hide-input", "checked"]
exchange, undo = (2, 0, 1), (1, 2, 0)
x, y = small_x, small_y
there, home = x[:, exchange], x[:, exchange][:, undo]
print(f"forward cycle:  |F(G(x)) - x| = {mean_absolute_error(home, x):.3f}, while |G(x) - x| = {l1(there, x):.3f}")
print(f"backward cycle: |G(F(y)) - y| = {mean_absolute_error(y[:, undo][:, exchange], y):.3f}")

# %% [markdown]
# ## The objective, part 3: what needs no translation
#
# The cycle leaves the colours free. For paintings the paper adds a third term. Of one kind of picture the right answer
# of a *single* network is known without any pair. Which kind?

# %% tags=["exercise:11.4"]

# %% [markdown] slideshow={"slide_type": "slide"}
# ### The identity loss
#
# $$\mathcal{L}_\text{id}(G, F) = \mathbb{E}_{y} \lVert G(y) - y \rVert_1 + \mathbb{E}_{x} \lVert F(x) - x \rVert_1,
# \qquad \text{weight } \tfrac{1}{2} \lambda .$$
#
# **Which direction?** $G$ turns things into 3D emoji. What is *already* one should stay: $G(y) \approx y$. The other
# direction, $G(x) \approx x$, would ask $G$ not to translate.
#
# <!-- the slide ends here -->
#
# **Why?** Here alone the right answer of *one* network to a picture is known. A $G$ that exchanges colours pays for it,
# as the next cell shows. The paper uses it for
# paintings to photographs, where without it $G$ often turned paintings of the day into photographs of a sunset
# (section 5.2, figure 9), and for the photographs of flowers. Its other tasks have none.
#
# <!-- notes 3 min
# Let them say the direction before they read it. G turns things into 3D emoji: what is one already should stay. G(x) =
# x would ask G not to translate.
# It is an assumption: where the translation is a change of colour, summer to winter, it holds the network back.
# -->

# %% tags=["checked"]
there = small_x[:, exchange]  # the G that exchanges the channels, and the F that exchanges them back
print(f"the exchange pays a cycle loss of {mean_absolute_error(there[:, undo], small_x):.3f}", end=" ")
print(f"and an identity loss of {mean_absolute_error(small_y[:, exchange], small_y):.3f}")

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ### Without it chance decides
#
# <!-- notes 2 min
# Seed 0 exchanged blue and orange, and F exchanges them back. Its way there and back is about as good as that of a seed
# that kept the colours. With the identity loss the palette stays in all three seeds.
# -->

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
fig = plotting.image_grid(
    [[strip[i] for i in eight] for strip in (inputs, strips["both"], strips["identity"], truths)],
    row_titles=["flat", "without identity", "with identity", "truth"],
    tile=92,
)
plotting.show(
    fig,
    palette=True,
    alt="Eight random held-out flat emoji at 32 pixels, the outputs of CycleGAN without and with the identity "
    "loss, and the "
    "hidden truth",
)

# %% tags=["hide-input"]
baseline = l1(small_x, small_y)
print(f"output = input: L1 to the truth {baseline:.3f}")
for key in ("both", "identity"):
    for seed, entry in record[f"lesson_11/{key}"].items():
        found = entry["figures"]
        print(f"{key:8} seed {seed}: L1 to the truth {found['L1']:.3f}", end="   ")
        print(f"there and back {found['cycle x']:.3f}   distinct {found['distinct']:.2f}")

# %% [markdown]
# **Without the identity loss chance decides.** In seed 0 (the pictures) blue has become orange, and orange blue, and
# $F$ exchanges them back. Its way there and back is about as good as that of a seed that kept the colours, its outputs
# are as varied, and it is more than twice as far from the truth as doing nothing. The cycle terms do not tell the two
# apart. The best $D$ would (see VGG-KID in the table below), and the $D$ that was trained did not prevent it. With the
# identity loss the palette stays, in all three seeds. So here, where $x$ and $y$ share their colours, the bundled
# models have it.

# %% [markdown]
# It is an *assumption*, too: that what both sides share should stay as it is. Where the translation *is* a change of
# colour, summer to winter, apples to oranges, it holds the network back.

# %% [markdown]
# ## The step
#
# One optimiser for both generators, then one for both discriminators. This is the course's step:

# %% tags=["hide-input"]
plotting.show_source(CycleGAN.training_step)

# %% [markdown]
# The next cell computes all terms by the functions of the exercises and compares them with what a step returns. While $G$ and $F$
# move, the discriminators stand still; then they learn from the *same* outputs, so that all eight terms can be
# checked. (`netD_y(None, y)`: there is no condition. The pool, of which below, is still empty.)

# %% tags=["checked"] syllabus=["N1.9", "N1.8", "N0.14"]
seed_everything(0)
system = CycleGAN(replace(ABLATED, identity=0.5))
batch = next(iter(unpaired(size=SMALL_SIDE).batches(2, generator=torch.Generator().manual_seed(0))))
x, y = batch.x, batch.y
by_hand = copy.deepcopy(system).train()
netG, netF, netD_y, netD_x = by_hand.netG, by_hand.netF, by_hand.netD_y, by_hand.netD_x
with torch.no_grad():
    fake_y, fake_x = netG(x), netF(y)
    formula = {
        ("forward", "backward"): cycle_loss(netG, netF, x, y, 10.0),
        ("identity_y", "identity_x"): identity_loss(netG, netF, x, y, 0.5 * 10.0),
        ("g_y",): least_squares_losses(netD_y(None, y), netD_y(None, fake_y))["g"],
        ("g_x",): least_squares_losses(netD_x(None, x), netD_x(None, fake_x))["g"],
        ("d_y",): least_squares_losses(netD_y(None, y), netD_y(None, fake_y))["d"],
        ("d_x",): least_squares_losses(netD_x(None, x), netD_x(None, fake_x))["d"],
    }
    wrong = 0.5 * 10 * (netG(x) - x).abs().mean()  # the identity loss in the wrong direction
taken = system.train().training_step(batch)
for names, value in formula.items():
    print(
        f"{' + '.join(names):23} as by your function: {abs(sum(taken[name] for name in names) - value).item() < 1e-3}"
    )
print(f"|G(x) - x| is the identity loss: {abs(taken['identity_y'] - wrong).item() < 1e-3}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The pool of fifty
#
# $D$ does not see the newest outputs only. Each generator has a pool of 50 earlier ones. The first 50 outputs go
# straight to $D$ and fill it. From then on a coin is tossed for each output:
#
# - **heads:** $D$ gets the new output, and the pool stays as it is;
# - **tails:** $D$ gets a random one of the pool, and the new one takes its place.
#
# <!-- the slide ends here -->
#
# So $D$ does not forget the tricks that $G$ has given up for now. How old is what $D$ sees? A place of the pool is
# exchanged with chance $\frac12 \cdot \frac{1}{50}$ per output, so it is held for 100 on average; half of what $D$
# gets is new.
#
# <!-- notes 2 min
# D does not see the newest outputs only, so it does not forget the tricks that G has given up for now. Ask: how long is
# a place held on average? A hundred outputs. What share of what D gets is new? Half.
# -->

# %% tags=["exercise:11.5"]

# %% tags=["hide-input", "checked"]
seed_everything(0)
pool, ages = [], []
for number in range(20_000):
    returned = query(torch.full((1, 1, 1), float(number)), pool, 50)
    ages.append(number - int(returned.item()))
ages = torch.tensor(ages[1000:], dtype=torch.float64)
print(f"new: {(ages == 0).double().mean():.2f}   mean age {ages.mean():.0f}", end="   ")
print(f"mean age of the old ones {ages[ages > 0].mean():.0f}   older than 300: {(ages > 300).double().mean():.3f}")

# %% tags=["hide-input"]
fig, ax = plotting.subplots(size=(7.2, 2.8))
ax.hist(ages[ages > 0].numpy(), bins=60, range=(0, 600), color=plotting.COLOURS["blue"])
ax.set(xlabel="age of an old output, in outputs since it was made", ylabel="count")
plotting.show(
    fig,
    alt="Histogram of the ages of the outputs that the pool hands back, without the new ones: it falls from its "
    "highest at the "
    "left by about two thirds for each hundred outputs",
)

# %% [markdown]
# The new outputs, age 0, are not drawn. In the game of the four places above, a $D$ with a memory drove $G$ through
# all of them. That is the pool's purpose (Shrivastava et al. 2017): less swinging to and fro.

# %% [markdown]
# ## The generator
#
# Down, residual blocks, up; no skips from the way down to the way up. A residual block adds to what comes in, so that
# a picture that needs no change can pass. Three details:
#
# - **Reflection padding.** Zeros at the border are a frame that is in no picture. Reflected pixels are not.
# - **Instance norm.** Mean and variance of each channel are taken over one picture. Pictures of a batch do not see
#   each other, and dropping a picture's contrast is what a change of style asks for.
# - **One halving, not two, at 64 pixels.** Without such skips what the halvings lose is lost.

# %% tags=["hide-input", "checked"]
with torch.device("meta"):  # shapes without memory
    paper = resnet_9blocks()
print(f"the paper's generator, for 256 pixels: {sum(weight.numel() for weight in paper.parameters()):,} weights")
for side, downs in ((256, 2), (128, 2), (64, 2), (64, 1), (32, 2), (32, 1)):
    inner = side // 2**downs
    print(f"{side:3} pixels, {downs} halving{'s' * (downs > 1)}: the residual blocks work on {inner} × {inner} places")
seed_everything(0)
tiny = ResNetGenerator(base_channels=8, blocks=2, downs=1, upsample="resize")
with torch.no_grad(), inference(tiny):
    alone, beside = tiny(small_x[:1]), tiny(small_x[:4])[:1]
print(f"an output is the same alone and beside others: {bool(torch.allclose(alone, beside, atol=1e-5))}")
for mode in ("zeros", "reflect"):
    mean_of_nine = torch.nn.Conv2d(1, 1, 3, padding=1, padding_mode=mode, bias=False)
    torch.nn.init.constant_(mean_of_nine.weight, 1 / 9)
    with torch.no_grad():
        corner = mean_of_nine(torch.full((1, 1, 8, 8), 0.9))[0, 0, 0, 0]
    print(f"corner of a plain picture of 0.9 after a mean of nine pixels, padded by {mode:7}: {corner:.2f}")

# %% [markdown]
# Two halvings at 32 pixels leave 8 × 8 places: a mouth is less than one of them.

# %% [markdown]
# ### Names in the paper and in the code
#
# | paper | code |
# | --- | --- |
# | $G$, $F$: nine residual blocks | `netG`, `netF`: `ResNetGenerator`, `resnet_9blocks` |
# | $D_Y$, $D_X$: 70 × 70 PatchGAN | `netD_y`, `netD_x`: `PatchGAN(0, 3, norm="instance")`, with no condition: `netD_y(None, y)` |
# | least squares (section 4) | `loss="least-squares"`, `LeastSquares` |
# | $\lambda$ of the two cycles | `lambda_forward`, `lambda_backward` |
# | "GAN alone", "cycle alone" | both of these 0; `gan_weight=0` |
# | identity loss, $0.5 \lambda$ | `identity=0.5` |
# | history of 50 images | `pool=50`, `ImagePool` |

# %% [markdown]
# ### Departures, declared
#
# `CycleGANConfig()` is the paper's system for 256 pixels. The runs of this lesson differ, so that they fit a CPU:
#
# - 64 × 64 pictures, or 32 × 32 in the ablation; 32 channels instead of 64, six blocks (the paper's for 128 pixels);
# - one halving, and doubling by resizing and a convolution, which leaves no checkerboard (lesson 10);
# - $D$ sees 34 pixels of 64, or 16 of 32, where the paper's sees 70 of 256;
# - batches of 2 instead of 1, 20 or 12 epochs instead of 200; the bundled generators are averaged over the last steps;
# - half precision (bfloat16) in the convolutions while training; the identity loss for emoji, too.
#
# The norms $\lVert \cdot \rVert_1$ of the formulas are means over pixels and channels in the code, here as in the authors'.

# %% [markdown]
# The passes of $G$ over $x$ and, for the identity loss, over $y$ are one batch. With instance norm that is exact, not
# an approximation: the line "alone and beside others" above is the test.

# %% [markdown] slideshow={"slide_type": "slide"} syllabus=["E7"]
# ### Relatives, and a namesake
#
# > **Often written, not so:** "StyleGAN builds on CycleGAN", or "is an image-to-image translation model".
#
# | | input | where the style enters | pairs of domains |
# | --- | --- | --- | --- |
# | CycleGAN | a picture | nowhere: it is in the weights of $G$ | one, two networks |
# | StarGAN (Choi et al. 2018) | a picture and a label | the label, as channels beside the picture | many, one network |
# | StyleGAN (Karras et al. 2019) | noise $z$ | a scale and a shift of each layer (AdaIN) | none |
#
# <!-- the slide ends here -->
#
# StyleGAN comes from progressive growing. It makes pictures from noise and translates nothing: it has no input
# picture, and no cycle. The relative with the similar name is **StarGAN**: CycleGAN's cycle, with one generator that
# is told the target domain.
#
# <!-- notes 2 min
# StyleGAN makes pictures from noise and translates nothing. The relative with the similar name is StarGAN: CycleGAN's
# cycle with one generator that is told the target domain.
# -->

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ## Build it: CycleGAN in torch alone
#
# 32 pixels, small networks; *your* losses and *your* pool.
#
# <!-- notes 3 min
# The cycle closes within seconds, and the translation may have nothing to do with the truth: look at the colours. Then
# add the identity loss, run again, and compare. That is the lesson in two runs.
# -->

# %% [markdown]
# ## Build it
#
# The whole system in torch alone, for 32 pixels and with small networks: your `least_squares_losses`, `cycle_loss` and
# `query` do the work. The identity loss is left out at first.


# %%
class Residual(torch.nn.Module):
    """Add to the input what two convolutions make of it."""

    def __init__(self, channels):
        super().__init__()
        self.body = torch.nn.Sequential(*convolution(channels, channels, 3), *convolution(channels, channels, 3)[:-1])

    def forward(self, x):
        """Map (N, C, H, W) to the same shape."""
        return x + self.body(x)


def convolution(before, after, kernel, stride=1):
    """Return convolution, instance norm and ReLU, with the border reflected."""
    nn = torch.nn
    conv = nn.Conv2d(before, after, kernel, stride, padding=kernel // 2, padding_mode="reflect")
    return [conv, nn.InstanceNorm2d(after), nn.ReLU()]


sides_of_32 = unpaired(size=SMALL_SIDE)


def generator():
    """Return a small G or F: one halving, two residual blocks, one doubling."""
    nn = torch.nn
    down = [*convolution(3, 24, 7), *convolution(24, 48, 3, stride=2)]
    up = [nn.Upsample(scale_factor=2), *convolution(48, 24, 3), nn.Conv2d(24, 3, 7, padding=3), nn.Tanh()]
    return nn.Sequential(*down, Residual(48), Residual(48), *up)


def discriminator():
    """Return a small D: one number for each patch of 16 pixels."""
    nn = torch.nn
    first = [nn.Conv2d(3, 32, 4, 2, 1), nn.LeakyReLU(0.2)]
    return nn.Sequential(*first, nn.Conv2d(32, 64, 4, 1, 1), nn.LeakyReLU(0.2), nn.Conv2d(64, 1, 4, 1, 1))


seed_everything(0)
own_G, own_F, own_Dy, own_Dx = generator(), generator(), discriminator(), discriminator()
of_generators = torch.optim.Adam([*own_G.parameters(), *own_F.parameters()], lr=1e-3, betas=(0.5, 0.999))
of_discriminators = torch.optim.Adam([*own_Dy.parameters(), *own_Dx.parameters()], lr=2e-4, betas=(0.5, 0.999))
pool_y, pool_x = [], []


def own_step(x, y):
    """Take one step of both generators, then one of both discriminators; return G's and F's loss."""
    fake_y, fake_x = own_G(x), own_F(y)
    g_loss = least_squares_losses(own_Dy(y), own_Dy(fake_y))["g"] + least_squares_losses(own_Dx(x), own_Dx(fake_x))["g"]
    g_loss = g_loss + cycle_loss(own_G, own_F, x, y, 10.0)
    of_generators.zero_grad()
    g_loss.backward()
    of_generators.step()
    old_y, old_x = (
        torch.stack([query(one, pool, 50) for one in fakes]) for fakes, pool in ((fake_y, pool_y), (fake_x, pool_x))
    )
    d_loss = least_squares_losses(own_Dy(y), own_Dy(old_y))["d"] + least_squares_losses(own_Dx(x), own_Dx(old_x))["d"]
    of_discriminators.zero_grad()  # what the generators' step left in them goes, too
    d_loss.backward()
    of_discriminators.step()
    return g_loss.item()


def there_and_back(x):
    """Return L1 from x to F(G(x)), with the networks as they are."""
    with torch.no_grad():
        return l1(own_F(own_G(x)), x)


# %%
before, steps_done = there_and_back(small_x[:64]), 0
while steps_done < choose(smoke=2, cpu=80, gpu=2000):
    for batch in sides_of_32.batches(4, drop_last=True, generator=torch.Generator().manual_seed(steps_done)):
        own_step(batch.x, batch.y)
        steps_done += 1
        if steps_done == choose(smoke=2, cpu=80, gpu=2000):
            break
with torch.no_grad():
    own_y = own_G(small_x[:64])
print(
    f"there and back: L1 {before:.2f} before the training, {there_and_back(small_x[:64]):.2f} after {steps_done} steps"
)
print(f"to the truth: {l1(own_y, small_y[:64]):.2f}, where the input itself has {l1(small_x[:64], small_y[:64]):.2f}")
reached(
    "L1 of held-out x, there and back",
    there_and_back(small_x[:64]),
    at_most=0.45,
    otherwise="Look at `cycle_loss`: it must go both ways, and its gradient reach both generators.",
)

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
with torch.no_grad():
    fig = plotting.image_grid(
        [inputs[:8], own_G(inputs[:8]), own_F(own_G(inputs[:8])), truths[:8]],
        row_titles=["x", "G(x)", "F(G(x))", "truth"],
        tile=72,
    )
plotting.show(
    fig,
    palette=True,
    alt="Eight held-out flat emoji, what the small network makes of them, what comes back, and the hidden truth",
)

# %% [markdown]
# The cycle closes within seconds, and the translation may have nothing to do with the truth: look at the colours, and at
# the two lines above. Add `identity_loss(own_G, own_F, x, y, 5.0)` to `g_loss`, run the two cells again, and compare.

# %% [markdown]
# ## Train it here
#
# A short run at 32 pixels. The live figure shows *training* pictures: $x$, $G(x)$ and $F(G(x))$. There is no truth to
# show beside them. Forty steps show outlines and no more; in a long run the third row is good long before the second.


# %%
def live_figure(system, history):
    """Draw six training inputs, their translations so far, and the way back."""
    x = normalise(little.x.images[six]).to(system.device)
    there = system.translate(x)
    tiles = [x.cpu(), there.cpu(), system.translate_back(there).cpu()]
    title = f"step {len(history)}: forward cycle, times 10: {history.mean('forward', 20):.2f}"
    fig = plotting.image_grid(tiles, row_titles=["x", "G(x)", "F(G(x))"], title=title, tile=84)
    return plotting.mime_bundle(fig, palette=True, alt="Six training inputs, the outputs so far, and the way back")


little = sides_of_32
six = torch.linspace(0, len(little.x) - 1, 6).long()
seed_everything(0)
here = CycleGAN(replace(ABLATED, identity=0.5))
history = fit(
    here, little, steps=choose(smoke=2, cpu=40, gpu=4000), batch_size=4, seed=0, device=device, figure=live_figure
)

# %% tags=["hide-input"]
fig = plotting.curves(history, names=["forward", "backward", "g_y", "d_y"], smooth=5, log=True, size=(8.4, 3.2))
plotting.show(
    fig,
    alt="The two cycle losses, times ten, the adversarial loss of G and the loss of its discriminator over the "
    "steps of the "
    "short run: the cycle losses fall, the other two are a game",
)

# %% [markdown]
# The cycle losses fall first. A $D$ that answers $\frac12$ to everything has a loss of ¼, and so has $G$: both
# adversarial losses are near that. That was a short run. The bundled models come from long ones. Their headers say how
# they were made:

# %% tags=["hide-input"]
for system in models.values():
    card = system.card
    print(f"{card['command']}")
    print(f"    {card['epochs']} epochs, {card['steps']:,} steps of {card['batch_size']} and", end=" ")
    print(f"{card['batch_size']} pictures, {card['minutes']:.0f} minutes")

# %% [markdown]
# ### How fast is a step?
#
# Beside ours stands a step as it is commonly written: the same networks and sums, a pass of its own for every picture
# that goes through a network, torch's own instance norm, its usual order of memory, and Adam unfused. Both were timed
# in turns on one machine, and kept.

# %% tags=["hide-input"]
timed = usual_cyclegan.COMPARISON.last()
rows = {}
for name, entry in timed["settings"].items():
    for player, seconds in entry["seconds"].items():
        rows[f"{name}: {player}"] = {
            "images/s": entry["images/s"][player],
            "GFLOP a step": entry["GFLOP"],
            "share of the peak": entry["GFLOP"] / seconds / timed["peak GFLOP/s"],
            "times as fast": entry["times faster"][player],
        }
plotting.metric_table(
    rows,
    digits={"images/s": 1, "GFLOP a step": 0, "share of the peak": 2, "times as fast": 2},
    caption=f"Training steps, median. A GFLOP is a billion additions or multiplications. The peak is what one large product of "
    f"matrices runs at here, {timed['peak GFLOP/s']} GFLOP/s. Both were timed on a shared machine, so that a step can come out above it; "
    f"{timed['threads']} threads. {timed['date']}, `{timed['command']}`.",
)

# %% [markdown]
# ## Measure
#
# The paper had no truth for horses, and shows them. People were asked about maps and aerial photographs, and label maps
# were scored by a network. Here the truth was only hidden. The measures are those of lesson
# 10 and the two of collapse:
#
# | measure | what it says | blind to |
# | --- | --- | --- |
# | L1 (0 is best), SSIM (1) | how near *this* truth | whether it could be real |
# | sharpness (1) | share of high frequencies, against the truth's, as in lesson 10 | where the edges are |
# | VGG-KID (0) | distance of the *set* from the real set | whether it fits its input |
# | distinct, dependence (1) | whether outputs differ as the truths do | whether they fit |
# | there and back (0) | whether $x$ can be got back | whether $G(x)$ is right |

# %% tags=["hide-input"]
COUNT = choose(smoke=16, cpu=96, gpu=96)
made_of, rows = {}, {}
for name, pairs in (("emoji", flat), ("noto", noto)):
    part = torch.randperm(len(pairs), generator=torch.Generator().manual_seed(1))[:COUNT]
    x, y = normalise(pairs.x[part]), normalise(pairs.y[part])
    made = quiet_outputs_of(models[name], x)
    home = torch.cat([models[name].translate_back(one) for one in made.split(32)])
    made_of[name] = (x, y, made, home, part)
    for label, output, returned in ((f"{name}: input", x, None), (f"{name}: CycleGAN", made, home)):
        rows[label] = {
            "L1": l1(output, y),
            "SSIM": ssim(output, y),
            "sharpness": sharpness(output, y),
            "distinct": distinct_outputs(output) / distinct_outputs(y),
            "dependence": input_dependence(y, output),
            "there and back": None if returned is None else l1(returned, x),
        }
plotting.metric_table(
    rows,
    digits={"L1": 3, "SSIM": 3, "sharpness": 2, "distinct": 2, "dependence": 2, "there and back": 3},
    caption=f"{COUNT} random held-out pairs of each set. Compare the two rows of one set only: its first row is the "
    "identity baseline.",
)

# %%
for name, (x, y, made, _, _) in made_of.items():
    gain = 1 - l1(made, y) / l1(x, y)
    verdict = "nearer to the truth than its input" if gain > 0 else "no nearer to the truth than its input"
    print(f"{name:6}: L1 lower than the baseline's by {gain:.0%}: {verdict}")

# %% [markdown]
# Both beat "do nothing" by L1. By SSIM the flat emoji do not: the input is nearer. From flat emoji $G$ adds gradients and gloss, and softens what is drawn in one tone.
# From Noto emoji it brings the palette of the 3D set; the distance that is left is a matter of shapes (see "Where it
# fails"). VGG-KID of all held-out outputs is in `data/checkpoints/lesson_11/README.md`.

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ### The paper's ablation
#
# <!-- notes 4 min
# Same steps, three seeds, 32 pixels. Read L1 against "output = input", and VGG-KID beside it: who is nearer to this
# truth, and who is nearer to the set? The last column is the paper's, for label maps to photographs of streets, by
# another metric.
# Ask which row they would have bet on.
# -->

# %% [markdown] syllabus=["N0.15", "N0.16"]
# ### The paper's ablation
#
# At 32 pixels, the same steps for all. The last column is the paper's, for label maps to photographs of street scenes:
# the share of pixels that a segmentation network names rightly in the made photograph (its tables 2 and 4; higher is
# better).

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
ABLATION = {
    "gan_alone": "adversaries alone",
    "cycle_alone": "cycles alone",
    "forward": "adversaries + forward cycle",
    "backward": "adversaries + backward cycle",
    "both": "both cycles: CycleGAN",
    "identity": "CycleGAN + identity loss",
    "pairs": "pix2pix, with pairs",
}
PAPER = {"gan_alone": 0.51, "cycle_alone": 0.22, "forward": 0.55, "backward": 0.39, "both": 0.52, "pairs": 0.71}
FIGURES = ["L1", "SSIM", "VGG-KID", "sharpness", "distinct", "dependence", "L1 back", "cycle x", "cycle y"]
TWO = ("VGG-KID", "the paper", "sharpness", "distinct", "dependence")
DIGITS = dict.fromkeys(FIGURES, 3) | dict.fromkeys(TWO, 2)
untouched = {
    "L1": l1(small_x, small_y),
    "SSIM": ssim(small_x, small_y),
    "VGG-KID": vgg_kid(small_x, small_y)[0],
    "sharpness": sharpness(small_x, small_y),
    "distinct": distinct_outputs(small_x) / distinct_outputs(small_y),
    "dependence": input_dependence(small_y, small_x),
}
table = {"output = input": untouched | {"L1 back": untouched["L1"], "cycle x": 0.0, "cycle y": 0.0}}
for key, label in ABLATION.items():
    table[label] = runs.by_seed(f"lesson_11/{key}", FIGURES) | ({"the paper": PAPER[key]} if key in PAPER else {})
entries = [entry for key in ABLATION for entry in record[f"lesson_11/{key}"].values()]
plotting.metric_table(
    table,
    columns=[*FIGURES[:6], "the paper"],
    best={"L1": "min", "SSIM": "max", "VGG-KID": "min"},
    digits=DIGITS,
    caption=f"{len(small)} held-out flat emoji to 3D, {entries[0]['epochs']} epochs each. "
    "Outputs without noise. "
    "± is the standard deviation over three seeds.",
)

# %% tags=["hide-input"]
plotting.metric_table(
    {label: row for label, row in table.items() if "cycle x" in row},
    columns={"L1": "x to y", "L1 back": "y to x", "cycle x": "x, there and back", "cycle y": "y, there and back"},
    digits=DIGITS,
    caption="L1 in both directions. Of the input itself the way there and back is 0: a closed cycle alone says nothing.",
)

# %%
means = {}
for label, row in table.items():
    means[label] = {f: sum(row[f]) / len(row[f]) for f in FIGURES if isinstance(row.get(f), list)}
for figure in ("L1", "SSIM", "VGG-KID", "dependence"):
    ordered = sorted((label for label in means if figure in means[label]), key=lambda label: means[label][figure])
    print(f"{figure}, from low to high: {', '.join(f'{label} {means[label][figure]:.3f}' for label in ordered)}")
better = [label for label, row in means.items() if row and row["L1"] < untouched["L1"]]
print(f"nearer to the truth than the input: {', '.join(better) or 'none'}")
print("by seed:")
for label in ABLATION.values():
    spread = "   ".join(
        f"{f} {' '.join(f'{value:.2f}' for value in table[label][f])}" for f in ("L1", "SSIM", "VGG-KID")
    )
    print(f"    {label:29}{spread}")

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ### Row by row
#
# <!-- notes 3 min
# Adversaries alone: the content is lost. Cycles alone: the style is. One cycle: that one closes and the other stays
# open. Both: style and drawing, and colours by chance. Identity: the palette stays.
# -->

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
fig = plotting.image_grid(
    [[strip[i] for i in eight] for strip in (inputs, *(strips[key] for key in ABLATION), truths)],
    row_titles=["flat", *ABLATION.values(), "truth"],
    tile=72,
)
plotting.show(
    fig,
    palette=True,
    alt="Eight random held-out flat emoji at 32 pixels, the outputs of the seven systems of the table, and the "
    "hidden truth",
)

# %% [markdown]
# Row by row:
#
# - **Adversaries alone.** Nothing asks for the content of $x$, and it is lost. The outputs depend less on
#   their inputs than those of any other row, and as a set they are far from 3D emoji.
# - **Cycles alone.** Nothing asks for the style of $y$. $G$ and $F$ may be any pair that undo each other, and each seed
#   has found another one (the picture below). Their cycles close alike. One exchanges some colours; one makes a kind of
#   negative, with an SSIM below 0, and is farther from the truth than any other network here; one keeps most colours.
# - **One cycle only.** The cycle that is asked for closes. The other stays open: there and back misses by nearly twice
#   as much. The outputs are rough, and their colours run together. The paper found collapse, above all in the direction
#   whose cycle was removed (section 5.1.4); here they still depend on the input. Which of the two halves is better is
#   not separated: the seeds of each spread too far.
# - **Both cycles.** Style and drawing are there. Whether the colours are depends on the seed: see the ±.
# - **The identity loss** is not in the paper's table. Here it is what fixes the palette. By L1 the best that CycleGAN
#   has come to at 32 pixels is a draw with doing nothing. As a set its outputs are much nearer to 3D emoji (VGG-KID).
#
# In the paper one half ("GAN + forward", 0.55) beats the whole (0.52) in this direction. In the other, from
# photographs to label maps, the whole is best (table 5).

# %% tags=["hide-input"]
by_seed = [recorded_pictures("lesson_11/cycle_alone", seed=seed) for seed in range(3)]
fig = plotting.image_grid(
    [[strip[i] for i in eight] for strip in (inputs, *by_seed, truths)],
    row_titles=["flat", *(f"cycles alone, seed {seed}" for seed in range(3)), "truth"],
    tile=72,
)
plotting.show(
    fig,
    palette=True,
    alt="Eight random held-out flat emoji and what three trainings with the cycles alone make of them: some colours "
    "exchanged; a kind of negative, white where the emoji is; and most colours kept, but duller",
)

# %% [markdown] syllabus=["N0.13", "N1.5"]
# ### The price of having no pairs
#
# pix2pix got pairs of as many emoji as each set has. What does it gain?

# %% tags=["hide-input"]
doing_nothing = untouched["L1"]
for key in ("both", "identity", "pairs"):
    values = runs.by_seed(f"lesson_11/{key}", ["L1"])["L1"]
    mean = sum(values) / len(values)
    print(f"{ABLATION[key]:26} L1 {mean:.3f}, of the input's {mean / doing_nothing:.0%}")

# %% [markdown]
# The gap between the last two lines is the price in L1. It is small here; a likely reason is that a flat emoji shows nearly
# all of its 3D one. As sets the two are not separated: their VGG-KID lie within each other's spread (table). In the paper it is 0.71 with
# pairs against 0.52 without (its table 2).

# %% [markdown] syllabus=["N3.5"]
# ### Content survives, and nothing asked for it
#
# No loss says "the 3D lion must show the same lion". Does it? Look for the nearest neighbour of each output, by L1,
# among the held-out truths (96, and 16 in the ablation, where one picture is 6 %). How often is it the right one?

# %% tags=["hide-input"]


def found_again(made, y):
    """Return the share of outputs whose nearest truth, by L1, is their own."""
    apart = torch.cdist(made.flatten(1), y.flatten(1), p=1)
    return (apart.argmin(1) == torch.arange(len(y))).float().mean().item()


for name, (x, y, made, _, _) in made_of.items():
    print(f"{name:6}: right truth found from the output {found_again(made, y):.0%}", end="   ")
    print(f"from the input itself {found_again(x, y):.0%}   by chance {1 / len(y):.0%}")
print(f"the ablation, {len(truths)} pictures of 32 pixels, by chance {1 / len(truths):.0%}:")
for label, made in [("the input itself", inputs), *((label, strips[key]) for key, label in ABLATION.items())]:
    print(f"    {label:28} {found_again(made, truths):.0%}")

# %% [markdown]
# Where does that come from? Not from the adversaries: they accept any 3D emoji. The cycle asks that $x$ can be got
# back, which *some* code would do as well, as the permutations show. What makes the plain way the easy one is the
# network: convolutions that see a neighbourhood, at nearly full resolution. Even the cycles alone keep the drawing. That is an observation and no theorem, here as in the paper. The next section looks
# for the other way of getting back.

# %% [markdown]
# ### Forty-eight, not chosen
#
# Random held-out outputs of the bundled model from flat to 3D, at 64 pixels.

# %% tags=["hide-input"]
any48 = torch.randperm(len(flat), generator=torch.Generator().manual_seed(0))[: choose(smoke=16, cpu=48, gpu=48)]
fig = plotting.image_grid(quiet_outputs_of(models["emoji"], normalise(flat.x[any48])), columns=16, tile=49)
plotting.show(
    fig,
    palette=True,
    alt="Forty-eight random held-out outputs of the bundled model from flat to 3D emoji, which was trained without "
    "pairs",
)

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ## Is $x$ hidden in $G(x)$?
#
# > **Often written, not so:** "$F(G(x)) \approx x$ shows that $G(x)$ *shows* $x$."
#
# - It shows that $F$ can *read* $x$ there.
# - The test: damage $G(x)$ a little, by noise or a blur, then go back.
# - The same with the true $y$, in which nothing is hidden. What counts is the *lead*.
#
# <!-- notes 4 min
# Chu et al. 2017: the way back from street maps restored trees that no map shows. What a person can see survives a
# little damage; a faint code does not. Damage costs something in any case, so a baseline is needed.
# Two cases: colour to grey, where a code must be found, and flat to 3D, where none is needed.
# -->

# %% [markdown] syllabus=["E11"]
# ## Is x hidden in G(x)?
#
# > **Often written, not so:** "$F(G(x)) \approx x$ shows that $G(x)$ *shows* $x$."
#
# It shows that $F$ can *read* $x$ there. Chu et al. (2017) looked at aerial photographs turned into street maps: the
# way back restored trees and roofs that no map shows. $G$ had written them into the map as a pattern too faint to be
# seen.
#
# **The test.** Damage $G(x)$ a little, by noise or by a blur (the mean of 3 × 3 pixels at 32 pixels, of 5 × 5 at 64),
# then go back. What a person can see stays readable. A code in faint or fine patterns does not. But damage costs
# *something* in any case: so the same is done with the true $y$, in which nothing is hidden. What counts is the
# **lead**: how much nearer to $x$ the way back comes from $G(x)$ than from the true $y$, and how much of that the
# damage takes away.

# %% [markdown] syllabus=["E11"]
# ### Two cases
#
# A test needs a case where a code *must* be found, too.
#
# - **Colour to grey.** $x$: flat emoji. $y$: grey pictures of *other* flat emoji. A grey picture does not tell its
#   colours, so an honest $G$ cannot close the forward cycle. The truth is exact: the luma of $x$. CycleGAN with the
#   identity loss, 20 epochs at 32 pixels.
# - **Flat to 3D**, the bundled model. A 3D emoji shows nearly all of its flat one, so no code is needed.

# %% tags=["exercise:11.6"]

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ### There and back, damaged
#
# How far the way back misses $x$: from $G(x)$, and from the true $y$.
#
# <!-- notes 3 min
# Left: colour to grey. From G(x) many colours come back, from the true grey they are guessed. The blur takes most of
# that lead away: the colours were written as stripes and shades a pixel or two wide. Right: no sign of such a code. A
# lead in itself is no proof, as F has practised on G(x).
# -->

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
SIGMAS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3)
WIDTH = {"colour to grey": 3, "flat to 3D": 5}  # of the blur, in pixels
few = torch.randperm(len(flat), generator=torch.Generator().manual_seed(2))[: choose(smoke=4, cpu=32, gpu=32)]
bundled, to_grey = models["emoji"], models["grey"]
roles = flat.factors["role"][few]  # a person in all tones counts once in the standard errors
cases = {
    "colour to grey": (to_grey, normalise(small.x[few]), normalise(luma(small.x[few])).expand(-1, 3, -1, -1)),
    "flat to 3D": (bundled, normalise(flat.x[few]), normalise(flat.y[few])),
}
fig, axes = plotting.subplots(1, 2, size=(9.2, 3.4))
curves = {}
for ax, (name, (system, x, y)) in zip(axes, cases.items(), strict=True):
    noise = torch.Generator().manual_seed(0)
    curves[name] = noise_curve(
        system.translate, system.translate_back, x, SIGMAS, noise, truth=y, batch_size=32, groups=roles
    )
    for key, label, colour, mark in (
        ("l1", "from G(x)", "vermilion", "s--"),
        ("truth_l1", "from the true y", "blue", "o-"),
    ):
        means, errors = ([row[one] for row in curves[name]] for one in (key, f"{key}_error"))
        ax.errorbar(SIGMAS, means, yerr=errors, fmt=mark, color=plotting.COLOURS[colour], label=label)
    ax.set(xlabel="standard deviation of the noise", title=name, ylim=(0, None))
axes[0].set_ylabel("L1 to x after the way back")
axes[1].legend(frameon=False)
plotting.show(
    fig,
    alt="How far the way back misses x, over the noise added to the picture between, from G(x) and from the true y. "
    + " ".join(
        f"{name}: without noise {rows[0]['l1']:.3f} and {rows[0]['truth_l1']:.3f}, with noise of 0.05 "
        f"{rows[2]['l1']:.3f} and {rows[2]['truth_l1']:.3f}."
        for name, rows in curves.items()
    ),
)

# %%
for name, (system, x, y) in cases.items():
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    found = noise_test(system.translate, system.translate_back, x, y, 0.1, noise)
    print(f"{name:14}: by `noise_test` at 0.1", {key: round(value, 3) for key, value in found.items()})

# %%
for name, rows in curves.items():
    system, x, y = cases[name]
    leads = {f"noise {row['sigma']:.2f}": row["truth_l1"] - row["l1"] for row in rows}
    of_truth, of_fake = (system.translate_back(blurred(one, WIDTH[name])) for one in (y, system.translate(x)))
    leads["blur"] = l1(of_truth, x) - l1(of_fake, x)
    whole = leads.pop("noise 0.00")
    print(f"{name:14}: lead {whole:.3f}. Taken away by", end=" ")
    print(", ".join(f"{damage} {1 - leads[damage] / whole:.0%}" for damage in ("noise 0.05", "noise 0.30", "blur")))

# %% [markdown]
# **Colour to grey: a code.** From $G(x)$ many colours come back, from the true grey they are guessed, often wrongly.
# The blur takes most of that lead away, though the drawing can still be read: the colours were written as stripes and
# shades a pixel or two wide. Light noise hardly hurts *this* code, after minutes of training at 32 pixels; the one of
# Chu et al. was fainter.
#
# **Flat to 3D: no sign of such a code.** Most of the lead survives the noise, and more than half of it
# survives the blur, which is about as wide against the picture as the other one was. A lead in itself is no proof: $F$ has practised on $G(x)$, and never on a true $y$
# with its $x$; and a blur takes thin lines, too, which are open to see.

# %% tags=["hide-input"]
fig_rows, names = [], ["x", "G(x)", "true y", "F(G(x))", "F(true y)", "blurred G(x)", "F of that"]
for name, (system, x, y) in cases.items():
    x, y = x[:4], y[:4]
    fake = system.translate(x)
    dim = blurred(fake, WIDTH[name])
    columns = [x, fake, y, *(system.translate_back(one) for one in (fake, y)), dim, system.translate_back(dim)]
    columns = [interpolate(one, size=(64, 64)) for one in columns]
    fig_rows += [list(row) for row in zip(*columns, strict=True)]
fig = plotting.image_grid(fig_rows, column_titles=names, row_titles=["to grey"] * 4 + ["to 3D"] * 4, tile=64)
plotting.show(
    fig,
    palette=True,
    alt="Four held-out flat emoji, what the network makes of them in grey, the true grey, what comes back from each, "
    "and what comes back from the blurred output; the same for four that are translated to 3D",
)

# %% [markdown]
# A code needs fine patterns. Blur or noise on $G(x)$ while training makes it costly; so does a second input of $F$ for
# what $y$ does not tell (Almahairi et al. 2018).

# %% [markdown] syllabus=["N1.10", "N0.4"]
# ## Paintings and photographs
#
# Van Gogh's paintings (eight, as patches) against patches of photographs. Here is no truth at all. The photographs
# below are held out; the paintings are too few for that, and were all in training.

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ## Paintings and photographs
#
# Eight paintings of van Gogh, as patches, against patches of photographs. There is no truth.
#
# <!-- notes 2 min
# Colour and stroke of a patch: there is no composition. The way back is not exact, since what F paints over is partly
# gone. How would one measure it? As sets, with large errors: eight paintings, a dozen photographs.
# -->

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
van_gogh = models["van_gogh_mixed"]
photo_rows = shown_rows(photographs, choose(smoke=4, cpu=7, gpu=7))
photos_shown = normalise(photographs.images[photo_rows])
canvases = paintings_and_photos().x
painting_rows = torch.randperm(len(canvases), generator=torch.Generator().manual_seed(0))[: len(photos_shown)]
paintings_shown = normalise(canvases.images[painting_rows])
to_paint, to_photo = van_gogh.translate_back(photos_shown), van_gogh.translate(paintings_shown)
fig = plotting.image_grid(
    [
        interpolate(one[:4], scale_factor=2, mode="bicubic").clamp(-1, 1)  # twice as large, smoothly
        for one in (photos_shown, to_paint, van_gogh.translate(to_paint), paintings_shown, to_photo)
    ],
    row_titles=["photograph y", "F(y)", "G(F(y))", "painting x", "G(x)"],
    tile=128,
)
plotting.show(
    fig,
    photo=True,
    alt="Random patches of held-out photographs, their translation to the manner of van Gogh, and the way back; "
    "random patches "
    "of his paintings and their translation to photographs",
)

# %% tags=["hide-input"]
stays_photo, stays_paint = van_gogh.translate(photos_shown), van_gogh.translate_back(paintings_shown)
print(f"moved: photograph to painting {l1(to_paint, photos_shown):.3f}, painting to photograph ", end="")
print(f"{l1(to_photo, paintings_shown):.3f}")
print(f"moved where nothing should be: G of a photograph {l1(stays_photo, photos_shown):.3f}, ", end="")
print(f"F of a painting {l1(stays_paint, paintings_shown):.3f}")
found = painting_figures(van_gogh)
print("VGG-KID, ± its standard error, which counts photographs and paintings and not their patches:")
for label, key in {
    "held-out photographs and paintings, as they are": "photographs to paintings",
    "F(held-out photographs) and paintings": "F(photographs) to paintings",
    "G(paintings) and held-out photographs": "training paintings: G(paintings) to photographs",
}.items():
    print(f"    {label:48} {found[key]:.2f} ± {found[f'{key}, error']:.2f}")

# %% [markdown]
# Photographs take on ochre, turquoise and strokes; paintings lose them, and their colours go grey. By VGG-KID the
# outputs are nearer to the other side than the untouched pictures are, with large errors: there are eight paintings and
# a dozen held-out photographs. What is learned at this size is colour and stroke of a *patch*: there is no composition.
# And the way back is not exact: what $F$ paints over is partly gone.

# %% [markdown]
# **A whole photograph.** The generator is convolutional, so it takes any size. It was trained on patches of 64 pixels.

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ### A whole photograph
#
# Convolutional, so it takes any size. It was trained on patches of 64 pixels.
#
# <!-- notes 1 min
# Sky and stone take the palette, strokes follow the arches. No swirls: it has never seen more than a patch.
# -->

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
arena = data.photos("test").images[data.photos("test").names.index("Amphitheatre, Arles")]
arena = normalise(shorter_side_to(arena, choose(smoke=96, cpu=256, gpu=256)))
in_his_manner = translate_any(van_gogh, arena, back=True)
fig = plotting.image_grid([[arena, in_his_manner]], column_titles=["photograph", "F(photograph)"], tile=310)
plotting.show(
    fig,
    photo=True,
    alt="A Roman amphitheatre under a blue sky, and the same in turquoise, green and ochre with strokes along its arches",
)

# %% [markdown]
# Sky and stone take the palette, and strokes follow the arches. It paints no composition, and no swirls.
#
# **The grid of dots.** The first training had a fault. Its generators doubled the size by *repeating* each pixel, as many
# do, and a fine grid of dots lay on the edges. Is it the doubling? Then it should go when the doubling alone is
# changed. The next cell puts the weights of that training into networks that double by *mixing* neighbours (bilinearly).
# Nothing is trained.

# %% tags=["hide-input"]
repeating = models["van_gogh"]
exchanged = CycleGAN(van_gogh.config)  # doubles by mixing; the parameters have the same shapes
exchanged.netF.load_state_dict(repeating.netF.state_dict())
exchanged.eval()
by_doubling = {"repeating": repeating, "the same, mixing": exchanged, "mixing, trained on": van_gogh}
outputs = {name: translate_any(one, arena, back=True) for name, one in by_doubling.items()}
detail = (slice(None), slice(62, 142), slice(88, 178)) if arena.shape[1] > 200 else (slice(None),)
fig = plotting.image_grid([[one[detail] for one in outputs.values()]], column_titles=list(outputs), tile=150)
plotting.show(
    fig,
    photo=True,
    alt="A detail of the painted amphitheatre three times: with a fine grid of dots where the generator doubles by repeating, "
    "without it where it doubles by mixing, and the same after further training",
)
for name, one in {"the photograph": arena, **outputs}.items():
    frequency, energy = radial_spectrum(one[None])
    fine = (frequency > 0.3) & (frequency < 0.4)
    print(f"{name:20}: energy of waves of about three pixels {1000 * energy[fine].mean():5.1f} thousandths")

# %% [markdown]
# With the same weights, and mixing in place of repeating, the grid is gone: it comes in at the doubling. Mixing also
# smooths all else that is fine: of the waves of about three pixels a sixth of what the photograph has is left. The
# networks that this lesson shows went on from there, four epochs more; to the eye that made edges firmer, and the energy
# of the fine waves is the same.

# %% [markdown] syllabus=["N1.7"]
# ## Play
#
# There and back again, with noise on the way. Choose a picture and a direction, then raise the noise slowly. Try: at
# which noise does the error become visible, and is it the *picture* between that has become unreadable by then, to
# your eyes?

# %% tags=["hide-input"]
played = shown_rows(flat, 8)
names = [flat.names[i] for i in played]
explorer = cycle_explorer(
    bundled, normalise(flat.x[played]), normalise(flat.y[played]), names=names, y_names=names, noise=(0.0, 0.3)
)
explorer

# %% [markdown]
# ## Where it fails
#
# **Held-out emoji with the largest L1**, of those in the table. L1 counts areas: a wrong tone of a large area costs
# more than a spoilt face. So look also for what it does not see.

# %% tags=["hide-input"]
rows, names = [[] for _ in range(6)], []
for place, (name, pairs) in enumerate((("emoji", flat), ("noto", noto))):
    x, y, made, _, part = made_of[name]
    worst = (made - y).abs().flatten(1).mean(1).argsort(descending=True)[:8]
    for row, strip in zip(rows[3 * place :], (x, made, y), strict=False):
        row += list(strip[worst])
    names.append([pairs.names[i] for i in part[worst]])
fig = plotting.image_grid(rows, row_titles=["flat", "output", "truth", "Noto", "output", "truth"], tile=64)
plotting.show(
    fig,
    palette=True,
    alt=f"The held-out emoji with the largest L1. Flat to 3D: {', '.join(names[0])}. Noto to 3D: "
    f"{', '.join(names[1])}.",
)

# %% [markdown] syllabus=["N1.11"]
# ### Shapes do not change
#
# The flat and the 3D emoji are of one family (Fluent) and lie on each other. Noto's are drawn by other people: another
# lion, another house. A translation would have to move edges. The paper reports the same of dogs and cats: colour and
# texture change, and the shape stays (section 6).
#
# Measured by outlines: what is not white in the output, against the same in the input and in the truth. The measure is
# intersection over union: the area in both, as a share of the area in either; 1 is perfect.

# %% tags=["hide-input"]


def overlap(a, b):
    """Return the area that is drawn in both pictures as a share of that drawn in either, the mean over pictures."""
    inside, other = (((pictures < 0.85).any(1)).flatten(1) for pictures in (a, b))
    return ((inside & other).sum(1) / (inside | other).sum(1).clamp(min=1)).mean().item()


rows = {}
for name, (x, y, made, _, _) in made_of.items():
    rows[name] = {
        "output on input": overlap(made, x),
        "output on truth": overlap(made, y),
        "input on truth": overlap(x, y),
    }
plotting.metric_table(rows, digits=3, caption=f"Overlap of outlines, {COUNT} held-out pairs of each set.")

# %%
row = rows["noto"]
moved = (row["output on truth"] - row["input on truth"]) / (1 - row["input on truth"])
print(f"Noto: of the way from the input's outline to the truth's, the output has gone {moved:.0%}")

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ## Where it fails: shapes do not change
#
# Noto's emoji are drawn by other people. A translation would have to move edges.
#
# <!-- notes 3 min
# Colour and texture change and the shape stays, as in the paper for dogs and cats. Three reasons meet: the generator
# adds to what stands at a place; the cycle rewards an output from which every edge can be got back; and nothing says
# which 3D lion is this one.
# -->

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
x, y, made, _, _ = made_of["noto"]
ten = slice(0, choose(smoke=4, cpu=10, gpu=10))
fig = plotting.image_grid([x[ten], made[ten], y[ten]], row_titles=["Noto", "output", "truth"], tile=64)
plotting.show(
    fig,
    palette=True,
    alt="Ten random held-out Noto emoji, their translations to 3D, and the truth: colours and shading are new, "
    "shapes are the "
    "input's, cut off where the 3D emoji have their margin",
)

# %% [markdown]
# Some of that little way is the rim: 3D emoji keep a margin, and $G$ paints white what lies in it (see the cut edge of
# the moon). For the rest three reasons meet. The generator adds to what stands at a place and does not carry an edge
# far. The cycle rewards an output from which every edge can be got back. And nothing says which of the many 3D lions
# is this one.

# %% [markdown] syllabus=["N1.11"]
# ### What training never showed is painted over
#
# The paper's best-known failure: a rider on a horse becomes a zebra as well, stripes and all. Its sets held wild
# horses and zebras, and *no rider*. So $G$ has learned "these textures become stripes", and not "horses do, people do
# not".
#
# Here the held-out *horse racing* goes through the flat-to-3D model, and then what is no emoji at all: a garment, a
# photograph, a negative. $G$ has one answer to everything.

# %% tags=["hide-input", "checked"]
trained_on = set(sides.x.names) | set(sides.y.names)
print("the rider's emoji is in the training set:", "horse racing" in trained_on)

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ### What training never showed
#
# A rider, garments, photographs, negatives: $G$ has one answer to everything.
#
# <!-- notes 3 min
# The paper's rider became a zebra, because its sets held no rider. Here the rider is not spoilt; what no training
# picture had is a dark ground. The way there and back warns for photographs and negatives, and not for garments: a bad
# return is a warning, a good one is no proof.
# -->

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
rider = [flat.names.index("horse racing"), flat.names.index("horse"), flat.names.index("lion")]
usual = normalise(flat.x[rider])
garments = interpolate(normalise(data.fashion_mnist("test").images[[2, 9]]), size=(64, 64), mode="bilinear")
garments = -garments.expand(-1, 3, -1, -1)  # dark on white, as emoji are
alien = normalise(photographs.images[photo_rows[:3]])
strange = {"rider": usual[:1], "usual": usual[1:], "garment": garments, "photo": alien, "negative": -usual[1:]}
x = torch.cat(list(strange.values()))
there = bundled.translate(x)
titles = [title for kind, pictures in strange.items() for title in (kind, *[""] * (len(pictures) - 1))]
fig = plotting.image_grid(
    [x, there, bundled.translate_back(there)],
    row_titles=["input", "G(input)", "F(G(input))"],
    column_titles=titles,
    tile=64,
)
plotting.show(
    fig,
    palette=True,
    alt="A horse with a rider, two usual held-out emoji, two garments, three patches of photographs and two "
    "negatives, what the "
    "model from flat to 3D emoji makes of them, and the way back",
)

# %% tags=["hide-input"]
for kind, pictures in strange.items():
    output = bundled.translate(pictures)
    home = bundled.translate_back(output)
    print(f"{kind:10}: moved by {l1(output, pictures):.3f}   there and back misses by {l1(home, pictures):.3f}")

# %% [markdown]
# The rider is *not* spoilt here: his colours are those of other emoji. What no training picture had is a dark ground.
# There $G$ fails: photographs are bleached, the ground of a negative turns brown and the figure on it white. The
# network says nothing of its doubts. Does the way there and back give warning? For photographs and negatives it does:
# $F$ cannot undo that. For garments it does not: they come back about as well as emoji. So a bad return is a warning,
# and a good one is no proof.

# %% [markdown]
# **Smaller troubles.**
#
# - *Symmetry.* When two parts are equally frequent (left and right, two colours of a set), nothing tells them apart.
# - *One answer.* There is no $z$. Where $y$ holds more than $x$ tells, $G$ picks one, and the cycle tempts it to hide
#   the rest.
# - *Sets that differ in more than style.* If one side has more persons than the other, $D$ sees that too, and $G$
#   will turn something into persons. Our two sets were dealt at random for that reason.
# - *Couplings in the data* (skin tone and hair, gender and clothes; lesson 10) are learned from either set.

# %% [markdown] syllabus=["N1.10", "N4.28"]
# ## At the paper's scale
#
# The same code with the default `CycleGANConfig`: 256 × 256, nine blocks, 64 channels, a patch of 70 pixels, batches
# of 1, 200 epochs: the rate constant for the first half, then a line to 0.
#
# | data set | pictures | identity | command |
# | --- | --- | --- | --- |
# | horse2zebra | 1,067 and 1,334 | 0 | `COURSE_PRESET=gpu course train lesson_11/horse2zebra` |
# | monet2photo | 1,072 and 6,287 | 0.5 | `COURSE_PRESET=gpu course train lesson_11/monet2photo` |
# | apple2orange | 995 and 1,019 | 0 | `COURSE_PRESET=gpu course train lesson_11/apple2orange` |
# | summer2winter_yosemite | 1,231 and 962 | 0 | `COURSE_PRESET=gpu course train lesson_11/summer2winter_yosemite` |
#
# They need a GPU and a download, and are **not** trained here: nobody should take a number of this lesson for one of
# them. The tests run their code path on small archives of the same layout.

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ## Summary
#
# - Two unpaired sets, two generators, two discriminators, and the way there and back.
# - Adversaries accept one answer for every $x$, and any permutation of the right ones.
# - The cycle makes collapse costly. It does not say which $y$ belongs to $x$.
# - The identity loss fixes what both sides share.
# - That content stays is the work of the network: shapes stay as well.
# - Every number needs the baseline "output = input".
#
# <!-- notes 2 min
# Ask: what would you check first in a paper that shows unpaired translations? Pictures of their own: data.folder with
# kind="unpaired".
# -->

# %% [markdown]
# ## Summary
#
# - CycleGAN learns from two unpaired sets: $G$ and $F$ against $D_Y$ and $D_X$, with squares, plus $\lambda$ times the way
#   there and back, in both directions.
# - The adversaries ask that each side look like itself. They accept one answer for every $x$, and any permutation of
#   the right ones.
# - The cycle makes collapse costly. It does not say which $y$ belongs to $x$: colours can be exchanged and exchanged
#   back, and $x$ can be hidden in $G(x)$. Damage on the way tells.
# - The identity loss $G(y) \approx y$, $F(x) \approx x$ fixes what both sides share, the palette first.
# - That content stays is the work of the network, not of a loss. So shapes stay as well, wanted or not.
# - Every number needs the baseline "output = input". Pairs, where they can be had, make the truth the target.
#
# **Go on with pictures of your own.** `data.folder("horses", "zebras", kind="unpaired", size=64)` reads two folders as
# one unpaired set, and `course translate lesson_11/van_gogh_mixed FOLDER OUT --back` paints a folder of photographs.

# %% [markdown]
# ### References
#
# - J.-Y. Zhu, T. Park, P. Isola, A. A. Efros. *Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial
#   Networks.* ICCV 2017; here numbered as in version 6 or later of the preprint, arXiv 1703.10593. Sections 3 (the
#   objective, equations 1 to 4), 4 (least squares, pool, networks), 5.1.4 (the ablation, tables 4 and 5, figure 7),
#   5.2 (uses, the identity loss, figure 9), 6 (limits, figure 17), 7 (training and networks).
# - X. Mao, Q. Li, H. Xie, R. Y. K. Lau, Z. Wang, S. P. Smolley. *Least Squares Generative Adversarial Networks.* ICCV
#   2017. Section 3.2.
# - C. Chu, A. Zhmoginov, M. Sandler. *CycleGAN, a Master of Steganography.* 2017, arXiv 1712.02950. Sections 3 to 5.
# - A. Shrivastava et al. *Learning from Simulated and Unsupervised Images through Adversarial Training.* CVPR 2017.
#   Section 2.3 (the history of outputs).
# - J. Johnson, A. Alahi, L. Fei-Fei. *Perceptual Losses for Real-Time Style Transfer and Super-Resolution.* ECCV 2016
#   (the generator; lesson 12).
# - P. Isola et al. *Image-to-Image Translation with Conditional Adversarial Networks.* CVPR 2017. Section 3 (lesson
#   10).
# - I. Goodfellow et al. *Generative Adversarial Nets.* NeurIPS 2014. Section 4.1 (the best discriminator).
# - Y. Choi et al. *StarGAN: Unified Generative Adversarial Networks for Multi-Domain Image-to-Image Translation.* CVPR
#   2018. Section 3.
# - T. Karras, S. Laine, T. Aila. *A Style-Based Generator Architecture for Generative Adversarial Networks.* CVPR
#   2019. Section 2.
# - A. Almahairi et al. *Augmented CycleGAN: Learning Many-to-Many Mappings from Unpaired Data.* ICML 2018. Section 4.
# - M. Cordts et al. *The Cityscapes Dataset for Semantic Urban Scene Understanding.* CVPR 2016. Section 2.
