"""Sliders along latents: the picture is what the decoder makes, it comes at once, and every start can be chosen."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from course_lib.errors import ShapeError
from course_lib.lessons.lesson_03.latent_sliders import SIDE, latent_explorer
from course_lib.runs.side_by_side import gflop_of
from course_lib.systems.vae import VAE, VAEConfig
from course_lib.widgets.explorer import Explorer

ORDER = [7, 3, 0, 12, 5, 19, 1, 2]


@pytest.fixture(scope="module")
def system() -> VAE:
    torch.manual_seed(0)
    system = VAE(VAEConfig())
    with torch.no_grad():
        for weight in system.netG.parameters():
            weight.mul_(4)  # so that the pictures of an untrained network differ
    return system


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png))).astype(int)


def decoded(system: VAE, z: Tensor) -> np.ndarray:
    return ((system.decode(z[None])[0, 0] + 1) * 127.5).round().int().numpy()


def is_shown(explorer: Explorer, system: VAE, z: Tensor) -> bool:
    shown = pixels(explorer.png)
    enlarged = np.kron(decoded(system, z), np.ones((SIDE // 28, SIDE // 28), int))
    return shown.shape == (SIDE, SIDE) and bool(np.abs(shown - enlarged).max() <= 1)


def test_the_picture_is_decoded_at_the_sliders(system: VAE) -> None:
    explorer = latent_explorer(system, ORDER, count=4)
    assert list(explorer.controls) == ["z7", "z3", "z0", "z12"]
    assert all((slider.min, slider.max) == (-3, 3) for slider in explorer.controls.values())
    z = torch.zeros(20)
    assert is_shown(explorer, system, z)
    explorer.controls["z3"].value = -2.5
    explorer.controls["z12"].value = 1.0
    assert not is_shown(explorer, system, z)
    z[3], z[12] = -2.5, 1.0
    assert is_shown(explorer, system, z)
    assert "z7 = 0.0, z3 = −2.5, z0 = 0.0, z12 = 1.0" in explorer.alt
    assert f"width='{SIDE}'" in explorer.picture.value


def test_latents_without_a_slider_stay_where_the_start_is(system: VAE) -> None:
    start = torch.linspace(-2, 2, 20)
    explorer = latent_explorer(system, ORDER, start, count=2)
    z = start.clone()
    z[7], z[3] = explorer.controls["z7"].value, explorer.controls["z3"].value
    assert torch.allclose(z, start, atol=0.05)  # sliders have steps of 0.1
    assert is_shown(explorer, system, z)
    assert explorer.helpers == []


def test_another_picture_sets_all_sliders_and_draws_once(system: VAE, monkeypatch: pytest.MonkeyPatch) -> None:
    starts = {"shoe": torch.full((20,), 0.5), "coat": torch.full((20,), -1.2), "far": torch.full((20,), 9.0)}
    explorer = latent_explorer(system, ORDER, starts)
    (menu,) = explorer.helpers
    assert menu.options == ("shoe", "coat", "far")
    assert is_shown(explorer, system, starts["shoe"])
    calls = []
    decode = VAE.decode
    monkeypatch.setattr(VAE, "decode", lambda self, z: (calls.append(1), decode(self, z))[1])
    menu.value = "coat"
    assert len(calls) == 1
    assert {slider.value for slider in explorer.controls.values()} == {-1.2}
    assert is_shown(explorer, system, starts["coat"])
    assert "from the picture coat" in explorer.alt
    menu.value = "far"
    z = starts["far"].clone()
    z[ORDER[:6]] = 3.0  # as far as the sliders reach
    assert is_shown(explorer, system, z)


def test_from_a_slider_to_the_picture_one_code_is_decoded_and_nothing_plotted(
    system: VAE, monkeypatch: pytest.MonkeyPatch
) -> None:
    explorer = latent_explorer(system, ORDER)
    monkeypatch.setattr(Figure, "__init__", None)  # matplotlib would take most of the time
    seen = set()

    def move(place: float) -> None:
        explorer.controls["z7"].value = place
        seen.add(explorer.png)

    one = gflop_of(lambda: system.decode(torch.zeros(1, 20)))
    assert [gflop_of(lambda k=k: move(-3 + 0.2 * k)) for k in range(31) if k != 15] == [one] * 30
    assert explorer.error is None
    assert len(seen) > 25


def test_where_no_kernel_runs_each_slider_has_a_row(system: VAE) -> None:
    explorer = latent_explorer(system, ORDER, count=3)
    data, metadata = explorer._repr_mimebundle_()
    still = base64.b64decode(data["image/png"])
    assert still != explorer.png
    assert "one row for each of z7, z3, z0" in data["text/plain"]
    height, width = pixels(still).shape[:2]
    assert 1.5 < width / height < 2.7  # seven pictures in each of three rows
    assert metadata["image/png"]["width"] <= 900


@pytest.mark.parametrize(
    ("order", "start", "count", "sentence"),
    [
        ([0, 1, 2], None, 4, "does not name 4 of 20 latents"),
        ([0, 0, 1], None, 3, "does not name 3 of 20 latents"),
        ([20], None, 1, "does not name 1 of 20 latents"),
        ([], None, 0, "does not name 0 of 20 latents"),
        (ORDER, torch.zeros(1, 20), 2, r"has the shape \(20,\)"),
        (ORDER, {"a": torch.zeros(20), "b": torch.zeros(3)}, 2, r"not \[\(3,\)\]"),
        (ORDER, {}, 2, r"has the shape \(20,\)"),
    ],
)
def test_what_fits_no_latents(
    system: VAE, order: list[int], start: Tensor | dict[str, Tensor] | None, count: int, sentence: str
) -> None:
    with pytest.raises(ShapeError, match=sentence):
        latent_explorer(system, order, start, count)
