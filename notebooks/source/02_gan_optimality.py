# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # 02 · What does a GAN play for?
#
# **Question.** Where does the game of generator and discriminator end, and what does it take to get there?
#
# **You will be able to**
# - derive the best discriminator, and the divergence that the generator minimises against it;
# - read the losses of a GAN, which do not fall as losses of a regression do;
# - name four ways in which the game goes wrong (a gradient that vanishes, densities that do not overlap, modes that are
#   missing, steps that circle), and show each of them with a few lines of code.
#
# <!-- the slide ends here -->
#
# **Time.** About a minute and a half for all cells on two CPU cores, less on a GPU. About two hours to read and do.
#
# <!-- links -->
#
# Papers: Goodfellow et al. 2014 (GAN), sections 3 and 4; Arjovsky & Bottou 2017, section 2; Heusel et al. 2017,
# section 2.
#
# <!-- notes 2 min
# Say what the evening is about: a game whose end one can calculate, and what happens on the way there. It takes one
# year of PyTorch and lesson 01.
# Ask: who has trained a GAN, and how did you know that it was done? Keep the answers for the slide on losses.
# -->

# %% tags=["setup"]

# %%
import math
from dataclasses import replace

import torch
import torch.nn.functional as F

from course_lib import data, plotting, runs
from course_lib.data.mixtures import GaussianMixture, grid, ring, two_humps
from course_lib.exercises import check, hint, reached, solution
from course_lib.losses.adversarial import LOSSES, NonSaturating
from course_lib.losses.game import (
    game_value,
    jensen_shannon,
    kl_divergence,
    maximise_on_grid,
)
from course_lib.lessons.lesson_02.game_record import record_line, record_plane
from course_lib.plotting import Arrow, Box
from course_lib.presets import choose
from course_lib.lessons.lesson_02.runs import GARMENTS
from course_lib.systems.gan import GAN, GANConfig
from course_lib.systems.modes import frozen
from course_lib.training import fit, seed_everything
from course_lib.lessons.lesson_02.recorded_game import game_player

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ### Where this lesson goes
#
# Above: photographs of garments. Below: drawings by a network that was never shown one.
# All that it ever got was a gradient.
#
# <!-- notes 2 min
# Let the class look before you speak. The lower row is the bundled network of this lesson: dense layers, trained on a
# laptop.
# Ask: what is wrong with the lower row? Grain, missing seams and buttons. Why that is so comes at the end.
# -->

# %% [markdown]
# ### Where this lesson goes
#
# The upper row shows photographs of garments from Fashion-MNIST. The lower row was drawn by a network that was never
# shown a garment. All that it ever got was a gradient: how each pixel of its drawings should change, for another
# network to take them less for fakes. This lesson is about that game.

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
train = data.fashion_mnist("train+validation")
test = data.fashion_mnist("test")
garment_gan = runs.load("lesson_02/garments")
made = garment_gan.sample(400, torch.Generator().manual_seed(0))
fig = plotting.image_grid([test.images[:10], made[:10]], row_titles=["real", "generated"], tile=72)
plotting.show(fig, alt="Ten real garments in the upper row, ten generated ones in the lower row, rougher but as varied")

# %% [markdown] slideshow={"slide_type": "slide"} syllabus=["N4.1", "N4.11"]
# ## Give up the density, keep the sampler
#
# A generative model describes a distribution $p_G$ that should equal the distribution of the data, $p_\text{data}$.
#
# | family | what it gives | lesson |
# | --- | --- | --- |
# | autoregressive model | $p_G(y)$ exactly, one pixel after another | 04 |
# | variational autoencoder | a lower bound of $\log p_G(y)$ | 03 |
# | GAN | samples only | this one |
#
# <!-- the slide ends here -->
#
# The first two have an *explicit* density: they can say how likely a picture is. A GAN has an *implicit* one.
# It draws noise $z \sim \mathcal{N}(0, I)$ and returns $G(z)$. Nobody can ask it for $p_G(y)$; it can only be sampled.
# So it cannot be trained by likelihood. It needs another judge.
#
# <!-- notes 3 min
# The first two can say how likely a picture is, the GAN can not: it has an implicit density. It draws noise and returns
# a picture. So likelihood cannot train it, and it needs another judge.
# Ask: what can one do with a density that one cannot do with samples? Compare two models, find outliers, compress.
# -->

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ## Two players
#
# - $G$ turns noise $z$ into a sample. $D$ gives each sample a logit: its opinion that it is real.
# - $D$ is trained to be right, $G$ to make $D$ wrong. No gradient passes a bar.
#
# <!-- notes 4 min
# Walk along the arrows with your hand. G(z) goes to D by two ways. By one, D learns, and what it learns must not reach
# G: the bar is detach. By the other, G learns, and D is held still meanwhile.
# Ask: what would happen without the first bar? The step of D would also change G, in the wrong direction.
# -->

# %% [markdown] syllabus=["N0.2", "N3.2"]
# ## Two players
#
# The *generator* $G$ turns noise into samples. The *discriminator* $D$ sees one sample at a time and gives a *logit*; its
# sigmoid $D(y)$ is the chance, in its opinion, that the sample is real. $D$ is trained to be right, $G$ to make $D$
# wrong. Each is trained against the other. In the drawing $G(z)$ goes to $D$ by two ways. Where the two bars
# stand, no gradient passes: what $D$ learns must not reach $G$. By the other way it does, and $D$ is held still meanwhile.

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
fig = plotting.diagram(
    {
        "z": Box(0, 0.7, "noise z\n(N, d)", "noise"),
        "G": Box(1.15, 0.7, "G", "network"),
        "fake": Box(2.35, 0.7, "G(z)\ngenerated", width=0.8),
        "y": Box(2.35, -0.5, "y\nreal", width=0.8),
        "D": Box(3.75, 0.1, "D", "network"),
        "d": Box(5.0, -0.45, "loss of D\nbe right", "loss", width=0.8),
        "g": Box(5.0, 0.75, "loss of G\nmake D wrong", "loss", width=0.86),
    },
    [
        Arrow("z", "G"),
        Arrow("G", "fake"),
        Arrow("y", "D"),
        Arrow("fake", "D", stop=True, bend=0.16),
        Arrow("fake", "D", bend=-0.16),
        Arrow("D", "d"),
        Arrow("D", "g"),
    ],
    size=(8.8, 2.7),
)
plotting.show(
    fig,
    alt="Noise z goes into the generator G, which gives G(z). D sees a real y, and G(z) twice: with the gradient stopped for "
    "its own loss, and without for the loss of G",
)

# %% [markdown] slideshow={"slide_type": "slide"} syllabus=["N4.12"]
# ## The objective, term by term
#
# $$\min_G \max_D V(D, G), \qquad V(D, G) = \underbrace{\mathbb{E}_{y \sim p_\text{data}} \log D(y)}_{\text{real ones called real}}
# + \underbrace{\mathbb{E}_{z} \log\bigl(1 - D(G(z))\bigr)}_{\text{fakes called fake}} .$$
#
# - Both terms are at most 0. $D$ wants both near 0: it *ascends* $V$.
# - $G$ is in the second term only. It *descends* $V$.
# - They take turns: one step of $D$, then one step of $G$.
#
# <!-- the slide ends here -->
#
# An optimiser minimises, so the code has $-V$ as the loss of $D$. This is the whole training step of the course's `GAN`.
# (Its `g_loss` is not $V$ but another loss, which a later section derives.)
#
# <!-- notes 4 min
# Take one term at a time. Both are at most 0. D climbs, G descends, and G is in the second term only.
# Ask: what is V where D says one half to everything? Minus log 4; the class will meet it again.
# An optimiser minimises, so the code has minus V as the loss of D.
# -->

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ### One step, in code
#
# ```python
# fake = G(z).detach()                                  # this loss cannot reach G
# d_loss = softplus(-D(y)).mean() + softplus(D(fake)).mean()
# d_step.zero_grad(); d_loss.backward(); d_step.step()
#
# g_loss = loss_of_g(D(G(z)))                           # D stands still; which loss: an exercise
# g_step.zero_grad(); g_loss.backward(); g_step.step()
# ```
#
# $D$ returns a logit $l$: $-\log \sigma(l) = \operatorname{softplus}(-l)$ and $-\log(1 - \sigma(l)) = \operatorname{softplus}(l)$.
#
# <!-- notes 3 min
# First the step of D, then that of G. Let them find the detach, and the two optimisers. d_loss takes logits and
# softplus, because log of a sigmoid rounds to log 0.
# Ask: why is g_loss not V? Because the minimax loss has a slope that vanishes; later today.
# -->

