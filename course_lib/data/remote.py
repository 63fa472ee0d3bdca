"""What a learner with a network can ask for: names, addresses, and what is known of each file.

Source of the addresses: the authors' download scripts (junyanz/pytorch-CycleGAN-and-pix2pix) and the move of their
files to efrosgans.eecs.berkeley.edu in 2023. Source of sizes and sha256 of the CycleGAN sets: the checksum file of
TensorFlow Datasets (``url_checksums/cycle_gan.txt``). The pix2pix sets have no published sha256: their size is given
where logs of independent users agree, and their count of training pairs is the one in the paper's appendix.
"""

from __future__ import annotations

from dataclasses import dataclass, field

_BERKELEY = "efrosgans.eecs.berkeley.edu"
_PIX2PIX = (
    f"https://{_BERKELEY}/pix2pix/datasets/",
    f"http://{_BERKELEY}/pix2pix/datasets/",
    "https://people.eecs.berkeley.edu/~tinghuiz/projects/pix2pix/datasets/",
)
_CYCLEGAN = (
    f"https://{_BERKELEY}/cyclegan/datasets/",
    f"http://{_BERKELEY}/cyclegan/datasets/",
    "https://people.eecs.berkeley.edu/~taesung_park/CycleGAN/datasets/",
)
_EMOJI_PAIRS = 'use data.load("emoji_pairs"), which ships with the course'
_EMOJI_LABELS = 'use data.load("emoji_pairs", x="labels"), which ships with the course'
_EMOJI_STYLES = 'use data.load("emoji", style="flat") and style="noto", which ship with the course'


@dataclass(frozen=True)
class RemoteSet:
    """A set that is downloaded when it is asked for.

    Args:
        name: what ``download`` takes.
        kind: ``"pairs"`` (A and B side by side in one file), ``"unpaired"`` or ``"torchvision"``.
        what: one line about the content.
        folders: ``{split: folder in the archive}``, or ``{split: (folder of x, folder of y)}`` for unpaired sets.
        instead: bundled data to use without a network, as the end of a sentence.
        archive: name of the file on the server.
        mirrors: addresses of the folder that holds it.
        size: of the archive in bytes, where it is known.
        about: the same in bytes, rounded, to tell beforehand how much will come.
        checksum: ``"sha256:..."``, where one was published.
        counts: ``{folder: images}``, where they are known.
        direction: ``"AtoB"`` or ``"BtoA"``, the way that the paper translates.
        licence: of the images.
        note: what a learner should know if the download fails.
    """

    name: str
    kind: str
    what: str
    folders: dict[str, str | tuple[str, str]]
    instead: str
    archive: str = ""
    mirrors: tuple[str, ...] = ()
    size: int | None = None
    about: int = 0
    checksum: str | None = None
    counts: dict[str, int] = field(default_factory=dict)
    direction: str = "AtoB"
    licence: str = "for research and teaching; each set has its own authors, see the paper"
    note: str = ""


def _unpaired(name: str, what: str, size: int, sha256: str, instead: str) -> RemoteSet:
    return RemoteSet(
        name=name,
        kind="unpaired",
        what=what,
        folders={"train": ("trainA", "trainB"), "test": ("testA", "testB")},
        instead=instead,
        archive=f"{name}.zip",
        mirrors=_CYCLEGAN,
        size=size,
        about=size,
        checksum=f"sha256:{sha256}",
    )


