"""What a person says about restrictions to the account's process."""

from __future__ import annotations

from dataclasses import dataclass

from billing.messages.account import Command


@dataclass(frozen=True)
class BarService(Command):
    """Restrict services by hand to ``level``; all of them when ``service_id`` is empty.

    ``kinds``, where there are any, take the place of the level: kinds of use or named sets, with the rate in kbit/s of
    throttled data. ``cause`` empty: an operator's.
    """

    service_id: str = ""
    level: str = "outgoing"
    kinds: tuple[str, ...] = ()
    data_kbps: int | None = None
    cause: str = ""


@dataclass(frozen=True)
class UnbarService(Command):
    """Lift a restriction by hand; of all services when ``service_id`` is empty.

    Only what ``causes`` hold (empty: an operator's and dunning's), and of that only ``kinds`` (empty: all).
    """

    service_id: str = ""
    kinds: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
