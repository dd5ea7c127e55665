"""A balance is read in one question to the database, and shows limits, stops and charges where they belong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from billing.domain.errors import NotFound
from billing.persistence.balance_reading import SqlBalanceSource
from billing.persistence.pipeline import Pipeline, Question
from billing.persistence.unit_of_work import make_engine
from billing.services.usage_balance import UsageBalance
from billing.services.usage_plans import PlanShelf
from tests.builders import a_service, an_account
from tests.builders_limits import MB, LimitsWorld, a_limits_world


@pytest.fixture
async def looks(database_url: str) -> AsyncIterator[SqlBalanceSource]:
    source = SqlBalanceSource(database_url)
    yield source
    await source.close()


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[LimitsWorld]:
    engine = make_engine(database_url)
    yield await a_limits_world(engine, tmp_path)
    await engine.dispose()


@contextmanager
def asked(engine: AsyncEngine) -> Iterator[list[str]]:
    """The statements sent while the block runs."""
    statements: list[str] = []

    def note(*args: Any) -> None:
        statements.append(args[2])

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine.sync_engine, "before_cursor_execute", note)


def balances(world: LimitsWorld, looks: SqlBalanceSource) -> UsageBalance:
    return UsageBalance(world.usage.work, world.usage.clock, PlanShelf(), looks)


async def test_once_its_plans_are_known_a_balance_is_one_statement(
    world: LimitsWorld, looks: SqlBalanceSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.sets(1000)
    await world.uses()
    balance = balances(world, looks)
    await balance.of(world.usage.account_id)
    questions: list[Question] = []
    ask = Pipeline.ask

    async def asked_alone(pipeline: Pipeline, asked: Sequence[Question]) -> Any:
        questions.extend(asked)
        return await ask(pipeline, asked)

    monkeypatch.setattr(Pipeline, "ask", asked_alone)
    with asked(world.usage.engine) as others:
        found = await balance.of(world.usage.account_id)
    assert (len(questions), others) == (1, [])
    assert found == await world.usage.service.balance(world.usage.account_id), "as by a unit of work"


async def test_a_balance_is_read_again_when_the_database_closed_the_connection(
    world: LimitsWorld, looks: SqlBalanceSource
) -> None:
    balance = balances(world, looks)
    before = await balance.of(world.usage.account_id)
    async with world.usage.work() as work:
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        await work.connection.execute(text(f"{others} AND pid <> pg_backend_pid()"))
    assert await balance.of(world.usage.account_id) == before


async def test_balances_asked_for_at_once_share_a_few_connections(world: LimitsWorld, looks: SqlBalanceSource) -> None:
    balance = balances(world, looks)
    expected = await balance.of(world.usage.account_id)
    assert await asyncio.gather(*(balance.of(world.usage.account_id) for _ in range(40))) == [expected] * 40
    async with world.usage.work() as work:
        open_ones = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        reading = text(f"{open_ones} AND query LIKE 'SELECT asked.%'")
        connections = (await work.connection.execute(reading)).scalar_one()
    assert 1 < connections <= 5


async def test_an_unknown_account_and_one_without_a_cycle_are_said_to_be_so(
    world: LimitsWorld, looks: SqlBalanceSource
) -> None:
    async with world.usage.work() as work:
        account = await work.accounts.add(an_account(number="B1"))
        await work.commit()
    for account_id, words in (("acc_99", "acc_99"), (account.account_id, "no cycle")):
        with pytest.raises(NotFound, match=words):
            await balances(world, looks).of(account_id)


async def test_what_is_pending_is_in_the_balance_and_dates_it(world: LimitsWorld, looks: SqlBalanceSource) -> None:
    await world.uses(quantity=3 * MB)
    at = datetime(2027, 2, 1, 13, tzinfo=UTC)
    async with world.usage.work() as work:
        pending = (
            "INSERT INTO usage_pending SELECT account_id, 9, 0, cycle_number, service_id, plan_code, plan_version, "
        )
        more = "price_code, band, 1, 2000000, amount, :at FROM usage_counters"
        await work.connection.execute(text(pending + more), {"at": at})
        await work.commit()
    found = await balances(world, looks).of(world.usage.account_id)
    (data,) = [meter for meter in found.services[0].balance.meters if meter.meter == "data"]
    assert (data.events, data.quantity, data.charges.amount_minor, found.last_update_at) == (2, 5 * MB, 5, at)


async def test_a_meter_is_charged_with_all_prices_of_it_at_home_and_abroad(world: LimitsWorld) -> None:
    await world.uses(quantity=100 * MB)
    await world.uses(quantity=2 * MB, visited="BE")
    await world.uses("sms", 3)
    balance = (await world.usage.service.balance(world.usage.account_id)).services[0].balance
    assert {meter.meter: meter.charges.amount_minor for meter in balance.meters} == {"sms": 15, "data": 300}
    assert balance.usage_charges.amount_minor == 315


async def test_limits_of_a_cycle_that_does_not_run_are_not_shown(world: LimitsWorld) -> None:
    await world.sets(1000)
    assert len((await world.usage.service.balance(world.usage.account_id)).limits) == 2
    world.usage.clock.at = datetime(2026, 1, 1, tzinfo=UTC)
    assert (await world.usage.service.balance(world.usage.account_id)).limits == ()


async def test_what_the_network_stopped_is_shown_with_its_line(world: LimitsWorld) -> None:
    async with world.usage.work() as work:
        other = await work.accounts.add_service(a_service(world.usage.account_id, identifier="+31687654321"))
        stopped = {"usage_stop": "stop:data,roaming_data"}
        await work.accounts.change_service(world.usage.account_id, other.service_id, stopped)
        await work.commit()
    balance = await world.usage.service.balance(world.usage.account_id)
    assert [line.stopped for line in balance.services] == [(), ("data", "roaming_data")]