# %% tags=["hide-input"]
plotting.show_source(GAN.training_step)

# %% [markdown]
# `d_loss` takes logits. With the logit $l$ and $D = \sigma(l) = 1 / (1 + e^{-l})$, $-\log D = \operatorname{softplus}(-l)$
# and $-\log(1 - D) = \operatorname{softplus}(l)$, where $\operatorname{softplus}(l) = \log(1 + e^l)$. Written so, nothing
# is rounded to $\log 0$. The next cell compares it with the formula, and shows where the formula itself breaks.

# %% tags=["checked"]
real_logits, fake_logits = torch.tensor([2.0, -0.5]), torch.tensor([-1.0, 0.3])
by_formula = -torch.sigmoid(real_logits).log().mean() - (1 - torch.sigmoid(fake_logits)).log().mean()
print(f"formula {by_formula:.6f}   softplus {NonSaturating().d_loss(real_logits, fake_logits):.6f}")
sure = torch.tensor([1e4])
print(
    f"logit 10,000 on a fake: formula {-(1 - torch.sigmoid(sure)).log().item()}, softplus {F.softplus(sure).item():.0f}"
)

# %% [markdown]
# > **Exercises** stand where you need them. Write your answer where the cell says so, and run it. `check` says whether it
# > is right, and if not, what is likely wrong. It hands back what the lesson goes on with: *your* function if it is right,
# > ours if you have not tried. `hint("02.1")` gives a hint, a stronger one each time; `solution("02.1")` shows ours.

# %% tags=["exercise:02.1"]

# %% [markdown] slideshow={"slide_type": "slide"} syllabus=["N4.15"]
# ## The best discriminator
#
# Fix $G$. Let $p = p_\text{data}$ and $q = p_G$ be the two densities. A mean over $z$ of $f(G(z))$ is a mean over
# $y \sim q$ of $f(y)$, so
#
# $$V(D, G) = \int p(y) \log D(y) + q(y) \log\bigl(1 - D(y)\bigr)\, dy .$$
#
# <!-- notes 6 min
# Unfold line by line. The one step that carries it: D may be chosen at each place without regard to the others, so the
# maximum goes inside the integral.
# Let the class set the derivative to zero before you show it.
# Ask: what if only one density is above zero? The formula gives 1 or 0. Where neither is, D is free.
# -->

# %% [markdown] slideshow={"slide_type": "fragment"}
# $D$ may take any value at any place $y$, without regard to the other places. So the maximum moves *inside* the
# integral: maximise the integrand for each $y$ alone. Its derivative in $D$ is $\frac{p}{D} - \frac{q}{1 - D}$, which is
# zero at

# %% [markdown] slideshow={"slide_type": "fragment"}
# $$D^*(y) = \frac{p(y)}{p(y) + q(y)} .$$

# %% [markdown] slideshow={"slide_type": "fragment"}
# The second derivative, $-\frac{p}{D^2} - \frac{q}{(1 - D)^2}$, is negative: it is a maximum, and the only one. Where
# only one density is above zero, the formula gives 1 or 0, which is right, too. Where neither is, $D$ is free.

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ### Place by place
#
# The integrand at one place, for three pairs of densities. The dot is $p / (p + q)$.
#
# <!-- notes 2 min
# Each curve has one top, and it lies where the formula says. The lesson searches 1,001 values of D at every place of a
# grid, without calculus, and finds the same.
# Ask: which curve belongs to a place where fakes are nine times as frequent as real pictures?
# -->

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
d = torch.linspace(0.004, 0.996, 249, dtype=torch.float64)
fig, ax = plotting.subplots(1, 1, size=(7.2, 3.1))
for (p_here, q_here), colour in zip(
    [(0.4, 0.1), (0.2, 0.2), (0.05, 0.45)], ("blue", "green", "vermilion"), strict=True
):
    curve = p_here * d.log() + q_here * (1 - d).log()
    best = p_here / (p_here + q_here)
    ax.plot(d, curve, color=plotting.COLOURS[colour], label=f"p = {p_here}, q = {q_here}")
    top = p_here * math.log(best) + q_here * math.log(1 - best)
    ax.plot(best, top, "o", color=plotting.COLOURS[colour])
    ax.annotate(f"D* = {best:.1f}", (best, top), xytext=(0, 7), textcoords="offset points", ha="center", size=11)
ax.set(xlabel="D at one place y", ylabel="p log D + q log(1 - D)", ylim=(-1.0, 0.02), xlim=(0, 1))
ax.legend(loc="lower center")
plotting.show(
    fig,
    alt="The integrand as a function of D for three pairs of densities. Each curve has one maximum, "
    "marked at p / (p + q): 0.8, 0.5 and 0.1.",
)

# %% [markdown]
# The next cell takes two densities on a grid and searches, at every place, through 1,001 values of $D$. No calculus is
# used. The winner is $D^*$ to the spacing of the search. None of three other discriminators reaches its value.

# %% tags=["checked"]
y = torch.linspace(-12, 12, 8001, dtype=torch.float64)  # wide: a tail that is cut off would be missing in a KL
dx = float(y[1] - y[0])


def bump(mean, std):
    """Return the density of a Gaussian on the grid y."""
    return torch.exp(-0.5 * ((y - mean) / std) ** 2) / (std * math.sqrt(2 * math.pi))


p, q = 0.35 * bump(-1.5, 0.6) + 0.65 * bump(1.5, 0.6), bump(0.0, 1.2)
d_star = best_discriminator(p, q, 0.5)
found = maximise_on_grid(p, q, candidates=1001)
print(f"largest difference between the search and p / (p + q): {(found - d_star).abs().max():.4f}")
print(f"V at D*: {game_value(d_star, p, q, dx):.6f}")
for name, other in {
    "D = 1/2": 0.5 + 0 * p,
    "D* moved by 0.05": (d_star + 0.05).clamp(0, 1),
    "(p > q)": (p > q).double(),
}.items():
    print(f"V at {name}: {game_value(other, p, q, dx):.6f}")

# %% tags=["exercise:02.2"]

# %% [markdown] slideshow={"slide_type": "slide"} syllabus=["N4.15"]
# ## What the generator minimises
#
# Put $D^*$ back into $V$. With $m = \tfrac12 (p + q)$, $D^* = \frac{p}{2m}$ and $1 - D^* = \frac{q}{2m}$:
#
# $$V(D^*, G) = \int p \log \frac{p}{2m} + q \log \frac{q}{2m}\; dy
# = -\log 4 + \mathrm{KL}(p \,\|\, m) + \mathrm{KL}(q \,\|\, m) = -\log 4 + 2\, \mathrm{JSD}(p, q) .$$
#
# <!-- notes 5 min
# Put D* back in, with m the mean of both densities. Two KL terms to the mean: twice the Jensen-Shannon divergence, less
# log 4.
# Ask: what is the smallest value, and where? Minus log 4, at p = q alone. So the game has its end where it should. The
# line below checks it by quadrature.
# -->

# %% [markdown] slideshow={"slide_type": "fragment"}
# Here $\mathrm{KL}(a \,\|\, b) = \int a \log \frac{a}{b}\, dy$, and JSD is the *Jensen-Shannon divergence*, the mean of
# the two KL terms. It is never negative, and 0 only if $p = q$. So the game has its end where
# $p_G = p_\text{data}$. There $D^* = \tfrac12$ everywhere and $V = -\log 4 = -1.386$.

# %% tags=["checked", "hide-input"] slideshow={"slide_type": "-"}
for mean, std in ((0.0, 1.2), (1.5, 0.6), (-1.5, 0.3)):
    q = bump(mean, std)
    value, jsd = value_and_jsd(p, q, dx).values()
    gap = abs(float(value - (-math.log(4) + 2 * jsd)))
    print(
        f"q = N({mean:4.1f}, {std}²):  V(D*) = {value:.4f}   -log 4 + 2 JSD = {-math.log(4) + 2 * jsd:.4f}   gap < 1e-6: {gap < 1e-6}"
    )
print(
    f"q = p:            V(D*) = {game_value(best_discriminator(p, p, 0.5), p, p, dx):.4f}   JSD = {jensen_shannon(p, p, dx):.4f}"
)

# %% [markdown] slideshow={"slide_type": "slide"} syllabus=["E18"]
# ### Is JSD a distance?
#
# > **Often written, not so:** "The JSD, like the KL, is a distance between distributions."
#
# A distance is symmetric and obeys the triangle inequality. KL does neither. JSD is symmetric, but breaks the triangle
# inequality. Its *square root* keeps it (Endres & Schindelin 2003). The next cell draws 20,000 triples of random
# distributions on three places, and counts how often going straight from $a$ to $c$ is longer than going by $b$.
#
# <!-- notes 3 min
# A distance is symmetric and obeys the triangle inequality. Ask which of the three in the table does, and vote, before
# you point at the numbers. The square root of JSD is one.
# -->

