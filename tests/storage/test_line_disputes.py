"""Disputes of a line: its part is not pursued, the rest is; the credit is of that line, with its VAT."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from billing.adapters.pdf.statement import StatementPdf
from billing.domain.errors import InvalidValue, NotFound
from billing.messages.account import CommandResult
from billing.messages.invoicing import AdjustBalanceRequest, WaiveInvoiceRequest
from billing.persistence.invariants import broken_rules
from billing.ports.documents import InvoiceDocument
from billing.services.account_statements import StatementService
from billing.services.disputable import UnableToDispute
from billing.services.disputes import DisputeService
from billing.services.owed_lines import owed_by_line
from tests.builders_invoicing import VOICE_PLAN, Office, an_office

POSTAGE = {"code": "post", "name": "Postage", "model": "recurring", "fee": "5.00", "tax_code": "zero"}
TWO_RATES = VOICE_PLAN | {"prices": [*VOICE_PLAN["prices"], POSTAGE]}


@dataclass
class CreditingProcess:
    """The account's process as far as a dispute needs it: it credits by the real service."""

    office: Office
    account_id: str = ""

    async def signal(self, workflow_id: str, signal: str, payload: Any) -> None:
        pass

    async def command(self, workflow_id: str, update: str, command: Any) -> CommandResult:
        request = WaiveInvoiceRequest(
            self.account_id,
            command.invoice_id,
            command.reason,
            command.author,
            command.command_id,
            command.amount_minor,
            command.line_position,
        )
        result = await self.office.service.waive_invoice(request)
        return CommandResult(command.command_id, accepted=True, summary=result.explanation)


