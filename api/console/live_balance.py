"""The live balance of an account in the console's words: of its page, and of the stream that keeps the page fresh."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from api.console.pages import amount, local_time, share, usage
from billing.services.usage_balance import AccountBalance


@dataclass(frozen=True)
class Meter:
    """One allowance: ``key`` is unique on the page, ``label`` its name, ``words`` how much of it is used."""

    key: str
    label: str
    used: int
    included: int
    share: str
    words: str


@dataclass(frozen=True)
class LiveBalance:
    """``texts`` by the name of the place that shows them."""

    texts: Mapping[str, str]
    meters: Sequence[Meter]


def live_balance(balance: AccountBalance, zone: str) -> LiveBalance:
    """The balance in words; instants in the account's ``zone``."""
    updated = balance.last_update_at
    return LiveBalance(
        {
            "charges": amount(balance.charges.amount_minor, balance.charges.currency),
            "projected": amount(balance.projected_charges.amount_minor, balance.projected_charges.currency),
            "closes": local_time(balance.closes_at, zone),
            "updated": local_time(updated, zone) if updated is not None else "none in this cycle",
        },
        [
            Meter(
                f"{line.service_id}/{one.code}",
                f"{line.identifier} · {one.name}",
                one.used,
                one.included,
                share(one.used, one.included),
                f"{share(one.used, one.included)} used · {usage(one.used, line.displays[one.meter])} of "
                f"{usage(one.included, line.displays[one.meter])}",
            )
            for line in balance.services
            for one in line.balance.allowances
        ],
    )


def live_document(balance: AccountBalance, zone: str) -> str:
    """The same as one line of JSON, for the page's script."""
    return json.dumps(asdict(live_balance(balance, zone)))
