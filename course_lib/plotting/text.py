"""How wide a text is, and where to break it."""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=4096)
def text_width(text: str, size: float, bold: bool = False) -> float:
    """Return the width of one line in points, at a font size in points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family="DejaVu Sans", size=size, weight="bold" if bold else "normal")
    width, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath="$" in text)
    return float(width)


def wrap(text: str, width: float, size: float, bold: bool = False) -> str:
    """Break a text between words (and at its own line ends) so that lines are at most ``width`` points if possible.

    It takes as few lines as fit, and makes them about equally long.
    """
    return "\n".join(_wrap_line(line, width, size, bold) for line in str(text).split("\n"))


def _wrap_line(text: str, width: float, size: float, bold: bool) -> str:
    best = _greedy(text, width, size, bold)
    narrower = best
    while "\n" in narrower and narrower.count("\n") == best.count("\n"):
        best = narrower
        narrower = _greedy(text, block_width(best, size, bold) - 0.01, size, bold)
        if block_width(narrower, size, bold) >= block_width(best, size, bold):
            break
    return best


def _greedy(text: str, width: float, size: float, bold: bool) -> str:
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if line and text_width(longer, size, bold) > width:
            lines.append(line)
            line = word
        else:
            line = longer
    return "\n".join([*lines, line])


def block_width(text: str, size: float, bold: bool = False) -> float:
    """Return the width of the longest line in points."""
    return max(text_width(line, size, bold) for line in text.split("\n"))


def fitting_size(texts: list[str], width: float, size: float, least: float, bold: bool = False) -> float:
    """Return the largest size up to ``size``, by half points and not below ``least``, at which every word fits."""
    words = [word for text in texts for word in str(text).split()]
    while size > least and any(text_width(word, size, bold) > width for word in words):
        size -= 0.5
    return size
