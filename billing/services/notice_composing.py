"""Composing what one customer reads on one channel: the text in force, its values, and the document sent along."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from babel import Locale

from billing.domain.errors import NotFound
from billing.domain.money import Money
from billing.messages.notices import NoticeKind, NoticeRequest
from billing.messages.payments import MethodKind
from billing.ports.accounts import Account, Brand
from billing.ports.messenger import EMAIL, Attachment, Content
from billing.ports.notices import InvoiceDocuments
from billing.ports.unit_of_work import UnitOfWork
from billing.services.notice_rendering import NoticeFacts, render
from billing.services.notice_templates import METHOD_KINDS, NoticeText, UnusableTemplate, original
from billing.services.notice_words import read_locale

MoreWords = Callable[[NoticeRequest, Brand, Locale], Awaitable[Mapping[str, str]]]
AccountAddress = Callable[[Brand, str], str]
PaylinkFor = Callable[[str], Awaitable[str]]
ATTACH_INVOICE = "attach_invoice"
_WITH_DOCUMENT = frozenset({NoticeKind.READY, NoticeKind.READY_TO_PAY, NoticeKind.NOTHING_TO_PAY})


@dataclass(frozen=True)
class Customer:
    """Whom a notice is for, in whose name, and how they would be debited now."""

    account: Account
    brand: Brand
    pays_by: MethodKind = MethodKind.NONE


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

    ``method_words`` gives what notices about a payment method name besides.
    """

    def __init__(
        self,
        paylink_for: PaylinkFor,
        account_address: AccountAddress = brand_address,
        documents: InvoiceDocuments | None = None,
        method_words: MoreWords | None = None,
    ) -> None:
        self._paylink_for = paylink_for
        self._account_address = account_address
        self._documents = documents
        self._method_words = method_words

    async def compose(
        self, request: NoticeRequest, customer: Customer, channel: str, changed: NoticeText | None
    ) -> Composed:
        """The notice as it reads now; ``changed`` is the operator's text where there is one.

        Opens units of work of its own, so the caller must not hold one. Raises UnusableTemplate when amount or date are
        missing from the request.
        """
        locale = read_locale(customer.account.locale, customer.brand.locale)
        facts = await self.facts(request, customer)
        ours = original(request.kind, locale.language)
        words = changed or ours
        try:
            content = render(words, facts, channel, locale)
        except UnusableTemplate:
            if words is ours:
                raise
            words, content = ours, render(ours, facts, channel, locale)
        if channel == EMAIL:
            content = replace(content, attachments=await self._attachments(request, customer.brand))
        return Composed(content, words.version)

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

    async def _attachments(self, request: NoticeRequest, brand: Brand) -> tuple[Attachment, ...]:
        wanted = request.kind in _WITH_DOCUMENT and brand.notice_channels.get(ATTACH_INVOICE, True)
        if self._documents is None or not wanted:
            return ()
        try:
            content = await self._documents.pdf(request.account_id, request.subject)
        except NotFound:  # the address in the text leads to the document as well
            return ()
        return (Attachment(f"{request.subject}.pdf", "application/pdf", content),)


async def text_in_force(work: UnitOfWork, kind: NoticeKind, customer: Customer, channel: str) -> NoticeText | None:
    """The operator's text for the customer's locale, else for its language; None when there is neither."""
    locale = read_locale(customer.account.locale, customer.brand.locale)
    for name in dict.fromkeys((str(locale), locale.language)):
        found = await work.notices.template(customer.brand.brand, kind, channel, name)
        if found is not None:
            return NoticeText(found.subject, found.text, found.html, found.template_version, found.content_sid)
    return None
