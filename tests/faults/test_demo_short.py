"""A short demonstration as a user runs it: the real stack, six customers, ten business days, an end by itself."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack_fixtures import reachable_directory

PATIENCE_SECONDS = 280
# One demonstration for all of them, also when tests run on several processes.
pytestmark = pytest.mark.xdist_group("worlds")


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    with reachable_directory() as directory:
        yield directory


def demo(data_dir: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from evenflow.cli.main import app; app()", "demo", "--data-dir", str(data_dir)]
    return subprocess.run([*command, *options], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)


@pytest.fixture(scope="module")
def finished(data_dir: Path) -> subprocess.CompletedProcess[str]:
    return demo(data_dir, "--accounts", "6", "--days", "10", "--day-seconds", "2", "--exit")


def test_a_short_demonstration_reports_unfinished_stories_and_ends_well(
    finished: subprocess.CompletedProcess[str],
) -> None:
    assert finished.returncode == 0, finished.stdout[-3000:] + finished.stderr[-3000:]
    assert "not as expected" in finished.stdout
    assert "unfinished" in finished.stdout
    assert "rules of the books" in finished.stdout


def test_it_says_per_account_what_happened_and_why(finished: subprocess.CompletedProcess[str]) -> None:
    assert "Account V100002 opened" in finished.stdout
    assert "the first cycle starts on activation" in finished.stdout


def test_what_the_usage_files_hold_is_what_their_imports_report(
    finished: subprocess.CompletedProcess[str], data_dir: Path
) -> None:
    expected = json.loads((data_dir / "usage" / "expected.json").read_text())
    assert f"✓ {len(expected)} usage files" in finished.stdout
    assert any(one["damaged"] and one["unknown"] and one["duplicates"] for one in expected.values())


def test_every_bill_is_the_one_that_the_usage_files_and_the_price_list_give(
    finished: subprocess.CompletedProcess[str],
) -> None:
    told = re.search(r"✓ (\d+) bills computed again from ([\d,]+) records of the usage files", finished.stdout)
    assert told, finished.stdout[-3000:]
    assert int(told[1]) >= 4
    assert int(told[2].replace(",", "")) > 1000


def test_a_finished_demonstration_is_not_mixed_with_another_one(
    finished: subprocess.CompletedProcess[str], data_dir: Path
) -> None:
    refused = demo(data_dir, "--accounts", "7", "--exit")
    assert refused.returncode == 1
    assert "begin anew with --fresh" in refused.stderr
    assert "Traceback" not in refused.stderr
