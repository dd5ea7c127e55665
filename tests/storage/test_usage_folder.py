"""A watched folder: only complete files are taken, each once, and nothing is lost, replaced or followed elsewhere."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from billing.persistence.unit_of_work import make_engine
from billing.persistence.usage_invariants import counters_disagree
from billing.ports.usage_files import FileFilter
from billing.services.usage_folder import FolderRules, WatchedFolder
from tests.builders_usage import UsageWorld, a_usage_world
from tests.builders_usage_files import NUMBERED, NumberedCsv, day_name, some_messages


@dataclass
class Drop:
    """A watched folder, the world behind it, and somebody who puts files there."""

    world: UsageWorld
    root: Path
    folder: WatchedFolder

    def put(self, name: str, *rows: str, profile: str = NUMBERED) -> Path:
        path = self.root / "incoming" / profile / name
        path.write_text("\n".join(rows or some_messages(name)) + "\n", encoding="utf-8")
        return path

    async def round(self) -> None:
        """Look, import what was taken, and look again."""
        await self.folder.look()
        await self.import_all()
        await self.folder.look()

    async def import_all(self) -> None:
        while self.world.process.imports:
            await self.world.service.files.import_file(self.world.process.imports.pop(0).file_id)

    def found(self, outcome: str) -> list[str]:
        """Names in ``outcome``, reports left out."""
        files = (path for path in (self.root / outcome).rglob("*") if path.is_file())
        return sorted(path.name for path in files if not path.name.endswith(".report.txt"))

    def waiting(self) -> list[str]:
        return sorted(path.name for path in (self.root / "incoming").rglob("*") if not path.is_dir())

    async def counted(self) -> int:
        async with self.world.work() as work:
            assert await counters_disagree(work.connection) == []
            found: int = (await work.connection.execute(text("SELECT count(*) FROM usage_events"))).scalar_one()
        return found


def watching(world: UsageWorld, root: Path, rules: FolderRules) -> WatchedFolder:
    folder = WatchedFolder(root, world.service.files, world.service.arrivals, world.clock, rules)
    folder.prepare()
    return folder


@pytest.fixture
async def drop(database_url: str, tmp_path: Path) -> AsyncIterator[Drop]:
    """Files are complete at the second look at which they are the same."""
    engine = make_engine(database_url)
    world = await a_usage_world(engine, tmp_path / "spool", formats={NUMBERED: NumberedCsv()})
    root = tmp_path / "watched"
    yield Drop(world, root, watching(world, root, FolderRules(quiet_seconds=0)))
    await engine.dispose()


async def test_a_complete_file_is_taken_imported_and_moved_with_its_report(drop: Drop) -> None:
    drop.put(day_name(1))
    await drop.folder.look()
    assert drop.world.process.imports == []
    await drop.round()
    assert (drop.waiting(), await drop.counted()) == ([], 1)
    (moved,) = (drop.root / "done" / NUMBERED / "2027-02-01").glob("*.csv")
    assert moved.name.startswith("file_")
    assert "accepted                     1" in moved.with_name(f"{moved.name}.report.txt").read_text()


async def test_a_file_that_grows_is_left_until_it_is_whole(drop: Drop) -> None:
    drop.folder = watching(drop.world, drop.root, FolderRules(quiet_seconds=0.5))
    path = drop.put(day_name(1), *some_messages("a"))
    for record_id in ("b", "c"):
        await asyncio.sleep(0.1)
        await drop.round()
        with path.open("a", encoding="utf-8") as opened:
            opened.write("\n".join(some_messages(record_id)) + "\n")
    assert await drop.counted() == 0
    await drop.round()
    await asyncio.sleep(0.6)
    await drop.round()
    assert (await drop.counted(), drop.waiting()) == (3, [])


async def test_a_file_must_be_quiet_for_its_time(drop: Drop) -> None:
    folder = watching(drop.world, drop.root, FolderRules(quiet_seconds=0.3))
    drop.put(day_name(1))
    for _ in range(3):
        assert await folder.look() == 0
    await asyncio.sleep(0.35)
    assert await folder.look() == 1


@pytest.mark.parametrize("name", [".day-0001.csv", "day-0001.csv.part", "day.csv.TMP", "day.csv.filepart", "x~"])
async def test_unfinished_names_are_never_taken(drop: Drop, name: str) -> None:
    drop.put(name)
    for _ in range(3):
        await drop.round()
    assert (drop.waiting(), await drop.world.service.files.list(FileFilter())) == ([name], [])


async def test_with_a_marker_only_marked_files_are_taken_and_the_marker_goes_too(drop: Drop) -> None:
    folder = drop.folder = watching(drop.world, drop.root, FolderRules(quiet_seconds=0, marker=".ok"))
    drop.put(day_name(1))
    for _ in range(3):
        await drop.round()
    assert drop.waiting() == [day_name(1)]
    drop.put(f"{day_name(1)}.ok")
    for _ in range(3):
        await drop.round()
    assert (drop.waiting(), len(drop.found("done")), folder) == ([], 1, drop.folder)


async def test_a_held_file_lies_apart_and_follows_when_somebody_decides(drop: Drop) -> None:
    drop.put(day_name(1))
    drop.put(day_name(3))
    for _ in range(2):
        await drop.round()
    (held,) = drop.found("held")
    assert held.endswith(day_name(3))
    await drop.world.service.arrivals.release(held.partition(".")[0], "sanne", "2 was never sent")
    await drop.import_all()
    await drop.folder.look()
    assert (drop.found("held"), held in drop.found("done"), await drop.counted()) == ([], True, 2)
    drop.put(day_name(9))
    for _ in range(2):
        await drop.round()
    (held,) = drop.found("held")
    await drop.world.service.arrivals.reject(held.partition(".")[0], "sanne", "not ours")
    await drop.folder.look()
    assert (drop.found("held"), drop.found("failed")) == ([], [held])


async def test_what_dies_between_import_and_move_takes_nothing_twice(drop: Drop) -> None:
    drop.put(day_name(1))
    for _ in range(2):
        await drop.folder.look()
    await drop.import_all()
    assert drop.waiting() == [day_name(1)]
    drop.folder = watching(drop.world, drop.root, FolderRules(quiet_seconds=0))  # another process, which knows nothing
    for _ in range(3):
        await drop.round()
    assert (drop.waiting(), len(drop.found("done")), await drop.counted()) == ([], 1, 1)


async def test_two_processes_that_watch_one_folder_take_each_file_once(drop: Drop) -> None:
    other = watching(drop.world, drop.root, FolderRules(quiet_seconds=0))
    for sequence in range(1, 6):
        drop.put(day_name(sequence))
    for _ in range(4):
        await asyncio.gather(drop.folder.look(), other.look())
        await drop.import_all()
    assert (drop.waiting(), len(drop.found("done")), await drop.counted()) == ([], 5, 5)


async def test_the_same_content_again_is_moved_and_changes_nothing(drop: Drop) -> None:
    for _ in range(2):
        drop.put("usage.csv", "record_id,identifier,meter,quantity,started_at", *some_messages("a"), profile="csv")
        for _ in range(3):
            await drop.round()
    assert (drop.waiting(), len(drop.found("done")), await drop.counted()) == ([], 1, 0)


async def test_a_link_a_pipe_and_a_second_name_are_refused(
    drop: Drop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("\n".join(some_messages("stolen")))
    place = drop.root / "incoming" / NUMBERED
    (place / day_name(1)).symlink_to(secret)
    os.mkfifo(place / day_name(2))
    os.link(secret, place / day_name(3))
    (place / day_name(4)).mkdir()
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            await drop.round()
    assert await drop.counted() == 0
    assert drop.world.process.imports == []
    assert [record.message for record in caplog.records if "no plain file" in record.message] == [
        f"incoming/{NUMBERED}/{day_name(number)} is no plain file and is refused" for number in (1, 2)
    ]
    assert secret.exists()


async def test_a_profile_folder_that_is_a_link_is_not_followed(drop: Drop, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / day_name(1)).write_text("\n".join(some_messages("a")))
    (drop.root / "incoming" / NUMBERED).rmdir()
    (drop.root / "incoming" / NUMBERED).symlink_to(elsewhere)
    for _ in range(3):
        await drop.folder.look()
    assert (elsewhere / day_name(1)).exists()
    assert drop.world.process.imports == []


async def test_odd_names_lead_nowhere(drop: Drop) -> None:
    for name in ("x\\..\\y.csv", "a\nb.csv", "üñí.csv", "%2e%2e%2fx.csv", "x" * 250):
        drop.put(name, profile="csv")
    (drop.root / "incoming" / "csv" / os.fsdecode(b"\xff\xfe.csv")).write_text("record_id\n1\n")
    for _ in range(3):
        await drop.round()
    assert drop.waiting() == []
    assert len(drop.found("done")) == 6
    assert {path.name for path in drop.root.iterdir()} == {"incoming", "done", "failed", "held"}


async def test_an_unknown_profile_is_named_once_and_left_alone(drop: Drop, caplog: pytest.LogCaptureFixture) -> None:
    (drop.root / "incoming" / "morse").mkdir()
    drop.put("x.csv", profile="morse")
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            await drop.round()
    assert drop.waiting() == ["x.csv"]
    assert [record.message for record in caplog.records] == [
        "incoming/morse is no profile; its files are left where they are"
    ]


async def test_a_file_that_cannot_be_taken_is_put_apart_with_the_reason(
    drop: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billing.services.usage_spool.LARGEST_FILE_BYTES", 10)
    for _ in range(2):
        drop.put(day_name(1))
        for _ in range(3):
            await drop.round()
    failed = drop.found("failed")
    assert (drop.waiting(), all(name.endswith(day_name(1)) for name in failed)) == ([], True)
    (report, *_) = (drop.root / "failed").rglob("*.report.txt")
    assert "The file is too large." in report.read_text()


async def test_a_file_changed_after_it_was_read_is_read_again_instead_of_moved(drop: Drop) -> None:
    path = drop.put("usage.ndjson", profile="csv")
    path.unlink()
    header = "record_id,identifier,meter,quantity,started_at,destination,amount"
    path = drop.put("usage.csv", header, *some_messages("a"), profile="csv")
    for _ in range(2):
        await drop.folder.look()
    await drop.import_all()
    with path.open("a", encoding="utf-8") as opened:
        opened.write("\n".join(some_messages("b")) + "\n")
    for _ in range(4):
        await drop.round()
    assert (drop.waiting(), await drop.counted()) == ([], 2)


async def test_what_waits_too_long_is_an_alarm_with_its_reason(drop: Drop) -> None:
    (drop.root / "incoming" / "morse").mkdir()
    old = [drop.put("x.csv", profile="morse"), drop.put("a.part"), drop.put(day_name(1))]
    for path in old:
        os.utime(path, (0, 0))
    drop.put(day_name(2))
    watched = await drop.folder.waiting()
    reasons = dict(alarm.split(" has been waiting for ") for alarm in watched.alarms)
    assert watched.count == 4
    assert set(reasons) == {"incoming/morse/x.csv", f"incoming/{NUMBERED}/a.part", f"incoming/{NUMBERED}/{day_name(1)}"}
    assert "there is no such profile" in reasons["incoming/morse/x.csv"]
    assert "unfinished transfer" in reasons[f"incoming/{NUMBERED}/a.part"]


async def test_trouble_is_logged_and_tried_again(drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    hand_in, calls = drop.world.service.arrivals.hand_in, 0

    async def stumbling(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise ConnectionError("the database is away")
        return await hand_in(*args)

    monkeypatch.setattr(drop.world.service.arrivals, "hand_in", stumbling)
    drop.put(day_name(1))
    watching_on = asyncio.create_task(drop.folder.watch(pause_seconds=0.05))
    async with asyncio.timeout(20):
        while not drop.found("done"):
            await drop.import_all()
            await asyncio.wait([watching_on], timeout=0.05)
    watching_on.cancel()
    assert (calls, await drop.counted()) == (2, 1)
