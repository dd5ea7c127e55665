"""Usage that several records tell: joined over files in any order, counted once, never by half."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import text

from billing.domain.errors import InvalidValue, UnableTo
from billing.messages.usage import ImportReport
from billing.persistence.unit_of_work import make_engine
from billing.persistence.usage_invariants import counters_disagree
from tests.builders_usage import LINE, OPEN_PLAN, UsageWorld, a_usage_world

TEN = int(datetime(2027, 2, 20, 10, tzinfo=UTC).timestamp())
NUMBERS = f"sip:{LINE}@example.net|sip:+31201234567@example.net"


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[UsageWorld]:
    engine = make_engine(database_url)
    world = await a_usage_world(engine, tmp_path / "spool", OPEN_PLAN)
    world.clock.at = datetime(2027, 2, 21, 8, tzinfo=UTC)
    yield world
    await engine.dispose()


def invite(call: str, at: int = TEN) -> str:
    return f"INVITE|a|b|{call}|200|OK|{at}|{NUMBERS}"


def bye(call: str, at: int) -> str:
    """From the callee, who has the tags the other way round."""
    return f"BYE|b|a|{call}|200|OK|{at}|{NUMBERS}"


def stop(session: str, octets: int, at: int = TEN + 60) -> list[str]:
    return [
        "Sat Feb 20 10:01:00 2027",
        f'\tUser-Name = "{LINE}"',
        "\tAcct-Status-Type = Stop",
        f'\tAcct-Unique-Session-Id = "{session}"',
        "\tAcct-Session-Time = 60",
        f"\tAcct-Input-Octets = {octets}",
        f"\tTimestamp = {at}",
        "",
    ]


class Files:
    """Files handed in one after the other, each with its own name and content."""

    def __init__(self, world: UsageWorld, directory: Path) -> None:
        self._world, self._directory, self._count = world, directory, 0

    async def take(self, *lines: str, profile: str = "flatstore") -> ImportReport:
        self._count += 1
        path = self._directory / f"acc_{self._count}.log"
        path.write_text("\n".join(lines) + "\n")
        file, _ = await self._world.register(path, profile)
        return await self._world.service.files.import_file(file.file_id)


@pytest.fixture
def files(world: UsageWorld, tmp_path: Path) -> Files:
    return Files(world, tmp_path)


def outcomes(report: ImportReport) -> dict[str, int]:
    """The outcomes that occurred; they add up to what was read."""
    names = ("accepted", "duplicates", "conflicts", "recycled", "rejected", "late", "partial")
    counts = {name: getattr(report, name) for name in names}
    assert sum(counts.values()) == report.read
    return {name: count for name, count in counts.items() if count}


async def counted(world: UsageWorld) -> list[tuple[str, int]]:
    """The stored events, which are exactly what the counters say."""
    async with world.work() as work:
        assert await counters_disagree(work.connection) == []
        rows = await work.connection.execute(text("SELECT record_id, quantity FROM usage_events ORDER BY 1"))
        return [(row.record_id, row.quantity) for row in rows]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_a_call_is_counted_when_its_second_half_comes_whichever_that_is(
    world: UsageWorld, files: Files, order: Sequence[int]
) -> None:
    halves = [invite("call-1"), bye("call-1", TEN + 75)]
    assert outcomes(await files.take(halves[order[0]])) == {"partial": 1}
    assert await counted(world) == []
    assert outcomes(await files.take(halves[order[1]])) == {"accepted": 1}
    assert await counted(world) == [("call-1/a/b", 75)]
    assert await world.issues() == []


async def test_both_halves_in_one_file_are_one_usage(world: UsageWorld, files: Files) -> None:
    report = await files.take(bye("call-1", TEN + 75), invite("call-1"), invite("call-2"))
    assert outcomes(report) == {"partial": 2, "accepted": 1}
    assert await counted(world) == [("call-1/a/b", 75)]


async def test_the_daily_check_finds_nothing_in_sessions_whose_parts_came_again(
    world: UsageWorld, files: Files
) -> None:
    halves = [invite("call-1"), bye("call-1", TEN + 75), invite("call-2"), bye("call-2", TEN + 30)]
    await files.take(*halves)
    await files.take(*reversed(halves))
    await files.take(invite("call-1", TEN + 1), invite("call-2", TEN + 600))
    there = await counted(world)
    assert (await world.service.resent.check(35)).count == 0
    assert await counted(world) == there == [("call-1/a/b", 75), ("call-2/a/b", 30)]


async def test_repeated_parts_change_nothing_before_and_after(world: UsageWorld, files: Files) -> None:
    assert outcomes(await files.take(invite("call-1"), invite("call-1"))) == {"partial": 1, "duplicates": 1}
    assert outcomes(await files.take("", invite("call-1"), bye("call-1", TEN + 5))) == {"duplicates": 1, "accepted": 1}
    again = await files.take("", "", bye("call-1", TEN + 5), invite("call-1"))
    assert outcomes(again) == {"duplicates": 2}
    assert await counted(world) == [("call-1/a/b", 5)]


async def test_a_part_that_comes_afterwards_and_would_change_the_usage_is_kept_for_a_person(
    world: UsageWorld, files: Files
) -> None:
    await files.take(invite("call-1"), bye("call-1", TEN + 75))
    assert outcomes(await files.take(bye("call-1", TEN + 90))) == {"partial": 1}
    assert outcomes(await files.take(bye("call-1", TEN + 60))) == {"conflicts": 1}
    assert await counted(world) == [("call-1/a/b", 75)]
    (issue,) = await world.issues()
    assert (issue.kind, issue.field, issue.record_id) == ("conflict", "session", "call-1/a/b")
    assert issue.reason.endswith("would change quantity 75 to 60.")
    assert issue.event["quantity"] == 60


async def test_a_stop_that_is_told_a_moment_later_again_is_a_repeat_and_another_volume_is_a_conflict(
    world: UsageWorld, files: Files
) -> None:
    assert outcomes(await files.take(*stop("s-1", 1000), profile="radius")) == {"accepted": 1}
    assert outcomes(await files.take(*stop("s-1", 1000, TEN + 61), profile="radius")) == {"duplicates": 1}
    assert outcomes(await files.take(*stop("s-1", 2000), profile="radius")) == {"conflicts": 1}
    assert await counted(world) == [("s-1", 1000)]


async def test_a_session_that_stays_open_is_reported_once_and_closed_by_what_a_person_knows(
    world: UsageWorld, files: Files
) -> None:
    report = await files.take(invite("call-1"), bye("call-2", TEN))
    sessions = world.service.files.sessions
    assert await sessions.look_after() == 0
    world.clock.at += timedelta(days=2, seconds=1)
    assert await sessions.look_after() == 2
    assert await sessions.look_after() == 0
    reasons = {issue.record_id: issue for issue in await world.issues(kind="partial", file_id=report.file_id)}
    first, second = reasons["call-1/a/b"], reasons["call-2/a/b"]
    assert first.reason.startswith("INVITE without BYE")
    assert second.reason.startswith("BYE without INVITE")
    assert (first.identifier, first.line_number) == (LINE, 1)

    still = await world.service.resubmit(first.issue_id, author="anna")
    assert (still.outcome, still.field) == ("rejected", "quantity")
    assert {issue.kind for issue in await world.issues()} == {"partial"}
    taken = await world.service.resubmit(first.issue_id, changes={"quantity": 40}, author="anna")
    assert taken.outcome == "accepted"
    assert await counted(world) == [("call-1/a/b", 40)]
    file = await world.service.files.get(report.file_id)
    assert (file.read, file.partial, file.accepted) == (2, 1, 1)

    assert outcomes(await files.take(bye("call-1", TEN + 75))) == {"conflicts": 1}
    assert await counted(world) == [("call-1/a/b", 40)]


async def test_a_part_that_comes_after_the_report_resolves_it(world: UsageWorld, files: Files) -> None:
    await files.take(invite("call-1"))
    world.clock.at += timedelta(days=3)
    await world.service.files.sessions.look_after()
    (issue,) = await world.issues()
    assert outcomes(await files.take(bye("call-1", TEN + 75))) == {"accepted": 1}
    assert await world.issues() == []
    with pytest.raises(UnableTo, match="resolved"):
        await world.service.resubmit(issue.issue_id, changes={"quantity": 1}, author="anna")
    assert await counted(world) == [("call-1/a/b", 75)]


async def test_a_session_has_no_line_that_could_be_corrected(world: UsageWorld, files: Files) -> None:
    await files.take(invite("call-1"))
    world.clock.at += timedelta(days=3)
    await world.service.files.sessions.look_after()
    (issue,) = await world.issues()
    with pytest.raises(InvalidValue, match="Give changes"):
        await world.service.resubmit(issue.issue_id, raw=bye("call-1", TEN), author="anna")


async def test_a_radius_session_without_stop_is_billed_as_far_as_it_is_known(world: UsageWorld, files: Files) -> None:
    interim = [line.replace("Stop", "Interim-Update") for line in stop("s-1", 700)]
    assert outcomes(await files.take(*interim, profile="radius")) == {"partial": 1}
    world.clock.at += timedelta(days=11)
    await world.service.files.sessions.look_after()
    (issue,) = await world.issues()
    assert (issue.kind, issue.reason) == ("partial", "Interim records without a stop.")
    result = await world.service.resubmit(issue.issue_id, author="anna")
    assert result.outcome == "accepted"
    assert await counted(world) == [("s-1", 700)]


async def test_a_damaged_line_that_is_corrected_completes_its_session(world: UsageWorld, files: Files) -> None:
    await files.take(invite("call-1"))
    report = await files.take(f"BYE|b|a|call-1|200|OK|soon|{NUMBERS}")
    (issue,) = await world.issues()
    result = await world.service.resubmit(issue.issue_id, raw=bye("call-1", TEN + 9), author="anna")
    assert result.outcome == "accepted"
    assert await counted(world) == [("call-1/a/b", 9)]
    file = await world.service.files.get(report.file_id)
    assert (file.read, file.rejected, file.accepted) == (1, 0, 1)
    assert await world.issues() == []


async def test_a_damaged_line_may_turn_out_to_be_a_part_that_waits(world: UsageWorld, files: Files) -> None:
    report = await files.take(f"BYE|b|a|call-1|200|OK|soon|{NUMBERS}")
    (issue,) = await world.issues()
    result = await world.service.resubmit(issue.issue_id, raw=bye("call-1", TEN + 9), author="anna")
    assert result.outcome == "partial"
    file = await world.service.files.get(report.file_id)
    assert (file.read, file.rejected, file.partial) == (1, 0, 1)
    assert outcomes(await files.take(invite("call-1"))) == {"accepted": 1}


async def test_a_whole_session_of_an_unknown_number_waits_like_any_other_record(
    world: UsageWorld, files: Files
) -> None:
    lines = [line.replace(LINE, "+31699999999") for line in (invite("call-1"), bye("call-1", TEN + 75))]
    assert outcomes(await files.take(*lines)) == {"partial": 1, "recycled": 1}
    (issue,) = await world.issues()
    assert (issue.kind, issue.event["quantity"]) == ("recycled", 75)


@pytest.mark.parametrize("seed", range(4))
async def test_however_parts_are_shuffled_repeated_and_spread_over_files_the_usage_is_the_same(
    world: UsageWorld, files: Files, seed: int
) -> None:
    random = Random(seed)
    lines = [line for n in range(12) for line in (invite(f"c-{n:02}", TEN + n), bye(f"c-{n:02}", TEN + 10 * n))]
    lines += random.sample(lines, 8)
    random.shuffle(lines)
    world.service.files.batch_size = 5
    while lines:
        size = random.randint(1, 9)
        outcomes(await files.take(f"ACK|{size}|{len(lines)}", *lines[:size]))
        lines = lines[size:]
    assert await counted(world) == [(f"c-{n:02}/a/b", 9 * n) for n in range(12)]


async def test_files_with_parts_of_the_same_sessions_may_be_imported_at_once(world: UsageWorld, tmp_path: Path) -> None:
    calls = [f"c-{n:03}" for n in range(60)]
    contents: list[list[str]] = [
        [invite(call) for call in calls],
        [bye(call, TEN + 7) for call in reversed(calls)],
        [bye(call, TEN + 7) for call in calls] + [invite(call) for call in reversed(calls)],
    ]
    world.service.files.batch_size = 20
    ids = []
    for number, lines in enumerate(contents):
        path = tmp_path / f"acc_{number}.log"
        path.write_text("\n".join(lines))
        ids.append((await world.register(path, "flatstore"))[0].file_id)
    reports: list[Any] = await asyncio.gather(*(world.service.files.import_file(each) for each in ids))
    assert sum(report.accepted for report in reports) == len(calls)
    assert [outcomes(report) for report in reports]
    assert await counted(world) == [(f"{call}/a/b", 7) for call in calls]


async def cancelled(world: UsageWorld, report: ImportReport) -> list[tuple[str, int]]:
    """Cancel a file; answers what is counted then."""
    await world.service.cancelling.cancel(report.file_id, "anna", "the wrong day")
    assert (await world.service.cancelling.carry_out(report.file_id)).status == "cancelled"
    return await counted(world)


async def sessions_of(world: UsageWorld) -> dict[str, str]:
    async with world.work() as work:
        rows = await work.connection.execute(text("SELECT session_key, status FROM usage_sessions"))
        return {row.session_key: row.status for row in rows}


async def test_a_cancelled_file_leaves_its_sessions_as_they_were_before_it(world: UsageWorld, files: Files) -> None:
    first = await files.take(invite("call-1"), invite("call-2"))
    second = await files.take(bye("call-1", TEN + 75), bye("call-3", TEN), invite("call-4"), bye("call-4", TEN + 5))
    assert await cancelled(world, second) == []
    assert await sessions_of(world) == {"call-1/a/b": "open", "call-2/a/b": "open"}
    assert outcomes(await files.take(bye("call-1", TEN + 60))) == {"accepted": 1}
    assert await counted(world) == [("call-1/a/b", 60)]
    assert await cancelled(world, first) == []


async def test_a_call_that_another_file_completed_does_not_outlive_the_file_with_its_first_half(
    world: UsageWorld, files: Files
) -> None:
    first = await files.take(invite("call-1"), bye("call-2", TEN + 9), invite("call-2"), invite("call-3", TEN + 1))
    await files.take(bye("call-1", TEN + 75), invite("call-3"), bye("call-3", TEN + 4))
    assert await counted(world) == [("call-1/a/b", 75), ("call-2/a/b", 9), ("call-3/a/b", 4)]
    assert await cancelled(world, first) == [("call-3/a/b", 4)]
    assert await sessions_of(world) == {"call-1/a/b": "open", "call-3/a/b": "complete"}
    assert outcomes(await files.take("", invite("call-1", TEN + 15), invite("call-2"))) == {"accepted": 1, "partial": 1}
    assert await counted(world) == [("call-1/a/b", 60), ("call-3/a/b", 4)]


async def test_a_waiting_record_of_a_session_goes_with_the_file_of_its_first_half(
    world: UsageWorld, files: Files
) -> None:
    unknown = "+31699999999"
    first = await files.take(invite("call-1").replace(LINE, unknown))
    assert outcomes(await files.take(bye("call-1", TEN + 75).replace(LINE, unknown))) == {"recycled": 1}
    assert await cancelled(world, first) == []
    assert await world.issues() == []


async def test_an_open_session_of_a_cancelled_file_is_no_question_any_more(world: UsageWorld, files: Files) -> None:
    report = await files.take(invite("call-1"))
    world.clock.at += timedelta(days=3)
    await world.service.files.sessions.look_after()
    assert len(await world.issues()) == 1
    await cancelled(world, report)
    assert await world.issues() == []
    assert await sessions_of(world) == {}


async def test_settled_sessions_are_forgotten_when_their_records_can_no_longer_come_again(
    world: UsageWorld, files: Files
) -> None:
    await files.take(invite("call-1"), bye("call-1", TEN + 75), invite("call-2"))
    world.clock.at += timedelta(days=91)
    await world.service.files.sessions.look_after()
    async with world.work() as work:
        left = await work.connection.execute(text("SELECT session_key FROM usage_sessions"))
        assert [row.session_key for row in left] == ["call-2/a/b"]
        parts = await work.connection.execute(text("SELECT kind FROM usage_session_parts"))
        assert [row.kind for row in parts] == ["invite"]
