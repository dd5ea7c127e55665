"""Signing in to self-service: ask for a code, enter it, or open the link; sign out here or everywhere.

Every answer is the same whether the address is a customer's or not: accounts are looked for after it is out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Query, Request, Response

from api.container import Container
from api.dependencies import ContainerDep
from api.errors import NotSignedIn
from api.portal.looks import Look, accepted_language
from api.portal.pages import HOME, SIGN_IN, Words, back_to, page, page_of_ours
from api.portal.session import (
    Before,
    SignedForm,
    VisitorDep,
    before_of,
    command_of,
    forget,
    form_token,
    keep_before,
    keep_session,
)
from api.refused_tries import WRONG_CODE, WRONG_LINK, tell_refused
from billing.ports.messenger import EMAIL, SMS
from billing.services.customer_access import WrongCode
from billing.services.notice_words import LANGUAGES

router = APIRouter(prefix="/my", tags=["self-service"], include_in_schema=False)
CHOOSE = "/my/accounts"


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


async def _look(request: Request, container: Container, before: Before) -> Look:
    if not container.session_key:
        raise NotSignedIn("This installation has no session key.", field="session_key", remedy="Set one.")
    language = before.language or accepted_language(request)
    look = await container.portal_looks.of_brand(before.brand, language, request.url.hostname or "")
    request.state.look = look
    return look


@router.get("/sign-in")
async def ask_page(
    request: Request,
    container: ContainerDep,
    brand: Annotated[str, Query(max_length=31)] = "",
    other: Annotated[str, Query(max_length=5)] = "",
    next_page: Annotated[str, Query(alias="next", max_length=200)] = "",
) -> Response:
    """Where to send the code."""
    before = before_of(request, container)
    before = replace(
        before,
        brand=brand or before.brand,
        hello="" if other else before.hello,
        request_id="",
        wanted=page_of_ours(next_page) or before.wanted,
    )
    look = await _look(request, container, before)
    channels = await _channels(container, before)
    form = form_token(container, before.word)
    answer = page("sign_in.html", look, step="ask", form=form, channels=channels, languages=LANGUAGES)
    keep_before(answer, before, container)
    return answer


@router.get("/h/{token}")
async def hello(token: str, request: Request, container: ContainerDep) -> Response:
    """From the address in a message: greets in the brand's colours and the customer's language, and names nobody."""
    before = before_of(request, container)
    account_id = container.self_service_links.account_of(token)
    if account_id is not None:
        account = await container.accounts.get(account_id)
        brand, look = await container.portal_looks.of_account(account)
        before = replace(before, brand=brand.brand, language=look.language, hello=token)
    answer = back_to(HOME)
    keep_before(answer, before, container)
    return answer


@router.get("/language/{code}")
async def choose_language(code: str, request: Request, container: ContainerDep) -> Response:
    """The language before anybody is signed in."""
    before = before_of(request, container)
    answer = back_to(SIGN_IN)
    keep_before(answer, replace(before, language=code if code in LANGUAGES else before.language), container)
    return answer


@router.post("/sign-in")
async def ask(
    form: SignedForm,
    request: Request,
    container: ContainerDep,
    contact: Annotated[str, Form(max_length=200)] = "",
    channel: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """The same page for everybody; the code goes out afterwards."""
    before = before_of(request, container)
    look = await _look(request, container, before)
    command_of(container, before.word, form)
    written = contact or await _known_contact(container, before, channel)
    country = await container.portal_looks.country_of(look.brand)
    asked = await container.customer_access.ask(written, _address(request), country)
    container.customer_access.deliver_later(asked, look.brand)
    answer = back_to("/my/sign-in/code")
    keep_before(answer, replace(before, request_id=asked.request_id), container)
    return answer


async def _channels(container: Container, before: Before) -> list[str]:
    """How the account of the message's address can be reached; never the address itself."""
    account_id = container.self_service_links.account_of(before.hello) if before.hello else None
    if account_id is None:
        return []
    account = await container.accounts.get(account_id)
    return [channel for channel, known in ((SMS, account.mobile), (EMAIL, account.email)) if known]


async def _known_contact(container: Container, before: Before, channel: str) -> str:
    account_id = container.self_service_links.account_of(before.hello) if before.hello else None
    if account_id is None:
        return ""
    account = await container.accounts.get(account_id)
    return account.mobile if channel == SMS else account.email


