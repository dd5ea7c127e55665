"""Notices, their evidence and their templates, as the API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.base import Request, Response
from billing.messages.notices import NoticeKind
from billing.ports.notices import Evidence, Notice, NoticeTemplate
from billing.services.notice_channels import masked
from billing.services.notice_editing import Preview
from billing.services.notice_templates import PLACEHOLDERS, NoticeText

ChannelName = Literal["email", "sms", "whatsapp"]


class EvidenceView(BaseModel):
    """One thing that happened to a notice. `vendor_at` is the vendor's own clock."""

    at: datetime
    event: str = Field(examples=["delivered"])
    vendor: str = Field(examples=["sendgrid"])
    reference: str = Field(examples=["14c5d75ce93"])
    vendor_at: datetime | None
    detail: dict[str, Any]

    @classmethod
    def of(cls, evidence: Evidence) -> Self:
        return cls(
            at=evidence.at,
            event=evidence.event,
            vendor=evidence.vendor,
            reference=evidence.reference,
            vendor_at=evidence.vendor_at,
            detail=dict(evidence.detail),
        )


class NoticeView(BaseModel):
    """A notice on one channel, with its evidence. `in_time`: the announced debit keeps the notice period."""

    notice_id: str = Field(examples=["ntc_1042"])
    kind: NoticeKind
    subject: str = Field(examples=["inv_1007"])
    occasion: str
    channel: ChannelName
    recipient: str = Field(examples=["s***@example.com"])
    status: str = Field(examples=["delivered"])
    locale: str
    amount_minor: int = Field(examples=[4210])
    currency: str = Field(examples=["EUR"])
    named_on: date | None
    invoice_ids: list[str]
    created_at: datetime
    send_after: datetime | None
    accepted_at: datetime | None
    sent_on: date | None
    in_time: bool
    delivered_at: datetime | None
    failed_at: datetime | None
    failure: str
    vendor: str
    vendor_reference: str
    segments: int
    possible_duplicate: bool
    fallback_of: str | None
    template_version: int
    evidence: list[EvidenceView]

    @classmethod
    def of(cls, notice: Notice, evidence: Sequence[Evidence]) -> Self:
        own = [EvidenceView.of(one) for one in evidence if one.notice_id == notice.notice_id]
        values = {name: getattr(notice, name) for name in cls.model_fields if name != "evidence"}
        return cls(
            **{**values, "recipient": masked(notice.recipient), "invoice_ids": list(notice.invoice_ids)}, evidence=own
        )


class NoticeList(BaseModel):
    """An account's notices, newest first."""

    notices: list[NoticeView]


class TemplateView(BaseModel):
    """The text in force; `template_version` 0 is our original."""

    brand: str
    kind: NoticeKind
    channel: ChannelName
    locale: str = Field(examples=["en"])
    template_version: int
    subject: str
    text: str
    html: str
    content_sid: str
    changed_at: datetime
    author: str
    reason: str

    @classmethod
    def of(cls, template: NoticeTemplate) -> Self:
        return cls(**{name: getattr(template, name) for name in cls.model_fields})


class TemplateList(BaseModel):
    """Every text of a brand, and the placeholders a text may use."""

    placeholders: list[str] = list(PLACEHOLDERS)
    templates: list[TemplateView]


class TemplateWords(Request):
    """An operator's text; text messages need only `text`. `html` replaces the whole mail; empty uses the layout."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "subject": "Your invoice: {{ amount }} on the {{ date }}",
                    "text": "Hello! We will collect {{ amount }} on or after the {{ date }}. See {{ account_url }}",
                }
            ]
        },
    )

    subject: str = Field(default="", max_length=300, description="Of a mail; text messages have none.")
    text: str = Field(min_length=1, max_length=5000, description="With placeholders in double braces.")
    html: str = Field(default="", max_length=5000, description="The whole mail; empty: the usual layout.")
    content_sid: str = Field(
        default="",
        max_length=34,
        description="Of WhatsApp: the approved template that says this text; its variables 1, 2 are the placeholders.",
    )

    reason: str = Field(default="", max_length=500, description="Why; it stays with the version.")

    def words(self) -> NoticeText:
        return NoticeText(self.subject, self.text, self.html, content_sid=self.content_sid)


class PreviewRequest(Request):
    """Show a text with example values; without `words`, the text in force."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"brand": "vonk", "kind": "reminder", "channel": "sms", "locale": "nl"}]}
    )

    brand: str = Field(description="The brand's code.")
    kind: NoticeKind = Field(strict=False, description="The kind of notice.")
    channel: ChannelName = Field(description="email, sms or whatsapp.")
    locale: str = Field(description="A language, alone or with a country.")
    words: TemplateWords | None = Field(default=None, description="The text to show; left out: the one in force.")


class PreviewView(BaseModel):
    """What the customer would read. `segments` counts a text message (GSM-7 or UCS-2).

    `content_variables` are what an approved WhatsApp template is filled with.
    """

    subject: str
    text: str
    html: str
    segments: int
    content_variables: dict[str, str]

    @classmethod
    def of(cls, preview: Preview) -> Self:
        content, template = preview.content, preview.content.template
        return cls(
            subject=content.subject,
            text=content.text,
            html=content.html,
            segments=preview.segments,
            content_variables=dict(template.variables) if template else {},
        )


class WhatsAppIn(Request):
    """What the customer said about notices by WhatsApp."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"opted_in": True, "reason": "Ticked the box when ordering"}]}
    )

    opted_in: bool = Field(description="True: wants them. False: wants them no more.")
    reason: str = Field(min_length=1, max_length=500, description="How and where the customer said so.")


class WhatsAppOut(Response):
    """Whether the customer takes notices by WhatsApp. `heard_at`: when they last wrote to us there, in real time."""

    account_id: str
    opted_in: bool
    opted_in_at: datetime | None
    opted_out_at: datetime | None
    heard_at: datetime | None
