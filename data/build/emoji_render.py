"""Draw emoji at 64 x 64 on white: from vector files, from large pictures, as outlines and as label maps."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import resvg_py
from PIL import Image

SIZE = 64
COLUMNS = 52
CLASSES = 20
# The "edges" of a picture: every shape of the flat drawing filled white and stroked black.
OUTLINE_STYLE = (
    "*{fill:#fff;stroke:#000;stroke-width:.45;fill-opacity:1;opacity:1;stroke-opacity:1;stroke-linejoin:round}"
)


def pad_to_square(image: Image.Image) -> Image.Image:
    """Centre a picture on a transparent square whose side is its longer side."""
    image = image.convert("RGBA")
    side = max(image.size)
    if image.size == (side, side):
        return image
    square = Image.new("RGBA", (side, side), (255, 255, 255, 0))
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return square


def on_white(image: Image.Image) -> Image.Image:
    """Composite a picture with transparency on white."""
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, image).convert("RGB")


def render_svg(path: Path, style: str | None = None, crisp: bool = False) -> Image.Image:
    """Render an SVG file so that its longer side fills 64 pixels; the rest is transparent.

    Args:
        path: the SVG file.
        style: a style sheet that overrides the file's own colours.
        crisp: no antialiasing, so that only the file's own colours appear.
    """
    options: dict = {"skip_system_fonts": True}
    if style:
        options["style_sheet"] = style
    if crisp:
        options["shape_rendering"] = "crisp_edges"
    svg = path.read_text(encoding="utf-8")
    image = Image.open(io.BytesIO(resvg_py.svg_to_bytes(svg_string=svg, width=SIZE, **options)))
    if image.height > SIZE:  # a tall drawing: fit its height instead, and centre it
        image = Image.open(io.BytesIO(resvg_py.svg_to_bytes(svg_string=svg, height=SIZE, **options)))
    return pad_to_square(image)


def draw_flat(path: Path) -> np.ndarray:
    """Return an SVG drawing in its own colours, uint8 (64, 64, 3)."""
    return np.asarray(on_white(render_svg(path)))


def draw_outline(path: Path) -> np.ndarray:
    """Return the line drawing of an SVG drawing, uint8 (64, 64), black on white."""
    return np.asarray(on_white(render_svg(path, style=OUTLINE_STYLE)).convert("L"))


def draw_regions(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return an SVG drawing without antialiasing, uint8 (64, 64, 3), and where it is not background, bool (64, 64)."""
    image = render_svg(path, crisp=True)
    return np.asarray(on_white(image)), np.asarray(image)[..., 3] > 0


def draw_picture(path: Path) -> np.ndarray:
    """Return a picture file on white, uint8 (64, 64, 3), reduced with a Lanczos filter after compositing."""
    with Image.open(path) as file:
        image = on_white(pad_to_square(file))
    if image.size != (SIZE, SIZE):
        image = image.resize((SIZE, SIZE), Image.Resampling.LANCZOS)
    return np.asarray(image)


