"""The pages of usage, catalogue, policies and templates in a browser without JavaScript, on a phone and on a desk."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect, sync_playwright

from billing.adapters.pdf import PdfRenderer
from billing.persistence.unit_of_work import SqlUnitOfWork, make_engine
from tests.browser.console_server import browser_path, pictures_directory, served
from tests.builders_desks import ADMIN_KEY, LINE, Desk, a_customer, a_desk
from tests.builders_usage import an_event
from tests.doors.test_console_usage import HEADER, START, STRANGER

pytestmark = pytest.mark.xdist_group("worlds")
WIDTHS = {"phone": 360, "desk": 1280}
PAGES = {
    "usage": "/console/usage",
    "usage-file": "/console/usage/files/file_1001",
    "records": "/console/usage/records?kind=rejected",
    "record": "/console/usage/records/rec_1001",
    "waiting": "/console/usage/waiting",
    "lookup": f"/console/usage/lookup?identifier={LINE.replace('+', '%2B')}",
    "explained": "/console/usage/lookup/record?source=csv&record_id=r-1",
    "catalogue": "/console/catalogue",
    "plan": "/console/catalogue/plans/vonk-basis",
    "plan-edit": "/console/catalogue/edit?code=vonk-basis",
    "import": "/console/catalogue/import",
    "policies": "/console/policies",
    "policy": "/console/policies/dunning/default",
    "policy-edit": "/console/policies/edit",
    "retries": "/console/policies/retries",
    "retry": "/console/policies/retries/vonk",
    "brands": "/console/policies/brands",
    "dates": "/console/policies/brands/vonk/cycle_policy",
    "templates": "/console/templates",
    "template-sms": "/console/templates/vonk/reminder/sms/en",
    "template-mail": "/console/templates/vonk/ready/email/en",
    "letterheads": "/console/letterheads",
    "letterhead": "/console/letterheads/vonk",
}
FILE = f"{HEADER}\nr-1,{LINE},voice,60,{START},+31201234567\nr-2,{LINE},voice,many,{START},+31201234567\n"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser_path(), args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(params=WIDTHS)
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    size = {"width": WIDTHS[request.param], "height": 800}
    context = browser.new_context(viewport=size, java_script_enabled=False, locale="en-GB")
    yield context.new_page()
    context.close()


@contextmanager
def desks(database_url: str, spool: Path) -> Iterator[str]:
    """The address of a console with a file, a rejected record and two numbers that nobody has."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with a_desk(database_url, spool, PdfRenderer()) as desk:
            await _fill(desk)
            app.mount("/", desk.world.app)
            yield

    with served(FastAPI(lifespan=lifespan, openapi_url=None)) as address:
        yield address


async def _fill(desk: Desk) -> None:
    files = {"file": ("day-001.csv", FILE.encode())}
    answer = await desk.send("/console/usage", "/console/usage/files", {"profile": "csv"}, files=files)
    usage = desk.world.container.usage
    await usage.files.import_file(answer.headers["location"].rpartition("/")[2])
    strangers = [an_event(record_id=f"u-{number}", identifier=STRANGER) for number in range(3)]
    await usage.take([*strangers, an_event(record_id="u-9", identifier="+31600000009")])


def sign_in(page: Page, address: str) -> None:
    page.goto(f"{address}/console")
    page.get_by_label("API key").fill(ADMIN_KEY)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()


def overflow_of(page: Page) -> int:
    """How many pixels the page is wider than its window."""
    sizes = page.context.new_cdp_session(page).send("Page.getLayoutMetrics")
    return int(sizes["cssContentSize"]["width"] - sizes["cssLayoutViewport"]["clientWidth"])


def picture(page: Page, name: str) -> None:
    directory = pictures_directory()
    if directory is not None:
        assert page.viewport_size is not None
        page.screenshot(path=directory / f"desks-{name}-{page.viewport_size['width']}.png", full_page=True)


def connect(database_url: str) -> None:
    """Somebody gets the number that usage waits for; in a thread, for the browser holds this one's loop."""

    async def add() -> None:
        engine = make_engine(database_url)
        async with SqlUnitOfWork(engine) as work:
            await a_customer(work, identifier=STRANGER, number="A100002")
            await work.commit()
        await engine.dispose()

    thread = threading.Thread(target=lambda: asyncio.run(add()))
    thread.start()
    thread.join()


