"""Whom an account tells that something changed: the case that runs, also beside a debt that was handed over."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from workflows._desk import Desk
from workflows._pursuit import Pursuit


class NotedPursuit(Pursuit):
    """Notes what it would do; its case runs as the desk says."""

    def __init__(self, desk: Any) -> None:
        super().__init__(cast(Desk, desk))
        self.did: list[str] = []

    async def _signal(self, signal: str, payload: object) -> bool:
        self.did.append(signal)
        return bool(self._desk.dunning_running)

    async def _start(self, *joined: Any, case_id: str = "") -> None:
        self.did.append(f"start {case_id}".strip())
        self._desk.dunning_running = True


@pytest.mark.parametrize(
    ("handed_over", "overdue", "running", "did"),
    [
        ("", False, False, []),
        ("", False, True, ["case_changed"]),
        ("", True, True, ["case_changed"]),
        ("", True, False, ["case_changed", "start"]),  # it should run and does not
        ("case_1", True, False, []),  # a person has it
        ("case_1", True, True, ["case_changed"]),  # a newer case runs beside it
        ("case_1", False, False, ["start case_1", "case_changed"]),  # paid after all: it lifts its bars
    ],
)
async def test_the_case_that_runs_is_told(handed_over: str, overdue: bool, running: bool, did: list[str]) -> None:
    desk = SimpleNamespace(handed_over_case=handed_over, has_overdue=overdue, dunning_running=running, collections=())
    pursuit = NotedPursuit(desk)
    await pursuit.tell("payment")
    assert pursuit.did == did
