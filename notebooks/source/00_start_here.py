# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # 00 · Start here
#
# **Question.** Is everything in place, and what is there to learn from?
#
# **You will be able to** run a lesson, ask for a check, a hint and a solution, and name every picture set that the
# course uses.
#
# <!-- the slide ends here -->
#
# **Time.** Under a minute to run all cells on a CPU or a GPU. About twenty minutes to read and do.
#
# <!-- links -->
#
# <!-- notes 2 min
# The first quarter of an hour of a term. Everybody opens lesson 00 while you speak.
# -->

# %% tags=["setup"]

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ## How a lesson works
#
# - From a claim to code that tests it: a formula, a number, a figure.
# - **Run a cell**: Shift + Enter. **Change things**, and run again from the set-up cell.
# - **Exercises** have a cell of yours; an empty one says so and the lesson goes on.
# - **Train** a short run here; a longer run of the same code is bundled and measured.
# - **Stop** a training with the stop button: nothing is lost.
#
# <!-- notes 3 min
# Run the set-up cell in front of the class. COURSE_PRESET sets sizes and steps, smoke, cpu or gpu, and never the code.
# -->

# %% [markdown]
# ## How a lesson works
#
# Every lesson starts with a set-up cell like the one above. It finds the course, seeds the random numbers, and says
# which device is used.
#
# Then the lesson goes from a claim to code that tests it: the formula, a number on the screen, a figure. You train a
# system here for a short time.
# After that the lesson loads a longer run of the same code, and measures it on pictures that it was not trained on.
#
# - **Run a cell** with Shift + Enter. Run all: menu *Run*, then *Run All Cells*.
# - **Change things.** A lesson can be run again at any time, from its set-up cell on.
# - **Exercises** have a cell of yours. An empty one says so and the lesson goes on.
# - **Three sizes.** The environment variable `COURSE_PRESET` is `smoke` (seconds), `cpu` (default) or `gpu` (paper
#   scale). It changes sizes and steps, never the code.
# - **Stop** a training with the stop button: what was trained until then is kept.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## Is everything in place?
#
# `doctor` looks at the versions, the device, the memory, and at every bundled file: each is compared with the hash in
# `data/manifest.json`.
#
# <!-- the slide ends here -->
#
# It also multiplies two matrices, to know how fast this machine is. The times in the lessons were taken on two CPU
# cores.
#
# <!-- notes 3 min
# Run doctor together. Whoever sees a line that says what is wrong also sees what to do: do it now.
# -->

# %%
from course_lib.doctor import doctor

healthy = doctor()

# %% [markdown]
# If a line says what is wrong, it also says what to do. In a terminal the same report comes from `course doctor`.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What there is to learn from
#
# All pictures are in the folder `data/`, with their licences. No download is needed. One function loads any of them.
#
# <!-- notes 2 min
# No download is needed. Ask which set they would take to ask "what is the right answer", and which to ask "does it look
# real".
# -->

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
import torch

from course_lib import data, plotting

plotting.metric_table(
    {
        row.name: {
            "what": row.what,
            "splits": ", ".join(row.splits),
            "pictures": f"{row.count:,}",
            "licence": row.licence,
        }
        for row in data.CATALOGUE
    },
    caption="The bundled sets. The source of each is in the README of its folder.",
)

# %% [markdown]
# A set holds its pictures as bytes: a `uint8` tensor of shape $(N, C, H, W)$, values 0 to 255, where $N$ counts
# pictures, $C$ channels, $H$ rows and $W$ columns.

# %% tags=["checked"]
clothes = data.load("fashion_mnist", "train")
print(clothes)
print("shape", tuple(clothes.images.shape), "type", clothes.images.dtype)
print("values from", clothes.images.min().item(), "to", clothes.images.max().item())

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Your turn
#
# An exercise is a function that you complete. `check` runs it on many inputs, compares it with ours, and names likely
# mistakes. It hands back what the lesson goes on with: your function if it is right, ours if you have not tried. Try a
# wrong answer first, to see what happens. `hint("00.1")` gives a hint, a stronger one each time; `solution("00.1")` shows
# our answer.
#
# <!-- notes 3 min
# Try a wrong answer first, on purpose, and read what check says. Then a hint, then another. The function that comes
# back is the one that the lesson goes on with.
# -->

