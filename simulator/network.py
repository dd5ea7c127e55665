"""The network's control door, our own contract: set a level, acknowledge, confirm by signed callback.

Besides ``none``, ``outgoing`` and ``full`` a level may be ``bars:`` and kinds of use, divided by commas; the order's
``restrictions`` say the same part by part. One that closes emergency calls, incoming SMS or the pay page is refused.

``PUT /network/services/{id}/restriction`` with ``{"level", "reason", "correlation_id"}`` sets a level (never a toggle)
and is idempotent by correlation id; ``GET`` tells what is in force. A newer order supersedes one still under way.

``/network/services/{id}/usage-stop`` is the same for usage that a cap stops: its level is ``stop:`` and the stopped
parts, divided by commas, and it lives apart from the restriction.
"""

from __future__ import annotations

import json
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from simulator.doors import answer_json, serve
from simulator.faults import Fault
from simulator.store import Json, Transaction
from simulator.world import World

LEVELS = ("none", "outgoing", "full")
BARS = "bars:"
ALWAYS_OPEN = ("emergency_calls", "incoming_sms", "pay_page")
STATES = ("allowed", "barred", "throttled")
# Beside its restriction, a service may have usage stopped: kept under a name of its own.
STOP = "stop:"
RESTRICTION, USAGE_STOP = "restriction", "usage-stop"
FAILURE: Json = {"title": "Internal error, as asked for.", "status": 500}
BUSY: Json = {"title": "Too many orders; try again later.", "status": 429}


class NetworkRefusal(Exception):
    """An order that cannot be taken; names the field."""

    def __init__(self, status: int, title: str, field: str = "") -> None:
        super().__init__(title)
        self.status = status
        self.body: Json = {"title": title, "field": field, "status": status}


def routes(world: World) -> list[BaseRoute]:
    """The endpoints under ``/network``."""

    async def order(request: Request) -> Response:
        strikes: dict[str, Fault] = request.state.strikes
        try:
            _authenticated(world, request)
            matter = request.url.path.rpartition("/")[2]
            given = _parsed(await request.body(), matter)
            service = str(request.path_params["id"])
            if "network_refuse" in strikes:
                raise NetworkRefusal(422, f"The network refuses the order for service {service}, as asked for.")
            body = await world.store.run(lambda tx: _order(world, tx, service, given, strikes))
        except NetworkRefusal as refusal:
            return answer_json(refusal.status, refusal.body)
        return answer_json(202, body)

    async def state(request: Request) -> Response:
        try:
            _authenticated(world, request)
        except NetworkRefusal as refusal:
            return answer_json(refusal.status, refusal.body)
        service, matter = str(request.path_params["id"]), request.url.path.rpartition("/")[2]
        return answer_json(200, await world.store.run(lambda tx: current(tx, service, matter)))

    return [
        Route(f"/services/{{id}}/{matter}", serve(world, door, FAILURE, BUSY), methods=[method])
        for matter in (RESTRICTION, USAGE_STOP)
        for method, door in (("PUT", order), ("GET", state))
    ]


def _authenticated(world: World, request: Request) -> None:
    key = world.config.network_api_key
    if key and request.headers.get("authorization") != f"Bearer {key}":
        raise NetworkRefusal(401, "The bearer key is not the network's.", "Authorization")


def _parsed(body: bytes, matter: str) -> Json:
    try:
        given = json.loads(body)
    except ValueError:
        raise NetworkRefusal(400, "The body is not JSON.") from None
    if not isinstance(given, dict) or not given.get("correlation_id"):
        raise NetworkRefusal(422, "correlation_id is required.", "correlation_id")
    if not _is_level(given.get("level"), matter):
        known = (
            f"use {', '.join(LEVELS)} or {BARS} and kinds"
            if matter == RESTRICTION
            else f"use {STOP}, {STOP}data or such"
        )
        raise NetworkRefusal(422, f"level {given.get('level')!r} is unknown; {known}.", "level")
    if matter == RESTRICTION:
        _refuse_meaning(given)
    return given


