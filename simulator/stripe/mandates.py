"""Mandates: the customer's permission to debit a bank account."""

from __future__ import annotations

from simulator.store import Json, Transaction
from simulator.stripe.events import emit
from simulator.stripe.wire import Answer, Call, StripeError, resource_missing
from simulator.world import World, new_id


def create_for(tx: Transaction, method: Json, mandate_data: Json | None, base_url: str) -> Json:
    """A new active mandate for a bank account; a later one replaces none."""
    reference = new_id("SIM", 12).upper().replace("_", "")
    acceptance = (mandate_data or {}).get("customer_acceptance") or {"type": "offline"}
    mandate: Json = {
        "id": new_id("mandate"),
        "object": "mandate",
        "customer_acceptance": {"accepted_at": tx.epoch, **acceptance},
        "livemode": False,
        "multi_use": {},
        "payment_method": method["id"],
        "payment_method_details": {
            "type": "sepa_debit",
            "sepa_debit": {"reference": reference, "url": f"{base_url}/stripe/mandates/{reference}"},
        },
        "status": "active",
        "type": "multi_use",
    }
    return tx.save("mandate", mandate)


def for_debit(tx: Transaction, method: Json, given: str | None) -> Json | None:
    """The mandate named, or the newest active one of the account; None where there is none yet.

    Refused where the mandate is not active or belongs to another method.
    """
    if given is None:
        active = tx.find("mandate", {"payment_method": method["id"], "status": "active"}, limit=1)
        if not active and tx.find("mandate", {"payment_method": method["id"]}, limit=1):
            raise _invalid("The mandate of this payment method is inactive.")
        return active[0] if active else None
    mandate = tx.get("mandate", given)
    if mandate is None:
        raise resource_missing("mandate", given, "mandate")
    if mandate["payment_method"] != method["id"]:
        raise _invalid(f"The mandate {given} belongs to another payment method.")
    if mandate["status"] != "active":
        raise _invalid(f"The mandate {given} is {mandate['status']}.")
    return mandate


def _invalid(message: str) -> StripeError:
    return StripeError(message, code="payment_intent_mandate_invalid", param="mandate")


def revoke(world: World, tx: Transaction, mandate: Json) -> Json:
    """End a mandate: the customer told the bank, or the bank ended it."""
    if mandate["status"] == "inactive":
        return mandate
    mandate["status"] = "inactive"
    tx.save("mandate", mandate)
    emit(world, tx, "mandate.updated", mandate, None, status="active")
    return mandate


def retrieve(world: World, tx: Transaction, call: Call) -> Answer:
    """One mandate."""
    mandate = tx.get("mandate", call.path["id"])
    if mandate is None:
        raise resource_missing("mandate", call.path["id"])
    return Answer(200, mandate)
