"""BroadWorks accounting files as switches write them. Invented subscribers."""

from __future__ import annotations

from xml.sax.saxutils import escape

PROLOG = '<?xml version="1.0" encoding="ISO-8859-1"?>\n<!DOCTYPE broadWorksCDR>\n<broadWorksCDR version="19.0">\n'
END = "</broadWorksCDR>\n"


def call(counter: int = 1, **changes: str | None) -> str:
    """One record of a call; ``None`` leaves a field out."""
    fields: dict[str, str | None] = {
        "userNumber": "+31201234567",
        "groupNumber": "+31201234000",
        "direction": "Originating",
        "asCallType": "Network",
        "callingNumber": "+31201234567",
        "callingPresentationIndicator": "Public",
        "calledNumber": "003225551234",
        "startTime": "20270701100000.247",
        "userTimeZone": "1+020000",
        "localCallId": f"2516004771{counter}:0",
        "answerIndicator": "Yes",
        "answerTime": "20270701100006.813",
        "releaseTime": "20270701100020.296",
        "terminationCause": "016",
        "networkCallType": "in",
        "chargeIndicator": "y",
        "userId": "sanne@voice.example",
    } | changes
    basic = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in fields.items() if value is not None)
    return (
        f"  <cdrData>\n    <headerModule>{record_id(counter)}<serviceProvider>Vonk</serviceProvider>"
        f"<type>Normal</type></headerModule>\n    <basicModule>{basic}</basicModule>\n"
        "    <ipModule><route>gateway.voice.example</route><codec>PCMA/8000</codec></ipModule>\n  </cdrData>\n"
    )


def record_id(counter: int) -> str:
    """What names a record."""
    return (
        f"<recordId><eventCounter>{counter:010}</eventCounter><systemId>AS1</systemId>"
        f"<date>20270701100020.300</date><systemTimeZone>1+020000</systemTimeZone></recordId>"
    )


def mark(kind: str, counter: int = 0) -> str:
    """A record without a call: Start, End, Interim, Failover."""
    return f"  <cdrData><headerModule>{record_id(counter)}<type>{kind}</type></headerModule></cdrData>\n"


def whole_file(*records: str, prolog: str = PROLOG, end: str = END) -> bytes:
    """A file with its start and end records."""
    return (prolog + mark("Start") + "".join(records) + mark("End", 999) + end).encode("iso-8859-1")
