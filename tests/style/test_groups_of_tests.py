"""Tests of one group run in one process: a world that many stories share would else be built in each of them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

TESTS = """
import pytest

@pytest.mark.xdist_group("together")
@pytest.mark.parametrize("number", range(8))
def test_alike(number):
    pass
"""


def test_tests_of_one_group_run_in_one_process(tmp_path: Path) -> None:
    (tmp_path / "test_together.py").write_text(TESTS, encoding="utf-8")
    options = ("-n", "2", "--dist", "loadgroup", "-v", "-p", "no:cacheprovider", "--rootdir", str(tmp_path))
    command = (sys.executable, "-m", "pytest", *options, "-c", "/dev/null", str(tmp_path))
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(set(re.findall(r"^\[(gw\d)\].*PASSED", done.stdout, re.MULTILINE))) == 1
