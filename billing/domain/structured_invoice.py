"""The semantic model of an electronic invoice, as far as a telco's bill uses it.

Source: EN 16931-1; the names in brackets are its business terms. Amounts are minor units of ``currency``; on a credit
note (381) they are positive. Whoever writes a syntax (UBL, CII) adds nothing and leaves nothing out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

INVOICE, CREDIT_NOTE = "380", "381"
ONLINE, CARD, DIRECT_DEBIT, SEPA_DIRECT_DEBIT = "68", "48", "49", "59"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An electronic address [BT-34, BT-49] in a scheme of the EAS code list."""

    scheme: str
    identifier: str


@dataclass(frozen=True, slots=True)
class Party:
    """Seller [BG-4] or buyer [BG-7]."""

    name: str
    street: str
    postcode: str
    city: str
    country: str
    vat_number: str = ""
    email: str = ""
    phone: str = ""
    endpoint: Endpoint | None = None


@dataclass(frozen=True, slots=True)
class TaxCategory:
    """A VAT category [BT-118, BT-151] with its percentage."""

    category: str
    percent: Decimal


@dataclass(frozen=True, slots=True)
class StructuredLine:
    """A line [BG-25] of one unit; the quantity is -1 where the amount is a credit, since no price is negative."""

    line_id: str
    name: str
    description: str
    amount_minor: int
    tax: TaxCategory
    period_from: date
    period_to: date

    @property
    def quantity(self) -> int:
        """The invoiced quantity [BT-129]."""
        return -1 if self.amount_minor < 0 else 1

    @property
    def price_minor(self) -> int:
        """The price of one unit [BT-146]."""
        return abs(self.amount_minor)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What discounts take off at one VAT rate [BG-20]."""

    reason: str
    amount_minor: int
    tax: TaxCategory


@dataclass(frozen=True, slots=True)
class TaxSum:
    """The VAT of one rate [BG-23]."""

    tax: TaxCategory
    net_minor: int
    vat_minor: int
    exemption_code: str = ""
    exemption_reason: str = ""


@dataclass(frozen=True, slots=True)
class Payment:
    """How it is paid [BG-16]: ``means`` of UNTDID 4461, and for a direct debit by which mandate and creditor."""

    means: str
    terms: str
    due_on: date | None = None
    mandate: str = ""
    creditor_id: str = ""


@dataclass(frozen=True, slots=True)
class StructuredInvoice:
    """An invoice or credit note; periods are whole days, both included."""

    number: str
    type_code: str
    issued_on: date
    currency: str
    buyer_reference: str
    period_from: date
    period_to: date
    seller: Party
    buyer: Party
    payment: Payment
    lines: tuple[StructuredLine, ...]
    allowances: tuple[Allowance, ...]
    taxes: tuple[TaxSum, ...]
    corrects_number: str = ""
    corrects_date: date | None = None
    note: str = ""

    @property
    def lines_minor(self) -> int:
        """The sum of the lines [BT-106]."""
        return sum(line.amount_minor for line in self.lines)

    @property
    def allowances_minor(self) -> int:
        """The sum of the allowances [BT-107]."""
        return sum(each.amount_minor for each in self.allowances)

    @property
    def net_minor(self) -> int:
        """The total without VAT [BT-109]."""
        return self.lines_minor - self.allowances_minor

    @property
    def vat_minor(self) -> int:
        """The total VAT [BT-110]."""
        return sum(tax.vat_minor for tax in self.taxes)

    @property
    def total_minor(self) -> int:
        """The total with VAT [BT-112], and what is due [BT-115]."""
        return self.net_minor + self.vat_minor
