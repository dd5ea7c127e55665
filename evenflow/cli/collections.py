"""``evenflow collections``: a case's file for a collection agency, and the case given to it or taken back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from evenflow.cli.usage import DEFAULT_DATA_DIR, Api, DataDir, Key, carry_out
from evenflow.cli.usage_door import UsageDoor

app = typer.Typer(
    help="Cases for a collection agency: export the file of one, hand it over, take it back.", no_args_is_help=True
)
AccountArgument = Annotated[str, typer.Argument(help="The account, as acc_1001.")]
CaseArgument = Annotated[str, typer.Argument(help="The case, as case_1001.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it stays with the account.")]


@app.command()
def export(
    account: AccountArgument,
    case: CaseArgument,
    out: Annotated[Path, typer.Option("--out", help="The folder to write to; it is made where it is not there.")],
    documents: Annotated[bool, typer.Option("--documents/--no-documents", help="With the invoices as PDF.")] = True,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    api: Api = "",
    key: Key = "",
) -> None:
    """Write a case's file: JSON, CSV, and its invoices. They hold personal data: keep them as such."""

    def work(door: UsageDoor) -> list[Path]:
        base = f"/v1/accounts/{account}/dunning/{case}/file"
        found = door.get(base)
        out.mkdir(parents=True, exist_ok=True)
        files = {
            f"{case}.json": json.dumps(found, indent=2, ensure_ascii=False).encode(),
            f"{case}.csv": door.read(f"{base}.csv"),
        }
        if documents:
            files |= {f"{one['invoice_id']}.pdf": door.read(one["document"]) for one in found["invoices"]}
        return [_written(out / name, content) for name, content in files.items()]

    for path in carry_out(data_dir, api, key, work):
        print(path)


def _written(path: Path, content: bytes) -> Path:
    """Written for its owner only."""
    path.touch(mode=0o600)
    path.write_bytes(content)
    return path


@app.command(name="hand-over")
def hand_over(
    account: AccountArgument,
    case: CaseArgument,
    agency: Annotated[str, typer.Option("--agency", help="Who collects from now on.")],
    reason: Reason,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    api: Api = "",
    key: Key = "",
) -> None:
    """Mark a case as given to an agency: we press for it no longer."""
    _act(account, "hand-over-case", {"case_id": case, "agency": agency, "reason": reason}, data_dir, api, key)


@app.command(name="take-back")
def take_back(
    account: AccountArgument,
    case: CaseArgument,
    reason: Reason,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    api: Api = "",
    key: Key = "",
) -> None:
    """Press for a case again that was handed over."""
    _act(account, "take-back-case", {"case_id": case, "reason": reason}, data_dir, api, key)


def _act(account: str, action: str, body: dict[str, Any], data_dir: Path, api: str, key: str) -> None:
    def work(door: UsageDoor) -> Any:
        return door.post(f"/v1/accounts/{account}/actions/{action}", body)

    print(carry_out(data_dir, api, key, work)["summary"])
