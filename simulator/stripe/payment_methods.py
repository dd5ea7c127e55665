"""Payment methods: test cards and test bank accounts, attached to customers and detached from them."""

from __future__ import annotations

import hashlib
from typing import Any

from simulator.store import Json, Transaction
from simulator.stripe import bacs, customers
from simulator.stripe.events import emit
from simulator.stripe.lists import listed
from simulator.stripe.test_values import (
    CARDS_BY_NAME,
    CARDS_BY_NUMBER,
    IBANS,
    IBANS_BY_NAME,
    UNSUPPORTED_ENDINGS,
    TestAccount,
    TestCard,
    is_iban,
)
from simulator.stripe.wire import Answer, Call, StripeError, merge_metadata, required, resource_missing
from simulator.world import World, new_id


def find(tx: Transaction, identity: str, param: str = "payment_method") -> Json:
    """The method of that id; a documented test id (``pm_card_visa``) makes a new one, as the vendor does."""
    method = tx.get("payment_method", identity)
    if method is not None:
        return method
    card = CARDS_BY_NAME.get(identity.removeprefix("pm_card_"))
    if card is not None and identity.startswith("pm_card_"):
        return tx.save("payment_method", _new_card(tx, card))
    iban = IBANS_BY_NAME.get(identity.removeprefix("pm_sepaDebit_"))
    if iban is not None and identity.startswith("pm_sepaDebit_"):
        return tx.save("payment_method", _new_account(tx, iban))
    number = bacs.NUMBERS_BY_NAME.get(identity.removeprefix("pm_bacsDebit_"))
    if number is not None and identity.startswith("pm_bacsDebit_"):
        return tx.save("payment_method", _new_uk_account(tx, bacs.SORT_CODE, number))
    raise resource_missing("PaymentMethod", identity, param)


def build(tx: Transaction, params: Json) -> Json:
    """A new method from ``type`` and its details, kept but attached to nobody."""
    kind = required(params, "type")
    if kind == "card":
        method = _card_from(tx, params.get("card") or {})
    elif kind == "sepa_debit":
        method = _account_from(tx, params)
    elif kind == bacs.KIND:
        method = _new_uk_account(tx, *bacs.account_details(params))
    else:
        raise StripeError(f"Invalid type: {kind}; the simulator knows card, sepa_debit and bacs_debit.", param="type")
    method["billing_details"] |= params.get("billing_details") or {}
    method["metadata"] = merge_metadata({}, params.get("metadata"))
    return tx.save("payment_method", method)


def _card_from(tx: Transaction, details: Json) -> Json:
    if "token" in details:
        card = CARDS_BY_NAME.get(str(details["token"]).removeprefix("tok_"))
        if card is None:
            raise resource_missing("token", details["token"], "card[token]")
        return _new_card(tx, card)
    number = str(required(details, "number")).replace(" ", "")
    card = CARDS_BY_NUMBER.get(number)
    if card is None:
        raise StripeError(
            "Your card was declined. Your request was in test mode, but used a non test card.",
            status=402,
            kind="card_error",
            code="card_declined",
            decline_code="test_mode_live_card",
            param="card[number]",
        )
    return _new_card(tx, card, int(details.get("exp_month") or 12), int(details.get("exp_year") or 0))


def _account_from(tx: Transaction, params: Json) -> Json:
    iban = str(required(params.get("sepa_debit") or {}, "iban")).replace(" ", "").upper()
    if not is_iban(iban):
        raise StripeError(
            f"The IBAN you provided is invalid: {iban[:4]}...",
            code="invalid_bank_account_iban",
            param="sepa_debit[iban]",
        )
    for ending, code in UNSUPPORTED_ENDINGS.items():
        if iban.endswith(ending):
            raise StripeError("This bank account cannot be debited by SEPA.", code=code, param="sepa_debit[iban]")
    if not (params.get("billing_details") or {}).get("name"):
        raise StripeError(
            "A name is required for SEPA Direct Debit.", code="parameter_missing", param="billing_details[name]"
        )
    return _new_account(tx, iban)


