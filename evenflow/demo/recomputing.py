"""The bills of the demonstration computed a second time, from the usage files and the price list alone.

Plain arithmetic that shares nothing with what rated and billed: it reads the files as text and the plans as the data
they are, and knows only the options these plans use. A plan with any other option is refused, not guessed.
"""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

_CENT = Decimal("0.01")
_CALL_COLUMNS = 18
_COUNTRY_CODES = {"NL": "31", "GB": "44"}
_KNOWN_PRICE = {
    *("code", "name", "model", "meter", "unit_size", "unit_name", "increments"),
    *("fee", "rate", "tiers", "destinations"),
}
_KNOWN_ALLOWANCE = {"code", "name", "meter", "quantity", "prefixes", "shared"}


@dataclass(frozen=True, slots=True)
class Record:
    """One use: numbers in digits, ``quantity`` in seconds, messages or bytes; an unanswered call has none."""

    identifier: str
    meter: str
    quantity: int
    started_at: datetime
    destination: str


def records_in(folder: Path, zone: str, country: str) -> set[Record]:
    """Every sound record of a brand's files, each once however often it was sent."""
    found: set[Record] = set()
    for path in sorted(folder.glob("*")):
        if path.suffix == ".ndjson":
            found |= set(_sessions(path))
        elif "messages" in path.name:
            found |= set(_messages(path))
        elif "calls" in path.name:
            found |= set(_calls(path, ZoneInfo(zone), _COUNTRY_CODES[country]))
    return found


def _calls(path: Path, zone: ZoneInfo, country_code: str) -> Iterable[Record]:
    """Calls as a switch writes them, in its local time and as they were dialled."""
    for line in dict.fromkeys(path.read_text(encoding="utf-8").splitlines()):
        row = next(csv.reader([line]))
        if len(row) == _CALL_COLUMNS:
            at = datetime.strptime(row[9], "%Y-%m-%d %H:%M:%S").replace(tzinfo=zone)
            seconds = int(row[13]) if row[14] == "ANSWERED" else 0
            yield Record(row[1].lstrip("+"), "voice", seconds, at, _international(row[2], country_code))


def _international(dialled: str, country_code: str) -> str:
    if dialled.startswith("00"):
        return dialled[2:]
    return country_code + dialled.removeprefix("0")


def _messages(path: Path) -> Iterable[Record]:
    with path.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            if all(row.values()):
                at = datetime.fromisoformat(row["started_at"])
                yield Record(
                    row["identifier"].lstrip("+"),
                    row["meter"],
                    int(row["quantity"]),
                    at,
                    row["destination"].lstrip("+"),
                )


def _sessions(path: Path) -> Iterable[Record]:
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            body = json.loads(line)
        except ValueError:
            continue
        at = datetime.fromisoformat(body["started_at"])
        yield Record(body["identifier"].lstrip("+"), body["meter"], body["quantity"], at, "")


def usage_lines(plan: Mapping[str, Any], records: Iterable[Record]) -> dict[tuple[str, str], Decimal]:
    """The net amount of every usage line of one service in one cycle, by price and destination."""
    _refuse_unknown(plan)
    used = list(records)
    lines: dict[tuple[str, str], Decimal] = {}
    for price in plan["prices"]:
        if price["model"] != "recurring":
            own = [record for record in used if record.meter == price["meter"]]
            lines |= _lines_of(
                price, own, [each for each in plan.get("allowances", ()) if each["meter"] == price["meter"]]
            )
    return lines


def fee_of(plan: Mapping[str, Any]) -> Decimal:
    """The recurring fees of a cycle."""
    return sum((Decimal(price["fee"]) for price in plan["prices"] if price["model"] == "recurring"), Decimal(0))


def _refuse_unknown(plan: Mapping[str, Any]) -> None:
    unknown = plan.keys() - {"code", "name", "currency", "prices", "allowances"}
    unknown |= {name for price in plan["prices"] for name in price.keys() - _KNOWN_PRICE}
    for allowance in plan.get("allowances", ()):
        unknown |= allowance.keys() - _KNOWN_ALLOWANCE | ({"shared"} if allowance.get("shared") else set())
    if unknown:
        raise NotImplementedError(f"the plan {plan['code']} uses {sorted(unknown)}, which is not recomputed here")


@dataclass(slots=True)
class _Group:
    """What was used of one price towards one destination."""

    rate: Decimal
    connection_fee: Decimal = Decimal(0)
    events: int = 0
    quantity: int = 0
    drawn: int = 0


def _lines_of(
    price: Mapping[str, Any], records: Sequence[Record], allowances: Sequence[Mapping[str, Any]]
) -> dict[tuple[str, str], Decimal]:
    groups: dict[str, _Group] = {}
    parts: Counter[tuple[str, str]] = Counter()  # destination, and the prefix its use is drawn by
    for record in records:
        name, prefix, group = _group_of(price, record)
        kept = groups.setdefault(name, group)
        billed = _in_increments(record.quantity, price.get("increments", "1/1"))
        kept.events += record.quantity > 0
        kept.quantity += billed
        parts[name, prefix] += billed
    _draw(groups, parts, allowances)
    return {(price["code"], name): _charge(price, group) for name, group in groups.items()}


