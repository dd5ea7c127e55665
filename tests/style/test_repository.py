"""What holds for the repository as a whole."""

from __future__ import annotations

import ast
import os
import re

import pytest

from tests.style.source_files import ROOT, line_count, python_files, tracked_files

WORKER = ROOT / "worker.py"
WORKER_LINES = 30
# Assembled here, so that this file does not name what it forbids.
REGISTRY_HOSTS = ["pypi" + ".org", "python" + "hosted.org", "registry.npm" + "js.org", "proxy.golang" + ".org"]
HOME_PATHS = re.compile(r"(?<![\w.])/(?:home|root|Users|work)/[\w.-]+/")
TEXT_LIMIT_BYTES = 2_000_000


def readable_texts() -> dict[str, str]:
    """Every text file of the repository by its name."""
    texts = {}
    for path in tracked_files():
        content = path.read_bytes() if path.stat().st_size <= TEXT_LIMIT_BYTES else b"\0"
        if b"\0" not in content:
            texts[path.relative_to(ROOT).as_posix()] = content.decode("utf-8", errors="replace")
    return texts


@pytest.mark.skipif(not WORKER.exists(), reason="there is no worker yet")
def test_the_worker_only_starts_what_bootstrap_built() -> None:
    assert line_count(WORKER) <= WORKER_LINES
    tree = ast.parse(WORKER.read_text(encoding="utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported <= {"__future__", "asyncio", "evenflow.bootstrap"}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]


def test_no_file_names_a_package_registry() -> None:
    named = {name for name, text in readable_texts().items() if any(host in text for host in REGISTRY_HOSTS)}
    assert named == set()


def test_no_file_holds_a_path_of_somebodys_machine() -> None:
    named = {name: found[0] for name, text in readable_texts().items() if (found := HOME_PATHS.findall(text))}
    assert named == {}


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        path.relative_to(ROOT).as_posix()
        for path in python_files()
        if line_count(path) > 1 and ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) is None
    ]
    assert silent == []


def test_ci_is_one_command_and_can_be_run() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text(encoding="utf-8").rstrip().endswith("exec make test")


def test_make_runs_only_programs_that_are_there() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    modules = [name.replace(".", "/") for name in re.findall(r"python -m ([a-z_]+(?:\.[a-z_]+)*)", text)]
    ours = [name for name in modules if (ROOT / name.split("/")[0]).is_dir()]
    assert [name for name in ours if not {f"{name}.py", f"{name}/__main__.py"} & names_of_tracked_files()] == []
    tests = re.findall(r"tests/[\w/]+\.py", text)
    assert tests
    assert [name for name in tests if not (ROOT / name).exists()] == []


def names_of_tracked_files() -> set[str]:
    return {path.relative_to(ROOT).as_posix() for path in tracked_files()}


def test_the_lock_names_a_hash_for_every_package_and_no_index() -> None:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    packages = [line for line in lines if re.match(r"^[\w.-]+(\[[\w,]+\])?==", line)]
    assert packages
    assert [line for line in packages if not line.endswith("\\")] == []
    assert [line for line in lines if "index-url" in line and not line.startswith("#")] == []
