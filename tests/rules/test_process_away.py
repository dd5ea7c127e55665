"""While the process server gives no answer that is said as such, and a workflow that is missing as what it is."""

from __future__ import annotations

from typing import Any

import pytest
from temporalio.client import WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError, RPCStatusCode

from billing.domain.errors import NotFound
from billing.messages.account import OpenPaySession
from billing.ports.process import ProcessAway
from evenflow.temporal import TemporalProcess

COMMAND = OpenPaySession("pay-1", "customer", "paylink")


class _Handle:
    def __init__(self, error: Exception) -> None:
        self._error = error

    async def signal(self, *_: Any) -> None:
        raise self._error

    async def execute_update(self, *_: Any, **__: Any) -> None:
        raise self._error

    async def query(self, *_: Any, **__: Any) -> None:
        raise self._error


class _Client:
    def __init__(self, error: Exception) -> None:
        self._error = error

    def get_workflow_handle(self, _workflow_id: str) -> _Handle:
        return _Handle(self._error)


def a_process(error: Exception) -> TemporalProcess:
    async def connect() -> Any:
        return _Client(error)

    return TemporalProcess(connect)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (RPCStatusCode.UNAVAILABLE, ProcessAway),
        (RPCStatusCode.DEADLINE_EXCEEDED, ProcessAway),
        (RPCStatusCode.NOT_FOUND, NotFound),
        (RPCStatusCode.INVALID_ARGUMENT, RPCError),
    ],
)
async def test_what_the_server_answers_is_told_apart(status: RPCStatusCode, expected: type[Exception]) -> None:
    process = a_process(RPCError("no", status, b""))
    with pytest.raises(expected):
        await process.signal("account/vonk/A1", "payment_outcome_received", None)
    with pytest.raises(expected):
        await process.command("account/vonk/A1", "open_pay_session", COMMAND)
    with pytest.raises(expected):
        await process.view("account/vonk/A1")


async def test_a_command_that_is_not_answered_in_time_is_no_mistake_of_ours() -> None:
    with pytest.raises(ProcessAway):
        await a_process(WorkflowUpdateRPCTimeoutOrCancelledError()).command("account/vonk/A1", "pay", COMMAND)


async def test_a_server_that_cannot_be_reached_is_away() -> None:
    async def connect() -> Any:
        raise RuntimeError("Failed client connect")

    with pytest.raises(ProcessAway):
        await TemporalProcess(connect).signal("account/vonk/A1", "x", None)
