"""Charges: one per attempt, with what was paid by what, and the balance transaction of the money that came in."""

from __future__ import annotations

from simulator.store import Json, Transaction
from simulator.stripe import bacs
from simulator.stripe.lists import listed
from simulator.stripe.outcomes import Outcome
from simulator.stripe.test_values import DEBIT_FAILURES, DECLINES
from simulator.stripe.wire import Answer, Call, resource_missing
from simulator.world import World, new_id


def find(tx: Transaction, identity: str) -> Json:
    """The charge; refused where there is none."""
    charge = tx.get("charge", identity)
    if charge is None:
        raise resource_missing("charge", identity, "charge")
    return charge


def open_charge(tx: Transaction, intent: Json, method: Json, mandate: Json | None, outcome: Outcome) -> Json:
    """A pending charge for an attempt of a payment."""
    charge: Json = {
        "id": new_id("ch" if method["type"] == "card" else "py"),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": 0,
        "amount_refunded": 0,
        "balance_transaction": None,
        "billing_details": method["billing_details"],
        "captured": False,
        "created": tx.epoch,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "livemode": False,
        "metadata": dict(intent["metadata"]),
        "outcome": None,
        "paid": False,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": _details(method, mandate),
        "receipt_email": intent["receipt_email"],
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "status": "pending",
        "_sim": {"outcome": outcome.as_json, "business_created": tx.business_now.isoformat()},
    }
    return tx.save("charge", charge)


def _details(method: Json, mandate: Json | None) -> Json:
    own = method[method["type"]]
    if method["type"] == "card":
        names = ("brand", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4", "wallet", "checks")
        shown = {name: own[name] for name in names}
        return {"type": "card", "card": {**shown, "network": own["brand"], "mandate": None, "three_d_secure": None}}
    shared = ("bank_code", "branch_code", "country", "fingerprint", "last4", "sort_code")
    shown = {name: own[name] for name in shared if name in own}
    return {"type": method["type"], method["type"]: {**shown, "mandate": mandate["id"] if mandate else None}}


def succeed(tx: Transaction, charge: Json) -> Json:
    """The money came in."""
    charge.update(
        status="succeeded",
        paid=True,
        captured=True,
        amount_captured=charge["amount"],
        balance_transaction=_balance_transaction(tx, charge, charge["amount"], "charge"),
        outcome=_outcome("authorized", "approved_by_network", "Payment complete.", None, None),
    )
    return tx.save("charge", charge)


def fail(tx: Transaction, charge: Json, code: str) -> Json:
    """The attempt failed with a decline code (card) or a failure code (bank account)."""
    kind = charge["payment_method_details"]["type"]
    is_card, known = kind == "card", bacs.FAILURES if kind == bacs.KIND else DEBIT_FAILURES
    decline, failure = DECLINES.get(code), known.get(code) or DEBIT_FAILURES.get(code)
    if is_card and decline is not None:
        charge.update(failure_code=decline.code, failure_message=decline.message)
        network, advice = decline.network_code, decline.advice
    else:
        charge.update(failure_code=code, failure_message=failure.message if failure else "The payment failed.")
        network, advice = failure.reason_code if failure else "", None
    charge.update(
        status="failed",
        outcome=_outcome("issuer_declined", code, charge["failure_message"], network or None, advice),
    )
    return tx.save("charge", charge)


def _outcome(kind: str, reason: str, message: str, network_code: str | None, advice: str | None) -> Json:
    declined = kind == "issuer_declined"
    return {
        "advice_code": advice,
        "network_advice_code": None,
        "network_decline_code": network_code,
        "network_status": "declined_by_network" if declined else "approved_by_network",
        "reason": reason if declined else None,
        "risk_level": "normal",
        "seller_message": message,
        "type": kind,
    }


def _balance_transaction(tx: Transaction, source: Json, amount: int, kind: str) -> str:
    entry: Json = {
        "id": new_id("txn"),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": tx.epoch,
        "created": tx.epoch,
        "currency": source["currency"],
        "description": source.get("description"),
        "exchange_rate": None,
        "fee": 0,
        "fee_details": [],
        "net": amount,
        "reporting_category": kind,
        "source": source["id"],
        "status": "available",
        "type": kind,
    }
    return str(tx.save("balance_transaction", entry)["id"])


def money_out(tx: Transaction, source: Json, amount: int, kind: str) -> str:
    """A balance transaction of money that left: a refund or a dispute. Gives its id."""
    return _balance_transaction(tx, source, -amount, kind)


def retrieve(world: World, tx: Transaction, call: Call) -> Answer:
    """One charge."""
    return Answer(200, find(tx, call.path["id"]))


def list_all(world: World, tx: Transaction, call: Call) -> Answer:
    """Charges newest first, by customer or payment."""
    filters = {"customer": "customer", "payment_intent": "payment_intent"}
    return listed(tx, "charge", call, "/v1/charges", filters)


def retrieve_balance_transaction(world: World, tx: Transaction, call: Call) -> Answer:
    """One movement of the balance."""
    entry = tx.get("balance_transaction", call.path["id"])
    if entry is None:
        raise resource_missing("balance transaction", call.path["id"])
    return Answer(200, entry)


def list_balance_transactions(world: World, tx: Transaction, call: Call) -> Answer:
    """Movements of the balance newest first."""
    filters = {"source": "source", "type": "type", "currency": "currency"}
    return listed(tx, "balance_transaction", call, "/v1/balance_transactions", filters)
