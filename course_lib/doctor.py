"""A report of the machine and of the course's files, for learners and for bug reports: it names no folder or user."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
import tempfile
import time

from course_lib.errors import CourseError
from course_lib.half import computes_in_bfloat16
from course_lib.paths import bundled_file, cache_dir, manifest
from course_lib.presets import preset

NEEDED = (
    "torch",
    "torchvision",
    "torchmetrics",
    "lightning-fabric",
    "safetensors",
    "matplotlib",
    "ipywidgets",
    "ipycanvas",
    "psutil",
)
OPTIONAL = ("jupyterlab",)  # Colab and editors bring their own
NEEDED_GB = 3.0


def matmul_gflops(seconds: float = 0.5) -> float:
    """Return how many thousand million float32 operations a second a large matrix product does on the CPU.

    Args:
        seconds: how long to repeat the product; it is done at least once. The fastest one counts.
    """
    import torch

    size = 1024
    a = b = torch.ones(size, size)
    best = 0.0
    end = time.perf_counter() + seconds
    while not best or time.perf_counter() < end:
        started = time.perf_counter()
        a @ b
        best = max(best, 2 * size**3 / (time.perf_counter() - started) / 1e9)
    return best


def doctor() -> bool:
    """Print the report; return whether all is well."""
    problems: list[str] = []
    _line("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    if not (3, 10) <= sys.version_info[:2] <= (3, 13):
        problems.append("This Python is not one of 3.10 to 3.13: make the environment again with one of those.")
    missing = _packages()
    problems += [f"{package} is missing: run `make lab`, or `pip install {package}`." for package in missing]
    if not {"torch", "psutil"} & set(missing):
        problems += _machine()
    try:
        _line("preset", preset())
    except CourseError as error:
        problems.append(str(error))
    problems += _files()
    problems += _cache()
    for problem in problems:
        _line("PROBLEM", problem)
    print("\nAll is well." if not problems else "\nMend the lines above, then run this again.")
    return not problems


def _line(what: str, text: str) -> None:
    print(f"{what:<18}{text}")


def _packages() -> list[str]:
    """Print a line a package; return the needed ones that are missing."""
    missing = []
    for package in (*NEEDED, *OPTIONAL):
        try:
            _line(package, importlib.metadata.version(package))
        except importlib.metadata.PackageNotFoundError:
            _line(package, "not installed")
            if package in NEEDED:
                missing.append(package)
    return missing


def _machine() -> list[str]:
    """Print device, CPU and memory; return the problems."""
    import psutil
    import torch

    if torch.cuda.is_available():
        _line("device", f"cuda ({torch.cuda.get_device_name()})")
    elif torch.backends.mps.is_available():
        _line("device", "mps (Apple GPU)")
    else:
        _line("device", "cpu")
    _line("CPU", f"{os.cpu_count()} cores, {torch.get_num_threads()} threads, {matmul_gflops():.0f} GFLOP/s in float32")
    _line(
        "bfloat16", "in hardware" if computes_in_bfloat16() else "not in hardware: `course train` computes in float32"
    )
    memory = psutil.virtual_memory()
    free = memory.available / 1e9
    _line("memory", f"{free:.1f} GB free of {memory.total / 1e9:.1f} GB; a lesson takes at most {NEEDED_GB:.0f} GB")
    if free < NEEDED_GB:
        return [f"Only {free:.1f} GB of memory is free: close other programs before a lesson."]
    return []


def _files() -> list[str]:
    """Hash every bundled file and print how many are whole; return the problems."""
    try:
        listed = manifest()
    except CourseError as error:
        return [str(error)]
    problems = []
    for name in listed:
        try:
            bundled_file(name)
        except CourseError as error:
            problems.append(str(error))
    megabytes = sum(entry["bytes"] for entry in listed.values()) / 1e6
    _line("data", f"{len(listed) - len(problems)} of {len(listed)} files are whole ({megabytes:.0f} MB)")
    return problems


def _cache() -> list[str]:
    """Print whether the cache can be written; return the problem if it cannot."""
    try:
        with tempfile.TemporaryFile(dir=cache_dir()):
            _line("cache", "can be written")
    except (CourseError, OSError):
        return ["The cache folder cannot be written: set COURSE_CACHE to a folder that can."]
    return []
