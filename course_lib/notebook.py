"""What the set-up cell of every lesson calls. Importing it needs nothing but the standard library."""

from __future__ import annotations

import importlib.util
import platform
import subprocess
import sys
import warnings
from typing import TYPE_CHECKING, Any

from course_lib.errors import CourseError

if TYPE_CHECKING:
    import torch

# What Colab's image may lack, by module and package. All are small; torch and what comes with it are never in here.
SMALL_PACKAGES = {
    "lightning_fabric": "lightning-fabric",
    "lightning_utilities": "lightning-utilities",
    "torchmetrics": "torchmetrics",
    "safetensors": "safetensors",
    "tyro": "tyro",
    "docstring_parser": "docstring-parser",
    "typeguard": "typeguard",
    "platformdirs": "platformdirs",
    "pooch": "pooch",
    "psutil": "psutil",
    "requests": "requests",
    "filelock": "filelock",
    "ipywidgets": "ipywidgets",
    "ipycanvas": "ipycanvas",
    "tqdm": "tqdm",
}


def start(seed: int = 0) -> torch.device:
    """Make a notebook ready: packages on Colab, quiet warnings, a seed, and one line that says what runs where.

    Args:
        seed: seed of all random number generators.

    Returns:
        The device that lessons use: CUDA, else Apple's MPS, else the CPU.

    Raises:
        CourseError: if a needed package is missing.
    """
    install_on_colab()
    try:
        import torch

        from course_lib.training import seed_everything
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("course_lib"):
            raise
        raise CourseError(
            f"The package {error.name} is missing: start the course with `make lab`, "
            "or run `pip install -e .` in its folder."
        ) from error
    from course_lib.presets import preset

    warnings.formatwarning = _format_warning
    seed_everything(seed)
    device = best_device()
    print(f"Python {platform.python_version()} · torch {torch.__version__} · device {device} · preset {preset()}")
    return device


def best_device() -> torch.device:
    """Return CUDA if there is one, else Apple's MPS, else the CPU."""
    import torch

    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def install_on_colab() -> list[str]:
    """On Colab, install the small packages that are missing, without their dependencies; return their names.

    Without dependencies, because pip would otherwise replace the torch that fits Colab's driver.

    Raises:
        CourseError: if pip fails.
    """
    if "google.colab" not in sys.modules:
        return []
    missing = [name for module, name in SMALL_PACKAGES.items() if importlib.util.find_spec(module) is None]
    if missing:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", *missing]
        if subprocess.run(command, check=False).returncode:
            raise CourseError(
                f"pip could not install {', '.join(missing)}: check the connection and run this cell again."
            )
        importlib.invalidate_caches()
    return missing


def _format_warning(message: Any, category: type[Warning], *_: Any, **__: Any) -> str:
    """Format a warning without file and line: a learner can act on the sentence, not on a path."""
    return f"{category.__name__}: {message}\n"
