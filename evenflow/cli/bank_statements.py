"""``evenflow bank``: files of banks handed in and decided about, and money that belongs to nobody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from evenflow.cli.bank_payouts import app as payouts
from evenflow.cli.usage import DEFAULT_DATA_DIR, Api, AsJson, DataDir, Key, Limit, carry_out, show
from evenflow.cli.usage_door import UsageDoor
from evenflow.stack.errors import StackError

FILES, ITEMS = "/v1/bank-statements", "/v1/suspense-items"
NOTHING_TO_DECIDE, SOME_UNASSIGNED, HELD = 0, 3, 4
FileArgument = Annotated[str, typer.Argument(help="The bank's file, as bkf_1001.")]
ItemArgument = Annotated[str, typer.Argument(help="The item, as sus_1001.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is kept with your key's name.")]
suspense = typer.Typer(
    help="Money that belongs to nobody yet: list, show, assign, send back, reopen, offset.", no_args_is_help=True
)
COLUMNS = ("file_id", "name", "kind", "status", "entries", "new_entries", "received_at", "author")
ITEM_COLUMNS = (
    "suspense_id",
    "booked_on",
    "amount_minor",
    "currency",
    "status",
    "why",
    "counterparty_name",
    "remittance",
)
CANDIDATE_COLUMNS = ("account_id", "number", "customer_name", "invoice_number", "open_minor", "attempt_id", "because")


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command(name="import")(import_)
    app.command()(statements)
    app.command(name="statement")(statement)
    app.command(name="release-statement")(release)
    app.command(name="reject-statement")(reject)
    app.add_typer(suspense, name="suspense")
    app.add_typer(payouts, name="payouts")


def import_(
    files: Annotated[list[Path], typer.Argument(help="Files of the bank, taken in the order of their names.")],
    as_json: AsJson = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    api: Api = "",
    key: Key = "",
) -> None:
    """Hand in pain.002, camt.052, camt.053 and camt.054 files, and print what became of every payment.

    Exit code 0: nothing waits for a person; 1: it could not be done; 3: something belongs to nobody; 4: a file is held.
    """

    def work(door: UsageDoor) -> list[dict[str, Any]]:
        missing = next((path for path in files if not path.is_file()), None)
        if missing is not None:
            raise StackError(f"There is no file {missing}.")
        return [door.send(FILES, path) for path in sorted(files, key=lambda one: one.name)]

    reports = carry_out(data_dir, api, key, work)
    code = max(_code(report) for report in reports)
    if as_json:
        print(json.dumps({"files": reports, "exit_code": code}, indent=2))
    else:
        for report in reports:
            known = "This content was handed in before; it counts once.\n" if report["already_known"] else ""
            print(f"{known}{report['text']}")
    raise typer.Exit(code)


def _code(report: dict[str, Any]) -> int:
    if report["file"]["status"] == "held":
        return HELD
    return SOME_UNASSIGNED if report["unassigned"] else NOTHING_TO_DECIDE


def statements(
    status: Annotated[str, typer.Option(help="In this state only, like held.")] = "",
    limit: Limit = 50,
    as_json: AsJson = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    api: Api = "",
    key: Key = "",
) -> None:
    """List files of the bank, the newest first."""
    found = carry_out(data_dir, api, key, lambda door: door.get(FILES, status=status, limit=limit))
    show(found, COLUMNS, as_json)


def statement(
    file_id: FileArgument,
    as_json: AsJson = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    api: Api = "",
    key: Key = "",
) -> None:
    """Print the report of a file of the bank."""
    found = carry_out(data_dir, api, key, lambda door: door.get(f"{FILES}/{file_id}"))
    print(json.dumps(found, indent=2) if as_json else found["text"], end="\n" if as_json else "")


def release(
    file_id: FileArgument, reason: Reason, data_dir: DataDir = DEFAULT_DATA_DIR, api: Api = "", key: Key = ""
) -> None:
    """Take a held file of the bank as it is."""
    _decide(file_id, "release", reason, data_dir, api, key)


def reject(
    file_id: FileArgument, reason: Reason, data_dir: DataDir = DEFAULT_DATA_DIR, api: Api = "", key: Key = ""
) -> None:
    """Put a held file of the bank aside for good; nothing of it is booked."""
    _decide(file_id, "reject", reason, data_dir, api, key)


def _decide(file_id: str, verb: str, reason: str, data_dir: Path, api: str, key: str) -> None:
    body = {"reason": reason}
    print(carry_out(data_dir, api, key, lambda door: door.post(f"{FILES}/{file_id}/{verb}", body))["text"], end="")


@suspense.command(name="list")
def list_items(
    status: Annotated[str, typer.Option(help="In this state only; all for every one.")] = "open",
    brand: Annotated[str, typer.Option(help="Of this brand only.")] = "",
    limit: Limit = 50,
    as_json: AsJson = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    api: Api = "",
    key: Key = "",
) -> None:
    """List amounts that belong to nobody, the newest first."""
    state = "" if status == "all" else status
    found = carry_out(data_dir, api, key, lambda door: door.get(ITEMS, status=state, brand=brand, limit=limit))
    show(found, ITEM_COLUMNS, as_json)


@suspense.command(name="show")
def show_item(
    suspense_id: ItemArgument,
    as_json: AsJson = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    api: Api = "",
    key: Key = "",
) -> None:
    """Show an item with everybody it may belong to."""
    found = carry_out(data_dir, api, key, lambda door: door.get(f"{ITEMS}/{suspense_id}"))
    if as_json:
        print(json.dumps(found, indent=2))
        return
    for name, value in found["item"].items():
        if value not in ("", None):
            print(f"{name:<24} {value}")
    show(found["candidates"], CANDIDATE_COLUMNS, as_json)


@suspense.command()
def assign(
    suspense_id: ItemArgument,
    account_id: Annotated[str, typer.Argument(help="The account whose money it is, as acc_1001.")],
    reason: Reason,
    invoice: Annotated[list[str] | None, typer.Option(help="Pay this invoice, as inv_1001; may be repeated.")] = None,
    attempt: Annotated[str, typer.Option(help="For money that left: the debit that it takes back.")] = "",
    data_dir: DataDir = DEFAULT_DATA_DIR,
    api: Api = "",
    key: Key = "",
) -> None:
    """Give an item to an account: it is booked there as its payment."""
    body = {"account_id": account_id, "invoice_ids": invoice or [], "attempt_id": attempt, "reason": reason}
    _item(suspense_id, "assign", body, data_dir, api, key)


@suspense.command(name="send-back")
def send_back(
    suspense_id: ItemArgument, reason: Reason, data_dir: DataDir = DEFAULT_DATA_DIR, api: Api = "", key: Key = ""
) -> None:
    """Decide that money goes back; order the transfer at the bank with the reference that is printed."""
    done = _item(suspense_id, "send-back", {"reason": reason}, data_dir, api, key)
    print(f"Order the transfer with the end-to-end id {done['transfer_reference']}.")


@suspense.command()
def reopen(
    suspense_id: ItemArgument, reason: Reason, data_dir: DataDir = DEFAULT_DATA_DIR, api: Api = "", key: Key = ""
) -> None:
    """Do not send it back after all."""
    _item(suspense_id, "reopen", {"reason": reason}, data_dir, api, key)


@suspense.command()
def offset(
    suspense_id: ItemArgument,
    other_id: Annotated[str, typer.Argument(help="The item of the opposite amount.")],
    reason: Reason,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    api: Api = "",
    key: Key = "",
) -> None:
    """Close two items that add up to zero."""
    body = {"other_id": other_id, "reason": reason}
    done = carry_out(data_dir, api, key, lambda door: door.post(f"{ITEMS}/{suspense_id}/offset", body))
    for item in done:
        print(f"{item['suspense_id']} is {item['status']}.")


def _item(suspense_id: str, verb: str, body: dict[str, Any], data_dir: Path, api: str, key: str) -> dict[str, Any]:
    done: dict[str, Any] = carry_out(data_dir, api, key, lambda door: door.post(f"{ITEMS}/{suspense_id}/{verb}", body))
    print(f"{done['suspense_id']} is {done['status']}.")
    return done
