"""All tests that this machine can run, stage by stage, and last what took how long and what was left out and why.

python tests/run.py [STAGE ...]     (make test, make test-fast and make lint call it)
With CI=true a skipped test counts as a failure, except those marked ``gpu``.

Most stages run in as many processes as there are cores, with one thread each: small networks only wait for threads.
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
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
NBVAL = ["--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=300", "--nbval-kernel-startup-timeout=120"]
NO_TESTS = 5  # pytest's exit status when it collected nothing
MOST_WORKERS, GB_A_WORKER = 8, 2.0
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
STRICT = {"COURSE_STRICT_FIGURES": "1"}  # every figure of a lesson must be one that all can read
SLOWEST = 10
Command = tuple[str, list[str], dict[str, str]]


def python(name: str, *arguments: str) -> Command:
    """Return a command that runs a Python module of this environment."""
    return name, [sys.executable, "-m", *arguments], {}


def pytest(name: str, *arguments: str, **environment: str) -> Command:
    """Return a command that runs pytest with the recorder of ``left_out.py``."""
    return name, [sys.executable, "-m", "pytest", "-q", "-p", "left_out", *arguments], environment


def workers() -> int:
    """Return how many processes share the tests: one a core, and no more than the memory holds."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, MOST_WORKERS, int(psutil.virtual_memory().total / 1e9 / GB_A_WORKER)))


def shared_out(by_file: bool = False) -> list[str]:
    """Return the arguments with which pytest shares tests out to processes; ``by_file`` keeps each file in one."""
    return ["-n", str(workers()), "--dist", "loadfile" if by_file else "worksteal"] if workers() > 1 else []


def lint() -> list[Command]:
    """Style, formatting, import rules, types; beside each other."""
    return [
        python("ruff check", "ruff", "check", "."),
        python("ruff format", "ruff", "format", "--check", "."),
        ("lint-imports", [str(Path(sys.executable).with_name("lint-imports")), "--no-logo"], {}),
        python("mypy", "mypy"),
    ]


def unit() -> list[Command]:
    """Everything under tests/ that needs neither all data, nor several processes, nor notebooks, nor a browser."""
    elsewhere = [f"--ignore=tests/{folder}" for folder in ("data", "notebooks", "browser")]
    return [pytest("unit", "tests", *elsewhere, "-m", "not distributed", *shared_out(), **ONE_THREAD)]


def data() -> list[Command]:
    """Bundled data: hashes, splits, licences; downloads against a local server."""
    return [pytest("data", "tests/data", "-m", "not distributed", *shared_out(), **ONE_THREAD)]


def distributed() -> list[Command]:
    """Several processes give what one gives."""
    elsewhere = [f"--ignore=tests/{folder}" for folder in ("notebooks", "browser")]
    return [pytest("distributed", "tests", *elsewhere, "-m", "distributed")]


def notebooks() -> list[Command]:
    """The notebooks as files, then every cell of both editions run again."""
    learner = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "notebooks").glob("*.ipynb"))
    solution = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "notebooks" / "solutions").glob("*.ipynb"))
    commands = [pytest("notebooks", "tests/notebooks", *shared_out(), **ONE_THREAD)]
    nbval = [*NBVAL, *shared_out(by_file=True)]  # a notebook's cells run in order, in one kernel
    if solution:
        commands.append(pytest("nbval solutions", *nbval, *solution, COURSE_PRESET="cpu", **STRICT, **ONE_THREAD))
    if learner:
        commands.append(pytest("nbval learner's", *nbval, *learner, COURSE_PRESET="smoke", **STRICT, **ONE_THREAD))
    return commands


def browser() -> list[Command]:
    """A real JupyterLab and the slides in a real browser."""
    return [pytest("browser", "tests/browser", *shared_out(by_file=True))]


STAGES: dict[str, Callable[[], list[Command]]] = {
    stage.__name__: stage for stage in (lint, unit, data, distributed, notebooks, browser)
}


BESIDE = {"lint"}
"""Stages whose commands run beside each other; the output of each is shown when all are done."""


def run(groups: list[list[Command]], folder: Path) -> tuple[list[tuple[str, bool, float]], Path]:
    """Run groups of commands one after the other, and the commands of a group beside each other.

    Returns:
        Name, success and seconds of each command, and the file that holds the recorder's lines.
    """
    record = folder / "record.jsonl"
    record.touch()
    shared = {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT / "tests"), os.environ.get("PYTHONPATH")])),
        "COURSE_TEST_RECORD": str(record),
        "COURSE_PROGRESS": "off",
        "COURSE_CACHE": os.environ.get("COURSE_CACHE", str(folder / "cache")),
        "MPLBACKEND": "Agg",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONHASHSEED": "0",  # all processes must collect the same tests in the same order
    }

    def one(command: Command, held: bool) -> tuple[tuple[str, bool, float], bytes]:
        name, arguments, environment = command
        begin = time.monotonic()
        done = subprocess.run(
            arguments,
            cwd=ROOT,
            env={**os.environ, **shared, **environment},
            check=False,
            stdout=subprocess.PIPE if held else None,
            stderr=subprocess.STDOUT if held else None,
        )
        fine = done.returncode == 0 or (done.returncode == NO_TESTS and name == "distributed")
        return (name, fine, time.monotonic() - begin), done.stdout or b""

    results = []
    for group in groups:
        held = len(group) > 1
        if not held:
            print(f"\n=== {group[0][0]} ===", flush=True)
        with ThreadPoolExecutor(len(group)) as pool:
            for result, output in pool.map(one, group, [held] * len(group)):
                if held:
                    print(f"\n=== {result[0]} ===\n{output.decode(errors='replace').rstrip()}", flush=True)
                results.append(result)
    return results, record


def close(results: list[tuple[str, bool, float]], record: Path) -> int:
    """Print the table of stages, the totals, the slowest tests and what was left out; return the exit status."""
    outcomes: Counter[str] = Counter()
    skips: Counter[tuple[str, bool]] = Counter()
    slowest: list[tuple[float, str]] = []
    for line in record.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        outcomes.update(entry["outcomes"])
        for skip in entry["skips"]:
            skips[(skip["reason"], skip["gpu"])] += skip["count"]
        slowest += [(seconds, test) for test, seconds in entry["slowest"]]
    print("\n=== summary ===")
    for name, fine, seconds in results:
        print(f"{name:<16} {'passed' if fine else 'FAILED':<7} {seconds:6.0f} s")
    print(f"{'together':<16} {'':<7} {sum(seconds for _, _, seconds in results):6.0f} s")
    if outcomes:
        print(f"{outcomes['passed']} passed, {outcomes['failed']} failed, {outcomes['skipped']} skipped")
    if slowest:
        print(f"The {SLOWEST} slowest tests:")
        for seconds, test in sorted(slowest, reverse=True)[:SLOWEST]:
            print(f"{seconds:6.1f} s  {test}")
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
    groups: list[list[Command]] = []
    for name in names or STAGES:
        commands = STAGES[name]()
        groups += [commands] if name in BESIDE else [[command] for command in commands]
    with tempfile.TemporaryDirectory() as folder:
        return close(*run(groups, Path(folder)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
