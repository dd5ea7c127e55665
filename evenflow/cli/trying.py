"""``evenflow import --dry-run``: decode and check files without any server, and print what would be rejected."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from billing.ports.usage import UsageFormat
from billing.services.usage_trial import Trial, try_file
from evenflow.cli.importing import ALL_COUNTED, HELD, SOME_REJECTED

MOST_SHOWN = 50


def try_files(decoder: UsageFormat, paths: Sequence[Path], now: datetime, *, as_json: bool) -> int:
    """Print what an import at ``now`` would find; answers the exit code it would have at best.

    Numbers that nobody owns, repeated records and gaps in the sequence are found by the import itself.
    """
    trials = [try_file(decoder, path, now, MOST_SHOWN) for path in paths]
    code = max(_code(trial) for trial in trials)
    if as_json:
        print(json.dumps({"files": [_plain(trial) for trial in trials], "exit_code": code}, indent=2, default=str))
    else:
        for trial in trials:
            print(_page(trial))
    return code


def _code(trial: Trial) -> int:
    if trial.trouble:
        return HELD
    return SOME_REJECTED if trial.rejected else ALL_COUNTED


def _plain(trial: Trial) -> dict[str, Any]:
    return asdict(trial) | {"charge": None if trial.charge is None else f"{trial.charge:f}"}


def _page(trial: Trial) -> str:
    sequence = "" if trial.sequence is None else f", number {trial.sequence}"
    lines = [f"{trial.name}{sequence}: {trial.read} read, {trial.readable} readable, {trial.rejected} rejected"]
    lines += [f"  {trial.parts} tell a part of a session"] if trial.parts else []
    lines += [f"  {meter:<14}{quantity:>14}" for meter, quantity in sorted(trial.meters.items())]
    lines += [] if trial.charge is None else [f"  {'charge':<14}{trial.charge:>14f}"]
    if trial.first_start and trial.last_start:
        lines.append(f"  from {trial.first_start:%Y-%m-%d %H:%M:%S} to {trial.last_start:%Y-%m-%d %H:%M:%S} UTC")
    lines += [f"  declared {name}: {said}, counted {trial.counted.get(name)}" for name, said in trial.declared.items()]
    lines += [f"  would be held: {trial.trouble}"] if trial.trouble else []
    lines += [f"  line {each.line_number}: {each.field}: {each.reason}\n    {each.raw[:200]}" for each in trial.shown]
    more = trial.rejected - len(trial.shown)
    return "\n".join([*lines, *([f"  and {more} more"] if more else [])])
