"""What customers read: the English originals word for word, and every text in every language."""

from __future__ import annotations

from datetime import date

import pytest

from billing.domain.money import Money
from billing.messages.notices import NoticeKind
from billing.ports.messenger import CHANNELS, EMAIL, SMS
from billing.services.notice_rendering import NoticeFacts, render
from billing.services.notice_templates import (
    ACCESS_KINDS,
    METHOD_KINDS,
    MUST_NAME,
    NoticeText,
    UnusableTemplate,
    check_template,
    original,
    originals,
)
from billing.services.notice_words import LANGUAGES, count_segments, read_locale

ACCOUNT = "https://my.brand.example/a/1.x"
PAYLINK = "https://pay.brand.example/p/7.y"


METHODS = "https://pay.brand.example/methods/7.z"
ABOUT_A_METHOD = {
    "methods_url": METHODS,
    "last_four": "3000",
    "mandate_reference": "MND1042",
    "creditor_id": "NL00ZZZ000000000000",
    "notice_period": "14 days",
}

GETTING_IN = {"code": "012345", "sign_in_url": "https://my.brand.example/my/link/9.w", "contact": "s***@example.com"}


def facts(kind: NoticeKind, **changes: object) -> NoticeFacts:
    more = ABOUT_A_METHOD if kind in METHOD_KINDS else GETTING_IN if kind in ACCESS_KINDS else {}
    values = {"amount": Money(4210, "EUR"), "on": date(2027, 6, 6), "more": more} | changes
    return NoticeFacts(kind, "Brand & Co", ACCOUNT, PAYLINK, **values)  # type: ignore[arg-type]


def text_message(kind: NoticeKind, language: str = "en", **changes: object) -> str:
    return render(original(kind, language), facts(kind, **changes), SMS, read_locale(language)).text


THE_ORIGINALS = {
    NoticeKind.READY: (
        f"Hello! Your invoice is now ready to view at {ACCOUNT}. "
        "We will collect a payment of 42.10 Euro on or just after the 6th of June"
    ),
    NoticeKind.NOTHING_TO_PAY: (
        f"Hello! Your invoice is now ready to view at {ACCOUNT}. There is nothing to pay this month."
    ),
    NoticeKind.REMINDER: (
        "Hello! Just a reminder that we will collect your payment of 42.10 Euro on or just after the 6th of June. "
        f"You can view your invoice at {ACCOUNT}."
    ),
    NoticeKind.THANK_YOU: (
        "Hello! Your payment of 42.10 Euro is received and successfully processed. Thank you! Have a wonderful day 🙂"
    ),
}


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("kind", THE_ORIGINALS)
def test_the_english_originals_are_word_for_word(kind: NoticeKind, channel: str) -> None:
    said = render(original(kind, "en"), facts(kind), channel, read_locale("en")).text
    words, _, addresses = said.partition("\n\n")
    assert words == THE_ORIGINALS[kind]
    assert addresses == (ACCOUNT if channel == EMAIL and ACCOUNT not in words else "")


FAILED_TEXT = (
    "Hello! We are sorry but your payment of 42.10 Euro was not successful. "
    "Pay your outstanding amount now via paylink, by {here}. Thank you!"
)


def test_a_failed_payment_by_text_message_carries_the_paylink_instead_of_clicking_here() -> None:
    assert text_message(NoticeKind.FAILED) == FAILED_TEXT.format(here=PAYLINK)


def test_a_failed_payment_by_email_links_clicking_here() -> None:
    mail = render(original(NoticeKind.FAILED, "en"), facts(NoticeKind.FAILED), EMAIL, read_locale("en"))
    assert mail.text == FAILED_TEXT.format(here="clicking here") + f"\n\n{PAYLINK}"
    assert f'<a href="{PAYLINK}" style="color:#0b57d0">clicking here</a>. Thank you!' in mail.html


