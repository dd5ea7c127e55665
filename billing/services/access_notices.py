"""Notices whose words nobody keeps: codes and links that let a customer in.

They go the way of every notice, with a row and evidence; the code itself is in no row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from billing.messages.notices import NoticeKind, NoticeRequest
from billing.ports.accounts import Account
from billing.ports.clock import BusinessClock
from billing.ports.messenger import EMAIL, Messenger
from billing.ports.notices import Notice
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.services.notice_composing import AccountAddress, Composer, PaylinkFor, brand_address
from billing.services.notice_delivery import NoticeDelivery
from billing.services.notices import read_customer


class _Saying(Composer):
    """Writes notices with these words."""

    def __init__(self, paylink_for: PaylinkFor, account_address: AccountAddress, words: Mapping[str, str]) -> None:
        super().__init__(paylink_for, account_address)
        self._words = words

    async def _more(self, request: NoticeRequest, customer: object) -> Mapping[str, str]:
        return self._words


class AccessNotices:
    """Sends them at once, on one channel and on no other."""

    def __init__(
        self,
        make_work: UnitOfWorkFactory,
        clock: BusinessClock,
        messengers: Mapping[str, Messenger],
        paylink_for: PaylinkFor,
        account_address: AccountAddress = brand_address,
    ) -> None:
        self._make_work = make_work
        self._clock = clock
        self._messengers = messengers
        self._paylink_for = paylink_for
        self._account_address = account_address

    async def send(
        self, account: Account, kind: NoticeKind, channel: str, contact: str, occasion: str, words: Mapping[str, str]
    ) -> Notice:
        """Tell ``contact`` (email address or number) of this account. ``occasion`` makes it one and the same.

        Raises the faults of delivery; the customer asks again.
        """
        composer = _Saying(self._paylink_for, self._account_address, words)
        delivery = NoticeDelivery(self._make_work, self._clock, self._messengers, composer)
        async with self._make_work() as work:
            customer = await read_customer(work, account.account_id, self._clock.now())
        known = customer.account
        reached = replace(known, email=contact) if channel == EMAIL else replace(known, mobile=contact)
        customer = replace(customer, account=reached)
        request = NoticeRequest(account.account_id, kind, account.account_id, occasion, hurry=True)
        return await delivery.deliver(request, customer, channel)
