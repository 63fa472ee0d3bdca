"""Print the numbers in data/emoji/README.md, measured on the shipped files.

python data/build/emoji_flaws.py
"""

from __future__ import annotations

import csv
import itertools
import re
from collections import Counter

import numpy as np
from common import DATA
from emoji_render import tiles
from emoji_select import TONES
from emoji_split import NEAR, check_splits
from PIL import Image

SHEETS = {
    "3d": "fluent/3d.webp",
    "flat": "fluent/flat.webp",
    "outline": "fluent/outline.png",
    "noto": "noto/noto.webp",
    "openmoji": "openmoji/colour.webp",
    "openmoji_line": "openmoji/line.png",
}
TONE_NAMES = ("none", *TONES.values())
GENDERS = ("person", "man", "woman")
FLUENT_YELLOW = (255, 200, 61)
FLUENT_HAIR = (241, 161, 30)


def main() -> None:
    folder = DATA / "emoji"
    with (folder / "index.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    images = {style: tiles(np.asarray(Image.open(folder / path)), len(rows)) for style, path in SHEETS.items()}
    labels = tiles(np.asarray(Image.open(folder / "fluent/labels.png")), len(rows))
    cells = {
        (row["role"], row["gender"], row["tone"]): int(row["position"]) for row in rows if row["kind"] == "factorial"
    }
    roles = list(dict.fromkeys(role for role, _, _ in cells))

    print("emoji:", len(rows), dict(Counter(row["split"] for row in rows)))
    print(
        "factorial roles:",
        dict(Counter({row["role"]: row["split"] for row in rows if row["kind"] == "factorial"}.values())),
    )
    print("roles, clusters:", len({row["role"] for row in rows}), len({row["cluster"] for row in rows}))
    words = Counter(word for row in rows for word in set(re.findall(r"[a-z0-9’'-]+", row["name"].lower())))
    print("words in the names:", len(words), "in 5 or more:", sum(count >= 5 for count in words.values()))
    fits = np.array([float(row["overlap_3d"]) for row in rows])
    print(f"overlap flat / 3D: mean {fits.mean():.3f}, median {np.median(fits):.3f}, below 0.6: {(fits < 0.6).sum()}")
    shaded = {style: (255 - images[style]).max(-1) > 16 for style in ("3d", "noto", "openmoji")}
    for style in ("noto", "openmoji"):
        both, either = (shaded["3d"] & shaded[style]).sum((1, 2)), (shaded["3d"] | shaded[style]).sum((1, 2))
        print(f"overlap 3D / {style}: mean {(both / np.maximum(either, 1)).mean():.3f}")
    print("nearly blank outlines:", [row["name"] for row in rows if row["outline_ok"] == "0"])
    print("classes in a label map: median", np.median([len(np.unique(image)) for image in labels]))
    print(
        "bases without one outline for all tones:",
        sorted({row["base"] for row in rows if row["outline_shared"] == "0"}),
    )
    ink = images["openmoji_line"] < 128
    print(f"OpenMoji line ink that is dark in colour too: {(images['openmoji'].min(-1)[ink] < 250).mean():.4f}")

    # Hair: where the untoned flat drawing has the colour of untoned hair, what is the commonest colour of each tone?
    hair = Counter()
    for role, gender in itertools.product(roles, GENDERS):
        mask = (images["flat"][cells[role, gender, "none"]] == FLUENT_HAIR).all(-1)
        if mask.sum() < 40:
            continue
        commonest = []
        for tone in TONE_NAMES[1:]:
            colours, counts = np.unique(images["flat"][cells[role, gender, tone]][mask], axis=0, return_counts=True)
            commonest.append(tuple(int(value) for value in colours[counts.argmax()]))
        hair[len(set(commonest))] += 1
    print("bases with visible hair, by number of hair colours over five tones:", dict(sorted(hair.items())))

    # Clothes: the commonest colour that is not background, skin or hair, of the three genders of a role (untoned).
    clothes = Counter()
    for role in roles:
        commonest = []
        for gender in GENDERS:
            pixels = images["flat"][cells[role, gender, "none"]].reshape(-1, 3)
            colours, counts = np.unique(pixels, axis=0, return_counts=True)
            skip = [(colours == other).all(1) for other in ((255, 255, 255), FLUENT_YELLOW, FLUENT_HAIR)]
            counts[np.any(skip, axis=0)] = 0
            commonest.append(tuple(int(value) for value in colours[counts.argmax()]))
        clothes[len(set(commonest))] += 1
    print("roles by number of main clothing colours over three genders:", dict(sorted(clothes.items())))

    for style in ("3d", "flat", "noto", "openmoji"):
        same_gender = Counter()
        for role, tone in itertools.product(roles, TONE_NAMES):
            for one, two in itertools.combinations(GENDERS, 2):
                same_gender[one, two] += np.array_equal(
                    *(images[style][cells[role, gender, tone]] for gender in (one, two))
                )
        same_tone = sum(
            all(
                np.array_equal(images[style][cells[role, gender, "none"]], images[style][cells[role, gender, tone]])
                for tone in TONE_NAMES
            )
            for role, gender in itertools.product(roles, GENDERS)
        )
        total = len(roles) * len(TONE_NAMES)
        print(
            style,
            f"identical of {total}:",
            {"/".join(k): v for k, v in same_gender.items()},
            "one picture for all tones:",
            same_tone,
        )
    closest = check_splits([row["split"] for row in rows], [row["role"] for row in rows], images)
    for style, least in closest.items():
        print(f"closest pictures of two splits, {style}: {least:.1f} (limit {NEAR[style]})")


if __name__ == "__main__":
    main()
