"""Corrections of prices over HTTP and from the command line: previewed, requested, looked at, or refused."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send
from typer.testing import CliRunner, Result

from api.schemas.accounts import AN_ACCOUNT
from api.schemas.plan_corrections import A_CORRECTION
from api.schemas.plans import A_PLAN
from billing.domain.money import Money
from billing.messages.plan_corrections import CorrectPlanRequest
from evenflow.cli.main import app
from evenflow.settings import read_settings
from tests.browser.console_server import served
from tests.doors.doors_world import ADMIN_KEY, DoorsWorld, a_doors_world

PATH = "/v1/plan-corrections"
WANTED = {**A_CORRECTION, "plan_code": A_PLAN["code"], "since": "2027-01-15T00:00:00+01:00"}


@asynccontextmanager
async def a_sold_plan(database_url: str) -> AsyncIterator[DoorsWorld]:
    """An account with a plan, whose next version has another fee."""
    async with a_doors_world(database_url) as world:
        await world.sell()
        account = await world.post("/v1/accounts", AN_ACCOUNT)
        assert account.status_code == 201, account.text
        fee, *others = A_PLAN["prices"]
        plan = {**A_PLAN, "prices": [{**fee, "fee": "17.50"}, *others]}
        answer = await world.post("/v1/plans", {"brand": "vonk", "definition": plan})
        assert answer.json()["plan_version"] == 2
        yield world


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[DoorsWorld]:
    async with a_sold_plan(database_url) as world:
        yield world


async def test_a_correction_is_previewed_requested_and_its_differences_are_listed(world: DoorsWorld) -> None:
    wanted = {**WANTED, "reason": "published too cheap"}
    preview = await world.post(f"{PATH}/preview", WANTED)
    assert preview.status_code == 200, preview.text
    (foreseen,) = preview.json()["differences"]
    requested = await world.post(PATH, wanted)
    assert (requested.status_code, requested.json()["finished_at"]) == (202, None)
    correction_id = requested.json()["correction_id"]
    assert (await world.post(PATH, wanted)).json()["correction_id"] == correction_id
    other = await world.post(PATH, {**wanted, "since": "2027-01-16T00:00:00+01:00"})
    assert (other.status_code, other.json()["field"]) == (409, "plan_code")
    await world.container.usage.plan_corrections.carry_out(correction_id)
    done = (await world.get(f"{PATH}/{correction_id}")).json()
    assert (done["accounts"], done["author"], done["finished_at"] is None) == (1, "admin", False)
    assert (await world.get(PATH, plan_code=WANTED["plan_code"])).json() == [done]
    assert (await world.get(PATH, plan_code="another")).json() == []
    (found,) = (await world.get(f"{PATH}/{correction_id}/differences")).json()
    assert found == foreseen
    assert found["difference_minor"] == done["difference_minor"] == found["after_minor"] - found["before_minor"] > 0
    after = {"after_account_id": found["account_id"], "after_cycle": found["cycle_number"]}
    assert (await world.get(f"{PATH}/{correction_id}/differences", **after)).json() == []


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"plan_code": "none"}, 404, "plan_code"),
        ({"corrected_version": 1}, 422, "corrected_version"),
        ({"since": "2027-03-01T00:00:00Z"}, 422, "since"),
        ({"since": "2027-01-15T00:00:00"}, 422, "body.since"),
        ({"account_ids": ["acc_9"]}, 404, "account_id"),
    ],
)
async def test_what_cannot_be_corrected_is_refused_by_name(
    world: DoorsWorld, changes: dict[str, Any], status: int, field: str
) -> None:
    refused = await world.post(f"{PATH}/preview", WANTED | changes)
    assert (refused.status_code, refused.json()["field"]) == (status, field), refused.text


async def test_only_administrators_correct_prices(world: DoorsWorld) -> None:
    for role, allowed in (("finance", 403), ("admin", 202)):
        body = {**WANTED, "reason": "published too cheap"}
        answer = await world.post(PATH, body, headers=world.as_role(role))
        assert (role, answer.status_code) == (role, allowed)
    assert (await world.client.get(f"{PATH}/cor_9", headers=world.as_role("viewer"))).status_code == 404


@pytest.fixture
def address(database_url: str) -> Iterator[str]:
    """The served application, whose process carries corrections out at once."""
    opened: list[FastAPI] = []

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with a_sold_plan(database_url) as world:

            async def carry_out(request: CorrectPlanRequest) -> None:
                await world.container.usage.plan_corrections.carry_out(request.correction_id)

            with patch.object(world.process, "start_plan_correction", carry_out):
                opened.append(world.app)
                yield

    async def door(scope: Scope, receive: Receive, send: Send) -> None:
        await (FastAPI(lifespan=lifespan) if scope["type"] == "lifespan" else opened[0])(scope, receive, send)

    with served(door) as address:
        yield address


def test_a_price_is_corrected_from_the_command_line(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENFLOW_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("EVENFLOW_DATABASE_URL", raising=False)
    read_settings.cache_clear()

    def run(*more: str, corrected: int = 2) -> Result:
        asked = ("catalogue", "correct", WANTED["plan_code"], "--version", "1", "--as", str(corrected))
        since = ("--since", WANTED["since"], "--api", address, "--key", ADMIN_KEY)
        return CliRunner().invoke(app, [*asked, *since, *more])

    preview = run("--preview")
    assert preview.exit_code == 0, preview.output
    assert "1 account looked at, nothing is changed: 0 records would be rated again" in preview.stdout
    (foreseen,) = json.loads(run("--preview", "--account", "acc_1001", "--json").stdout)["differences"]
    done = run("--reason", "published too cheap")
    assert done.exit_code == 0, done.output
    first, second, third = done.stdout.splitlines()
    assert first.startswith("cor_1001: ")
    assert " counts as version 2 since 2027-01-14 23:00+00:00." in first
    assert second.startswith("1 accounts changed, 0 records were rated again")
    assert str(Money(foreseen["difference_minor"], "EUR")) in third
    refused = run("--reason", "published too cheap", corrected=9)
    assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
    assert "There is no plan" in refused.stderr
