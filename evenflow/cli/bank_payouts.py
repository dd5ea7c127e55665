"""``evenflow bank payouts``: money back to customers by bank file."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import uuid4

import typer

from evenflow.cli.usage import DEFAULT_DATA_DIR, Api, AsJson, DataDir, Key, Limit, carry_out, show
from evenflow.cli.usage_door import UsageDoor

app = typer.Typer(
    help="Money back to customers by bank file: list, order out of credit, release, cancel.", no_args_is_help=True
)
Account = Annotated[str, typer.Argument(help="The account, as acc_1001.")]
PayoutArgument = Annotated[str, typer.Argument(help="The payout, as pyo_1001.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is kept with your key's name.")]
COLUMNS = (
    "payout_id",
    "account_id",
    "amount_minor",
    "currency",
    "last_four",
    "status",
    "reason_code",
    "held_field",
    "held_remedy",
)


@app.command(name="list")
def list_(
    brand: Annotated[str, typer.Option(help="Of this brand only.")] = "",
    status: Annotated[str, typer.Option(help="In this state only, like held.")] = "",
    account: Annotated[str, typer.Option(help="Of this account only, as acc_1001.")] = "",
    limit: Limit = 50,
    as_json: AsJson = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    api: Api = "",
    key: Key = "",
) -> None:
    """List payouts with where they stand, and why one is held."""

    def work(door: UsageDoor) -> Any:
        return door.get("/v1/bank-payouts", brand=brand, status=status, account_id=account, limit=limit)

    show(carry_out(data_dir, api, key, work), COLUMNS, as_json)


@app.command()
def order(
    account: Account,
    reason: Reason,
    amount: Annotated[int, typer.Option("--amount-minor", help="Minor units; 0: all the credit there is.")] = 0,
    iban: Annotated[str, typer.Option("--iban", help="Empty: the bank account on file.")] = "",
    holder: Annotated[str, typer.Option("--holder", help="Whose account it is; needed with an IBAN.")] = "",
    once: Annotated[str, typer.Option("--once", help="A name of your own: the same one again orders nothing.")] = "",
    as_json: AsJson = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    api: Api = "",
    key: Key = "",
) -> None:
    """Take credit off an account and send it with the next file to the bank."""
    body = {"reason": reason, "amount_minor": amount, "iban": iban, "holder_name": holder}
    address = f"/v1/accounts/{account}/bank-payouts"
    done = carry_out(data_dir, api, key, lambda door: door.post(address, body, once or str(uuid4())))
    show([done], COLUMNS, as_json)


@app.command()
def release(
    account: Account,
    payout: PayoutArgument,
    reason: Reason,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    api: Api = "",
    key: Key = "",
) -> None:
    """Let a held payout go with the next file; mend its cause first."""
    address = f"/v1/accounts/{account}/bank-payouts/{payout}/release"
    show([carry_out(data_dir, api, key, lambda door: door.post(address, {"reason": reason}))], COLUMNS, False)


@app.command()
def cancel(
    account: Account,
    payout: PayoutArgument,
    reason: Reason,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    api: Api = "",
    key: Key = "",
) -> None:
    """Cancel a payout that is in no file: the credit is the customer's again."""
    address = f"/v1/accounts/{account}/bank-payouts/{payout}/cancel"
    show([carry_out(data_dir, api, key, lambda door: door.post(address, {"reason": reason}))], COLUMNS, False)
