"""Replay that also sees what the server does not compare: activity inputs, children's inputs and carried state.

The SDK's replay checks only which commands come in which order. An amount, a date or a carried field may change without
a complaint. So an interceptor notes the inputs of every command while a history is replayed, and they are compared with
the inputs recorded in it.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any, NoReturn

from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import (
    ContinueAsNewInput,
    Interceptor,
    StartActivityInput,
    StartChildWorkflowInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)


@dataclass
class Commands:
    """The inputs of the commands of one replay, in order, as JSON."""

    seen: list[tuple[str, list[Any]]] = field(default_factory=list)

    def note(self, kind: str, args: Any) -> None:
        payloads = pydantic_data_converter.payload_converter.to_payloads(list(args))
        self.seen.append((kind, [json.loads(payload.data) for payload in payloads]))


class _Noting(WorkflowOutboundInterceptor):
    def __init__(self, next_one: WorkflowOutboundInterceptor, commands: Commands) -> None:
        super().__init__(next_one)
        self._commands = commands

    def start_activity(self, input: StartActivityInput) -> Any:
        self._commands.note(input.activity, input.args)
        return super().start_activity(input)

    async def start_child_workflow(self, input: StartChildWorkflowInput) -> Any:
        self._commands.note(input.workflow, input.args)
        return await super().start_child_workflow(input)

    def continue_as_new(self, input: ContinueAsNewInput) -> NoReturn:
        self._commands.note("continue_as_new", input.args)
        super().continue_as_new(input)
        raise AssertionError("continue_as_new came back")


class CommandNotes(Interceptor):
    """Give it to a Replayer; ``commands`` then holds what the replayed workflow asked for."""

    def __init__(self) -> None:
        self.commands = Commands()

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        commands = self.commands

        class Inbound(WorkflowInboundInterceptor):
            def init(self, outbound: WorkflowOutboundInterceptor) -> None:
                super().init(_Noting(outbound, commands))

        return Inbound


_INPUTS = {
    "activityTaskScheduledEventAttributes": ("activityType", "input"),
    "startChildWorkflowExecutionInitiatedEventAttributes": ("workflowType", "input"),
    "workflowExecutionContinuedAsNewEventAttributes": ("", "input"),
}


def recorded_commands(history: Any) -> list[tuple[str, list[Any]]]:
    """The inputs of the commands as the server recorded them."""
    commands = []
    for event in history["events"]:
        for attributes, (type_field, input_field) in _INPUTS.items():
            if attributes in event:
                body = event[attributes]
                kind = body[type_field]["name"] if type_field else "continue_as_new"
                payloads = body.get(input_field, {}).get("payloads", [])
                commands.append((kind, [json.loads(base64.b64decode(one["data"])) for one in payloads]))
    return commands


def without_newer_fields(asked: Any, recorded: Any) -> Any:
    """What is asked for today, without the fields that messages got since it was recorded.

    Only a field that holds nothing is left out: then what is asked for means what it meant. A field with a value stays,
    and is found to differ.
    """
    if isinstance(asked, dict) and isinstance(recorded, dict):
        return {
            name: without_newer_fields(value, recorded.get(name))
            for name, value in asked.items()
            if name in recorded or value not in (None, "", False, 0, [], {})
        }
    if isinstance(asked, list | tuple) and isinstance(recorded, list | tuple):
        rest = [without_newer_fields(*both) for both in zip(asked, recorded, strict=False)]
        return type(asked)([*rest, *asked[len(rest) :]])
    return asked


def ends_within_a_task(history: Any) -> bool:
    """True for a history whose last workflow task was not completed: it was waiting, or its run was terminated."""
    tasks = [one["eventType"] for one in history["events"] if "_WORKFLOW_TASK_" in one["eventType"]]
    return not tasks or not tasks[-1].endswith("_COMPLETED")
