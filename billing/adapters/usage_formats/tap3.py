"""GSMA TAP3: calls of our customers in visited networks, with what those networks charge.

A record's text is what the file says for all calls, then the call in hexadecimal; so a corrected one is read alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from billing.adapters.usage_formats.base import DeclaredFormat
from billing.adapters.usage_formats.ber import LONGEST_RECORD_BYTES, BerFile, BrokenFraming, Element, read_tree
from billing.adapters.usage_formats.tap3_calls import RoamingRules, charge_in, event_of
from billing.adapters.usage_formats.tap3_charges import in_units
from billing.adapters.usage_formats.tap3_file import BatchContext, NotTap, TapFile, definitions, layouts, survey
from billing.adapters.usage_formats.values import Damaged
from billing.ports.usage import DecodedLine
from billing.ports.usage_profiles import Control, DeclaredTotals, FileTotals, SourceProfile

_MOST_CODES = 40
_SHOWN_BYTES = 64
_WORD = re.compile(r"([a-z]+)=(\S*)")


@dataclass(frozen=True, slots=True)
class TapProfile:
    """A roaming partner or clearing house: its declaration and the rules for its calls."""

    declaration: SourceProfile
    rules: RoamingRules = field(default_factory=RoamingRules)


def roaming(
    name: str = "tap3",
    source: str = "tap3",
    rules: RoamingRules | None = None,
    file_name_pattern: str = r"C[DT][A-Z0-9]{10}(?P<sequence>\d{5})(\..+)?",
) -> TapProfile:
    """TAP files named CD, sender, recipient and a sequence number from 00001 to 99999; totals are in every file."""
    declaration = SourceProfile(
        name,
        source,
        "tap3",
        delay_days=30,
        file_name_pattern=file_name_pattern,
        last_sequence=99_999,
        control=Control(in_format=True),
    )
    return TapProfile(declaration, rules or RoamingRules())


class Tap3Format(DeclaredFormat):
    """Reads calls one by one; a file that is no TAP file, or is cut off, is one damaged record and nothing else."""

    def __init__(self, profile: TapProfile) -> None:
        super().__init__(profile.declaration)
        self._rules = profile.rules

    def decode(self, path: Path, after_line: int = 0) -> Iterator[DecodedLine]:
        with BerFile(path) as opened:
            try:
                file = survey(opened)
            except (NotTap, BrokenFraming, Damaged) as refused:
                if after_line == 0:
                    yield DecodedLine(1, opened.read(0, _SHOWN_BYTES).hex(), None, "file", str(refused))
                return
            yield from self._calls(opened, file, after_line)

    def _calls(self, opened: BerFile, file: TapFile, after_line: int) -> Iterator[DecodedLine]:
        number = 0
        try:
            for number, element in enumerate(opened.children(file.calls) if file.calls else (), start=1):
                if number > after_line and (line := self._line(opened, element, file.context, number)):
                    yield line
            rest = opened.after_fillers(file.end)
            if rest < opened.size:
                raise BrokenFraming(rest, f"{opened.size - rest} bytes follow the end of the batch.")
        except BrokenFraming as broken:
            if number + 1 > after_line:
                shown = opened.read(broken.position, _SHOWN_BYTES).hex()
                yield DecodedLine(number + 1, shown, None, "file", broken.reason)

    def _line(self, opened: BerFile, element: Element, context: BatchContext, number: int) -> DecodedLine | None:
        prefix = _written(context, number)
        if element.next - element.at > LONGEST_RECORD_BYTES:
            raw = prefix + opened.read(element.at, _SHOWN_BYTES).hex()
            return DecodedLine(number, raw, None, "record", f"The call is longer than {LONGEST_RECORD_BYTES} bytes.")
        data = opened.whole(element)
        return self._decoded(data, context, number, number, prefix + data.hex())

    def _decoded(
        self, data: bytes, context: BatchContext, number: int, line_number: int, raw: str
    ) -> DecodedLine | None:
        try:
            kind, call = _read_call(data)
            event = event_of(kind, call, context, self._rules, f"{context.sequence}.{number}")
        except Damaged as damaged:
            return DecodedLine(line_number, raw, None, damaged.field, damaged.reason)
        except BrokenFraming as broken:
            return DecodedLine(line_number, raw, None, "record", broken.reason)
        return None if event is None else DecodedLine(line_number, raw, {"source": self.source} | event)

    def decode_line(self, raw: str, header: str = "") -> DecodedLine:
        words, _, written = raw.strip().rpartition(" ")
        try:
            data = bytes.fromhex(written)
            context, number = _context_of(words)
        except (ValueError, InvalidOperation) as error:
            return DecodedLine(0, raw, None, "record", f"The record cannot be read: {error}.")
        line = self._decoded(data, context, number, 0, raw)
        return line or DecodedLine(0, raw, None, "record", "This kind of call is not billed.")

    def declared_totals(self, path: Path) -> DeclaredTotals | None:
        """The audit control information; a notification declares no calls. None for a file that is not TAP."""
        try:
            with BerFile(path) as opened:
                file = survey(opened)
        except (NotTap, BrokenFraming, Damaged):
            return None
        sequence = int(file.context.sequence) if file.context.sequence.isdecimal() else None
        if file.is_notification:
            return FileTotals(records=0, sequence=sequence)
        if file.audit is None or file.audit.count is None:
            return None
        charge = None if file.audit.charge is None else in_units(file.audit.charge, file.context)
        return FileTotals(records=file.audit.count, charge=charge, sequence=sequence)

    def counted_totals(self, path: Path) -> FileTotals:
        """All calls of the file, billed or not, and the sum of their charges."""
        records, charge, context = 0, 0, BatchContext()
        with BerFile(path) as opened:
            try:
                file = survey(opened)
                context = file.context
                for element in opened.children(file.calls) if file.calls else ():
                    records += 1
                    charge += _charge_at(opened, element)
            except (NotTap, BrokenFraming, Damaged):
                return FileTotals(records=records)
        if file.is_notification:
            return FileTotals(records=0)
        is_declared = file.audit is not None and file.audit.charge is not None
        return FileTotals(records=records, charge=in_units(charge, context) if is_declared else None)


def _charge_at(opened: BerFile, element: Element) -> int:
    if element.next - element.at > LONGEST_RECORD_BYTES:
        return 0
    try:
        return charge_in(*_read_call(opened.whole(element)))
    except (Damaged, BrokenFraming):
        return 0


def _read_call(data: bytes) -> tuple[str, Any]:
    kind, call = layouts().reader(definitions().CallEventDetail)(read_tree(data), "callEventDetails")
    return kind, call


def _written(context: BatchContext, number: int) -> str:
    """The words before the hexadecimal: what the call refers to."""
    offsets = list(context.offsets.items())[:_MOST_CODES]
    rates = list(context.rates.items())[:_MOST_CODES]
    words = {
        "sender": context.sender,
        "sequence": context.sequence,
        "record": number,
        "decimals": context.decimals,
        "currency": context.tap_currency,
        "local": context.local_currency,
        "offsets": ",".join(f"{code}:{offset}" for code, offset in offsets),
        "rates": ",".join(f"{code}:{rate}" for code, rate in rates),
    }
    return "".join(f"{name}={_without_spaces(str(value))} " for name, value in words.items())


def _without_spaces(word: str) -> str:
    return re.sub(r"\s", "", word)[:1000]


def _context_of(words: str) -> tuple[BatchContext, int]:
    """What ``_written`` wrote, perhaps corrected. Raises ValueError."""
    found = dict(_WORD.findall(words))
    context = BatchContext(
        sender=found.get("sender", ""),
        sequence=found.get("sequence", ""),
        decimals=int(found.get("decimals") or 0),
        tap_currency=found.get("currency", ""),
        local_currency=found.get("local", ""),
        offsets={int(code): offset for code, offset in _pairs(found.get("offsets", ""))},
        rates={int(code): Decimal(rate) for code, rate in _pairs(found.get("rates", ""))},
    )
    return context, int(found.get("record") or 0)


def _pairs(written: str) -> Iterator[tuple[str, str]]:
    for pair in filter(None, written.split(",")):
        code, _, value = pair.partition(":")
        yield code, value
