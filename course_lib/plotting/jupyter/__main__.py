"""``python -m course_lib.plotting.jupyter``: install what JupyterLab and nbconvert of this Python take from here."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

NAME = "course-alt-text"
TEMPLATE = "course"
CONFIGS = ("jupyter_nbconvert_config.json", "jupyter_server_config.json")  # nbconvert's own, and JupyterLab's menu
CHOICES = {"HTMLExporter": TEMPLATE, "SlidesExporter": "reveal", "WebPDFExporter": "webpdf", "QtPDFExporter": "lab"}
"""The template by exporter: all but the first would follow the first, and have templates of their own."""


def install(prefix: Path) -> tuple[Path, Path]:
    """Copy extension and template below a prefix of Python, replacing earlier ones, and choose the template.

    Another template that was chosen there stays chosen.

    Returns:
        The two folders.
    """
    here, share = Path(__file__).parent, prefix / "share/jupyter"
    pairs = {
        here / "labextension": share / "labextensions" / NAME,
        here / "html": share / "nbconvert/templates" / TEMPLATE,
    }
    for source, target in pairs.items():
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)
    for name in CONFIGS:
        path = prefix / "etc/jupyter" / name
        config = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        for exporter, template in CHOICES.items():
            config.setdefault(exporter, {}).setdefault("template_name", template)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    extension, page = pairs.values()
    return extension, page


if __name__ == "__main__":
    extension, template = install(Path(sys.prefix))
    print(f"Pictures in JupyterLab and in exported HTML have their alt texts ({extension.name}, {template.name}).")
