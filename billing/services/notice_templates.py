"""The texts of notices: our originals per language, and the operator's own, checked before they are saved.

A template is plain text with ``{{ placeholder }}``, ``{% if placeholder %}`` and ``[words](address)`` for a link.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from jinja2 import TemplateError, TemplateSyntaxError, Undefined, UndefinedError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from billing.domain.errors import InvalidValue
from billing.messages.notices import NoticeKind
from billing.ports.messenger import EMAIL, SMS

PLACEHOLDERS = ("amount", "date", "account_url", "paylink", "brand")
# Only notices about a payment method have these.
METHOD_PLACEHOLDERS = ("methods_url", "last_four", "mandate_reference", "creditor_id", "notice_period")
METHOD_KINDS = frozenset({NoticeKind.MANDATE_CONFIRMED, NoticeKind.CARD_EXPIRING})
# Only notices about getting in have these; they are known when the notice is written, and kept nowhere.
ACCESS_PLACEHOLDERS = ("code", "sign_in_url", "contact")
ACCESS_KINDS = frozenset({NoticeKind.SIGN_IN_CODE, NoticeKind.CONTACT_CODE, NoticeKind.CONTACT_CHANGED})
LONGEST_TEMPLATE = 5_000
_CONTENT_SID = re.compile("HX[0-9a-f]{32}")

# What a text must say so that it still is this notice: the law and the collect step count on it.
MUST_NAME: Mapping[NoticeKind, tuple[str, ...]] = {
    NoticeKind.READY: ("amount", "date"),
    NoticeKind.RETRY: ("amount", "date"),
    NoticeKind.REMINDER: ("amount", "date"),
    NoticeKind.READY_TO_PAY: ("amount", "date", "paylink"),
    NoticeKind.DUE_REMINDER: ("amount", "date", "paylink"),
    NoticeKind.THANK_YOU: ("amount",),
    NoticeKind.FAILED: ("amount", "paylink"),
    NoticeKind.DUNNING_REMINDER: ("amount", "paylink"),
    NoticeKind.BARRING_WARNING: ("amount", "date", "paylink"),
    NoticeKind.PROMISE: ("date",),
    NoticeKind.ROAMING_REMINDER: ("amount",),
    NoticeKind.MANDATE_CONFIRMED: ("mandate_reference", "notice_period"),
    NoticeKind.CARD_EXPIRING: ("date", "methods_url"),
    NoticeKind.PLAN_AGREED: ("amount", "date"),
    NoticeKind.INSTALMENT: ("amount", "date"),
    NoticeKind.INSTALMENT_DUE: ("amount", "date", "paylink"),
    NoticeKind.SIGN_IN_CODE: ("code",),
    NoticeKind.CONTACT_CODE: ("code",),
}

_PLAIN_NODES = (nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.If, nodes.Not, nodes.And, nodes.Or)


class UnusableTemplate(InvalidValue):
    """An operator's text that cannot be used; the message names the placeholder or the line."""


class _Missing(Undefined):
    """May be asked about (``{% if date %}``), never printed."""

    def __str__(self) -> str:
        self._fail_with_undefined_error()


@dataclass(frozen=True)
class NoticeText:
    """The words of one notice. ``html`` is empty unless an operator wrote the whole mail; version 0 is the original.

    ``content_sid`` names the approved template that says these words on WhatsApp.
    """

    subject: str
    text: str
    html: str = ""
    version: int = 0
    content_sid: str = ""


_TEXT = ImmutableSandboxedEnvironment(undefined=_Missing, autoescape=False)
_HTML = ImmutableSandboxedEnvironment(undefined=_Missing, autoescape=True)


@cache
def originals(language: str) -> Mapping[str, Mapping[str, str]]:
    """Our own texts of a language: notice kinds and ``labels``."""
    source = files("billing").joinpath("notice_texts", f"{language}.yaml").read_text(encoding="utf-8")
    found: Mapping[str, Mapping[str, str]] = yaml.safe_load(source)
    return found


def original(kind: NoticeKind, language: str, channel: str = EMAIL) -> NoticeText:
    """Our own text of a kind; where it is long, text messages have shorter words of their own."""
    words = originals(language)[kind.value]
    return NoticeText(words["subject"], words.get("sms", words["text"]) if channel == SMS else words["text"])


@cache
def layout() -> str:
    """The frame of every mail."""
    return files("billing").joinpath("notice_texts", "layout.html").read_text(encoding="utf-8")


def fill(source: str, values: Mapping[str, Any], *, html: bool = False) -> str:
    """The template with its values. Raises UnusableTemplate naming the placeholder that has none."""
    environment = _HTML if html else _TEXT
    try:
        return environment.from_string(source).render(**values)
    except UndefinedError as error:
        raise UnusableTemplate(
            f"A notice cannot be written: {error.message}.",
            field="values",
            value=", ".join(sorted(values)),
            remedy="Give the notice its amount and date, or ask for them with {% if %} in the template.",
        ) from error
    except TemplateError as error:
        raise UnusableTemplate(f"The template cannot be used: {error.message}.", field="text") from error


