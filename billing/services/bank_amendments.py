"""A mandate goes on with another bank account, or under another reference: amended, not given anew.

The customer signed once; what changes is told to the bank by the next debit (``bank_mandate_history``). What was stored
is kept as it was: the amended mandate is a method of its own that names the one before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from billing.domain.bank_debit import EEA
from billing.domain.bank_identifiers import IbanFacts, read_bic, read_iban
from billing.domain.epc_text import epc_text, is_identification
from billing.domain.errors import Conflict, InvalidValue, UnableTo
from billing.ports.accounts import Account, TimelineEntry
from billing.ports.bank_file_writing import Seal, SealBroken
from billing.ports.bank_files import BANK_FILES, Address, BankAccount
from billing.ports.clock import BusinessClock
from billing.ports.payments import Mandate, MandateStatus, MethodStatus, PaymentMethod
from billing.ports.process import Process
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.bank_debit_checks import account_context, opened
from billing.services.bank_mandates import StoredMandate, kept_address, tell_of_method


class UnableToAmendMandate(UnableTo):
    """The mandate ended, was for one debit only, or nothing about it would change."""


@dataclass(frozen=True)
class MandateAmendment:
    """What changes; empty fields stay. ``holder_name`` and ``address`` belong to the account."""

    reason: str
    iban: str = ""
    bic: str = ""
    holder_name: str = ""
    reference: str = ""
    address: Address | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)


class BankAmendments:
    """Amends mandates; ``seal`` encrypts account numbers."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock, seal: Seal, process: Process) -> None:
        self._make_work = make_work
        self._clock = clock
        self._seal = seal
        self._process = process

    async def amend(self, account_id: str, method_id: str, wanted: MandateAmendment, author: str) -> StoredMandate:
        """The mandate as it goes on; debits that are in no file yet go with it. The same again changes nothing.

        Raises NotFound, InvalidValue naming the field, Conflict for a reference that is taken, UnableToAmendMandate.
        """
        facts = read_iban(wanted.iban) if wanted.iban else None
        bic = read_bic(wanted.bic) if wanted.bic else ""
        async with self._make_work() as work:
            account = await work.accounts.lock(account_id)
            method = await work.payments.method(account_id, method_id)
            before = await work.bank_files.account(account_id, method_id)
            after = await self._amended(work, account, before, wanted, facts, bic)
            if isinstance(after, StoredMandate):
                return after
            _refuse_ended(method, before)
            stored = await self._store(work, method, before, after, facts, wanted, author)
            await work.commit()
        await tell_of_method(self._process, account, stored.method.method_id, self._clock.now())
        return stored

    async def _amended(
        self,
        work: UnitOfWork,
        account: Account,
        before: BankAccount,
        wanted: MandateAmendment,
        facts: IbanFacts | None,
        bic: str,
    ) -> BankAccount | StoredMandate:
        """The account as it will be, or what the same amendment stored before."""
        try:
            iban = facts.iban if facts else opened(before, self._seal)
            told = opened(before, self._seal)
        except SealBroken as broken:
            raise UnableToAmendMandate(
                str(broken), field="iban", remedy="Set EVENFLOW_SECRETS_IBAN_KEYS; `evenflow doctor` says how."
            ) from None
        reference = wanted.reference or before.mandate_reference
        holder, address = wanted.holder_name or before.holder_name, before.address
        if wanted.address is not None:
            address = kept_address(wanted.address)
        bic = bic or (facts.bic if facts else before.bic)
        _refuse_unusable(iban, bic, holder, reference, address)
        known = await self._known(work, before, iban, reference)
        if known is not None:
            return known
        if iban == told and reference == before.mandate_reference:
            raise UnableToAmendMandate(
                "Neither the account nor the reference would change.",
                field="iban",
                value=f"...{iban[-4:]}",
                remedy="Give another IBAN, another reference, or both.",
            )
        return replace(
            before,
            holder_name=holder,
            iban_sealed=self._seal.seal(iban.encode(), account_context(account.account_id, reference)),
            bic=bic,
            address=address,
            mandate_reference=reference,
            created_at=self._clock.now(),
            amends_method_id=before.method_id,
        )

    async def _known(self, work: UnitOfWork, before: BankAccount, iban: str, reference: str) -> StoredMandate | None:
        for method in await work.payments.methods(before.account_id):
            if method.provider != BANK_FILES:
                continue
            one = await work.bank_files.account(before.account_id, method.method_id)
            same = one.amends_method_id == before.method_id and one.mandate_reference == reference
            if same and opened(one, self._seal) == iban:
                return StoredMandate(method, one)
        return None

    async def _store(
        self,
        work: UnitOfWork,
        method: PaymentMethod,
        before: BankAccount,
        after: BankAccount,
        facts: IbanFacts | None,
        wanted: MandateAmendment,
        author: str,
    ) -> StoredMandate:
        now, account_id = self._clock.now(), before.account_id
        await self._claim(work, before, after.mandate_reference)
        name = f"{after.mandate_reference}/{before.method_id}"  # a method is amended once
        added = await work.payments.add_method(
            {
                "account_id": account_id,
                "kind": method.kind,
                "provider": BANK_FILES,
                "provider_customer": account_id,
                "provider_method": name,
                "label": (facts.bank_code or facts.country) if facts else method.label,
                "last_four": facts.last_four if facts else method.last_four,
                "expires_on": None,
                "status": MethodStatus.USABLE,
                "blocked_reason": "",
                "is_default": False,
                "created_at": now,
            }
        )
        evidence = {**before.evidence, "amended_by": author, "amended_at": now.isoformat(), "why": wanted.reason}
        stored = replace(after, method_id=added.method_id, evidence={**evidence, **wanted.evidence})
        await work.bank_files.add_account(stored)
        mandate = Mandate(
            account_id, added.method_id, BANK_FILES, name, after.mandate_reference, MandateStatus.ACTIVE, now
        )
        await work.payments.put_mandate(mandate)
        await self._end(work, method, added.method_id)
        moved = await work.bank_files.move_waiting(
            account_id, method.method_id, added.method_id, after.mandate_reference
        )
        await self._tell(work, method, stored, added.last_four, moved, wanted, author)
        return StoredMandate(await work.payments.method(account_id, added.method_id), stored)

    async def _claim(self, work: UnitOfWork, before: BankAccount, reference: str) -> None:
        """A reference is one mandate's for ever."""
        if reference == before.mandate_reference:
            return
        known = await work.payments.owner_of(BANK_FILES, [f"mandate/{reference}"])
        if known is not None or not await work.bank_files.claim_reference(
            f"mandate/{reference}", before.account_id, ""
        ):
            raise Conflict(
                "This mandate reference is taken.",
                field="reference",
                value=reference,
                remedy="Give the mandate another one.",
            )

    async def _end(self, work: UnitOfWork, method: PaymentMethod, amended_id: str) -> None:
        """The method before is used no more; the one after takes its place where it was in use."""
        removed = {"status": MethodStatus.REMOVED, "blocked_reason": f"amended: {amended_id}"}
        mandate = await work.payments.mandate(method.account_id, method.method_id)
        if mandate is not None:
            ended = replace(mandate, status=MandateStatus.INACTIVE, ended_by="amended")
            await work.payments.put_mandate(ended)
        if method.is_default:
            await work.payments.make_default(method.account_id, amended_id)
        await work.payments.change_method(method.account_id, method.method_id, removed)

    async def _tell(
        self,
        work: UnitOfWork,
        method: PaymentMethod,
        stored: BankAccount,
        last_four: str,
        moved: int,
        wanted: MandateAmendment,
        author: str,
    ) -> None:
        summary = (
            f"Mandate {method.mandate_reference} goes on as {stored.mandate_reference}, account ending in {last_four}."
        )
        reason = {
            "method_id": stored.method_id,
            "amends": method.method_id,
            "reason": wanted.reason,
            "debits_moved": moved,
        }
        await work.timeline.add(
            TimelineEntry(stored.account_id, stored.created_at, "mandate_amended", summary, reason, author)
        )


