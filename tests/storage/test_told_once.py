"""What is told on the timeline is told once: when a step is repeated after its commit, or taken by two at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date

import pytest

from billing.domain.retry import RetryVerdict
from billing.messages.announcing import AnnounceRetryRequest
from billing.messages.dunning import CloseCaseRequest, NextAction, StepDone
from billing.messages.payments import PaymentStatus
from billing.services import payments
from billing.services.announcing import AnnouncingService
from billing.services.dunning_promises import PromiseService
from tests.builders_collection import CollectionWorld, a_collection
from tests.builders_dunning import DebtWorld, a_debt_world
from tests.contracts.simulator_process import Simulator

pytest_plugins = ["tests.contracts.simulator_fixtures"]


@pytest.fixture
async def debt(database_url: str) -> AsyncIterator[DebtWorld]:
    async with a_debt_world(database_url) as made:
        yield made


@pytest.fixture
async def world(database_url: str, faulty: Simulator) -> AsyncIterator[CollectionWorld]:
    async with a_collection(database_url, faulty) as made:
        yield made


async def test_a_warning_is_told_once_and_one_with_another_date_as_well(debt: DebtWorld) -> None:
    case = await debt.open_case(await debt.an_invoice())
    for occasion in ("warn@10-2027-06-25", "warn@10-2027-06-25", "warn@10-2027-06-26"):
        await debt.decide(case, StepDone("warn@10", NextAction.WARN, "sent", occasion))
    told = [one.reason["occasion"] for one in await debt.timeline("dunning_step")]
    assert told == ["warn@10-2027-06-25", "warn@10-2027-06-26"]


async def test_a_case_that_two_close_at_once_is_closed_once(debt: DebtWorld) -> None:
    case = await debt.open_case(await debt.an_invoice())
    closing = CloseCaseRequest(debt.account_id, case.case_id, "settled")
    await asyncio.gather(*[debt.service.close_case(closing) for _ in range(4)])
    assert len(await debt.timeline("case_closed")) == 1


async def test_a_broken_promise_is_told_once_by_the_case_or_by_upkeep(debt: DebtWorld) -> None:
    case = await debt.open_case(await debt.an_invoice())
    await debt.change("promise_to_pay", pay_by=date(2027, 6, 10))
    debt.clock.pass_days(7)
    upkeep = PromiseService(debt.work, debt.clock)
    await asyncio.gather(debt.decide(case), upkeep.end_over(), debt.decide(case), upkeep.end_over())
    assert len(await debt.timeline("promise_broken")) == 1


async def test_the_date_of_another_debit_is_told_though_the_worker_ended_right_after_the_notice(
    world: CollectionWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoice, _ = await world.a_failed_debit("insufficient_funds")
    world.pass_days(3)
    request = AnnounceRetryRequest(world.account_id, (invoice,), world.till.clock.now(), f"{invoice}-2")

    async def ends(*_: object) -> None:
        raise ConnectionError("the worker ended")

    with monkeypatch.context() as killed:
        killed.setattr(AnnouncingService, "_explain_date", ends)
        with pytest.raises(ConnectionError):
            await world.announcing.announce_retry(request)
    for _ in range(2):
        assert (await world.announcing.announce_retry(request)).told
    assert len(await world.timeline("retry_planned")) == 1


async def test_a_debit_that_the_scheme_forbids_is_told_once_per_date(
    world: CollectionWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forbids(*_: object) -> RetryVerdict:
        return RetryVerdict(False, "15 tries within 30 days")

    async def goes_on(*_: object) -> bool:
        return False

    await world.till.a_card()
    invoice = await world.till.an_announced_invoice(4210)
    monkeypatch.setattr(payments, "scheme_allows", forbids)
    monkeypatch.setattr(payments, "end_where_forbidden", goes_on)
    request = world.till.a_request(invoice)
    for _ in range(2):
        assert (await world.till.service.collect(request)).status == PaymentStatus.NOTICE_MISSING
    assert len(await world.timeline("debit_forbidden")) == 1