# %% tags=["checked", "hide-input"] slideshow={"slide_type": "-"}
generator = torch.Generator().manual_seed(0)
a, b, c = (torch.rand(20_000, 3, generator=generator, dtype=torch.float64).pow(3) + 1e-6 for _ in range(3))
a, b, c = (one / one.sum(1, keepdim=True) for one in (a, b, c))


def kl(first, second):
    """Return KL(first || second) of each row."""
    return (first * (first / second).log()).sum(1)


def jsd(first, second):
    """Return the Jensen-Shannon divergence of each row."""
    middle = (first + second) / 2
    return (kl(first, middle) + kl(second, middle)) / 2


for name, measure in {"KL": kl, "JSD": jsd, "square root of JSD": lambda u, v: jsd(u, v).sqrt()}.items():
    broken = (measure(a, c) > measure(a, b) + measure(b, c) + 1e-12).double().mean()
    skew = (measure(a, b) - measure(b, a)).abs().max()
    print(f"{name:19} triangle broken in {100 * broken:4.1f} % of the triples   symmetric: {bool(skew < 1e-9)}")

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ## A network finds D*
#
# A small network sees samples of both densities, and is told nothing about either.
#
# <!-- notes 3 min
# The formula needs p and q; a discriminator in training has samples only. Where the densities have mass, the network
# lies on D*. Elsewhere it says whatever it likes: nobody asked it.
# Its loss also estimates the divergence, from below: no density was needed.
# -->

# %% [markdown] syllabus=["N4.15"]
# ## A network finds D*
#
# The formula needs $p$ and $q$. A discriminator in training has only samples of them. Here a small network sees fresh
# samples of two known densities: the two humps, and a wide Gaussian in the place of the generator. It is told nothing
# about either. The loss is `d_loss`.


# %%
def train_discriminator(real, fake, steps, batch_size=1024, seed=0):
    """Train a small discriminator to tell fresh samples of one mixture from those of another."""
    seed_everything(seed)
    system = GAN(GANConfig(shape=(1,), d_hidden=(64, 64), d_activation="silu", d_lr=1e-2, beta1=0.9))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(system.optimizers["D"], steps)
    for _ in range(steps):
        real_logits, fake_logits = (system.discriminate(one.sample(batch_size)) for one in (real, fake))
        system.optimizer_step("D", NonSaturating().d_loss(real_logits, fake_logits))
        schedule.step()
    return system


humps, wide = two_humps(), GaussianMixture("wide", torch.zeros(1, 1), 1.2)
judge = train_discriminator(humps, wide, steps=choose(smoke=60, cpu=1500, gpu=6000))

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
line = torch.linspace(-5, 5, 1001)
p_line, q_line = humps.density(line[:, None]), wide.density(line[:, None])
with torch.no_grad():
    d_line = torch.sigmoid(judge.discriminate(line[:, None]))
fig, axes = plotting.subplots(1, 2, size=(9, 3.1))
axes[0].plot(line, p_line, color="0.15", label="p, two humps")
axes[0].plot(line, q_line, color=plotting.COLOURS["blue"], label="q, wide")
axes[0].set(title="Densities", xlabel="y", ylim=(0, 0.58))
axes[0].legend(loc="upper left", ncols=2)
axes[1].plot(
    line, p_line / (p_line + q_line), color=plotting.COLOURS["green"], linestyle="--", label="D* = p / (p + q)"
)
axes[1].plot(line, d_line, color=plotting.COLOURS["vermilion"], label="trained D")
axes[1].axhline(0.5, color="0.6", linestyle=":", linewidth=1)
axes[1].set(title="Best and trained discriminator", xlabel="y", ylim=(0, 1.25), yticks=[0, 0.5, 1])
axes[1].legend(loc="upper left", ncols=2)
plotting.show(
    fig,
    alt="Left: a density with two humps and a wide one. Right: the best discriminator of the two, and the trained one, "
    "which lies on it wherever the densities have mass.",
)

# %% [markdown]
# Where the densities have mass, the network lies on $D^*$. Its loss also *estimates the divergence*: since
# $V = -\text{loss}$, $\mathrm{JSD} \ge \tfrac12 (\log 4 - \text{loss})$, and the two are equal for $D^*$. No density was needed for this bound.

# %% tags=["checked-at-cpu"]
massive = (p_line + q_line) / 2 > 0.02
error = (d_line - p_line / (p_line + q_line)).abs()[massive].max()
generator = torch.Generator().manual_seed(1)
with torch.no_grad():
    fresh = [judge.discriminate(one.sample(200_000, generator)) for one in (humps, wide)]
estimate = 0.5 * (math.log(4) - NonSaturating().d_loss(*fresh).item())
p, q = humps.density(y[:, None].float()).double(), wide.density(y[:, None].float()).double()
print(f"largest error of D where the mean density is above 0.02: under 0.03: {bool(error < 0.03)}")
print(f"JSD from the loss on fresh samples: {estimate:.2f}   by quadrature: {jensen_shannon(p, q, dx):.2f}")

# %%
print(
    f"largest error of D: {error:.4f}   JSD from the loss {estimate:.4f}, by quadrature {jensen_shannon(p, q, dx):.4f}"
)

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ## The whole game on a line
#
# Now $G$ learns, too. It begins far to the left, as a narrow peak.
#
# <!-- notes 4 min
# Play the film in the lesson if you can; here are frames of it. Stop where D is best, and where G has arrived.
# Ask before you go on: what does the loss of D do meanwhile? Draw the guesses on the board.
# -->

# %% [markdown] syllabus=["N3.2"]
# ## Train it here: the whole game on a line
#
# Now $G$ learns, too. It begins far to the left, as a narrow peak. Press play, or drag the slider (a printed
# page shows a film instead). Each frame has the densities, the discriminator, the best discriminator for *that* generator,
# and the loss of $D$ so far, which is an average over thousands of samples and not that of one batch.

# %%
seed_everything(0)
line_config = GANConfig(
    shape=(1,), latents=4, g_hidden=(64, 64), g_activation="silu", d_hidden=(64, 64), d_activation="silu",
    lr=7e-4, d_lr=1e-2, decay=0.5,
)  # fmt: skip
line_game = GAN(line_config)
with torch.no_grad():
    line_game.netG[-1].bias.fill_(-3.5)  # begin far from the data
line_record = record_line(line_game, humps, torch.linspace(-6, 6, 241), every=choose(smoke=4, cpu=20, gpu=20))
line_history = fit(
    line_game, humps.points(50_000), steps=choose(smoke=20, cpu=2000, gpu=2000), batch_size=512, seed=0, flip=False,
    device="cpu", on_step=line_record,
)  # fmt: skip

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
line_player = game_player(line_record.frames)
line_player

# %% [markdown] slideshow={"slide_type": "slide"} syllabus=["E17"]
# ### Must both losses fall?
#
# > **Often written, not so:** "Training works when both losses fall."
#
# It is a game: each player's step changes the other's loss. In the game above the loss of $D$ falls at first, while $G$ is bad and
# easy to tell apart. Then $G$ catches up and the loss of $D$ *rises*, towards $\log 4 = 1.386$. That is where it stays
# when $p_G = p_\text{data}$: where there are data, $D$ says $\tfrac12$. A loss of $D$ near 0 means that $G$ has lost.
#
# <!-- notes 3 min
# It is a game: each player's step changes the other's loss. D's loss falls at first, while G is bad, and then rises to
# log 4. That is where a perfect game stays. A loss of D near 0 means that G has lost.
# Come back to the first question of the hour: how does one know that it is done?
# -->

# %% tags=["checked-at-cpu"]
losses = [frame.d_loss for frame in line_record.frames]
lowest = min(range(len(losses)), key=losses.__getitem__)
print(
    f"loss of D falls at first: {losses[lowest] < 0.8 * losses[0]}, then rises again: {losses[-1] > 1.4 * losses[lowest]}"
)
print(f"at the end it is within 0.1 of log 4: {abs(losses[-1] - math.log(4)) < 0.1}")
print(
    f"mass that p_data and p_G share, first {line_record.frames[0].overlap():.1f}, last {line_record.frames[-1].overlap():.1f}"
)

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
print(
    f"loss of D: first {losses[0]:.2f}, lowest {losses[lowest]:.2f}, last {losses[-1]:.2f}   (log 4 = {math.log(4):.2f})"
)

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ### Why the losses are hard to read
#
# Each player is measured against the *other player of that moment*.
#
# <!-- notes 2 min
# The dashed lines are the values at the end of a perfect game. The same loss of G can mean a good G and a sharp D, or a
# bad G and a dull D. Ask for a picture of each.
# -->

