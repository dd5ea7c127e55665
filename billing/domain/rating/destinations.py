"""Destinations: groups of E.164 prefixes with a rate of their own within one price."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from billing.domain.fields import Fields
from billing.domain.rating.time_bands import TimeRates

_MOST_DESTINATIONS = 20_000


@dataclass(frozen=True, slots=True)
class Destination:
    """``prefixes`` in digits (the first names the group's band), ``rate``, and its connection fee if it differs.

    ``time_bands`` are its own: those of its price are not for it.
    """

    name: str
    prefixes: tuple[str, ...]
    rate: Decimal
    connection_fee: Decimal | None = None
    time_bands: TimeRates = field(default_factory=TimeRates)

    def to_dict(self) -> dict[str, object]:
        written: dict[str, object] = {"name": self.name, "prefixes": list(self.prefixes), "rate": str(self.rate)}
        if self.connection_fee is not None:
            written["connection_fee"] = str(self.connection_fee)
        if self.time_bands:
            written["time_bands"] = self.time_bands.to_list()
        return written


def read_destinations(fields: Fields) -> tuple[Destination, ...]:
    """The field ``destinations``; empty when absent."""
    return tuple(_read_destination(item) for item in fields.objects("destinations", _MOST_DESTINATIONS))


def _read_destination(fields: Fields) -> Destination:
    prefixes = fields.prefixes("prefixes")
    if not prefixes:
        raise fields.refusal("prefixes", "A destination has at least one prefix.", 'Write it as ["32", "33"].')
    destination = Destination(
        name=fields.text("name", f"+{prefixes[0]}"),
        prefixes=prefixes,
        rate=fields.amount("rate"),
        connection_fee=fields.optional_amount("connection_fee"),
        time_bands=TimeRates.read(fields),
    )
    fields.finish()
    return destination
