"""Mandates of direct debit by bank file: an IBAN with the customer's permission becomes a payment method."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from billing.domain.bank_debit import CURRENCY, EEA
from billing.domain.bank_identifiers import IbanFacts, read_bic, read_iban
from billing.domain.epc_text import epc_text, is_identification
from billing.domain.errors import Conflict, InvalidValue, NotFound, UnableTo
from billing.messages.account import PaymentMethodChanged
from billing.messages.identities import account_workflow_id
from billing.messages.payments import MethodKind
from billing.ports.accounts import Account, TimelineEntry
from billing.ports.bank_file_writing import Seal, SealBroken
from billing.ports.bank_files import BANK_FILES, Address, BankAccount, DebitScheme
from billing.ports.clock import BusinessClock
from billing.ports.payments import Mandate, MandateStatus, MethodStatus, PaymentMethod
from billing.ports.process import Process
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.bank_debit_checks import account_context


class UnableToDebitByFile(UnableTo):
    """The brand's debits do not go by bank file."""


@dataclass(frozen=True)
class NewBankMandate:
    """A customer's bank account and permission. ``reference`` empty: one is made; ``bic`` empty: found by the IBAN.

    ``evidence`` says how the customer agreed: ``medium`` (paper, web, phone ...), ``accepted_from`` (network address),
    ``document`` (where the signed text is kept).
    """

    holder_name: str
    iban: str
    signed_on: date
    reference: str = ""
    bic: str = ""
    scheme: str = DebitScheme.CORE
    one_off: bool = False
    address: Address | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StoredMandate:
    """A mandate as staff sees it: never more of the IBAN than its last four."""

    method: PaymentMethod
    account: BankAccount