def _group_of(price: Mapping[str, Any], record: Record) -> tuple[str, str, _Group]:
    """The destination with the longest prefix of the number that was called."""
    best: tuple[str, Mapping[str, Any]] | None = None
    for destination in price.get("destinations", ()):
        for prefix in destination["prefixes"]:
            if record.destination.startswith(prefix) and (best is None or len(prefix) > len(best[0])):
                best = prefix, destination
    if best is None:
        return "", "", _Group(Decimal(price.get("rate", "0")))
    prefix, destination = best
    group = _Group(Decimal(destination["rate"]), Decimal(destination.get("connection_fee", "0")))
    return destination["name"], prefix, group


def _in_increments(quantity: int, increments: str) -> int:
    first, further = map(int, increments.split("/"))
    if quantity <= 0:
        return 0
    return first if quantity <= first else first - (first - quantity) // further * further


def _draw(
    groups: Mapping[str, _Group], parts: Mapping[tuple[str, str], int], allowances: Sequence[Mapping[str, Any]]
) -> None:
    """An allowance covers what goes to its prefixes, in the order of their digits."""
    left = {place: each["quantity"] for place, each in enumerate(allowances)}
    for name, prefix in sorted(parts, key=lambda part: part[1]):
        open_quantity = parts[name, prefix]
        for place, each in enumerate(allowances):
            wanted = each.get("prefixes")
            if not wanted or any(prefix.startswith(one) for one in wanted):
                covered = min(left[place], open_quantity)
                left[place] -= covered
                open_quantity -= covered
                groups[name].drawn += covered


def _charge(price: Mapping[str, Any], group: _Group) -> Decimal:
    quantity, size = group.quantity - group.drawn, price.get("unit_size", 1)
    if price["model"] == "per_unit":
        amount = group.rate * quantity / size + group.connection_fee * group.events
    elif price["model"] == "package":
        amount = Decimal(price["rate"]) * -(-quantity // size)
    elif price["model"] == "graduated":
        amount = _graduated(price["tiers"], Decimal(quantity) / size)
    else:
        raise NotImplementedError(f"a {price['model']} price is not recomputed here")
    return to_cents(amount)


def _graduated(tiers: Sequence[Mapping[str, Any]], units: Decimal) -> Decimal:
    amount, below = Decimal(0), Decimal(0)
    for tier in tiers:
        upper = units if tier.get("up_to") is None else min(units, Decimal(tier["up_to"]))
        amount += max(upper - below, Decimal(0)) * Decimal(tier["rate"])
        below = max(below, upper)
    return amount


def to_cents(amount: Decimal) -> Decimal:
    """Half a cent goes up."""
    return amount.quantize(_CENT, ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class Sums:
    """What a bill asks for."""

    net: Decimal
    vat: Decimal
    total: Decimal


def sums_of(subtotal: Decimal, discounts: Iterable[Mapping[str, Any]], vat_percent: Decimal) -> Sums:
    """Discounts off the net subtotal, one after the other and never below zero, then VAT on what is left."""
    net = subtotal
    for discount in discounts:
        off = (
            to_cents(net * Decimal(discount["percent"]) / 100) if "percent" in discount else Decimal(discount["amount"])
        )
        net -= max(min(off, net), Decimal(0))
    vat = to_cents(net * vat_percent / 100)
    return Sums(net, vat, net + vat)


Cycle = tuple[datetime, datetime]
Lines = Mapping[tuple[str, str, str], Decimal]


class Bills:
    """One account's bills, in order: each has its own cycle's usage, and what came late for earlier ones."""

    def __init__(self, plans: Mapping[str, Mapping[str, Any]]) -> None:
        self._plans = plans  # by the digits or name of each line
        self._used: dict[Cycle, list[Record]] = defaultdict(list)

    def bill(self, cycle: Cycle, on_time: Iterable[Record], late: Mapping[Cycle, Sequence[Record]]) -> Decimal:
        """The net subtotal of the next bill before discounts: fees, usage, and late usage by its own cycle's prices."""
        subtotal = sum((fee_of(plan) for plan in self._plans.values()), Decimal(0))
        self._used[cycle] += on_time
        subtotal += sum(self._lines(cycle).values(), Decimal(0))
        for earlier, records in late.items():
            before = sum(self._lines(earlier).values(), Decimal(0))
            self._used[earlier] += records
            subtotal += sum(self._lines(earlier).values(), Decimal(0)) - before
        return subtotal

    def _lines(self, cycle: Cycle) -> Lines:
        return {
            (line, *key): amount
            for line, plan in self._plans.items()
            for key, amount in usage_lines(
                plan, (each for each in self._used[cycle] if each.identifier == line)
            ).items()
        }
