"""What each kind of TAP call event says: the subscriber, the quantity, the start, the charges."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from billing.adapters.usage_formats.asn1_values import packed_digits, service_digits
from billing.adapters.usage_formats.values import Damaged

_MESSAGE_SERVICES = (b"21", b"22")
_INTERNATIONAL_PREFIX = "00"
_SHORTEST_NUMBER, _LONGEST_NUMBER = 7, 15


@dataclass(frozen=True, slots=True)
class RoamingMeters:
    """The meter of each kind of roaming usage; a kind without a meter is not billed."""

    call: str = "voice"
    received_call: str = "voice-received"
    message: str = "sms"
    received_message: str = ""
    data: str = "data"
    supplementary_service: str = ""
    content: str = "content"


@dataclass(frozen=True, slots=True)
class Usage:
    """What one kind of call event says; an empty ``meter`` is a kind that is not billed."""

    meter: str
    quantity: int
    subscriber: Mapping[str, Any]
    started: Mapping[str, Any]
    charges: Iterable[Mapping[str, Any]] = ()
    destination: str = ""
    reference: str = ""
    network: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)


def text_of(values: Mapping[str, Any], name: str) -> str:
    """A field in ASCII, at most 100 characters; empty when it is missing."""
    written: bytes = values.get(name, b"")
    return written[:100].decode("ascii", "backslashreplace").strip()


def _at(values: Mapping[str, Any], *names: str) -> Any:
    """A field of a field; an empty mapping where one is missing."""
    for name in names:
        values = values.get(name, {})
    return values


def _chosen(values: Mapping[str, Any], *names: str) -> Any:
    """The value of a choice; an empty mapping where it is missing."""
    found = _at(values, *names)
    return found[1] or {} if isinstance(found, tuple) else {}


def _originated(call: Mapping[str, Any], meters: RoamingMeters) -> Usage:
    basic = call.get("basicCallInformation", {})
    destination = basic.get("destination", {})
    if _is_message(call):
        # What was called is the service centre; the addressee has a field of its own.
        addressee = text_of(destination, "sMSDestinationNumber")
        return _phone_call(call, basic, meters.message, _in_full(addressee), {"dialled": addressee})
    dialled = {"dialled": text_of(destination, "dialledDigits")}
    return _phone_call(call, basic, meters.call, _number_called(destination), dialled)


def _received(call: Mapping[str, Any], meters: RoamingMeters) -> Usage:
    basic = call.get("basicCallInformation", {})
    calling = service_digits(_at(basic, "callOriginator", "callingNumber") or b"", swapped=False)
    meter = meters.received_message if _is_message(call) else meters.received_call
    return _phone_call(call, basic, meter, "", {"calling": calling})


def _is_message(call: Mapping[str, Any]) -> bool:
    services = call.get("basicServiceUsedList", ())
    return any(_chosen(used, "basicService", "serviceCode") in _MESSAGE_SERVICES for used in services)


def _phone_call(
    call: Mapping[str, Any], basic: Mapping[str, Any], meter: str, destination: str, attributes: Mapping[str, Any]
) -> Usage:
    services = call.get("basicServiceUsedList", ())
    charges = [each for used in services for each in used.get("chargeInformationList", ())]
    location = call.get("locationInformation", {})
    return Usage(
        meter=meter,
        quantity=1 if _is_message(call) else _needed(basic, "totalCallEventDuration"),
        subscriber=_chosen(basic, "chargeableSubscriber"),
        started=basic.get("callEventStartTimeStamp", {}),
        charges=[*charges, call.get("camelServiceUsed", {})],
        destination=destination,
        reference=_reference(_at(location, "networkLocation")),
        network=text_of(_at(location, "geographicalLocation"), "servingNetwork"),
        attributes={**attributes, **_call_type(charges)},
    )


def _reference(location: Mapping[str, Any]) -> str:
    reference = location.get("callReference", b"")[:16].hex()
    return f"{location.get('recEntityCode', '')}-{reference}" if reference else ""


def _call_type(charges: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    levels: Mapping[str, int] = next((info["callTypeGroup"] for info in charges if "callTypeGroup" in info), {})
    found = [str(levels[f"callTypeLevel{level}"]) for level in (1, 2, 3) if f"callTypeLevel{level}" in levels]
    return {"call_type": ".".join(found)}


def _number_called(destination: Mapping[str, Any]) -> str:
    """The number in international form; what was only dialled (112, 030123456) is one when it starts like one."""
    if destination.get("calledNumber"):
        return "+" + packed_digits("calledNumber", destination["calledNumber"])
    dialled = text_of(destination, "dialledDigits")
    return _in_full(dialled) if dialled.startswith(("+", _INTERNATIONAL_PREFIX)) else ""


def _in_full(number: str) -> str:
    """A number that its sender gave in international form, with or without the sign for it; empty for a short code."""
    digits = number.removeprefix("+").removeprefix(_INTERNATIONAL_PREFIX)
    is_number = digits.isascii() and digits.isdigit() and _SHORTEST_NUMBER <= len(digits) <= _LONGEST_NUMBER
    return f"+{digits}" if is_number else ""


def _needed(values: Mapping[str, Any], name: str) -> int:
    if name not in values:
        raise Damaged(name, f"The call has no {name}.")
    number: int = values[name]
    return number


def _data(call: Mapping[str, Any], meters: RoamingMeters) -> Usage:
    basic, used = call.get("gprsBasicCallInformation", {}), call.get("gprsServiceUsed", {})
    charges = used.get("chargeInformationList", ())
    charging_id = basic.get("chargingId")
    location = call.get("gprsLocationInformation", {})
    partial = text_of(basic, "partialTypeIndicator")
    reference = "" if charging_id is None else f"{charging_id}-{_entities(location)}{partial}"
    return Usage(
        meter=meters.data,
        quantity=_volume(used),
        subscriber=_chosen(basic, "gprsChargeableSubscriber", "chargeableSubscriber"),
        started=basic.get("callEventStartTimeStamp", {}),
        charges=[*charges, call.get("camelServiceUsed", {})],
        reference=reference,
        network=text_of(_at(location, "geographicalLocation"), "servingNetwork"),
        attributes={"apn": text_of(_at(basic, "gprsDestination"), "accessPointNameNI"), "partial": partial}
        | _call_type(charges),
    )


def _volume(used: Mapping[str, Any]) -> int:
    names = ("dataVolumeIncoming", "dataVolumeOutgoing")
    for name in names:
        if used.get(name, 0) < 0:
            raise Damaged(name, f"{name} is {used[name]}: a volume is never negative.")
    if not any(name in used for name in names):
        raise Damaged("dataVolumeIncoming", "The session has no volume.")
    return sum(used.get(name, 0) for name in names)


def _entities(location: Mapping[str, Any]) -> str:
    return ".".join(str(code) for code in _at(location, "gprsNetworkLocation").get("recEntity", ())[:4])


def _service(call: Mapping[str, Any], meters: RoamingMeters) -> Usage:
    used = call.get("supplServiceUsed", {})
    return Usage(
        meter=meters.supplementary_service,
        quantity=1,
        subscriber=_chosen(call, "chargeableSubscriber"),
        started=used.get("chargingTimeStamp", {}),
        charges=[used.get("chargeInformation", {})],
        attributes={"service": text_of(used, "supplServiceCode"), "action": used.get("supplServiceActionCode")},
    )


def _content(call: Mapping[str, Any], meters: RoamingMeters) -> Usage:
    basic = call.get("contentTransactionBasicInfo", {})
    used = call.get("contentServiceUsed", ())
    party = {row.get("chargedPartyIdType"): row.get("chargedPartyIdentifier") for row in _party(call)}
    return Usage(
        meter=meters.content,
        quantity=1,
        subscriber=_content_subscriber(party),
        started=basic.get("orderPlacedTimeStamp", {}),
        charges=[info for each in used for info in each.get("chargeInformationList", ())],
        reference=next((text_of(each, "transactionIdentifier") for each in used), ""),
        attributes={"service": next((text_of(each, "transactionShortDescription") for each in used), "")},
    )


def _party(call: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    rows: Iterable[Mapping[str, Any]] = _at(call, "chargedPartyInformation").get("chargedPartyIdList", ())
    return rows


def _content_subscriber(party: Mapping[Any, bytes | None]) -> dict[str, Any]:
    """Type 1 is the number, type 2 the IMSI, both in ASCII digits."""
    number, imsi = party.get(1) or b"", party.get(2) or b""
    packed = {"imsi": bytes.fromhex(_even(imsi))} if imsi.isdigit() else {}
    return packed | ({"mdn": number.lstrip(b"+")} if number.lstrip(b"+").isdigit() else {})


def _even(digits: bytes) -> str:
    written = digits.decode("ascii")
    return written + "f" * (len(written) % 2)


def _message(call: Mapping[str, Any], meters: RoamingMeters) -> Usage:
    party = call.get("chargedParty", {})
    other = _at(call, "nonChargedParty")
    return Usage(
        meter=meters.message,
        quantity=1,
        subscriber=party,
        started=call.get("serviceStartTimestamp", {}),
        charges=[call],
        destination=_in_full(text_of(other, "nonChargedPartyNumber")),
        reference=call.get("eventReference", b"")[:32].hex(),
        network=text_of(_at(call, "geographicalLocation"), "servingNetwork"),
    )


def _session(call: Mapping[str, Any], meters: RoamingMeters) -> Usage:
    """A call over the packet network: only the caller's record says what was requested."""
    requested = call.get("requestedDestination")
    charges = call.get("sessionChargeInfoList", ())
    return Usage(
        meter=meters.received_call if requested is None else meters.call,
        quantity=_needed(call, "totalCallEventDuration"),
        subscriber=call.get("chargedParty", {}),
        started=call.get("serviceStartTimestamp", {}),
        charges=charges,
        destination=_in_full(text_of(requested or {}, "requestedNumber")),
        reference=call.get("eventReference", b"")[:32].hex(),
        network=text_of(_at(call, "geographicalLocation"), "servingNetwork"),
        attributes=_call_type(charges),
    )


