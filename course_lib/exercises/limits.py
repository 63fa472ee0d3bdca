"""Stop an answer that would not stop by itself: a loop or a memory without an end, a question, an exit, a flood."""

from __future__ import annotations

import builtins
import contextlib
import ctypes
import io
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, TextIO

SECONDS = 30.0  # an answer takes less than 0.1 s: this leaves room for a machine that is a few hundred times slower
TICK = 0.25  # seconds between two looks at the clock and at the memory
MEMORY = 2 * 2**30  # bytes that an answer may add to the process; the answers need a few million
PRINTED = 10_000  # characters that an answer may print on one input


class TooLong(BaseException):
    """An answer ran longer than it may. No ``Exception``, so that ``except Exception`` in the answer lets it pass."""


class TooLarge(BaseException):
    """An answer took more memory than it may."""


class Asked(BaseException):
    """An answer called ``input()``."""


class _Look:
    """What is looked at in each tick."""

    def __init__(self, seconds: float) -> None:
        import psutil

        self.process = psutil.Process()
        self.end = time.monotonic() + seconds
        # Half of what is free at most, so that a small machine does not begin to swap.
        self.most = self._taken() + min(MEMORY, psutil.virtual_memory().available // 2)

    def _taken(self) -> int:
        return int(self.process.memory_info().rss)

    def fault(self) -> type[BaseException] | None:
        """Return what has gone too far, if anything has."""
        if time.monotonic() > self.end:
            return TooLong
        return TooLarge if self._taken() > self.most else None


@contextlib.contextmanager
def limited(seconds: float | None = None) -> Iterator[None]:
    """Raise `TooLong` or `TooLarge` in what runs inside, once it takes more time or memory than it may.

    In the main thread of Linux and macOS a timer of the system does it, which also ends a sleep. Elsewhere a thread
    asks Python to raise the error, which it does at the next line of Python; the thread is gone afterwards. A single
    call of compiled code is interrupted by neither, and one single allocation that is too large is the system's matter.

    Args:
        seconds: the time; `SECONDS` by default.
    """
    look = _Look(SECONDS if seconds is None else seconds)
    in_main = threading.current_thread() is threading.main_thread()
    timed = in_main and hasattr(signal, "setitimer") and signal.getsignal(signal.SIGALRM) is not None
    stop = _start_timer(look) if timed else _start_thread(look)
    try:
        yield
    finally:
        while True:  # a last tick may fall into this very place
            try:
                stop()
                break
            except (TooLong, TooLarge):
                continue


def _start_timer(look: _Look) -> Callable[[], None]:
    """Let the system's timer look in each tick, and return how to end that and to put back who used it before."""

    def tick(number: int, frame: Any) -> None:
        fault = look.fault()
        if fault is not None:
            raise fault

    handler = signal.signal(signal.SIGALRM, tick)
    began = time.monotonic()
    rest, interval = signal.setitimer(signal.ITIMER_REAL, TICK, TICK)

    def stop() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if rest:
            signal.setitimer(signal.ITIMER_REAL, max(rest - (time.monotonic() - began), 1e-3), interval)

    return stop


def _start_thread(look: _Look) -> Callable[[], None]:
    """Let a thread look in each tick, and return how to end it."""
    watched, done = ctypes.c_ulong(threading.get_ident()), threading.Event()

    def watch() -> None:
        while not done.wait(TICK):
            fault = look.fault()
            if fault is not None:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(watched, ctypes.py_object(fault))

    thread = threading.Thread(target=watch, name="limit of an exercise", daemon=True)
    try:
        thread.start()
    except RuntimeError:  # no threads here, as in a browser: then there is no limit
        return lambda: None

    def stop() -> None:
        done.set()
        thread.join()
        ctypes.pythonapi.PyThreadState_SetAsyncExc(watched, None)  # what was asked for and not yet raised

    return stop


class _Capped(io.TextIOBase):
    """Hands on what is written up to a number of characters, and then says that the rest is left out."""

    def __init__(self, stream: TextIO) -> None:
        self.stream, self.left = stream, PRINTED

    def write(self, text: str) -> int:
        if self.left > 0:
            self.stream.write(text[: self.left])
            self.left -= len(text)
            if self.left <= 0:
                self.stream.write("\n... (your function prints more on this input; the rest is left out)\n")
        return len(text)

    def flush(self) -> None:
        self.stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Cap what is printed inside, and raise `Asked` in place of a question to the user."""

    def ask(*_: object) -> NoReturn:
        raise Asked

    asked = builtins.input
    builtins.input = ask
    try:
        with contextlib.redirect_stdout(_Capped(sys.stdout)), contextlib.redirect_stderr(_Capped(sys.stderr)):
            yield
    finally:
        builtins.input = asked
