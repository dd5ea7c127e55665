"""The console's pages of dunning policies: read, edited, foreseen, compared, assigned; refused where they must be."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import pytest

from tests.builders_desks import Desk, a_desk, sign_in

EDIT = "/console/policies/edit"
DEBT = {"amount": "60", "due_on": "2027-03-01", "brand": "vonk", "segment": "standard"}
HASTY = """\
code: default
steps:
  - day: 0
    action: failed_notice
  - day: 10
    action: warn
  - day: 12
    action: bar_outgoing
"""
SOUND = HASTY.replace("day: 12", "day: 20")


@pytest.fixture
async def desk(database_url: str, tmp_path: Path) -> AsyncIterator[Desk]:
    async with a_desk(database_url, tmp_path) as desk:
        yield desk


def text_of(page: str) -> str:
    """A page's words, without its markup."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


async def test_the_policies_are_listed_with_who_has_them(desk: Desk) -> None:
    shown = text_of(await desk.get("/console/policies"))
    assert "default" in shown
    assert "all others" in shown
    assert "Belgium" in shown


async def test_a_policy_is_drawn_and_said_in_words(desk: Desk) -> None:
    page = await desk.get("/console/policies/dunning/default")
    assert page.count("<circle") == 7
    assert "Day 17: bar outgoing calls" in text_of(page)
    assert "warning on day 10" in page


async def test_a_policy_that_bars_too_soon_is_refused_at_its_line_with_what_was_typed(desk: Desk) -> None:
    answer = await desk.send(EDIT, EDIT, {"text": HASTY, "do": "publish", "reason": "quicker", **DEBT})
    shown = text_of(answer.text)
    assert answer.status_code == 422
    assert "Line 7, steps[2].day" in shown
    assert "less than 7 days after the warning" in shown
    assert "Use day 17 or later" in shown
    assert "day: 12" in answer.text
    assert "quicker" in answer.text
    assert "version 2" not in text_of(await desk.get("/console/policies/dunning/default"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("steps: [", "This is not YAML"),
        ("- a list", "A definition is a list of named fields"),
        (SOUND.replace("action: warn", "action: wary"), "Line 6, steps[1].action"),
        (f"{SOUND}law_pack: mars\n", "There is no such law pack"),
        ("x" * 200_001, "characters long"),
    ],
)
async def test_what_cannot_be_read_is_refused_in_place(desk: Desk, text: str, says: str) -> None:
    answer = await desk.send(EDIT, EDIT, {"text": text, "do": "preview", **DEBT})
    assert answer.status_code == 422
    assert says in text_of(answer.text)


async def test_a_change_is_previewed_in_words_as_text_and_on_a_debt(desk: Desk) -> None:
    answer = await desk.send(EDIT, EDIT, {"text": SOUND, "do": "preview", **DEBT})
    shown = text_of(answer.text)
    assert answer.status_code == 200
    assert "Outgoing barred: day 17 becomes day 20, 3 days later." in shown
    assert "Left out: Day 31: bar everything but emergency calls." in shown
    assert "Mon 1 Mar 2027" in shown
    assert "Bar outgoing calls" in shown
    assert "− removed" in shown


async def test_a_sound_policy_is_published_with_author_and_reason_and_compared(desk: Desk) -> None:
    answer = await desk.send(EDIT, EDIT, {"text": SOUND, "do": "publish", "reason": "three days more", **DEBT})
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/policies/dunning/default")
    shown = text_of(await desk.get("/console/policies/dunning/default"))
    assert "default is at version 2" in shown
    assert "admin" in shown
    assert "three days more" in shown
    compared = text_of(await desk.get("/console/policies/dunning/default/diff?before=1&after=2"))
    assert "day 17 becomes day 20" in compared
    assert "+ added" in compared


async def test_publishing_needs_a_reason(desk: Desk) -> None:
    answer = await desk.send(EDIT, EDIT, {"text": SOUND, "do": "publish", "reason": " ", **DEBT})
    assert answer.status_code == 422
    assert "This is empty" in text_of(answer.text)


async def test_a_debt_is_foreseen_day_by_day_with_what_never_comes(desk: Desk) -> None:
    page = "/console/policies/dunning/default"
    answer = await desk.send(page, f"{page}/outlook", DEBT)
    shown = text_of(answer.text)
    assert "which names 2027-03-18" in shown
    assert "Hand the debt over" in shown
    small = await desk.send(page, f"{page}/outlook", DEBT | {"amount": "5"})
    assert "Never taken for this debt" in text_of(small.text)
    wrong = await desk.send(page, f"{page}/outlook", DEBT | {"amount": "much"})
    assert wrong.status_code == 422
    assert "This is not an amount" in text_of(wrong.text)
    assert 'value="much"' in wrong.text


async def test_a_policy_is_assigned_to_a_segment(desk: Desk) -> None:
    page = "/console/policies/dunning/default"
    given = {"assign_brand": "vonk", "assign_segment": "vulnerable", "policy_version": "1", "reason": "the law"}
    answer = await desk.send(page, f"{page}/assign", given)
    assert answer.status_code == 303
    shown = text_of(await desk.get("/console/policies"))
    assert "vulnerable default , version 1" in shown
    refused = await desk.send(page, f"{page}/assign", given | {"policy_version": "9"})
    assert refused.status_code == 404
    assert "no dunning policy default version 9" in text_of(refused.text)


async def test_the_list_is_exported(desk: Desk) -> None:
    answer = await desk.client.get("/console/policies?format=csv")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert rows[0][0] == "policy"
    assert rows[1][:3] == ["default", "1", "1"]


async def test_who_may_only_read_changes_nothing(desk: Desk) -> None:
    viewer = await sign_in(desk.world, desk.world.keys["viewer"])
    page = await viewer.get("/console/policies/dunning/default")
    assert "Edit as a new version" not in page
    assert (await viewer.client.get(EDIT)).status_code == 403
    form = {"text": SOUND, "do": "publish", "reason": "quick", **DEBT}
    sent = await viewer.send("/console/policies/dunning/default", EDIT, form)
    assert sent.status_code == 403
    assign = {"assign_brand": "vonk", "assign_segment": "x", "reason": "y"}
    page_of_policy = "/console/policies/dunning/default"
    assert (await viewer.send(page_of_policy, f"{page_of_policy}/assign", assign)).status_code == 403


async def test_a_forged_form_is_refused(desk: Desk) -> None:
    forged = await desk.forged(EDIT, {"text": SOUND, "do": "publish", "reason": "quick", **DEBT})
    assert forged.status_code == 403
    assert "version 2" not in text_of(await desk.get("/console/policies/dunning/default"))


async def test_an_unknown_policy_or_version_is_said_to_be_none(desk: Desk) -> None:
    for path in ("/console/policies/dunning/nobody", "/console/policies/dunning/default?version=9"):
        assert (await desk.client.get(path)).status_code == 404
