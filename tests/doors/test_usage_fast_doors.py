"""The doors of usage on a real port: many at once, keys, limits, and errors that are problems."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.headers import SECURITY_HEADERS
from api.schemas.usage import BatchResultOut, RecordResultOut
from api.usage_doors import keys as key_memory
from api.usage_doors.protocol import UsageProtocol
from billing.services import usage_grouping
from billing.services.usage_grouping import Grouping
from tests.builders_usage import an_event
from tests.doors.usage_server import UsageServer, a_usage_server

EVENTS, BATCH = "/v1/usage/events", "/v1/usage/events/batch"
JSON = {"content-type": "application/json"}


@pytest.fixture(params=["auto", UsageProtocol], ids=["application", "short cut"])
def server(database_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[UsageServer]:
    """With and without the protocol that takes usual records: callers cannot tell which it is."""
    with a_usage_server(database_url, tmp_path, request.param) as server:
        yield server


@pytest.fixture
def client(server: UsageServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.address, headers={"X-API-Key": "agent"}, trust_env=False, timeout=60) as client:
        yield client


async def post_all(server: UsageServer, events: list[dict[str, Any]]) -> list[httpx.Response]:
    """Every event in a request of its own, all of them at the same time."""
    limits = httpx.Limits(max_connections=64)
    async with httpx.AsyncClient(
        base_url=server.address, headers={"X-API-Key": "agent"}, trust_env=False, limits=limits, timeout=30
    ) as client:
        return await asyncio.gather(*(client.post(EVENTS, json=event) for event in events))


async def test_of_many_at_once_that_repeat_each_other_each_record_is_accepted_exactly_once(server: UsageServer) -> None:
    events = [an_event(record_id=f"r-{number % 16}", meter="sms", quantity=1) for number in range(64)]
    answers = await post_all(server, events)
    assert {answer.status_code for answer in answers} == {202}
    told = Counter((answer.json()["record_id"], answer.json()["outcome"]) for answer in answers)
    assert told == {(f"r-{n}", outcome): count for n in range(16) for outcome, count in OUTCOMES}
    assert server.stored() == sorted(f"r-{number}" for number in range(16))
    balance = await server_balance(server)
    assert {meter["meter"]: meter["quantity"] for meter in balance["services"][0]["meters"]}["sms"] == 16


OUTCOMES = (("accepted", 1), ("duplicate", 3))


async def server_balance(server: UsageServer) -> Any:
    async with httpx.AsyncClient(base_url=server.address, headers={"X-API-Key": "agent"}, trust_env=False) as client:
        return (await client.get(f"/v1/accounts/{server.worlds[0].account_id}/balance")).json()


async def test_everybody_gets_the_answer_of_the_own_record(server: UsageServer) -> None:
    kinds = [
        an_event(record_id="good"),
        an_event(record_id="unknown", identifier="+31600000000"),
        an_event(record_id="bad", quantity=-1),
        an_event(record_id="old", started_at="2020-01-01T00:00:00Z"),
        an_event(record_id="priceless", meter="unheard-of"),
    ]
    answers = await post_all(server, kinds * 3)
    for event, answer in zip(kinds * 3, answers, strict=True):
        told = answer.json()
        expected = {"good": {"accepted", "duplicate"}, "unknown": {"recycled"}, "priceless": {"recycled"}}
        assert told["outcome"] in expected.get(event["record_id"], {"rejected"})
        assert told["place"] == 0
        assert RecordResultOut.model_validate(told).model_dump() == told
    assert server.stored() == ["good"]


def test_a_record_that_breaks_the_transaction_fails_alone(server: UsageServer, monkeypatch: pytest.MonkeyPatch) -> None:
    service = server.worlds[0].service
    takes = service.take_entries

    async def take(entries: Any) -> Any:
        if any(entry.event["record_id"] == "poison" for entry in entries):
            raise RuntimeError("this record breaks it")
        return await takes(entries)

    monkeypatch.setattr(service, "_singles", Grouping(take))
    events = [an_event(record_id=name, meter="sms") for name in ("a", "b", "poison", "c", "d")]
    answers = asyncio.run(post_all(server, events))
    assert [answer.status_code for answer in answers] == [202, 202, 500, 202, 202]
    assert (answers[2].json()["title"], answers[2].headers["content-type"]) == ("Fault", "application/problem+json")
    assert server.stored() == ["a", "b", "c", "d"]


def test_too_many_at_once_are_told_when_to_come_again(server: UsageServer, monkeypatch: pytest.MonkeyPatch) -> None:
    service = server.worlds[0].service
    monkeypatch.setattr(
        service, "_singles", Grouping(service.take_entries, most_waiting=2, most_together=1, groups_at_once=1)
    )
    answers = asyncio.run(post_all(server, [an_event(record_id=f"r-{number}") for number in range(40)]))
    refused = [answer for answer in answers if answer.status_code == 503]
    taken = [answer.json()["record_id"] for answer in answers if answer.status_code == 202]
    assert refused
    assert {answer.headers["retry-after"] for answer in refused} == {str(usage_grouping.RETRY_AFTER_SECONDS)}
    assert {answer.json()["title"] for answer in refused} == {"TooBusy"}
    assert server.stored() == sorted(taken)


def test_a_batch_answers_every_record_in_order_whatever_it_is(client: httpx.Client, server: UsageServer) -> None:
    deep: Any = 1
    for _ in range(100):
        deep = [deep]
    events = [an_event(), an_event(), None, 7, [], {}, an_event(record_id="d", attributes={"x": deep})]
    answer = client.post(BATCH, json=events)
    told = answer.json()
    assert answer.status_code == 202
    assert [each["outcome"] for each in told["results"]] == ["accepted", "duplicate", *["rejected"] * 5]
    assert told["counts"] == {"accepted": 1, "duplicate": 1, "rejected": 5}
    assert BatchResultOut.model_validate(told).model_dump() == told
    assert len(client.get("/v1/usage/issues", params={"kind": "rejected"}).json()) == 5
    assert server.stored() == ["r-1"]


def test_a_batch_may_hold_ten_thousand_and_not_one_more(client: httpx.Client, server: UsageServer) -> None:
    events = [an_event(record_id=f"r-{number}", meter="sms", quantity=1) for number in range(10_000)]
    answer = client.post(BATCH, json=events, timeout=60)
    assert answer.json()["counts"] == {"accepted": 10_000}
    assert len(server.stored()) == 10_000
    refused = client.post(BATCH, json=[*events, an_event(record_id="one more")], timeout=60)
    assert (refused.status_code, refused.json()["field"]) == (422, "events")
    assert len(server.stored()) == 10_000


@pytest.mark.parametrize(
    ("path", "content", "headers", "status", "field"),
    [
        (EVENTS, b"{}", {"x-api-key": ""}, 401, "X-API-Key"),
        (EVENTS, b"{}", {"x-api-key": "unknown"}, 401, "X-API-Key"),
        (EVENTS, b"{}", {"x-api-key": "viewer"}, 403, "role"),
        (EVENTS, b"{}", {"content-type": "text/plain"}, 415, "Content-Type"),
        (EVENTS, b"{}", {"content-type": "application/xml"}, 415, "Content-Type"),
        (EVENTS, b"{", JSON, 422, "body"),
        (EVENTS, b"", JSON, 422, "body"),
        (EVENTS, b"[]", JSON, 422, "body"),
        (EVENTS, b"\xff", JSON, 422, "body"),
        (EVENTS, b"[" * 100_000, JSON, 422, "body"),
        (f"{EVENTS}?source=x", b"{}", JSON, 422, "source"),
        (EVENTS, b'"' + b"x" * 2**20 + b'"', JSON, 413, "body"),
        (BATCH, b"{}", JSON, 422, "body"),
        ("/v1/usage/stream", b"{}", JSON, 415, "Content-Type"),
        ("/v1/usage/stream?x=y", b"{}", {"content-type": "application/x-ndjson"}, 422, "x"),
    ],
)
def test_what_cannot_be_taken_is_a_problem_with_a_way_out(
    client: httpx.Client, path: str, content: bytes, headers: dict[str, str], status: int, field: str
) -> None:
    answer = client.post(path, content=content, headers=JSON | headers)
    assert (answer.status_code, answer.json()["field"]) == (status, field)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["remedy"]
    assert {name: answer.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS


def test_a_taken_record_carries_the_security_headers_too(client: httpx.Client) -> None:
    answer = client.post(EVENTS, json=an_event())
    assert {name: answer.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS


def test_a_body_that_is_longer_than_it_may_be_is_refused_while_it_is_read(client: httpx.Client) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'{"source": "'
        for _ in range(40):
            yield b"x" * 2**16

    answer = client.post(EVENTS, content=chunks(), headers=JSON)
    assert (answer.status_code, answer.json()["title"]) == (413, "BodyTooLarge")


def test_a_key_is_looked_up_once_in_a_while_and_a_revoked_one_stops_within_seconds(
    client: httpx.Client, server: UsageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(key_memory, "monotonic", lambda: now[0])
    for number in range(5):
        assert client.post(EVENTS, json=an_event(record_id=f"r-{number}")).status_code == 202
    assert server.keys.asked == 1
    server.keys.revoked.add("agent")
    now[0] += key_memory.REMEMBERED_SECONDS - 0.001
    assert client.post(EVENTS, json=an_event()).status_code == 202
    now[0] += 0.001
    assert client.post(EVENTS, json=an_event()).status_code == 401
    assert key_memory.REMEMBERED_SECONDS <= 2


def test_an_unknown_key_is_never_remembered(client: httpx.Client, server: UsageServer) -> None:
    for _ in range(3):
        assert client.post(EVENTS, json=an_event(), headers={"X-API-Key": "unknown"}).status_code == 401
    assert server.keys.asked == 3


def test_an_amount_a_text_and_an_odd_number_arrive_as_they_were_written(
    client: httpx.Client, server: UsageServer
) -> None:
    content = json.dumps(an_event(meter="shop", quantity=1, amount="12.30", attributes={"shop": "Łódź", "n": 1.5}))
    assert client.post(EVENTS, content=content.encode(), headers=JSON).json()["outcome"] == "accepted"
    assert server.rows("SELECT amount::text, attributes FROM usage_events") == [("12.30", {"shop": "Łódź", "n": 1.5})]
