"""Mails as clients need them: one table in a column, amount and date first, nothing loaded, the same in plain text."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from billing.domain.letterhead import contrast_with_white
from billing.domain.money import Money
from billing.messages.notices import NoticeKind
from billing.services.notice_summary import MOST_SERVICES, summary_of
from billing.services.notice_words import LANGUAGES, read_locale
from tests.builders_mails import PAYLINK, WITH_DOCUMENT, a_mail, an_invoice

GMAIL_CLIPS_AT = 102_000
_AMOUNT = re.compile(r"[0-9][0-9.,\u00a0\u202f]*[0-9]\s?(?:€|Euro)|€\s?[0-9][0-9.,]*[0-9]")
_VOID = {"meta", "br", "img"}
_PLAINLY = str.maketrans({"\u00a0": " ", "\u202f": " "})


class Mail(HTMLParser):
    """The elements of a mail, its words without the hidden ones, and whether every element is closed."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(source)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "title", "head"} & set(self._open):
            self.words.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


EVERY = [(kind, language) for kind in NoticeKind for language in LANGUAGES]


@pytest.mark.parametrize(("kind", "language"), EVERY)
def test_every_mail_has_one_heading_named_pictures_and_loads_nothing(kind: NoticeKind, language: str) -> None:
    source = a_mail(kind, language).html
    mail = Mail(source)
    assert len(mail.of("h1")) == 1
    assert [one["alt"] for one in mail.of("img")] == ["Vonk Mobiel"]
    assert {one["src"] for one in mail.of("img")} == {"cid:logo"}
    assert not re.search(r"url\(|@import|<link|<script|<form|<iframe|srcset|background=|\son[a-z]+=", source)
    assert not {"div", "section", "main"} & {name for name, one in mail.elements if "display:none" not in str(one)}
    assert mail.of("html")[0]["lang"] == language
    assert len(source.encode()) < GMAIL_CLIPS_AT


@pytest.mark.parametrize(("kind", "language"), EVERY)
def test_the_text_part_says_the_same_amounts_and_addresses(kind: NoticeKind, language: str) -> None:
    content = a_mail(kind, language)
    mail = Mail(content.html)
    shown = " ".join(mail.words).translate(_PLAINLY)
    text = content.text.translate(_PLAINLY)
    assert {found.strip() for found in _AMOUNT.findall(shown)} <= {found.strip() for found in _AMOUNT.findall(text)}
    assert {one["href"] for one in mail.of("a")} <= set(re.findall(r"https://[^\s]*[^\s.,;:!?)]", text))
    for day in re.findall(r"26\S* (?:of |de )?[Ss]ept\w+", shown):
        assert day in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_invoice_is_summed_up_below_the_button_and_in_the_text(language: str) -> None:
    for kind in WITH_DOCUMENT:
        content = a_mail(kind, language)
        assert content.html.index("<h1") < content.html.index("href=") < content.html.index("VONK-20270215-0001")
        assert len(Mail(content.html).of("caption")) == 1
        for words in ("+31612340001", "Vonk Basis", "VONK-20270215-0001", "21"):
            assert words in content.text


def test_the_preheader_is_the_first_that_a_list_of_mails_shows() -> None:
    words = " ".join("".join(Mail(a_mail(NoticeKind.READY).html).words).split())
    assert words.startswith("1,234.56 Euro · On or just after the 26th of September · Vonk Mobiel")
    nothing = " ".join("".join(Mail(a_mail(NoticeKind.USAGE_RESUMED, amount_minor=0).html).words).split())
    assert nothing.startswith("Hello! You can go on")


def test_the_pay_address_is_shown_in_words_below_the_button() -> None:
    html = a_mail(NoticeKind.FAILED).html
    assert html.count(f'href="{PAYLINK}"') == 3
    assert f">{PAYLINK}</a>" in html
    assert f">{PAYLINK}</a>" not in a_mail(NoticeKind.THANK_YOU).html


def test_every_colour_can_be_read_on_light_and_on_dark() -> None:
    html = a_mail(NoticeKind.READY_TO_PAY).html
    for colour in ("#1c2430", "#55636f", "#0b57d0", "#0b6e69"):
        assert colour in html
        assert contrast_with_white(colour) >= 4.5
    card = contrast_with_white("#1e242b")
    for colour in ("#eef1f4", "#b3bcc6", "#9cc3ff"):
        assert card / contrast_with_white(colour) >= 4.5
    assert "prefers-color-scheme: dark" in html


def test_a_name_cannot_turn_or_hide_what_follows() -> None:
    content = a_mail(NoticeKind.READY, brand="Vonk\u202e <b>\r\nBcc: x@y.example\u2066")
    for said in (content.subject, content.text, content.html):
        assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08\r]", said)
    assert "Vonk &lt;b&gt; Bcc: x@y.example" in content.html
    assert "\n" not in content.subject


def test_many_services_are_summed_up_so_that_no_client_cuts_the_mail() -> None:
    summary = summary_of(an_invoice(60), Money(123456, "EUR"), read_locale("en"))
    services = summary.rows[:MOST_SERVICES]
    assert services[-1].label == "+ 50"
    total = next(row for row in summary.rows if row.is_total)
    numbers = [float(row.amount.replace(",", "").split()[0]) for row in summary.rows]
    assert sum(numbers[: summary.rows.index(total)]) == pytest.approx(numbers[summary.rows.index(total)])


def test_what_was_open_before_explains_an_amount_that_is_not_the_invoices() -> None:
    rows = summary_of(an_invoice(), Money(7000, "EUR"), read_locale("en")).rows[-3:]
    assert [(row.label, row.amount) for row in rows] == [
        ("Total of this invoice", "69.58 Euro"),
        ("Earlier amounts and credit", "0.42 Euro"),
        ("To pay", "70.00 Euro"),
    ]
    assert summary_of(an_invoice(), Money(6958, "EUR"), read_locale("en")).rows[-1].label == "Total of this invoice"
