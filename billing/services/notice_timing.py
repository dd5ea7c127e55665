"""When a notice may go out, and whether an announced debit keeps its notice period (product.md, dates)."""

from __future__ import annotations

from datetime import date, datetime

from billing.domain.cycle_calendar import local_date
from billing.domain.cycle_dates import MethodKind
from billing.domain.cycle_policy import CyclePolicy
from billing.domain.errors import InvalidValue
from billing.domain.quiet_hours import next_allowed
from billing.messages.notices import NoticeKind
from billing.ports.accounts import Account, Brand

# An instalment is announced like a further debit: so many banking days before.
_ANNOUNCED_AGAIN = (NoticeKind.RETRY, NoticeKind.INSTALMENT)
NEVER_DELAYED = frozenset({NoticeKind.THANK_YOU, NoticeKind.RESTORED})


def allowed_from(kind: NoticeKind, now: datetime, account: Account, brand: Brand, *, hurry: bool) -> datetime:
    """The first instant outside of the customer's quiet hours; ``now`` when there is no need to wait."""
    policy = CyclePolicy.from_dict(brand.cycle_policy)
    exempt = hurry or kind in NEVER_DELAYED
    try:
        return next_allowed(now, account.zone, account.country, policy.quiet_hours, exempt=exempt)
    except InvalidValue:  # no calendar of that country's holidays: its nights and Sundays are kept all the same
        return next_allowed(now, account.zone, policy.country, policy.quiet_hours, exempt=exempt)


def sent_on(at: datetime, account: Account) -> date:
    """The customer's local date at an instant."""
    return local_date(at, account.zone)


def is_in_time(
    kind: NoticeKind, noticed_on: date, debit_on: date | None, brand: Brand, pays_by: MethodKind = MethodKind.NONE
) -> bool:
    """True when a debit announced on one local date may be made on the other: the period of READY or of RETRY."""
    if debit_on is None or kind not in (NoticeKind.READY, *_ANNOUNCED_AGAIN):
        return False
    policy = CyclePolicy.from_dict(brand.cycle_policy)
    if kind in _ANNOUNCED_AGAIN:
        return policy.earliest_retry(noticed_on, pays_by) <= debit_on
    return policy.earliest_debit(noticed_on, pays_by) <= debit_on
