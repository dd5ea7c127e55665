"""Before a page behind a signed address is made: whose it is, in which language, and whether it was tried too often."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from fastapi import Request

from api.container import Container
from api.dependencies import ContainerDep
from billing.ports.accounts import Account
from billing.services.customer_tries import PRESS_BY_ADDRESS, PRESS_BY_LINK, WRONG_LINK_BY_ADDRESS
from billing.services.paylinks import UnusablePaylink

Whose = Callable[[str], Awaitable[Account]]


async def pay_guard(token: str, request: Request, container: ContainerDep) -> None:
    """For the pay page. Raises UnusablePaylink, TooManyTries."""
    await _guard(token, request, container, container.pay_desk.whose)


async def methods_guard(token: str, request: Request, container: ContainerDep) -> None:
    """For the page of payment methods. Raises UnusablePaylink, TooManyTries."""
    await _guard(token, request, container, container.method_desk.whose)


async def _guard(token: str, request: Request, container: Container, whose: Whose) -> None:
    address, now = request.client.host if request.client else "", datetime.now(UTC)
    try:
        account = await whose(token)
    except UnusablePaylink:
        await container.customer_tries.count(WRONG_LINK_BY_ADDRESS, address, now)
        raise
    _, request.state.look = await container.portal_looks.of_account(account)
    if request.method == "POST":
        await container.customer_tries.count(PRESS_BY_LINK, token, now)
        await container.customer_tries.count(PRESS_BY_ADDRESS, address, now)
