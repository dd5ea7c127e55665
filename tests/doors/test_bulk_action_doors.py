"""Bulk actions at the doors: nothing without a preview, its count and the role, and only what was previewed."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from typing import Any

import pytest

from billing.messages.account import CommandResult, HoldUntil
from billing.services.dunning_assignments import PolicyAssignments
from tests.builders_work_list import Debtor
from tests.doors.collections_world import CollectionsWorld, a_collections_world, token_of
from tests.doors.console_visits import sign_in

HOLD = {"kind": "hold", "until": "2027-03-01T09:00:00+01:00"}
FIVE = [Debtor(f"A10000{place}", segment="business") for place in range(5)]
OTHERS = [Debtor("A200001", segment="standard", method="none"), Debtor("A200002", segment="standard", paused=True)]


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[CollectionsWorld]:
    async with a_collections_world(database_url, [*FIVE, *OTHERS]) as built:
        yield built


async def previewed(world: CollectionsWorld, order: dict[str, Any], **chosen: Any) -> dict[str, Any]:
    answer = await world.doors.post("/v1/bulk-actions/preview", order | {"filter": chosen})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_preview_counts_and_changes_nothing(world: CollectionsWorld) -> None:
    shown = await previewed(world, {"kind": "retry"})
    assert (shown["accounts"], shown["amounts_minor"], shown["state"]) == (7, {"EUR": 7 * 4210}, "previewed")
    assert shown["foreseen"] == {"there is no usable payment method": 1}
    assert [one["number"] for one in shown["refused_sample"]] == ["A200001"]
    assert (shown["undoable"], shown["no_way_back"]) == (False, "the customers have been told of a further debit")
    assert (world.doors.process.commands, world.doors.process.bulk_actions) == ([], [])


async def test_each_account_gets_its_command_once_with_author_and_reason(world: CollectionsWorld) -> None:
    bulk_id = (await previewed(world, HOLD, segment="business"))["bulk_id"]
    body = {"bulk_id": bulk_id, "count": 5, "reason": "outage"}
    begun = [await world.doors.post("/v1/bulk-actions", body) for _ in range(2)]
    assert [(one.status_code, one.json()["state"]) for one in begun] == [(202, "running")] * 2
    await world.carry_out(bulk_id)
    commands = [command for _, _, command in world.doors.process.commands]
    assert sorted(one.command_id for one in commands) == [
        f"bulk/{bulk_id}/{one.account_id}" for one in world.debtors[:5]
    ]
    assert {(one.author, one.reason) for one in commands} == {("admin", f"outage (bulk action {bulk_id})")}
    assert all(isinstance(one, HoldUntil) for one in commands)
    seen = (await world.doors.get(f"/v1/bulk-actions/{bulk_id}")).json()
    assert (seen["state"], seen["counts"]["done"], seen["counts"]["waiting"]) == ("done", 5, 0)
    assert [note["state"] for note in seen["history"]] == ["running", "ended"]


@pytest.mark.parametrize(("role", "count", "status"), [("viewer", 2, 403), ("agent", 5, 409), ("finance", 5, 409)])
async def test_a_role_has_its_bound(world: CollectionsWorld, role: str, count: int, status: int) -> None:
    bulk_id = (await previewed(world, HOLD, segment="business"))["bulk_id"]
    body = {"bulk_id": bulk_id, "count": count, "reason": "outage"}
    refused = await world.doors.post("/v1/bulk-actions", body, headers=world.doors.as_role(role))
    assert refused.status_code == status
    assert world.doors.process.bulk_actions == []


async def test_an_agent_may_change_a_few(world: CollectionsWorld) -> None:
    bulk_id = (await previewed(world, HOLD, segment="standard"))["bulk_id"]
    body = {"bulk_id": bulk_id, "count": 2, "reason": "outage"}
    begun = await world.doors.post("/v1/bulk-actions", body, headers=world.doors.as_role("agent"))
    assert (begun.status_code, world.doors.process.bulk_actions) == (202, [bulk_id])


async def test_a_count_that_is_not_the_previews_is_refused(world: CollectionsWorld) -> None:
    bulk_id = (await previewed(world, HOLD, segment="business"))["bulk_id"]
    refused = await world.doors.post("/v1/bulk-actions", {"bulk_id": bulk_id, "count": 4, "reason": "outage"})
    assert (refused.status_code, refused.json()["field"], refused.json()["value"]) == (422, "count", "4")
    assert world.doors.process.bulk_actions == []


async def test_who_left_the_filter_since_the_preview_is_skipped_and_who_came_is_not_added(
    world: CollectionsWorld,
) -> None:
    bulk_id = (await previewed(world, HOLD, segment="business"))["bulk_id"]
    desk = PolicyAssignments(world.doors.container.make_work, world.doors.container.clock)
    await desk.move_account(world.debtors[0].account_id, "gold", "ann", "corrected")
    await desk.move_account(world.debtors[5].account_id, "business", "ann", "corrected")
    await world.doors.post("/v1/bulk-actions", {"bulk_id": bulk_id, "count": 5, "reason": "outage"})
    await world.carry_out(bulk_id)
    rows = (await world.doors.get(f"/v1/bulk-actions/{bulk_id}/results")).json()["accounts"]
    assert [one["status"] for one in rows] == ["skipped", "done", "done", "done", "done"]
    file = await world.doors.get(f"/v1/bulk-actions/{bulk_id}/results.csv")
    listed = list(csv.DictReader(io.StringIO(file.text.removeprefix("\ufeff"))))
    assert [one["number"] for one in listed] == [one.number for one in FIVE]
    assert listed[0]["detail"] == "it does not match the filter any more"


async def test_what_a_process_refuses_is_told_and_is_not_undone(world: CollectionsWorld) -> None:
    first = world.debtors[0]

    def answer(command: Any) -> CommandResult:
        said = not command.command_id.endswith(first.account_id)
        return CommandResult(command.command_id, said, "done" if said else "The account is closing.")

    world.doors.process.answer = answer
    bulk_id = (await previewed(world, HOLD, segment="business"))["bulk_id"]
    await world.doors.post("/v1/bulk-actions", {"bulk_id": bulk_id, "count": 5, "reason": "outage"})
    await world.carry_out(bulk_id)
    refused = (await world.doors.get(f"/v1/bulk-actions/{bulk_id}/results", status="refused")).json()["accounts"]
    assert [(one["number"], one["detail"]) for one in refused] == [(first.number, "The account is closing.")]
    undoing = (await world.doors.post(f"/v1/bulk-actions/{bulk_id}/undo")).json()
    assert (undoing["accounts"], undoing["undoes"]) == (4, bulk_id)
    again = await world.doors.post(
        "/v1/bulk-actions", {"bulk_id": undoing["bulk_id"], "count": 4, "reason": "it is over"}
    )
    assert again.status_code == 202
    refused_twice = await world.doors.post(f"/v1/bulk-actions/{bulk_id}/undo")
    assert (refused_twice.status_code, "has undone it" in refused_twice.json()["detail"]) == (409, True)


@pytest.mark.parametrize(
    ("order", "field"),
    [
        ({"kind": "hold"}, "until"),
        ({"kind": "hold", "until": "2020-01-01T00:00:00Z"}, "until"),
        ({"kind": "move_policy", "policy_code": "default"}, "policy_version"),
        ({"kind": "cycle_day"}, "cycle_day"),
        ({"kind": "segment"}, "segment"),
        ({"kind": "undo"}, "body.kind"),
        ({"kind": "pause", "filter": {"method": "cheque"}}, "body.filter.method"),
    ],
)
async def test_an_order_that_lacks_something_names_it(
    world: CollectionsWorld, order: dict[str, Any], field: str
) -> None:
    refused = await world.doors.post("/v1/bulk-actions/preview", order)
    assert (refused.status_code, refused.json()["field"]) == (422, field)
    assert refused.json()["remedy"]


async def test_what_has_not_begun_cannot_be_stopped_or_undone(world: CollectionsWorld) -> None:
    bulk_id = (await previewed(world, HOLD, segment="business"))["bulk_id"]
    for path, body in (("pause", {"reason": "x"}), ("cancel", {"reason": "x"}), ("undo", None)):
        assert (await world.doors.post(f"/v1/bulk-actions/{bulk_id}/{path}", body)).status_code == 409
    assert (await world.doors.post("/v1/bulk-actions/blk_999/undo")).status_code == 404


async def test_an_operator_previews_types_the_count_and_begins_on_pages(world: CollectionsWorld) -> None:
    await sign_in(world.doors)
    client = world.doors.client
    address = "/console/collections/act?segment=business"
    form = {"form": token_of(await client.get(address)), "kind": "hold", "until": "2027-03-01T09:00"}
    made = await client.post(address, data=form)
    assert made.status_code == 303, made.text
    preview = await client.get(made.headers["location"])
    assert "Nothing is changed yet" in preview.text
    begin = {"form": token_of(preview), "count": "4", "reason": "outage"}
    wrong = await client.post(f"{made.headers['location']}/confirm", data=begin)
    assert (wrong.status_code, "The preview chose 5 accounts" in wrong.text) == (422, True)
    forged = await client.post(f"{made.headers['location']}/confirm", data=begin | {"form": "made up", "count": "5"})
    assert forged.status_code == 403
    assert world.doors.process.bulk_actions == []
    right = await client.post(f"{made.headers['location']}/confirm", data=begin | {"count": "5"})
    assert (right.status_code, len(world.doors.process.bulk_actions)) == (303, 1)
    bulk_id = world.doors.process.bulk_actions[0]
    running = await client.get(right.headers["location"])
    assert 'http-equiv="refresh"' in running.text
    await world.carry_out(bulk_id)
    ended = await client.get(right.headers["location"])
    assert "5 of 5" in ended.text
    assert 'http-equiv="refresh"' not in ended.text
    for query, is_found in (("", True), ("?state=done&sort=-accounts", True), ("?state=paused", False)):
        assert (query, bulk_id in (await client.get(f"/console/bulk-actions{query}")).text) == (query, is_found)
    file = (await client.get("/console/bulk-actions?format=csv&state=done")).text.splitlines()
    assert [line.startswith(f"{bulk_id},") for line in file[1:]] == [True]


async def test_pages_keep_their_roles(world: CollectionsWorld) -> None:
    bulk_id = (await previewed(world, HOLD, segment="business"))["bulk_id"]
    await sign_in(world.doors, world.doors.keys["viewer"])
    client = world.doors.client
    shown = await client.get("/console/collections")
    assert (shown.status_code, "Act on all of these" in shown.text) == (200, False)
    assert (await client.get("/console/collections/act")).status_code == 403
    preview = await client.get(f"/console/bulk-actions/{bulk_id}")
    data = {"form": token_of(preview), "count": "5", "reason": "x"}
    assert (await client.post(f"/console/bulk-actions/{bulk_id}/confirm", data=data)).status_code == 403
    assert world.doors.process.bulk_actions == []
