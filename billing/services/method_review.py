"""What would be debited now, in the words the account's process goes by."""

from __future__ import annotations

from datetime import datetime

from billing.domain.cycle_policy import CyclePolicy
from billing.messages.payments import MethodInUse, MethodKind
from billing.ports.payments import PaymentMethod
from billing.ports.unit_of_work import UnitOfWork
from billing.services.payment_answers import collectable

DEBITS = (MethodKind.SEPA_DEBIT, MethodKind.BACS_DEBIT)


async def method_in_use(work: UnitOfWork, account_id: str, now: datetime) -> MethodInUse:
    """The method in use, the lead its debits need, and what is open."""
    account = await work.accounts.get(account_id)
    method = await work.payments.usable_method(account_id, now)
    brand = await work.accounts.brand(account.brand)
    due = [one for one in await work.ledger.open_invoices(account_id) if collectable(one) > 0]
    kind = MethodKind(method.kind) if method else MethodKind.NONE
    policy = CyclePolicy.from_dict(brand.cycle_policy)
    return MethodInUse(
        kind=kind,
        explanation=_explained(method),
        submission_lead_days=policy.submission_lead_days if kind in DEBITS else 0,
        open_minor=sum(collectable(one) for one in due),
        open_invoice_ids=tuple(one.invoice_id for one in due),
    )


def _explained(method: PaymentMethod | None) -> str:
    if method is None:
        return "No stored method may be debited: the customer pays by paylink."
    return f"{method.label} {method.kind} ending in {method.last_four}".strip()
