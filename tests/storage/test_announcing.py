"""Announcing an invoice: nothing is debited of which no notice reached the customer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import cast

import pytest

from billing.messages.announcing import Announced, AnnounceRequest
from billing.messages.payments import MethodKind
from billing.ports.messenger import Failed, SendOutcome
from billing.services.announcing import AnnouncingService
from billing.services.notice_composing import Composer
from billing.services.notice_delivery import NoticeDelivery
from billing.services.notices import NoticeService
from billing.services.payments import PaymentService
from tests.builders_invoicing import Office, an_office
from tests.builders_notices import ScriptedMessenger, a_paylink


@pytest.fixture
async def office(database_url: str) -> AsyncIterator[Office]:
    async with an_office(database_url) as built:
        yield built


async def announce(office: Office, *answers: SendOutcome) -> tuple[Announced, AnnounceRequest]:
    """Bill an account with a card and announce it in time, with both messengers answering like this."""
    account, _ = await office.open_account()
    await office.a_method(account.account_id, MethodKind.CARD)
    issued = await office.issue(account.account_id)
    office.clock.at = issued.plan.ready_notice_at
    both = {name: ScriptedMessenger(name, [*answers]) for name in ("email", "sms")}
    delivery = NoticeDelivery(office.work, office.clock, both, Composer(a_paylink))
    notices = NoticeService(office.work, office.clock, delivery)
    service = AnnouncingService(office.work, office.clock, notices, cast(PaymentService, None))
    request = AnnounceRequest(
        account.account_id, issued.invoice_id, (issued.invoice_id,), 1, 2420, "EUR", True, issued.plan.debit_on
    )
    return await service.announce_invoice(request), request


async def test_an_invoice_told_in_time_keeps_its_dates(office: Office) -> None:
    announced, request = await announce(office)
    assert (announced.told, announced.debit_on) == (True, None)
    async with office.work() as work:
        assert request.debit_on is not None
        assert await work.notices.announced(request.account_id, request.invoice_id, 2420, request.debit_on)


async def test_an_invoice_that_nobody_could_be_told_of_is_not_announced(office: Office) -> None:
    announced, _ = await announce(office, Failed("400", "no such address"), Failed("400", "no such address"))
    assert (announced.told, announced.wait_until) == (False, None)
    assert "no such address" in announced.explanation


async def test_a_customer_who_chose_bacs_after_the_bill_is_told_a_later_date(office: Office) -> None:
    account, _ = await office.open_account(activated_at=datetime(2027, 2, 19, 9, tzinfo=UTC), cycle_day=19)
    await office.a_method(account.account_id, MethodKind.CARD)
    issued = await office.issue(account.account_id)
    await office.a_method(account.account_id, MethodKind.BACS_DEBIT)
    both = {name: ScriptedMessenger(name) for name in ("email", "sms")}
    delivery = NoticeDelivery(office.work, office.clock, both, Composer(a_paylink))
    notices = NoticeService(office.work, office.clock, delivery)
    service = AnnouncingService(office.work, office.clock, notices, cast(PaymentService, None))
    office.clock.at = issued.plan.ready_notice_at
    announced = await service.announce_invoice(
        AnnounceRequest(
            account.account_id, issued.invoice_id, (issued.invoice_id,), 1, 2420, "EUR", True, issued.plan.debit_on
        )
    )
    # Fourteen days lead to the Monday after Easter week, ten working days of the UK to the Tuesday.
    assert (issued.plan.debit_on, announced.told, announced.debit_on) == (date(2027, 4, 5), True, date(2027, 4, 6))
