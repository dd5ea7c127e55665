"""3GPP charging records and files as gateways write them, encoded with pycrate's definitions. Invented customers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from pycrate_asn1dir import CDR

PACKET, CIRCUIT = CDR.GPRSChargingDataTypes.GPRSRecord, CDR.CSChargingDataTypes.CSRecord
HOME, GERMANY = b"\x02\xf4\x40", b"\x62\xf2\x10"  # 20404 and 26201
VOLUME_LIMIT, NORMAL_RELEASE, NETWORK_CHANGE = 16, 0, 24
START = datetime(2027, 1, 31, 23, 30, tzinfo=UTC)  # the digits of a local time; its offset is written beside it
ADDRESS = ("iPBinaryAddress", ("iPBinV4Address", b"\x0a\x00\x00\x01"))


def swapped(digits: str, kind: bytes = b"") -> bytes:
    """Digits two to a byte, the first one low, filled up with F; a number has its type before it."""
    filled = digits + "f" * (len(digits) % 2)
    return kind + bytes(int(filled[at + 1] + filled[at], 16) for at in range(0, len(filled), 2))


def stamp(minutes: int = 0, offset: str = "+0100") -> bytes:
    """A time stamp, minutes after the start."""
    local = START + timedelta(minutes=minutes)
    return bytes.fromhex(local.strftime("%y%m%d%H%M%S")) + offset[:1].encode() + bytes.fromhex(offset[1:])


IMSI = swapped("204040000000012")
NUMBER = swapped("31612345678", b"\x91")


def session(
    up: int = 1000,
    down: int = 5_000_000_000,
    cause: int = NORMAL_RELEASE,
    order: int | None = None,
    **changes: Any,
) -> tuple[str, Any]:
    """A data session of the packet gateway with one rating group, or (``services``) several."""
    record: dict[str, Any] = {
        "recordType": 85,
        "servedIMSI": IMSI,
        "p-GWAddress": ADDRESS,
        "chargingID": 4711,
        "servingNodeAddress": [ADDRESS],
        "accessPointNameNI": "internet",
        "recordOpeningTime": stamp(0 if order is None else 10 * order),
        "duration": 600,
        "causeForRecClosing": cause,
        "servedMSISDN": NUMBER,
        "chargingCharacteristics": b"\x08\x00",
        "servingNodePLMNIdentifier": HOME,
        "servingNodeType": ["gTPSGW"],
        "listOfServiceData": [service(up, down)],
    }
    if order is not None:
        record["recordSequenceNumber"] = order
    return "pGWRecord", record | changes


def service(up: int, down: int, group: int = 100) -> dict[str, Any]:
    """What one rating group used."""
    return {
        "ratingGroup": group,
        "serviceConditionChange": (1, 1),
        "datavolumeFBCUplink": up,
        "datavolumeFBCDownlink": down,
        "timeOfReport": stamp(5),
    }


def serving_gateway_session() -> tuple[str, Any]:
    """The same session as another gateway saw it, with plain traffic volumes."""
    _, record = session(recordType=84)
    shared = {name: value for name, value in record.items() if name not in ("p-GWAddress", "listOfServiceData")}
    volume = {"dataVolumeGPRSUplink": 7, "dataVolumeGPRSDownlink": 8, "changeCondition": "recordClosure"}
    volumes = [volume | {"changeTime": stamp(5)}]
    return "sGWRecord", shared | {"s-GWAddress": ADDRESS, "listOfTrafficVolumes": volumes}


def call(seconds: int = 61, cause: int = 0, sequence: int | None = None, **changes: Any) -> tuple[str, Any]:
    """A call made; ``None`` as a change leaves a field out."""
    record: dict[str, Any] = {
        "recordType": 0,
        "servedIMSI": IMSI,
        "servedMSISDN": NUMBER,
        "calledNumber": swapped("4930123456", b"\x91"),
        "recordingEntity": swapped("31653131313", b"\x91"),
        "seizureTime": stamp(),
        "answerTime": stamp(1),
        "callDuration": seconds,
        "causeForTerm": cause,
        "callReference": b"\x01\x02\x03",
        "sequenceNumber": sequence,
    }
    return "moCallRecord", {name: value for name, value in (record | changes).items() if value is not None}


def message(**changes: Any) -> tuple[str, Any]:
    """A message sent."""
    record: dict[str, Any] = {
        "recordType": 6,
        "servedIMSI": IMSI,
        "servedMSISDN": NUMBER,
        "msClassmark": b"\x33",
        "serviceCentre": swapped("31653131313", b"\x91"),
        "recordingEntity": swapped("31653131313", b"\x91"),
        "messageReference": b"\x07",
        "originationTime": stamp(),
        "destinationNumber": b"\x0b" + swapped("31687654321", b"\x91"),
    }
    return "moSMSRecord", record | changes


def encoded(record: tuple[str, Any]) -> bytes:
    """One record in BER."""
    family = CIRCUIT if record[0] in CIRCUIT._cont else PACKET
    family.set_val(record)
    data: bytes = family.to_ber()
    return data


def bare_file(*records: bytes, filler: bytes = b"") -> bytes:
    """Record after record, with filler bytes between them."""
    return b"".join(record + filler for record in records)


def framed_file(*records: bytes, count: int | None = None, filler: bytes = b"", specification: int = 7) -> bytes:
    """A file of TS 32.297, release 16: file header, and before each record its length, release, format, release."""
    framed = b"".join(
        len(record).to_bytes(2, "big") + bytes([7 << 5, 1 << 5 | specification, 6]) + record + filler
        for record in records
    )
    times, node = b"\x12\x34\x56\x78" * 2, bytes(20)
    number = len(records) if count is None else count
    header = bytes([7 << 5, 7 << 5]) + times + number.to_bytes(4, "big") + (19).to_bytes(4, "big") + b"\x00" + node
    header += b"\x00" + b"\x00\x00" + b"\x00\x00" + b"\x06\x06"
    size = 8 + len(header)
    return (size + len(framed)).to_bytes(4, "big") + size.to_bytes(4, "big") + header + framed
