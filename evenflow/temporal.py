"""Temporal as Evenflow uses it: one plugin for client, worker and replayer, and the process port on a client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from temporalio.client import (
    Client,
    RPCTimeoutOrCancelledError,
    WorkflowHandle,
    WorkflowUpdateFailedError,
)
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import PayloadCodec
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.plugin import SimplePlugin
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.barring import RESTORED_AFTER
from billing.domain.errors import Conflict, InvalidValue, NotFound, Refusal, UnableTo
from billing.messages.account import AccountState, AccountView, Command, CommandResult
from billing.messages.bulk_actions import BulkActionState
from billing.messages.dunning import BarringState
from billing.messages.identities import (
    BILLING_QUEUE,
    INVARIANTS_WORKFLOW_ID,
    UPKEEP_WORKFLOW_ID,
    account_workflow_id,
    barring_workflow_id,
    bulk_action_workflow_id,
    plan_correction_workflow_id,
    usage_import_workflow_id,
)
from billing.messages.invariants import InvariantsState
from billing.messages.plan_corrections import CorrectPlanRequest
from billing.messages.upkeep import UpkeepState
from billing.messages.usage import ImportFileRequest
from billing.ports.process import ProcessAway

# Pure code of ours: passing it through the sandbox saves loading it again for every workflow instance.
PASSED_THROUGH = ("billing", "activities", "pydantic", "phonenumbers", "structlog")
# Buckets of the time from a payment to services that are free again: moments as a rule, hours when a network is away.
RESTORED_WITHIN_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0, 14_400.0, 86_400.0)
# No answer, or one that says to ask later; everything else is a mistake of ours and shows itself.
NO_ANSWER = (
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.CANCELLED,
    RPCStatusCode.RESOURCE_EXHAUSTED,
    RPCStatusCode.ABORTED,
)
# An update waits for the account's run; a caller of the API should not wait longer than this.
COMMAND_TIMEOUT = timedelta(seconds=30)


def _runner(given: WorkflowRunner | None) -> WorkflowRunner:
    """Our sandbox in the place of the default one; a runner somebody chose on purpose is left alone."""
    if given is not None and not isinstance(given, SandboxedWorkflowRunner):
        return given
    return SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH))


def plugin(payload_codec: PayloadCodec | None = None) -> SimplePlugin:
    """Data converter and sandbox, the same for everything that speaks to Temporal; a codec encrypts what it stores."""
    converter = replace(pydantic_data_converter, payload_codec=payload_codec)
    return SimplePlugin("evenflow", data_converter=converter, workflow_runner=_runner)


async def connect(
    address: str,
    namespace: str = "default",
    api_key: str = "",
    tls: bool = False,
    payload_codec: PayloadCodec | None = None,
    metrics_address: str = "",
) -> Client:
    """A client. ``address`` as host:port; with an API key TLS is always used, as Temporal Cloud wants it.

    ``metrics_address`` (host:port) serves this process's metrics for Prometheus under /metrics.
    """
    return await Client.connect(
        address,
        namespace=namespace,
        api_key=api_key or None,
        tls=tls or bool(api_key),
        plugins=[plugin(payload_codec)],
        runtime=_with_metrics(metrics_address) if metrics_address else None,
    )


def _with_metrics(address: str) -> Runtime:
    prometheus = PrometheusConfig(
        bind_address=address,
        durations_as_seconds=True,
        unit_suffix=True,
        histogram_bucket_overrides={RESTORED_AFTER: RESTORED_WITHIN_SECONDS},
    )
    return Runtime(telemetry=TelemetryConfig(metrics=prometheus))


class TemporalProcess:
    """The process port on Temporal: starts by deterministic id, signals and updates by workflow id.

    ``connect`` is called at the first use, so that a door can open before the process server is up.
    """

    def __init__(self, connect: Callable[[], Awaitable[Client]], queue: str = BILLING_QUEUE) -> None:
        self._connect = connect
        self._queue = queue
        self._connected: Client | None = None

    async def client(self) -> Client:
        """The client, connected once. Raises ProcessAway."""
        if self._connected is None:
            try:
                self._connected = await self._connect()
            except RuntimeError as error:  # so the client says that nobody answers at the address
                raise ProcessAway(f"the process server cannot be reached: {error}") from error
        return self._connected

    async def _handle(self, workflow_id: str) -> WorkflowHandle[Any, Any]:
        return (await self.client()).get_workflow_handle(workflow_id)

    async def start_account(self, state: AccountState) -> None:
        """Start the account's workflow; nothing happens when it runs."""
        await self._start(
            "AccountWorkflow",
            state,
            account_workflow_id(state.brand, state.number),
            f"Account {state.brand}/{state.number}, cycle day {state.plan.cycle_day}",
            [
                SearchAttributePair(SearchAttributeKey.for_keyword("Brand"), state.brand),
                SearchAttributePair(SearchAttributeKey.for_int("CycleDay"), int(state.plan.cycle_day)),
            ],
        )

    async def start_import(self, request: ImportFileRequest) -> None:
        """Start the import of a registered file; one that waits for a decision looks again."""
        await self._start(
            "UsageImportWorkflow",
            request,
            usage_import_workflow_id(request.file_id),
            f"Import {request.file_id}",
            signal="look_again",
        )

    async def start_plan_correction(self, request: CorrectPlanRequest) -> None:
        """Start carrying out a recorded correction; nothing happens when that runs."""
        await self._start(
            "PlanCorrectionWorkflow",
            request,
            plan_correction_workflow_id(request.correction_id),
            f"Correct a price: {request.correction_id}",
        )

    async def start_bulk_action(self, state: BulkActionState) -> None:
        """Start carrying out a confirmed bulk action; nothing happens when that runs."""
        await self._start(
            "BulkActionWorkflow", state, bulk_action_workflow_id(state.bulk_id), f"Bulk action {state.bulk_id}"
        )

    async def start_barring(self, state: BarringState) -> None:
        """Start the workflow of an order whose own is gone; nothing happens where it runs."""
        await self._start(
            "BarringWorkflow",
            state,
            barring_workflow_id(state.brand, state.number, state.order_id),
            f"Set services to {state.level}",
            [SearchAttributePair(SearchAttributeKey.for_keyword("Brand"), state.brand)],
        )

    async def start_invariants(self, state: InvariantsState) -> None:
        """Start the one workflow that checks the books; nothing happens when it runs."""
        await self._start("InvariantsWorkflow", state, INVARIANTS_WORKFLOW_ID, "Checks the rules of the books")

    async def start_upkeep(self, state: UpkeepState) -> None:
        """Start the one upkeep workflow; nothing happens when it runs."""
        await self._start("UpkeepWorkflow", state, UPKEEP_WORKFLOW_ID, "Upkeep: finds and mends what was missed")

    async def _start(
        self,
        workflow: str,
        state: Any,
        workflow_id: str,
        summary: str,
        attributes: Sequence[Any] = (),
        signal: str | None = None,
    ) -> None:
        try:
            await (await self.client()).start_workflow(
                workflow,
                state,
                id=workflow_id,
                task_queue=self._queue,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                search_attributes=TypedSearchAttributes(list(attributes)) if attributes else None,
                static_summary=summary,
                start_signal=signal,
            )
        except WorkflowAlreadyStartedError:
            return

    async def signal(self, workflow_id: str, signal: str, payload: Any) -> None:
        """Tell a fact. Raises NotFound when no workflow of this id is open, ProcessAway when nobody answers."""
        try:
            await (await self._handle(workflow_id)).signal(signal, payload)
        except RPCError as error:
            raise _missing(workflow_id, error) from error

    async def command(self, workflow_id: str, update: str, command: Command) -> CommandResult:
        """Carry out a command and answer its result. Raises the refusal that the workflow answered."""
        handle = await self._handle(workflow_id)
        try:
            result: CommandResult = await handle.execute_update(
                update, command, id=command.command_id, result_type=CommandResult, rpc_timeout=COMMAND_TIMEOUT
            )
        except WorkflowUpdateFailedError as error:
            raise _refusal(error.cause) from error
        except RPCTimeoutOrCancelledError as error:
            raise _away(error) from error
        except RPCError as error:
            raise _missing(workflow_id, error) from error
        return result

    async def view(self, workflow_id: str) -> AccountView:
        """Look at one account's process. Raises NotFound when there is none."""
        try:
            handle = await self._handle(workflow_id)
            view: AccountView = await handle.query("view", result_type=AccountView, rpc_timeout=COMMAND_TIMEOUT)
        except RPCError as error:
            raise _missing(workflow_id, error) from error
        return view


def _missing(workflow_id: str, error: RPCError) -> Exception:
    if error.status in NO_ANSWER:
        return _away(error)
    if error.status is not RPCStatusCode.NOT_FOUND:
        return error
    return NotFound(
        f"No open workflow {workflow_id}.",
        field="workflow_id",
        value=workflow_id,
        remedy="Upkeep starts missing workflows within minutes; a closed account has none.",
    )


def _away(error: Exception) -> ProcessAway:
    return ProcessAway(f"the process server gave no answer: {error}")


_KINDS: dict[str, type[Refusal]] = {"NotFound": NotFound, "Conflict": Conflict, "InvalidValue": InvalidValue}


def _refusal(cause: BaseException | None) -> Exception:
    """The refusal inside a failed update."""
    if not isinstance(cause, ApplicationError):
        return RuntimeError(f"the command failed: {cause}")
    details = cause.details[0] if cause.details else {}
    return _KINDS.get(cause.type or "", UnableTo)(
        cause.message,
        field=details.get("field", ""),
        value=details.get("value", ""),
        remedy=details.get("remedy", ""),
    )
