"""The emoji: counts, order of tones, splits without near-duplicates, outlines that tones share, and the loader."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage

from course_lib import paths
from course_lib.data.bundled.emoji import (
    GENDERS,
    SPLITS,
    STYLES,
    TONES,
    emoji,
    emoji_index,
    emoji_pairs,
    label_palette,
)
from course_lib.errors import DataError

# Below this root mean square difference (0..255) two pictures are near-duplicates; why these, see data/emoji/README.md.
NEAR = {"3d": 15.0, "flat": 15.0, "noto": 15.0, "openmoji": 15.0, "outline": 10.0, "openmoji_line": 10.0}
SKIN_YELLOW = np.array([255, 200, 61], np.uint8).reshape(3, 1, 1)


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    return emoji_index()


def whole(style: str) -> torch.Tensor:
    """Return the pictures of all splits in the order of the index."""
    parts = [(emoji(split, style).images, emoji_index(split)) for split in SPLITS]
    images = torch.empty(sum(len(part) for part, _ in parts), *parts[0][0].shape[1:], dtype=torch.uint8)
    for part, index in parts:
        images[[int(row["position"]) for row in index]] = part
    return images


def toned_bases(rows: list[dict[str, str]]) -> dict[str, list[int]]:
    """Return the positions of the six tones of each factorial base, in the order of TONES."""
    at = {(row["base"], row["tone"]): int(row["position"]) for row in rows if row["kind"] == "factorial"}
    return {base: [at[base, tone] for tone in TONES] for base, _ in at}


def least_distance(a: torch.Tensor, b: torch.Tensor) -> float:
    """Return the smallest root mean square difference between a picture of ``a`` and one of ``b``, mirrored or not."""
    least = float("inf")
    x = a.flatten(1).float() / 255
    for other in (b, b.flip(-1)):
        y = other.flatten(1).float() / 255
        squared = (x**2).sum(1)[:, None] + (y**2).sum(1)[None] - 2 * (x @ y.T)
        least = min(least, 255 * float(squared.clamp(min=0).min() / x.shape[1]) ** 0.5)
    return least


def test_counts(rows: list[dict[str, str]]) -> None:
    assert len(rows) == 2608
    assert [int(row["position"]) for row in rows] == list(range(2608))
    assert len({row["code"] for row in rows}) == 2608
    assert Counter(row["kind"] for row in rows) == {"factorial": 1260, "core": 1348}
    assert sum(row["tone"] in ("", "none") for row in rows) == 1558
    assert not any(
        "fe0f" in row["code"] or row["code"] != row["code"].lower() or row["group"] == "flags" for row in rows
    )


def test_factorial_part_is_complete(rows: list[dict[str, str]]) -> None:
    cells = Counter((row["role"], row["gender"], row["tone"]) for row in rows if row["kind"] == "factorial")
    assert set(cells.values()) == {1}
    roles = {role for role, _, _ in cells}
    assert set(cells) == set(itertools.product(roles, GENDERS, TONES))
    assert len(roles) == 70


def test_tones_go_from_light_to_dark_in_both_fluent_styles(rows: list[dict[str, str]]) -> None:
    images = {style: whole(style).numpy() for style in ("3d", "flat")}
    luminance = np.array([0.299, 0.587, 0.114], np.float32)
    bases = toned_bases(rows)
    assert len(bases) == 210
    for base, members in bases.items():
        skin = (images["flat"][members[0]] == SKIN_YELLOW).all(0)
        for style, pictures in images.items():
            bright = np.einsum("nchw,c->nhw", pictures[members[1:]], luminance)
            mask = skin & (np.ptp(bright, axis=0) > 30)
            assert mask.sum() >= 8, base
            skins = np.median(bright[:, mask], axis=1)
            assert (np.diff(skins) < 0).all(), f"{base} in {style}: {skins}"


def test_splits_keep_roles_and_bases_together(rows: list[dict[str, str]]) -> None:
    for column in ("role", "base", "cluster"):
        together: dict[str, set[str]] = {}
        for row in rows:
            together.setdefault(row[column], set()).add(row["split"])
        assert all(len(splits) == 1 for splits in together.values()), column


def test_shares_of_the_splits(rows: list[dict[str, str]]) -> None:
    wanted = {"train": 0.75, "validation": 0.10, "test": 0.15}
    roles = {row["role"]: row["split"] for row in rows if row["kind"] == "factorial"}
    for split, share in wanted.items():
        assert sum(row["split"] == split for row in rows) / 2608 == pytest.approx(share, abs=0.01)
        assert sum(found == split for found in roles.values()) == pytest.approx(70 * share, abs=1)
        for group in {row["group"] for row in rows}:
            inside = [row["split"] == split for row in rows if row["group"] == group]
            assert sum(inside) / len(inside) == pytest.approx(share, abs=0.03), (group, split)


@pytest.mark.parametrize("style", NEAR)
def test_no_near_duplicates_across_splits(style: str) -> None:
    train, validation, test = (emoji(split, style).images for split in SPLITS)
    assert least_distance(test, torch.cat([train, validation])) >= NEAR[style]
    assert least_distance(validation, train) >= NEAR[style]


def test_tones_share_one_outline_with_one_exception(rows: list[dict[str, str]]) -> None:
    outlines = whole("outline")
    shared = {
        base: bool((outlines[members] == outlines[members[0]]).all()) for base, members in toned_bases(rows).items()
    }
    noted = {row["base"]: row["outline_shared"] == "1" for row in rows if row["kind"] == "factorial"}
    assert shared == noted
    assert [base for base, same in shared.items() if not same] == ["1f468-200d-1f9b3"]  # man: white hair
    assert {row["outline_shared"] for row in rows if row["kind"] == "core"} == {""}


def test_outlines_lie_on_the_3d_pictures() -> None:
    lines = 255 - whole("outline").squeeze(1).numpy() > 64
    inside = np.stack([ndimage.binary_fill_holes(image) for image in lines])
    shaded = (255 - whole("3d").numpy()).max(1) > 4
    overlap = (inside & shaded).sum((1, 2)) / np.maximum((inside | shaded).sum((1, 2)), 1)
    assert overlap.mean() >= 0.9
    assert np.median(overlap) >= 0.93
    shifted = np.roll(shaded, 6, axis=2)  # the measure sees a shift of six pixels
    assert ((inside & shifted).sum((1, 2)) / np.maximum((inside | shifted).sum((1, 2)), 1)).mean() < 0.85


def test_nearly_blank_outlines_are_noted(rows: list[dict[str, str]]) -> None:
    ink = (255 - whole("outline").float()).mean((1, 2, 3))
    blank = [row["name"] for row, amount in zip(rows, ink, strict=True) if amount < 4]
    assert blank == [row["name"] for row in rows if row["outline_ok"] == "0"]
    assert len(blank) == 2
    assert ink.min() > 2.5


def test_openmoji_lines_lie_inside_the_colour_picture() -> None:
    ink = whole("openmoji_line").squeeze(1) < 128
    colour = whole("openmoji").amin(1) < 250
    assert float(colour[ink].float().mean()) > 0.98


@pytest.mark.parametrize("style", STYLES)
def test_shapes_and_what_is_known(style: str) -> None:
    channels = 1 if style in ("outline", "labels", "openmoji_line") else 3
    found = emoji("validation", style)
    assert found.images.shape == (len(emoji_index("validation")), channels, 64, 64)
    assert found.images.dtype == torch.uint8
    assert found.categorical == (("images",) if style == "labels" else ())
    corners = found.images[:, :, 0, 0]
    if style == "labels":
        assert (int(found.images.min()), int(found.images.max())) == (0, 19)
        assert float((corners == 0).float().mean()) > 0.9  # background
    else:
        assert float((corners == 255).float().mean()) > 0.9  # on white
    assert found.licence
    assert found.source


def test_label_maps_show_the_flat_pictures_in_their_palette() -> None:
    palette = label_palette()
    assert palette.shape == (20, 3)
    assert palette.dtype == torch.uint8
    assert palette[0].tolist() == [255, 255, 255]
    assert len({tuple(colour) for colour in palette.tolist()}) == 20
    pairs = emoji_pairs("validation", x="labels", y="flat")

    def error(colours: torch.Tensor) -> float:
        painted = colours[pairs.x.squeeze(1).long()].permute(0, 3, 1, 2)
        return float((painted.float() - pairs.y.float()).abs().mean())

    assert error(palette) < 11  # of 255: 20 colours, and no smoothed edges
    shuffled = palette.clone()
    shuffled[1:] = palette[1:].roll(1, 0)
    assert error(shuffled) > 3 * error(palette)
    assert next(pairs.batches(4, shuffle=False)).x.dtype == torch.int64


def test_pairs_are_the_same_emoji(rows: list[dict[str, str]]) -> None:
    pairs = emoji_pairs("test")
    assert pairs.x.shape[1:] == (1, 64, 64)
    assert pairs.y.shape[1:] == (3, 64, 64)
    assert torch.equal(pairs.y, emoji("test", "3d").images)
    assert torch.equal(pairs.x, emoji("test", "outline").images)
    assert pairs.names == [row["name"] for row in rows if row["split"] == "test"]
    assert pairs.licence == "MIT"
    assert emoji_pairs("test", x="3d", y="noto").licence == "MIT, Apache-2.0"


def test_factors_and_captions() -> None:
    found = emoji("train", "flat", "factorial")
    assert set(found.factors) == {"base", "role", "gender", "tone"}
    assert found.factor_names["tone"] == list(TONES)
    assert found.factor_names["gender"] == list(GENDERS)
    assert Counter(found.factors["tone"].tolist()) == dict.fromkeys(range(6), len(found) // 6)
    assert found.factors["base"].unique().numel() == len(found) // 6
    row = found.names.index("woman astronaut: medium-dark skin tone")
    assert found.captions[row] == "woman astronaut, medium-dark skin tone"
    known = {key: found.factor_names[key][int(value[row])] for key, value in found.factors.items()}
    assert known == {"base": "woman astronaut", "role": "astronaut", "gender": "woman", "tone": "medium-dark"}
    assert found.label_names[int(found.labels[row])] == "people-body"


def test_subsets_and_ids_agree() -> None:
    everything, core, toned = (emoji("test", "outline", subset) for subset in ("all", "core", "factorial"))
    untoned = toned.factors["tone"] == 0
    assert len(everything) == len(core) + len(toned) - int(untoned.sum())
    assert everything.factor_names["tone"][-1] == "unspecified"
    where = [everything.names.index(name) for name in toned.names]
    for key, ids in toned.factors.items():
        assert torch.equal(everything.factors[key][where], ids), key
    assert set(toned.factors["role"].tolist()).isdisjoint(
        emoji("train", "outline", "factorial").factors["role"].tolist()
    )


def test_what_is_handed_out_can_be_changed() -> None:
    found = emoji("validation", "outline")
    before = found.images.clone()
    found.images.zero_()
    assert torch.equal(emoji("validation", "outline").images, before)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: emoji("dev"), "no split 'dev': choose one of train, validation, test."),
        (lambda: emoji("train", "4d"), "no style '4d': choose one of 3d, flat, outline"),
        (lambda: emoji("train", subset="toned"), "no subset 'toned': choose one of all, core, factorial."),
        (lambda: emoji_pairs("train", x="edges"), "no style 'edges'"),
        (lambda: emoji_pairs("train", x="3d"), "both '3d': choose two styles"),
    ],
)
def test_wrong_words_are_answered_with_the_known_ones(call, sentence: str) -> None:
    with pytest.raises(DataError) as caught:
        call()
    assert sentence in str(caught.value)


def test_a_damaged_sheet_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("manifest.json", "emoji/index.csv", "emoji/fluent/outline.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((paths.data_dir() / name).read_bytes())
    sheet = tmp_path / "emoji/fluent/outline.png"
    content = bytearray(sheet.read_bytes())
    content[5000] ^= 1
    sheet.write_bytes(content)
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"outline\.png is corrupt .*git checkout"):
        emoji("train", "outline")


def test_first_use_decodes_each_sheet_once_and_imports_nothing_heavy() -> None:
    code = (
        "import sys, PIL.Image; from pathlib import Path; opened = []; usual = PIL.Image.open; "
        "PIL.Image.open = lambda path: (opened.append(Path(path).name), usual(path))[1]; "
        "from course_lib.data import load; load('emoji_pairs', 'train'); load('emoji_pairs', 'test'); print(opened); "
        "print(sorted({'matplotlib', 'torchmetrics', 'torchvision', 'scipy', 'lightning_fabric'} & set(sys.modules)))"
    )
    environment = {**os.environ, "COURSE_DATA": str(paths.data_dir())}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["['outline.png', '3d.webp']", "[]"]
