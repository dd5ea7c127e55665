"""Bands: how a meter's numbers are split into counters, compiled once per plan into longest-prefix tables.

A band is a set of destinations that share a price, a rate and the allowances that may cover them: whatever rating by
totals must be able to tell apart. The base rate's band is the empty text; a destination group's is its first prefix.
An allowance for some prefixes only splits the bands it cuts through.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from billing.domain.rating.allowance import Allowance
from billing.domain.rating.destinations import Destination
from billing.domain.rating.price import PriceDefinition


@dataclass(frozen=True, slots=True)
class Band:
    """``code`` within its price, its destination group (None: base rate), and the places of the plan's allowances that
    cover it.
    """

    price: PriceDefinition
    code: str
    destination: Destination | None
    allowances: tuple[int, ...]

    @property
    def group(self) -> str:
        """The band of the whole group: bands that only an allowance splits are priced together, on one line."""
        return _home(self.destination)


class PrefixTable:
    """Longest prefix wins: one dictionary, tried from the longest length that occurs."""

    __slots__ = ("_entries", "_lengths")

    def __init__(self, entries: dict[str, Band]) -> None:
        self._entries = entries
        self._lengths = sorted({len(prefix) for prefix in entries}, reverse=True)

    def find(self, number: str) -> tuple[str, Band] | None:
        """The longest known prefix of a number and its band; None when there is none."""
        for length in self._lengths:
            prefix = number[:length]
            band = self._entries.get(prefix)
            if band is not None:
                return prefix, band
        return None


@dataclass(frozen=True, slots=True)
class CompiledBands:
    """``tables`` by meter for guiding, ``by_code`` by (price code, band) for rating."""

    tables: dict[str, PrefixTable]
    by_code: dict[tuple[str, str], Band]


_Owner = tuple[PriceDefinition, Destination | None]


def compile_bands(prices: Sequence[PriceDefinition], allowances: Sequence[Allowance]) -> CompiledBands:
    """Build the tables of a checked plan; cost is linear in the number of prefixes."""
    tables: dict[str, PrefixTable] = {}
    by_code: dict[tuple[str, str], Band] = {}
    for meter in dict.fromkeys(price.meter for price in prices):
        entries = _entries([price for price in prices if price.meter == meter], meter, allowances)
        tables[meter] = PrefixTable(entries)
        by_code |= {(band.price.code, band.code): band for band in entries.values()}
    return CompiledBands(tables, by_code)


def _entries(prices: Sequence[PriceDefinition], meter: str, allowances: Sequence[Allowance]) -> dict[str, Band]:
    owners = _owners(prices)
    places = [place for place, allowance in enumerate(allowances) if allowance.meter == meter]
    cuts = {prefix for place in places for prefix in allowances[place].prefixes}
    # A group's own first prefix comes before all others, so that it names the group's main band.
    homes = {_home(destination) for _, destination in owners.values()}
    entries: dict[str, Band] = {}
    named: dict[tuple[str, str, tuple[int, ...]], Band] = {}
    groups: set[tuple[str, str]] = set()
    for prefix in sorted(
        cuts | owners.keys(), key=lambda each: (each not in homes, each not in owners, len(each), each)
    ):
        owner = _longest(owners, prefix)
        if owner is None:
            continue
        price, destination = owner
        covering = tuple(place for place in places if price.can_draw and allowances[place].covers(prefix))
        group = (price.code, _home(destination))
        if (*group, covering) not in named:
            code = prefix if group in groups else group[1]
            named[(*group, covering)] = Band(price, code, destination, covering)
            groups.add(group)
        entries[prefix] = named[(*group, covering)]
    return entries


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
