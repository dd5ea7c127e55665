"""The control API for stories, tests and the demo: everything the real world does without being asked by us.

JSON in, JSON out; a request that cannot be used is answered 422 with the field and the way out.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from simulator import sendgrid, twilio, twilio_content
from simulator.bank import life, outcomes
from simulator.business_time import segment_as_json, segment_from_json
from simulator.doors import answer_json
from simulator.store import Json, Transaction
from simulator.stripe import bacs, charges, checkout, customers, disputes, mandates, payment_methods, refunds
from simulator.stripe.outcomes import write_script
from simulator.stripe.wire import Call, StripeError, public
from simulator.totals import totals
from simulator.world import World

Work = Callable[[World, Transaction, Json], Any]
WEBHOOK_NAMES = ("stripe", "sendgrid", "network", "twilio_incoming")


class NotThere(ValueError):
    """Nothing is known under that id."""


def routes(world: World) -> list[BaseRoute]:
    """The endpoints under ``/_control``."""

    def door(work: Work) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            try:
                given = await _given(request)
                return answer_json(200, public(await world.store.run(lambda tx: work(world, tx, given))))
            except StripeError as refusal:
                return answer_json(refusal.status, refusal.body)
            except NotThere as problem:
                return answer_json(404, {"error": str(problem)})
            except (ValueError, KeyError, TypeError) as problem:
                text = f"{problem.args[0]} is required." if isinstance(problem, KeyError) else str(problem)
                return answer_json(422, {"error": text})

        return answer

    return [Route(path, door(work), methods=[method]) for method, path, work in _ENDPOINTS]


async def _given(request: Request) -> Json:
    body = await request.body()
    given = json.loads(body) if body else {}
    if not isinstance(given, dict):
        raise ValueError("The body must be a JSON object.")
    return {**dict(request.query_params), **given, **request.path_params}


def _state(world: World, tx: Transaction, given: Json) -> Json:
    kinds = tx.execute("SELECT kind, count(*) FROM objects GROUP BY kind ORDER BY kind").fetchall()
    jobs = tx.execute("SELECT kind, count(*) FROM jobs GROUP BY kind").fetchall()
    return {
        "business_time": tx.business_now.isoformat(),
        "real_time": tx.real_now.isoformat(),
        "clock": segment_as_json(tx.business_time.segment),
        "objects": dict(kinds),
        "jobs": dict(jobs),
        "webhooks": {name: world.webhook_urls(tx, name) for name in WEBHOOK_NAMES},
        "faults": len(world.faults.rules),
    }


def _reset(world: World, tx: Transaction, given: Json) -> Json:
    tx.clear()
    world.faults.remove()
    return {"reset": True}


def _clock(world: World, tx: Transaction, given: Json) -> Json:
    segment = segment_from_json(given)
    tx.keep("clock", segment_as_json(segment))
    tx.keep("last_seen", tx.real_now.timestamp())
    world.store.business_time.segment = segment
    tx.scheduled = True
    return {**segment_as_json(segment), "business_time": segment.business(tx.real_now).isoformat()}


def _set_webhooks(world: World, tx: Transaction, given: Json) -> Json:
    for name, urls in given.items():
        if name not in WEBHOOK_NAMES:
            raise ValueError(f"{name} is unknown; use {', '.join(WEBHOOK_NAMES)}.")
        if not isinstance(urls, str | list):
            raise ValueError(f"{name} must be an address or a list of addresses.")
    kept = {**(tx.setting("webhooks") or {}), **given}
    tx.keep("webhooks", kept)
    return {name: world.webhook_urls(tx, name) for name in WEBHOOK_NAMES}


def _script(world: World, tx: Transaction, given: Json) -> Json:
    if str(given["subject"]).startswith("bank:"):
        return outcomes.write_bank_script(
            tx, given["subject"], _list(given, "outcomes"), bool(given.get("repeat_last", False))
        )
    return write_script(tx, given["subject"], _list(given, "outcomes"), bool(given.get("repeat_last", False)))


def _list(given: Json, name: str) -> list[Any]:
    value = given[name]
    if not isinstance(value, list):
        raise ValueError(f"{name} must be a list.")
    return value


def _charge(tx: Transaction, given: Json) -> Json:
    identity = given.get("charge")
    if not identity:
        intent = tx.get("payment_intent", given["payment_intent"]) or {}
        identity = intent.get("latest_charge")
    charge = tx.get("charge", identity or "")
    if charge is None:
        raise NotThere(f"No charge {identity or given.get('payment_intent')}; give charge or payment_intent.")
    if charge["status"] != "succeeded":
        raise ValueError(f"charge {charge['id']} is {charge['status']}: only money that came in can be taken back.")
    return charge


def _dispute(world: World, tx: Transaction, given: Json) -> Json:
    charge, amount = _charge(tx, given), given.get("amount")
    return disputes.open_dispute(
        world, tx, charge, given.get("reason", "fraudulent"), None if amount is None else int(amount)
    )


def _close_dispute(world: World, tx: Transaction, given: Json) -> Json:
    if given.get("outcome") not in ("won", "lost"):
        raise ValueError("outcome must be won or lost.")
    dispute = disputes.find(tx, given["id"])
    return disputes.close_dispute(world, tx, dispute, given["outcome"] == "won")


def _refund(world: World, tx: Transaction, given: Json) -> Json:
    params = {"charge": _charge(tx, given)["id"]}
    if given.get("amount") is not None:
        params["amount"] = str(given["amount"])
    return refunds.create(world, tx, Call(params=params)).body


def _revoke(world: World, tx: Transaction, given: Json) -> Json:
    where = {"id": given["mandate"]} if given.get("mandate") else {"payment_method": given["payment_method"]}
    found = tx.find("mandate", where)
    if not found:
        raise NotThere(f"No mandate {given.get('mandate') or 'of ' + given['payment_method']}.")
    if given.get("fail_pending"):
        _fail_pending(tx, found)
    reason = str(given.get("reason", "debit_not_authorized"))
    return {"mandates": [mandates.revoke(world, tx, mandate, reason) for mandate in found]}


def _fail_pending(tx: Transaction, revoked: list[Json]) -> None:
    for mandate in revoked:
        kind = mandate["payment_method_details"]["type"]
        where = {f"payment_method_details.{kind}.mandate": mandate["id"], "status": "pending"}
        for charge in tx.find("charge", where):
            charge["_sim"]["outcome"]["outcome"] = "debit_not_authorized"
            tx.save("charge", charge)


def _update_card(world: World, tx: Transaction, given: Json) -> Json:
    method = payment_methods.find(tx, given.pop("id"))
    if given.get("fingerprint"):
        return payment_methods.set_fingerprint(tx, method, str(given["fingerprint"]))
    unknown = set(given) - {"exp_month", "exp_year", "last4", "outcome"}
    if unknown or method["type"] != "card":
        raise ValueError("Give exp_month, exp_year, last4 or outcome of a card.")
    return payment_methods.replace_card(world, tx, method, given)


def _settle(world: World, tx: Transaction, given: Json) -> Json:
    rows = tx.execute("SELECT id, body FROM jobs WHERE kind = 'settle_debit' ORDER BY id").fetchall()
    settled = []
    for number, text in rows:
        body = json.loads(text)
        if given.get("payment_intent") in (None, body["intent"]):
            tx.execute("DELETE FROM jobs WHERE id = ?", (number,))
            checkout.settle_debit(world, tx, body)
            settled.append(body["intent"])
    return {"settled": settled}


def _seed(world: World, tx: Transaction, given: Json) -> Json:
    return {"customers": [_seed_customer(world, tx, wanted) for wanted in _list(given, "customers")]}


def _seed_customer(world: World, tx: Transaction, wanted: Json) -> Json:
    names = ("name", "email", "phone", "metadata")
    customer = customers.create(world, tx, Call(params={name: wanted[name] for name in names if name in wanted})).body
    made: Json = {"customer": customer["id"], "payment_method": None, "mandate": None}
    if wanted.get("iban"):
        owner = {"name": wanted.get("name") or "Jenny Rosen", "email": wanted.get("email")}
        details = {"type": "sepa_debit", "sepa_debit": {"iban": wanted["iban"]}, "billing_details": owner}
        method = payment_methods.build(tx, details)
        made["mandate"] = mandates.create_for(tx, method, None, world.config.base_url)["id"]
    elif wanted.get("payment_method"):
        method = payment_methods.find(tx, wanted["payment_method"])
    else:
        return made
    made["payment_method"] = payment_methods.attach_to(world, tx, method, customer["id"], None)["id"]
    if wanted.get("script"):
        write_script(tx, f"payment_method:{made['payment_method']}", wanted["script"], False)
    return made


def _totals(world: World, tx: Transaction, given: Json) -> Json:
    return totals(tx, given.get("by"))


def _faults(world: World, tx: Transaction, given: Json) -> Json:
    return {"faults": world.faults.as_json()}


def _add_fault(world: World, tx: Transaction, given: Json) -> Json:
    rule = world.faults.add(given)
    kept = world.faults.as_json()
    tx.keep("faults", kept)
    return next(one for one in kept if one["id"] == rule.id)


def _clear_faults(world: World, tx: Transaction, given: Json) -> Json:
    world.faults.remove(given.get("id"))
    tx.keep("faults", world.faults.as_json())
    return {"faults": world.faults.as_json()}


def _deliveries(world: World, tx: Transaction, given: Json) -> Json:
    where = {name: given[name] for name in ("vendor", "state", "event_type") if given.get(name)}
    return {"deliveries": tx.find("delivery", where, limit=int(given.get("limit", 100)))}


def _resend(world: World, tx: Transaction, given: Json) -> Json:
    if not world.deliveries.resend(tx, given["id"]):
        raise NotThere(f"No delivery {given['id']}.")
    return {"resent": given["id"]}


def _sms_script(world: World, tx: Transaction, given: Json) -> Json:
    return twilio.read_delivery_script(tx, given["to"], _list(given, "deliveries"))


def _incoming(world: World, tx: Transaction, given: Json) -> Json:
    return twilio.receive(world, tx, given["from"], given.get("to", "+15005550006"), given["body"])


def _content(world: World, tx: Transaction, given: Json) -> Json:
    return twilio_content.read_template(tx, given)


def _email_event(world: World, tx: Transaction, given: Json) -> Json:
    email = tx.get("email", given["id"])
    if email is None:
        raise NotThere(f"No email {given['id']}; /inbox.json lists them.")
    sendgrid.happen(world, tx, {"email": email["id"], "event": given["event"]})
    return {"email": email["id"], "event": given["event"]}


def _public_key(world: World, tx: Transaction, given: Json) -> Json:
    return {"public_key": world.signer.sendgrid_public_key}


def _orders(world: World, tx: Transaction, given: Json) -> Json:
    return {"orders": tx.find("network_order", {"service": given["service"]} if given.get("service") else None)}


def _charges_of(world: World, tx: Transaction, given: Json) -> Json:
    return charges.find(tx, given["id"])


_ENDPOINTS: tuple[tuple[str, str, Work], ...] = (
    ("GET", "/state", _state),
    ("POST", "/reset", _reset),
    ("POST", "/seed", _seed),
    ("POST", "/clock", _clock),
    ("PUT", "/webhooks", _set_webhooks),
    ("POST", "/scripts", _script),
    ("POST", "/disputes", _dispute),
    ("POST", "/disputes/{id}/close", _close_dispute),
    ("POST", "/refunds", _refund),
    ("POST", "/mandates/revoke", _revoke),
    ("POST", "/mandates/decide", bacs.answer_mandates),
    ("POST", "/payment-methods/{id}/update", _update_card),
    ("POST", "/settle", _settle),
    ("GET", "/charges/{id}", _charges_of),
    ("GET", "/totals", _totals),
    ("GET", "/faults", _faults),
    ("POST", "/faults", _add_fault),
    ("DELETE", "/faults", _clear_faults),
    ("DELETE", "/faults/{id}", _clear_faults),
    ("GET", "/deliveries", _deliveries),
    ("POST", "/deliveries/{id}/resend", _resend),
    ("POST", "/twilio/outcomes", _sms_script),
    ("POST", "/twilio/incoming", _incoming),
    ("POST", "/twilio/contents", _content),
    ("POST", "/sendgrid/events", _email_event),
    ("GET", "/sendgrid/public-key", _public_key),
    ("GET", "/network/orders", _orders),
    ("POST", "/bank/transfers", life.a_transfer),
    ("POST", "/bank/returns", life.a_return),
)
