"""How a training is stopped from outside: Ctrl-C, a cluster that takes its machine back, a terminal that is closed."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

REASONS = ("interrupt", "SIGTERM", "SIGHUP")
"""What ``History.stopped`` says; there is no SIGHUP on Windows."""

SPOKEN = {"interrupt": "Ctrl-C", "SIGTERM": "the signal SIGTERM", "SIGHUP": "the signal SIGHUP"}
PASSED_ON = ("SIGTERM", "SIGHUP")


@contextmanager
def signals_heeded(asked: list[str], processes: int = 1) -> Iterator[None]:
    """Turn the first signal to stop into an entry of a list, so that the step at hand is finished before the run ends.

    The second one raises a KeyboardInterrupt at once; not where there are several processes, since ``torchrun`` passes
    on what the terminal has sent to each of them already, and one that stops alone leaves the others waiting.

    A signal that is ignored stays so: ``nohup`` protects from SIGHUP. Only the main thread receives signals; in
    another nothing is changed.
    """
    before: dict[signal.Signals, Any] = {}

    def handler(number: int, frame: Any) -> None:
        if asked and processes == 1:
            raise KeyboardInterrupt
        asked.append("interrupt" if number == signal.SIGINT else signal.Signals(number).name)

    try:
        for name in ("SIGINT", *PASSED_ON):
            one = getattr(signal, name, None)
            earlier = signal.getsignal(one) if one is not None else None
            if one is not None and earlier not in (None, signal.SIG_IGN):
                try:
                    signal.signal(one, handler)
                except ValueError:  # not the main thread
                    break
                before[one] = earlier
        yield
    finally:
        for one, earlier in before.items():
            signal.signal(one, earlier)


def pass_on(reason: str | None) -> None:
    """Send this process the signal that ended its training, now that all is saved.

    ``fit`` only puts the signal off. A script ends by it, and so does the kernel of a notebook, which Jupyter sends a
    SIGTERM when it is shut down; a program that has a handler of its own for it goes on as the handler says. Ctrl-C is
    not passed on: it is meant for the training.
    """
    if reason in PASSED_ON:
        sys.stdout.flush()  # a process that dies by a signal writes nothing more
        sys.stderr.flush()
        signal.raise_signal(getattr(signal, reason))