# %% [markdown] syllabus=["N4.13"]
# ### Why the losses are hard to read
#
# A loss of regression is measured against fixed targets. Each player here is measured against the *other player of that
# moment*. The same loss of $G$ can mean a good $G$ and a sharp $D$, or a bad $G$ and a dull one. Below are the losses of
# every batch of the game above, with the values at the end of a perfect game.

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
fig = plotting.curves(
    line_history,
    {"g_loss": "loss of G", "d_loss": "loss of D"},
    smooth=25,
    references={"log 4": math.log(4), "log 2": math.log(2)},
    y_label="loss in nats",
    log=True,
    size=(8.6, 3.2),
)
plotting.show(
    fig,
    alt="The losses of both players over the steps. While G becomes better, its own loss falls from a high value to log 2, and "
    "that of D rises to log 4",
)

# %% tags=["exercise:02.3"]

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ## The generator's loss
#
# - minimax: $G$ minimises $\log(1 - D(G(z)))$. It *saturates* while $D$ is sure.
# - in practice: $G$ minimises $-\log D(G(z))$. The same end, another way there.
#
# <!-- notes 5 min
# Early in training D rejects all fakes with ease. Let the class find both slopes in the logit, with dD/dl = D (1 - D),
# before you unfold them.
# Against D* the second loss follows KL(q, p) - 2 JSD (Arjovsky and Bottou, theorem 2.5); it comes back at mode
# collapse.
# -->

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "fragment"}
# With the logit $l$ and $D = \sigma(l)$:
#
# $$\frac{d}{dl} \log(1 - D) = -D, \qquad \frac{d}{dl} \bigl(-\log D\bigr) = D - 1 .$$

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "fragment"}
# Where $D$ is sure of a fake, $D \approx 0$: the first slope vanishes, the second is $-1$. Both pull the logit up.

# %% [markdown] syllabus=["N4.14"]
# ## The generator's loss
#
# In the minimax game $G$ minimises $\log(1 - D(G(z)))$. Early in training $D$ rejects all fakes with ease, and this loss
# gives $G$ nearly no gradient: it *saturates*. Goodfellow et al. give $G$ another loss in practice, with the same
# end, $p_G = p_\text{data}$: minimise $-\log D(G(z))$. The way there is another. Against $D^*$ this loss no longer follows
# the JSD; its gradient is that of $\mathrm{KL}(q \,\|\, p) - 2\, \mathrm{JSD}(p, q)$ (Arjovsky & Bottou, theorem 2.5).
#
# Let $l$ be the logit and $D = \sigma(l)$, so $\frac{dD}{dl} = D(1 - D)$. Then
#
# $$\frac{d}{dl} \log(1 - D) = -D, \qquad \frac{d}{dl} \bigl(-\log D\bigr) = D - 1 .$$
#
# Where $D$ is sure of a fake, $D \approx 0$. The first slope vanishes, and the second is $-1$. Both pull the logit up.

# %% [markdown] slideshow={"slide_type": "subslide"} syllabus=["E15"]
# ### Which way is down?
#
# > **Often written, not so:** "Train $G$ by *maximising* $-\log D(G(z))$."
#
# That is the wrong direction. $-\log D$ is large where $D$ calls the sample a fake. $G$ wants the opposite: *minimise*
# $-\log D$, which is the same as *maximise* $\log D$. The next cell lets one logit follow each rule for 50 steps.
#
# <!-- notes 2 min
# A sign that many texts have wrong. Ask what D says after 50 steps of each rule, then show the two lines.
# -->

# %% tags=["checked"] slideshow={"slide_type": "-"}
for name, sign in (("minimise -log D", 1.0), ("maximise -log D", -1.0)):
    logit = torch.tensor(-1.0, requires_grad=True)
    for _ in range(50):
        (slope,) = torch.autograd.grad(sign * generator_loss(logit[None]), logit)
        logit = (logit - 0.2 * slope).detach().requires_grad_(True)
    print(f"{name}: D says {torch.sigmoid(logit).item():.3f}")

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ### Where is it flat?
#
# > **Often written, not so:** "$\log(1 - D)$ is flat where $D$ is near 0."
#
# As a function of $D$ its slope is $-1$ there. As a function of the *logit* it is flat.
#
# <!-- notes 3 min
# Left over D, right over the logit: the same two losses. The sigmoid is what is flat. The network gives the logit, so
# the right picture is what reaches G.
# -->

# %% [markdown] syllabus=["E16"]
# ### Where is it flat?
#
# > **Often written, not so:** "$\log(1 - D)$ is flat where $D$ is near 0."
#
# As a function of $D$ it is not flat there: its slope is $-1$. It is flat as a function of the *logit*, because the
# sigmoid is. The network outputs the logit, so that is the slope that reaches $G$.

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
chance = torch.linspace(0.002, 0.998, 400, dtype=torch.float64, requires_grad=True)
logits = torch.linspace(-8, 8, 400, dtype=torch.float64, requires_grad=True)
forms = {
    "log(1 - D), saturating": (lambda u: torch.log(1 - u), "vermilion"),
    "-log D, non-saturating": (lambda u: -torch.log(u), "blue"),
}
fig, axes = plotting.subplots(1, 2, size=(9, 3.1))
for name, (form, colour) in forms.items():
    in_d = torch.autograd.grad(form(chance).sum(), chance)[0]
    in_logit = torch.autograd.grad(form(torch.sigmoid(logits)).sum(), logits)[0]
    axes[0].plot(chance.detach(), in_d, label=name, color=plotting.COLOURS[colour])
    axes[1].plot(logits.detach(), in_logit, label=name, color=plotting.COLOURS[colour])
axes[0].set(title="Slope in D", xlabel="D", ylim=(-6, 2.0), yticks=[-6, -4, -2, 0])
axes[1].set(title="Slope in the logit", xlabel="logit of D", ylim=(-1.1, 0.1))
axes[0].legend(loc="upper center")
plotting.show(
    fig,
    alt="Left: the slopes in D. That of log(1 - D) is -1 at D = 0. Right: the slopes in the logit. For logits far below "
    "zero that of log(1 - D) is zero and that of -log D is -1.",
)

# %% tags=["checked"]
D = torch.tensor(1e-4, dtype=torch.float64, requires_grad=True)
logit = torch.logit(D.detach()).requires_grad_(True)
print(f"at D = 0.0001: slope of log(1 - D) in D {torch.autograd.grad(torch.log(1 - D), D)[0]:.4f}")
FORMS = {name: LOSSES[name] for name in ("saturating", "non-saturating")}
for name, loss in FORMS.items():
    slope = torch.autograd.grad(loss.g_loss(logit[None]), logit)[0]
    print(f"               slope of the {name} loss in the logit {slope:.4f}")

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ### The gradient that reaches G, on pictures
#
# $G$ is held still, $D$ learns to reject its outputs. How long is the gradient in all weights of $G$?
#
# <!-- notes 2 min
# A logarithmic axis: let them read the factor between the two lines at the right end. Same networks, same noise, same
# moment; the loss of G alone differs.
# -->

# %% [markdown] syllabus=["N4.14"]
# ### The gradient that reaches G, on pictures
#
# A new generator of garments is held still. A discriminator learns to reject its outputs. After some steps we measure
# the length of the gradient in *all weights of G*, once for each loss. Same networks, same noise, same moment.

# %%
small = replace(GARMENTS, g_hidden=(256, 512), d_hidden=(512, 256), d_dropout=0.0, decay=0.0)


def discriminator_alone(system, steps, batch_size=128):
    """Train D against a generator that does not move; yield after each step, and once before the first."""
    batches = train.batches(batch_size, generator=torch.Generator().manual_seed(0), drop_last=True, device=device)
    yield 0
    for step in range(1, steps + 1):
        with torch.no_grad():
            fake = system.generate(system.noise(batch_size))
        real = next(batches).images
        system.optimizer_step("D", system.adversarial.d_loss(system.discriminate(real), system.discriminate(fake)))
        yield step


def gradient_length(system, loss, z):
    """Return the length of the gradient of a generator's loss in all weights of G."""
    with frozen(system.netD):
        value = loss.g_loss(system.discriminate(system.generate(z)))
        return (
            torch.cat([g.flatten() for g in torch.autograd.grad(value, list(system.netG.parameters()))]).norm().item()
        )


