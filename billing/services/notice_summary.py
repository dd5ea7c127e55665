"""What an invoice is made of, in a few lines for a mail: a sum per service, discounts, VAT, and the total."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from babel import Locale
from babel.numbers import format_percent

from billing.domain.invoice import InvoiceLine, Section
from billing.domain.money import Money
from billing.ports.documents import InvoiceDocument
from billing.services.notice_templates import fill, originals
from billing.services.notice_words import plain, written_amount

# A mail is cut off by some clients at 102 kB; an account with more services reads the rest in the document.
MOST_SERVICES = 12


@dataclass(frozen=True)
class SummaryRow:
    """A label with its amount as the customer reads it; ``note`` says more in small letters."""

    label: str
    amount: str
    note: str = ""
    is_total: bool = False


@dataclass(frozen=True)
class InvoiceSummary:
    """The rows below the name of the document."""

    title: str
    rows: tuple[SummaryRow, ...]


def summary_of(document: InvoiceDocument, to_pay: Money, locale: Locale) -> InvoiceSummary:
    """The rows of a document; ``to_pay`` is what the notice names, with earlier amounts and credit in it."""
    labels = originals(locale.language)["labels"]
    title = fill(labels["invoice"], {"number": plain(document.invoice.number)})
    return InvoiceSummary(title, tuple(_rows(document, to_pay, locale, labels)))


def _rows(document: InvoiceDocument, to_pay: Money, locale: Locale, labels: Mapping[str, str]) -> Iterator[SummaryRow]:
    invoice = document.invoice

    def written(amount_minor: int) -> str:
        return written_amount(Money(amount_minor, invoice.currency), locale, in_column=True)

    sums = _sums(document, labels)
    shown = list(sums.items()) if len(sums) <= MOST_SERVICES else list(sums.items())[: MOST_SERVICES - 1]
    for label, (amount_minor, note) in shown:
        yield SummaryRow(label, written(amount_minor), note)
    rest = sum(amount for amount, _ in list(sums.values())[len(shown) :])
    if len(shown) < len(sums):
        yield SummaryRow(f"+ {len(sums) - len(shown)}", written(rest))
    for tax in document.taxes:
        percent = format_percent(tax.percent / 100, "#,##0.##%", locale=locale)
        yield SummaryRow(fill(labels["vat"], {"percent": percent}), written(tax.vat_minor))
    yield SummaryRow(labels["total"], written(invoice.total_minor), is_total=True)
    if to_pay.amount_minor and to_pay.amount_minor != invoice.total_minor:
        yield SummaryRow(labels["earlier"], written(to_pay.amount_minor - invoice.total_minor))
        yield SummaryRow(labels["to_pay"], written(to_pay.amount_minor), is_total=True)


def _sums(document: InvoiceDocument, labels: Mapping[str, str]) -> dict[str, tuple[int, str]]:
    """Net minor units by service in order, then other charges and discounts; with the name of the plan."""
    sums: dict[str, tuple[int, str]] = {}
    for line in document.lines:
        label, note = _label(document, line, labels)
        before, known = sums.get(label, (0, ""))
        sums[label] = (before + line.amount.amount_minor, known or note)
    return sums


def _label(document: InvoiceDocument, line: InvoiceLine, labels: Mapping[str, str]) -> tuple[str, str]:
    if line.section is Section.DISCOUNT:
        return labels["discounts"], ""
    service = document.services.get(line.service_id or "")
    return (plain(service.identifier), plain(line.description)) if service else (labels["other"], "")
