"""From a template to what the customer reads: text message, or mail with subject, text and HTML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from babel import Locale

from billing.domain.money import Money
from billing.messages.notices import NoticeKind
from billing.ports.messenger import SMS, WHATSAPP, ApprovedTemplate, Content
from billing.services.notice_mail import Letter, MailFrame, html_part, text_part
from billing.services.notice_templates import NoticeText, fill, placeholders_in_order
from billing.services.notice_words import for_text_message, plain, written_amount, written_date

NO_FRAME = MailFrame()
_LINK = re.compile(r"\[([^\]\n]+)\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class NoticeFacts:
    """What a notice is about. ``amount`` and ``on`` are None where the notice names none.

    ``more`` holds what only some kinds name, such as the reference of a mandate.
    """

    kind: NoticeKind
    brand: str
    account_url: str
    paylink: str
    amount: Money | None = None
    on: date | None = None
    more: Mapping[str, str] = field(default_factory=dict)


def values_of(facts: NoticeFacts, locale: Locale) -> dict[str, str]:
    """The placeholders' values; those without one are left out."""
    values = {"brand": plain(facts.brand), "account_url": facts.account_url, "paylink": facts.paylink}
    values |= {name: plain(value) for name, value in facts.more.items()}
    if facts.amount is not None and not facts.amount.is_zero:
        values["amount"] = written_amount(facts.amount, locale)
    if facts.on is not None:
        values["date"] = written_date(facts.on, locale)
    return values


def render(words: NoticeText, facts: NoticeFacts, channel: str, locale: Locale, frame: MailFrame = NO_FRAME) -> Content:
    """What the customer reads on this channel; ``frame`` surrounds a mail.

    Raises UnusableTemplate when a needed value is missing.
    """
    values = values_of(facts, locale)
    if channel == SMS:
        return Content(for_text_message(_LINK.sub(r"\2", fill(words.text, values))))
    if channel == WHATSAPP:
        return Content(_LINK.sub(r"\2", fill(words.text, values)), template=_approved(words, values))
    subject = " ".join(fill(words.subject, values).split())
    letter = Letter(facts.kind, subject, fill(words.text, values), values, locale.language)
    html = fill(words.html, values, html=True) if words.html else html_part(letter, frame)
    return Content(text_part(letter, frame), subject, html)


def _approved(words: NoticeText, values: Mapping[str, str]) -> ApprovedTemplate | None:
    """The approved template with its variables: 1 is the placeholder that is read first."""
    if not words.content_sid:
        return None
    named = placeholders_in_order(words.text)
    return ApprovedTemplate(words.content_sid, {str(place): values[name] for place, name in enumerate(named, start=1)})