class Debt:
    """A fee of 20.00, calls of 3.00 and postage of 5.00 without VAT, ten percent off everything."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.process = CreditingProcess(office)
        self.disputes = DisputeService(office.work, office.clock, self.process)

    async def bill(self) -> None:
        account, _ = await self.office.open_account(
            discounts=[{"code": "ten", "name": "Ten percent off", "percent": "10"}]
        )
        self.account_id = self.process.account_id = account.account_id
        await self.office.service.adjust_balance(
            AdjustBalanceRequest(account.account_id, 300, "Calls", "outage", "sanne", "calls")
        )
        self.invoice_id = (await self.office.issue(account.account_id)).invoice_id

    async def document(self) -> InvoiceDocument:
        return await self.office.service.document(self.account_id, self.invoice_id)

    async def place_of(self, description: str) -> int:
        lines = (await self.document()).lines
        return next(place for place, line in enumerate(lines, 1) if line.description == description)

    async def dispute(self, description: str, amount_minor: int = 0, reason: str = "not mine") -> Any:
        line_id = f"{self.invoice_id}.{await self.place_of(description)}"
        return await self.disputes.open(self.account_id, self.invoice_id, amount_minor, reason, "Robin", line_id)


@pytest.fixture
async def debt(database_url: str) -> AsyncIterator[Debt]:
    async with an_office(database_url, plan=TWO_RATES) as office:
        made = Debt(office)
        await made.bill()
        yield made


async def test_lines_are_owed_exactly_what_the_invoice_comes_to(debt: Debt) -> None:
    document = await debt.document()
    owed = owed_by_line(document.lines, document.taxes, document.brand.tax_table)
    assert sum(one.gross_minor or 0 for one in owed) == document.invoice.total_minor
    by_name = {one.line.description: one.gross_minor for one in owed}
    assert by_name["Vonk Basis"] == 2178  # 20.00 less 10 %, and 21 % on it
    assert by_name["Postage"] == 450
    assert by_name["Ten percent off"] == 0


async def test_only_the_lines_part_is_disputed_and_said_so(debt: Debt) -> None:
    dispute = await debt.dispute("Calls")
    assert (dispute.amount_minor, dispute.line_description) == (327, "Calls")
    document = await debt.document()
    assert (document.disputed_minor, document.open_minor) == (327, 2178 + 327 + 450)
    async with debt.office.work() as work:
        (entry,) = [one for one in await work.timeline.of(debt.account_id) if one.kind == "dispute_opened"]
    assert "3.27 EUR of 'Calls'" in entry.summary
    assert entry.reason["line_id"] == dispute.line_id
    statements = StatementService(debt.office.work, debt.office.clock, StatementPdf())
    (item,) = (await statements.statement(debt.account_id)).open_items
    assert (item.disputed_minor, [one.line_id for one in item.disputes]) == (327, [dispute.line_id])


async def test_the_same_line_again_is_the_same_dispute_or_refused(debt: Debt) -> None:
    first = await debt.dispute("Calls")
    assert await debt.dispute("Calls") == first
    with pytest.raises(UnableToDispute):
        await debt.dispute("Calls", reason="another reason")
    with pytest.raises(InvalidValue):
        await debt.dispute("Postage", 451)
    part = await debt.dispute("Postage", 200)
    rest = await debt.dispute("Postage", reason="the rest")
    assert (part.amount_minor, rest.amount_minor) == (200, 250)


@pytest.mark.parametrize("description", ["Ten percent off"])
async def test_a_discount_is_no_line_to_dispute(debt: Debt, description: str) -> None:
    with pytest.raises(UnableToDispute):
        await debt.dispute(description)


async def test_a_line_that_is_not_there_is_refused(debt: Debt) -> None:
    with pytest.raises(NotFound):
        await debt.disputes.open(debt.account_id, debt.invoice_id, 0, "not mine", "Robin", f"{debt.invoice_id}.99")
    with pytest.raises(InvalidValue):
        await debt.disputes.open(debt.account_id, debt.invoice_id, 0, "not mine", "Robin", "inv_99.1")


async def test_an_accepted_line_is_credited_with_its_own_vat(debt: Debt) -> None:
    dispute = await debt.dispute("Postage")
    closed = await debt.disputes.close(debt.account_id, dispute.dispute_id, "accepted", "never sent", "Kim")
    assert closed.status == "accepted"
    document = await debt.document()
    assert (document.disputed_minor, document.open_minor) == (0, 2178 + 327)
    async with debt.office.work() as work:
        notes = [one for one in await work.invoices.of_account(debt.account_id) if one.kind == "credit_note"]
        (line,) = await work.invoices.lines(debt.account_id, notes[0].invoice_id)
    assert (notes[0].net_minor, notes[0].vat_minor) == (450, 0)
    assert line.description.endswith(": Postage")
    with pytest.raises(UnableToDispute):
        await debt.dispute("Postage", reason="and once more")
    assert await broken_rules(debt.office.engine) == []


async def test_a_refused_line_is_owed_again_and_may_be_disputed_again(debt: Debt) -> None:
    dispute = await debt.dispute("Calls")
    await debt.disputes.close(debt.account_id, dispute.dispute_id, "rejected", "you called", "Kim")
    assert (await debt.document()).disputed_minor == 0
    assert (await debt.dispute("Calls", reason="look again")).amount_minor == 327


async def test_what_was_credited_before_at_the_lines_rate_is_taken_from_the_others(debt: Debt) -> None:
    dispute = await debt.dispute("Postage")
    total = (await debt.document()).invoice.total_minor
    await debt.office.service.waive_invoice(
        WaiveInvoiceRequest(debt.account_id, debt.invoice_id, "goodwill", "sanne", "c-1", total - 450)
    )
    await debt.disputes.close(debt.account_id, dispute.dispute_id, "accepted", "never sent", "Kim")
    document = await debt.document()
    async with debt.office.work() as work:
        notes = [one for one in await work.invoices.of_account(debt.account_id) if one.kind == "credit_note"]
    assert document.open_minor == 0
    assert sum(one.vat_minor for one in notes) == document.invoice.vat_minor
    assert await broken_rules(debt.office.engine) == []
