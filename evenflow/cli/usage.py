"""``evenflow usage``: files and records that wait for a person, seen and decided from the command line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console
from rich.table import Table

from evenflow.cli.usage_door import Address, UsageDoor, open_door
from evenflow.stack.assembly import settings_beside
from evenflow.stack.migrate import PROJECT

app = typer.Typer(
    help="Usage files and the records that wait: list, report, release, reject, resubmit, dismiss.",
    no_args_is_help=True,
)
DEFAULT_DATA_DIR = PROJECT / ".evenflow"
DataDir = Annotated[
    Path, typer.Option("--data-dir", envvar="EVENFLOW_DATA_DIR", help="Where the stack keeps everything.")
]
Api = Annotated[str, typer.Option("--api", help="Address of another API than that of the stack.")]
Key = Annotated[str, typer.Option("--key", envvar="EVENFLOW_API_KEY", help="API key; its name is the author.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="The most listed.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it stays with the file.")]
FileArgument = Annotated[str, typer.Argument(help="The file, as file_1001.")]


def carry_out(data_dir: Path, api: str, key: str, work: Any) -> Any:
    """Do something through the door; what is foreseen ends in one sentence."""
    from evenflow.cli.main import one_sentence_errors

    with one_sentence_errors(), open_door(Address.of(settings_beside(data_dir), api, key)) as door:
        return work(door)


@app.command()
def files(
    status: Annotated[str, typer.Option(help="In this state only, like held.")] = "",
    profile: Annotated[str, typer.Option(help="Of this profile only.")] = "",
    limit: Limit = 50,
    as_json: AsJson = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    api: Api = "",
    key: Key = "",
) -> None:
    """List files, the newest first; held ones with their reason."""

    def work(door: UsageDoor) -> Any:
        return door.get("/v1/usage/files", status=status, profile=profile, limit=limit)

    columns = ("file_id", "name", "profile", "status", "read", "accepted", "rejected", "recycled", "hold_reason")
    show(carry_out(data_dir, api, key, work), columns, as_json)


@app.command()
def issues(
    kind: Annotated[str, typer.Option(help="rejected, recycled, conflict or partial.")] = "",
    status: Annotated[str, typer.Option(help="open, resolved or dismissed.")] = "open",
    file: Annotated[str, typer.Option(help="Of this file only, as file_1001.")] = "",
    identifier: Annotated[str, typer.Option(help="Of this line only.")] = "",
    source: Annotated[str, typer.Option(help="Of this source only.")] = "",
    field: Annotated[str, typer.Option(help="Where this field was what was wrong.")] = "",
    limit: Limit = 50,
    as_json: AsJson = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    api: Api = "",
    key: Key = "",
) -> None:
    """List records that wait, or that did, with field and reason."""

    def work(door: UsageDoor) -> Any:
        wanted = {"kind": kind, "status": status, "file_id": file, "identifier": identifier}
        return door.get("/v1/usage/issues", **wanted, source=source, field=field, limit=limit)

    columns = ("issue_id", "kind", "file_id", "line_number", "identifier", "field", "reason")
    show(carry_out(data_dir, api, key, work), columns, as_json)


@app.command()
def streams(as_json: AsJson = False, data_dir: DataDir = DEFAULT_DATA_DIR, api: Api = "", key: Key = "") -> None:
    """Show how far every partition of a stream is taken, how many messages wait, and why one stands still."""
    columns = ("consumer_group", "topic", "partition", "next_offset", "lag", "accepted", "rejected", "trouble")
    show(carry_out(data_dir, api, key, lambda door: door.get("/v1/usage/streams")), columns, as_json)


@app.command()
def archives(
    check: Annotated[str, typer.Option(help="Read the file of this UTC day again, like 2027-02-01.")] = "",
    as_json: AsJson = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    api: Api = "",
    key: Key = "",
) -> None:
    """List the files of days of records that were archived and dropped, the newest day first."""
    path = "/v1/usage/archives"
    columns = ("day", "file_name", "events", "size_bytes", "sha256", "made_at", "dropped_at")

    def work(door: UsageDoor) -> Any:
        return [door.get(f"{path}/{quote(check, safe='')}")] if check else door.get(path)

    show(carry_out(data_dir, api, key, work), columns, as_json)


@app.command()
def report(
    file_id: FileArgument,
    as_json: AsJson = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    api: Api = "",
    key: Key = "",
) -> None:
    """Print the report of a file."""
    found = carry_out(data_dir, api, key, lambda door: door.report(file_id))
    print(json.dumps(found, indent=2) if as_json else found["text"], end="\n" if as_json else "")


@app.command()
def release(
    file_id: FileArgument, reason: Reason, data_dir: DataDir = DEFAULT_DATA_DIR, api: Api = "", key: Key = ""
) -> None:
    """Import a held file as it is, and those that waited behind it."""
    _decide(file_id, "release", reason, data_dir, api, key)


@app.command()
def reject(
    file_id: FileArgument, reason: Reason, data_dir: DataDir = DEFAULT_DATA_DIR, api: Api = "", key: Key = ""
) -> None:
    """Put a held file aside for good; nothing of it is counted."""
    _decide(file_id, "reject", reason, data_dir, api, key)


@app.command()
def cancel(
    file_id: FileArgument, reason: Reason, data_dir: DataDir = DEFAULT_DATA_DIR, api: Api = "", key: Key = ""
) -> None:
    """Take an imported file back: its records are counted down, and billed ones corrected on the next invoice."""
    _decide(file_id, "cancel", reason, data_dir, api, key)


@app.command()
def reguide(
    identifier: Annotated[str, typer.Option(help="Of one line only.")] = "",
    since: Annotated[str, typer.Option(help="Guide what is counted of the line again, from here on.")] = "",
    reason: Annotated[str, typer.Option(help="Why what is counted has to be guided again.")] = "",
    data_dir: DataDir = DEFAULT_DATA_DIR,
    api: Api = "",
    key: Key = "",
) -> None:
    """Guide records again: those that wait, and with --since those of a line that are counted."""
    wanted = {"identifier": identifier, "reason": reason} | ({"since": since} if since else {})
    found = carry_out(data_dir, api, key, lambda door: door.post("/v1/usage/reguide", wanted))
    print(f"{found['tried']} records waited, {found['resolved']} of them are counted now.")
    if since:
        print(
            f"{found['moved']} counted records were counted elsewhere, {found['recycled']} wait now, "
            f"{found['repeats']} were there already."
        )


def _decide(file_id: str, verb: str, reason: str, data_dir: Path, api: str, key: str) -> None:
    def work(door: UsageDoor) -> Any:
        return door.post(f"/v1/usage/files/{file_id}/{verb}", {"reason": reason})

    file = carry_out(data_dir, api, key, work)
    print(f"{file['file_id']} ({file['name']}) is {file['status']}.")


def show(rows: Sequence[dict[str, Any]], columns: Sequence[str], as_json: bool) -> None:
    """Print rows as a table of these columns, or whole as JSON."""
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    table = Table()
    for name in columns:
        table.add_column(name, no_wrap=name.endswith("_id"), overflow="fold")
    for row in rows:
        table.add_row(*("" if row[name] is None else str(row[name]) for name in columns))
    Console().print(table)
