"""Keys from the command line open the doors they are made for, until they are revoked."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from evenflow.cli.main import app
from evenflow.settings import read_settings
from tests.doors.doors_world import a_doors_world


@pytest.fixture
def command_line(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CliRunner:
    monkeypatch.setenv("EVENFLOW_DATABASE_URL", database_url)
    monkeypatch.setenv("EVENFLOW_DATA_DIR", str(tmp_path))
    read_settings.cache_clear()
    return CliRunner()


async def _status_with(database_url: str, key: str) -> int:
    async with a_doors_world(database_url) as world:
        answer: httpx.Response = await world.client.get("/v1/brands", headers={"X-API-Key": key})
        return answer.status_code


def test_a_made_key_opens_the_door_until_it_is_revoked(command_line: CliRunner, database_url: str) -> None:
    made = command_line.invoke(app, ["key", "create", "crm", "--role", "agent"])
    assert made.exit_code == 0, made.output
    key = made.stdout.strip()
    with asyncio.Runner() as runner:
        assert runner.run(_status_with(database_url, key)) == 200
        assert "Revoked 1" in command_line.invoke(app, ["key", "revoke", "crm"]).stdout
        assert runner.run(_status_with(database_url, key)) == 401


@pytest.mark.parametrize(
    ("arguments", "word"),
    [(["create", "crm", "--role", "king"], "viewer, agent, finance, admin"), (["revoke", "nobody"], "nobody")],
)
def test_what_cannot_be_done_is_one_sentence(command_line: CliRunner, arguments: list[str], word: str) -> None:
    result = command_line.invoke(app, ["key", *arguments])
    assert result.exit_code == 1
    assert word in result.stderr
    assert "Traceback" not in result.output