seed_everything(0)
probe = GAN(small).to(device).train()
z = probe.noise(256, torch.Generator().manual_seed(1))
looks = [0, 1, 2, 5, 10, 20, 50, 100, 200][: choose(smoke=4, cpu=9, gpu=9)]
lengths = {name: [] for name in FORMS}
for step in discriminator_alone(probe, looks[-1]):
    if step in looks:
        for name, loss in FORMS.items():
            lengths[name].append(gradient_length(probe, loss, z))

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
fig, ax = plotting.subplots(1, 1, size=(7.6, 3.1))
for name, colour, mark in (("saturating", "vermilion", "s--"), ("non-saturating", "blue", "o-")):
    ax.plot(looks, lengths[name], mark, color=plotting.COLOURS[colour], label=name)
ax.set_xscale("symlog", linthresh=1)
ax.set(yscale="log", xlabel="steps of D alone", ylabel="length of the gradient in G", xticks=looks)
ax.set_xticklabels([str(k) for k in looks])
ax.minorticks_off()
ax.legend(loc="lower left")
plotting.show(
    fig,
    alt="Length of the gradient in the weights of G over the steps of D alone. With the saturating loss it falls by more "
    "than a factor of a hundred; with the non-saturating loss it grows.",
)

# %% tags=["checked-at-cpu"]
ratio = lengths["non-saturating"][-1] / lengths["saturating"][-1]
print(f"after {looks[-1]} steps of D the non-saturating gradient is over 1,000 times as long: {ratio > 1000}")

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ### Same start, both trained
#
# Four games from the same weights, with $D$ 100 steps ahead. The optimiser and the loss of $G$ differ.
#
# <!-- notes 3 min
# First two rows: gradient descent with momentum, as in 2014. The saturating G stands still. Last two: Adam, which
# divides every gradient by its usual size. It hides the problem.
# Ask: why is Adam no cure? A gradient of noise is enlarged as well.
# -->

# %% [markdown]
# ### Same start, both trained
#
# All games below begin with the same weights and the same noise. $D$ is 100 steps ahead. Then both players train. In the
# first two rows $G$ follows its gradient by gradient descent with momentum, as in the paper of 2014. In the last two it
# uses Adam, which divides every gradient by its usual size.


# %%
class WithMomentum(GAN):
    """The same game; G takes plain gradient steps with momentum."""

    def configure_optimizers(self):
        """Return plain gradient descent for G, and Adam for D as before."""
        return super().configure_optimizers() | {"G": torch.optim.SGD(self.netG.parameters(), lr=0.01, momentum=0.5)}


def from_the_same_start(kind, loss):
    """Train with one of the losses, after D has had 100 steps alone; return the system and the history."""
    seed_everything(0)
    system = kind(replace(small, loss=loss)).to(device).train()
    for _ in discriminator_alone(system, choose(smoke=2, cpu=100, gpu=100)):
        pass
    history = fit(
        system, train, steps=choose(smoke=4, cpu=200, gpu=200), batch_size=128, seed=0, flip=False, device=device,
        progress=False,
    )  # fmt: skip
    return system, history


starts = {
    "saturating, momentum": (WithMomentum, "saturating"),
    "non-saturating, momentum": (WithMomentum, "non-saturating"),
    "saturating, Adam": (GAN, "saturating"),
    "non-saturating, Adam": (GAN, "non-saturating"),
}
games = {name: from_the_same_start(*start) for name, start in starts.items()}

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
rows = [system.sample(9, torch.Generator().manual_seed(3)).cpu() for system, _ in games.values()]
fig = plotting.image_grid(rows, row_titles=list(games), tile=66)
plotting.show(
    fig,
    palette=True,
    alt="Samples after the same number of steps. Saturating loss with momentum: grey noise, as at the start. The other three: "
    "dark noise with a bright patch in the middle, where garments are.",
)

# %% tags=["hide-input"]
for name, (_, history) in games.items():
    print(
        f"{name:26} D(fake) in the last 50 steps {history.mean('d_fake', 50):.1e}   loss of D {history.mean('d_loss', 50):.1e}"
    )

# %% [markdown]
# With plain steps the saturating $G$ stands still: $D$ is sure, and nothing reaches $G$. The non-saturating $G$ learns
# from the same start. Adam moves both, because it enlarges small gradients: it hides the problem. The non-saturating
# loss works with either, so this course uses it from here on.

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ## When the densities do not overlap
#
# Two narrow Gaussians, $\theta$ apart. The slope is what a generator would get for moving.
#
# <!-- notes 3 min
# Pictures fill a thin part of the space of all pixels, and two thin parts rarely overlap. Once apart, JSD is log 2
# whether theta is 2 or 4. How far makes no difference.
# The non-saturating loss still gives a gradient here, because Gaussians have tails. Lesson 06, not written yet, builds
# losses that know how far.
# -->

# %% [markdown]
# ## When the densities do not overlap
#
# Pictures fill only a thin part of the space of all pixels. Two thin parts rarely overlap. What does the theory say then?
# Take two narrow Gaussians on the line, $\theta$ apart. The next figure shows the JSD over $\theta$ and its slope, which
# is the gradient that a generator would get for moving its density.

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
places = torch.linspace(-3, 7, 20_001, dtype=torch.float64)
spacing = float(places[1] - places[0])


def shifted(theta, std=0.25):
    """Return the density of a Gaussian about theta on the grid."""
    return torch.exp(-0.5 * ((places - theta) / std) ** 2) / (std * math.sqrt(2 * math.pi))


apart = torch.linspace(0, 4, 81, dtype=torch.float64)
values = torch.stack([jensen_shannon(shifted(0.0), shifted(float(theta)), spacing) for theta in apart])
slopes = torch.gradient(values, spacing=(apart,), edge_order=2)[0]
fig, axes = plotting.subplots(1, 2, size=(9, 2.9))
axes[0].plot(apart, values, color=plotting.COLOURS["vermilion"])
axes[0].axhline(math.log(2), color="0.5", linestyle=":")
axes[0].text(0.05, math.log(2) + 0.02, "log 2", size=11)
axes[0].set(title="JSD", xlabel="distance θ of the two means (std 0.25)", ylim=(0, 0.8))
axes[1].plot(apart, slopes, color=plotting.COLOURS["vermilion"])
axes[1].set(title="Its slope in θ", xlabel="distance θ")
plotting.show(
    fig,
    alt="The Jensen-Shannon divergence over the distance: it rises to log 2 at a distance of about 1.5 and is level from "
    "there on; its slope is zero from there on.",
)

# %% [markdown]
# Once they are apart, JSD is $\log 2$ whether $\theta$ is 2 or 4: *how far* makes no difference. Against the best $D$
# the minimax loss gives $G$ hardly any gradient. The non-saturating loss still gives one here, because Gaussians have tails
# and the logit of $D^*$ has a slope everywhere: the last column below. Where two densities share no place at all, every $D$ that is right on both is
# a best one, and its slope between them means nothing. Lesson 06 builds losses that know how far.

# %% tags=["checked"]
for theta in (0.0, 0.5, 2.0, 4.0):
    logit = ((places - theta) ** 2 - places**2) / (2 * 0.25**2)  # of the best D
    slope_of_logit = -theta / 0.25**2
    to_g = {  # the derivative of G's loss in theta, with D held still
        "minimax": (shifted(theta) * torch.sigmoid(logit)).sum() * spacing * -slope_of_logit,
        "non-saturating": (shifted(theta) * torch.sigmoid(-logit)).sum() * spacing * -slope_of_logit,
    }
    print(
        f"θ = {theta}: JSD {jensen_shannon(shifted(0.0), shifted(theta), spacing):.4f} (log 2 = {math.log(2):.4f})",
        end="   ",
    )
    print("gradient that G gets:", "   ".join(f"{name} {value:.2g}" for name, value in to_g.items()))

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ## Mode collapse
#
# A *mode* is a region where data are dense. $q$ on one hump: each sample looks real, and half of the data are missing.
#
# <!-- notes 2 min
# Sandals are a mode of Fashion-MNIST. A generator of perfect shirts has collapsed. Ask which of the three panels a
# critic would prefer who sees one sample at a time.
# -->

