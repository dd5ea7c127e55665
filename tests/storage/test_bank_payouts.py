"""Payouts by bank file: ordered once, out of credit that is there, filed once, and handled by staff."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from sqlalchemy import text

from billing.adapters.bank_files.pain001 import VERSIONS, PayoutWriter
from billing.domain.errors import InvalidValue
from billing.domain.ledger import payment_received
from billing.messages.payments import RefundRequest
from billing.persistence.bank_file_invariants import BANK_PAYOUTS_THAT_ARE_NOT_BOOKED
from billing.persistence.invariants import broken_rules
from billing.ports.bank_file_writing import PayoutFile, PayoutLine
from billing.ports.bank_files import BatchKind
from billing.ports.bank_payouts import Payout
from billing.services.bank_payouts import NewPayout, UnableToChangePayout, UnableToPayOut
from billing.services.payment_refunds import UnableToRefund
from billing.services.transfer_booking import Transfer, book_transfer
from tests.builders_bank_files import GOOD_IBAN, a_creditor_party
from tests.builders_bank_till import BankTill, a_bank_till, a_creditor

# Friday 12 March 2027, two hours before the bank's cut-off at 14:00 in Amsterdam.
MAKE_AT = datetime(2027, 3, 12, 11, tzinfo=UTC)
PAY_ON = date(2027, 3, 12)
RULES = ("ledger", "bank")


@pytest.fixture
async def bank(database_url: str, tmp_path: Path) -> AsyncIterator[BankTill]:
    async with a_bank_till(database_url, tmp_path / "bank") as made:
        async with made.till.work() as work:
            at = made.till.clock.now()
            await work.ledger.post(payment_received(made.till.account_id, "stripe", "pi_1", at, 5000, "EUR", {}))
            await work.commit()
        yield made
        assert [one for one in await broken_rules(made.till.engine) if one.startswith(RULES)] == []


def a_payout(command_id: str = "cmd-1", **changes: Any) -> NewPayout:
    wanted = NewPayout(command_id, "Kim", "left us", 1500, GOOD_IBAN, "Sanne de Vries")
    return replace(wanted, **changes)


async def order(bank: BankTill, command_id: str = "cmd-1", **changes: Any) -> Payout:
    return await bank.payouts.order(bank.till.account_id, a_payout(command_id, **changes))


async def standing(bank: BankTill, payout: Payout) -> Payout:
    async with bank.till.work() as work:
        return await work.bank_payouts.get(payout.account_id, payout.payout_id)


async def credit(bank: BankTill) -> int:
    async with bank.till.work() as work:
        return await work.ledger.credit_minor(bank.till.account_id, "EUR")


async def test_the_same_command_orders_once_also_at_once(bank: BankTill) -> None:
    ordered = await asyncio.gather(*(order(bank) for _ in range(4)))
    assert len({one.payout_id for one in ordered}) == 1
    assert await credit(bank) == 3500


async def test_no_more_than_the_credit_goes_out_whoever_asks_at_once(bank: BankTill) -> None:
    asked = (order(bank, f"cmd-{number}", amount_minor=2000) for number in range(4))
    done = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(one, Payout) for one in done) == 2
    assert all(isinstance(one, Payout | UnableToPayOut) for one in done)
    assert await credit(bank) == 1000


async def test_all_of_the_credit_goes_to_the_account_on_file(bank: BankTill) -> None:
    await bank.store()
    payout = await order(bank, amount_minor=0, iban="", holder_name="")
    assert (payout.amount_minor, payout.last_four, payout.holder_name) == (5000, GOOD_IBAN[-4:], "Sanne de Vries")


@pytest.mark.parametrize(
    ("changes", "kind", "field"),
    [
        ({"iban": "NL00INGB0001234567"}, InvalidValue, "iban"),
        ({"holder_name": " "}, InvalidValue, "holder_name"),
        ({"amount_minor": 5001}, UnableToPayOut, "amount_minor"),
        ({"iban": "", "holder_name": ""}, UnableToPayOut, "iban"),
    ],
)
async def test_what_cannot_go_is_refused_by_name_and_nothing_is_kept(
    bank: BankTill, changes: dict[str, Any], kind: type[Exception], field: str
) -> None:
    with pytest.raises(kind) as refusal:
        await order(bank, **changes)
    assert refusal.value.field == field  # type: ignore[attr-defined]
    assert await credit(bank) == 5000


async def test_a_file_is_made_before_the_cut_off_once_and_is_the_same_whenever_asked_for(bank: BankTill) -> None:
    payouts = [await order(bank, f"cmd-{number}", amount_minor=1000) for number in range(3)]
    assert await bank.payout_files.make_due() == ()
    bank.till.clock.at = MAKE_AT
    made = await asyncio.gather(*(bank.payout_files.make_due() for _ in range(3)))
    (batch,) = [one for each in made for one in each]
    assert (batch.kind, batch.count, batch.control_sum_minor) == (BatchKind.PAYOUTS, 3, 3000)
    assert (batch.collect_on, batch.version) == (PAY_ON, "pain.001.001.09")
    first, second = [(await bank.batches.content(batch.batch_id))[1] for _ in range(2)]
    assert first == second
    root = etree.fromstring(first)
    named = [one.text for one in root.iter("{*}EndToEndId")]
    assert named == [one.end_to_end_id for one in payouts]
    assert GOOD_IBAN not in str(payouts)


async def test_a_file_that_is_taken_apart_frees_its_payouts_for_another_one(bank: BankTill) -> None:
    payout = await order(bank)
    (batch,) = await bank.payout_files.make_due(at_once=True)
    await bank.batches.withdraw(batch.batch_id, "not yet", "Kim")
    assert (await standing(bank, payout)).status == "waiting"
    (another,) = await bank.payout_files.make_due(at_once=True)
    assert another.message_id != batch.message_id
    await bank.batches.mark_delivered(another.batch_id, "portal", "Kim")
    assert (await standing(bank, payout)).status == "sent"
    with pytest.raises(UnableToChangePayout):
        await bank.payouts.cancel(payout.account_id, payout.payout_id, "too late", "Kim")


async def test_a_payout_above_the_limit_is_held_for_a_person_and_told(bank: BankTill) -> None:
    payout = await order(bank, amount_minor=4000)
    await bank.creditors.put("vonk", a_creditor(largest_minor=3000), "ann")
    bank.till.clock.at = MAKE_AT
    watched = await bank.round.look_after()
    held = await standing(bank, payout)
    assert (held.status, held.held_field) == ("held", "amount_minor")
    assert f"the payout {payout.payout_id} of {payout.account_id} is held: amount_minor 4000" in watched.alarms
    await bank.creditors.put("vonk", a_creditor(largest_minor=5000), "ann")
    await bank.payouts.release(payout.account_id, payout.payout_id, "limit raised", "Kim")
    assert len(await bank.payout_files.make_due(at_once=True)) == 1


async def test_a_cancelled_payout_is_credit_again_once(bank: BankTill) -> None:
    payout = await order(bank)
    await bank.payouts.cancel(payout.account_id, payout.payout_id, "the customer stays", "Kim")
    assert await credit(bank) == 5000
    with pytest.raises(UnableToChangePayout):
        await bank.payouts.cancel(payout.account_id, payout.payout_id, "once more", "Kim")
    assert await bank.payout_files.make_due(at_once=True) == ()


async def test_a_transfer_is_given_back_only_where_an_account_is_on_file(bank: BankTill) -> None:
    async with bank.till.work() as work:
        account = await work.accounts.lock(bank.till.account_id)
        transfer = Transfer(account.account_id, "bke_1001-1", 2000, "EUR", [], "it names the customer")
        await book_transfer(work, transfer, bank.till.clock.now())
        await work.commit()
    request = RefundRequest(account.account_id, "bke_1001-1", 0, "paid twice", "Kim", "cmd-9")
    with pytest.raises(UnableToRefund) as refusal:
        await bank.till.service.refund(request)
    assert "bank-payouts" in refusal.value.remedy
    await bank.store()
    assert "pending" in (await bank.till.service.refund(request)).explanation
    assert "pending" in (await bank.till.service.refund(request)).explanation
    assert await credit(bank) == 5000


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE bank_payouts SET status = 'paid', batch_id = 1",
        "UPDATE bank_payouts SET status = 'cancelled'",
        "UPDATE bank_payouts SET amount_minor = amount_minor + 1",
    ],
)
async def test_a_payout_that_the_books_do_not_know_is_found(bank: BankTill, damage: str) -> None:
    await order(bank)
    async with bank.till.engine.connect() as connection:
        await connection.execute(text(damage))
        rows = (await connection.execute(text(BANK_PAYOUTS_THAT_ARE_NOT_BOOKED))).all()
        await connection.rollback()
    assert rows
    assert all("the payout pyo_" in row.what for row in rows)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_is_written_by_its_schema(version: str) -> None:
    line = PayoutLine("PAYOUT-1", 1250, "Zoë Müller", GOOD_IBAN, "", "Vonk A100001")
    made_at = datetime(2027, 3, 12, 12, tzinfo=UTC)
    file = PayoutFile("EP20270312-1", version, made_at, a_creditor_party(), PAY_ON, [line])
    assert PayoutWriter().write(file) == PayoutWriter().write(file)
    assert b"<Nm>Zoe Muller</Nm>" in PayoutWriter().write(file)


def test_another_version_is_refused() -> None:
    file = PayoutFile("EP1", "pain.001.001.02", MAKE_AT, a_creditor_party(), PAY_ON, [])
    with pytest.raises(InvalidValue) as refusal:
        PayoutWriter().write(file)
    assert refusal.value.field == "message_version"