# %%
from course_lib.exercises import check, hint, progress, solution

# %% tags=["exercise:00.1"]

# %%
hint("00.1")  # run again for a stronger hint

# %% [markdown]
# Networks see numbers in $[-1, 1]$ instead. `batches` shuffles, moves and converts, a batch at a time, on the device.

# %% tags=["checked"]
batch = next(clothes.batches(64, generator=torch.Generator().manual_seed(0)))
print(batch)
print(f"values from {batch.images.min():.0f} to {batch.images.max():.0f}")
print("`to_network` gives the same:", torch.equal(to_network(clothes.images[batch.index]), batch.images))

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Fashion-MNIST
#
# 70,000 grey pictures of clothes, 28 x 28, in ten classes. Licence MIT, from Zalando Research. Lessons 02 to 06 and 08
# train on it.
#
# <!-- notes 1 min
# Ask which two classes will be confused. Shirt, coat and pullover come back in lesson 03.
# -->

# %% tags=["hide-input"] slideshow={"slide_type": "-"}


def rows_by_label(images, per_row):
    """Return the first pictures of every label, one row a label, in [-1, 1]."""
    rows = [(images.labels == label).nonzero().flatten()[:per_row] for label in range(len(images.label_names))]
    return [list(to_network(images.images[row])) for row in rows]


fig = plotting.image_grid(rows_by_label(clothes, 12), row_titles=clothes.label_names, tile=52)
plotting.show(fig, alt="Twelve pictures of each of the ten classes of Fashion-MNIST, one class a row")

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Digits
#
# 5,000 handwritten digits, 28 x 28, 500 of each. What is known of their licence is in `data/mnist/README.md`.
#
# <!-- notes 1 min
# A small sample: figures are not comparable with those of the full set.
# -->

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
digits = data.load("mnist", "train")
fig = plotting.image_grid(rows_by_label(digits, 16), row_titles=digits.label_names, tile=44)
plotting.show(fig, alt="Sixteen handwritten examples of each digit, one digit a row")

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Emoji
#
# 2,608 emoji, 64 x 64, each drawn in several styles. The first four styles lie exactly on top of each other: outline,
# label map, flat and 3D (Microsoft Fluent, MIT).
# Noto (Google, Apache 2.0) and OpenMoji (CC BY-SA 4.0) draw the same things in other shapes.
#
# <!-- notes 2 min
# One column is one emoji. The first four styles lie exactly on top of each other: pairs for lesson 10, and hidden
# truths for lesson 11.
# -->

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
from course_lib.data.bundled.emoji import label_palette

styles = ["outline", "labels", "flat", "3d", "noto", "openmoji", "openmoji_line"]
by_style = {style: data.load("emoji", "test", style=style) for style in styles}
palette = label_palette()


def as_picture(images, style):
    """Return pictures in [-1, 1]; a label map gets the colour of each of its classes."""
    if style == "labels":
        images = palette[images[:, 0].long()].permute(0, 3, 1, 2)
    return images.float() / 127.5 - 1


wanted = torch.linspace(0, len(by_style["3d"]) - 1, 12).long()
rows = [list(as_picture(by_style[style].images[wanted], style)) for style in styles]
fig = plotting.image_grid(rows, row_titles=styles)
plotting.show(
    fig,
    palette=True,
    alt="Twelve emoji in seven styles, one style a row: outline, label map, flat, 3D, Noto, OpenMoji in colour and as line art",
)

# %% [markdown]
# Persons come in three genders and six tones, with everything else nearly the same. Lesson 01 uses this: one outline
# has six right answers.
#
# Two flaws to know about. Hair colour changes with the tone, and clothes change with the gender. So "tone" is never
# only skin in these data.

