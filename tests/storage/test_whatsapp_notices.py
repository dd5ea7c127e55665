"""Notices by WhatsApp: only to who opted in, by approved templates, with another channel behind them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from billing.domain.errors import InvalidValue
from billing.messages.notices import NoticeKind
from billing.persistence.unit_of_work import make_engine
from billing.ports.messenger import ApprovedTemplate, Callback, CallbackRefused, Failed, Heard
from billing.ports.notices import NoticeStatus
from billing.services.notice_editing import NoticeTemplates, TemplatePlace
from billing.services.notice_templates import NoticeText, UnusableTemplate
from billing.services.whatsapp import WhatsAppDesk
from tests.builders_notices import NoticeWorld, a_notice_world

SID = "HX" + "a" * 32
WORDS = "Hello! {{ amount }} will be collected on the {{ date }}. See {{ account_url }}. Not {{ amount }}? Tell us."
BY_WHATSAPP = {"default": "whatsapp"}


@dataclass
class Ears:
    """Hears what a test says; an empty body is not signed."""

    def parse_incoming(self, callback: Callback) -> Heard | None:
        if not callback.body:
            raise CallbackRefused("not signed")
        mobile, word = callback.body.decode().split(" ", 1)
        return Heard(mobile, "SM1", stops=word == "STOP", starts=word == "START") if mobile != "sms" else None


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[NoticeWorld]:
    engine = make_engine(database_url)
    yield await a_notice_world(engine, notice_channels=BY_WHATSAPP)
    await engine.dispose()


def desk(world: NoticeWorld) -> WhatsAppDesk:
    return WhatsAppDesk(world.work, world.clock, Ears())


async def opt_in(world: NoticeWorld) -> None:
    await desk(world).decide(world.account.account_id, opted_in=True, author="Robin", reason="asked for it")


async def approve(world: NoticeWorld, kind: NoticeKind = NoticeKind.REMINDER, locale: str = "en") -> None:
    place = TemplatePlace("vonk", kind, "whatsapp", locale)
    await NoticeTemplates(world.work, world.clock).save(place, NoticeText("", WORDS, content_sid=SID), "Robin")


async def write(world: NoticeWorld, word: str) -> int:
    return await desk(world).hear(Callback(f"{world.account.mobile} {word}".encode(), {}))


async def channels(world: NoticeWorld) -> list[tuple[str, NoticeStatus]]:
    async with world.work() as work:
        return [(one.channel, one.status) for one in reversed(await work.notices.of(world.account.account_id))]


async def timeline(world: NoticeWorld) -> Sequence[tuple[str, str, Mapping[str, Any]]]:
    async with world.work() as work:
        entries = await work.timeline.of(world.account.account_id)
    return [(one.summary, one.actor, one.reason) for one in entries if one.kind == "whatsapp"]


async def test_without_the_customers_word_nothing_goes_out_by_whatsapp(world: NoticeWorld) -> None:
    await approve(world)
    await world.service.send(world.request(NoticeKind.REMINDER))
    assert (world.whatsapp.sent, await channels(world)) == ([], [("sms", NoticeStatus.ACCEPTED)])


async def test_an_approved_template_is_sent_with_its_placeholders_by_number(world: NoticeWorld) -> None:
    await opt_in(world)
    await approve(world)
    await world.service.send(world.request(NoticeKind.REMINDER))
    (message,) = world.whatsapp.sent
    assert message.to == world.account.mobile
    variables = {"1": "42.10 Euro", "2": "8th of June", "3": "https://mijn.vonk.example"}
    assert message.content.template == ApprovedTemplate(SID, variables)
    assert message.content.text.startswith("Hello! 42.10 Euro will be collected on the 8th of June.")
    assert (message.brand, message.answers) == ("vonk", False)
    assert await channels(world) == [("whatsapp", NoticeStatus.ACCEPTED)]


async def test_the_template_of_the_customers_locale_comes_before_that_of_the_language(world: NoticeWorld) -> None:
    await opt_in(world)
    await approve(world, locale="en_GB")
    await world.service.send(world.request(NoticeKind.REMINDER))
    assert world.whatsapp.sent[0].content.template is None
    async with world.work() as work:
        await work.accounts.change(world.account.account_id, {"locale": "en_GB"})
        await work.commit()
    await world.service.send(world.request(NoticeKind.REMINDER, occasion="again"))
    assert world.whatsapp.sent[1].content.template is not None


@pytest.mark.parametrize(("hours", "answers"), [(23, True), (25, False)])
async def test_words_of_our_own_follow_a_customers_message_for_a_day(
    world: NoticeWorld, hours: int, answers: bool
) -> None:
    await opt_in(world)
    assert await write(world, "Hello?") == 1
    async with world.work() as work:
        heard = datetime.now(UTC) - timedelta(hours=hours)
        await work.accounts.change(world.account.account_id, {"whatsapp_heard_at": heard})
        await work.commit()
    await world.service.send(world.request(NoticeKind.REMINDER))
    assert world.whatsapp.sent[0].answers is answers


@pytest.mark.parametrize(
    ("kind", "choice", "stand_in"),
    [
        (NoticeKind.REMINDER, {"default": "whatsapp"}, "sms"),
        (NoticeKind.READY, {"default": "whatsapp"}, "email"),
        (NoticeKind.REMINDER, {"reminder": ["whatsapp"], "default": "email"}, "sms"),
    ],
)
async def test_what_whatsapp_refuses_goes_by_the_usual_channel(
    world: NoticeWorld, kind: NoticeKind, choice: dict[str, Any], stand_in: str
) -> None:
    await opt_in(world)
    async with world.work() as work:
        await work.accounts.change(world.account.account_id, {"notice_channels": choice})
        await work.commit()
    world.whatsapp.script = [Failed("63016", "outside of the window")]
    result = await world.service.send(world.request(kind))
    assert result.channels == (stand_in,)
    assert await channels(world) == [("whatsapp", NoticeStatus.FAILED), (stand_in, NoticeStatus.ACCEPTED)]


async def test_the_brands_choice_stands_in_before_ours(world: NoticeWorld) -> None:
    await opt_in(world)
    async with world.work() as work:
        await world.choose_for_brand(work, {"reminder": "email"})
        await work.commit()
    world.whatsapp.script = [Failed("63016", "outside of the window")]
    assert (await world.service.send(world.request(NoticeKind.REMINDER))).channels == ("email",)


async def test_stop_ends_whatsapp_at_once_and_start_begins_it_again(world: NoticeWorld) -> None:
    await opt_in(world)
    await approve(world)
    assert [await write(world, "STOP") for _ in range(2)] == [1, 1]
    await world.service.send(world.request(NoticeKind.REMINDER))
    assert await channels(world) == [("sms", NoticeStatus.ACCEPTED)]
    world.clock.at += timedelta(days=1)
    await write(world, "START")
    await world.service.send(world.request(NoticeKind.REMINDER, occasion="again"))
    assert len(world.whatsapp.sent) == 1
    assert [(summary, actor) for summary, actor, _ in await timeline(world)] == [
        ("Notices by WhatsApp: opted in", "Robin"),
        ("Notices by WhatsApp: opted out", "customer"),
        ("Notices by WhatsApp: opted in", "customer"),
    ]


async def test_a_stranger_who_writes_opts_in_to_nothing(world: NoticeWorld) -> None:
    assert await write(world, "START") == 0
    assert not (await desk(world).consent(world.account.account_id)).opted_in
    with pytest.raises(CallbackRefused):
        await desk(world).hear(Callback(b"", {}))
    assert await desk(world).hear(Callback(b"sms STOP", {})) == 0


async def test_who_has_no_mobile_number_cannot_opt_in(world: NoticeWorld) -> None:
    async with world.work() as work:
        await work.accounts.change(world.account.account_id, {"mobile": ""})
        await work.commit()
    with pytest.raises(InvalidValue) as refused:
        await opt_in(world)
    assert refused.value.field == "opted_in"


@pytest.mark.parametrize(
    ("channel", "changes", "field"),
    [
        ("sms", {}, "content_sid"),
        ("whatsapp", {"content_sid": "HX1"}, "content_sid"),
        ("whatsapp", {"text": "{% if amount %}{{ amount }} {% endif %}{{ amount }} {{ date }}"}, "text"),
        ("whatsapp", {"text": "{{ amount }} {{ name }}"}, "text"),
        ("whatsapp", {"text": "Hello!"}, "text"),
    ],
)
async def test_a_template_that_cannot_be_used_is_refused_by_its_field(
    world: NoticeWorld, channel: str, changes: dict[str, str], field: str
) -> None:
    words = replace(NoticeText("", WORDS, content_sid=SID), **changes)
    place = TemplatePlace("vonk", NoticeKind.REMINDER, channel, "en")
    with pytest.raises(UnusableTemplate) as refused:
        await NoticeTemplates(world.work, world.clock).save(place, words, "Robin")
    assert refused.value.field == field


async def test_another_approved_template_of_the_same_words_is_a_new_version(world: NoticeWorld) -> None:
    templates, place = (
        NoticeTemplates(world.work, world.clock),
        TemplatePlace("vonk", NoticeKind.REMINDER, "whatsapp", "en"),
    )
    saved = [
        await templates.save(place, NoticeText("", WORDS, content_sid=sid), "Robin")
        for sid in (SID, SID, "HX" + "b" * 32)
    ]
    assert [(one.template_version, one.content_sid[-1]) for one in saved] == [(1, "a"), (1, "a"), (2, "b")]
    shown = (await templates.preview(place)).content
    assert shown.template is not None
    assert list(shown.template.variables) == ["1", "2", "3"]
