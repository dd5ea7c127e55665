"""The network's confirmations: verified, kept, and told to the order that waits for them."""

from __future__ import annotations

from enum import StrEnum

from billing.domain.errors import NotFound
from billing.messages.account import NetworkConfirmed
from billing.messages.identities import barring_workflow_id
from billing.ports.barring import Confirmation, ConfirmationReader
from billing.ports.process import Process
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.services.barring import BarringService


class Taken(StrEnum):
    """What became of a callback; each is answered with 200, because sending it again would change nothing."""

    IGNORED = "ignored"  # confirms nothing: an order failed or was overtaken; the order asks for the state by itself
    UNKNOWN = "unknown"  # not about an order of ours
    RECORDED = "recorded"  # kept; the order had ended already
    DELIVERED = "delivered"  # kept, and the order was told


class ConfirmationDesk:
    """Takes the network's callbacks. Faults leave as they are, so that the network sends again."""

    def __init__(
        self, make_work: UnitOfWorkFactory, reader: ConfirmationReader, barring: BarringService, process: Process
    ) -> None:
        self._make_work = make_work
        self._reader = reader
        self._barring = barring
        self._process = process

    async def take(self, body: bytes, signature: str) -> Taken:
        """Verify, keep, then tell the order. Safe to repeat. Raises UntrustedConfirmation; nothing is kept then."""
        confirmation = self._reader.read(body, signature)
        if confirmation is None:
            return Taken.IGNORED
        if not await self._is_kept(confirmation):
            return Taken.UNKNOWN
        return await self._tell(confirmation)

    async def _is_kept(self, confirmation: Confirmation) -> bool:
        try:
            return await self._barring.confirm(confirmation)
        except NotFound:  # an account that is not ours
            return False

    async def _tell(self, confirmation: Confirmation) -> Taken:
        async with self._make_work() as work:
            account = await work.accounts.get(confirmation.account_id)
            order = await work.barring.order(confirmation.account_id, confirmation.order_id)
        fact = NetworkConfirmed(
            f"{confirmation.order_id}/{confirmation.service_id}",
            confirmation.order_id,
            confirmation.service_id,
            order.level,  # the order knows its own; the service may be held further
        )
        waiting = barring_workflow_id(account.brand, account.number, confirmation.order_id)
        try:
            await self._process.signal(waiting, "network_confirmed", fact)
        except NotFound:
            return Taken.RECORDED
        return Taken.DELIVERED
