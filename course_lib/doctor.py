"""A report of the machine and of the course's files, for learners and for bug reports."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
import time

from course_lib.errors import CourseError
from course_lib.paths import bundled_file, cache_dir, manifest
from course_lib.presets import preset

PACKAGES = ("torch", "torchvision", "torchmetrics", "lightning-fabric", "matplotlib", "ipywidgets", "jupyterlab")
QUIET_GFLOPS = 100.0  # of two quiet cores of the machine on which the lessons' times were taken
NEEDED_GB = 3.0


def matmul_gflops(seconds: float = 0.5) -> float:
    """Return how many thousand million float32 operations a second a large matrix product does on the CPU."""
    import torch

    size = 1024
    a, b = torch.randn(size, size), torch.randn(size, size)
    best = 0.0
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        started = time.perf_counter()
        a @ b
        best = max(best, 2 * size**3 / (time.perf_counter() - started) / 1e9)
    return best


def _files() -> tuple[list[str], int, float]:
    """Hash every bundled file; return the problems, the number of files and their size in MB."""
    problems = []
    try:
        listed = manifest()
    except CourseError as error:
        return [str(error)], 0, 0.0
    for name in listed:
        try:
            bundled_file(name)
        except CourseError as error:
            problems.append(str(error))
    return problems, len(listed), sum(entry["bytes"] for entry in listed.values()) / 1e6


def doctor() -> bool:
    """Print the report; return whether all is well."""
    import psutil
    import torch

    from course_lib.notebook import best_device

    problems: list[str] = []

    def line(what: str, text: str) -> None:
        print(f"{what:<14}{text}")

    line("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    if not (3, 10) <= sys.version_info[:2] <= (3, 13):
        problems.append("This Python is not one of 3.10 to 3.13: make the environment again with one of those.")
    for package in PACKAGES:
        try:
            line(package, importlib.metadata.version(package))
        except importlib.metadata.PackageNotFoundError:
            line(package, "not installed")
            problems.append(f"{package} is missing: run `make lab`, or `pip install {package}`.")
    device = best_device()
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else {"mps": "Apple GPU"}.get(device.type, "CPU")
    line("device", f"{device.type} ({name})")
    line("CPU", f"{os.cpu_count()} cores, {torch.get_num_threads()} threads, {matmul_gflops():.0f} GFLOP/s float32")
    free = psutil.virtual_memory().available / 1e9
    line("memory", f"{free:.1f} GB free of {psutil.virtual_memory().total / 1e9:.1f} GB; a lesson takes at most 3 GB")
    if free < NEEDED_GB:
        problems.append(f"Only {free:.1f} GB of memory is free: close other programs before a lesson.")
    line("preset", preset())
    corrupt, count, megabytes = _files()
    problems += corrupt
    line("data", f"{count - len(corrupt)} of {count} files are whole ({megabytes:.0f} MB)")
    try:
        cache_dir()
        line("cache", "can be written")
    except CourseError as error:
        problems.append(str(error))
    for problem in problems:
        line("PROBLEM", problem)
    print("\nAll is well." if not problems else "\nMend the lines above, then run this again.")
    return not problems
