"""PostgreSQL takes its share of the machine that it is on."""

from __future__ import annotations

from pathlib import Path

import pytest

from evenflow.stack.postgres import buffers_for, memory_here

GB = 2**30


@pytest.mark.parametrize(
    ("memory", "buffers"),
    [(GB // 4, "128MB"), (2 * GB, "512MB"), (4 * GB, "1024MB"), (8 * GB, "2048MB"), (64 * GB, "2048MB")],
)
def test_a_quarter_of_the_memory_is_for_pages_within_bounds(memory: int, buffers: str) -> None:
    assert buffers_for(memory) == buffers


def test_a_container_has_what_it_may_use(tmp_path: Path) -> None:
    limit = tmp_path / "memory.max"
    machine = memory_here(limit)
    assert machine > 0
    limit.write_text("max\n")
    assert memory_here(limit) == machine
    limit.write_text("67108864\n")
    assert memory_here(limit) == 2**26
