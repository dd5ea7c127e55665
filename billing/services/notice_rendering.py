"""From a template to what the customer reads: text message, or mail with subject, text and HTML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from babel import Locale
from markupsafe import Markup, escape

from billing.domain.money import Money
from billing.messages.notices import NoticeKind
from billing.ports.messenger import SMS, WHATSAPP, ApprovedTemplate, Content
from billing.services.notice_templates import METHOD_KINDS, NoticeText, fill, layout, originals, placeholders_in_order
from billing.services.notice_words import for_text_message, written_amount, written_date

_LINK = re.compile(r"\[([^\]\n]+)\]\(([^)\s]+)\)")
_LINK_OR_ADDRESS = re.compile(r"\[([^\]\n]+)\]\(([^)\s]+)\)|(https?://[^\s<>]*[^\s<>.,;:!?)])")
_PAID_BY_CUSTOMER = frozenset(
    {
        NoticeKind.READY_TO_PAY,
        NoticeKind.DUE_REMINDER,
        NoticeKind.FAILED,
        NoticeKind.RETRY,
        NoticeKind.DUNNING_REMINDER,
        NoticeKind.BARRING_WARNING,
        NoticeKind.BARRED,
        NoticeKind.PROMISE,
        NoticeKind.MANDATE_NEEDED,
        NoticeKind.PAYMENT_REVERSED,
        NoticeKind.PLAN_AGREED,
        NoticeKind.INSTALMENT,
        NoticeKind.INSTALMENT_DUE,
    }
)
_VIEWED = frozenset({NoticeKind.READY, NoticeKind.REMINDER, NoticeKind.NOTHING_TO_PAY, NoticeKind.CREDIT_NOTE})
_COLLECTED_ON = frozenset({NoticeKind.READY, NoticeKind.REMINDER, NoticeKind.RETRY, NoticeKind.INSTALMENT})
_DUE_BY = frozenset({NoticeKind.READY_TO_PAY, NoticeKind.DUE_REMINDER, NoticeKind.PROMISE, NoticeKind.INSTALMENT_DUE})


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
    values = {"brand": facts.brand, "account_url": facts.account_url, "paylink": facts.paylink}
    values |= facts.more
    if facts.amount is not None and not facts.amount.is_zero:
        values["amount"] = written_amount(facts.amount, locale)
    if facts.on is not None:
        values["date"] = written_date(facts.on, locale)
    return values


def render(words: NoticeText, facts: NoticeFacts, channel: str, locale: Locale) -> Content:
    """What the customer reads on this channel. Raises UnusableTemplate when a needed value is missing."""
    values = values_of(facts, locale)
    if channel == SMS:
        return Content(for_text_message(_LINK.sub(r"\2", fill(words.text, values))))
    if channel == WHATSAPP:
        return Content(_LINK.sub(r"\2", fill(words.text, values)), template=_approved(words, values))
    subject = " ".join(fill(words.subject, values).split())
    text = fill(words.text, values)
    if words.html:
        html = fill(words.html, values, html=True)
    else:
        html = _mail(facts.kind, subject, text, values, locale.language)
    return Content(_with_addresses_below(text), subject, html)


def _approved(words: NoticeText, values: Mapping[str, str]) -> ApprovedTemplate | None:
    """The approved template with its variables: 1 is the placeholder that is read first."""
    if not words.content_sid:
        return None
    named = placeholders_in_order(words.text)
    return ApprovedTemplate(words.content_sid, {str(place): values[name] for place, name in enumerate(named, start=1)})


def _with_addresses_below(text: str) -> str:
    """Plain text cannot hide an address behind words: they follow, each on its own line."""
    addresses = dict.fromkeys(address for _, address in _LINK.findall(text))
    return "\n\n".join([_LINK.sub(r"\1", text), *addresses])


def _mail(kind: NoticeKind, subject: str, text: str, values: Mapping[str, str], language: str) -> str:
    labels = originals(language)["labels"]
    button, address = _button(kind)
    return fill(
        layout(),
        {
            "language": language,
            "subject": subject,
            "brand": values["brand"],
            "amount": values.get("amount", ""),
            "date_line": _date_line(kind, values, labels),
            "body": _linked(text),
            "button": labels[button],
            "button_url": values[address],
            "sent_by": fill(labels["sent_by"], values),
        },
        html=True,
    )


def _button(kind: NoticeKind) -> tuple[str, str]:
    if kind in _PAID_BY_CUSTOMER:
        return "pay", "paylink"
    if kind in METHOD_KINDS:
        return "methods", "methods_url"
    if kind is NoticeKind.SIGN_IN_CODE:
        return "sign_in", "sign_in_url"
    return ("view" if kind in _VIEWED else "account"), "account_url"


def _date_line(kind: NoticeKind, values: Mapping[str, str], labels: Mapping[str, str]) -> str:
    label = "collected_on" if kind in _COLLECTED_ON else "due_by" if kind in _DUE_BY else ""
    return fill(labels[label], values) if label and "date" in values else ""


def _linked(text: str) -> Markup:
    """The text as safe HTML with its addresses clickable."""
    parts, end = [], 0
    for found in _LINK_OR_ADDRESS.finditer(text):
        words, address, bare = found.groups()
        parts.append(escape(text[end : found.start()]))
        parts.append(Markup('<a href="{}" style="color:#0b57d0">{}</a>').format(address or bare, words or bare))
        end = found.end()
    parts.append(escape(text[end:]))
    return Markup("").join(parts).replace("\n", Markup("<br>"))
