"""Write-offs: what is given up, what of it is taken back, and money that comes in for it after all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.domain import ledger as books
from billing.domain.errors import NotFound, UnableTo
from billing.domain.ledger import Entry, EntryKind, LedgerAccount
from billing.domain.money import Money
from billing.messages.arrangements import Arranged, RestoreDebt, WriteOffDebt
from billing.ports.accounts import Account, TimelineEntry
from billing.ports.unit_of_work import UnitOfWork
from billing.services.bad_debt_vat import settle_vat_of_bad_debts


class UnableToWriteOffDebt(UnableTo):
    """There is nothing to give up, or its outcome is not known yet."""


class UnableToRestoreDebt(UnableTo):
    """Nothing of the write-off is left to take back."""


@dataclass(frozen=True)
class WriteOff:
    """One write-off: ``shares_minor`` by invoice as given up then; ``left_minor`` of them is still given up now."""

    write_off_id: str
    at: datetime
    amount_minor: int
    left_minor: int
    currency: str
    shares_minor: Mapping[str, int]
    reason: str


async def write_off_debt(work: UnitOfWork, account: Account, command: WriteOffDebt, now: datetime) -> Arranged:
    """Give up what is open of the invoices: receivable against write-off, gross.

    Their VAT is taken back where the brand's rule says so (``bad_debt_vat``). The account is locked. Raises NotFound
    for an invoice that is not the account's, UnableToWriteOffDebt.
    """
    invoice_ids = list(dict.fromkeys(command.invoice_ids)) or await _of_newest_case(work, account.account_id)
    for invoice_id in invoice_ids:
        await work.invoices.get(account.account_id, invoice_id)
    shares = {each: await work.ledger.open_of(account.account_id, each) for each in invoice_ids}
    shares = {invoice_id: minor for invoice_id, minor in shares.items() if minor > 0}
    await _refuse(work, account, shares)
    currency = (await work.accounts.brand(account.brand)).currency
    entry = books.written_off(account.account_id, command.command_id, now, shares, currency, command.reason)
    await work.ledger.post(entry)
    await settle_vat_of_bad_debts(work, account.account_id, f"vat-{command.command_id}", now)
    total = Money(sum(shares.values()), currency)
    summary = f"Written off {total} of {len(shares)} invoice(s): {command.reason}"
    told = {"rule": "a person's decision", "reason": command.reason, "write_off_id": command.command_id}
    await work.timeline.add(
        TimelineEntry(account.account_id, now, "write_off", summary, told | {"shares_minor": shares}, command.author)
    )
    return Arranged(summary, command.command_id, tuple(shares), total.amount_minor, currency)


async def write_off_small_rest(work: UnitOfWork, account: Account, now: datetime) -> None:
    """Give up what an ended account owes, where it is less than can be paid by itself. The account is locked."""
    brand = await work.accounts.brand(account.brand)
    opened = [one for one in await work.ledger.open_invoices(account.account_id) if one.open_minor > 0]
    total_minor = sum(one.open_minor for one in opened)
    is_disputed = any(one.disputed_minor for one in opened)
    if is_disputed or not 0 < total_minor < brand.minimum_charge_minor:
        return
    shares = {one.invoice_id: one.open_minor for one in opened}
    reference, why = f"end-{account.account_id}", "Below the minimum charge, and no invoice follows."
    entry = books.written_off(account.account_id, reference, now, shares, brand.currency, why)
    if await work.ledger.post(entry):
        await settle_vat_of_bad_debts(work, account.account_id, f"vat-{reference}", now)
        summary = f"Written off {Money(total_minor, brand.currency)}: too little to be paid, and no bill follows"
        told = {"rule": "below the minimum charge, after the last invoice", "shares_minor": shares}
        await work.timeline.add(TimelineEntry(account.account_id, now, "write_off", summary, told))


async def _of_newest_case(work: UnitOfWork, account_id: str) -> list[str]:
    cases = sorted(await work.dunning.cases(account_id), key=lambda one: one.opened_at)
    return list(cases[-1].invoice_ids) if cases else []


async def _refuse(work: UnitOfWork, account: Account, shares: Mapping[str, int]) -> None:
    if not shares:
        raise UnableToWriteOffDebt(
            "Nothing is open on these invoices.",
            field="invoice_ids",
            value="",
            remedy=f"GET /v1/accounts/{account.account_id}/invoices shows what is open.",
        )
    for attempt in await work.payments.live_attempts(account.account_id):
        held = await work.payments.allocations(account.account_id, attempt.attempt_id)
        for one in held:
            if one.invoice_id in shares and attempt.debit_on is not None:
                raise UnableToWriteOffDebt(
                    f"The debit {attempt.attempt_id} of {one.invoice_id} is under way.",
                    field="invoice_ids",
                    value=one.invoice_id,
                    remedy="Wait for its outcome, or leave this invoice out.",
                )


async def restore_debt(work: UnitOfWork, account: Account, command: RestoreDebt, now: datetime) -> Arranged:
    """Take back what is left of a write-off: it is owed again. Raises NotFound, UnableToRestoreDebt."""
    found = await work.ledger.find(account.account_id, "evenflow", command.write_off_id, EntryKind.WRITTEN_OFF)
    if found is None:
        raise NotFound(
            f"There is no write-off {command.write_off_id} of {account.account_id}.",
            field="write_off_id",
            value=command.write_off_id,
            remedy=f"GET /v1/accounts/{account.account_id}/write-offs lists them.",
        )
    left = books.still_written_off(await work.ledger.entries(account.account_id))
    shares = {name: min(minor, left.get(name, 0)) for name, minor in _shares(found).items() if left.get(name, 0)}
    if not shares:
        raise UnableToRestoreDebt(
            f"Nothing of the write-off {command.write_off_id} is left.",
            field="write_off_id",
            value=command.write_off_id,
            remedy="It was taken back, or the money came in after all.",
        )
    currency = found.postings[0].currency
    reference = f"restore-{command.command_id}"
    entry = books.write_off_reversed(account.account_id, reference, now, shares, currency, command.reason)
    await work.ledger.post(entry)
    await settle_vat_of_bad_debts(work, account.account_id, f"vat-{reference}", now)
    total = Money(sum(shares.values()), currency)
    summary = f"Write-off taken back: {total} of {len(shares)} invoice(s) is owed again"
    told = {"rule": "a person's decision", "reason": command.reason, "write_off_id": command.write_off_id}
    await work.timeline.add(
        TimelineEntry(
            account.account_id, now, "write_off_reversed", summary, told | {"shares_minor": shares}, command.author
        )
    )
    return Arranged(summary, command.write_off_id, tuple(shares), total.amount_minor, currency)


async def recover_written_off(
    work: UnitOfWork, account_id: str, wanted: Mapping[str, int], received_minor: int, reference: str, now: datetime
) -> None:
    """Money came for what was given up: as much of the write-off is reversed as it pays, so that it can be booked.

    ``wanted`` is what the payment is for, by invoice; call it before the payment is shared. Safe to repeat under the
    same ``reference``, which names the payment.
    """
    left = books.still_written_off(await work.ledger.entries(account_id))
    if not left:
        return
    opened = [(name, await work.ledger.open_of(account_id, name)) for name in wanted]
    missing = {name: min(wanted[name] - minor, left.get(name, 0)) for name, minor in opened}
    unspent = received_minor - sum(min(wanted[name], max(0, minor)) for name, minor in opened)
    shares = books.spread(max(0, unspent), [(name, minor) for name, minor in missing.items() if minor > 0])
    if not shares:
        return
    account = await work.accounts.get(account_id)
    currency = (await work.accounts.brand(account.brand)).currency
    why = "Money came in for what had been given up."
    entry = books.write_off_reversed(account_id, f"recovered-{reference}", now, shares, currency, why)
    if await work.ledger.post(entry):
        await settle_vat_of_bad_debts(work, account_id, f"vat-recovered-{reference}", now)
        summary = f"Write-off reversed: {Money(sum(shares.values()), currency)} came in after all"
        told = {"rule": "money counts, whenever it comes", "payment": reference, "shares_minor": shares}
        await work.timeline.add(TimelineEntry(account_id, now, "write_off_reversed", summary, told))


async def write_offs_of(work: UnitOfWork, account_id: str) -> Sequence[WriteOff]:
    """An account's write-offs, oldest first; what was taken back is taken from the oldest ones first."""
    entries = await work.ledger.entries(account_id)
    left = books.still_written_off(entries)
    found: list[WriteOff] = []
    for entry in reversed([one for one in entries if one.kind is EntryKind.WRITTEN_OFF]):
        shares = _shares(entry)
        still = {name: min(minor, left.get(name, 0)) for name, minor in shares.items()}
        left = {name: minor - still.get(name, 0) for name, minor in left.items()}
        amount_minor, left_minor = sum(shares.values()), sum(still.values())
        currency = entry.postings[0].currency
        found.append(WriteOff(entry.reference, entry.at, amount_minor, left_minor, currency, shares, entry.reason))
    return list(reversed(found))


def _shares(entry: Entry) -> dict[str, int]:
    return {
        posting.invoice_id: -posting.amount_minor
        for posting in entry.postings
        if posting.ledger_account is LedgerAccount.RECEIVABLE and posting.invoice_id is not None
    }
