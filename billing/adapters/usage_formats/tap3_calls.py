"""One call event of a TAP file as a usage event: who, what, how much, from when, where, at which charge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from billing.adapters.usage_formats.asn1_values import country_of_tadig, local_instant, packed_digits
from billing.adapters.usage_formats.tap3_charges import Charge, Money, amount_of, charge_of, in_units
from billing.adapters.usage_formats.tap3_file import BatchContext
from billing.adapters.usage_formats.tap3_kinds import KINDS, QUANTITY_OF, SHORT_NAMES, RoamingMeters, text_of
from billing.adapters.usage_formats.values import Damaged


@dataclass(frozen=True, slots=True)
class RoamingRules:
    """How calls become usage.

    At a partner in ``home_networks`` (TADIG codes) or in our own ``country`` nobody roams; one in ``named_networks`` (a
    ship, an aircraft) is told by its code instead of its country, for plans that price it by itself.
    """

    meters: RoamingMeters = field(default_factory=RoamingMeters)
    money: Money = field(default_factory=Money)
    home_networks: frozenset[str] = frozenset()
    named_networks: frozenset[str] = frozenset()
    country: str = ""

    def visited(self, network: str) -> str:
        """The place of a network as prices know it; empty at home."""
        if network in self.home_networks:
            return ""
        place = network if network in self.named_networks else country_of_tadig(network)
        return "" if place == self.country else place


def event_of(
    kind: str, call: Mapping[str, Any], context: BatchContext, rules: RoamingRules, place: str
) -> dict[str, Any] | None:
    """The event of one call, None for a kind that is not billed. ``place`` names it where it names itself in no way.

    Raises Damaged with the field that cannot be used.
    """
    if kind not in KINDS:
        raise Damaged("callEventDetails", "This kind of call event is not known.")
    usage = KINDS[kind](call, rules.meters)
    if not usage.meter:
        return None
    if usage.quantity < 0:
        raise Damaged(QUANTITY_OF.get(kind, "quantity"), f"The quantity {usage.quantity} is negative.")
    identifier, imsi = _subscriber(usage.subscriber)
    started_at = _instant(usage.started, context)
    network = usage.network or context.sender
    charge = charge_of(usage.charges)
    amount = amount_of(charge, context, rules.money)
    event: dict[str, Any] = {
        "record_id": f"{SHORT_NAMES[kind]}/{context.sender}/{imsi or identifier}/{usage.reference or place}"
        f"/{_digits_of(usage.started)}",
        "identifier": identifier,
        "meter": usage.meter,
        "quantity": usage.quantity,
        "started_at": started_at,
        "destination": usage.destination,
        "visited": rules.visited(network),
        "attributes": _known(imsi=imsi, network=network, **_costs(charge, context), **usage.attributes),
    }
    return event | ({} if amount is None else {"amount": str(amount)})


def _known(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in ("", None)}


def _costs(charge: Charge, context: BatchContext) -> dict[str, str]:
    costs = {"charge": charge.charge, "tax": charge.tax, "discount": charge.discount}
    written = {name: str(in_units(value, context)) for name, value in costs.items() if value}
    return written | ({"currency": context.currency} if written else {})


def _subscriber(subscriber: Mapping[str, Any]) -> tuple[str, str]:
    """Who is charged: the number with +, else the IMSI; and the IMSI."""
    imsi = packed_digits("imsi", subscriber["imsi"]) if "imsi" in subscriber else ""
    number = ""
    if subscriber.get("msisdn", b"").strip(b"\xff"):
        number = "+" + packed_digits("msisdn", subscriber["msisdn"])
    elif "mdn" in subscriber:
        number = "+" + text_of(subscriber, "mdn")
    if not number and not imsi:
        raise Damaged("chargeableSubscriber", "The call names neither a number nor an IMSI.")
    return number or imsi, imsi


def _instant(started: Mapping[str, Any], context: BatchContext) -> datetime:
    code = started.get("utcTimeOffsetCode")
    if code is None or code not in context.offsets:
        known = ", ".join(f"{each} ({offset})" for each, offset in sorted(context.offsets.items())) or "none"
        reason = f"The time offset code {code} is not defined in this file; it defines {known}."
        raise Damaged("utcTimeOffsetCode", reason)
    return local_instant("localTimeStamp", _digits_of(started), context.offsets[code])


def _digits_of(started: Mapping[str, Any]) -> str:
    return text_of(started, "localTimeStamp")


def charge_in(kind: str, call: Mapping[str, Any]) -> Charge:
    """The charge of a call of any kind, billed or not. Raises Damaged."""
    return charge_of(KINDS[kind](call, RoamingMeters()).charges if kind in KINDS else ())
