"""The files of this repository, for the tests that read it."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CODE_FOLDERS = ("workflows", "activities", "api", "billing", "evenflow", "simulator")
# Generated once and never read again: size says nothing about them.
GENERATED_FOLDERS = ("migrations/versions",)


def tracked_files() -> list[Path]:
    """Every file git knows or would take, without what is ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def python_files(folders: tuple[str, ...] = CODE_FOLDERS) -> list[Path]:
    """The Python files below the folders, and the worker."""
    return [path for path in tracked_files() if path.suffix == ".py" and _is_below(path, folders)]


def _is_below(path: Path, folders: tuple[str, ...]) -> bool:
    relative = path.relative_to(ROOT).as_posix()
    if any(relative.startswith(f"{folder}/") for folder in GENERATED_FOLDERS):
        return False
    return relative == "worker.py" or any(relative.startswith(f"{folder}/") for folder in folders)


def function_lengths(path: Path) -> Iterator[tuple[str, int]]:
    """Each function of a file as "file:line name" and its number of lines, docstring and decorators left out."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", lines - _docstring_lines(node)


def _docstring_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = node.body[0]
    is_docstring = (
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    )
    return (first.end_lineno or first.lineno) - first.lineno + 1 if is_docstring else 0


def line_count(path: Path) -> int:
    """The number of lines of a file."""
    return len(path.read_text(encoding="utf-8").splitlines())
