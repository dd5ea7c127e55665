"""Many kept records sent again at once: each counts once, each file stays right, and what is still wrong waits on."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from billing.domain.errors import InvalidValue, NotFound
from billing.persistence.unit_of_work import make_engine
from billing.persistence.usage_invariants import counters_disagree
from billing.ports.usage import IssueSelection
from billing.ports.usage_files import COUNT_OF
from billing.services import usage_selecting
from billing.services.usage_resubmission import Resubmitted
from tests.builders_usage import LINE, UsageWorld, a_usage_world, an_event

HEADER = "record_id,identifier,meter,quantity,started_at,destination"
VOICE = {"meter": "voice"}
_numbers = iter(range(10**9))


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[UsageWorld]:
    engine = make_engine(database_url)
    yield await a_usage_world(engine, tmp_path)
    await engine.dispose()


def a_row(record_id: str, meter: str = "call", quantity: str = "60", at: str = "2027-02-01T10:00:00Z") -> str:
    return f"{record_id},{LINE},{meter},{quantity},{at},+31201234567"


async def imported(world: UsageWorld, folder: Path, *lines: str) -> str:
    path = folder / f"usage-{next(_numbers)}.csv"
    path.write_text("\n".join([HEADER, *lines, ""]))
    file, _ = await world.register(path, "csv")
    await world.service.files.import_file(file.file_id)
    return file.file_id


async def resubmitted(world: UsageWorld, changes: dict[str, Any], dry_run: bool = False, **wanted: Any) -> Resubmitted:
    return await world.service.resubmission.resubmit(IssueSelection(**wanted), changes, author="sanne", dry_run=dry_run)


async def counted(world: UsageWorld) -> list[str]:
    """The records that are counted; the counters agree with the events."""
    async with world.work() as work:
        assert await counters_disagree(work.connection) == []
        rows = await work.connection.execute(text("SELECT record_id FROM usage_events ORDER BY record_id"))
        return [row.record_id for row in rows]


async def counts_of(world: UsageWorld, file_id: str) -> dict[str, int]:
    """The counts of a file that are not zero; they add up to what was read."""
    file = await world.service.files.get(file_id)
    names = ("accepted", "duplicates", "conflicts", "recycled", "rejected", "late", "partial")
    counts = {name: getattr(file, name) for name in names}
    assert sum(counts.values()) == file.read
    return {name: count for name, count in counts.items() if count}


async def test_one_correction_counts_every_record_that_it_fits(world: UsageWorld, tmp_path: Path) -> None:
    calls = await imported(world, tmp_path, a_row("a"), a_row("b"), a_row("c", "sms", "1"), a_row("d", quantity="x"))
    other = await imported(world, tmp_path, a_row("e"))
    await world.service.take([an_event(record_id="f", meter="call")])
    done = await resubmitted(world, VOICE, kind="recycled", field="meter")
    assert (done.matched, done.outcomes, done.skipped, done.left, done.failing) == (4, {"accepted": 4}, 0, 0, [])
    assert await counted(world) == ["a", "b", "c", "e", "f"]
    assert await counts_of(world, calls) == {"accepted": 3, "rejected": 1}
    assert await counts_of(world, other) == {"accepted": 1}
    assert {issue.resolution for issue in await world.issues(status="resolved")} == {"accepted: sent again by sanne"}
    again = await resubmitted(world, VOICE, kind="recycled", field="meter")
    assert (again.matched, again.outcomes) == (0, {})


@pytest.mark.parametrize(
    ("wanted", "record_ids"),
    [
        ({"kind": "rejected"}, {"r"}),
        ({"identifier": LINE, "kind": "recycled"}, {"w", "old"}),
        ({"source": "switch"}, {"r", "w"}),
        ({"source": "old-switch"}, {"old"}),
        ({"field": "meter"}, {"w", "old"}),
        ({"field": "quantity"}, {"r"}),
    ],
)
async def test_a_selection_is_all_that_agrees_and_nothing_else(
    world: UsageWorld, wanted: dict[str, str], record_ids: set[str]
) -> None:
    await world.service.take(
        [
            an_event(record_id="r", quantity="x"),
            an_event(record_id="w", meter="call"),
            an_event(record_id="old", source="old-switch", meter="call"),
        ]
    )
    await resubmitted(world, {**VOICE, "quantity": 60}, **wanted)
    assert set(await counted(world)) == record_ids


async def test_a_selection_by_file_and_by_when_it_was_kept(world: UsageWorld, tmp_path: Path) -> None:
    first = await imported(world, tmp_path, a_row("a"))
    noon = world.clock.at + timedelta(hours=1)
    world.clock.at += timedelta(hours=2)
    await imported(world, tmp_path, a_row("b"))
    await world.service.take([an_event(record_id="c", meter="call")])
    assert (await resubmitted(world, VOICE, dry_run=True, created_from=noon)).matched == 2
    assert (await resubmitted(world, VOICE, dry_run=True, created_before=noon)).matched == 1
    await resubmitted(world, VOICE, file_id=first)
    assert await counted(world) == ["a"]


async def test_named_records_are_sent_again_and_those_that_wait_no_more_are_skipped(world: UsageWorld) -> None:
    await world.service.take([an_event(record_id=name, meter="call") for name in "abc"])
    waiting = {issue.record_id: issue.issue_id for issue in await world.issues()}
    first, second = waiting["a"], waiting["b"]
    await resubmitted(world, VOICE, issue_ids=[first, first])
    done = await resubmitted(world, VOICE, issue_ids=[first, second])
    assert (done.matched, done.outcomes, done.skipped) == (2, {"accepted": 1}, 1)
    assert await counted(world) == ["a", "b"]
    with pytest.raises(NotFound, match=r"rec_999999"):
        await resubmitted(world, VOICE, issue_ids=[first, "rec_999999"])


async def test_what_is_still_wrong_waits_with_its_newest_reason_and_holds_nobody_up(
    world: UsageWorld, tmp_path: Path
) -> None:
    rows = [a_row("a", quantity="x"), a_row("b"), a_row("c", "shop")]
    file_id = await imported(world, tmp_path, *rows)
    done = await resubmitted(world, {"identifier": "+31600000000"}, file_id=file_id)
    assert done.outcomes == {"rejected": 1, "recycled": 2}
    waiting = {issue.record_id: issue for issue in await world.issues()}
    assert {(each.issue_id, each.outcome.value, each.field, each.value) for each in done.failing} == {
        (waiting[""].issue_id, "rejected", "quantity", ""),
        (waiting["b"].issue_id, "recycled", "identifier", "+31600000000"),
        (waiting["c"].issue_id, "recycled", "identifier", "+31600000000"),
    }
    assert waiting["b"].reason.startswith("No service had this number")
    mended = await resubmitted(world, {**VOICE, "identifier": LINE}, file_id=file_id)
    assert mended.outcomes == {"rejected": 1, "accepted": 2}
    assert await counts_of(world, file_id) == {"rejected": 1, "accepted": 2}


async def test_at_most_twenty_failures_are_shown(world: UsageWorld) -> None:
    await world.service.take([an_event(record_id=f"r-{number}", meter="call") for number in range(25)])
    done = await resubmitted(world, {"meter": "fax"}, kind="recycled")
    assert (done.outcomes, len(done.failing)) == ({"recycled": 25}, 20)


async def test_an_unknown_field_that_a_source_sends_is_left_out_with_null(world: UsageWorld) -> None:
    await world.service.take([an_event(record_id=name, trunk="7") for name in "ab"])
    assert {issue.field for issue in await world.issues()} == {"trunk"}
    assert (await resubmitted(world, {"trunk": None}, field="trunk")).outcomes == {"accepted": 2}


async def test_a_preview_says_what_would_become_of_them_and_keeps_nothing(
    world: UsageWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage_selecting, "PAGE", 2)
    await world.service.take([an_event(record_id="known")])
    await world.service.take([an_event(record_id=name, meter="call") for name in ("a", "b", "known", "c")])
    await world.service.take([an_event(record_id="a", meter="call", quantity=61), an_event(record_id="x", quantity="")])
    before = await world.issues()
    wanted = {"source": "switch"}
    foreseen = await resubmitted(world, VOICE, dry_run=True, **wanted)
    assert foreseen.outcomes == {"accepted": 3, "duplicate": 1, "conflict": 1, "rejected": 1}
    assert await counted(world) == ["known"]
    assert await world.issues() == before
    done = await resubmitted(world, VOICE, **wanted)
    assert (done.outcomes, done.failing) == (foreseen.outcomes, foreseen.failing)


async def test_one_call_does_only_so_many_and_says_how_many_are_left(
    world: UsageWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage_selecting, "PAGE", 2)
    world.service.resubmission.limit = 5
    await world.service.take([an_event(record_id=f"r-{number}", meter="call") for number in range(8)])
    first = await resubmitted(world, VOICE, kind="recycled")
    assert (first.matched, first.outcomes, first.left) == (8, {"accepted": 5}, 3)
    second = await resubmitted(world, VOICE, kind="recycled")
    assert (second.matched, second.outcomes, second.left) == (3, {"accepted": 3}, 0)
    assert len(await counted(world)) == 8


async def test_usage_of_an_issued_cycle_is_late_and_what_came_in_time_stays_in_time(world: UsageWorld) -> None:
    await world.service.take([an_event(meter="call", started_at="2027-01-20T10:00:00Z")])
    async with world.work() as work:
        await work.accounts.change_cycle(world.account_id, 1, {"status": "issued"})
        await work.commit()
    world.clock.at += timedelta(days=100)
    assert (await resubmitted(world, VOICE, kind="recycled")).outcomes == {"late": 1}


@pytest.mark.parametrize(
    ("wanted", "changes", "field"),
    [
        ({}, VOICE, "issue_ids"),
        ({"kind": "recycled", "issue_ids": ["rec_1"]}, VOICE, "issue_ids"),
        ({"issue_ids": [f"rec_{number}" for number in range(1001)]}, VOICE, "issue_ids"),
        ({"kind": "recycled"}, {"record_id": "same"}, "changes.record_id"),
        ({"kind": "recycled"}, {"metre": "voice"}, "changes.metre"),
    ],
)
async def test_what_would_do_harm_is_refused_before_anything_is_done(
    world: UsageWorld, wanted: dict[str, Any], changes: dict[str, Any], field: str
) -> None:
    await world.service.take([an_event(meter="call")])
    with pytest.raises(InvalidValue) as refused:
        await resubmitted(world, changes, **wanted)
    assert (refused.value.field, bool(refused.value.remedy)) == (field, True)
    assert await counted(world) == []


async def test_two_at_once_count_each_record_once(
    world: UsageWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage_selecting, "PAGE", 7)
    files = [await imported(world, tmp_path, *[a_row(f"{name}-{each}") for each in range(20)]) for name in "ab"]
    await world.service.take([an_event(record_id=f"h-{number}", meter="call") for number in range(20)])
    reguided = world.service.reguide()
    first, second, _ = await asyncio.gather(
        resubmitted(world, VOICE, kind="recycled"), resubmitted(world, VOICE, kind="recycled"), reguided
    )
    for done in (first, second):
        assert done.matched == sum(done.outcomes.values()) + done.skipped + done.left
    left = await resubmitted(world, VOICE, kind="recycled")
    total = Counter(first.outcomes) + Counter(second.outcomes) + Counter(left.outcomes)
    assert total == {"accepted": 60}
    assert len(await counted(world)) == 60
    for file_id in files:
        assert await counts_of(world, file_id) == {"accepted": 20}


async def test_a_record_that_somebody_works_on_is_skipped_and_the_others_go_on(world: UsageWorld) -> None:
    await world.service.take([an_event(record_id=name, meter="call") for name in "ab"])
    waiting = {issue.record_id: issue.issue_id for issue in await world.issues()}
    async with world.work() as work:
        await work.usage.lock_issue(waiting["a"])
        done = await asyncio.wait_for(resubmitted(world, VOICE, kind="recycled"), 10)
    assert (done.matched, done.outcomes, done.skipped) == (2, {"accepted": 1}, 1)
    assert await counted(world) == ["b"]


async def test_records_of_a_file_that_is_taken_back_are_not_counted_any_more(world: UsageWorld, tmp_path: Path) -> None:
    file_id = await imported(world, tmp_path, a_row("a"), a_row("b", "sms", "1"))
    (issue,) = await world.issues()
    await world.service.cancelling.cancel(file_id, "sanne", "wrong month")
    done = await resubmitted(world, VOICE, file_id=file_id)
    assert (done.outcomes, done.skipped) == ({}, 1)
    with pytest.raises(Exception, match="taken back"):
        await world.service.resubmit(issue.issue_id, changes=VOICE, author="sanne")
    await world.service.cancelling.carry_out(file_id)
    assert await counted(world) == []


@pytest.mark.parametrize("how", ["together", "guided again"])
async def test_what_was_counted_afterwards_goes_with_its_file(world: UsageWorld, tmp_path: Path, how: str) -> None:
    file_id = await imported(world, tmp_path, a_row("a"), a_row("b", "sms", "1"), a_row("c"))
    other = await imported(world, tmp_path, a_row("d", "call"))
    if how == "together":
        await resubmitted(world, VOICE, kind="recycled")
    else:
        async with world.work() as work:
            await work.connection.execute(text('UPDATE usage_issues SET event = event || \'{"meter": "voice"}\''))
            await work.commit()
        await world.service.reguide()
    assert await counted(world) == ["a", "b", "c", "d"]
    await world.service.cancelling.cancel(file_id, "sanne", "wrong month")
    await world.service.cancelling.carry_out(file_id)
    assert await counted(world) == ["d"]
    assert await counts_of(world, other) == {"accepted": 1}


Kept = tuple[str, str, str]  # record_id, meter, quantity
ROWS = st.tuples(
    st.sampled_from("abcdef"), st.sampled_from(["call", "voice", "fax"]), st.sampled_from(["60", "61", "x"])
)


@given(rows=st.lists(ROWS, max_size=12, unique=True), page=st.integers(1, 5), limit=st.integers(1, 14))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
async def test_whatever_waits_the_counts_add_up_and_every_preview_comes_true(
    world: UsageWorld, tmp_path: Path, rows: Sequence[Kept], page: int, limit: int
) -> None:
    example = f"{next(_numbers)}-"
    file_id = await imported(world, tmp_path, *[a_row(f"{example}{name}", *rest) for name, *rest in rows])
    world.service.resubmission.limit = limit
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(usage_selecting, "PAGE", page)
        foreseen = await resubmitted(world, VOICE, dry_run=True, file_id=file_id)
        done = await resubmitted(world, VOICE, file_id=file_id)
    assert (done.outcomes, done.failing, done.left) == (foreseen.outcomes, foreseen.failing, foreseen.left)
    assert done.matched == sum(done.outcomes.values()) + done.skipped + done.left
    counts = await counts_of(world, file_id)
    stored = [record_id for record_id in await counted(world) if record_id.startswith(example)]
    assert len(stored) == len(set(stored)) == counts.get("accepted", 0)
    waiting = Counter(COUNT_OF[issue.kind] for issue in await world.issues(file_id=file_id))
    assert waiting == Counter({name: counts[name] for name in ("rejected", "recycled", "conflicts") if name in counts})
