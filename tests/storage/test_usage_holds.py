"""Files that are not what they should be wait for a person before anything of them is counted."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from billing.domain.errors import InvalidValue, NotFound, UnableTo
from billing.persistence.unit_of_work import make_engine
from billing.persistence.usage_invariants import counters_disagree
from billing.ports.usage_files import FileFilter, UsageFile
from billing.services.usage_reports import as_text, report_on
from tests.builders_usage import UsageWorld, a_usage_world
from tests.builders_usage_files import NUMBERED, NumberedCsv, hand_in, some_messages


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[UsageWorld]:
    engine = make_engine(database_url)
    yield await a_usage_world(engine, tmp_path / "spool", formats={NUMBERED: NumberedCsv()})
    await engine.dispose()


async def again(world: UsageWorld, file: UsageFile) -> UsageFile:
    return await world.service.files.get(file.file_id)


async def import_all(world: UsageWorld) -> None:
    """What the process would do with the files it was told of."""
    while world.process.imports:
        await world.service.files.import_file(world.process.imports.pop(0).file_id)


async def statuses(world: UsageWorld) -> dict[int | None, str]:
    found = await world.service.files.list(FileFilter(profile=NUMBERED))
    return {file.sequence: file.status for file in found}


async def counted(world: UsageWorld) -> int:
    async with world.work() as work:
        assert await counters_disagree(work.connection) == []
        found: int = (await work.connection.execute(text("SELECT count(*) FROM usage_events"))).scalar_one()
    return found


async def test_files_in_order_are_imported(world: UsageWorld) -> None:
    for sequence in (7, 8, 9):
        await hand_in(world, sequence)
    await import_all(world)
    assert await statuses(world) == {7: "done", 8: "done", 9: "done"}
    assert await counted(world) == 3


async def test_a_file_after_a_gap_waits_and_nothing_of_it_is_counted(world: UsageWorld) -> None:
    await hand_in(world, 1)
    held = await hand_in(world, 4)
    await import_all(world)
    assert (held.status, held.hold_kind, list(held.gap)) == ("held", "gap", ["2-3"])
    assert held.hold_reason == "Number 4 arrived before 2-3."
    assert await counted(world) == 1


async def test_held_files_go_on_by_themselves_when_the_missing_ones_arrive(world: UsageWorld) -> None:
    for sequence in (1, 4, 5, 2):
        await hand_in(world, sequence)
    await import_all(world)
    assert await statuses(world) == {1: "done", 2: "done", 4: "held", 5: "held"}
    four = next(file for file in await world.service.files.list(FileFilter(status="held")) if file.sequence == 4)
    assert list(four.gap) == ["3"]
    await hand_in(world, 3)
    await import_all(world)
    assert set((await statuses(world)).values()) == {"done"}
    assert await counted(world) == 5


@pytest.mark.parametrize("seed", range(5))
async def test_in_whatever_order_files_arrive_all_are_counted_once(world: UsageWorld, seed: int) -> None:
    order = list(range(2, 10))
    random.Random(seed).shuffle(order)
    for sequence in [1, *order]:
        await hand_in(world, sequence)
        await import_all(world)
    assert await statuses(world) == dict.fromkeys(range(1, 10), "done")
    assert await counted(world) == 9


async def test_files_that_arrive_together_are_put_in_order(world: UsageWorld) -> None:
    await hand_in(world, 1)
    await asyncio.gather(*(hand_in(world, sequence) for sequence in (5, 3, 2, 4, 6)))
    await import_all(world)
    assert await statuses(world) == dict.fromkeys(range(1, 7), "done")


async def test_a_person_releases_a_file_and_those_behind_it_follow(world: UsageWorld) -> None:
    await hand_in(world, 1)
    held = await hand_in(world, 4)
    await hand_in(world, 5)
    released = await world.service.arrivals.release(held.file_id, "sanne", "2 and 3 were never sent")
    assert (released.status, released.decided_by, list(released.waived)) == ("registered", "sanne", ["gap"])
    await import_all(world)
    assert await statuses(world) == {1: "done", 4: "done", 5: "done"}
    report = as_text(report_on(await again(world, held)))
    assert "released (gap) by sanne on 2027-02-01 12:00:00 UTC: 2 and 3 were never sent" in report
    assert "arrived before  2-3" in report
    late = await hand_in(world, 3)
    await import_all(world)
    assert (await again(world, late)).status == "done"


async def test_the_same_number_with_other_content_is_held_and_shown_beside_the_first(world: UsageWorld) -> None:
    first = await hand_in(world, 1)
    other = await hand_in(world, 1, some_messages("x-1", "x-2"))
    await import_all(world)
    assert other.hold_kind == "repeated"
    assert f"Number 1 came before, as {first.file_id} (day-0001.csv, {first.size_bytes} bytes)" in other.hold_reason
    assert await counted(world) == 1
    await world.service.arrivals.reject(other.file_id, "sanne", "sent twice by mistake")
    await import_all(world)
    assert ((await again(world, other)).status, await counted(world)) == ("rejected", 1)


async def test_the_same_file_again_has_no_effect_even_while_it_is_held(world: UsageWorld) -> None:
    await hand_in(world, 1)
    held = await hand_in(world, 3)
    repeated = await hand_in(world, 3)
    await import_all(world)
    assert (repeated.file_id, (await again(world, held)).status) == (held.file_id, "held")


async def test_a_rejected_file_leaves_its_place_to_the_right_one(world: UsageWorld) -> None:
    await hand_in(world, 1)
    wrong = await hand_in(world, 2, total="2 2 0.00")
    behind = await hand_in(world, 3)
    await import_all(world)
    assert (await again(world, behind)).status == "done"
    await world.service.arrivals.reject(wrong.file_id, "sanne", "cut off; sent again")
    right = await hand_in(world, 2, some_messages("n-2", "n-2b"), total="2 2 0.00")
    await import_all(world)
    assert ((await again(world, right)).status, await counted(world)) == ("done", 4)


async def test_wrong_control_totals_are_held_with_the_difference_before_anything_is_counted(world: UsageWorld) -> None:
    file = await hand_in(world, 1, some_messages("a", "b", "c"), total="4 3 0.00")
    await import_all(world)
    held = await again(world, file)
    assert (held.status, held.hold_kind, held.lines_done) == ("held", "totals", 0)
    assert held.hold_reason == "The control totals differ. records: declared 4, counted 3."
    assert await counted(world) == 0
    await world.service.arrivals.release(file.file_id, "sanne", "the partner counts its trailer")
    await import_all(world)
    assert ((await again(world, file)).status, await counted(world)) == ("done", 3)
    control = {total.name: total.agrees for total in report_on(await again(world, file)).control}
    assert control == {"records": False, "quantity": True, "charge": True}


async def test_right_control_totals_are_imported_and_reported(world: UsageWorld) -> None:
    file = await hand_in(world, 1, some_messages("a", "b"), total="2 2 0.00")
    await import_all(world)
    done = await again(world, file)
    assert (done.status, dict(done.declared), dict(done.checked)) == ("done", done.checked, done.declared)
    assert "declared records: 2, counted: 2 (agrees)" in as_text(report_on(done))


async def test_a_file_released_from_a_gap_is_still_held_for_its_totals(world: UsageWorld) -> None:
    await hand_in(world, 1)
    file = await hand_in(world, 3, total="9 9 0.00")
    await world.service.arrivals.release(file.file_id, "sanne", "2 was never sent")
    await import_all(world)
    held = await again(world, file)
    assert (held.status, held.hold_kind) == ("held", "totals")
    await world.service.arrivals.release(file.file_id, "sanne", "and the trailer is wrong")
    await import_all(world)
    done = await again(world, file)
    assert (done.status, list(done.waived)) == ("done", ["gap", "totals"])


async def test_a_name_without_the_number_it_should_have_is_held(world: UsageWorld) -> None:
    file = await hand_in(world, 0, name="roaming.csv")
    await import_all(world)
    assert (file.hold_kind, await counted(world)) == ("unnumbered", 0)


async def test_numbers_go_on_after_the_last_one(database_url: str, tmp_path: Path) -> None:
    engine = make_engine(database_url)
    world = await a_usage_world(engine, tmp_path / "spool", formats={NUMBERED: NumberedCsv(last_sequence=5)})
    for sequence in (4, 5, 1, 3):
        await hand_in(world, sequence)
    assert await statuses(world) == {4: "registered", 5: "registered", 1: "registered", 3: "held"}
    await hand_in(world, 2)
    assert "held" not in (await statuses(world)).values()
    await engine.dispose()


async def test_a_source_that_must_say_what_it_sends_is_held_when_it_does_not(database_url: str, tmp_path: Path) -> None:
    engine = make_engine(database_url)
    world = await a_usage_world(engine, tmp_path / "spool", formats={NUMBERED: NumberedCsv(must_declare=True)})
    file = await hand_in(world, 1)
    await import_all(world)
    held = await again(world, file)
    assert (held.status, held.hold_kind) == ("held", "totals")
    assert "cut off" in held.hold_reason
    await engine.dispose()


async def test_only_a_held_file_can_be_decided_and_only_with_a_reason(world: UsageWorld) -> None:
    await hand_in(world, 1)
    held = await hand_in(world, 3)
    arrivals = world.service.arrivals
    with pytest.raises(InvalidValue, match="reason"):
        await arrivals.release(held.file_id, "sanne", "  ")
    with pytest.raises(NotFound):
        await arrivals.release("file_99", "sanne", "why not")
    await arrivals.reject(held.file_id, "sanne", "not ours")
    with pytest.raises(UnableTo, match="it is rejected"):
        await arrivals.release(held.file_id, "sanne", "changed my mind")


async def test_upkeep_starts_what_was_registered_while_the_process_was_away(world: UsageWorld) -> None:
    file = await hand_in(world, 1)
    world.process.imports.clear()
    assert (await world.service.arrivals.look_after()).count == 0
    world.clock.at += timedelta(minutes=2)
    assert (await world.service.arrivals.look_after()).count == 1
    assert [request.file_id for request in world.process.imports] == [file.file_id]
    await import_all(world)
    assert (await world.service.arrivals.look_after()).count == 0


async def test_a_file_that_is_held_for_a_day_is_an_alarm(world: UsageWorld) -> None:
    await hand_in(world, 1)
    held = await hand_in(world, 3)
    await import_all(world)
    assert (await world.service.arrivals.look_after()).alarms == ()
    world.clock.at += timedelta(hours=25)
    (alarm,) = (await world.service.arrivals.look_after()).alarms
    assert alarm == f"{held.file_id} (numbered) is held: Number 3 arrived before 2."


async def test_two_people_decide_once(world: UsageWorld) -> None:
    await hand_in(world, 1)
    held = await hand_in(world, 3)
    decisions = (world.service.arrivals.release, world.service.arrivals.reject)
    answers = await asyncio.gather(*(each(held.file_id, "sanne", "r") for each in decisions), return_exceptions=True)
    assert [isinstance(answer, UnableTo) for answer in answers].count(True) == 1
    await import_all(world)
    assert (await again(world, held)).status in ("done", "rejected")
