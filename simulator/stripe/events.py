"""Events: every change of an object, kept, listed, and sent signed to the addresses that listen."""

from __future__ import annotations

from simulator.store import Json, Transaction
from simulator.stripe.lists import listed
from simulator.stripe.wire import Answer, Call, public, resource_missing
from simulator.world import World, new_id

API_VERSION = "2026-10-28.endive"


def emit(world: World, tx: Transaction, kind: str, body: Json, call: Call | None = None, **previous: object) -> Json:
    """Record an event with a snapshot of the object and queue its deliveries."""
    urls = world.webhook_urls(tx, "stripe")
    data: Json = {"object": public(body)}
    if previous:
        data["previous_attributes"] = previous
    event: Json = {
        "id": new_id("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": tx.epoch,
        "data": data,
        "livemode": False,
        "pending_webhooks": len(urls),
        "request": {
            "id": call.request_id if call else None,
            "idempotency_key": call.idempotency_key if call else None,
        },
        "type": kind,
    }
    tx.save("event", event)
    for url in urls:
        world.deliveries.queue(tx, "stripe", url, kind, event)
    return event


def retrieve(world: World, tx: Transaction, call: Call) -> Answer:
    """One event."""
    event = tx.get("event", call.path["id"])
    if event is None:
        raise resource_missing("event", call.path["id"])
    return Answer(200, event)


def list_all(world: World, tx: Transaction, call: Call) -> Answer:
    """Events newest first, by type, types and time."""
    return listed(tx, "event", call, "/v1/events", {"type": "type"})
