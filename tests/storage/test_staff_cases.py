"""Cases for people: once per kind and subject, closed when the cause is gone, opened again when it comes back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from billing.domain import staff_cases as kinds
from billing.domain.errors import InvalidValue, NotFound
from billing.persistence.troubles import SqlTroubles
from billing.ports.staff_cases import CaseFilter, Cause, StaffCase
from billing.ports.troubles import MOST_CAUSES
from billing.services.case_sweep import CaseSweep, Swept, looks_of
from billing.services.staff_cases import StaffCases, UnableToDecide
from tests.builders_invoicing import Office, an_office

HELD = kinds.HELD_USAGE_FILE
A_CAUSE = Cause(HELD, "file_1001", "file_1001 is held: a gap")


@pytest.fixture
async def office(database_url: str) -> AsyncIterator[Office]:
    async with an_office(database_url) as built:
        yield built


async def listed(office: Office, wanted: CaseFilter | None = None) -> Sequence[StaffCase]:
    return await StaffCases(office.work, office.clock).find(wanted or CaseFilter())


def a_sweep(office: Office) -> CaseSweep:
    return CaseSweep(office.work, office.clock, {})


async def test_a_cause_seen_again_and_again_is_one_case_that_lasts(office: Office) -> None:
    sweep = a_sweep(office)
    assert await sweep.hold(HELD, [A_CAUSE, A_CAUSE]) == Swept(opened=1)
    opened_at = office.clock.now()
    office.clock.at += timedelta(minutes=15)
    assert await sweep.hold(HELD, [replace(A_CAUSE, explanation="still held")]) == Swept()
    (case,) = await listed(office)
    assert (case.state, case.times_opened, case.explanation) == ("open", 1, "still held")
    assert (case.opened_at, case.last_seen_at) == (opened_at, office.clock.now())


async def test_a_case_closes_with_its_cause_and_opens_again_when_it_comes_back(office: Office) -> None:
    sweep = a_sweep(office)
    await sweep.hold(HELD, [A_CAUSE])
    assert await sweep.hold(HELD, []) == Swept(closed=1)
    (gone,) = await listed(office)
    assert (gone.state, gone.history[-1]["author"], gone.history[-1]["reason"]) == (
        "closed",
        "evenflow",
        "The cause is gone.",
    )
    office.clock.at += timedelta(days=1)
    assert await sweep.hold(HELD, [A_CAUSE]) == Swept(opened=1)
    (back,) = await listed(office)
    assert (back.case_id, back.state, back.times_opened) == (gone.case_id, "open", 2)
    assert (back.opened_at, back.closed_at, back.told_at) == (office.clock.now(), None, None)


async def test_a_case_closed_by_a_person_stays_closed_until_its_cause_was_gone(office: Office) -> None:
    sweep, people = a_sweep(office), StaffCases(office.work, office.clock)
    await sweep.hold(HELD, [A_CAUSE])
    (case,) = await listed(office)
    closed = await people.close(case.case_id, "sanne", "  a test file  ")
    assert closed.history[-1] == {
        "at": office.clock.now().isoformat(),
        "state": "closed",
        "author": "sanne",
        "reason": "a test file",
    }
    assert await sweep.hold(HELD, [A_CAUSE]) == Swept()
    assert (await people.get(case.case_id)).state == "closed"
    await sweep.hold(HELD, [])
    assert await sweep.hold(HELD, [A_CAUSE]) == Swept(opened=1)


async def test_acknowledging_keeps_a_case_on_the_list_and_tells_its_account(office: Office) -> None:
    account, _ = await office.open_account()
    cause = Cause(kinds.REPORTED_DEATH, account.account_id, "MD07", account.account_id, {"code": "MD07"})
    await a_sweep(office).hold(cause.kind, [cause])
    people = StaffCases(office.work, office.clock)
    (case,) = await people.find(CaseFilter(account_id=account.account_id))
    await people.acknowledge(case.case_id, "sanne", "family is called")
    (shown,) = await people.find(CaseFilter(("open", "acknowledged"), kind=cause.kind))
    assert (shown.state, shown.facts, shown.account_id) == ("acknowledged", {"code": "MD07"}, account.account_id)
    async with office.work() as work:
        entries = [one for one in await work.timeline.of(account.account_id) if one.kind == "case_acknowledged"]
    assert [(one.actor, one.reason["reason"]) for one in entries] == [("sanne", "family is called")]


async def test_what_nobody_sees_the_end_of_ends_with_the_persons_word(office: Office) -> None:
    account, _ = await office.open_account()
    cause = Cause(kinds.REPORTED_DEATH, account.account_id, "MD07", account.account_id)
    people = StaffCases(office.work, office.clock)
    async with office.work() as work:
        assert await work.staff_cases.open_once(cause, office.clock.now())
        assert not await work.staff_cases.open_once(cause, office.clock.now())
        await work.commit()
    (case,) = await listed(office)
    await people.close(case.case_id, "sanne", "the bank was wrong")
    async with office.work() as work:
        assert await work.staff_cases.state_of(cause.kind, account.account_id) == "closed"
        assert await work.staff_cases.open_once(cause, office.clock.now())
        await work.commit()
    assert (await people.get(case.case_id)).times_opened == 2


async def test_decisions_need_a_reason_an_open_case_and_one_that_is_there(office: Office) -> None:
    await a_sweep(office).hold(HELD, [A_CAUSE])
    people = StaffCases(office.work, office.clock)
    (case,) = await listed(office)
    for reason in ("", "   ", "x" * 501):
        with pytest.raises(InvalidValue) as refused:
            await people.close(case.case_id, "sanne", reason)
        assert (refused.value.field, bool(refused.value.remedy)) == ("reason", True)
    await people.close(case.case_id, "sanne", "done")
    with pytest.raises(UnableToDecide, match="is closed"):
        await people.acknowledge(case.case_id, "sanne", "late")
    with pytest.raises(NotFound):
        await people.get("stc_1")
    with pytest.raises(InvalidValue, match="no such kind"):
        await people.find(CaseFilter(kind="nonsense"))


async def test_a_list_is_paged_over_accounts_and_what_is_nobodys(office: Office) -> None:
    account, _ = await office.open_account()
    causes = [Cause(HELD, f"file_{number}", "held") for number in range(3)]
    mine = [Cause(kinds.ORDER_UNCONFIRMED, f"order-{each}", "waits", account.account_id) for each in range(3)]
    await a_sweep(office).hold(HELD, causes)
    await a_sweep(office).hold(kinds.ORDER_UNCONFIRMED, mine)
    everything = [one.case_id for one in await listed(office)]
    paged: list[str] = []
    while page := await listed(office, CaseFilter(before=paged[-1] if paged else "", limit=2)):
        paged += [one.case_id for one in page]
    assert paged == everything
    assert (len(set(paged)), paged) == (6, sorted(paged, key=lambda each: -int(each[4:])))
    assert await StaffCases(office.work, office.clock).counts() == {"high": 6}


async def test_with_more_causes_than_are_told_nothing_is_taken_for_gone(office: Office) -> None:
    sweep = a_sweep(office)
    await sweep.hold(HELD, [A_CAUSE])
    many = [Cause(HELD, f"file_{number}", "held") for number in range(MOST_CAUSES)]
    assert await sweep.hold(HELD, many) == Swept(opened=MOST_CAUSES)
    assert await sweep.hold(HELD, []) == Swept(closed=MOST_CAUSES + 1)


async def test_a_look_that_fails_closes_nothing_and_keeps_no_other_waiting(office: Office) -> None:
    async def fails() -> Sequence[Cause]:
        raise RuntimeError("no answer")

    async def sees() -> Sequence[Cause]:
        return [Cause(kinds.STUCK_STREAM, "usage/0", "stands still")]

    await a_sweep(office).hold(HELD, [A_CAUSE])
    swept = await CaseSweep(office.work, office.clock, {HELD: fails, kinds.STUCK_STREAM: sees}).sweep()
    assert swept == Swept(opened=1, failed=(HELD,))
    assert [one.state for one in await listed(office)] == ["open", "open"]


PARKED = (
    'INSERT INTO webhook_inbox (provider, event_id, kind, object_id, attempt_id, "references", payload, received_at, '
    "status, deliveries, by_webhook) VALUES ('stripe', '{id}', 'charge.succeeded', '{object}', '', '[]', '{{}}', "
    "now() - interval '{ago}', '{status}', 1, {heard})"
)
ORDER = (
    "INSERT INTO barring_orders (account_id, order_id, level, reason, author, placed_at) VALUES "
    "({account}, '{order}', '{level}', 'paid', 'dunning', now() - interval '{ago}')"
)
STREAM = (
    "INSERT INTO usage_stream_offsets (consumer_group, topic, partition, next_offset, end_offset, seen_at, trouble) "
    "VALUES ('evenflow', 'usage', 3, 10, 25, now(), 'message 10 is too large')"
)


async def found_by_looks(office: Office, *statements: str) -> dict[str, list[tuple[str, str]]]:
    """Subjects and severities by kind, after a sweep over what the statements wrote."""
    async with office.engine.begin() as connection:
        for statement in statements:
            await connection.execute(text(statement))
    looks = looks_of(SqlTroubles(office.engine), office.clock)
    swept = await CaseSweep(office.work, office.clock, looks).sweep()
    assert swept.failed == ()
    found: dict[str, list[tuple[str, str]]] = {}
    for one in await listed(office, CaseFilter(("open",))):
        found.setdefault(one.kind, []).append((one.subject, one.severity))
    return {kind: sorted(places) for kind, places in found.items()}


async def test_the_looks_find_what_is_there_and_nothing_in_an_orderly_house(office: Office) -> None:
    account, _ = await office.open_account()
    number = account.account_id[4:]
    assert await found_by_looks(office) == {}
    found = await found_by_looks(
        office,
        PARKED.format(id="evt_1", object="pi_1", ago="1 hour", status="parked", heard="true"),
        PARKED.format(id="evt_2", object="pi_1", ago="1 hour", status="parked", heard="true"),
        PARKED.format(id="evt_3", object="pi_2", ago="40 days", status="parked", heard="true"),
        ORDER.format(account=number, order="o-1", level="none", ago="1 hour"),
        ORDER.format(account=number, order="o-2", level="outgoing", ago="2 hours"),
        ORDER.format(account=number, order="o-3", level="outgoing", ago="5 minutes"),
        STREAM,
    )
    assert found == {
        kinds.PARKED_WEBHOOK: [("stripe/pi_1", "normal")],
        kinds.ORDER_UNCONFIRMED: [("o-1", "urgent"), ("o-2", "high")],
        kinds.STUCK_STREAM: [("evenflow/usage/3", "urgent")],
    }
    settled = await found_by_looks(
        office,
        "UPDATE webhook_inbox SET status = 'handled'",
        "UPDATE barring_orders SET finished_at = now()",
        "UPDATE usage_stream_offsets SET trouble = ''",
    )
    assert settled == {}


async def test_webhooks_are_silent_when_only_the_list_brings_news(office: Office) -> None:
    def event(name: str, ago: str, heard: str) -> str:
        return PARKED.format(id=name, object=name, ago=ago, status="handled", heard=heard)

    quiet = await found_by_looks(office, event("e1", "3 hours", "true"), event("e2", "20 minutes", "false"))
    assert quiet == {}  # the webhook of e2 still has time
    silent = await found_by_looks(office, event("e3", "50 minutes", "false"))
    assert silent == {kinds.WEBHOOK_SILENCE: [("stripe", "high")]}
    assert await found_by_looks(office, event("e4", "1 minute", "true")) == {}
