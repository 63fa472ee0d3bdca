"""The command line of the course: train, evaluate, bench, doctor and slides."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from course_lib.errors import CourseError, TrainingError

DEVICES = ("auto", "cpu", "cuda", "mps")

# Imports of torch are inside the commands: `course --help` answers at once.


@dataclass(frozen=True)
class Train:
    """Train one of the course's runs, or go on from its checkpoint; Ctrl-C keeps what was trained."""

    run: Annotated[str, tyro.conf.Positional]
    """Name, for example lesson_01/mae. `course evaluate` lists them."""
    seed: int = 0
    """Seed of the weights, the order of the data and the noise."""
    folder: Path = Path("runs")
    """Where checkpoints and history.csv are kept, in a sub-folder for each run and seed."""
    device: str = "auto"
    """auto, cpu, cuda (or cuda:1, ...) or mps."""
    evaluate_every: int = 0
    """Steps between two looks at the validation split, kept in history.csv; 0 for none."""
    tensorboard: Path | None = None
    """Folder for TensorBoard's files, if they are wanted."""
    publish: bool = False
    """Write the result into data/checkpoints, for maintainers."""


@dataclass(frozen=True)
class Evaluate:
    """Print the held-out figures of a bundled run, or list the runs if no name is given."""

    run: Annotated[str, tyro.conf.Positional] = ""
    """Name, for example lesson_01/mae."""
    seed: int = 0
    """Which bundled seed."""
    split: str = "test"
    """validation, to choose by, or test, for the figures that are reported."""


@dataclass(frozen=True)
class Bench:
    """Time the training step of every system: images a second, GFLOP, share of this machine's peak, memory."""

    seconds: float = 5.0
    """How long each system is timed."""


@dataclass(frozen=True)
class Doctor:
    """Check the machine and the course: versions, device, memory, and the hash of every bundled file."""


@dataclass(frozen=True)
class Slides:
    """Export the decks of the lessons to slides/build/."""

    lessons: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Numbers, for example 01; all if none is given."""


Command = (
    Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[Evaluate, tyro.conf.subcommand("evaluate")]
    | Annotated[Bench, tyro.conf.subcommand("bench")]
    | Annotated[Doctor, tyro.conf.subcommand("doctor")]
    | Annotated[Slides, tyro.conf.subcommand("slides")]
)


def _train(command: Train) -> None:
    from course_lib import runs

    if command.device.partition(":")[0] not in DEVICES:
        raise TrainingError(f"There is no device {command.device!r}: choose one of {', '.join(DEVICES)}.")
    started = time.perf_counter()
    one = runs.run(command.run)
    folder = runs.folder_of(command.folder, one.name, command.seed)
    folder.mkdir(parents=True, exist_ok=True)  # if that cannot be, better now than after ten minutes
    watched: dict[str, Any] = {"device": command.device}
    if command.tensorboard is not None:
        watched["tensorboard"] = runs.folder_of(command.tensorboard, one.name, command.seed)
    if command.evaluate_every < 0:
        raise TrainingError(f"--evaluate-every is {command.evaluate_every}: give a number of steps, or 0 for none.")
    if command.evaluate_every:
        if one.measure is None or "validation" not in one.splits:
            raise TrainingError(f"{one.name} has no figures on the validation split: leave --evaluate-every out.")
        watched |= {"evaluate": lambda system: one.evaluate(system, "validation")}
        watched |= {"evaluate_every": command.evaluate_every}
    system, history = runs.train(command.run, command.seed, folder=command.folder, **watched)
    trained = history.seconds[-1] if len(history) else 0.0  # earlier parts of a resumed run included
    minutes = max(time.perf_counter() - started, trained) / 60
    print(f"{command.run}, seed {command.seed}: {len(history)} steps, {trained / 60:.1f} minutes.")
    if command.publish and history.stopped:
        print("Not published: run the same command again, which goes on from here.")
    elif command.publish:
        path = runs.publish(command.run, command.seed, system.cpu(), history, minutes)
        print(f"Wrote {path.name}; now run `python data/build/manifest.py`.")


def _evaluate(command: Evaluate) -> None:
    from course_lib import runs

    if not command.run:
        for name in runs.names():
            print(f"{name:26} {runs.run(name).about}")
        return
    for name, value in runs.figures(command.run, command.seed, command.split).items():
        print(f"{name:24} {value:.4f}")


def _bench(command: Bench) -> None:
    from course_lib.bench import bench

    bench(command.seconds)


def _doctor(_: Doctor) -> None:
    from course_lib.doctor import doctor

    if not doctor():
        raise SystemExit(1)


def _slides(command: Slides) -> None:
    from course_lib.publishing.__main__ import main as publish

    if publish(["slides", *command.lessons]):
        raise SystemExit(2)  # it has said why


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; a user's error ends with one sentence and status 2."""
    command: Any = tyro.cli(Command, prog="course", description=__doc__, args=arguments)
    actions: dict[type, Callable[[Any], None]] = {
        Train: _train,
        Evaluate: _evaluate,
        Bench: _bench,
        Doctor: _doctor,
        Slides: _slides,
    }
    try:
        actions[type(command)](command)
    except CourseError as error:
        print(f"course: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except OSError as error:
        if error.filename is None:
            raise
        print(f"course: {error.filename} cannot be used ({error.strerror}): choose another place.", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("course: stopped.", file=sys.stderr)
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
