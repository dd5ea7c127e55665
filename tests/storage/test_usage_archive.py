"""No day of records is dropped before a file holds all of it."""

from __future__ import annotations

import asyncio
import csv
import gzip
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from billing.domain.errors import InvalidValue, NotFound, UnableTo
from billing.persistence.unit_of_work import make_engine
from billing.persistence.usage_invariants import counters_disagree
from billing.ports.numbers import NumberMove
from billing.ports.usage import IssueSelection
from billing.services import usage_archive
from tests.builders_usage import LINE, NOW, UsageWorld, a_usage_world, an_event

DAY = date(2027, 1, 20)
LATER = NOW + timedelta(days=85)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "usage-archive"


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[UsageWorld]:
    engine = make_engine(database_url)
    world = await a_usage_world(engine, tmp_path / "spool")
    calls = [an_event(record_id=f"r-{number:02}", started_at=f"{DAY}T{number:02}:00:00Z") for number in range(20)]
    await world.service.take([*calls, an_event(record_id="today")])
    world.clock.at = LATER
    yield world
    await engine.dispose()


def files_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def rows_in(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", newline="") as packed:
        return list(csv.DictReader(packed))


def put_in_the_way(folder: Path) -> None:
    folder.write_text("a file, where the archive has to be")


def damage_file_in(folder: Path) -> None:
    (path,) = folder.iterdir()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


async def stored(world: UsageWorld) -> int:
    async with world.work() as work:
        return int((await work.connection.execute(text("SELECT count(*) FROM usage_events"))).scalar_one())


async def disagreeing(world: UsageWorld) -> list[str]:
    async with world.work() as work:
        return await counters_disagree(work.connection)


async def test_a_day_is_in_its_file_before_it_is_dropped(world: UsageWorld, folder: Path) -> None:
    assert await world.service.forget_events_before(DAY + timedelta(days=1)) == 1
    assert await stored(world) == 1
    (archive,) = await world.service.archive.list()
    assert (archive.day, archive.events, archive.dropped_at) == (DAY, 20, LATER)
    assert [row["record_id"] for row in rows_in(folder / archive.file_name)] == [
        f"r-{number:02}" for number in range(20)
    ]
    assert (await world.service.archive.check(DAY)).sha256 == archive.sha256
    assert files_in(folder) == [archive.file_name]


async def test_what_is_counted_after_the_day_was_dropped_has_a_file_of_its_own(world: UsageWorld, folder: Path) -> None:
    world.clock.at = NOW
    await world.service.take([an_event(record_id="waits", started_at=f"{DAY}T12:30:00Z", meter="call")])
    world.clock.at = LATER
    assert await world.service.forget_events_before(DAY + timedelta(days=1)) == 1
    assert await world.service.reguide_waiting() == 0
    # The day is there again, without a record, and no file of nothing is written.
    assert await world.service.forget_events_before(DAY + timedelta(days=1)) == 0
    (issue,) = await world.issues()
    await world.service.resubmit(issue.issue_id, changes={"meter": "voice"}, author="sanne")
    assert await disagreeing(world) == []
    assert await world.service.forget_events_before(DAY + timedelta(days=1)) == 1
    assert await disagreeing(world) == []
    later, first = await world.service.archive.list()
    assert [(each.supplement, each.events) for each in (first, later)] == [(0, 20), (1, 1)]
    assert later.file_name == f"usage-{DAY}.1.csv.gz"
    assert [row["record_id"] for row in rows_in(folder / later.file_name)] == ["waits"]
    assert len(rows_in(folder / first.file_name)) == 20
    assert await world.service.archive.check(DAY) == first


async def test_a_cycle_whose_first_days_were_dropped_is_not_broken_by_one_that_is_there_again(
    world: UsageWorld,
) -> None:
    await world.service.forget_events_before(DAY + timedelta(days=1))
    async with world.work() as work:
        await work.accounts.change_cycle(world.account_id, 1, {"opens_at": datetime.combine(DAY, time(), UTC)})
        await work.usage.ensure_days([DAY])
        await work.commit()
    assert await disagreeing(world) == []


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_conflict_of_a_day_that_is_archived_stays_one(world: UsageWorld, at_once: bool) -> None:
    world.clock.at = NOW
    await world.service.take([an_event(record_id="r-03", started_at=f"{DAY}T03:00:00Z", quantity=600)])
    world.clock.at = LATER
    await world.service.forget_events_before(DAY + timedelta(days=1))
    (issue,) = await world.issues()
    if at_once:
        wanted = IssueSelection(kind="conflict")
        tried = await world.service.resubmission.resubmit(wanted, {"quantity": 601}, author="sanne", dry_run=True)
        done = await world.service.resubmission.resubmit(wanted, {"quantity": 601}, author="sanne")
        assert done.outcomes == tried.outcomes == {"conflict": 1}
    else:
        assert (await world.service.resubmit(issue.issue_id, author="sanne")).outcome == "conflict"
    assert await stored(world) == 1
    (issue,) = await world.issues()
    assert (issue.kind, issue.field) == ("conflict", "started_at")
    assert f"{DAY} are archived" in issue.reason
    changes = {"record_id": "r-03-again"}
    assert (await world.service.resubmit(issue.issue_id, changes=changes, author="sanne")).outcome == "accepted"


async def test_a_file_of_which_a_part_is_archived_is_not_taken_back_in_part(world: UsageWorld, tmp_path: Path) -> None:
    world.clock.at = NOW
    path = tmp_path / "usage.csv"
    rows = [f"f-{day},{LINE},voice,60,2027-01-{day}T10:00:00Z,+31201234567" for day in (20, 28)]
    path.write_text("\n".join(["record_id,identifier,meter,quantity,started_at,destination", *rows, ""]))
    file, _ = await world.register(path, "csv")
    await world.service.files.import_file(file.file_id)
    world.clock.at = LATER
    await world.service.forget_events_before(DAY + timedelta(days=1))
    with pytest.raises(UnableTo, match=str(DAY)):
        await world.service.outlook.cancelling(file.file_id)
    with pytest.raises(UnableTo, match="archived"):
        await world.service.cancelling.cancel(file.file_id, "sanne", "wrong")
    assert (await world.service.files.get(file.file_id)).status == "done"


async def test_usage_of_archived_days_is_not_guided_again(world: UsageWorld) -> None:
    await world.service.forget_events_before(DAY + timedelta(days=1))
    first, second = datetime.combine(DAY, time(), UTC), datetime.combine(DAY, time(), UTC) + timedelta(days=1)
    with pytest.raises(InvalidValue, match=f"archived .{DAY}."):
        await world.service.moves.guide_again(LINE, first, "sanne", "entered late")
    assert (await world.service.moves.guide_again(LINE, second, "sanne", "entered late")).seen == 1


async def test_a_number_that_moved_before_archived_days_says_what_did_not_follow(world: UsageWorld) -> None:
    await world.service.forget_events_before(DAY + timedelta(days=1))
    since = datetime.combine(DAY, time(), UTC)
    await world.service.moves.follow(NumberMove("mov_1001", LINE, since, "ported", world.account_id, None, NOW))
    async with world.work() as work:
        entries = await work.timeline.of(world.account_id)
    told = [entry.summary for entry in entries if entry.kind == "usage.archived"]
    assert told == [f"Usage that is archived did not follow its number: {DAY}"]


async def test_putting_away_again_has_nothing_to_do(world: UsageWorld) -> None:
    assert await world.service.forget_events_before(DAY + timedelta(days=1)) == 1
    assert await world.service.forget_events_before(DAY + timedelta(days=1)) == 0


async def test_a_day_is_dropped_when_those_who_read_have_ended_and_nobody_waits_for_it(world: UsageWorld) -> None:
    counted = text("SELECT count(*) FROM usage_events")
    async with world.work() as reading:
        await reading.connection.execute(counted)
        dropping = asyncio.create_task(world.service.forget_events_before(DAY + timedelta(days=1)))
        await asyncio.sleep(2.5)
        async with world.work() as another:
            assert (await another.connection.execute(counted)).scalar_one() == 21
    assert await dropping == 1
    assert await stored(world) == 1


async def test_a_file_that_cannot_be_written_leaves_the_day(world: UsageWorld, folder: Path) -> None:
    put_in_the_way(folder)
    with pytest.raises(OSError, match="usage-archive"):
        await world.service.forget_events_before(DAY + timedelta(days=1))
    assert await stored(world) == 21


async def test_a_file_that_is_not_what_was_written_leaves_the_day(
    world: UsageWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damage(self: usage_archive.UsageArchive, archive: object) -> None:
        raise InvalidValue("The archive is not as it was written.", field="day", value=DAY, remedy="none")

    monkeypatch.setattr(usage_archive.UsageArchive, "_verify", damage)
    with pytest.raises(InvalidValue, match="as it was written"):
        await world.service.forget_events_before(DAY + timedelta(days=1))
    assert await stored(world) == 21
    assert await world.service.archive.list() == []


async def test_a_day_that_changed_since_its_file_was_written_is_kept(world: UsageWorld) -> None:
    archive = await world.service.archive._write(DAY)
    async with world.work() as work:
        await work.connection.execute(text("DELETE FROM usage_events WHERE record_id = 'r-03'"))
        assert not await work.usage.drop_archived(archive, LATER)
        await work.commit()
    assert await stored(world) == 20
    assert await world.service.forget_events_before(DAY + timedelta(days=1)) == 1


async def test_an_archive_that_was_changed_is_told(world: UsageWorld, folder: Path) -> None:
    await world.service.forget_events_before(DAY + timedelta(days=1))
    damage_file_in(folder)
    with pytest.raises(InvalidValue, match="archive"):
        await world.service.archive.check(DAY)
    with pytest.raises(NotFound):
        await world.service.archive.check(DAY + timedelta(days=9))


async def test_days_to_come_have_their_partitions(world: UsageWorld) -> None:
    await world.service.forget_older_than(0)
    async with world.work() as work:
        days = await work.usage.stored_days(LATER.date() + timedelta(days=30))
    assert days[-1] == LATER.date() + timedelta(days=3)
