"""Test data for files that are numbered and say what they hold."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from billing.adapters.usage_formats.delimited import CsvFormat, CsvProfile
from billing.ports.usage_files import UsageFile
from billing.ports.usage_profiles import Control, DeclaredTotals, FileTotals
from tests.builders_usage import LINE, UsageWorld

NUMBERED = "numbered"
_COLUMNS = ("record_id", "identifier", "meter", "quantity", "started_at", "destination", "amount")


class NumberedCsv(CsvFormat):
    """CSV in files called ``day-0001.csv``; a comment ``#total records quantity charge`` may say what a file holds."""

    def __init__(self, *, must_declare: bool = False, last_sequence: int = 9999) -> None:
        taken = {name: name for name in _COLUMNS[1:]} | {"source": "source"}
        super().__init__(CsvProfile(NUMBERED, NUMBERED, taken, columns=_COLUMNS, comment="#"))
        self.profile = replace(
            self.profile,
            file_name_pattern=r"day-(?P<sequence>\d{4})\.csv",
            last_sequence=last_sequence,
            control=Control(in_format=must_declare),
        )

    def declared_totals(self, path: Path) -> DeclaredTotals | None:
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("#total"):
                records, quantity, charge = line.split()[1:]
                return DeclaredTotals(int(records), int(quantity), Decimal(charge))
        return None

    def counted_totals(self, path: Path) -> FileTotals:
        events = [line.event or {} for line in self.decode(path)]
        charge = sum((Decimal(event.get("amount") or 0) for event in events), Decimal("0.00"))
        return FileTotals(len(events), sum(event.get("quantity", 0) for event in events), charge)


def some_messages(*record_ids: str, start: str = "2027-02-01T10:00:00Z") -> list[str]:
    """A row for each record: one message."""
    return [f"{record_id},{LINE},sms,1,{start},," for record_id in record_ids]


def day_name(sequence: int) -> str:
    return f"day-{sequence:04}.csv"


async def as_chunks(content: str) -> AsyncIterator[bytes]:
    yield content.encode()


async def hand_in(
    world: UsageWorld, sequence: int, rows: Sequence[str] | None = None, total: str = "", name: str = ""
) -> UsageFile:
    """A numbered file arrives; its one message is named by its number unless rows are given."""
    lines = [*(some_messages(f"n-{sequence}") if rows is None else rows), *([f"#total {total}"] if total else [])]
    content = "\n".join(lines) + "\n"
    handed = await world.service.arrivals.hand_in(name or day_name(sequence), NUMBERED, as_chunks(content))
    return handed.file
