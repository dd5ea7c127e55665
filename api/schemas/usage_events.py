"""Usage in the forms of others: CloudEvents and streams, as the API's description shows them."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.usage import A_CALL, A_SESSION

A_STREAM = "".join(f"{json.dumps(record, separators=(',', ':'))}\n" for record in (A_CALL, A_SESSION))
A_CLOUD_EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "20270201-0001",
    "source": "/switches/1",
    "type": "org.evenflow.usage.voice",
    "subject": "+31612345678",
    "time": "2027-02-01T10:00:00+01:00",
    "datacontenttype": "application/json",
    "data": {"quantity": 75, "destination": "+31201234567"},
}
AN_SMS_EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "sms-17",
    "source": "/messages/1",
    "type": "org.evenflow.usage.sms",
    "subject": "+31612345678",
    "time": "2027-02-01T10:02:00+01:00",
    "data": {"quantity": 1, "destination": "+31612345670"},
}


class CloudEventIn(BaseModel):
    """A CloudEvent 1.0 in its JSON form. Extension attributes are taken and not kept."""

    model_config = ConfigDict(json_schema_extra={"examples": [A_CLOUD_EVENT, AN_SMS_EVENT]}, extra="allow")

    specversion: Annotated[Any, Field(description="`1.0`.")]
    id: Annotated[Any, Field(description="The event's identity within its source.")]
    source: Annotated[Any, Field(description="Who made it: a URI reference.")]
    type: Annotated[Any, Field(description="What happened; it selects the meter.")]
    subject: Annotated[Any, Field(description="The number (E.164 with +) or other id of the line.")] = None
    time: Annotated[Any, Field(description="When the use started, RFC 3339 with an offset.")] = None
    datacontenttype: Annotated[Any, Field(description="JSON, whatever it says.")] = None
    data: Annotated[Any, Field(description="An object: quantity, destination, amount, and what else is known.")] = None
