"""A statement on paper: in every language, over pages, the same bytes every time, and without reasons of staff."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from pypdf import PdfReader

from billing.adapters.pdf import StatementPdf
from billing.adapters.pdf.statement_words import LANGUAGES
from billing.domain.ledger import EntryKind
from billing.domain.letterhead import Letterhead
from tests.builders_documents import LETTERHEAD
from tests.builders_statements import LATE, a_statement


def pages_of(drawn: bytes) -> list[str]:
    """What a reader finds on each page, from the top."""
    return [" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(drawn)).pages]


@pytest.mark.parametrize("locale", ["nl_NL", "en", "fr_BE", "de", "es", "xx"])
def test_it_is_drawn_in_the_customers_language_and_always_the_same(locale: str) -> None:
    made = a_statement(locale)
    drawn = StatementPdf().statement(made)
    assert drawn == StatementPdf().statement(made)
    words = LANGUAGES.get(locale[:2], LANGUAGES["en"])
    (page,) = pages_of(drawn)
    assert all(words[name] in page for name in ("statement", "opening", "closing", "written_off", "nothing_open"))
    assert "SECRET" not in page


def test_what_is_owed_and_what_is_late_come_before_the_events() -> None:
    (page,) = pages_of(StatementPdf().statement(replace(a_statement("en"), open_items=[LATE])))
    places = [
        page.index(words)
        for words in ("You owe", "€11.90", "Of this €11.90 is overdue.", "Opening balance", "V15-2027-000001")
    ]
    assert places == sorted(places)
    assert "16 days overdue" in page


def test_the_letterhead_is_on_it() -> None:
    made = replace(a_statement("nl_NL"), letterhead=Letterhead.from_dict(LETTERHEAD))
    (page,) = pages_of(StatementPdf().statement(made))
    assert all(words in page for words in ("Vonk Mobiel B.V.", "Kade 1", "NL123456789B01", "Sanne de Vries"))


def test_it_is_tagged_for_screen_readers_and_names_its_language() -> None:
    catalog = PdfReader(io.BytesIO(StatementPdf().statement(a_statement("fr_BE")))).trailer["/Root"]
    assert catalog["/Lang"] == "fr-BE"
    assert catalog["/MarkInfo"]["/Marked"]
    metadata = catalog["/Metadata"].get_object().get_data().decode()
    assert all(said in metadata for said in ("<pdfuaid:part>1<", "<pdfaid:part>3<", "<pdfaid:conformance>A<"))


def test_a_long_one_breaks_into_pages_and_repeats_its_columns() -> None:
    pages = pages_of(StatementPdf().statement(a_statement("en", 200)))
    assert len(pages) > 3
    assert all("What happened" in page for page in pages[:-1])
    assert f"Page 2 of {len(pages)}" in pages[1]


def test_an_empty_one_says_so() -> None:
    (page,) = pages_of(StatementPdf().statement(replace(a_statement("en"), currencies=())))
    assert "Nothing happened in this period." in page


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_word(language: str) -> None:
    assert set(LANGUAGES[language]) == set(LANGUAGES["en"])
    assert {each.value for each in EntryKind} <= set(LANGUAGES[language])
