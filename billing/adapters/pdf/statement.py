"""A statement of account on paper: what is owed comes first, then every event with its balance, then what is open.

Reasons stay out: staff wrote them for staff.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_currency

from billing.adapters.pdf.page import ACCENT, BOLD, INK, MARGIN, QUIET, RIGHT, Page, wrapped
from billing.adapters.pdf.statement_words import statement_words_for
from billing.domain.money import Money
from billing.domain.statement import CurrencyStatement, StatementLine
from billing.ports.statements import AccountStatement, OpenItem

_FALLBACK_LOCALE = "en_GB"
_DOCUMENT, _AMOUNT = 285.0, 455.0


class StatementPdf:
    """Draws statements; the same statement always gives the same bytes."""

    def statement(self, statement: AccountStatement) -> bytes:
        return _Drawing(statement).draw()


class _Drawing:
    def __init__(self, made: AccountStatement) -> None:
        self._made = made
        self._locale = _known(made.account.locale or made.brand.locale)
        self._words = statement_words_for(self._locale)
        title = f"{self._words['statement']} {made.account.number}"
        footer = f"{made.brand.name}  ·  {title}  ·  {self._words['page']}"
        self._page = Page(title, made.brand.name, self._locale.replace("_", "-"), footer)

    def draw(self) -> bytes:
        self._header()
        for one in self._made.currencies:
            self._currency(one)
        if not self._made.currencies:
            self._page.text(MARGIN, self._words["no_events"])
        return self._page.finish()

    def _header(self) -> None:
        page, made, words = self._page, self._made, self._words
        page.text(MARGIN, made.brand.name, size=20, font=BOLD, color=ACCENT)
        page.text(RIGHT, words["statement"], size=14, color=QUIET, right=True)
        page.down(34)
        last_day = made.period_to - timedelta(days=1)
        period = f"{self._day(made.period_from)} - {self._day(last_day)}"
        for label, value in (
            (words["account"], f"{made.account.number}  {made.account.customer_name}"),
            (words["period"], period),
        ):
            page.text(MARGIN, label, color=QUIET)
            page.text(MARGIN + 110, value)
            page.down(15)
        page.down(14)

    def _currency(self, one: CurrencyStatement) -> None:
        page, words = self._page, self._words
        owed = one.closing_minor >= 0
        page.text(MARGIN, words["to_pay" if owed else "in_credit"], size=12, color=QUIET)
        page.text(RIGHT, self._amount(abs(one.closing_minor), one), size=18, font=BOLD, color=ACCENT, right=True)
        page.down(28)
        self._heading()
        self._row("", words["opening"], "", "", self._amount(one.opening_minor, one), bold=True)
        for line in one.lines:
            self._line(line, one)
        if not one.lines:
            self._row("", words["no_events"], "", "", "")
        self._row("", words["closing"], "", "", self._amount(one.closing_minor, one), bold=True)
        self._open_items([item for item in self._made.open_items if item.currency == one.currency], one)

    def _heading(self) -> None:
        words = self._words
        self._row(words["date"], words["event"], words["document"], words["amount"], words["balance"], quiet=True)
        self._page.rule()
        self._page.down(14)

    def _line(self, line: StatementLine, one: CurrencyStatement) -> None:
        names = wrapped(self._made.names(line.reference, line.invoice_ids), _AMOUNT - _DOCUMENT - 80, 9.5) or [""]
        event = self._words.get(line.kind.value, line.kind.value.replace("_", " "))
        amount, balance = self._amount(line.amount_minor, one), self._amount(line.balance_minor, one)
        self._row(self._local_day(line.at), event, names[0], amount, balance)
        for name in names[1:]:
            self._row("", "", name, "", "")

    def _row(
        self, day: str, event: str, document: str, amount: str, balance: str, *, bold: bool = False, quiet: bool = False
    ) -> None:
        page, font = self._page, BOLD if bold else "Helvetica"
        color = QUIET if quiet else INK
        page.text(MARGIN, day, color=color)
        page.text(MARGIN + 70, event, font=font, color=color)
        page.text(_DOCUMENT, document, color=color)
        page.text(_AMOUNT, amount, right=True, color=color)
        page.text(RIGHT, balance, font=font, right=True, color=color)
        page.down(15, keep=20)

    def _open_items(self, items: list[OpenItem], one: CurrencyStatement) -> None:
        page, words = self._page, self._words
        page.down(14, keep=60)
        page.text(MARGIN, words["open_items"], size=12, font=BOLD)
        page.down(18)
        for item in items:
            age = words["overdue"].format(days=item.days_overdue) if item.days_overdue else words["not_due"]
            page.text(MARGIN, item.number)
            page.text(MARGIN + 180, f"{words['due']}: {self._day(item.due_on)}, {age}", color=QUIET)
            page.text(RIGHT, self._amount(item.open_minor, one), right=True)
            page.down(15, keep=20)
        if not items:
            page.text(MARGIN, words["nothing_open"], color=QUIET)
        page.down(24, keep=40)

    def _amount(self, amount_minor: int, one: CurrencyStatement) -> str:
        money = Money(amount_minor, one.currency)
        return format_currency(money.decimal, money.currency, locale=self._locale)

    def _local_day(self, at: datetime) -> str:
        return self._day(at.astimezone(ZoneInfo(self._made.account.zone)).date())

    def _day(self, day: date) -> str:
        return format_date(day, "d MMM y", locale=self._locale)


def _known(locale: str) -> str:
    try:
        return str(Locale.parse(locale.replace("-", "_")))
    except (UnknownLocaleError, ValueError, TypeError):
        return _FALLBACK_LOCALE
