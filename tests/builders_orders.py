"""A workflow that hands one order to the network with the options of the real one."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows._options import network_call


@workflow.defn
class OneOrder:
    """Hands one order over, on the task queue it runs on."""

    @workflow.run
    async def run(self, level: str) -> None:
        options = network_call(level)
        options = {**options, "task_queue": workflow.info().task_queue}
        await workflow.execute_activity("hand_over", level, **options)
