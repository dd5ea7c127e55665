"""Mails as customers get them, with everything on them: logo, summary of a business's invoice, document attached."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from billing.domain.letterhead import Letterhead
from billing.domain.money import Money
from billing.messages.notices import NoticeKind
from billing.ports.accounts import Service
from billing.ports.documents import InvoiceDocument
from billing.ports.messenger import EMAIL, Content
from billing.services.notice_mail import ATTACHED, MailFrame
from billing.services.notice_rendering import NoticeFacts, render
from billing.services.notice_summary import summary_of
from billing.services.notice_templates import METHOD_KINDS, original
from billing.services.notice_words import read_locale
from tests.builders_documents import ISSUED_AT, LETTERHEAD, a_document, a_line

ACCOUNT_URL = "https://mijn.vonk.example"
PAYLINK = "https://betalen.vonk.example/pay/hKdPqLxF2mUaZ0yW"
METHODS_URL = "https://betalen.vonk.example/methods/WzEwMDEsMV0.Zk3vXq8"
ABOUT_A_METHOD = {
    "methods_url": METHODS_URL,
    "last_four": "3000",
    "mandate_reference": "MND1042",
    "creditor_id": "NL00ZZZ000000000000",
    "notice_period": "14 days",
}
ABOUT_ACCESS = {"code": "123456", "sign_in_url": f"{ACCOUNT_URL}/my/in/7.z", "contact": "sanne@example.com"}
WITH_DOCUMENT = (NoticeKind.READY, NoticeKind.READY_TO_PAY, NoticeKind.NOTHING_TO_PAY)
A_LOGO = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 180 48" width="180" height="48">'
    '<circle cx="24" cy="24" r="20" fill="#0b6e69"/><path d="M26 8 16 27h7l-2 13 11-19h-7z" fill="#ffffff"/>'
    '<path d="M56 16h5l5 12 5-12h5l-8 18h-4zM80 25a9 9 0 1 0 18 0a9 9 0 1 0-18 0M86 25a3 4 0 1 1 6 0a3 4 0 1 1-6 0'
    'M104 16h6l8 10V16h6v18h-6l-8-10v10h-6zM130 16h6v7l7-7h7l-8 8 8 10h-7l-7-8v8h-6z" fill="#17212b"/></svg>'
)
A_LETTERHEAD = Letterhead.from_dict(LETTERHEAD | {"logo": A_LOGO})


def a_mail(
    kind: NoticeKind, language: str = "en", *, amount_minor: int = 123456, brand: str = "Vonk Mobiel"
) -> Content:
    """A mail of a kind about 1,234.56 Euro on the 26th of September, framed like a real one."""
    locale = read_locale(language)
    amount = Money(0 if kind is NoticeKind.NOTHING_TO_PAY else amount_minor, "EUR")
    facts = NoticeFacts(
        kind=kind,
        brand=brand,
        account_url=ACCOUNT_URL,
        paylink=PAYLINK,
        amount=amount,
        on=date(2027, 9, 26),
        more=ABOUT_A_METHOD if kind in METHOD_KINDS else ABOUT_ACCESS,
    )
    frame = MailFrame(A_LETTERHEAD.colour, has_logo=True, legal="Vonk Mobiel B.V. · Kade 1 · 1011 AA Amsterdam")
    if kind in WITH_DOCUMENT:
        frame = replace(frame, summary=summary_of(an_invoice(), amount, locale), document=ATTACHED)
    return render(original(kind, language), facts, EMAIL, locale, frame)


def an_invoice(services: int = 3) -> InvoiceDocument:
    """An invoice with lines of several services and a charge of its own."""
    lines = [
        replace(a_line(1500 + 250 * place, description="Vonk Basis"), service_id=f"svc_{place}")
        for place in range(services)
    ]
    document = a_document([*lines, a_line(500, description="New SIM card")])
    known = {
        f"svc_{place}": Service("acc_1", f"svc_{place}", "mobile", f"+3161234{place:04}", "basis", 1, "none", ISSUED_AT)
        for place in range(services)
    }
    return replace(document, services=known)
