"""VAT of bad debts: when a country lets it be taken back, and how much of what was given up it is.

A rule is data (``billing/bad_debt_rules``), off unless a brand names it. It says from when on the VAT of what was given
up may be taken back; that it is owed again as far as money comes in after all holds everywhere (directive 2006/112/EC,
articles 90 and 185).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from billing.domain.fields import Fields


@dataclass(frozen=True)
class ReliefRule:
    """A country's rule as we knew it on a day; ``counsel`` says what to do before relying on it.

    ``least_net_minor`` is per invoice, ``least_days_overdue`` from its due date; 0: once it is given up, due or not.
    """

    code: str
    country: str
    least_days_overdue: int
    least_net_minor: int
    says: str
    source: str
    as_of: date
    counsel: str

    def why_not(self, net_minor: int, due_on: date, today: date) -> str:
        """Why the VAT of an invoice may not be taken back yet; empty when it may."""
        days = (today - due_on).days
        if net_minor < self.least_net_minor:
            return f"it is of less than {self.least_net_minor} minor units net"
        if self.least_days_overdue and days < self.least_days_overdue:
            return f"it is {max(0, days)} of {self.least_days_overdue} days overdue"
        return ""

    @classmethod
    def from_dict(cls, data: Any) -> ReliefRule:
        """Read a rule's file. Raises InvalidValue naming the field."""
        fields = Fields({**data, "as_of": str(data.get("as_of", ""))} if isinstance(data, dict) else data)
        rule = cls(
            code=fields.code("code"),
            country=fields.text("country"),
            least_days_overdue=fields.whole("least_days_overdue", default=0, least=0, most=3650),
            least_net_minor=fields.whole("least_net_minor", default=0, least=0, most=10**9),
            says=fields.text("says", longest=400),
            source=fields.text("source", longest=400),
            as_of=day_of(fields),
            counsel=fields.text("counsel"),
        )
        fields.finish()
        return rule


def vat_of_part(given_up_minor: int, vat_minor: int, gross_minor: int) -> int:
    """The VAT within what was given up of an invoice, half up; all of it gives back exactly the invoice's VAT."""
    if gross_minor <= 0 or vat_minor <= 0:
        return 0
    part = min(given_up_minor, gross_minor)
    return (2 * part * vat_minor + gross_minor) // (2 * gross_minor)


def day_of(fields: Fields) -> date:
    """The day of ``as_of``: what was known then. Raises InvalidValue."""
    text = fields.text("as_of")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise fields.refusal("as_of", f"{text!r} is no day.", "Write it as 2025-01-01.") from None
