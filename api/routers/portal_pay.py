"""Self-service, paying: now, all or part, through the provider's page and back; methods and history."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Response

from api.portal.pages import HEADERS, Words, Writer, page
from api.portal.session import SignedForm, Visitor, VisitorDep
from billing.domain.errors import InvalidValue, NotFound
from billing.domain.money import minor_digits
from billing.ports.process import ProcessAway
from billing.services.customer_money import MoneyNow
from billing.services.customer_sessions import BY_CUSTOMER
from billing.services.dunning_plans import instalments_of
from billing.services.self_service_links import our_address

router = APIRouter(prefix="/my/pay", tags=["self-service"], include_in_schema=False)
SHOWN_PAYMENTS = 24
LONGEST_WHOLE = 9
# What became of a payment, as the page says it; everything else took nothing.
RESULTS = ("succeeded", "pending", "failed", "action_required", "unknown", "cancelled", "disputed")


@router.get("")
async def show(
    visitor: VisitorDep,
    promised: Annotated[str, Query(max_length=5)] = "",
    agreed: Annotated[str, Query(max_length=5)] = "",
) -> Response:
    """What is open, how it is paid, what was paid, and what can be agreed."""
    words = Words(visitor.look.language)
    return await pay_page(
        visitor, told=words["promise_done" if promised else "plan_done"] if promised or agreed else ""
    )


async def pay_page(visitor: Visitor, status: int = 200, **more: Any) -> Response:
    """The page with something to tell, or with dates to be agreed to."""
    container, account_id = visitor.container, visitor.account_id
    money = await container.customer_money.now(visitor.account, visitor.brand)
    payments = (await container.payments.history(account_id))[:SHOWN_PAYMENTS]
    methods = {one.method_id: one for one in await container.payment_methods.methods(account_id)}
    return page(
        "pay.html",
        visitor.look,
        status,
        **{
            "section": "pay",
            "money": money,
            "payments": payments,
            "methods": methods,
            "results": RESULTS,
            "form": visitor.form(),
            "today": container.portal_looks.now().astimezone(Writer(visitor.look).zone).date(),
            "amount": plain_amount(money.payable_minor, money.currency),
            "proposed": None,
            "wanted": {},
            "again": False,
            "instalments": [(one.due_on, one.amount_minor) for one in instalments_of(money.plan)] if money.plan else [],
        }
        | more,
    )


@router.post("")
async def pay(
    visitor: VisitorDep,
    form: SignedForm,
    amount: Annotated[str, Form(max_length=30)] = "",
) -> Response:
    """On to the provider's page by a page of ours: forms of these pages lead nowhere else."""
    visitor.command_of(form)
    container, words = visitor.container, Words(visitor.look.language)
    money = await container.customer_money.now(visitor.account, visitor.brand)
    try:
        wanted = read_amount(amount, money.currency) if amount else 0
    except InvalidValue:
        wanted = -1
    refusal = _refusal(visitor, words, money, wanted)
    if refusal:
        return await pay_page(visitor, 422, told=refusal, is_problem=True)
    back = f"{our_address(container.public_url)}/pay/done"
    part = 0 if wanted == money.payable_minor else wanted
    try:
        opened = await container.pay_desk.open_page(visitor.account_id, BY_CUSTOMER, "self-service", back, part)
    except (NotFound, ProcessAway):  # the account's process is being started again, or all of them
        return await pay_page(visitor, 503, told=words["pay_refused"], is_problem=True)
    if not opened.url:
        return await pay_page(visitor, 409, told=words["pay_refused"], is_problem=True)
    return page("pay_on.html", visitor.look, section="pay", url=opened.url)


def _refusal(visitor: Visitor, words: Words, money: MoneyNow, wanted: int) -> str:
    """Why an amount cannot be paid and which can, in the customer's words; empty when it can (0: everything)."""
    minimum, most = visitor.brand.minimum_charge_minor, money.payable_minor
    write = Writer(visitor.look)
    least = min(minimum, most)
    if wanted and not least <= wanted <= most:
        limits = {"least": write.amount(least, money.currency), "most": write.amount(most, money.currency)}
        return words.fill("pay_part_refused", **limits)
    if wanted and 0 < most - wanted < minimum:
        limits = {"least": write.amount(minimum, money.currency), "all": write.amount(most, money.currency)}
        return words.fill("pay_part_leaves", **limits)
    return ""


@router.get("/done")
async def done(visitor: VisitorDep) -> Response:
    """Back from the provider: paid, still on its way, or not."""
    returned = await visitor.container.pay_desk.back(visitor.account_id)
    word = "paid" if returned.paid else "pay_waiting" if returned.waiting else "pay_unfinished"
    told = Words(visitor.look.language)[word]
    return await pay_page(visitor, told=told, is_problem=word == "pay_unfinished", again=word == "pay_waiting")


@router.get("/methods")
async def methods(visitor: VisitorDep) -> Response:
    """The page where cards and mandates are left and changed, with the text to agree to."""
    address = await visitor.container.method_links.paylink_for(visitor.account_id)
    return Response(status_code=303, headers=HEADERS | {"Location": address})


def plain_amount(amount_minor: int, currency: str) -> str:
    """As a field of a form shows it: 42.10."""
    digits = minor_digits(currency)
    return f"{Decimal(amount_minor).scaleb(-digits):.{digits}f}"


def read_amount(written: str, currency: str) -> int:
    """Minor units of an amount typed with a point or a comma before the cents. Raises InvalidValue.

    Thousands are not read: 1.250 is refused, for nobody can tell whether it is little or much.
    """
    digits = minor_digits(currency)
    whole, mark, part = written.strip().replace(",", ".").partition(".")
    is_amount = _is_digits(whole) and (not mark or (_is_digits(part) and len(part) <= digits))
    if not is_amount or len(whole) > LONGEST_WHOLE:
        raise InvalidValue("This is not an amount.", field="amount", value=written, remedy="Write it like 12.50.")
    return int(whole + part.ljust(digits, "0"))


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()
