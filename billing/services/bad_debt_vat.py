"""VAT of bad debts in the books: taken back for what is given up, owed again for what comes in after all.

What should be taken back of each invoice follows from what of it is still given up; the difference to what was taken
back is booked, in one entry per cause. So it may be looked at after every change, and by upkeep when an invoice becomes
old enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from billing.domain import ledger as books
from billing.domain.bad_debt_relief import ReliefRule, vat_of_part
from billing.domain.cycle_calendar import local_date
from billing.domain.money import Money
from billing.ports.accounts import TimelineEntry
from billing.ports.clock import BusinessClock
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.bad_debt_rules import relief_of


async def settle_vat_of_bad_debts(work: UnitOfWork, account_id: str, cause: str, now: datetime) -> int:
    """Bring the VAT taken back to what the brand's rule says; how many minor units it changed.

    ``cause`` names the entry. The account must be locked. A brand without a rule takes nothing more back, and what
    comes in is owed again all the same.
    """
    account = await work.accounts.get(account_id)
    brand = await work.accounts.brand(account.brand)
    entries = await work.ledger.entries(account_id)
    given_up, taken_back = books.still_written_off(entries), books.vat_taken_back(entries)
    if not given_up and not taken_back:
        return 0
    rule = relief_of(brand.bad_debt_relief)
    today = local_date(now, account.zone)
    changes: dict[str, int] = {}
    for invoice_id in sorted({*given_up, *taken_back}):
        now_minor = taken_back.get(invoice_id, 0)
        wanted = await _wanted(work, account_id, invoice_id, given_up.get(invoice_id, 0), rule, today, now_minor)
        if wanted != now_minor:
            changes[invoice_id] = wanted - now_minor
    if not changes:
        return 0
    rule_name = "" if rule is None else rule.code
    await work.ledger.post(books.vat_of_bad_debt(account_id, cause, now, changes, brand.currency, rule_name))
    await _tell(work, account_id, changes, brand.currency, rule, now)
    return sum(changes.values())


async def _wanted(
    work: UnitOfWork,
    account_id: str,
    invoice_id: str,
    given_up_minor: int,
    rule: ReliefRule | None,
    today: date,
    taken_back_minor: int,
) -> int:
    """What should be taken back of an invoice; never more than now while it is too young, or without a rule."""
    invoice = await work.invoices.get(account_id, invoice_id)
    credited = await work.invoices.credited_taxes(account_id, invoice_id)
    vat_minor = invoice.vat_minor - sum(one.vat_minor for one in credited)
    net_minor = invoice.net_minor - sum(one.net_minor for one in credited)
    most = vat_of_part(given_up_minor, vat_minor, net_minor + vat_minor)
    if rule is None or rule.why_not(net_minor, invoice.due_on, today):
        return min(most, taken_back_minor)
    return most


async def _tell(
    work: UnitOfWork, account_id: str, changes: Mapping[str, int], currency: str, rule: ReliefRule | None, now: datetime
) -> None:
    total = sum(changes.values())
    amount = Money(abs(total), currency)
    summary = f"VAT of bad debts: {amount} {'taken back from the state' if total > 0 else 'owed to the state again'}"
    told = {
        "vat_minor": dict(changes),
        "rule": "" if rule is None else rule.says,
        "source": rule.source if rule else "",
    }
    await work.timeline.add(TimelineEntry(account_id, now, "vat_of_bad_debt", summary, told))


class BadDebtVat:
    """For upkeep: invoices that were given up before they were old enough, once a day."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock) -> None:
        self._make_work = make_work
        self._clock = clock
        self._looked_on: date | None = None

    async def look_after(self) -> int:
        """On how many accounts VAT was taken back; a day that was looked at is over."""
        now = self._clock.now()
        if self._looked_on == now.date():
            return 0
        async with self._make_work() as work:
            brands = [one.brand for one in await work.accounts.brands() if one.bad_debt_relief]
            accounts = await work.ledger.accounts_with_write_offs(brands) if brands else ()
        changed = 0
        for account_id in accounts:
            async with self._make_work() as work:
                await work.accounts.lock(account_id)
                cause = f"vat-{now:%Y%m%d}"
                changed += await settle_vat_of_bad_debts(work, account_id, cause, now) != 0
                await work.commit()
        self._looked_on = now.date()
        return changed
