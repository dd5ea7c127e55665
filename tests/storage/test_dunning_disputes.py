"""Disputes: opened once, never for more than is open, decided once, credited before they are closed."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from billing.domain.errors import InvalidValue, NotFound
from billing.ports.staff_cases import CaseFilter
from billing.services.disputable import UnableToDispute
from billing.services.disputes import UnableToCloseDispute
from tests.builders_dunning import DebtWorld, a_debt_world


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[DebtWorld]:
    async with a_debt_world(database_url) as made:
        yield made


async def test_the_same_dispute_again_is_the_open_one_and_the_account_is_told(world: DebtWorld) -> None:
    invoice = await world.an_invoice(4210)
    opened = [await world.disputes.open(world.account_id, invoice, 1250, "calls", "Robin") for _ in range(2)]
    assert opened[0] == opened[1]
    assert await world.disputes.all(world.account_id) == [opened[0]]
    assert {signal for _, signal, _ in world.process.signals} == {"dispute_opened"}
    assert len(await world.timeline("dispute_opened")) == 1


async def test_a_dispute_needs_a_person_until_it_is_decided(world: DebtWorld) -> None:
    invoice = await world.an_invoice(4210)
    dispute = await world.disputes.open(world.account_id, invoice, 1250, "not my calls", "Robin")
    await world.disputes.open(world.account_id, invoice, 1250, "not my calls", "Robin")
    async with world.work() as work:
        (case,) = await work.staff_cases.find(CaseFilter(account_id=world.account_id))
    assert (case.kind, case.subject, case.state) == ("dispute_open", dispute.dispute_id, "open")
    assert "not my calls" in case.explanation
    await world.disputes.close(world.account_id, dispute.dispute_id, "rejected", "they were made", "Kim")
    async with world.work() as work:
        (case,) = await work.staff_cases.find(CaseFilter(account_id=world.account_id))
    assert case.state == "closed"


@pytest.mark.parametrize("amount_minor", [-1, 4211])
async def test_more_than_is_open_cannot_be_disputed(world: DebtWorld, amount_minor: int) -> None:
    invoice = await world.an_invoice(4210)
    with pytest.raises(InvalidValue) as refusal:
        await world.disputes.open(world.account_id, invoice, amount_minor, "calls", "Robin")
    assert refusal.value.field == "amount_minor"


async def test_a_paid_or_wholly_disputed_invoice_cannot_be_disputed(world: DebtWorld) -> None:
    invoice = await world.an_invoice(4210)
    await world.disputes.open(world.account_id, invoice, 0, "calls", "Robin")
    with pytest.raises(UnableToDispute):
        await world.disputes.open(world.account_id, invoice, 10, "more calls", "Robin")
    paid = await world.an_invoice(4210)
    await world.pay(paid)
    with pytest.raises(UnableToDispute):
        await world.disputes.open(world.account_id, paid, 0, "calls", "Robin")


async def test_an_accepted_dispute_credits_its_part_once(world: DebtWorld) -> None:
    invoice = await world.an_invoice(4210)
    dispute = await world.disputes.open(world.account_id, invoice, 1250, "calls", "Robin")
    for _ in range(2):
        closed = await world.disputes.close(world.account_id, dispute.dispute_id, "accepted", "right", "Kim")
    ((workflow_id, update, command),) = world.process.commands
    assert (workflow_id, update) == ("account/vonk/A100001", "waive_invoice")
    assert (command.invoice_id, command.amount_minor, command.author) == (invoice, 1250, "Kim")
    assert (closed.status, closed.decision) == ("accepted", "right")


async def test_a_dispute_stays_open_when_its_credit_is_refused(world: DebtWorld) -> None:
    invoice = await world.an_invoice(4210)
    dispute = await world.disputes.open(world.account_id, invoice, 0, "calls", "Robin")
    world.process.refuses = True
    with pytest.raises(UnableToCloseDispute):
        await world.disputes.close(world.account_id, dispute.dispute_id, "accepted", "right", "Kim")
    assert [one.status for one in await world.disputes.all(world.account_id)] == ["open"]


async def test_a_decided_dispute_is_not_decided_otherwise(world: DebtWorld) -> None:
    invoice = await world.an_invoice(4210)
    dispute = await world.disputes.open(world.account_id, invoice, 0, "calls", "Robin")
    await world.disputes.close(world.account_id, dispute.dispute_id, "rejected", "wrong", "Kim")
    with pytest.raises(UnableToCloseDispute):
        await world.disputes.close(world.account_id, dispute.dispute_id, "accepted", "right", "Kim")
    assert not world.process.commands


async def test_a_dispute_of_an_ended_account_is_kept_all_the_same(world: DebtWorld) -> None:
    world.process.failure = NotFound("no workflow")
    dispute = await world.disputes.open(world.account_id, await world.an_invoice(), 0, "calls", "Robin")
    assert dispute.status == "open"
