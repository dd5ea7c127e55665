"""Notices about payment methods: a mandate is confirmed, a card expires soon. Sent by upkeep, each once.

Upkeep sends them, and not the door that stored a method, so that neither a vendor that is away nor a customer who never
came back from the provider's page keeps one from going out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

from babel import Locale

from billing.domain.cycle_calendar import local_date
from billing.messages.notices import NoticeKind, NoticeRequest
from billing.messages.payments import MethodKind
from billing.ports.accounts import Brand, TimelineEntry
from billing.ports.clock import BusinessClock
from billing.ports.payments import Mandate, PaymentMethod
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.services.mandate_texts import notice_days
from billing.services.notice_rounds import Notices, send_each
from billing.services.notice_templates import originals
from billing.services.notices import FAILED, WAIT

LinkFor = Callable[[str], Awaitable[str]]


class MethodWords:
    """What the texts about methods name besides amount and date; read when a notice is written."""

    def __init__(self, make_work: UnitOfWorkFactory, link_for: LinkFor) -> None:
        self._make_work = make_work
        self._link_for = link_for

    async def __call__(self, request: NoticeRequest, brand: Brand, locale: Locale) -> Mapping[str, str]:
        """The values of the placeholders for a notice whose subject is a method."""
        async with self._make_work() as work:
            method = await work.payments.method(request.account_id, request.subject)
            mandate = await work.payments.mandate(request.account_id, request.subject)
        return {
            "methods_url": await self._link_for(request.account_id),
            "last_four": method.last_four,
            "mandate_reference": mandate.reference if mandate else "",
            "creditor_id": mandate.creditor_id if mandate else "",
            "notice_period": _period(MethodKind(method.kind), brand, locale),
        }


def _period(kind: MethodKind, brand: Brand, locale: Locale) -> str:
    labels = originals(locale.language)["labels"]
    unit = labels["working_days" if kind is MethodKind.BACS_DEBIT else "days"]
    return f"{notice_days(kind, brand)} {unit}"


class MethodNotices:
    """Finds what customers should be told about their methods, and tells them. ``ahead_days``: before a card ends."""

    def __init__(
        self, make_work: UnitOfWorkFactory, clock: BusinessClock, notices: Notices, ahead_days: int = 28
    ) -> None:
        self._make_work = make_work
        self._clock = clock
        self._notices = notices
        self._ahead_days = ahead_days

    async def send_due(self) -> int:
        """Send what is due; how many went out. One that fails keeps no other one waiting.

        Raises SomeNoticesFailed at the end.
        """
        today = self._clock.now().date()
        async with self._make_work() as work:
            mandates = await work.payments.unconfirmed()
            cards = await work.payments.expiring(today, today + timedelta(days=self._ahead_days))
        steps = [lambda one=one: self._confirm(one) for one in mandates]
        steps += [lambda one=one: self._warn(one) for one in cards]
        return await send_each(steps)

    async def _confirm(self, mandate: Mandate) -> bool:
        request = NoticeRequest(
            mandate.account_id, NoticeKind.MANDATE_CONFIRMED, mandate.method_id, mandate.reference, keep=True
        )
        told = await self._notices.send(request)
        if told.status == WAIT:
            return False
        now = self._clock.now()
        async with self._make_work() as work:
            await work.payments.change_mandate(mandate.account_id, mandate.method_id, {"confirmed_at": now})
            reason = {"mandate": mandate.reference, "creditor_id": mandate.creditor_id, "notice": told.status}
            summary = f"Mandate {mandate.reference} confirmed to the customer."
            if told.status == FAILED:
                summary = f"Mandate {mandate.reference} could not be confirmed: {told.explanation}."
            await work.timeline.add(TimelineEntry(mandate.account_id, now, "mandate_confirmed", summary, reason))
            await work.commit()
        return told.status != FAILED

    async def _warn(self, card: PaymentMethod) -> bool:
        """Once per card and last day: a card that was renewed and expires years later is told of again."""
        request = NoticeRequest(
            card.account_id,
            NoticeKind.CARD_EXPIRING,
            card.method_id,
            str(card.expires_on),
            on=card.expires_on,
            keep=True,
        )
        told = await self._notices.send(request)
        if told.status == WAIT:
            return False
        now = self._clock.now()
        async with self._make_work() as work:
            account = await work.accounts.get(card.account_id)
            values = {"expiry_noticed_on": card.expires_on}
            await work.payments.change_method(card.account_id, card.method_id, values)
            reason = {
                "rule": f"card expiry is told {self._ahead_days} days ahead, once per card and last day",
                "told_on": local_date(now, account.zone).isoformat(),
                "notice": told.status,
            }
            summary = (
                f"The card ending in {card.last_four} expires on {card.expires_on}: the customer was asked to renew."
            )
            await work.timeline.add(TimelineEntry(card.account_id, now, "card_expiring", summary, reason))
            await work.commit()
        return told.status != FAILED
