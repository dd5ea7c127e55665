"""Direct debit by bank file at the door: creditors, mandates, files to the bank and single debits."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field

from api.schemas.base import Day, Request, Response
from billing.ports.bank_files import Address, BankBatch
from billing.services.bank_amendments import MandateAmendment
from billing.services.bank_creditors import NewCreditor
from billing.services.bank_mandates import NewBankMandate, StoredMandate

Reason = Annotated[str, Field(min_length=1, max_length=500, description="Why; it is kept with your name.")]
AN_ADDRESS: dict[str, Any] = {"country": "NL", "town": "Utrecht", "postal_code": "3511 AB", "street": "Kade"}
A_CREDITOR: dict[str, Any] = {
    "name": "Vonk Mobiel",
    "iban": "NL39RABO0300065264",
    "creditor_id": "NL69ZZZ123456780000",
    "address": AN_ADDRESS,
    "lead_banking_days": 2,
    "reason": "contract with the bank of 1 February",
}
A_MANDATE: dict[str, Any] = {
    "holder_name": "Sanne de Vries",
    "iban": "NL20INGB0001234567",
    "signed_on": "2027-01-20",
    "medium": "web",
    "accepted_from": "203.0.113.7",
}


class AddressIn(Request):
    """A postal address. Banks take it structured, or hybrid: town and country with up to two free lines."""

    country: str = Field(pattern=r"^[A-Z]{2}$", description="ISO 3166 code.", examples=["NL"])
    town: str = Field(min_length=1, max_length=35, description="Town.", examples=["Utrecht"])
    postal_code: str = Field(default="", max_length=16, description="Postal code.", examples=["3511 AB"])
    street: str = Field(default="", max_length=70, description="Street, without the number.", examples=["Kade"])
    building: str = Field(default="", max_length=16, description="House number.", examples=["1"])
    lines: list[Annotated[str, Field(min_length=1, max_length=70)]] = Field(
        default_factory=list, max_length=2, description="Instead of street and number.", examples=[["Kade 1"]]
    )

    def as_address(self) -> Address:
        return Address(self.country, self.town, self.postal_code, self.street, self.building, tuple(self.lines))


class CreditorIn(Request):
    """Whose account a brand's debits by file go to, and what its bank asks for."""

    model_config = ConfigDict(json_schema_extra={"examples": [A_CREDITOR]})

    name: str = Field(min_length=1, max_length=70, description="The creditor's name, as customers' banks show it.")
    iban: str = Field(min_length=15, max_length=42, description="The account the money is credited to.")
    bic: str = Field(default="", max_length=11, description="Its bank; empty: found by the IBAN.")
    creditor_id: str = Field(min_length=8, max_length=45, description="SEPA creditor identifier, from the bank.")
    address: AddressIn | None = Field(default=None, description="The creditor's address, where the bank wants it.")
    message_version: Literal["pain.008.001.02", "pain.008.001.08"] = Field(
        default="pain.008.001.08", description="The version of the message that the bank takes."
    )
    first_sequence: Literal["FRST", "RCUR"] = Field(
        default="RCUR", description="What the first debit of a mandate is sent as; some banks still want FRST."
    )
    lead_banking_days: int = Field(
        default=2, ge=1, le=14, description="Banking days before the debit date that the bank wants the file."
    )
    cut_off_hour_local: int = Field(default=14, ge=1, le=23, description="Until this local hour of that day.")
    make_hours_before: int = Field(default=2, ge=0, le=12, description="Files are made so many hours before it.")
    largest_minor: int = Field(
        default=1_000_000, ge=1, le=99_999_999_999, description="A larger debit is held for a person."
    )
    delivery: Literal["folder", "manual"] = Field(
        default="folder", description="Handed over by the bank's folder, or downloaded and uploaded by a person."
    )
    reason: Reason

    def as_creditor(self) -> NewCreditor:
        address = {} if self.address is None else self.address.model_dump()
        return NewCreditor(**{**self.model_dump(exclude={"address"}), "address": address})


class CreditorOut(Response):
    """A brand's creditor in force. The account is the operator's own and shown in full."""

    brand: str
    revision: int = Field(description="1, 2, 3 ...: earlier ones are kept.")
    name: str
    iban: str
    bic: str
    creditor_id: str
    address: dict[str, Any]
    message_version: str
    first_sequence: str
    lead_banking_days: int
    cut_off_hour_local: int
    make_hours_before: int
    largest_minor: int
    delivery: str
    changed_at: datetime
    author: str
    reason: str


class BankMandateIn(Request):
    """A customer's bank account with the permission to debit it."""

    model_config = ConfigDict(json_schema_extra={"examples": [A_MANDATE]})

    holder_name: str = Field(min_length=1, max_length=70, description="Who holds the account.")
    iban: str = Field(min_length=5, max_length=42, description="Checked, encrypted, and never shown again.")
    bic: str = Field(default="", max_length=11, description="Empty: found by the IBAN.")
    reference: str = Field(default="", max_length=35, description="The mandate's reference; empty: one is made.")
    signed_on: Day = Field(description="When the customer signed or accepted it.")
    scheme: Literal["CORE", "B2B"] = Field(default="CORE", description="B2B only for businesses that agreed to it.")
    one_off: bool = Field(default=False, description="For one debit only.")
    address: AddressIn | None = Field(default=None, description="Needed for accounts outside the EEA.")
    medium: Literal["paper", "web", "app", "phone", "other"] = Field(
        default="other", description="How the customer agreed."
    )
    accepted_from: str = Field(default="", max_length=45, description="Network address the customer agreed from.")
    document: str = Field(default="", max_length=300, description="Where the signed text is kept.")

    def as_mandate(self) -> NewBankMandate:
        evidence = {"medium": self.medium, "accepted_from": self.accepted_from, "document": self.document}
        return NewBankMandate(
            holder_name=self.holder_name,
            iban=self.iban,
            signed_on=self.signed_on,
            reference=self.reference,
            bic=self.bic,
            scheme=self.scheme,
            one_off=self.one_off,
            address=None if self.address is None else self.address.as_address(),
            evidence={name: value for name, value in evidence.items() if value},
        )


