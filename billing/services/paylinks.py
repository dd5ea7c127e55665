"""The paylink: our own stable, signed, revocable address where a customer pays what is open now.

The address carries the account and a revision, nothing else, and does not expire; raising the account's revision
revokes every older address at once. Its signed part is short, because a text message has room for 160 characters.
"""

from __future__ import annotations

from datetime import datetime

from itsdangerous import BadSignature, URLSafeSerializer

from billing.domain import identity
from billing.domain.errors import InvalidValue, NotFound
from billing.ports.accounts import TimelineEntry
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.short_tokens import ShortTokens

# Addresses with this mark in their signed part were given out before it became short; they stay valid.
_OLDER = "."


class UnusablePaylink(NotFound):
    """The address was never given out by us, or was revoked."""


class Paylinks:
    """Makes and reads pay addresses. ``public_base`` is the address customers see, without a slash at its end.

    The first of ``signing_keys`` signs, and addresses signed with any of them open: a key can be replaced while the
    links made with the old one are still in customers' hands.
    """

    salt = "evenflow.paylink"
    path = "pay"

    def __init__(self, make_work: UnitOfWorkFactory, signing_keys: tuple[str, ...], public_base: str) -> None:
        self._make_work = make_work
        if not all(signing_keys) or not signing_keys:
            raise InvalidValue(
                "Paylinks cannot be signed without a key.",
                field="paylink_signing_key",
                remedy="Set EVENFLOW_SECRETS_PAYLINK_SIGNING_KEY to a long random text.",
            )
        self._tokens = ShortTokens(self.salt, signing_keys)
        self._older = URLSafeSerializer(list(reversed(signing_keys)), salt=self.salt)
        self._public_base = public_base.rstrip("/")

    def address(self, account_id: str, revision: int) -> str:
        """The pay address of an account at a revision."""
        return self.address_of(self.token(account_id, revision))

    def address_of(self, token: str) -> str:
        """The address with this signed part."""
        return f"{self._public_base}/{self.path}/{token}"

    def token(self, account_id: str, revision: int) -> str:
        """The signed part of the address."""
        return self._tokens.sign(identity.parse(identity.ACCOUNT, account_id), revision)

    async def paylink_for(self, account_id: str) -> str:
        """The account's pay address as it is valid now. Opens its own unit of work."""
        async with self._make_work() as work:
            return await self.within(work, account_id)

    async def within(self, work: UnitOfWork, account_id: str) -> str:
        """The account's pay address, read in the caller's unit of work. Raises NotFound."""
        await work.accounts.get(account_id)
        return self.address(account_id, await work.payments.paylink_revision(account_id))

    async def account_of(self, token: str) -> str:
        """The account behind an address. Raises UnusablePaylink for a forged or revoked one."""
        try:
            number, revision = self._older.loads(token) if _OLDER in token else self._tokens.read(token)
            account_id = identity.show(identity.ACCOUNT, int(number))
        except (BadSignature, ValueError, TypeError):
            raise _unusable() from None
        async with self._make_work() as work:
            if await work.payments.paylink_revision(account_id) != revision:
                raise _unusable()
        return account_id

    async def revoke(self, account_id: str, author: str, at: datetime) -> str:
        """Make every address given out so far useless, and give the new one."""
        async with self._make_work() as work:
            await work.accounts.lock(account_id)
            revision = await work.payments.revoke_paylink(account_id)
            reason = {"revision": revision}
            await work.timeline.add(
                TimelineEntry(account_id, at, "paylink_revoked", "Pay links revoked.", reason, author)
            )
            await work.commit()
        return self.address(account_id, revision)


def _unusable() -> UnusablePaylink:
    # The token is not repeated: whoever reads a log must not be able to pay or look with it.
    return UnusablePaylink(
        "This payment link is not valid any more.",
        field="token",
        remedy="Use the link in the newest message from us, or ask us for a new one.",
    )
