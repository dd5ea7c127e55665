"""The documented test values, and what each of them does; nothing here is a real card or account."""

from __future__ import annotations

from dataclasses import dataclass

# Payment methods that are debited under a mandate and answer days later.
DEBITS = ("sepa_debit", "bacs_debit")
SUCCEED = "succeed"
AUTHENTICATE = "authentication_required"
DISPUTE = "dispute"


@dataclass(frozen=True, slots=True)
class TestCard:
    """A test card: its number, the name used in ``pm_card_...`` and ``tok_...``, and its behaviour.

    ``authenticate`` is "", "always" or "unless_set_up"; ``outcome`` is ``succeed``, ``dispute`` or a decline code.
    """

    number: str
    names: tuple[str, ...]
    outcome: str = SUCCEED
    authenticate: str = ""
    funding: str = "credit"
    dispute_reason: str = "fraudulent"

    @property
    def brand(self) -> str:
        """The card scheme, by the first digits."""
        for digits, brand in (("34", "amex"), ("37", "amex"), ("4", "visa"), ("35", "jcb"), ("60", "discover")):
            if self.number.startswith(digits):
                return brand
        return "unionpay" if self.number.startswith("62") else "mastercard"


CARDS: tuple[TestCard, ...] = (
    TestCard("4242424242424242", ("visa",)),
    TestCard("4000056655665556", ("visa_debit",), funding="debit"),
    TestCard("5555555555554444", ("mastercard",)),
    TestCard("5200828282828210", ("mastercard_debit",), funding="debit"),
    TestCard("5105105105105100", ("mastercard_prepaid",), funding="prepaid"),
    TestCard("378282246310005", ("amex",)),
    TestCard("6011111111111117", ("discover",)),
    TestCard("3566002020360505", ("jcb",)),
    TestCard("4000000000000341", ("chargeCustomerFail",), outcome="generic_decline"),
    TestCard("4000000000000002", ("visa_chargeDeclined", "chargeDeclined"), outcome="generic_decline"),
    TestCard(
        "4000000000009995",
        ("visa_chargeDeclinedInsufficientFunds", "chargeDeclinedInsufficientFunds"),
        outcome="insufficient_funds",
    ),
    TestCard("4000000000009987", ("visa_chargeDeclinedLostCard", "chargeDeclinedLostCard"), outcome="lost_card"),
    TestCard("4000000000009979", ("visa_chargeDeclinedStolenCard", "chargeDeclinedStolenCard"), outcome="stolen_card"),
    TestCard("4000000000000069", ("chargeDeclinedExpiredCard",), outcome="expired_card"),
    TestCard("4000000000000127", ("chargeDeclinedIncorrectCvc",), outcome="incorrect_cvc"),
    TestCard("4000000000000119", ("chargeDeclinedProcessingError",), outcome="processing_error"),
    TestCard(
        "4000000000006975",
        ("visa_chargeDeclinedVelocityLimitExceeded", "chargeDeclinedVelocityLimitExceeded"),
        outcome="card_velocity_exceeded",
    ),
    TestCard("4100000000000019", ("radarBlock", "chargeDeclinedFraudulent"), outcome="fraudulent"),
    TestCard("4000002760003184", ("authenticationRequired",), authenticate="always"),
    TestCard("4000002500003155", ("authenticationRequiredOnSetup",), authenticate="unless_set_up"),
    TestCard("4000003800000446", ("authenticationRequiredSetupForOffSession",)),
    TestCard(
        "4000008260003178",
        ("authenticationRequiredChargeDeclinedInsufficientFunds",),
        outcome="insufficient_funds",
        authenticate="unless_set_up",
    ),
    TestCard("4000000000000259", ("createDispute",), outcome=DISPUTE),
    TestCard(
        "4000000000002685",
        ("createDisputeProductNotReceived",),
        outcome=DISPUTE,
        dispute_reason="product_not_received",
    ),
)

