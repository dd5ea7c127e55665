"""One usage record from outside: read, checked field by field, and given its identity. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any
from uuid import UUID

from billing.domain.errors import InvalidValue
from billing.domain.fields import LARGEST_QUANTITY
from billing.domain.rating import UsageEvent

RETENTION = timedelta(days=90)
AHEAD = timedelta(days=1)
CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")
DESTINATION = re.compile(r"\+?[0-9]{1,20}")
_VISITED = re.compile(r"[A-Z]{2}|[0-9A-Z]{3,10}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_MOST_ATTRIBUTES = 50
_LARGEST_AMOUNT = Decimal(10) ** 12
_MOST_DECIMALS = 12
FIELDS = {
    "source",
    "record_id",
    "identifier",
    "meter",
    "quantity",
    "started_at",
    "destination",
    "visited",
    "traffic_class",
    "amount",
    "attributes",
}


@dataclass(frozen=True, slots=True)
class Malformed:
    """A record that cannot be used: which field, its value, and what is wrong with it."""

    field: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """A checked record. ``key_hash`` names it: 128 bit of (source, record_id); ``content_hash`` is all the rest."""

    source: str
    record_id: str
    identifier: str
    event: UsageEvent
    started_at: datetime
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key_hash(self) -> UUID:
        return hash_of(self.source, self.record_id)

    @property
    def content_hash(self) -> UUID:
        event = self.event
        amount = "" if event.amount is None else f"{event.amount.normalize():f}"
        attributes = json.dumps(self.attributes, sort_keys=True) if self.attributes else ""
        used = (event.meter, str(event.quantity), event.destination, event.visited, event.traffic_class)
        return hash_of(self.identifier, *used, amount, attributes)

    def as_dict(self) -> dict[str, Any]:
        """The JSON form, which ``read_record`` reads back."""
        amount = self.event.amount
        return {
            "source": self.source,
            "record_id": self.record_id,
            "identifier": self.identifier,
            "meter": self.event.meter,
            "quantity": self.event.quantity,
            "started_at": self.started_at.isoformat(),
            "destination": self.event.destination,
            "visited": self.event.visited,
            "traffic_class": self.event.traffic_class,
            "amount": None if amount is None else str(amount),
            "attributes": dict(self.attributes),
        }


def hash_of(*parts: str) -> UUID:
    """128 bit of the parts; their lengths are part of it, so that no two lists of parts look the same."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(4, "big") + encoded)
    return UUID(bytes=digest.digest())


def outside_retention(started_at: datetime, now: datetime) -> Malformed | None:
    """Why a start is too old or too far ahead to be taken now; None when it is neither."""
    earliest, latest = now - RETENTION, now + AHEAD
    if earliest <= started_at <= latest:
        return None
    reason = f"A start lies between {earliest:%Y-%m-%dT%H:%M:%SZ} and {latest:%Y-%m-%dT%H:%M:%SZ}."
    return Malformed("started_at", started_at.isoformat(), reason)


def storable(text: str, longest: int = 200) -> str:
    """A text as the database and JSON can hold it: NUL and half characters in escaped form, cut at ``longest``."""
    return text[:longest].replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode()


def _is_storable(text: str) -> bool:
    return storable(text, len(text)) == text


def _is_printable(text: str) -> bool:
    if text.isascii():
        return text.isprintable()
    return _is_storable(text) and not _CONTROL.search(text)


def read_record(data: Mapping[str, Any], now: datetime | None) -> UsageRecord | Malformed:
    """Read one event of the HTTP shape. ``now`` bounds its start; None reads a record that was taken before."""
    try:
        record = _read(data)
    except _Unusable as unusable:
        return unusable.malformed
    except InvalidValue as refused:
        return Malformed(storable(refused.field), storable(str(refused.value)), refused.remedy)
    too_far = None if now is None else outside_retention(record.started_at, now)
    return too_far or record


class _Unusable(Exception):
    def __init__(self, name: str, value: object, reason: str) -> None:
        super().__init__(reason)
        self.malformed = Malformed(storable(name), storable(str(value)), reason)


