"""The stream of balances over a real server: what a page reads while usage comes in."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import uvicorn
from sqlalchemy import create_engine, text
from starlette.types import Message

from api.event_stream import EventStream, event
from billing.persistence.clock_segments import begin_segment
from billing.persistence.unit_of_work import make_engine
from billing.services.balance_watch import BalanceWatch, Change, Reader
from billing.services.usage_balance import AccountBalance
from billing.services.usage_limits import LimitService
from evenflow.ending import told_of_the_end
from evenflow.stack.ports import LOOPBACK, free_port
from tests.builders_limits import MB, PLAN
from tests.builders_usage import UsageWorld, a_customer, a_usage_world, an_event
from tests.doors.console_visits import sign_in
from tests.doors.doors_world import DoorsWorld, a_doors_world

SOON_SECONDS = 10


async def soon(happened: Callable[[], bool], why: str) -> None:
    """Wait until it happened."""
    give_up_at = time.monotonic() + SOON_SECONDS
    while not happened():
        assert time.monotonic() < give_up_at, why
        await asyncio.sleep(0.02)


@dataclass
class Page:
    """A page that reads the stream of one account; ``events`` as they came, ``comments`` between them counted."""

    events: list[dict[str, str]] = field(default_factory=list)
    comments: int = 0
    is_over: bool = False

    @property
    def used(self) -> list[int]:
        """The data used, by each balance that came."""
        return [self._data_of(json.loads(one["data"])) for one in self.events]

    @staticmethod
    def _data_of(balance: dict[str, Any]) -> int:
        meters: dict[str, int] = {one["meter"]: one["quantity"] for one in balance["services"][0]["meters"]}
        return meters["data"]

    async def read(self, answer: httpx.Response) -> None:
        fields: dict[str, str] = {}
        async for line in answer.aiter_lines():
            if line.startswith(":"):
                self.comments += 1
            elif line:
                name, _, value = line.partition(": ")
                fields[name] = value
            else:
                if "data" in fields:
                    self.events.append(fields)
                fields = {}
        self.is_over = True

    async def until(self, used: int) -> None:
        """Wait for a balance with so much data used."""
        await soon(lambda: used in self.used, f"{used} was not shown")


@dataclass
class Streaming:
    """The application on a real port, with a client of it, over a database with one customer."""

    usage: UsageWorld
    doors: DoorsWorld
    watch: BalanceWatch
    client: httpx.AsyncClient
    server: uvicorn.Server

    @property
    def path(self) -> str:
        return f"/v1/accounts/{self.usage.account_id}/balance/stream"

    @asynccontextmanager
    async def page(self, path: str = "", **headers: str) -> AsyncIterator[Page]:
        """A page that reads while the block runs."""
        page = Page()
        async with self.client.stream("GET", path or self.path, headers=headers) as answer:
            assert answer.status_code == 200, await answer.aread()
            assert answer.headers["content-type"].startswith("text/event-stream")
            reading = asyncio.create_task(page.read(answer))
            yield page
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def uses(self, record_id: str, megabytes: int = 1) -> None:
        """One record through the door."""
        sent = an_event(record_id=record_id, meter="data", quantity=megabytes * MB, destination="")
        answer = await self.client.post("/v1/usage/events", json=sent)
        assert answer.json()["outcome"] == "accepted", answer.text

    async def left_alone(self) -> None:
        """Wait until the server knows that nobody reads."""
        await soon(lambda: not self.watch.number_of_readers, "readers that left are still there")


@pytest.fixture
async def streaming(database_url: str, tmp_path: Path) -> AsyncIterator[Streaming]:
    engine = make_engine(database_url)
    usage = await a_usage_world(engine, tmp_path, PLAN)
    watch = BalanceWatch(usage.work, usage.clock, usage.service.balance, most_readers=3)
    limits = LimitService(usage.work, usage.clock, usage.service.thresholds)
    parts: dict[str, Any] = {"usage": usage.service, "balance_watch": watch, "limits": limits}
    async with AsyncExitStack() as stack:
        stack.push_async_callback(engine.dispose)
        doors = await stack.enter_async_context(a_doors_world(database_url, **parts))
        port = free_port()
        server = uvicorn.Server(
            uvicorn.Config(doors.app, host=LOOPBACK, port=port, log_level="warning", lifespan="off")
        )
        serving = asyncio.create_task(server.serve())
        base, key = f"http://{LOOPBACK}:{port}", dict(doors.client.headers)
        client = httpx.AsyncClient(base_url=base, headers={"X-API-Key": key["x-api-key"]}, trust_env=False, timeout=20)
        await stack.enter_async_context(client)
        await soon(lambda: server.started, "the server does not start")
        yield Streaming(usage, doors, watch, client, server)
        watch.close()
        server.should_exit = True
        await asyncio.wait_for(serving, SOON_SECONDS)


async def test_the_balance_comes_at_once_and_again_with_every_use(streaming: Streaming) -> None:
    async with streaming.page() as page:
        await page.until(0)
        for number in range(1, 4):
            await streaming.uses(f"s-{number}")
            await page.until(number * MB)
    assert page.used == sorted(page.used)
    assert len({one["id"] for one in page.events}) == len(page.events)
    assert {one["event"] for one in page.events} == {"balance"}


async def test_each_page_sees_its_own_account_whoever_counts(streaming: Streaming) -> None:
    async with streaming.usage.work() as work:
        other, _ = await a_customer(work, number="B2", identifier="+31687654321")
        await work.commit()
    async with streaming.page() as mine, streaming.page(f"/v1/accounts/{other}/balance/stream") as theirs:
        await asyncio.gather(mine.until(0), theirs.until(0))
        sent = an_event(meter="data", quantity=MB, destination="", identifier="+31687654321")
        await streaming.usage.service.take([sent])  # not through this server
        await theirs.until(MB)
    assert mine.used == [0]


async def test_moving_counts_to_their_counters_is_no_news(streaming: Streaming) -> None:
    async with streaming.usage.work() as work:
        for number in range(101):
            await a_customer(work, number=f"B{number}", identifier=f"+3162{number:07}")
        await work.commit()
    batch = [an_event(meter="sms", quantity=1, identifier=f"+3162{number:07}") for number in range(101)]
    async with streaming.page() as page:
        await streaming.usage.service.take([*batch, an_event(meter="data", quantity=MB, destination="")])
        await page.until(MB)
        seen = len(page.events)
        assert await streaming.usage.service.counting.count_all() == 102
        await asyncio.sleep(0.8)
        assert len(page.events) == seen


async def test_a_limit_and_a_new_cycle_are_news(streaming: Streaming) -> None:
    async with streaming.page() as page:
        await page.until(0)
        async with streaming.usage.work() as work:
            values = {"kind": "hard", "measure": "amount", "service_id": None, "meter": "", "roaming": False}
            more = {"value": 1, "from_cycle": 1, "set_at": streaming.usage.clock.at, "asked_by": "customer"}
            said = {"account_id": streaming.usage.account_id, "author": "a", "reason": "b"}
            await work.limits.add_change(values | more | said)
            await work.commit()
        await soon(lambda: len(page.events) == 2, "a limit is no news")
        streaming.usage.clock.at = streaming.usage.clock.at.replace(day=20)
        await soon(lambda: len(page.events) == 3, "a new cycle is no news")
    assert [json.loads(one["data"])["cycle_number"] for one in page.events] == [1, 1, 2]


async def test_a_reader_that_comes_again_gets_only_what_it_has_not_seen(streaming: Streaming) -> None:
    async with streaming.page() as page:
        await page.until(0)
    async with streaming.page(**{"Last-Event-ID": page.events[-1]["id"]}) as again:
        await asyncio.sleep(0.8)
        assert again.events == []
        await streaming.uses("s-1")
        await again.until(MB)
    await streaming.uses("s-2")
    async with streaming.page(**{"Last-Event-ID": again.events[-1]["id"]}) as later:
        await later.until(2 * MB)
    assert again.used == [MB]


async def test_many_events_while_a_page_reads_end_with_the_exact_balance(streaming: Streaming) -> None:
    async with streaming.page() as page:
        for start in range(0, 100, 20):
            await asyncio.gather(*[streaming.uses(f"s-{number}") for number in range(start, start + 20)])
        await page.until(100 * MB)
    assert page.used == sorted(page.used)


async def test_readers_are_bounded_and_a_place_is_free_again_when_one_leaves(streaming: Streaming) -> None:
    async with streaming.page(), streaming.page(), streaming.page():
        refused = await streaming.client.get(streaming.path)
        assert (refused.status_code, refused.headers["content-type"]) == (503, "application/problem+json")
        assert refused.json()["remedy"]
    await streaming.left_alone()
    async with streaming.page() as page:
        await page.until(0)


async def test_the_consoles_stream_says_what_its_page_says_and_ends_with_the_session(streaming: Streaming) -> None:
    access = streaming.doors.container.access
    await sign_in(replace(streaming.doors, client=streaming.client), await access.create("a viewer", "viewer"))
    home = f"/console/accounts/{streaming.usage.account_id}"
    shown = unescape((await streaming.client.get(home)).text)
    async with streaming.page(f"{home}/balance/stream") as page:
        await soon(lambda: bool(page.events), "no balance comes")
        balance = json.loads(page.events[0]["data"])
        assert len(balance["texts"]) == 4
        assert all(f">{words}</span>" in shown for words in balance["texts"].values())
        assert all(one["key"] in shown and one["words"] in shown for one in balance["meters"])
        assert await access.revoke("a viewer", datetime.now(UTC))
        await streaming.usage.service.take([an_event(meter="data", quantity=MB, destination="")])
        await soon(lambda: page.is_over, "the stream goes on without a session")
    assert len(page.events) == 1


@pytest.mark.parametrize(
    ("path", "key", "status"),
    [("/v1/accounts/acc_99/balance/stream", None, 404), ("", "wrong", 401)],
)
async def test_it_is_refused_like_the_balance(streaming: Streaming, path: str, key: str | None, status: int) -> None:
    headers = {} if key is None else {"X-API-Key": key}
    answer = await streaming.client.get(path or streaming.path, headers=headers)
    assert answer.status_code == status
    assert streaming.watch.number_of_readers == 0


async def test_when_the_server_stops_every_stream_ends_cleanly(streaming: Streaming) -> None:
    async with streaming.page() as page:
        await page.until(0)
        streaming.watch.close()
        await soon(lambda: page.is_over, "the stream goes on")
    assert (await streaming.client.get(streaming.path)).status_code == 503


async def test_a_stream_lives_on_while_the_database_is_away(
    streaming: Streaming, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billing.services.balance_watch.TRY_AGAIN_SECONDS", 0.1)
    async with streaming.page() as page:
        await page.until(0)
        async with streaming.usage.work() as work:
            await work.connection.execute(text("ALTER TABLE usage_agreements RENAME TO away"))
            await work.commit()
        await asyncio.sleep(0.6)
        async with streaming.usage.work() as work:
            await work.connection.execute(text("ALTER TABLE away RENAME TO usage_agreements"))
            await work.commit()
        await streaming.uses("s-1")
        await page.until(MB)


async def test_a_real_server_that_is_asked_to_stop_ends_its_streams_and_stops_at_once(
    streaming: Streaming, database_url: str, simulator_environment: dict[str, str], tmp_path: Path
) -> None:
    clock = create_engine(database_url)
    await asyncio.to_thread(begin_segment, clock, 1.0, streaming.usage.clock.at, datetime.now(UTC))
    clock.dispose()
    port, key = free_port(), "evk_of-the-real-server"
    settings = {
        "EVENFLOW_DATABASE_URL": database_url,
        "EVENFLOW_DATA_DIR": str(tmp_path),
        "EVENFLOW_SECRETS_ADMIN_API_KEY": key,
        "EVENFLOW_SECRETS_PAYLINK_SIGNING_KEY": "paylinks-of-a-test",
        "EVENFLOW_SECRETS_SESSION_KEY": "sessions-of-a-test",
        "EVENFLOW_PUBLIC_API_BASE": f"http://{LOOPBACK}:{port}",
    }
    command = (sys.executable, "-m", "uvicorn", "--factory", "evenflow.bootstrap:create_api_app", "--port", str(port))
    server = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, **simulator_environment, **settings}, stderr=asyncio.subprocess.PIPE
    )
    assert server.stderr is not None
    said: list[bytes] = []
    while b"running on" not in b"".join(said):
        said.append(await asyncio.wait_for(server.stderr.readline(), 60))
        assert said[-1], b"".join(said).decode()
    page = Page()
    async with AsyncExitStack() as stack:
        base, headers = f"http://{LOOPBACK}:{port}", {"X-API-Key": key}
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=base, headers=headers, trust_env=False))
        answer = await stack.enter_async_context(client.stream("GET", streaming.path, timeout=20))
        reading = asyncio.create_task(page.read(answer))
        await page.until(0)
        server.send_signal(signal.SIGTERM)
        await asyncio.wait_for(reading, SOON_SECONDS)
    last = (await asyncio.wait_for(server.communicate(), SOON_SECONDS))[1].decode()
    assert page.is_over
    assert "Finished server process" in last
    assert "Traceback" not in last


# The parts -----------------------------------------------------------------------------------------------------------


async def test_a_reader_hears_a_heartbeat_when_nothing_changes_and_ends_after_the_longest_time(
    streaming: Streaming,
) -> None:
    reader = await streaming.watch.follow(streaming.usage.account_id)
    heard = [each async for each in reader.changes(heartbeat_seconds=0.05, longest_seconds=0.3)]
    streaming.watch.leave(reader)
    assert heard[0] is not None
    assert heard[1:]
    assert set(heard[1:]) == {None}


async def test_a_reader_that_takes_nothing_is_dropped() -> None:
    ended: list[str] = []

    async def many() -> AsyncIterator[bytes]:
        while True:
            yield event("balance", "{}", "1")

    async def send(message: Message) -> None:
        if message.get("body", b"").startswith(b"id"):
            await asyncio.sleep(60)

    async def receive() -> Message:
        await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    stream = EventStream(many(), lambda: ended.append("ended"), taken_within_seconds=0.1)
    await asyncio.wait_for(stream({"type": "http", "path": "/"}, receive, send), SOON_SECONDS)
    assert ended == ["ended"]


async def test_the_end_of_the_process_is_told_and_then_handled_as_before() -> None:
    told: list[str] = []
    before = signal.signal(signal.SIGUSR1, lambda *_: told.append("as before"))
    try:
        with told_of_the_end(lambda: told.append("told"), (signal.SIGUSR1,)):
            signal.raise_signal(signal.SIGUSR1)
            await asyncio.sleep(0.05)
        signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert told == ["as before", "told", "as before"]


async def test_what_a_slow_reader_misses_is_in_between_and_never_the_last() -> None:
    reader, nothing = Reader("acc_1", ""), cast(AccountBalance, None)
    for mark in ("1", "2", "3"):
        reader.give(Change(mark, nothing))
    heard = [each async for each in reader.changes(heartbeat_seconds=0.05, longest_seconds=0.08)]
    assert [each.mark for each in heard if each] == ["3"]
