"""What banks report about Bacs direct debits, in our words.

ARUDD tells why a debit came back unpaid, ADDACS that an instruction (the mandate) was changed or ended. Written as
``ARUDD-0`` and ``ADDACS-3``, since the bare characters say nothing without their report. Source: Bacs reason codes.
"""

from __future__ import annotations

from dataclasses import dataclass

from billing.domain.retry import FailureCategory

ARUDD, ADDACS = "ARUDD", "ADDACS"


@dataclass(frozen=True, slots=True)
class BankReport:
    """One reason code: what it says, the category of a debit that failed by it, and whether the instruction ended."""

    meaning: str
    category: FailureCategory
    ends_instruction: bool = False


REPORTS: dict[str, BankReport] = {
    # Refer to payer is what banks say for want of funds; such a debit may be presented once more within a month.
    "ARUDD-0": BankReport("refer to payer", FailureCategory.FUNDS),
    "ARUDD-1": BankReport("instruction cancelled by the payer", FailureCategory.MANDATE_DEAD, True),
    "ARUDD-2": BankReport("payer deceased", FailureCategory.HARD_STOP, True),
    "ARUDD-3": BankReport("account transferred to another bank", FailureCategory.METHOD_DEAD, True),
    "ARUDD-4": BankReport("advance notice disputed", FailureCategory.CUSTOMER_REFUSED),
    "ARUDD-5": BankReport("no account", FailureCategory.METHOD_DEAD, True),
    "ARUDD-6": BankReport("no instruction", FailureCategory.MANDATE_DEAD, True),
    "ARUDD-7": BankReport("amount differs from the advance notice", FailureCategory.MERCHANT_ERROR),
    "ARUDD-8": BankReport("amount not yet due", FailureCategory.MERCHANT_ERROR),
    "ARUDD-9": BankReport("presented too late", FailureCategory.MERCHANT_ERROR),
    "ARUDD-A": BankReport("service user differs", FailureCategory.MERCHANT_ERROR),
    "ARUDD-B": BankReport("account closed", FailureCategory.METHOD_DEAD, True),
    "ADDACS-0": BankReport("instruction cancelled, refer to payer", FailureCategory.MANDATE_DEAD, True),
    "ADDACS-1": BankReport("instruction cancelled by the payer", FailureCategory.MANDATE_DEAD, True),
    "ADDACS-2": BankReport("payer deceased", FailureCategory.HARD_STOP, True),
    "ADDACS-3": BankReport("account transferred to another bank", FailureCategory.METHOD_DEAD, True),
    "ADDACS-B": BankReport("account closed", FailureCategory.METHOD_DEAD, True),
    "ADDACS-C": BankReport("account moved to another branch", FailureCategory.TECHNICAL),
    "ADDACS-D": BankReport("advance notice disputed", FailureCategory.CUSTOMER_REFUSED, True),
    "ADDACS-E": BankReport("instruction amended", FailureCategory.TECHNICAL),
    "ADDACS-R": BankReport("instruction reinstated", FailureCategory.TECHNICAL),
}

# The payer died: nothing is pressed for by itself any more.
DECEASED = frozenset({"ARUDD-2", "ADDACS-2"})


def arudd(code: str) -> str:
    """A bank's character as our code; empty when it is none of the report's."""
    written = f"{ARUDD}-{code.strip().upper()}"
    return written if written in REPORTS else ""
