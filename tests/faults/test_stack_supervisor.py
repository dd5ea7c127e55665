"""The supervisor restarts what dies, gives up in time, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from evenflow.stack import supervisor as supervision
from evenflow.stack.child import Child, ChildSpec, Hook
from evenflow.stack.directory import DataDirectory
from evenflow.stack.errors import StackError
from evenflow.stack.process_identity import birth
from evenflow.stack.supervisor import StoppedByUser, Supervisor, in_order

PATIENCE_SECONDS = 30.0


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "PAUSES_SECONDS", (0.01, 0.01, 0.01))


@pytest.fixture
def directory(tmp_path: Path) -> DataDirectory:
    return DataDirectory(tmp_path / "data")


def a_child(name: str, program: str = "import time; time.sleep(600)", needs: tuple[str, ...] = ()) -> ChildSpec:
    return ChildSpec(name, (sys.executable, "-c", program), needs=needs, stop_seconds=5.0)


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    for _ in iter(condition, True):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


def living(supervisor: Supervisor) -> list[int]:
    return [one.child.process_id for one in supervisor.supervised if one.child.is_alive()]


async def test_a_killed_child_is_started_again(directory: DataDirectory) -> None:
    said: list[str] = []
    supervisor = Supervisor([a_child("worker")], directory, report=said.append)

    async def kill_it() -> int:
        first = supervisor.supervised[0].child.process_id
        os.kill(first, signal.SIGKILL)
        await until(lambda: living(supervisor) not in ([], [first]))
        return first

    first = await supervisor.run(kill_it)
    assert said == ["The worker died and is started again."]
    assert supervisor.supervised[0].child.process_id != first
    assert living(supervisor) == []


async def test_a_child_that_keeps_dying_stops_everything_and_shows_the_end_of_its_log(directory: DataDirectory) -> None:
    crashing = a_child("api", "raise SystemExit('no such table: accounts')")
    supervisor = Supervisor([a_child("worker"), crashing], directory, report=lambda _: None)
    with pytest.raises(StackError) as given_up:
        await supervisor.run(asyncio.Event().wait)
    assert str(given_up.value).startswith("The api died 3 times within a minute, so everything was stopped.\n")
    assert "no such table: accounts" in str(given_up.value)
    assert living(supervisor) == []


async def test_a_child_that_never_gets_ready_is_given_up(directory: DataDirectory) -> None:
    stuck = ChildSpec(
        "api", (sys.executable, "-c", "import time; time.sleep(600)"), ready=lambda: False, ready_seconds=0.2
    )
    supervisor = Supervisor([stuck], directory, report=lambda _: None)
    with pytest.raises(StackError, match="The api was not ready in time 3 times"):
        await supervisor.run(asyncio.Event().wait)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_users_stop_reaches_every_child_and_what_it_started(
    directory: DataDirectory, tmp_path: Path, number: signal.Signals
) -> None:
    note = tmp_path / "grandchild"
    program = f"""
        import pathlib, signal, subprocess, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        pathlib.Path({str(note)!r}).write_text(str(subprocess.Popen(["sleep", "600"]).pid))
        time.sleep(600)
    """
    stubborn = ChildSpec("worker", (sys.executable, "-c", textwrap.dedent(program)), stop_seconds=0.3)
    supervisor = Supervisor([stubborn], directory, report=lambda _: None)

    async def stop_from_outside() -> None:
        await until(lambda: note.exists() and note.read_text() != "")
        os.kill(os.getpid(), number)
        await asyncio.Event().wait()

    with pytest.raises(StoppedByUser):
        await supervisor.run(stop_from_outside)
    assert living(supervisor) == []
    await until(lambda: birth(int(note.read_text())) is None)


async def test_children_start_after_what_they_need_and_hooks_run_once(directory: DataDirectory) -> None:
    told: list[str] = []

    def telling(word: str) -> Hook:
        async def hook() -> None:
            told.append(word)

        return hook

    specs = [
        ChildSpec("worker", ("sleep", "600"), needs=("postgres",), before_start=telling("clock resumed")),
        ChildSpec("postgres", ("sleep", "600"), after_ready=telling("migrated")),
    ]
    supervisor = Supervisor(specs, directory, report=lambda _: None)

    async def kill_the_worker() -> None:
        child = supervisor.supervised[1].child
        first = child.process_id
        os.kill(first, signal.SIGKILL)
        await until(lambda: child.process_id != first and child.is_alive())

    await supervisor.run(kill_the_worker)
    assert told == ["migrated", "clock resumed"]


async def test_a_failing_heartbeat_is_said_once_and_never_fatal(
    directory: DataDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "HEARTBEAT_INTERVAL_SECONDS", 0.01)
    said: list[str] = []
    beats: list[int] = []

    async def beat() -> None:
        beats.append(1)
        raise ConnectionError

    supervisor = Supervisor([], directory, report=said.append, heartbeat=beat)

    async def a_few_beats() -> None:
        await until(lambda: len(beats) > 3)

    await supervisor.run(a_few_beats)
    assert said == ["The clock's heartbeat failed (ConnectionError) and is tried again."]


def test_children_that_need_each_other_are_refused() -> None:
    with pytest.raises(StackError, match="api, worker need what is not there"):
        in_order([a_child("api", needs=("worker",)), a_child("worker", needs=("api",))])


def test_a_killed_supervisor_leaves_no_child(tmp_path: Path) -> None:
    program = f"""
        import asyncio, pathlib
        from evenflow.stack.child import ChildSpec
        from evenflow.stack.directory import DataDirectory
        from evenflow.stack.supervisor import Supervisor
        directory = DataDirectory(pathlib.Path({str(tmp_path / "data")!r}))
        supervisor = Supervisor([ChildSpec("worker", ("sleep", "600"))], directory)
        async def stay():
            print(supervisor.supervised[0].child.process_id, flush=True)
            await asyncio.Event().wait()
        with directory.locked():
            asyncio.run(supervisor.run(stay))
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        child_id = int(process.stdout.readline())
        process.kill()
    deadline = time.monotonic() + PATIENCE_SECONDS
    # Where the kernel does not tell the children, the next start does.
    with DataDirectory(tmp_path / "data").locked():
        while birth(child_id) is not None:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_what_a_kill_left_behind_is_stopped_by_the_next_start_and_nobody_else_is(directory: DataDirectory) -> None:
    with (
        subprocess.Popen(["sleep", "600"], start_new_session=True) as left,
        subprocess.Popen(["sleep", "600"]) as other,
    ):
        directory.remember_children({left.pid: birth(left.pid) or "", other.pid: "another birth"})
        with directory.locked():
            assert left.wait(PATIENCE_SECONDS) == -signal.SIGINT
            assert other.poll() is None
        other.kill()


def test_a_log_that_grew_too_long_becomes_the_previous_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evenflow.stack.child.LONGEST_LOG_BYTES", 3)
    log_path = tmp_path / "worker.log"
    log_path.write_text("long ago\n")
    child = Child(a_child("worker", "print('now')"), log_path)
    child.start()
    assert child.process is not None
    child.process.wait(PATIENCE_SECONDS)
    assert log_path.read_text() == "now\n"
    assert (tmp_path / "worker.previous.log").read_text() == "long ago\n"
