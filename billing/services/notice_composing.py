"""Composing what one customer reads on one channel: the text in force, its values, and the document sent along."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from babel import Locale

from billing.domain.errors import NotFound
from billing.domain.letterhead import NO_LETTERHEAD, Letterhead
from billing.domain.money import Money
from billing.messages.notices import NoticeKind, NoticeRequest
from billing.messages.payments import MethodKind
from billing.ports.accounts import Account, Brand
from billing.ports.documents import InvoiceDocument
from billing.ports.messenger import EMAIL, Attachment, Content
from billing.ports.notices import InvoiceDocuments, LogoPictures
from billing.ports.unit_of_work import UnitOfWork
from billing.services.notice_mail import ATTACHED, LINKED, LOGO, MailFrame
from billing.services.notice_rendering import NO_FRAME, NoticeFacts, render
from billing.services.notice_summary import summary_of
from billing.services.notice_templates import METHOD_KINDS, NoticeText, UnusableTemplate, original
from billing.services.notice_words import plain, read_locale

MoreWords = Callable[[NoticeRequest, Brand, Locale], Awaitable[Mapping[str, str]]]
AccountAddress = Callable[[Brand, str], str]
PaylinkFor = Callable[[str], Awaitable[str]]
ATTACH_INVOICE = "attach_invoice"
# Mailboxes refuse mails of 10 MB and more; a document grows by a third on its way.
LARGEST_ATTACHMENT = 5 * 1024 * 1024
_WITH_DOCUMENT = frozenset(
    {NoticeKind.READY, NoticeKind.READY_TO_PAY, NoticeKind.NOTHING_TO_PAY, NoticeKind.CREDIT_NOTE}
)


@dataclass(frozen=True)
class Customer:
    """Whom a notice is for, in whose name, and how they would be debited now."""

    account: Account
    brand: Brand
    pays_by: MethodKind = MethodKind.NONE
    letterhead: Letterhead = NO_LETTERHEAD


@dataclass(frozen=True)
class Composed:
    """What the customer reads, and from which version of the template (0: our original)."""

    content: Content
    template_version: int


def brand_address(brand: Brand, account_id: str) -> str:
    """The self-service address without a signed part: the customer signs in there."""
    return brand.account_url


class Composer:
    """``account_address`` gives the self-service address with its signed part, ``paylink_for`` the pay address.

    ``method_words`` gives what notices about a payment method name besides; ``documents`` and ``logos`` go with mails.
    """

    def __init__(
        self,
        paylink_for: PaylinkFor,
        account_address: AccountAddress = brand_address,
        documents: InvoiceDocuments | None = None,
        method_words: MoreWords | None = None,
        logos: LogoPictures | None = None,
    ) -> None:
        self._paylink_for = paylink_for
        self._account_address = account_address
        self._documents = documents
        self._method_words = method_words
        self._logos = logos

    async def compose(
        self, request: NoticeRequest, customer: Customer, channel: str, changed: NoticeText | None
    ) -> Composed:
        """The notice as it reads now; ``changed`` is the operator's text where there is one.

        Opens units of work of its own, so the caller must not hold one. Raises UnusableTemplate when amount or date are
        missing from the request.
        """
        locale = read_locale(customer.account.locale, customer.brand.locale)
        facts = await self.facts(request, customer)
        ours = original(request.kind, locale.language, channel)
        words = changed or ours
        frame, sent_along = await self._framed(request, customer, locale) if channel == EMAIL else (NO_FRAME, ())
        try:
            content = render(words, facts, channel, locale, frame)
        except UnusableTemplate:
            if words is ours:
                raise
            words, content = ours, render(ours, facts, channel, locale, frame)
        shown = tuple(one for one in sent_along if not one.content_id or f"cid:{one.content_id}" in content.html)
        return Composed(replace(content, attachments=shown), words.version)

    async def facts(self, request: NoticeRequest, customer: Customer) -> NoticeFacts:
        """The request with the customer's addresses."""
        account, brand = customer.account, customer.brand
        return NoticeFacts(
            kind=request.kind,
            brand=brand.name,
            account_url=self._account_address(brand, account.account_id),
            paylink=await self._paylink_for(account.account_id),
            amount=Money(request.amount_minor, request.currency or brand.currency),
            on=request.on,
            more=await self._more(request, customer),
        )

    async def _more(self, request: NoticeRequest, customer: Customer) -> Mapping[str, str]:
        if self._method_words is None or request.kind not in METHOD_KINDS:
            return {}
        locale = read_locale(customer.account.locale, customer.brand.locale)
        return await self._method_words(request, customer.brand, locale)

    async def _framed(
        self, request: NoticeRequest, customer: Customer, locale: Locale
    ) -> tuple[MailFrame, tuple[Attachment, ...]]:
        """The look of a mail, and what goes along: the logo, and the invoice where the brand wants it attached."""
        head = customer.letterhead
        picture = await asyncio.to_thread(self._logos.png, head) if self._logos is not None else b""
        logo = (Attachment(f"{LOGO}.png", "image/png", picture, LOGO),) if picture else ()
        frame = MailFrame(head.colour, bool(picture), _legal(head))
        document = await self._document(request)
        if document is None:
            return frame, logo
        to_pay = Money(request.amount_minor, request.currency or customer.brand.currency)
        frame = replace(frame, summary=summary_of(document, to_pay, locale), document=LINKED)
        attached = await self._attached(request, customer.brand, document)
        if attached is None:
            return frame, logo
        return replace(frame, document=ATTACHED), (*logo, attached)

    async def _document(self, request: NoticeRequest) -> InvoiceDocument | None:
        if self._documents is None or request.kind not in _WITH_DOCUMENT:
            return None
        try:
            return await self._documents.document(request.account_id, request.subject)
        except NotFound:  # the address in the text leads to the document as well
            return None

    async def _attached(self, request: NoticeRequest, brand: Brand, document: InvoiceDocument) -> Attachment | None:
        """The invoice as PDF, unless the brand only links it, or mailboxes would refuse one that large."""
        if self._documents is None or not brand.notice_channels.get(ATTACH_INVOICE, True):
            return None
        content = await self._documents.pdf(request.account_id, request.subject)
        if len(content) > LARGEST_ATTACHMENT:
            return None
        return Attachment(f"{document.invoice.number}.pdf", "application/pdf", content)


def _legal(head: Letterhead) -> str:
    """Who sends a mail, as business letters must say."""
    place = " ".join(part for part in (head.postcode, head.city) if part)
    said = (head.legal_name, head.street, place, head.registration, head.vat_number)
    return " · ".join(plain(part) for part in said if part)


async def text_in_force(work: UnitOfWork, kind: NoticeKind, customer: Customer, channel: str) -> NoticeText | None:
    """The operator's text for the customer's locale, else for its language; None when there is neither."""
    locale = read_locale(customer.account.locale, customer.brand.locale)
    for name in dict.fromkeys((str(locale), locale.language)):
        found = await work.notices.template(customer.brand.brand, kind, channel, name)
        if found is not None:
            return NoticeText(found.subject, found.text, found.html, found.template_version, found.content_sid)
    return None
