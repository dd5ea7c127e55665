"""FreeSWITCH: one JSON document per call leg (mod_json_cdr), and its cdr-csv with the template "example"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from billing.adapters.usage_formats.delimited import CsvProfile
from billing.adapters.usage_formats.json_records import JsonFormat, JsonProfile
from billing.adapters.usage_formats.json_stream import text_of
from billing.adapters.usage_formats.records import CauseRule, RecordReader
from billing.adapters.usage_formats.values import Damaged

# The caller's leg enters the switch; the leg that it dials is the same call again.
CALLERS_LEG = CauseRule("variables.direction", ("inbound",), ("outbound",))


def freeswitch_json_profile(
    zone: str = "Europe/Amsterdam",
    country: str = "NL",
    name: str = "freeswitch-json",
    source: str = "freeswitch",
    identifier: str = "caller.caller_id_number",
) -> JsonProfile:
    """Fields are ``variables.*`` and ``caller.*``: the caller profile with which the call began.

    Name another ``identifier`` (``variables.accountcode``) where callers may hide their number.
    """
    return JsonProfile(
        name=name,
        source=source,
        take={
            "identifier": identifier,
            "destination": "caller.destination_number",
            "started_at": "variables.start_epoch",
            "quantity": "variables.billsec",
        },
        record_id=("variables.uuid",),
        constants={"meter": "voice"},
        time_form="epoch",
        answered_at="variables.answer_epoch",
        zone=zone,
        country=country,
        attributes=("variables.hangup_cause", "variables.duration"),
        causes=(CALLERS_LEG,),
        no_longer_than="variables.duration",
    )


def freeswitch_json(profile: JsonProfile) -> JsonFormat:
    """Reads one document per file, an array, or documents one after the other."""
    reader = RecordReader(profile)

    def read(document: Mapping[str, Any]) -> Mapping[str, Any]:
        if not isinstance(document.get("variables"), dict):
            raise Damaged("variables", "The document has no variables: it is no call record of FreeSWITCH.")
        row = dict(_flat("variables", document["variables"])) | dict(_flat("caller", _first_caller(document)))
        return _with_short_names(reader.event(row))

    return JsonFormat(profile.source_profile("freeswitch-json"), read, encoding=profile.encoding)


def freeswitch_csv_profile(
    zone: str = "Europe/Amsterdam",
    country: str = "NL",
    name: str = "freeswitch-csv",
    source: str = "freeswitch",
) -> CsvProfile:
    """The template "example" of cdr_csv.conf: local times, ``billsec`` from the answer, quotes in names as they come.

    The same uuid identifies a leg in both formats, but the files of one switch are imported by one of them only.
    """
    return CsvProfile(
        name=name,
        source=source,
        columns=(
            *("caller_id_name", "caller_id_number", "destination_number", "context", "start_stamp", "answer_stamp"),
            *("end_stamp", "duration", "billsec", "hangup_cause", "uuid", "bleg_uuid", "accountcode"),
            *("read_codec", "write_codec"),
        ),
        take={
            "identifier": "caller_id_number",
            "destination": "destination_number",
            "started_at": "start_stamp",
            "quantity": "billsec",
        },
        record_id=("uuid",),
        constants={"meter": "voice"},
        answered_at="answer_stamp",
        zone=zone,
        country=country,
        attributes=("hangup_cause", "duration"),
        no_longer_than="duration",
        blank_after_delimiter=True,
        all_quoted=True,
    )


def _flat(prefix: str, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Scalars by name; the switch may have written them URL-encoded."""
    for name, value in values.items():
        yield f"{prefix}.{name}", unquote(text_of(value))


def _first_caller(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The caller profile with the lowest index: later ones are transfers and the switch's own routing."""
    flows = document.get("callflow")
    entries = [flow for flow in flows if isinstance(flow, dict)] if isinstance(flows, list) else []
    entries += [flows] if isinstance(flows, dict) else []
    found = min(entries, key=_index, default={}).get("caller_profile")
    return found if isinstance(found, dict) else {}


def _index(flow: Mapping[str, Any]) -> int:
    written = text_of(flow.get("profile_index"))
    return int(written) if written.isascii() and written.isdigit() and len(written) < 9 else 10**9


def _with_short_names(event: Mapping[str, Any]) -> Mapping[str, Any]:
    attributes = {name.rpartition(".")[2]: value for name, value in event.get("attributes", {}).items()}
    return dict(event) | ({"attributes": attributes} if attributes else {})
