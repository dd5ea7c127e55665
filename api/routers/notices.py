"""Notices with their evidence, and the operators' texts."""

from __future__ import annotations

from fastapi import APIRouter

from api.dependencies import Agent, ContainerDep, Viewer
from api.schemas.notices import (
    ChannelName,
    NoticeList,
    NoticeView,
    PreviewRequest,
    PreviewView,
    TemplateList,
    TemplateView,
    TemplateWords,
)
from billing.messages.notices import NoticeKind
from billing.services.notice_editing import TemplatePlace

router = APIRouter(tags=["notices"])


@router.get("/v1/accounts/{account_id}/notices", summary="An account's notices with their evidence")
async def list_notices(account_id: str, container: ContainerDep, caller: Viewer) -> NoticeList:
    notices, evidence = await container.notices.history(account_id)
    return NoticeList(notices=[NoticeView.of(notice, evidence) for notice in notices])


@router.get("/v1/notice-templates", summary="The texts in force for a brand")
async def list_templates(brand: str, container: ContainerDep, caller: Viewer) -> TemplateList:
    found = await container.notice_templates.all_of(brand)
    return TemplateList(templates=[TemplateView.of(one) for one in found])


@router.put("/v1/notice-templates/{brand}/{kind}/{channel}/{locale}", summary="Change a text, checked before saving")
async def save_template(
    brand: str,
    kind: NoticeKind,
    channel: ChannelName,
    locale: str,
    words: TemplateWords,
    container: ContainerDep,
    caller: Agent,
) -> TemplateView:
    place = TemplatePlace(brand, kind, channel, locale)
    return TemplateView.of(await container.notice_templates.save(place, words.words(), caller.name))


@router.post("/v1/notice-templates/preview", summary="A text with example values, before or after saving")
async def preview_template(wanted: PreviewRequest, container: ContainerDep, caller: Viewer) -> PreviewView:
    place = TemplatePlace(wanted.brand, wanted.kind, wanted.channel, wanted.locale)
    words = wanted.words.words() if wanted.words else None
    return PreviewView.of(await container.notice_templates.preview(place, words))
