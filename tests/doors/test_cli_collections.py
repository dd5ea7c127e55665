"""``evenflow collections`` against the whole application on a real port."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from evenflow.cli.main import app
from tests.doors.console_data import FULL_ACCOUNT
from tests.doors.doors_world import ADMIN_KEY
from tests.doors.every_door import every_door


@pytest.fixture
def address(database_url: str, simulator_environment: dict[str, str], tmp_path: Path) -> Iterator[str]:
    with every_door(database_url, simulator_environment, tmp_path) as found:
        yield found


def run(address: str, *words: str) -> Result:
    return CliRunner().invoke(app, ["collections", *words, "--api", address, "--key", ADMIN_KEY])


def test_a_case_is_written_as_json_csv_and_documents_for_its_owner_only(address: str, tmp_path: Path) -> None:
    out = tmp_path / "case"
    done = run(address, "export", FULL_ACCOUNT, "case_1001", "--out", str(out))
    assert done.exit_code == 0, done.output
    found = json.loads((out / "case_1001.json").read_text(encoding="utf-8"))
    assert found["debtor"]["account_id"] == FULL_ACCOUNT
    assert (out / "case_1001.csv").read_text(encoding="utf-8").startswith("record,reference,date,due_on")
    documents = sorted(path.name for path in out.glob("*.pdf"))
    assert documents == sorted(f"{one['invoice_id']}.pdf" for one in found["invoices"])
    assert documents
    assert all(path.read_bytes().startswith(b"%PDF") for path in out.glob("*.pdf"))
    assert {stat.S_IMODE(path.stat().st_mode) for path in out.iterdir()} == {0o600}


def test_an_unknown_case_is_one_sentence(address: str, tmp_path: Path) -> None:
    done = run(address, "export", FULL_ACCOUNT, "case_9", "--out", str(tmp_path / "none"))
    assert done.exit_code == 1
    assert "There is no case case_9" in done.output
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    "words", [("hand-over", "--agency", "Incasso Noord", "--reason", "the end"), ("take-back", "--reason", "paid us")]
)
def test_a_case_is_handed_over_and_taken_back(address: str, words: tuple[str, ...]) -> None:
    action, *rest = words
    done = run(address, action, FULL_ACCOUNT, "case_1001", *rest)
    assert (done.exit_code, done.output.strip()) == (0, "done")