@router.get("/sign-in/code")
async def code_page(request: Request, container: ContainerDep) -> Response:
    """Where the code is entered."""
    return await _code_page(request, container)


async def _code_page(request: Request, container: Container, told: str = "") -> Response:
    before = before_of(request, container)
    look = await _look(request, container, before)
    if not before.request_id:
        return back_to(SIGN_IN)
    form = form_token(container, before.word)
    words = {"told": told, "is_problem": bool(told)}
    return page("sign_in.html", look, 422 if told else 200, step="code", form=form, languages=LANGUAGES, **words)


@router.post("/sign-in/code")
async def check_code(
    form: SignedForm, code: Annotated[str, Form(max_length=40)], request: Request, container: ContainerDep
) -> Response:
    """In with the right code; the same words for every wrong one."""
    before = before_of(request, container)
    look = await _look(request, container, before)
    command_of(container, before.word, form)
    try:
        account_ids = await container.customer_access.check(before.request_id, code, _address(request))
    except WrongCode:
        tell_refused(request, WRONG_CODE)
        return await _code_page(request, container, Words(look.language)["code_wrong"])
    return await _signed_in(request, container, list(account_ids), "code")


@router.get("/link/{token}")
async def link_page(token: str, request: Request, container: ContainerDep) -> Response:
    """A button, so that a program that looks at every address in a mail does not use the link up."""
    before = before_of(request, container)
    look = await _look(request, container, before)
    form = form_token(container, before.word)
    answer = page("sign_in.html", look, step="link", form=form, token=token, languages=LANGUAGES)
    keep_before(answer, before, container)
    return answer


@router.post("/link/{token}")
async def open_link(token: str, form: SignedForm, request: Request, container: ContainerDep) -> Response:
    """In by the link."""
    before = before_of(request, container)
    look = await _look(request, container, before)
    command_of(container, before.word, form)
    try:
        account_ids = await container.customer_access.open_link(token, _address(request))
    except WrongCode:
        tell_refused(request, WRONG_LINK)
        return page("sign_in.html", look, 422, step="gone", languages=LANGUAGES)
    return await _signed_in(request, container, list(account_ids), "link")


async def _signed_in(request: Request, container: Container, account_ids: list[str], how: str) -> Response:
    """The account that the message was about comes first; then the page that was asked for."""
    before = before_of(request, container)
    wanted = container.self_service_links.account_of(before.hello) if before.hello else None
    account_ids.sort(key=lambda one: one != wanted)
    agent = request.headers.get("user-agent", "")
    cookie = await container.customer_sessions.begin(account_ids, how, agent)
    home = page_of_ours(before.wanted) or HOME
    must_choose = len(account_ids) > 1 and wanted not in account_ids
    answer = back_to(
        f"{CHOOSE}?next={quote(home)}" if must_choose and home != HOME else CHOOSE if must_choose else home
    )
    keep_session(answer, cookie, container)
    return answer


@router.get("/accounts")
async def accounts_page(
    visitor: VisitorDep, next_page: Annotated[str, Query(alias="next", max_length=200)] = ""
) -> Response:
    """The accounts of the same contact; ``next`` is where the chosen one is looked at."""
    accounts = await visitor.container.customer_sessions.accounts(visitor.session)
    names = {one.account_id: (await visitor.container.portal_looks.of_account(one))[0].name for one in accounts}
    known, form = page_of_ours(next_page), visitor.form()
    return page("accounts.html", visitor.look, accounts=accounts, names=names, form=form, next_page=known)


@router.post("/accounts")
async def choose(
    visitor: VisitorDep,
    form: SignedForm,
    account_id: Annotated[str, Form(max_length=40)],
    next_page: Annotated[str, Form(alias="next", max_length=200)] = "",
) -> Response:
    """Look at another one."""
    visitor.command_of(form)
    cookie = await visitor.container.customer_sessions.switch(visitor.session, account_id)
    answer = back_to(page_of_ours(next_page) or HOME)
    keep_session(answer, cookie, visitor.container)
    return answer


@router.post("/sign-out")
async def sign_out(
    visitor: VisitorDep, form: SignedForm, everywhere: Annotated[str, Form(max_length=5)] = ""
) -> Response:
    """Here, or in every browser."""
    visitor.command_of(form)
    sessions = visitor.container.customer_sessions
    if everywhere:
        await sessions.end_all(visitor.account_id)
    else:
        await sessions.end(visitor.session)
    answer = back_to(SIGN_IN)
    forget(answer)
    return answer
