"""Refunds: money goes back, at once to a card, some banking days later to a bank account."""

from __future__ import annotations

from simulator.business_time import add_banking_days
from simulator.store import Json, Transaction
from simulator.stripe import charges, payment_intents
from simulator.stripe.events import emit
from simulator.stripe.lists import listed
from simulator.stripe.wire import Answer, Call, StripeError, integer, merge_metadata, missing, resource_missing
from simulator.world import World, new_id

REASONS = (None, "duplicate", "fraudulent", "requested_by_customer")


def create(world: World, tx: Transaction, call: Call) -> Answer:
    """Refund a charge, whole or in part."""
    charge = _charge(tx, call.params)
    _refuse_disputed(tx, charge)
    amount = _amount(charge, call.params)
    if call.params.get("reason") not in REASONS:
        raise StripeError(f"Invalid reason: {call.params['reason']}", param="reason")
    is_card = charge["payment_method_details"]["type"] == "card"
    identity = new_id("re")
    refund: Json = {
        "id": identity,
        "object": "refund",
        "amount": amount,
        "balance_transaction": charges.money_out(tx, charge | {"id": identity}, amount, "refund"),
        "charge": charge["id"],
        "created": tx.epoch,
        "currency": charge["currency"],
        "customer": charge["customer"],
        "destination_details": {"type": charge["payment_method_details"]["type"]},
        "failure_reason": None,
        "metadata": merge_metadata({}, call.params.get("metadata")),
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": call.params.get("reason"),
        "receipt_number": None,
        "status": "succeeded" if is_card else "pending",
        "_sim": {"metadata": charge["metadata"]},
    }
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    tx.save("charge", charge)
    tx.save("refund", refund)
    emit(world, tx, "refund.created", refund, call)
    emit(world, tx, "charge.refunded", charge, call)
    if not is_card:
        arrives = add_banking_days(tx.business_now, world.config.settlement_business_days)
        tx.schedule("settle_refund", {"refund": refund["id"]}, business=arrives)
    return Answer(200, refund)


def _charge(tx: Transaction, params: Json) -> Json:
    identity = params.get("charge")
    if not identity:
        if not params.get("payment_intent"):
            raise missing("payment_intent")
        identity = payment_intents.find(tx, params["payment_intent"])["latest_charge"]
    if not identity:
        raise StripeError("This PaymentIntent does not have a successful charge to refund.", param="payment_intent")
    charge = charges.find(tx, identity)
    if charge["status"] != "succeeded":
        raise StripeError(
            f"Charge {identity} is {charge['status']}: there is no money to refund.", code="charge_not_refundable"
        )
    return charge


def _refuse_disputed(tx: Transaction, charge: Json) -> None:
    if any(dispute["status"] != "won" for dispute in tx.find("dispute", {"charge": charge["id"]})):
        raise StripeError(f"Charge {charge['id']} has been charged back.", code="charge_disputed")


def _amount(charge: Json, params: Json) -> int:
    left = charge["amount"] - charge["amount_refunded"]
    if left == 0:
        raise StripeError(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    amount = integer(params, "amount") if "amount" in params else int(left)
    if not 1 <= amount <= left:
        raise StripeError(
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left}).", param="amount"
        )
    return amount


def settle(world: World, tx: Transaction, body: Json) -> None:
    """A refund reaches the bank account."""
    refund = tx.get("refund", body["refund"])
    if refund is None or refund["status"] != "pending":
        return
    refund["status"] = "succeeded"
    tx.save("refund", refund)
    emit(world, tx, "refund.updated", refund, None, status="pending")


def find(tx: Transaction, identity: str) -> Json:
    """The refund; refused where there is none."""
    refund = tx.get("refund", identity)
    if refund is None:
        raise resource_missing("refund", identity)
    return refund


def retrieve(world: World, tx: Transaction, call: Call) -> Answer:
    """One refund."""
    return Answer(200, find(tx, call.path["id"]))


def list_all(world: World, tx: Transaction, call: Call) -> Answer:
    """Refunds newest first, by payment or charge."""
    return listed(tx, "refund", call, "/v1/refunds", {"payment_intent": "payment_intent", "charge": "charge"})
