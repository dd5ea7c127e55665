"""One 3GPP charging record (TS 32.298) as usage: sessions with their volumes, calls, messages.

A session or call that is closed in several records tells its parts; nothing is billed before all of them are there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from billing.adapters.usage_formats.asn1_layouts import Layouts
from billing.adapters.usage_formats.asn1_values import (
    addressed_number,
    country_of_network,
    network_code,
    service_digits,
    stamped_instant,
    swapped_digits,
)
from billing.adapters.usage_formats.ber import Node
from billing.adapters.usage_formats.values import Damaged, international

# Causes that end a session; after every other one (a limit, a change) another record follows.
_FINAL_CAUSES = frozenset({0, 4, 5, 52, 53, 54, 58})
_PARTIAL_CALLS = frozenset({1, 2})
_UNSUCCESSFUL_CALL = 3
_SEMI_OCTETS_AT_MOST = 0x80
_LAST_PART = 2**31 - 1


@dataclass(frozen=True, slots=True)
class ChargingRules:
    """How records become usage.

    ``meters`` by kind of record: a kind without one is not billed, so that a session is billed from one node only.
    ``traffic_classes`` by rating group; a group without one is ordinary traffic. ``first_part`` is the sequence number
    of the first record of a session. In ``home_networks`` (26201) and in ``country``, which also completes national
    numbers, nobody roams; a network in ``named_networks`` is told by its code instead of its country.
    """

    family: str
    meters: Mapping[str, str]
    traffic_classes: Mapping[int, str] = field(default_factory=dict)
    home_networks: frozenset[str] = frozenset()
    named_networks: frozenset[str] = frozenset()
    country: str = ""
    first_part: int = 1


@dataclass(frozen=True, slots=True)
class Usage:
    """What one record says. ``quantities`` by traffic class; ``order`` is None when it stands for a whole usage."""

    key: str
    identifier: str
    started_at: datetime
    quantities: Mapping[str, int]
    destination: str = ""
    visited: str = ""
    order: int | None = None
    is_last: bool = True
    attributes: Mapping[str, Any] = field(default_factory=dict)


@cache
def layouts() -> Layouts:
    """The readers of all record types."""
    return Layouts()


@cache
def _definition(family: str) -> Any:
    """pycrate's records of a family, loaded when the first such file is read (it takes a second)."""
    from pycrate_asn1dir import CDR

    return CDR.GPRSChargingDataTypes.GPRSRecord if family == "packet" else CDR.CSChargingDataTypes.CSRecord


def usage_of(tree: Node, family: str, rules: ChargingRules) -> tuple[str, Usage] | None:
    """The meter and the usage of a record; None for a kind that is not billed. Raises Damaged."""
    kind, record = layouts().reader(_definition(family))(tree, "record")
    if not kind:
        raise Damaged("recordType", f"A record with tag {tree.tag[0]}/{tree.tag[1]} is not known in this family.")
    if not (meter := rules.meters.get(kind)):
        return None
    if kind not in _KINDS:
        raise Damaged("recordType", f"Records of the kind {kind} cannot be billed.")
    return meter, _KINDS[kind](kind, record, rules)


def _session(kind: str, record: Mapping[str, Any], rules: ChargingRules) -> Usage:
    imsi, identifier = _subscriber(record, rules)
    cause = _needed(record, "causeForRecClosing")
    is_last = cause in _FINAL_CAUSES
    network = _network(record, "servingNodePLMNIdentifier")
    charging_id = _needed(record, "chargingID")
    return Usage(
        key=f"{kind}/{imsi}/{charging_id}/{_gateway(record)}",
        identifier=identifier,
        started_at=_instant(record, "recordOpeningTime"),
        quantities=_volumes(record, rules.traffic_classes),
        visited=_visited(network, rules),
        order=_order(record, "recordSequenceNumber", rules, is_last=is_last),
        is_last=is_last,
        attributes=_known(imsi=imsi, network=network, apn=record.get("accessPointNameNI"), charging_id=charging_id),
    )


def _order(record: Mapping[str, Any], name: str, rules: ChargingRules, *, is_last: bool) -> int | None:
    """The number of a part; the first one where it has none; None for a record that stands for a whole usage."""
    order: int | None = record.get(name)
    if order is None:
        return None if is_last else rules.first_part
    if not 0 <= order <= _LAST_PART:
        raise Damaged(name, f"{name} {order} is not a number from 0 to {_LAST_PART}.")
    return order


def _gateway(record: Mapping[str, Any]) -> str:
    """The address of the gateway that gave out the charging identity."""
    for name in ("p-GWAddress", "p-GWAddressUsed", "ggsnAddressUsed", "ePDGAddressUsed"):
        value: Any = record.get(name)
        while isinstance(value, tuple):
            value = value[1]
        if isinstance(value, bytes):
            return value[:16].hex()
        if isinstance(value, str):
            return value[:45]
    return ""


def _volumes(record: Mapping[str, Any], classes: Mapping[int, str]) -> dict[str, int]:
    """Bytes both ways by traffic class. Every class is there, so that each one's parts are numbered without a gap."""
    volumes = dict.fromkeys(["", *sorted(set(classes.values()))], 0)
    services = record.get("listOfServiceData")
    for each in services or ():
        traffic_class = classes.get(each.get("ratingGroup", -1), "")
        volumes[traffic_class] += _volume(each, "datavolumeFBCUplink") + _volume(each, "datavolumeFBCDownlink")
    for each in () if services else record.get("listOfTrafficVolumes") or ():
        volumes[""] += _volume(each, "dataVolumeGPRSUplink") + _volume(each, "dataVolumeGPRSDownlink")
    return volumes


