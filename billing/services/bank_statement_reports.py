"""The report of a bank's file: what it was, what its payments led to, what waits for a person."""

from __future__ import annotations

from dataclasses import dataclass

from billing.domain.money import Money
from billing.ports.bank_statements import BankFileStatus, BankStatementFile, Effect, FileEffects, KeptPayment

_WORDS = {
    "": "wait to be carried out",
    Effect.SETTLED: "debits of ours are paid",
    Effect.RETURNED: "debits of ours came back",
    Effect.REJECTED: "debits of ours were refused",
    Effect.HELD: "debits or files of ours are held for staff",
    Effect.ACCEPTED: "debits or files of ours are accepted",
    Effect.TRANSFER: "transfers of customers",
    Effect.FEE: "charges of the bank",
    Effect.SENT_BACK: "amounts that were sent back",
    Effect.SUSPENSE: "belong to nobody yet",
    Effect.REPLACED: "sums whose payments are known now",
    Effect.NOTHING: "say nothing new",
}


@dataclass(frozen=True)
class BankFileReport:
    """``effects`` count payments that this file was the first to bring; ``unassigned`` are those in suspense."""

    file: BankStatementFile
    effects: tuple[FileEffects, ...]
    unassigned: tuple[KeptPayment, ...]

    @property
    def needs_a_person(self) -> bool:
        """True while it is held, or something of it belongs to nobody."""
        return self.file.status == BankFileStatus.HELD or bool(self.unassigned)


def as_text(report: BankFileReport) -> str:
    """The report for people; one line each."""
    file = report.file
    lines = [f"{file.file_id}  {file.name}", f"{'status':<15} {file.status}"]
    lines.append(f"{'message':<15} {file.version or file.kind} {file.message_id}")
    lines += [f"{'held because':<15} {doubt['message']}" for doubt in file.doubts if file.status == BankFileStatus.HELD]
    if file.decided_by:
        lines.append(f"{'decided':<15} {file.status} by {file.decided_by}: {file.decision_reason}")
    if file.entries:
        known, announced = file.entries - file.new_entries - file.not_booked, file.not_booked
        lines.append(
            f"{'entries':<15} {file.entries}, of them {file.new_entries} new, {known} known, {announced} announced"
        )
    lines += [_effect_line(one) for one in report.effects]
    lines += [f"{'to decide':<15} {one.reference}: {one.explanation}" for one in report.unassigned]
    return "\n".join(lines) + "\n"


def _effect_line(effects: FileEffects) -> str:
    amount = f" {Money(effects.amount_minor, effects.currency)}" if effects.currency else ""
    return f"{effects.effect or 'waiting':<15} {effects.count}{amount}: {_WORDS.get(effects.effect, effects.effect)}"
