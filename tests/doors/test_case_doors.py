"""Cases, rules of the books and daily totals at the doors, on the command line and on the console's pages."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import pytest
from typer.testing import CliRunner

import evenflow.cli.usage
from billing.domain import staff_cases as kinds
from billing.persistence.unit_of_work import SqlUnitOfWork
from billing.ports.provider_totals import ProviderTotals
from billing.ports.staff_cases import Cause
from billing.services.daily_totals import DailyTotals, ProviderSilent
from evenflow.cli.main import app
from tests.doors.console_data import FULL_ACCOUNT, fill
from tests.doors.doors_world import ADMIN_KEY, NOW, DoorsWorld, a_doors_world

HELD = Cause(kinds.HELD_USAGE_FILE, "file_1001", "calls.csv is held: <b>a gap</b>", facts={"file_id": "file_1001"})
DEATH = Cause(kinds.REPORTED_DEATH, FULL_ACCOUNT, "MD07", FULL_ACCOUNT)
KEY_REFUSED = Cause(kinds.CONFIGURATION_REFUSED, "stripe/EUR", "stripe refuses our key")
DAY = ProviderTotals(
    "stripe",
    datetime(2027, 1, 31, tzinfo=UTC).date(),
    "EUR",
    NOW,
    charged_count=1,
    charged_minor=4210,
    differences=[
        {
            "kind": "charge",
            "reference": "pi_1",
            "account_id": FULL_ACCOUNT,
            "provider_minor": 4210,
            "booked_minor": None,
            "currency": "EUR",
        }
    ],
)


class ScriptedTotals(DailyTotals):
    """Answers one day, or that the provider is away."""

    silent = False

    async def compare(self, day: Any, provider: str = "") -> list[ProviderTotals]:
        if self.silent:
            raise ProviderSilent("The movements of stripe cannot be read.", field="provider", value="stripe")
        return [DAY]


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[DoorsWorld]:
    nothing: Any = None
    async with a_doors_world(database_url, daily_totals=ScriptedTotals(nothing, nothing, {})) as world:
        async with world.work() as work:
            assert isinstance(work, SqlUnitOfWork)
            await fill(work, accounts=2)
        async with world.work() as work:
            await work.staff_cases.see([HELD, DEATH, KEY_REFUSED], NOW)
            await work.commit()
        yield world


async def test_cases_are_listed_with_what_to_do_filtered_and_paged(world: DoorsWorld) -> None:
    found = (await world.get("/v1/cases")).json()
    assert [one["kind"] for one in found["cases"]] == sorted((one["kind"] for one in found["cases"]), key=_place(found))
    assert (len(found["cases"]), found["next_before"]) == (3, None)
    assert found["open_by_severity"] == {"urgent": 1, "high": 2}
    held = next(one for one in found["cases"] if one["kind"] == HELD.kind)
    assert held["what_to_do"].startswith("See why")
    assert (held["runbook"], held["account_id"], held["facts"]) == (
        "docs/cases.md#held-usage-file",
        None,
        {"file_id": "file_1001"},
    )
    mine = (await world.get("/v1/cases", account_id=FULL_ACCOUNT)).json()["cases"]
    assert [one["kind"] for one in mine] == [DEATH.kind]
    urgent = (await world.get("/v1/cases", severity="urgent")).json()["cases"]
    assert [one["kind"] for one in urgent] == [KEY_REFUSED.kind]
    first = (await world.get("/v1/cases", limit=2)).json()
    rest = (await world.get("/v1/cases", limit=2, before=first["next_before"])).json()
    assert [len(first["cases"]), len(rest["cases"]), rest["next_before"]] == [2, 1, None]


def _place(found: dict[str, Any]) -> Any:
    order = [one["kind"] for one in found["cases"]]
    return order.index


async def test_a_case_is_acknowledged_and_closed_by_an_agent_with_a_reason(world: DoorsWorld) -> None:
    case_id = (await world.get("/v1/cases", kind=HELD.kind)).json()["cases"][0]["case_id"]
    body = {"reason": "asked the source"}
    refused = await world.post(f"/v1/cases/{case_id}/close", body, headers=world.as_role("viewer"))
    assert refused.status_code == 403
    noted = await world.post(f"/v1/cases/{case_id}/acknowledge", body, headers=world.as_role("agent"))
    assert (noted.status_code, noted.json()["state"]) == (200, "acknowledged")
    closed = (await world.post(f"/v1/cases/{case_id}/close", body, headers=world.as_role("agent"))).json()
    assert [(one["state"], one["author"]) for one in closed["history"]] == [
        ("open", "evenflow"),
        ("acknowledged", "the agent"),
        ("closed", "the agent"),
    ]
    again = await world.post(f"/v1/cases/{case_id}/close", body)
    assert (again.status_code, again.json()["field"]) == (409, "case_id")
    assert len((await world.get("/v1/cases", state="closed")).json()["cases"]) == 1


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/cases?kind=nonsense", "kind"),
        ("/v1/cases?state=asleep", "query.state.0"),
        ("/v1/cases?before=1", "query.before"),
        ("/v1/invariants/runs?rule=nonsense", "rule"),
        ("/v1/provider-totals?day=yesterday", "query.day"),
        ("/v1/provider-totals?provider=nobody", "provider"),
    ],
)
async def test_what_cannot_be_used_is_named(world: DoorsWorld, path: str, field: str) -> None:
    answer = await world.client.get(path)
    assert (answer.status_code, answer.json()["field"], bool(answer.json()["remedy"])) == (422, field, True)


async def test_rules_stand_as_their_checks_found_them(world: DoorsWorld) -> None:
    states = {one["rule"]: one for one in (await world.get("/v1/invariants")).json()}
    assert {one["state"] for one in states.values()} == {"not_checked"}
    await world.container.invariants.check("numbers have no hole")
    runs = (await world.get("/v1/invariants/runs", rule="numbers have no hole")).json()
    assert [(one["scope"], one["failure"]) for one in runs] == [("everything", "")]
    states = {one["rule"]: one for one in (await world.get("/v1/invariants")).json()}
    state = states["numbers have no hole"]
    assert (state["broken"], state["newest_check"]["violations"]) == (runs[0]["violations"], runs[0]["violations"])


async def test_a_silent_provider_is_503_and_a_compared_day_is_told(world: DoorsWorld) -> None:
    answer = await world.post("/v1/provider-totals", {})
    assert (answer.status_code, answer.json()[0]["agrees"]) == (200, False)
    assert (await world.post("/v1/provider-totals", {}, headers=world.as_role("agent"))).status_code == 403
    with patch.object(ScriptedTotals, "silent", True):
        silent = await world.post("/v1/provider-totals", {})
    assert (silent.status_code, silent.json()["field"]) == (503, "provider")


@contextmanager
def _at_the_door(answers: dict[str, Any]) -> Iterator[list[tuple[str, Any]]]:
    """The command line's door answers these, and remembers what it was asked."""
    asked: list[tuple[str, Any]] = []

    class Door:
        def get(self, path: str, **query: Any) -> Any:
            asked.append((path, query))
            return answers[path]

        def post(self, path: str, body: Any) -> Any:
            asked.append((path, body))
            return answers[path]

    def carry_out(data_dir: Any, api: str, key: str, work: Any) -> Any:
        return work(Door())

    with (
        patch("evenflow.cli.cases.carry_out", carry_out),
        patch("evenflow.cli.reconciling.carry_out", carry_out),
    ):
        yield asked


