"""Checkout sessions: a hosted page on which the customer pays once or leaves a method for later.

The session's expiry is real time, as all that belongs to the vendor. A completed session cannot be paid again.
"""

from __future__ import annotations

from datetime import UTC, datetime

from simulator.store import Json, Transaction
from simulator.stripe import attempts, customers, payment_intents, payment_methods, setup_intents
from simulator.stripe.events import emit
from simulator.stripe.lists import listed
from simulator.stripe.test_values import DEBITS
from simulator.stripe.wire import (
    Answer,
    Call,
    StripeError,
    integer,
    merge_metadata,
    required,
    resource_missing,
    strings,
)
from simulator.world import World, new_id

DAY_SECONDS = 24 * 3600
SHORTEST_SECONDS = 30 * 60


def find(tx: Transaction, identity: str) -> Json:
    """The session; refused where there is none."""
    session = tx.get("checkout_session", identity)
    if session is None:
        raise resource_missing("checkout.session", identity)
    return session


def create(world: World, tx: Transaction, call: Call) -> Answer:
    """A new session with its page."""
    params = call.params
    mode = required(params, "mode")
    if mode not in ("payment", "setup"):
        raise StripeError(f"Invalid mode: {mode}; the simulator knows payment and setup.", param="mode")
    if params.get("customer"):
        customers.find(tx, params["customer"])
    required(params, "success_url")
    session = _new_session(world, tx, mode, params)
    if mode == "payment":
        _price(session, params)
    else:
        _open_setup(world, tx, session, params, call)
    tx.save("checkout_session", session)
    tx.schedule("expire_session", {"session": session["id"]}, real=datetime.fromtimestamp(session["expires_at"], UTC))
    return Answer(200, session)


def _new_session(world: World, tx: Transaction, mode: str, params: Json) -> Json:
    identity = new_id("cs_test", 40)
    types = strings(params, "payment_method_types")
    brand = (params.get("branding_settings") or {}).get("display_name") or (params.get("metadata") or {}).get("brand")
    return {
        "id": identity,
        "object": "checkout.session",
        "amount_subtotal": None,
        "amount_total": None,
        "branding_settings": {"display_name": brand},
        "cancel_url": params.get("cancel_url"),
        "client_reference_id": params.get("client_reference_id"),
        "created": tx.epoch,
        "currency": (params.get("currency") or "").lower() or None,
        "customer": params.get("customer"),
        "customer_creation": "if_required",
        "customer_details": None,
        "customer_email": params.get("customer_email"),
        "expires_at": _expiry(tx, params),
        "livemode": False,
        "locale": params.get("locale"),
        "metadata": merge_metadata({}, params.get("metadata")),
        "mode": mode,
        "payment_intent": None,
        "payment_method_types": types,
        "payment_status": "unpaid" if mode == "payment" else "no_payment_required",
        "setup_intent": None,
        "status": "open",
        "submit_type": None,
        "success_url": params["success_url"],
        "ui_mode": "hosted",
        "url": f"{world.config.base_url}/stripe/pay/{identity}",
        "_sim": {"intent": params.get("payment_intent_data") or {}, "business": tx.business_now.isoformat()},
    }


def _expiry(tx: Transaction, params: Json) -> int:
    if "expires_at" not in params:
        return tx.epoch + DAY_SECONDS
    expires_at = integer(params, "expires_at")
    # A request under way for some seconds must not be refused for them.
    if not SHORTEST_SECONDS - 60 <= expires_at - tx.epoch <= DAY_SECONDS + 60:
        raise StripeError("expires_at must be between 30 minutes and 24 hours from now.", param="expires_at")
    return expires_at


def _price(session: Json, params: Json) -> None:
    total, currency, names = 0, None, []
    items = params.get("line_items")
    if not isinstance(items, list) or not items:
        raise StripeError("line_items is required in payment mode.", code="parameter_missing", param="line_items")
    for item in items:
        data = item.get("price_data")
        if not data:
            raise StripeError("The simulator prices by line_items[price_data] only.", param="line_items[0][price]")
        currency = str(required(data, "currency")).lower()
        total += integer(data, "unit_amount") * int(item.get("quantity") or 1)
        names.append(str((data.get("product_data") or {}).get("name") or "Payment"))
    session.update(amount_total=total, amount_subtotal=total, currency=currency)
    session["_sim"]["names"] = names
    if not session["payment_method_types"]:
        debits = {"eur": ["sepa_debit"], "gbp": ["bacs_debit"]}
        session["payment_method_types"] = ["card", *debits.get(currency or "", [])]


