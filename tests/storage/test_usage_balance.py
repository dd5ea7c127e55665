"""The live balance is the invoice before it is made: the same counters, the same computation, the same amounts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from billing.adapters.usage_formats import standard_formats
from billing.domain.errors import NotFound
from billing.ports.accounts import Account
from billing.ports.grants import GrantRow
from billing.services import usage_balance
from billing.services.usage import UsageService
from tests.builders import a_plan, a_service
from tests.builders_invoicing import Office, an_office
from tests.builders_usage import RecordingProcess

WIDE_PLAN: dict[str, Any] = {
    "code": "wide",
    "name": "Wide",
    "currency": "EUR",
    "prices": [
        {"code": "fee", "name": "Fee", "model": "recurring", "fee": "12.50"},
        {
            "code": "voice",
            "name": "Calls",
            "model": "graduated",
            "meter": "voice_seconds",
            "unit_size": 60,
            "tiers": [{"up_to": 50, "rate": "0.105"}, {"rate": "0.0333"}],
            "connection_fee": "0.05",
        },
        {"code": "data", "name": "Data", "model": "package", "meter": "data", "unit_size": 1000, "rate": "0.30"},
        {"code": "shop", "name": "Shop", "model": "percentage", "meter": "shop", "percent": "12.5"},
    ],
    "allowances": [
        {"code": "mb", "name": "Shared", "meter": "data", "quantity": 20000, "shared": True},
        {"code": "free", "name": "Minutes", "meter": "voice_seconds", "quantity": 1200},
    ],
}


@pytest.fixture
async def office(database_url: str) -> AsyncIterator[Office]:
    async with an_office(database_url) as built:
        yield built


@pytest.fixture
def usage(office: Office, tmp_path: Path) -> UsageService:
    return UsageService(office.work, office.clock, RecordingProcess(), standard_formats(), tmp_path)


async def a_family(office: Office) -> Account:
    """An account with its line and two wide ones that share data."""
    account, _ = await office.open_account()
    async with office.work() as work:
        await work.accounts.add_plan(a_plan(WIDE_PLAN, plan_code="wide"))
        for number in (1, 2):
            line = a_service(account.account_id, identifier=f"+3162000000{number}", plan_code="wide")
            await work.accounts.add_service(line)
        await work.commit()
    return account


def some_use(random: Random, number: int, at: str) -> dict[str, Any]:
    meter = random.choice(["voice_seconds", "data", "shop"])
    return {
        "source": "switch",
        "record_id": f"r-{number}",
        "identifier": random.choice(["+31620000001", "+31620000002", "+31610100001"]),
        "meter": meter,
        "quantity": random.randint(0, 2000),
        "started_at": at,
        "amount": f"{random.randint(0, 500) / 100:.2f}" if meter == "shop" else None,
    }


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_the_charges_so_far_are_what_the_invoice_bills(office: Office, usage: UsageService, seed: int) -> None:
    account = await a_family(office)
    plan = await office.plan_of(account.account_id)
    office.clock.at = plan.closes_at - timedelta(hours=1)
    random = Random(seed)
    at = (office.clock.at - timedelta(days=3)).isoformat()
    for page in range(4):
        await usage.take([some_use(random, page * 100 + number, at) for number in range(60)])
    balance = await usage.balance(account.account_id)

    issued = await office.issue(account.account_id)

    async with office.work() as work:
        invoice = await work.invoices.get(account.account_id, issued.invoice_id)
        lines = await work.invoices.lines(account.account_id, issued.invoice_id)
    assert balance.charges.amount_minor == invoice.net_minor > 0
    shown = sorted(each.amount.amount_minor for line in balance.services for each in line.balance.lines)
    assert shown == sorted(line.amount.amount_minor for line in lines)


async def test_the_balance_follows_the_cycle_of_the_moment(office: Office, usage: UsageService) -> None:
    account, _ = await office.open_account()
    plan = await office.plan_of(account.account_id)
    office.clock.at = plan.closes_at - timedelta(microseconds=1)
    assert (await usage.balance(account.account_id)).cycle_number == 1
    office.clock.at = plan.closes_at
    following = await usage.balance(account.account_id)
    assert (following.cycle_number, following.last_update_at) == (2, None)


async def test_an_unknown_account_has_no_balance(usage: UsageService) -> None:
    with pytest.raises(NotFound):
        await usage.balance("acc_99")


async def test_a_cycle_that_nothing_is_carried_to_is_read_in_one_look(
    office: Office, usage: UsageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    account, _ = await office.open_account()
    first = await office.plan_of(account.account_id)
    office.clock.at = first.closes_at + timedelta(hours=1)
    looked = list[str]()

    async def look(*_: object) -> Sequence[GrantRow]:
        looked.append("again")
        return ()

    monkeypatch.setattr(usage_balance, "carried_ahead", look)
    assert (await usage.balance(account.account_id)).cycle_number == 2
    assert looked == []
