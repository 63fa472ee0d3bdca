"""The command line of the course: train, evaluate, translate, sample, bench, doctor and slides."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import tyro

from course_lib.commands.evaluate import Evaluate, evaluate
from course_lib.commands.pictures import Sample, Translate, sample, translate
from course_lib.commands.train import STOPPED, Train, train
from course_lib.commands.upkeep import Bench, Doctor, Slides, bench, doctor, slides
from course_lib.errors import CourseError, Stopped
from course_lib.words import for_the_shell

Command = (
    Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[Evaluate, tyro.conf.subcommand("evaluate")]
    | Annotated[Translate, tyro.conf.subcommand("translate")]
    | Annotated[Sample, tyro.conf.subcommand("sample")]
    | Annotated[Bench, tyro.conf.subcommand("bench")]
    | Annotated[Doctor, tyro.conf.subcommand("doctor")]
    | Annotated[Slides, tyro.conf.subcommand("slides")]
)

ACTIONS: dict[type, Callable[[Any], int]] = {
    Train: train,
    Evaluate: evaluate,
    Translate: translate,
    Sample: sample,
    Bench: bench,
    Doctor: doctor,
    Slides: slides,
}
"""What each command does; it returns the exit status."""


class _Signalled(BaseException):
    """A signal to stop has come, outside of a training's steps or after the last of them."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line.

    The exit status is 0 if all was done, 1 if a check failed, 2 after a mistake of the user, which is said in one
    sentence, and 130, 143 or 129 if Ctrl-C, SIGTERM or SIGHUP stopped it.
    """
    command: Any = tyro.cli(Command, prog="course", description=__doc__, args=arguments)
    status = 2
    try:
        with for_the_shell(), _signals():
            status = ACTIONS[type(command)](command)
        sys.stdout.flush()
    except Stopped as stop:
        print(f"course: {stop}", file=sys.stderr)
        status = STOPPED.get(stop.reason, 2)
    except CourseError as error:
        print(f"course: {error}", file=sys.stderr)
    except BrokenPipeError:  # the reader has gone, as in `course evaluate | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing is left to be flushed at the exit
        status = 141
    except OSError as error:
        if error.filename is None:
            raise
        print(f"course: {error.filename} cannot be used ({error.strerror}): choose another place.", file=sys.stderr)
    except KeyboardInterrupt:
        print("course: stopped.", file=sys.stderr)
        status = STOPPED["interrupt"]
    except _Signalled as stop:
        print("course: stopped.", file=sys.stderr)
        status = STOPPED[str(stop)]
    if status:
        raise SystemExit(status)


@contextmanager
def _signals() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into an error, so that what is open is closed; one that is ignored stays so."""

    def handler(number: int, frame: Any) -> None:
        raise _Signalled(signal.Signals(number).name)

    before: dict[Any, Any] = {}
    for name in ("SIGTERM", "SIGHUP"):
        one = getattr(signal, name, None)  # there is no SIGHUP on Windows
        if one is not None and signal.getsignal(one) == signal.SIG_DFL:
            try:
                before[one] = signal.signal(one, handler)
            except ValueError:  # not the main thread
                break
    try:
        yield
    finally:
        for one, earlier in before.items():
            signal.signal(one, earlier)


if __name__ == "__main__":
    main()
