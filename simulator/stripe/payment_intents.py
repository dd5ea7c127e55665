"""Payment intents: create, confirm, cancel, look."""

from __future__ import annotations

from datetime import timedelta

from simulator.store import Json, Transaction
from simulator.stripe import attempts, charges, customers, payment_methods
from simulator.stripe.events import emit
from simulator.stripe.lists import listed
from simulator.stripe.test_values import DEBITS
from simulator.stripe.wire import (
    Answer,
    Call,
    StripeError,
    boolean,
    integer,
    merge_metadata,
    required,
    resource_missing,
    strings,
)
from simulator.world import World, new_id

SMALLEST_MINOR = {"eur": 50, "usd": 50, "gbp": 30, "chf": 50, "sek": 300, "nok": 300, "dkk": 250, "pln": 200}
LARGEST_MINOR = 99_999_999
CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")


def find(tx: Transaction, identity: str) -> Json:
    """The payment; refused where there is none."""
    intent = tx.get("payment_intent", identity)
    if intent is None:
        raise resource_missing("payment_intent", identity, "intent")
    return intent


def build(tx: Transaction, params: Json) -> Json:
    """A new payment that nobody has tried to collect yet."""
    amount, currency = _amount(params), str(required(params, "currency")).lower()
    if amount < SMALLEST_MINOR.get(currency, 50):
        raise StripeError(
            f"The amount must be greater than or equal to the minimum charge amount, not {amount} {currency}.",
            code="amount_too_small",
            param="amount",
        )
    if params.get("customer"):
        customers.find(tx, params["customer"])
    identity = new_id("pi")
    return {
        "id": identity,
        "object": "payment_intent",
        "amount": amount,
        "amount_capturable": 0,
        "amount_received": 0,
        "automatic_payment_methods": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": params.get("capture_method") or "automatic",
        "client_secret": f"{identity}_secret_{new_id('x')[2:]}",
        "confirmation_method": "automatic",
        "created": tx.epoch,
        "currency": currency,
        "customer": params.get("customer"),
        "description": params.get("description"),
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": merge_metadata({}, params.get("metadata")),
        "next_action": None,
        "payment_method": None,
        "payment_method_options": params.get("payment_method_options") or {},
        "payment_method_types": strings(params, "payment_method_types"),
        "processing": None,
        "receipt_email": params.get("receipt_email"),
        "setup_future_usage": params.get("setup_future_usage"),
        "shipping": None,
        "statement_descriptor": params.get("statement_descriptor"),
        "statement_descriptor_suffix": params.get("statement_descriptor_suffix"),
        "status": "requires_payment_method",
        "transfer_group": params.get("transfer_group"),
        "_sim": {"business_created": tx.business_now.isoformat()},
    }


def _amount(params: Json) -> int:
    amount = integer(params, "amount")
    if amount < 1:
        raise StripeError("Invalid positive integer", code="parameter_invalid_integer", param="amount")
    if amount > LARGEST_MINOR:
        raise StripeError("Amount must be no more than 999,999.99", code="amount_too_large", param="amount")
    return amount


def create(world: World, tx: Transaction, call: Call) -> Answer:
    """A new payment, collected at once with ``confirm=true``."""
    if boolean(call.params, "off_session") and not boolean(call.params, "confirm"):
        raise StripeError("off_session can only be used with confirm=true.", param="off_session")
    intent = build(tx, call.params)
    method = _take_method(tx, intent, call.params)
    _fill_types(intent, method, call.params)
    tx.save("payment_intent", intent)
    emit(world, tx, "payment_intent.created", intent, call)
    if boolean(call.params, "confirm"):
        return confirm_with(world, tx, intent, call)
    return Answer(200, intent)


def _take_method(tx: Transaction, intent: Json, params: Json) -> Json | None:
    if params.get("payment_method"):
        method = payment_methods.find(tx, params["payment_method"])
    elif params.get("payment_method_data"):
        method = payment_methods.build(tx, params["payment_method_data"])
    else:
        return None
    payment_methods.usable_by(tx, method, intent["customer"])
    intent["payment_method"], intent["status"] = method["id"], "requires_confirmation"
    return method


def _fill_types(intent: Json, method: Json | None, params: Json) -> None:
    if "automatic_payment_methods" in params:
        intent["automatic_payment_methods"] = {"allow_redirects": "always", "enabled": True}
    if intent["payment_method_types"]:
        return
    automatic = intent["automatic_payment_methods"] is not None
    intent["payment_method_types"] = ["card", "sepa_debit"] if automatic and intent["currency"] == "eur" else ["card"]


