"""Usage of a declared meter is read as time and data wherever a customer or a clerk reads it, and counted as it is."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from api.balance_document import balance_document
from billing.adapters.pdf import PdfRenderer
from billing.services.invoicing import InvoicingService
from billing.services.usage import UsageService
from tests.builders_invoicing import Office, an_office
from tests.builders_usage import RecordingProcess, an_event

NOW = datetime(2027, 1, 25, 10, tzinfo=UTC)
PLAN: dict[str, Any] = {
    "code": "vonk-basis",
    "name": "Vonk Basis",
    "currency": "EUR",
    "prices": [
        {"code": "data", "name": "Data", "model": "per_unit", "meter": "data", "unit_size": 1_048_576, "rate": "0.01"},
        {"code": "calls", "name": "Calls", "model": "per_unit", "meter": "voice", "unit_size": 60, "rate": "0.10"},
    ],
    "allowances": [{"code": "free", "name": "1 GiB", "meter": "data", "quantity": 1_073_741_824}],
    "meters": [
        {"meter": "data", "counts": "bytes", "scale": "binary"},
        {"meter": "voice", "counts": "seconds"},
    ],
}


@dataclass
class Used:
    """An account that used 1.5 GiB and a call of 75 seconds."""

    office: Office
    usage: UsageService
    invoicing: InvoicingService
    account_id: str


@pytest.fixture
async def used(database_url: str, tmp_path: Path) -> AsyncIterator[Used]:
    async with an_office(database_url, PLAN) as office:
        account, _ = await office.open_account()
        office.clock.at = NOW
        usage = UsageService(office.work, office.clock, RecordingProcess(), {}, tmp_path)
        line = {"identifier": "+31610100001", "started_at": "2027-01-24T10:00:00Z"}
        events = [
            an_event(**line, record_id="d", meter="data", quantity=1_610_612_736, destination=""),
            an_event(**line, record_id="v", meter="voice", quantity=75),
        ]
        assert [each.outcome for each in await usage.take(events)] == ["accepted", "accepted"]
        invoicing = InvoicingService(office.work, office.clock, PdfRenderer())
        yield Used(office, usage, invoicing, account.account_id)


def column(content: str, name: str) -> list[str]:
    return [row[name] for row in csv.DictReader(io.StringIO(content))]


async def test_the_live_balance_says_what_its_quantities_are(used: Used) -> None:
    told = json.loads(balance_document(await used.usage.balance(used.account_id)))
    (line,) = told["services"]
    assert {each["meter"]: (each["quantity"], each["counts"], each["scale"]) for each in line["meters"]} == {
        "data": (1_610_612_736, "bytes", "binary"),
        "voice": (75, "seconds", "decimal"),
    }
    assert [(each["left"], each["counts"], each["scale"]) for each in line["allowances"]] == [(0, "bytes", "binary")]
    assert {each["unit"] for each in line["lines"]} == {"MiB", "minute"}


async def test_an_invoice_shows_them_on_paper_and_in_its_files(used: Used) -> None:
    issued = await used.office.issue(used.account_id)
    _, details = await used.invoicing.details_csv(used.account_id, issued.invoice_id)
    assert column(details, "quantity") == ["1610612736", "75"]
    assert column(details, "quantity_shown") == ["1,5 GiB", "01:15"]
    _, records = await used.invoicing.usage_csv(used.account_id, issued.invoice_id)
    assert sorted(column(records, "quantity_shown")) == ["01:15", "1,5 GiB"]
    _, pdf = await used.invoicing.pdf(used.account_id, issued.invoice_id)
    text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)
    assert "1,5 GiB" in text
    assert "01:15" in text