def coarse(images: np.ndarray, step: int = 4) -> np.ndarray:
    """Round grey levels to multiples of ``step`` below white, so that lossless files of shaded pictures stay small.

    The error is at most half a step (49 dB at 4), white stays white, and no colour bleeds: lossy WebP halves the
    resolution of colour, which costs 33 dB at this size and is seen on every thin coloured line.
    """
    steps = (255 - images.astype(np.int16) + step // 2) // step
    return np.clip(255 - step * steps, 0, 255).astype(np.uint8)


def silhouette(path: Path) -> np.ndarray:
    """Return where a picture file is opaque (alpha above a quarter), bool (64, 64)."""
    with Image.open(path) as file:
        image = pad_to_square(file).resize((SIZE, SIZE), Image.Resampling.LANCZOS)
    return np.asarray(image)[..., 3] > 64


def _to_lab(colours: np.ndarray) -> np.ndarray:
    """Return CIE L*a*b* (D65) of sRGB colours in 0..255, shape (n, 3): distances there follow the eye."""
    c = colours.astype(np.float64) / 255
    c = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    matrix = np.array(
        [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    )
    xyz = c @ matrix.T / np.array([0.95047, 1.0, 1.08883])
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


def _kmeans(points: np.ndarray, weights: np.ndarray, k: int, seed: int = 0, restarts: int = 32) -> np.ndarray:
    """Return the cluster (0..k-1) of each point: weighted k-means with k-means++ starts, the best of several."""
    rng = np.random.default_rng(seed)
    best, best_cost = np.zeros(len(points), int), np.inf
    for _ in range(restarts):
        centres = points[[rng.choice(len(points), p=weights / weights.sum())]]
        while len(centres) < k:
            nearest = ((points[:, None] - centres) ** 2).sum(2).min(1) * weights
            centres = np.vstack([centres, points[rng.choice(len(points), p=nearest / nearest.sum())]])
        for _ in range(100):
            distance = ((points[:, None] - centres) ** 2).sum(2)
            nearest_centre = distance.argmin(1)
            new = np.array(
                [
                    np.average(points[nearest_centre == i], axis=0, weights=weights[nearest_centre == i])
                    if (nearest_centre == i).any()
                    else centres[i]
                    for i in range(k)
                ]
            )
            if np.allclose(new, centres):
                break
            centres = new
        cost = float((distance.min(1) * weights).sum())
        if cost < best_cost:
            best, best_cost = nearest_centre, cost
    return best


def label_maps(regions: np.ndarray, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Group the colours of all drawings into classes.

    Class 0 is the background; the other 19 are k-means clusters of the colours in L*a*b*, weighted by the square root
    of their number of pixels, in falling order of pixels.

    Returns:
        the maps, uint8 (n, 64, 64); the palette, uint8 (20, 3); the number of distinct colours found.
    """
    pixels = regions.astype(np.uint32)
    code = pixels[..., 0] << 16 | pixels[..., 1] << 8 | pixels[..., 2]
    values, where, counts = np.unique(code[masks], return_inverse=True, return_counts=True)
    colours = np.stack([values >> 16, values >> 8 & 255, values & 255], axis=1)
    cluster = _kmeans(_to_lab(colours), np.sqrt(counts), CLASSES - 1)
    size = np.bincount(cluster, weights=counts, minlength=CLASSES - 1)
    rank = np.empty(CLASSES - 1, np.uint8)
    rank[np.argsort(-size, kind="stable")] = np.arange(1, CLASSES)
    maps = np.zeros(code.shape, np.uint8)
    maps[masks] = rank[cluster][where.ravel()]
    palette = np.full((CLASSES, 3), 255, np.uint8)
    for i in range(CLASSES - 1):
        members = cluster == i
        palette[rank[i]] = np.round(np.average(colours[members], axis=0, weights=counts[members]))
    return maps, palette, len(values)


def sheet(tiles: np.ndarray, fill: int = 255) -> np.ndarray:
    """Lay tiles (n, 64, 64) or (n, 64, 64, 3) out row by row, 52 a row; the last row is filled up."""
    rows = -(-len(tiles) // COLUMNS)
    full = np.full((rows * COLUMNS, *tiles.shape[1:]), fill, np.uint8)
    full[: len(tiles)] = tiles
    full = full.reshape(rows, COLUMNS, *tiles.shape[1:]).swapaxes(1, 2)
    return full.reshape(rows * SIZE, COLUMNS * SIZE, *tiles.shape[3:])


def tiles(sheet_pixels: np.ndarray, count: int) -> np.ndarray:
    """Undo ``sheet``: return the first ``count`` tiles."""
    rows = sheet_pixels.shape[0] // SIZE
    split = sheet_pixels.reshape(rows, SIZE, COLUMNS, SIZE, *sheet_pixels.shape[2:]).swapaxes(1, 2)
    return split.reshape(rows * COLUMNS, SIZE, SIZE, *sheet_pixels.shape[2:])[:count]
