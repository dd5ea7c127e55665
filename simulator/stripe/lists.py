"""Lists by cursor, and expansion of ids into objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from simulator.store import Json, Transaction
from simulator.stripe.wire import Answer, Call, StripeError, strings

KINDS = {
    "cus": "customer",
    "pm": "payment_method",
    "seti": "setup_intent",
    "mandate": "mandate",
    "pi": "payment_intent",
    "ch": "charge",
    "py": "charge",
    "re": "refund",
    "du": "dispute",
    "cs": "checkout_session",
    "evt": "event",
    "txn": "balance_transaction",
}

MOST = 100


def listed(
    tx: Transaction,
    kind: str,
    call: Call,
    url: str,
    filters: Mapping[str, str],
    keep: Callable[[Json], bool] | None = None,
) -> Answer:
    """A page of objects, newest first, by the filters the request gives (parameter name to field name)."""
    limit = _limit(call.params)
    where = {field: call.params[name] for name, field in filters.items() if call.params.get(name)}
    found = [
        body
        for body in tx.find(
            kind, where, before=call.params.get("starting_after"), after=call.params.get("ending_before")
        )
        if _in_time(body, call.params.get("created")) and _of_types(body, call.params) and (keep is None or keep(body))
    ]
    page = found[-limit:] if call.params.get("ending_before") else found[:limit]
    return Answer(200, {"object": "list", "url": url, "has_more": len(found) > limit, "data": page})


def _limit(params: Json) -> int:
    text = str(params.get("limit", 10))
    if not text.isdigit() or not 1 <= int(text) <= MOST:
        raise StripeError(f"Invalid limit: {text}; use 1 to {MOST}.", code="parameter_invalid_integer", param="limit")
    return int(text)


def _in_time(body: Json, created: Any) -> bool:
    if not created:
        return True
    bounds = created if isinstance(created, dict) else {"gte": created, "lte": created}
    tests: dict[str, Callable[[int, int], bool]] = {
        "gt": int.__gt__,
        "gte": int.__ge__,
        "lt": int.__lt__,
        "lte": int.__le__,
    }
    return all(tests[name](int(body["created"]), int(bound)) for name, bound in bounds.items() if name in tests)


def _of_types(body: Json, params: Json) -> bool:
    types = strings(params, "types")
    return not types or body.get("type") in types


def expand(tx: Transaction, body: Json, paths: list[str]) -> Json:
    """The body with the ids on the given dotted paths replaced by their objects."""
    for path in paths:
        _expand(tx, body, path.split("."))
    return body


def _expand(tx: Transaction, place: Any, parts: list[str]) -> None:
    if isinstance(place, list):
        for element in place:
            _expand(tx, element, parts)
        return
    if not isinstance(place, dict) or not parts or place.get(parts[0]) is None:
        return
    value = place[parts[0]]
    if isinstance(value, str):
        kind = KINDS.get(value.rsplit("_", 1)[0].removesuffix("_test"))
        found = tx.get(kind, value) if kind else None
        if found is None:
            return
        place[parts[0]] = found
    _expand(tx, place[parts[0]], parts[1:])