def _volume(container: Mapping[str, Any], name: str) -> int:
    volume: int = container.get(name, 0)
    if volume < 0:
        reason = f"{name} is {volume}: a volume is never negative; its encoder left out a leading zero byte."
        raise Damaged(name, reason)
    return volume


def _call(kind: str, record: Mapping[str, Any], rules: ChargingRules) -> Usage:
    """The answered part of a call; an attempt that was not answered counts nothing."""
    imsi, identifier = _subscriber(record, rules)
    cause = _needed(record, "causeForTerm")
    seconds = _needed(record, "callDuration")
    if seconds < 0:
        raise Damaged("callDuration", f"callDuration is {seconds}: a duration is never negative.")
    is_answered = cause != _UNSUCCESSFUL_CALL and ("answerTime" in record or seconds > 0)
    is_last = cause not in _PARTIAL_CALLS
    network = _network(record.get("location", {}), "mCC-MNC")
    called = record.get("calledNumber", b"")
    reference, exchange = (_octets(record, name).hex() for name in ("callReference", "recordingEntity"))
    return Usage(
        key=f"{kind}/{imsi}/{exchange}/{reference}",
        identifier=identifier,
        started_at=_instant(record, "answerTime" if "answerTime" in record else "seizureTime"),
        quantities={"": seconds if is_answered else 0},
        destination=_number("calledNumber", called, rules.country) if called and kind == "moCallRecord" else "",
        visited=_visited(network, rules),
        order=_order(record, "sequenceNumber", rules, is_last=is_last),
        is_last=is_last,
        attributes=_known(imsi=imsi, network=network, cause=cause),
    )


def _message(kind: str, record: Mapping[str, Any], rules: ChargingRules) -> Usage:
    """A message; one that was refused counts nothing."""
    imsi, identifier = _subscriber(record, rules)
    time = next((name for name in ("originationTime", "deliveryTime", "eventTimeStamp") if name in record), "eventTime")
    network = _network(record, "servingNodePLMNIdentifier") or _network(record.get("location", {}), "mCC-MNC")
    number = record.get("destinationNumber", b"")
    reference, exchange = (record.get(name, b"")[:20].hex() for name in ("messageReference", "recordingEntity"))
    return Usage(
        key=f"{kind}/{imsi}/{exchange}/{reference}",
        identifier=identifier,
        started_at=_instant(record, time),
        quantities={"": 0 if "smsResult" in record else 1},
        destination=_number("destinationNumber", _without_length(number), rules.country) if number else "",
        visited=_visited(network, rules),
        attributes=_known(imsi=imsi, network=network),
    )


def _without_length(address: bytes) -> bytes:
    """A message's address may start with its number of digits; the type byte that follows has its high bit set."""
    starts_with_length = len(address) > 1 and address[0] < _SEMI_OCTETS_AT_MOST <= address[1]
    return address[1:] if starts_with_length else address


def _subscriber(record: Mapping[str, Any], rules: ChargingRules) -> tuple[str, str]:
    """The IMSI, and who is charged: the number, else the IMSI."""
    imsi = swapped_digits("servedIMSI", record["servedIMSI"]) if "servedIMSI" in record else ""
    number = _number("servedMSISDN", record["servedMSISDN"], rules.country) if "servedMSISDN" in record else ""
    if not number and not imsi:
        raise Damaged("servedMSISDN", "The record names neither a number nor an IMSI.")
    return imsi or number, number or imsi


def _number(name: str, value: bytes, country: str) -> str:
    """A number with its type byte in international form; a service code like *21# is no destination."""
    shown = service_digits(value[1:], swapped=True)
    if name != "servedMSISDN" and not shown.isdigit():
        return ""
    digits, is_international = addressed_number(name, value)
    return f"+{digits}" if is_international else international(digits, country)


def _network(record: Mapping[str, Any], name: str) -> str:
    return network_code(name, record[name]) if name in record else ""


def _visited(network: str, rules: ChargingRules) -> str:
    """The country of a network abroad; empty at home, which every network of our own country is."""
    if not network or network in rules.home_networks:
        return ""
    country = network if network in rules.named_networks else country_of_network(network)
    return "" if country == rules.country else country


def _instant(record: Mapping[str, Any], name: str) -> datetime:
    return stamped_instant(name, _octets(record, name))


def _octets(record: Mapping[str, Any], name: str) -> bytes:
    value: bytes = record.get(name, b"")[:20]
    if not value:
        raise Damaged(name, f"The record has no {name}.")
    return value


def _needed(record: Mapping[str, Any], name: str) -> int:
    if name not in record:
        raise Damaged(name, f"The record has no {name}.")
    number: int = record[name]
    return number


def _known(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in ("", None)}


_KINDS: Mapping[str, Callable[[str, Mapping[str, Any], ChargingRules], Usage]] = {
    "pGWRecord": _session,
    "sGWRecord": _session,
    "sgsnPDPRecord": _session,
    "ePDGRecord": _session,
    "tWAGRecord": _session,
    "sgsnSMORecord": _message,
    "sgsnSMTRecord": _message,
    "moCallRecord": _call,
    "mtCallRecord": _call,
    "moSMSRecord": _message,
    "mtSMSRecord": _message,
}
KINDS: Sequence[str] = tuple(_KINDS)
