"""The hosted pages: pay or leave a method, and the bank's authentication question. Plain HTML, no script.

Paying twice is impossible: a completed session says so, whichever tab comes second.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from simulator.pages import page
from simulator.store import Json, Transaction
from simulator.stripe import checkout, payment_intents, payment_methods, setup_intents
from simulator.stripe.wire import Answer, Call, StripeError
from simulator.world import World

DECLINED_CARD = "4000000000000002"
FAILING_IBAN = "DE62370400440532013001"
FAILING_UK_ACCOUNT = "22222227"
DEFAULTS = {
    "number": "4242 4242 4242 4242",
    "expiry": "12 / 34",
    "cvc": "123",
    "iban": "DE89 3704 0044 0532 0130 00",
    "sort_code": "10-88-00",
    "account_number": "00012345",
}
NOTICES = {
    "complete": ("Already paid", "This payment page was used already; nothing more is due here. Thank you!"),
    "expired": ("This page has expired", "Please go back and open the payment link again."),
}


def routes(world: World) -> list[BaseRoute]:
    """The pages under ``/stripe``."""

    async def show(request: Request) -> Response:
        session = await world.store.run(lambda tx: tx.get("checkout_session", _id(request)))
        return _page(session, {})

    async def press(request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        return await world.store.run(lambda tx: _pressed(world, tx, _id(request), form))

    async def question(request: Request) -> Response:
        intent = await world.store.run(lambda tx: _intent(tx, _id(request)))
        if intent is None or intent["status"] != "requires_action":
            return page("notice.html", 404, title="Nothing to confirm", text="Your bank has no question for you here.")
        return page("authenticate.html", intent=intent, amount=amount_text(intent))

    async def answer(request: Request) -> Response:
        approved = (await request.form()).get("answer") == "approve"
        return await world.store.run(lambda tx: _answered(world, tx, _id(request), approved))

    return [
        Route("/pay/{id}", show, methods=["GET"]),
        Route("/pay/{id}", press, methods=["POST"]),
        Route("/authenticate/{id}", question, methods=["GET"]),
        Route("/authenticate/{id}", answer, methods=["POST"]),
    ]


def _id(request: Request) -> str:
    return str(request.path_params["id"])


def _page(session: Json | None, form: dict[str, str], problem: str = "", ask_bank: bool = False) -> Response:
    if session is None:
        return page("notice.html", 404, title="No such payment page", text="Please check the link.")
    if session["status"] != "open":
        title, text = NOTICES[session["status"]]
        if session["status"] == "complete" and session["mode"] == "setup":
            title = "Already done"
        return page("notice.html", 200, title=title, text=text)
    return page(
        "pay.html",
        402 if problem else 200,
        session=session,
        amount=amount_text(session),
        brand=session["branding_settings"]["display_name"] or "Payment",
        names=session["_sim"].get("names", []),
        types=session["payment_method_types"],
        chosen=form.get("method") or session["payment_method_types"][0],
        form={**DEFAULTS, **form},
        problem=problem,
        ask_bank=ask_bank,
    )


def amount_text(body: Json) -> str:
    """The amount with its currency, or nothing where there is none to pay."""
    amount = body.get("amount_total", body.get("amount"))
    if amount is None:
        return ""
    decimals = 0 if body["currency"] in ("jpy", "krw", "vnd") else 2
    whole = f"{amount / 10**decimals:,.{decimals}f}"
    return f"{whole} {body['currency'].upper()}"


def _pressed(world: World, tx: Transaction, identity: str, form: dict[str, str]) -> Response:
    session = tx.get("checkout_session", identity)
    if session is None or session["status"] != "open":
        return _page(session, form)
    if form.get("action") == "cancel":
        return RedirectResponse(session["cancel_url"] or "/", 303)
    details = _details(form)
    if form.get("bank") == "reject":
        return _page(session, form, "Your bank did not confirm the payment. Please try another way.")
    try:
        answer = checkout.pay(world, tx, session, details, authenticated=form.get("bank") == "approve")
    except StripeError as refusal:
        return _page(session, form, refusal.body["error"]["message"])
    return _after(tx, session, form, answer)


def _after(tx: Transaction, session: Json, form: dict[str, str], answer: Answer) -> Response:
    if answer.status != 200:
        return _page(session, form, answer.body["error"]["message"])
    if answer.body["status"] == "requires_action":
        return _page(session, form, ask_bank=True)
    return RedirectResponse(session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"]), 303)


def _details(form: dict[str, str]) -> Json:
    owner = {"name": form.get("name") or "Jenny Rosen", "email": form.get("email") or None}
    decline = form.get("action") == "decline"
    if form.get("method") == "sepa_debit":
        iban = FAILING_IBAN if decline else form.get("iban", "")
        return {"type": "sepa_debit", "sepa_debit": {"iban": iban}, "billing_details": owner}
    if form.get("method") == "bacs_debit":
        number = FAILING_UK_ACCOUNT if decline else form.get("account_number", "")
        account = {"sort_code": form.get("sort_code", ""), "account_number": number}
        return {"type": "bacs_debit", "bacs_debit": account, "billing_details": owner}
    month, _, year = form.get("expiry", "").replace(" ", "").partition("/")
    card: dict[str, Any] = {"number": DECLINED_CARD if decline else form.get("number", "")}
    if month.isdigit() and year.isdigit() and 1 <= int(month) <= 12:
        card |= {"exp_month": month, "exp_year": 2000 + int(year) % 100}
    return {"type": "card", "card": card, "billing_details": owner}


def _intent(tx: Transaction, identity: str) -> Json | None:
    return tx.get("payment_intent", identity) or tx.get("setup_intent", identity)


def _answered(world: World, tx: Transaction, identity: str, approved: bool) -> Response:
    intent = _intent(tx, identity)
    if intent is None or intent["status"] != "requires_action":
        return page("notice.html", 404, title="Nothing to confirm", text="Your bank has no question for you here.")
    back = intent["_sim"].get("return_url")
    if intent["object"] == "payment_intent":
        payment_intents.authenticate(world, tx, intent, approved)
    elif approved:
        setup_intents.confirm_with(world, tx, intent, Call(params={}), authenticated=True)
    else:
        method = payment_methods.find(tx, intent["payment_method"])
        error = {"code": "setup_intent_authentication_failure", "payment_method": method, "type": "card_error"}
        intent.update(status="requires_payment_method", next_action=None, last_setup_error=error)
        tx.save("setup_intent", intent)
    if back:
        return RedirectResponse(back, 303)
    return page("notice.html", title="Thank you", text="Your bank has your answer. You can close this page.")
