"""Stripe's objects as the port's records. All take plain dicts (``to_dict``), since SDK objects are none."""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime
from typing import Any

from billing.adapters.stripe.failures import RETURN_CATEGORIES, failed
from billing.messages.payments import MethodKind
from billing.ports.payment_provider import (
    ActionRequired,
    Cancelled,
    DisputeFact,
    MethodFacts,
    Movement,
    MovementKind,
    Outcome,
    Pending,
    ProviderEvent,
    ProviderPayment,
    Receipt,
    RefundFact,
    Succeeded,
    Unknown,
)

Json = dict[str, Any]
# An inquiry moves no money, and a prevented dispute never took any.
_NO_MONEY_MOVED = frozenset({"warning_needs_response", "warning_under_review", "warning_closed", "prevented"})

# The movements of a balance that are a customer's payment: by card, and by every other method.
MONEY_IN = frozenset({"charge", "payment"})


def identity_of(value: Any) -> str:
    """The id of a reference that may be expanded."""
    return str(value["id"] if isinstance(value, dict) else value or "")


def payment(intent: Json, refunds: list[Json], disputes: list[Json]) -> ProviderPayment:
    """A payment intent with its refunds and disputes."""
    charge = intent.get("latest_charge")
    kind = (charge.get("payment_method_details") or {}).get("type", "") if isinstance(charge, dict) else ""
    facts = tuple(dispute_fact(one, kind) for one in disputes if one["status"] not in _NO_MONEY_MOVED)
    return ProviderPayment(
        outcome=outcome(intent),
        reference=intent["id"],
        provider_customer=identity_of(intent.get("customer")),
        provider_method=identity_of(intent.get("payment_method")),
        refunds=tuple(refund_fact(one) for one in refunds),
        disputes=facts,
    )


def outcome(intent: Json) -> Outcome:
    """Where a payment intent stands."""
    status, error = intent["status"], intent.get("last_payment_error")
    if status == "succeeded":
        return Succeeded(int(intent["amount_received"]), str(intent["currency"]).upper())
    if status == "processing":
        return Pending()
    if status == "canceled":
        return Cancelled()
    if status == "requires_payment_method" and error:
        return failed(error)
    if status in ("requires_payment_method", "requires_confirmation", "requires_action"):
        return ActionRequired(status)
    return Unknown(f"Stripe says {status}")


def refund_fact(refund: Json) -> RefundFact:
    """A refund; money counts as given back as soon as it left us."""
    status = {"succeeded": "succeeded", "failed": "failed", "canceled": "failed"}.get(refund["status"], "pending")
    asked_as = (refund.get("metadata") or {}).get("refund_id", "")
    return RefundFact(refund["id"], int(refund["amount"]), str(refund["currency"]).upper(), status, asked_as)


def dispute_fact(dispute: Json, charge_kind: str) -> DisputeFact:
    """A chargeback; on a bank debit some reasons are plain returns. A Bacs claim is final: its payer is guaranteed."""
    standing = {"won": "won", "lost": "lost"}.get(dispute["status"], "open")
    is_debit = charge_kind in ("sepa_debit", "bacs_debit")
    category = RETURN_CATEGORIES.get(dispute["reason"]) if is_debit else None
    currency = str(dispute["currency"]).upper()
    is_final = charge_kind == "bacs_debit" and category is None
    return DisputeFact(dispute["id"], int(dispute["amount"]), currency, dispute["reason"], standing, category, is_final)


def method_facts(method: Json, mandate: Json | None) -> MethodFacts:
    """A payment method with its mandate."""
    kind = MethodKind(method["type"])
    own = method[method["type"]]
    details = ((mandate or {}).get("payment_method_details") or {}).get(kind.value) or {}
    return MethodFacts(
        provider_method=method["id"],
        kind=kind,
        label=own.get("brand") or own.get("bank_code") or own.get("sort_code") or "",
        last_four=own.get("last4") or "",
        expires_on=_last_day(own) if kind == MethodKind.CARD else None,
        provider_customer=identity_of(method.get("customer")),
        provider_mandate=identity_of(mandate),
        mandate_reference=details.get("reference") or "",
        mandate_status=(mandate or {}).get("status") or "",
        mandate_ended_by=details.get("revocation_reason") or "",
        creditor_id=details.get("service_user_number") or "",
        fingerprint=own.get("fingerprint") or "",
    )


def _last_day(card: Json) -> date:
    year, month = int(card["exp_year"]), int(card["exp_month"])
    return date(year, month, calendar.monthrange(year, month)[1])


def receipt(charge: Json) -> Receipt:
    """A charge whose money came in, by the payment intent it was made for."""
    return Receipt(
        account_id=(charge.get("metadata") or {}).get("account_id", ""),
        reference=identity_of(charge.get("payment_intent")) or charge["id"],
        amount_minor=int(charge["amount_captured"]),
        currency=str(charge["currency"]).upper(),
    )


_MOVED = {
    "refund": MovementKind.REFUND,
    "payment_refund": MovementKind.REFUND,
    "refund_failure": MovementKind.REFUND_FAILED,
    "payment_failure_refund": MovementKind.REFUND_FAILED,
}
MOVEMENTS = frozenset({*MONEY_IN, *_MOVED, "adjustment", "stripe_fee"})


def movement(entry: Json) -> Movement | None:
    """A movement of the balance with its expanded source; None for one that is about no payment, such as a payout."""
    source = entry.get("source")
    at = datetime.fromtimestamp(int(entry["created"]), UTC)
    fee = (int(entry.get("fee") or 0), str(entry["currency"]).upper())
    if entry["type"] == "stripe_fee":
        return Movement(MovementKind.FEE, entry["id"], "", -int(entry["amount"]), fee[1], at)
    if not isinstance(source, dict):
        return None
    currency = str(source["currency"]).upper()
    if entry["type"] in MONEY_IN:
        taken = receipt(source)
        return Movement(
            MovementKind.CHARGE,
            taken.reference,
            taken.reference,
            taken.amount_minor,
            currency,
            at,
            taken.account_id,
            *fee,
        )
    kind = _MOVED.get(entry["type"])
    if kind is None:
        if source.get("object") != "dispute":
            return None
        kind = MovementKind.DISPUTE if int(entry["amount"]) < 0 else MovementKind.DISPUTE_WON
    about = identity_of(source.get("payment_intent")) or identity_of(source.get("charge"))
    return Movement(kind, source["id"], about, int(source["amount"]), currency, at, "", *fee)


def event(body: Json) -> ProviderEvent:
    """An event as a hint: whose, about what. Names and addresses in it are left behind."""
    subject = body["data"]["object"]
    metadata = subject.get("metadata") or {}
    related = [subject.get("id")] + [subject.get(name) for name in ("payment_intent", "charge", "payment_method")]
    return ProviderEvent(
        event_id=body["id"],
        kind=body["type"],
        object_id=str(subject.get("id") or ""),
        created_at=datetime.fromtimestamp(int(body["created"]), UTC),
        account_id=metadata.get("account_id", ""),
        attempt_id=metadata.get("attempt_id", ""),
        references=tuple(identity_of(one) for one in related if one),
        mandate_status=subject.get("status", "") if subject.get("object") == "mandate" else "",
        payload={
            name: subject[name] for name in ("object", "status", "amount", "currency", "reason") if name in subject
        },
    )