async def test_the_command_line_lists_shows_and_decides(world: DoorsWorld) -> None:
    found = (await world.get("/v1/cases")).json()
    case = found["cases"][0]
    path = f"/v1/cases/{case['case_id']}"
    answers = {"/v1/cases": found, path: case, f"{path}/close": {**case, "state": "closed"}}
    run = CliRunner()
    with _at_the_door(answers) as asked:
        listed = run.invoke(app, ["cases", "list", "--severity", "high"], env={"COLUMNS": "200"})
        shown = run.invoke(app, ["cases", "show", case["case_id"]])
        closed = run.invoke(app, ["cases", "close", case["case_id"], "--reason", "done"])
        plain = run.invoke(app, ["cases", "list", "--json"])
    assert (listed.exit_code, plain.exit_code, shown.exit_code, closed.exit_code) == (3, 3, 0, 0)
    assert case["case_id"] in listed.output
    assert f"What to do: {case['what_to_do']}" in shown.output
    assert closed.output == f"{case['case_id']} is closed.\n"
    assert json.loads(plain.output) == found
    assert asked[0] == ("/v1/cases", {"severity": "high", "limit": 100})
    assert asked[2] == (f"{path}/close", {"reason": "done"})


async def test_the_command_line_compares_a_day(world: DoorsWorld) -> None:
    answer = (await world.post("/v1/provider-totals", {})).json()
    with _at_the_door({"/v1/provider-totals": answer}) as asked:
        done = CliRunner().invoke(app, ["reconcile", "--day", "2027-01-31"], env={"COLUMNS": "200"})
    assert (done.exit_code, asked) == (1, [("/v1/provider-totals", {"day": "2027-01-31"})])
    assert f"charge pi_1 of {FULL_ACCOUNT}: the provider has 42.10 EUR, the books have nothing" in done.output
    assert evenflow.cli.usage.carry_out


