"""Operators read, change and preview the texts of a brand's notices. Every change is a new version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from babel import Locale, UnknownLocaleError

from billing.domain.errors import InvalidValue
from billing.domain.money import Money
from billing.messages.notices import NoticeKind
from billing.ports.accounts import Brand
from billing.ports.clock import BusinessClock
from billing.ports.messenger import CHANNELS, EMAIL, SMS, WHATSAPP, Content
from billing.ports.notices import NoticeTemplate
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.notice_rendering import NoticeFacts, render
from billing.services.notice_templates import (
    ACCESS_KINDS,
    METHOD_KINDS,
    NoticeText,
    check_approved,
    check_template,
    original,
)
from billing.services.notice_words import LANGUAGES, count_segments

EXAMPLE_MINOR = 4210
EXAMPLE_DATE = date(2027, 6, 6)
EXAMPLE_PAYLINK = "https://pay.example/pay/example"
EXAMPLE_METHOD = {
    "methods_url": "https://pay.example/methods/example",
    "last_four": "3000",
    "mandate_reference": "MND1042",
    "creditor_id": "NL00ZZZ000000000000",
    "notice_period": "14",
}
EXAMPLE_ACCESS = {"code": "123456", "sign_in_url": "https://my.example/my/link/example", "contact": "s***@example.com"}
_ORIGINALS_AUTHOR = "evenflow"


@dataclass(frozen=True)
class TemplatePlace:
    """Which text: of a brand, for a kind of notice, on a channel, in a locale."""

    brand: str
    kind: NoticeKind
    channel: str
    locale: str


@dataclass(frozen=True)
class Preview:
    """A text with example values; ``segments`` for text messages."""

    content: Content
    segments: int


class NoticeTemplates:
    """The texts in force: an operator's newest version, else our original (version 0)."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock) -> None:
        self._make_work = make_work
        self._clock = clock

    async def all_of(self, brand: str) -> Sequence[NoticeTemplate]:
        """Every text of a brand: originals where the operator has none. Raises NotFound for an unknown brand."""
        async with self._make_work() as work:
            await work.accounts.brand(brand)
            changed = await work.notices.templates(brand)
        known = {(one.kind, one.channel, one.locale): one for one in changed}
        for kind in NoticeKind:
            for channel in CHANNELS:
                for language in LANGUAGES:
                    place = TemplatePlace(brand, kind, channel, language)
                    known.setdefault((kind, channel, language), self._original(place))
        return sorted(known.values(), key=lambda one: (one.kind, one.channel, one.locale))

    def _original(self, place: TemplatePlace) -> NoticeTemplate:
        ours = original(place.kind, place.locale, place.channel)
        subject = ours.subject if place.channel == EMAIL else ""
        now = self._clock.now()
        return NoticeTemplate(
            place.brand, place.kind, place.channel, place.locale, 0, subject, ours.text, "", now, _ORIGINALS_AUTHOR
        )

    async def versions(self, place: TemplatePlace) -> Sequence[NoticeTemplate]:
        """Every version of a text, the newest first and our original last. Raises InvalidValue, NotFound."""
        _refuse_channel(place.channel)
        locale = _locale_of(place.locale)
        async with self._make_work() as work:
            await work.accounts.brand(place.brand)
            kept = await work.notices.template_versions(place.brand, place.kind, place.channel, str(locale))
        ours = self._original(replace(place, locale=locale.language))
        return [*kept, replace(ours, locale=str(locale))]

    async def save(self, place: TemplatePlace, words: NoticeText, author: str, reason: str = "") -> NoticeTemplate:
        """Check and store as the next version; the same words again change nothing.

        Raises UnusableTemplate, InvalidValue for channel or locale, NotFound for an unknown brand.
        """
        locale = self._check(place, words)
        async with self._make_work() as work:
            brand = await work.accounts.brand(place.brand)
            await self._show(place, words, brand, locale)
            before = await work.notices.template(place.brand, place.kind, place.channel, str(locale))
            if before is not None and _same(before, words):
                return before
            saved = await self._store(work, place, words, locale, (author, reason))
            await work.commit()
        return saved

    async def _store(
        self, work: UnitOfWork, place: TemplatePlace, words: NoticeText, locale: Locale, said: tuple[str, str]
    ) -> NoticeTemplate:
        new = NoticeTemplate(
            brand=place.brand,
            kind=place.kind,
            channel=place.channel,
            locale=str(locale),
            template_version=0,
            subject=words.subject,
            text=words.text,
            html=words.html,
            changed_at=self._clock.now(),
            author=said[0],
            content_sid=words.content_sid,
            reason=said[1],
        )
        return await work.notices.save_template(new)

    async def preview(self, place: TemplatePlace, words: NoticeText | None = None) -> Preview:
        """The words (or the text in force, when None) with example values. Raises what ``save`` raises."""
        async with self._make_work() as work:
            brand = await work.accounts.brand(place.brand)
            locale = _locale_of(place.locale)
            found = await work.notices.template(place.brand, place.kind, place.channel, str(locale))
        if words is None and found is not None:
            words = NoticeText(found.subject, found.text, found.html, found.template_version, found.content_sid)
        words = words or original(place.kind, locale.language, place.channel)
        return await self._show(place, words, brand, self._check(place, words))

    async def _show(self, place: TemplatePlace, words: NoticeText, brand: Brand, locale: Locale) -> Preview:
        facts = NoticeFacts(
            kind=place.kind,
            brand=brand.name,
            account_url=brand.account_url,
            paylink=EXAMPLE_PAYLINK,
            amount=Money(EXAMPLE_MINOR, brand.currency),
            on=EXAMPLE_DATE,
            more=_example_of(place.kind),
        )
        content = render(words, facts, place.channel, locale)
        return Preview(content, count_segments(content.text) if place.channel == SMS else 0)

    def _check(self, place: TemplatePlace, words: NoticeText) -> Locale:
        _refuse_channel(place.channel)
        locale = _locale_of(place.locale)
        check_template(place.kind, words, is_email=place.channel == EMAIL)
        check_approved(words, is_whatsapp=place.channel == WHATSAPP)
        return locale


def _example_of(kind: NoticeKind) -> Mapping[str, str]:
    return EXAMPLE_METHOD if kind in METHOD_KINDS else EXAMPLE_ACCESS if kind in ACCESS_KINDS else {}


def _refuse_channel(channel: str) -> None:
    if channel not in CHANNELS:
        raise InvalidValue(
            "There is no such channel.",
            field="channel",
            value=channel,
            remedy=f"Use one of: {', '.join(CHANNELS)}.",
        )


def _same(before: NoticeTemplate, words: NoticeText) -> bool:
    kept = (before.subject, before.text, before.html, before.content_sid)
    return kept == (words.subject, words.text, words.html, words.content_sid)


def _locale_of(name: str) -> Locale:
    try:
        locale = Locale.parse(name.replace("-", "_"))
    except (ValueError, UnknownLocaleError):
        locale = None
    if locale is None or locale.language not in LANGUAGES:
        raise InvalidValue(
            "Notices are not written in this locale.",
            field="locale",
            value=name,
            remedy=f"Use one of {', '.join(LANGUAGES)}, alone or with a country such as nl_BE.",
        )
    return locale