class BankMandates:
    """Stores and shows them. ``provider`` for new SEPA debits may be set to another one than bank files."""

    def __init__(
        self,
        make_work: UnitOfWorkFactory,
        clock: BusinessClock,
        seal: Seal,
        process: Process,
        sepa_provider: str = "",
    ) -> None:
        self._make_work = make_work
        self._clock = clock
        self._seal = seal
        self._process = process
        self._sepa_provider = sepa_provider

    async def add(self, account_id: str, wanted: NewBankMandate, author: str) -> StoredMandate:
        """Store a mandate and use it from now on; storing the same one again changes nothing.

        Raises NotFound, InvalidValue naming the field, Conflict for a reference that was used before, and
        UnableToDebitByFile.
        """
        if self._sepa_provider not in ("", BANK_FILES):
            raise UnableToDebitByFile(
                f"New SEPA debits are made by {self._sepa_provider}.",
                field="provider",
                value=BANK_FILES,
                remedy="Set EVENFLOW_PAYMENTS_SEPA_DEBIT to bank_files or leave it empty.",
            )
        facts = read_iban(wanted.iban)
        bic = read_bic(wanted.bic) if wanted.bic else facts.bic
        self._check(wanted, facts, bic)
        async with self._make_work() as work:
            account = await work.accounts.lock(account_id)
            await self._check_brand(work, account, wanted)
            known = await self._known(work, account_id, wanted, facts)
            if known is not None:
                return known
            try:
                stored = await self._store(work, account, wanted, facts, bic, author)
            except SealBroken as broken:
                raise UnableToDebitByFile(
                    str(broken), field="iban", remedy="Set EVENFLOW_SECRETS_IBAN_KEYS; `evenflow doctor` says how."
                ) from None
            await work.commit()
        await tell_of_method(self._process, account, stored.method.method_id, self._clock.now())
        return stored

    def _check(self, wanted: NewBankMandate, facts: IbanFacts, bic: str) -> None:
        if not epc_text(wanted.holder_name, 70):
            raise _wrong("holder_name", wanted.holder_name, "Write the holder's name in letters that banks can take.")
        if wanted.reference and not is_identification(wanted.reference):
            remedy = "Use at most 35 letters, digits and / - ? : ( ) . , ' +, or leave it empty for one of ours."
            raise _wrong("reference", wanted.reference, remedy)
        if facts.country not in EEA and not bic:
            raise _wrong("bic", "", f"A debit in {facts.country} needs the bank's BIC.")
        if facts.country not in EEA and (wanted.address is None or not wanted.address.town):
            raise _wrong("address", "", f"A debit in {facts.country} needs town and country of the holder.")

    async def _check_brand(self, work: UnitOfWork, account: Account, wanted: NewBankMandate) -> None:
        brand = await work.accounts.brand(account.brand)
        if brand.currency != CURRENCY:
            raise UnableToDebitByFile(
                "SEPA debits are in EUR.",
                field="currency",
                value=brand.currency,
                remedy="Let customers of this brand pay by card.",
            )
        if await work.bank_files.creditor(account.brand) is None:
            raise UnableToDebitByFile(
                f"The brand {account.brand} has no creditor yet.",
                field="brand",
                value=account.brand,
                remedy=f"PUT /v1/brands/{account.brand}/bank-creditor says whose account the money goes to.",
            )
        today = self._clock.now().astimezone(ZoneInfo(account.zone)).date()
        if wanted.signed_on > today:
            raise _wrong("signed_on", wanted.signed_on.isoformat(), f"Today is {today}: give the date of signing.")

    async def _known(
        self, work: UnitOfWork, account_id: str, wanted: NewBankMandate, facts: IbanFacts
    ) -> StoredMandate | None:
        """The mandate stored before under this reference, when it is the same one. Raises Conflict."""
        if not wanted.reference:
            return None
        owner = await work.payments.method_of(BANK_FILES, [wanted.reference])
        if owner is None:
            return None
        taken = Conflict(
            "This mandate reference belongs to another bank account or was used before.",
            field="reference",
            value=wanted.reference,
            remedy="Give each mandate a reference of its own, or leave it empty.",
        )
        if owner[0] != account_id:
            raise taken
        known = await work.bank_files.account(*owner)
        context = account_context(account_id, known.mandate_reference)
        if self._seal.open(known.iban_sealed, context).decode() != facts.iban or known.signed_on != wanted.signed_on:
            raise taken
        return StoredMandate(await work.payments.method(*owner), known)

    async def _store(
        self, work: UnitOfWork, account: Account, wanted: NewBankMandate, facts: IbanFacts, bic: str, author: str
    ) -> StoredMandate:
        now, account_id = self._clock.now(), account.account_id
        reference = wanted.reference or await self._new_reference(work, account_id)
        if not await work.bank_files.claim_reference(f"mandate/{reference}", account_id, ""):
            raise Conflict(
                "This mandate reference is taken.", field="reference", value=reference, remedy="Use another."
            )
        method = await work.payments.add_method(
            {
                "account_id": account_id,
                "kind": MethodKind.SEPA_DEBIT,
                "provider": BANK_FILES,
                "provider_customer": account_id,
                "provider_method": reference,
                "label": facts.bank_code or facts.country,
                "last_four": facts.last_four,
                "expires_on": None,
                "status": MethodStatus.USABLE,
                "blocked_reason": "",
                "is_default": False,
                "created_at": now,
            }
        )
        mandate = Mandate(account_id, method.method_id, BANK_FILES, reference, reference, MandateStatus.ACTIVE, now)
        await work.payments.put_mandate(mandate)
        await work.payments.make_default(account_id, method.method_id)
        stored = BankAccount(
            account_id=account_id,
            method_id=method.method_id,
            holder_name=wanted.holder_name,
            iban_sealed=self._seal.seal(facts.iban.encode(), account_context(account_id, reference)),
            bic=bic,
            address=kept_address(wanted.address),
            mandate_reference=reference,
            signed_on=wanted.signed_on,
            scheme=wanted.scheme,
            one_off=wanted.one_off,
            evidence={**wanted.evidence, "recorded_by": author},
            created_at=now,
        )
        await work.bank_files.add_account(stored)
        summary = f"Payment method sepa_debit ending in {facts.last_four} stored, to be debited by bank file."
        reason = {"method_id": method.method_id, "mandate": reference, "signed_on": wanted.signed_on.isoformat()}
        await work.timeline.add(TimelineEntry(account_id, now, "method_stored", summary, reason, author))
        return StoredMandate(await work.payments.method(account_id, method.method_id), stored)

    async def _new_reference(self, work: UnitOfWork, account_id: str) -> str:
        """The account's number and the next free count."""
        count = len(await work.payments.methods(account_id)) + 1
        while True:
            reference = f"EF{account_id.rpartition('_')[2]}-{count}"
            if await work.payments.owner_of(BANK_FILES, [f"mandate/{reference}"]) is None:
                return reference
            count += 1

    async def get(self, account_id: str, method_id: str) -> StoredMandate:
        """Raises NotFound."""
        async with self._make_work() as work:
            await work.accounts.get(account_id)
            method = await work.payments.method(account_id, method_id)
            return StoredMandate(method, await work.bank_files.account(account_id, method_id))


async def tell_of_method(process: Process, account: Account, method_id: str, now: datetime) -> None:
    """Let the account's process look at the method in use; an account that is closed has none."""
    message = PaymentMethodChanged(f"{method_id}-{now.isoformat()}")
    with suppress(NotFound):
        await process.signal(account_workflow_id(account.brand, account.number), "payment_method_changed", message)


def kept_address(address: Address | None) -> Mapping[str, Any]:
    """An address as it is stored; empty where there is none."""
    return {} if address is None else {**asdict(address), "lines": list(address.lines)}


def _wrong(name: str, value: str, remedy: str) -> InvalidValue:
    return InvalidValue("This cannot go into a file to the bank.", field=name, value=value, remedy=remedy)
