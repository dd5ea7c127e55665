"""Bands: how a meter's usage is split into counters, compiled once per plan into tables by longest prefix.

A band is usage that shares a price, a rate and the allowances that may cover it: whatever rating by totals must be
able to tell apart. Its code is written for people too: the destination group's first prefix (empty for the base rate),
then ``/zone`` away from home, ``!class`` for special traffic, ``~time-band`` where the time matters. An allowance that
covers only a part of a group splits the bands it cuts through. A counter adds ``@instant`` where what may be drawn
changes within a cycle.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from billing.domain.rating.allowance import Allowance
from billing.domain.rating.destinations import Destination
from billing.domain.rating.price import PriceDefinition
from billing.domain.rating.zones import HOME, Zone, ZoneTable

_MOST_ANSWERS = 65_536
_SINCE = "@"


@dataclass(frozen=True, slots=True)
class NoPrice:
    """The plan has no price for the event; it waits to be guided again, it is never free."""

    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """``code`` within its price, its destination group (None: base rate), and the places of the plan's allowances that
    cover it. ``time_band`` is empty where the time does not matter. ``group`` is the band of the whole group: bands
    that only an allowance or a zone splits are priced together, on one line.
    """

    price: PriceDefinition
    code: str
    group: str
    destination: Destination | None
    zone: str
    traffic_class: str
    time_band: str
    prefixes: tuple[str, ...]
    allowances: tuple[int, ...]

    def is_within(self, allowance: Allowance) -> bool:
        """True when an allowance that is not the plan's own covers all of this band."""
        return (
            self.price.can_draw
            and allowance.meter == self.price.meter
            and allowance.covers_use(self.zone, self.traffic_class, self.time_band)
            and (not allowance.prefixes or all(map(allowance.covers, self.prefixes)))
        )


class Place(NamedTuple):
    """Where a prefix leads: the band that holds at any time, or where the time matters, outside the bands
    ``by_time``."""

    prefix: str
    band: Band
    by_time: Mapping[str, Band]

    def at(self, time_band: str) -> Band:
        """The band while this time band holds."""
        return self.by_time.get(time_band, self.band)


class PrefixTable:
    """Longest prefix wins: one dictionary, tried from the longest length that occurs."""

    __slots__ = ("_entries", "_lengths")

    def __init__(self, entries: dict[str, Place]) -> None:
        self._entries = entries
        self._lengths = sorted({len(prefix) for prefix in entries}, reverse=True)

    def find(self, number: str) -> Place | None:
        """Where the longest known prefix of a number leads; None when there is none."""
        for length in self._lengths:
            place = self._entries.get(number[:length])
            if place is not None:
                return place
        return None


class CompiledBands:
    """The tables of a plan; ``by_code`` holds its bands by (price code, band)."""

    def __init__(
        self, plan_code: str, prices: Sequence[PriceDefinition], allowances: Sequence[Allowance], zones: Iterable[Zone]
    ) -> None:
        self._plan_code = plan_code
        self._zone_table = ZoneTable(zones)
        self._tables: dict[tuple[str, str, str], tuple[PrefixTable, ...]] = {}
        self._classes: dict[str, frozenset[str]] = {}
        self._answers: dict[tuple[str, str, str], tuple[PrefixTable, ...] | NoPrice] = {}
        self.by_code: dict[tuple[str, str], Band] = {}
        for meter in dict.fromkeys(price.meter for price in prices):
            self._compile(meter, [price for price in prices if price.meter == meter], allowances)

    def _compile(self, meter: str, prices: Sequence[PriceDefinition], allowances: Sequence[Allowance]) -> None:
        named = {name for price in prices for name in price.traffic_classes}
        named |= {name for each in allowances if each.meter == meter for name in each.traffic_classes}
        self._classes[meter] = frozenset(named)
        for zone in dict.fromkeys(zone for price in prices for zone in price.zones):
            usual = [price for price in prices if zone in price.zones and not price.traffic_classes]
            for traffic_class in ("", *sorted(named)):
                special = [price for price in prices if zone in price.zones and traffic_class in price.traffic_classes]
                drafts = [_Drafts(zone, traffic_class, each, allowances) for each in (special, usual) if each]
                self._tables[meter, zone, traffic_class] = tuple(PrefixTable(each.entries()) for each in drafts)
                for each in drafts:
                    self.by_code |= {(band.price.code, band.code): band for band in each.bands()}

    def find(self, meter: str, destination: str, visited: str, traffic_class: str) -> Place | NoPrice:
        """Where usage belongs, whatever its time."""
        tables = self.tables_of(meter, visited, traffic_class)
        if isinstance(tables, NoPrice):
            return tables
        number = destination.removeprefix("+")
        for table in tables:
            place = table.find(number)
            if place is not None:
                return place
        towards = f"destination {destination}" if destination else "an event without destination"
        zone = self._zone_table.find(visited)
        used = "" if zone == HOME else f" in the zone {zone}"
        return NoPrice(f"Plan {self._plan_code} has no price for {meter}{used} towards {towards}.")

    def tables_of(self, meter: str, visited: str, traffic_class: str) -> tuple[PrefixTable, ...] | NoPrice:
        """The tables in which a destination is looked for, the first that knows it wins. Sources repeat all but the
        destination, so the answer is remembered."""
        asked = meter, visited, traffic_class
        tables = self._answers.get(asked)
        if tables is None:
            if len(self._answers) >= _MOST_ANSWERS:
                self._answers.clear()
            tables = self._answers[asked] = self._look_up(*asked)
        return tables

    def _look_up(self, meter: str, visited: str, traffic_class: str) -> tuple[PrefixTable, ...] | NoPrice:
        if meter not in self._classes:
            return NoPrice(f"Plan {self._plan_code} has no price for the meter {meter}.")
        zone = self._zone_table.find(visited)
        if zone is None:
            return NoPrice(f"No zone of plan {self._plan_code} has the visited place {visited}.")
        known_class = traffic_class if traffic_class in self._classes[meter] else ""
        return self._tables.get((meter, zone, known_class), ())

    def band_of(self, price_code: str, counted_band: str) -> Band | None:
        """The band of a counter; None when the plan has no such price and band."""
        return self.by_code.get((price_code, without_since(counted_band)))


