"""What a preview of a bulk action takes down and counts, and how many accounts a role may change at once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from billing.domain.bulk_actions import BulkOrder, BulkState
from billing.domain.errors import UnableTo
from billing.domain.work_list import WorkFilter
from billing.ports.bulk_actions import BulkAccount, BulkAction, BulkChoice
from billing.ports.unit_of_work import UnitOfWork
from billing.ports.work_list import WorkItem


class NotForThisRole(UnableTo):
    """More accounts than the caller's role may change at once."""


@dataclass(frozen=True)
class BulkLimits:
    """How many accounts a role may change at once; an administrator may change any number."""

    agent_accounts: int = 200
    finance_accounts: int = 5000

    def refuse(self, accounts: int, role: str) -> None:
        """Raises NotForThisRole."""
        allowed = {"agent": self.agent_accounts, "finance": self.finance_accounts}.get(role)
        if allowed is None or accounts <= allowed:
            return
        needed = "finance" if role == "agent" and accounts <= self.finance_accounts else "admin"
        raise NotForThisRole(
            f"{accounts} accounts are more than the role {role} may change at once, which is {allowed}.",
            field="count",
            value=accounts,
            remedy=f"Narrow the filter, or ask somebody of the role {needed}.",
        )


class Totals:
    """What a preview counts: accounts, what they owe by currency, why nothing would be done to how many."""

    def __init__(self) -> None:
        self.accounts = 0
        self._amounts: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()

    def add(self, currency: str, overdue_minor: int, why: str) -> None:
        self.accounts += 1
        self._amounts[currency] += overdue_minor
        if why:
            self._reasons[why] += 1

    def to_dict(self) -> dict[str, Any]:
        return {"amounts": dict(self._amounts), "reasons": dict(self._reasons.most_common())}


def preview_values(
    order: BulkOrder, wanted: WorkFilter, author: str, now: datetime, undoes: str | None = None
) -> dict[str, Any]:
    """A preview as it is first written down."""
    return {
        "kind": order.kind.value,
        "state": BulkState.PREVIEWED.value,
        "definition": order.to_dict(),
        "chosen_by": wanted.to_dict(),
        "totals": {},
        "accounts": 0,
        "author": author,
        "previewed_at": now,
        "undoes": undoes,
    }


def choice_of(item: WorkItem, why: str) -> BulkChoice:
    """An account of the work list as a preview takes it down."""
    account = item.account
    return BulkChoice(account.account_id, account.brand, account.number, item.currency, item.overdue_minor, why)


def choice_again(one: BulkAccount) -> BulkChoice:
    """An account of the first action, for its undoing."""
    return BulkChoice(one.account_id, one.brand, one.number, one.currency, one.overdue_minor)


async def keep_totals(work: UnitOfWork, action: BulkAction, totals: Totals) -> None:
    """What was counted."""
    await work.bulk_actions.change(action.bulk_id, {"accounts": totals.accounts, "totals": totals.to_dict()})
