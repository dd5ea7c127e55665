"""Users from the command line: the first administrator's way in, and the way back in."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evenflow.cli.main import app
from evenflow.settings import read_settings
from tests.builders_access import EMAIL, PASSWORD, a_person, trail
from tests.doors.doors_world import DOOR, a_doors_world


@pytest.fixture
def command_line(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CliRunner:
    monkeypatch.setenv("EVENFLOW_DATABASE_URL", database_url)
    monkeypatch.setenv("EVENFLOW_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("EVENFLOW_PUBLIC_API_BASE", DOOR)
    read_settings.cache_clear()
    return CliRunner()


async def _comes_in(database_url: str, link: str) -> str:
    """Where the link leads, and what the trail says of it."""
    async with a_doors_world(database_url) as world, a_person(world) as sanne:
        answer = await sanne.set_password(link)
        made = (await trail(world, subject=EMAIL))[0]
        assert (made.action, made.outcome) == ("add", "done")
        assert made.actor.endswith("on the command line")
        assert PASSWORD not in str(await trail(world))
        return str(answer.headers.get("location", answer.status_code))


def test_the_first_administrator_comes_in_by_the_printed_link(command_line: CliRunner, database_url: str) -> None:
    made = command_line.invoke(app, ["user", "add", EMAIL, "--role", "admin"])
    assert made.exit_code == 0, made.output
    assert made.stdout.startswith(f"{DOOR}/console/link/")
    with asyncio.Runner() as runner:
        assert runner.run(_comes_in(database_url, made.stdout.strip())) == "/console/second-factor"
        again = command_line.invoke(app, ["user", "link", EMAIL.upper()])
        assert again.exit_code == 0, again.output
        assert runner.run(_comes_in(database_url, again.stdout.strip())) == "/console/second-factor"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["add", EMAIL, "--role", "king"], "viewer, agent, finance, admin"),
        (["add", "no address"], "no email address"),
        (["link", "nobody@vonk.example"], "there is no user nobody@vonk.example"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(command_line: CliRunner, arguments: list[str], words: str) -> None:
    result = command_line.invoke(app, ["user", *arguments])
    assert result.exit_code == 1
    assert words in result.stderr
    assert "Traceback" not in result.output
