"""Build data/paintings/: whole pictures by painters long dead, from two of GCompris's resource files.

Eight by van Gogh lie there as one file each; the others are cut into the pieces of a jigsaw puzzle and are put
together again (jigsaw.py). paintings.csv beside this script says which, and how many pixels of border are cut off.
"""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import common
from jigsaw import assemble
from licence_texts import licence_text
from PIL import Image
from rcc import read_credits, read_rcc

DEBIAN = "gcompris-qt-data=3.1-2"
DETAILS = "gcompris/src/activities/details/resource/image/"
PUZZLES = "gcompris/src/activities/paintings/resource/"
QUALITY = 92
FIELDS = ["file", "title", "author", "year", "licence", "source", "scan_licence", "width", "height"]
NOTICE = """The works of art in this folder are in the public domain: their makers died in 1849, 1858, 1890 and 1944.

The scans came with GCompris 3.1. Its README files say of them:
  - of the eight van Goghs: "License: Public domain", based on original paintings by van Gogh;
  - of the other six: "All the paintings are from the WebMuseum. As per the WebMuseum license, the paintings are
    released under the GPLv3 or later", copyright 1994-2006 Nicolas Pioch, 2008 Bruno Coudoin.
A faithful reproduction of a flat work in the public domain carries no copyright of its own in the European Union
(Directive 2019/790, Article 14) or the United States (Bridgeman v. Corel). Should the scans nevertheless be protected
where you are, then those six files, and they alone, are under the GNU General Public License, version 3 or later,
whose text follows.

"""


def read_board(files: dict[str, bytes], pieces: str) -> str:
    """Return the text of the puzzle whose pieces have this name."""
    boards = [text.decode("utf-8") for path, text in files.items() if path.startswith(f"{PUZZLES}board/")]
    return next(board for board in boards if re.search(rf"image/{pieces}[-_]\w+\.webp", board))


def build(work: Path, data: Path) -> list[str]:
    """Write the paintings, paintings.csv and the notice under ``data`` and return their names."""
    resources = common.apt_package(DEBIAN, work) / "usr/share/gcompris-qt/rcc"
    details, puzzles = read_rcc(resources / "details.rcc"), read_rcc(resources / "paintings.rcc")
    credits = read_credits(details[f"{DETAILS}README"].decode("utf-8"))
    with (Path(__file__).parent / "paintings.csv").open(encoding="utf-8", newline="") as file:
        chosen = list(csv.DictReader(file))
    rows = []
    for row in chosen:
        origin = row["origin"]
        if origin.endswith(".webp"):
            if credits[origin]["License"] != "Public domain":
                raise SystemExit(f"{origin} is under {credits[origin]['License']}: leave it out.")
            image = Image.open(io.BytesIO(details[DETAILS + origin])).convert("RGB")
            source = f"GCompris 3.1, details.rcc, {origin}; where it was scanned is not recorded"
            scan_licence = "Public domain"
        else:
            image, bare = assemble(read_board(puzzles, origin), puzzles, PUZZLES)
            if bare:
                raise SystemExit(f"{origin}: {bare} pixels are covered by no piece.")
            source = f"GCompris 3.1, paintings.rcc, {origin}; scan from the WebMuseum (ibiblio.org/wm)"
            scan_licence = "GPL-3.0-or-later according to GCompris"
        left, top, right, bottom = (int(row[side]) for side in ("left", "top", "right", "bottom"))
        image = image.crop((left, top, image.width - right, image.height - bottom))
        stream = io.BytesIO()
        image.save(stream, "WEBP", quality=QUALITY, method=6)
        common.write_bytes(data / "paintings" / row["file"], stream.getvalue())
        about = {"licence": "Public domain", "source": source, "scan_licence": scan_licence}
        rows.append({**row, **about, "width": str(image.width), "height": str(image.height)})
    rows.sort(key=lambda row: row["file"])
    table = io.StringIO()
    writer = csv.DictWriter(table, FIELDS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    common.write_text(data / "paintings" / "paintings.csv", table.getvalue())
    common.write_text(data / "paintings" / "LICENSE", NOTICE + licence_text("GPL-3.0-or-later", work))
    return [f"paintings/{row['file']}" for row in rows] + ["paintings/paintings.csv", "paintings/LICENSE"]


if __name__ == "__main__":
    common.main(__doc__, build)
