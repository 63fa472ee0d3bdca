"""One headless Chromium for all tests here; where there is none, they are left out by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from course_lib.publishing.slides import browser_flags, find_browser


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Return a browser, or skip."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = find_browser()
    if program is None:
        pytest.skip("no Chromium or Chrome on this machine (install the package chromium, or set COURSE_BROWSER)")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=browser_flags())
        yield browser
        browser.close()
