"""A provider that is away and a worker that is killed: one charge, one entry and one thank-you all the same."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from billing.messages.notices import NoticeKind, NoticeRequest, NoticeResult
from billing.messages.payments import CollectRequest, PaymentResult, PaymentStatus
from billing.persistence.unit_of_work import SqlUnitOfWork
from billing.ports.payment_provider import ProviderAway
from billing.services.notice_delivery import NoticeDelivery
from tests.builders_collection import CollectionWorld, a_collection
from tests.contracts.simulator_process import Simulator

pytest_plugins = ["tests.contracts.simulator_fixtures"]
PAYMENTS = {"path": "/stripe/v1/payment_intents", "method": "POST", "count": 1}


class Killed(BaseException):
    """The worker is gone."""


@pytest.fixture
async def world(database_url: str, faulty: Simulator) -> AsyncIterator[CollectionWorld]:
    async with a_collection(database_url, faulty, timeout_seconds=2.0) as made:
        yield made


async def _a_due_request(world: CollectionWorld) -> CollectRequest:
    await world.till.a_card()
    return world.till.a_request(await world.till.an_announced_invoice(4210))


def _forget_keys(simulator: Simulator) -> None:
    """What a provider does with idempotency keys that are older than a day."""
    with closing(sqlite3.connect(simulator.data_dir / "simulator.sqlite")) as memory:
        memory.execute("DELETE FROM answers")
        memory.commit()


# The provider is away -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [1, 6])
async def test_scenario_9_a_charge_made_before_the_provider_went_away_for_days_is_found_and_not_repeated(
    world: CollectionWorld, days: int
) -> None:
    request, simulator = await _a_due_request(world), world.till.simulator
    simulator.fault("hang_after_commit", seconds=3, **PAYMENTS)
    unknown = await world.till.service.collect(request)
    await asyncio.to_thread(simulator.kill)
    world.till.clock.at = world.till.clock.now() + timedelta(days=days, hours=1)
    for ask in (world.till.service.collect(request), world.till.settle(request.attempt_id)):
        with pytest.raises(ProviderAway):
            await ask
    _forget_keys(simulator)
    await asyncio.to_thread(simulator.start)
    found = await world.till.settle(request.attempt_id)
    assert (unknown.status, found.status, found.received_minor) == ("unknown", "succeeded", 4210)
    assert (len(await world.till.charges()), await world.till.kinds()) == (1, ["payment_received"])


async def test_scenario_9_a_call_that_never_arrived_is_made_once_when_the_provider_is_back(
    world: CollectionWorld,
) -> None:
    request, simulator = await _a_due_request(world), world.till.simulator
    await asyncio.to_thread(simulator.kill)
    unknown = await world.till.service.collect(request)
    world.pass_days(1)
    _forget_keys(simulator)
    await asyncio.to_thread(simulator.start)
    made = [await world.till.settle(request.attempt_id) for _ in range(2)]
    assert (unknown.status, {one.status for one in made}) == ("unknown", {"succeeded"})
    assert (len(await world.till.charges()), await world.till.kinds()) == (1, ["payment_received"])


# The worker is killed -----------------------------------------------------------------------------------------------


async def _thank(world: CollectionWorld, paid: PaymentResult) -> NoticeResult:
    """What the account's process does when money has come."""
    return await world.notices.send(
        NoticeRequest(
            world.account_id,
            NoticeKind.THANK_YOU,
            paid.attempt_id,
            amount_minor=paid.received_minor,
            currency=paid.currency,
            hurry=True,
        )
    )


async def _the_claim_is_over(world: CollectionWorld) -> None:
    """A notice begun by a worker that is gone may be taken over after a minute."""
    async with world.till.work() as work:
        for notice in await work.notices.of(world.account_id):
            await work.notices.release(notice.account_id, notice.notice_id)
        await work.commit()


@pytest.mark.parametrize("which", ["of the attempt", "of the outcome"])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_scenario_11_a_worker_killed_around_either_commit_charges_and_books_once(
    world: CollectionWorld, monkeypatch: pytest.MonkeyPatch, when: str, which: str
) -> None:
    request, commit = await _a_due_request(world), SqlUnitOfWork.commit
    to_come = {"of the attempt": 0, "of the outcome": 1}
    left = [to_come[which]]

    async def killed(work: SqlUnitOfWork) -> None:
        left[0] -= 1
        if left[0] >= 0 or when == "after":
            await commit(work)
        if left[0] < 0:
            raise Killed

    with monkeypatch.context() as once:
        once.setattr(SqlUnitOfWork, "commit", killed)
        with pytest.raises(Killed):
            await world.till.service.collect(request)
    assert len(await world.till.charges()) == to_come[which]
    resumed = await world.till.service.collect(request)
    assert (resumed.status, resumed.received_minor) == (PaymentStatus.SUCCEEDED, 4210)
    assert (len(await world.till.charges()), await world.till.kinds()) == (1, ["payment_received"])


@pytest.mark.parametrize("boundary", ["before it is sent", "after it is sent", "after it is written down"])
async def test_scenario_11_a_worker_killed_while_it_thanks_thanks_once(
    world: CollectionWorld, monkeypatch: pytest.MonkeyPatch, boundary: str
) -> None:
    request = await _a_due_request(world)
    paid = await world.till.service.collect(request)
    record = NoticeDelivery._record

    async def killed(*_: Any, **__: Any) -> Any:
        raise Killed

    async def killed_after_writing(*given: Any, **more: Any) -> Any:
        await record(*given, **more)
        raise Killed

    where = {"before it is sent": ("_ask", killed), "after it is sent": ("_record", killed)}
    with monkeypatch.context() as once:
        once.setattr(NoticeDelivery, *where.get(boundary, ("_record", killed_after_writing)))
        with pytest.raises(Killed):
            await _thank(world, paid)
    await _the_claim_is_over(world)
    for _ in range(2):
        await _thank(world, paid)
    (message,) = await world.messages()
    assert "42.10 Euro is received" in message
    assert (await world.till.service.collect(request)).received_minor == 0