async def _signed_in(world: DoorsWorld) -> None:
    shown = await world.client.get("/console/sign-in")
    token = re.search(r'name="form" value="([^"]+)"', shown.text)
    assert token is not None
    await world.client.post("/console/sign-in", data={"form": token[1], "key": ADMIN_KEY, "next": "/console"})


async def test_the_console_shows_what_needs_a_person_and_takes_the_decision(world: DoorsWorld) -> None:
    await _signed_in(world)
    overview = (await world.client.get("/console")).text
    counted = re.findall(r'kind=(\w+)">.*?class="number">(\d+)<', overview, re.DOTALL)
    assert sum(int(number) for _, number in counted) == 3
    page = (await world.client.get("/console/cases")).text
    assert page.index("Configuration refused</a>") < page.index("Held usage file</a>")
    assert "&lt;b&gt;a gap&lt;/b&gt;" in page
    assert "ledger balances" in page
    assert "Reported death" in (await world.client.get(f"/console/accounts/{FULL_ACCOUNT}")).text
    case_id = (await world.get("/v1/cases", kind=HELD.kind)).json()["cases"][0]["case_id"]
    shown = (await world.client.get(f"/console/cases/{case_id}")).text
    token = re.search(r'name="form" value="([^"]+)"', shown)
    assert token is not None
    forged = await world.client.post(f"/console/cases/{case_id}/close", data={"form": "x", "reason": "no"})
    assert forged.status_code == 403
    done = await world.client.post(f"/console/cases/{case_id}/close", data={"form": token[1], "reason": "a test"})
    assert (done.status_code, done.headers["location"]) == (303, f"/console/cases/{case_id}")
    assert (
        "a test"
        in (await world.client.get("/console/cases?closed=true")).text
        + (await world.client.get(f"/console/cases/{case_id}")).text
    )


async def test_the_console_shows_a_statement_with_its_files(world: DoorsWorld) -> None:
    await _signed_in(world)
    page = await world.client.get(f"/console/accounts/{FULL_ACCOUNT}/statement?from=&to=")
    assert (page.status_code, "Closing balance" in page.text) == (200, True)
    for ending, media in (("pdf", "application/pdf"), ("csv", "text/csv; charset=utf-8")):
        answer = await world.client.get(f"/console/accounts/{FULL_ACCOUNT}/statement.{ending}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, media)


async def test_a_statement_is_the_ledgers_at_the_door(world: DoorsWorld) -> None:
    async with world.work() as work:
        entries = await work.ledger.entries(FULL_ACCOUNT)
    made = (await world.get(f"/v1/accounts/{FULL_ACCOUNT}/statement", to="2027-04-01")).json()
    assert {one["currency"] for one in made["currencies"]} == {"EUR"}
    (one,) = made["currencies"]
    owed = sum(
        each.amount_minor
        for entry in entries
        for each in entry.postings
        if each.ledger_account in ("receivable", "customer_credit")
    )
    assert one["closing_minor"] == owed == one["open_minor"] - one["credit_minor"]
    assert one["opening_minor"] + sum(line["amount_minor"] for line in one["lines"]) == one["closing_minor"]
    assert sum(item["open_minor"] for item in made["open_items"]) == one["open_minor"]
    wrong = await world.client.get(f"/v1/accounts/{FULL_ACCOUNT}/statement?from=2027-04-01&to=2027-04-01")
    assert (wrong.status_code, wrong.json()["field"]) == (422, "to")
    rows = (await world.get(f"/v1/accounts/{FULL_ACCOUNT}/statement.csv")).text.splitlines()
    assert rows[0].startswith("at,kind,reference")
    assert [rows[1].split(",")[1], rows[-1].split(",")[1]] == ["opening_balance", "closing_balance"]
