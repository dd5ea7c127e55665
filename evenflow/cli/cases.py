"""``evenflow cases``: what needs a person, from the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from evenflow.cli.usage import DEFAULT_DATA_DIR, Api, AsJson, DataDir, Key, carry_out

app = typer.Typer(help="What needs a person: list, look, acknowledge, close.", no_args_is_help=True)
PATH = "/v1/cases"
CaseId = Annotated[str, typer.Argument(help="The case, as stc_1001.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it stays with the case.")]
SOME_ARE_URGENT = 3


@app.command(name="list")
def list_cases(
    state: Annotated[
        list[str] | None, typer.Option("--state", help="open, acknowledged or closed. May be repeated.")
    ] = None,
    kind: Annotated[str, typer.Option("--kind", help="Of this kind only.")] = "",
    severity: Annotated[str, typer.Option("--severity", help="urgent, high or normal.")] = "",
    account: Annotated[str, typer.Option("--account", help="Of this account only, as acc_1001.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="The most listed.")] = 100,
    as_json: AsJson = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    api: Api = "",
    key: Key = "",
) -> None:
    """List what is not closed, or what was asked for. The exit code is 3 when an open one is urgent."""
    chosen = {"kind": kind, "severity": severity, "account_id": account}
    query: dict[str, Any] = {name: value for name, value in chosen.items() if value} | {"limit": limit}
    if state:
        query["state"] = state
    found = carry_out(data_dir, api, key, lambda door: door.get(PATH, **query))
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        _show(found)
    if any(one["severity"] == "urgent" and one["state"] == "open" for one in found["cases"]):
        raise typer.Exit(SOME_ARE_URGENT)


@app.command()
def show(
    case_id: CaseId,
    as_json: AsJson = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    api: Api = "",
    key: Key = "",
) -> None:
    """Everything about one case, and what to do."""
    case = carry_out(data_dir, api, key, lambda door: door.get(f"{PATH}/{case_id}"))
    print(json.dumps(case, indent=2) if as_json else "\n".join(_told(case)))


@app.command()
def acknowledge(
    case_id: CaseId, reason: Reason, data_dir: DataDir = DEFAULT_DATA_DIR, api: Api = "", key: Key = ""
) -> None:
    """Say that somebody works on it."""
    _decide(case_id, "acknowledge", reason, (data_dir, api, key))


@app.command()
def close(case_id: CaseId, reason: Reason, data_dir: DataDir = DEFAULT_DATA_DIR, api: Api = "", key: Key = "") -> None:
    """Close it; the same cause opens it again only after it was gone and came back."""
    _decide(case_id, "close", reason, (data_dir, api, key))


def _decide(case_id: str, what: str, reason: str, where: tuple[Any, str, str]) -> None:
    case = carry_out(*where, lambda door: door.post(f"{PATH}/{case_id}/{what}", {"reason": reason}))
    print(f"{case['case_id']} is {case['state']}.")


def _show(found: Mapping[str, Any]) -> None:
    table = Table("case", "severity", "state", "since", "account", "what was found")
    for one in found["cases"]:
        place = one["case_id"], one["severity"], one["state"], _instant(one["opened_at"])
        table.add_row(*place, one["account_id"] or "-", one["explanation"])
    Console().print(table)
    counts = ", ".join(f"{count} {severity}" for severity, count in sorted(found["open_by_severity"].items()))
    print(f"Not closed in all: {counts or 'none'}.")
    if found["next_before"]:
        print(f"There are more: narrow it down, or raise --limit beyond {len(found['cases'])}.")


def _told(case: Mapping[str, Any]) -> Sequence[str]:
    whose = f" of {case['account_id']}" if case["account_id"] else ""
    lines = [
        f"{case['case_id']}{whose}: {case['kind']}, {case['severity']}, {case['state']}",
        case["explanation"],
        f"What it means: {case['means']}",
        f"What to do: {case['what_to_do']}",
        f"Runbook: {case['runbook']}",
    ]
    return lines + [
        f"  {_instant(note['at'])} {note['state']} by {note['author']}: {note['reason']}" for note in case["history"]
    ]


def _instant(text: str) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M}"