FURTHER = {
    NoticeKind.READY_TO_PAY: (
        f"Hello! Your invoice is now ready to view at {ACCOUNT}. "
        f"Please pay 42.10 Euro by the 6th of June via paylink, by {PAYLINK}. Thank you!"
    ),
    NoticeKind.DUE_REMINDER: (
        "Hello! Just a reminder that 42.10 Euro is due by the 6th of June. "
        f"Pay now via paylink, by {PAYLINK}. Thank you!"
    ),
    NoticeKind.RETRY: (
        "Hello! We will try again to collect 42.10 Euro on or just after the 6th of June. "
        f"You can also pay now via paylink, by {PAYLINK}. Thank you!"
    ),
    NoticeKind.DUNNING_REMINDER: (
        f"Hello! 42.10 Euro is still open. Pay now via paylink, by {PAYLINK}. "
        f"Is something wrong? Tell us at {ACCOUNT}. Thank you!"
    ),
    NoticeKind.BARRING_WARNING: (
        "Hello! 42.10 Euro is still open. Without payment we have to restrict your services on the 6th of June. "
        f"Pay now via paylink, by {PAYLINK}, and nothing changes. Thank you!"
    ),
    NoticeKind.BARRED: (
        "Hello! 42.10 Euro is still open, so we had to restrict your services. Emergency calls always work. "
        f"Pay now via paylink, by {PAYLINK}, and we restore them at once. Thank you!"
    ),
    NoticeKind.RESTRICTED: (
        "Hello! As you asked, we have restricted your services. Emergency calls always work. "
        f"See what is restricted at {ACCOUNT}. Thank you!"
    ),
    NoticeKind.RESTORED: (
        "Hello! Your payment of 42.10 Euro is received. Your services are restored. Thank you! Have a wonderful day 🙂"
    ),
    NoticeKind.PROMISE: (
        "Hello! Thank you for your promise to pay 42.10 Euro by the 6th of June. "
        f"You can pay via paylink, by {PAYLINK}. Until then nothing changes."
    ),
    NoticeKind.USAGE_80: (
        f"Hello! You have spent 42.10 Euro: 80 % of your limit is used. See what is left at {ACCOUNT}."
    ),
    NoticeKind.USAGE_100: (
        f"Hello! You have spent 42.10 Euro: 100 % of your limit is used. See your choices at {ACCOUNT}."
    ),
    NoticeKind.USAGE_STOPPED: (
        "Hello! You have spent 42.10 Euro: your limit is reached, so we stop what it covers. "
        f"Emergency calls always work. Raise your limit at {ACCOUNT} and you can go on at once."
    ),
    NoticeKind.USAGE_RESUMED: f"Hello! You can go on using your services. See your limits at {ACCOUNT}.",
    NoticeKind.ROAMING_80: (
        "Hello! You have spent 42.10 Euro on data abroad: 80 % of your limit abroad is used. "
        f"See what is left at {ACCOUNT}."
    ),
    NoticeKind.ROAMING_STOPPED: (
        "Hello! You have spent 42.10 Euro on data abroad: your limit abroad is reached, so we stop data abroad. "
        f"Do you want to go on? Agree at {ACCOUNT} and data works again at once."
    ),
    NoticeKind.ROAMING_REMINDER: (
        f"Hello! Just a reminder that you have spent 42.10 Euro on data abroad. See your limits at {ACCOUNT}."
    ),
    NoticeKind.MANDATE_NEEDED: (
        "Hello! 42.10 Euro is open and we can no longer collect from your account. "
        f"Choose how to pay at {ACCOUNT}, or pay via paylink, by {PAYLINK}. Thank you!"
    ),
    NoticeKind.MANDATE_CONFIRMED: (
        "Hello! Your direct debit for the account ending in 3000 is set up. Mandate reference: MND1042. "
        "Creditor: NL00ZZZ000000000000. We tell you amount and date at least 14 days before each debit. "
        f"You can change how you pay at {METHODS}. Thank you!"
    ),
    NoticeKind.CARD_EXPIRING: (
        "Hello! Your card ending in 3000 expires on the 6th of June. "
        f"Please leave a new one at {METHODS}, so that your payments go on as usual. Thank you!"
    ),
    NoticeKind.CREDIT_NOTE: f"Hello! We credited 42.10 Euro to your account. You can view it at {ACCOUNT}.",
    NoticeKind.PAYMENT_REVERSED: (
        "Hello! Your payment of 42.10 Euro was returned by your bank, so this amount is open again. "
        f"You can pay via paylink, by {PAYLINK}, or contact us at {ACCOUNT}. Thank you!"
    ),
    NoticeKind.CYCLE_DAY_CHANGED: (
        "Hello! Your invoice day has changed. Your next payment is on or just after the 6th of June. "
        f"You can view the dates at {ACCOUNT}."
    ),
    NoticeKind.PLAN_AGREED: (
        "Hello! Your payment plan is agreed. The first instalment of 42.10 Euro is due on the 6th of June. "
        f"See all dates at {ACCOUNT}, or pay sooner via paylink, by {PAYLINK}. Thank you!"
    ),
    NoticeKind.INSTALMENT: (
        "Hello! As agreed, we will collect your instalment of 42.10 Euro on or just after the 6th of June. "
        f"You can also pay now via paylink, by {PAYLINK}. Thank you!"
    ),
    NoticeKind.INSTALMENT_DUE: (
        "Hello! As agreed, your instalment of 42.10 Euro is due by the 6th of June. "
        f"Pay now via paylink, by {PAYLINK}. Thank you!"
    ),
    NoticeKind.SIGN_IN_CODE: (
        "Hello! Your code for Brand & Co is 012345. It is valid for 10 minutes. Never tell it to anybody. "
        "Or https://my.brand.example/my/link/9.w."
    ),
    NoticeKind.CONTACT_CODE: (
        "Hello! Your code to confirm your new contact data at Brand & Co is 012345. It is valid for 10 minutes. "
        "Never tell it to anybody."
    ),
    NoticeKind.CONTACT_CHANGED: (
        "Hello! Your contact data at Brand & Co has changed to s***@example.com. "
        f"Was this not you? Tell us at once at {ACCOUNT}."
    ),
}


