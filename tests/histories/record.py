"""Recording histories of today's process: ``make record RELEASE=0.1`` runs the stories and keeps each run.

Nothing recorded is ever changed: use a new release name when the process changed on purpose.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from billing.messages.identities import dunning_workflow_id
from tests.histories.catalogue import add_to_manifest, write

if TYPE_CHECKING:
    from tests.process.people import Customer
    from tests.process.world import World


async def keep(world: World, release: str, stories: Sequence[str]) -> None:
    """Write every run of every workflow of these stories."""
    from tests.process.people import CUSTOMERS

    written = []
    for story in stories:
        written += await _keep_story(world, release, story, CUSTOMERS[story])
    add_to_manifest(written)


async def _keep_story(world: World, release: str, story: str, customer: Customer) -> list[Path]:
    queries = {
        "account": f'WorkflowId = "{customer.workflow_id}"',
        "dunning": f'WorkflowId = "{dunning_workflow_id(customer.brand, customer.number)}"',
        "barring": f'WorkflowId STARTS_WITH "barring/{customer.brand}/{customer.number}/"',
    }
    for workflow_id in customer.workflows:
        queries[workflow_id.replace("/", "-")] = f'WorkflowId = "{workflow_id}"'
    written = []
    for kind, query in queries.items():
        executions = [one async for one in world.temporal.list_workflows(query)]
        for place, one in enumerate(sorted(executions, key=lambda execution: execution.start_time), start=1):
            handle = world.temporal.get_workflow_handle(one.id, run_id=one.run_id)
            history = (await handle.fetch_history()).to_json_dict()
            written.append(write(release, f"{story}.{kind}", place, one.id, history))
    return written
