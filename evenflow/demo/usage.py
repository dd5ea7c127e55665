"""Usage of the roster's lines: files lying in the data directory, imported when their business day has passed."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from evenflow.demo.doors import Doors
from evenflow.demo.roster import COUNTRIES, ZONES, Customer
from evenflow.traffic import NO_FLAWS, Flaws, Line, TrafficFile, TrafficRequest, write_day

BEFORE_THE_CLOCK = date(2026, 12, 1)
CLOCK_STARTS = date(2027, 1, 1)
INTENSITY = 0.6
SEED = 2027
_HEADERS = {"csv": 1}
_DAY = re.compile(r"-(\d{8})\.")


@dataclass(frozen=True, slots=True)
class Expected:
    """What an import of a file has to report."""

    name: str
    lines: int
    duplicates: int
    unknown: int
    damaged: int
    clean: int

    @classmethod
    def of(cls, file: TrafficFile) -> Expected:
        """A late record is accepted or late, by when its cycle is billed: both are counted."""
        return cls(file.path.name, file.lines, file.duplicates, file.unknown, file.damaged, file.clean + file.late)

    def differences(self, report: dict[str, Any]) -> list[str]:
        """Where an import's report says something else."""
        seen = {
            "read": (self.lines, report["read"]),
            "duplicates": (self.duplicates, report["duplicates"]),
            "recycled": (self.unknown, report["recycled"]),
            "rejected": (self.damaged, report["rejected"]),
            "accepted or late": (self.clean, report["accepted"] + report["late"]),
            "conflicts": (0, report["conflicts"]),
        }
        return [
            f"{self.name}: {name} {found}, expected {wanted}"
            for name, (wanted, found) in seen.items()
            if wanted != found
        ]


class UsageFolder:
    """``<data>/usage``: the files of every day and ``expected.json``, what their imports have to report."""

    def __init__(self, folder: Path, customers: Sequence[Customer]) -> None:
        self.folder = folder
        self._customers = customers
        self._kept = folder / "expected.json"

    def expected(self) -> dict[str, Expected]:
        """By file name."""
        if not self._kept.exists():
            return {}
        return {name: Expected(**body) for name, body in json.loads(self._kept.read_text(encoding="utf-8")).items()}

    def last_day(self) -> date | None:
        """The last day whose files were begun."""
        found = [_DAY.search(name) for name in self.expected()]
        return max((date.fromisoformat(one.group(1)) for one in found if one), default=None)

    async def take_december(self, doors: Doors) -> int:
        """The month before the clock starts, in one file per brand and kind of use. Answers how many records."""
        records = 0
        for brand in ZONES:
            for file in await asyncio.to_thread(self._december, brand):
                records += file.lines
                await self._upload(doors, file)
        return records

    async def take_day(self, doors: Doors, day: date, gone: frozenset[str] = frozenset()) -> None:
        """The files of one local day of every brand. Taking a day again, with the same customers gone, has no effect.

        ``gone``: numbers of accounts that were closed, whose lines are not used any more.
        """
        for brand in ZONES:
            for file in await asyncio.to_thread(self._day, brand, day, gone):
                await self._upload(doors, file)

    def _day(self, brand: str, day: date, gone: frozenset[str]) -> list[TrafficFile]:
        lines = self._lines(brand, gone)
        if not lines:
            return []
        files = write_day(self.folder / brand, self._request(brand, lines, Flaws()), day)
        return [self._named(brand, file) for file in files]

    def _december(self, brand: str) -> list[TrafficFile]:
        """Days without flaws, joined into one file per kind of use."""
        lines = self._lines(brand)
        if not lines:
            return []
        days = [BEFORE_THE_CLOCK + timedelta(days=number) for number in range((CLOCK_STARTS - BEFORE_THE_CLOCK).days)]
        written: dict[str, list[TrafficFile]] = {}
        for day in days:
            for file in write_day(self.folder / brand, self._request(brand, lines, NO_FLAWS), day):
                written.setdefault(file.profile, []).append(file)
        return [self._named(brand, _joined(files)) for files in written.values()]

    def _named(self, brand: str, file: TrafficFile) -> TrafficFile:
        """With the brand in its name, and under the profile of the brand's own switch."""
        path = file.path.with_name(f"{brand}-{file.path.name}")
        file.path.replace(path)
        return replace(file, path=path, profile=profile_of(brand, file.profile))

    def _request(self, brand: str, lines: Sequence[Line], flaws: Flaws) -> TrafficRequest:
        return TrafficRequest(lines, SEED, ZONES[brand], COUNTRIES[brand], INTENSITY, flaws)

    def _lines(self, brand: str, gone: frozenset[str] = frozenset()) -> list[Line]:
        return [
            Line(line["identifier"], line["kind"], customer.activated_at)
            for customer in self._customers
            if customer.brand == brand and customer.number not in gone
            for line in customer.lines()
        ]

    async def _upload(self, doors: Doors, file: TrafficFile) -> None:
        self._remember(Expected.of(file))
        content = {"file": (file.path.name, file.path.read_bytes())}
        await doors.api.post("/v1/usage/files", params={"profile": file.profile}, files=content)

    def _remember(self, expected: Expected) -> None:
        kept = {name: asdict(one) for name, one in self.expected().items()} | {expected.name: asdict(expected)}
        draft = self._kept.with_suffix(".draft")
        draft.write_text(json.dumps(kept, indent=1), encoding="utf-8")
        draft.replace(self._kept)


def profile_of(brand: str, profile: str) -> str:
    """Calls are written in the local time and dialling of the brand's switch, so each switch has its own profile."""
    return f"{profile}-{COUNTRIES[brand].lower()}" if profile == "cdr-csv" and brand != "vonk" else profile


def _joined(files: Sequence[TrafficFile]) -> TrafficFile:
    """One file with the records of all, under one header."""
    header = _HEADERS.get(files[0].profile, 0)
    path = files[0].path.with_name(files[0].path.name.replace(f"{files[0].day:%Y%m%d}", f"{files[0].day:%Y%m}"))
    lines = files[0].path.read_text(encoding="utf-8").splitlines()[:header]
    for file in files:
        lines += file.path.read_text(encoding="utf-8").splitlines()[header:]
        file.path.unlink()
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    totals = [
        sum(getattr(file, name) for file in files) for name in ("lines", "duplicates", "unknown", "late", "damaged")
    ]
    return TrafficFile(path, files[0].profile, files[0].day, *totals)
