"""Whatever is sent to a door, the answer is one that its description promises, and never a fault of ours.

Every request of the first test is made by schemathesis from the description: bounds, missing and odd parts, then random
values. The others spoil the description's own examples, which lead further in. All of it is the same in every run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any
from unittest.mock import patch

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from billing.domain import cycle_plan
from evenflow.stack.postgres import PostgresServer
from tests.doors.described import OPERATIONS, SCHEMA, Asked, asked, parameters
from tests.doors.doors_world import ADMIN_KEY
from tests.doors.every_door import every_door

RANDOM_EXAMPLES = 3
VALUES_A_PLACE = 3
# Rules beyond the description refuse much that it allows, and keys are tested for all doors at once elsewhere.
NOT_CHECKED = [positive_data_acceptance, ignored_auth]
IDENTITY = re.compile("[a-z]+_[0-9]{1,18}")
KEY = {"X-API-Key": ADMIN_KEY}
PROBLEM = "application/problem+json"
ODD_VALUES: list[Any] = [
    *(None, True, 0, -1, 10**18, 10**400, 1.5, "", " ", "x" * 70_000, "\0", "\ud800", "🙂", "١٢", "1E+999999999", "-5"),
    *("2027-02-30", "9999-12-31T23:59:59Z", "0001-01-01", "USD", "Europe/Atlantis", "<b>", "{{x}}", "%s", "';--"),
    *([], {}, [[]], [None], {"a": 1}, {"": ""}, ["x"] * 1000),
]
ODD_TEXTS = [
    *(
        "acc_999999",
        "acc_x",
        "acc_01",
        "acc_" + "9" * 25,
        "inv_1",
        "x" * 3000,
        "-1",
        "0",
        "32",
        "1e3",
        "null",
        "%00",
        "%ff",
    ),
    *("🙂", "2027-02-30", "0001-01-01", "9999-12-31", "Europe/Atlantis", "%2e%2e%2fetc", "[]"),
]
RAW_BODIES: dict[str, tuple[str, bytes]] = {
    "nothing": ("application/json", b""),
    "damaged": ("application/json", b'{"reason": '),
    "a list": ("application/json", b"[]"),
    "a number": ("application/json", b"1"),
    "null": ("application/json", b"null"),
    "not a number": ("application/json", b'{"amount_minor": NaN}'),
    "a number without end": ("application/json", b'{"amount_minor": ' + b"9" * 5000 + b"}"),
    "no UTF-8": ("application/json", b'{"reason": "\xff\xfe"}'),
    "UTF-16": ("application/json", '{"reason": "x"}'.encode("utf-16")),
    "U+0000": ("application/json", b'{"reason": "\\u0000"}'),
    "half a character": ("application/json", b'{"reason": "\\ud800"}'),
    "deep": ("application/json", b'{"definition": ' * 400 + b"1" + b"}" * 400),
    "too deep to read": ("application/json", b"[" * 100_000 + b"]" * 100_000),
    "a form": ("application/x-www-form-urlencoded", b"reason=x"),
    "parts without a boundary": ("multipart/form-data", b"{}"),
    "text": ("text/plain", b"{}"),
    "XML": ("application/xml", b"<reason>x</reason>"),
    "of no type": ("", b"{}"),
    "damaged lines": ("application/x-ndjson", b'{"source": \n[]\n\xff\n\n' + b"9" * 70_000 + b"\n" + b"[" * 60_000),
    "a CloudEvent of nothing": ("application/cloudevents+json", b"{}"),
    "CloudEvents of nothing": ("application/cloudevents-batch+json", b'[{}, null, [], {"specversion": 1}]'),
}


@pytest.fixture(scope="module")
def address(
    postgres_server: PostgresServer,
    migrated_template: str,
    simulator_environment: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """Where every door is open. A policy is checked for one year instead of 28: that is tested where it is computed."""
    postgres_server.create_database("every_door", template=migrated_template)
    data_dir, url = tmp_path_factory.mktemp("every-door"), postgres_server.url("every_door")
    one_year = patch.object(cycle_plan, "_CHECKED_YEARS", range(2027, 2028))
    with one_year, every_door(url, simulator_environment, data_dir) as found:
        yield found
    postgres_server.drop_database("every_door")


@pytest.fixture(scope="module")
def door(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, headers=KEY, timeout=60, trust_env=False) as client:
        yield client


DESCRIPTION = schemathesis.openapi.from_dict(SCHEMA)
DESCRIPTION.config.phases.coverage.unexpected_methods = set()  # all of them are tried below


@schemathesis.serializer("application/x-ndjson")
def as_lines(_context: Any, value: Any) -> bytes:
    """Text as it is, and any other value as one line."""
    return (value if isinstance(value, str) else json.dumps(value)).encode("utf-8", "replace")


@DESCRIPTION.exclude(path_regex="/balance/stream$").parametrize()
@settings(
    max_examples=RANDOM_EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_no_request_made_from_the_description_is_answered_otherwise(case: schemathesis.Case, address: str) -> None:
    for name, known in parameters(case.operation.label, "path").items():
        if IDENTITY.fullmatch(str(case.path_parameters.get(name))):
            case.path_parameters[name] = known
    answer = case.call(base_url=address, headers=KEY)
    case.validate_response(answer, excluded_checks=NOT_CHECKED)
    assert wrong_with(answer.status_code, answer.headers.get("content-type", [""])[0], answer.json) is None


def wrong_with(status: int, content_type: str, read: Any) -> str | None:
    """What is missing of an error: it is a problem that names field, value and remedy, briefly, and no fault."""
    if status < 400:
        return None
    if status >= 500 or content_type != PROBLEM:
        return f"{status} {content_type}"
    said = read()
    missing = [name for name in ("title", "detail", "field", "remedy") if not said[name]]
    return f"without {missing}" if missing or len(said["value"]) > 200 else None


def complaint(door: httpx.Client, method: str, path: str, **request: Any) -> str | None:
    """What is wrong with the answer to a request; None when nothing is."""
    answer = door.request(method, path, **request)
    wrong = wrong_with(answer.status_code, answer.headers.get("content-type", ""), answer.json)
    return None if wrong is None else f"{method} {path[:100]}: {wrong}: {answer.text[:200]}"


def complaints(found: Iterator[str | None]) -> list[str]:
    return [one for one in found if one is not None]


def test_no_value_in_an_example_is_too_odd_for_an_answer(door: httpx.Client) -> None:
    values = cycle(ODD_VALUES)

    def spoil(one: Asked) -> Iterator[str | None]:
        for place in one.places():
            for value in islice(values, VALUES_A_PLACE):
                content, headers = one.spoilt(place, value), {"content-type": "application/json"}
                yield complaint(door, one.method, one.path(), content=content, headers=headers)

    assert complaints(wrong for one in asked() if one.body is not None for wrong in spoil(one)) == []


def test_no_identity_and_no_query_is_too_odd_for_an_answer(door: httpx.Client) -> None:
    def spoil(name: str) -> Iterator[str | None]:
        one = Asked(name)
        for parameter in parameters(name, "path"):
            for text in ODD_TEXTS:
                yield complaint(door, one.method, one.path(**{parameter: text}), json={})
        for parameter in [*parameters(name, "query"), "unheard-of"] if one.method == "GET" else ():
            for text in ODD_TEXTS:
                path = one.path()
                yield complaint(door, one.method, f"{path}{'&' if '?' in path else '?'}{parameter}={text}")

    assert complaints(wrong for name in OPERATIONS for wrong in spoil(name)) == []


@pytest.mark.parametrize("kind", RAW_BODIES)
def test_no_body_is_too_odd_for_an_answer(door: httpx.Client, kind: str) -> None:
    content_type, content = RAW_BODIES[kind]
    requests = [Asked(name) for name, operation in OPERATIONS.items() if "requestBody" in operation]
    request = {"content": content, "headers": {"content-type": content_type}}
    assert complaints(complaint(door, one.method, one.path(), **request) for one in requests) == []


def test_a_method_that_a_path_does_not_take_is_answered_with_those_it_does(door: httpx.Client) -> None:
    for path, operations in SCHEMA["paths"].items():
        answer = door.request("PATCH", Asked(f"{next(iter(operations)).upper()} {path}").path())
        taken = {method.strip() for method in answer.headers["allow"].split(",")}
        assert answer.status_code == 405
        assert {method.upper() for method in operations} <= taken
        assert answer.json()["remedy"]
