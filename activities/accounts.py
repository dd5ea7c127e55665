"""Accounts, as the process calls them."""

from __future__ import annotations

from temporalio import activity

from activities.refusals import dependable
from billing.messages.ending import AccountClosed, EndAccountRequest
from billing.services.accounts import AccountService


class AccountActivities:
    """The end of an account's life."""

    def __init__(self, service: AccountService) -> None:
        self._service = service

    @activity.defn(name="end_account")
    @dependable
    async def end_account(self, request: EndAccountRequest) -> AccountClosed:
        return await self._service.end(request)
