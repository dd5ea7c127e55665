"""Opening accounts and looking at them: one row, one first cycle, one workflow."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from billing.domain.banking_days import public_holidays
from billing.domain.cycle_calendar import CycleDay, local_date
from billing.domain.cycle_plan import CyclePlan
from billing.domain.discount import Discount
from billing.domain.errors import Conflict, InvalidValue
from billing.messages.ending import AccountClosed, EndAccountRequest
from billing.ports.accounts import Account, Brand, Service, TimelineEntry
from billing.ports.clock import BusinessClock
from billing.ports.process import Process
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.ports.usage_intake import ServicePlan
from billing.services.account_recovery import state_from_books
from billing.services.invoicing_cycles import open_first_cycle
from billing.services.plan_periods import plan_at
from billing.services.reach_checks import refuse_unusable_channels, usable_locale
from billing.services.subscribing import NewService, phone_number, subscribe
from billing.services.write_offs import write_off_small_rest


@dataclass(frozen=True)
class NewAccount:
    """Who will pay. ``cycle_day`` None: the activation day. ``activated_at`` None: now; it may lie in the past."""

    brand: str
    number: str
    customer_name: str
    customer_kind: str = "consumer"
    company: str = ""
    vat_number: str = ""
    email: str = ""
    mobile: str = ""
    postal_address: dict[str, str] = field(default_factory=dict)
    country: str = ""
    locale: str = ""
    cycle_day: int | None = None
    activated_at: datetime | None = None
    notice_channels: dict[str, Any] = field(default_factory=dict)
    discounts: tuple[dict[str, Any], ...] = ()
    segment: str = "standard"
    services: tuple[NewService, ...] = ()


class AccountService:
    """Accounts with their services. The workflow is started after the row is committed; upkeep repairs a gap."""

    def __init__(
        self, make_work: UnitOfWorkFactory, clock: BusinessClock, process: Process, spread_seconds: int = 0
    ) -> None:
        self._make_work = make_work
        self._clock = clock
        self._process = process
        self._spread_seconds = spread_seconds

    async def open(self, new: NewAccount, author: str) -> Account:
        """Open an account and start its workflow. Opening the same number again with the same customer repeats safely.

        Raises InvalidValue for a field that cannot be used, Conflict for a number that is another customer's.
        """
        async with self._make_work() as work:
            brand = await work.accounts.brand(new.brand)
            values = _account_values(new, brand, new.activated_at or self._clock.now())
            known = await work.accounts.by_number(new.brand, new.number)
            if known is None:
                known = await self._write(work, new, brand, values, author)
                await work.commit()
            elif known.customer_name != new.customer_name:
                raise _number_taken(new)
        await self.ensure_workflow(known)
        return known

    async def _write(
        self, work: UnitOfWork, new: NewAccount, brand: Brand, values: dict[str, Any], author: str
    ) -> Account:
        account = await work.accounts.add(values)
        for service in new.services:
            await subscribe(work, account, service, service.active_from or account.activated_at)
        plan = await open_first_cycle(work, account, brand, account.activated_at)
        await work.timeline.add(_opened(account, plan, self._clock.now(), author))
        return account

    async def ensure_workflow(self, account: Account) -> None:
        """Start the account's workflow unless it runs, with everything that the books say is open."""
        segment, now = self._clock.segment(), self._clock.now()
        async with self._make_work() as work:
            state = await state_from_books(work, account, segment, self._offset(account), now)
        if state is not None:
            await self._process.start_account(state)

    def _offset(self, account: Account) -> int:
        """This account's place in the billing window of its day: a hash, so that one day's accounts are spread."""
        if not self._spread_seconds:
            return 0
        return zlib.crc32(f"{account.brand}/{account.number}".encode()) % self._spread_seconds

    async def end(self, request: EndAccountRequest) -> AccountClosed:
        """Mark a closing account closed, once its last amount is settled or handed over. Safe to repeat.

        What is left and too little to be paid by itself is written off: no bill follows that could take it.
        """
        now = self._clock.now()
        async with self._make_work() as work:
            account = await work.accounts.lock(request.account_id)
            if account.status != "closed":
                await write_off_small_rest(work, account, now)
                await work.accounts.change(account.account_id, {"status": "closed"})
                reason = {"rule": "a closed account ends when nothing is open or a person has the rest"}
                entry = TimelineEntry(account.account_id, now, "account_ended", "The account has ended", reason)
                await work.timeline.add(entry)
                await work.commit()
        return AccountClosed(account.account_id, account.closed_at or now)

    async def get(self, account_id: str) -> Account:
        async with self._make_work() as work:
            return await work.accounts.get(account_id)

    async def services_of(self, account_id: str) -> Sequence[Service]:
        """All lines, each with the plan it has now."""
        now = self._clock.now()
        async with self._make_work() as work:
            await work.accounts.get(account_id)
            services = await work.accounts.services(account_id)
            periods = await work.usage.service_plans([account_id])
        return [_with_plan_at(service, periods, now) for service in services]

    async def timeline(self, account_id: str, limit: int = 500) -> Sequence[TimelineEntry]:
        async with self._make_work() as work:
            await work.accounts.get(account_id)
            return await work.timeline.of(account_id, limit)


