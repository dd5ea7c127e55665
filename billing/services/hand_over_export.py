"""The file of a case for a collection agency: who owes what and why, and the proof that the customer was told."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from billing.domain.ledger import EntryKind, LedgerAccount
from billing.ports.accounts import Account
from billing.ports.dunning import Case
from billing.ports.unit_of_work import UnitOfWork

COLUMNS = (
    "record",
    "reference",
    "date",
    "due_on",
    "description",
    "amount_minor",
    "open_minor",
    "disputed_minor",
    "currency",
    "channel",
    "recipient",
    "status",
    "delivered_at",
    "evidence",
)
_NOTICES_READ = 1000
_STORY = ("case_", "dunning_", "promise", "payment_plan", "dispute", "fee_", "write_off")
_DEBTOR = (
    "account_id",
    "number",
    "brand",
    "customer_kind",
    "customer_name",
    "company",
    "vat_number",
    "email",
    "mobile",
)


@dataclass(frozen=True)
class CaseFile:
    """Everything about one case, as plain JSON by section; amounts in minor units of ``currency``."""

    case_id: str
    currency: str
    open_minor: int
    disputed_minor: int
    debtor: Mapping[str, Any]
    case: Mapping[str, Any]
    invoices: Sequence[Mapping[str, Any]]
    payments: Sequence[Mapping[str, Any]]
    notices: Sequence[Mapping[str, Any]]
    fees: Sequence[Mapping[str, Any]]
    agreements: Sequence[Mapping[str, Any]]
    hand_overs: Sequence[Mapping[str, Any]]
    story: Sequence[Mapping[str, Any]]

    def as_csv(self) -> str:
        """One row per debtor, invoice, payment, notice, fee and agreement; ``record`` says which."""
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, restval="", extrasaction="ignore")
        writer.writeheader()
        rows = [
            *_rows("debtor", [self.debtor], {"reference": "number", "description": "customer_name"}),
            *_rows("invoice", self.invoices, {"reference": "number", "amount_minor": "total_minor"}),
            *_rows("payment", self.payments, {"reference": "attempt_id", "amount_minor": "expected_minor"}),
            *_rows("notice", self.notices, {"reference": "notice_id", "description": "kind"}),
            *_rows("fee", self.fees, {"reference": "fee_id", "description": "kind", "date": "charged_at"}),
            *_rows("agreement", self.agreements, {"description": "kind"}),
        ]
        writer.writerows(rows)
        return text.getvalue()


def _rows(record: str, items: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {"record": record, **{column: _cell(one.get(names.get(column, column))) for column in COLUMNS[1:]}}
        for one in items
    ]


def _cell(value: Any) -> str:
    """A cell that no spreadsheet takes for a formula."""
    if value is None:
        return ""
    written = "; ".join(map(str, value)) if isinstance(value, list) else str(value)
    is_formula = written[:1] in ("=", "+", "-", "@") and not written[1:].replace(" ", "").isdigit()
    return f"'{written}" if is_formula else written


async def read_case_file(work: UnitOfWork, account: Account, case: Case) -> CaseFile:
    """Read everything about a case in one transaction."""
    invoices = await _invoices(work, case)
    return CaseFile(
        case_id=case.case_id,
        currency=(await work.accounts.brand(account.brand)).currency,
        open_minor=sum(one["open_minor"] for one in invoices),
        disputed_minor=sum(one["disputed_minor"] for one in invoices),
        debtor=_plain({name: getattr(account, name) for name in (*_DEBTOR, "postal_address", "country", "locale")}),
        case=_plain({name: value for name, value in asdict(case).items() if name != "failures"}),
        invoices=invoices,
        payments=await _payments(work, case),
        notices=await _notices(work, case),
        fees=[
            _plain(asdict(one)) for one in await work.arrangements.fees(case.account_id) if one.case_id == case.case_id
        ],
        agreements=await _agreements(work, case),
        hand_overs=[_plain(asdict(one)) for one in await work.arrangements.hand_overs(case.account_id)],
        story=[
            _plain({"at": one.at, "kind": one.kind, "summary": one.summary, "actor": one.actor})
            for one in await work.timeline.of(case.account_id, _NOTICES_READ)
            if one.kind.startswith(_STORY)
        ],
    )


async def _invoices(work: UnitOfWork, case: Case) -> list[dict[str, Any]]:
    opened = {one.invoice_id: one for one in await work.ledger.open_invoices(case.account_id)}
    moved = await _moved(work, case.account_id)
    found = []
    for invoice in await work.invoices.of_account(case.account_id):
        if invoice.invoice_id not in case.invoice_ids:
            continue
        left = opened.get(invoice.invoice_id)
        found.append(
            _plain(
                {
                    "invoice_id": invoice.invoice_id,
                    "number": invoice.number,
                    "date": invoice.invoice_date,
                    "due_on": left.due_on if left else invoice.due_on,
                    "description": f"{invoice.period_from} to {invoice.period_to}",
                    "net_minor": invoice.net_minor,
                    "vat_minor": invoice.vat_minor,
                    "total_minor": invoice.total_minor,
                    **{name: moved.get((invoice.invoice_id, name), 0) for name in _MOVES.values()},
                    "open_minor": left.open_minor if left else 0,
                    "disputed_minor": left.disputed_minor if left else 0,
                    "currency": invoice.currency,
                    "document": f"/v1/accounts/{case.account_id}/invoices/{invoice.invoice_id}/pdf",
                }
            )
        )
    return found


_MOVES = {
    EntryKind.PAYMENT_RECEIVED: "paid_minor",
    EntryKind.PAYMENT_REVERSED: "paid_minor",
    EntryKind.REVERSAL_WITHDRAWN: "paid_minor",
    EntryKind.CREDIT_NOTE: "credited_minor",
    EntryKind.CREDIT_APPLIED: "credited_minor",
    EntryKind.WRITTEN_OFF: "written_off_minor",
    EntryKind.WRITE_OFF_REVERSED: "written_off_minor",
}


async def _moved(work: UnitOfWork, account_id: str) -> dict[tuple[str, str], int]:
    """What was paid, credited and given up of each invoice, minor units."""
    sums: dict[tuple[str, str], int] = {}
    for entry in await work.ledger.entries(account_id):
        name = _MOVES.get(entry.kind)
        for posting in entry.postings:
            if name and posting.ledger_account is LedgerAccount.RECEIVABLE and posting.invoice_id:
                key = (posting.invoice_id, name)
                sums[key] = sums.get(key, 0) - posting.amount_minor
    return sums


async def _payments(work: UnitOfWork, case: Case) -> list[dict[str, Any]]:
    """Every try at a payment of the case's invoices, with its outcome."""
    found = []
    for one in await work.payments.attempts(case.account_id):
        shares = await work.payments.allocations(case.account_id, one.attempt_id)
        if any(share.invoice_id in case.invoice_ids for share in shares):
            names = (
                "attempt_id",
                "purpose",
                "status",
                "expected_minor",
                "received_minor",
                "currency",
                "category",
                "code",
            )
            told = {name: getattr(one, name) for name in names}
            description = f"{one.purpose} {one.status} {one.category} {one.code}".strip()
            found.append(_plain({**told, "date": one.debit_on or one.created_at, "description": description}))
    return found