def test_every_page_fits_its_window(page: Page, database_url: str, tmp_path: Path) -> None:
    with desks(database_url, tmp_path) as address:
        sign_in(page, address)
        for name, path in PAGES.items():
            page.goto(address + path)
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            picture(page, name)
            assert (name, overflow_of(page)) == (name, 0)
        page.emulate_media(color_scheme="dark")
        for name in ("usage", "policy", "plan", "template-sms"):
            page.goto(address + PAGES[name])
            picture(page, f"{name}-dark")


def test_an_operator_edits_a_policy_first_refused_then_previewed_published_and_assigned(
    page: Page, database_url: str, tmp_path: Path
) -> None:
    with desks(database_url, tmp_path) as address:
        sign_in(page, address)
        page.get_by_role("link", name="Policies", exact=True).click()
        page.get_by_role("link", name="default", exact=True).first.click()
        page.get_by_role("link", name="Edit as a new version").click()
        words = page.get_by_label("The policy as YAML")
        typed = words.input_value()
        hasty = typed.replace("day: 17, action: bar_outgoing", "day: 12, action: bar_outgoing")
        assert hasty != typed
        words.fill(hasty)
        page.get_by_label("Reason for publishing").fill("quicker")
        page.get_by_role("button", name="Publish the next version").click()
        expect(page.get_by_role("alert")).to_contain_text("less than 7 days after the warning")
        expect(page.get_by_text("← here")).to_be_visible()
        assert "day: 12" in page.get_by_label("The policy as YAML").input_value()
        picture(page, "policy-refused")
        page.get_by_label("The policy as YAML").fill(hasty.replace("day: 12", "day: 20").replace("day: 31", "day: 34"))
        page.get_by_role("button", name="Check and preview").click()
        expect(page.get_by_text("Outgoing barred: day 17 becomes day 20, 3 days later.")).to_be_visible()
        picture(page, "policy-previewed")
        page.get_by_label("Reason for publishing").fill("three days more")
        page.get_by_role("button", name="Publish the next version").click()
        expect(page.get_by_role("status")).to_contain_text("default is at version 2")
        assign = page.get_by_role("region", name="Give it to a segment")
        assign.get_by_label("Segment").fill("vulnerable")
        assign.get_by_label("Reason").fill("they need more time")
        assign.get_by_role("button", name="Assign").click()
        expect(page.get_by_role("status")).to_contain_text("Cases of the segment vulnerable of vonk open under default")


def test_an_operator_guides_unknown_usage_again_once_the_number_is_known(
    page: Page, database_url: str, tmp_path: Path
) -> None:
    with desks(database_url, tmp_path) as address:
        sign_in(page, address)
        page.goto(f"{address}/console/usage/waiting")
        row = page.get_by_role("row").filter(has_text=STRANGER)
        tried = page.get_by_role("region", name="What would be counted now").get_by_role("row")
        page.get_by_role("button", name="See what would be counted now").click()
        expect(tried.filter(has_text=STRANGER)).to_contain_text("not yet")
        connect(database_url)
        page.goto(f"{address}/console/usage/waiting")
        page.get_by_role("button", name="See what would be counted now").click()
        expect(tried.filter(has_text=STRANGER)).to_contain_text("known now")
        picture(page, "waiting-known")
        page.get_by_role("textbox", name="Number").first.fill(STRANGER)
        page.get_by_label("Reason").fill("they signed the contract")
        page.get_by_role("button", name="Guide again").click()
        expect(page.get_by_role("status").first).to_contain_text("3 of 3 records are counted now")
        expect(row).to_have_count(0)


def test_a_text_is_previewed_as_it_is_typed_in_a_frame(page: Page, database_url: str, tmp_path: Path) -> None:
    with desks(database_url, tmp_path) as address:
        sign_in(page, address)
        page.goto(f"{address}{PAGES['template-sms']}")
        page.get_by_label("Text", exact=True).fill("You pay {{ amount }} on the {{ date }}. {{ surprise }}")
        page.get_by_role("button", name="Preview what is typed").click()
        frame = page.frame_locator("iframe[name=typed]")
        expect(frame.get_by_text("The placeholder {{ surprise }} is not known")).to_be_visible()
        page.get_by_label("Text", exact=True).fill("You pay {{ amount }} on the {{ date }}.")
        page.get_by_role("button", name="Preview what is typed").click()
        expect(frame.get_by_text("You pay 42.10 Euro on the 6th of June.")).to_be_visible()
        picture(page, "template-typed")
