"""Amounts, dates and the length of text messages."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.money import Money
from billing.services.notice_words import count_segments, read_locale, written_amount, written_date


@pytest.mark.parametrize(
    ("amount_minor", "currency", "locale", "written"),
    [
        (1000, "EUR", "en", "10 Euro"),
        (4210, "EUR", "en", "42.10 Euro"),
        (4205, "EUR", "en_GB", "42.05 Euro"),
        (104210, "EUR", "en", "1,042.10 Euro"),
        (4210, "GBP", "en_GB", "42.10 Pounds"),
        (1000, "JPY", "en", "1,000 Japanese yen"),
        (4210, "EUR", "nl_NL", "€\u00a042,10"),
        (1000, "EUR", "nl", "€\u00a010,00"),
        (4210, "EUR", "fr", "42,10\u00a0€"),
        (104210, "EUR", "de", "1.042,10\u00a0€"),
        (4210, "EUR", "es", "42,10\u00a0€"),
    ],
)
def test_amounts_read_as_the_language_writes_them(amount_minor: int, currency: str, locale: str, written: str) -> None:
    assert written_amount(Money(amount_minor, currency), read_locale(locale)) == written


@pytest.mark.parametrize(
    ("day", "locale", "written"),
    [
        (date(2027, 6, 6), "en", "6th of June"),
        (date(2027, 6, 1), "en", "1st of June"),
        (date(2027, 6, 2), "en", "2nd of June"),
        (date(2027, 6, 3), "en", "3rd of June"),
        (date(2027, 6, 11), "en", "11th of June"),
        (date(2027, 6, 12), "en", "12th of June"),
        (date(2027, 6, 13), "en", "13th of June"),
        (date(2027, 6, 21), "en", "21st of June"),
        (date(2027, 5, 31), "en", "31st of May"),
        (date(2027, 6, 6), "nl_BE", "6 juni"),
        (date(2027, 6, 6), "fr", "6 juin"),
        (date(2027, 6, 6), "de", "6. Juni"),
        (date(2027, 6, 6), "es", "6 de junio"),
    ],
)
def test_dates_read_as_the_language_writes_them(day: date, locale: str, written: str) -> None:
    assert written_date(day, read_locale(locale)) == written


@pytest.mark.parametrize(
    ("wanted", "used"),
    [(("nl-BE", "en"), "nl_BE"), (("xx", "fr"), "fr"), (("pl_PL", "de_DE"), "de_DE"), (("", "!"), "en"), ((), "en")],
)
def test_the_first_usable_language_counts(wanted: tuple[str, ...], used: str) -> None:
    assert str(read_locale(*wanted)) == used


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("a" * 152 + "€" + "a" * 10, 2),
        ("a" * 152 + "€" + "a" * 151, 2),
        ("a" * 152 + "€" + "a" * 152, 3),  # the euro sign is not split: one place of the first segment stays empty
        ("ê" * 70, 1),
        ("ê" * 71, 2),
        ("🙂" * 35, 1),
        ("🙂" * 36, 2),
    ],
)
def test_segments_are_counted_as_networks_do(text: str, segments: int) -> None:
    assert count_segments(text) == segments


@given(st.text(max_size=400), st.text(max_size=50))
def test_a_longer_message_never_takes_fewer_segments(text: str, more: str) -> None:
    assert count_segments(text + more) >= count_segments(text)