def _refuse_meaning(given: Json) -> None:
    """Whatever an order means, these stay open; single kinds come with their meaning, throttled data with its rate."""
    meaning = given.get("restrictions", {})
    if not isinstance(meaning, dict) or any(state not in STATES for state in meaning.values()):
        raise NetworkRefusal(422, f"Each part is one of {', '.join(STATES)}.", "restrictions")
    if closed := [part for part in ALWAYS_OPEN if meaning.get(part, "allowed") != "allowed"]:
        raise NetworkRefusal(422, f"{', '.join(closed)} must stay open.", f"restrictions.{closed[0]}")
    if str(given["level"]).startswith(BARS) and not meaning:
        raise NetworkRefusal(422, "Single kinds need restrictions.", "restrictions")
    rate, throttled = given.get("data_rate_kbps"), "throttled" in meaning.values()
    if throttled != isinstance(rate, int):
        raise NetworkRefusal(422, "Throttled data and its rate belong together.", "data_rate_kbps")


def _is_level(level: object, matter: str) -> bool:
    if matter != RESTRICTION:
        return isinstance(level, str) and level.startswith(STOP)
    return level in LEVELS or (isinstance(level, str) and level.startswith(BARS) and len(level) > len(BARS))


def current(tx: Transaction, service: str, matter: str = RESTRICTION) -> Json:
    """What is in force on a service, and the last order; a service never ordered has no restriction and no stop."""
    known = tx.get("network_service", _kept_as(service, matter))
    if known is not None:
        return {name: value for name, value in known.items() if name not in ("id", "_sim")}
    level = "none" if matter == RESTRICTION else STOP
    return {
        "service": service,
        "level": level,
        "requested_level": level,
        "state": "applied",
        "correlation_id": None,
        "updated_at": None,
    }


def _kept_as(service: str, matter: str) -> str:
    return service if matter == RESTRICTION else f"{service}/{matter}"


def _matter_of(level: str) -> str:
    return USAGE_STOP if level.startswith(STOP) else RESTRICTION


def _order(world: World, tx: Transaction, service: str, given: Json, strikes: dict[str, Fault]) -> Json:
    known = tx.get("network_order", given["correlation_id"])
    if known is None:
        known = _new_order(world, tx, service, given, strikes)
    elif (known["service"], known["level"]) != (service, given["level"]):
        raise NetworkRefusal(409, "This correlation_id was used for another order.", "correlation_id")
    return {
        "correlation_id": known["id"],
        "service": service,
        "level": known["level"],
        "state": known["state"],
    }


def _new_order(world: World, tx: Transaction, service: str, given: Json, strikes: dict[str, Fault]) -> Json:
    order: Json = {
        "id": given["correlation_id"],
        "service": service,
        "level": given["level"],
        "reason": given.get("reason"),
        "order": given,
        "state": "accepted",
        "received_at": tx.real_now.isoformat(),
        "business_at": tx.business_now.isoformat(),
    }
    tx.save("network_order", order)
    matter = _matter_of(order["level"])
    tx.save(
        "network_service",
        {
            "id": _kept_as(service, matter),
            **current(tx, service, matter),
            "requested_level": order["level"],
            "state": "pending",
            "correlation_id": order["id"],
            "updated_at": order["received_at"],
        },
    )
    if "network_never_confirm" not in strikes:
        late = strikes["network_delay"].seconds if "network_delay" in strikes else 0.0
        due = tx.real_now + timedelta(seconds=world.config.network_confirm_seconds + late)
        ending = "failed" if "network_fail" in strikes else "applied"
        tx.schedule("network_confirm", {"order": order["id"], "state": ending}, real=due)
    return order


def confirm(world: World, tx: Transaction, job: Json) -> None:
    """The network did it, could not, or was overtaken by a newer order: told by callback."""
    order = tx.get("network_order", job["order"])
    if order is None or order["state"] != "accepted":
        return
    service = tx.get("network_service", _kept_as(order["service"], _matter_of(order["level"]))) or {}
    newest = service.get("correlation_id") == order["id"]
    order["state"] = job["state"] if newest else "superseded"
    tx.save("network_order", order)
    if newest:
        applied = job["state"] == "applied"
        service.update(state=job["state"], updated_at=tx.real_now.isoformat())
        service["level"] = order["level"] if applied else service["level"]
        tx.save("network_service", service)
    told = {name: order[name] for name in ("service", "level", "state")}
    for url in world.webhook_urls(tx, "network"):
        world.deliveries.queue(
            tx, "network", url, f"restriction.{order['state']}", {"correlation_id": order["id"], **told}
        )
