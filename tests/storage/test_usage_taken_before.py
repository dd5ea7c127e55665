"""A record that was taken is told as a duplicate when it comes again, whatever the number directory says by then."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from billing.messages.invoicing import CloseAccountRequest
from billing.persistence.usage_invariants import counters_disagree
from billing.persistence.usage_quick import SqlQuickStore
from billing.ports.usage import IssueFilter
from billing.services.service_changes import ServiceChanges
from billing.services.subscribing import NewService
from billing.services.usage import UsageService
from billing.services.usage_batch import Entry
from tests.builders_invoicing import Office, an_office
from tests.builders_usage import RecordingProcess, an_event

CLOSED_AT = datetime(2027, 1, 25, 10, tzinfo=UTC)
LINE, OTHER_LINE = "+31610100001", "+31610100002"
AFTERWARDS = CLOSED_AT + timedelta(minutes=10)


@dataclass
class Closing:
    """An account whose line is used until it is closed, and records that start a little after that moment."""

    office: Office
    usage: UsageService
    account_id: str

    async def take(self, **changes: Any) -> str:
        """What a record that starts after the closing becomes in a batch."""
        event = an_event(identifier=LINE, meter="voice_seconds", started_at=AFTERWARDS.isoformat(), record_id="r-1")
        (result,) = await self.usage.take([event | changes])
        return result.outcome.value

    async def take_alone(self, **changes: Any) -> str:
        """The same in a request of its own."""
        event = an_event(identifier=LINE, meter="voice_seconds", started_at=AFTERWARDS.isoformat(), record_id="r-1")
        return (await self.usage.take_one(Entry(event | changes))).outcome.value

    async def close(self) -> None:
        self.office.clock.at = CLOSED_AT
        await self.office.service.close_account(CloseAccountRequest(self.account_id, "moves", "sanne", "cmd-1"))

    async def kept(self) -> list[str]:
        async with self.office.work() as work:
            assert await counters_disagree(work.connection) == []
            return [each.kind for each in await work.usage.issues(IssueFilter())]


@pytest.fixture
async def closing(database_url: str, tmp_path: Path) -> AsyncIterator[Closing]:
    async with an_office(database_url) as office:
        quick = SqlQuickStore(database_url)
        office.clock.at = CLOSED_AT - timedelta(minutes=1)
        account, _ = await office.open_account()
        usage = UsageService(office.work, office.clock, RecordingProcess(), {}, tmp_path, quick=quick)
        yield Closing(office, usage, account.account_id)
        await usage.counting_is_done()
        await quick.close()


async def test_a_record_that_comes_again_after_its_account_closed_is_a_duplicate(closing: Closing) -> None:
    assert await closing.take() == "accepted"
    await closing.close()
    assert await closing.take() == "duplicate"
    assert await closing.take_alone() == "duplicate"
    assert await closing.kept() == []


async def test_one_that_differs_is_a_conflict_for_a_person(closing: Closing) -> None:
    assert await closing.take() == "accepted"
    await closing.close()
    assert await closing.take(quantity=61) == "conflict"
    assert await closing.kept() == ["conflict"]


async def test_one_that_is_new_waits_and_so_does_another_line_of_the_same_call(closing: Closing) -> None:
    assert await closing.take() == "accepted"
    await closing.close()
    assert await closing.take(record_id="r-2") == "recycled"
    assert await closing.take(identifier="+31610999999") == "recycled"


async def test_what_waited_and_was_taken_before_is_settled_when_it_is_guided_again(closing: Closing) -> None:
    """It was kept while nobody looked: its copy was committed a moment later."""
    assert await closing.take() == "accepted"
    await closing.close()
    async with closing.office.engine.begin() as connection:
        await connection.exec_driver_sql("CREATE TABLE hidden AS SELECT * FROM usage_events")
        await connection.exec_driver_sql("DELETE FROM usage_events")
    assert await closing.take() == "recycled"
    async with closing.office.engine.begin() as connection:
        await connection.exec_driver_sql("INSERT INTO usage_events SELECT * FROM hidden")
    assert (await closing.usage.reguide()).resolved == 1
    assert await closing.kept() == []


@pytest.mark.parametrize("way", ["take", "take_alone"])
async def test_one_that_comes_again_when_the_number_is_somebody_elses_counts_once(closing: Closing, way: str) -> None:
    assert await closing.take() == "accepted"
    await closing.close()
    office = closing.office
    other, _ = await office.open_account(number="A100002")
    changes = ServiceChanges(office.work, office.clock)
    new = NewService("mobile", LINE, "vonk-basis", 1, CLOSED_AT + timedelta(minutes=5))
    await changes.add(other.account_id, new, "Ann")
    assert await getattr(closing, way)() == "duplicate"
    assert await getattr(closing, way)(record_id="r-2") == "accepted"
    assert await closing.kept() == []


async def test_one_key_for_two_lines_is_two_records(closing: Closing) -> None:
    await closing.office.open_account(number="A100002")
    assert await closing.take() == "accepted"
    assert await closing.take(identifier=OTHER_LINE) == "accepted"
    assert await closing.kept() == []


async def test_one_without_a_price_beside_its_first_copy_in_a_batch_is_a_conflict(closing: Closing) -> None:
    event = an_event(identifier=LINE, meter="voice_seconds", started_at=AFTERWARDS.isoformat())
    first, second = await closing.usage.take([event | {"meter": "unheard-of"}, event])
    assert (first.outcome, second.outcome) == ("conflict", "accepted")
