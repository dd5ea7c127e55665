"""The catalogue as one file, by HTTP and from the command line: all or nothing, and every problem at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import create_engine, text
from typer.testing import CliRunner

from api.schemas.brands import A_BRAND
from api.schemas.catalogue import A_CSV_FILE, A_YAML_FILE
from api.schemas.plans import A_PLAN
from evenflow.cli.main import app
from evenflow.settings import read_settings
from tests.doors.doors_world import DoorsWorld, a_doors_world

IMPORT = "/v1/catalogue/import"


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[DoorsWorld]:
    async with a_doors_world(database_url) as world:
        await world.sell()
        yield world


async def export(world: DoorsWorld, form: str) -> str:
    answer = await world.get("/v1/catalogue", format=form)
    assert answer.status_code == 200, answer.text
    return answer.text


async def send(world: DoorsWorld, form: str, content: str | bytes, **query: Any) -> httpx.Response:
    return await world.client.post(IMPORT, params={"format": form, **query}, content=content)


async def versions(world: DoorsWorld) -> list[tuple[str, int]]:
    return [(plan["plan_code"], plan["plan_version"]) for plan in (await world.get("/v1/plans")).json()]


@pytest.mark.parametrize("form", ["yaml", "csv"])
async def test_importing_an_export_changes_nothing(world: DoorsWorld, form: str) -> None:
    answer = await send(world, form, await export(world, form))
    assert answer.status_code == 200, answer.text
    assert (answer.json()["published"], answer.json()["changed"]) == (False, 0)
    assert [each["kind"] for each in answer.json()["changes"]] == ["unchanged"]
    assert await versions(world) == [("vonk-basis", 1)]


async def test_a_dry_run_says_what_would_change_and_the_import_does_it(world: DoorsWorld) -> None:
    changed = (await export(world, "yaml")).replace("rate: '0.12'", "rate: '0.13'")
    tried = await send(world, "yaml", changed, dry_run=True)
    assert await versions(world) == [("vonk-basis", 1)]
    done = await send(world, "yaml", changed)
    assert tried.json()["changes"] == done.json()["changes"]
    assert (tried.json()["published"], done.json()["published"]) == (False, True)
    [change] = done.json()["changes"]
    assert (change["kind"], change["from_version"], change["to_version"]) == ("changed", 1, 2)
    assert change["differences"] == [{"field": "prices[calls].rate", "before": "0.12", "after": "0.13"}]
    assert await versions(world) == [("vonk-basis", 1), ("vonk-basis", 2)]


async def test_the_examples_of_both_forms_can_be_imported(world: DoorsWorld) -> None:
    new = await send(world, "yaml", A_YAML_FILE)
    assert [each["kind"] for each in new.json()["changes"]] == ["new"], new.text
    rates = await send(world, "csv", A_CSV_FILE)
    [change] = rates.json()["changes"]
    assert [each["field"] for each in change["differences"]] == ["prices[calls].destinations[Belgium].rate"]


async def test_one_wrong_plan_keeps_all_of_them_out_and_every_problem_is_named(world: DoorsWorld) -> None:
    wrong = A_YAML_FILE + (
        "- brand: vonk\n"
        "  code: other\n"
        "  name: Other\n"
        "  currency: EUR\n"
        "  prices:\n"
        "  - {code: fee, name: Fee, model: recurring, fee: x}\n"
        "  - {code: sms, name: Texts, model: per_unit, meter: m, rate: '1', colour: red}\n"
        "- {brand: nobody, code: third, name: Third, currency: EUR, prices: []}\n"
        "- {brand: vonk, code: fourth, name: Fourth, currency: GBP, prices: [{code: f, model: recurring, fee: '1'}]}\n"
    )
    answer = await send(world, "yaml", wrong)
    assert (answer.status_code, answer.json()["field"]) == (422, "plans[1].prices[0].fee")
    assert "4 more problems" in answer.json()["detail"]
    assert [each["field"] for each in answer.json()["errors"]] == [
        "line 18, plans[1].prices[0].fee",
        "line 19, plans[1].prices[1].colour",
        "line 20, plans[2].prices",
        "line 20, plans[2].brand",
        "line 21, plans[3].currency",
    ]
    assert await versions(world) == [("vonk-basis", 1)]


async def test_problems_of_a_csv_file_name_row_and_column(world: DoorsWorld) -> None:
    header = A_CSV_FILE.partition("\n")[0]
    rows = [
        "vonk,vonk-basis,calls,per_unit,,,31,,EUR,cheap,",
        "vonk,vonk-basis,calls,per_unit,,Belgium,x,,EUR,0.1,",
        "vonk,vonk-basis,calls,per_unit,,France,33,night,EUR,0.1,",
        "vonk,vonk-basis,nothing,per_unit,,,,,EUR,1,",
        "vonk,nowhere,calls,per_unit,,,,,EUR,1,",
        "vonk,vonk-basis,texts,graduated,,,,,EUR,1,",
        "vonk,vonk-basis,service,per_event,,,,,GBP,1,",
    ]
    answer = await send(world, "csv", "\n".join([header, *rows]))
    assert answer.status_code == 422
    assert [each["field"] for each in answer.json()["errors"]] == [
        "row 2, column rate",
        "row 3, column prefixes",
        "row 4, column rate",
        "row 5, column price_code",
        "row 6, column plan_code",
        "row 7, column model",
        "row 8, column currency",
    ]


NIGHTS_AND_ZONES = """\
catalogue: 1
plans:
- brand: vonk
  code: vonk-wijd
  name: Vonk Wijd
  currency: EUR
  prices:
  - code: calls
    model: per_unit
    meter: voice
    rate: 0.10
    time_bands: [{band: night, rate: 0.05, connection_fee: 0}]
    destinations: [{name: +32, prefixes: ["32", "33"], rate: 0.2, time_bands: [{band: night, rate: 0.1}]}]
  - {code: abroad, model: per_unit, meter: voice, rate: 0.30, zones: [eu, world]}
  time_bands: {bands: [{code: night, windows: [{days: [mon, tue], from: "20:00", to: "08:00"}]}]}
  zones: [{code: eu, places: [BE, NO]}, {code: world, places: [US]}]