# %% [markdown] syllabus=["N1.6"]
# ## Mode collapse
#
# A *mode* is a region where the data are dense: sandals, say. A generator that only makes perfect shirts has
# *collapsed*: each sample alone looks real, and most of the data are missing. As densities: $q$ sits on one hump of $p$.

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
p = 0.5 * bump(-2.0, 0.5) + 0.5 * bump(2.0, 0.5)
cases = {"q on one mode": bump(2.0, 0.5), "q wide": bump(0.0, 2.1), "q = p": p}
fig, axes = plotting.subplots(1, 3, size=(9, 2.5), sharey=True)
for ax, (name, q) in zip(axes, cases.items(), strict=True):
    ax.fill_between(y, p, color="0.85")
    ax.plot(y, p, color="0.15", label="p, data")
    ax.plot(y, q, color=plotting.COLOURS["blue"], label="q, generator", linestyle="--")
    ax.set(title=name, xlim=(-5, 5), xlabel="y")
axes[0].legend(loc="upper left", fontsize=9.5)
plotting.show(
    fig,
    alt="Three panels with the two-humped density p of the data: q sits on the right hump only; q is one wide hump; q equals p.",
)

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ### Three generators in numbers
#
# <!-- notes 3 min
# KL(p, q) is what maximum likelihood minimises: it punishes a missing hump most. KL(q, p) hardly minds. Remember
# theorem 2.5: the loss that saves G from a vanishing gradient has KL(q, p) in it, so it lets G drop modes. It need not
# be the only reason, as D is never D*.
# -->

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
plotting.metric_table(
    {
        name: {
            "KL(p‖q)": float(kl_divergence(p, q, dx)),
            "KL(q‖p)": float(kl_divergence(q, p, dx)),
            "JSD": float(jensen_shannon(p, q, dx)),
        }
        for name, q in cases.items()
    },
    digits=2,
    caption="Three generators against the same data, by quadrature, in nats. KL(p‖q) is what maximum likelihood minimises: "
    "it punishes a missing mode. KL(q‖p) hardly does. JSD is never above log 2, and rates both wrong ones nearly alike.",
    corner="generator",
)

# %% [markdown]
# Remember theorem 2.5 above: against $D^*$ the non-saturating loss has the gradient of
# $\mathrm{KL}(q \,\|\, p) - 2\, \mathrm{JSD}(p, q)$. Its first part is the one that hardly minds a missing mode. So the loss
# that saves $G$ from a vanishing gradient also lets it drop modes. It need not be the only reason: $D$ is never $D^*$.

# %% tags=["exercise:02.4"]

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ### Build it: a GAN in torch alone
#
# Two small networks, two optimisers, eight modes on a ring, and *your* loss of $G$.
#
# <!-- notes 4 min
# In the lesson this is forty lines, and the loss of G and the count of modes are the learner's own. Left the data,
# right the trained generator. Let them say how many modes are found before they run their own.
# -->

# %% [markdown]
# ### Build it
#
# A GAN in torch alone: two small networks, two optimisers, and *your* `generator_loss`. The data are points around the
# eight modes of a ring. How many of the eight does $G$ find? Your `modes_covered` counts.


# %%
def network(inputs, outputs):
    """Return three dense layers with leaky ReLU between them."""
    nn = torch.nn
    layers = [
        nn.Linear(inputs, 128),
        nn.LeakyReLU(0.2),
        nn.Linear(128, 128),
        nn.LeakyReLU(0.2),
        nn.Linear(128, outputs),
    ]
    return nn.Sequential(*layers)


def own_gan(mixture, steps, batch_size=256):
    """Train a generator of points against a discriminator; both rates fall to 0 in the second half. Return G."""
    netG, netD = network(4, 2), network(2, 1)
    opt_g = torch.optim.Adam(netG.parameters(), lr=1e-3, betas=(0.5, 0.999))
    opt_d = torch.optim.Adam(netD.parameters(), lr=3e-3, betas=(0.5, 0.999))
    falls = [torch.optim.lr_scheduler.LambdaLR(one, lambda n: min(1, 2 - 2 * n / steps)) for one in (opt_g, opt_d)]
    for _ in range(steps):
        real, fake = mixture.sample(batch_size), netG(torch.randn(batch_size, 4))
        d_loss = F.softplus(-netD(real)).mean() + F.softplus(netD(fake.detach())).mean()  # detach: this is D's step
        opt_d.zero_grad()
        d_loss.backward()
        opt_d.step()
        g_loss = generator_loss(netD(fake))  # by the D that has just moved
        opt_g.zero_grad()
        g_loss.backward()
        opt_g.step()
        for fall in falls:
            fall.step()
    return netG


seed_everything(0)
own_ring = ring(std=0.12)
own_G = own_gan(own_ring, choose(smoke=5, cpu=1500, gpu=1500))
with torch.no_grad():
    points = own_G(torch.randn(2500, 4))
covered = modes_covered(points, own_ring.means, 0.12)
print(f"share of points within 3 standard deviations of a mode: {covered['high_quality']:.2f}")
reached(
    "modes of the ring that are covered", covered["modes"], at_least=8, otherwise="Look at `generator_loss`: its sign?"
)

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
fig, axes = plotting.subplots(1, 2, size=(6.4, 3.1))
for ax, (name, shown) in zip(axes, {"data": own_ring.sample(2500), "your GAN": points}.items(), strict=True):
    ax.plot(*shown.T, ".", color=plotting.COLOURS["plum"], markersize=2)
    ax.set(title=name, xlim=(-3, 3), ylim=(-3, 3), aspect="equal", xticks=[], yticks=[])
plotting.show(
    fig, alt="Left, points around eight modes on a ring; right, points of the trained generator on the same ring"
)

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ### A ring of 8 and a grid of 25
#
# Twice the same GAN: $D$ learns at a tenth of $G$'s rate, or at three times. Grey discs are modes.
#
# <!-- notes 4 min
# One seed is shown; the lesson has all of them. With a slow D the ring ends in two ways, by seed: all samples on one
# spot, or all eight modes with poor quality. With a fast D every run covers the ring. It is no cure: on the grid up to
# three modes are missing.
# Ask: why does a slow D allow a collapse? G runs from one spot that D still believes to the next.
# -->

# %% [markdown]
# ### A ring of 8 and a grid of 25
#
# On mixtures of narrow Gaussians collapse can be counted. A sample is of *high quality* if it lies within 3 standard
# deviations of its nearest centre. A mode is *covered* if at least one such sample is nearest to it. We train the same
# GAN twice. Once $D$ learns at a tenth of $G$'s rate; it cannot follow, and $G$ may run from one spot that $D$ still
# believes to the next. The other time it learns at *three times*
# $G$'s rate. Nothing else changes. (Two rates are what Heusel et al. 2017 ask for, such that $D$ keeps up with a $G$
# that changes slowly. The factors are ours.)

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
collapse = [
    ("ring_slow", "ring, slow D"),
    ("ring_fast", "ring, fast D"),
    ("grid_slow", "grid, slow D"),
    ("grid_fast", "grid, fast D"),
]
mixtures = {"ring": ring(), "grid": grid()}
fig, axes = plotting.subplots(1, 4, size=(9, 2.75))
for ax, (name, title) in zip(axes, collapse, strict=True):
    mixture, reach = mixtures[name[:4]], 2.9 if name[:4] == "ring" else 5.6
    points = runs.load(f"lesson_02/{name}", 0).sample(1500, torch.Generator().manual_seed(0))
    ax.plot(*mixture.means.T, "o", color="0.75", markersize=7, label="modes of the data")
    ax.plot(*points.T, ".", color=plotting.COLOURS["plum"], markersize=2, label="samples of G")
    ax.set(title=title, xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=[], yticks=[])
fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, markerscale=1.2)
plotting.show(
    fig,
    alt="Samples (small dots) and modes (grey discs) of seed 0. Ring with a slow D: all samples in one smear. Ring with a fast "
    "D: small clusters on all eight. Grid with a slow D: a cloud over all. Grid with a fast D: clusters on the modes.",
)

# %% tags=["hide-input"]
found = {}
for name, title in collapse:
    mixture = mixtures[name[:4]]
    seeds = [
        modes_covered(
            runs.load(f"lesson_02/{name}", seed).sample(2500, torch.Generator().manual_seed(0)),
            mixture.means,
            float(mixture.std),
        )
        for seed in runs.seeds(f"lesson_02/{name}")
    ]
    found[title] = {"modes": [one["modes"] for one in seeds], "high quality": [one["high_quality"] for one in seeds]}
plotting.metric_table(
    found,
    {"modes": "modes covered", "high quality": "share of high quality"},
    digits={"modes": 1, "high quality": 2},
    caption=f"2,500 samples of each bundled run, mean ± standard deviation over {len(seeds)} seeds. The ring has 8 modes and "
    "the grid 25.",
    corner="data and D",
)

# %% tags=["hide-input"]
for name, one in found.items():
    covered = ", ".join(
        f"{modes} ({share:.2f})" for modes, share in zip(one["modes"], one["high quality"], strict=True)
    )
    print(f"{name}: modes (share of high quality) by seed: {covered}")

