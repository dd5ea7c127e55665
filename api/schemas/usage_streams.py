"""Streams of usage at the door: how far each partition is, and where an operator lets it go on."""

from __future__ import annotations

from datetime import datetime

from pydantic import ConfigDict, Field

from api.schemas.base import Request, Response


class StreamPositionOut(Response):
    """One partition; the six counts add up to ``read``. ``trouble`` says why it stands still; empty when it moves."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "consumer_group": "evenflow",
                    "topic": "usage",
                    "partition": 0,
                    "next_offset": 1200,
                    "end_offset": 1203,
                    "lag": 3,
                    "seen_at": "2027-02-01T10:00:00Z",
                    "read": 1200,
                    "accepted": 1190,
                    "duplicates": 2,
                    "conflicts": 0,
                    "recycled": 5,
                    "rejected": 3,
                    "late": 0,
                    "trouble": "",
                }
            ]
        },
    )

    consumer_group: str
    topic: str
    partition: int
    next_offset: int
    end_offset: int = Field(description="The end of the partition when it was last seen.")
    lag: int = Field(description="Messages that waited then.")
    seen_at: datetime
    read: int
    accepted: int
    duplicates: int
    conflicts: int
    recycled: int
    rejected: int
    late: int
    trouble: str


class MoveStreamIn(Request):
    """Let a partition go on at another offset: what lies between is left out, or read again (and then a duplicate)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"consumer_group": "evenflow", "topic": "usage", "partition": 0, "offset": 1500}]
        }
    )

    consumer_group: str = Field(min_length=1, max_length=255, description="As the list shows it.")
    topic: str = Field(min_length=1, max_length=255, description="As the list shows it.")
    partition: int = Field(ge=0, le=1_000_000, description="As the list shows it.")
    offset: int = Field(ge=0, le=2**62, description="The next one to read.")
