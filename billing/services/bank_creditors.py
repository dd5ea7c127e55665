"""Whose account a brand's debits by file go to, and what its bank asks for; append-only, with author and reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from billing.domain.bank_debit import CURRENCY
from billing.domain.bank_identifiers import read_bic, read_creditor_id, read_iban
from billing.domain.cycle_plan import validate_policy
from billing.domain.cycle_policy import CyclePolicy
from billing.domain.epc_text import epc_text
from billing.domain.errors import InvalidValue, NotFound
from billing.ports.bank_files import Creditor, SequenceType
from billing.ports.clock import BusinessClock
from billing.ports.unit_of_work import UnitOfWorkFactory


@dataclass(frozen=True)
class NewCreditor:
    """A creditor as an operator gives it; ``bic`` empty: found by the IBAN."""

    name: str
    iban: str
    creditor_id: str
    reason: str
    bic: str = ""
    address: Mapping[str, Any] = field(default_factory=dict)
    message_version: str = "pain.008.001.08"
    first_sequence: str = SequenceType.RECURRENT
    lead_banking_days: int = 2
    cut_off_hour_local: int = 14
    make_hours_before: int = 2
    largest_minor: int = 1_000_000
    delivery: str = "folder"


class BankCreditors:
    """Reads and sets creditors; ``versions`` are those that files can be written in."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock, versions: Sequence[str]) -> None:
        self._make_work = make_work
        self._clock = clock
        self._versions = tuple(versions)

    async def get(self, brand: str) -> Creditor:
        """The creditor in force. Raises NotFound."""
        async with self._make_work() as work:
            await work.accounts.brand(brand)
            found = await work.bank_files.creditor(brand)
        if found is None:
            remedy = f"PUT /v1/brands/{brand}/bank-creditor sets it."
            raise NotFound(f"The brand {brand} has no creditor.", field="brand", value=brand, remedy=remedy)
        return found

    async def put(self, brand: str, wanted: NewCreditor, author: str) -> Creditor:
        """Set a brand's creditor for files made from now on.

        Raises NotFound, InvalidValue naming the field, and UnableToPlanCycle when the brand's dates leave no room for
        the bank's lead.
        """
        iban = read_iban(wanted.iban)
        bic = read_bic(wanted.bic) if wanted.bic else iban.bic
        creditor_id = read_creditor_id(wanted.creditor_id)
        self._check(wanted, bic)
        async with self._make_work() as work:
            found = await work.accounts.brand(brand)
            if found.currency != CURRENCY:
                raise _wrong("currency", found.currency, "SEPA debits are in EUR: this brand cannot have a creditor.")
            make_hour = wanted.cut_off_hour_local - wanted.make_hours_before
            policy = CyclePolicy.from_dict(dict(found.cycle_policy)).with_bank_lead(wanted.lead_banking_days, make_hour)
            validate_policy(policy, found.zone)
            await work.accounts.lock_catalogue()
            before = await work.bank_files.creditor(brand)
            creditor = Creditor(
                brand=brand,
                revision=1 if before is None else before.revision + 1,
                name=wanted.name,
                iban=iban.iban,
                bic=bic,
                creditor_id=creditor_id,
                address=dict(wanted.address),
                message_version=wanted.message_version,
                first_sequence=wanted.first_sequence,
                lead_banking_days=wanted.lead_banking_days,
                cut_off_hour_local=wanted.cut_off_hour_local,
                make_hours_before=wanted.make_hours_before,
                largest_minor=wanted.largest_minor,
                delivery=wanted.delivery,
                changed_at=self._clock.now(),
                author=author,
                reason=wanted.reason,
            )
            await work.bank_files.add_creditor(creditor)
            await work.commit()
        return creditor

    def _check(self, wanted: NewCreditor, bic: str) -> None:
        if not epc_text(wanted.name, 70):
            raise _wrong("name", wanted.name, "Write the name in letters that banks can take.")
        if wanted.message_version not in self._versions:
            raise _wrong("message_version", wanted.message_version, f"Use one of {', '.join(self._versions)}.")
        if wanted.make_hours_before > wanted.cut_off_hour_local:
            remedy = f"Files cannot be made before midnight: use at most {wanted.cut_off_hour_local}."
            raise _wrong("make_hours_before", str(wanted.make_hours_before), remedy)
        if not bic and wanted.message_version == "pain.008.001.02":
            raise _wrong("bic", "", "The bank behind this IBAN is not known: give its BIC.")


def _wrong(name: str, value: str, remedy: str) -> InvalidValue:
    return InvalidValue("This cannot go into a file to the bank.", field=name, value=value, remedy=remedy)
