"""Invoicing beside real usage: what arrives while a cycle is issued is billed once, on time or late."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from billing.adapters.usage_formats import standard_formats
from billing.persistence.invariants import broken_rules
from billing.services.usage import UsageService
from tests.builders_invoicing import Office, an_office
from tests.builders_usage import RecordingProcess


@pytest.fixture
async def office(database_url: str) -> AsyncIterator[Office]:
    async with an_office(database_url) as built:
        yield built


def a_call(number: int, at: str) -> dict[str, object]:
    return {
        "source": "switch",
        "record_id": f"call-{number}",
        "identifier": "+31610100001",
        "meter": "voice_seconds",
        "quantity": 60,
        "started_at": at,
        "destination": "+31201234567",
    }


async def test_calls_that_arrive_while_a_cycle_is_issued_are_billed_exactly_once(
    office: Office, tmp_path: Path
) -> None:
    account, _ = await office.open_account()
    usage = UsageService(office.work, office.clock, RecordingProcess(), standard_formats(), tmp_path)
    plan = await office.plan_of(account.account_id)
    last_hour = (plan.closes_at - timedelta(hours=1)).isoformat()
    next_hour = (plan.closes_at + timedelta(hours=1)).isoformat()
    office.clock.at = plan.issue_at
    await usage.take([a_call(number, last_hour) for number in range(200)])

    issuing = asyncio.create_task(office.issue(account.account_id))
    calls = [a_call(number, last_hour if number % 2 else next_hour) for number in range(1000, 1060)]
    await asyncio.gather(issuing, *(usage.take([call]) for call in calls))

    await office.issue(account.account_id, 2)
    async with office.work() as work:
        documents = await work.invoices.of_account(account.account_id)
        lines = [line for each in documents for line in await work.invoices.lines(account.account_id, each.invoice_id)]
    billed = [line for line in lines if line.price_code == "voice"]
    assert sum(line.events for line in billed) == 260
    # 230 minutes of the first cycle are 130 beyond its allowance, however they were split; the second's 30 are free.
    assert sum(line.amount.amount_minor for line in billed) == 1300
    assert await broken_rules(office.engine) == []
