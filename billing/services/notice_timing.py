"""When a notice may go out, and whether an announced debit keeps its notice period (product.md, dates)."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from billing.domain.banking_days import add_banking_days, next_banking_day
from billing.domain.cycle_calendar import local_date
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


def is_in_time(kind: NoticeKind, noticed_on: date, debit_on: date | None, brand: Brand) -> bool:
    """True when a debit announced on one local date may be made on the other: the period of READY or of RETRY."""
    if debit_on is None or kind not in (NoticeKind.READY, *_ANNOUNCED_AGAIN):
        return False
    policy = CyclePolicy.from_dict(brand.cycle_policy)
    if kind in _ANNOUNCED_AGAIN:
        earliest = add_banking_days(noticed_on, policy.retry_notice_banking_days, policy.scheme_calendar)
    elif policy.notice_in_banking_days:
        earliest = add_banking_days(noticed_on, policy.notice_days, policy.scheme_calendar)
    else:
        earliest = next_banking_day(noticed_on + timedelta(days=policy.notice_days), policy.scheme_calendar)
    return earliest <= debit_on
