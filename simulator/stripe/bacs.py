"""Bacs direct debit: the documented test accounts, mandates that banks accept days later, failures by ARUDD code."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.business_time import UNITED_KINGDOM, add_banking_days
from simulator.store import Json, Transaction
from simulator.stripe.events import emit
from simulator.stripe.test_values import DISPUTE, SUCCEED, DebitFailure
from simulator.stripe.wire import StripeError, required
from simulator.world import World, new_id

KIND = "bacs_debit"
SORT_CODE = "108800"
REFUSED = "refused"
# A new instruction is with the bank for some days before it is accepted or refused.
MANDATE_BUSINESS_DAYS = 3


@dataclass(frozen=True, slots=True)
class TestAccount:
    """A test account: its name in ``pm_bacsDebit_...``, how its debits end, and whether its mandate is refused."""

    name: str
    outcome: str = SUCCEED
    delayed: bool = False
    mandate: str = "accepted"


ACCOUNTS: dict[str, TestAccount] = {
    "00012345": TestAccount("success"),
    "90012345": TestAccount("successDelayed", delayed=True),
    "33333335": TestAccount("debitNotAuthorized", "debit_not_authorized"),
    "93333335": TestAccount("debitNotAuthorizedDelayed", "debit_not_authorized", delayed=True),
    "22222227": TestAccount("insufficientFunds", "insufficient_funds"),
    "92222227": TestAccount("insufficientFundsDelayed", "insufficient_funds", delayed=True),
    "55555559": TestAccount("dispute", DISPUTE),
    "00033333": TestAccount("mandateRefused", mandate=REFUSED),
    "34343434": TestAccount("exceedsWeeklyLimit", "charge_exceeds_source_limit"),
    "12121212": TestAccount("exceedsTransactionLimit", "charge_exceeds_transaction_limit"),
}
NUMBERS_BY_NAME = {account.name: number for number, account in ACCOUNTS.items()}
_CLOSED = "00044444"

# The codes of the banks' report on unpaid debits (ARUDD), by the vendor's failure codes.
FAILURES: dict[str, DebitFailure] = {
    "insufficient_funds": DebitFailure("The customer's account has insufficient funds.", "0"),
    "debit_not_authorized": DebitFailure("The customer told the bank to stop this instruction.", "1", True),
    "recipient_deceased": DebitFailure("The customer is deceased.", "2", True),
    "bank_ownership_changed": DebitFailure("The account moved to another bank.", "3", True),
    "refer_to_customer": DebitFailure("The customer disputes the advance notice.", "4"),
    "invalid_account_number": DebitFailure("The account number is not valid.", "5", True),
    "account_closed": DebitFailure("The customer's bank account has been closed.", "B", True),
    "generic_could_not_process": DebitFailure("This debit could not be processed.", ""),
    "charge_exceeds_source_limit": DebitFailure("This payment exceeds the account's weekly volume limit.", ""),
    "charge_exceeds_transaction_limit": DebitFailure("This payment exceeds the transaction limit.", ""),
}


def account_details(params: Json) -> tuple[str, str]:
    """Sort code and account number of a new method, digits only; refused where they cannot be a UK account's."""
    given = params.get(KIND) or {}
    sort_code = str(required(given, "sort_code")).replace("-", "").replace(" ", "")
    number = str(required(given, "account_number")).replace(" ", "")
    if not (len(sort_code) == 6 and sort_code.isdigit()):
        raise StripeError(
            "The sort code must have six digits.", code="invalid_sort_code", param="bacs_debit[sort_code]"
        )
    if not (len(number) == 8 and number.isdigit()) or number == _CLOSED:
        raise StripeError(
            "The account number is not valid.", code="account_number_invalid", param="bacs_debit[account_number]"
        )
    if not (params.get("billing_details") or {}).get("name"):
        raise StripeError(
            "A name is required for Bacs Direct Debit.", code="parameter_missing", param="billing_details[name]"
        )
    return sort_code, number


def behaviour(number: str) -> Json:
    """What debits of an account come to, and what its bank says of a new mandate."""
    account = ACCOUNTS.get(number, TestAccount("success"))
    return {"outcome": account.outcome, "delayed": account.delayed, "mandate": account.mandate}


def mandate_details(base_url: str) -> Json:
    """A new instruction, on its way to the bank."""
    reference = new_id("SIM", 12).upper().replace("_", "")
    return {
        "network_status": "pending",
        "reference": reference,
        "revocation_reason": None,
        "service_user_number": "123456",
        "url": f"{base_url}/stripe/mandates/{reference}",
    }


def schedule_answer(tx: Transaction, mandate: Json) -> None:
    """The bank says within some days whether it accepts the instruction."""
    due = add_banking_days(tx.business_now, MANDATE_BUSINESS_DAYS, UNITED_KINGDOM)
    tx.schedule("decide_mandate", {"mandate": mandate["id"]}, business=due)


def decide_mandate(world: World, tx: Transaction, body: Json) -> None:
    """The bank's answer to a new instruction."""
    mandate = tx.get("mandate", body["mandate"])
    if mandate is None or mandate["status"] != "pending":
        return
    method = tx.get("payment_method", mandate["payment_method"])
    refused = method is not None and method["_sim"].get("mandate") == REFUSED
    mandate["status"] = "inactive" if refused else "active"
    details = mandate["payment_method_details"][KIND]
    details.update(
        network_status="refused" if refused else "accepted",
        revocation_reason="debit_not_authorized" if refused else None,
    )
    tx.save("mandate", mandate)
    emit(world, tx, "mandate.updated", mandate, None, status="pending")


def answer_mandates(world: World, tx: Transaction, given: Json) -> Json:
    """The banks answer new instructions now: one named by ``mandate`` or ``payment_method``, else all that wait."""
    names = {"mandate": "id", "payment_method": "payment_method"}
    named = {field: given[name] for name, field in names.items() if given.get(name)}
    found = tx.find("mandate", {"status": "pending"} | named)
    for mandate in found:
        decide_mandate(world, tx, {"mandate": mandate["id"]})
    return {"mandates": [tx.get("mandate", mandate["id"]) for mandate in found]}
