"""``evenflow bank``: files to the bank, made, listed, downloaded and handed over from the command line."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from evenflow.cli.usage import DEFAULT_DATA_DIR, Api, AsJson, DataDir, Key, Limit, carry_out, show
from evenflow.cli.usage_door import UsageDoor

app = typer.Typer(
    help="Direct debits by bank file: make, list, download, deliver, hold, release, withdraw; debits that are held.",
    no_args_is_help=True,
)
BatchArgument = Annotated[str, typer.Argument(help="The file, as batch_1001.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is kept with your key's name.")]
Brand = Annotated[str, typer.Option(help="Of this brand only.")]
BATCHES = "/v1/bank-batches"
COLUMNS = (
    "batch_id",
    "brand",
    "collect_on",
    "sequence",
    "count",
    "control_sum_minor",
    "status",
    "deliver_by",
    "reason",
)
HELD_COLUMNS = ("account_id", "attempt_id", "amount_minor", "due_on", "held_field", "held_value", "held_remedy")


@app.command()
def make(
    brand: Brand = "",
    at_once: Annotated[bool, typer.Option("--at-once", help="Also of debits whose hour has not come.")] = False,
    as_json: AsJson = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    api: Api = "",
    key: Key = "",
) -> None:
    """Make the files that are due, as upkeep does by itself before the bank's cut-off."""
    query = f"?brand={brand}&at_once={str(at_once).lower()}"
    made = carry_out(data_dir, api, key, lambda door: door.post(f"{BATCHES}/make{query}", {}))
    if as_json:
        print(json.dumps(made, indent=2))
        return
    show(made["batches"], COLUMNS, as_json)
    if made["held"]:
        show(made["held"], HELD_COLUMNS, as_json)


@app.command(name="list")
def list_(
    brand: Brand = "",
    status: Annotated[str, typer.Option(help="In this state only, like made.")] = "",
    limit: Limit = 50,
    as_json: AsJson = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    api: Api = "",
    key: Key = "",
) -> None:
    """List files to the bank, the newest first."""

    def work(door: UsageDoor) -> Any:
        return door.get(BATCHES, brand=brand, status=status, limit=limit)

    show(carry_out(data_dir, api, key, work), COLUMNS, as_json)


@app.command()
def held(
    brand: Brand = "",
    limit: Limit = 50,
    as_json: AsJson = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    api: Api = "",
    key: Key = "",
) -> None:
    """List debits that no file takes as they are, with field, value and remedy."""

    def work(door: UsageDoor) -> Any:
        return door.get("/v1/bank-debits", brand=brand, status="held", limit=limit)

    show(carry_out(data_dir, api, key, work), HELD_COLUMNS, as_json)


@app.command()
def download(
    batch: BatchArgument,
    to: Annotated[Path, typer.Option("--to", help="The directory it is written to.")] = Path(),
    data_dir: DataDir = DEFAULT_DATA_DIR,
    api: Api = "",
    key: Key = "",
) -> None:
    """Write a file where you can take it to the bank; tell afterwards by ``evenflow bank deliver``."""
    name, content = carry_out(data_dir, api, key, lambda door: door.fetch(f"{BATCHES}/{batch}/file"))
    target = to / name
    target.write_bytes(content)
    print(f"{target}: {len(content)} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}")


@app.command()
def deliver(
    batch: BatchArgument,
    how: Annotated[str, typer.Option("--how", help="By which way the bank got it.")] = "uploaded by hand",
    as_json: AsJson = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    api: Api = "",
    key: Key = "",
) -> None:
    """Say that the bank has a file. It cannot be unsaid; saying it again changes nothing."""
    done = carry_out(data_dir, api, key, lambda door: door.post(f"{BATCHES}/{batch}/delivered", {"how": how}))
    show([done], COLUMNS, as_json)


@app.command()
def hold(
    batch: BatchArgument,
    reason: Reason,
    as_json: AsJson = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    api: Api = "",
    key: Key = "",
) -> None:
    """Keep a file from leaving."""
    _decide(batch, "hold", reason, as_json, data_dir, api, key)


@app.command()
def release(
    batch: BatchArgument,
    reason: Reason,
    as_json: AsJson = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    api: Api = "",
    key: Key = "",
) -> None:
    """Let a held file leave."""
    _decide(batch, "release", reason, as_json, data_dir, api, key)


@app.command()
def withdraw(
    batch: BatchArgument,
    reason: Reason,
    as_json: AsJson = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    api: Api = "",
    key: Key = "",
) -> None:
    """Take a file apart before the bank has it; its debits go with the next one."""
    _decide(batch, "withdraw", reason, as_json, data_dir, api, key)


def _decide(batch: str, what: str, reason: str, as_json: bool, data_dir: Path, api: str, key: str) -> None:
    done = carry_out(data_dir, api, key, lambda door: door.post(f"{BATCHES}/{batch}/{what}", {"reason": reason}))
    show([done], COLUMNS, as_json)
