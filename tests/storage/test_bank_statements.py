"""Files of banks in a real database: taken once, carried out once, held where they cannot be believed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from billing.domain.errors import InvalidValue
from billing.domain.ledger import LedgerAccount
from billing.ports.bank_files import DebitStatus
from billing.services.bank_statement_reports import BankFileReport
from billing.services.bank_statements import UnableToDecideBankFile
from billing.services.suspense import Assignment
from tests.builders_bank_statements import (
    Account,
    Booking,
    Pay,
    camt053,
    camt054,
    incoming,
    returned,
    settlement,
)
from tests.builders_bank_world import BankWorld, a_bank_world

FEE = Booking(minor=-250, reference="FEE1", code="ACMT/MDOP/FEES", text="Fees of January")


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[BankWorld]:
    async with a_bank_world(database_url) as world:
        yield world


def counted(report: BankFileReport) -> dict[str, tuple[int, int]]:
    """How often each effect is found, with its sum."""
    return {one.effect: (one.count, one.amount_minor) for one in report.effects}


async def test_scenario_39_the_same_file_twice_and_the_same_entry_in_two_files_are_booked_once(
    world: BankWorld,
) -> None:
    invoice = await world.an_invoice(1999)
    debit = await world.a_debit(await world.an_invoice(4210))
    bookings = (settlement(4210, debit.end_to_end_id, "REF1"), incoming(1999, invoice.number, "REF2"), FEE)
    notification, statement = camt054(Account(bookings[:2])), camt053(Account(bookings, opening=100))
    first = await world.take(notification)
    again = await world.take(notification)
    stated = await world.take(statement)
    assert (first.is_new, again.is_new, stated.is_new) == (True, False, True)
    assert counted(first.report) == {"settled": (1, 4210), "transfer": (1, 1999)}
    assert counted(stated.report) == {"fee": (1, -250)}
    assert (stated.report.file.entries, stated.report.file.new_entries) == (3, 1)
    assert await world.open_of(invoice) == 0
    assert (await world.standing(debit)).status == DebitStatus.SETTLED
    assert await world.balance(LedgerAccount.CASH, world.account_id) == 1999
    assert sorted(world.told()) == sorted([debit.attempt_id, "bke_1002-1"])
    assert await world.broken() == []


async def test_scenario_39_files_imported_at_once_book_each_entry_once(world: BankWorld) -> None:
    invoice = await world.an_invoice(5000)
    bookings = tuple(incoming(100, invoice.number, f"REF{number}") for number in range(6))
    files = [camt054(Account(bookings, name=f"N{number}"), message=f"M{number}") for number in range(3)]
    files += [camt053(Account(bookings)), camt053(Account(bookings))]
    await asyncio.gather(*(world.take(content) for content in files))
    assert await world.open_of(invoice) == 5000 - 600
    message_ids = {payload.message_id for _, _, payload in world.process.signals}
    assert message_ids == {f"bank-bke_100{number}-1" for number in range(1, 7)}  # a repeat counts once by its id
    assert await world.broken() == []


async def test_scenario_40_a_return_with_an_unknown_end_to_end_id_is_suspense_and_a_case(world: BankWorld) -> None:
    invoice = await world.an_invoice(4210)
    await world.a_debit(invoice)
    taken = await world.take(camt053(Account((returned(4210, "SOMEBODY-ELSE-1", "AM04"),), opening=5000)))
    (item,) = await world.items("open")
    assert (item.amount_minor, item.why, item.return_code) == (-4210, "unknown_reference", "AM04")
    assert taken.report.needs_a_person
    assert await world.balance(LedgerAccount.SUSPENSE) == 4210
    assert await world.open_of(invoice) == 4210
    assert world.told() == []
    assert await world.broken() == []


async def test_a_return_is_written_on_its_debit_and_the_banks_fee_is_booked_apart(world: BankWorld) -> None:
    debit = await world.a_debit(await world.an_invoice(4210))
    await world.take(camt054(Account((settlement(4210, debit.end_to_end_id, "R1"),))))
    await world.take(
        camt054(Account((returned(4210, debit.end_to_end_id, "MD06", fee=300, reference="R2"),), name="2"))
    )
    stands = await world.standing(debit)
    assert (stands.status, stands.reason_code, stands.returned_minor) == (DebitStatus.RETURNED, "MD06", 4210)
    assert await world.balance(LedgerAccount.BANK_FEES) == 300
    assert world.told() == [debit.attempt_id] * 2
    assert await world.items() == []


async def test_more_than_the_debit_without_a_word_of_a_fee_is_not_guessed_to_be_one(world: BankWorld) -> None:
    debit = await world.a_debit(await world.an_invoice(4210))
    booking = Booking((Pay(-4510, debit.end_to_end_id, return_code="AM04"),), reference="R1")
    await world.take(camt054(Account((booking,))))
    (item,) = await world.items()
    assert (item.amount_minor, item.why) == (-300, "other_amount")
    assert (await world.standing(debit)).returned_minor == 4210
    assert await world.balance(LedgerAccount.BANK_FEES) == 0
    assert await world.broken() == []


async def test_what_a_debit_cannot_be_twice_waits_for_a_person(world: BankWorld) -> None:
    debit = await world.a_debit(await world.an_invoice(4210))
    twice = (settlement(4210, debit.end_to_end_id, "R1"), settlement(4210, debit.end_to_end_id, "R2"))
    other = settlement(4000, (await world.a_debit(await world.an_invoice(4210))).end_to_end_id, "R3")
    await world.take(camt054(Account((*twice, other))))
    assert [(one.why, one.amount_minor) for one in await world.items()] == [
        ("not_expected", 4210),
        ("other_amount", 4000),
    ]
    assert await world.balance(LedgerAccount.SUSPENSE) == -8210


async def test_a_return_before_its_settlement_is_booked_whatever_the_order_of_the_files(world: BankWorld) -> None:
    debit = await world.a_debit(await world.an_invoice(4210))
    await world.take(camt054(Account((returned(4210, debit.end_to_end_id, "AM04", reference="R2"),))))
    await world.take(camt054(Account((settlement(4210, debit.end_to_end_id, "R1"),), name="2")))
    stands = await world.standing(debit)
    assert (stands.status, stands.settled_at is not None, stands.reason_code) == (DebitStatus.RETURNED, True, "AM04")
    assert await world.items() == []


# Transfers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    ["{number}", "invoice {number}, thanks", "{lower}", "{blanks}", "{none}", "RF18{none}"],
)
async def test_a_transfer_pays_the_invoice_that_it_names(world: BankWorld, words: str) -> None:
    invoice = await world.an_invoice(1999)
    number = invoice.number
    text = words.format(
        number=number, lower=number.lower(), blanks=number.replace("-", " "), none=number.replace("-", "")
    )
    await world.take(camt054(Account((incoming(1999, text, "R1"),))))
    assert (await world.open_of(invoice), world.told(), await world.items()) == (0, ["bke_1001-1"], [])
    assert await world.broken() == []


async def test_a_structured_reference_names_an_invoice_too(world: BankWorld) -> None:
    invoice = await world.an_invoice(1999)
    await world.take(camt054(Account((incoming(1999, reference="R1", structured=invoice.number),))))
    assert await world.open_of(invoice) == 0


@pytest.mark.parametrize(("came", "left", "credit"), [(1000, 999, 0), (1999, 0, 0), (2500, 0, 501)])
async def test_another_amount_is_booked_as_received_and_the_rest_stays_open(
    world: BankWorld, came: int, left: int, credit: int
) -> None:
    invoice = await world.an_invoice(1999)
    await world.take(camt054(Account((incoming(came, invoice.number, "R1"),))))
    async with world.work() as work:
        assert await work.ledger.credit_minor(world.account_id, "EUR") == credit
        attempt = await work.payments.attempt(world.account_id, "bke_1001-1")
    assert attempt is not None
    assert (attempt.purpose, attempt.status, attempt.received_minor) == ("transfer", "succeeded", came)
    assert await world.open_of(invoice) == left
    assert await world.broken() == []


async def test_several_invoices_are_paid_in_the_order_they_are_named(world: BankWorld) -> None:
    first, second = await world.an_invoice(1000), await world.an_invoice(2000)
    await world.take(camt054(Account((incoming(2500, f"{second.number} and {first.number}", "R1"),))))
    assert (await world.open_of(second), await world.open_of(first)) == (0, 500)


async def test_invoices_of_two_accounts_are_nobodys_until_a_person_decides(world: BankWorld) -> None:
    first = await world.an_invoice(1000)
    other = await world.another_account("V-1002")
    second = await world.an_invoice(2000, other.account_id)
    await world.take(camt054(Account((incoming(3000, f"{second.number} {first.number}", "R1"),))))
    (item,) = await world.items()
    assert (item.why, await world.open_of(first), await world.open_of(second)) == ("names_several", 1000, 2000)
    assert {one.account_id for one in (await world.suspense.view(item.suspense_id)).candidates} == {
        world.account_id,
        other.account_id,
    }


async def test_a_number_that_only_begins_like_an_invoice_pays_nothing(world: BankWorld) -> None:
    invoice = await world.an_invoice(1000)
    await world.take(camt054(Account((incoming(1000, f"{invoice.number}9", "R1"), incoming(1000, "rent", "R2")))))
    assert await world.open_of(invoice) == 1000
    assert [one.why for one in await world.items()] == ["names_nobody"] * 2


# Held files ----------------------------------------------------------------------------------------------------


async def test_a_statement_that_does_not_add_up_is_held_with_the_difference_and_books_nothing(world: BankWorld) -> None:
    invoice = await world.an_invoice(1999)
    held = await world.take(camt053(Account((incoming(1999, invoice.number),), opening=0, closing=2000)))
    file = held.report.file
    assert (file.status, file.doubts[0]["kind"], file.doubts[0]["difference_minor"]) == ("held", "balances", 1)
    assert (await world.open_of(invoice), world.told(), await world.items()) == (1999, [], [])
    released = await world.statements.release(file.file_id, "Fenna", "The bank confirmed it")
    assert (released.file.status, released.file.decided_by, await world.open_of(invoice)) == ("taken", "Fenna", 0)
    with pytest.raises(UnableToDecideBankFile, match="is taken"):
        await world.statements.release(file.file_id, "Fenna", "again")


async def test_a_statement_that_came_too_early_is_taken_when_the_one_before_it_comes(world: BankWorld) -> None:
    invoice = await world.an_invoice(3000)
    days = [
        camt053(
            Account((incoming(1000, invoice.number, f"R{day}"),), opening=1000 * day, sequence=day + 1),
            message=f"M{day}",
        )
        for day in range(4)
    ]
    assert (await world.take(days[0])).report.file.status == "taken"
    assert [(await world.take(days[day])).report.file.status for day in (3, 2)] == ["held", "held"]
    assert await world.open_of(invoice) == 2000
    await world.take(days[1])
    files = await world.statements.list()
    assert [(one.status, one.decided_by) for one in files] == [
        ("taken", ""),
        ("taken", "evenflow"),
        ("taken", "evenflow"),
        ("taken", ""),
    ]
    assert await world.open_of(invoice) == 0


async def test_a_file_of_another_bank_account_is_held_and_never_let_pass(world: BankWorld) -> None:
    held = await world.take(camt053(Account((incoming(1000, "x"),), iban="NL91ABNA0417164300")))
    assert held.report.file.doubts[0]["kind"] == "foreign_account"
    with pytest.raises(UnableToDecideBankFile, match="none of the accounts"):
        await world.statements.release(held.report.file.file_id, "Fenna", "let it pass")
    rejected = await world.statements.reject(held.report.file.file_id, "Fenna", "Not ours")
    assert rejected.file.status == "rejected"
    with pytest.raises(InvalidValue, match="reason"):
        await world.statements.reject(held.report.file.file_id, "Fenna", " ")


async def test_payments_that_do_not_add_up_are_taken_as_their_sum_when_a_person_lets_the_file_pass(
    world: BankWorld,
) -> None:
    invoice = await world.an_invoice(1000)
    booking = Booking((Pay(1000, remittance=invoice.number), Pay(500)), minor=1600, reference="R1")
    held = await world.take(camt053(Account((booking,))))
    await world.statements.release(held.report.file.file_id, "Fenna", "Booked as it is")
    assert [one.amount_minor for one in await world.items()] == [1600]
    assert await world.open_of(invoice) == 1000
    assert await world.broken() == []


# Sums ----------------------------------------------------------------------------------------------------------


async def test_a_sum_waits_in_suspense_until_its_payments_are_told(world: BankWorld) -> None:
    invoice = await world.an_invoice(1000)
    whole = Booking((Pay(1000, remittance=invoice.number), Pay(500, remittance="rent")), reference="R1")
    await world.take(camt053(Account((whole.bare(),))))
    assert [one.amount_minor for one in await world.items("open")] == [1500]
    await world.take(camt054(Account((whole,))))
    assert await world.open_of(invoice) == 0
    assert [(one.amount_minor, one.status) for one in await world.items()] == [(1500, "explained"), (500, "open")]
    assert await world.balance(LedgerAccount.SUSPENSE) == -500
    assert await world.broken() == []


async def test_payments_told_after_the_sum_was_assigned_change_nothing_more(world: BankWorld) -> None:
    invoice = await world.an_invoice(1500)
    whole = Booking((Pay(1000, remittance=invoice.number), Pay(500)), reference="R1")
    await world.take(camt053(Account((whole.bare(),))))
    (item,) = await world.items()
    await world.suspense.assign(Assignment(item.suspense_id, world.account_id, "Fenna", "she called"))
    taken = await world.take(camt054(Account((whole,))))
    assert (await world.open_of(invoice), taken.report.file.new_entries) == (0, 0)
    assert await world.balance(LedgerAccount.CASH, world.account_id) == 1500
    assert await world.broken() == []


async def test_an_announced_entry_is_counted_and_not_booked(world: BankWorld) -> None:
    invoice = await world.an_invoice(1000)
    taken = await world.take(camt054(Account((replace(incoming(1000, invoice.number, "R1"), status="PDNG"),))))
    assert (taken.report.file.not_booked, await world.open_of(invoice)) == (1, 1000)


async def test_what_was_stored_and_not_carried_out_is_carried_out_by_the_next_round(
    world: BankWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoice = await world.an_invoice(1000)

    async def killed() -> int:
        raise SystemExit("killed")

    with monkeypatch.context() as patched:
        patched.setattr(world.carrying, "go_on", killed)
        with pytest.raises(SystemExit):
            await world.take(camt054(Account((incoming(1000, invoice.number, "R1"),))))
    assert (await world.open_of(invoice), world.told()) == (1000, [])
    assert await world.carrying.go_on() == 1
    assert (await world.open_of(invoice), world.told()) == (0, ["bke_1001-1"])
    assert await world.carrying.go_on() == 0