@pytest.mark.parametrize("kind", FURTHER)
def test_the_further_notices_read_like_this(kind: NoticeKind) -> None:
    assert text_message(kind) == FURTHER[kind]


def test_every_kind_has_its_golden() -> None:
    assert {*THE_ORIGINALS, *FURTHER, NoticeKind.FAILED} == set(NoticeKind)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", NoticeKind)
@pytest.mark.parametrize("channel", CHANNELS)
def test_every_notice_can_be_written_in_every_language(kind: NoticeKind, language: str, channel: str) -> None:
    check_template(kind, original(kind, language), is_email=channel == EMAIL)
    content = render(original(kind, language), facts(kind), channel, read_locale(language))
    everything = content.text + content.subject + content.html
    assert not any(mark in everything for mark in ("{{", "{%", "}}", "](", "  <"))
    assert content.text.strip() == content.text
    if channel == EMAIL:
        assert content.subject
        assert f'lang="{language}"' in content.html


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", [kind for kind in NoticeKind if kind not in MUST_NAME])
def test_what_a_notice_need_not_name_may_be_missing(kind: NoticeKind, language: str) -> None:
    text = text_message(kind, language, amount=None, on=None)
    assert "  " not in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_texts(language: str) -> None:
    ours, english = originals(language), originals("en")
    assert ours.keys() == english.keys()
    assert ours["labels"].keys() == english["labels"].keys()
    assert all(ours[name].keys() == english[name].keys() for name in english)


def test_a_notice_without_its_amount_is_refused_by_name() -> None:
    with pytest.raises(UnusableTemplate, match="amount"):
        text_message(NoticeKind.READY, amount=None)


def test_the_mail_shows_amount_and_date_first_and_a_button() -> None:
    mail = render(original(NoticeKind.READY, "en"), facts(NoticeKind.READY), EMAIL, read_locale("en")).html
    begins = mail.index("<h1")
    places = [
        mail.index(words, begins)
        for words in (">42.10 Euro<", ">On or just after the 6th of June<", ">Hello!", "View your")
    ]
    assert places == sorted(places)
    assert "Brand &amp; Co" in mail
    assert 'name="viewport"' in mail


def test_the_paylink_is_the_button_where_the_customer_has_to_pay() -> None:
    mail = render(original(NoticeKind.FAILED, "nl"), facts(NoticeKind.FAILED), EMAIL, read_locale("nl")).html
    assert mail.count(f'href="{PAYLINK}"') == 3
    assert f">{PAYLINK}</a>" in mail
    assert ">Nu betalen</a>" in mail


def test_a_text_message_uses_plain_spaces() -> None:
    text = text_message(NoticeKind.REMINDER, "fr")
    assert "42,10 €" in text
    assert "\u00a0" not in text


def test_a_mandate_without_a_known_creditor_is_confirmed_without_one() -> None:
    text = text_message(NoticeKind.MANDATE_CONFIRMED, more=ABOUT_A_METHOD | {"creditor_id": ""})
    assert "Mandate reference: MND1042. We tell you" in text


def test_only_notices_about_a_method_may_name_one() -> None:
    words = NoticeText("", "{{ amount }} {{ date }} {{ methods_url }}")
    check_template(NoticeKind.CARD_EXPIRING, words, is_email=False)
    with pytest.raises(UnusableTemplate, match="methods_url"):
        check_template(NoticeKind.RETRY, words, is_email=False)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_code_by_text_message_has_no_link_and_fits_one_segment(language: str) -> None:
    text = text_message(NoticeKind.SIGN_IN_CODE, language, more=GETTING_IN | {"sign_in_url": ""})
    assert ("012345" in text, "http" in text, count_segments(text)) == (True, False, 1)
