"""Build data/emoji: one sheet of 64 x 64 tiles a style, and index.csv.

python data/build/emoji.py WORK [--check]
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

import common
import numpy as np
from emoji_render import coarse, draw_flat, draw_outline, draw_picture, draw_regions, label_maps, sheet, silhouette
from emoji_select import FIELDS, TONES, files_of, read_annotations, select, with_tone
from emoji_split import assign, check_splits, clusters, near_pairs
from PIL import Image

PACKAGES = {
    "3d": "@lobehub/fluent-emoji-3d@1.1.0",
    "flat": "@lobehub/fluent-emoji-flat@1.1.0",
    "openmoji": "openmoji@17.0.0",
    "noto": "emoji-datasource-google@16.0.0",
}
# The Fluent packages have two tones swapped; one base has all five reversed on top of it, in the 3D set only.
SWAPPED = {"1f3fc": "1f3fd", "1f3fd": "1f3fc"}
REVERSED_3D = {"1f6b5"}  # person mountain biking
FLUENT_YELLOW = (255, 200, 61)
OUTLINE_ROUNDING = 8  # grey levels: tones whose outlines differ by less share the outline of the untoned emoji
OUTLINE_INK = 4.0  # mean darkness 0..255: below it an outline counts as nearly blank


def fluent_code(code: str, style: str) -> str:
    """Return the code under which the Fluent packages file the emoji that Unicode calls ``code``."""
    parts = code.split("-")
    if style == "3d" and "-".join(part for part in parts if part not in TONES) in REVERSED_3D:
        order = list(TONES)
        parts = [order[::-1][order.index(part)] if part in TONES else part for part in parts]
    return "-".join(SWAPPED.get(part, part) for part in parts)


def skin_brightness(images: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """Return the brightness of the skin of one base's five tones.

    Args:
        images: the five tones, uint8 (5, 64, 64, 3), light to dark.
        skin: where the untoned flat drawing has the yellow of skin, bool (64, 64).

    Returns:
        the median luminance over the skin pixels that vary with tone, shape (5,). (Not the mean of the picture: light
        skin comes with black hair and medium-light skin with blond hair.)
    """
    luminance = images.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    mask = skin & (np.ptp(luminance, axis=0) > 30)
    assert mask.sum() >= 8, "too little skin to compare"
    return np.median(luminance[:, mask], axis=1)


def check_tones(rows: list[dict], images: dict[str, np.ndarray], regions: np.ndarray) -> None:
    """Assert for each factorial base and both Fluent styles that skin gets darker from tone to tone."""
    at = {row["code"]: row["position"] for row in rows}
    bases = sorted({row["base"] for row in rows if row["kind"] == "factorial"})
    assert len(bases) == 210
    for base in bases:
        skin = (regions[at[base]] == FLUENT_YELLOW).all(-1)
        for style in ("3d", "flat"):
            bright = skin_brightness(images[style][[at[with_tone(base, tone)] for tone in TONES]], skin)
            assert (np.diff(bright) < 0).all(), f"{style} {base}: the tones are out of order, {bright.round()}"


def share_outlines(rows: list[dict], outlines: np.ndarray) -> dict[str, bool]:
    """Give tones that differ by rounding only the outline of their base; return which bases share one outline."""
    shared: dict[str, bool] = {}
    for base in sorted({row["base"] for row in rows if row["kind"] == "factorial"}):
        members = [row["position"] for row in rows if row["base"] == base]
        untoned = next(row["position"] for row in rows if row["code"] == base)
        error = np.abs(outlines[members].astype(np.int16) - outlines[untoned]).max()
        if error <= OUTLINE_ROUNDING:
            outlines[members] = outlines[untoned]
        shared[base] = bool(error <= OUTLINE_ROUNDING)
    return shared


def save(path: Path, pixels: np.ndarray, **options: object) -> None:
    """Encode a sheet (WebP or PNG by the suffix) and write it whole or not at all."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="WEBP" if path.suffix == ".webp" else "PNG", **options)
    common.write_bytes(path, buffer.getvalue())


def save_palette(path: Path, ids: np.ndarray, palette: np.ndarray) -> None:
    """Write a sheet of class numbers as a PNG with a palette."""
    image = Image.frombytes("P", (ids.shape[1], ids.shape[0]), ids.tobytes())
    image.putpalette(palette.reshape(-1).tolist())
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    common.write_bytes(path, buffer.getvalue())


