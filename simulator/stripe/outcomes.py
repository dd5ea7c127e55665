"""What becomes of an attempt: a story's script first, then the test value's own behaviour.

A script belongs to a payment method, a customer, or a metadata entry (``metadata.account_id``) of the payment, the
method or the customer, and is used up outcome by outcome. An outcome is a word (``succeed``, a decline or debit failure
code, ``authentication_required``, ``dispute``) or an object with ``outcome`` and optionally ``business_days`` (until a
direct debit settles) and ``reason`` (of a dispute).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from simulator.store import Json, Transaction
from simulator.stripe import bacs
from simulator.stripe.test_values import AUTHENTICATE, DEBIT_FAILURES, DECLINES, DISPUTE, SUCCEED


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one attempt ends; ``business_days`` None means the configured settlement time."""

    outcome: str = SUCCEED
    business_days: int | None = None
    reason: str = "fraudulent"
    delayed: bool = False

    @property
    def as_json(self) -> Json:
        """The outcome as it is kept with a charge until it settles."""
        return asdict(self)


KNOWN_OUTCOMES = frozenset({SUCCEED, DISPUTE, AUTHENTICATE, *DECLINES, *DEBIT_FAILURES, *bacs.FAILURES})


def read_outcome(value: Any) -> Outcome:
    """An outcome from a script.

    Raises ``ValueError`` naming an unknown word and the known ones.
    """
    body = value if isinstance(value, dict) else {"outcome": value}
    if body.get("outcome") not in KNOWN_OUTCOMES:
        raise ValueError(f"outcome {body.get('outcome')!r} is unknown; use one of {', '.join(sorted(KNOWN_OUTCOMES))}.")
    days = body.get("business_days")
    return Outcome(
        str(body["outcome"]),
        None if days is None else int(days),
        str(body.get("reason", "fraudulent")),
    )


def write_script(tx: Transaction, subject: str, outcomes: list[Any], repeat_last: bool) -> Json:
    """Keep the coming outcomes of a subject such as ``payment_method:pm_1`` or ``metadata.account_id:42``."""
    for value in outcomes:
        read_outcome(value)
    return tx.save("script", {"id": subject, "outcomes": outcomes, "repeat_last": repeat_last})


def decide(tx: Transaction, method: Json, intent: Json) -> Outcome:
    """The outcome of this attempt; takes it off the script where there is one."""
    scripted = _take_from_script(tx, method, intent)
    if scripted is not None:
        return scripted
    behaviour = method["_sim"]
    if method["type"] == "card" and _has_expired(tx, method["card"]):
        return Outcome("expired_card")
    return Outcome(
        behaviour.get("outcome", SUCCEED),
        reason=behaviour.get("dispute_reason", "fraudulent"),
        delayed=behaviour.get("delayed", False),
    )


def _take_from_script(tx: Transaction, method: Json, intent: Json) -> Outcome | None:
    for subject in _subjects(tx, method, intent):
        script = tx.get("script", subject)
        if script is None or not script["outcomes"]:
            continue
        value = script["outcomes"][0]
        if len(script["outcomes"]) > 1 or not script["repeat_last"]:
            script["outcomes"] = script["outcomes"][1:]
            tx.save("script", script)
        return read_outcome(value)
    return None


def _subjects(tx: Transaction, method: Json, intent: Json) -> Iterator[str]:
    customer_id = intent.get("customer") or method.get("customer")
    customer = tx.get("customer", customer_id) if customer_id else None
    yield f"payment_method:{method['id']}"
    yield f"customer:{customer_id}"
    for owner in (intent, method, customer or {}):
        for name, value in (owner.get("metadata") or {}).items():
            yield f"metadata.{name}:{value}"


def _has_expired(tx: Transaction, card: Json) -> bool:
    return (card["exp_year"], card["exp_month"]) < (tx.business_now.year, tx.business_now.month)