def _new(tx: Transaction, kind: str, details: Json, behaviour: Json) -> Json:
    return {
        "id": new_id("pm"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": {"address": None, "email": None, "name": None, "phone": None},
        kind: details,
        "created": tx.epoch,
        "customer": None,
        "livemode": False,
        "metadata": {},
        "type": kind,
        "_sim": behaviour,
    }


def _new_card(tx: Transaction, card: TestCard, exp_month: int = 12, exp_year: int = 0) -> Json:
    details: Json = {
        "brand": card.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "US",
        "display_brand": card.brand,
        "exp_month": exp_month,
        "exp_year": exp_year or tx.business_now.year + 4,
        "fingerprint": _fingerprint(card.number),
        "funding": card.funding,
        "generated_from": None,
        "last4": card.number[-4:],
        "networks": {"available": [card.brand], "preferred": None},
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }
    behaviour = {
        "outcome": card.outcome,
        "authenticate": card.authenticate,
        "dispute_reason": card.dispute_reason,
        "set_up": False,
    }
    return _new(tx, "card", details, behaviour)


def _new_account(tx: Transaction, iban: str) -> Json:
    account = IBANS.get(iban, TestAccount())
    details: Json = {
        "bank_code": iban[4:12],
        "branch_code": "",
        "country": iban[:2],
        "fingerprint": _fingerprint(iban),
        "generated_from": {"charge": None, "setup_attempt": None},
        "last4": iban[-4:],
    }
    method = _new(tx, "sepa_debit", details, {"outcome": account.outcome, "delayed": account.delayed})
    method["billing_details"]["name"] = "Jenny Rosen"
    return method


def _new_uk_account(tx: Transaction, sort_code: str, number: str) -> Json:
    written = "-".join((sort_code[:2], sort_code[2:4], sort_code[4:]))
    details = {"fingerprint": _fingerprint(sort_code + number), "last4": number[-4:], "sort_code": written}
    method = _new(tx, bacs.KIND, details, bacs.behaviour(number))
    method["billing_details"]["name"] = "Jenny Rosen"
    return method


def _fingerprint(number: str) -> str:
    """A new one each time: everybody here has the same few numbers, and a story's cards must not be one card."""
    return hashlib.sha256(f"{number} {new_id('fp')}".encode()).hexdigest()[:16]


def usable_by(tx: Transaction, method: Json, customer: str | None) -> None:
    """Refuse a method that belongs to somebody else or was detached."""
    if method["customer"] and method["customer"] != customer:
        raise StripeError(
            f"The payment method {method['id']} does not belong to the customer {customer}.", param="payment_method"
        )
    if method["_sim"].get("detached"):
        raise StripeError(
            "The provided PaymentMethod was detached from a Customer. It may not be used again.",
            code="payment_method_unexpected_state",
            param="payment_method",
        )


def attach_to(world: World, tx: Transaction, method: Json, customer: str, call: Call | None) -> Json:
    """Give the method to a customer; again is no change."""
    usable_by(tx, method, customer)
    if method["customer"] == customer:
        return method
    method["customer"] = customers.find(tx, customer)["id"]
    tx.save("payment_method", method)
    emit(world, tx, "payment_method.attached", method, call)
    return method


def create(world: World, tx: Transaction, call: Call) -> Answer:
    """A new method."""
    return Answer(200, build(tx, call.params))


def retrieve(world: World, tx: Transaction, call: Call) -> Answer:
    """One method."""
    return Answer(200, find(tx, call.path["id"], "id"))


def update(world: World, tx: Transaction, call: Call) -> Answer:
    """Changed billing details, expiry or metadata."""
    method = find(tx, call.path["id"], "id")
    method["billing_details"] |= call.params.get("billing_details") or {}
    for name, value in (call.params.get("card") or {}).items():
        method["card"][name] = int(value)
    method["metadata"] = merge_metadata(method["metadata"], call.params.get("metadata"))
    return Answer(200, tx.save("payment_method", method))


def attach(world: World, tx: Transaction, call: Call) -> Answer:
    """Attach to a customer."""
    method = find(tx, call.path["id"], "id")
    return Answer(200, attach_to(world, tx, method, required(call.params, "customer"), call))


def detach(world: World, tx: Transaction, call: Call) -> Answer:
    """Detach for ever."""
    method = find(tx, call.path["id"], "id")
    previous = method["customer"]
    if previous is None:
        raise StripeError("The payment method you provided is not attached to a customer so detachment is impossible.")
    method["customer"] = None
    method["_sim"]["detached"] = True
    tx.save("payment_method", method)
    emit(world, tx, "payment_method.detached", method, call, customer=previous)
    return Answer(200, method)


def list_all(world: World, tx: Transaction, call: Call) -> Answer:
    """Methods of a customer, newest first."""
    call.params["customer"] = call.path.get("id") or call.params.get("customer")
    return listed(tx, "payment_method", call, "/v1/payment_methods", {"customer": "customer", "type": "type"})


def set_fingerprint(tx: Transaction, method: Json, fingerprint: str) -> Json:
    """Make a method the same card or bank account as others with this fingerprint."""
    method[method["type"]]["fingerprint"] = fingerprint
    return tx.save("payment_method", method)


def replace_card(world: World, tx: Transaction, method: Json, changes: dict[str, Any]) -> Json:
    """The issuer sent new details: expiry or last four digits change by themselves."""
    previous = {name: method["card"][name] for name in changes if name in method["card"]}
    method["card"] |= changes
    if "outcome" in changes:
        method["_sim"]["outcome"] = method["card"].pop("outcome")
    tx.save("payment_method", method)
    emit(world, tx, "payment_method.automatically_updated", method, None, card=previous)
    return method
