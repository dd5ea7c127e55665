"""Banks' files and suspense over HTTP and from the command line: handed in, reported, decided; and what is refused."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send
from typer.testing import CliRunner, Result

from evenflow.cli.main import app
from tests.browser.console_server import served
from tests.builders_bank_statements import Account, camt053, camt054, incoming
from tests.builders_bank_world import BankWorld, a_bank_world
from tests.doors.doors_world import ADMIN_KEY, DoorsWorld, a_doors_world

FILES, ITEMS = "/v1/bank-statements", "/v1/suspense-items"
RENT = camt054(Account((incoming(1999, "rent", "R1"),)))
WRONG_SUM = camt053(Account((incoming(1999, "rent", "R1"),), closing=2000))


@asynccontextmanager
async def bank_doors(database_url: str) -> AsyncIterator[tuple[DoorsWorld, BankWorld]]:
    """The doors with the real use cases, and the world behind them."""
    async with a_bank_world(database_url) as bank:
        services = {"bank_statements": bank.statements, "suspense": bank.suspense}
        async with a_doors_world(database_url, **services) as world:
            yield world, bank


@pytest.fixture
async def doors(database_url: str) -> AsyncIterator[tuple[DoorsWorld, BankWorld]]:
    async with bank_doors(database_url) as found:
        yield found


async def hand_in(world: DoorsWorld, content: bytes, **headers: str) -> Any:
    return await world.client.post(FILES, params={"name": "bank.xml"}, content=content, headers=headers)


async def test_a_file_is_handed_in_once_reported_and_listed(doors: tuple[DoorsWorld, BankWorld]) -> None:
    world, bank = doors
    invoice = await bank.an_invoice(1000)
    content = camt054(Account((incoming(1000, invoice.number, "R1"), incoming(500, "rent", "R2"))))
    first, again = [(await hand_in(world, content)).json() for _ in range(2)]
    assert (first["already_known"], again["already_known"], first["needs_a_person"]) == (False, True, True)
    assert [(one["effect"], one["count"], one["amount_minor"]) for one in first["effects"]] == [
        ("suspense", 1, 500),
        ("transfer", 1, 1000),
    ]
    assert (first["file"]["status"], first["file"]["author"], first["file"]["source"]) == ("taken", "admin", "api")
    file_id = first["file"]["file_id"]
    text = await world.client.get(f"{FILES}/{file_id}", headers={"accept": "text/plain"})
    assert (text.headers["content-type"].split(";")[0], text.text) == ("text/plain", first["text"])
    paid = (await world.get(f"{FILES}/{file_id}/payments", effect="transfer")).json()
    assert (paid[0]["remittance"], paid[0]["counterparty_last_four"]) == (invoice.number, "4300")
    assert [one["file_id"] for one in (await world.get(FILES, status="taken")).json()] == [file_id]


async def test_a_held_file_shows_the_difference_and_is_released_or_rejected_with_a_reason(
    doors: tuple[DoorsWorld, BankWorld],
) -> None:
    world, _ = doors
    held = (await hand_in(world, WRONG_SUM)).json()["file"]
    assert (held["status"], held["doubts"][0]["kind"], held["doubts"][0]["difference_minor"]) == ("held", "balances", 1)
    path = f"{FILES}/{held['file_id']}"
    assert (await world.post(f"{path}/release", {"reason": ""})).status_code == 422
    done = (await world.post(f"{path}/release", {"reason": "the bank agrees"})).json()["file"]
    assert (done["status"], done["decided_by"], done["decision_reason"]) == ("taken", "admin", "the bank agrees")
    refused = await world.post(f"{path}/reject", {"reason": "no"})
    assert (refused.status_code, refused.json()["field"], refused.json()["value"]) == (409, "file_id", held["file_id"])


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (b"", "file"),
        (b":20:MT940", "file"),
        (b"<!DOCTYPE a><Document/>", "DOCTYPE"),
        (RENT.replace(b">19.99<", b">19,99<"), "Amt"),
        (RENT.replace(b"CRDT", b"?"), "CdtDbtInd"),
    ],
)
async def test_what_cannot_be_read_is_refused_by_field_and_not_kept(
    doors: tuple[DoorsWorld, BankWorld], content: bytes, field: str
) -> None:
    world, _ = doors
    refused = await hand_in(world, content)
    assert (refused.status_code, refused.json()["field"]) == (422, field)
    assert refused.json()["remedy"]
    assert (await world.get(FILES)).json() == []


async def test_an_item_is_shown_with_candidates_assigned_and_not_decided_twice(
    doors: tuple[DoorsWorld, BankWorld],
) -> None:
    world, bank = doors
    invoice = await bank.an_invoice(1999)
    await hand_in(world, RENT)
    (item,) = (await world.get(ITEMS, status="open")).json()
    path = f"{ITEMS}/{item['suspense_id']}"
    view = (await world.get(path)).json()
    assert [(one["account_id"], one["invoice_number"]) for one in view["candidates"]] == [
        (bank.account_id, invoice.number)
    ]
    body = {"account_id": bank.account_id, "invoice_ids": [invoice.invoice_id], "reason": "receipt"}
    done = (await world.post(f"{path}/assign", body)).json()
    assert (done["status"], done["author"], done["to_account_id"]) == ("assigned", "admin", bank.account_id)
    again = await world.post(f"{path}/assign", body)
    assert (again.status_code, again.json()["field"]) == (409, "suspense_id")
    assert await bank.open_of(invoice) == 0


async def test_only_finance_hands_in_and_decides_and_everybody_may_look(doors: tuple[DoorsWorld, BankWorld]) -> None:
    world, _ = doors
    await hand_in(world, RENT)
    agent = world.as_role("agent")
    assert (await hand_in(world, RENT, **agent)).status_code == 403
    assert (await world.client.get(ITEMS, headers=world.as_role("viewer"))).status_code == 200
    for verb in ("assign", "send-back", "reopen", "offset"):
        answer = await world.client.post(f"{ITEMS}/sus_1001/{verb}", json={"reason": "x"}, headers=agent)
        assert answer.status_code == 403, verb


# From the command line --------------------------------------------------------------------------------------------


@pytest.fixture
def address(database_url: str) -> Iterator[str]:
    """The doors on a port, with one open invoice."""
    opened: list[FastAPI] = []

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with bank_doors(database_url) as (world, bank):
            await bank.an_invoice(1999)
            opened.append(world.app)
            yield

    async def door(scope: Scope, receive: Receive, send: Send) -> None:
        await (FastAPI(lifespan=lifespan) if scope["type"] == "lifespan" else opened[0])(scope, receive, send)

    with served(door) as found:
        yield found


def run(address: str, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["bank", *arguments, "--api", address, "--key", ADMIN_KEY])


def test_files_are_imported_from_the_command_line_with_a_report_and_an_exit_code(address: str, tmp_path: Path) -> None:
    for name, content in (("a.xml", RENT), ("b.xml", WRONG_SUM)):
        (tmp_path / name).write_bytes(content)
    one = run(address, "import", str(tmp_path / "a.xml"))
    assert (one.exit_code, "suspense        1 19.99 EUR" in one.output) == (3, True), one.output
    both = run(address, "import", str(tmp_path / "b.xml"), str(tmp_path / "a.xml"), "--json")
    told = json.loads(both.stdout)
    assert (both.exit_code, told["exit_code"]) == (4, 4)
    assert [(one["file"]["name"], one["already_known"]) for one in told["files"]] == [("a.xml", True), ("b.xml", False)]
    held = told["files"][1]["file"]["file_id"]
    assert "0.01 EUR too much" in run(address, "statement", held).output
    assert "taken" in run(address, "release-statement", held, "--reason", "agreed").output
    again = run(address, "reject-statement", held, "--reason", "no")
    assert (again.exit_code, "Only a held file" in again.output) == (1, True)


def test_a_file_that_is_none_ends_in_one_sentence(address: str, tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(b"no xml")
    refused = run(address, "import", str(tmp_path / "a.xml"))
    assert (refused.exit_code, "Ask the bank for the file again" in refused.output) == (1, True)
    missing = run(address, "import", str(tmp_path / "none.xml"))
    assert (missing.exit_code, "none.xml" in missing.output, "Traceback" in missing.output) == (1, True, False)


def test_suspense_is_decided_from_the_command_line(address: str, tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(RENT)
    run(address, "import", str(tmp_path / "a.xml"))
    (item,) = json.loads(run(address, "suspense", "list", "--json").stdout)
    shown = json.loads(run(address, "suspense", "show", item["suspense_id"], "--json").stdout)
    account = shown["candidates"][0]["account_id"]
    assert account in run(address, "suspense", "show", item["suspense_id"]).output
    sent = run(address, "suspense", "send-back", item["suspense_id"], "--reason", "a stranger's rent")
    assert "end-to-end id SUS-1001" in sent.output
    assert "is open" in run(address, "suspense", "reopen", item["suspense_id"], "--reason", "ours").output
    done = run(address, "suspense", "assign", item["suspense_id"], account, "--reason", "receipt")
    assert (done.exit_code, "is assigned" in done.output) == (0, True)
    refused = run(address, "suspense", "offset", item["suspense_id"], item["suspense_id"], "--reason", "x")
    assert (refused.exit_code, "assigned" in refused.output) == (1, True)
    assert json.loads(run(address, "suspense", "list", "--status", "all", "--json").stdout)[0]["author"] == "admin"
