"""Roaming, charging and accounting files on the whole path: counted once, held when wrong, mended by record."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from billing.messages.usage import ImportReport
from billing.persistence.unit_of_work import make_engine
from billing.persistence.usage_invariants import counters_disagree
from billing.ports.usage_files import FileFilter
from tests.builders_usage import LINE, OPEN_PLAN, UsageWorld, a_usage_world
from tests.samples import broadworks_samples as xml
from tests.samples import charging_samples as cdr
from tests.samples import tap3_samples as tap

# The same prices at home and in the neighbouring country.
PLAN = OPEN_PLAN | {
    "zones": [{"code": "near", "name": "Neighbours", "places": ["DE"]}],
    "prices": [price | {"zones": ["home", "near"]} for price in OPEN_PLAN["prices"]],
}
CALLS = [tap.call(seconds=61), tap.message(), tap.data(incoming=3_000_000, outgoing=70_000)]


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[UsageWorld]:
    engine = make_engine(database_url)
    world = await a_usage_world(engine, tmp_path / "spool", PLAN)
    world.clock.at = datetime(2027, 2, 3, 8, tzinfo=UTC)
    yield world
    async with world.work() as work:
        assert await counters_disagree(work.connection) == []
    await engine.dispose()


async def imported(world: UsageWorld, path: Path, profile: str, content: bytes) -> ImportReport:
    await asyncio.to_thread(path.write_bytes, content)
    file, _ = await world.register(path, profile)
    return await world.service.files.import_file(file.file_id)


async def counted(world: UsageWorld) -> Mapping[str, int]:
    """The quantity of each price in the open cycle."""
    async with world.work() as work:
        return {row.price_code: row.quantity for row in await work.usage.counters_of(world.account_id, 1)}


async def test_a_roaming_file_is_counted_once_however_often_it_comes(world: UsageWorld, tmp_path: Path) -> None:
    content = tap.batch([*CALLS, tap.service()])
    report = await imported(world, tmp_path / "CDDEUD1NLDVK00017", "tap3", content)
    assert (report.status, report.read, report.accepted) == ("done", 3, 3)
    again = await imported(world, tmp_path / "another name", "tap3", content + b"\x00")
    assert (again.accepted, again.duplicates) == (0, 3)
    assert await counted(world) == {"voice": 61, "sms": 1, "data": 3_070_000}


async def test_a_roaming_file_whose_totals_do_not_match_is_held_with_the_difference(
    world: UsageWorld, tmp_path: Path
) -> None:
    content = tap.batch(CALLS, auditControlInfo=tap.audit(CALLS) | {"totalCharge": 1, "callEventDetailsCount": 4})
    report = await imported(world, tmp_path / "wrong.tap", "tap3", content)
    (file,) = await world.service.files.list(FileFilter())
    assert (report.status, file.hold_kind, await counted(world)) == ("held", "totals", {})
    assert "records: declared 4, counted 3" in file.hold_reason
    assert "charge: declared 0.001, counted 5.430" in file.hold_reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [(tap.fraud_file(), "NRTRDE"), (tap.batch(CALLS)[:-1], "claims")],
    ids=["fraud file", "cut off"],
)
async def test_what_is_no_whole_roaming_file_is_held_and_says_why(
    world: UsageWorld, tmp_path: Path, content: bytes, reason: str
) -> None:
    report = await imported(world, tmp_path / "other.tap", "tap3", content)
    (file,) = await world.service.files.list(FileFilter())
    assert report.status == "held"
    assert reason in file.hold_reason
    await world.service.arrivals.release(report.file_id, "sanne", "let us see")
    report = await world.service.files.import_file(report.file_id)
    assert (report.status, report.rejected, report.accepted) == ("done", 1, 0)
    (issue,) = await world.issues()
    assert issue.field == "file"


async def test_a_notification_is_a_whole_file_without_calls(world: UsageWorld, tmp_path: Path) -> None:
    report = await imported(world, tmp_path / "nothing.tap", "tap3", tap.notification())
    assert (report.status, report.read) == ("done", 0)


async def test_a_call_with_an_undefined_offset_waits_and_counts_when_it_is_corrected(
    world: UsageWorld, tmp_path: Path
) -> None:
    calls = [tap.call(code=7), tap.message()]
    report = await imported(world, tmp_path / "offset.tap", "tap3", tap.batch(calls))
    assert (report.accepted, report.rejected) == (1, 1)
    (issue,) = await world.issues()
    assert (issue.field, issue.line_number) == ("utcTimeOffsetCode", 1)
    mended = issue.raw.replace("offsets=", "offsets=7:+0200,")
    result = await world.service.mending.resubmit(issue.issue_id, raw=mended, author="sanne")
    assert result.outcome == "accepted"
    assert await counted(world) == {"voice": 61, "sms": 1}


async def test_charging_records_of_a_switch_and_a_gateway_are_counted(world: UsageWorld, tmp_path: Path) -> None:
    packet = cdr.framed_file(cdr.encoded(cdr.session(up=10, down=5)), cdr.encoded(cdr.serving_gateway_session()))
    circuit = cdr.bare_file(cdr.encoded(cdr.call(61)), cdr.encoded(cdr.message()), filler=b"\xff" * 9)
    assert (await imported(world, tmp_path / "packet.dat", "3gpp-packet", packet)).accepted == 1
    assert (await imported(world, tmp_path / "circuit.dat", "3gpp-circuit-bare", circuit)).accepted == 2
    assert await counted(world) == {"data": 15, "voice": 61, "sms": 1}


async def test_charging_records_that_are_fewer_than_the_header_says_are_held(world: UsageWorld, tmp_path: Path) -> None:
    content = cdr.framed_file(cdr.encoded(cdr.session()), count=2)
    report = await imported(world, tmp_path / "short.dat", "3gpp-packet", content)
    assert (report.status, await counted(world)) == ("held", {})


async def test_a_session_in_several_files_is_counted_once_and_whole_in_whatever_order_they_come(
    world: UsageWorld, tmp_path: Path
) -> None:
    causes = [cdr.VOLUME_LIMIT, cdr.VOLUME_LIMIT, cdr.NORMAL_RELEASE]
    records = [
        cdr.encoded(cdr.session(up=order, down=0, order=order, cause=cause)) for order, cause in enumerate(causes, 1)
    ]
    last = await imported(world, tmp_path / "last.dat", "3gpp-packet", cdr.framed_file(records[2]))
    first = await imported(world, tmp_path / "first.dat", "3gpp-packet-bare", records[0] + records[0])
    assert (last.partial, first.partial, first.duplicates, await counted(world)) == (1, 1, 1, {})
    middle = await imported(world, tmp_path / "middle.dat", "3gpp-packet", cdr.framed_file(records[1]))
    assert (middle.accepted, await counted(world)) == (1, {"data": 6})
    again = await imported(world, tmp_path / "again.dat", "3gpp-packet-bare", b"".join(records))
    assert (again.duplicates, await counted(world)) == (3, {"data": 6})


async def test_a_session_that_lacks_a_part_waits_for_a_person_who_is_told_which(
    world: UsageWorld, tmp_path: Path
) -> None:
    content = cdr.bare_file(*(cdr.encoded(cdr.session(order=order)) for order in (3,)))
    await imported(world, tmp_path / "open.dat", "3gpp-packet-bare", content)
    world.clock.at += timedelta(days=5)
    assert await world.service.files.sessions.look_after() == 1
    (issue,) = await world.issues()
    assert (issue.kind, issue.reason) == ("partial", "Part 1 of the session is missing.")
    assert await counted(world) == {}


async def test_an_accounting_file_counts_its_good_calls_and_keeps_its_damaged_ones(
    world: UsageWorld, tmp_path: Path
) -> None:
    times = {"startTime": "20270201100000", "answerTime": "20270201100006", "releaseTime": "20270201100020"}
    mobile = {"userNumber": LINE, "callingNumber": LINE, **times}
    content = xml.whole_file(xml.call(1, **mobile), xml.call(2, **mobile | {"releaseTime": "never"}))
    report = await imported(world, tmp_path / "BW-CDR.xml", "broadworks", content)
    assert (report.accepted, report.rejected) == (1, 1)
    (issue,) = await world.issues()
    raw = issue.raw.replace("never", "20270201100106")
    await world.service.mending.resubmit(issue.issue_id, raw=raw, author="sanne")
    assert await counted(world) == {"voice": 14 + 60}
