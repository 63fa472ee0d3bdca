"""The website without a network: nothing fetched, nothing cut off on a telephone, texts, search, and no barriers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe

from course_lib.publishing.settings import House, this_house
from course_lib.publishing.website import build

LOUD = ("serious", "critical")
PHONE = {"width": 390, "height": 844}
LESSON = "10_pix2pix"
PAGES = ["index.html", f"lessons/{LESSON}.html", "reference/course_lib.losses.adversarial.html"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the whole site once, from this course's notebooks, into a folder of the tests."""
    house = House(tmp_path_factory.mktemp("site"))
    here = this_house()
    house.slides.mkdir()
    for folder in ("template", "theme", "vendor"):
        (house.slides / folder).symlink_to(here.slides / folder)
    house.notebooks.symlink_to(here.notebooks)
    (house.root / "pyproject.toml").symlink_to(here.root / "pyproject.toml")
    before = set(house.root.iterdir())
    folder = build(house).parent
    assert set(house.root.iterdir()) - before == {folder}  # nothing is left beside it
    return folder


@pytest.fixture
def visit(chromium: Any, site: Path) -> Iterator[Any]:
    """Return a function that opens a page of the site, in a browser that notes what is fetched or goes wrong."""
    contexts = []

    def open_(name: str, **options: Any) -> tuple[Any, list[str]]:
        context = chromium.new_context(offline=True, **options)
        contexts.append(context)
        page, faults = context.new_page(), []
        page.on("console", lambda message: message.type == "error" and faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: request.url.startswith("http") and faults.append(request.url))
        file, mark, query = name.partition("?")
        page.goto((site / file).as_uri() + mark + query)
        page.wait_for_load_state()
        return page, faults

    yield open_
    for context in contexts:
        context.close()


def test_every_lesson_has_its_page_deck_and_notebook(site: Path) -> None:
    for lesson in this_house().lessons():
        for file in (f"lessons/{lesson}.html", f"slides/{lesson}.html", f"notebooks/{lesson}.ipynb"):
            assert (site / file).is_file(), file


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_fetched_and_nobody_is_left_out(visit: Any, name: str, scheme: str) -> None:
    page, faults = visit(name, color_scheme=scheme)
    violations = Axe().run(page, options={"preload": False}).response["violations"]  # it would fetch the style sheets
    found = [f"{one['id']}: {one['nodes'][0]['html'][:100]}" for one in violations if one["impact"] in LOUD]
    assert found == []
    assert faults == []


@pytest.mark.parametrize("name", PAGES)
def test_on_a_telephone_nothing_is_cut_off(visit: Any, name: str) -> None:
    page, _ = visit(name, viewport=PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    # What is wider than the page stands in a box that scrolls.
    lost = page.evaluate("""() => [...document.querySelectorAll('article :is(table, pre, img)')].filter((one) => {
      if (!one.getBoundingClientRect().width) return false;
      for (let box = one; box; box = box.parentElement) {
        const how = getComputedStyle(box).overflowX;
        if (how === 'auto' || how === 'scroll') return false;
      }
      return one.getBoundingClientRect().right > innerWidth + 1;
    }).map((one) => one.outerHTML.slice(0, 80))""")
    assert lost == []


def test_pictures_have_their_texts_and_answers_are_folded(visit: Any) -> None:
    page, _ = visit(f"lessons/{LESSON}.html")
    notebook = nbformat.read(this_house().notebook(LESSON, "learner"), as_version=4)
    wanted = [
        output.metadata[kind]["alt"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        for kind in ("image/png", "image/jpeg")
        if kind in output.get("data", {})
    ]
    assert page.locator(".cell_output img").evaluate_all("all => all.map((one) => one.alt)") == wanted
    stubs = page.locator(".cell", has_text="raise NotImplementedError")
    assert stubs.count() == sum("raise NotImplementedError" in cell.source for cell in notebook.cells)
    assert not any(stub.locator(".highlight").first.is_visible() for stub in stubs.all())


def test_formulas_are_set_and_the_search_finds(visit: Any) -> None:
    page, _ = visit(f"lessons/{LESSON}.html")
    page.wait_for_selector("mjx-container")
    assert page.locator("[data-mjx-error]").count() == 0
    page, _ = visit("search.html?q=detach")
    page.locator("ul.search li a", has_text="How does one network translate pictures?").first.wait_for()
