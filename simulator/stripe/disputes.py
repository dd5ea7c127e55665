"""Disputes: a charge is taken back by the customer's bank, and won or lost later."""

from __future__ import annotations

from simulator.store import Json, Transaction
from simulator.stripe import bacs, charges
from simulator.stripe.events import emit
from simulator.stripe.lists import listed
from simulator.stripe.wire import Answer, Call, StripeError, merge_metadata, resource_missing
from simulator.world import World, new_id

EVIDENCE_SECONDS = 7 * 24 * 3600
OPEN = ("needs_response", "under_review")


def find(tx: Transaction, identity: str) -> Json:
    """The dispute; refused where there is none."""
    dispute = tx.get("dispute", identity)
    if dispute is None:
        raise resource_missing("dispute", identity, "dispute")
    return dispute


def open_dispute(
    world: World, tx: Transaction, charge: Json, reason: str = "fraudulent", amount: int | None = None
) -> Json:
    """The bank takes the money of a charge back; part of it where an amount is given."""
    kind = charge["payment_method_details"]["type"]
    disputed = charge["amount"] if amount is None else amount
    dispute: Json = {
        "id": new_id("du"),
        "object": "dispute",
        "amount": disputed,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": tx.epoch,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {},
        "evidence_details": {
            "due_by": tx.epoch + EVIDENCE_SECONDS,
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "network_reason_code": "10.4" if kind == "card" else None,
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {"type": kind},
        "reason": reason,
        # A claim under the Direct Debit Guarantee is paid back at once, and nobody is asked.
        "status": "lost" if kind == bacs.KIND else "needs_response",
        "_sim": {"metadata": charge["metadata"]},
    }
    charge["disputed"] = True
    tx.save("charge", charge)
    tx.save("dispute", dispute)
    emit(world, tx, "charge.dispute.created", dispute)
    _move_money(tx, dispute, disputed)
    emit(world, tx, "charge.dispute.funds_withdrawn", dispute)
    if dispute["status"] == "lost":
        emit(world, tx, "charge.dispute.closed", dispute)
    return dispute


def _move_money(tx: Transaction, dispute: Json, amount: int) -> None:
    entry = charges.money_out(tx, dispute, amount, "adjustment")
    dispute["balance_transactions"].append(tx.get("balance_transaction", entry))
    tx.save("dispute", dispute)


def close_dispute(world: World, tx: Transaction, dispute: Json, won: bool, call: Call | None = None) -> Json:
    """The end of a dispute: won brings the money back."""
    if dispute["status"] not in OPEN:
        raise StripeError(f"This dispute is already closed: it was {dispute['status']}.")
    dispute["status"] = "won" if won else "lost"
    tx.save("dispute", dispute)
    if won:
        _move_money(tx, dispute, -dispute["amount"])
        emit(world, tx, "charge.dispute.funds_reinstated", dispute, call)
    emit(world, tx, "charge.dispute.closed", dispute, call)
    return dispute


def retrieve(world: World, tx: Transaction, call: Call) -> Answer:
    """One dispute."""
    return Answer(200, find(tx, call.path["id"]))


def update(world: World, tx: Transaction, call: Call) -> Answer:
    """Evidence or metadata; submitted evidence puts it under review."""
    dispute = find(tx, call.path["id"])
    dispute["metadata"] = merge_metadata(dispute["metadata"], call.params.get("metadata"))
    if call.params.get("evidence"):
        dispute["evidence"] |= call.params["evidence"]
        dispute["evidence_details"]["has_evidence"] = True
        if str(call.params.get("submit", "true")).lower() == "true" and dispute["status"] == "needs_response":
            dispute["status"] = "under_review"
    tx.save("dispute", dispute)
    emit(world, tx, "charge.dispute.updated", dispute, call)
    return Answer(200, dispute)


def close(world: World, tx: Transaction, call: Call) -> Answer:
    """Accept it: lost."""
    return Answer(200, close_dispute(world, tx, find(tx, call.path["id"]), won=False, call=call))


def list_all(world: World, tx: Transaction, call: Call) -> Answer:
    """Disputes newest first, by charge or payment."""
    filters = {"charge": "charge", "payment_intent": "payment_intent"}
    return listed(tx, "dispute", call, "/v1/disputes", filters)
