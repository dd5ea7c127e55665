"""Usage follows its number: what was counted for one account goes to the account whose number it was when it began."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.domain.errors import InvalidValue
from billing.persistence.unit_of_work import make_engine
from billing.persistence.usage_invariants import counters_disagree
from billing.ports.numbers import NumberMove
from billing.services import usage_following
from billing.services.invoicing_charges import charges_of
from billing.services.plan_changes import NewPlan, PlanChanges
from billing.services.service_changes import Port, ServiceChanges, ServiceCommand
from billing.services.subscribing import NewService
from billing.services.usage_plans import PlanShelf
from tests.builders import a_plan
from tests.builders_usage import LINE, NOW, PLAN, UsageWorld, a_customer, a_usage_world, an_event

OTHER_LINE = "+31687654321"
PORTED_AT = datetime(2027, 1, 25, 12, tzinfo=UTC)
BEFORE, AFTER = "2027-01-20T10:00:00Z", "2027-01-28T10:00:00Z"
_numbers = iter(range(10**9))


@dataclass(frozen=True)
class Porting:
    """Two accounts, and the use cases that move a number from one to the other."""

    world: UsageWorld
    to_account_id: str
    changes: ServiceChanges
    plans: PlanChanges

    @property
    def target(self) -> Port:
        return Port(self.to_account_id, "vonk-basis", 1)

    def command(self, at: datetime | None = PORTED_AT) -> ServiceCommand:
        command_id = f"c-{next(_numbers)}"
        return ServiceCommand(self.world.account_id, self.world.service_id, command_id, "Ann", "ported", at)

    async def port(self) -> None:
        await self.changes.port(self.command(), self.target)

    async def port_unheard(self) -> None:
        """The command's process dies before usage follows."""
        await ServiceChanges(self.world.work, self.world.clock).port(self.command(), self.target)

    async def use(self, record_id: str, at: str, quantity: int = 60, **changes: Any) -> None:
        event = an_event(record_id=record_id, started_at=at, quantity=quantity, **changes)
        (result,) = await self.world.service.take([event])
        assert result.outcome in ("accepted", "late"), result

    async def counted(self, account_id: str) -> list[tuple[int, str, str, int, int]]:
        """The first cycle's counters that count anything: plan version, price, band, events, quantity.

        They agree with the events.
        """
        async with self.world.work() as work:
            assert await counters_disagree(work.connection) == []
            rows = await work.usage.counters_of(account_id, 1)
        return [
            (row.plan_version, row.price_code, row.band, row.events, row.quantity)
            for row in rows
            if row.events or row.quantity or row.amount
        ]

    async def both(self) -> tuple[Sequence[Any], Sequence[Any]]:
        return await self.counted(self.world.account_id), await self.counted(self.to_account_id)

    async def late(self, account_id: str) -> list[tuple[str, int, int]]:
        async with self.world.work() as work:
            rows = await work.usage.unbilled_late_usage(account_id)
        return [(row.correction, row.events, row.quantity) for row in rows]

    async def charged(self, account_id: str) -> list[tuple[str, str, str]]:
        """What the invoice of the second cycle would charge for the first: description, amount, last explanation."""
        async with self.world.work() as work:
            cycle = await work.accounts.cycle(account_id, 2)
            charges = await charges_of(work, PlanShelf(), cycle, "Europe/Amsterdam")
        late = [line for line in charges.lines if line.kind == "late_usage"]
        return [(line.description, str(line.amount.decimal), line.explanation[-1]) for line in late]

    async def bill(self, account_id: str) -> None:
        async with self.world.work() as work:
            await work.accounts.change_cycle(account_id, 1, {"status": "issued"})
            await work.commit()


@pytest.fixture
async def porting(database_url: str, tmp_path: Path) -> AsyncIterator[Porting]:
    engine = make_engine(database_url)
    world = await a_usage_world(engine, tmp_path, {**PLAN, "allowances": []})
    async with world.work() as work:
        await work.accounts.add_plan(a_plan({**PLAN, "allowances": []}, plan_version=2))
        to_account_id, _ = await a_customer(work, number="A100002", identifier=OTHER_LINE)
        await work.commit()
    moved = world.service.moves.number_moved
    changes = ServiceChanges(world.work, world.clock, moved)
    yield Porting(world, to_account_id, changes, PlanChanges(world.work, world.clock, moved))
    await engine.dispose()


async def test_usage_after_a_late_port_goes_to_the_new_account(porting: Porting) -> None:
    await porting.use("before", BEFORE)
    await porting.use("after", AFTER, 120)
    await porting.port()
    assert await porting.both() == ([(1, "voice", "", 1, 60)], [(1, "voice", "", 1, 120)])
    async with porting.world.work() as work:
        entries = await work.timeline.of(porting.to_account_id)
        assert await work.accounts.pending_number_moves() == []
    assert "Usage of cycle 1 came from another line: 1 records" in [entry.summary for entry in entries]


