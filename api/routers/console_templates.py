"""The console's pages of notices' texts: by kind, channel and language; edited, previewed, compared, restored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import HTMLResponse, Response

from api.console.desk import typed_whole
from api.console.exports import csv_answer
from api.console.forms import Form
from api.console.listing import Choice, Listing, Text
from api.console.pages import page, words
from api.console.posted import AgentForm, Posted, ViewerForm
from api.console.visit import ViewerVisit, Visit
from api.headers import SECURITY_HEADERS
from api.routers.console_policies import VersionRow
from billing.domain.errors import NotFound, Refusal
from billing.messages.notices import NoticeKind
from billing.ports.messenger import CHANNELS, EMAIL, SMS
from billing.ports.notices import NoticeTemplate
from billing.services.definition_text import compare
from billing.services.notice_editing import TemplatePlace
from billing.services.notice_templates import NoticeText, placeholders_of
from billing.services.notice_words import LANGUAGES

router = APIRouter(prefix="/console/templates", include_in_schema=False)
ROOT = "/console/templates"
KINDS = tuple(kind.value for kind in NoticeKind)
TEXTS = Listing(
    "templates",
    filters=(Text("brand", 64), Choice("kind", KINDS), Choice("channel", CHANNELS), Choice("locale", LANGUAGES)),
    sorts=("kind", "channel", "locale", "version"),
)
TEXT_KEYS: Mapping[str, Callable[[NoticeTemplate], Any]] = {
    "kind": lambda one: one.kind.value,
    "channel": lambda one: one.channel,
    "locale": lambda one: one.locale,
    "version": lambda one: one.template_version,
}
COLUMNS = ("brand", "kind", "channel", "locale", "version", "subject", "text", "changed at", "author", "reason")
OWN_FRAME = SECURITY_HEADERS["content-security-policy"] + "; frame-src 'self'"
# A mail carries its styles itself; nothing of it may run, load or leave the frame.
OF_A_MAIL = {
    "content-security-policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "frame-ancestors 'self'; base-uri 'none'; form-action 'none'",
    "x-frame-options": "SAMEORIGIN",
}
Version = Annotated[int | None, Query(ge=0, le=100_000)]


@dataclass(frozen=True)
class Place:
    """Where a text is, from an address."""

    at: TemplatePlace

    @property
    def path(self) -> str:
        return f"{ROOT}/{self.at.brand}/{self.at.kind.value}/{self.at.channel}/{self.at.locale}"


@router.get("")
async def texts(visit: ViewerVisit) -> Response:
    """The texts in force of one brand."""
    asked = TEXTS.read(visit.request)
    brands = await visit.container.catalogue.brands()
    brand = asked.text("brand") or (brands[0].brand if brands else "")
    found = await visit.container.notice_templates.all_of(brand) if brand else []
    wanted = {name: asked.text(name) for name in ("kind", "channel", "locale") if asked.text(name)}
    shown = [one for one in found if all(str(getattr(one, name)) == value for name, value in wanted.items())]
    shown = asked.arranged(shown, TEXT_KEYS)
    if asked.as_csv:
        return csv_answer("templates", COLUMNS, [_exported(one) for one in shown])
    return visit.page(
        "templates.html",
        title="Templates",
        asked=asked,
        brand=brand,
        brand_options=[(one.brand, one.name) for one in brands],
        kind_options=[(kind, words(kind)) for kind in KINDS],
        channel_options=[(channel, channel) for channel in CHANNELS],
        locale_options=[(language, language) for language in LANGUAGES],
        texts=shown,
    )


def _exported(one: NoticeTemplate) -> Sequence[object]:
    said = (one.template_version, one.subject, one.text, one.changed_at, one.author, one.reason)
    return (one.brand, one.kind.value, one.channel, one.locale, *said)


def _place(brand: str, kind: str, channel: str, locale: str) -> Place:
    if kind not in KINDS:
        raise NotFound("There is no such notice.", field="kind", value=kind, remedy="Choose one of the list.")
    return Place(TemplatePlace(brand, NoticeKind(kind), channel, locale))


def _chosen(versions: Sequence[NoticeTemplate], number: int | None) -> NoticeTemplate:
    found = next((one for one in versions if number in (None, one.template_version)), None)
    if found is None:
        remedy = "Choose one of the versions in the table."
        raise NotFound("There is no such version.", field="version", value=number, remedy=remedy)
    return found


@router.get("/{brand}/{kind}/{channel}/{locale}")
async def text(
    brand: str, kind: str, channel: str, locale: str, visit: ViewerVisit, version: Version = None
) -> Response:
    """One text: what the customer reads, its versions, and the form to change it."""
    return await _show(visit, _place(brand, kind, channel, locale), Form(), version)


async def _show(visit: Visit, place: Place, form: Form, version: int | None = None) -> Response:
    desk = visit.container.notice_templates
    versions = await desk.versions(place.at)
    shown = _chosen(versions, version)
    preview = await desk.preview(place.at, words_of(shown))
    answer = visit.page(
        "template.html",
        title=f"{words(place.at.kind)} by {place.at.channel}",
        place=place.at,
        path=place.path,
        shown=shown,
        newest=versions[0],
        rows=[_row(place, one, versions) for one in versions],
        preview=preview,
        placeholders=placeholders_of(place.at.kind),
        is_email=place.at.channel == EMAIL,
        is_sms=place.at.channel == SMS,
        form=form,
    )
    answer.headers["content-security-policy"] = OWN_FRAME
    return answer


def words_of(kept: NoticeTemplate) -> NoticeText:
    """A version's words."""
    return NoticeText(kept.subject, kept.text, kept.html, kept.template_version, kept.content_sid)