# %% [markdown]
# Read the seeds one by one. With a slow $D$ the ring ends in two ways: some runs lie on no mode at all, all samples on one
# spot; the others found all eight modes, with samples of poor quality. On the grid the slow $D$ does not collapse: samples
# lie everywhere, few of them on a mode. So collapse and low quality are two failures, and one number cannot show both.
# With a fast $D$ every run covers the whole ring, and nearly all of the grid. It is no cure: on the grid up to three modes
# are still missing. `course train lesson_02/ring_slow --seed 1` and the like repeat these runs.
#
# A still picture does not show how $G$ moves. So here is the beginning of a run with a slow $D$.

# %%
seed_everything(0)
runner = GAN(runs.run("lesson_02/ring_slow").system().config)
snapshots = {}


def keep(system, step):
    """Keep some samples at a few steps."""
    if step in (600, 800, 1000, 1200) or (step <= 4 and choose(smoke=True, cpu=False, gpu=False)):
        snapshots[step] = system.sample(400, torch.Generator().manual_seed(0)).cpu()


_ = fit(
    runner, ring().points(50_000), steps=choose(smoke=4, cpu=1200, gpu=1200), batch_size=256, seed=0, flip=False,
    device="cpu", on_step=keep, progress=False,
)  # fmt: skip

# %% tags=["hide-input"]
fig, axes = plotting.subplots(1, 4, size=(9, 2.6))
for ax, (step, points) in zip(axes, snapshots.items(), strict=True):
    ax.plot(*ring().means.T, "o", color="0.75", markersize=7)
    ax.plot(*points.T, ".", color=plotting.COLOURS["plum"], markersize=2)
    ax.set(title=f"step {step:,}", xlim=(-3.2, 3.2), ylim=(-3.2, 3.2), aspect="equal", xticks=[], yticks=[])
plotting.show(
    fig,
    alt="The ring of eight modes at four moments of a run with a slow D: each time all samples lie in one streak, each time in "
    "another place",
)

# %% [markdown]
# ## Train it here: garments
#
# Now pictures. $G$ is a stack of dense layers from 64 numbers to 784 pixels; $D$ is one from 784 pixels to a logit.
# On a CPU this is about two thirds of an epoch. Watch the samples: the noise stays the same, only $G$ changes.


# %%
def live_figure(system, history):
    """Draw twenty samples for the same noise, below what D says."""
    samples = system.sample(20, torch.Generator().manual_seed(0)).cpu()
    title = f"step {len(history)}: D(real) {history.mean('d_real', 20):.2f}, D(fake) {history.mean('d_fake', 20):.2f}"
    fig = plotting.image_grid(samples, columns=10, title=title, tile=70)
    return plotting.mime_bundle(
        fig, alt="Twenty samples of the generator in training, from the same noise at each step"
    )


seed_everything(0)
here = GAN(GARMENTS)
history = fit(
    here, train, steps=choose(smoke=4, cpu=300, gpu=9400), batch_size=128, seed=0, flip=False, ema_decay=0.98,
    device=device, figure=live_figure,
)  # fmt: skip

# %% [markdown]
# The long run is bundled: `course train lesson_02/garments`, the same code and data. Its samples are those at the top of
# the lesson. `data/checkpoints/lesson_02/README.md` gives command, time and metrics.

# %% tags=["hide-input"]
card = garment_gan.card
print(f"{card['command']}: {card['epochs']} epochs, {card['steps']} steps, {card['minutes']} minutes on one CPU core")

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ## Measure
#
# A GAN has no likelihood to report: 2,000 samples against 2,000 held-out pictures.
#
# <!-- notes 4 min
# VGG-KID is a distance between two sets, lower is better. Sharpness: share of fine detail, 1 is as real pictures; it
# counts grain as detail. Diversity: distance between two samples, 1 is as real ones.
# Ask what the two rows without a GAN are for: they say what the scale means. The GAN is much nearer than the linear
# model, and far from as near as real pictures are.
# -->

# %% [markdown]
# ## Measure
#
# A GAN has no likelihood to report. We compare 2,000 samples with 2,000 held-out pictures.
#
# - **VGG-KID** is a distance between two sets of pictures by the features of a trained network; lower is better.
# - **Sharpness** is the share of fine detail relative to real pictures: 1 is as much. It counts grain as detail.
# - **Diversity** is the mean distance between two samples, relative to that of two real pictures.
#
# Two rows without any GAN say what the metrics mean: other real pictures, and a linear model, which adds the 20 main
# directions of variation (principal components, drawn as a Gaussian) to the mean picture.

# %% tags=["hide-input"]
from course_lib.lessons.lesson_02.held_out import set_figures

count = choose(smoke=200, cpu=2000, gpu=2000)
real = test.images[:count].float() / 127.5 - 1
flat = train.images[:10_000].flatten(1).float() / 127.5 - 1
centre = flat.mean(0)
torch.manual_seed(0)
_, spread, basis = torch.pca_lowrank(flat - centre, q=20, center=False)
drawn = centre + (torch.randn(count, 20) * spread / math.sqrt(len(flat))) @ basis.T
sets = {
    "GAN, this lesson": garment_gan.sample(count, torch.Generator().manual_seed(0)),
    "20 principal components": drawn.view(-1, 1, 28, 28).clamp(-1, 1),
    "other real pictures": train.images[:count].float() / 127.5 - 1,
}
measured = {name: set_figures(images, real) for name, images in sets.items()}

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
plotting.metric_table(
    measured,
    digits={"VGG-KID": 1, "sharpness": 2, "diversity": 2},
    caption=f"{count:,} pictures of each kind against {count:,} held-out pictures of Fashion-MNIST.",
    corner="pictures",
)

# %% [markdown]
# The GAN is much nearer to real pictures than the linear model, and far from as near as real pictures are. It has less
# fine detail than the real ones, although it has grain: buttons, prints and seams are missing. Two of its samples differ
# about as much as two real pictures do.

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ### Does it copy?
#
# Each sample, and the nearest picture of the training set.
#
# <!-- notes 3 min
# A generator that stored the training set would have a perfect VGG-KID. The distance alone does not tell, as noise
# moves a copy away as well. The ratio of nearest to second nearest does: the lines below. No sign of copying.
# -->

# %% [markdown]
# ### Does it copy?
#
# A generator that stored the training set would have a perfect VGG-KID. So we look for the two nearest training pictures
# of each sample, by the root mean square over pixels. A copy, even one with grain, is much nearer to one picture than to
# the second nearest. The comparison is with *held-out real* pictures, which are no copies, and with noisy copies that we
# make ourselves.

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
known = train.images.flatten(1).float() / 127.5 - 1


def nearest_training(images, chunk=100):
    """Return the distances of each picture to its two nearest training pictures (RMS, (N, 2)), and the nearest one."""
    parts = [torch.cdist(part.flatten(1), known).topk(2, dim=1, largest=False) for part in images.split(chunk)]
    distances = torch.cat([part.values for part in parts]) / math.sqrt(known.shape[1])
    return distances, torch.cat([part.indices[:, 0] for part in parts])


samples = made[: choose(smoke=40, cpu=400, gpu=400)]
to_train, which = nearest_training(samples)
torch.manual_seed(0)
copies = known[:400:4].view(-1, 1, 28, 28)
copies = (copies + 0.38 * torch.randn_like(copies) * (copies > -0.9)).clamp(-1, 1)
neighbours = {
    "samples of the GAN": to_train,
    "held-out pictures": nearest_training(real[: len(samples)])[0],
    "training pictures with noise": nearest_training(copies)[0],
}
fig = plotting.image_grid(
    [samples[:10], train.images[which[:10]]], row_titles=["sample", "nearest in training"], tile=70
)
plotting.show(fig, alt="Ten samples, and below each the nearest picture of the training set: similar, and not the same")

# %% tags=["hide-input"]
for name, near in neighbours.items():
    ratio = (near[:, 0] / near[:, 1]).median()
    print(f"{name:29} median distance to the nearest {near[:, 0].median():.3f}   nearest / second nearest {ratio:.3f}")

# %% [markdown]
# The distance alone would not tell: noise moves a copy away as well. The ratio does. For noisy copies it is far below 1;
# for the GAN it is as near to 1 as for new photographs. No sign of copying.

