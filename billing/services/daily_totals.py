"""A provider's day held against the books: every movement by its reference, and the sums per currency.

Days and instants are the provider's own, real time. What was refunded and failed, or disputed and won, is money that
came back. Nothing is booked here: each movement that the books have otherwise is a case for a person, so is the day.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from billing.domain import identity
from billing.domain import staff_cases as kinds
from billing.domain.errors import InvalidValue, Refusal
from billing.domain.ledger import EntryKind
from billing.domain.money import Money
from billing.ports.clock import BusinessClock
from billing.ports.payment_provider import (
    MerchantFault,
    Movement,
    MovementKind,
    MovementSource,
    ProviderFault,
    Succeeded,
)
from billing.ports.provider_totals import ProviderTotals
from billing.ports.staff_cases import Cause
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory

FIRST_DAYS = timedelta(days=400)
MOST_ASKED_ABOUT = 50
MOST_DIFFERENCES = 500
_AT_ONCE = 1000
ENTRIES = {
    MovementKind.CHARGE: EntryKind.PAYMENT_RECEIVED,
    MovementKind.REFUND: EntryKind.REFUND_PAID,
    MovementKind.REFUND_FAILED: EntryKind.REVERSAL_WITHDRAWN,
    MovementKind.DISPUTE: EntryKind.PAYMENT_REVERSED,
    MovementKind.DISPUTE_WON: EntryKind.REVERSAL_WITHDRAWN,
}
_COLUMNS = {
    MovementKind.CHARGE: ("charged_minor", 1),
    MovementKind.REFUND: ("refunded_minor", 1),
    MovementKind.REFUND_FAILED: ("refunded_minor", -1),
    MovementKind.DISPUTE: ("disputed_minor", 1),
    MovementKind.DISPUTE_WON: ("disputed_minor", -1),
}
_MONEY_IN = (MovementKind.CHARGE, MovementKind.REFUND_FAILED, MovementKind.DISPUTE_WON)


class ProviderSilent(Refusal):
    """A provider's movements cannot be read just now."""


@dataclass
class _Sums:
    """One currency of a day while it is added up."""

    amounts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    differences: list[dict[str, Any]] = field(default_factory=list)


