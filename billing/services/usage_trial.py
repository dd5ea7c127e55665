"""A trial: a file is decoded and checked, and nothing is stored. What it finds needs no database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from billing.ports.usage import UsageFormat
from billing.services.usage_batch import ReadBatch, read_chunk
from billing.services.usage_files import chunks_of
from billing.services.usage_holds import as_texts, totals_trouble

LINES_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A line that an import would reject, with the field and the reason."""

    line_number: int
    field: str
    reason: str
    raw: str


@dataclass(slots=True)
class Trial:
    """What an import would find: readable records may still be repeated, late, or of an unknown number.

    ``shown`` are the first rejected lines. ``trouble`` says why the file would be held for its totals; empty when not.
    """

    name: str
    sequence: int | None
    read: int = 0
    readable: int = 0
    rejected: int = 0
    parts: int = 0
    shown: list[Unreadable] = field(default_factory=list)
    meters: dict[str, int] = field(default_factory=dict)
    charge: Decimal | None = None
    first_start: datetime | None = None
    last_start: datetime | None = None
    declared: Mapping[str, str] = field(default_factory=dict)
    counted: Mapping[str, str] = field(default_factory=dict)
    trouble: str = ""

    @property
    def is_clean(self) -> bool:
        """Whether nothing would be rejected and nothing held."""
        return not self.rejected and not self.trouble


def try_file(decoder: UsageFormat, path: Path, now: datetime, most_shown: int = 20) -> Trial:
    """Decode and check a file as an import at ``now`` would, in bounded memory."""
    declared = decoder.declared_totals(path)
    sequence = decoder.profile.sequence_of(path.name)
    if sequence is None and declared:
        sequence = declared.sequence
    trial = Trial(path.name, sequence, declared=as_texts(declared))
    trial.counted, trial.trouble = totals_trouble(decoder, trial.declared, path)
    for chunk in chunks_of(decoder, path, 0, LINES_AT_ONCE):
        _add(trial, read_chunk(chunk, now), most_shown)
    return trial


def _add(trial: Trial, batch: ReadBatch, most_shown: int) -> None:
    records = batch.columns
    trial.read += batch.size
    trial.readable += len(records.places)
    trial.rejected += len(batch.malformed)
    trial.parts += len(batch.parts)
    for place in sorted(batch.malformed)[: max(most_shown - len(trial.shown), 0)]:
        entry, found = batch.entry(place), batch.malformed[place]
        trial.shown.append(Unreadable(entry.line_number or 0, found.field, found.reason, entry.raw))
    for meter, quantity in zip(records.meter, records.quantity, strict=True):
        trial.meters[meter] = trial.meters.get(meter, 0) + quantity
    amounts = [amount for amount in records.amount if amount is not None]
    if amounts:
        trial.charge = sum(amounts, trial.charge or Decimal(0))
    if records.started_at:
        first, last = min(records.started_at), max(records.started_at)
        trial.first_start = min(trial.first_start or first, first)
        trial.last_start = max(trial.last_start or last, last)
