"""The console's pages of the catalogue: plans in words, priced, edited, compared, imported and corrected."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import pytest

from billing.services.plan_versions import plan_text
from tests.builders_desks import PLAN, Desk, a_desk, sign_in

EDIT = "/console/catalogue/edit"
PAGE = "/console/catalogue/plans/vonk-basis"
TEXT = plan_text(PLAN)
DEARER = TEXT.replace("fee: '10'", "fee: '12'")


@pytest.fixture
async def desk(database_url: str, tmp_path: Path) -> AsyncIterator[Desk]:
    async with a_desk(database_url, tmp_path) as desk:
        yield desk


def text_of(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


async def publish(desk: Desk, **more: str) -> None:
    form = {"text": DEARER, "brand": "vonk", "do": "publish", "reason": "prices of 2027"} | more
    answer = await desk.send(EDIT, EDIT, form)
    assert (answer.status_code, answer.headers.get("location")) == (303, PAGE), answer.text


async def test_a_plan_says_in_words_what_a_customer_pays(desk: Desk) -> None:
    assert "10 EUR per cycle" in text_of(await desk.get("/console/catalogue"))
    shown = text_of(await desk.get(PAGE))
    for words in ("Abonnement : 10 EUR per cycle", "Bellen : 0.1 EUR per", "België (32): 0.2 EUR", "Belminuten : 6000"):
        assert words in shown, shown


async def test_usage_is_priced_with_every_step(desk: Desk) -> None:
    form = {"version": "1", "price_code": "sms", "quantity": "1", "times": "30", "destination": ""}
    answer = await desk.send(PAGE, f"{PAGE}/price", form)
    shown = text_of(answer.text)
    assert "11.50 EUR" in shown
    assert "30" in shown
    wrong = await desk.send(PAGE, f"{PAGE}/price", form | {"times": "many"})
    assert wrong.status_code == 422
    assert 'value="many"' in wrong.text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (TEXT.replace("fee: '10'", "fee: ten"), "This is not a usable decimal"),
        (TEXT.replace("currency: EUR", "currency: USD"), "bills in EUR"),
        (TEXT + "surprise: 1\n", "surprise"),
        ("prices: [", "This is not YAML"),
    ],
)
async def test_a_plan_that_cannot_be_is_refused_at_its_line(desk: Desk, text: str, says: str) -> None:
    answer = await desk.send(EDIT, EDIT, {"text": text, "brand": "vonk", "do": "publish", "reason": "x"})
    assert answer.status_code == 422
    shown = text_of(answer.text)
    assert says in shown
    assert re.search(r"Line \d+", shown)


async def test_a_new_version_is_previewed_published_with_its_start_and_compared(desk: Desk) -> None:
    seen = await desk.send(EDIT, EDIT, {"text": DEARER, "brand": "vonk", "do": "preview"})
    assert "Abonnement: 10 EUR per cycle becomes 12 EUR per cycle." in text_of(seen.text)
    await publish(desk, sold_from="2027-03-01")
    shown = text_of(await desk.get(PAGE))
    assert "prices of 2027" in shown
    assert "sold from 2027-02-28 23:00 UTC on" in shown
    compared = text_of(await desk.get(f"{PAGE}/diff?before=1&after=2"))
    assert "10 EUR per cycle becomes 12 EUR per cycle" in compared
    async with desk.world.work() as work:
        sold_now = await work.accounts.plan("vonk-basis", None, desk.world.container.clock.now())
    assert sold_now.plan_version == 1


async def test_a_wrong_version_is_corrected_after_seeing_who_is_affected(desk: Desk) -> None:
    await publish(desk)
    wanted = {"version": "1", "corrected_version": "2", "since": "2027-01-15"}
    seen = await desk.send(PAGE, f"{PAGE}/correct/preview", wanted)
    assert "1 accounts were tried" in text_of(seen.text)
    assert "€12.00" in text_of(seen.text)
    later = await desk.send(PAGE, f"{PAGE}/correct", wanted | {"since": "2028-01-01", "reason": "typed wrong"})
    assert later.status_code == 422
    done = await desk.send(PAGE, f"{PAGE}/correct", wanted | {"reason": "typed wrong"})
    assert done.status_code == 303
    assert "version 1 counts as 2" in text_of(await desk.get(PAGE))


async def test_the_catalogue_goes_out_and_in_as_a_file(desk: Desk) -> None:
    page = "/console/catalogue/import"
    out = await desk.client.get("/console/catalogue/file?form=csv")
    assert out.headers["content-type"].startswith("text/csv")
    dearer = out.text.replace(",EUR,10,", ",EUR,11,")
    assert dearer != out.text
    file = {"file": ("catalogue.csv", dearer.encode())}
    seen = await desk.send(page, page, {"do": "check"}, files=file)
    assert "1 plans would get a new version" in text_of(seen.text)
    assert "version 1 becomes 2" in text_of(seen.text)
    broken = {"file": ("catalogue.csv", dearer.replace("per_unit", "per_moon", 1).encode())}
    refused = await desk.send(page, page, {"do": "publish", "reason": "x"}, files=broken)
    assert refused.status_code == 422
    assert re.search(r"Row \d+, column model", text_of(refused.text))
    done = await desk.send(page, page, {"do": "publish", "reason": "dearer"}, files=file)
    assert (done.status_code, done.headers["location"]) == (303, "/console/catalogue")
    assert "version 2" in text_of(await desk.get(PAGE))


async def test_who_may_only_read_publishes_nothing_and_a_forged_form_is_refused(desk: Desk) -> None:
    form = {"text": DEARER, "brand": "vonk", "do": "publish", "reason": "x"}
    assert (await desk.forged(EDIT, form)).status_code == 403
    viewer = await sign_in(desk.world, desk.world.keys["finance"])
    assert "Edit as a new version" not in await viewer.get(PAGE)
    assert (await viewer.client.get(EDIT)).status_code == 403
    for action in (EDIT, "/console/catalogue/import", f"{PAGE}/correct"):
        assert (await viewer.send(PAGE, action, form)).status_code == 403
    assert "version 2" not in text_of(await viewer.get(PAGE))


async def test_the_list_is_exported_and_unknown_plans_are_none(desk: Desk) -> None:
    lines = (await desk.client.get("/console/catalogue?format=csv")).text.splitlines()
    assert "vonk-basis" in lines[1]
    assert (await desk.client.get("/console/catalogue/plans/nobody")).status_code == 404
    assert "No plan matches" in text_of(await desk.get("/console/catalogue?q=zzz"))