async def test_the_event_keeps_what_it_was(porting: Porting) -> None:
    await porting.use("after", AFTER, 120)
    await porting.port()
    async with porting.world.work() as work:
        rows = await work.connection.exec_driver_sql("SELECT kind, reason, event, became FROM usage_corrections")
        (kept,) = rows.all()
    assert (kept.kind, kept.event["record_id"]) == ("moved", "after")
    assert "was ported at" in kept.reason
    assert kept.became.startswith(porting.to_account_id)


async def test_a_record_that_comes_again_after_the_port_is_a_repeat(porting: Porting) -> None:
    await porting.use("after", AFTER)
    await porting.port()
    (result,) = await porting.world.service.take([an_event(record_id="after", started_at=AFTER)])
    assert result.outcome == "duplicate"


async def test_a_record_that_comes_again_before_its_first_copy_has_followed_is_a_repeat(porting: Porting) -> None:
    await porting.use("after", AFTER)
    await porting.port_unheard()
    (result,) = await porting.world.service.take([an_event(record_id="after", started_at=AFTER)])
    assert result.outcome == "duplicate"
    assert await porting.both() == ([(1, "voice", "", 1, 60)], [])
    assert await porting.world.service.moves.follow_pending() == 1
    assert await porting.both() == ([], [(1, "voice", "", 1, 60)])


async def test_what_the_new_account_has_already_is_not_counted_twice(porting: Porting) -> None:
    await porting.use("after", AFTER)
    await porting.port_unheard()
    await porting.use("after", AFTER, identifier=OTHER_LINE)
    assert await porting.world.service.moves.follow_pending() == 1
    assert await porting.both() == ([], [(1, "voice", "", 1, 60)])


async def test_following_again_changes_nothing(porting: Porting) -> None:
    await porting.use("after", AFTER)
    await porting.port()
    there = await porting.both()
    move = NumberMove("mov_1001", LINE, PORTED_AT, "ported", porting.world.account_id, porting.to_account_id, NOW)
    assert await porting.world.service.moves.follow(move) == 0
    assert await porting.both() == there


async def test_billed_usage_is_credited_there_and_charged_here_by_its_own_cycle(porting: Porting) -> None:
    await porting.use("before", BEFORE, 600)
    await porting.use("after", AFTER, 1200)
    await porting.bill(porting.world.account_id)
    await porting.bill(porting.to_account_id)
    await porting.port()
    assert await porting.late(porting.world.account_id) == [("moved", -1, -1200)]
    assert await porting.late(porting.to_account_id) == [("moved", 1, 1200)]
    why = "corrected: usage was guided again to the line and plan it belongs to"
    assert await porting.charged(porting.world.account_id) == [("Bellen", "-2.00", why)]
    assert await porting.charged(porting.to_account_id) == [("Bellen", "2.00", why)]


async def test_a_number_that_was_given_up_late_leaves_its_usage_waiting(porting: Porting) -> None:
    await porting.use("before", BEFORE)
    await porting.use("after", AFTER)
    await porting.changes.end(porting.command())
    assert await porting.counted(porting.world.account_id) == [(1, "voice", "", 1, 60)]
    (kept,) = await porting.world.issues()
    assert (kept.kind, kept.record_id, kept.field) == ("recycled", "after", "identifier")


async def test_what_waited_is_counted_when_the_number_appears_late_however_it_is_spelled(porting: Porting) -> None:
    await porting.use("after", AFTER)
    await porting.changes.end(porting.command())
    bare = an_event(record_id="bare", started_at=AFTER, identifier=LINE.removeprefix("+"))
    assert (await porting.world.service.take([bare]))[0].outcome == "recycled"
    new = NewService("mobile", LINE, "vonk-basis", 1, PORTED_AT + timedelta(hours=1))
    await porting.changes.add(porting.to_account_id, new, "Ann")
    assert await porting.both() == ([], [(1, "voice", "", 2, 120)])
    assert await porting.world.issues() == []


async def test_a_line_entered_late_owes_its_fee_of_a_billed_cycle(porting: Porting) -> None:
    await porting.bill(porting.to_account_id)
    new = NewService("mobile", "+31600000001", "vonk-basis", 1, PORTED_AT)
    await porting.changes.add(porting.to_account_id, new, "Ann")
    async with porting.world.work() as work:
        cycle = await work.accounts.cycle(porting.to_account_id, 2)
        charges = await charges_of(work, PlanShelf(), cycle, "Europe/Amsterdam")
    (fee,) = [line for line in charges.lines if line.period_from is not None]
    assert (fee.kind, str(fee.amount), fee.period_from) == ("recurring", "10.00 EUR", date(2027, 1, 15))
    assert charges.late_cycles == (1,)


