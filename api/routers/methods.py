"""The public page where a customer manages payment methods: look, agree and add, choose, remove. No scripts or cookies.

As on the pay page the address itself is the permission, so no other site can act for a customer: there is nothing a
browser would send along by itself. Every form proves besides that we showed it a short while ago, and what it showed.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from babel.dates import format_date
from babel.numbers import format_currency
from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from api.container import Container
from api.dependencies import ContainerDep
from api.pay.guard import methods_guard
from api.pay.pages import HEADERS, look_of, page, words_of
from api.refused_tries import FORGED_FORM, tell_refused
from billing.domain.errors import InvalidValue
from billing.domain.money import Money
from billing.ports.payment_provider import ProviderFault
from billing.ports.payments import MandateStatus, MethodStatus, PaymentMethod
from billing.services.method_desk import MethodsNow
from billing.services.method_links import StaleForm
from billing.services.payment_methods import UnableToUseMethod

_log = logging.getLogger(__name__)

router = APIRouter(
    prefix="/methods/{token}",
    tags=["payment methods"],
    include_in_schema=False,
    dependencies=[Depends(methods_guard)],
)

Proof = Annotated[str, Form(max_length=500)]


@dataclass(frozen=True)
class _Shown:
    """A method as the customer reads it; ``use_proof`` is empty where there is nothing to choose."""

    name: str
    details: list[str]
    in_use: bool
    use_proof: str
    remove_proof: str


@router.get("")
async def show(token: str, container: ContainerDep) -> Response:
    """What is stored, and what may be added."""
    return await _list(container, token, await container.method_desk.look(token))


@router.get("/add/{kind}")
async def offer(token: str, kind: str, container: ContainerDep) -> Response:
    """The text to agree to before a method of this kind is left."""
    try:
        offered = await container.method_desk.offer(token, kind)
    except InvalidValue:
        return RedirectResponse(f"/methods/{token}", 303, HEADERS)
    return await _page(container, offered.page, "offer", token, text=offered.text, proof=offered.proof)


@router.post("/agree")
async def agree(token: str, proof: Proof, request: Request, container: ContainerDep) -> Response:
    """On to the provider's page; what was agreed to is kept first, with address and browser."""
    address = request.client.host if request.client else ""
    agent = request.headers.get("user-agent", "")
    try:
        url = await container.method_desk.agree(token, proof, address, agent)
    except StaleForm:
        tell_refused(request, FORGED_FORM)
        return await _told(container, token, "stale", is_problem=True)
    except ProviderFault:
        _log.warning("the provider's setup page could not be opened", exc_info=True)
        return await _told(container, token, "away", is_problem=True, status=503)
    return RedirectResponse(url, 303, HEADERS)


@router.get("/done")
async def done(token: str, container: ContainerDep, session: Annotated[str, Query(max_length=200)] = "") -> Response:
    """Back from the provider."""
    try:
        now, stored = await container.method_desk.returned(token, session)
    except ProviderFault:
        return await _told(container, token, "away", is_problem=True, status=503)
    words = _words(now.language)
    return await _list(container, token, now, words["stored" if stored else "unfinished"], is_problem=not stored)


@router.post("/use")
async def use(token: str, proof: Proof, request: Request, container: ContainerDep) -> Response:
    """Debit this method from now on."""
    try:
        now = await container.method_desk.use(token, proof)
    except StaleForm:
        tell_refused(request, FORGED_FORM)
        return await _told(container, token, "stale", is_problem=True)
    except UnableToUseMethod:
        return await _told(container, token, "refused", is_problem=True)
    return await _list(container, token, now, _words(now.language)["chosen"])


@router.post("/remove")
async def remove(token: str, proof: Proof, request: Request, container: ContainerDep) -> Response:
    """Never debit this method again; says what is with the bank already."""
    try:
        removed = await container.method_desk.remove(token, proof)
    except StaleForm:
        tell_refused(request, FORGED_FORM)
        return await _told(container, token, "stale", is_problem=True)
    words = _words(removed.page.language)
    told = words["removed"]
    if removed.under_way_minor:
        money = Money(removed.under_way_minor, removed.currency)
        amount = format_currency(money.decimal, money.currency, locale=removed.page.language)
        told = f"{told} {words['under_way'].format(amount=amount)}"
    return await _list(container, token, removed.page, told)


async def _told(container: Container, token: str, word: str, *, is_problem: bool, status: int = 200) -> Response:
    now = await container.method_desk.look(token)
    return await _list(container, token, now, _words(now.language)[word], is_problem=is_problem, status=status)


async def _list(
    container: Container, token: str, now: MethodsNow, told: str = "", *, is_problem: bool = False, status: int = 200
) -> Response:
    methods = [_shown(container, now, one) for one in now.methods]
    return await _page(container, now, "list", token, status, methods=methods, told=told, is_problem=is_problem)


async def _page(
    container: Container, now: MethodsNow, state: str, token: str, status: int = 200, **values: Any
) -> Response:
    look = await look_of(container, now.brand, now.language)
    return page("methods", look, status, state=state, page=now, token=token, **values)


def _shown(container: Container, page: MethodsNow, method: PaymentMethod) -> _Shown:
    words, desk = _words(page.language), container.method_desk
    usable = method.status is MethodStatus.USABLE
    can_be_chosen = usable and not method.is_default
    return _Shown(
        name=f"{words[method.kind]} {words['ending'].format(digits=method.last_four)}",
        details=list(_details(words, method, page.language)),
        in_use=usable and method.is_default,
        use_proof=desk.proof_of(page, "use", method) if can_be_chosen else "",
        remove_proof=desk.proof_of(page, "remove", method),
    )


def _details(words: Mapping[str, str], method: PaymentMethod, language: str) -> list[str]:
    lines = []
    if method.expires_on is not None:
        lines.append(words["expires"].format(date=format_date(method.expires_on, "long", locale=language)))
    if method.mandate_reference:
        lines.append(words["mandate"].format(reference=method.mandate_reference))
    if method.status is MethodStatus.BLOCKED or method.mandate_status is MandateStatus.INACTIVE:
        lines.append(words["blocked"])
    elif method.mandate_status is MandateStatus.PENDING:
        lines.append(words["pending"])
    return lines


def _words(language: str) -> Mapping[str, str]:
    return words_of("methods", language)
