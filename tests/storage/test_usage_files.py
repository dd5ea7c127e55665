"""Files in: every line is accounted for, once, however often and however brokenly it is imported."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

import billing.services.usage_files as under_test
from billing.domain.errors import InvalidValue, UnableTo
from billing.messages.usage import ImportReport
from billing.persistence.unit_of_work import make_engine
from billing.persistence.usage_invariants import counters_disagree
from billing.services.usage_reports import as_text, report_on
from evenflow.traffic import Line, TrafficFile, TrafficRequest, write_day
from tests.builders_usage import LINE, OPEN_PLAN, UsageWorld, a_customer, a_usage_world

DAY = date(2027, 2, 20)


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[UsageWorld]:
    engine = make_engine(database_url)
    world = await a_usage_world(engine, tmp_path / "spool", OPEN_PLAN)
    world.clock.at = datetime(2027, 2, 21, 8, tzinfo=UTC)
    async with world.work() as work:
        await work.accounts.change_cycle(world.account_id, 1, {"status": "issued"})
        await work.commit()
    yield world
    await engine.dispose()


async def imported(world: UsageWorld, path: Path, profile: str) -> ImportReport:
    file, _ = await world.register(path, profile)
    return await world.service.files.import_file(file.file_id)


async def nothing_is_miscounted(world: UsageWorld) -> None:
    async with world.work() as work:
        assert await counters_disagree(work.connection) == []


def traffic(directory: Path) -> list[TrafficFile]:
    active_from = datetime(2027, 1, 15, 9, 30, tzinfo=UTC)
    return write_day(directory, TrafficRequest([Line(LINE, active_from=active_from)], seed=3, intensity=4), DAY)


def a_csv(directory: Path, *lines: str) -> Path:
    path = directory / "usage.csv"
    path.write_text("\n".join(["record_id,identifier,meter,quantity,started_at,destination", *lines]) + "\n")
    return path


async def test_the_report_of_generated_traffic_finds_exactly_what_was_injected(
    world: UsageWorld, tmp_path: Path
) -> None:
    files = traffic(tmp_path)
    assert {file.profile for file in files} == {"cdr-csv", "csv", "ndjson"}
    for file in files:
        report = await imported(world, file.path, file.profile)
        assert asdict(report) | {"file_id": ""} == asdict(
            ImportReport(
                file_id="",
                file_name=file.path.name,
                profile=file.profile,
                read=file.lines,
                accepted=file.clean,
                duplicates=file.duplicates,
                recycled=file.unknown,
                rejected=file.damaged,
                late=file.late,
                done=True,
                status="done",
            )
        )
        assert file.late == file.unknown == file.damaged == 1
    await nothing_is_miscounted(world)


async def test_the_same_file_again_has_no_effect(world: UsageWorld, tmp_path: Path) -> None:
    file = traffic(tmp_path)[0]
    first = await imported(world, file.path, file.profile)
    registered, is_new = await world.register(file.path, file.profile)
    assert (registered.file_id, is_new) == (first.file_id, False)
    assert await imported(world, file.path, file.profile) == first
    await nothing_is_miscounted(world)


async def test_an_import_that_dies_resumes_after_its_last_committed_batch(world: UsageWorld, tmp_path: Path) -> None:
    lines = [f"r-{number},{LINE},voice,60,2027-02-20T10:00:00Z,+31201234567" for number in range(2500)]
    file, _ = await world.register(a_csv(tmp_path, *lines), "csv")
    world.service.files.batch_size = 1000
    seen: list[int] = []

    def dies_in_the_second_batch(report: ImportReport) -> None:
        seen.append(report.read)
        if len(seen) == 2:
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        await world.service.files.import_file(file.file_id, dies_in_the_second_batch)
    assert (await world.service.files.get(file.file_id)).status == "importing"
    report = await world.service.files.import_file(file.file_id, lambda progress: seen.append(progress.read))
    assert seen == [999, 1999, 2500]  # the header is a line of the first batch
    assert (report.read, report.accepted, report.duplicates, report.done) == (2500, 2500, 0, True)
    assert dict((await world.service.files.get(file.file_id)).totals) == {"voice": 2500 * 60}
    await nothing_is_miscounted(world)


async def test_a_damaged_line_is_kept_corrected_and_counted(world: UsageWorld, tmp_path: Path) -> None:
    path = a_csv(
        tmp_path,
        f"r-1,{LINE},voice,60,2027-02-20T10:00:00Z,+31201234567",
        f"r-2,{LINE},voice,sixty,2027-02-20T10:00:00Z,+31201234567",
        f'r-3,"{LINE},voice,60,2027-02-20T10:00:00Z,+31201234567',
        f"r-4,{LINE},voice,60,2027-02-20T10:00:00Z,+31201234567",
    )
    report = await imported(world, path, "csv")
    assert (report.accepted, report.rejected) == (2, 2)
    unreadable, unclosed = await world.issues(kind="rejected")
    assert (unreadable.line_number, unreadable.field) == (3, "quantity")
    assert unreadable.raw.startswith("r-2,")
    assert (unclosed.line_number, unclosed.field) == (4, "line")
    assert "quotes" in unclosed.reason
    fixed = f"r-2,{LINE},voice,60,2027-02-20T10:00:00Z,+31201234567"
    assert (await world.service.resubmit(unreadable.issue_id, raw=fixed, author="sanne")).outcome == "accepted"
    still_wrong = await world.service.resubmit(unclosed.issue_id, changes={"record_id": "r-3"}, author="sanne")
    assert still_wrong.outcome == "rejected"
    (left,) = await world.issues()
    assert left.issue_id == unclosed.issue_id
    with pytest.raises(UnableTo, match="resolved"):
        await world.service.resubmit(unreadable.issue_id, raw=fixed, author="sanne")
    file = await world.service.files.get(report.file_id)
    assert (file.read, file.accepted, file.rejected) == (4, 3, 1)
    await nothing_is_miscounted(world)


async def test_recycled_lines_of_a_file_are_counted_for_it_when_the_number_appears(
    world: UsageWorld, tmp_path: Path
) -> None:
    report = await imported(
        world, a_csv(tmp_path, "r-1,+31687654321,voice,60,2027-02-20T10:00:00Z,+31201234567"), "csv"
    )
    assert report.recycled == 1
    async with world.work() as work:
        await a_customer(work, number="A100002", identifier="+31687654321")
        await work.commit()
    assert (await world.service.reguide("+31600000000")).tried == 0
    assert (await world.service.reguide("+31687654321")).resolved == 1
    file = await world.service.files.get(report.file_id)
    assert (file.accepted, file.recycled) == (1, 0)
    await nothing_is_miscounted(world)


async def test_an_unknown_profile_is_refused_with_the_known_ones(world: UsageWorld, tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match=r"Use one of: .*ndjson"):
        await world.register(a_csv(tmp_path), "morse")


async def test_an_empty_file_is_done_and_holds_nothing(world: UsageWorld, tmp_path: Path) -> None:
    path = tmp_path / "empty.ndjson"
    path.touch()
    report = await imported(world, path, "ndjson")
    assert (report.read, report.done) == (0, True)


async def test_the_report_says_what_the_file_held_by_meter_charge_and_time(world: UsageWorld, tmp_path: Path) -> None:
    path = tmp_path / "usage.ndjson"
    events = [
        {"record_id": "a", "meter": "voice", "quantity": 60, "started_at": "2027-02-20T10:00:00Z"},
        {"record_id": "b", "meter": "voice", "quantity": 30, "started_at": "2027-02-20T12:00:00Z"},
        {"record_id": "c", "meter": "sms", "quantity": 1, "started_at": "2027-02-20T09:00:00Z", "amount": "0.10"},
        {"record_id": "d", "meter": "sms", "quantity": 1, "started_at": "2027-02-20T09:30:00Z", "amount": "0.20"},
    ]
    path.write_text("".join(json.dumps({"identifier": LINE, **event}) + "\n" for event in [*events, events[0]]))
    report = await imported(world, path, "ndjson")
    file = await world.service.files.get(report.file_id)
    assert dict(file.totals) == {"voice": 150, "sms": 2}
    assert file.charge == Decimal("0.30")
    assert (file.first_start, file.last_start) == (
        datetime(2027, 2, 20, 9, tzinfo=UTC),
        datetime(2027, 2, 20, 12, tzinfo=UTC),
    )
    page = as_text(report_on(file))
    assert "voice                      150" in page
    assert "duplicates                   1" in page


async def test_two_importers_of_one_file_count_it_once(world: UsageWorld, tmp_path: Path) -> None:
    world.service.files.batch_size = 100
    lines = [f"r-{number},{LINE},voice,60,2027-02-20T10:00:00Z,+31201234567" for number in range(950)]
    file, _ = await world.register(a_csv(tmp_path, *lines), "csv")
    await asyncio.gather(*(world.service.files.import_file(file.file_id) for _ in range(3)))
    done = await world.service.files.get(file.file_id)
    assert (done.read, done.accepted, done.duplicates, dict(done.totals)) == (950, 950, 0, {"voice": 950 * 60})
    await nothing_is_miscounted(world)


async def test_the_same_content_handed_in_at_the_same_time_is_one_file(world: UsageWorld, tmp_path: Path) -> None:
    path = a_csv(tmp_path, f"r-1,{LINE},voice,60,2027-02-20T10:00:00Z,+31201234567")
    entered = await asyncio.gather(*(world.register(path, "csv") for _ in range(5)))
    assert len({file.file_id for file, _ in entered}) == 1
    assert sum(is_new for _, is_new in entered) == 1


async def test_a_corrected_line_is_read_by_the_header_even_below_a_comment(world: UsageWorld, tmp_path: Path) -> None:
    path = a_csv(tmp_path, f"r-1,{LINE},voice,sixty,2027-02-20T10:00:00Z,")
    path.write_text(f"# from the partner\n\n{path.read_text()}")
    await imported(world, path, "csv")
    (issue,) = await world.issues()
    raw = f"r-1,{LINE},voice,60,2027-02-20T10:00:00Z,"
    assert (await world.service.resubmit(issue.issue_id, raw=raw, author="anna")).outcome == "accepted"


async def test_a_format_that_takes_long_is_taken_in_smaller_batches(
    world: UsageWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_test, "SLOW_SECONDS", 0)
    monkeypatch.setattr(under_test, "SMALLEST_BATCH", 30)
    world.service.files.batch_size = 100
    lines = [f"r-{number},{LINE},voice,60,2027-02-20T10:00:00Z,+31201234567" for number in range(650)]
    file, _ = await world.register(a_csv(tmp_path, *lines), "csv")
    seen: list[int] = []
    report = await world.service.files.import_file(file.file_id, lambda progress: seen.append(progress.read))
    steps = [after - before for before, after in zip([0, *seen], seen, strict=False)]
    assert [max(steps[:3]), max(steps[3:6]), max(steps[6:])] == [100, 50, 25]
    assert (report.read, report.accepted, report.duplicates) == (650, 650, 0)
    await nothing_is_miscounted(world)


async def test_the_content_of_an_old_file_is_forgotten_and_what_is_known_of_it_stays(
    world: UsageWorld, tmp_path: Path
) -> None:
    path = a_csv(tmp_path, f"r-1,{LINE},voice,many,2027-02-20T10:00:00Z,+31201234567")
    report = await imported(world, path, "csv")
    spool = tmp_path / "spool"
    world.clock.at += timedelta(days=89)
    assert await world.service.forget_older_than(90) == 0
    assert len(list(spool.iterdir())) == 1
    world.clock.at += timedelta(days=2)
    await world.service.forget_older_than(90)
    assert list(spool.iterdir()) == []
    again, is_new = await world.register(path, "csv")
    assert (again.file_id, is_new, again.rejected, list(spool.iterdir())) == (report.file_id, False, 1, [])
    (issue,) = await world.issues()
    with pytest.raises(InvalidValue, match="forgotten"):
        await world.service.resubmit(issue.issue_id, raw="r-1", author="sanne")


async def test_a_content_that_was_handed_in_again_is_not_forgotten_with_its_first_file(
    world: UsageWorld, tmp_path: Path
) -> None:
    path = a_csv(tmp_path, f"r-1,{LINE},voice,60,2027-02-20T10:00:00Z,+31201234567")
    report = await imported(world, path, "csv")
    await world.service.cancelling.cancel(report.file_id, "sanne", "wrong")
    await world.service.cancelling.carry_out(report.file_id)
    world.clock.at += timedelta(days=60)
    again, is_new = await world.register(path, "csv")
    assert is_new
    world.clock.at += timedelta(days=31)
    await world.service.forget_older_than(90)
    assert (await world.service.files.get(report.file_id)).stored_as == ""
    assert [content.name for content in (tmp_path / "spool").iterdir()] == [again.stored_as]
    await world.service.files.import_file(again.file_id)
    world.clock.at += timedelta(days=91)
    await world.service.forget_older_than(90)
    assert list((tmp_path / "spool").iterdir()) == []


async def test_a_held_file_keeps_its_content_however_long_it_waits(world: UsageWorld, tmp_path: Path) -> None:
    file, _ = await world.register(a_csv(tmp_path, "x"), "csv")
    world.clock.at += timedelta(days=1000)
    await world.service.forget_older_than(90)
    assert (await world.service.files.get(file.file_id)).stored_as
