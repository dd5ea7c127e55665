"""Mandates that nobody used for 36 months have ended by the scheme's rules; upkeep ends them in the books too.

Source: SEPA direct debit rulebooks (EPC016-06), 4.1: a creditor cancels a mandate under which nothing was collected for
36 months.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from billing.domain.bank_debit import MANDATE_LIVES_MONTHS, months_between
from billing.domain.cycle_calendar import local_date
from billing.ports.accounts import Account, TimelineEntry
from billing.ports.bank_files import BankAccount
from billing.ports.clock import BusinessClock
from billing.ports.payments import MandateStatus, MethodStatus
from billing.ports.process import Process
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.bank_mandate_history import history_of
from billing.services.bank_mandates import tell_of_method

_MOST_AT_ONCE = 200
_ENDED_BY = "not used for 36 months"


class OldMandates:
    """Ends them, and lets the account's process look for another way to be paid."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock, process: Process) -> None:
        self._make_work = make_work
        self._clock = clock
        self._process = process
        self._looked_on: date | None = None

    async def end(self) -> int:
        """How many ended in this round; a day that was looked at is over."""
        now = self._clock.now()
        if self._looked_on == now.date():
            return 0
        latest = _months_before(now.date(), MANDATE_LIVES_MONTHS)
        async with self._make_work() as work:
            found = await work.bank_files.unused_since(latest, _MOST_AT_ONCE)
        ended = 0
        for account_id, method_id in found:
            async with self._make_work() as work:
                account = await work.accounts.lock(account_id)
                is_over = await self._end(work, account, method_id)
                await work.commit()
            if is_over:
                await tell_of_method(self._process, account, method_id, now)
                ended += 1
        if len(found) < _MOST_AT_ONCE:
            self._looked_on = now.date()
        return ended

    async def _end(self, work: UnitOfWork, account: Account, method_id: str) -> bool:
        """False for a mandate that was amended lately: it was used under its account of before."""
        now = self._clock.now()
        method = await work.payments.method(account.account_id, method_id)
        kept = await work.bank_files.account(account.account_id, method_id)
        last_on = await _last_used(work, kept)
        today = local_date(now, account.zone)
        if method.status != MethodStatus.USABLE or months_between(last_on, today) < MANDATE_LIVES_MONTHS:
            return False
        blocked = {"status": MethodStatus.BLOCKED, "blocked_reason": _ENDED_BY}
        await work.payments.change_method(account.account_id, method_id, blocked)
        mandate = await work.payments.mandate(account.account_id, method_id)
        if mandate is not None:
            ended = replace(mandate, status=MandateStatus.INACTIVE, ended_by=_ENDED_BY)
            await work.payments.put_mandate(ended)
        summary = f"Mandate {kept.mandate_reference} has ended: it was last used on {last_on}."
        reason = {
            "rule": f"a mandate not used for {MANDATE_LIVES_MONTHS} months has ended (SEPA rulebook)",
            "method_id": method_id,
            "last_used_on": last_on.isoformat(),
        }
        await work.timeline.add(TimelineEntry(account.account_id, now, "mandate_expired", summary, reason))
        return True


async def _last_used(work: UnitOfWork, kept: BankAccount) -> date:
    history = await history_of(work, kept)
    return max(kept.signed_on, history.last_on or kept.signed_on)


def _months_before(day: date, months: int) -> date:
    """The same day so many months before, or the last one of that month."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, last)
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")
