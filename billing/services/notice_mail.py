"""A notice as a mail: amount and date first, the words, a button, what the invoice is made of, in the brand's colours.

Every text of the HTML part that matters (amounts, dates, addresses) stands in the text part too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from billing.domain.letterhead import USUAL_COLOUR
from billing.messages.notices import NoticeKind
from billing.services.notice_summary import InvoiceSummary
from billing.services.notice_templates import METHOD_KINDS, fill, layout, originals

LOGO = "logo"
ATTACHED, LINKED = "attached", "linked"
_LINK = re.compile(r"\[([^\]\n]+)\]\(([^)\s]+)\)")
_LINK_OR_ADDRESS = re.compile(r"\[([^\]\n]+)\]\(([^)\s]+)\)|(https?://[^\s<>]*[^\s<>.,;:!?)])")
_LONGEST_PREHEADER = 110
# Keeps what follows out of the list of mails: clients show it after the preheader. Nothing of it is seen or read out.
_FILLER = Markup("&#847;&zwnj;&nbsp;") * 60
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
_HEADLINES: Mapping[NoticeKind, str] = {
    **dict.fromkeys(
        (NoticeKind.READY, NoticeKind.REMINDER, NoticeKind.RETRY, NoticeKind.INSTALMENT, NoticeKind.CYCLE_DAY_CHANGED),
        "collected_on",
    ),
    **dict.fromkeys(
        (
            NoticeKind.READY_TO_PAY,
            NoticeKind.DUE_REMINDER,
            NoticeKind.PROMISE,
            NoticeKind.PLAN_AGREED,
            NoticeKind.INSTALMENT_DUE,
        ),
        "due_by",
    ),
    **dict.fromkeys(
        (
            NoticeKind.FAILED,
            NoticeKind.DUNNING_REMINDER,
            NoticeKind.BARRED,
            NoticeKind.MANDATE_NEEDED,
            NoticeKind.PAYMENT_REVERSED,
        ),
        "open_now",
    ),
    **dict.fromkeys((NoticeKind.THANK_YOU, NoticeKind.RESTORED), "received"),
    **dict.fromkeys(
        (
            NoticeKind.USAGE_80,
            NoticeKind.USAGE_100,
            NoticeKind.USAGE_STOPPED,
            NoticeKind.ROAMING_80,
            NoticeKind.ROAMING_STOPPED,
            NoticeKind.ROAMING_REMINDER,
        ),
        "spent",
    ),
    NoticeKind.BARRING_WARNING: "before",
    NoticeKind.CREDIT_NOTE: "credited",
}


@dataclass(frozen=True)
class MailFrame:
    """What surrounds the words: the brand's ``colour`` (#rrggbb), whether its logo is sent along, its legal line.

    ``summary`` says what the invoice is made of; ``document`` is ``attached``, ``linked`` or nothing.
    """

    colour: str = USUAL_COLOUR
    has_logo: bool = False
    legal: str = ""
    summary: InvoiceSummary | None = None
    document: str = ""


@dataclass(frozen=True)
class Letter:
    """The words of one mail with their values, in a language, before they are framed."""

    kind: NoticeKind
    subject: str
    text: str
    values: Mapping[str, str]
    language: str

    def said(self, name: str) -> str:
        """The value of a placeholder where the words say it, else nothing: what is shown large is never news."""
        value = self.values.get(name, "")
        return value if value and value in self.text else ""


def text_part(letter: Letter, frame: MailFrame) -> str:
    """The words, the addresses that they link to, then what the invoice is made of.

    Plain text cannot hide an address behind words: they follow, each on its own line.
    """
    addresses = dict.fromkeys(address for _, address in _LINK.findall(letter.text))
    button = letter.values[_button(letter.kind)[1]]
    if button not in letter.text:
        addresses[button] = None
    parts = [_LINK.sub(r"\1", letter.text), *addresses]
    if frame.summary is not None:
        rows = (f"{row.label}{f' ({row.note})' if row.note else ''}: {row.amount}" for row in frame.summary.rows)
        parts.append("\n".join([frame.summary.title, *rows]))
    if frame.document:
        parts.append(_document(letter, frame))
    return "\n\n".join(parts)


def html_part(letter: Letter, frame: MailFrame) -> str:
    """The mail as clients show it: one table in a column, every style inline, and a set of colours for the dark."""
    values, labels = letter.values, originals(letter.language)["labels"]
    button, address = _button(letter.kind)
    headline = _headline(letter, labels)
    has_to_pay = letter.kind in _PAID_BY_CUSTOMER
    filled: dict[str, Any] = {
        "language": letter.language,
        "subject": letter.subject,
        "preheader": _preheader(letter, headline),
        "filler": _FILLER,
        "colour": frame.colour,
        "logo": LOGO if frame.has_logo else "",
        "brand": values["brand"],
        "amount": letter.said("amount") or letter.said("code"),
        "headline": headline,
        "body": _linked(letter.text),
        "button": labels[button],
        "button_url": values[address],
        "shown_label": labels["open_address"],
        "shown_url": values[address] if has_to_pay else "",
        "summary": frame.summary,
        "document": _linked(_document(letter, frame)) if frame.document else "",
        "sent_by": fill(labels["sent_by"], values),
        "legal": frame.legal,
    }
    return fill(layout(), filled, html=True)


def _document(letter: Letter, frame: MailFrame) -> str:
    said = originals(letter.language)["labels"][frame.document]
    return f"{said} {letter.values['account_url']}" if frame.document == LINKED else said


def _button(kind: NoticeKind) -> tuple[str, str]:
    if kind in _PAID_BY_CUSTOMER:
        return "pay", "paylink"
    if kind in METHOD_KINDS:
        return "methods", "methods_url"
    if kind is NoticeKind.SIGN_IN_CODE:
        return "sign_in", "sign_in_url"
    return ("view" if kind in _VIEWED else "account"), "account_url"


def _headline(letter: Letter, labels: Mapping[str, str]) -> str:
    """The line below the amount: what happens with it, and when. Empty where that would say nothing."""
    label = labels.get(_HEADLINES.get(letter.kind, ""), "")
    needs_date = "{{ date }}" in label
    if not label or not letter.said("date" if needs_date else "amount"):
        return ""
    return fill(label, letter.values)


def _preheader(letter: Letter, headline: str) -> str:
    """What a list of mails shows beside the subject."""
    first = [letter.said("amount") or letter.said("code"), headline, letter.values["brand"]]
    if first[0] or first[1]:
        return " · ".join(part for part in first if part)
    words = _LINK_OR_ADDRESS.sub(lambda found: found[1] or "", letter.text)
    return " ".join(words.split())[:_LONGEST_PREHEADER]


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
