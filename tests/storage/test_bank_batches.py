"""Debits by bank file: written down, filed once before the cut-off, handed over once, whatever happens in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from billing.domain.errors import UnableTo
from billing.domain.ledger import payment_received
from billing.messages.payments import PaymentStatus
from billing.persistence.invariants import broken_rules
from tests.builders_bank_till import CUT_OFF, DEBIT_ON, MAKE_AT, BankTill, a_bank_till, a_creditor


@pytest.fixture
async def bank(database_url: str, tmp_path: Path) -> AsyncIterator[BankTill]:
    async with a_bank_till(database_url, tmp_path / "bank") as world:
        yield world
        assert [each for each in await broken_rules(world.till.engine) if each.startswith("bank")] == []


async def test_a_debit_goes_with_the_file_of_its_day_and_is_paid_when_the_bank_says_so(bank: BankTill) -> None:
    await bank.store(reference="VONK-1")
    pending = await bank.collect()
    assert pending.status == PaymentStatus.PENDING
    assert pending.expected_by is not None
    assert pending.expected_by.date() == date(2027, 3, 31)  # five banking days; Good Friday and Easter Monday are none
    assert (await bank.round.look_after()).count == 0
    bank.till.clock.at = MAKE_AT
    assert (await bank.round.look_after()).count == 1
    (batch,) = await bank.all_batches()
    assert (batch.status, batch.count, batch.control_sum_minor) == ("delivered", 1, 4210)
    assert (batch.collect_on, batch.sequence, batch.deliver_by) == (DEBIT_ON, "RCUR", CUT_OFF)
    assert bank.outgoing == [f"{batch.message_id}.xml"]
    assert (await bank.debit(pending.attempt_id)).status == "sent"
    paid = await bank.settles(pending.attempt_id)
    assert (paid.status, paid.received_minor, paid.open_minor) == ("succeeded", 4210, 0)


async def test_collecting_again_writes_nothing_more(bank: BankTill) -> None:
    await bank.store()
    invoice = await bank.till.an_announced_invoice(4210, 10)
    request = bank.till.a_request(invoice, lead_days=10)
    results = await asyncio.gather(*[bank.till.service.collect(request) for _ in range(4)])
    assert {one.status for one in results} <= {PaymentStatus.PENDING}
    assert len(await bank.all_debits()) == 1


async def test_the_first_debit_of_a_mandate_is_sent_as_such_where_the_bank_wants_it(
    database_url: str, tmp_path: Path
) -> None:
    async with a_bank_till(database_url, tmp_path, first_sequence="FRST") as bank:
        await bank.store()
        await bank.collect()
        await bank.collect(1000)
        bank.till.clock.at = MAKE_AT
        await bank.round.look_after()
        assert sorted((one.sequence, one.count) for one in await bank.all_batches()) == [("FRST", 1), ("RCUR", 1)]
        bank.till.clock.at = MAKE_AT + timedelta(days=7)
        await bank.collect(2000, DEBIT_ON + timedelta(days=9))
        await bank.batches.make_due(at_once=True)
        assert (await bank.all_batches())[-1].sequence == "RCUR"


async def test_a_one_off_mandate_is_used_once(bank: BankTill) -> None:
    await bank.store(one_off=True)
    first = await bank.collect()
    bank.till.clock.at = MAKE_AT
    await bank.round.look_after()
    assert (await bank.all_batches())[0].sequence == "OOFF"
    second = await bank.collect(1000, DEBIT_ON + timedelta(days=2))
    held = await bank.debit(second.attempt_id)
    assert (held.status, held.held_field) == ("held", "one_off")
    assert (await bank.debit(first.attempt_id)).status == "sent"


async def test_the_same_file_is_given_whenever_it_is_asked_for(bank: BankTill) -> None:
    await bank.store()
    await bank.collect()
    bank.till.clock.at = MAKE_AT
    (made,) = (await bank.batches.make_due()).batches
    _, first = await bank.batches.content(made.batch_id)
    await bank.creditors.put("vonk", a_creditor(name="Vonk Anders"), "ann")
    bank.till.clock.at = MAKE_AT + timedelta(minutes=30)
    assert (await bank.batches.make_due()).batches == ()
    _, again = await bank.batches.download(made.batch_id, "ann")
    assert first == again
    assert b"<Nm>Vonk Mobiel</Nm>" in again


async def test_two_workers_at_once_make_and_hand_over_one_file(bank: BankTill) -> None:
    await bank.store()
    await bank.collect()
    bank.till.clock.at = MAKE_AT
    await asyncio.gather(*[bank.round.look_after() for _ in range(4)])
    (batch,) = await bank.all_batches()
    assert (batch.status, bank.outgoing) == ("delivered", [f"{batch.message_id}.xml"])


async def test_a_debit_that_missed_its_file_goes_just_after_its_date(bank: BankTill) -> None:
    await bank.store()
    pending = await bank.collect()
    bank.till.clock.at = CUT_OFF + timedelta(minutes=1)
    await bank.round.look_after()
    assert (await bank.debit(pending.attempt_id)).collect_on == DEBIT_ON + timedelta(days=1)


async def test_one_that_is_too_late_for_its_date_is_held_and_never_sent(bank: BankTill) -> None:
    await bank.store()
    pending = await bank.collect()
    bank.till.clock.at = MAKE_AT + timedelta(days=7)
    found = await bank.round.look_after()
    held = await bank.debit(pending.attempt_id)
    assert (held.status, held.held_field, held.held_value) == ("held", "due_on", "2027-03-22")
    assert held.attempt_id in found.alarms[0]
    given_up = await bank.debits.give_up(held.account_id, held.attempt_id, "too late", "ann")
    assert given_up.status == "rejected"
    result = await bank.till.settle(pending.attempt_id)
    assert (result.status, result.category) == ("failed", "merchant_error")


async def test_killed_between_staging_and_handing_over_there_is_one_file(bank: BankTill) -> None:
    await bank.store()
    await bank.collect()
    bank.till.clock.at = MAKE_AT
    (made,) = (await bank.batches.make_due()).batches
    _, content = await bank.batches.content(made.batch_id)
    assert await bank.delivery._stage(made.batch_id, bank.folder)
    # Killed here; and once more after the rename, when the bank has fetched the file already.
    assert bank.folder.hand_over(made.file_name)
    assert (bank.root / "outgoing" / made.file_name).read_bytes() == content
    (bank.root / "outgoing" / made.file_name).unlink()
    await bank.round.look_after()
    assert (bank.outgoing, (await bank.all_batches())[0].status) == ([], "delivered")


async def test_an_unfinished_file_is_never_seen_by_the_bank(bank: BankTill) -> None:
    await bank.store()
    await bank.collect()
    bank.till.clock.at = MAKE_AT
    (made,) = (await bank.batches.make_due()).batches
    staged = bank.root / ".staged"
    staged.mkdir(parents=True)
    (staged / f"{made.file_name}.part").write_bytes(b"<half")
    await bank.round.look_after()
    assert bank.outgoing == [made.file_name]


async def test_a_folder_that_was_emptied_from_outside_asks_for_a_person(bank: BankTill) -> None:
    await bank.store()
    await bank.collect()
    bank.till.clock.at = MAKE_AT
    (made,) = (await bank.batches.make_due()).batches
    assert await bank.delivery._stage(made.batch_id, bank.folder)
    for path in (bank.root / ".staged").iterdir():
        path.unlink()
    (bank.root / ".staged").rmdir()
    found = await bank.round.look_after()
    assert made.message_id in found.alarms[0]
    assert (await bank.all_batches())[0].status == "staged"


async def test_a_file_that_missed_its_hour_is_taken_apart_and_its_debits_go_later(bank: BankTill) -> None:
    await bank.store()
    await bank.collect()
    bank.till.clock.at = MAKE_AT
    await bank.batches.make_due()
    bank.till.clock.at = CUT_OFF + timedelta(hours=1)
    await bank.round.look_after()
    await bank.round.look_after()
    first, second = await bank.all_batches()
    assert (first.status, second.status) == ("withdrawn", "delivered")
    assert second.collect_on == DEBIT_ON + timedelta(days=1)
    assert bank.outgoing == [second.file_name]


async def test_staff_hold_release_withdraw_and_deliver_by_hand(bank: BankTill) -> None:
    await bank.store()
    await bank.collect()
    bank.till.clock.at = MAKE_AT
    (made,) = (await bank.batches.make_due()).batches
    await bank.batches.hold(made.batch_id, "wait for the bank", "ann")
    await bank.round.look_after()
    assert bank.outgoing == []
    await bank.batches.withdraw(made.batch_id, "wrong version", "ann")
    (other,) = (await bank.batches.make_due()).batches
    assert other.message_id != made.message_id
    done = await bank.batches.mark_delivered(other.batch_id, "portal", "ann")
    assert (done.status, done.delivered_how) == ("delivered", "portal")
    assert await bank.batches.mark_delivered(other.batch_id, "again", "bob") == await bank.batches.get(other.batch_id)
    with pytest.raises(UnableTo, match="is delivered"):
        await bank.batches.hold(other.batch_id, "too late", "ann")
    await bank.round.look_after()
    assert bank.outgoing == []


async def test_a_debit_is_cancelled_until_its_file_left(bank: BankTill) -> None:
    await bank.store()
    first, second = await bank.collect(), await bank.collect(1000)
    bank.till.clock.at = MAKE_AT
    (made,) = (await bank.batches.make_due()).batches
    assert made.count == 2
    debit = await bank.debit(first.attempt_id)
    cancelled = await bank.provider.cancel(debit.end_to_end_id)
    assert type(cancelled.outcome).__name__ == "Cancelled"
    await bank.round.look_after()
    assert [(one.status, one.count) for one in await bank.all_batches()] == [("withdrawn", 2), ("delivered", 1)]
    late = await bank.provider.cancel((await bank.debit(second.attempt_id)).end_to_end_id)
    assert type(late.outcome).__name__ == "Pending"


async def test_a_removed_mandate_withdraws_its_debits(bank: BankTill) -> None:
    stored = await bank.store()
    pending = await bank.collect()
    async with bank.till.work() as work:
        await work.payments.change_method(bank.till.account_id, stored.method.method_id, {"status": "removed"})
        await work.commit()
    bank.till.clock.at = MAKE_AT
    await bank.round.look_after()
    assert ((await bank.debit(pending.attempt_id)).status, bank.outgoing) == ("cancelled", [])
    assert [signal for _, signal, _ in bank.process.signals][-1] == "payment_outcome_received"
    assert (await bank.till.settle(pending.attempt_id)).status == PaymentStatus.CANCELLED


async def test_a_debit_whose_invoice_was_paid_meanwhile_goes_with_no_file(bank: BankTill) -> None:
    await bank.store()
    pending, other = await bank.collect(), await bank.collect(1000)
    async with bank.till.work() as work:
        (held,) = await work.payments.allocations(bank.till.account_id, pending.attempt_id)
        account, now = bank.till.account_id, bank.till.clock.now()
        paid = payment_received(account, "bank", "wire", now, 4210, "EUR", {held.invoice_id: 4210})
        await work.ledger.post(paid)
        await work.commit()
    bank.till.clock.at = MAKE_AT
    await bank.round.look_after()
    assert [(one.count, one.control_sum_minor) for one in await bank.all_batches()] == [(1, 1000)]
    assert [fact.attempt_id for _, kind, fact in bank.process.signals if "outcome" in kind] == [pending.attempt_id]
    assert (await bank.till.settle(pending.attempt_id)).status == PaymentStatus.CANCELLED
    assert (await bank.debit(other.attempt_id)).status == "sent"