CARDS_BY_NUMBER = {card.number: card for card in CARDS}
CARDS_BY_NAME = {name: card for card in CARDS for name in card.names}


@dataclass(frozen=True, slots=True)
class Decline:
    """How a card decline is worded: the error's code, its message, what the issuer advises, the network's code."""

    code: str
    message: str
    advice: str | None
    network_code: str


_DECLINED = "Your card was declined."
_RETRY, _NEVER, _CONFIRM = "try_again_later", "do_not_try_again", "confirm_card_data"

DECLINES: dict[str, Decline] = {
    "generic_decline": Decline("card_declined", _DECLINED, _RETRY, "05"),
    "do_not_honor": Decline("card_declined", _DECLINED, _RETRY, "05"),
    "insufficient_funds": Decline("card_declined", "Your card has insufficient funds.", _RETRY, "51"),
    "lost_card": Decline("card_declined", _DECLINED, _NEVER, "41"),
    "stolen_card": Decline("card_declined", _DECLINED, _NEVER, "43"),
    "pickup_card": Decline("card_declined", _DECLINED, _NEVER, "04"),
    "restricted_card": Decline("card_declined", _DECLINED, _NEVER, "62"),
    "fraudulent": Decline("card_declined", _DECLINED, _NEVER, "59"),
    "do_not_try_again": Decline("card_declined", _DECLINED, _NEVER, "R0"),
    "stop_payment_order": Decline("card_declined", _DECLINED, _NEVER, "R0"),
    "revocation_of_authorization": Decline("card_declined", _DECLINED, _NEVER, "R1"),
    "revocation_of_all_authorizations": Decline("card_declined", _DECLINED, _NEVER, "R3"),
    "invalid_account": Decline("card_declined", _DECLINED, _NEVER, "14"),
    "card_not_supported": Decline("card_declined", "Your card is not supported.", _NEVER, "57"),
    "transaction_not_allowed": Decline("card_declined", _DECLINED, _NEVER, "57"),
    "card_velocity_exceeded": Decline("card_declined", "Your card was declined for too many attempts.", _RETRY, "61"),
    "withdrawal_count_limit_exceeded": Decline("card_declined", _DECLINED, _RETRY, "65"),
    "issuer_not_available": Decline("card_declined", _DECLINED, _RETRY, "91"),
    "try_again_later": Decline("card_declined", _DECLINED, _RETRY, "19"),
    "reenter_transaction": Decline("card_declined", _DECLINED, _RETRY, "19"),
    "call_issuer": Decline("card_declined", _DECLINED, None, "01"),
    "expired_card": Decline("expired_card", "Your card has expired.", _CONFIRM, "54"),
    "incorrect_cvc": Decline("incorrect_cvc", "Your card's security code is incorrect.", _CONFIRM, "N7"),
    "incorrect_number": Decline("incorrect_number", "Your card number is incorrect.", _CONFIRM, "14"),
    "processing_error": Decline(
        "processing_error", "An error occurred while processing your card. Try again in a little bit.", _RETRY, "96"
    ),
    AUTHENTICATE: Decline(
        "authentication_required",
        "Your card was declined. This transaction requires authentication.",
        None,
        "1A",
    ),
}


@dataclass(frozen=True, slots=True)
class DebitFailure:
    """How a failed direct debit is worded, the scheme's reason code, and whether the mandate dies with it."""

    message: str
    reason_code: str
    kills_mandate: bool = False