def _row(place: Place, one: NoticeTemplate, versions: Sequence[NoticeTemplate]) -> VersionRow:
    number = one.template_version
    links = [("Look", f"{place.path}?version={number}")]
    if number:
        links.append(("What changed", f"{place.path}/diff?before={number - 1}&after={number}"))
    note = "in force" if one is versions[0] else "our original" if not number else ""
    return VersionRow(number, one.changed_at, one.author, one.reason, note, links)


@router.get("/{brand}/{kind}/{channel}/{locale}/mail")
async def mail(
    brand: str, kind: str, channel: str, locale: str, visit: ViewerVisit, version: Version = None
) -> Response:
    """A mail as it looks, for the frame of its page."""
    place = _place(brand, kind, channel, locale)
    kept = _chosen(await visit.container.notice_templates.versions(place.at), version)
    preview = await visit.container.notice_templates.preview(place.at, words_of(kept))
    if preview.content.html:
        return HTMLResponse(preview.content.html, headers=OF_A_MAIL)
    return _in_frame(page("template_typed.html", refusal=None, content=preview.content, segments=preview.segments))


def typed_words(posted: Posted) -> NoticeText:
    """The words as they were typed."""
    subject, body = posted.text("subject", 300), posted.needed("text", "Write what the customer reads.", 5000)
    plain = body.replace("\r\n", "\n")
    return NoticeText(subject, plain, posted.text("html", 5000), content_sid=posted.text("content_sid", 34))


@router.post("/{brand}/{kind}/{channel}/{locale}/preview")
async def preview_typed(brand: str, kind: str, channel: str, locale: str, posted: ViewerForm) -> Response:
    """What was typed, with example values, in the frame beside the form; a mistake is said there."""
    place = _place(brand, kind, channel, locale)
    shown: dict[str, Any] = {"refusal": None, "content": None, "segments": 0}
    status = 200
    try:
        preview = await posted.container.notice_templates.preview(place.at, typed_words(posted))
        shown |= {"content": preview.content, "segments": preview.segments}
        if preview.content.html:
            return HTMLResponse(preview.content.html, headers=OF_A_MAIL)
    except Refusal as refusal:
        shown["refusal"], status = refusal, 422
    return _in_frame(page("template_typed.html", status, **shown))


def _in_frame(answer: HTMLResponse) -> Response:
    """A small page of ours that the frame of a page of ours may show."""
    answer.headers["content-security-policy"] = SECURITY_HEADERS["content-security-policy"].replace(
        "frame-ancestors 'none'", "frame-ancestors 'self'"
    )
    answer.headers["x-frame-options"] = "SAMEORIGIN"
    return answer


@router.post("/{brand}/{kind}/{channel}/{locale}")
async def save(brand: str, kind: str, channel: str, locale: str, posted: AgentForm) -> Response:
    """Keep what was typed as the next version; an unknown placeholder is refused at its place."""
    place = _place(brand, kind, channel, locale)

    async def act() -> Response:
        kept = await posted.container.notice_templates.save(place.at, typed_words(posted), posted.author, posted.reason)
        return posted.visit.to(place.path, f"Version {kept.template_version} is in force.")

    return await posted.carry_out(act, lambda form: _show(posted.visit, place, form))


@router.post("/{brand}/{kind}/{channel}/{locale}/restore")
async def restore(brand: str, kind: str, channel: str, locale: str, posted: AgentForm) -> Response:
    """An older version once more, as the next version."""
    place = _place(brand, kind, channel, locale)

    async def act() -> Response:
        number = typed_whole(posted.values, "version", 0, 999_999)
        kept = _chosen(await posted.container.notice_templates.versions(place.at), number)
        saved = await posted.container.notice_templates.save(
            place.at, words_of(kept), posted.author, f"version {number} again: {posted.reason}"
        )
        return posted.visit.to(
            place.path, f"The words of version {number} are in force, as version {saved.template_version}."
        )

    return await posted.carry_out(act, lambda form: _show(posted.visit, place, form))


@router.get("/{brand}/{kind}/{channel}/{locale}/diff")
async def diff(
    brand: str,
    kind: str,
    channel: str,
    locale: str,
    visit: ViewerVisit,
    before: Annotated[int, Query(ge=0, le=100_000)],
    after: Annotated[int, Query(ge=0, le=100_000)],
) -> Response:
    """Two versions of a text, line by line."""
    place = _place(brand, kind, channel, locale)
    versions = await visit.container.notice_templates.versions(place.at)
    old, new = _chosen(versions, before), _chosen(versions, after)
    pairs = [("Subject", old.subject, new.subject), ("The mail", old.html, new.html)]
    changed = [f"{name}: {was or 'none'} becomes {now or 'none'}." for name, was, now in pairs if was != now]
    return visit.page(
        "policy_diff.html",
        title="What changed",
        root=place.path,
        section=("Templates", f"{ROOT}?brand={brand}"),
        name=f"{words(kind)} by {channel}, {locale}",
        before=before,
        after=after,
        numbers=[one.template_version for one in versions],
        words=changed or ([] if old.text == new.text else ["The text changes as below."]),
        lines=compare(old.text, new.text),
        said=new,
    )
