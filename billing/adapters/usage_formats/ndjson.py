"""NDJSON: one event of the HTTP shape per line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from billing.adapters.usage_formats.base import DeclaredFormat
from billing.adapters.usage_formats.lines import Line, as_line, read_lines
from billing.ports.usage import DecodedLine
from billing.ports.usage_profiles import SourceProfile


class NdjsonFormat(DeclaredFormat):
    """``source`` stands where an event names none."""

    def __init__(self, name: str, source: str) -> None:
        super().__init__(SourceProfile(name, source, "ndjson"))

    def decode(self, path: Path, after_line: int = 0) -> Iterator[DecodedLine]:
        for line in read_lines(path):
            if line.number > after_line and line.text.strip():
                yield self._decode(line)

    def decode_line(self, raw: str, header: str = "") -> DecodedLine:
        return self._decode(as_line(0, raw.encode("utf-8", "replace")))

    def _decode(self, line: Line) -> DecodedLine:
        if line.damage:
            return _damaged(line, line.damage)
        try:
            # Decimal keeps an amount as it was written.
            event: Any = json.loads(line.text, parse_float=Decimal, parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            return _damaged(line, f"The line is not JSON: {error}.")
        if not isinstance(event, dict):
            return _damaged(line, "The line is not a JSON object.")
        attributes = event.get("attributes")
        if isinstance(attributes, dict):
            event["attributes"] = {name: _plain(value) for name, value in attributes.items()}
        return DecodedLine(line.number, line.text, {"source": self.source} | event)


def _no_number(written: str) -> None:
    raise ValueError(f"{written} is no number")


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


def _damaged(line: Line, reason: str) -> DecodedLine:
    return DecodedLine(line.number, line.text, None, "line", reason)
