"""Why a bank rejects or sends back a direct debit: each reason code once, with what follows from it.

Sources: the reason codes of the EPC's SEPA Direct Debit rulebooks (core and B2B) and ISO 20022's external code sets. An
R-transaction is a *reject* before the money moved, a *return* by the debtor's bank afterwards, or a *refund* that the
debtor asked for; the code says which of the last two it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from billing.domain.retry import FailureCategory


class TakenBackBy(StrEnum):
    """Who stands behind a code, which decides what a debit that was paid already becomes."""

    BANK = "bank"  # a late failure: the money was never really there
    DEBTOR = "debtor"  # a refund on the customer's word: a dispute, and no debit is tried by itself
    US = "us"  # our data or our file is wrong: staff mends it, the customer hears nothing of a failure


@dataclass(frozen=True, slots=True)
class ReturnReason:
    """What a reason code means. ``category`` decides about another try (``billing.domain.retry``)."""

    code: str
    meaning: str
    category: FailureCategory
    by: TakenBackBy = TakenBackBy.BANK

    @property
    def is_dispute(self) -> bool:
        """True when money taken back for this reason is disputed by the customer, and no failure of the debit."""
        return self.by is TakenBackBy.DEBTOR


_F, _BY = FailureCategory, TakenBackBy
_TABLE = (
    ReturnReason("AC01", "the account number is not correct", _F.METHOD_DEAD),
    ReturnReason("AC04", "the account is closed", _F.METHOD_DEAD),
    ReturnReason("AC06", "the account is blocked", _F.METHOD_DEAD),
    ReturnReason("AC13", "the debtor is a consumer and the scheme is for businesses", _F.MERCHANT_ERROR, _BY.US),
    ReturnReason("AG01", "this account takes no direct debits", _F.METHOD_DEAD),
    ReturnReason("AG02", "the operation or sequence type is not correct", _F.MERCHANT_ERROR, _BY.US),
    ReturnReason("AM01", "the amount is zero", _F.MERCHANT_ERROR, _BY.US),
    ReturnReason("AM02", "the amount is higher than allowed", _F.MERCHANT_ERROR, _BY.US),
    ReturnReason("AM03", "the currency is not allowed", _F.MERCHANT_ERROR, _BY.US),
    ReturnReason("AM04", "there is not enough money on the account", _F.FUNDS),
    ReturnReason("AM05", "the debit was sent twice", _F.DUPLICATE, _BY.US),
    ReturnReason("BE05", "the creditor identifier is not known", _F.MERCHANT_ERROR, _BY.US),
    ReturnReason("CNOR", "the creditor's bank is not registered under this BIC", _F.MERCHANT_ERROR, _BY.US),
    ReturnReason("DNOR", "the debtor's bank is not registered under this BIC", _F.METHOD_DEAD),
    ReturnReason("DT01", "the date is not valid", _F.MERCHANT_ERROR, _BY.US),
    ReturnReason("ED05", "the settlement between the banks failed", _F.TECHNICAL),
    ReturnReason("FF01", "the file format is not valid", _F.MERCHANT_ERROR, _BY.US),
    ReturnReason("FF05", "the type of the direct debit is not correct", _F.MERCHANT_ERROR, _BY.US),
    ReturnReason("FOCR", "it was returned after a request to cancel it", _F.CUSTOMER_REFUSED, _BY.DEBTOR),
    ReturnReason("MD01", "there is no valid mandate", _F.MANDATE_DEAD),
    ReturnReason("MD02", "data of the mandate is missing or not correct", _F.MERCHANT_ERROR, _BY.US),
    ReturnReason("MD06", "the customer asked for the money back", _F.CUSTOMER_REFUSED, _BY.DEBTOR),
    ReturnReason("MD07", "the customer has died", _F.HARD_STOP),
    ReturnReason("MS02", "the customer refused, without a reason given", _F.CUSTOMER_REFUSED),
    ReturnReason("MS03", "the bank gives no reason", _F.TECHNICAL),
    ReturnReason("RC01", "the bank identifier (BIC) is not correct", _F.METHOD_DEAD),
    ReturnReason("RR01", "the debtor's account or identification is missing", _F.MERCHANT_ERROR, _BY.US),
    ReturnReason("RR02", "the debtor's name or address is missing", _F.MERCHANT_ERROR, _BY.US),
    ReturnReason("RR03", "the creditor's name or address is missing", _F.MERCHANT_ERROR, _BY.US),
    ReturnReason("RR04", "regulatory reason", _F.NEEDS_CUSTOMER),
    ReturnReason("SL01", "the customer restricts direct debits at the bank", _F.NEEDS_CUSTOMER),
    ReturnReason("SL11", "we are not on the customer's list of allowed creditors", _F.NEEDS_CUSTOMER),
    ReturnReason("SL12", "we are on the customer's list of refused creditors", _F.CUSTOMER_REFUSED),
    ReturnReason("SL13", "the customer's limit of direct debits is reached", _F.NEEDS_CUSTOMER),
    ReturnReason("SL14", "the customer's limit of amount is reached", _F.NEEDS_CUSTOMER),
    ReturnReason("TM01", "the file came after the cut-off time", _F.MERCHANT_ERROR, _BY.US),
)
RETURN_REASONS = {reason.code: reason for reason in _TABLE}


def reason_of(code: str) -> ReturnReason:
    """What a reason code means.

    One that is not in the table is nothing to try again after: the customer is asked to pay another way, and a person
    can look at the code.
    """
    written = code.strip().upper()
    return RETURN_REASONS.get(written) or ReturnReason(written, "a reason we do not know", _F.NEEDS_CUSTOMER)
