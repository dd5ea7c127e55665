"""The real stack, started and killed as a user would: by its command, in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from evenflow.stack.process_identity import birth
from tests.stack_fixtures import reachable_directory

READY = "Evenflow runs."
# The servers only, and no schema: what our own programs do under a kill is shown elsewhere.
SERVERS_ONLY = """
import sys
from evenflow.stack import assembly
assembly._programs = lambda *_: []
assembly.upgrade = lambda *_: None
from evenflow.cli.main import app
app()
"""
PATIENCE_SECONDS = 60.0


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with reachable_directory() as directory:
        yield directory


@contextmanager
def up(data_dir: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """``evenflow up`` in a process of its own; killed at the end if it still runs."""
    command = [sys.executable, "-c", SERVERS_ONLY, "up", "--data-dir", str(data_dir), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE_SECONDS)


def wait_until_up(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stderr is not None
    for line in process.stdout:
        if READY in line:
            return
    pytest.fail(process.stderr.read())


def books(data_dir: Path) -> psycopg.Connection[tuple[object, ...]]:
    environment = json.loads((data_dir / "environment.json").read_text())
    return psycopg.connect(environment["EVENFLOW_DATABASE_URL"].replace("+psycopg", ""), autocommit=True)


def children(data_dir: Path) -> list[int]:
    return [int(process_id) for process_id in json.loads((data_dir / "children.json").read_text())]


def write_row(data_dir: Path, number: int) -> None:
    with books(data_dir) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (number int)")
        connection.execute("INSERT INTO kept VALUES (%s)", [number])


def test_after_kill_nine_of_everything_the_same_command_finds_every_row(data_dir: Path) -> None:
    for number in range(3):
        with up(data_dir) as process:
            wait_until_up(process)
            write_row(data_dir, number)
            victims = children(data_dir)
            for victim in (process.pid, *victims):
                os.kill(victim, signal.SIGKILL)
            process.wait(PATIENCE_SECONDS)
    with up(data_dir) as process:
        wait_until_up(process)
        with books(data_dir) as connection:
            assert connection.execute("SELECT number FROM kept ORDER BY 1").fetchall() == [(0,), (1,), (2,)]


def test_where_the_first_key_lies_is_printed(data_dir: Path) -> None:
    with up(data_dir) as process:
        wait_until_up(process)
        assert process.stdout is not None
        line = next(line for line in process.stdout if "first API key" in line)
    name, _, file = line.split("key", 1)[1].strip().partition(" in ")
    assert json.loads(Path(file).read_text())[name].startswith("evk_")


def test_after_kill_nine_of_the_supervisor_alone_the_same_command_takes_over(data_dir: Path) -> None:
    with up(data_dir) as process:
        wait_until_up(process)
        write_row(data_dir, 1)
        left = children(data_dir)
        process.kill()
        process.wait(PATIENCE_SECONDS)
    with up(data_dir) as process:
        wait_until_up(process)
        assert not set(left) & set(children(data_dir))
        assert [birth(process_id) for process_id in left] == [None] * len(left)
        with books(data_dir) as connection:
            assert connection.execute("SELECT number FROM kept").fetchall() == [(1,)]


def test_a_killed_database_server_comes_back_on_its_own(data_dir: Path) -> None:
    with up(data_dir) as process:
        wait_until_up(process)
        write_row(data_dir, 1)
        before = children(data_dir)
        os.kill(before[0], signal.SIGKILL)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                with books(data_dir) as connection:
                    assert connection.execute("SELECT number FROM kept").fetchall() == [(1,)]
                break
            except psycopg.OperationalError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        assert process.poll() is None


def test_a_second_start_and_a_busy_port_are_one_sentence_each(data_dir: Path) -> None:
    with up(data_dir) as first:
        wait_until_up(first)
        with up(data_dir) as second:
            _, said = second.communicate(timeout=PATIENCE_SECONDS)
            assert second.returncode == 1
            assert f"already runs on {data_dir} as process {first.pid}" in said
    with (
        socket.create_server(("127.0.0.1", 0)) as busy,
        up(data_dir, "--port", f"api={busy.getsockname()[1]}") as third,
    ):
        _, said = third.communicate(timeout=PATIENCE_SECONDS)
        assert third.returncode == 1
        assert said.count("\n") == 1
        assert "for api is busy" in said


def test_the_users_stop_is_a_normal_end_and_leaves_nobody(data_dir: Path) -> None:
    with up(data_dir) as process:
        wait_until_up(process)
        started = children(data_dir)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_SECONDS) == 0
    assert [birth(process_id) for process_id in started] == [None] * len(started)
