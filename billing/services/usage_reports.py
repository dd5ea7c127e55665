"""The report of a file: what it declared, what it held, what became of it, as values and as a page of text. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import compress
from typing import Any

from billing.ports.usage_columns import RecordColumns
from billing.ports.usage_files import COUNT_OF, DONE, HELD, UsageFile


@dataclass(frozen=True, slots=True)
class ControlTotal:
    """One declared total beside the counted one, both as texts; ``counted`` is empty before it was counted."""

    name: str
    declared: str
    counted: str

    @property
    def agrees(self) -> bool:
        """Whether both say the same; a total that is not counted yet does not."""
        return bool(self.counted) and Decimal(self.declared) == Decimal(self.counted)


@dataclass(frozen=True, slots=True)
class MeterTotal:
    """What the file held on one meter, in the meter's own units, of every readable record."""

    meter: str
    quantity: int


@dataclass(frozen=True, slots=True)
class FileReport:
    """One file: the six counts and ``partial`` (parts of sessions that wait or came before) add up to ``read``.

    ``gap`` are the numbers that had not arrived before it. ``decision`` is what a person decided, with author and
    reason; empty when nobody had to. ``dismissed`` says how many of its kept records a person put aside, by kind: they
    are among the counts of that kind.
    """

    file: UsageFile
    control: Sequence[ControlTotal]
    meters: Sequence[MeterTotal]
    decision: str
    dismissed: Mapping[str, int] = field(default_factory=dict)

    @property
    def needs_a_person(self) -> bool:
        """Whether somebody has to release the file or correct records of it."""
        return self.file.status == HELD or self.left_of("rejected") + self.left_of("conflict") > 0

    def left_of(self, kind: str) -> int:
        """The records of a kind that still wait."""
        counted: int = getattr(self.file, COUNT_OF[kind])
        return counted - self.dismissed.get(kind, 0)


def totals_with(file: UsageFile, records: RecordColumns) -> dict[str, Any]:
    """The totals of a file and a further batch of it: quantities by meter, charge, first and last start."""
    if not records.places:
        return {}
    totals = Counter(file.totals)
    for meter in set(records.meter):
        totals[meter] += sum(compress(records.quantity, map(meter.__eq__, records.meter)))
    amounts = [amount for amount in records.amount if amount is not None]
    return {
        "totals": dict(totals),
        "charge": sum(amounts, file.charge or Decimal(0)) if amounts else file.charge,
        **span_with(file, records.started_at),
    }


def span_with(file: UsageFile, starts: Sequence[datetime]) -> dict[str, Any]:
    """The first and last start of a file and of further records of it, one at least."""
    first, last = min(starts), max(starts)
    return {
        "first_start": first if file.first_start is None else min(file.first_start, first),
        "last_start": last if file.last_start is None else max(file.last_start, last),
    }


def report_on(file: UsageFile, dismissed: Mapping[str, int] | None = None) -> FileReport:
    """The report of a file, finished or not; ``dismissed`` are its kept records that were put aside, by kind."""
    control = [ControlTotal(name, said, file.checked.get(name, "")) for name, said in sorted(file.declared.items())]
    meters = [MeterTotal(meter, quantity) for meter, quantity in sorted(file.totals.items())]
    return FileReport(file, control, meters, _decision(file), dismissed or {})


def _decision(file: UsageFile) -> str:
    if file.decided_at is None:
        return ""
    verb = f"released ({', '.join(file.waived)})" if file.waived and file.status != "rejected" else "rejected"
    return f"{verb} by {file.decided_by} on {_at(file.decided_at)}: {file.decision_reason}"


def as_text(report: FileReport) -> str:
    """The report as people read it, one fact a line."""
    file = report.file
    lines = [
        f"{file.file_id}  {file.name}",
        *_row("profile", file.profile),
        *_row("status", file.status),
        *_row("held because", file.hold_reason if file.status == HELD else ""),
        *_row("decision", report.decision),
        *_row("sequence", "" if file.sequence is None else str(file.sequence)),
        *_row("arrived before", ", ".join(file.gap)),
        *_row("size", f"{file.size_bytes} bytes"),
        *_row("sha256", file.sha256),
        *_row("arrived", _at(file.registered_at)),
        *_row("finished", _at(file.finished_at)),
        "",
        *_counts(report),
        *_totals(report),
        "",
        _closing(report),
    ]
    return "\n".join(lines) + "\n"


def _counts(report: FileReport) -> list[str]:
    file, dismissed = report.file, sum(report.dismissed.values())
    names = ("read", "accepted", "duplicates", "conflicts", "recycled", "rejected", "late")
    lines = [f"{name:<16}{getattr(file, name):>14}" for name in names]
    lines += [f"{'partial':<16}{file.partial:>14}"] if file.partial else []
    return [*lines, f"{'of them dismissed':<17}{dismissed:>13}"] if dismissed else lines


def _totals(report: FileReport) -> list[str]:
    file = report.file
    lines = [""]
    lines += [f"{total.meter:<16}{total.quantity:>14}" for total in report.meters]
    lines += _row("charge", _amount(file.charge))
    lines += _row("first start", _at(file.first_start))
    lines += _row("last start", _at(file.last_start))
    for total in report.control:
        verdict = "agrees" if total.agrees else "differs" if total.counted else "not counted yet"
        lines.append(f"declared {total.name}: {total.declared}, counted: {total.counted or '-'} ({verdict})")
    return lines if len(lines) > 1 else []


def _closing(report: FileReport) -> str:
    file = report.file
    if file.status == HELD:
        return "Nothing is counted before somebody releases the file."
    if report.needs_a_person:
        waiting = report.left_of("rejected") + report.left_of("conflict")
        return f"{waiting} records wait for a correction: GET /v1/usage/issues."
    if recycled := report.left_of("recycled"):
        return f"{recycled} records wait for their number or price, and are guided again by themselves."
    if partial := report.left_of("partial"):
        return f"{partial} records are parts of sessions, which are counted when all of their parts are there."
    if file.status != DONE:
        return f"The file is {file.status}."
    return "All of it is counted, or dismissed." if report.dismissed else "All of it is counted."


def _row(name: str, value: str) -> list[str]:
    return [f"{name:<16}{value}"] if value else []


def _amount(charge: Decimal | None) -> str:
    return "" if charge is None else f"{charge:f}"


def _at(instant: datetime | None) -> str:
    return "" if instant is None else f"{instant:%Y-%m-%d %H:%M:%S} UTC"
