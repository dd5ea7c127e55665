"""A statement of account on paper: what is owed comes first, then every event with its balance, then what is open.

Reasons stay out: staff wrote them for staff.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_currency

from billing.adapters.pdf.heads import address_of, brand_of, known_locale
from billing.adapters.pdf.statement_words import statement_words_for
from billing.adapters.pdf.typesetting import Typesetter
from billing.adapters.pdf.words import words_for
from billing.domain.money import Money
from billing.domain.statement import CurrencyStatement, StatementLine
from billing.ports.statements import AccountStatement, OpenItem


class StatementPdf:
    """Draws statements; the same statement always gives the same bytes."""

    def __init__(self) -> None:
        self._typesetter = Typesetter("statement.typ")

    def statement(self, statement: AccountStatement) -> bytes:
        """As PDF, dated with the last day of its period."""
        last_day = statement.period_to - timedelta(days=1)
        return self._typesetter.pdf(contents_of_statement(statement), last_day)


def contents_of_statement(statement: AccountStatement) -> dict[str, Any]:
    """The texts of a statement by their place in ``statement.typ``."""
    return _Contents.of(statement).as_dict()


@dataclass(frozen=True)
class _Contents:
    made: AccountStatement
    locale: str
    words: dict[str, str]

    @classmethod
    def of(cls, made: AccountStatement) -> _Contents:
        locale = known_locale(made.account.locale or made.brand.locale)
        return cls(made, locale, words_for(locale) | statement_words_for(locale))

    def as_dict(self) -> dict[str, Any]:
        made, words, parsed = self.made, self.words, Locale.parse(self.locale)
        account = made.account
        customer = {"company": account.company, "name": account.customer_name, "postal_address": account.postal_address}
        return {
            "lang": parsed.language,
            "region": parsed.territory or "",
            "title": f"{words['statement']} {account.number}",
            "page": words["page"],
            "brand": brand_of(made.letterhead, made.brand.name, words),
            "kind": words["statement"],
            "address": address_of(customer),
            "facts": [[words["account"], account.number], [words["period"], self._period()]],
            "nothing": words["no_events"],
            "currencies": [self._currency(one) for one in made.currencies],
        }

    def _period(self) -> str:
        last_day = self.made.period_to - timedelta(days=1)
        return f"{self._day(self.made.period_from)} – {self._day(last_day)}"

    def _currency(self, one: CurrencyStatement) -> dict[str, Any]:
        words, items = self.words, [item for item in self.made.open_items if item.currency == one.currency]
        opening, closing = self._amount(one.opening_minor, one), self._amount(one.closing_minor, one)
        return {
            "label": words["to_pay" if one.closing_minor >= 0 else "in_credit"],
            "amount": self._amount(abs(one.closing_minor), one),
            "sentences": self._sentences(one, items),
            "events": {
                "title": words["events"],
                "columns": [words[name] for name in ("date", "event", "document", "amount", "balance")],
                "opening": [words["opening"], opening],
                "closing": [words["closing"], closing],
                "rows": [self._line(line, one) for line in one.lines],
            },
            "open": {
                "title": words["open_items"],
                "nothing": words["nothing_open"],
                "columns": [words[name] for name in ("invoice_issued", "due", "age", "amount")],
                "rows": [self._open_item(item, one) for item in items],
            },
        }

    def _sentences(self, one: CurrencyStatement, items: list[OpenItem]) -> list[str]:
        """What of it is late, and the credit that was taken off."""
        late = sum(item.open_minor for item in items if item.days_overdue)
        said = [self.words["late_part"].format(amount=self._amount(late, one))] if late > 0 else []
        if one.credit_minor > 0 and one.closing_minor > 0:
            said.append(self.words["credit_part"].format(amount=self._amount(one.credit_minor, one)))
        return said

    def _line(self, line: StatementLine, one: CurrencyStatement) -> list[str]:
        at = line.at.astimezone(ZoneInfo(self.made.account.zone)).date()
        return [
            self._day(at),
            self.words.get(line.kind.value, line.kind.value.replace("_", " ")),
            self.made.names(line.reference, line.invoice_ids),
            self._amount(line.amount_minor, one),
            self._amount(line.balance_minor, one),
        ]

    def _open_item(self, item: OpenItem, one: CurrencyStatement) -> list[str]:
        age = self.words["overdue"].format(days=item.days_overdue) if item.days_overdue else self.words["not_due"]
        return [item.number, self._day(item.due_on), age, self._amount(item.open_minor, one)]

    def _amount(self, amount_minor: int, one: CurrencyStatement) -> str:
        money = Money(amount_minor, one.currency)
        return format_currency(money.decimal, money.currency, locale=self.locale)

    def _day(self, day: date) -> str:
        return format_date(day, "d MMM y", locale=self.locale)
