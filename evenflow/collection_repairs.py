"""What upkeep does for collection besides payments: promises, old tries, old mandates, VAT of bad debts."""

from __future__ import annotations

from dataclasses import replace

from billing.ports.clock import BusinessClock
from billing.ports.process import Process
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.services.bad_debt_vat import BadDebtVat
from billing.services.notices import NoticeService
from billing.services.old_mandates import OldMandates
from billing.services.old_tries import OldTries
from billing.services.promise_notices import PromiseNotices
from billing.services.upkeep import Repairs


def with_collection(
    repairs: Repairs, make_work: UnitOfWorkFactory, clock: BusinessClock, process: Process, notices: NoticeService
) -> Repairs:
    """The repairs with those of collection."""
    return replace(
        repairs,
        confirm_promises=PromiseNotices(make_work, clock, notices).send_due,
        forget_old_tries=OldTries(make_work, clock).forget,
        end_old_mandates=OldMandates(make_work, clock, process).end,
        look_after_vat=BadDebtVat(make_work, clock).look_after,
    )
