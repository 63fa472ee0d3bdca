"""Build data/fashion_mnist/: the four archives of Fashion-MNIST, byte for byte as Debian packages them."""

from __future__ import annotations

from pathlib import Path

import common

DEBIAN = "dataset-fashion-mnist=0.0~git20200523.55506a9-1"
NAMES = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")


def build(work: Path, data: Path) -> list[str]:
    """Copy the archives and the licence under ``data`` and return their names."""
    root = common.apt_package(DEBIAN, work)
    written = []
    for name in NAMES:
        content = (root / "usr/share/datasets/fashion-mnist" / f"{name}-ubyte.gz").read_bytes()
        common.write_bytes(data / "fashion_mnist" / f"{name}-ubyte.gz", content)
        written.append(f"fashion_mnist/{name}-ubyte.gz")
    copyright_text = (root / "usr/share/doc/dataset-fashion-mnist/copyright").read_text(encoding="utf-8")
    common.write_text(data / "fashion_mnist" / "LICENSE", copyright_text)
    return [*written, "fashion_mnist/LICENSE"]


if __name__ == "__main__":
    common.main(__doc__, build)
