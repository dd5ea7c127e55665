"""``evenflow catalogue correct``: a published price was wrong; another version counts in its place."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from billing.domain.money import Money
from evenflow.cli.usage import DEFAULT_DATA_DIR, Api, AsJson, DataDir, Key, carry_out
from evenflow.cli.usage_door import UsageDoor

LOOK_EVERY_SECONDS = 1.0
PATH = "/v1/plan-corrections"


def add_to(app: typer.Typer) -> None:
    """Make it a command beside those of the catalogue."""
    app.command()(correct)


def correct(
    plan_code: Annotated[str, typer.Argument(help="The plan.")],
    version: Annotated[int, typer.Option(help="The version whose price was wrong.", min=1)],
    corrected: Annotated[int, typer.Option("--as", help="The version that counts instead.", min=1)],
    since: Annotated[str, typer.Option(help="From here on, like 2027-02-01T00:00:00+01:00.")],
    reason: Annotated[str, typer.Option(help="Why; customers' timelines tell it.")] = "",
    preview: Annotated[bool, typer.Option("--preview", help="Only say what would change for some accounts.")] = False,
    account: Annotated[list[str] | None, typer.Option(help="Preview this account; may be repeated.")] = None,
    as_json: AsJson = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    api: Api = "",
    key: Key = "",
) -> None:
    """Let one version of a plan count as another: usage is rated again, billed cycles owe the difference."""
    wanted: dict[str, Any] = {
        "plan_code": plan_code,
        "plan_version": version,
        "corrected_version": corrected,
        "since": since,
    }

    def work(door: UsageDoor) -> Any:
        if preview:
            return door.post(f"{PATH}/preview", wanted | {"account_ids": account or []})
        return _until_finished(door, door.post(PATH, wanted | {"reason": reason}))

    found = carry_out(data_dir, api, key, work)
    if as_json:
        print(json.dumps(found, indent=2))
    elif preview:
        _show(found)
    else:
        print(_told(found))


def _until_finished(door: UsageDoor, correction: Mapping[str, Any]) -> Mapping[str, Any]:
    """Interrupted here, it goes on there."""
    while correction["finished_at"] is None:
        time.sleep(LOOK_EVERY_SECONDS)
        correction = door.get(f"{PATH}/{correction['correction_id']}")
    return correction


def _told(done: Mapping[str, Any]) -> str:
    lines = [
        f"{done['correction_id']}: {done['plan_code']} version {done['plan_version']} counts as version "
        f"{done['corrected_version']} since {_instant(done['since'])}.",
        f"{done['accounts']} accounts changed, {done['events']} records were rated again, {done['waiting']} of them "
        "wait for a price.",
        f"In all {Money(done['difference_minor'], done['currency'])} net; billed cycles owe it on the next invoice.",
    ]
    return "\n".join(lines)


def _show(preview: Mapping[str, Any]) -> None:
    def money(minor: int) -> str:
        return str(Money(minor, preview["currency"]))

    table = Table("account", "cycle", "billed", "line", "before", "after")
    for each in preview["differences"]:
        place = each["account_id"], str(each["cycle_number"]), "yes" if each["billed"] else "no"
        table.add_row(*place, "in all", money(each["before_minor"]), money(each["after_minor"]))
        for line in each["lines"]:
            table.add_row("", "", "", line["description"], money(line["before_minor"]), money(line["after_minor"]))
    Console().print(table)
    looked_at = _looked_at(preview["accounts"])
    print(f"{looked_at}: {preview['events']} records would be rated again, {preview['waiting']} would wait.")


def _looked_at(accounts: Sequence[str]) -> str:
    return f"{len(accounts)} account{'' if len(accounts) == 1 else 's'} looked at, nothing is changed"


def _instant(text: str) -> str:
    return datetime.fromisoformat(text).isoformat(sep=" ", timespec="minutes")
