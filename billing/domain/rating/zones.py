"""Roaming zones: where a service was used, as a plan names it.

A price is for usage at home unless it lists other zones. A visited place is a country (two letters) or a network: its
code of digits (MCC and MNC, 20601) or letters (BELTB). Two letters mean that country exactly; anything longer is a
prefix of network codes, and the longest wins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from billing.domain.errors import InvalidValue
from billing.domain.fields import Fields

HOME = "home"
_MOST_ZONES = 100
_MOST_PLACES = 2_000
_PLACE = re.compile(r"[A-Z]{2}|[0-9A-Z]{3,10}")
_COUNTRY_LENGTH = 2


@dataclass(frozen=True, slots=True)
class Zone:
    """``places`` are countries and prefixes of network codes, in capitals."""

    code: str
    name: str
    places: tuple[str, ...]

    def to_dict(self) -> dict[str, object]:
        return {"code": self.code, "name": self.name, "places": list(self.places)}


class ZoneTable:
    """Finds the zone of a visited place; the most specific entry wins."""

    __slots__ = ("_lengths", "_zones")

    def __init__(self, zones: Iterable[Zone]) -> None:
        self._zones = {place: zone.code for zone in zones for place in zone.places}
        self._lengths = sorted({len(place) for place in self._zones}, reverse=True)

    def find(self, visited: str) -> str | None:
        """The zone's code; home for an empty place, None when no zone has it."""
        if not visited:
            return HOME
        exact = self._zones.get(visited)
        if exact is not None:
            return exact
        for length in self._lengths:
            if _COUNTRY_LENGTH < length < len(visited) and visited[:length] in self._zones:
                return self._zones[visited[:length]]
        return None


def read_zones(fields: Fields) -> tuple[Zone, ...]:
    """The plan's field ``zones``; empty when absent. No place is in two zones."""
    items = fields.objects("zones", _MOST_ZONES)
    zones = tuple(_read_zone(item) for item in items)
    claimed: dict[str, str] = {}
    for number, zone in enumerate(zones):
        if zone.code in (earlier.code for earlier in zones[:number]):
            raise items[number].refusal("code", "This code is used twice.", "Give each its own code.")
        for place in zone.places:
            if claimed.setdefault(place, zone.code) != zone.code:
                raise InvalidValue(
                    f"The place is in the zone {claimed[place]} too.",
                    field=items[number].where("places"),
                    value=place,
                    remedy="Keep it in one zone.",
                )
    return zones


def _read_zone(fields: Fields) -> Zone:
    code = fields.code("code")
    places = fields.matching(
        "places", _PLACE, _MOST_PLACES, 'Write countries and networks like ["BE", "20801", "DEU"].'
    )
    if not places:
        raise fields.refusal("places", "A zone has at least one place.", 'Write it as ["BE", "20801"].')
    zone = Zone(code, fields.text("name", code), places)
    fields.finish()
    return zone


def read_zone_codes(fields: Fields) -> tuple[str, ...]:
    """The field ``zones`` of a price or an allowance: home when absent."""
    return fields.codes("zones") or (HOME,)