# %% [markdown] tags=["slides-only"] slideshow={"slide_type": "slide"}
# ### One outline, six right answers
#
# Persons come in six tones, with everything else nearly the same.
#
# <!-- notes 2 min
# Lesson 01 lives from this. Two flaws to know about: hair colour changes with the tone, and clothes with the gender. So
# tone is never only skin in these data.
# -->

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
from course_lib.data.answers import emoji_answers

people = emoji_answers("test")
picked = [people.names.index(name) for name in ("farmer", "woman farmer", "man farmer", "singer")]
rows = [[people.condition()[i], *people.targets()[i]] for i in picked]
fig = plotting.image_grid(
    rows, row_titles=[people.names[i] for i in picked], column_titles=["outline", "default", *people.tones[1:]]
)
plotting.show(fig, palette=True, alt="Four person emoji, each with its outline and six skin tones")

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Photographs
#
# Photographs in the public domain or under CC0, the short side 384 pixels. The author and the source of each are in
# `data/photos/photos.csv`. Below are the middle squares of twelve of them.
#
# <!-- notes 1 min
# Author and source of each are in a table beside them. Ask where the pictures in their own slides come from.
# -->

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
photographs = data.load("photos", "train")
side = min(min(picture.shape[1:]) for picture in photographs.images)
squares = torch.stack(
    [
        picture[:, (picture.shape[1] - side) // 2 :, (picture.shape[2] - side) // 2 :][:, :side, :side]
        for picture in photographs.images[:12]
    ]
)
fig = plotting.image_grid(squares, columns=6, tile=84)
plotting.show(fig, palette=True, alt="Twelve of the bundled photographs: animals, buildings, people and things")

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Paintings
#
# Paintings in the public domain, whole. Lesson 12 takes their style.
#
# <!-- notes 1 min
# Lesson 12 takes their style; their painters are long dead.
# -->

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
paintings = data.load("paintings")
rows = [range(len(paintings))[i : i + 5] for i in range(0, len(paintings), 5)]
fig = plotting.image_grid(
    [[paintings.images[i] for i in row] for row in rows],
    captions=[[paintings.names[i] for i in row] for row in rows],
    tile=100,
)
plotting.show(fig, palette=True, alt="The bundled paintings and prints, among them several by Van Gogh")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Training, validation, test
#
# A metric counts only on pictures that a network has not learned from. But what is a *different* picture? The six
# tones of one farmer are six files.
# A network that saw five of them knows the sixth. So the course splits emoji by what is drawn: all tones and genders
# of a role, and all near-duplicates, are in one split.
#
# <!-- notes 3 min
# What is a different picture? The six tones of one farmer are six files; a network that saw five knows the sixth. So
# the split goes by what is drawn. Ask for a leak that they have met.
# -->

# %% tags=["exercise:00.2"]

# %% tags=["checked"]
sizes = {split: len(data.load("emoji", split)) for split in ("train", "validation", "test")}
roles = {split: set(data.load("emoji", split).factors["role"].tolist()) for split in sizes}
bases = {split: data.load("emoji", split).factors["base"] for split in sizes}
rows = [split for split in sizes for _ in range(sizes[split])]
print(sizes)
print("bases in two splits:", leaking_bases(torch.cat(list(bases.values())), rows) or "none")
print("roles in two splits:", len(roles["train"] & roles["test"]) + len(roles["train"] & roles["validation"]))

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The exercises of the course
#
# `progress()` is the map of all exercises: what each one trains, about how many minutes it takes, and how hard it is. Below
# is what it shows before the first one is done. When `check` has called an answer right, it says "done" and the day. That is
# kept on this machine and nowhere else. `progress("03")` shows one lesson.
#
# <!-- notes 1 min
# progress() shows what is done; it is kept on the learner's machine and nowhere else.
# -->

# %% slideshow={"slide_type": "skip"}
progress()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Summary
#
# - Everything a lesson needs is in the folder: pictures, licences, trained weights.
# - `data.load(name, split)` gives bytes; `batches` gives numbers in $[-1, 1]$ on the device.
# - The splits keep variants of one emoji together.
# - `check`, `hint` and `solution` are there in every lesson.
#
# Go on with lesson 01: why is my regression output blurry?
#
# <!-- notes 1 min
# Go on with lesson 01.
# -->
