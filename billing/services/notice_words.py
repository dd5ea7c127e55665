"""Amounts and dates as a customer reads them, and how many segments a text message takes.

English has its own words ("42.10 Euro", "6th of June"); every other language is written as Babel (CLDR) writes it.
"""

from __future__ import annotations

from datetime import date
from unicodedata import category, combining, normalize

from babel import Locale, UnknownLocaleError
from babel.dates import format_skeleton
from babel.numbers import format_currency, format_decimal, get_currency_name

from billing.domain.money import Money, minor_digits

LANGUAGES = ("en", "nl", "fr", "de", "es")
DEFAULT_LANGUAGE = "en"
_ENGLISH_CURRENCIES = {"EUR": "Euro", "GBP": "Pounds", "USD": "Dollars"}
# Unicode's explicit directional formatting characters (UAX 9), and the controls of category Cc with line separators.
_TURNS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_CONTROLS = ("Cc", "Zl", "Zp")
_NARROW_SPACES = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2019": "'"})

# 3GPP TS 23.038: the default alphabet, and the characters that take two places.
_GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENDED = frozenset("\f^{}\\[~]|€")
_GSM = _GSM_BASIC | _GSM_EXTENDED


def read_locale(*wanted: str) -> Locale:
    """The first usable locale of those wanted, written nl, nl_BE or nl-BE; English when none is."""
    for name in wanted:
        try:
            found = Locale.parse(name.replace("-", "_"))
        except (ValueError, UnknownLocaleError):
            continue
        if found.language in LANGUAGES:
            return found
    return Locale(DEFAULT_LANGUAGE)


def written_amount(money: Money, locale: Locale, *, in_column: bool = False) -> str:
    """``10 Euro``, ``42.10 Euro`` in English; ``€ 42,10``, ``42,10 €`` elsewhere.

    ``in_column`` writes the digits of whole amounts too (``10.00 Euro``), so that amounts below each other compare.
    """
    if locale.language != "en":
        return str(format_currency(money.decimal, money.currency, locale=locale))
    digits = 0 if money.decimal == int(money.decimal) and not in_column else minor_digits(money.currency)
    pattern = "#,##0" + ("." + "0" * digits if digits else "")
    name = _ENGLISH_CURRENCIES.get(money.currency) or get_currency_name(money.currency, money.decimal, locale="en")
    return f"{format_decimal(money.decimal, pattern, locale='en')} {name}"


def written_date(day: date, locale: Locale) -> str:
    """``6th of June`` in English; day and month as the language puts them elsewhere (``6 juin``, ``6. Juni``)."""
    if locale.language == "en":
        return f"{_ordinal(day.day)} of {day:%B}"
    return str(format_skeleton("MMMMd", day, locale=locale))


def _ordinal(number: int) -> str:
    suffix = "th" if 11 <= number <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"


def plain(words: str) -> str:
    """Words in one line, without control characters and marks that turn the direction of what follows.

    A name with such characters could make an amount or an address read differently from what it is.
    """
    return " ".join(
        "".join(" " if category(each) in _CONTROLS else each for each in words if each not in _TURNS).split()
    )


def for_text_message(text: str) -> str:
    """The same words in the networks' own alphabet where that is possible, which more than doubles a segment.

    Spaces become plain ones, and letters lose an accent that GSM-7 lacks ("día" is sent as "dia"), as is usual in text
    messages. A text that needs other characters all the same, such as a smile, keeps its accents.
    """
    spaced = text.translate(_NARROW_SPACES)
    without = "".join(each if each in _GSM else _without_accent(each) for each in spaced)
    return without if all(each in _GSM for each in without) else spaced


def _without_accent(letter: str) -> str:
    return "".join(part for part in normalize("NFD", letter) if not combining(part))


def count_segments(text: str) -> int:
    """Segments of a text message: 160 or 153 places of GSM-7, 70 or 67 UTF-16 units when any character needs UCS-2."""
    if all(character in _GSM for character in text):
        widths = [2 if character in _GSM_EXTENDED else 1 for character in text]
        return _segments(widths, alone=160, joined=153)
    return _segments([len(character.encode("utf-16-le")) // 2 for character in text], alone=70, joined=67)


def _segments(widths: list[int], *, alone: int, joined: int) -> int:
    if sum(widths) <= alone:
        return 1
    segments, used = 1, 0
    for width in widths:  # a character of two places is never split between segments
        if used + width > joined:
            segments, used = segments + 1, 0
        used += width
    return segments
