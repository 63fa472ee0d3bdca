"""Pictures of one's own through a trained system, from files to files; and samples, written as files.

runs.translate_folder(runs.load("lesson_12/cafe"), "holiday", "painted")
runs.sample_folder(runs.load("lesson_03/garments"), 16, "garments", sheet=True)
"""

from __future__ import annotations

import math
import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm.auto import tqdm

from course_lib.data.picture_paths import Found, a_folder, list_pictures, nothing_found
from course_lib.data.pixels import normalise, to_bytes
from course_lib.data.reading import MOST_PIXELS, open_picture, printable, shrunk, to_tensor
from course_lib.errors import CourseError, DataError, TrainingError
from course_lib.paths import sha256_of
from course_lib.runs.own_weights import weights_mark
from course_lib.systems.anysize import Takes, translated_bands
from course_lib.systems.directions import translation_of
from course_lib.words import either

NOTE = "course"
"""The name of the text in a PNG that says how it came about."""
MOST_WRITTEN = 4 * MOST_PIXELS
SHEET = "sheet.png"


@dataclass
class Report:
    """What became of the pictures of a folder.

    Attributes:
        written: files that were written.
        there: files that were there already, made from the same picture in the same way.
        left_out: a sentence for each picture that was not translated.
        notes: a line for each picture of which something is to be known.
    """

    written: list[Path] = field(default_factory=list)
    there: list[Path] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def summary(self, out: Path) -> str:
        """Return a few lines for the user."""
        counts = [f"{_pictures(len(self.written))} written to {out}"]
        if self.there:
            counts.append(f"{len(self.there)} made before and kept")
        if self.left_out:
            counts.append(f"{len(self.left_out)} left out:")
        return "\n".join([*self.notes, ", ".join(counts) + ("" if self.left_out else "."), *self.left_out])


