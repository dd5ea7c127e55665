"""Whose accounts live through the faults: the demonstration's, and in any number of them somebody debited by file."""

from __future__ import annotations

from evenflow.demo.roster import Customer, roster
from evenflow.demo.stories import BANK_FILE

# So many accounts are debited by file on several cycle days.
_LOOK_AMONG = 100


def population(accounts: int) -> list[Customer]:
    """So many accounts. Where none of them is debited by file, the last gives way to the one who is so soonest."""
    customers = roster(accounts)
    if any(_by_file(one) for one in customers):
        return customers
    soonest = min(filter(_by_file, roster(_LOOK_AMONG)), key=lambda one: one.first_close)
    return [*customers[:-1], soonest]


def _by_file(customer: Customer) -> bool:
    return customer.setting.method == BANK_FILE