DOWNLOADS: tuple[RemoteSet, ...] = (
    RemoteSet(
        name="facades",
        kind="pairs",
        what="label maps and photographs of building fronts (CMP Facades), 256x256",
        folders={"train": "train", "validation": "val", "test": "test"},
        instead=_EMOJI_LABELS,
        archive="facades.tar.gz",
        mirrors=_PIX2PIX,
        size=30_168_306,
        about=30_168_306,
        counts={"train": 400},
        direction="BtoA",
    ),
    RemoteSet(
        name="maps",
        kind="pairs",
        what="aerial photographs and street maps, 600x600",
        folders={"train": "train", "test": "val"},
        instead=_EMOJI_PAIRS,
        archive="maps.tar.gz",
        mirrors=_PIX2PIX,
        size=250_242_400,
        about=250_242_400,
        counts={"train": 1_096},
    ),
    RemoteSet(
        name="cityscapes",
        kind="pairs",
        what="label maps and photographs of streets, 256x256",
        folders={"train": "train", "test": "val"},
        instead=_EMOJI_LABELS,
        archive="cityscapes.tar.gz",
        mirrors=_PIX2PIX,
        about=103_000_000,
        counts={"train": 2_975},
        direction="BtoA",
        licence="Cityscapes terms of use: research only, after registration",
        note="the authors no longer hand it out, for its licence: register at cityscapes-dataset.com for the original",
    ),
    RemoteSet(
        name="edges2shoes",
        kind="pairs",
        what="edge drawings and photographs of shoes (UT Zappos50K), 256x256",
        folders={"train": "train", "test": "val"},
        instead=_EMOJI_PAIRS,
        archive="edges2shoes.tar.gz",
        mirrors=_PIX2PIX,
        about=2_000_000_000,
        counts={"train": 49_825},
    ),
    RemoteSet(
        name="night2day",
        kind="pairs",
        what="the same outdoor scene at night and by day, 256x256",
        folders={"train": "train", "validation": "val", "test": "test"},
        instead=_EMOJI_PAIRS,
        archive="night2day.tar.gz",
        mirrors=_PIX2PIX,
        about=1_900_000_000,
        counts={"train": 17_823},
    ),
    _unpaired(
        "horse2zebra",
        "horses and zebras, 256x256",
        116_867_962,
        "a74d9d392eecca9966b51287a76ca126af473d9de4f3e8fc0e9cda08fa1730a1",
        _EMOJI_STYLES,
    ),
    _unpaired(
        "apple2orange",
        "apples and oranges, 256x256",
        78_456_409,
        "845a191e9af8926408ea597001cd03a452e3300a1f44a79fe329b3d59f6e3eb8",
        _EMOJI_STYLES,
    ),
    _unpaired(
        "summer2winter_yosemite",
        "Yosemite in summer and in winter, 256x256",
        132_640_856,
        "167fe1726807a9d22bd106b4a6c0bd7953b688af924ac1bf967439c4961e49f9",
        _EMOJI_STYLES,
    ),
    _unpaired(
        "monet2photo",
        "Monet's paintings and photographs of landscapes, 256x256",
        305_231_073,
        "88f91b00fc228f97c9411fbf1880ec1d119c98f1722e4cfcfaa2fb35fac05b04",
        'use data.load("photos") and data.load("paintings"), which ship with the course',
    ),
    RemoteSet(
        name="mnist",
        kind="torchvision",
        what="all 70,000 handwritten digits, 28x28",
        folders={"train": "train", "test": "test"},
        instead='use data.load("mnist"), which ships with the course',
        about=11_600_000,
        licence="CC BY-SA 3.0 is often stated; LeCun, Cortes and Burges",
    ),
    RemoteSet(
        name="cifar10",
        kind="torchvision",
        what="60,000 small photographs in 10 classes, 32x32",
        folders={"train": "train", "test": "test"},
        instead='use data.load("fashion_mnist") or data.load("emoji"), which ship with the course',
        about=170_498_071,
        licence="none stated; Krizhevsky 2009",
    ),
    RemoteSet(
        name="celeba",
        kind="torchvision",
        what="202,599 faces with 40 attributes, 178x218",
        folders={"train": "train", "validation": "valid", "test": "test"},
        instead='use data.load("emoji", subset="factorial"), which ships with the course',
        about=1_450_000_000,
        licence="non-commercial research only; Liu et al. 2015",
        note="CelebA lies on Google Drive, which needs the package gdown and often refuses for the rest of a day",
    ),
)
