"""Kept records that are dismissed: never counted, never tried by themselves, with who and why, and with a way back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from billing.domain.errors import Conflict, InvalidValue, NotFound, UnableTo
from billing.persistence.unit_of_work import make_engine
from billing.persistence.usage_invariants import counters_disagree
from billing.ports.usage import IssueSelection
from billing.services import usage_selecting
from billing.services.usage_dismissal import Dismissed
from billing.services.usage_reports import as_text
from tests.builders_usage import LINE, UsageWorld, a_customer, a_usage_world, an_event

HEADER = "record_id,identifier,meter,quantity,started_at,destination"
NUMBER = "+31687654321"
INVITE = "INVITE|a|b|call-1|200|OK|1801476000|sip:+31612345678@example.net|sip:+31201234567@example.net"
BYE = INVITE.replace("INVITE", "BYE").replace("1801476000", "1801476075")


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[UsageWorld]:
    engine = make_engine(database_url)
    yield await a_usage_world(engine, tmp_path)
    await engine.dispose()


async def imported(world: UsageWorld, folder: Path, *lines: str) -> str:
    path = folder / "usage.csv"
    path.write_text("\n".join([HEADER, *lines, ""]))
    file, _ = await world.register(path, "csv")
    await world.service.files.import_file(file.file_id)
    return file.file_id


async def dismissed(world: UsageWorld, dry_run: bool = False, **wanted: Any) -> Dismissed:
    return await world.service.dismissal.dismiss_all(
        IssueSelection(**wanted), author="sanne", reason="test calls", dry_run=dry_run
    )


async def counted(world: UsageWorld) -> list[str]:
    async with world.work() as work:
        assert await counters_disagree(work.connection) == []
        rows = await work.connection.execute(text("SELECT record_id FROM usage_events ORDER BY record_id"))
        return [row.record_id for row in rows]


async def test_a_dismissed_record_is_kept_with_who_when_and_why_and_waits_no_more(world: UsageWorld) -> None:
    await world.service.take([an_event(identifier=NUMBER)])
    (issue,) = await world.issues()
    gone = await world.service.dismissal.dismiss(issue.issue_id, author="sanne", reason=" a test call ")
    assert (gone.status, gone.resolution, gone.resolved_at) == (
        "dismissed",
        "dismissed by sanne: a test call",
        world.clock.at,
    )
    assert await world.issues() == []
    assert await world.issues(status="dismissed") == [gone]
    async with world.work() as work:
        await a_customer(work, number="A100002", identifier=NUMBER)
        await work.commit()
    assert (await world.service.reguide()).tried == 0
    assert (await world.service.resubmission.resubmit(IssueSelection(source="switch"), {}, author="a")).matched == 0
    assert await counted(world) == []
    assert (await world.service.explaining.explain("switch", "r-1")).state == "dismissed"


async def test_what_is_over_is_not_dismissed(world: UsageWorld) -> None:
    await world.service.take([an_event(record_id="a", quantity="x"), an_event(record_id="b", quantity="x")])
    first, second = [issue.issue_id for issue in await world.issues()]
    await world.service.resubmit(first, changes={"quantity": 1}, author="anna")
    dismissal = world.service.dismissal
    with pytest.raises(Conflict, match="is resolved: accepted: sent again by anna"):
        await dismissal.dismiss(first, author="sanne", reason="why not")
    await dismissal.dismiss(second, author="sanne", reason="a test")
    with pytest.raises(Conflict, match=f"is dismissed: dismissed by sanne: a test.*{second}/resubmit"):
        await dismissal.dismiss(second, author="sanne", reason="again")
    with pytest.raises(NotFound):
        await dismissal.dismiss("rec_999999", author="sanne", reason="a test")
    with pytest.raises(InvalidValue, match="reason"):
        await dismissal.dismiss(second, author="sanne", reason=" ")
    assert (await dismissed(world, issue_ids=[first, second])).skipped == 2


async def test_sending_it_again_is_the_way_back(world: UsageWorld) -> None:
    await world.service.take([an_event(quantity="x")])
    (issue,) = await world.issues()
    await world.service.dismissal.dismiss(issue.issue_id, author="sanne", reason="a test")
    still = await world.service.resubmit(issue.issue_id, changes={"quantity": "y"}, author="anna")
    assert still.outcome == "rejected"
    (again,) = await world.issues()
    assert (again.issue_id, again.status, again.resolution, again.resolved_at) == (issue.issue_id, "open", "", None)
    await world.service.dismissal.dismiss(issue.issue_id, author="sanne", reason="a test")
    await world.service.resubmit(issue.issue_id, changes={"quantity": 60}, author="anna")
    (done,) = await world.issues(status="resolved")
    assert done.resolution == "accepted: sent again by anna (before: dismissed by sanne: a test)"
    assert await counted(world) == ["r-1"]
    with pytest.raises(UnableTo, match="resolved"):
        await world.service.resubmit(issue.issue_id, author="anna")


async def test_the_same_bad_record_sent_after_a_dismissal_is_kept_anew(world: UsageWorld) -> None:
    bad = an_event(quantity="x")
    await world.service.take([bad])
    (first,) = await world.issues()
    await world.service.dismissal.dismiss(first.issue_id, author="sanne", reason="a test")
    await world.service.take([bad])
    await world.service.take([bad])
    (second,) = await world.issues()
    assert second.issue_id != first.issue_id
    result = await world.service.resubmit(first.issue_id, author="anna")
    assert result.outcome == "rejected"
    assert [issue.issue_id for issue in await world.issues()] == [second.issue_id]
    assert [issue.issue_id for issue in await world.issues(status="dismissed")] == [first.issue_id]
    await world.service.resubmit(first.issue_id, changes={"quantity": 60}, author="anna")
    assert await counted(world) == ["r-1"]


async def test_the_report_of_a_file_adds_up_and_says_how_many_were_dismissed(world: UsageWorld, tmp_path: Path) -> None:
    rows = [
        f"{name},{LINE},{meter},{quantity},2027-02-01T10:00:00Z,"
        for name, meter, quantity in (("a", "sms", "1"), ("b", "fax", "1"), ("c", "sms", "x"), ("d", "sms", "y"))
    ]
    file_id = await imported(world, tmp_path, *rows)
    files = world.service.files
    done = await dismissed(world, file_id=file_id, kind="rejected")
    assert done == Dismissed(2, 2, 0, 0, False)
    report = await files.report(file_id)
    assert (report.file.read, report.file.accepted, report.file.recycled, report.file.rejected) == (4, 1, 1, 2)
    assert (dict(report.dismissed), report.needs_a_person) == ({"rejected": 2}, False)
    page = as_text(report)
    assert "of them dismissed            2\n" in page
    assert "1 records wait for their number or price" in page
    await dismissed(world, file_id=file_id)
    assert "All of it is counted, or dismissed." in as_text(await files.report(file_id))
    (issue, _) = await world.issues(status="dismissed", kind="rejected")
    fixed = f"c,{LINE},sms,1,2027-02-01T10:00:00Z,"
    await world.service.resubmit(issue.issue_id, raw=fixed, author="anna")
    report = await files.report(file_id)
    assert (report.file.accepted, report.file.rejected) == (2, 1)
    assert dict(report.dismissed) == {"rejected": 1, "recycled": 1}


async def test_a_record_of_a_file_that_was_taken_back_stays_dismissed(world: UsageWorld, tmp_path: Path) -> None:
    file_id = await imported(world, tmp_path, f"a,{LINE},fax,1,2027-02-01T10:00:00Z,")
    (issue,) = await world.issues()
    await world.service.dismissal.dismiss(issue.issue_id, author="sanne", reason="a test")
    await world.service.cancelling.cancel(file_id, "sanne", "wrong month")
    await world.service.cancelling.carry_out(file_id)
    with pytest.raises(UnableTo, match="taken back"):
        await world.service.resubmit(issue.issue_id, changes={"meter": "sms"}, author="anna")
    assert await counted(world) == []


async def test_a_dismissed_session_is_closed_until_what_it_lacks_is_given(world: UsageWorld, tmp_path: Path) -> None:
    async def take(name: str, line: str) -> dict[str, int]:
        path = tmp_path / name
        path.write_text(line + "\n")
        file, _ = await world.register(path, "flatstore")
        report = await world.service.files.import_file(file.file_id)
        return {name: value for name in ("accepted", "partial", "conflicts") if (value := getattr(report, name))}

    assert await take("one.log", INVITE) == {"partial": 1}
    world.clock.at += timedelta(days=3)
    await world.service.files.sessions.look_after()
    (issue,) = await world.issues()
    await dismissed(world, kind="partial")
    assert await take("two.log", BYE) == {"conflicts": 1}
    (late,) = await world.issues()
    assert (late.kind, late.reason) == ("conflict", "It came after its session was dismissed.")
    assert await counted(world) == []
    lacking = await world.service.resubmit(issue.issue_id, author="anna")
    assert (lacking.outcome, lacking.field) == ("rejected", "quantity")
    assert [each.issue_id for each in await world.issues(status="dismissed")] == [issue.issue_id]
    taken = await world.service.resubmit(issue.issue_id, changes={"quantity": 75}, author="anna")
    assert taken.outcome == "accepted"
    assert await counted(world) == ["call-1/a/b"]


async def test_many_are_dismissed_page_by_page_within_a_bound(
    world: UsageWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage_selecting, "PAGE", 2)
    world.service.dismissal.limit = 5
    await world.service.take([an_event(record_id=f"r-{number}", meter="fax") for number in range(8)])
    assert await dismissed(world, dry_run=True, field="meter") == Dismissed(8, 5, 0, 3, True)
    assert len(await world.issues()) == 8
    assert await dismissed(world, field="meter") == Dismissed(8, 5, 0, 3, False)
    assert await dismissed(world, field="meter") == Dismissed(3, 3, 0, 0, False)
    assert {issue.resolution for issue in await world.issues(status="dismissed")} == {"dismissed by sanne: test calls"}
    with pytest.raises(InvalidValue, match="every record"):
        await dismissed(world)


async def test_dismissed_or_sent_again_at_once_each_record_ends_one_way(
    world: UsageWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage_selecting, "PAGE", 3)
    await world.service.take([an_event(record_id=f"r-{number}", meter="call") for number in range(30)])
    wanted = IssueSelection(kind="recycled")
    sent, gone = await asyncio.gather(
        world.service.resubmission.resubmit(wanted, {"meter": "voice"}, author="anna"),
        dismissed(world, kind="recycled"),
    )
    assert sent.outcomes["accepted"] == len(await counted(world)) == len(await world.issues(status="resolved"))
    assert gone.dismissed == len(await world.issues(status="dismissed"))
    assert sent.outcomes["accepted"] + gone.dismissed + len(await world.issues()) == 30
