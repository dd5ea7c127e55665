"""Payouts by bank file at the door."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from pydantic import ConfigDict, Field

from api.schemas.actions import ActionIn
from api.schemas.base import Response
from billing.services.bank_payouts import NewPayout

A_PAYOUT: dict[str, Any] = {
    "amount_minor": 1250,
    "iban": "NL20INGB0001234567",
    "holder_name": "Sanne de Vries",
    "reason": "the customer left with credit",
}


class PayOutIn(ActionIn):
    """Credit of the customer that is to be sent to a bank account."""

    model_config = ConfigDict(json_schema_extra={"examples": [A_PAYOUT]})

    amount_minor: int = Field(default=0, ge=0, le=99_999_999_999, description="0: all the credit there is.")
    iban: str = Field(
        default="", max_length=42, description="Checked, encrypted, never shown again; empty: the account on file."
    )
    holder_name: str = Field(default="", max_length=70, description="Whose account it is; needed with an IBAN.")
    bic: str = Field(default="", max_length=11, description="Empty: found by the IBAN.")

    def as_payout(self, command_id: str, author: str) -> NewPayout:
        return NewPayout(command_id, author, self.reason, self.amount_minor, self.iban, self.holder_name, self.bic)


class BankPayoutOut(Response):
    """One payout by file; a held one says which field is wrong and what to do."""

    account_id: str
    payout_id: str = Field(examples=["pyo_1001"])
    attempt_id: str = Field(description="The payment that it refunds; empty: credit was paid out.")
    end_to_end_id: str = Field(examples=["PAYOUT-1001"])
    brand: str
    holder_name: str
    last_four: str = Field(description="All that is shown of the IBAN.", examples=["4567"])
    amount_minor: int
    currency: str
    status: str = Field(
        description="waiting, held, batched, sent, paid, rejected, returned or cancelled.", examples=["waiting"]
    )
    reason: str = Field(description="Why it was ordered.")
    author: str
    reason_code: str = Field(description="What the bank said, as a SEPA reason code.")
    reason_text: str
    held_field: str
    held_value: str
    held_remedy: str
    batch_id: str | None
    pay_on: date | None = Field(description="The date in the file.")
    paid_at: datetime | None
    returned_at: datetime | None
    created_at: datetime
    changed_at: datetime
