"""The sample files of every format, and short ways to read them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from billing.adapters.usage_formats import declared_formats, standard_formats
from billing.ports.usage import DecodedLine, UsageFormat

SAMPLES = Path(__file__).parents[1] / "samples" / "usage"
# Lines of fixed width are read by a declared profile only.
FORMATS: Mapping[str, UsageFormat] = {
    **standard_formats("Europe/Amsterdam", "NL"),
    "mast-data": declared_formats(SAMPLES / "profiles")["mast-data"],
}
TEXT_SAMPLES = {
    "asterisk-cel": "asterisk-cel.csv",
    "cdr-csv": "cdr-csv.csv",
    "csv": "csv.csv",
    "flatstore": "flatstore.log",
    "freeswitch-csv": "freeswitch-csv.csv",
    "freeswitch-json": "freeswitch-json.json",
    "json": "json.json",
    "mast-data": "mast-data.txt",
    "ndjson": "ndjson.ndjson",
    "radius": "radius.detail",
    "uk-standard": "uk-standard.csv",
}


def lines_of(profile: str) -> list[DecodedLine]:
    """The sample of a profile, decoded."""
    return list(FORMATS[profile].decode(SAMPLES / TEXT_SAMPLES[profile]))


def events_of(profile: str) -> list[dict[str, Any]]:
    """The events of a sample, with their starts in UTC."""
    return [in_utc(line.event) for line in lines_of(profile) if line.event is not None]


def damages_of(profile: str) -> list[tuple[int, str]]:
    """Line and field of what cannot be read in a sample."""
    return [(line.line_number, line.field) for line in lines_of(profile) if line.reason]


def in_utc(event: Mapping[str, Any]) -> dict[str, Any]:
    """An event with its start as UTC text."""
    started_at = event["started_at"]
    at = datetime.fromisoformat(started_at) if isinstance(started_at, str) else started_at
    return dict(event) | {"started_at": at.astimezone(UTC).isoformat()}


def sessions_of(profile: str, lines: list[DecodedLine]) -> dict[str, Mapping[str, Any] | None]:
    """What the parts of each session come to."""
    parts = [line.part for line in lines if line.part]
    keys = dict.fromkeys(part.session_key for part in parts)
    return {key: FORMATS[profile].combine([part for part in parts if part.session_key == key]) for key in keys}