def confirm(world: World, tx: Transaction, call: Call) -> Answer:
    """Try to collect, with another method where one is given."""
    intent = find(tx, call.path["id"])
    _take_method(tx, intent, call.params)
    if call.params.get("payment_method_options"):
        intent["payment_method_options"] |= call.params["payment_method_options"]
    return confirm_with(world, tx, intent, call)


def confirm_with(world: World, tx: Transaction, intent: Json, call: Call, authenticated: bool = False) -> Answer:
    """Collect now with the payment's method."""
    if intent["status"] not in CONFIRMABLE:
        raise _unexpected_state(intent, f"This PaymentIntent's status is {intent['status']}: it cannot be confirmed.")
    if not intent["payment_method"]:
        raise _unexpected_state(intent, "You cannot confirm this PaymentIntent because it's missing a payment method.")
    method = payment_methods.find(tx, intent["payment_method"])
    if method["type"] not in intent["payment_method_types"]:
        raise StripeError(
            f"The PaymentMethod provided ({method['type']}) is not allowed for this PaymentIntent: "
            f"add it to payment_method_types.",
            code="payment_intent_incompatible_payment_method",
            param="payment_method",
        )
    if intent["setup_future_usage"] and intent["customer"]:
        payment_methods.attach_to(world, tx, method, intent["customer"], call)
    return attempts.attempt(world, tx, intent, method, call, authenticated)


def _unexpected_state(intent: Json, message: str) -> StripeError:
    return StripeError(message, code="payment_intent_unexpected_state", payment_intent=intent)


def authenticate(world: World, tx: Transaction, intent: Json, approved: bool) -> Answer:
    """The customer answered the bank's question on the authentication page."""
    call = Call(params={})
    if approved:
        return confirm_with(world, tx, intent, call, authenticated=True)
    intent.update(
        status="requires_payment_method",
        next_action=None,
        last_payment_error={
            "code": "payment_intent_authentication_failure",
            "message": "The customer failed to authenticate.",
            "payment_method": payment_methods.find(tx, intent["payment_method"]),
            "type": "invalid_request_error",
        },
        payment_method=None,
    )
    tx.save("payment_intent", intent)
    emit(world, tx, "payment_intent.payment_failed", intent, call)
    return Answer(200, intent)


def retrieve(world: World, tx: Transaction, call: Call) -> Answer:
    """One payment."""
    return Answer(200, find(tx, call.path["id"]))


def update(world: World, tx: Transaction, call: Call) -> Answer:
    """Changed metadata, description or, before collection, the amount."""
    intent = find(tx, call.path["id"])
    if "amount" in call.params:
        if intent["status"] not in CONFIRMABLE:
            raise _unexpected_state(intent, f"The amount of a payment that is {intent['status']} cannot be changed.")
        intent["amount"] = _amount(call.params)
    if "description" in call.params:
        intent["description"] = call.params["description"] or None
    intent["metadata"] = merge_metadata(intent["metadata"], call.params.get("metadata"))
    return Answer(200, tx.save("payment_intent", intent))


def cancel(world: World, tx: Transaction, call: Call) -> Answer:
    """Give it up; a debit only as long as the bank has not got it (more than a day before its target date)."""
    intent = find(tx, call.path["id"])
    if intent["status"] not in CONFIRMABLE and not _is_still_ours(tx, intent):
        raise _unexpected_state(
            intent, f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}."
        )
    if intent["status"] == "processing":
        charge = charges.find(tx, intent["latest_charge"])
        charges.fail(tx, charge, "payment_intent_payment_attempt_failed")
    intent.update(
        status="canceled",
        canceled_at=tx.epoch,
        cancellation_reason=call.params.get("cancellation_reason"),
        next_action=None,
    )
    tx.save("payment_intent", intent)
    emit(world, tx, "payment_intent.canceled", intent, call)
    return Answer(200, intent)


def _is_still_ours(tx: Transaction, intent: Json) -> bool:
    options = intent["payment_method_options"]
    target = next((options[kind].get("target_date") for kind in DEBITS if options.get(kind)), None)
    if intent["status"] != "processing" or not target:
        return False
    return bool((tx.business_now + timedelta(days=1)).date().isoformat() < target)


def list_all(world: World, tx: Transaction, call: Call) -> Answer:
    """Payments newest first, by customer and time."""
    return listed(tx, "payment_intent", call, "/v1/payment_intents", {"customer": "customer"})