def translate_folder(
    system: Any,
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    label: str | None = None,
    back: bool = False,
    style: int | str | None = None,
    noise: bool = False,
    noise_seed: int = 0,
    size: int | None = None,
    tile: int | None = None,
    overwrite: bool = False,
    progress: bool = True,
) -> Report:
    """Translate a picture, or all pictures of a folder and of the folders in it, at their full size, into PNG files.

    A file has the name of its picture, with ``.png`` in the place of the suffix; of two that would have the same name
    each keeps its suffix (``a.jpg.png``). Transparent pictures are laid on white. A file is written whole or not at
    all. One that was made before from the same picture in the same way is kept, so that a call that was stopped goes
    on; any other file of that name is left as it is, and its picture is left out, unless ``overwrite`` is set.

    Args:
        system: trained, with ``translate(x)`` or ``stylise(x)``.
        source: a folder, or a file.
        out: the folder to write to, made if need be; of one picture it may be the name of a PNG file.
        label: what the weights are, for the note in each file; None: the beginning of a digest of them.
        back: see ``translate_any``, as of style, noise and tile.
        style: of style transfer.
        noise: draw noise.
        noise_seed: of the noise; each picture begins with it anew.
        size: make pictures smaller first, so that the longer side has at most as many pixels.
        tile: side in pixels of what goes through the network at once.
        overwrite: replace files that are there.
        progress: show a bar.

    Returns:
        What was written, and a sentence for each picture that was left out.

    Raises:
        DataError: if there is no such folder or picture in it, or ``out`` cannot be used.
        TrainingError: if the system does not translate in the way that is asked for.
    """
    generator = torch.Generator()
    options: dict[str, Any] = {"back": back, "style": style, "noise": noise, "generator": generator}
    _, network = translation_of(system, **options)
    takes = Takes.of(system, network)
    if takes.channels not in (1, 3):
        raise TrainingError(
            f"This network takes {takes.channels} channels, and a picture file holds 1 or 3: choose another network, "
            "or give this one tensors in a notebook."
        )
    for what, value in (("size", size), ("tile", tile)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise DataError(f"{either(what, f'--{what}')} is {value!r}: give a whole number of pixels, at least 1.")
    pairs, folder = targets_of(source, out)
    way = ", ".join(
        [label or f"weights {weights_mark(system)}"]
        + [name for name, on in (("back", back), (f"noise {noise_seed}", noise)) if on]
        + [f"{name} {value}" for name, value in (("style", style), ("size", size), ("tile", tile)) if value is not None]
    )
    report = Report()
    with writable(folder):
        for path, target in tqdm(pairs, unit="picture", disable=not progress):
            name = printable(path.name)
            try:
                note = f"{way}, from sha256 {sha256_of(path)[:16]}"
                if not _free(target, note, overwrite, report):
                    continue
                opened = open_picture(path, channels=3, enough=size)
                picture = to_tensor(shrunk(opened, size) if size else opened.image)
                _check_output(name, picture, takes.factor)
                generator.manual_seed(noise_seed)
                with memory_explained(name):
                    output = _bytes_of(system, picture, takes.factor, tile, options)
                write_png(target, output, note)
            except CourseError as error:
                report.left_out.append(str(error) if name in str(error) else f"{name}: {error}")
            except OSError as error:
                if error.filename and Path(error.filename) != path:
                    raise  # the disk is full, or the folder has gone: so it will be for the others
                report.left_out.append(f"{name} cannot be read ({error.strerror}): choose another.")
            else:
                report.written.append(target)
                report.notes += [f"{name}: {each}." for each in opened.notes]
    return report


def sample_folder(
    system: Any,
    count: int,
    out: str | os.PathLike[str],
    *,
    label: str | None = None,
    noise_seed: int = 0,
    sheet: bool = False,
    overwrite: bool = False,
) -> Report:
    """Draw pictures from latents, as ``system.sample(count, generator)`` does, and write ``0000.png`` and so on.

    Args:
        system: trained, that makes pictures of latents.
        count: how many.
        out: the folder to write to, made if need be.
        label: as ``translate_folder`` takes it.
        noise_seed: of the latents.
        sheet: write one picture of all of them too, ``sheet.png``.
        overwrite: replace files that are there.

    Returns:
        What was written, and a sentence for each file that was not.

    Raises:
        DataError: if the number is none, or ``out`` cannot be used.
        TrainingError: if the system draws no pictures from latents.
    """
    label = label or f"weights {weights_mark(system)}"
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= 100_000:
        raise DataError(f"The number of samples is {count!r}: give a whole number from 1 to 100000.")
    if not isinstance(getattr(system.config, "latents", None), int):
        hint = either("call translate_any(system, picture)", "translate pictures with `course translate`")
        raise TrainingError(f"{label} draws nothing from latents: {hint}.")
    z = system.latents(count, torch.Generator().manual_seed(noise_seed))
    first = system.sample(z[:1])
    if first.dim() != 4 or first.shape[1] not in (1, 3):
        raise TrainingError(f"{label} draws points and no pictures: plot system.sample({count}) in its lesson.")
    images = torch.cat([to_bytes(system.sample(part)) for part in z.split(256)])
    folder, report = Path(out).expanduser(), Report()
    digits = max(4, len(str(count - 1)))
    files = [(folder / f"{number:0{digits}}.png", image) for number, image in enumerate(images)]
    if sheet:
        from torchvision.utils import make_grid

        grid = make_grid(images, nrow=math.ceil(math.sqrt(count)), padding=2, pad_value=255)
        files.append((folder / SHEET, grid[: images.shape[1]]))
    with writable(folder):
        for number, (target, image) in enumerate(files):
            note = f"{label}, noise seed {noise_seed}, sample {number} of {count}"
            if _free(target, note, overwrite, report):
                write_png(target, image, note)
                report.written.append(target)
    return report


def targets_of(source: str | os.PathLike[str], out: str | os.PathLike[str]) -> tuple[list[tuple[Path, Path]], Path]:
    """Return which file becomes which, and the folder that is written to.

    Raises:
        DataError: if there is no picture, or what would be written lies among the pictures.
    """
    place, folder = Path(source).expanduser(), Path(out).expanduser()
    if place.is_file():
        named = folder.suffix.lower() == ".png" and not folder.is_dir()
        if folder.suffix and not named and not folder.is_dir():
            raise DataError(f"{folder.name} is no name of a PNG file: give a folder, or a name that ends in .png.")
        target = folder if named else folder / f"{place.stem}.png"
        if target.resolve() == place.resolve():
            raise DataError(f"{target} is the picture itself: give another folder to write to.")
        return [(place, target)], target.parent
    place = a_folder(place, either("source", "FOLDER"))
    inside, into = place.resolve(), folder.resolve()
    if into == inside or inside in into.parents:
        raise DataError(f"{folder} lies among the pictures of {place}: give a folder outside of it to write to.")
    found = list_pictures(place)
    if not found.pictures:
        raise nothing_found(place, found.others)
    return list(zip((each.path for each in found.pictures), _names(found.pictures, folder), strict=True)), folder


def _names(pictures: list[Found], folder: Path) -> Iterator[Path]:
    """Yield where each picture goes: by its name without suffix, or with it where another has the same."""
    count: dict[str, int] = {}
    for each in pictures:
        count[each.key.casefold()] = count.get(each.key.casefold(), 0) + 1
    taken = {key for key, number in count.items() if number == 1}
    for each in pictures:
        name = each.key
        if count[name.casefold()] > 1:
            name = whole = f"{each.key}{each.path.suffix}"
            number = 1
            while name.casefold() in taken:  # a.jpg beside a.JPG, or a file that is called a.jpg.jpg
                number += 1
                name = f"{whole}-{number}"
            taken.add(name.casefold())
        yield folder / f"{name}.png"


def _free(target: Path, note: str, overwrite: bool, report: Report) -> bool:
    """Return whether a file is to be written; if not, the report has it."""
    if overwrite or not os.path.lexists(target):
        return True
    if _note_in(target) == note:
        report.there.append(target)
    else:
        remedy = either("set overwrite=True to replace it", "give --overwrite to replace it")
        report.left_out.append(f"{target} was there before and was not made so: {remedy}, or another folder.")
    return False


def _note_in(path: Path) -> str | None:
    from PIL import Image

    with suppress(Exception), Image.open(path, formats=["PNG"]) as image:
        return image.info.get(NOTE)
    return None


def write_png(path: Path, pixels: Tensor, note: str) -> None:
    """Write a picture as PNG, whole or not at all.

    Args:
        path: the file; its folder is made if need be.
        pixels: ``(1, H, W)`` or ``(3, H, W)`` uint8.
        note: how it came about, kept in the file.
    """
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text(NOTE, note)
    rows = pixels[0] if len(pixels) == 1 else pixels.permute(1, 2, 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".unfinished-{os.getpid()}-{path.name}"[:250])
    try:
        Image.fromarray(rows.contiguous().numpy()).save(unfinished, "PNG", pnginfo=info)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def writable(folder: Path) -> Iterator[None]:
    """Make a folder before anything is computed, and turn what the disk refuses into a sentence."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"{folder} cannot be written to ({reason}): make room, or choose another folder.") from error


@contextmanager
def memory_explained(name: str) -> Iterator[None]:
    """Turn an error that says that memory ran out into a sentence that says what to do."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        known = isinstance(error, (MemoryError, torch.OutOfMemoryError))
        if not known and "memory" not in str(error).lower():
            raise
        traceback.clear_frames(error.__traceback__)
        remedy = either("give a smaller tile or size, such as tile=512", "give --tile 512, or a smaller --size")
        raise TrainingError(f"{name} does not fit in memory: {remedy}.") from None


def _bytes_of(system: Any, picture: Tensor, factor: int, tile: int | None, options: dict[str, Any]) -> Tensor:
    """Return the translation of a picture in bytes, of which only one band at a time is held as floats."""
    height, width = (factor * side for side in picture.shape[1:])
    output: Tensor | None = None
    at = 0
    for band in translated_bands(system, normalise(picture), tile=tile, **options):
        if output is None:
            output = torch.empty(len(band), height, width, dtype=torch.uint8)
        output[:, at : at + band.shape[1]] = to_bytes(band)
        at += band.shape[1]
    assert output is not None
    return output


def _check_output(name: str, picture: Tensor, factor: int) -> None:
    height, width = picture.shape[1:]
    if factor * factor * height * width > MOST_WRITTEN:
        most = math.isqrt(MOST_WRITTEN) // factor
        raise DataError(
            f"{name} would become {factor * width:,} × {factor * height:,} pixels: "
            f"{either(f'set size={most}', f'give --size {most}')} to make it smaller first."
        )


def _pictures(count: int) -> str:
    return f"{count} picture{'' if count == 1 else 's'}"
