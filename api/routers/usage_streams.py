"""Streams of usage: how far they are taken."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter

from api.dependencies import Admin, ContainerDep, Viewer
from api.schemas.problems import problems
from api.schemas.usage_streams import MoveStreamIn, StreamPositionOut

router = APIRouter(prefix="/v1/usage/streams", tags=["usage"])


@router.get("", summary="How far every partition of a stream is taken")
async def list_positions(container: ContainerDep, _caller: Viewer) -> Sequence[StreamPositionOut]:
    """With what became of the messages, how many wait, and why one stands still."""
    return [StreamPositionOut.model_validate(each) for each in await container.usage.streams.positions()]


@router.post("/move", summary="Let a partition go on at another offset", responses=problems(404))
async def move_position(wanted: MoveStreamIn, container: ContainerDep, caller: Admin) -> StreamPositionOut:
    """For a partition whose next message is not in the topic any more. Whoever did it is in the log."""
    moved = await container.usage.streams.move(
        wanted.consumer_group, wanted.topic, wanted.partition, wanted.offset, caller.name
    )
    return StreamPositionOut.model_validate(moved)
