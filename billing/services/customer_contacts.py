"""A customer's new email address or number: confirmed by a code sent there, and told to the old one."""

from __future__ import annotations

import logging

from billing.domain.errors import InvalidValue
from billing.messages.notices import NoticeKind
from billing.ports.accounts import TimelineEntry
from billing.ports.clock import BusinessClock
from billing.ports.messenger import EMAIL
from billing.ports.self_service import ContactChange, CustomerSession
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.services.access_notices import AccessNotices
from billing.services.customer_access import CODE_LASTS, MOST_TRIES, REAL_NOW, RealClock, WrongCode
from billing.services.customer_secrets import CustomerSecrets, new_code, new_token, only_digits, read_contact
from billing.services.customer_tries import CHANGE_BY_ACCOUNT, CustomerTries
from billing.services.notice_channels import masked, recipient
from billing.services.notice_delivery import FAULTS

_log = logging.getLogger(__name__)


class CustomerContacts:
    """Asks and confirms."""

    def __init__(
        self,
        make_work: UnitOfWorkFactory,
        clock: BusinessClock,
        secrets: CustomerSecrets,
        tries: CustomerTries,
        notices: AccessNotices,
        real_now: RealClock = REAL_NOW,
    ) -> None:
        self._make_work = make_work
        self._clock = clock
        self._secrets = secrets
        self._tries = tries
        self._notices = notices
        self._real_now = real_now

    async def ask(self, account_id: str, channel: str, written: str) -> ContactChange:
        """Send a code to the new address. Raises InvalidValue, TooManyTries, and the faults of delivery."""
        now = self._real_now()
        async with self._make_work() as work:
            account = await work.accounts.get(account_id)
            brand = await work.accounts.brand(account.brand)
        contact = read_contact(written, brand.country)
        if contact.channel != channel or not contact.channel:
            raise InvalidValue(
                "This is no address of this kind.",
                field="contact",
                value=written,
                remedy="Give an email address, or a number with its country code like +31612345678.",
            )
        await self._tries.count(CHANGE_BY_ACCOUNT, account_id, now)
        code, change_id = new_code(), new_token()
        hashed = self._secrets.hash_of("contact", change_id, code)
        change = ContactChange(account_id, change_id, channel, contact.address, hashed, now, now + CODE_LASTS)
        async with self._make_work() as work:
            await work.self_service.add_change(change)
            await work.commit()
        await self._notices.send(account, NoticeKind.CONTACT_CODE, channel, contact.address, change_id, {"code": code})
        return change

    async def waiting(self, account_id: str, change_id: str) -> ContactChange | None:
        """A change that waits for its code."""
        async with self._make_work() as work:
            found = await work.self_service.change(account_id, change_id)
        return found if found and found.used_at is None and found.ends_at > self._real_now() else None

    async def confirm(self, session: CustomerSession, change_id: str, code: str, author: str) -> ContactChange:
        """Put the new address in place, sign other browsers out, and tell the old address. Raises WrongCode."""
        now, account_id = self._real_now(), session.account_id
        async with self._make_work() as work:
            account = await work.accounts.lock(account_id)
            change = await work.self_service.try_change(account_id, change_id, now, MOST_TRIES)
            kept = change.code_hash if change else ""
            is_right = self._secrets.same(kept, "contact", change_id, only_digits(code))
            if change is not None and is_right:
                await work.self_service.use_change(account_id, change_id, now)
                field = "email" if change.channel == EMAIL else "mobile"
                await work.accounts.change(account_id, {field: change.contact})
                await work.self_service.end_other_sessions(account_id, session.session_hash, now)
                why = {"rule": "confirmed by a code sent there", "channel": change.channel}
                summary = f"Contact data changed: {change.channel} is now {masked(change.contact)}"
                entry = TimelineEntry(account_id, self._clock.now(), "contact_changed", summary, why, author)
                await work.timeline.add(entry)
            await work.commit()
        if change is None or not is_right:
            raise WrongCode("This code does not work.", field="code", remedy="Look at the newest message.")
        old = recipient(account, change.channel)
        if old and old != change.contact:
            words = {"contact": masked(change.contact)}
            try:
                await self._notices.send(account, NoticeKind.CONTACT_CHANGED, change.channel, old, change_id, words)
            except FAULTS as fault:
                _log.warning("the old address of %s was not told of its change: %s", account_id, fault)
        return change
