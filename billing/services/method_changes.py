"""What changed about a stored method or its mandate at the provider, brought into the books and onto the timeline."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from billing.ports.accounts import TimelineEntry
from billing.ports.payment_provider import MethodFacts
from billing.ports.payments import Mandate, MandateStatus, MethodStatus, PaymentMethod
from billing.ports.unit_of_work import UnitOfWork

_SHOWN = ("last_four", "expires_on")


async def take_over(
    work: UnitOfWork, method: PaymentMethod, mandate: Mandate | None, facts: MethodFacts, now: datetime
) -> None:
    """Write down what the provider says now. The account must be locked; what is as it was is not told again."""
    values: dict[str, Any] = {"expires_on": facts.expires_on, "last_four": facts.last_four[-4:]}
    if facts.fingerprint:
        # A new number is a new card to its scheme: what the old one suffered is not held against it.
        values["fingerprint"] = facts.fingerprint
    if not facts.provider_customer and method.status == MethodStatus.USABLE:
        values |= {"status": MethodStatus.BLOCKED, "blocked_reason": "detached at the provider"}
    await work.payments.change_method(method.account_id, method.method_id, values)
    before = {name: getattr(method, name) for name in _SHOWN}
    changed = {name: [str(was), str(values[name])] for name, was in before.items() if was != values[name]}
    if changed:
        summary = f"The bank renewed the card: it now ends in {values['last_four']} and expires on {facts.expires_on}."
        await _tell(work, method, "method_updated", summary, {"method_id": method.method_id, "changed": changed}, now)
    if mandate is not None:
        await _take_over_mandate(work, method, mandate, facts, now)


async def _take_over_mandate(
    work: UnitOfWork, method: PaymentMethod, mandate: Mandate, facts: MethodFacts, now: datetime
) -> None:
    status = MandateStatus(facts.mandate_status)
    creditor = facts.creditor_id or mandate.creditor_id
    changed = replace(mandate, status=status, ended_by=facts.mandate_ended_by, creditor_id=creditor)
    if changed == mandate:
        return
    await work.payments.put_mandate(changed)
    if status == mandate.status:
        return
    because = f": {facts.mandate_ended_by.replace('_', ' ')}" if facts.mandate_ended_by else ""
    summary = f"Mandate {mandate.reference} is {status}{because}."
    reason = {"method_id": method.method_id, "was": mandate.status, "ended_by": facts.mandate_ended_by}
    await _tell(work, method, "mandate_changed", summary, reason, now)


async def _tell(
    work: UnitOfWork, method: PaymentMethod, kind: str, summary: str, reason: dict[str, Any], now: datetime
) -> None:
    await work.timeline.add(TimelineEntry(method.account_id, now, kind, summary, reason))
