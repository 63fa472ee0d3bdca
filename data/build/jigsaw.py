"""Put the pieces of one of GCompris's jigsaw puzzles together again.

A puzzle is a QML file that names the pieces and the centre of each, as a share of the board. Pieces have tabs, are
transparent elsewhere, and overlap their neighbours by a pixel or two. Centres are rounded to three digits, so that a
piece can land a pixel off: each is moved by a pixel or two to where its colours agree best with its neighbours'.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass

import numpy as np
from PIL import Image

MARGIN = 20
REACH = 2
STEPS = [(down, right) for down in range(-REACH, REACH + 1) for right in range(-REACH, REACH + 1)]
WEIGHT = 0.5  # grey levels that a move by one pixel must gain


@dataclass
class Piece:
    """One piece: colours (H, W, 3), mask (H, W, 1) of 0 or 1, and the place of its upper left corner on the board."""

    colours: np.ndarray
    mask: np.ndarray
    top: int
    left: int

    def window(self, step: tuple[int, int] = (0, 0)) -> tuple[slice, slice]:
        """Return the part of the board that the piece covers when moved by ``step`` (down, right)."""
        top, left = self.top + step[0], self.left + step[1]
        return slice(top, top + self.mask.shape[0]), slice(left, left + self.mask.shape[1])


class Board:
    """The sum of the colours of all pieces at each pixel, and how many pieces lie there."""

    def __init__(self, height: int, width: int) -> None:
        self.total = np.zeros((height, width, 3), np.int32)
        self.count = np.zeros((height, width, 1), np.int32)

    def put(self, piece: Piece, sign: int = 1) -> None:
        """Lay a piece down, or take it up with ``sign=-1``."""
        self.total[piece.window()] += sign * piece.colours * piece.mask
        self.count[piece.window()] += sign * piece.mask

    def disagreement(self, piece: Piece, step: tuple[int, int]) -> float:
        """Return the mean absolute difference of colours where the moved piece would lie on others."""
        window = piece.window(step)
        shared = (self.count[window] * piece.mask)[..., 0] > 0
        if not shared.any():
            return float("inf")
        below = self.total[window][shared] / self.count[window][shared]
        return float(np.abs(below - piece.colours[shared]).mean())


def read_pieces(board: str, files: dict[str, bytes], folder: str) -> tuple[list[Piece], tuple[int, int]]:
    """Return the pieces of a puzzle and the size (height, width) of its board, with a margin all round."""
    sides = [re.search(rf'"{side}"\s*:\s*(\d+)', board) for side in ("width", "height")]
    width, height = (int(side[1]) for side in sides if side)
    pattern = r'"pixmapfile"\s*:\s*"([^"]+\.webp)",\s*"x"\s*:\s*"([\d.]+)",\s*"y"\s*:\s*"([\d.]+)"'
    pieces = []
    for name, x, y in re.findall(pattern, board):
        pixels = np.asarray(Image.open(io.BytesIO(files[folder + name])).convert("RGBA"), np.int32)
        top = round(float(y) * height - pixels.shape[0] / 2) + MARGIN
        left = round(float(x) * width - pixels.shape[1] / 2) + MARGIN
        pieces.append(Piece(pixels[..., :3], (pixels[..., 3:] > 127).astype(np.int32), top, left))
    return pieces, (height + 2 * MARGIN, width + 2 * MARGIN)


def lay(pieces: list[Piece], board: Board) -> None:
    """Lay all pieces: always the one that overlaps most with those laid, where its colours agree best with theirs.

    Where the picture is plain all places agree about equally well; there a piece stays where the file puts it.
    """
    board.put(pieces[0])
    waiting = pieces[1:]
    while waiting:
        piece = max(waiting, key=lambda p: int((board.count[p.window()] * p.mask > 0).sum()))
        down, right = min(STEPS, key=lambda s: board.disagreement(piece, s) + WEIGHT * (abs(s[0]) + abs(s[1])))
        piece.top, piece.left = piece.top + down, piece.left + right
        board.put(piece)
        waiting = [other for other in waiting if other is not piece]


def assemble(board_text: str, files: dict[str, bytes], folder: str) -> tuple[Image.Image, int]:
    """Return the picture, cropped to the rows and columns that are covered throughout, and how many pixels are bare."""
    pieces, size = read_pieces(board_text, files, folder)
    board = Board(*size)
    lay(pieces, board)
    covered = board.count[..., 0] > 0
    rows = np.flatnonzero(covered.sum(1) > 0.98 * covered.sum(1).max())
    columns = np.flatnonzero(covered.sum(0) > 0.98 * covered.sum(0).max())
    frame = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    mean = board.total[frame] / np.maximum(board.count[frame], 1)
    return Image.fromarray(np.round(mean).astype(np.uint8)), int((~covered[frame]).sum())
