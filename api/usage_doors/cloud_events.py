"""CloudEvents over HTTP (binding 1.0.2): binary, structured and batched, and the handshake of webhooks."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from api.usage_doors.call import JSON, Call, refuse_media_type, refuse_query
from api.usage_doors.records import MOST_BYTES_OF_A_BATCH, MOST_BYTES_OF_A_RECORD, RecordDoors, json_of, unlike
from billing.domain.errors import InvalidValue
from billing.services.usage_batch import Entry
from billing.services.usage_cloudevents import EventTypes, record_of
from billing.services.usage_lines import NotJson, entry_of, read_json, written

STRUCTURED = "application/cloudevents+json"
BATCHED = "application/cloudevents-batch+json"
_PREFIX = b"ce-"
_QUOTED = re.compile(r'"(.*)"', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_JSON_TYPE = re.compile(r"(application|text)/(json|[\w.!#$&^-]+\+json)")


class CloudEventDoor:
    """``POST /v1/usage/cloudevents``; the content type says which of the three modes it is."""

    def __init__(self, records: RecordDoors, types: EventTypes) -> None:
        self._records = records
        self._types = types

    async def take(self, call: Call) -> None:
        """One event answers its result; a batch answers counts and one result per event."""
        refuse_query(call)
        if call.media_type == BATCHED:
            async with self._records.batches:
                await self._records.answer_batch(
                    call, self._entries(await json_of(call, MOST_BYTES_OF_A_BATCH, BATCHED))
                )
            return
        event = await _structured(call) if call.media_type == STRUCTURED else await _binary(call)
        await self._records.answer_one(call, self._entry(event))

    def _entries(self, events: Any) -> Sequence[Entry]:
        if type(events) is not list:
            raise unlike("Send a JSON array of CloudEvents.")
        return [self._kept_entry(event) for event in events]

    def _kept_entry(self, event: Any) -> Entry:
        """In a batch, what is no CloudEvent is kept and answered like any record that cannot be used."""
        try:
            return self._entry(event)
        except InvalidValue as refusal:
            return Entry(None, written(event), field=refusal.field, reason=f"{refusal.message} {refusal.remedy}")

    def _entry(self, event: Any) -> Entry:
        checked = entry_of(event)
        if checked.event is None:
            raise InvalidValue(checked.reason, field=checked.field, remedy="Send one CloudEvent as a JSON object.")
        return entry_of(record_of(_with_data(checked.event), self._types))


async def _structured(call: Call) -> Any:
    event = await json_of(call, MOST_BYTES_OF_A_RECORD, STRUCTURED)
    if type(event) is not dict:
        raise unlike(f"Send one CloudEvent as a JSON object; an array is {BATCHED}.")
    return event


async def _binary(call: Call) -> dict[str, Any]:
    """Attributes in headers, data in the body. Raises Problem 415 for what is no CloudEvent, or has no JSON data."""
    if b"ce-specversion" not in call.headers or not _JSON_TYPE.fullmatch(call.media_type or JSON):
        refuse_media_type(call, STRUCTURED, BATCHED, f"{JSON} with the headers ce-specversion, ce-id, ...")
    content = await call.body(MOST_BYTES_OF_A_RECORD)
    event: dict[str, Any] = {
        name.removeprefix(_PREFIX).decode("latin-1"): header_value(name, value)
        for name, value in call.headers.items()
        if name.startswith(_PREFIX)
    }
    return event | {"data": _data(content)}


def header_value(name: bytes, value: bytes) -> str:
    """An attribute from its header: unquoted and unescaped, then percent-decoded. Raises InvalidValue."""
    text = value.decode("latin-1").strip()
    quoted = _QUOTED.fullmatch(text)
    if quoted:
        text = _ESCAPED.sub(r"\1", quoted[1])
    try:
        return unquote(text, encoding="utf-8", errors="strict")
    except UnicodeDecodeError:
        remedy = "Percent-encode the UTF-8 bytes of a character."
        raise InvalidValue("This is not UTF-8.", field=name.decode("latin-1"), value=text, remedy=remedy) from None


def _with_data(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """An event whose data is JSON, whether it came as such, as text or in Base64."""
    if "data_base64" in event:
        if "data" in event or not isinstance(event["data_base64"], str):
            raise InvalidValue(
                "This is no data_base64.", field="data_base64", remedy="Send either data or data_base64."
            )
        try:
            return {**event, "data": _data(base64.b64decode(event["data_base64"], validate=True))}
        except (binascii.Error, ValueError):
            remedy = "Encode the bytes in Base64 with padding."
            raise InvalidValue("This is not Base64.", field="data_base64", remedy=remedy) from None
    return event


def _data(content: bytes) -> Any:
    try:
        return read_json(content) if content else None
    except NotJson as error:
        raise InvalidValue("The data is not JSON.", field="data", remedy=f"Send a JSON object: {error}.") from None
