"""An attempt to collect: a card answers at once, a bank account days later.

A card's refusal is answered as 402 with the payment inside the error; a debit is ``processing`` until it settles on the
business clock, and then succeeds or fails by event.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from simulator.business_time import TARGET, UNITED_KINGDOM, add_banking_days, start_of
from simulator.store import Json, Transaction
from simulator.stripe import bacs, charges, disputes, mandates, payment_methods
from simulator.stripe.events import emit
from simulator.stripe.outcomes import Outcome, decide
from simulator.stripe.test_values import AUTHENTICATE, DEBIT_FAILURES, DEBITS, DECLINES, DISPUTE, SUCCEED
from simulator.stripe.wire import Answer, Call, StripeError, boolean
from simulator.world import World

TARGET_DATE_DAYS = (3, 15)
_CURRENCIES = {"sepa_debit": "eur", bacs.KIND: "gbp"}
_CALENDARS = {"sepa_debit": TARGET, bacs.KIND: UNITED_KINGDOM}


def attempt(world: World, tx: Transaction, intent: Json, method: Json, call: Call, authenticated: bool) -> Answer:
    """Try to collect the payment with the method."""
    if method["type"] in DEBITS:
        return _debit(world, tx, intent, method, call)
    off_session = boolean(call.params, "off_session")
    if not authenticated and _must_authenticate(method, off_session):
        outcome = Outcome(AUTHENTICATE)
    else:
        outcome = decide(tx, method, intent)
    if outcome.outcome == AUTHENTICATE and not off_session and not authenticated:
        return _ask_for_authentication(world, tx, intent, method, call)
    if outcome.outcome == AUTHENTICATE and authenticated:
        outcome = Outcome()
    charge = charges.open_charge(tx, intent, method, None, outcome)
    intent["latest_charge"] = charge["id"]
    if outcome.outcome in (SUCCEED, DISPUTE):
        _succeeded(world, tx, intent, charge, call)
        return Answer(200, intent)
    return card_failed(world, tx, intent, charge, method, outcome.outcome, call)


def _must_authenticate(method: Json, off_session: bool) -> bool:
    need = method["_sim"].get("authenticate", "")
    return need == "always" or (need == "unless_set_up" and not (off_session and method["_sim"]["set_up"]))


def _ask_for_authentication(world: World, tx: Transaction, intent: Json, method: Json, call: Call) -> Answer:
    url = f"{world.config.base_url}/stripe/authenticate/{intent['id']}"
    back = call.params.get("return_url")
    intent.update(
        status="requires_action",
        payment_method=method["id"],
        next_action={"type": "redirect_to_url", "redirect_to_url": {"url": url, "return_url": back}},
    )
    intent["_sim"]["return_url"] = back
    tx.save("payment_intent", intent)
    emit(world, tx, "payment_intent.requires_action", intent, call)
    return Answer(200, intent)


def _succeeded(world: World, tx: Transaction, intent: Json, charge: Json, call: Call | None) -> None:
    charges.succeed(tx, charge)
    intent.update(
        status="succeeded",
        amount_received=intent["amount"],
        next_action=None,
        last_payment_error=None,
        payment_method=charge["payment_method"],
    )
    tx.save("payment_intent", intent)
    emit(world, tx, "charge.succeeded", charge, call)
    emit(world, tx, "payment_intent.succeeded", intent, call)
    outcome = charge["_sim"]["outcome"]
    if outcome["outcome"] == DISPUTE:
        disputes.open_dispute(world, tx, charge, outcome["reason"])


def card_failed(
    world: World, tx: Transaction, intent: Json, charge: Json, method: Json, code: str, call: Call | None
) -> Answer:
    """The card was refused: a failed charge, a payment that needs another method, and the 402 that says so."""
    charges.fail(tx, charge, code)
    decline = DECLINES.get(code)
    error: Json = {
        "charge": charge["id"],
        "code": decline.code if decline else "card_declined",
        "decline_code": code,
        "doc_url": f"https://stripe.com/docs/error-codes/{decline.code if decline else 'card-declined'}",
        "message": decline.message if decline else "Your card was declined.",
        "network_decline_code": decline.network_code if decline else None,
        "payment_method": method,
        "type": "card_error",
    }
    if decline and decline.advice:
        error["advice_code"] = decline.advice
    _failed(world, tx, intent, charge, error, call)
    return Answer(402, {"error": {**error, "payment_intent": intent}})


def _failed(world: World, tx: Transaction, intent: Json, charge: Json, error: Json, call: Call | None) -> None:
    intent.update(status="requires_payment_method", payment_method=None, last_payment_error=error, next_action=None)
    tx.save("payment_intent", intent)
    emit(world, tx, "charge.failed", charge, call)
    emit(world, tx, "payment_intent.payment_failed", intent, call)


def _debit(world: World, tx: Transaction, intent: Json, method: Json, call: Call) -> Answer:
    kind = method["type"]
    if intent["currency"] != _CURRENCIES[kind]:
        raise StripeError(
            f"The payment method {kind} collects {_CURRENCIES[kind]} only, not {intent['currency']}.",
            code="payment_method_currency_mismatch",
            param="currency",
        )
    mandate = _mandate(world, tx, method, call.params)
    settles_from = _target_date(tx, intent, kind)
    outcome = decide(tx, method, intent)
    charge = charges.open_charge(tx, intent, method, mandate, outcome)
    intent.update(status="processing", latest_charge=charge["id"], payment_method=method["id"], last_payment_error=None)
    is_new = mandate["status"] == "pending"
    settles_at = add_banking_days(settles_from, _settlement_days(world, outcome, is_new=is_new), _CALENDARS[kind])
    intent["_sim"]["settles_at"] = settles_at.isoformat()
    tx.save("payment_intent", intent)
    tx.schedule("settle_debit", {"intent": intent["id"], "charge": charge["id"]}, business=settles_at)
    emit(world, tx, "charge.pending", charge, call)
    emit(world, tx, "payment_intent.processing", intent, call)
    return Answer(200, intent)


def _mandate(world: World, tx: Transaction, method: Json, params: Json) -> Json:
    if params.get("mandate_data"):
        return mandates.create_for(tx, method, params["mandate_data"], world.config.base_url)
    mandate = mandates.for_debit(tx, method, params.get("mandate"))
    if mandate is None:
        raise StripeError(
            "This payment method has no mandate: set it up with a SetupIntent or give mandate_data.",
            code="payment_intent_mandate_invalid",
            param="mandate",
        )
    return mandate


def _target_date(tx: Transaction, intent: Json, kind: str) -> datetime:
    text = (intent["payment_method_options"].get(kind) or {}).get("target_date")
    if not text:
        return tx.business_now
    param = f"payment_method_options[{kind}][target_date]"
    try:
        target = date.fromisoformat(text)
    except ValueError:
        raise StripeError(f"Invalid date: {text}; use YYYY-MM-DD.", param=param) from None
    earliest, latest = (tx.business_now.date() + timedelta(days=days) for days in TARGET_DATE_DAYS)
    if not earliest <= target <= latest:
        raise StripeError(
            f"target_date must be between 3 and 15 calendar days ahead ({earliest} to {latest}), not {text}.",
            param=param,
        )
    return start_of(target)


def _settlement_days(world: World, outcome: Outcome, *, is_new: bool) -> int:
    """Longer under a mandate that the bank has not accepted yet."""
    if outcome.business_days is not None:
        return outcome.business_days
    config = world.config
    return config.delayed_settlement_business_days if outcome.delayed or is_new else config.settlement_business_days


def settle(world: World, tx: Transaction, body: Json) -> None:
    """The bank's answer to a debit: money, or a failure with the scheme's reason."""
    intent, charge = tx.get("payment_intent", body["intent"]), tx.get("charge", body["charge"])
    if intent is None or charge is None or charge["status"] != "pending":
        return
    outcome = charge["_sim"]["outcome"]["outcome"]
    if _is_without_mandate(tx, charge):
        _debit_failed(world, tx, intent, charge, "debit_not_authorized")
    elif outcome in (SUCCEED, DISPUTE):
        _succeeded(world, tx, intent, charge, None)
    else:
        _debit_failed(world, tx, intent, charge, outcome)


def _is_without_mandate(tx: Transaction, charge: Json) -> bool:
    """True for a debit whose new instruction the bank refused."""
    mandate = tx.get("mandate", (charge["payment_method_details"].get(bacs.KIND) or {}).get("mandate") or "")
    return mandate is not None and mandate["status"] == "inactive"


def _debit_failed(world: World, tx: Transaction, intent: Json, charge: Json, code: str) -> None:
    kind = charge["payment_method_details"]["type"]
    known = bacs.FAILURES if kind == bacs.KIND else DEBIT_FAILURES
    failure = known.get(code) or DEBIT_FAILURES.get(code) or DEBIT_FAILURES["payment_intent_payment_attempt_failed"]
    charges.fail(tx, charge, code)
    error: Json = {
        "charge": charge["id"],
        "code": code,
        "message": failure.message,
        "network_decline_code": failure.reason_code or None,
        "payment_method": payment_methods.find(tx, charge["payment_method"]),
        "type": "invalid_request_error" if not failure.reason_code else "card_error",
    }
    _failed(world, tx, intent, charge, error, None)
    mandate = tx.get("mandate", charge["payment_method_details"][kind]["mandate"] or "")
    if failure.kills_mandate and mandate is not None:
        mandates.revoke(world, tx, mandate)
