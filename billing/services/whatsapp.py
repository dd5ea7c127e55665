"""The customer's word about WhatsApp: opting in and out, and what opens the window for words of our own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from billing.domain.errors import InvalidValue
from billing.ports.accounts import Account, TimelineEntry
from billing.ports.clock import BusinessClock
from billing.ports.messenger import Callback, Heard, Listener
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory

KIND = "whatsapp"


@dataclass(frozen=True)
class Consent:
    """Whether the customer takes notices by WhatsApp, and since when."""

    account_id: str
    opted_in: bool
    opted_in_at: datetime | None
    opted_out_at: datetime | None
    heard_at: datetime | None


class WhatsAppDesk:
    """Keeps the newest word of each customer; nothing goes out by WhatsApp without one."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock, listener: Listener) -> None:
        self._make_work = make_work
        self._clock = clock
        self._listener = listener

    async def consent(self, account_id: str) -> Consent:
        """Raises NotFound."""
        async with self._make_work() as work:
            return _consent(await work.accounts.get(account_id))

    async def decide(self, account_id: str, *, opted_in: bool, author: str, reason: str) -> Consent:
        """Write down what the customer said; the same word again changes nothing.

        Raises NotFound, InvalidValue to opt in without a mobile number.
        """
        async with self._make_work() as work:
            account = await work.accounts.lock(account_id)
            if opted_in and not account.mobile:
                raise InvalidValue(
                    "The account has no mobile number.",
                    field="opted_in",
                    value=opted_in,
                    remedy="Give the account its mobile number first.",
                )
            if account.takes_whatsapp is not opted_in:
                await self._write_down(work, account, opted_in=opted_in, author=author, why={"reason": reason})
                await work.commit()
            return _consent(await work.accounts.get(account_id))

    async def hear(self, callback: Callback) -> int:
        """Take what a customer wrote; how many accounts it is about. Safe to repeat. Raises CallbackRefused.

        STOP ends WhatsApp for every account of the number, START begins it again where it was ended; any words open
        the window.
        """
        heard = self._listener.parse_incoming(callback)
        if heard is None:
            return 0
        async with self._make_work() as work:
            accounts = await work.accounts.with_whatsapp(heard.mobile)
            for account in accounts:
                await self._take(work, await work.accounts.lock(account.account_id), heard)
            await work.commit()
        return len(accounts)

    async def _take(self, work: UnitOfWork, account: Account, heard: Heard) -> None:
        await work.accounts.change(account.account_id, {"whatsapp_heard_at": datetime.now(UTC)})
        changes = (heard.stops and account.takes_whatsapp) or (heard.starts and not account.takes_whatsapp)
        if changes:
            word = "STOP" if heard.stops else "START"
            why = {"rule": f"the customer wrote {word}", "message": heard.reference}
            await self._write_down(work, account, opted_in=heard.starts, author="customer", why=why)

    async def _write_down(
        self, work: UnitOfWork, account: Account, *, opted_in: bool, author: str, why: dict[str, Any]
    ) -> None:
        now = self._clock.now()
        values = (
            {"whatsapp_opted_in_at": now, "whatsapp_opted_out_at": None} if opted_in else {"whatsapp_opted_out_at": now}
        )
        await work.accounts.change(account.account_id, values)
        summary = "Notices by WhatsApp: " + ("opted in" if opted_in else "opted out")
        await work.timeline.add(TimelineEntry(account.account_id, now, KIND, summary, why, author))


def _consent(account: Account) -> Consent:
    return Consent(
        account.account_id,
        account.takes_whatsapp,
        account.whatsapp_opted_in_at,
        account.whatsapp_opted_out_at,
        account.whatsapp_heard_at,
    )
