"""The last barring warning of a case: when it left, and when it reached the customer on a channel that counts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from billing.domain.dunning_ladder import DunningPolicy
from billing.messages.notices import NoticeKind
from billing.ports.dunning import Case
from billing.ports.messenger import EMAIL
from billing.ports.notices import TAKEN, Notice, NoticeStatus
from billing.ports.unit_of_work import UnitOfWork

# A mail taken over and not bounced within a day has arrived; some mail systems never say so. A text message has not.
BOUNCE_WITHIN = timedelta(days=1)
_NOTICES_READ = 1000


async def read_warning(work: UnitOfWork, case: Case, policy: DunningPolicy, now: datetime) -> dict[str, Any]:
    """The facts about the warning by their names. One from before a payment plan ended counts no more: who kept to a
    plan for months is warned anew."""
    since = await _last_plan_end(work, case.account_id)
    warnings = [
        one
        for one in await work.notices.of(case.account_id, _NOTICES_READ)
        if one.kind is NoticeKind.BARRING_WARNING
        and one.subject == case.case_id
        and one.channel in policy.warning_channels
        and (since is None or one.created_at >= since)
    ]
    warned = [one.accepted_at for one in warnings if one.status in TAKEN and one.accepted_at is not None]
    delivered = [at for one in warnings if (at := _delivered_at(one, now)) is not None]
    warned_at = max(warned, default=None)
    return {
        "warned_at": warned_at,
        "warning_delivered_at": max(delivered, default=None),
        "warning_failed": warned_at is None and any(step.startswith("warn") for step in case.steps_done),
    }


def _delivered_at(warning: Notice, now: datetime) -> datetime | None:
    """As the vendor confirmed, or as a mail that did not bounce."""
    if warning.status is NoticeStatus.DELIVERED:
        return warning.delivered_at
    if warning.channel != EMAIL or warning.status is not NoticeStatus.ACCEPTED or warning.accepted_at is None:
        return None
    return warning.accepted_at if warning.accepted_at + BOUNCE_WITHIN <= now else None


async def _last_plan_end(work: UnitOfWork, account_id: str) -> datetime | None:
    """When the last plan that had let the case rest ended without being kept."""
    plans = await work.arrangements.plans(account_id)
    ended = [one.ended_at for one in plans if one.rests_case and one.status in ("broken", "cancelled")]
    return max((at for at in ended if at is not None), default=None)