def since(band: str, drawing_from: datetime | None) -> str:
    """The counter's band for usage from an instant on at which an allowance began or ended; None: of all time."""
    return band if drawing_from is None else f"{band}{_SINCE}{drawing_from.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def without_since(counted_band: str) -> str:
    """The band within its price, as ``since`` got it."""
    return counted_band.partition(_SINCE)[0]


def drawing_from_of(counted_band: str) -> datetime | None:
    """The instant that ``since`` put into a counter's band."""
    written = counted_band.partition(_SINCE)[2]
    return datetime.fromisoformat(written) if written else None


_Owner = tuple[PriceDefinition, Destination | None]
_Covering = tuple[tuple[str, tuple[int, ...]], ...]  # (time band, places of allowances), the empty time band first


class _Drafts:
    """The bands of one meter, zone and traffic class while they are drawn up; cost is linear in the prefixes."""

    def __init__(
        self, zone: str, traffic_class: str, prices: Sequence[PriceDefinition], allowances: Sequence[Allowance]
    ) -> None:
        self._zone, self._class = zone, traffic_class
        self._owners = _owners(prices)
        self._allowances = {place: each for place, each in enumerate(allowances) if each.meter == prices[0].meter}
        is_told_apart = traffic_class and (
            prices[0].traffic_classes or any(each.traffic_classes for each in self._allowances.values())
        )
        self._marks = ("" if zone == HOME else f"/{zone}") + (f"!{traffic_class}" if is_told_apart else "")
        self._groups: dict[tuple[str, str, _Covering], list[str]] = {}
        self._sort_prefixes()
        self._drawn = {key: self._draw(key, code, prefixes) for key, (code, *prefixes) in self._groups.items()}

    def entries(self) -> dict[str, Place]:
        return {
            prefix: Place(prefix, bands[""], {time: band for time, band in bands.items() if time})
            for key, bands in self._drawn.items()
            for prefix in self._groups[key][1:]
        }

    def bands(self) -> Iterable[Band]:
        return (band for bands in self._drawn.values() for band in bands.values())

    def _sort_prefixes(self) -> None:
        """Give every prefix to its group; a list holds the band's code, then its prefixes."""
        cuts = {prefix for each in self._allowances.values() for prefix in each.prefixes}
        # A group's own first prefix comes before all others, so that it names the group's main band.
        homes = {_home(destination) for _, destination in self._owners.values()}
        seen: set[tuple[str, str]] = set()
        for prefix in sorted(
            cuts | self._owners.keys(), key=lambda each: (each not in homes, each not in self._owners, len(each), each)
        ):
            owner = _longest(self._owners, prefix)
            if owner is None:
                continue
            group = owner[0].code, _home(owner[1])
            key = (*group, self._covering(owner, prefix))
            if key not in self._groups:
                self._groups[key] = [prefix if group in seen else group[1]]
                seen.add(group)
            self._groups[key].append(prefix)

    def _covering(self, owner: _Owner, prefix: str) -> _Covering:
        price, destination = owner
        places = [place for place, each in self._allowances.items() if price.can_draw and each.covers(prefix)]
        times = {"", *price.time_rates_for(destination).codes}
        times |= {time for place in places for time in self._allowances[place].time_bands}
        return tuple(
            (
                time,
                tuple(place for place in places if self._allowances[place].covers_use(self._zone, self._class, time)),
            )
            for time in sorted(times)
        )

    def _draw(self, key: tuple[str, str, _Covering], code: str, prefixes: Sequence[str]) -> dict[str, Band]:
        price, destination = self._owner_of(prefixes[0])
        rates = price.time_rates_for(destination).codes
        return {
            time: Band(
                price=price,
                code=f"{code}{self._marks}{_marked(time)}",
                group=f"{key[1]}{_marked(time) if time in rates else ''}",
                destination=destination,
                zone=self._zone,
                traffic_class=self._class,
                time_band=time,
                prefixes=tuple(prefixes),
                allowances=covering,
            )
            for time, covering in key[2]
        }

    def _owner_of(self, prefix: str) -> _Owner:
        owner = _longest(self._owners, prefix)
        assert owner is not None, "only prefixes with an owner are sorted into groups"
        return owner


def _marked(time_band: str) -> str:
    return f"~{time_band}" if time_band else ""


def _home(destination: Destination | None) -> str:
    """The band that a destination group or the base rate is called by."""
    return destination.prefixes[0] if destination else ""


def _owners(prices: Iterable[PriceDefinition]) -> dict[str, _Owner]:
    owners: dict[str, _Owner] = {}
    for price in prices:
        if price.model.has_base_rate:
            owners |= dict.fromkeys(price.prefixes or ("",), (price, None))
        for destination in price.destinations:
            owners |= dict.fromkeys(destination.prefixes, (price, destination))
    return owners


def _longest(owners: dict[str, _Owner], prefix: str) -> _Owner | None:
    for length in range(len(prefix), -1, -1):
        owner = owners.get(prefix[:length])
        if owner is not None:
            return owner
    return None