async def _notices(work: UnitOfWork, case: Case) -> list[dict[str, Any]]:
    """Every notice about the case or its invoices, oldest first, with what happened to it."""
    evidence: dict[str, list[str]] = {}
    for one in await work.notices.evidence(case.account_id):
        reference = f" {one.reference}" if one.reference else ""
        evidence.setdefault(one.notice_id, []).append(f"{one.at:%Y-%m-%dT%H:%MZ} {one.event} {one.vendor}{reference}")
    ours = [
        one
        for one in await work.notices.of(case.account_id, _NOTICES_READ)
        if one.subject == case.case_id or set(one.invoice_ids) & set(case.invoice_ids)
    ]
    names = (
        "notice_id",
        "kind",
        "channel",
        "recipient",
        "status",
        "amount_minor",
        "currency",
        "accepted_at",
        "delivered_at",
    )
    return [
        _plain(
            {name: getattr(one, name) for name in names}
            | {"date": one.created_at, "due_on": one.named_on, "evidence": evidence.get(one.notice_id, [])}
        )
        for one in reversed(ours)
    ]


async def _agreements(work: UnitOfWork, case: Case) -> list[dict[str, Any]]:
    """Promises, payment plans and disputes, with how they ended."""
    promises = [
        {"kind": "promise", "reference": one.promise_id, "date": one.made_at, "due_on": one.pay_by}
        | {"amount_minor": one.amount_minor or one.open_before_minor, "status": one.outcome or "running"}
        for one in await work.dunning.promises(case.account_id)
        if one.case_id == case.case_id
    ]
    plans = [
        {"kind": "payment_plan", "reference": one.plan_id, "date": one.made_at, "amount_minor": one.total_minor}
        | {"status": one.status, "instalments": list(one.instalments)}
        for one in await work.arrangements.plans(case.account_id)
        if set(one.invoice_ids) & set(case.invoice_ids)
    ]
    disputes = [
        {"kind": "dispute", "reference": one.dispute_id, "date": one.opened_at, "amount_minor": one.amount_minor}
        | {"status": one.status, "reason": one.reason, "decision": one.decision}
        | ({"line_id": one.line_id, "line": one.line_description} if one.line_id else {})
        for one in await work.dunning.disputes(case.account_id)
        if one.invoice_id in case.invoice_ids
    ]
    return [_plain(one) for one in (*promises, *plans, *disputes)]


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Instants and dates as text, everything else as it is."""
    return {name: value.isoformat() if isinstance(value, date | datetime) else value for name, value in values.items()}
