"""Two books side by side: what was billed and received for the cycles that closed in both runs.

Kills take time, and business time does not wait for whoever is down. So a debit may come later, and usage that was
delivered while a part was away may miss its invoice and go on the next one. Both can be told from a wrong sum: the one
is still open, and of the other every record is there, marked as late.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from rich.table import Table

from benchmarks.soak.books import Bill, Books


class Outcome(StrEnum):
    """What the two invoices of a cycle say about each other."""

    SAME = "the same"
    LATER = "the same, paid at another time"
    LATE_USAGE = "the same usage, some after the invoice"
    USAGE = "OTHER USAGE TAKEN IN"
    BILLED = "BILLED DIFFERENTLY"
    RECEIVED = "RECEIVED DIFFERENTLY"


WRONG = (Outcome.USAGE, Outcome.BILLED, Outcome.RECEIVED)


@dataclass(frozen=True, slots=True)
class Pair:
    """The invoice of one cycle in both runs."""

    undisturbed: Bill
    killed: Bill

    @property
    def outcome(self) -> Outcome:
        """Whether they differ, and whether time explains it."""
        one, other = self.undisturbed, self.killed
        if one.events != other.events:
            return Outcome.USAGE
        if one.total_minor != other.total_minor:
            return Outcome.BILLED if one.late_events == other.late_events else Outcome.LATE_USAGE
        if one.received_minor == other.received_minor:
            return Outcome.SAME
        return Outcome.LATER if one.open_minor or other.open_minor else Outcome.RECEIVED


def pairs(undisturbed: Books, killed: Books) -> list[Pair]:
    """The cycles billed in both, by account and cycle."""
    both = sorted(undisturbed.bills.keys() & killed.bills.keys())
    return [Pair(undisturbed.bills[key], killed.bills[key]) for key in both]


def only_in_one(undisturbed: Books, killed: Books) -> list[str]:
    """Cycles that were billed in one run only, as account and cycle."""
    alone = sorted(undisturbed.bills.keys() ^ killed.bills.keys())
    return [f"{number} cycle {cycle}" for number, cycle in alone]


def table_of(found: list[Pair]) -> Table:
    """Per account: how many invoices, what was billed and received in each run, and the worst that can be said."""
    table = Table(title="Undisturbed / killed, cycles billed in both", title_justify="left")
    for name in ("Account", "Invoices", "Billed", "Received", "Result"):
        table.add_column(name, justify="left" if name in ("Account", "Result") else "right", no_wrap=True)
    for number, own in _by_account(found):
        worst = max((pair.outcome for pair in own), key=list(Outcome).index)
        table.add_row(number, str(len(own)), _sums(own, "total_minor"), _sums(own, "received_minor"), worst.value)
    return table


def _by_account(found: list[Pair]) -> Iterator[tuple[str, list[Pair]]]:
    for number in sorted({pair.undisturbed.number for pair in found}):
        yield number, [pair for pair in found if pair.undisturbed.number == number]


def _sums(own: list[Pair], name: str) -> str:
    undisturbed = sum(getattr(pair.undisturbed, name) for pair in own)
    killed = sum(getattr(pair.killed, name) for pair in own)
    return f"{undisturbed / 100:,.2f} / {killed / 100:,.2f} {own[0].undisturbed.currency}"
