"""Everything that can be wrong with a data directory or a port is said in one sentence with a way out."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from evenflow.stack import directory as directories
from evenflow.stack.directory import DataDirectory
from evenflow.stack.errors import StackError, plain_words_for_disk_trouble
from evenflow.stack.ports import LOOPBACK, free_port


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.create_server((LOOPBACK, 0)) as server:
        yield server.getsockname()[1]


def refusal_of(error: pytest.ExceptionInfo[StackError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


def test_a_second_start_names_the_first_and_its_addresses(tmp_path: Path) -> None:
    first = DataDirectory(tmp_path)
    with first.locked():
        first.announce({"console": "http://127.0.0.1:8000/console"})
        with pytest.raises(StackError) as refused, DataDirectory(tmp_path).locked():
            pass
        said = refusal_of(refused)
        assert f"already runs on {tmp_path} as process {os.getpid()} (console http://127.0.0.1:8000/console)" in said
    with DataDirectory(tmp_path).locked():
        pass


def test_ports_are_remembered_and_chosen_anew_when_busy(tmp_path: Path) -> None:
    first = DataDirectory(tmp_path).ports(("api", "temporal"), {})
    assert DataDirectory(tmp_path).ports(("api", "temporal"), {}) == first
    with socket.create_server((LOOPBACK, first["api"])):
        later = DataDirectory(tmp_path).ports(("api", "temporal"), {})
    assert later["api"] != first["api"]
    assert later["temporal"] == first["temporal"]


def test_a_port_asked_for_is_taken_or_refused(tmp_path: Path, busy_port: int) -> None:
    wanted = free_port()
    assert DataDirectory(tmp_path).ports(("api",), {"api": wanted}) == {"api": wanted}
    with pytest.raises(StackError) as refused:
        DataDirectory(tmp_path).ports(("api",), {"api": busy_port})
    assert f"Port {busy_port} for api is busy" in refusal_of(refused)


def test_secrets_are_made_once_and_only_the_owner_may_read_them(tmp_path: Path) -> None:
    secret = DataDirectory(tmp_path).secret("session_key")
    assert DataDirectory(tmp_path).secret("session_key") == secret
    assert (tmp_path / "stack.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "is full"),
        (errno.EACCES, "cannot be written"),
        (errno.EROFS, "cannot be written"),
        (errno.ENOTDIR, "is not a directory"),
    ],
)
def test_disk_trouble_is_one_sentence_with_a_way_out(number: int, words: str) -> None:
    with pytest.raises(StackError) as refused, plain_words_for_disk_trouble(Path("data")):
        raise OSError(number, os.strerror(number))
    assert words in refusal_of(refused)
    assert "--data-dir" in refusal_of(refused)


def test_a_nearly_full_disk_is_refused_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directories, "LEAST_FREE_BYTES", 2**63)
    with pytest.raises(StackError, match="is full"):
        DataDirectory(tmp_path)


def test_a_file_in_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StackError) as refused:
        DataDirectory(tmp_path / "file")
    assert "is not a directory" in refusal_of(refused)


def test_a_damaged_state_file_is_refused(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path)
    (tmp_path / "stack.json").write_text("{")
    with pytest.raises(StackError) as refused:
        directory.ports(("api",), {})
    assert "stack.json is damaged" in refusal_of(refused)