DEBIT_FAILURES: dict[str, DebitFailure] = {
    "insufficient_funds": DebitFailure("The customer's account has insufficient funds.", "AM04"),
    "debit_not_authorized": DebitFailure("The customer has not authorized this debit.", "MD01", kills_mandate=True),
    "account_closed": DebitFailure("The customer's bank account has been closed.", "AC04", kills_mandate=True),
    "no_account": DebitFailure("The customer's bank account could not be found.", "AC01", kills_mandate=True),
    "bank_account_restricted": DebitFailure("The customer's bank account does not allow debits.", "AC06"),
    "recipient_deceased": DebitFailure("The customer is deceased.", "MD07", kills_mandate=True),
    "refer_to_customer": DebitFailure("The customer refused this debit.", "MS02"),
    "bank_processing_error": DebitFailure("The customer's bank could not process this debit.", "MS03"),
    "payment_intent_payment_attempt_failed": DebitFailure("The debit failed.", "MS03"),
    "charge_exceeds_source_limit": DebitFailure("This payment exceeds the account's weekly volume limit.", ""),
    "charge_exceeds_weekly_limit": DebitFailure("This payment exceeds the account's transaction limit.", ""),
    "invalid_creditor": DebitFailure("The creditor identifier is not valid.", "BE09"),
    "duplicate": DebitFailure("This debit was sent twice.", "AM05"),
}


@dataclass(frozen=True, slots=True)
class TestAccount:
    """What a documented test IBAN does: an outcome, and whether it takes the longer settlement."""

    outcome: str = SUCCEED
    delayed: bool = False


_FAILED = "payment_intent_payment_attempt_failed"
_IBAN_ROWS: tuple[tuple[str, TestAccount, str], ...] = (
    (
        "success",
        TestAccount(),
        "AT611904300234573201 BE62510007547061 DE89370400440532013000 "
        "FR1420041010050500013M02606 IE29AIBK93115212345678 NL39RABO0300065264 ES0700120345030000067890",
    ),
    (
        "successDelayed",
        TestAccount(delayed=True),
        "AT321904300235473204 BE78510007547064 DE08370400440532013003 "
        "FR3020041010050500013M02609 IE24AIBK93115212345671",
    ),
    (
        "failed",
        TestAccount(_FAILED),
        "AT861904300235473202 BE68539007547034 DE62370400440532013001 "
        "FR8420041010050500013M02607 IE02AIBK93115212345679",
    ),
    (
        "failedDelayed",
        TestAccount(_FAILED, delayed=True),
        "AT051904300235473205 BE51510007547065 "
        "DE78370400440532013004 FR7920041010050500013M02600 IE94AIBK93115212345672",
    ),
    (
        "disputed",
        TestAccount(DISPUTE),
        "AT591904300235473203 BE08510007547063 DE35370400440532013002 "
        "FR5720041010050500013M02608 IE51AIBK93115212345670",
    ),
    (
        "exceedsWeeklyVolumeLimit",
        TestAccount("charge_exceeds_source_limit"),
        "AT981904300000343434 "
        "BE90510000343434 DE65370400440000343434 FR9720041010050000000343434 IE10AIBK93115200343434",
    ),
    (
        "exceedsWeeklyTransactionLimit",
        TestAccount("charge_exceeds_weekly_limit"),
        "AT601904300000121212 "
        "BE52510000121212 DE27370400440000121212 FR5920041010050000000121212 IE69AIBK93115200121212",
    ),
    (
        "insufficientFunds",
        TestAccount("insufficient_funds"),
        "AT981904300002222227 BE90510002222227 "
        "DE65370400440002222227 FR9720041010050000002222227 IE10AIBK93115202222227",
    ),
)

IBANS: dict[str, TestAccount] = {iban: row[1] for row in _IBAN_ROWS for iban in row[2].split()}
IBANS_BY_NAME: dict[str, str] = {f"{row[0]}_{iban[:2].lower()}": iban for row in _IBAN_ROWS for iban in row[2].split()}
UNSUPPORTED_ENDINGS = {
    "0000055555": "sepa_debit_bank_not_supported",
    "0000066666": "sepa_debit_debits_not_supported",
}


def is_iban(text: str) -> bool:
    """True when length, letters and check digits are an IBAN's (ISO 13616)."""
    if not (15 <= len(text) <= 34 and text.isalnum() and text[:2].isalpha() and text[2:4].isdigit()):
        return False
    return int("".join(str(int(letter, 36)) for letter in text[4:] + text[:4])) % 97 == 1
