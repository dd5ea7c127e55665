"""A deliberately broken account process, for the negative control of the replay tests."""

from __future__ import annotations

from temporalio import workflow

from workflows.account import AccountState as State
from workflows.account import AccountWorkflow


@workflow.defn(name="AccountWorkflow")
class BrokenAccountWorkflow(AccountWorkflow):
    """Sleeps an hour before it does anything."""

    @workflow.init
    def __init__(self, state: State) -> None:
        super().__init__(state)

    @workflow.run
    async def run(self, state: State) -> None:  # type: ignore[override]
        await workflow.sleep(3600)
        await super().run(state)
