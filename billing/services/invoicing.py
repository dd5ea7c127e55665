"""Issuing invoices: one per account and cycle, numbered without holes, booked in the transaction that issues it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from billing.domain import ledger as books
from billing.domain.cycle_calendar import local_date
from billing.domain.cycle_plan import CyclePlan
from billing.domain.discount import Discount
from billing.domain.errors import UnableTo
from billing.domain.invoice import DocumentKind, InvoiceBreakdown, build_invoice
from billing.domain.tax import TaxedCustomer, TaxTable
from billing.messages.invoicing import IssuedInvoice, IssueInvoiceRequest
from billing.messages.payments import MethodKind
from billing.ports.accounts import Account, Brand, Cycle, TimelineEntry
from billing.ports.invoicing import Invoice
from billing.ports.unit_of_work import UnitOfWork
from billing.services import invoicing_cycles as cycles
from billing.services.corrections import Corrections
from billing.services.invoice_document import InvoiceDocuments
from billing.services.invoicing_changes import CycleChanges
from billing.services.invoicing_charges import Charges, charges_of
from billing.services.invoicing_collecting import Collecting, decide_collecting, use_credit
from billing.services.invoicing_commands import InvoicingUseCases
from billing.services.invoicing_grants import carry_grants
from billing.services.invoicing_numbers import customer_as_printed, series_of, taxes_of
from billing.services.planned_methods import PlannedMethod, planned_method
from billing.services.usage_plans import PlanShelf


class UnableToIssueInvoice(UnableTo):
    """The cycle cannot be billed yet."""


@dataclass(frozen=True)
class _Billing:
    """What one issue is about."""

    account: Account
    brand: Brand
    cycle: Cycle
    plan: CyclePlan
    now: datetime

    @property
    def zone(self) -> str:
        return self.plan.zone


class InvoiceIssuing(InvoicingUseCases):
    """Bills closed cycles."""

    async def issue_invoice(self, request: IssueInvoiceRequest) -> IssuedInvoice:
        """Issue the invoice of a closed cycle and open the next one; the same request again answers the same invoice.

        Raises UnableToIssueInvoice before the cycle has closed or while an earlier one is unbilled.
        """
        await self._fence(request)
        async with self._make_work() as work:
            account = await work.accounts.lock(request.account_id)
            cycle = await work.accounts.lock_cycle(request.account_id, request.cycle_number)
            issued = await work.invoices.of_cycle(request.account_id, request.cycle_number)
            if issued is not None:
                return await _answer(work, account, issued)
            billing = await self._prepare(work, account, cycle, request)
            invoice = await _issue(work, self._shelf, billing)
            await work.commit()  # before reading the answer: the number series is locked until here
            return await _answer(work, account, invoice)

    async def _fence(self, request: IssueInvoiceRequest) -> None:
        """From here on usage of the cycle is late, and what was being taken in before has been counted."""
        now = self._clock.now()
        async with self._make_work() as work:
            cycle = await work.accounts.lock_cycle(request.account_id, request.cycle_number)
            if cycle.status != cycles.OPEN or now < cycle.closes_at:
                return
            await work.accounts.change_cycle(cycle.account_id, cycle.cycle_number, {"fenced_at": now})
            await work.commit()
        async with self._make_work() as work:
            await work.usage.wait_for_intake()

    async def _prepare(
        self, work: UnitOfWork, account: Account, cycle: Cycle, request: IssueInvoiceRequest
    ) -> _Billing:
        now = self._clock.now()
        await _refuse_early(work, cycle, now)
        brand = await work.accounts.brand(account.brand)
        debit_at = CyclePlan.from_dict(dict(cycle.plan)).debit_at
        method = await planned_method(work, account.account_id, max(now, debit_at))
        if request.in_dunning:
            method = PlannedMethod(MethodKind.NONE)
        return _Billing(account, brand, cycle, cycles.plan_at_issue(cycle, brand, method, now), now)


async def _refuse_early(work: UnitOfWork, cycle: Cycle, now: datetime) -> None:
    oldest = await work.accounts.open_cycle(cycle.account_id)
    if now < cycle.closes_at or cycle.status != cycles.OPEN:
        raise UnableToIssueInvoice(
            f"Cycle {cycle.cycle_number} of {cycle.account_id} cannot be billed: it is {cycle.status} and closes at "
            f"{cycle.closes_at.isoformat()}.",
            field="cycle_number",
            value=cycle.cycle_number,
            remedy="Issue its invoice after it has closed.",
        )
    if oldest is not None and oldest.cycle_number < cycle.cycle_number:
        raise UnableToIssueInvoice(
            f"Cycle {oldest.cycle_number} of {cycle.account_id} is not billed yet.",
            field="cycle_number",
            value=cycle.cycle_number,
            remedy=f"Issue the invoice of cycle {oldest.cycle_number} first.",
        )


async def _issue(work: UnitOfWork, shelf: PlanShelf, billing: _Billing) -> Invoice:
    charges = await charges_of(work, shelf, billing.cycle, billing.zone)
    breakdown = _breakdown(billing, charges)
    invoice_id = await work.invoices.next_invoice_id()
    draft = _draft(billing, breakdown, invoice_id)
    collecting = await _book(work, billing, draft)
    draft = replace(
        draft,
        to_collect_minor=collecting.to_collect_minor,
        collect_invoice_ids=collecting.invoice_ids,
        explanation=collecting.explanation,
    )
    await _close_cycle(work, billing, charges, invoice_id)
    await carry_grants(work, shelf, billing.cycle, billing.zone, charges.rated, billing.now)
    series = series_of(billing.brand.brand, DocumentKind.INVOICE, draft.invoice_date)
    invoice = await work.invoices.add(draft, series, breakdown.lines, taxes_of(breakdown.tax))
    await work.timeline.add(_what_happened(billing, invoice, breakdown))
    return invoice


def _breakdown(billing: _Billing, charges: Charges) -> InvoiceBreakdown:
    account, brand = billing.account, billing.brand
    return build_invoice(
        charges.lines,
        [Discount.from_dict(each, f"discounts[{place}]") for place, each in enumerate(account.discounts)],
        TaxTable.from_dict(brand.tax_table, "tax_table"),
        TaxedCustomer(account.country, account.vat_number),
        brand.currency,
        billing.plan.invoice_date,
    )


def _draft(billing: _Billing, breakdown: InvoiceBreakdown, invoice_id: str) -> Invoice:
    """The document without its number, which is taken last."""
    plan = billing.plan
    return Invoice(
        account_id=billing.account.account_id,
        invoice_id=invoice_id,
        kind=DocumentKind.INVOICE.value,
        number="",
        brand=billing.brand.brand,
        invoice_date=plan.invoice_date,
        due_on=plan.debit_on,
        period_from=local_date(plan.opens_at, plan.zone),
        period_to=plan.invoice_date,
        issued_at=billing.now,
        currency=breakdown.currency,
        net_minor=breakdown.net.amount_minor,
        vat_minor=breakdown.vat.amount_minor,
        total_minor=breakdown.gross.amount_minor,
        method_kind=plan.method_kind.value,
        cycle_number=billing.cycle.cycle_number,
        customer=customer_as_printed(billing.account),
    )


async def _book(work: UnitOfWork, billing: _Billing, draft: Invoice) -> Collecting:
    if draft.total_minor or draft.net_minor:
        await work.ledger.post(
            books.invoice_issued(
                draft.account_id, draft.invoice_id, billing.now, draft.net_minor, draft.vat_minor, draft.currency
            )
        )
    credit_used = await use_credit(work, draft, billing.brand.minimum_charge_minor, billing.now)
    collecting = await decide_collecting(
        work,
        draft,
        billing.brand.minimum_charge_minor,
        credit_used,
        billing.now,
        last=cycles.is_last(billing.cycle, billing.account),
    )
    if not collecting.is_carried_over:
        announced = dict.fromkeys((draft.invoice_id, *collecting.invoice_ids))
        await work.invoices.collect_with(draft.account_id, list(announced), draft.invoice_id)
    return collecting


async def _close_cycle(work: UnitOfWork, billing: _Billing, charges: Charges, invoice_id: str) -> None:
    """Fence the cycle, mark what the invoice bills, and write the cycle after the next."""
    account_id, cycle = billing.account.account_id, billing.cycle
    await work.accounts.change_cycle(
        account_id,
        cycle.cycle_number,
        {
            "status": cycles.ISSUED,
            "invoice_id": invoice_id,
            "plan": billing.plan.to_dict(),
            "debit_on": billing.plan.debit_on,
        },
    )
    if charges.adjustments:
        adjustment_ids = [each.adjustment_id for each in charges.adjustments]
        await work.invoices.bill_adjustments(account_id, adjustment_ids, invoice_id)
    if charges.late_ids:
        await work.usage.mark_late_billed(account_id, charges.late_ids, invoice_id)
    for number in charges.late_cycles:
        # From here on it is billed by the plans as they are now.
        await work.accounts.change_cycle(account_id, number, {"billed_periods": None})
    if not cycles.is_last(cycle, billing.account):
        await cycles.open_following(work, billing.account, cycle, billing.brand, billing.now)


async def _answer(work: UnitOfWork, account: Account, invoice: Invoice) -> IssuedInvoice:
    """The result from what is stored, so that a repeated request answers the same."""
    number = invoice.cycle_number or 0
    stored = {cycle.cycle_number: cycle for cycle in await work.accounts.cycles(account.account_id)}
    following = None if cycles.is_last(stored[number], account) else stored.get(number + 1)
    return IssuedInvoice(
        invoice_id=invoice.invoice_id,
        number=invoice.number,
        total_minor=invoice.total_minor,
        currency=invoice.currency,
        to_collect_minor=invoice.to_collect_minor,
        collect_invoice_ids=tuple(invoice.collect_invoice_ids),
        method=MethodKind(invoice.method_kind),
        plan=CyclePlan.from_dict(dict(stored[number].plan)),
        next_plan=None if following is None else CyclePlan.from_dict(dict(following.plan)),
        explanation=invoice.explanation,
    )


def _what_happened(billing: _Billing, invoice: Invoice, breakdown: InvoiceBreakdown) -> TimelineEntry:
    return TimelineEntry(
        invoice.account_id,
        billing.now,
        "invoice_issued",
        f"Invoice {invoice.number} of cycle {invoice.cycle_number}. {invoice.explanation}",
        {
            "rule": "one invoice per account and cycle",
            "invoice_id": invoice.invoice_id,
            "cycle_number": invoice.cycle_number,
            "net_minor": invoice.net_minor,
            "vat_minor": invoice.vat_minor,
            "total_minor": invoice.total_minor,
            "discounts": [each.explanation for each in breakdown.discounts.applied],
            "discounts_not_applied": {each.code: each.reason for each in breakdown.discounts.skipped},
            "vat": [rate.explanation for rate in breakdown.tax.rates],
            "method_kind": invoice.method_kind,
            "due_on": invoice.due_on.isoformat(),
            "to_collect_minor": invoice.to_collect_minor,
            "collect_invoice_ids": list(invoice.collect_invoice_ids),
        },
    )


class InvoicingService(InvoiceIssuing, Corrections, CycleChanges, InvoiceDocuments):
    """All use cases of invoicing."""
