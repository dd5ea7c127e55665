"""How an account's next debit would be made, as far as its dates depend on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from billing.domain.cycle_policy import CyclePolicy
from billing.messages.payments import MethodKind
from billing.ports.accounts import Brand
from billing.ports.bank_files import BANK_FILES
from billing.ports.payments import PaymentMethod
from billing.ports.unit_of_work import UnitOfWork


@dataclass(frozen=True)
class PlannedMethod:
    """The kind of method; by bank file also the lead of the creditor's bank and the hour at which files are made."""

    kind: MethodKind
    lead_banking_days: int = 0
    make_hour_local: int = 0

    def policy_of(self, brand: Brand) -> CyclePolicy:
        """The brand's dates with this method's lead."""
        policy = CyclePolicy.from_dict(dict(brand.cycle_policy))
        if not self.lead_banking_days:
            return policy
        return policy.with_bank_lead(self.lead_banking_days, self.make_hour_local)


async def planned_method(work: UnitOfWork, account_id: str, at: datetime) -> PlannedMethod:
    """The method that would be debited at that instant; of kind NONE without a usable method or mandate."""
    return await planned_by(work, await work.payments.usable_method(account_id, at))


async def planned_by(work: UnitOfWork, method: PaymentMethod | None) -> PlannedMethod:
    """A debit by this method."""
    if method is None:
        return PlannedMethod(MethodKind.NONE)
    kind = MethodKind(method.kind.value)
    if method.provider != BANK_FILES:
        return PlannedMethod(kind)
    creditor = await work.bank_files.creditor((await work.accounts.get(method.account_id)).brand)
    if creditor is None:
        return PlannedMethod(kind)
    return PlannedMethod(kind, creditor.lead_banking_days, creditor.cut_off_hour_local - creditor.make_hours_before)
