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
from billing.adapters.usage_formats.tap3_charges import Charge, charge_of, in_units
from billing.adapters.usage_formats.tap3_file import Audit, BatchContext, NotTap, TapFile, definitions, layouts, survey
from billing.adapters.usage_formats.values import Damaged
from billing.ports.usage import DecodedLine
from billing.ports.usage_profiles import Control, DeclaredTotals, FileTotals, SourceProfile

_MOST_CODES = 40
_SHOWN_BYTES = 64
_WORD = re.compile(r"([a-z]+)=(\S*)")


@dataclass(frozen=True, slots=True)
class TapProfile:
    """Where the files come from, and the rules for their calls.

    With a ``partner`` (its TADIG code) only its files are read, and they are taken in the order of their numbers.
    """

    declaration: SourceProfile
    rules: RoamingRules = field(default_factory=RoamingRules)
    partner: str = ""


def roaming(
    name: str = "tap3", source: str = "tap3", rules: RoamingRules | None = None, partner: str = ""
) -> TapProfile:
    """Files numbered from 00001 to 99999 by each partner; totals are in every file."""
    control = Control(in_format=True)
    declaration = SourceProfile(name, source, "tap3", delay_days=30, last_sequence=99_999, control=control)
    return TapProfile(declaration, rules or RoamingRules(), partner)


class Tap3Format(DeclaredFormat):
    """Reads calls one by one; a file that is no TAP file, or is cut off, is one damaged record and nothing else."""

    def __init__(self, profile: TapProfile) -> None:
        super().__init__(profile.declaration)
        self._rules = profile.rules
        self._partner = profile.partner

    def decode(self, path: Path, after_line: int = 0) -> Iterator[DecodedLine]:
        with BerFile(path) as opened:
            try:
                file = self._survey(opened)
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
                file = self._survey(opened)
        except (NotTap, BrokenFraming, Damaged):
            return None
        written = file.context.sequence if self._partner else ""
        sequence = int(written) if written.isdecimal() else None
        if file.is_notification:
            return FileTotals(records=0, sequence=sequence)
        if file.audit is None or file.audit.count is None:
            return None
        charge, tax = (_units(total, file.context) for total in (file.audit.charge, file.audit.tax))
        return FileTotals(records=file.audit.count, charge=charge, sequence=sequence, tax=tax)

    def counted_totals(self, path: Path) -> FileTotals:
        """All calls of the file, billed or not, the sum of their charges and of their taxes."""
        records = charge = tax = 0
        with BerFile(path) as opened:
            try:
                file = self._survey(opened)
                for element in opened.children(file.calls) if file.calls else ():
                    records += 1
                    costs = _charge_at(opened, element)
                    charge, tax = charge + costs.charge, tax + costs.tax
            except (NotTap, BrokenFraming, Damaged):
                return FileTotals(records=records)
        audit = file.audit or Audit()
        return FileTotals(
            records=records,
            charge=None if audit.charge is None else in_units(charge, file.context),
            tax=None if audit.tax is None else in_units(tax, file.context),
        )

    def _survey(self, opened: BerFile) -> TapFile:
        file = survey(opened)
        if self._partner and file.context.sender != self._partner:
            raise NotTap(f"This file is from {file.context.sender}; the profile {self.name} is for {self._partner}.")
        return file


def _units(total: int | None, context: BatchContext) -> Decimal | None:
    return None if total is None else in_units(total, context)


def _charge_at(opened: BerFile, element: Element) -> Charge:
    """What a call costs; nothing when it cannot be read."""
    if element.next - element.at > LONGEST_RECORD_BYTES:
        return charge_of(())
    try:
        return charge_in(*_read_call(opened.whole(element)))
    except (Damaged, BrokenFraming):
        return charge_of(())


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
