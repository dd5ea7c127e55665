"""The public page behind the paylink: what is open now, a button, and what came of it. No scripts, no cookies.

The address itself is the permission, so it leaks nowhere: no referrer, no cache, no index, and the page shows no more
than the brand, a masked account and the amount.
"""

from __future__ import annotations

from babel.numbers import format_currency
from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, PackageLoader

from api.dependencies import ContainerDep
from billing.domain.errors import NotFound
from billing.domain.money import Money
from billing.messages.account import CommandResult
from billing.services.notice_words import read_locale
from billing.services.pay_sessions import DEBIT_IN_FLIGHT, PayableNow
from billing.services.paylinks import UnusablePaylink

router = APIRouter(tags=["paylink"], include_in_schema=False)

HEADERS = {
    # The button's answer leads to the provider, whose address differs between live and test: forms may go to any page.
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "form-action 'self' https: http:",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
    "Cache-Control": "no-store",
}
_pages = Environment(loader=PackageLoader("api", "pay"), autoescape=True, trim_blocks=True, lstrip_blocks=True)


@router.get("/pay/{token}")
async def show(token: str, container: ContainerDep) -> Response:
    """What is open now."""
    try:
        payable = await container.pay_desk.look(token)
    except UnusablePaylink:
        return _page("gone", 404)
    return _state_of(payable, token)


@router.post("/pay/{token}")
async def pay(token: str, container: ContainerDep) -> Response:
    """On to the provider's page, or the reason why not."""
    try:
        opened = await container.pay_desk.pay(token)
    except UnusablePaylink:
        return _page("gone", 404)
    except NotFound:
        opened = CommandResult("", accepted=False)  # the account's process is being started again
    if opened.url:
        return RedirectResponse(opened.url, 303, HEADERS)
    return _state_of(await container.pay_desk.look(token), token, refused=True)


@router.get("/pay/{token}/done")
async def done(token: str, container: ContainerDep) -> Response:
    """Back from the provider."""
    try:
        returned = await container.pay_desk.returned(token)
    except UnusablePaylink:
        return _page("gone", 404)
    if returned.paid:
        return _page("thanks", payable=returned.payable)
    if returned.waiting:
        return _page("processing", payable=returned.payable, token=token)
    return _state_of(returned.payable, token)


def _state_of(payable: PayableNow, token: str, *, refused: bool = False) -> Response:
    if payable.reason == DEBIT_IN_FLIGHT:
        return _page("in_flight", payable=payable)
    if payable.reason:
        return _page("nothing", payable=payable)
    amount = _amount(payable)
    return _page("open", payable=payable, token=token, amount=amount, refused=refused)


def _amount(payable: PayableNow) -> str:
    """The amount as the customer's language writes it."""
    money = Money(payable.amount_minor, payable.currency)
    return format_currency(money.decimal, money.currency, locale=read_locale(payable.locale))


def _page(state: str, status: int = 200, **values: object) -> Response:
    html = _pages.get_template("pay.html").render(state=state, **values)
    return HTMLResponse(html, status, HEADERS)
