"""A pytest plugin that remembers what was counted, what was left out and what took long, for the last lines of a run.

``tests/run.py`` loads it in every stage (``-p left_out``) and names a file in ``COURSE_TEST_RECORD``; without that
variable it does nothing. Where tests run in several processes, it counts in the one that hears of them all.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest

SLOWEST = 10


class Recorder:
    """Counts outcomes, keeps the reason of each skip and the slowest tests; written as one line of JSON a session."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.outcomes: Counter[str] = Counter()
        self.skips: Counter[tuple[str, bool]] = Counter()
        self.seconds: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] += report.duration  # of set-up, call and teardown together
        if hasattr(report, "wasxfail"):
            if report.when == "call":
                self.outcomes["xfailed" if report.skipped else "passed"] += 1
        elif report.skipped:
            self._skip(report, "gpu" in report.keywords)
        elif report.failed:
            self.outcomes["failed"] += 1
        elif report.when == "call":
            self.outcomes["passed"] += 1

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self._skip(report, False)
        elif report.failed:
            self.outcomes["failed"] += 1

    def pytest_sessionfinish(self) -> None:
        skips = [{"reason": reason, "gpu": gpu, "count": count} for (reason, gpu), count in self.skips.items()]
        with self.path.open("a", encoding="utf-8") as file:
            slowest = self.seconds.most_common(SLOWEST)
            file.write(json.dumps({"outcomes": self.outcomes, "skips": skips, "slowest": slowest}) + "\n")

    def _skip(self, report: pytest.TestReport | pytest.CollectReport, gpu: bool) -> None:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        self.outcomes["skipped"] += 1
        self.skips[(reason.removeprefix("Skipped: "), gpu)] += 1


def pytest_configure(config: pytest.Config) -> None:
    """Register the recorder, once, in the process that reports."""
    path = os.environ.get("COURSE_TEST_RECORD")
    if path and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Recorder(Path(path)), "course-recorder")
