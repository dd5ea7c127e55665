"""The console's pages of texts, letterheads, retries and brands' rules: each edited, previewed, versioned, refused."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import pytest

from billing.adapters.pdf import PdfRenderer
from tests.builders_desks import Desk, a_desk, sign_in

SMS = "/console/templates/vonk/reminder/sms/en"
MAIL = "/console/templates/vonk/ready/email/en"
WORDS = "We collect {{ amount }} on the {{ date }}."
LETTERHEAD = "/console/letterheads/vonk"
RETRY = "/console/policies/retries/vonk"
DATES = "/console/policies/brands/vonk/cycle_policy"
LOGO = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10"><rect width="10" height="10" fill="#0b6e69"/></svg>'
)


@pytest.fixture
async def desk(database_url: str, tmp_path: Path) -> AsyncIterator[Desk]:
    async with a_desk(database_url, tmp_path, PdfRenderer()) as desk:
        yield desk


def text_of(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


async def test_texts_are_listed_and_filtered(desk: Desk) -> None:
    shown = text_of(await desk.get("/console/templates?kind=reminder&channel=sms"))
    assert "5 texts" in shown
    assert "our original" in shown
    for order, first in (("locale", "de"), ("-locale", "nl")):
        listed = await desk.get(f"/console/templates?kind=reminder&channel=sms&sort={order}")
        assert re.findall(r'href="/console/templates/vonk/reminder/sms/(\w+)"', listed)[0] == first
    rows = (await desk.client.get("/console/templates?kind=reminder&format=csv")).text.splitlines()
    assert len(rows) > 10


async def test_an_unknown_placeholder_is_refused_with_what_was_typed(desk: Desk) -> None:
    form = {"text": f"{WORDS} {{{{ surprise }}}}", "reason": "shorter"}
    answer = await desk.send(SMS, SMS, form)
    assert answer.status_code == 422
    shown = text_of(answer.text)
    assert "The placeholder {{ surprise }} is not known" in shown
    assert "Use one of: amount, date" in shown
    assert "{{ surprise }}" in answer.text
    lacking = await desk.send(SMS, SMS, {"text": "Soon.", "reason": "shorter"})
    assert "must name {{ amount }}" in text_of(lacking.text)


async def test_a_text_is_previewed_as_typed_with_its_segments(desk: Desk) -> None:
    preview = await desk.send(SMS, f"{SMS}/preview", {"text": WORDS})
    assert "We collect 42.10 Euro on the 6th of June." in text_of(preview.text)
    assert "1 segment" in text_of(preview.text)
    long = await desk.send(SMS, f"{SMS}/preview", {"text": WORDS + " 🙂" * 60})
    assert "4 segments" in text_of(long.text)
    assert preview.headers["x-frame-options"] == "SAMEORIGIN"


async def test_a_mail_is_shown_in_a_frame_that_can_do_nothing(desk: Desk) -> None:
    page = await desk.client.get(MAIL)
    assert "sandbox" in page.text
    assert "frame-src 'self'" in page.headers["content-security-policy"]
    mail = await desk.client.get(f"{MAIL}/mail?version=0")
    assert "42.10 Euro" in mail.text
    assert "default-src 'none'" in mail.headers["content-security-policy"]
    assert mail.headers["content-security-policy"].startswith("sandbox")


async def test_a_text_is_saved_compared_and_an_older_one_restored(desk: Desk) -> None:
    await desk.send(SMS, SMS, {"text": WORDS, "reason": "shorter"})
    assert "shorter" in text_of(await desk.get(SMS))
    assert "+ added" in text_of(await desk.get(f"{SMS}/diff?before=0&after=1"))
    await desk.send(SMS, SMS, {"text": f"Hi! {WORDS}", "reason": "friendlier"})
    restored = await desk.send(f"{SMS}?version=1", f"{SMS}/restore", {"version": "1", "reason": "complaints"})
    assert restored.status_code == 303
    shown = text_of(await desk.get(SMS))
    assert "as version 3" in shown
    assert "version 1 again: complaints" in shown
    assert "We collect 42.10 Euro" in shown


async def test_a_version_that_is_no_number_is_refused_at_its_field(desk: Desk) -> None:
    for version in ("two", "²", "", "-1"):
        answer = await desk.send(SMS, f"{SMS}/restore", {"version": version, "reason": "complaints"})
        assert (version, answer.status_code) == (version, 422)
        assert "This is not a number to use" in answer.text


async def test_a_letterhead_is_seen_on_an_invoice_and_published_with_its_logo(desk: Desk) -> None:
    form = {"legal_name": "Vonk Mobiel B.V.", "colour": "#0b6e69"}
    logo = {"logo": ("logo.svg", LOGO, "image/svg+xml")}
    seen = await desk.send(LETTERHEAD, LETTERHEAD, form | {"do": "preview"}, files=logo)
    assert seen.content.startswith(b"%PDF")
    done = await desk.send(LETTERHEAD, LETTERHEAD, form | {"do": "publish", "reason": "we moved"}, files=logo)
    assert done.status_code == 303, done.text
    kept = form | {"city": "Amsterdam", "keep_logo": "true", "do": "publish", "reason": "the town"}
    await desk.send(LETTERHEAD, LETTERHEAD, kept)
    (newest, _) = await desk.world.container.letterheads.versions("vonk")
    assert newest.definition["logo"] == LOGO.decode()
    shown = text_of(await desk.get(LETTERHEAD))
    assert "we moved" in shown
    assert "city: Amsterdam" in shown
    assert (await desk.client.get(f"{LETTERHEAD}/1.pdf")).content.startswith(b"%PDF")


async def test_a_letterhead_that_cannot_be_is_refused_at_its_field(desk: Desk) -> None:
    form = {"legal_name": "Vonk", "colour": "sky", "do": "publish", "reason": "x"}
    answer = await desk.send(LETTERHEAD, LETTERHEAD, form)
    assert answer.status_code == 422
    assert 'value="sky"' in answer.text
    huge = {"logo": ("logo.svg", b"<svg>" + b" " * 70_000, "image/svg+xml")}
    large = await desk.send(LETTERHEAD, LETTERHEAD, form | {"colour": ""}, files=huge)
    assert "The logo is too large" in text_of(large.text)


async def test_a_retry_policy_is_tried_refused_at_its_line_and_published(desk: Desk) -> None:
    assert "every brand without its own" in await desk.get("/console/policies/retries")
    rule = "rules:\n- instruments: [sepa_debit]\n  categories: [funds]\n  most_retries: 2\n  days_between: 5\n"
    trial = {"brand": "vonk", "scheme": "sepa", "category": "funds"}
    seen = await desk.send(RETRY, RETRY, {"text": rule, "do": "preview", **trial})
    assert seen.status_code == 200, text_of(seen.text)
    assert "A debt that fails every time" in text_of(seen.text)
    greedy = await desk.send(RETRY, RETRY, {"text": rule.replace("2", "200"), "do": "publish", "reason": "x", **trial})
    assert greedy.status_code == 422
    assert "Line 4" in text_of(greedy.text)
    done = await desk.send(RETRY, RETRY, {"text": rule, "do": "publish", "reason": "gentler", **trial})
    assert done.status_code == 303
    assert "gentler" in text_of(await desk.get(RETRY))


async def test_a_brands_dates_are_foreseen_refused_and_changed_in_versions(desk: Desk) -> None:
    assert "never changed" in text_of(await desk.get(DATES))
    trial = {"cycle_day": "31", "method": "sepa_debit"}
    seen = await desk.send(DATES, DATES, {"text": "notice_days: 10\nreminder_days: 2\n", "do": "preview", **trial})
    assert seen.status_code == 200, text_of(seen.text)
    assert "The next cycles by what is typed" in text_of(seen.text)
    late = await desk.send(
        DATES, DATES, {"text": "billing_delay_days: 20\nnotice_days: 40\n", "do": "publish", "reason": "x", **trial}
    )
    assert late.status_code in (409, 422)
    wrong = await desk.send(DATES, DATES, {"text": "notice_dais: 1\n", "do": "publish", "reason": "x", **trial})
    assert "Line 1, notice_dais" in text_of(wrong.text)
    form = {"text": "notice_days: 10\nreminder_days: 2\n", "do": "publish", "reason": "the terms say ten", **trial}
    assert (await desk.send(DATES, DATES, form)).status_code == 303
    shown = text_of(await desk.get(DATES))
    assert "the terms say ten" in shown
    assert "as it was before the first change" in shown
    (brand,) = await desk.world.container.catalogue.brands()
    assert brand.cycle_policy["notice_days"] == 10


async def test_who_may_only_read_changes_nothing_and_forged_forms_are_refused(desk: Desk) -> None:
    forms = {SMS: {"text": WORDS, "reason": "x"}, LETTERHEAD: {"legal_name": "V"}, RETRY: {"text": "rules: []"}}
    forms |= {DATES: {"text": "notice_days: 10"}, f"{SMS}/restore": {"version": "0"}}
    for action, form in forms.items():
        assert (action, (await desk.forged(action, form)).status_code) == (action, 403)
    viewer = await sign_in(desk.world, desk.world.keys["viewer"])
    for action, form in forms.items():
        assert (action, (await viewer.send("/console/templates", action, form)).status_code) == (action, 403)
    for page in (SMS, LETTERHEAD, RETRY, DATES):
        assert "Reason for" not in await viewer.get(page)
