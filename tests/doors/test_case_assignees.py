"""Who looks after a case: taken with one press, found by its filter, put in order, and free when it comes back."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from billing.domain import staff_cases as kinds
from billing.ports.staff_cases import Cause
from tests.doors.console_visits import sign_in
from tests.doors.doors_world import NOW, DoorsWorld, a_doors_world

HELD = Cause(kinds.HELD_USAGE_FILE, "file_1001", "calls.csv is held")
REFUSED = Cause(kinds.CONFIGURATION_REFUSED, "stripe/EUR", "stripe refuses our key")
SILENT = Cause(kinds.WEBHOOK_SILENCE, "stripe", "no webhook")


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[DoorsWorld]:
    async with a_doors_world(database_url) as world:
        async with world.work() as work:
            for days, cause in enumerate((HELD, REFUSED, SILENT)):
                await work.staff_cases.see([cause], NOW - timedelta(days=days))
            await work.commit()
        yield world


async def shown(world: DoorsWorld, query: str = "") -> list[str]:
    """The cases of the page, in its order."""
    page = await world.client.get(f"/console/cases{query}")
    assert page.status_code == 200, page.text
    return re.findall(r'<th scope="row"><a href="/console/cases/(stc_\d+)">', page.text)


async def test_a_case_is_taken_with_one_press_and_found_among_mine(world: DoorsWorld) -> None:
    await sign_in(world, world.keys["agent"])
    assert await shown(world, "?mine=true") == []
    page = await world.client.get("/console/cases")
    token = re.search(r'name="form" value="([^"]+)"', page.text)
    assert token is not None
    case_id = (await shown(world))[-1]
    taken = await world.client.post(f"/console/cases/{case_id}/acknowledge", data={"form": token[1]})
    assert taken.status_code == 303
    assert await shown(world, "?mine=true") == [case_id]
    headers = world.as_role("viewer")
    answer = await world.client.get("/v1/cases", params={"assignee": "the agent"}, headers=headers)
    assert [(one["case_id"], one["assignee"]) for one in answer.json()["cases"]] == [(case_id, "the agent")]
    file = (await world.client.get("/console/cases?format=csv")).text.removeprefix("\ufeff")
    assert {row["case"]: row["assignee"] for row in csv.DictReader(io.StringIO(file))}[case_id] == "the agent"


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("opened", [SILENT, REFUSED, HELD]),
        ("-opened", [HELD, REFUSED, SILENT]),
        ("kind", [REFUSED, HELD, SILENT]),
        ("severity", [REFUSED, SILENT, HELD]),
    ],
)
async def test_cases_are_put_in_order(world: DoorsWorld, order: str, expected: list[Cause]) -> None:
    await sign_in(world)
    async with world.work() as work:
        ids = {one.kind: one.case_id for cause in expected for one in await work.staff_cases.lasting(cause.kind)}
    assert await shown(world, f"?sort={order}") == [ids[cause.kind] for cause in expected]


async def test_a_case_that_comes_back_is_nobodys_again(world: DoorsWorld) -> None:
    async with world.work() as work:
        (case,) = await work.staff_cases.lasting(HELD.kind)
    await world.container.staff_cases.acknowledge(case.case_id, "ann", "mine")
    async with world.work() as work:
        await work.staff_cases.close_gone(HELD.kind, set(), NOW)
        await work.staff_cases.see([HELD], NOW + timedelta(hours=1))
        await work.commit()
    again = await world.container.staff_cases.get(case.case_id)
    assert (again.state, again.assignee, again.times_opened) == ("open", "", 2)