def check_template(kind: NoticeKind, text: NoticeText, *, is_email: bool) -> None:
    """Refuse an unknown placeholder, anything but placeholders and conditions, and a text without what it must say.

    Raises UnusableTemplate naming field, placeholder and the ones that may be used.
    """
    allowed = placeholders_of(kind)
    named = _names("text", text.text, allowed) | _names("html", text.html, allowed)
    _names("subject", text.subject, allowed)
    if is_email and not text.subject.strip():
        raise UnusableTemplate("A mail needs a subject.", field="subject", remedy="Write one line.")
    body = _names("text", text.text, allowed)
    for needed in MUST_NAME.get(kind, ()):
        if needed not in body or (text.html and needed not in _names("html", text.html, allowed)):
            raise UnusableTemplate(
                f"The notice {kind.value} must name {{{{ {needed} }}}}.",
                field="text",
                value=", ".join(sorted(named)),
                remedy=f"Add {{{{ {needed} }}}} outside of any condition.",
            )


def placeholders_in_order(source: str) -> tuple[str, ...]:
    """The placeholders of a text, each once, in the order in which they are read."""
    names = (node.name for node in _all_nodes(_TEXT.parse(source)) if isinstance(node, nodes.Name))
    return tuple(dict.fromkeys(names))


def check_approved(text: NoticeText, *, is_whatsapp: bool) -> None:
    """An approved template is of WhatsApp and says the same words every time. Raises UnusableTemplate."""
    if not text.content_sid:
        return
    if not is_whatsapp:
        raise UnusableTemplate(
            "Only WhatsApp has approved templates.",
            field="content_sid",
            value=text.content_sid,
            remedy="Leave it out, or save the text for the channel whatsapp.",
        )
    if not _CONTENT_SID.fullmatch(text.content_sid):
        raise UnusableTemplate(
            "This is not the name of a content template.",
            field="content_sid",
            value=text.content_sid,
            remedy="Take it from the vendor's list of templates: HX and 32 hexadecimal digits.",
        )
    if any(isinstance(node, nodes.If) for node in _all_nodes(_TEXT.parse(text.text))):
        raise UnusableTemplate(
            "An approved template has no conditions.",
            field="text",
            value=text.text,
            remedy="Write the words as they were approved, with {{ placeholder }} where the variables stand.",
        )


def placeholders_of(kind: NoticeKind) -> tuple[str, ...]:
    """What a text of a kind may name."""
    more = METHOD_PLACEHOLDERS if kind in METHOD_KINDS else ACCESS_PLACEHOLDERS if kind in ACCESS_KINDS else ()
    return PLACEHOLDERS + more


def _names(field: str, source: str, allowed: tuple[str, ...]) -> set[str]:
    if len(source) > LONGEST_TEMPLATE:
        raise UnusableTemplate(
            f"A template has at most {LONGEST_TEMPLATE} characters.",
            field=field,
            value=len(source),
            remedy="Shorten it.",
        )
    try:
        tree = _TEXT.parse(source)
    except TemplateSyntaxError as error:
        raise UnusableTemplate(
            f"Line {error.lineno} of the template cannot be read: {error.message}.",
            field=field,
            value=source,
            remedy="Write placeholders as {{ amount }} and conditions as {% if date %} ... {% endif %}.",
        ) from error
    for node in _all_nodes(tree):
        _refuse_strange(field, node, allowed)
    return {node.name for node in _always_printed(tree)}


def _all_nodes(tree: nodes.Node) -> Iterator[nodes.Node]:
    yield tree
    for child in tree.iter_child_nodes():
        yield from _all_nodes(child)


def _always_printed(tree: nodes.Template) -> Iterator[nodes.Name]:
    """The placeholders that stand outside of every condition."""
    for statement in tree.body:
        if isinstance(statement, nodes.Output):
            yield from (part for part in statement.nodes if isinstance(part, nodes.Name))


def _refuse_strange(field: str, node: nodes.Node, allowed: tuple[str, ...]) -> None:
    if isinstance(node, nodes.Name) and node.name not in allowed:
        raise UnusableTemplate(
            f"The placeholder {{{{ {node.name} }}}} is not known.",
            field=field,
            value=node.name,
            remedy=f"Use one of: {', '.join(allowed)}.",
        )
    if not isinstance(node, _PLAIN_NODES):
        raise UnusableTemplate(
            f"Line {node.lineno} of the template uses {type(node).__name__}, which a notice does not need.",
            field=field,
            value=type(node).__name__,
            remedy="Use only {{ placeholder }} and {% if placeholder %} ... {% else %} ... {% endif %}.",
        )
