"""Dunning fees: booked once per case and occasion, as a line of the next invoice, with the right VAT; or waived.

A fee is never booked into arrears by itself: it is billed, numbered and explained like every other charge. Where there
is no next invoice, or the brand has no such tax code, nothing is charged and the timeline says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.domain.dunning_ladder import DunningPolicy
from billing.domain.errors import UnableTo
from billing.domain.ledger import still_written_off
from billing.domain.money import Money
from billing.domain.tax import TaxTable
from billing.ports.accounts import TimelineEntry
from billing.ports.arrangements import Fee
from billing.ports.clock import BusinessClock
from billing.ports.dunning import Case
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.fee_words import ENGLISH, RECONNECTION, REMINDER, fee_name


class UnableToWaiveFee(UnableTo):
    """There is no charge to waive."""


@dataclass(frozen=True)
class _Charge:
    """One fee to book."""

    case: Case
    kind: str
    occasion: str
    amount_minor: int
    tax_code: str
    rule: str


async def charge_reminder(work: UnitOfWork, case: Case, policy: DunningPolicy, step: str, now: datetime) -> None:
    """The fee of a reminder that left: by the policy's price, less what is free and what the case's bound leaves."""
    fees = [one for one in await work.arrangements.fees(case.account_id) if one.case_id == case.case_id]
    charged = [one.amount_minor for one in fees if one.kind == REMINDER and one.waived_at is None]
    before = sum(name.startswith("reminder@") for name in case.steps_done if name != step)
    amount_minor = policy.fees.of_reminder(before, sum(charged))
    if amount_minor:
        rule = f"policy {policy.code} version {policy.version}: reminder {before + 1} of the case"
        await _book(work, _Charge(case, REMINDER, step, amount_minor, policy.fees.reminder_tax_code, rule), now)


async def charge_reconnection(work: UnitOfWork, case: Case, policy: DunningPolicy, now: datetime) -> None:
    """The fee for lifting what this case barred; nothing without a confirmed bar, or when the debt was given up."""
    given_up = still_written_off(await work.ledger.entries(case.account_id))
    if any(one in given_up for one in case.invoice_ids):
        return
    own = [one for one in await work.barring.orders(case.account_id) if one.order_id.startswith(f"{case.case_id}-")]
    barred = any(one.level not in ("none", "") and one.outcome == "confirmed" for one in own)
    if barred and policy.fees.reconnection_minor:
        rule = f"policy {policy.code} version {policy.version}: services were barred and are restored"
        fee, tax_code = policy.fees.reconnection_minor, policy.fees.reconnection_tax_code
        await _book(work, _Charge(case, RECONNECTION, "restored", fee, tax_code, rule), now)


async def _book(work: UnitOfWork, charge: _Charge, now: datetime) -> None:
    account = await work.accounts.get(charge.case.account_id)
    brand = await work.accounts.brand(account.brand)
    amount = Money(charge.amount_minor, brand.currency)
    note = await _why_not(work, charge, TaxTable.from_dict(brand.tax_table, "tax_table"))
    values = {
        "account_id": account.account_id,
        "case_id": charge.case.case_id,
        "kind": charge.kind,
        "occasion": charge.occasion,
        "amount_minor": charge.amount_minor,
        "currency": brand.currency,
        "tax_code": charge.tax_code,
        "note": note,
        "charged_at": now,
    }
    fee = await work.arrangements.add_fee(values)
    if fee is None:
        return
    if not note:
        name = fee_name(charge.kind, account, brand)
        adjustment_id = await _add_line(work, fee, charge.amount_minor, name, charge.rule, "evenflow", now)
        await work.arrangements.change_fee(account.account_id, fee.fee_id, {"adjustment_id": adjustment_id})
    summary = f"{ENGLISH[charge.kind]} of {amount} {f'not charged: {note}' if note else 'on the next invoice'}"
    reason = {"rule": charge.rule, "case_id": charge.case.case_id, "fee_id": fee.fee_id, "tax_code": charge.tax_code}
    await work.timeline.add(TimelineEntry(account.account_id, now, "fee_charged", summary, reason))


async def _why_not(work: UnitOfWork, charge: _Charge, taxes: TaxTable) -> str:
    if not taxes.knows(charge.tax_code):
        return f"the brand's tax table has no code {charge.tax_code}"
    if await work.accounts.open_cycle(charge.case.account_id) is None:
        return "no invoice follows"
    return ""


async def _add_line(
    work: UnitOfWork, fee: Fee, amount_minor: int, description: str, reason: str, author: str, now: datetime
) -> str:
    line = await work.invoices.add_adjustment(
        {
            "account_id": fee.account_id,
            "amount_minor": amount_minor,
            "currency": fee.currency,
            "tax_code": fee.tax_code,
            "description": description,
            "reason": reason,
            "author": author,
            "created_at": now,
        }
    )
    return line.adjustment_id


class FeeService:
    """Shows fees and waives them."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock) -> None:
        self._make_work = make_work
        self._clock = clock

    async def all(self, account_id: str) -> Sequence[Fee]:
        """An account's fees, oldest first. Raises NotFound."""
        async with self._make_work() as work:
            await work.accounts.get(account_id)
            return await work.arrangements.fees(account_id)

    async def waive(self, account_id: str, fee_id: str, reason: str, author: str) -> Fee:
        """Take a fee back by a line of the same amount and tax on the next invoice; waiving again changes nothing.

        Raises NotFound, or UnableToWaiveFee for one that was never charged or has no next invoice to be taken back on.
        """
        async with self._make_work() as work:
            account = await work.accounts.lock(account_id)
            fee = await work.arrangements.fee(account_id, fee_id)
            if fee.waived_at is not None:
                return fee
            await _refuse_unwaivable(work, fee)
            now = self._clock.now()
            name = fee_name(fee.kind, account, await work.accounts.brand(account.brand), waived=True)
            await _add_line(work, fee, -fee.amount_minor, name, reason, author, now)
            values = {"waived_at": now, "waived_by": author, "waive_reason": reason}
            await work.arrangements.change_fee(account_id, fee_id, values)
            summary = f"{ENGLISH[fee.kind]} of {Money(fee.amount_minor, fee.currency)} waived"
            told = {"rule": "a person's decision", "fee_id": fee_id, "case_id": fee.case_id, "reason": reason}
            await work.timeline.add(TimelineEntry(account_id, now, "fee_waived", summary, told, author))
            waived = await work.arrangements.fee(account_id, fee_id)
            await work.commit()
        return waived


async def _refuse_unwaivable(work: UnitOfWork, fee: Fee) -> None:
    has_next = await work.accounts.open_cycle(fee.account_id) is not None
    if fee.adjustment_id is not None and has_next:
        return
    why = "was not charged" if fee.adjustment_id is None else "is billed, and no invoice follows"
    raise UnableToWaiveFee(
        f"The fee {fee.fee_id} {why}.",
        field="fee_id",
        value=fee.fee_id,
        remedy="Nothing is to be done." if fee.adjustment_id is None else "Waive part of the invoice instead.",
    )
