"""Notices with their evidence, and the operators' texts."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.dependencies import Agent, ContainerDep, Viewer
from api.parameters import AccountId
from api.schemas.notices import (
    ChannelName,
    NoticeList,
    NoticeView,
    PreviewRequest,
    PreviewView,
    TemplateList,
    TemplateView,
    TemplateWords,
    WhatsAppIn,
    WhatsAppOut,
)
from api.schemas.problems import problems
from billing.messages.notices import NoticeKind
from billing.services.notice_editing import TemplatePlace

router = APIRouter(tags=["notices"], responses=problems(404))
BrandCode = Annotated[str, Path(description="The brand's code.", examples=["vonk"])]
Kind = Annotated[NoticeKind, Path(description="The kind of notice.", examples=["reminder"])]
Channel = Annotated[ChannelName, Path(description="email, sms or whatsapp.", examples=["sms"])]
Locale = Annotated[str, Path(description="A language, alone or with a country.", examples=["nl", "nl_BE"])]


@router.get("/v1/accounts/{account_id}/notices", summary="An account's notices with their evidence")
async def list_notices(account_id: AccountId, container: ContainerDep, caller: Viewer) -> NoticeList:
    """Newest first; recipients are masked. Evidence is what the vendor told, with the vendor's own time."""
    notices, evidence = await container.notices.history(account_id)
    return NoticeList(notices=[NoticeView.of(notice, evidence) for notice in notices])


@router.get("/v1/accounts/{account_id}/whatsapp", summary="Whether the customer takes notices by WhatsApp")
async def show_whatsapp(account_id: AccountId, container: ContainerDep, caller: Viewer) -> WhatsAppOut:
    """Nothing goes out by WhatsApp to a customer who did not opt in."""
    return WhatsAppOut.model_validate(await container.whatsapp.consent(account_id))


@router.put("/v1/accounts/{account_id}/whatsapp", summary="Write down what the customer said about WhatsApp")
async def decide_whatsapp(
    account_id: AccountId, said: WhatsAppIn, container: ContainerDep, caller: Agent
) -> WhatsAppOut:
    """The newest word counts, also a STOP by message. It stands on the timeline with author and reason."""
    decided = await container.whatsapp.decide(
        account_id, opted_in=said.opted_in, author=caller.name, reason=said.reason
    )
    return WhatsAppOut.model_validate(decided)


@router.get("/v1/notice-templates", summary="The texts in force for a brand")
async def list_templates(
    brand: Annotated[str, Query(description="The brand's code.", examples=["vonk"])],
    container: ContainerDep,
    caller: Viewer,
) -> TemplateList:
    """Per kind, channel and language: the operator's newest version, else our original (version 0)."""
    found = await container.notice_templates.all_of(brand)
    return TemplateList(templates=[TemplateView.of(one) for one in found])


@router.put("/v1/notice-templates/{brand}/{kind}/{channel}/{locale}", summary="Change a text, checked before saving")
async def save_template(
    brand: BrandCode,
    kind: Kind,
    channel: Channel,
    locale: Locale,
    words: TemplateWords,
    container: ContainerDep,
    caller: Agent,
) -> TemplateView:
    """A new version. An unknown placeholder, or a text without what its kind must name, is refused."""
    place = TemplatePlace(brand, kind, channel, locale)
    return TemplateView.of(await container.notice_templates.save(place, words.words(), caller.name, words.reason))


@router.post("/v1/notice-templates/preview", summary="A text with example values, before or after saving")
async def preview_template(wanted: PreviewRequest, container: ContainerDep, caller: Viewer) -> PreviewView:
    """Nothing is stored or sent."""
    place = TemplatePlace(wanted.brand, wanted.kind, wanted.channel, wanted.locale)
    words = wanted.words.words() if wanted.words else None
    return PreviewView.of(await container.notice_templates.preview(place, words))
