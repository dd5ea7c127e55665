"""Customers sign in with a code or a link sent to an address we know; nobody learns from it who is a customer.

Asking writes the same rows and answers the same words whoever asks. Accounts are looked for, and the code is sent, only
after the answer is out (``deliver``). Times are real: the business clock may hurry.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from billing.domain.errors import Refusal
from billing.messages.notices import NoticeKind
from billing.ports.accounts import Account
from billing.ports.messenger import EMAIL
from billing.ports.self_service import SignIn
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.services.access_notices import AccessNotices
from billing.services.customer_secrets import (
    Contact,
    CustomerSecrets,
    new_code,
    new_token,
    only_digits,
    read_contact,
)
from billing.services.customer_tries import ASK_BY_ADDRESS, ASK_BY_CONTACT, GUESS_BY_ADDRESS, CustomerTries
from billing.services.notice_delivery import FAULTS

_log = logging.getLogger(__name__)
RealClock = Callable[[], datetime]
REAL_NOW: RealClock = partial(datetime.now, UTC)
CODE_LASTS = timedelta(minutes=10)
MOST_TRIES = 5


class WrongCode(Refusal):
    """Not this code: another one, too late, used already, or tried too often. It does not say which."""


@dataclass(frozen=True)
class Asked:
    """What was made for somebody who asked. ``request_id`` stays with the browser, the rest goes out in a message."""

    request_id: str
    contact: Contact
    code: str
    link: str


class CustomerAccess:
    """Asks, delivers and checks. Links are opened below ``link_base``, which has no slash at its end."""

    def __init__(
        self,
        make_work: UnitOfWorkFactory,
        secrets: CustomerSecrets,
        tries: CustomerTries,
        notices: AccessNotices,
        link_base: str,
        real_now: RealClock = REAL_NOW,
    ) -> None:
        self._make_work = make_work
        self._secrets = secrets
        self._tries = tries
        self._notices = notices
        self._link_base = link_base
        self._real_now = real_now
        self._under_way: set[asyncio.Task[bool]] = set()

    async def ask(self, written: str, address: str, country: str = "") -> Asked:
        """Make a code for whoever this is. Raises TooManyTries, by contact or by the caller's network address."""
        now = self._real_now()
        contact = read_contact(written, country)
        await self._tries.count(ASK_BY_ADDRESS, address, now)
        await self._tries.count(ASK_BY_CONTACT, contact.address, now)
        asked = Asked(new_token(), contact, new_code(), new_token())
        request_hash = self._secrets.hash_of("request", asked.request_id)
        sign_in = SignIn(
            request_hash=request_hash,
            code_hash=self._secrets.hash_of("code", asked.request_id, asked.code),
            link_hash=self._secrets.hash_of("link", asked.link),
            account_ids=(),
            asked_at=now,
            ends_at=now + CODE_LASTS,
        )
        async with self._make_work() as work:
            await work.self_service.add_sign_in(sign_in)
            await work.commit()
        return asked

    def deliver_later(self, asked: Asked, brand: str = "") -> None:
        """Deliver beside everything else: neither this answer nor the next one of the same connection waits for it."""
        task = asyncio.create_task(self.deliver(asked, brand))
        self._under_way.add(task)
        task.add_done_callback(self._delivered)

    def _delivered(self, task: asyncio.Task[bool]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.error("a code did not go out", exc_info=task.exception())

    async def settled(self) -> None:
        """Wait until nothing is under way."""
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def deliver(self, asked: Asked, brand: str = "") -> bool:
        """Send the code where the contact is known (to accounts of ``brand`` when it is named); whether it was."""
        accounts = await self._accounts_of(asked.contact, brand)
        if not accounts:
            _log.info("a code was asked for by somebody who is no customer")
            return False
        async with self._make_work() as work:
            names = [one.account_id for one in accounts]
            await work.self_service.name_accounts(self._secrets.hash_of("request", asked.request_id), names)
            await work.commit()
        link = f"{self._link_base}/{asked.link}" if asked.contact.channel == EMAIL else ""
        words = {"code": asked.code, "sign_in_url": link}
        occasion = self._secrets.hash_of("request", asked.request_id)[:32]
        channel, to = asked.contact.channel, asked.contact.address
        try:
            await self._notices.send(accounts[0], NoticeKind.SIGN_IN_CODE, channel, to, occasion, words)
        except FAULTS as fault:  # the customer asks for another one
            _log.warning("a code for %s did not go out: %s", accounts[0].account_id, fault)
            return False
        return True

    async def _accounts_of(self, contact: Contact, brand: str) -> Sequence[Account]:
        if not contact.channel:
            return ()
        async with self._make_work() as work:
            found = await work.accounts.with_contact(contact.channel, contact.address)
        return [one for one in found if brand in ("", one.brand)]

    async def check(self, request_id: str, code: str, address: str) -> Sequence[str]:
        """The accounts that the code opens; it is used up by that. Raises WrongCode, TooManyTries."""
        now = self._real_now()
        await self._tries.count(GUESS_BY_ADDRESS, address, now)
        request_hash = self._secrets.hash_of("request", request_id)
        async with self._make_work() as work:
            sign_in = await work.self_service.try_sign_in(request_hash, now, MOST_TRIES)
            kept = sign_in.code_hash if sign_in else ""
            is_right = self._secrets.same(kept, "code", request_id, only_digits(code))
            opens = tuple(sign_in.account_ids) if sign_in is not None and is_right else ()
            if opens:
                await work.self_service.use_sign_in(request_hash, now)
            await work.commit()
        if not opens:
            raise _wrong()
        return opens

    async def open_link(self, link: str, address: str) -> Sequence[str]:
        """The accounts that a link opens; that uses it up, and its code as well. Raises WrongCode, TooManyTries."""
        now = self._real_now()
        await self._tries.count(GUESS_BY_ADDRESS, address, now)
        async with self._make_work() as work:
            sign_in = await work.self_service.sign_in_by_link(self._secrets.hash_of("link", link), now)
            if sign_in is None or not sign_in.account_ids:
                raise _wrong()
            await work.self_service.use_sign_in(sign_in.request_hash, now)
            await work.commit()
        return tuple(sign_in.account_ids)


def _wrong() -> WrongCode:
    return WrongCode(
        "This code does not work.", field="code", remedy="Look at the newest message, or ask for a new one."
    )
