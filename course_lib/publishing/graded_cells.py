"""Which cells of a hand-in run when it is graded."""

from __future__ import annotations

import ast
from typing import Any

from nbformat import NotebookNode
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import List, Unicode

LEFT_OUT = "# A cell of the lesson: it does not count, and only its imports ran."


class LeaveTheLessonOut(NbGraderPreprocessor):
    """Leave of the lesson's own code cells the imports alone: the rest takes minutes and decides nothing.

    What nbgrader knows (set-up, answers, checks) runs, and so does what the student has added.
    """

    lessons_own = List(Unicode(), help="ids of the lesson's cells").tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        """Return the notebook with those cells cut."""
        own = set(self.lessons_own)
        for cell in nb.cells:
            if cell.cell_type == "code" and "nbgrader" not in cell.metadata and cell.get("id") in own:
                cell.source = "\n".join([LEFT_OUT, *_imports(cell.source)])
        return nb, resources


def _imports(source: str) -> list[str]:
    """Return the lines that import something; none of a cell that is no longer Python."""
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return []
    return [ast.unparse(one) for one in body if isinstance(one, (ast.Import, ast.ImportFrom))]
