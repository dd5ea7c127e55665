"""Direct debit by bank file as a PaymentProvider: a debit is written down at once and goes with the next file.

The provider's memory is our own database: ``collect`` answers only after its row is committed, so its outcome is never
unknown, and repeating it finds the row. What the bank says comes with its statements; ``get`` reads it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import datetime

from billing.adapters.bank_files.reading import payment_of, refund_of
from billing.domain.bank_debit import Problem, end_to_end_id_of
from billing.domain.errors import UnableTo
from billing.domain.money import Money
from billing.messages.payments import MethodKind
from billing.ports.accounts import Account
from billing.ports.bank_file_writing import Seal, SealBroken
from billing.ports.bank_files import BANK_FILES, BankDebit, BatchStatus, DebitFilter, DebitStatus
from billing.ports.clock import BusinessClock
from billing.ports.payment_provider import (
    Capabilities,
    CollectCommand,
    HostedPage,
    MerchantFault,
    MethodFacts,
    PaySessionCommand,
    ProviderEvent,
    ProviderPayment,
    Receipt,
    RefundFact,
    Unknown,
    UntrustedWebhook,
)
from billing.ports.payments import MethodStatus
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.bank_debit_checks import line_of
from billing.services.bank_payout_orders import PayoutOrder, opened_account, order_payout
from billing.services.bank_payouts import account_of_payment

# The longest a bank may take to say what became of a debit, in calendar days (five banking days).
_CAPABILITIES = Capabilities(MethodKind.SEPA_DEBIT, 1, 365, 9)


class UnableToUseBankFiles(UnableTo):
    """Something was asked of bank files that only a provider with pages of its own can do."""


class BankFilePayments:
    """All of the PaymentProvider port; debits are kept by ``make_work``, and account numbers opened by ``seal``."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock, seal: Seal) -> None:
        self._make_work = make_work
        self._clock = clock
        self._seal = seal

    @property
    def name(self) -> str:
        return BANK_FILES

    def capabilities(self, kind: MethodKind) -> Capabilities:
        """The least for any bank; a brand's own lead is its creditor's ``lead_banking_days``."""
        return replace(_CAPABILITIES, kind=kind)

    async def ensure_customer(self, account_id: str, brand: str, name: str, email: str) -> str:
        return account_id

    async def collect(self, command: CollectCommand) -> ProviderPayment:
        """Write the debit down, held where it could not go as it is; once per attempt."""
        async with self._make_work() as work:
            known = await work.bank_files.debit(command.account_id, command.attempt_id)
            if known is None:
                known = await self._write_down(work, command)
                await work.commit()
        return payment_of(known)

    async def _write_down(self, work: UnitOfWork, command: CollectCommand) -> BankDebit:
        owner = await work.payments.method_of(BANK_FILES, [command.provider_method])
        if owner is None or owner[0] != command.account_id:
            raise MerchantFault(f"No bank account is kept under the mandate {command.provider_method}.")
        account = await work.bank_files.account(command.account_id, owner[1])
        now = self._clock.now()
        debit = BankDebit(
            account_id=command.account_id,
            attempt_id=command.attempt_id,
            end_to_end_id=end_to_end_id_of(command.account_id, command.attempt_id),
            brand=(await work.accounts.get(command.account_id)).brand,
            method_id=account.method_id,
            amount_minor=command.amount_minor,
            currency=command.currency,
            description=command.description[:140],
            mandate_reference=account.mandate_reference,
            signed_on=account.signed_on,
            scheme=account.scheme,
            due_on=command.due_date,
            created_at=now,
            changed_at=now,
        )
        debit = await self._checked(work, debit)
        if not await work.bank_files.add_debit(debit):
            found = await work.bank_files.debit(command.account_id, command.attempt_id)
            assert found is not None
            return found
        if not await work.bank_files.claim_reference(debit.end_to_end_id, debit.account_id, debit.attempt_id):
            raise MerchantFault(f"The end-to-end id {debit.end_to_end_id} belongs to another debit already.")
        return debit

    async def _checked(self, work: UnitOfWork, debit: BankDebit) -> BankDebit:
        problem = await line_of(work, debit, await work.bank_files.creditor(debit.brand), self._seal)
        if not isinstance(problem, Problem):
            return debit
        return replace(
            debit,
            status=DebitStatus.HELD,
            held_field=problem.field,
            held_value=problem.value,
            held_remedy=problem.remedy,
        )

    async def get(self, reference: str) -> ProviderPayment:
        async with self._make_work() as work:
            owner = await work.payments.owner_of(BANK_FILES, [reference])
            found = None if owner is None else await work.bank_files.debit(*owner)
        return ProviderPayment(Unknown(f"no debit is kept as {reference}")) if found is None else payment_of(found)

    async def find_by_attempt(self, provider_customer: str, attempt_id: str) -> ProviderPayment | None:
        async with self._make_work() as work:
            found = await work.bank_files.debit(provider_customer, attempt_id)
        return None if found is None else payment_of(found)

    async def cancel(self, reference: str) -> ProviderPayment:
        """Withdraw a debit whose file has not left; one that a file waits with takes that file apart."""
        async with self._make_work() as work:
            owner = await work.payments.owner_of(BANK_FILES, [reference])
            debit = None if owner is None else await work.bank_files.debit(*owner)
            if debit is None:
                return ProviderPayment(Unknown(f"no debit is kept as {reference}"))
            debit = await self._withdrawn(work, debit)
            await work.commit()
        return payment_of(debit)

    async def _withdrawn(self, work: UnitOfWork, debit: BankDebit) -> BankDebit:
        """The batch is locked before its debit, as everywhere."""
        now = self._clock.now()
        batch = None if debit.batch_id is None else await work.bank_files.lock_batch(debit.batch_id)
        locked = await work.bank_files.lock_debit(debit.account_id, debit.attempt_id)
        assert locked is not None
        if locked.batch_id != debit.batch_id or locked.status not in _NOT_GONE:
            return locked
        if locked.status == DebitStatus.BATCHED:
            if batch is None or batch.status not in (BatchStatus.MADE, BatchStatus.HELD) or batch.downloaded_at:
                return locked
            values = {"status": BatchStatus.WITHDRAWN, "reason": f"{locked.end_to_end_id} was cancelled"}
            await work.bank_files.change_batch(batch.batch_id, values)
            back = {"status": DebitStatus.WAITING, "batch_id": None, "changed_at": now}
            await work.bank_files.change_debits_of(batch.batch_id, (DebitStatus.BATCHED,), back)
        cancelled = {"status": DebitStatus.CANCELLED, "batch_id": None, "changed_at": now}
        await work.bank_files.change_debit(locked.account_id, locked.attempt_id, cancelled)
        return replace(locked, status=DebitStatus.CANCELLED, batch_id=None, changed_at=now)

    async def refund(self, reference: str, amount_minor: int, refund_id: str, call_number: int = 1) -> RefundFact:
        """Have it sent with the next file of payouts, to the account that the money came from; once per refund.

        ``reference`` is the debit's, or account and payment with a slash for money that came by transfer.
        """
        async with self._make_work() as work:
            owner = await work.payments.owner_of(BANK_FILES, [reference]) or _named(reference)
            account = await work.accounts.lock(owner[0])
            payout = await work.bank_payouts.of_command(account.account_id, refund_id)
            if payout is None:
                order = await self._order_of(work, account, owner[1], amount_minor, refund_id)
                payout = await order_payout(work, order, self._seal, self._clock.now())
                await work.commit()
        return refund_of(payout)

    async def _order_of(
        self, work: UnitOfWork, account: Account, attempt_id: str, amount_minor: int, refund_id: str
    ) -> PayoutOrder:
        attempt = await work.payments.attempt(account.account_id, attempt_id)
        kept = None if attempt is None else await account_of_payment(work, attempt)
        if attempt is None or kept is None:
            raise MerchantFault(f"No bank account is kept that {attempt_id} could be given back to.")
        brand, asked = (
            await work.accounts.brand(account.brand),
            await work.payments.refund(account.account_id, refund_id),
        )
        try:
            destination = opened_account(kept, self._seal)
        except SealBroken as broken:
            raise MerchantFault(str(broken)) from None
        return PayoutOrder(
            account,
            refund_id,
            destination,
            Money(amount_minor, attempt.currency),
            f"{brand.name} {account.number}",
            "evenflow" if asked is None else asked.author,
            "refund" if asked is None else asked.reason,
            attempt_id,
        )

    async def attach_method(self, provider_customer: str, provider_method: str, accepted_from: str) -> MethodFacts:
        raise _unable("provider_method", provider_method)

    async def start_method_setup(
        self,
        account_id: str,
        provider_customer: str,
        currency: str,
        return_url: str,
        cancel_url: str,
        kinds: tuple[MethodKind, ...] = (),
        locale: str = "",
        acceptance_id: str = "",
    ) -> HostedPage:
        raise _unable("return_url", return_url)

    def kinds_for(self, currency: str) -> tuple[MethodKind, ...]:
        """None: a mandate on paper or a form of the operator's is entered by staff, not on a page of a provider."""
        return ()

    async def finished_setup(self, reference: str) -> MethodFacts | None:
        raise _unable("reference", reference)

    async def get_method(self, provider_method: str) -> MethodFacts:
        """The stored bank account; it belongs to nobody any more once it was removed."""
        async with self._make_work() as work:
            owner = await work.payments.method_of(BANK_FILES, [provider_method])
            if owner is None:
                raise MerchantFault(f"No bank account is kept under the mandate {provider_method}.")
            method = await work.payments.method(*owner)
        return MethodFacts(
            provider_method=method.provider_method,
            kind=MethodKind.SEPA_DEBIT,
            label=method.label,
            last_four=method.last_four,
            provider_customer="" if method.status == MethodStatus.REMOVED else method.account_id,
            provider_mandate=method.mandate_reference,
            mandate_reference=method.mandate_reference,
            mandate_status=str(method.mandate_status or "inactive"),
        )

    async def detach_method(self, provider_method: str) -> None:
        """The mandate ends: debits under it that no file carries yet are withdrawn."""
        async with self._make_work() as work:
            owner = await work.payments.method_of(BANK_FILES, [provider_method])
            open_ones = DebitFilter(account_id=owner[0] if owner else "", statuses=_WAITING)
            waiting = [] if owner is None else await work.bank_files.debits(open_ones)
        for debit in waiting:
            if owner is not None and debit.method_id == owner[1]:
                await self.cancel(debit.end_to_end_id)

    async def get_mandate(self, reference: str) -> MethodFacts:
        return await self.get_method(reference)

    async def open_pay_session(self, command: PaySessionCommand) -> HostedPage:
        raise _unable("attempt_id", command.attempt_id)

    async def pay_session(self, reference: str) -> ProviderPayment:
        raise _unable("reference", reference)

    async def close_pay_session(self, reference: str) -> ProviderPayment:
        raise _unable("reference", reference)

    def parse_webhook(self, body: bytes, headers: Mapping[str, str]) -> ProviderEvent:
        raise UntrustedWebhook("A bank calls nobody: its statements are read.", field="body")

    async def list_events(self, since: datetime) -> AsyncIterator[ProviderEvent]:
        """None: what the bank said is read from its statements."""
        nothing: tuple[ProviderEvent, ...] = ()
        for event in nothing:
            yield event

    async def list_receipts(self, since: datetime, until: datetime) -> AsyncIterator[Receipt]:
        """None: statements are held against the books entry by entry."""
        nothing: tuple[Receipt, ...] = ()
        for receipt in nothing:
            yield receipt


def _named(reference: str) -> tuple[str, str]:
    account_id, slash, attempt_id = reference.partition("/")
    if not slash:
        raise MerchantFault(f"No payment is kept as {reference}.")
    return account_id, attempt_id


_WAITING = (DebitStatus.WAITING, DebitStatus.HELD)
_NOT_GONE = (*_WAITING, DebitStatus.BATCHED)


def _unable(field: str, value: str) -> UnableToUseBankFiles:
    return UnableToUseBankFiles(
        "Bank files have no pages: a bank account is stored with its mandate.",
        field=field,
        value=value,
        remedy="POST /v1/accounts/{account_id}/bank-mandates stores an IBAN with its mandate.",
    )
