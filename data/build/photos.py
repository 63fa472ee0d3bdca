"""Build data/photos/: photographs in the public domain or under CC0, from GCompris and from scikit-image.

Which pictures are taken, their titles, subjects and splits stand in photos.csv beside this script, together with
the ones left out and why. Authors, licences and sources are read from the README inside each resource file.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

import common
from licence_texts import licence_text
from PIL import Image
from rcc import read_credits, read_rcc

DEBIAN = "gcompris-qt-data=3.1-2"
WHEEL = "scikit-image==0.26.0"
SHORT_SIDE = 384
QUALITY = 88
LICENCES = {"Public Domain": "Public domain", "CC0-1.0": "CC0-1.0"}
ROOTS = {  # resource file -> folder of the pictures and of their README
    "monuments": "gcompris/src/activities/explore_monuments/resource/",
    "world_animals": "gcompris/src/activities/explore_world_animals/resource/animals/",
    "farm_animals": "gcompris/src/activities/explore_farm_animals/resource/animals/",
}
MISSPELT = {"germany/audaPalatina.webp": "germany/aulaPalatina.webp"}
# scikit-image names these in the docstrings of skimage/data/_fetchers.py.
SCIKIT_IMAGE = {
    "astronaut.png": ("NASA", "Public domain", "https://flic.kr/p/r9qvLn"),
    "chelsea.png": ("Stefan van der Walt", "CC0-1.0", "scikit-image, skimage.data.chelsea"),
    "coffee.png": ("Rachel Michetti", "CC0-1.0", "scikit-image, skimage.data.coffee"),
    "rocket.jpg": ("SpaceX", "Public domain", "https://www.flickr.com/photos/spacexphotos/16511594820/"),
}
FIELDS = ["file", "title", "author", "licence", "source", "width", "height", "subject", "split"]


def read_originals(work: Path) -> dict[str, tuple[bytes, str, str, str]]:
    """Return ``{origin: (content, author, licence as its README writes it, source)}`` of every picture on offer."""
    found = {}
    resources = common.apt_package(DEBIAN, work) / "usr/share/gcompris-qt/rcc"
    for name, root in ROOTS.items():
        files = read_rcc(resources / f"explore_{name}.rcc")
        credits = read_credits(files[f"{root}README"].decode("utf-8"))
        credits.update({right: credits.pop(wrong) for wrong, right in MISSPELT.items() if wrong in credits})
        for path, content in files.items():
            if path.startswith(root) and path.endswith(".webp"):
                about = credits[path[len(root) :]]
                found[f"{name}/{path[len(root) :]}"] = (content, about["Copyright"], about["License"], about["Source"])
    folder = common.pip_wheel(WHEEL, work) / "skimage" / "data"
    for name, (author, licence, source) in SCIKIT_IMAGE.items():
        found[f"scikit-image/{name}"] = ((folder / name).read_bytes(), author, licence, source)
    return found


def shrink(content: bytes) -> Image.Image:
    """Return the picture with a short side of at most SHORT_SIDE pixels; a smaller one keeps its size."""
    image = Image.open(io.BytesIO(content)).convert("RGB")
    scale = SHORT_SIDE / min(image.size)
    if scale >= 1:
        return image
    return image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)


def build(work: Path, data: Path) -> list[str]:
    """Write the photographs, photos.csv and the licence text under ``data`` and return their names."""
    originals = read_originals(work)
    with (Path(__file__).parent / "photos.csv").open(encoding="utf-8", newline="") as file:
        chosen = list(csv.DictReader(file))
    if {row["origin"] for row in chosen} != originals.keys():
        raise SystemExit(f"photos.csv and the packages disagree: {originals.keys() ^ {r['origin'] for r in chosen}}")
    rows = []
    for row in chosen:
        content, author, licence, source = originals[row["origin"]]
        if not row["file"]:
            continue
        licence = LICENCES.get(licence, licence)
        if licence not in LICENCES.values():
            raise SystemExit(f"{row['origin']} is under {licence}: leave it out.")
        image = shrink(content)
        stream = io.BytesIO()
        image.save(stream, "WEBP", quality=QUALITY, method=6)
        common.write_bytes(data / "photos" / row["file"], stream.getvalue())
        rows.append({**row, "author": author, "licence": licence, "source": source})
        rows[-1].update(width=str(image.width), height=str(image.height))
    rows.sort(key=lambda row: row["file"])
    table = io.StringIO()
    writer = csv.DictWriter(table, FIELDS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    common.write_text(data / "photos" / "photos.csv", table.getvalue())
    notice = (
        "Each photograph in this folder is in the public domain or was released by its author under CC0 1.0:\n"
        "photos.csv says which, and names the author and the source. The text of CC0 1.0 follows.\n\n"
    )
    common.write_text(data / "photos" / "LICENSE", notice + licence_text("CC0-1.0", work))
    return [f"photos/{row['file']}" for row in rows] + ["photos/photos.csv", "photos/LICENSE"]


if __name__ == "__main__":
    common.main(__doc__, build)