def _with_plan_at(service: Service, periods: Sequence[ServicePlan], at: datetime) -> Service:
    plan = plan_at(periods, service.service_id, at)
    return service if plan is None else replace(service, plan_code=plan.plan_code, plan_version=plan.plan_version)


def _account_values(new: NewAccount, brand: Brand, activated_at: datetime) -> dict[str, Any]:
    day = CycleDay(new.cycle_day) if new.cycle_day is not None else local_date(activated_at, brand.zone).day
    _check_discounts(new.discounts, brand)
    refuse_unusable_channels(new.notice_channels, of_brand=False)
    public_holidays(new.country, activated_at.year)
    if new.customer_kind not in ("consumer", "business"):
        raise InvalidValue(
            "A customer is a consumer or a business.",
            field="customer_kind",
            value=new.customer_kind,
            remedy="Use consumer or business.",
        )
    return {
        "brand": brand.brand,
        "number": new.number,
        "status": "active",
        "customer_kind": new.customer_kind,
        "customer_name": new.customer_name,
        "company": new.company,
        "vat_number": new.vat_number,
        "email": new.email,
        "mobile": phone_number(new.mobile, brand.country, "mobile") if new.mobile else "",
        "postal_address": new.postal_address,
        "country": new.country or brand.country,
        "locale": usable_locale(new.locale or brand.locale),
        "zone": brand.zone,
        "cycle_day": day,
        "notice_channels": new.notice_channels,
        "discounts": list(new.discounts),
        "segment": new.segment,
        "activated_at": activated_at,
    }


def _check_discounts(discounts: Sequence[dict[str, Any]], brand: Brand) -> None:
    for place, definition in enumerate(discounts):
        discount = Discount.from_dict(definition, f"discounts[{place}]")
        if discount.currency not in ("", brand.currency):
            raise InvalidValue(
                f"The brand {brand.brand} bills in {brand.currency}.",
                field=f"discounts[{place}].currency",
                value=discount.currency,
                remedy=f"Leave it out, or use {brand.currency}.",
            )


def _opened(account: Account, plan: CyclePlan, now: datetime, author: str) -> TimelineEntry:
    return TimelineEntry(
        account.account_id,
        now,
        "account_opened",
        f"Account {account.number} opened; cycle day {account.cycle_day}, first invoice on {plan.invoice_date}",
        {
            "rule": "the first cycle starts on activation; no pro rata",
            "activated_at": account.activated_at.isoformat(),
            "closes_at": plan.closes_at.isoformat(),
        },
        author,
    )


def _number_taken(new: NewAccount) -> Conflict:
    return Conflict(
        f"The account number {new.number} is taken in brand {new.brand}.",
        field="number",
        value=new.number,
        remedy="Use another number.",
    )
