"""Importing from the command line: by the API of a running installation, or a trial without any server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import Result
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send
from typer.testing import CliRunner

from api.container import Container
from api.dependencies import Caller
from api.errors import install
from api.routers import usage, usage_files, usage_streams
from billing.adapters.usage_formats import standard_formats
from billing.messages.plan_corrections import CorrectPlanRequest
from billing.messages.usage import ImportFileRequest
from billing.persistence.unit_of_work import make_engine
from evenflow.cli.main import app
from evenflow.cli.usage_door import NothingAnswers, UsageDoor
from evenflow.settings import read_settings
from tests.browser.console_server import served
from tests.builders_usage import LINE, RecordingProcess, UsageWorld, a_usage_world
from tests.builders_usage_files import NUMBERED, NumberedCsv, day_name, some_messages

KEY = "evk_a-key-of-a-test"


class Keys:
    async def caller_of(self, key: str) -> Caller | None:
        return Caller("sanne", "agent") if key == KEY else None


@dataclass
class ImportingProcess(RecordingProcess):
    """Imports what it is told to, as the workflow would."""

    worlds: list[UsageWorld] = field(default_factory=list)
    running: set[asyncio.Task[Any]] = field(default_factory=set)

    async def start_plan_correction(self, request: CorrectPlanRequest) -> None: ...

    async def start_import(self, request: ImportFileRequest) -> None:
        task = asyncio.create_task(self.worlds[0].service.files.import_file(request.file_id))
        self.running.add(task)


@dataclass
class CommandLine:
    address: str
    directory: Path

    def run(self, *arguments: str) -> Result:
        """A command with the address and the key of the served installation."""
        return CliRunner().invoke(app, [*arguments, "--api", self.address, "--key", KEY])

    def write(self, name: str, *rows: str) -> str:
        path = self.directory / name
        path.write_text("\n".join(rows) + "\n", encoding="utf-8")
        return str(path)

    def numbered(self, sequence: int, *rows: str) -> str:
        return self.write(day_name(sequence), *(rows or some_messages(f"n-{sequence}")))


@pytest.fixture
def line(
    database_url: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[CommandLine]:
    formats = {**standard_formats(), NUMBERED: NumberedCsv()}
    monkeypatch.setattr("evenflow.cli.importing.standard_formats", lambda: formats)
    monkeypatch.setenv("EVENFLOW_DATA_DIR", str(tmp_path_factory.mktemp("nothing")))
    monkeypatch.delenv("EVENFLOW_DATABASE_URL", raising=False)
    read_settings.cache_clear()
    doors = FastAPI()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        engine, process = make_engine(database_url), ImportingProcess()
        world = await a_usage_world(engine, tmp_path / "spool", formats=formats, process=process)
        process.worlds.append(world)
        doors.state.container = Container(world.work, world.clock, process, "", usage=world.service, access=Keys())
        yield
        await asyncio.gather(*process.running)
        await engine.dispose()

    doors.router.lifespan_context = lifespan
    install(doors)
    for module in (usage, usage_files, usage_streams):
        doors.include_router(module.router)

    async def door(scope: Scope, receive: Receive, send: Send) -> None:
        await doors(scope, receive, send)

    with served(door) as address:
        yield CommandLine(address, tmp_path)


HEADER = "record_id,identifier,meter,quantity,started_at,destination"


def a_row(record_id: str, quantity: str = "1") -> str:
    return f"{record_id},{LINE},sms,{quantity},2027-02-01T10:00:00Z,"


def test_an_import_follows_the_file_to_its_end_and_prints_the_report(line: CommandLine) -> None:
    result = line.run("import", "csv", line.write("day.csv", HEADER, a_row("a"), a_row("b"), a_row("a")))
    assert result.exit_code == 0, result.output
    assert "accepted                     2" in result.stdout
    assert "duplicates                   1" in result.stdout
    assert "All of it is counted." in result.stdout


def test_the_report_as_json_is_all_that_is_on_the_output(line: CommandLine) -> None:
    path = line.write("day.csv", HEADER, a_row("a"), a_row("b", "many"))
    result = line.run("import", "csv", path, "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["exit_code"]) == (3, 3)
    (file,) = told["files"]
    assert (file["path"], file["file"]["accepted"], file["file"]["rejected"]) == (path, 1, 1)
    assert file["meters"] == {"sms": 1}
    listed = json.loads(line.run("usage", "issues", "--file", file["file"]["file_id"], "--json").stdout)
    assert [(each["line_number"], each["field"]) for each in listed] == [(3, "quantity")]


def test_files_are_taken_in_the_order_of_their_numbers_however_they_are_named(line: CommandLine) -> None:
    for sequence in (1, 2, 3):
        line.numbered(sequence)
    pattern = str(line.directory / "day-*.csv")
    result = line.run("import", NUMBERED, line.numbered(10), pattern, line.numbered(4), "--json")
    files = json.loads(result.stdout)["files"]
    assert [each["file"]["sequence"] for each in files] == [1, 2, 3, 4, 10]
    assert [each["file"]["status"] for each in files] == ["done"] * 4 + ["held"]
    assert result.exit_code == 4


def test_a_held_file_is_seen_released_and_reported(line: CommandLine) -> None:
    held = line.run("import", NUMBERED, line.numbered(1), line.numbered(3))
    assert held.exit_code == 4
    assert "Number 3 arrived before 2." in held.stdout
    (file,) = json.loads(line.run("usage", "files", "--status", "held", "--json").stdout)
    assert file["hold_kind"] == "gap"
    released = line.run("usage", "release", file["file_id"], "--reason", "2 was never sent")
    assert (released.exit_code, released.stdout) == (0, f"{file['file_id']} (day-0003.csv) is registered.\n")
    again = line.run("import", NUMBERED, line.numbered(3))
    assert (again.exit_code, "handed in before" in again.stdout) == (0, True)
    report = line.run("usage", "report", file["file_id"])
    assert "released (gap) by sanne" in report.stdout


def test_a_rejected_file_is_not_imported_by_handing_it_in_again(line: CommandLine) -> None:
    line.run("import", NUMBERED, line.numbered(1), line.numbered(3))
    (file,) = json.loads(line.run("usage", "files", "--status", "held", "--json").stdout)
    assert line.run("usage", "reject", file["file_id"], "--reason", "not ours").exit_code == 0
    again = line.run("import", NUMBERED, line.numbered(3), "--json")
    assert (again.exit_code, json.loads(again.stdout)["files"][0]["file"]["status"]) == (4, "rejected")


def test_counted_records_of_a_line_are_guided_again(line: CommandLine) -> None:
    line.run("import", "csv", line.write("day.csv", HEADER, a_row("a")))
    since = ("--since", "2027-02-01T00:00:00Z", "--reason", "looking again")
    result = line.run("usage", "reguide", "--identifier", LINE, *since)
    assert result.exit_code == 0, result.output
    assert "0 counted records were counted elsewhere" in result.stdout
    assert "0 records waited" in line.run("usage", "reguide").stdout


def test_archived_days_are_listed_and_a_lost_file_is_told(line: CommandLine, database_url: str) -> None:
    kept = "INSERT INTO usage_archives VALUES ('2026-10-01', 'usage-2026-10-01.csv.gz', 7, 900, 'f00d', now(), NULL)"
    with psycopg.connect(database_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(kept)
    (day,) = json.loads(line.run("usage", "archives", "--json").stdout)
    assert (day["day"], day["events"], day["dropped_at"]) == ("2026-10-01", 7, None)
    lost = line.run("usage", "archives", "--check", "2026-10-01")
    assert (lost.exit_code, "usage-2026-10-01.csv.gz" in lost.stderr) == (1, True), lost.output
    assert "2026-10-02 is not archived." in line.run("usage", "archives", "--check", "2026-10-02").stderr


def test_positions_of_streams_are_shown(line: CommandLine) -> None:
    assert json.loads(line.run("usage", "streams", "--json").stdout) == []
    assert "lag" in line.run("usage", "streams").stdout


def test_without_waiting_it_says_what_was_handed_in(line: CommandLine) -> None:
    result = line.run("import", "csv", line.write("day.csv", HEADER, a_row("a")), "--no-wait", "--json")
    assert (result.exit_code, json.loads(result.stdout)["files"][0]["already_known"]) == (0, False)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["import", "morse", "x.csv"], "There is no profile morse. Use one of: "),
        (["import", "csv", "nowhere/*.csv"], "There is no file nowhere/*.csv."),
        (["usage", "release", "file_99", "--reason", "r"], "There is no usage file file_99."),
        (["usage", "report", "nonsense"], "file_id"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(line: CommandLine, arguments: list[str], words: str) -> None:
    result = line.run(*arguments)
    assert result.exit_code == 1
    assert words in result.stderr
    assert result.stderr.count("\n") == 1


def test_an_unknown_key_and_a_silent_address_are_one_sentence(line: CommandLine) -> None:
    path = line.write("day.csv", HEADER)
    for options in (["--api", line.address, "--key", "evk_other"], ["--api", "http://127.0.0.1:9", "--key", KEY], []):
        result = CliRunner().invoke(app, ["import", "csv", path, *options])
        assert (result.exit_code, result.stderr.count("\n")) == (1, 1), result.stderr


def test_a_trial_needs_no_server_and_shows_every_line_that_would_be_rejected(tmp_path: Path) -> None:
    path = tmp_path / "day.csv"
    path.write_text("\n".join([HEADER, a_row("a"), a_row("b", "many"), a_row("c").replace("2027", "2020")]) + "\n")
    dry = ["import", "csv", str(path), "--dry-run", "--at", "2027-02-02T00:00:00"]
    page = CliRunner().invoke(app, dry)
    assert page.exit_code == 3
    assert "3 read, 1 readable, 2 rejected" in page.stdout
    assert "line 3: quantity: " in page.stdout
    assert "line 4: started_at: " in page.stdout
    told = json.loads(CliRunner().invoke(app, [*dry, "--json"]).stdout)
    assert told["files"][0]["meters"] == {"sms": 1}
    assert [each["line_number"] for each in told["files"][0]["shown"]] == [3, 4]


def test_a_trial_says_that_a_file_would_be_held_for_its_totals(line: CommandLine) -> None:
    path = line.numbered(7, *some_messages("a"), "#total 2 1 0.00")
    result = CliRunner().invoke(app, ["import", NUMBERED, path, "--dry-run", "--at", "2027-02-02T00:00:00"])
    assert result.exit_code == 4
    assert "would be held: The control totals differ. records: declared 2, counted 1." in result.stdout


def test_a_trial_tells_parts_of_sessions_from_rejected_lines(tmp_path: Path) -> None:
    path = tmp_path / "acc_1.log"
    numbers = "sip:+31612345678@example.net|sip:+31201234567@example.net"
    path.write_text(f"INVITE|a|b|call-1|200|OK|1801562400|{numbers}\nBYE|b|a|call-1|200|OK|soon|{numbers}\n")
    dry = ["import", "flatstore", str(path), "--dry-run", "--at", "2027-02-03T00:00:00"]
    page = CliRunner().invoke(app, dry)
    assert page.exit_code == 3
    assert "2 read, 0 readable, 1 rejected" in page.stdout
    assert "1 tell a part of a session" in page.stdout
    assert json.loads(CliRunner().invoke(app, [*dry, "--json"]).stdout)["files"][0]["parts"] == 1


def test_an_api_that_is_away_for_a_moment_does_not_end_the_following(
    line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    report, calls = UsageDoor.report, 0

    def sometimes_away(door: UsageDoor, file_id: str) -> Any:
        nonlocal calls
        calls += 1
        if calls in (2, 3):
            raise NothingAnswers("it is being started again")
        return report(door, file_id)

    monkeypatch.setattr(UsageDoor, "report", sometimes_away)
    result = line.run("import", "csv", line.write("day.csv", HEADER, a_row("a")))
    assert (result.exit_code, calls > 3) == (0, True)
    monkeypatch.setattr("evenflow.cli.importing.PATIENCE_SECONDS", 0.0)
    calls = 0
    given_up = line.run("import", "csv", line.write("next.csv", HEADER, a_row("b")))
    assert (given_up.exit_code, given_up.stderr.splitlines()[-1]) == (1, "evenflow: it is being started again")
