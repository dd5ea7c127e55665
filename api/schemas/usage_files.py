"""Usage files at the door: what arrived, what became of it, the report, and what a person decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.base import Request, Response
from billing.ports.usage_files import UsageFile
from billing.services.usage_reports import FileReport

FileStatus = Literal["registered", "held", "importing", "done", "rejected", "cancelling", "cancelled"]
HoldKind = Literal["", "gap", "repeated", "unnumbered", "totals"]
A_FILE = "record_id,identifier,meter,quantity,started_at\nr-1,+31612345678,voice_seconds,75,2027-02-01T10:00:00+01:00\n"
A_HELD_FILE: dict[str, Any] = {
    "file_id": "file_1004",
    "name": "roaming-0009.csv",
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "profile": "roaming",
    "status": "held",
    "size_bytes": 48211,
    "lines_done": 0,
    "read": 0,
    "accepted": 0,
    "duplicates": 0,
    "conflicts": 0,
    "recycled": 0,
    "rejected": 0,
    "late": 0,
    "partial": 0,
    "registered_at": "2027-02-02T01:00:00Z",
    "started_at": None,
    "finished_at": None,
    "sequence": 9,
    "gap": ["8"],
    "hold_kind": "gap",
    "hold_reason": "Number 9 arrived before 8.",
}


class UsageFileOut(Response):
    """A registered file and how far it is; the six counts add up to ``read``. A held file is not counted yet."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [A_HELD_FILE]})

    file_id: str
    name: str
    sha256: str
    profile: str
    status: FileStatus
    size_bytes: int
    lines_done: int
    read: int
    accepted: int
    duplicates: int
    conflicts: int
    recycled: int
    rejected: int
    late: int
    partial: int = Field(description="Parts of sessions, waiting for the others.")
    registered_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    sequence: int | None = Field(description="The number that the source gave the file.")
    gap: Sequence[str] = Field(description="Numbers that had not arrived before it.")
    hold_kind: HoldKind
    hold_reason: str


class UploadedFileOut(BaseModel):
    """``already_known`` is true when the same content was uploaded before: then nothing more happens."""

    file: UsageFileOut
    already_known: bool


class DecisionIn(Request):
    """Why a held file is released or rejected: it stays with the file, beside the author."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reason": "The partner confirmed that 8 was never sent"}]}
    )

    reason: str = Field(min_length=1, max_length=500, description="Why, in a few words.")


class ControlTotalOut(BaseModel):
    """A total that the file declares, and the counted one (empty before it was counted), as texts."""

    name: str
    declared: str
    counted: str
    agrees: bool


class FileReportOut(BaseModel):
    """All that is known of a file. ``text`` is the same for people; Accept: text/plain answers only that."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "file": A_HELD_FILE,
                    "control": [{"name": "records", "declared": "512", "counted": "511", "agrees": False}],
                    "meters": {"voice": 33120},
                    "charge": "120.45",
                    "first_start": "2027-02-01T00:00:07Z",
                    "last_start": "2027-02-01T23:59:12Z",
                    "decision": "",
                    "dismissed": {"rejected": 2},
                    "needs_a_person": True,
                    "text": "file_1004  roaming-0009.csv ...",
                }
            ]
        }
    )

    file: UsageFileOut
    control: Sequence[ControlTotalOut]
    meters: Mapping[str, int] = Field(description="What its records held, by meter, in the meter's own units.")
    charge: Decimal | None = Field(description="The sum of the amounts its records carry.")
    first_start: datetime | None
    last_start: datetime | None
    decision: str = Field(description="What a person decided about it, with author and reason.")
    dismissed: Mapping[str, int] = Field(
        description="Kept records of it that a person dismissed, by kind; they stay in the count of that kind."
    )
    needs_a_person: bool
    text: str

    @classmethod
    def of(cls, report: FileReport, text: str) -> Self:
        """From the service's report."""
        file: UsageFile = report.file
        return cls(
            file=UsageFileOut.model_validate(file),
            control=[
                ControlTotalOut(name=each.name, declared=each.declared, counted=each.counted, agrees=each.agrees)
                for each in report.control
            ],
            meters={each.meter: each.quantity for each in report.meters},
            charge=file.charge,
            first_start=file.first_start,
            last_start=file.last_start,
            decision=report.decision,
            dismissed=report.dismissed,
            needs_a_person=report.needs_a_person,
            text=text,
        )
