"""Barring orders, and the network that carries them out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from billing.domain.errors import InvalidValue
from billing.domain.restrictions import Cause


@dataclass(frozen=True)
class Order:
    """One order to set an account's services to a level; ``outcome`` is placed, confirmed, withdrawn or failed.

    ``level`` is what was asked for; what each service is set to is with the service, since other causes may hold more.
    ``paid_at`` and ``restored_real_seconds`` are of an order that restored services after a payment.
    """

    account_id: str
    order_id: str
    level: str
    reason: str
    author: str
    placed_at: datetime
    outcome: str = "placed"
    finished_at: datetime | None = None
    cause: str = ""
    paid_at: datetime | None = None
    restored_real_seconds: float | None = None


@dataclass(frozen=True)
class OrderedService:
    """One service of an order; ``times_sent`` counts correlation ids used for it.

    ``state`` is ordered, confirmed, or overtaken: a newer order decided. ``level`` is what the network is told, every
    cause that holds the service included.
    """

    account_id: str
    order_id: str
    service_id: str
    identifier: str
    state: str
    times_sent: int = 0
    ordered_at: datetime | None = None
    confirmed_at: datetime | None = None
    level: str = ""


@dataclass(frozen=True)
class Held:
    """One kind that a cause holds, or held, on a service; ``data_kbps`` is the rate of throttled data.

    ``author`` is a person, or the part of the system whose rule it was; ``order_id`` the order that set it. Instants
    are business time; ``lifted_at`` None: it holds.
    """

    account_id: str
    service_id: str
    kind: str
    cause: str
    author: str
    reason: str
    order_id: str
    since: datetime
    data_kbps: int | None = None
    restriction_id: str = ""
    lifted_at: datetime | None = None
    lifted_by: str = ""
    lift_reason: str = ""
    lift_order_id: str = ""

    @property
    def case_id(self) -> str:
        """The dunning case whose order this is, by the order's name; empty for any other cause."""
        return self.order_id.rpartition("-")[0] if self.cause == Cause.DUNNING else ""


class NetworkRefused(Exception):
    """The network answered that it will not carry out an order. Not a Refusal: a later try may well be taken."""


class UntrustedConfirmation(InvalidValue):
    """A confirmation whose signature, age or form does not prove that the network sent it."""


@dataclass(frozen=True)
class NetworkState:
    """What the network says of a service: the ``level`` in force and the last one ``requested``."""

    level: str
    requested: str


class NetworkControl(Protocol):
    """The network's barring door. Levels are set, never toggled; a correlation id makes an order count once.

    A level is one of billing.domain.barring, or what a cap stops (``stop:data``); the network keeps the two apart.
    """

    async def apply(self, identifier: str, level: str, reason: str, correlation_id: str) -> None:
        """Order a level. Returns when the network took the order.

        Raises NetworkRefused when it will not, and a fault when it did not answer: then the level may be set or not.
        """
        ...

    async def get_state(self, identifier: str, level: str = "none") -> NetworkState:
        """The state in the matter that ``level`` is about: the barring level, or what caps stop."""
        ...


@dataclass(frozen=True)
class Confirmation:
    """The network's word that a level is in force on a service, verified."""

    account_id: str
    order_id: str
    service_id: str
    level: str


class ConfirmationReader(Protocol):
    """Reads and verifies what the network sends."""

    def read(self, body: bytes, signature: str) -> Confirmation | None:
        """The confirmation; None when it confirms nothing of ours. Raises UntrustedConfirmation."""
        ...


class BarringRepository(Protocol):
    """Barring orders and their confirmations."""

    async def add_order(self, order: Order, services: Sequence[OrderedService]) -> bool:
        """Store an order with its services; False when it is there already."""
        ...

    async def order(self, account_id: str, order_id: str) -> Order: ...
    async def orders(self, account_id: str) -> Sequence[Order]: ...
    async def unfinished(self, placed_before: datetime, limit: int = 500) -> Sequence[Order]:
        """Over all accounts: orders that have not ended, placed before an instant; those that lift a bar first."""
        ...

    async def services_of(self, account_id: str, order_id: str) -> Sequence[OrderedService]: ...
    async def orders_naming(self, account_id: str, service_id: str) -> Sequence[tuple[Order, OrderedService]]:
        """The orders about a service, oldest first, each with what it says of the service."""
        ...

    async def ordered_stops(self, account_id: str) -> Mapping[str, str]:
        """What caps stop on each service, as the network was last told (``stop:data``), by service."""
        ...

    async def held(self, account_id: str) -> Sequence[Held]:
        """What holds the account's services now, oldest first."""
        ...

    async def ever_held(self, account_id: str, service_id: str, limit: int) -> Sequence[Held]:
        """What holds or held a service, newest first."""
        ...

    async def hold(self, restrictions: Sequence[Held]) -> None: ...
    async def lift(self, account_id: str, restriction_ids: Sequence[str], values: Mapping[str, Any]) -> None: ...
    async def change_order(self, account_id: str, order_id: str, values: Mapping[str, Any]) -> None: ...
    async def change_service(
        self, account_id: str, order_id: str, service_id: str, values: Mapping[str, Any]
    ) -> None: ...
