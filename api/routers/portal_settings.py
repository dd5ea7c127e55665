"""Self-service, settings: messages and language, contact data, sessions, and the way to limits, bill day and data."""

from __future__ import annotations

import logging
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response

from api.portal.pages import Words, back_to, page
from api.portal.session import SignedForm, Visitor, VisitorDep
from api.refused_tries import WRONG_CODE, tell_refused
from billing.domain.errors import InvalidValue
from billing.services.customer_access import WrongCode
from billing.services.customer_choices import CHOICES, GROUPS, Choices, choices_of
from billing.services.customer_sessions import BY_CUSTOMER
from billing.services.notice_channels import OPTIONAL_KINDS, masked
from billing.services.notice_delivery import FAULTS
from billing.services.notice_words import LANGUAGES

router = APIRouter(prefix="/my/settings", tags=["self-service"], include_in_schema=False)
Short = Annotated[str, Form(max_length=20)]
Flag = Annotated[str, Query(max_length=5)]
_log = logging.getLogger(__name__)


@router.get("")
async def home(visitor: VisitorDep) -> Response:
    """What can be set."""
    return page("settings.html", visitor.look, section="control")


@router.get("/messages")
async def messages(visitor: VisitorDep, saved: Flag = "") -> Response:
    """Language, channels, fewer messages."""
    return _messages(visitor, told=Words(visitor.look.language)["saved"] if saved else "")


def _messages(visitor: Visitor, told: str = "") -> Response:
    account = visitor.account
    return page(
        "messages.html",
        visitor.look,
        section="control",
        told=told,
        chosen=choices_of(account, visitor.look.language),
        groups=GROUPS,
        channels=CHOICES,
        languages=LANGUAGES,
        optional=[kind.value for kind in OPTIONAL_KINDS],
        account=account,
        form=visitor.form(),
    )


@router.post("/messages")
async def keep_messages(
    visitor: VisitorDep,
    form: SignedForm,
    language: Short,
    bills: Short,
    payments: Short,
    usage: Short,
    quiet: Annotated[list[str] | None, Form(max_length=10)] = None,
    whatsapp: Short = "",
) -> Response:
    """Keep what was chosen."""
    visitor.command_of(form)
    container, account_id = visitor.container, visitor.account_id
    wanted = Choices(language, {"bills": bills, "payments": payments, "usage": usage}, quiet or ())
    await container.customer_choices.keep(account_id, wanted, BY_CUSTOMER)
    if visitor.account.mobile:
        await container.whatsapp.decide(
            account_id, opted_in=bool(whatsapp), author=BY_CUSTOMER, reason="In self-service"
        )
    return back_to("/my/settings/messages?saved=1")


@router.get("/contact")
async def contact(visitor: VisitorDep, changed: Flag = "") -> Response:
    """The address and number we know, as far as the customer must recognise them."""
    return _contact(visitor, told=Words(visitor.look.language)["contact_done"] if changed else "")


def _contact(visitor: Visitor, status: int = 200, told: str = "", *, is_problem: bool = False) -> Response:
    account = visitor.account
    known = {"email": account.email, "sms": account.mobile}
    return page(
        "contact.html",
        visitor.look,
        status,
        section="control",
        told=told,
        is_problem=is_problem,
        known=known,
        change=None,
        form=visitor.form(),
    )


@router.post("/contact")
async def ask_for_code(
    visitor: VisitorDep, form: SignedForm, channel: Short, contact: Annotated[str, Form(max_length=200)]
) -> Response:
    """Send a code to the new one."""
    visitor.command_of(form)
    words = Words(visitor.look.language)
    try:
        change = await visitor.container.customer_contacts.ask(visitor.account_id, channel, contact)
    except InvalidValue:
        return _contact(visitor, 422, words["contact_refused"], is_problem=True)
    except FAULTS:
        _log.warning("the code for a new address of %s did not go out", visitor.account_id, exc_info=True)
        return _contact(visitor, 503, words["away_text"], is_problem=True)
    return back_to(f"/my/settings/contact/{change.change_id}")


@router.get("/contact/{change_id}")
async def code_page(visitor: VisitorDep, change_id: str) -> Response:
    """Where its code is entered."""
    return await _code_page(visitor, change_id)


async def _code_page(visitor: Visitor, change_id: str, status: int = 200, told: str = "") -> Response:
    change = await visitor.container.customer_contacts.waiting(visitor.account_id, change_id)
    if change is None:
        return back_to("/my/settings/contact")
    words = Words(visitor.look.language)
    told = told or words.fill("contact_code_sent", contact=masked(change.contact))
    return page(
        "contact.html",
        visitor.look,
        status,
        section="control",
        told=told,
        is_problem=status >= 400,
        change=change,
        known={},
        form=visitor.form(),
    )


@router.post("/contact/{change_id}")
async def confirm(
    visitor: VisitorDep, change_id: str, form: SignedForm, code: Annotated[str, Form(max_length=40)], request: Request
) -> Response:
    """Use the new one from now on."""
    visitor.command_of(form)
    try:
        await visitor.container.customer_contacts.confirm(visitor.session, change_id, code, BY_CUSTOMER)
    except WrongCode:
        tell_refused(request, WRONG_CODE)
        return await _code_page(visitor, change_id, 422, Words(visitor.look.language)["contact_code_wrong"])
    return back_to("/my/settings/contact?changed=1")


@router.get("/sessions")
async def sessions(visitor: VisitorDep) -> Response:
    """Sign out here or everywhere."""
    running = await visitor.container.customer_sessions.running(visitor.account_id)
    return page("sessions.html", visitor.look, section="control", running=running, form=visitor.form())