"""


async def test_time_bands_and_zones_are_in_both_forms(world: DoorsWorld) -> None:
    published = await send(world, "yaml", NIGHTS_AND_ZONES)
    assert published.status_code == 200, published.text
    for form in ("yaml", "csv"):
        again = await send(world, form, await export(world, form))
        assert (again.status_code, again.json()["changed"]) == (200, 0), again.text
    rows = await export(world, "csv")
    assert "vonk,vonk-wijd,calls,per_unit,,'+32,32 33,night,EUR,0.1," in rows
    assert "vonk,vonk-wijd,abroad,per_unit,eu world,,,,EUR,0.30," in rows
    changed = await send(world, "csv", rows.replace(",night,EUR,0.1,", ",night,EUR,0.15,").replace("eu world", "world"))
    differences = [
        (each["field"], each["after"]) for change in changed.json()["changes"] for each in change["differences"]
    ]
    assert differences == [
        ("prices[calls].destinations[+32].time_bands[night].rate", "0.15"),
        ("prices[abroad].zones", "['world']"),
    ]
    unknown = await send(world, "csv", rows.replace("eu world", "moon").replace(",night,EUR,0.1,", ",noon,EUR,0.1,"))
    lines = rows.splitlines()
    night = next(row for row, line in enumerate(lines, 1) if ",night,EUR,0.1," in line)
    abroad = next(row for row, line in enumerate(lines, 1) if ",abroad," in line)
    assert {each["field"] for each in unknown.json()["errors"]} == {
        f"row {night}, column time_band",
        f"row {abroad}, column zones",
    }


async def test_a_row_that_is_taken_out_takes_its_destination_out(world: DoorsWorld) -> None:
    rows = (await export(world, "csv")).splitlines(keepends=True)
    answer = await send(world, "csv", "".join(row for row in rows if "Belgium" not in row))
    [change] = answer.json()["changes"]
    assert [(each["field"], each["after"]) for each in change["differences"]] == [("prices[calls].destinations", "")]


async def test_a_file_based_on_an_older_version_does_not_undo_a_newer_one_unseen(world: DoorsWorld) -> None:
    old = await export(world, "yaml")
    await world.container.catalogue.publish_plan("vonk", A_PLAN | {"name": "Vonk Nieuw"})
    outdated = await send(world, "yaml", old.replace("rate: '0.12'", "rate: '0.14'"))
    assert (outdated.status_code, outdated.json()["field"]) == (422, "plans[0].version")
    assert "meanwhile" in outdated.json()["detail"]
    regardless = await send(world, "yaml", old.replace("  version: 1\n", ""))
    assert [each["to_version"] for each in regardless.json()["changes"]] == [3]


async def test_a_code_belongs_to_one_brand(world: DoorsWorld) -> None:
    async with world.work() as work:
        brand = await work.accounts.brand("vonk")
        await work.accounts.add_brand(type(brand)(**{**A_BRAND, "brand": "brio"}))
        await work.commit()
    taken = A_YAML_FILE.replace("code: vonk-klein", "code: vonk-basis").replace("brand: vonk", "brand: brio")
    answer = await send(world, "yaml", taken)
    assert (answer.status_code, answer.json()["field"]) == (422, "plans[0].code")
    published = await world.post("/v1/plans", {"brand": "brio", "definition": A_PLAN})
    assert (published.status_code, published.json()["field"]) == (409, "code")


async def test_two_imports_at_once_publish_one_version_each(world: DoorsWorld) -> None:
    base = (await export(world, "yaml")).replace("  version: 1\n", "")
    files = [base.replace("rate: '0.12'", f"rate: '0.2{number}'") for number in range(4)]
    answers = await asyncio.gather(*(send(world, "yaml", each) for each in files))
    assert [answer.status_code for answer in answers] == [200] * 4
    assert sorted(answer.json()["changes"][0]["to_version"] for answer in answers) == [2, 3, 4, 5]


@pytest.mark.parametrize("content", [b"\xff\xfe", b"catalogue: 1\nplans:\n- \x00", b"[[[["])
async def test_what_is_no_file_is_refused(world: DoorsWorld, content: bytes) -> None:
    answer = await send(world, "yaml", content)
    assert answer.status_code == 422
    assert answer.json()["errors"]


async def test_only_an_administrator_publishes(world: DoorsWorld) -> None:
    answer = await world.client.post(IMPORT, content=A_YAML_FILE, headers=world.as_role("finance"))
    assert answer.status_code == 403
    seen = await world.client.get("/v1/catalogue", headers=world.as_role("viewer"))
    assert seen.status_code == 200


@pytest.fixture
def command_line(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CliRunner:
    monkeypatch.setenv("EVENFLOW_DATABASE_URL", database_url)
    monkeypatch.setenv("EVENFLOW_DATA_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    read_settings.cache_clear()
    return CliRunner()


async def _sell(database_url: str) -> None:
    async with a_doors_world(database_url) as world:
        await world.sell()


def test_the_command_line_exports_checks_and_imports(command_line: CliRunner, database_url: str) -> None:
    asyncio.run(_sell(database_url))
    for name in ("all.yaml", "rates.csv"):
        assert command_line.invoke(app, ["catalogue", "export", name]).exit_code == 0
        again = command_line.invoke(app, ["catalogue", "import", name])
        assert (again.exit_code, again.stdout) == (0, "0 plan(s) changed, 1 unchanged.\n"), again.output
    rates = Path("rates.csv")
    rates.write_text(rates.read_text().replace(",0.12,", ",0.15,"))
    checked = command_line.invoke(app, ["catalogue", "import", "rates.csv", "--check"])
    assert "prices[calls].rate: 0.12 -> 0.15" in checked.stdout
    assert "1 plan(s) would change, 0 unchanged." in checked.stdout
    assert "1 plan(s) changed, 0 unchanged." in command_line.invoke(app, ["catalogue", "import", "rates.csv"]).stdout
    engine = create_engine(database_url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT max(plan_version) FROM plans")).scalar_one() == 2
    engine.dispose()


def test_the_command_line_says_every_problem_and_publishes_nothing(command_line: CliRunner, database_url: str) -> None:
    asyncio.run(_sell(database_url))
    Path("wrong.yaml").write_text(A_YAML_FILE.replace("fee: '7.50'", "fee: x").replace("quantity: 50", "quantity: x"))
    refused = command_line.invoke(app, ["catalogue", "import", "wrong.yaml"])
    assert refused.exit_code == 1
    assert "line 8, plans[0].prices[0].fee" in refused.stderr
    assert "line 11, plans[0].allowances[0].quantity" in refused.stderr
    assert "Nothing was published." in refused.stderr
    unknown = command_line.invoke(app, ["catalogue", "export", "file.txt"])
    assert (unknown.exit_code, "yaml or csv" in unknown.stderr) == (1, True)
