"""CloudEvents 1.0 as usage records: ``source`` and ``id`` are the identity, ``subject`` the line, ``time`` the start.

The event's ``type`` selects how its data is read. A type that was not declared is kept, never dropped: its own name is
then the meter, so it waits until a plan prices that, or until somebody sends it again with another one. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from billing.domain.errors import InvalidValue
from billing.services.usage_records import storable

SPEC_VERSION = "1.0"
REQUIRED = ("specversion", "id", "source", "type")
# Our own producers may use it without declaring anything: org.evenflow.usage.voice counts on the meter voice.
OWN_PREFIX = "org.evenflow.usage."
WITHOUT_CODE = "cloudevents"
_SOURCE_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")
_URI_REFERENCE = re.compile(r"[\w.~:/?#\[\]@!$&'()*+,;=%-]+")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_LONGEST_RECORD_ID = 200
_FROM_DATA = ("quantity", "destination", "amount", "visited", "traffic_class")


@dataclass(frozen=True, slots=True)
class EventType:
    """How the events of one type are read: the meter, and under which names their data holds the record's fields.

    ``fields`` gives the data's name for ``quantity``, ``destination`` and so on, where it is another one.
    ``quantity`` is used where the data holds none: 1 for an event that is a unit itself, such as a message.
    """

    meter: str
    fields: Mapping[str, str] = field(default_factory=dict)
    quantity: int | None = None


EventTypes = Mapping[str, EventType]


def event_types(declared: Mapping[str, Mapping[str, Any]]) -> dict[str, EventType]:
    """Types as they are declared outside. Raises InvalidValue for a name that means nothing."""
    return {name: _event_type(name, values) for name, values in declared.items()}


def _event_type(name: str, values: Mapping[str, Any]) -> EventType:
    unknown = sorted(values.keys() - {"meter", "fields", "quantity"})
    fields = values.get("fields", {})
    wrong = sorted(fields.keys() - set(_FROM_DATA)) if isinstance(fields, Mapping) else ["fields"]
    if unknown or wrong or not isinstance(values.get("meter"), str) or not values["meter"]:
        raise InvalidValue(
            "This is no declaration of an event type.",
            field=name,
            value=", ".join([*unknown, *wrong]) or "meter",
            remedy=f"Give meter, and optionally quantity and fields (of {', '.join(_FROM_DATA)}).",
        )
    return EventType(values["meter"], dict(fields), values.get("quantity"))


def record_of(event: Mapping[str, Any], types: EventTypes) -> dict[str, Any]:
    """The record, in the shape of the HTTP event, of the attributes and the ``data`` of an event.

    Raises InvalidValue when it is no CloudEvent 1.0. What is wrong with the record itself (no subject, no quantity) is
    found where every record is read.
    """
    _check(event)
    data = event.get("data")
    if not isinstance(data, Mapping):
        raise _refused("data", data, "Send a JSON object that holds the quantity.")
    declared = types.get(event["type"]) or _undeclared(event["type"], data)
    named = {each: declared.fields.get(each, each) for each in _FROM_DATA}
    taken = {each: data[name] for each, name in named.items() if name in data}
    if declared.quantity is not None:
        taken.setdefault("quantity", declared.quantity)
    record = {
        **_identity(event),
        "identifier": event.get("subject", data.get("identifier")),
        "meter": declared.meter,
        "started_at": event["time"].upper() if "time" in event else data.get("started_at"),
        **taken,
    }
    attributes = _attributes(data, {*named.values(), "identifier", "started_at", "meter"})
    return record | ({"attributes": attributes} if attributes else {})


def _undeclared(name: str, data: Mapping[str, Any]) -> EventType:
    meter = data.get("meter")
    return EventType(meter if isinstance(meter, str) and meter else name.removeprefix(OWN_PREFIX))


def _check(event: Mapping[str, Any]) -> None:
    """Raises InvalidValue for what no CloudEvent may be."""
    for name in REQUIRED:
        if not isinstance(event.get(name), str) or not event[name]:
            raise _refused(name, event.get(name, ""), f"A CloudEvent carries {', '.join(REQUIRED)}, each not empty.")
    if event["specversion"] != SPEC_VERSION:
        raise _refused("specversion", event["specversion"], f"Send CloudEvents {SPEC_VERSION}.")
    if not _URI_REFERENCE.fullmatch(event["source"]):
        raise _refused("source", event["source"], "Write the source as a URI reference, without spaces.")
    for name in ("subject", "time"):
        if name in event and (not isinstance(event[name], str) or not event[name]):
            raise _refused(name, event[name], "Leave it out, or give a text that is not empty.")
    if "time" in event and not _TIME.fullmatch(event["time"]):
        raise _refused("time", event["time"], "Write it like 2027-02-01T10:00:00+01:00 (RFC 3339).")


def _refused(name: str, value: object, remedy: str) -> InvalidValue:
    message = f"The attribute {name} of a CloudEvent is missing." if value in ("", None) else f"This is no {name}."
    return InvalidValue(message, field=name, value=storable(str(value)), remedy=remedy)


def _identity(event: Mapping[str, Any]) -> dict[str, str]:
    """Source and record_id: no two (source, id) give the same.

    A source that is a code already stays one, so that a record is known again at every door. Any other is part of the
    record_id; a URI holds no space, which is what keeps the two apart.
    """
    source, record_id = event["source"], event["id"]
    if _SOURCE_CODE.fullmatch(source) and source != WITHOUT_CODE:
        return {"source": source, "record_id": record_id}
    joined = f"{source} {record_id}"
    if len(joined) > _LONGEST_RECORD_ID:
        raise _refused("id", record_id, f"source and id together take at most {_LONGEST_RECORD_ID - 1} characters.")
    return {"source": WITHOUT_CODE, "record_id": joined}


def _attributes(data: Mapping[str, Any], read: set[str]) -> dict[str, Any]:
    """The rest of the data, for the itemised bill; what is nested is kept as JSON text."""
    given = data.get("attributes")
    rest = {name: value for name, value in data.items() if name not in read and name != "attributes"}
    rest |= given if isinstance(given, Mapping) else {"attributes": given} if given is not None else {}
    return {name: json.dumps(each) if isinstance(each, dict | list) else each for name, each in rest.items()}