class MandateAmendmentIn(Request):
    """What of a mandate changes; fields left out stay as they are."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"iban": "NL91ABNA0417164300", "reason": "the customer changed banks"}]}
    )

    iban: str = Field(default="", max_length=42, description="Another account, at the same bank or another one.")
    bic: str = Field(default="", max_length=11, description="Empty: found by the IBAN.")
    holder_name: str = Field(default="", max_length=70, description="Who holds the account, where that changed.")
    reference: str = Field(default="", max_length=35, description="Another reference of the mandate.")
    address: AddressIn | None = Field(default=None, description="Needed for accounts outside the EEA.")
    document: str = Field(default="", max_length=300, description="Where the customer's word about it is kept.")
    reason: Reason

    def as_amendment(self) -> MandateAmendment:
        return MandateAmendment(
            reason=self.reason,
            iban=self.iban,
            bic=self.bic,
            holder_name=self.holder_name,
            reference=self.reference,
            address=None if self.address is None else self.address.as_address(),
            evidence={"amendment": self.document} if self.document else {},
        )


class BankMandateOut(Response):
    """A mandate and its bank account, of which only the last four are ever shown."""

    method_id: str = Field(examples=["pm_1001"])
    holder_name: str
    last_four: str = Field(examples=["4567"])
    bic: str
    reference: str
    signed_on: date
    scheme: str
    one_off: bool
    address: dict[str, Any]
    evidence: dict[str, Any] = Field(description="How the customer agreed, and who recorded it.")
    status: str = Field(examples=["usable"])
    amends_method_id: str | None = Field(description="The method under which the same mandate stood before.")

    @classmethod
    def of(cls, stored: StoredMandate) -> Self:
        account, method = stored.account, stored.method
        return cls(
            method_id=account.method_id,
            holder_name=account.holder_name,
            last_four=method.last_four,
            bic=account.bic,
            reference=account.mandate_reference,
            signed_on=account.signed_on,
            scheme=account.scheme,
            one_off=account.one_off,
            address=dict(account.address),
            evidence=dict(account.evidence),
            status=method.status,
            amends_method_id=account.amends_method_id,
        )


class BankBatchOut(Response):
    """One file to the bank. `status`: made, held, staged, delivered, rejected or withdrawn."""

    batch_id: str = Field(examples=["batch_1001"])
    kind: str = Field(description="debits or payouts.", examples=["debits"])
    brand: str
    collect_on: date = Field(description="The date the bank is asked to collect on; of payouts, to send them on.")
    sequence: str = Field(examples=["RCUR"])
    scheme: str
    version: str
    message_id: str = Field(examples=["EF20270322-1001"])
    file_name: str
    file_hash: str = Field(description="SHA-256 of the file's bytes.")
    count: int
    control_sum_minor: int
    status: str
    reason: str = Field(description="Why it is held, rejected or withdrawn.")
    made_at: datetime
    deliver_by: datetime = Field(description="The bank's cut-off.")
    downloaded_at: datetime | None
    delivered_at: datetime | None
    delivered_how: str
    author: str = Field(description="Who changed it last.")

    @classmethod
    def of(cls, batch: BankBatch) -> Self:
        return cls.model_validate(batch)


class BankFilesMade(Response):
    """What making files came to."""

    batches: list[BankBatchOut]
    held: list[BankDebitOut] = Field(description="Debits that cannot go as they are.")


class DeliveredIn(Request):
    """How the bank got the file."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"how": "uploaded on the bank's portal"}]})

    how: str = Field(min_length=1, max_length=200, description="By which way the bank got it.")


class BankDecisionIn(Request):
    """Why a file or a debit is changed."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "the bank asked us to wait"}]})

    reason: Reason


class BankDebitOut(Response):
    """One debit by file; a held one says which field is wrong and what to do."""

    account_id: str
    attempt_id: str
    end_to_end_id: str
    brand: str
    method_id: str
    amount_minor: int
    currency: str
    mandate_reference: str
    sequence: str
    amended: bool = Field(description="Its file tells the bank what of the mandate changed.")
    due_on: date = Field(description="The date the customer was told.")
    collect_on: date | None = Field(description="The date in the file.")
    status: str = Field(examples=["held"])
    reason_code: str = Field(description="What the bank said, as a SEPA reason code.")
    reason_text: str
    held_field: str
    held_value: str
    held_remedy: str
    batch_id: str | None
    settled_at: datetime | None
    returned_at: datetime | None
    returned_minor: int
    created_at: datetime
    changed_at: datetime


BankFilesMade.model_rebuild()
