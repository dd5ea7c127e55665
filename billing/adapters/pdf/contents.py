"""What an invoice says, in the customer's language and in reading order: plain texts that the layout only places."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_currency, format_percent

from billing.adapters.pdf.heads import address_of, brand_of, known_locale
from billing.adapters.pdf.itemised import usage_of
from billing.adapters.pdf.words import words_for
from billing.domain.invoice import LATE_USAGE, DocumentKind, InvoiceLine, Section
from billing.domain.money import Money
from billing.domain.rating import LineKind
from billing.ports.documents import InvoiceDocument


def contents_of(document: InvoiceDocument) -> dict[str, Any]:
    """The texts of a document by their place in ``invoice.typ``."""
    return _Contents.of(document).as_dict()


@dataclass(frozen=True)
class _Contents:
    document: InvoiceDocument
    locale: str
    words: dict[str, str]

    @classmethod
    def of(cls, document: InvoiceDocument) -> _Contents:
        locale = known_locale(str(document.invoice.customer.get("locale", "")) or document.brand.locale)
        return cls(document, locale, words_for(locale))

    def as_dict(self) -> dict[str, Any]:
        invoice, words = self.document.invoice, self.words
        parsed = Locale.parse(self.locale)
        return {
            "lang": parsed.language,
            "region": parsed.territory or "",
            "title": f"{words[invoice.kind]} {invoice.number}",
            "page": words["page"],
            "issued": invoice.invoice_date.isoformat(),
            "brand": brand_of(self.document.letterhead, self.document.brand.name, self.words),
            "kind": words[invoice.kind],
            "address": address_of(invoice.customer),
            "facts": self._facts(),
            "pay": self._pay(),
            "summary": self._summary(),
            "compared": self._compared(),
            "totals": self._totals(),
            "total": [words["total"], self._amount(invoice.total_minor)],
            "after_total": self._after_total(),
            "notes": list(dict.fromkeys(tax.note for tax in self.document.taxes if tax.note)),
            "details": self._details(),
            "usage": usage_of(self.document, self.locale, words),
        }

    def _facts(self) -> list[list[str]]:
        invoice, words = self.document.invoice, self.words
        last_day = invoice.period_to - timedelta(days=1)
        vat_number = str(invoice.customer.get("vat_number") or "")
        return [
            [words["number"], invoice.number],
            [words["date"], self._day(invoice.invoice_date)],
            [words["period"], f"{self._short(invoice.period_from)} – {self._short(last_day)}"],
            [words["account"], str(invoice.customer.get("account_number", ""))],
            *([[words["your_vat"], vat_number]] if vat_number else []),
        ]

    # What to pay, when and how -----------------------------------------------------------------------------------

    def _pay(self) -> dict[str, Any]:
        invoice = self.document.invoice
        pays = invoice.to_collect_minor > 0
        label = "to_pay" if pays else "in_favour" if invoice.total_minor < 0 else "total"
        return {
            "label": self.words[label],
            "amount": self._amount(invoice.to_collect_minor if pays else abs(invoice.total_minor)),
            "sentences": self._how(),
        }

    def _how(self) -> list[str]:
        invoice, words = self.document.invoice, self.words
        if invoice.kind == DocumentKind.CREDIT_NOTE:
            return [words["corrects"].format(number=self.document.corrects_number)]
        if invoice.to_collect_minor <= 0:
            return [self._why_nothing()]
        day, url = self._day(invoice.due_on), self.document.brand.account_url
        method = f"{words.get(invoice.method_kind, '')} {self.document.pays_by}".strip()
        if invoice.method_kind == "none":
            sentences = [words["transfer"].format(date=day, url=url)]
        else:
            sentences = [words["debit"].format(date=day, method=method), *self._mandate()]
        if len(invoice.collect_invoice_ids) > 1:
            sentences.append(words["with_carried"])
        elif invoice.to_collect_minor < invoice.total_minor:
            sentences.append(words["less_credit"])
        return sentences

    def _mandate(self) -> list[str]:
        """Rulebook of the SEPA scheme, 4.2: the customer reads by which mandate and by whom the debit is made."""
        reference, creditor = self.document.mandate_reference, self.document.letterhead.creditor_id
        return [self.words["mandate"].format(reference=reference, creditor=creditor)] if reference and creditor else []

    def _why_nothing(self) -> str:
        invoice = self.document.invoice
        if invoice.total_minor < 0:
            return self.words["credit"]
        if invoice.total_minor == 0:
            return self.words["nothing"]
        return self.words["carried" if self.document.open_minor else "covered"]

    # Where the money went ----------------------------------------------------------------------------------------

    def _summary(self) -> dict[str, Any]:
        sums = self._sums()
        largest = max((amount for amount in sums.values()), default=0)
        rows = [
            {
                "label": label,
                "note": self._what(label),
                "share": max(amount_minor / largest, 0.01) if amount_minor > 0 else 0,
                "amount": self._amount(amount_minor),
            }
            for label, amount_minor in sums.items()
        ]
        words = self.words
        has_shares = any(row["share"] for row in rows)
        return {"title": words["summary"], "rows": rows, "has_shares": has_shares} | {
            name: words[name] for name in ("service", "share", "amount", "no_vat")
        }

    def _sums(self) -> dict[str, int]:
        """Net sums: each service in order, other charges, discounts."""
        sums: dict[str, int] = {}
        for line in self.document.lines:
            label = self._label(line)
            sums[label] = sums.get(label, 0) + line.amount.amount_minor
        return sums

    def _what(self, label: str) -> str:
        """The largest charges of a service, so that its sum explains itself."""
        lines = [line for line in self.document.lines if self._label(line) == label and line.amount.amount_minor > 0]
        lines.sort(key=lambda line: -line.amount.amount_minor)
        names = dict.fromkeys(line.description for line in lines)
        return ", ".join(list(names)[:3])

    def _label(self, line: InvoiceLine) -> str:
        if line.section is Section.DISCOUNT:
            return self.words["discounts"]
        service = self.document.services.get(line.service_id or "")
        return service.identifier if service else self.words["other"]

    def _compared(self) -> str:
        """This invoice beside the one before, and which service made most of the difference."""
        before, invoice = self.document.previous, self.document.invoice
        if before is None or before.currency != invoice.currency:
            return ""
        difference = invoice.total_minor - before.total_minor
        if not difference:
            return self.words["compared_same"]
        words = self.words["compared_more" if difference > 0 else "compared_less"]
        return " ".join([words.format(amount=self._amount(abs(difference))), *self._most_of(difference)])

    def _most_of(self, difference: int) -> list[str]:
        before = self.document.previous
        sums = {} if before is None else dict(before.net_by_service)
        changes: dict[str, int] = {service_id: -amount for service_id, amount in sums.items()}
        for line in self.document.lines:
            if line.service_id:
                changes[line.service_id] = changes.get(line.service_id, 0) + line.amount.amount_minor
        sign = 1 if difference > 0 else -1
        service_id = max(changes, key=lambda each: changes[each] * sign, default="")
        service = self.document.services.get(service_id)
        if service is None or len(changes) < 2 or changes[service_id] * sign <= 0:
            return []
        change = changes[service_id]
        shown = f"{'+' if change > 0 else '−'}{self._amount(abs(change))}"
        return [self.words["compared_most"].format(service=service.identifier, amount=shown)]

    def _totals(self) -> list[list[str]]:
        rows = [[self.words["net"], self._amount(self.document.invoice.net_minor)]]
        for tax in self.document.taxes:
            percent = format_percent(tax.percent / 100, "#,##0.##%", locale=self.locale)
            label = self.words["vat"].format(percent=percent, net=self._amount(tax.net_minor))
            rows.append([label, self._amount(tax.vat_minor)])
        return rows

    def _after_total(self) -> list[list[str]]:
        """From the total to what is to pay: amounts carried from earlier invoices, less credit that was used."""
        invoice, words = self.document.invoice, self.words
        if invoice.to_collect_minor <= 0 or invoice.to_collect_minor == invoice.total_minor:
            return []
        return [
            [words["earlier"], self._amount(invoice.to_collect_minor - invoice.total_minor)],
            [words["to_pay"], self._amount(invoice.to_collect_minor)],
        ]

    def _details(self) -> dict[str, Any]:
        groups: dict[str, list[dict[str, Any]]] = {}
        for line in self.document.lines:
            entry = {
                "description": self._described(line),
                "steps": list(line.explanation),
                "amount": self._amount(line.amount.amount_minor),
            }
            groups.setdefault(self._label(line), []).append(entry)
        shown = [{"label": label, "lines": lines} for label, lines in groups.items()]
        names = {name: self.words[name] for name in ("description", "amount")}
        return {"title": self.words["details"], "groups": shown} | names

    def _described(self, line: InvoiceLine) -> str:
        if line.period_from is None or line.period_to is None:
            return line.description
        last_day = line.period_to - timedelta(days=1)
        from_day, to_day = self._short(line.period_from), self._short(last_day)
        is_usage = line.kind in (LineKind.USAGE, LATE_USAGE)
        dates = self.words["late"].format(from_day=from_day, to_day=to_day) if is_usage else f"{from_day} – {to_day}"
        return f"{line.description} ({dates})"

    # In the customer's language ----------------------------------------------------------------------------------

    def _amount(self, amount_minor: int) -> str:
        money = Money(amount_minor, self.document.invoice.currency)
        return format_currency(money.decimal, money.currency, locale=self.locale)

    def _day(self, day: date) -> str:
        return format_date(day, "d MMMM y", locale=self.locale)

    def _short(self, day: date) -> str:
        return format_date(day, "d MMM y", locale=self.locale)
