"""CloudEvents over HTTP: three modes, one identity, and the handshake of webhooks."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.schemas.usage_events import A_CLOUD_EVENT, AN_SMS_EVENT
from api.usage_doors.cloud_events import header_value
from billing.domain.errors import InvalidValue
from tests.builders_usage import LINE
from tests.doors.usage_server import UsageServer, a_usage_server

DOOR = "/v1/usage/cloudevents"
STRUCTURED = {"content-type": "application/cloudevents+json; charset=utf-8"}
BATCHED = {"content-type": "application/cloudevents-batch+json"}
BINARY = {
    "content-type": "application/json",
    "ce-specversion": "1.0",
    "ce-id": "c-1",
    "ce-source": "/switches/1",
    "ce-type": "com.example.call.ended",
    "ce-subject": LINE,
    "ce-time": "2027-02-01T10:00:00Z",
}
EVENT = {name.removeprefix("ce-"): value for name, value in BINARY.items() if name.startswith("ce-")} | {
    "data": {"seconds": 75, "destination": "+31201234567"}
}


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[UsageServer]:
    with a_usage_server(database_url, tmp_path) as server:
        yield server


@pytest.fixture
def client(server: UsageServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.address, headers={"X-API-Key": "agent"}, trust_env=False) as client:
        yield client


def post(client: httpx.Client, event: Any, headers: dict[str, str]) -> httpx.Response:
    return client.post(DOOR, content=json.dumps(event).encode(), headers=headers)


def test_one_event_is_one_record_in_every_mode(client: httpx.Client, server: UsageServer) -> None:
    encoded = base64.b64encode(json.dumps(EVENT["data"]).encode()).decode()
    answers = [
        post(client, EVENT["data"], BINARY),
        post(client, EVENT, STRUCTURED),
        post(client, {**EVENT, "datacontenttype": "application/json"}, STRUCTURED),
        post(client, without_data(data_base64=encoded), STRUCTURED),
    ]
    assert [(answer.status_code, answer.json()["outcome"]) for answer in answers] == [
        (202, "accepted"),
        *[(202, "duplicate")] * 3,
    ]
    assert server.rows("SELECT source, record_id, identifier, meter, quantity, destination FROM usage_events") == [
        ("cloudevents", "/switches/1 c-1", LINE, "voice", 75, "+31201234567")
    ]


def without_data(**more: Any) -> dict[str, Any]:
    return {name: value for name, value in EVENT.items() if name != "data"} | more


def test_a_batch_answers_each_event_and_one_that_is_none_spoils_no_other(client: httpx.Client) -> None:
    answer = post(client, [EVENT, {}, EVENT, None, without_data(id="c-2")], BATCHED)
    told = answer.json()
    assert [each["outcome"] for each in told["results"]] == [
        "accepted",
        "rejected",
        "duplicate",
        "rejected",
        "rejected",
    ]
    assert [each["field"] for each in told["results"]] == ["", "specversion", "", "record", "data"]
    kept = client.get("/v1/usage/issues", params={"kind": "rejected"}).json()
    assert len(kept) == 3
    assert {issue["raw"] for issue in kept} >= {"{}", "null"}


def test_an_event_of_an_unknown_type_waits_and_is_not_dropped(client: httpx.Client) -> None:
    answer = post(client, EVENT | {"type": "com.unheard.of", "data": {"quantity": 3}}, STRUCTURED)
    assert (answer.status_code, answer.json()["outcome"]) == (202, "recycled")
    (issue,) = client.get("/v1/usage/issues").json()
    assert issue["event"]["meter"] == "com.unheard.of"
    path = f"/v1/usage/issues/{issue['issue_id']}/resubmit"
    assert client.post(path, json={"changes": {"meter": "sms"}}).json()["outcome"] == "accepted"


@pytest.mark.parametrize("event", [A_CLOUD_EVENT, AN_SMS_EVENT])
def test_the_documented_events_are_cloud_events(client: httpx.Client, event: dict[str, Any]) -> None:
    assert post(client, event, STRUCTURED).json()["outcome"] == "accepted"


@pytest.mark.parametrize("name", ["ce-id", "ce-source", "ce-type"])
def test_a_missing_attribute_is_named(client: httpx.Client, name: str) -> None:
    headers = {key: value for key, value in BINARY.items() if key != name}
    answer = post(client, EVENT["data"], headers)
    assert (answer.status_code, answer.json()["field"]) == (422, name.removeprefix("ce-"))


@pytest.mark.parametrize(
    ("content", "headers", "status", "field"),
    [
        (b"{}", {"content-type": "application/json"}, 415, "Content-Type"),
        (b"{}", {"content-type": "application/cloudevents+xml"}, 415, "Content-Type"),
        (b"{}", BINARY | {"content-type": "application/protobuf"}, 415, "Content-Type"),
        (b"{", BINARY, 422, "data"),
        (b"", BINARY, 422, "data"),
        (b"[]", BINARY, 422, "data"),
        (b"{}", BINARY | {"ce-specversion": "0.3"}, 422, "specversion"),
        (b"{}", BINARY | {"ce-subject": "%ff"}, 422, "ce-subject"),
        (b"[]", STRUCTURED, 422, "body"),
        (b"{}", BATCHED, 422, "body"),
        (json.dumps(without_data(data_base64="???")).encode(), STRUCTURED, 422, "data_base64"),
        (json.dumps(EVENT | {"data_base64": "e30="}).encode(), STRUCTURED, 422, "data_base64"),
        (b"{}", BINARY | {"x-api-key": "viewer"}, 403, "role"),
    ],
)
def test_what_is_no_cloud_event_is_a_problem(
    client: httpx.Client, content: bytes, headers: dict[str, str], status: int, field: str
) -> None:
    answer = client.post(DOOR, content=content, headers=headers)
    assert (answer.status_code, answer.json()["field"]) == (status, field)
    assert answer.json()["remedy"]


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        (b"plain", "plain"),
        (b"Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro \u20ac \U0001f600"),
        (b"100%25", "100%"),
        (b'"quoted%20and \\"escaped\\""', 'quoted and "escaped"'),
        (b"%e2%82%ac", "\u20ac"),
    ],
)
def test_a_header_is_read_as_the_binding_writes_it(sent: bytes, meant: str) -> None:
    assert header_value(b"ce-subject", sent) == meant


def test_a_header_that_is_no_utf_8_is_refused() -> None:
    with pytest.raises(InvalidValue, match="UTF-8"):
        header_value(b"ce-subject", b"%c3%28")


def test_a_sender_that_asks_may_send(client: httpx.Client) -> None:
    answer = client.options(DOOR, headers={"WebHook-Request-Origin": "events.example.com"})
    assert answer.status_code == 200
    assert answer.headers["webhook-allowed-origin"] == "events.example.com"
    assert answer.headers["webhook-allowed-rate"] == "*"
    assert "webhook-allowed-origin" not in client.options(DOOR).headers
