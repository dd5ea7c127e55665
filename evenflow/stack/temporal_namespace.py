"""What a Temporal namespace must have before the process can run in it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    RegisterNamespaceRequest,
    UpdateNamespaceRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from evenflow.stack.temporal_server import SEARCH_ATTRIBUTES

RETENTION = timedelta(hours=9600)
START_SECONDS = 60.0
NEW_NAMESPACE_SECONDS = 60.0


async def prepare_namespace(client: Client) -> None:
    """Make sure the client's namespace is there, keeps runs for long, and knows every search attribute.

    Works on any server, again and again; an older store learns the attributes that are new.
    """
    namespace = client.namespace
    config = NamespaceConfig()
    config.workflow_execution_retention_ttl.FromTimedelta(RETENTION)
    if await _is_known(client):
        await client.workflow_service.update_namespace(UpdateNamespaceRequest(namespace=namespace, config=config))
    else:
        retention = config.workflow_execution_retention_ttl
        await client.workflow_service.register_namespace(
            RegisterNamespaceRequest(namespace=namespace, workflow_execution_retention_period=retention)
        )
    await _once_the_server_has_noticed(partial(_add_search_attributes, client))


async def once_healthy(address: str, namespace: str) -> Client:
    """A plain client of a server that was just started: it takes connections some moments before it answers."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return await Client.connect(address, namespace=namespace)
        except RuntimeError as error:
            if "Unavailable" not in str(error) or time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.2)


async def _is_known(client: Client) -> bool:
    try:
        await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return False
        raise
    return True


async def _add_search_attributes(client: Client) -> None:
    namespace = client.namespace
    known = await client.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace=namespace))
    missing = {
        name: IndexedValueType.Value(f"INDEXED_VALUE_TYPE_{kind.upper()}")
        for name, kind in SEARCH_ATTRIBUTES.items()
        if name not in known.custom_attributes
    }
    if missing:
        await client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(namespace=namespace, search_attributes=missing)
        )


async def _once_the_server_has_noticed(attempt: Callable[[], Awaitable[None]]) -> None:
    """Try until a server that has just got a namespace has read it; it does so every few seconds."""
    deadline = time.monotonic() + NEW_NAMESPACE_SECONDS
    while True:
        try:
            return await attempt()
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND or time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.5)