# %% tags=["exercise:02.5"]

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ## What the proof leaves out
#
# The proof moves the *density* freely and lets $D$ reach its maximum. Training moves weights, by small steps, of both.
#
# The simplest game: $\min_g \max_d\; g\, d$, with the equilibrium $g = d = 0$.
#
# <!-- notes 5 min
# Let them take one step on paper from (1, 0) at rate 0.2, at once and in turn. At once, g squared plus d squared grows
# by the factor 1 + eta squared at each step: a spiral outwards at every rate. In turn: round and round on an ellipse.
# -->

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "fragment"}
# $$g \leftarrow g - \eta\, d, \qquad d \leftarrow d + \eta\, g .$$

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "fragment"}
# At once: $g^2 + d^2$ grows by $1 + \eta^2$ at each step. In turn: an ellipse. Neither arrives.

# %% [markdown] syllabus=["N4.16"]
# ## What the proof leaves out
#
# The proof moves the *density* $p_G$ freely and lets $D$ reach its maximum each time. Training does neither. It moves the
# weights of a fixed architecture, by small steps, of both players. Even the simplest game shows what can happen then:
#
# $$\min_g \max_d \; g\, d, \qquad \text{with the equilibrium } g = d = 0 .$$
#
# The gradient steps are $g \leftarrow g - \eta\, d$ and $d \leftarrow d + \eta\, g$, with the learning rate $\eta$. Taken
# *at once*, each step multiplies $g^2 + d^2$ by $1 + \eta^2$: the players spiral outwards for every rate. Taken *in turn*,
# they go round on an ellipse. A smaller rate only slows the spiral down.


# %%
def play(rate, steps, in_turn):
    """Play the bilinear game from (1, 0); return the places (steps + 1, 2)."""
    g, d = 1.0, 0.0
    places = [(g, d)]
    for _ in range(steps):
        if in_turn:
            d = d + rate * g
            g = g - rate * d
        else:
            g, d = g - rate * d, d + rate * g
        places.append((g, d))
    return torch.tensor(places)


# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ### At once, in turn
#
# Three paths from $(1, 0)$, all over the same time.
#
# <!-- notes 2 min
# A smaller rate only slows the spiral down. In turn is no cure: the path never reaches the middle. The proof says where
# the equilibrium is, not that two networks get there. Lesson 06, not written yet, adds terms that pull inwards.
# -->

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
paths = {
    "at once, rate 0.2": play(0.2, 60, False),
    "at once, rate 0.02": play(0.02, 600, False),
    "in turn, rate 0.2": play(0.2, 60, True),
}
fig, axes = plotting.subplots(1, 3, size=(9, 3.1), sharex=True, sharey=True)
for ax, (name, path), colour in zip(axes, paths.items(), ("vermilion", "plum", "blue"), strict=True):
    ax.plot(*path.T, color=plotting.COLOURS[colour], linewidth=1.6)
    ax.plot(*path[0], "o", color="0.3")
    ax.plot(0, 0, "+", color="0.15", markersize=11)
    ax.set(title=name, xlabel="g", aspect="equal")
axes[0].set_ylabel("d")
plotting.show(
    fig,
    alt="Three paths from (1, 0) about the equilibrium, all over the same time. At once with rate 0.2: a spiral outwards to "
    "more than three. At once with rate 0.02: nearly a circle. In turn with rate 0.2: a closed ellipse.",
)

# %% tags=["checked", "hide-input"]
for name, path in paths.items():
    radius = path.norm(dim=1)
    print(f"{name:20} radius at the end {radius[-1]:.2f}   smallest {radius.min():.2f}   greatest {radius.max():.2f}")
print(
    "your prediction for 60 steps at 0.2:", {name: round(value, 2) for name, value in predicted_radius(0.2, 60).items()}
)

# %% [markdown]
# In turn is not a cure: the path never reaches the equilibrium. What the proof promises is where the equilibrium *is*.
# It does not promise that two networks get there. Lesson 06 adds terms to the losses that pull inwards.

# %% [markdown]
# ## Play
#
# The game in the plane: samples of $G$, the map of $D$ behind them, and the loss of $D$. The modes are wider here (standard
# deviation 0.12), so that they can be seen. Press play, or drag the slider. Try: find a mode that $G$ has not reached yet.
# Is $D$ above or below $\tfrac12$ there? What does that do to samples nearby?

# %%
wide_ring = ring(std=0.12)
seed_everything(0)
plane_game = GAN(GANConfig(d_lr=3e-3, decay=0.5))
plane_record = record_plane(plane_game, wide_ring, every=choose(smoke=4, cpu=40, gpu=40))
fit(
    plane_game, wide_ring.points(50_000), steps=choose(smoke=12, cpu=1600, gpu=1600), batch_size=256, seed=0, flip=False,
    device="cpu", on_step=plane_record, progress=False,
)  # fmt: skip
player = game_player(plane_record.frames, wide_ring.sample(300, torch.Generator().manual_seed(0)))

# %% tags=["hide-input"]
player

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ## Where it fails
#
# 64 samples, not chosen.
#
# <!-- notes 2 min
# Dense layers know nothing of neighbouring pixels, so that each pixel has its own grain. Some samples are no garment.
# One reason: G is continuous, and on the way from one z to another it must cross from one kind to the next somewhere.
# Ask them to find three that are no garment.
# -->

# %% [markdown]
# ## Where it fails
#
# Below are 64 samples, not chosen, and then the ten of 400 that are farthest from every training picture. Dense layers
# know nothing of neighbouring pixels, so each pixel has its own grain. Some samples are no garment at all. One reason is
# that $G$ is continuous: on the way from one $z$ to another it must cross from one kind to the next somewhere.

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
plotting.show(
    plotting.image_grid(made[:64], columns=16, tile=50),
    alt="Sixty-four samples of the bundled GAN: shirts, trousers, shoes, dresses and bags with grain, some not recognisable",
    palette=True,
)

# %% tags=["hide-input"]
far = to_train[:, 0].argsort(descending=True)[:10]
fig = plotting.image_grid(
    [samples[far], train.images[which[far]]], row_titles=["farthest samples", "nearest in training"], tile=66
)
plotting.show(
    fig,
    palette=True,
    alt="The ten samples farthest from the training set, most of them broken, and their nearest pictures",
)

# %% [markdown]
# A convolutional generator (lesson 05) knows about neighbours; other losses and normalisations (lesson 06) steady the
# game.

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ## Summary
#
# - $D^* = p / (p + q)$, place by place; against it the minimax loss is $-\log 4 + 2\, \mathrm{JSD}(p, q)$.
# - In a perfect game $D = \tfrac12$, and the loss of $D$ has *risen* to $\log 4$.
# - No gradient where $D$ is sure: minimise $-\log D(G(z))$.
# - Densities apart: JSD is $\log 2$ at any distance.
# - A slow $D$ can let $G$ collapse.
# - Steps may circle: the proof says where the equilibrium is.
#
# <!-- notes 3 min
# Ask for one sentence each on the four ways to go wrong, without looking. Then hand out the exercises that were not
# done in class.
# -->

# %% [markdown]
# ## Summary
#
# - $D$'s best answer is $D^* = p / (p + q)$, found place by place. Against it, the minimax loss of $G$ is
#   $-\log 4 + 2\, \mathrm{JSD}(p, q)$.
# - At the end of a perfect game $D = \tfrac12$ and the loss of $D$ has *risen* to $\log 4$.
# - Four ways to go wrong. (1) The minimax loss gives $G$ no gradient where $D$ is sure; $-\log D(G(z))$ does. (2) Where the
#   densities do not overlap, JSD is $\log 2$ at any distance. (3) A discriminator that is too slow can let $G$ collapse, as in some
#   seeds on the ring; with one that learns faster, $G$ covers all modes of the ring in each seed here. (4) Gradient steps may circle: the proof
#   says where the equilibrium is, not that they reach it.

# %% [markdown]
# ### References
#
# - I. Goodfellow et al. *Generative Adversarial Nets.* NeurIPS 2014. Sections 3 and 4, algorithm 1.
# - D. Endres, J. Schindelin. *A new metric for probability distributions.* IEEE Trans. Inf. Theory 2003.
# - M. Arjovsky, L. Bottou. *Towards Principled Methods for Training Generative Adversarial Networks.* ICLR 2017.
#   Section 2, theorems 2.4 to 2.6.
# - L. Metz et al. *Unrolled Generative Adversarial Networks.* ICLR 2017. Section 3.1 (the ring).
# - M. Heusel et al. *GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium.* NeurIPS 2017.
#   Section 2.
# - Z. Lin et al. *PacGAN: The Power of Two Samples in Generative Adversarial Networks.* NeurIPS 2018. Section 4.1 (the
#   grid).
# - L. Mescheder, S. Nowozin, A. Geiger. *The Numerics of GANs.* NeurIPS 2017. Sections 2 and 3 (why the steps circle).
