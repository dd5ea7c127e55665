"""A price was published wrong: usage is rated again by the corrected version, and billed cycles owe the difference."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.domain.errors import Conflict, InvalidValue, NotFound, UnableTo
from billing.persistence.unit_of_work import make_engine
from billing.ports.usage_archive import ArchivedDay
from billing.ports.usage_intake import ServicePlan
from billing.services import plan_correcting, usage_following
from billing.services.invoicing_charges import charges_of
from billing.services.plan_correcting import corrected_rows
from billing.services.usage_plans import PlanShelf
from tests.builders import ACTIVATED_AT, a_plan
from tests.builders_plan_corrections import OTHER_LINE, Correcting, a_correction, a_version
from tests.builders_usage import a_customer, a_usage_world


@pytest.fixture
async def correcting(database_url: str, tmp_path: Path) -> AsyncIterator[Correcting]:
    engine = make_engine(database_url)
    world = await a_usage_world(engine, tmp_path, a_version())
    async with world.work() as work:
        await work.accounts.add_plan(a_plan(a_version(fee="8", rate="0.07"), plan_version=2))
        other_id, _ = await a_customer(work, number="A100002", identifier=OTHER_LINE)
        await work.commit()
    yield Correcting(world, other_id, world.service.plan_corrections)
    await engine.dispose()


async def test_an_open_cycle_is_rated_by_the_corrected_version_at_once(correcting: Correcting) -> None:
    await correcting.use(quantity=600)
    await correcting.use(quantity=60, identifier=OTHER_LINE)
    done = await correcting.correct()
    assert (done.accounts, done.events, done.waiting, done.currency) == (2, 2, 0, "EUR")
    # Fees 10 -> 8 twice; ten minutes and one minute at 0.07 in place of 0.10.
    assert done.difference_minor == -200 - 200 - 30 - 3
    assert await correcting.counted() == [(2, "voice", "", 1, 600)]
    assert await correcting.counted(correcting.other_id) == [(2, "voice", "", 1, 60)]


async def test_a_billed_cycle_owes_the_difference_in_fee_and_usage_and_explains_it(correcting: Correcting) -> None:
    await correcting.use(quantity=600)
    await correcting.bill()
    done = await correcting.correct()
    assert done.difference_minor == -230 - 200
    assert await correcting.charged() == [("late_usage", "Bellen", "-0.30"), ("recurring", "Abonnement", "-2.00")]
    mine, others = await correcting.corrections.differences(done.correction_id)
    assert (mine.cycle_number, mine.billed, mine.before_minor, mine.after_minor) == (1, True, 1100, 870)
    assert [(line["description"], line["before_minor"], line["after_minor"]) for line in mine.lines] == [
        ("Abonnement", 1000, 800),
        ("Bellen", 100, 70),
    ]
    assert (others.account_id, others.billed) == (correcting.other_id, False)


async def test_the_difference_is_billed_once(correcting: Correcting) -> None:
    await correcting.use()
    await correcting.bill()
    await correcting.correct()
    async with correcting.world.work() as work:
        cycle = await work.accounts.cycle(correcting.world.account_id, 2)
        charges = await charges_of(work, PlanShelf(), cycle, "Europe/Amsterdam")
        assert charges.late_cycles == (1,)
        await work.usage.mark_late_billed(cycle.account_id, charges.late_ids, "inv_7")
        await work.accounts.change_cycle(cycle.account_id, 1, {"billed_periods": None})
        await work.commit()
    assert await correcting.charged() == []
    assert (await correcting.correct(plan_version=2, corrected_version=1)).difference_minor == 230 + 200
    assert await correcting.charged() == [("late_usage", "Bellen", "0.30"), ("recurring", "Abonnement", "2.00")]


async def test_a_line_without_usage_is_corrected_too(correcting: Correcting) -> None:
    await correcting.bill(correcting.other_id)
    await correcting.correct()
    assert await correcting.charged(correcting.other_id) == [("recurring", "Abonnement", "-2.00")]


async def test_the_timeline_and_the_event_tell_why(correcting: Correcting) -> None:
    await correcting.use()
    await correcting.correct()
    async with correcting.world.work() as work:
        entries = await work.timeline.of(correcting.world.account_id)
        rows = await work.connection.exec_driver_sql("SELECT kind, reason, author FROM usage_corrections")
        assert [tuple(row) for row in rows] == [("rerated", "published wrong", "Ann")]
    told = next(entry for entry in entries if entry.kind == "plan.corrected")
    assert told.summary.endswith("cycle 1 11.00 EUR -> 8.70 EUR")
    assert (told.actor, told.reason["reason"]) == ("Ann", "published wrong")
    assert told.reason["cycles"][0]["lines"][1]["explanation"]


async def test_from_an_instant_within_a_cycle_usage_is_rated_by_its_own_time(correcting: Correcting) -> None:
    await correcting.use("2027-01-20T10:00:00Z")
    await correcting.use("2027-01-28T10:00:00Z")
    await correcting.correct(since=datetime(2027, 1, 25, tzinfo=UTC))
    assert await correcting.counted() == [(1, "voice", "", 1, 600), (2, "voice", "", 1, 600)]


async def test_usage_that_has_no_price_any_more_waits_and_is_credited(correcting: Correcting) -> None:
    await correcting.use(meter="sms", quantity=1)
    async with correcting.world.work() as work:
        prices = [each for each in a_version()["prices"] if each["code"] != "sms"]
        await work.accounts.add_plan(a_plan(a_version(prices=prices), plan_version=3))
        await work.commit()
    done = await correcting.correct(corrected_version=3)
    assert (done.events, done.waiting, done.difference_minor) == (1, 1, -5)
    (kept,) = await correcting.world.issues()
    assert (kept.kind, kept.field) == ("recycled", "meter")


async def test_a_preview_says_what_the_correction_does_and_keeps_nothing(correcting: Correcting) -> None:
    await correcting.use()
    preview = await correcting.corrections.preview(a_correction())
    assert (list(preview.accounts), preview.events) == ([correcting.world.account_id, correcting.other_id], 1)
    assert await correcting.counted() == [(1, "voice", "", 1, 600)]
    assert await correcting.corrections.of() == []
    only = await correcting.corrections.preview(a_correction(), [correcting.other_id])
    assert [each.account_id for each in only.differences] == [correcting.other_id]
    done = await correcting.correct()
    assert await correcting.corrections.differences(done.correction_id) == list(preview.differences)


async def test_carried_out_again_it_changes_nothing(correcting: Correcting) -> None:
    await correcting.use()
    done = await correcting.correct()
    assert await correcting.corrections.carry_out(done.correction_id) == done
    again = await correcting.correct()
    assert (again.accounts, again.events, again.difference_minor) == (0, 0, 0)


async def test_a_correction_that_dies_goes_on_after_the_last_account(
    correcting: Correcting, monkeypatch: pytest.MonkeyPatch
) -> None:
    await correcting.use()
    await correcting.use(identifier=OTHER_LINE)
    monkeypatch.setattr(plan_correcting, "ACCOUNTS_AT_ONCE", 1)
    true_recount, calls = usage_following.recount, iter(range(100))

    async def dies_with_the_second(*arguments: Any) -> Any:
        if next(calls) == 1:
            raise RuntimeError("killed")
        return await true_recount(*arguments)

    monkeypatch.setattr(usage_following, "recount", dies_with_the_second)
    requested = await correcting.corrections.request(a_correction())
    with pytest.raises(RuntimeError):
        await correcting.corrections.carry_out(requested.correction_id)
    assert await correcting.counted() == [(2, "voice", "", 1, 600)]
    assert await correcting.counted(correcting.other_id) == [(1, "voice", "", 1, 600)]
    assert await correcting.corrections.start_unfinished() == 1
    done = await correcting.corrections.carry_out(requested.correction_id)
    assert (done.accounts, done.events, done.difference_minor) == (2, 2, 2 * -230)
    assert await correcting.counted(correcting.other_id) == [(2, "voice", "", 1, 600)]


async def test_two_processes_at_once_correct_each_account_once(correcting: Correcting) -> None:
    await correcting.use()
    requested = await correcting.corrections.request(a_correction())
    await asyncio.gather(*(correcting.corrections.carry_out(requested.correction_id) for _ in range(3)))
    done = await correcting.corrections.get(requested.correction_id)
    assert (done.accounts, done.events, done.difference_minor) == (2, 1, -230 - 200)


async def test_usage_that_arrives_meanwhile_is_counted_once_by_the_corrected_version(correcting: Correcting) -> None:
    uses = [correcting.use(quantity=60) for _ in range(20)]
    await asyncio.gather(*uses[:10], correcting.correct(), *uses[10:])
    assert await correcting.counted() == [(2, "voice", "", 20, 1200)]


@pytest.mark.parametrize(
    ("changes", "refusal", "field"),
    [
        ({"corrected_version": 1}, InvalidValue, "corrected_version"),
        ({"corrected_version": 9}, NotFound, "plan_code"),
        ({"since": datetime(2029, 1, 1, tzinfo=UTC)}, InvalidValue, "since"),
        ({"reason": " "}, InvalidValue, "reason"),
    ],
)
async def test_what_cannot_be_meant_is_refused(
    correcting: Correcting, changes: Mapping[str, Any], refusal: type[Exception], field: str
) -> None:
    with pytest.raises(refusal) as refused:
        await correcting.corrections.request(a_correction(**changes))
    assert getattr(refused.value, "field", "") == field
    assert await correcting.corrections.of() == []


async def test_archived_usage_cannot_be_rated_again(correcting: Correcting) -> None:
    async with correcting.world.work() as work:
        day, at = ACTIVATED_AT.date(), ACTIVATED_AT
        await work.usage.keep_archive(ArchivedDay(day, "usage.csv.gz", 0, 1, "0" * 64, at))
        await work.connection.exec_driver_sql("UPDATE usage_archives SET dropped_at = now()")
        await work.commit()
    with pytest.raises(UnableTo, match="archived"):
        await correcting.corrections.request(a_correction())


async def test_one_correction_of_a_plan_at_a_time(correcting: Correcting) -> None:
    first = await correcting.corrections.request(a_correction())
    assert await correcting.corrections.request(a_correction(reason="the same")) == first
    with pytest.raises(Conflict, match=first.correction_id):
        await correcting.corrections.request(a_correction(plan_version=2, corrected_version=1))


def test_the_plans_of_a_line_with_one_version_for_another() -> None:
    def period(version: int, day: int, to: int | None) -> ServicePlan:
        begins, ends = (None if each is None else datetime(2027, 1, each, tzinfo=UTC) for each in (day, to))
        assert begins is not None
        return ServicePlan("acc_1", "svc_1", "vonk-basis", version, begins, ends)

    def rows(*periods: ServicePlan) -> list[tuple[int, int]]:
        correction = a_correction(since=datetime(2027, 1, 10, tzinfo=UTC))
        return [(row.active_from.day, row.plan_version) for row in corrected_rows(periods, correction)]

    assert rows(period(1, 1, None)) == [(1, 1), (10, 2)]
    assert rows(period(1, 1, 5), period(3, 5, None)) == [(1, 1), (5, 3)]
    assert rows(period(3, 1, 12), period(1, 12, 20), period(2, 20, None)) == [(1, 3), (12, 2)]
    assert rows(period(1, 1, 12), period(2, 12, 15), period(1, 15, None)) == [(1, 1), (10, 2)]
    assert rows(period(3, 1, None)) == [(1, 3)]


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    calls=st.lists(
        st.tuples(st.integers(0, 400), st.integers(0, 4000), st.sampled_from(["+31201234567", "+3225551234"])),
        max_size=8,
    ),
    billed=st.booleans(),
)
async def test_to_the_corrected_version_and_back_is_nothing(
    correcting: Correcting, calls: list[tuple[int, int, str]], billed: bool
) -> None:
    for hours, seconds, destination in calls:
        at = ACTIVATED_AT + timedelta(hours=hours)
        await correcting.use(at.isoformat(), seconds, destination=destination)
    before = await correcting.counted()
    if billed:
        await correcting.bill()
    there = await correcting.correct()
    back = await correcting.correct(plan_version=2, corrected_version=1)
    assert there.difference_minor == -back.difference_minor
    assert await correcting.charged() == []
    if billed:
        async with correcting.world.work() as work:
            await work.accounts.change_cycle(correcting.world.account_id, 1, {"status": "open"})
            await work.commit()
    assert await correcting.counted() == before