def overlap(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return intersection over union of two sets of masks (n, 64, 64)."""
    union = (first | second).sum((1, 2))
    return (first & second).sum((1, 2)) / np.maximum(union, 1)


def build(work: Path, data: Path) -> list[str]:
    """Draw all styles, split, and write the sheets and the index."""
    roots = {style: common.npm_package(spec, work) for style, spec in PACKAGES.items()}
    files = {
        "3d": files_of(roots["3d"] / "assets", ".webp"),
        "flat": files_of(roots["flat"] / "assets", ".svg"),
        "noto": files_of(roots["noto"] / "img/google/64", ".png"),
        "openmoji": files_of(roots["openmoji"] / "color/svg", ".svg"),
        "openmoji_line": files_of(roots["openmoji"] / "black/svg", ".svg"),
    }
    rows = select([set(found) for found in files.values()], read_annotations(roots["openmoji"] / "data/openmoji.json"))
    codes = [row["code"] for row in rows]
    path_3d = [files["3d"][fluent_code(code, "3d")] for code in codes]
    path_flat = [files["flat"][fluent_code(code, "flat")] for code in codes]
    regions, masks = (np.stack(part) for part in zip(*(draw_regions(path) for path in path_flat), strict=True))
    labels, palette, colours = label_maps(regions, masks)
    images = {
        "3d": coarse(np.stack([draw_picture(path) for path in path_3d])),
        "flat": np.stack([draw_flat(path) for path in path_flat]),
        "outline": np.stack([draw_outline(path) for path in path_flat]),
        "noto": coarse(np.stack([draw_picture(files["noto"][code]) for code in codes])),
        "openmoji": np.stack([draw_flat(files["openmoji"][code]) for code in codes]),
        "openmoji_line": np.stack([draw_flat(files["openmoji_line"][code])[..., 0] for code in codes]),
    }
    print(f"{len(rows)} emoji drawn; {colours} flat colours in 20 classes")
    check_tones(rows, images, regions)
    shared = share_outlines(rows, images["outline"])
    ink = (255 - images["outline"].astype(np.float64)).mean((1, 2))
    fits = overlap(masks, np.stack([silhouette(path) for path in path_3d]))
    found = clusters([row["role"] for row in rows], near_pairs(images))
    for row, cluster in zip(rows, found, strict=True):
        row["cluster"] = cluster
        row["outline_ok"] = int(ink[row["position"]] >= OUTLINE_INK)
        row["outline_shared"] = int(shared[row["base"]]) if row["base"] in shared else ""
        row["overlap_3d"] = f"{fits[row['position']]:.2f}"
    for row, split in zip(rows, assign(rows), strict=True):
        row["split"] = split
    closest = check_splits([row["split"] for row in rows], [row["role"] for row in rows], images)
    print("closest pictures of two splits:", {style: round(value, 1) for style, value in closest.items()})

    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    out = data / "emoji"
    common.write_text(out / "index.csv", text.getvalue())
    shaded = {"lossless": True, "quality": 75, "method": 5}  # quality and method only set the effort: 100 and 6 are
    simple = {"lossless": True, "quality": 100, "method": 6}  # much slower on shaded pictures, and gain 2 %
    save(out / "fluent/3d.webp", sheet(images["3d"]), **shaded)
    save(out / "fluent/flat.webp", sheet(images["flat"]), **simple)
    save(out / "fluent/outline.png", sheet(images["outline"]), optimize=True)
    save_palette(out / "fluent/labels.png", sheet(labels, fill=0), palette)
    save(out / "noto/noto.webp", sheet(images["noto"]), **shaded)
    save(out / "openmoji/colour.webp", sheet(images["openmoji"]), **simple)
    save(out / "openmoji/line.png", sheet(images["openmoji_line"]), optimize=True)
    names = ["index.csv", "fluent/3d.webp", "fluent/flat.webp", "fluent/outline.png", "fluent/labels.png"]
    names += ["noto/noto.webp", "openmoji/colour.webp", "openmoji/line.png"]
    return [f"emoji/{name}" for name in names]


if __name__ == "__main__":
    common.main(__doc__, build)
