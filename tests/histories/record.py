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
    from temporalio.client import Client

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
        written += await keep_runs(world.temporal, release, f"{story}.{kind}", query)
    return written


async def keep_runs(client: Client, release: str, scenario: str, query: str) -> list[Path]:
    """Write every run that the server finds, oldest first; the caller adds them to the manifest."""
    written = []
    executions = [one async for one in client.list_workflows(query)]
    for place, one in enumerate(sorted(executions, key=lambda execution: execution.start_time), start=1):
        handle = client.get_workflow_handle(one.id, run_id=one.run_id)
        history = (await handle.fetch_history()).to_json_dict()
        written.append(write(release, scenario, place, one.id, history))
    return written
