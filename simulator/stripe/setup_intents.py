"""Setup intents: a method is made ready for payments without the customer; a bank account gets its mandate here."""

from __future__ import annotations

from simulator.store import Json, Transaction
from simulator.stripe import customers, mandates, payment_methods
from simulator.stripe.events import emit
from simulator.stripe.lists import listed
from simulator.stripe.test_values import DEBITS, DECLINES
from simulator.stripe.wire import (
    Answer,
    Call,
    StripeError,
    boolean,
    merge_metadata,
    required,
    resource_missing,
    strings,
)
from simulator.world import World, new_id


def find(tx: Transaction, identity: str) -> Json:
    """The setup intent; refused where there is none."""
    intent = tx.get("setup_intent", identity)
    if intent is None:
        raise resource_missing("setupintent", identity, "intent")
    return intent


def build(tx: Transaction, params: Json) -> Json:
    """A new setup intent, waiting for a method."""
    identity = new_id("seti")
    if params.get("customer"):
        customers.find(tx, params["customer"])
    return {
        "id": identity,
        "object": "setup_intent",
        "application": None,
        "automatic_payment_methods": None,
        "cancellation_reason": None,
        "client_secret": f"{identity}_secret_{new_id('x')[2:]}",
        "created": tx.epoch,
        "customer": params.get("customer"),
        "description": params.get("description"),
        "last_setup_error": None,
        "latest_attempt": None,
        "livemode": False,
        "mandate": None,
        "metadata": merge_metadata({}, params.get("metadata")),
        "next_action": None,
        "payment_method": None,
        "payment_method_options": params.get("payment_method_options") or {},
        "payment_method_types": strings(params, "payment_method_types") or ["card", "sepa_debit"],
        "single_use_mandate": None,
        "status": "requires_payment_method",
        "usage": params.get("usage") or "off_session",
        "_sim": {},
    }


def create(world: World, tx: Transaction, call: Call) -> Answer:
    """A new setup intent, confirmed at once where asked."""
    intent = build(tx, call.params)
    _take_method(tx, intent, call.params)
    tx.save("setup_intent", intent)
    emit(world, tx, "setup_intent.created", intent, call)
    if boolean(call.params, "confirm"):
        return confirm_with(world, tx, intent, call)
    return Answer(200, intent)


def _take_method(tx: Transaction, intent: Json, params: Json) -> None:
    if params.get("payment_method"):
        method = payment_methods.find(tx, params["payment_method"])
    elif params.get("payment_method_data"):
        method = payment_methods.build(tx, params["payment_method_data"])
    else:
        return
    payment_methods.usable_by(tx, method, intent["customer"])
    intent["payment_method"], intent["status"] = method["id"], "requires_confirmation"


def confirm(world: World, tx: Transaction, call: Call) -> Answer:
    """Confirm with the method given before or now."""
    intent = find(tx, call.path["id"])
    _take_method(tx, intent, call.params)
    return confirm_with(world, tx, intent, call)


def confirm_with(world: World, tx: Transaction, intent: Json, call: Call, authenticated: bool = False) -> Answer:
    """Make the method ready: authentication where the card asks for it, a mandate for a bank account."""
    if intent["status"] not in ("requires_confirmation", "requires_payment_method", "requires_action"):
        raise StripeError(
            f"This SetupIntent has a status of {intent['status']} and cannot be confirmed.",
            code="setup_intent_unexpected_state",
        )
    method = payment_methods.find(tx, required(intent, "payment_method"))
    if method["type"] in DEBITS:
        _take_mandate(world, tx, intent, method, call.params)
    elif method["_sim"]["authenticate"] and not authenticated:
        return _ask_for_authentication(world, tx, intent, call)
    elif method["_sim"]["outcome"] in DECLINES and method["card"]["last4"] != "0341":
        return _declined(world, tx, intent, method, call)
    return _succeeded(world, tx, intent, method, call)


def _take_mandate(world: World, tx: Transaction, intent: Json, method: Json, params: Json) -> None:
    if not params.get("mandate_data"):
        raise StripeError(
            "A direct debit needs the customer's acceptance: give mandate_data.",
            code="parameter_missing",
            param="mandate_data",
        )
    mandate = mandates.create_for(tx, method, params["mandate_data"], world.config.base_url)
    intent["mandate"] = mandate["id"]


def _succeeded(world: World, tx: Transaction, intent: Json, method: Json, call: Call) -> Answer:
    if method["type"] == "card":
        method["_sim"]["set_up"] = True
        tx.save("payment_method", method)
    if intent["customer"]:
        payment_methods.attach_to(world, tx, method, intent["customer"], call)
    intent.update(status="succeeded", next_action=None, last_setup_error=None)
    tx.save("setup_intent", intent)
    emit(world, tx, "setup_intent.succeeded", intent, call)
    return Answer(200, intent)


def _ask_for_authentication(world: World, tx: Transaction, intent: Json, call: Call) -> Answer:
    url = f"{world.config.base_url}/stripe/authenticate/{intent['id']}"
    intent.update(
        status="requires_action",
        next_action={
            "type": "redirect_to_url",
            "redirect_to_url": {"url": url, "return_url": call.params.get("return_url")},
        },
    )
    intent["_sim"]["return_url"] = call.params.get("return_url")
    tx.save("setup_intent", intent)
    emit(world, tx, "setup_intent.requires_action", intent, call)
    return Answer(200, intent)


def _declined(world: World, tx: Transaction, intent: Json, method: Json, call: Call) -> Answer:
    code = method["_sim"]["outcome"]
    decline = DECLINES[code]
    error: Json = {
        "code": decline.code,
        "decline_code": code,
        "message": decline.message,
        "payment_method": method,
        "type": "card_error",
    }
    intent.update(status="requires_payment_method", payment_method=None, last_setup_error=error)
    tx.save("setup_intent", intent)
    emit(world, tx, "setup_intent.setup_failed", intent, call)
    return Answer(402, {"error": {**error, "setup_intent": intent}})


def retrieve(world: World, tx: Transaction, call: Call) -> Answer:
    """One setup intent."""
    return Answer(200, find(tx, call.path["id"]))


def cancel(world: World, tx: Transaction, call: Call) -> Answer:
    """Give it up."""
    intent = find(tx, call.path["id"])
    if intent["status"] in ("succeeded", "canceled"):
        raise StripeError(
            f"You cannot cancel this SetupIntent because it has a status of {intent['status']}.",
            code="setup_intent_unexpected_state",
        )
    intent.update(status="canceled", cancellation_reason=call.params.get("cancellation_reason"))
    tx.save("setup_intent", intent)
    emit(world, tx, "setup_intent.canceled", intent, call)
    return Answer(200, intent)


def list_all(world: World, tx: Transaction, call: Call) -> Answer:
    """Setup intents newest first."""
    return listed(tx, "setup_intent", call, "/v1/setup_intents", {"customer": "customer"})
