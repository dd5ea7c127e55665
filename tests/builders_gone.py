"""Processes beside a dunning case that do as little as they must, for a case that meets them as they end."""

from __future__ import annotations

from typing import Any

from temporalio import workflow

from billing.messages.dunning import BarringResult, BarringState


@workflow.defn(name="BarringWorkflow")
class ShortBarring:
    """An order that ends when it is told to."""

    def __init__(self) -> None:
        self._ends = False

    @workflow.run
    async def run(self, state: BarringState) -> BarringResult:
        await workflow.wait_condition(lambda: self._ends)
        return BarringResult(state.account_id, state.order_id, state.level, "confirmed")

    @workflow.signal
    def end(self) -> None:
        self._ends = True


@workflow.defn(name="AccountWorkflow")
class ShortAccount:
    """An account that ends when it was asked to collect; what it was asked."""

    def __init__(self) -> None:
        self._asked: list[Any] = []

    @workflow.run
    async def run(self) -> int:
        await workflow.wait_condition(lambda: bool(self._asked))
        return len(self._asked)

    @workflow.signal
    def collection_requested(self, fact: Any) -> None:
        self._asked.append(fact)
