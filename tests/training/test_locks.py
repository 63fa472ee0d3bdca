"""One training a folder: who comes second is told who is there, and a killed holder holds nothing."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from course_lib.errors import TrainingError
from course_lib.training import fit, locks
from course_lib.training.locks import NAME, locked
from course_lib.words import for_the_shell

HOLD = """
import sys
from pathlib import Path
from course_lib.training.locks import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[Callable[[], Any]]:
    """Return a function that starts another process that has the folder."""
    started: list[Any] = []

    def start() -> Any:
        command = [sys.executable, "-c", HOLD, str(tmp_path)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_the_second_is_told_who_is_there_and_a_killed_one_blocks_nobody(
    toys: Any, tmp_path: Path, holder: Callable[[], Any]
) -> None:
    other = holder()
    with pytest.raises(TrainingError) as refused:
        fit(toys.Line(), toys.line_data(), steps=2, batch_size=5, progress=False, device="cpu", checkpoint=tmp_path)
    words = str(refused.value)
    assert f"already running in {tmp_path} (process {other.pid} on " in words
    assert ", since 2" in words
    assert words.endswith("or name another folder.")
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert (tmp_path / NAME).is_file()  # what it wrote is still there, and says nothing
    fit(toys.Line(), toys.line_data(), steps=2, batch_size=5, progress=False, device="cpu", checkpoint=tmp_path)
    assert not (tmp_path / NAME).exists()


def test_the_file_goes_with_the_lock_also_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), locked(tmp_path):
        (tmp_path / "none").read_text()
    assert list(tmp_path.iterdir()) == []
    with locked(tmp_path), for_the_shell(), pytest.raises(TrainingError, match=r"or name another --folder\."):
        locked(tmp_path).__enter__()


def test_a_holder_who_has_not_yet_written_who_it_is(tmp_path: Path) -> None:
    with locked(tmp_path):
        (tmp_path / NAME).write_text("")
        with pytest.raises(TrainingError, match=r"\(another process\)"), locked(tmp_path):
            pass


def test_who_waits_for_a_file_that_is_deleted_meanwhile_takes_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, calls = locks._lock, []

    def late(handle: int) -> None:
        calls.append(handle)
        if len(calls) == 1:
            (tmp_path / NAME).unlink()  # its holder let go between our opening and our locking
        original(handle)

    monkeypatch.setattr(locks, "_lock", late)
    with locked(tmp_path):
        monkeypatch.undo()
        with pytest.raises(TrainingError), locked(tmp_path):
            pass
    assert len(calls) == 2


def test_where_there_are_no_locks_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def none(handle: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks, "_lock", none)
    with locked(tmp_path):
        assert "is on a disk without locks: do not start a second training in it" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_of_many_at_once_one_has_it(tmp_path: Path) -> None:
    inside: list[int] = []
    most: list[int] = []
    refused: list[int] = []

    def many(number: int) -> None:
        for _ in range(40):
            try:
                with locked(tmp_path):
                    inside.append(number)
                    most.append(len(inside))
                    inside.remove(number)
            except TrainingError:
                refused.append(number)

    threads = [threading.Thread(target=many, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert len(most) + len(refused) == 160
    assert not (tmp_path / NAME).exists() or os.name == "nt"