async def test_a_cycle_that_was_billed_without_any_line_owes_the_fee_of_one_entered_late(porting: Porting) -> None:
    async with porting.world.work() as work:
        await work.accounts.change_cycle(porting.to_account_id, 1, {"status": "issued", "billed_periods": []})
        cycle = await work.accounts.cycle(porting.to_account_id, 2)
        charges = await charges_of(work, PlanShelf(), cycle, "Europe/Amsterdam")
    assert [str(line.amount) for line in charges.lines if line.period_from is not None] == ["10.00 EUR"]


async def test_a_plan_entered_late_prices_the_usage_since_then(porting: Porting) -> None:
    await porting.use("before", BEFORE)
    await porting.use("after", AFTER, 120)
    await porting.plans.change(porting.command(), NewPlan("vonk-basis", 2, PORTED_AT))
    assert await porting.counted(porting.world.account_id) == [(1, "voice", "", 1, 60), (2, "voice", "", 1, 120)]


async def test_a_plan_cannot_be_entered_for_what_is_billed(porting: Porting) -> None:
    await porting.bill(porting.world.account_id)
    with pytest.raises(InvalidValue, match="in what is billed"):
        await porting.plans.change(porting.command(), NewPlan("vonk-basis", 2, PORTED_AT))


async def test_a_following_that_dies_goes_on(porting: Porting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage_following, "EVENTS_AT_ONCE", 3)
    for number in range(8):
        await porting.use(f"r-{number}", f"2027-01-28T1{number}:00:00Z")
    true_recount, calls = usage_following.recount, iter(range(100))

    async def dies_in_the_second_page(*arguments: Any) -> Sequence[str]:
        if next(calls) == 1:
            raise RuntimeError("killed")
        return await true_recount(*arguments)

    monkeypatch.setattr(usage_following, "recount", dies_in_the_second_page)
    await porting.port()  # the command itself is done
    assert await porting.both() == ([(1, "voice", "", 5, 300)], [(1, "voice", "", 3, 180)])
    assert await porting.world.service.moves.follow_pending() == 5
    assert await porting.both() == ([], [(1, "voice", "", 8, 480)])


async def test_usage_that_is_taken_while_the_number_moves_ends_in_the_right_place(porting: Porting) -> None:
    async def take(number: int) -> None:
        await porting.use(f"r-{number}", AFTER, destination="+3225551234")

    await asyncio.gather(*(take(number) for number in range(10)), porting.port(), *(take(n) for n in range(10, 20)))
    assert await porting.world.service.moves.follow_pending() == 0
    assert await porting.both() == ([], [(1, "voice", "32", 20, 1200)])


async def test_an_operator_lets_counted_usage_of_a_number_be_guided_again(porting: Porting) -> None:
    await porting.use("after", AFTER)
    await porting.port_unheard()
    found = await porting.world.service.moves.guide_again(LINE, PORTED_AT, "sanne", "the port was entered late")
    assert (found.changed, found.recycled, found.repeats) == (1, 0, 0)
    assert await porting.both() == ([], [(1, "voice", "", 1, 60)])
    with pytest.raises(InvalidValue, match="reason"):
        await porting.world.service.moves.guide_again(LINE, PORTED_AT, "sanne", " ")


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    calls=st.lists(
        st.tuples(st.integers(0, 200), st.integers(0, 4000), st.sampled_from(["+31201234567", "+3225551234"])),
        max_size=8,
    )
)
async def test_to_another_plan_and_back_is_nothing(porting: Porting, calls: list[tuple[int, int, str]]) -> None:
    for hours, seconds, destination in calls:
        at = PORTED_AT - timedelta(hours=100) + timedelta(hours=hours)
        await porting.use(f"p-{next(_numbers)}", at.isoformat(), seconds, destination=destination)
    before = await porting.counted(porting.world.account_id)
    await porting.plans.change(porting.command(), NewPlan("vonk-basis", 2, PORTED_AT))
    there = await porting.counted(porting.world.account_id)
    assert sum(row[3] for row in there) == sum(row[3] for row in before)
    if any(seconds and hours >= 100 for hours, seconds, _ in calls):
        assert 2 in {row[0] for row in there}
    await porting.plans.change(porting.command(), NewPlan("vonk-basis", 1, PORTED_AT))
    assert await porting.counted(porting.world.account_id) == before
