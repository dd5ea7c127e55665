"""docs/scenarios.md names tests that exist, and leaves out no scenario."""

from __future__ import annotations

import ast
import re

import pytest

from tests.style.source_files import ROOT

PAGE = ROOT / "docs" / "scenarios.md"
ALL = set(range(1, 46))
_ROW = re.compile(r"^\| (\d+) \|(.*)\|$", re.MULTILINE)
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def rows(part: str) -> dict[int, list[tuple[str, str]]]:
    """The tests that each row of a table names, as file and function."""
    return {int(number): _TEST.findall(text) for number, text in _ROW.findall(part)}


def functions(file: str) -> set[str]:
    """The functions of a test file, and nothing when there is no such file."""
    path = ROOT / file
    if not path.exists():
        return set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


PROVEN = PAGE.read_text(encoding="utf-8")


def test_every_scenario_is_proven() -> None:
    assert set(rows(PROVEN)) == ALL


@pytest.mark.parametrize("number", sorted(rows(PROVEN)))
def test_the_tests_of_a_scenario_exist(number: int) -> None:
    named = rows(PROVEN)[number]
    assert named, "a scenario without a test belongs below"
    assert [f"{file}::{name}" for file, name in named if name not in functions(file)] == []


def test_a_test_that_is_gone_is_noticed() -> None:
    assert rows("| 7 | a | b | `tests/style/test_scenarios.py::no_such_test` |") == {
        7: [("tests/style/test_scenarios.py", "no_such_test")]
    }
    assert "no_such_test" not in functions("tests/style/test_scenarios.py")
    assert functions("tests/style/no_such_file.py") == set()
