"""What every rule about a source needs: the sentence that refuses it, and the tags of a cell."""

from __future__ import annotations

from pathlib import Path

from nbformat import NotebookNode

from course_lib.errors import CourseError


def demand(holds: bool, path: Path, rule: str) -> None:
    """Refuse a source unless a rule holds.

    Args:
        holds: whether it does.
        path: the source file.
        rule: goes on after the file's name, without a full stop: ``needs a title``.

    Raises:
        CourseError: if the rule does not hold; the sentence names the source.
    """
    if not holds:
        raise CourseError(f"notebooks/source/{path.name} {rule}.")


def tags_of(cell: NotebookNode) -> list[str]:
    """Return the tags of a cell, none if it has no such metadata."""
    return list(cell.metadata.get("tags", []))
