"""How a mandate was used so far, and what of it changed since the bank last heard of it.

Derived, not kept: the debits say under which account, reference and creditor they went. So an amendment is told until a
debit that tells it has not failed, and never again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from billing.ports.bank_file_writing import Amendment
from billing.ports.bank_files import BankAccount, Creditor
from billing.ports.unit_of_work import UnitOfWork

_MOST_AMENDMENTS = 50


@dataclass(frozen=True)
class MandateHistory:
    """The uses of a mandate over all its amendments.

    ``told_here``: a debit under the account and reference of today has gone. ``told`` is the account and reference that
    the bank last heard of, where it is another one; ``creditor`` the creditor it last heard of, where one did.
    """

    is_used: bool = False
    last_on: date | None = None
    told_here: bool = False
    told: BankAccount | None = None
    creditor: Mapping[str, Any] = field(default_factory=dict)


async def history_of(work: UnitOfWork, account: BankAccount, attempt_id: str = "") -> MandateHistory:
    """The uses by other debits than the attempt's, the newest amendment first."""
    use = await work.bank_files.mandate_use(account.account_id, account.method_id, attempt_id)
    if use.is_used:
        return MandateHistory(True, use.last_on, True, None, use.creditor)
    before = account
    for _ in range(_MOST_AMENDMENTS):
        if before.amends_method_id is None:
            # Never used at all: the bank knows nothing that could have changed.
            return MandateHistory()
        before = await work.bank_files.account(account.account_id, before.amends_method_id)
        use = await work.bank_files.mandate_use(account.account_id, before.method_id, attempt_id)
        if use.is_used:
            return MandateHistory(True, use.last_on, False, before, use.creditor)
    raise ValueError(f"the mandate {account.mandate_reference} was amended more than {_MOST_AMENDMENTS} times")


async def amendment_of(
    work: UnitOfWork, history: MandateHistory, account: BankAccount, creditor: Creditor, *, account_changed: bool
) -> Amendment:
    """What the next debit has to tell of the mandate; falsy when nothing changed.

    A mandate that was given to an earlier creditor identifier names it, also where no debit has used it yet.
    """
    told = history.told or account
    given_to = history.creditor
    if not given_to:
        then = await work.bank_files.creditor_at(creditor.brand, account.created_at)
        given_to = {} if then is None else {"creditor_id": then.creditor_id, "name": then.name}
    is_moved = given_to.get("creditor_id", creditor.creditor_id) != creditor.creditor_id
    return Amendment(
        mandate_reference=told.mandate_reference if told.mandate_reference != account.mandate_reference else "",
        creditor_id=str(given_to["creditor_id"]) if is_moved else "",
        creditor_name=str(given_to["name"]) if is_moved else "",
        account_changed=account_changed,
    )
