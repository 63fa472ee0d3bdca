"""All tests that this machine can run, stage by stage, and last what it left out and why.

python tests/run.py [STAGE ...]     (make test, make test-fast and make lint call it)
With CI=true a skipped test counts as a failure, except those marked ``gpu``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NBVAL = ["--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=300", "--nbval-kernel-startup-timeout=120"]
NO_TESTS = 5  # pytest's exit status when it collected nothing
Command = tuple[str, list[str], dict[str, str]]


def python(name: str, *arguments: str) -> Command:
    """Return a command that runs a Python module of this environment."""
    return name, [sys.executable, "-m", *arguments], {}


def pytest(name: str, *arguments: str, **environment: str) -> Command:
    """Return a command that runs pytest with the recorder of ``left_out.py``."""
    return name, [sys.executable, "-m", "pytest", "-q", "-p", "left_out", "--durations=5", *arguments], environment


def lint() -> list[Command]:
    """Style, formatting, import rules, types."""
    return [
        python("ruff check", "ruff", "check", "."),
        python("ruff format", "ruff", "format", "--check", "."),
        ("lint-imports", [str(Path(sys.executable).with_name("lint-imports")), "--no-logo"], {}),
        python("mypy", "mypy"),
    ]


def unit() -> list[Command]:
    """Everything under tests/ that needs neither all data, nor several processes, nor notebooks, nor a browser."""
    elsewhere = [f"--ignore=tests/{folder}" for folder in ("data", "notebooks", "browser")]
    return [pytest("unit", "tests", *elsewhere, "-m", "not distributed")]


def data() -> list[Command]:
    """Bundled data: hashes, splits, licences; downloads against a local server."""
    return [pytest("data", "tests/data", "-m", "not distributed")]


def distributed() -> list[Command]:
    """Several processes give what one gives."""
    elsewhere = [f"--ignore=tests/{folder}" for folder in ("notebooks", "browser")]
    return [pytest("distributed", "tests", *elsewhere, "-m", "distributed")]


def notebooks() -> list[Command]:
    """The notebooks as files, then every cell of both editions run again."""
    learner = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "notebooks").glob("*.ipynb"))
    solution = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "notebooks" / "solutions").glob("*.ipynb"))
    commands = [pytest("notebooks", "tests/notebooks")]
    if solution:
        commands.append(pytest("nbval solutions", *NBVAL, *solution, COURSE_PRESET="cpu"))
    if learner:
        commands.append(pytest("nbval learner's", *NBVAL, *learner, COURSE_PRESET="smoke"))
    return commands


def browser() -> list[Command]:
    """A real JupyterLab and the slides in a real browser."""
    return [pytest("browser", "tests/browser")]


STAGES: dict[str, Callable[[], list[Command]]] = {
    stage.__name__: stage for stage in (lint, unit, data, distributed, notebooks, browser)
}


def run(commands: list[Command], folder: Path) -> tuple[list[tuple[str, bool, float]], Path]:
    """Run commands one after the other.

    Returns:
        Name, success and seconds of each, and the file that holds the recorder's lines.
    """
    record = folder / "record.jsonl"
    record.touch()
    shared = {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT / "tests"), os.environ.get("PYTHONPATH")])),
        "COURSE_TEST_RECORD": str(record),
        "COURSE_CACHE": os.environ.get("COURSE_CACHE", str(folder / "cache")),
        "MPLBACKEND": "Agg",
        "TOKENIZERS_PARALLELISM": "false",
    }
    results = []
    for name, command, environment in commands:
        print(f"\n=== {name} ===", flush=True)
        begin = time.monotonic()
        status = subprocess.run(command, cwd=ROOT, env={**os.environ, **shared, **environment}, check=False).returncode
        fine = status == 0 or (status == NO_TESTS and name == "distributed")
        results.append((name, fine, time.monotonic() - begin))
    return results, record


def close(results: list[tuple[str, bool, float]], record: Path) -> int:
    """Print the table of stages, the totals and what was left out; return the exit status."""
    outcomes: Counter[str] = Counter()
    skips: Counter[tuple[str, bool]] = Counter()
    for line in record.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        outcomes.update(entry["outcomes"])
        for skip in entry["skips"]:
            skips[(skip["reason"], skip["gpu"])] += skip["count"]
    print("\n=== summary ===")
    for name, fine, seconds in results:
        print(f"{name:<16} {'passed' if fine else 'FAILED':<7} {seconds:6.0f} s")
    if outcomes:
        print(f"{outcomes['passed']} passed, {outcomes['failed']} failed, {outcomes['skipped']} skipped")
    in_ci = os.environ.get("CI", "").lower() == "true"
    forbidden = sum(count for (_, gpu), count in skips.items() if not gpu) if in_ci else 0
    if skips:
        print("Left out on this machine:")
        for (reason, _), count in sorted(skips.items()):
            print(f"- {count} {'test' if count == 1 else 'tests'}: {reason}")
    else:
        print("Nothing was left out.")
    if forbidden:
        print(f"CI leaves nothing out: {forbidden} skipped tests count as failures.")
    return int(forbidden > 0 or not all(fine for _, fine, _ in results))


def main(names: list[str]) -> int:
    """Run the named stages, or all, and return the exit status."""
    unknown = [name for name in names if name not in STAGES]
    if unknown:
        print(f"There is no stage {unknown[0]!r}: choose from {', '.join(STAGES)}.", file=sys.stderr)
        return 2
    commands = [command for name in names or STAGES for command in STAGES[name]()]
    with tempfile.TemporaryDirectory() as folder:
        return close(*run(commands, Path(folder)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
