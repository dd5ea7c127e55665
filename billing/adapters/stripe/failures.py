"""What Stripe's refusals mean in the words of the port.

Sources: Stripe's decline codes, error codes and SEPA failure codes; the card schemes' never-approve codes; the SEPA
rulebook's reason codes (AM04 funds, MD01/MD06 mandate, MD07 deceased, AC04 closed, MS02 refused, MS03 unspecified);
the banks' reports on Bacs debits (billing.domain.bacs), whose code says more than the failure code.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import stripe

from billing.domain.bacs import REPORTS, arudd
from billing.domain.retry import FailureCategory
from billing.ports.payment_provider import (
    ActionRequired,
    Failed,
    MerchantFault,
    Outcome,
    ProviderAway,
    ProviderBusy,
)

AUTHENTICATION = frozenset(
    {"authentication_required", "authentication_not_handled", "payment_intent_authentication_failure"}
)

_WORDS = {
    FailureCategory.FUNDS: "insufficient_funds card_velocity_exceeded withdrawal_count_limit_exceeded "
    "charge_exceeds_source_limit charge_exceeds_weekly_limit charge_exceeds_transaction_limit",
    FailureCategory.TECHNICAL: "processing_error issuer_not_available try_again_later reenter_transaction "
    "do_not_honor generic_decline bank_processing_error bank_cannot_process approve_with_id no_action_taken "
    "payment_intent_payment_attempt_failed generic_could_not_process",
    FailureCategory.NEEDS_CUSTOMER: "call_issuer incorrect_cvc invalid_cvc incorrect_zip incorrect_address "
    "online_or_offline_pin_required offline_pin_required",
    FailureCategory.METHOD_DEAD: "expired_card incorrect_number invalid_number invalid_account new_account_information_"
    "available card_not_supported currency_not_supported invalid_expiry_month invalid_expiry_year account_closed "
    "no_account bank_account_restricted invalid_account_number incorrect_account_details bank_ownership_changed "
    "not_permitted service_not_allowed transaction_not_allowed",
    FailureCategory.MANDATE_DEAD: "debit_not_authorized payment_intent_mandate_invalid mandate_invalid",
    FailureCategory.CUSTOMER_REFUSED: "refer_to_customer stop_payment_order revocation_of_authorization "
    "revocation_of_all_authorizations",
    FailureCategory.HARD_STOP: "lost_card stolen_card pickup_card restricted_card fraudulent merchant_blacklist "
    "security_violation do_not_try_again recipient_deceased",
    FailureCategory.MERCHANT_ERROR: "invalid_amount invalid_creditor testmode_decline test_mode_live_card",
    FailureCategory.DUPLICATE: "duplicate duplicate_transaction",
}
_CATEGORIES = {word: category for category, words in _WORDS.items() for word in words.split()}
_DEAD_METHOD_CODES = frozenset({"payment_method_unactivated", "payment_method_unexpected_state"})
NOT_REFUNDABLE = frozenset({"charge_already_refunded", "charge_disputed", "charge_not_refundable"})
# What a bank means by taking a SEPA debit back, where it is no dispute between us and the customer.
RETURN_CATEGORIES = {
    "insufficient_funds": FailureCategory.FUNDS,
    "bank_cannot_process": FailureCategory.TECHNICAL,
    "incorrect_account_details": FailureCategory.METHOD_DEAD,
}


def failed(error: dict[str, Any]) -> Outcome:
    """The outcome of a declined card or a returned debit, from the error object on the payment."""
    code, decline = error.get("code") or "", error.get("decline_code") or ""
    if AUTHENTICATION & {code, decline}:
        return ActionRequired(decline or code)
    if _is_bacs(error) and (report := arudd(error.get("network_decline_code") or "")):
        return Failed(REPORTS[report].category, decline or code, report)
    category = _CATEGORIES.get(decline) or _CATEGORIES.get(code) or FailureCategory.TECHNICAL
    advised = error.get("advice_code") == "do_not_try_again" and category in (
        FailureCategory.TECHNICAL,
        FailureCategory.FUNDS,
    )
    # The issuer's advice outranks a vague code: trying again is counted against us by the card schemes.
    detail = error.get("network_decline_code") or ""
    return Failed(FailureCategory.HARD_STOP if advised else category, decline or code, detail)


def _is_bacs(error: dict[str, Any]) -> bool:
    method = error.get("payment_method")
    return isinstance(method, dict) and method.get("type") == "bacs_debit"


def refused_method(error: stripe.InvalidRequestError) -> Failed | None:
    """The failure when a rejected request was about the customer's method or mandate and not about us."""
    if error.code == "payment_intent_mandate_invalid" or error.param == "mandate":
        return Failed(FailureCategory.MANDATE_DEAD, error.code or "mandate")
    if error.code in _DEAD_METHOD_CODES or error.param == "payment_method":
        return Failed(FailureCategory.METHOD_DEAD, error.code or "payment_method")
    return None


def busy(error: stripe.StripeError) -> ProviderBusy:
    """Asked to slow down, for as long as the answer says."""
    told = str(error.headers.get("retry-after", "") if error.headers else "")
    return ProviderBusy("Stripe asks us to slow down.", float(told) if told.isdigit() else None)


@contextmanager
def looking() -> Iterator[None]:
    """Turn the SDK's errors into the port's faults, for every call that may simply be asked again."""
    try:
        yield
    except stripe.RateLimitError as error:
        raise busy(error) from error
    except (stripe.AuthenticationError, stripe.PermissionError, stripe.InvalidRequestError) as error:
        raise merchant_fault(error) from error
    except stripe.StripeError as error:
        spent = (error.http_status or 0) >= 500
        why = f"Stripe did not answer: {type(error).__name__} {error.code or ''}."
        raise ProviderAway(why, key_is_spent=spent) from error


def merchant_fault(error: stripe.StripeError) -> MerchantFault:
    """Our own fault, in words for staff."""
    return MerchantFault(
        f"Stripe refuses our request ({type(error).__name__} {error.code or ''}): {error.user_message or error}. "
        "Check the key, the account's permissions and what we sent."
    )
