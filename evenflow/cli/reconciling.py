"""``evenflow reconcile``: a provider's day held against the books."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from billing.domain.money import Money
from evenflow.cli.usage import DEFAULT_DATA_DIR, Api, AsJson, DataDir, Key, carry_out

PATH = "/v1/provider-totals"
DIFFERS = 1


def reconcile(
    day: Annotated[str, typer.Option("--day", help="The provider's day, like 2027-02-01; yesterday if left out.")] = "",
    provider: Annotated[str, typer.Option("--provider", help="This provider only.")] = "",
    as_json: AsJson = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    api: Api = "",
    key: Key = "",
) -> None:
    """Compare a provider's day with the books, movement by movement. The exit code is 1 when they differ."""
    wanted = {name: value for name, value in (("day", day), ("provider", provider)) if value}
    found = carry_out(data_dir, api, key, lambda door: door.post(PATH, wanted))
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        show(found)
    if not all(one["agrees"] for one in found):
        raise typer.Exit(DIFFERS)


def show(found: Sequence[Mapping[str, Any]]) -> None:
    """The totals as a table, and every difference below it."""
    if not found:
        print("Nothing moved on that day.")
        return
    table = Table("provider", "day", "", "charged", "refunded", "charged back", "fees", "other systems")
    for one in found:
        at_provider = [_money(one, f"{name}_minor") for name in ("charged", "refunded", "disputed", "fees", "foreign")]
        table.add_row(one["provider"], one["day"], f"provider ({one['charged_count']})", *at_provider)
        booked = [_money(one, f"booked_{name}_minor") for name in ("charged", "refunded", "disputed")]
        table.add_row("", "", "books", *booked, "", "")
    Console().print(table)
    for one in found:
        for each in one["differences"]:
            print(f"{each['kind']} {each['reference']} of {each['account_id']}: {_both(each)}")
    print("They agree." if all(one["agrees"] for one in found) else "They differ; each difference is a case.")


def _both(difference: Mapping[str, Any]) -> str:
    taken, booked = (
        "nothing" if difference[name] is None else str(Money(difference[name], difference["currency"]))
        for name in ("provider_minor", "booked_minor")
    )
    return f"the provider has {taken}, the books have {booked}"


def _money(totals: Mapping[str, Any], name: str) -> str:
    return str(Money(totals[name], totals["currency"]))
