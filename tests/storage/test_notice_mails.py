"""Mails as they are composed from what is stored: the brand's letterhead, its logo, and the invoice."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from billing.adapters.pdf import TypsetLogos
from billing.messages.notices import NoticeKind
from billing.persistence.unit_of_work import make_engine
from billing.ports.accounts import LetterheadVersion
from billing.ports.messenger import EMAIL, SMS
from billing.ports.notices import NoticeTemplate
from billing.services import notice_composing
from tests.builders_documents import LETTERHEAD
from tests.builders_mails import A_LOGO
from tests.builders_notices import A_MONDAY_MORNING, NoticeWorld, a_notice_world

PNG = b"\x89PNG"


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[NoticeWorld]:
    engine = make_engine(database_url)
    yield await a_notice_world(engine, logos=TypsetLogos())
    await engine.dispose()


async def publish(world: NoticeWorld, **changes: str) -> None:
    async with world.work() as work:
        definition = LETTERHEAD | changes
        await work.accounts.add_letterhead(LetterheadVersion("vonk", 1, definition, A_MONDAY_MORNING, "ann", "new"))
        await work.commit()


async def test_a_mail_has_the_letterheads_colour_logo_legal_line_and_address_for_answers(world: NoticeWorld) -> None:
    await publish(world, colour="#7a1f5c", logo=A_LOGO, email="hulp@vonk.example")
    await world.service.send(world.request())
    (mail,) = world.email.sent
    logo, document = mail.content.attachments
    assert (logo.content_id, logo.content[:4]) == ("logo", PNG)
    assert document.file_name == "VONK-20270524-0001.pdf"
    for words in ("#7a1f5c", 'src="cid:logo"', "Vonk Mobiel B.V. · Kade 1 · 1011 AA Amsterdam"):
        assert words in mail.content.html
    assert mail.reply_to == "hulp@vonk.example"


async def test_without_a_letterhead_the_brands_name_stands_in_the_logos_place(world: NoticeWorld) -> None:
    await world.service.send(world.request())
    (mail,) = world.email.sent
    assert [one.content_id for one in mail.content.attachments] == [""]
    assert (mail.reply_to, "cid:" in mail.content.html) == ("", False)
    assert ">Vonk Mobiel</span>" in mail.content.html


async def test_an_operators_own_html_gets_no_picture_it_does_not_show(world: NoticeWorld) -> None:
    await publish(world, logo=A_LOGO)
    async with world.work() as work:
        html = "<p>{{ amount }} {{ date }}</p>"
        await work.notices.save_template(an_operators_text(html))
        await work.commit()
    await world.service.send(world.request())
    assert [one.content_id for one in world.email.sent[0].content.attachments] == [""]


async def test_a_document_that_mailboxes_would_refuse_is_linked(
    world: NoticeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notice_composing, "LARGEST_ATTACHMENT", 5)
    await world.service.send(world.request())
    (mail,) = world.email.sent
    assert mail.content.attachments == ()
    assert "Your invoice as PDF: https://mijn.vonk.example" in mail.content.text
    assert "Total of this invoice: 42.10 Euro" in mail.content.text


async def test_a_text_message_has_its_own_words_and_nothing_sent_along(world: NoticeWorld) -> None:
    await world.service.send(world.request(NoticeKind.RETRY, channels=(SMS,)))
    (message,) = world.sms.sent
    assert message.content.text.startswith("Hello! We will collect 42.10 Euro again on or just after the 8th of June.")
    assert (message.content.attachments, message.reply_to) == ((), "")


def an_operators_text(html: str) -> NoticeTemplate:
    """A version of the ready mail."""
    return NoticeTemplate(
        "vonk", NoticeKind.READY, EMAIL, "en", 0, "Ready", "{{ amount }} {{ date }}", html, A_MONDAY_MORNING, "ann"
    )
