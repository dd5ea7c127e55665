"""What keeps a file waiting for a person before anything of it is counted: its place in the sequence, its totals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import Any

from billing.ports.unit_of_work import UnitOfWork
from billing.ports.usage import UsageFormat
from billing.ports.usage_files import HELD, REGISTERED, Neighbours, UsageFile
from billing.ports.usage_profiles import FileTotals, SourceProfile
from billing.services.usage_sequences import as_written, missing_before, position_of

WHOLE_FILE = "file"  # the field that a decoder names when no record of a file can be read
GAP, REPEATED, UNNUMBERED, TOTALS = "gap", "repeated", "unnumbered", "totals"


def as_texts(totals: FileTotals | None) -> dict[str, str]:
    """What totals say, by name: records, quantity, charge, tax."""
    if totals is None:
        return {}
    named = {each.name: getattr(totals, each.name) for each in fields(totals) if each.name != "sequence"}
    return {
        name: f"{value:f}" if isinstance(value, Decimal) else str(value)
        for name, value in named.items()
        if value is not None
    }


async def place(work: UnitOfWork, profile: SourceProfile, file: UsageFile, in_file: int | None) -> UsageFile:
    """Give a new file its place in its profile's order, and hold it where the order is broken.

    ``in_file`` is the number that the file itself carries; the one in its name comes first.
    """
    sequence = profile.sequence_of(file.name)
    sequence = in_file if sequence is None else sequence
    if sequence is None:
        if "(?P<sequence>" in profile.file_name_pattern:
            await _hold(work, file, UNNUMBERED, _unnumbered(profile, file))
        return await work.usage.file(file.file_id)
    position = position_of(profile, sequence, await work.usage.last_position(file.profile))
    around = await work.usage.neighbours(file.profile, position, file.file_id)
    missing = as_written(profile, missing_before(position, around))
    values: dict[str, Any] = {"sequence": sequence, "position": position, "gap": missing}
    await work.usage.change_file(file.file_id, values)
    if around.same:
        await _hold(work, file, REPEATED, _repeated(sequence, file, around.same))
    elif missing:
        await _hold(work, file, GAP, _gap(sequence, missing))
    return await work.usage.file(file.file_id)


async def free(work: UnitOfWork, profile: SourceProfile) -> list[UsageFile]:
    """Let go the files that waited for others which are there by now, in their order; answers them."""
    freed = []
    for file in await work.usage.waiting_for_others(profile.name):
        position = file.position if file.position is not None else 0
        around: Neighbours = await work.usage.neighbours(file.profile, position, file.file_id)
        missing = as_written(profile, missing_before(position, around))
        if not missing:
            values = {"status": REGISTERED, "hold_kind": "", "hold_reason": "", "gap": []}
            await work.usage.change_file(file.file_id, values)
            freed.append(await work.usage.file(file.file_id))
        elif missing != list(file.gap):
            values = {"gap": missing, "hold_reason": _gap(file.sequence or 0, missing)}
            await work.usage.change_file(file.file_id, values)
    return freed


def totals_trouble(declared: UsageFormat, said: Mapping[str, str], path: Path) -> tuple[Mapping[str, str], str]:
    """Count what a file holds and hold it against what it says: the counted totals, and every difference in words.

    Reads the whole file where it says something. The reason is empty where all is well, or the source declares nothing.
    """
    if not said:
        if not declared.profile.control.is_declared:
            return {}, ""
        return {}, _why_silent(declared, path)
    counted = as_texts(declared.counted_totals(path))
    differences = [
        f"{name}: declared {value}, counted {counted.get(name, 'none')}"
        for name, value in said.items()
        if not _same(value, counted.get(name))
    ]
    return counted, f"The control totals differ. {'; '.join(differences)}." if differences else ""


def _why_silent(declared: UsageFormat, path: Path) -> str:
    """Why a file of a source with totals has none: the decoder's reason where it refuses the file as a whole."""
    first = next(declared.decode(path), None)
    if first is not None and first.field == WHOLE_FILE:
        return first.reason
    return "The file does not say what it holds, as every file of this source must: it may be cut off."


def _same(said: str, counted: str | None) -> bool:
    """1.50 is 1.5."""
    return counted is not None and Decimal(said) == Decimal(counted)


async def hold_for_totals(work: UnitOfWork, file: UsageFile, reason: str) -> None:
    """Hold a file whose totals differ."""
    await _hold(work, file, TOTALS, reason)


async def _hold(work: UnitOfWork, file: UsageFile, kind: str, reason: str) -> None:
    if kind not in file.waived:
        await work.usage.change_file(file.file_id, {"status": HELD, "hold_kind": kind, "hold_reason": reason})


def _gap(sequence: int, missing: Sequence[str]) -> str:
    return f"Number {sequence} arrived before {', '.join(missing)}."


def _repeated(sequence: int, file: UsageFile, same: UsageFile) -> str:
    return (
        f"Number {sequence} came before, as {same.file_id} ({same.name}, {same.size_bytes} bytes{_declared(same)}); "
        f"this file has other content ({file.size_bytes} bytes{_declared(file)})."
    )


def _declared(file: UsageFile) -> str:
    return "".join(f", {name} {said}" for name, said in file.declared.items())


def _unnumbered(profile: SourceProfile, file: UsageFile) -> str:
    return (
        f"The name {file.name} has no sequence number where the source has it: {profile.file_name_pattern}. "
        "It may belong to another profile."
    )
