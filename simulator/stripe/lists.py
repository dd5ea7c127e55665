"""Lists by cursor, and expansion of ids into objects."""

from __future__ import annotations

from collections.abc import Mapping
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


def listed(tx: Transaction, kind: str, call: Call, url: str, filters: Mapping[str, str]) -> Answer:
    """A page of objects, newest first, by the filters the request gives (parameter name to field name)."""
    params, limit = call.params, _limit(call.params)
    where = {field: params[name] for name, field in filters.items() if params.get(name)}
    types = strings(params, "types")
    found = tx.find(
        kind,
        where,
        limit=limit + 1 if not types else 10_000,
        before=params.get("starting_after"),
        after=params.get("ending_before"),
        created=_bounds(params.get("created")),
    )
    kept = [body for body in found if not types or body.get("type") in types]
    page = kept[-limit:] if params.get("ending_before") else kept[:limit]
    return Answer(200, {"object": "list", "url": url, "has_more": len(kept) > limit, "data": page})


def _limit(params: Json) -> int:
    text = str(params.get("limit", 10))
    if not text.isdigit() or not 1 <= int(text) <= MOST:
        raise StripeError(f"Invalid limit: {text}; use 1 to {MOST}.", code="parameter_invalid_integer", param="limit")
    return int(text)


def _bounds(created: Any) -> dict[str, int]:
    if not created:
        return {}
    given = created if isinstance(created, dict) else {"gte": created, "lte": created}
    for name, bound in given.items():
        if name not in ("gt", "gte", "lt", "lte") or not str(bound).isdigit():
            raise StripeError(f"Invalid created: {name}={bound}.", code="parameter_invalid_integer", param="created")
    return {name: int(bound) for name, bound in given.items()}


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
