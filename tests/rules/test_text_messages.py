"""Text messages: one segment where it is possible, counted with a long amount, the longest date and real addresses."""

from __future__ import annotations

from datetime import date

import pytest

from billing.domain.money import Money
from billing.messages.notices import NoticeKind
from billing.ports.messenger import SMS
from billing.services.notice_rendering import NoticeFacts, render
from billing.services.notice_templates import METHOD_KINDS, check_template, original
from billing.services.notice_words import LANGUAGES, count_segments, for_text_message, read_locale
from billing.services.short_tokens import ShortTokens

A_TOKEN = ShortTokens("evenflow.paylink", ("a key of the test",)).sign(1_234_567, 2)
# Signed for a fortnight, as self-service makes it.
ACCOUNT_URL = "https://mijn.vonkmobiel.nl/my/h/lfls-1a2b-0123456789abcdef"
PAYLINK = f"https://pay.vonkmobiel.nl/pay/{A_TOKEN}"
ABOUT_A_METHOD = {
    "methods_url": f"https://pay.vonkmobiel.nl/methods/{A_TOKEN}",
    "last_four": "3000",
    "mandate_reference": "MND1042",
    "creditor_id": "NL00ZZZ000000000000",
    "notice_period": "14 days",
}
ABOUT_ACCESS = {"code": "123456", "contact": "sanne.devries@example.com"}
# What takes more than one segment, and why it may.
PRODUCTS_WORDS = "its English words are the product's own"
PRODUCTS_SMILE = "the smile of the product's own words needs UCS-2"
SCHEMES_FACTS = "the scheme asks for reference, creditor and notice period; it usually goes by mail"
LONGER = {
    (NoticeKind.READY, "en"): PRODUCTS_WORDS,
    (NoticeKind.REMINDER, "en"): PRODUCTS_WORDS,
    (NoticeKind.FAILED, "en"): PRODUCTS_WORDS,
    (NoticeKind.THANK_YOU, "en"): PRODUCTS_SMILE,
    **{(NoticeKind.MANDATE_CONFIRMED, language): SCHEMES_FACTS for language in LANGUAGES},
}


def message(kind: NoticeKind, language: str, *, has_values: bool = True) -> str:
    facts = NoticeFacts(
        kind=kind,
        brand="Vonk Mobiel",
        account_url=ACCOUNT_URL,
        paylink=PAYLINK,
        amount=Money(123456, "EUR") if has_values else None,
        on=date(2027, 9, 26) if has_values else None,
        more=ABOUT_A_METHOD if kind in METHOD_KINDS else ABOUT_ACCESS,
    )
    return render(original(kind, language, SMS), facts, SMS, read_locale(language)).text


def test_every_text_message_is_one_segment_but_for_those_listed_with_their_reason() -> None:
    longer = {
        (kind, language) for kind in NoticeKind for language in LANGUAGES if count_segments(message(kind, language)) > 1
    }
    assert longer == set(LONGER)


@pytest.mark.parametrize(("kind", "language"), LONGER)
def test_those_that_are_longer_take_two_or_three(kind: NoticeKind, language: str) -> None:
    assert count_segments(message(kind, language)) <= (3 if LONGER[kind, language] == SCHEMES_FACTS else 2)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", NoticeKind)
def test_shorter_words_still_say_what_the_notice_must_say(kind: NoticeKind, language: str) -> None:
    words = original(kind, language, SMS)
    check_template(kind, words, is_email=False)
    text = message(kind, language)
    assert "  " not in text
    assert text == text.strip()
    assert not any(mark in text for mark in ("{{", "{%", "]("))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", [NoticeKind.BARRED, NoticeKind.RESTORED, NoticeKind.MANDATE_NEEDED])
def test_shorter_words_read_well_without_an_amount(kind: NoticeKind, language: str) -> None:
    text = message(kind, language, has_values=False)
    assert "  " not in text
    assert "None" not in text


def test_the_words_of_the_product_go_out_as_they_are() -> None:
    assert message(NoticeKind.FAILED, "en") == (
        "Hello! We are sorry but your payment of 1,234.56 Euro was not successful. "
        f"Pay your outstanding amount now via paylink, by {PAYLINK}. Thank you!"
    )
    assert message(NoticeKind.THANK_YOU, "en").endswith("Have a wonderful day 🙂")


@pytest.mark.parametrize(
    ("words", "sent"),
    [
        ("Que tengas un día estupendo", "Que tengas un dia estupendo"),
        ("Votre facture est prête, reçue d’août", "Votre facture est prete, recue d'aout"),
        ("Schönen Gruß, señor Åse é à", "Schönen Gruß, señor Åse é à"),
        ("Un día estupendo 🙂", "Un día estupendo 🙂"),
        ("Ładny dzień", "Ładny dzień"),
        ("10\u00a0€ d\u202fici", "10 € d ici"),
    ],
)
def test_accents_are_dropped_only_where_that_saves_segments(words: str, sent: str) -> None:
    assert for_text_message(words) == sent