def _read(data: Mapping[str, Any]) -> UsageRecord:
    for name in data:
        if name not in FIELDS:
            raise _Unusable(str(name), data[name], "This field is not known; put extra data into attributes.")
    destination = _text(data, "destination", 21, required=False)
    if destination and not DESTINATION.fullmatch(destination):
        raise _Unusable("destination", destination, "Use an E.164 number like +3225551234, or leave it empty.")
    started_at = _instant(data)
    return UsageRecord(
        source=_code(data, "source"),
        record_id=_text(data, "record_id", 200),
        identifier=_text(data, "identifier", 100),
        event=UsageEvent(
            _code(data, "meter"),
            _quantity(data),
            destination,
            _amount(data),
            started_at,
            _visited(data),
            _code(data, "traffic_class", required=False),
        ),
        started_at=started_at,
        attributes=_attributes(data),
    )


def _value(data: Mapping[str, Any], name: str) -> Any:
    value = data.get(name)
    if value is None or value == "":
        raise _Unusable(name, "", f"The field {name} is missing.")
    return value


def _text(data: Mapping[str, Any], name: str, longest: int, *, required: bool = True) -> str:
    if not required and data.get(name) in (None, ""):
        return ""
    value = _value(data, name)
    if not isinstance(value, str) or not value.strip() or len(value) > longest or not _is_printable(value):
        raise _Unusable(name, value, f"Use 1 to {longest} printable characters.")
    return value.strip()


def _code(data: Mapping[str, Any], name: str, *, required: bool = True) -> str:
    value = _text(data, name, 64, required=required)
    if value and not CODE.fullmatch(value):
        raise _Unusable(name, value, "Use letters, digits and _ . : - (at most 64).")
    return value


def _visited(data: Mapping[str, Any]) -> str:
    """Where it was used: a country or network code in capitals, without separators; empty at home."""
    value = _text(data, "visited", 20, required=False).upper().replace("-", "")
    if value and not _VISITED.fullmatch(value):
        raise _Unusable(
            "visited", value, "Use a country code like BE, a network code like 20601 or BELTB, or leave it out."
        )
    return value


def _quantity(data: Mapping[str, Any]) -> int:
    value = _value(data, "quantity")
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 18:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST_QUANTITY:
        raise _Unusable(
            "quantity", value, f"Use a whole number from 0 to {LARGEST_QUANTITY}, in the meter's own units."
        )
    return value


def _amount(data: Mapping[str, Any]) -> Decimal | None:
    value = data.get("amount")
    if value is None or value == "":
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise _Unusable("amount", value, 'Write it like "1.50".') from None
    exponent = amount.as_tuple().exponent
    if not isinstance(exponent, int) or -exponent > _MOST_DECIMALS or not 0 <= amount < _LARGEST_AMOUNT:
        raise _Unusable("amount", value, f"Use 0 or more, at most {_MOST_DECIMALS} decimals.")
    return amount


def _instant(data: Mapping[str, Any]) -> datetime:
    value = _value(data, "started_at")
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise _Unusable("started_at", value, "Write it like 2026-01-31T23:59:59+01:00.") from None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise _Unusable("started_at", value, "Give the offset too, like 2026-01-31T23:59:59+01:00.")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise _Unusable("started_at", value, "This instant is beyond the calendar.") from None


def _attributes(data: Mapping[str, Any]) -> dict[str, Any]:
    value = data.get("attributes")
    if value is None:
        return {}
    if not isinstance(value, Mapping) or len(value) > _MOST_ATTRIBUTES:
        raise _Unusable("attributes", value, f"Use an object of at most {_MOST_ATTRIBUTES} names.")
    for name, each in value.items():
        is_plain = each is None or isinstance(each, str | int | bool) or (isinstance(each, float) and isfinite(each))
        if not is_plain or len(str(each)) > 500 or len(str(name)) > 64 or not _is_storable(f"{name}{each}"):
            raise _Unusable(f"attributes.{name}", each, "Use texts of at most 500 characters, numbers or booleans.")
    return dict(value)