class DailyTotals:
    """Compares days; ``sources`` are the providers that list their movements."""

    def __init__(
        self,
        make_work: UnitOfWorkFactory,
        clock: BusinessClock,
        sources: Mapping[str, MovementSource],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._make_work = make_work
        self._clock = clock
        self._sources = sources
        self._now = now

    @property
    def providers(self) -> tuple[str, ...]:
        """The providers whose days can be compared."""
        return tuple(self._sources)

    async def totals(self, day: date | None = None, days: int = 31, provider: str = "") -> Sequence[ProviderTotals]:
        """What is kept of one day, or of the last ``days``."""
        self._refuse_unknown(provider)
        async with self._make_work() as work:
            if day is not None:
                return await work.provider_totals.of_day(day, provider)
            return await work.provider_totals.since(self._now().date() - timedelta(days=days), provider)

    async def compare(self, day: date, provider: str = "") -> Sequence[ProviderTotals]:
        """Hold a day against the books now, keep the totals, and open or close what needs a person.

        Raises InvalidValue for a day to come or too long ago, or a provider there is not; ProviderSilent.
        """
        self._refuse_unknown(provider)
        today = self._now().date()
        if not today - FIRST_DAYS <= day <= today:
            remedy = f"Use a day from {today - FIRST_DAYS} to {today}."
            raise InvalidValue("This day cannot be compared.", field="day", value=day.isoformat(), remedy=remedy)
        found: list[ProviderTotals] = []
        for name in [provider] if provider else self.providers:
            try:
                found += await self._compare(name, day)
            except ProviderFault as fault:
                remedy = "Try again later; a key or account that is refused must be mended first (`evenflow doctor`)."
                raise ProviderSilent(
                    f"The movements of {name} cannot be read: {type(fault).__name__}.",
                    field="provider",
                    value=name,
                    remedy=remedy,
                ) from fault
        return found

    def _refuse_unknown(self, provider: str) -> None:
        if provider and provider not in self._sources:
            remedy = f"Use one of: {', '.join(self._sources) or 'none'}."
            raise InvalidValue("No such payment provider.", field="provider", value=provider, remedy=remedy)

    async def _compare(self, provider: str, day: date) -> Sequence[ProviderTotals]:
        since = datetime.combine(day, time(), UTC)
        source = self._sources[provider]
        movements = [one async for one in source.list_movements(since, since + timedelta(days=1))]
        sums: dict[str, _Sums] = defaultdict(_Sums)
        for start in range(0, len(movements), _AT_ONCE):
            async with self._make_work() as work:
                await _hold(work, provider, movements[start : start + _AT_ONCE], sums)
        await self._only_in_books(source, since, {one.reference for one in movements}, sums)
        compared_at = self._now()
        totals = [_totals(provider, day, currency, sums[currency], compared_at) for currency in sorted(sums)]
        async with self._make_work() as work:
            await work.provider_totals.put(provider, day, totals or [ProviderTotals(provider, day, "", compared_at)])
            await self._hold_cases(work, provider, day, totals)
            await work.commit()
        return totals

    async def _only_in_books(
        self, source: MovementSource, since: datetime, known: set[str], sums: dict[str, _Sums]
    ) -> None:
        """Receipts written down that day without a movement on it: heard late, or never taken at all."""
        kind = EntryKind.PAYMENT_RECEIVED.value
        async with self._make_work() as work:
            recorded = await work.ledger.recorded(source.name, kind, since, since + timedelta(days=1))
            unseen = {reference: whose for reference, whose in recorded.items() if reference not in known}
            booked = await work.ledger.booked(source.name, kind, unseen) if unseen else {}
        for reference, amount in list(booked.items())[:MOST_ASKED_ABOUT]:
            taken = await _taken(source, reference)
            if taken != amount:
                place = sums[amount.currency]
                place.amounts["only_in_books_minor"] += amount.amount_minor
                place.differences.append(
                    _difference(
                        MovementKind.CHARGE, reference, unseen[reference], taken.amount_minor if taken else None,
                        amount.amount_minor, amount.currency,
                    )
                )  # fmt: skip

    async def _hold_cases(self, work: UnitOfWork, provider: str, day: date, totals: Sequence[ProviderTotals]) -> None:
        """A case per movement that differs and one for the day; those of this day that agree by now are closed."""
        now = self._clock.now()
        causes = [_case_of_day(one) for one in totals if not one.agrees]
        causes += [case_of_difference(provider, day, each) for one in totals for each in one.differences]
        await work.staff_cases.see(causes[:MOST_DIFFERENCES], now)
        still = {(one.kind, one.account_id, one.subject) for one in causes}
        for kind in (kinds.DAILY_TOTALS_DIFFER, kinds.PROVIDER_DIFFERENCE):
            for case in await work.staff_cases.lasting(kind):
                of_this_day = case.facts.get("day") == day.isoformat() and case.facts.get("provider") == provider
                if of_this_day and (kind, case.account_id, case.subject) not in still:
                    await work.staff_cases.gone(kind, case.account_id, case.subject, now)


async def _hold(work: UnitOfWork, provider: str, movements: Sequence[Movement], sums: dict[str, _Sums]) -> None:
    """Add movements up, and what the books have of each."""
    owners = dict(await work.payments.owners_of(provider, [one.payment for one in movements if one.payment]))
    owners |= {one.payment: one.account_id for one in movements if one.payment and _is_ours(one.account_id)}
    booked = {
        kind: await work.ledger.booked(provider, entry.value, _owned(movements, kind, owners))
        for kind, entry in ENTRIES.items()
    }
    for one in movements:
        if one.fee_minor:
            sums[one.fee_currency].amounts["fees_minor"] += one.fee_minor
        place = sums[one.currency]
        if one.kind is MovementKind.FEE:
            place.amounts["fees_minor"] += one.amount_minor
        elif one.payment not in owners:
            place.amounts["foreign_minor"] += one.amount_minor
        else:
            _add(place, one, owners[one.payment], booked[one.kind].get(one.reference))


async def _taken(source: MovementSource, reference: str) -> Money | None:
    """What a payment brought; None for one that the provider does not know. Our key was good a moment before."""
    try:
        outcome = (await source.get(reference)).outcome
    except MerchantFault:
        return None
    return Money(outcome.received_minor, outcome.currency) if isinstance(outcome, Succeeded) else None


def _owned(movements: Sequence[Movement], kind: MovementKind, owners: Mapping[str, str]) -> Mapping[str, str]:
    return {one.reference: owners[one.payment] for one in movements if one.kind is kind and one.payment in owners}


def _add(place: _Sums, one: Movement, owner: str, booked: Money | None) -> None:
    column, sign = _COLUMNS[one.kind]
    place.amounts[column] += sign * one.amount_minor
    if one.kind is MovementKind.CHARGE:
        place.amounts["charged_count"] += 1
    in_books = None if booked is None else booked.amount_minor * (1 if one.kind in _MONEY_IN else -1)
    if booked is not None and booked.currency == one.currency:
        place.amounts[f"booked_{column}"] += sign * (in_books or 0)
    if in_books != one.amount_minor or (booked is not None and booked.currency != one.currency):
        place.differences.append(_difference(one.kind, one.reference, owner, one.amount_minor, in_books, one.currency))


def _difference(
    kind: MovementKind, reference: str, owner: str, provider_minor: int | None, booked_minor: int | None, currency: str
) -> dict[str, Any]:
    return {
        "kind": kind.value,
        "reference": reference,
        "account_id": owner,
        "provider_minor": provider_minor,
        "booked_minor": booked_minor,
        "currency": currency,
    }


def _totals(provider: str, day: date, currency: str, sums: _Sums, compared_at: datetime) -> ProviderTotals:
    empty = ProviderTotals(provider, day, currency, compared_at)
    values: dict[str, Any] = {**sums.amounts, "differences": tuple(sums.differences[:MOST_DIFFERENCES])}
    return replace(empty, **values)


def _case_of_day(totals: ProviderTotals) -> Cause:
    return Cause(
        kinds.DAILY_TOTALS_DIFFER,
        f"{totals.provider}/{totals.day}/{totals.currency}",
        f"{totals.provider} on {totals.day}: {len(totals.differences)} movements in {totals.currency} are booked "
        "otherwise, or not at all.",
        facts={"provider": totals.provider, "day": totals.day.isoformat(), "currency": totals.currency,
               "movements": len(totals.differences)},
    )  # fmt: skip


def case_of_difference(provider: str, day: date, difference: Mapping[str, Any]) -> Cause:
    """The case of one movement that the books have otherwise; ``difference`` as ProviderTotals has them."""
    currency = difference["currency"]
    taken, booked = (
        "nothing" if difference[name] is None else str(Money(difference[name], currency))
        for name in ("provider_minor", "booked_minor")
    )
    words = difference["kind"].replace("_", " ")
    return Cause(
        kinds.PROVIDER_DIFFERENCE,
        f"{provider}/{difference['kind']}/{difference['reference']}",
        f"{provider} has {taken} as the {words} {difference['reference']}, the books have {booked}.",
        difference["account_id"],
        {"provider": provider, "day": day.isoformat(), **difference},
    )


def cash_of(kind: MovementKind, amount_minor: int, currency: str) -> Money:
    """What the entry of a movement moves of our cash."""
    return Money(amount_minor if kind in _MONEY_IN else -amount_minor, currency)


def _is_ours(account_id: str) -> bool:
    """False for an id that another system wrote into its object."""
    try:
        identity.parse(identity.ACCOUNT, account_id)
    except InvalidValue:
        return False
    return True