def _not_billed(call: Mapping[str, Any], meters: RoamingMeters) -> Usage:
    """Between operators only; the charge counts in the totals of the file."""
    usage = call.get("locationServiceUsage", {})
    informations = [call.get("chargeInformation", {}), *usage.get("chargeInformationList", ())]
    return Usage("", 0, {}, {}, informations)


KINDS: Mapping[str, Callable[[Mapping[str, Any], RoamingMeters], Usage]] = {
    "mobileOriginatedCall": _originated,
    "mobileTerminatedCall": _received,
    "gprsCall": _data,
    "supplServiceEvent": _service,
    "contentTransaction": _content,
    "messagingEvent": _message,
    "mobileSession": _session,
    "serviceCentreUsage": _not_billed,
    "locationService": _not_billed,
}
SHORT_NAMES = {
    "mobileOriginatedCall": "moc",
    "mobileTerminatedCall": "mtc",
    "gprsCall": "gprs",
    "supplServiceEvent": "service",
    "contentTransaction": "content",
    "messagingEvent": "message",
    "mobileSession": "session",
}
QUANTITY_OF = {
    "mobileOriginatedCall": "totalCallEventDuration",
    "mobileTerminatedCall": "totalCallEventDuration",
    "mobileSession": "totalCallEventDuration",
}
