"""TAP3 files as a roaming partner writes them, encoded with pycrate's definitions. Invented customers and networks."""

from __future__ import annotations

from typing import Any

from pycrate_asn1dir.TAP3 import TAP_0312

SENDER, RECIPIENT = b"DEUD1", b"NLDVK"
SUBSCRIBER = {"imsi": bytes.fromhex("204040000000012f"), "msisdn": bytes.fromhex("31612345678f")}
BERLIN, MOSCOW = 0, 1


def packed(digits: str) -> bytes:
    """Digits two to a byte, filled up with F."""
    return bytes.fromhex(digits + "f" * (len(digits) % 2))


def at(local: str = "20270131235800", code: int = BERLIN) -> dict[str, Any]:
    """A local time and the code of its offset."""
    return {"localTimeStamp": local.encode(), "utcTimeOffsetCode": code}


def charge(total: int, tax: int = 0, item: bytes = b"D") -> dict[str, Any]:
    """A charge information: the total (type 00) and a part of it that only explains (type 03)."""
    information: dict[str, Any] = {
        "chargedItem": item,
        "exchangeRateCode": 0,
        "callTypeGroup": {"callTypeLevel1": 1, "callTypeLevel2": 0, "callTypeLevel3": 0},
        "chargeDetailList": [{"chargeType": b"00", "charge": total}, {"chargeType": b"03", "charge": total // 2}],
    }
    return information | ({"taxInformation": [{"taxCode": 0, "taxValue": tax}]} if tax else {})


def _subscriber() -> tuple[str, Any]:
    return ("simChargeableSubscriber", dict(SUBSCRIBER))


def _used(service: bytes, *charges: dict[str, Any]) -> list[dict[str, Any]]:
    basic = {"serviceCode": ("teleServiceCode", service)}
    return [{"basicService": basic, "chargeInformationList": list(charges)}]


def call(seconds: int = 61, reference: int = 1, called: str = "4930123456", **started: Any) -> tuple[str, Any]:
    """A call made while roaming."""
    basic = {
        "chargeableSubscriber": _subscriber(),
        "destination": {"calledNumber": packed(called), "dialledDigits": b"030123456"},
        "callEventStartTimeStamp": at(**started),
        "totalCallEventDuration": seconds,
        "causeForTerm": 0,
    }
    location = {"networkLocation": {"recEntityCode": 1, "callReference": reference.to_bytes(4, "big")}}
    return "mobileOriginatedCall", {
        "basicCallInformation": basic,
        "locationInformation": location,
        "basicServiceUsedList": _used(b"11", charge(1250, 238)),
    }


def received_call(seconds: int = 30, reference: int = 2) -> tuple[str, Any]:
    """A call answered while roaming."""
    basic = {
        "chargeableSubscriber": _subscriber(),
        "callOriginator": {"callingNumber": packed("31201234567")},
        "callEventStartTimeStamp": at("20270201120000"),
        "totalCallEventDuration": seconds,
    }
    location = {"networkLocation": {"recEntityCode": 1, "callReference": reference.to_bytes(4, "big")}}
    return "mobileTerminatedCall", {
        "basicCallInformation": basic,
        "locationInformation": location,
        "basicServiceUsedList": _used(b"11", charge(310)),
    }


def message(number: str = "31687654321", when: str = "20270201120500") -> tuple[str, Any]:
    """A message sent while roaming: called is the service centre. It has no reference of its own."""
    basic = {
        "chargeableSubscriber": _subscriber(),
        "destination": {"calledNumber": packed("491722270000"), "sMSDestinationNumber": number.encode()},
        "callEventStartTimeStamp": at(when),
        "totalCallEventDuration": 0,
    }
    return "mobileOriginatedCall", {
        "basicCallInformation": basic,
        "basicServiceUsedList": _used(b"22", charge(80)),
    }


def data(
    incoming: int = 3_000_000_000, outgoing: int = 70_000, charging_id: int = 77, **started: Any
) -> tuple[str, Any]:
    """A data session; its volume needs more than 31 bits."""
    basic = {
        "gprsChargeableSubscriber": {"chargeableSubscriber": _subscriber()},
        "gprsDestination": {"accessPointNameNI": b"internet"},
        "callEventStartTimeStamp": at(**(started or {"local": "20270201130000", "code": MOSCOW})),
        "totalCallEventDuration": 600,
        "chargingId": charging_id,
    }
    return "gprsCall", {
        "gprsBasicCallInformation": basic,
        "gprsLocationInformation": {"gprsNetworkLocation": {"recEntity": [2, 3]}},
        "gprsServiceUsed": {
            "dataVolumeIncoming": incoming,
            "dataVolumeOutgoing": outgoing,
            "chargeInformationList": [charge(4100, item=b"X")],
        },
    }


def service() -> tuple[str, Any]:
    """A supplementary service: call forwarding switched on."""
    return "supplServiceEvent", {
        "chargeableSubscriber": _subscriber(),
        "supplServiceUsed": {
            "supplServiceCode": b"21",
            "supplServiceActionCode": 2,
            "chargingTimeStamp": at("20270201140000"),
            "chargeInformation": charge(0),
        },
    }


def all_kinds() -> list[tuple[str, Any]]:
    """One of each."""
    return [call(), received_call(), message(), data(), service()]


def batch(calls: list[tuple[str, Any]], **changes: Any) -> bytes:
    """A transfer batch with totals that agree; ``changes`` replace or (None) leave out one of its parts."""
    offsets = [{"utcTimeOffsetCode": code, "utcTimeOffset": text} for code, text in ((0, b"+0100"), (1, b"+0300"))]
    conversion = {"exchangeRateCode": 0, "numberOfDecimalPlaces": 4, "exchangeRate": 11694}
    whole = {
        "batchControlInfo": control(),
        "accountingInfo": {
            "localCurrency": b"EUR",
            "tapCurrency": b"SDR",
            "currencyConversionInfo": [conversion],
            "tapDecimalPlaces": 3,
        },
        "networkInfo": {"utcTimeOffsetInfo": offsets},
        "callEventDetails": calls,
        "auditControlInfo": audit(calls),
    } | changes
    present = {name: value for name, value in whole.items() if value is not None}
    return _encoded(("transferBatch", present))


def control(**changes: Any) -> dict[str, Any]:
    """Who sent which file to whom."""
    stamp = {"localTimeStamp": b"20270202000000", "utcTimeOffset": b"+0100"}
    return {
        "sender": SENDER,
        "recipient": RECIPIENT,
        "fileSequenceNumber": b"00017",
        "fileCreationTimeStamp": stamp,
        "fileAvailableTimeStamp": stamp,
        "transferCutOffTimeStamp": stamp,
        "specificationVersionNumber": 3,
        "releaseVersionNumber": 12,
    } | changes


def audit(calls: list[tuple[str, Any]]) -> dict[str, Any]:
    """The totals of the calls."""
    return {"totalCharge": sum(map(_charged, calls)), "totalTaxValue": 238, "callEventDetailsCount": len(calls)}


def _charged(event: tuple[str, Any]) -> int:
    kind, values = event
    if kind == "gprsCall":
        informations = values.get("gprsServiceUsed", {}).get("chargeInformationList", [])
    elif kind == "supplServiceEvent":
        informations = [values["supplServiceUsed"]["chargeInformation"]]
    else:
        informations = [row for used in values.get("basicServiceUsedList", []) for row in used["chargeInformationList"]]
    return sum(information["chargeDetailList"][0]["charge"] for information in informations)


def notification() -> bytes:
    """The file a partner sends when there were no calls."""
    values = control(fileSequenceNumber=b"00018")
    return _encoded(("notification", values))


def fraud_file() -> bytes:
    """An NRTRDE file with one call: the root tag of TAP (application 1), then everything by other numbers."""
    one_call = _application(3, _application(34, SUBSCRIBER["imsi"]) + _application(19, b"\x3d"))
    fields = {41: b"\x02", 37: b"\x01", 38: SENDER, 36: RECIPIENT, 39: b"0000017", 2: one_call, 20: b"\x01"}
    return _application(1, b"".join(_application(number, value) for number, value in fields.items()))


def _application(number: int, value: bytes) -> bytes:
    """An element of the application class, shorter than 128 bytes; the first few numbers contain others."""
    tag = bytes([0x60 | number]) if number < 5 else bytes([0x40 | number]) if number < 31 else bytes([0x5F, number])
    return tag + bytes([len(value)]) + value


def encoded_call(event: tuple[str, Any]) -> bytes:
    """One call event in BER."""
    TAP_0312.CallEventDetail.set_val(event)
    encoded: bytes = TAP_0312.CallEventDetail.to_ber()
    return encoded


def _encoded(value: tuple[str, Any]) -> bytes:
    TAP_0312.DataInterChange.set_val(value)
    encoded: bytes = TAP_0312.DataInterChange.to_ber()
    return encoded
