"""A line moves to another plan within a cycle: usage by the plan of its time, the rest by the rule of the new plan."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from billing.domain.errors import Conflict, InvalidValue, NotFound, UnableTo
from billing.persistence.unit_of_work import SqlUnitOfWork, make_engine
from billing.services.invoicing_charges import charges_of
from billing.services.plan_changes import NewPlan, PlanChanged, PlanChanges, When
from billing.services.service_changes import ServiceCommand
from billing.services.usage_balance import UsageBalance
from billing.services.usage_plans import PlanShelf
from tests.builders import ACTIVATED_AT, a_plan, a_service
from tests.builders_usage import LINE, UsageWorld, a_cycle, a_usage_world, an_event

# The second cycle of the account: 15 February to 15 March in Amsterdam, 28 days.
OPENS, CLOSES = datetime(2027, 2, 14, 23, tzinfo=UTC), datetime(2027, 3, 14, 23, tzinfo=UTC)
CHANGE = datetime(2027, 2, 21, 23, tzinfo=UTC)  # the 22nd, midnight in Amsterdam: 7 and 21 days


def a_tariff(fee: str, rate: str, minutes: int, **fields: Any) -> dict[str, Any]:
    """A fee, calls at a rate per minute, and so many minutes included."""
    call = {"code": "voice", "name": "Calls", "model": "per_unit", "meter": "voice", "unit_size": 60}
    return {
        "code": "small",
        "name": "Small",
        "currency": "EUR",
        "prices": [
            {"code": "fee", "name": "Fee", "model": "recurring", "fee": fee},
            {**call, "rate": rate, "increments": "60/60"},
        ],
        "allowances": [{"code": "minutes", "name": "Minutes", "meter": "voice", "quantity": minutes * 60}],
        **fields,
    }


SMALL = a_tariff("14", "0.10", 28)
LARGE = a_tariff("28", "0.05", 56, code="large", name="Large")


@dataclass(frozen=True)
class Line:
    """One line with the use cases that change it."""

    world: UsageWorld
    changes: PlanChanges

    def command(self, command_id: str = "c-1") -> ServiceCommand:
        return ServiceCommand(self.world.account_id, self.world.service_id, command_id, "Ann", "asked for it")

    async def change(self, plan_code: str = "large", at: When | datetime = When.NOW, **more: Any) -> PlanChanged:
        command = self.command(more.pop("command_id", "c-1"))
        return await self.changes.change(command, NewPlan(plan_code, more.pop("plan_version", None), at))

    async def use(self, minutes: int, at: datetime, record_id: str) -> None:
        event = an_event(record_id=record_id, quantity=minutes * 60, started_at=at.isoformat())
        (result,) = await self.world.service.take([event])
        assert result.outcome in ("accepted", "late"), result

    async def invoice(self) -> list[tuple[str, str]]:
        """What the invoice of the cycle charges: description and amount."""
        async with self.world.work() as work:
            cycle = await work.accounts.cycle(self.world.account_id, 2)
            charges = await charges_of(work, PlanShelf(), cycle, "Europe/Amsterdam")
        return [(line.description, str(line.amount.decimal)) for line in charges.lines]

    async def told(self) -> list[tuple[int, int, int]]:
        """Thresholds of allowances that were crossed: percent, used, included."""
        async with self.world.work() as work:
            entries = await work.timeline.of(self.world.account_id)
        crossed = [each for each in entries if each.kind == "usage.threshold_crossed"]
        return [(int(each.summary.split()[0]), each.reason["used"], each.reason["included"]) for each in crossed]

    async def plans(self) -> list[tuple[str, int, datetime]]:
        periods = await self.changes.history(self.world.account_id, self.world.service_id)
        return [(each.plan_code, each.plan_version, each.active_from) for each in periods]


@pytest.fixture
async def line(database_url: str, tmp_path: Path) -> AsyncIterator[Line]:
    engine = make_engine(database_url)
    world = await a_usage_world(engine, tmp_path, SMALL)
    async with world.work() as work:
        await work.accounts.add_plan(a_plan(SMALL, plan_code="small"))
        await work.accounts.add_plan(a_plan(LARGE, plan_code="large"))
        await work.accounts.change_cycle(world.account_id, 2, {"plan": {"zone": "Europe/Amsterdam"}})
        await work.accounts.change_plan(world.account_id, world.service_id, ACTIVATED_AT, "small", 1)
        await work.commit()
    world.clock.at = CHANGE
    yield Line(world, PlanChanges(lambda: SqlUnitOfWork(engine), world.clock))
    await engine.dispose()


async def test_usage_is_priced_by_the_plan_of_its_time_even_when_it_arrives_after_the_change(line: Line) -> None:
    await line.change()
    line.world.clock.at = CHANGE + timedelta(days=2)
    await line.use(40, CHANGE - timedelta(seconds=1), "before")
    await line.use(40, CHANGE, "after")
    # 7 of 28 minutes from the small plan, 42 of 56 from the large one; 2 left of it cover the small plan's usage.
    assert await line.invoice() == [
        ("Fee, 7 of 28 days", "3.50"),
        ("Calls", "3.10"),
        ("Fee, 21 of 28 days", "21.00"),
        ("Calls", "0.00"),
    ]


async def test_the_lines_of_each_plan_are_dated(line: Line) -> None:
    await line.change()
    await line.use(10, CHANGE - timedelta(days=1), "before")
    async with line.world.work() as work:
        cycle = await work.accounts.cycle(line.world.account_id, 2)
        charges = await charges_of(work, PlanShelf(), cycle, "Europe/Amsterdam")
    dates = [(each.description, str(each.period_from), str(each.period_to)) for each in charges.lines]
    assert dates == [
        ("Fee, 7 of 28 days", "2027-02-15", "2027-02-22"),
        ("Calls", "2027-02-15", "2027-02-22"),
        ("Fee, 21 of 28 days", "2027-02-22", "2027-03-15"),
    ]
    assert "14 EUR x 7 of 28 days, 2027-02-15 to 2027-02-22" in charges.lines[0].explanation


@pytest.mark.parametrize(
    ("rule", "fees"),
    [
        ("pro_rata", [("Fee, 7 of 28 days", "3.50"), ("Fee, 21 of 28 days", "21.00")]),
        ("new", [("Fee", "28")]),
        ("both", [("Fee", "14"), ("Fee", "28")]),
    ],
)
async def test_fees_follow_the_rule_of_the_new_plan(line: Line, rule: str, fees: list[tuple[str, str]]) -> None:
    async with line.world.work() as work:
        definition = {**LARGE, "on_change": {"fees": rule}}
        await work.accounts.add_plan(a_plan(definition, plan_code="large", plan_version=2))
        await work.commit()
    changed = await line.change()
    assert [(name, amount.rstrip("0").rstrip(".")) for name, amount in await line.invoice()] == [
        (name, amount.rstrip("0").rstrip(".")) for name, amount in fees
    ]
    assert (changed.to_plan_version, changed.fees_rule) == (2, rule)


async def test_the_preview_says_what_the_invoice_will_and_changes_nothing(line: Line) -> None:
    preview = await line.changes.preview(line.world.account_id, line.world.service_id, NewPlan("large"))
    assert [(part.plan_code, part.days, part.of_days) for part in preview.parts] == [
        ("small", 7, 28),
        ("large", 21, 28),
    ]
    assert [part.allowances[0].included for part in preview.parts] == [7 * 60, 42 * 60]
    assert (preview.cycle_fees_before_minor, preview.cycle_fees_minor, preview.following_fees_minor) == (
        1400,
        2450,
        2800,
    )
    assert await line.plans() == [("small", 1, ACTIVATED_AT)]
    assert await line.change() == preview


async def test_with_the_next_cycle_this_one_stays_as_it_is(line: Line) -> None:
    changed = await line.change(at=When.NEXT_CYCLE)
    assert (changed.effective_at, changed.cycle_number) == (CLOSES, None)
    assert await line.invoice() == [("Fee", "14.00")]
    async with line.world.work() as work:
        await work.accounts.add_cycle(a_cycle(line.world.account_id, 3))
        cycle = await work.accounts.cycle(line.world.account_id, 3)
        charges = await charges_of(work, PlanShelf(), cycle, "Europe/Amsterdam")
    assert [str(each.amount) for each in charges.lines] == ["28.00 EUR"]


async def test_a_change_to_come_is_replaced_by_a_later_decision_and_called_off_by_the_present_plan(line: Line) -> None:
    await line.change(at=CHANGE + timedelta(days=3), command_id="c-1")
    again = await line.change(at=CHANGE + timedelta(days=2), command_id="c-2")
    assert again.dropped == [f"large version 1 from {(CHANGE + timedelta(days=3)).isoformat()}"]
    assert await line.plans() == [("small", 1, ACTIVATED_AT), ("large", 1, CHANGE + timedelta(days=2))]
    await line.change("small", command_id="c-3")
    assert await line.plans() == [("small", 1, ACTIVATED_AT)]
    with pytest.raises(UnableTo, match="already"):
        await line.change("small", command_id="c-4")


async def test_a_line_that_returns_to_its_plan_counts_each_day_once(line: Line) -> None:
    await line.change(command_id="c-1")
    line.world.clock.at = CHANGE + timedelta(days=7)
    await line.change("small", command_id="c-2")
    assert await line.invoice() == [("Fee, 7 of 28 days", "7.00"), ("Fee, 21 of 28 days", "10.50")]


async def test_the_same_command_again_answers_the_same(line: Line) -> None:
    first = await line.change()
    assert await line.change() == first
    assert len(await line.plans()) == 2
    async with line.world.work() as work:
        entries = [each for each in await work.timeline.of(line.world.account_id) if each.kind == "change_plan"]
        assert [(each.actor, each.reason["reason"]) for each in entries] == [("Ann", "asked for it")]
        [move] = await work.accounts.pending_number_moves()
        assert (move.identifier, move.since, move.kind) == (LINE, CHANGE, "plan_changed")


@pytest.mark.parametrize(
    ("new", "refusal", "field"),
    [
        (NewPlan("nobody"), NotFound, "plan_code"),
        (NewPlan("large", 7), NotFound, "plan_code"),
        (NewPlan("foreign"), InvalidValue, "plan_code"),
        (NewPlan("large", None, ACTIVATED_AT - timedelta(seconds=1)), InvalidValue, "effective"),
    ],
)
async def test_what_cannot_be_is_refused(line: Line, new: NewPlan, refusal: type[Conflict], field: str) -> None:
    async with line.world.work() as work:
        await work.accounts.add_plan(a_plan(LARGE, plan_code="foreign", brand="other"))
        await work.commit()
    with pytest.raises(refusal) as refused:
        await line.changes.preview(line.world.account_id, line.world.service_id, new)
    assert refused.value.field == field


async def test_a_line_that_has_ended_keeps_its_plan(line: Line) -> None:
    async with line.world.work() as work:
        await work.accounts.change_service(line.world.account_id, line.world.service_id, {"active_to": CHANGE})
        await work.commit()
    with pytest.raises(UnableTo, match="ends at"):
        await line.change()


async def test_the_end_of_a_line_calls_off_changes_to_come(line: Line) -> None:
    await line.change(at=CHANGE + timedelta(days=3))
    async with line.world.work() as work:
        ended = {"active_to": CHANGE + timedelta(days=1)}
        await work.accounts.change_service(line.world.account_id, line.world.service_id, ended)
        await work.commit()
        [service] = await work.accounts.services(line.world.account_id)
    assert (service.plan_code, await line.plans()) == ("small", [("small", 1, ACTIVATED_AT)])


async def test_the_balance_shows_both_plans_as_the_invoice_will(line: Line) -> None:
    await line.change()
    line.world.clock.at = CHANGE + timedelta(days=2)
    await line.use(40, CHANGE - timedelta(seconds=1), "before")
    await line.use(20, CHANGE, "after")
    balance = await UsageBalance(line.world.work, line.world.clock, PlanShelf()).of(line.world.account_id)
    shown = [(each.plan_code, str(each.balance.charges.decimal)) for each in balance.services]
    # 7 minutes of the small plan and 22 that the large one leaves cover 29 of 40.
    assert shown == [("small", "4.60"), ("large", "21.00")]
    assert str(balance.charges.decimal) == "25.60"
    assert sum(float(amount) for _, amount in await line.invoice()) == 25.6


async def test_an_allowance_in_two_parts_is_told_of_as_one(line: Line) -> None:
    await line.change()
    line.world.clock.at = CHANGE + timedelta(days=2)
    await line.use(7, CHANGE - timedelta(days=1), "before")  # all of the first part, a seventh of both
    assert await line.told() == []
    await line.use(33, CHANGE, "after")
    assert await line.told() == [(80, 40 * 60, 49 * 60)]
    await line.use(9, CHANGE + timedelta(days=1), "later")
    assert await line.told() == [(80, 40 * 60, 49 * 60), (100, 49 * 60, 49 * 60)]


async def test_another_line_of_the_account_is_left_alone(line: Line) -> None:
    async with line.world.work() as work:
        other = a_service(line.world.account_id, identifier="+31687654321", plan_code="small")
        await work.accounts.add_service(other)
        await work.commit()
    await line.change()
    assert await line.invoice() == [
        ("Fee, 7 of 28 days", "3.50"),
        ("Fee, 21 of 28 days", "21.00"),
        ("Fee", "14.00"),
    ]
