"""``evenflow import`` beside ``evenflow up``, as an operator uses it; the worker is killed in the middle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from api.schemas.accounts import AN_ACCOUNT
from api.schemas.brands import A_BRAND
from tests.builders_usage import LINE, OPEN_PLAN
from tests.stack_fixtures import reachable_directory

COMMAND = (sys.executable, "-c", "from evenflow.cli.main import app; app()")
READY = "Evenflow runs."
PATIENCE_SECONDS = 240
LINES = 150_000
YESTERDAY = datetime.now(UTC) - timedelta(days=1)


@dataclass
class Installation:
    """A running stack, as its command line and its files show it."""

    data_dir: Path

    def evenflow(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.start(*arguments).wait_for()

    def start(self, *arguments: str) -> Command:
        return Command([*COMMAND, *arguments, "--data-dir", str(self.data_dir)])

    @property
    def environment(self) -> dict[str, str]:
        found: dict[str, str] = json.loads((self.data_dir / "environment.json").read_text())
        return found

    def client(self) -> httpx.Client:
        key = {"X-API-Key": self.environment["EVENFLOW_SECRETS_ADMIN_API_KEY"]}
        return httpx.Client(base_url=self.environment["EVENFLOW_PUBLIC_API_BASE"], headers=key, trust_env=False)

    def worker(self) -> int:
        """The process id of the worker that runs now."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            for process_id in json.loads((self.data_dir / "children.json").read_text()):
                if b"worker.py" in Path(f"/proc/{process_id}/cmdline").read_bytes():
                    return int(process_id)
            time.sleep(0.2)
        pytest.fail("no worker runs")

    def events(self) -> int:
        address = self.environment["EVENFLOW_DATABASE_URL"].replace("+psycopg", "")
        with psycopg.connect(address) as connection:
            row = connection.execute("SELECT count(*) FROM usage_events").fetchone()
        return int(row[0]) if row else 0


class Command:
    """A command in a process of its own."""

    def __init__(self, words: list[str]) -> None:
        self._words = words
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def wait_for(self) -> subprocess.CompletedProcess[str]:
        out, err = self.process.communicate(timeout=PATIENCE_SECONDS)
        return subprocess.CompletedProcess(self._words, self.process.returncode, out, err)


@contextmanager
def up(data_dir: Path) -> Iterator[Installation]:
    command = [*COMMAND, "up", "--data-dir", str(data_dir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None
            said = []
            for line in process.stdout:
                said.append(line)
                if READY in line:
                    break
            else:
                pytest.fail("".join(said))
            yield Installation(data_dir)
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    """A stack with one customer."""
    with reachable_directory() as directory, up(directory) as installation, installation.client() as client:
        opened = YESTERDAY - timedelta(days=2)
        steps: list[tuple[str, dict[str, Any]]] = [
            ("/v1/brands", A_BRAND),
            ("/v1/plans", {"brand": A_BRAND["brand"], "definition": {**OPEN_PLAN}}),
            ("/v1/accounts", AN_ACCOUNT | {"activated_at": opened.isoformat(), "discounts": []}),
        ]
        for path, body in steps:
            answer = client.post(path, json=body)
            assert answer.status_code < 300, answer.text
        yield installation


def a_file(directory: Path, name: str, count: int) -> Path:
    path = directory / name
    start = YESTERDAY.replace(microsecond=0)
    with path.open("w", encoding="utf-8") as opened:
        opened.write("record_id,identifier,meter,quantity,started_at,destination\n")
        for number in range(count):
            at = (start + timedelta(seconds=number % 3600)).isoformat()
            opened.write(f"{name}-{number},{LINE},voice,60,{at},+31201234567\n")
    return path


def test_an_import_survives_kill_nine_of_the_worker_and_counts_every_line_once(
    installation: Installation, tmp_path: Path
) -> None:
    path = a_file(tmp_path, "calls.csv", LINES)
    importing = installation.start("import", "csv", str(path), "--json")
    deadline = time.monotonic() + 60
    while not installation.events():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(installation.worker(), signal.SIGKILL)
    killed_at = installation.events()
    done = importing.wait_for()
    assert done.returncode == 0, done.stderr
    (file,) = json.loads(done.stdout)["files"]
    counts = {name: file["file"][name] for name in ("status", "read", "accepted", "duplicates", "rejected")}
    assert counts == {"status": "done", "read": LINES, "accepted": LINES, "duplicates": 0, "rejected": 0}
    assert file["meters"] == {"voice": 60 * LINES}
    assert 0 < killed_at < LINES, "the worker was killed too late to prove anything"
    assert installation.events() == LINES
    checked = installation.evenflow("check")
    assert checked.returncode == 0, checked.stdout


def test_the_same_file_again_and_twice_at_once_changes_nothing(installation: Installation, tmp_path: Path) -> None:
    path = a_file(tmp_path, "again.csv", 5000)
    before = installation.events()
    at_once = [installation.start("import", "csv", str(path), "--json") for _ in range(2)]
    results = [each.wait_for() for each in at_once]
    assert [each.returncode for each in results] == [0, 0], [each.stderr for each in results]
    again = installation.evenflow("import", "csv", str(path))
    assert "handed in before" in again.stdout
    assert "accepted                  5000" in again.stdout
    assert installation.events() - before == 5000
    assert installation.evenflow("check").returncode == 0


def test_progress_is_told_while_a_file_is_imported(installation: Installation, tmp_path: Path) -> None:
    path = a_file(tmp_path, "progress.csv", LINES)
    done = installation.evenflow("import", "csv", str(path))
    told = [line for line in done.stderr.splitlines() if line.startswith("progress.csv: ")]
    assert done.returncode == 0
    assert len(told) >= 2
