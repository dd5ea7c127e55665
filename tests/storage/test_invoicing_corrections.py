"""Corrections: credit notes, adjustments, write-offs; each command counts once and the books stay balanced."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from billing.domain import ledger as books
from billing.domain.errors import Conflict, InvalidValue
from billing.messages.invoicing import AdjustBalanceRequest, WaiveInvoiceRequest
from billing.persistence.invariants import broken_rules
from billing.services.corrections import UnableToWaiveInvoice, UnableToWriteOff
from tests.builders_invoicing import Office, an_office


@pytest.fixture
async def office(database_url: str) -> AsyncIterator[Office]:
    async with an_office(database_url) as built:
        yield built


async def test_waiving_credits_what_is_open_with_a_numbered_note(office: Office) -> None:
    account, _ = await office.open_account()
    issued = await office.issue(account.account_id)
    request = WaiveInvoiceRequest(account.account_id, issued.invoice_id, "goodwill", "sanne", "cmd-1")

    result = await office.service.waive_invoice(request)

    assert (result.open_minor, result.settled_invoice_ids) == (0, (issued.invoice_id,))
    async with office.work() as work:
        note = await work.invoices.get(account.account_id, result.document_id)
        entries = await work.ledger.entries(account.account_id)
    assert (note.kind, note.number, note.corrects_invoice_id) == (
        "credit_note",
        "VONK-CN-20270216-0001",
        issued.invoice_id,
    )
    assert (note.net_minor, note.vat_minor, note.total_minor) == (2000, 420, 2420)
    assert [entry.kind.value for entry in entries] == ["invoice_issued", "credit_note"]
    assert await office.service.waive_invoice(request) == result


async def test_waiving_the_rest_splits_its_vat_in_proportion(office: Office) -> None:
    account, _ = await office.open_account()
    issued = await office.issue(account.account_id)
    async with office.work() as work:
        await work.ledger.post(
            books.payment_received(
                account.account_id, "stripe", "pi_1", office.clock.at, 2000, "EUR", {issued.invoice_id: 2000}
            )
        )
        await work.commit()
    result = await office.service.waive_invoice(
        WaiveInvoiceRequest(account.account_id, issued.invoice_id, "goodwill", "sanne", "cmd-1")
    )
    async with office.work() as work:
        note = await work.invoices.get(account.account_id, result.document_id)
    assert (note.net_minor, note.vat_minor) == (347, 73)  # 4.20 gross at 21 %: 0.7289 VAT


async def test_credits_in_parts_take_back_exactly_the_vat_of_the_invoice(office: Office) -> None:
    account, _ = await office.open_account()
    issued = await office.issue(account.account_id)
    for place, amount_minor in enumerate((333, 501, 0)):
        request = WaiveInvoiceRequest(
            account.account_id, issued.invoice_id, "why", "sanne", f"cmd-{place}", amount_minor
        )
        result = await office.service.waive_invoice(request)
        assert bool(result.settled_invoice_ids) == (amount_minor == 0)
    async with office.work() as work:
        notes = [each for each in await work.invoices.of_account(account.account_id) if each.kind == "credit_note"]
    assert [note.total_minor for note in notes] == [333, 501, 2420 - 333 - 501]
    assert (sum(note.net_minor for note in notes), sum(note.vat_minor for note in notes)) == (2000, 420)
    assert await broken_rules(office.engine) == []


async def test_an_invoice_with_nothing_open_cannot_be_waived(office: Office) -> None:
    account, _ = await office.open_account()
    issued = await office.issue(account.account_id)
    await office.service.waive_invoice(
        WaiveInvoiceRequest(account.account_id, issued.invoice_id, "goodwill", "sanne", "cmd-1")
    )
    with pytest.raises(UnableToWaiveInvoice, match="Nothing is open"):
        await office.service.waive_invoice(
            WaiveInvoiceRequest(account.account_id, issued.invoice_id, "goodwill", "sanne", "cmd-2")
        )


async def test_an_adjustment_waits_for_the_next_invoice_and_counts_once(office: Office) -> None:
    account, _ = await office.open_account()
    request = AdjustBalanceRequest(account.account_id, -500, "Outage of 3 January", "outage", "sanne", "cmd-1")
    first = await office.service.adjust_balance(request)
    assert await office.service.adjust_balance(request) == first
    assert first.document_id.startswith("adj_")
    assert (await office.issue(account.account_id)).total_minor == 1500 + 315
    assert (await office.issue(account.account_id, 2)).total_minor == 2420


@pytest.mark.parametrize(
    ("amount_minor", "description", "reason", "field"),
    [(0, "Goodwill", "outage", "amount_minor"), (100, " ", "outage", "description"), (100, "Fee", " ", "reason")],
)
async def test_an_unusable_adjustment_is_refused_by_field(
    office: Office, amount_minor: int, description: str, reason: str, field: str
) -> None:
    account, _ = await office.open_account()
    with pytest.raises(InvalidValue) as refused:
        await office.service.adjust_balance(
            AdjustBalanceRequest(account.account_id, amount_minor, description, reason, "sanne", "cmd-1")
        )
    assert refused.value.field == field


async def test_a_command_id_belongs_to_one_kind_of_command(office: Office) -> None:
    account, _ = await office.open_account()
    issued = await office.issue(account.account_id)
    await office.service.adjust_balance(AdjustBalanceRequest(account.account_id, 5, "Fee", "why", "sanne", "cmd-1"))
    with pytest.raises(Conflict, match="cmd-1 was adjust_balance"):
        await office.service.waive_invoice(
            WaiveInvoiceRequest(account.account_id, issued.invoice_id, "why", "sanne", "cmd-1")
        )


async def test_a_write_off_gives_up_what_is_open(office: Office) -> None:
    account, _ = await office.open_account()
    issued = await office.issue(account.account_id)
    result = await office.service.write_off(account.account_id, [issued.invoice_id], "gone abroad", "sanne", "cmd-9")
    assert (result.open_minor, result.settled_invoice_ids) == (0, (issued.invoice_id,))
    with pytest.raises(UnableToWriteOff):
        await office.service.write_off(account.account_id, [issued.invoice_id], "gone abroad", "sanne", "cmd-10")
