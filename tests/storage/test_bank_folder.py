"""The folder that the bank writes to: complete files are taken and put away, whatever strangers put there."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from billing.services.bank_folder import PATIENCE_SECONDS, BankFolder
from tests.builders_bank_statements import Account, camt053, camt054, incoming
from tests.builders_bank_world import BankWorld, a_bank_world

STATEMENT = camt054(Account((incoming(1999, "rent", "R1"),)))


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[BankWorld]:
    async with a_bank_world(database_url) as world:
        yield world


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "incoming").mkdir()
    return tmp_path


def lies_in(root: Path) -> dict[str, list[str]]:
    """The files of each place, without their reports."""
    return {
        place.name: sorted(one.name for one in place.iterdir() if not one.name.endswith(".report.txt"))
        for place in root.iterdir()
        if place.is_dir()
    }


async def test_a_complete_file_is_taken_and_put_away_with_its_report(world: BankWorld, root: Path) -> None:
    (root / "incoming" / "a.xml").write_bytes(STATEMENT)
    assert await BankFolder(root, world.statements, quiet_seconds=0).look() == 1
    assert lies_in(root) == {"incoming": [], "taken-in": ["bkf_1001.a.xml"]}
    report = (root / "taken-in" / "bkf_1001.a.xml.report.txt").read_text(encoding="utf-8")
    assert "suspense        1 19.99 EUR" in report
    (file,) = await world.statements.list()
    assert (file.source, file.author) == ("folder", "the bank's folder")


async def test_a_file_is_left_until_it_has_been_quiet(world: BankWorld, root: Path) -> None:
    folder = BankFolder(root, world.statements, quiet_seconds=0.3)
    growing = root / "incoming" / "a.xml"
    growing.write_bytes(STATEMENT[:100])
    assert await folder.look() == 0
    growing.write_bytes(STATEMENT)
    assert await folder.look() == 0
    await asyncio.sleep(0.35)
    assert await folder.look() == 1


async def test_held_and_unreadable_files_lie_apart(world: BankWorld, root: Path) -> None:
    (root / "incoming" / "a.xml").write_bytes(camt053(Account((incoming(1, "x"),), closing=9)))
    (root / "incoming" / "b.xml").write_bytes(b"no xml")
    assert await BankFolder(root, world.statements, quiet_seconds=0).look() == 2
    places = lies_in(root)
    assert places["held"] == ["bkf_1001.a.xml"]
    (refused,) = places["refused"]
    told = (root / "refused" / f"{refused}.report.txt").read_text(encoding="utf-8")
    assert "Ask the bank for the file again" in told


async def test_links_pipes_and_unfinished_files_are_left_alone(world: BankWorld, root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.xml"
    outside.write_bytes(STATEMENT)
    (root / "incoming" / "link.xml").symlink_to(outside)
    os.mkfifo(root / "incoming" / "pipe.xml")
    (root / "incoming" / "a.xml.part").write_bytes(STATEMENT)
    (root / "incoming" / ".hidden.xml").write_bytes(STATEMENT)
    assert await BankFolder(root, world.statements, quiet_seconds=0).look() == 0
    assert outside.exists()
    assert await world.statements.list() == []


async def test_content_that_is_known_is_only_moved_also_after_a_fall_between_taking_and_moving(
    world: BankWorld, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "incoming" / "a.xml").write_bytes(STATEMENT)

    def killed(*_: object) -> None:
        raise SystemExit("killed")

    with monkeypatch.context() as patched:
        patched.setattr("billing.services.bank_folder.move", killed)
        with pytest.raises(SystemExit):
            await BankFolder(root, world.statements, quiet_seconds=0).look()
    assert lies_in(root)["incoming"] == ["a.xml"]
    (root / "incoming" / "b.xml").write_bytes(STATEMENT)
    assert await BankFolder(root, world.statements, quiet_seconds=0).look() == 2
    assert lies_in(root)["taken-in"] == ["bkf_1001.a.xml", "bkf_1001.b.xml"]
    assert len(await world.items()) == 1


async def test_what_lies_there_for_too_long_is_an_alarm(world: BankWorld, root: Path) -> None:
    old = root / "incoming" / "a.xml.part"
    old.write_bytes(STATEMENT)
    folder = BankFolder(root, world.statements)
    assert (await folder.waiting()).alarms == ()
    long_ago = old.stat().st_mtime - PATIENCE_SECONDS - 60
    os.utime(old, (long_ago, long_ago))
    assert ["a.xml.part" in one for one in (await folder.waiting()).alarms] == [True]
