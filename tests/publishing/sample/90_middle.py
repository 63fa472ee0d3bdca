# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # 90 · Which number lies in the middle?
#
# **Question.** Which single number is
# closest to all answers?
#
# Under a minute on a CPU.
#
# <!-- links -->

# %% tags=["setup"]

# %% [markdown] slideshow={"slide_type": "slide"} syllabus=["N0.9", "E1"]
# ## The squared error
#
# $\sum_i (a_i - c)^2$ is smallest at the mean:
#
# $$c = \frac{1}{n}\sum_i a_i$$
#
# <!-- the slide ends here -->
#
# Whoever reads alone may want to prove it: set the slope to zero.
#
# <!-- notes 3 min
# Ask for a guess before the figure is shown.
# -->

# %% tags=["hide-input"] slideshow={"slide_type": "-"}
import io

import matplotlib.pyplot as plt
import torch
from IPython.display import display

answers = torch.tensor([0.0, 0.0, 1.0])
c = torch.linspace(0, 1, 101)
fig, ax = plt.subplots(figsize=(5, 2.5))
ax.plot(c, ((answers[:, None] - c) ** 2).mean(0))
picture = io.BytesIO()
fig.savefig(picture, format="png")
plt.close(fig)
display({"image/png": picture.getvalue()}, raw=True, metadata={"image/png": {"alt": "A parabola"}})

# %% tags=["checked"]
print(f"lowest at {c[((answers[:, None] - c) ** 2).mean(0).argmin()]:.2f}")

# %% tags=["checked-at-cpu"]
print(f"{7 * len(answers)} steps")


# %%
def check(name, function):
    """Stand in for the real check."""
    try:
        print(name, "right" if function(answers) == 0 else "wrong")
    except NotImplementedError:
        print(name, "not attempted")


# %% [markdown] slideshow={"slide_type": "slide"} syllabus=["N0.9"]
# ## Exercises
#
# Try it before you look.

# %% tags=["exercise:90.1"]

# %% [markdown] tags=["solution-only"]
# The slope is zero where as many answers lie below as above.

# %%
import ipywidgets

slider = ipywidgets.FloatSlider(value=0.25, min=0, max=1, description="c")
slider

# %%
print("the same")

# %%
print("the same")