def _refuse_ended(method: PaymentMethod, before: BankAccount) -> None:
    if method.status != MethodStatus.USABLE or before.one_off:
        why = "was for one debit only" if before.one_off else f"is {method.status}"
        raise UnableToAmendMandate(
            f"This mandate {why}.",
            field="method_id",
            value=method.method_id,
            remedy="Ask the customer for a new mandate: POST /v1/accounts/{account_id}/bank-mandates.",
        )


def _refuse_unusable(iban: str, bic: str, holder: str, reference: str, address: Mapping[str, Any]) -> None:
    if not epc_text(holder, 70):
        raise _wrong("holder_name", holder, "Write the holder's name in letters that banks can take.")
    if not is_identification(reference):
        raise _wrong("reference", reference, "Use at most 35 letters, digits and / - ? : ( ) . , ' +.")
    if iban[:2] not in EEA and not bic:
        raise _wrong("bic", "", f"A debit in {iban[:2]} needs the bank's BIC.")
    if iban[:2] not in EEA and not address.get("town"):
        raise _wrong("address", "", f"A debit in {iban[:2]} needs town and country of the holder.")


def _wrong(name: str, value: str, remedy: str) -> InvalidValue:
    return InvalidValue("This cannot go into a file to the bank.", field=name, value=value, remedy=remedy)
