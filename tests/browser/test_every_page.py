"""Every page, on a phone and a desk, in light and dark: it fits, can be used by everybody, and weighs little."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Response

from api.app import create_app
from api.container import Container
from tests.browser.console_server import pictures_directory
from tests.browser.pages import CUSTOMER, NOBODY, OPERATOR, Shown, all_pages, page_routes
from tests.browser.people import PHONE, SCHEMES, SIZES, a_browser_of
from tests.browser.stack import Stack

pytestmark = pytest.mark.xdist_group("worlds")
SERIOUS = ("serious", "critical")
MOST_BYTES = 150_000
FIRST_PAGES = {"/console": OPERATOR, "/my": CUSTOMER, "/pay/{paylink}": NOBODY}


# The parts of addresses that the stack has values for; a new part belongs into its ``values``.
KNOWN = dict.fromkeys(
    ("account_id", "case_id", "invoice_id", "user_id", "file_id", "issue_id", "bulk_id", "paylink", "methods", "brand"),
    "1",
)


class _AnyValue(dict[str, str]):
    """Knows every part of an address; the list of pages is needed before there is a system."""

    def __missing__(self, key: str) -> str:
        return f"{{{key}}}"


def _routes_of_the_application() -> list[Shown]:
    nothing: Container = object.__new__(Container)
    return all_pages(create_app(nothing), _AnyValue())


PAGES = _routes_of_the_application()


@pytest.fixture(scope="module")
def context_of(chromium: Browser, stack: Stack) -> Iterator[Callable[[str], BrowserContext]]:
    """Each person's browser, opened when it is first asked for."""
    opened: dict[str, BrowserContext] = {}

    def of(looker: str) -> BrowserContext:
        if looker not in opened:
            opened[looker] = a_browser_of(chromium, stack, looker)
        return opened[looker]

    yield of
    for context in opened.values():
        context.close()


@pytest.fixture
def page(shown: Shown, context_of: Callable[[str], BrowserContext]) -> Iterator[Page]:
    opened = context_of(shown.looker).new_page()
    yield opened
    opened.close()


def overflow_of(page: Page) -> int:
    """How many pixels the page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def findings_of(page: Page) -> list[str]:
    """What axe finds and calls serious or critical: rule, place, and why; colours on their way have arrived."""
    page.evaluate("document.getAnimations().forEach(one => one.finish())")
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']} ({one['impact']}): {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
        for one in found
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("shown", PAGES, ids=lambda shown: shown.route)
def test_every_page_fits_and_can_be_used_by_everybody(shown: Shown, page: Page, stack: Stack) -> None:
    (known,) = [one for one in all_pages(stack.app, stack.values) if one.route == shown.route]
    answer = page.goto(f"{stack.base}{known.address}")
    assert answer is not None
    assert answer.status < 500
    problems = []
    for size_name, size in SIZES.items():
        page.set_viewport_size(size)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            look = f"{size_name}-{scheme}"
            problems += [f"{look}: {finding}" for finding in findings_of(page)]
            if overflow_of(page) > 0:
                problems.append(f"{look}: {overflow_of(page)} pixels wider than the window")
            _picture(page, f"{known.name}-{look}")
    assert problems == []
    assert page.locator("h1").count() == 1


def _picture(page: Page, name: str) -> None:
    directory = pictures_directory()
    if directory is not None:
        page.screenshot(path=directory / f"{name}.png", full_page=True)


def test_the_stack_knows_every_part_of_every_address(stack: Stack) -> None:
    assert stack.values.keys() == KNOWN.keys()
    assert {page.route for page in all_pages(stack.app, stack.values)} == {page.route for page in PAGES}


def test_a_page_that_is_not_in_the_list_is_found() -> None:
    nothing: Container = object.__new__(Container)
    app = create_app(nothing)

    @app.get("/console/forgotten/{strange}", include_in_schema=False)
    async def forgotten(strange: str) -> str:
        return strange

    assert "/console/forgotten/{strange}" in page_routes(app)
    with pytest.raises(KeyError, match="strange"):
        all_pages(app, KNOWN)


@pytest.mark.parametrize("path", FIRST_PAGES)
def test_a_first_page_weighs_little(path: str, chromium: Browser, stack: Stack) -> None:
    """Everything that is transferred until the page stands, styles and scripts too, with an empty cache."""
    context = a_browser_of(chromium, stack, FIRST_PAGES[path])
    page, weights = context.new_page(), []

    def weigh(response: Response) -> None:
        sizes = response.request.sizes()
        weights.append((response.url, sizes["responseBodySize"] + sizes["responseHeadersSize"]))

    page.on("requestfinished", lambda request: weigh(request.response()))
    page.set_viewport_size(PHONE)
    page.goto(f"{stack.base}{path.format(**stack.values)}", wait_until="load")
    context.close()
    assert sum(weight for _, weight in weights) < MOST_BYTES, weights


@pytest.mark.parametrize("path", FIRST_PAGES)
def test_a_first_page_is_read_without_scripts(path: str, chromium: Browser, stack: Stack) -> None:
    context = a_browser_of(chromium, stack, FIRST_PAGES[path], scripts=False)
    page = context.new_page()
    page.goto(f"{stack.base}{path.format(**stack.values)}")
    words = page.locator("main").inner_text()
    context.close()
    assert "42.10" in words or "42,10" in words
