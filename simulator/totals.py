"""Money as the provider sees it, to be held against our ledger: what came in, what went back, what was taken back."""

from __future__ import annotations

from simulator.store import Json, Transaction

WITHOUT = "(none)"


def totals(tx: Transaction, by: str | None = None) -> Json:
    """Sums in minor units per currency, and per value of a metadata key where one is named.

    ``net`` is charged less refunded less disputed (a dispute won counts as never made); ``pending`` is still under way.
    """
    overall: dict[str, Json] = {}
    groups: dict[str, dict[str, Json]] = {}
    for name, amount, body, metadata in _movements(tx):
        places = [overall]
        if by:
            places.append(groups.setdefault(str(metadata.get(by, WITHOUT)), {}))
        for place in places:
            _add(place.setdefault(body["currency"], _nothing()), name, amount)
    return {"currencies": overall, **({"by": by, "groups": groups} if by else {})}


def _nothing() -> Json:
    return {"charged": 0, "refunded": 0, "disputed": 0, "net": 0, "pending": 0, "charges": 0}


def _add(sums: Json, name: str, amount: int) -> None:
    sums[name] += amount
    if name == "charged":
        sums["charges"] += 1
    sums["net"] = sums["charged"] - sums["refunded"] - sums["disputed"]


def _movements(tx: Transaction) -> list[tuple[str, int, Json, Json]]:
    found: list[tuple[str, int, Json, Json]] = []
    for charge in tx.find("charge", limit=1_000_000):
        name = {"succeeded": "charged", "pending": "pending"}.get(charge["status"])
        if name:
            found.append((name, charge["amount"], charge, charge["metadata"]))
    for kind, name, gone in (("refund", "refunded", ("failed", "canceled")), ("dispute", "disputed", ("won",))):
        found.extend(
            (name, body["amount"], body, body["_sim"]["metadata"])
            for body in tx.find(kind, limit=1_000_000)
            if body["status"] not in gone
        )
    return found
