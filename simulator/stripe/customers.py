"""Customers."""

from __future__ import annotations

from simulator.store import Json, Transaction
from simulator.stripe.events import emit
from simulator.stripe.lists import listed
from simulator.stripe.wire import Answer, Call, merge_metadata, resource_missing
from simulator.world import World, new_id

TEXT_FIELDS = ("name", "email", "phone", "description")


def find(tx: Transaction, identity: str, param: str = "customer") -> Json:
    """The customer; refused where there is none or it was deleted."""
    customer = tx.get("customer", identity)
    if customer is None:
        raise resource_missing("customer", identity, param)
    return customer


def create(world: World, tx: Transaction, call: Call) -> Answer:
    """A new customer."""
    customer: Json = {
        "id": new_id("cus", 14),
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": tx.epoch,
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "invoice_settings": {"custom_fields": None, "default_payment_method": None, "footer": None},
        "livemode": False,
        "metadata": {},
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        **dict.fromkeys(TEXT_FIELDS),
    }
    _change(customer, call.params)
    tx.save("customer", customer)
    emit(world, tx, "customer.created", customer, call)
    return Answer(200, customer)


def update(world: World, tx: Transaction, call: Call) -> Answer:
    """Changed details of a customer."""
    customer = find(tx, call.path["id"], "id")
    _change(customer, call.params)
    tx.save("customer", customer)
    emit(world, tx, "customer.updated", customer, call)
    return Answer(200, customer)


def _change(customer: Json, params: Json) -> None:
    for name in (*TEXT_FIELDS, "preferred_locales", "address", "tax_exempt"):
        if name in params:
            customer[name] = params[name] or None
    if "invoice_settings" in params:
        customer["invoice_settings"] |= params["invoice_settings"]
    customer["metadata"] = merge_metadata(customer["metadata"], params.get("metadata"))


def retrieve(world: World, tx: Transaction, call: Call) -> Answer:
    """One customer, also a deleted one."""
    customer = tx.get("customer", call.path["id"]) or tx.get("deleted_customer", call.path["id"])
    if customer is None:
        raise resource_missing("customer", call.path["id"])
    return Answer(200, customer)


def delete(world: World, tx: Transaction, call: Call) -> Answer:
    """Delete a customer; its id answers that it was deleted."""
    customer = find(tx, call.path["id"], "id")
    gone = {"id": customer["id"], "object": "customer", "deleted": True}
    tx.execute("DELETE FROM objects WHERE kind = 'customer' AND id = ?", (customer["id"],))
    tx.save("deleted_customer", gone)
    emit(world, tx, "customer.deleted", customer, call)
    return Answer(200, gone)


def list_all(world: World, tx: Transaction, call: Call) -> Answer:
    """Customers newest first, by email."""
    return listed(tx, "customer", call, "/v1/customers", {"email": "email"})
