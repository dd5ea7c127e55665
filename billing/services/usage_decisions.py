"""What a person decides about usage: never without a reason, which is kept."""

from __future__ import annotations

from datetime import datetime

from billing.domain.errors import InvalidValue

LONGEST_REASON = 500


def decision(author: str, reason: str, at: datetime) -> dict[str, object]:
    """The decision as the registry keeps it. Raises InvalidValue as ``stated`` does."""
    return {"decided_at": at, "decided_by": author, "decision_reason": stated(reason)}


def stated(reason: str) -> str:
    """The reason, trimmed. Raises InvalidValue without one, or for one that is a story."""
    if not reason.strip() or len(reason) > LONGEST_REASON:
        remedy = f"Say why in 1 to {LONGEST_REASON} characters."
        raise InvalidValue("A reason is needed.", field="reason", value=reason[:100], remedy=remedy)
    return reason.strip()
