"""JSON files: an array of events of the HTTP shape, or objects of any shape by a declared profile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from billing.adapters.usage_formats.base import DeclaredFormat, decoded_from
from billing.adapters.usage_formats.json_stream import read_documents, read_object, text_of, value_at
from billing.adapters.usage_formats.lines import Line, read_lines
from billing.adapters.usage_formats.records import RecordProfile, RecordReader, fields_of
from billing.ports.usage import DecodedLine
from billing.ports.usage_profiles import SourceProfile

EventReader = Callable[[Mapping[str, Any]], Mapping[str, Any]]


@dataclass(frozen=True)
class JsonProfile(RecordProfile):
    """A source of JSON objects; its fields are dotted paths (``call.party.number``, ``legs.0.seconds``).

    ``one_per_line`` is for NDJSON, where one broken line spoils no other; else the file is an array or documents one
    after the other.
    """

    one_per_line: bool = False


class JsonFormat(DeclaredFormat):
    """Records are numbered from 1 (documents) or known by their line (``one_per_line``)."""

    def __init__(
        self, profile: SourceProfile, read: EventReader, *, one_per_line: bool = False, encoding: str = "utf-8"
    ) -> None:
        super().__init__(profile)
        self._read = read
        self._one_per_line = one_per_line
        self._encoding = encoding

    def decode(self, path: Path, after_line: int = 0) -> Iterator[DecodedLine]:
        lines = read_lines if self._one_per_line else read_documents
        for line in lines(path, self._encoding):
            if line.number > after_line and (line.damage or line.text.strip()):
                yield self._decode(line)

    def decode_line(self, raw: str, header: str = "") -> DecodedLine:
        return self._decode(Line(0, raw))

    def _decode(self, line: Line) -> DecodedLine:
        return decoded_from(line, lambda each: self._read(read_object(each)))


def declared_json(profile: JsonProfile) -> JsonFormat:
    """A format that takes its fields by the paths of a profile."""
    paths, reader = fields_of(profile), RecordReader(profile)

    def read(document: Mapping[str, Any]) -> Mapping[str, Any]:
        found = {path: value_at(document, path) for path in paths}
        return reader.event({path: text_of(value) for path, value in found.items() if value is not None})

    name = "ndjson" if profile.one_per_line else "json"
    return JsonFormat(profile.source_profile(name), read, one_per_line=profile.one_per_line, encoding=profile.encoding)


def own_json(name: str, source: str, *, one_per_line: bool) -> JsonFormat:
    """A format of events in the HTTP shape; ``source`` stands where an event names none."""

    def read(event: Mapping[str, Any]) -> Mapping[str, Any]:
        attributes = event.get("attributes")
        plain = {name: _plain(value) for name, value in attributes.items()} if isinstance(attributes, dict) else None
        return {"source": source} | dict(event) | ({} if plain is None else {"attributes": plain})

    family = "ndjson" if one_per_line else "json"
    return JsonFormat(SourceProfile(name, source, family), read, one_per_line=one_per_line)


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value
