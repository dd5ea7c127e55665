"""Mandates: the customer's permission to debit a bank account."""

from __future__ import annotations

from simulator.store import Json, Transaction
from simulator.stripe import bacs
from simulator.stripe.events import emit
from simulator.stripe.wire import Answer, Call, StripeError, resource_missing
from simulator.world import World, new_id


def create_for(tx: Transaction, method: Json, mandate_data: Json | None, base_url: str) -> Json:
    """A new mandate for a bank account, active at once for SEPA; a later one replaces none."""
    kind = method["type"]
    acceptance = (mandate_data or {}).get("customer_acceptance") or {"type": "offline"}
    mandate: Json = {
        "id": new_id("mandate"),
        "object": "mandate",
        "customer_acceptance": {"accepted_at": tx.epoch, **acceptance},
        "livemode": False,
        "multi_use": {},
        "payment_method": method["id"],
        "payment_method_details": {"type": kind, kind: _details(kind, base_url)},
        "status": "pending" if kind == bacs.KIND else "active",
        "type": "multi_use",
    }
    if kind == bacs.KIND:
        bacs.schedule_answer(tx, mandate)
    return tx.save("mandate", mandate)


def _details(kind: str, base_url: str) -> Json:
    if kind == bacs.KIND:
        return bacs.mandate_details(base_url)
    reference = new_id("SIM", 12).upper().replace("_", "")
    return {"reference": reference, "url": f"{base_url}/stripe/mandates/{reference}"}


def _may_be_debited(mandate: Json) -> bool:
    """An instruction that a UK bank has not answered yet may be debited; the debit waits for the answer."""
    return mandate["status"] in ("active", "pending")


def for_debit(tx: Transaction, method: Json, given: str | None) -> Json | None:
    """The mandate named, or the newest active one of the account; None where there is none yet.

    Refused where the mandate is not active or belongs to another method.
    """
    if given is None:
        found = tx.find("mandate", {"payment_method": method["id"]})
        active = [mandate for mandate in found if _may_be_debited(mandate)]
        if not active and found:
            raise _invalid("The mandate of this payment method is inactive.")
        return active[0] if active else None
    mandate = tx.get("mandate", given)
    if mandate is None:
        raise resource_missing("mandate", given, "mandate")
    if mandate["payment_method"] != method["id"]:
        raise _invalid(f"The mandate {given} belongs to another payment method.")
    if not _may_be_debited(mandate):
        raise _invalid(f"The mandate {given} is {mandate['status']}.")
    return mandate


def _invalid(message: str) -> StripeError:
    return StripeError(message, code="payment_intent_mandate_invalid", param="mandate")


def revoke(world: World, tx: Transaction, mandate: Json, reason: str = "debit_not_authorized") -> Json:
    """End a mandate: the customer told the bank, or the bank ended it; Bacs says why."""
    if mandate["status"] == "inactive":
        return mandate
    mandate["status"] = "inactive"
    if bacs.KIND in mandate["payment_method_details"]:
        details = mandate["payment_method_details"][bacs.KIND]
        details.update(network_status="revoked", revocation_reason=reason)
    tx.save("mandate", mandate)
    emit(world, tx, "mandate.updated", mandate, None, status="active")
    return mandate


def retrieve(world: World, tx: Transaction, call: Call) -> Answer:
    """One mandate."""
    mandate = tx.get("mandate", call.path["id"])
    if mandate is None:
        raise resource_missing("mandate", call.path["id"])
    return Answer(200, mandate)