def _open_setup(world: World, tx: Transaction, session: Json, params: Json, call: Call) -> None:
    session["payment_method_types"] = session["payment_method_types"] or ["card", "sepa_debit"]
    data = params.get("setup_intent_data") or {}
    given = {**data, "customer": session["customer"], "payment_method_types": session["payment_method_types"]}
    intent = setup_intents.build(tx, given)
    tx.save("setup_intent", intent)
    session["setup_intent"] = intent["id"]
    emit(world, tx, "setup_intent.created", intent, call)


def pay(world: World, tx: Transaction, session: Json, details: Json, authenticated: bool) -> Answer:
    """The customer pressed the button: pay, or leave the method. The answer is the intent, or why not (402)."""
    method = payment_methods.build(tx, details)
    acceptance = {"customer_acceptance": {"type": "online"}} if method["type"] in DEBITS else None
    call = Call(params={"mandate_data": acceptance} if acceptance else {})
    if session["mode"] == "setup":
        intent = setup_intents.find(tx, session["setup_intent"])
        intent.update(payment_method=method["id"], status="requires_confirmation")
        answer = setup_intents.confirm_with(world, tx, intent, call, authenticated)
    else:
        intent = _payment(world, tx, session, call)
        intent.update(payment_method=method["id"], status="requires_confirmation")
        answer = payment_intents.confirm_with(world, tx, intent, call, authenticated)
    if answer.status == 200 and answer.body["status"] in ("succeeded", "processing"):
        _complete(world, tx, session, answer.body, method)
    return answer


def _payment(world: World, tx: Transaction, session: Json, call: Call) -> Json:
    if session["payment_intent"]:
        return payment_intents.find(tx, session["payment_intent"])
    given = {
        **session["_sim"]["intent"],
        "amount": session["amount_total"],
        "currency": session["currency"],
        "customer": session["customer"],
        "payment_method_types": session["payment_method_types"],
    }
    intent = payment_intents.build(tx, given)
    intent["_sim"]["session"] = session["id"]
    tx.save("payment_intent", intent)
    session["payment_intent"] = intent["id"]
    tx.save("checkout_session", session)
    emit(world, tx, "payment_intent.created", intent, call)
    return intent


def _complete(world: World, tx: Transaction, session: Json, intent: Json, method: Json) -> None:
    session.update(status="complete", url=None)
    if session["mode"] == "payment":
        session["payment_status"] = "paid" if intent["status"] == "succeeded" else "unpaid"
    details = method["billing_details"]
    session["customer_details"] = {"email": details["email"], "name": details["name"], "phone": details["phone"]}
    tx.save("checkout_session", session)
    emit(world, tx, "checkout.session.completed", session)


def settle_debit(world: World, tx: Transaction, body: Json) -> None:
    """A debit settles; where it came from a session, the session says so too."""
    attempts.settle(world, tx, body)
    intent = tx.get("payment_intent", body["intent"])
    session_id = intent["_sim"].get("session") if intent else None
    if intent is None or session_id is None:
        return
    session = find(tx, session_id)
    if session["payment_status"] == "paid":
        return
    if intent["status"] == "succeeded":
        session["payment_status"] = "paid"
        tx.save("checkout_session", session)
        emit(world, tx, "checkout.session.async_payment_succeeded", session)
    elif intent["status"] == "requires_payment_method":
        emit(world, tx, "checkout.session.async_payment_failed", session)


def expire_now(world: World, tx: Transaction, session: Json) -> Json:
    """The page closes unpaid."""
    session.update(status="expired", url=None)
    tx.save("checkout_session", session)
    if session["payment_intent"]:
        intent = payment_intents.find(tx, session["payment_intent"])
        if intent["status"] in payment_intents.CONFIRMABLE:
            intent.update(status="canceled", canceled_at=tx.epoch, cancellation_reason="abandoned")
            tx.save("payment_intent", intent)
            emit(world, tx, "payment_intent.canceled", intent)
    emit(world, tx, "checkout.session.expired", session)
    return session


def expire_in_time(world: World, tx: Transaction, body: Json) -> None:
    """The page's time is over."""
    session = tx.get("checkout_session", body["session"])
    if session is not None and session["status"] == "open":
        expire_now(world, tx, session)


def expire(world: World, tx: Transaction, call: Call) -> Answer:
    """Close the page by request."""
    session = find(tx, call.path["id"])
    if session["status"] != "open":
        raise StripeError(
            f'Only Checkout Sessions with a status in ["open"] can be expired. This Session has a status of '
            f"{session['status']}."
        )
    return Answer(200, expire_now(world, tx, session))


def retrieve(world: World, tx: Transaction, call: Call) -> Answer:
    """One session."""
    return Answer(200, find(tx, call.path["id"]))


def list_all(world: World, tx: Transaction, call: Call) -> Answer:
    """Sessions newest first, by customer, payment or status."""
    filters = {"customer": "customer", "payment_intent": "payment_intent", "status": "status"}
    return listed(tx, "checkout_session", call, "/v1/checkout/sessions", filters)
