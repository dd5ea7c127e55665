"""Debits by bank file over HTTP and from the command line: creditor, mandate, file, decisions; and what is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send
from typer.testing import CliRunner, Result

from api.schemas.accounts import AN_ACCOUNT
from api.schemas.bank_files import A_CREDITOR, A_MANDATE, BankMandateIn
from billing.adapters.bank_files.pain001 import PayoutWriter
from billing.adapters.bank_files.pain008 import VERSIONS, PainWriter
from billing.adapters.bank_files.provider import BankFilePayments
from billing.adapters.bank_files.sealing import KeyRing
from billing.domain.errors import UnableTo
from billing.messages.payments import MethodKind
from billing.persistence.unit_of_work import SqlUnitOfWork, make_engine
from billing.ports.payment_provider import CollectCommand
from billing.services.bank_amendments import BankAmendments
from billing.services.bank_batches import BankBatches
from billing.services.bank_creditors import BankCreditors
from billing.services.bank_debits import BankDebits
from billing.services.bank_mandates import BankMandates
from billing.services.bank_payout_files import PayoutFiles
from billing.services.bank_payouts import BankPayouts
from billing.services.payment_methods import MethodService
from billing.services.payment_providers import PaymentProviders
from evenflow.cli.main import app
from tests.browser.console_server import served
from tests.doors.doors_world import ADMIN_KEY, DoorsWorld, RecordingProcess, StandingClock, a_doors_world

CREDITOR, BATCHES, DEBITS = "/v1/brands/vonk/bank-creditor", "/v1/bank-batches", "/v1/bank-debits"
# The doors' clock stands on Monday 1 February 2027, 13:00 in Amsterdam: the last files for Wednesday are being made.
WEDNESDAY = date(2027, 2, 3)


@asynccontextmanager
async def a_bank_world(database_url: str, keys: dict[str, bytes]) -> AsyncIterator[DoorsWorld]:
    """The doors with the real use cases, a brand and an account."""
    engine = make_engine(database_url)
    clock, process, seal = StandingClock(), cast(Any, RecordingProcess()), KeyRing(keys)

    def work() -> SqlUnitOfWork:
        return SqlUnitOfWork(engine)

    services = {
        "bank_creditors": BankCreditors(work, clock, VERSIONS),
        "bank_mandates": BankMandates(work, clock, seal, process),
        "bank_batches": BankBatches(work, clock, PainWriter(), seal),
        "bank_debits": BankDebits(work, clock, process),
        "bank_amendments": BankAmendments(work, clock, seal, process),
        "bank_payouts": BankPayouts(work, clock, seal),
        "bank_payout_files": PayoutFiles(work, clock, PayoutWriter(), seal),
        "payment_methods": MethodService(work, clock, PaymentProviders(BankFilePayments(work, clock, seal))),
    }
    async with a_doors_world(database_url, **services) as world:
        await world.sell()
        answer = await world.post("/v1/accounts", AN_ACCOUNT)
        assert answer.status_code == 201, answer.text
        yield world
    await engine.dispose()


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[DoorsWorld]:
    async with a_bank_world(database_url, {"first": b"k" * 32}) as world:
        yield world


async def ready(world: DoorsWorld, **changes: Any) -> str:
    """The brand has a creditor and the account a mandate; its account."""
    answer = await world.client.put(CREDITOR, json=A_CREDITOR | changes)
    assert answer.status_code == 200, answer.text
    account = (await world.get("/v1/accounts")).json()["accounts"][0]["account_id"]
    stored = await world.post(f"/v1/accounts/{account}/bank-mandates", A_MANDATE)
    assert stored.status_code == 201, stored.text
    return str(account)


async def hand_in(world: DoorsWorld, account: str, number: int = 1, amount_minor: int = 4210) -> None:
    """A debit for Wednesday, as the account's process would hand it in."""
    methods = (await world.get(f"/v1/accounts/{account}/payment-methods")).json()["methods"]
    provider = BankFilePayments(world.container.make_work, StandingClock(), KeyRing({"first": b"k" * 32}))
    reference = methods[0]["mandate_reference"]
    command = CollectCommand(
        account_id=account,
        attempt_id=f"inv_9-{number}",
        idempotency_key=f"inv_9-{number}",
        amount_minor=amount_minor,
        currency="EUR",
        kind=MethodKind.SEPA_DEBIT,
        provider_customer=account,
        provider_method=reference,
        submitted_on=date(2027, 2, 1),
        due_date=WEDNESDAY,
    )
    await provider.collect(command)


async def test_a_mandate_shows_the_last_four_and_the_evidence_and_the_number_is_nowhere(
    world: DoorsWorld, database_url: str
) -> None:
    account = await ready(world)
    method = (await world.get(f"/v1/accounts/{account}/payment-methods")).json()["methods"][0]
    assert (method["kind"], method["last_four"], method["mandate_status"]) == ("sepa_debit", "4567", "active")
    shown = (await world.get(f"/v1/accounts/{account}/bank-mandates/{method['method_id']}")).json()
    assert shown["evidence"] == {"medium": "web", "accepted_from": "203.0.113.7", "recorded_by": "admin"}
    assert (shown["signed_on"], shown["reference"]) == ("2027-01-20", method["mandate_reference"])
    with psycopg.connect(database_url.replace("+psycopg", "")) as connection:
        rows = connection.execute("SELECT iban_sealed FROM bank_accounts").fetchall()
        timeline = connection.execute("SELECT reason::text || summary FROM timeline").fetchall()
    assert len(rows) == 1
    assert b"0001234567" not in rows[0][0]
    assert all("0001234567" not in text for (text,) in timeline)


async def test_the_same_mandate_again_changes_nothing_and_another_under_its_reference_is_refused(
    world: DoorsWorld,
) -> None:
    account = await ready(world)
    path = f"/v1/accounts/{account}/bank-mandates"
    first = await world.post(path, A_MANDATE | {"reference": "VONK-77"})
    again = await world.post(path, A_MANDATE | {"reference": "VONK-77"})
    assert first.json() == again.json()
    other = await world.post(path, A_MANDATE | {"reference": "VONK-77", "iban": "DE89370400440532013000"})
    assert (other.status_code, other.json()["field"]) == (409, "reference")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"iban": "NL21INGB0001234567"}, "iban"),
        ({"iban": "SA0380000000608010167519"}, "iban"),
        ({"bic": "NOBIC"}, "bic"),
        ({"reference": "no_underscore"}, "reference"),
        ({"signed_on": "2027-02-02"}, "signed_on"),
        ({"holder_name": "★"}, "holder_name"),
        ({"iban": "GB82WEST12345698765432", "bic": "WESTGB22"}, "address"),
        ({"iban": "GB82WEST12345698765432"}, "bic"),
    ],
)
async def test_a_mandate_no_bank_would_take_is_refused_by_field(
    world: DoorsWorld, change: dict[str, str], field: str
) -> None:
    account = await ready(world)
    refused = await world.post(f"/v1/accounts/{account}/bank-mandates", A_MANDATE | change)
    assert (refused.status_code, refused.json()["field"]) == (422, field)
    assert refused.json()["remedy"]
    assert change.get("iban", "nowhere") not in refused.text


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"creditor_id": "NL68ZZZ123456780000"}, "creditor_id"),
        ({"iban": "NL40RABO0300065264"}, "iban"),
        ({"make_hours_before": 12, "cut_off_hour_local": 9}, "make_hours_before"),
        ({"lead_banking_days": 14}, "notice_days"),
        ({"message_version": "pain.008.001.01"}, "body.message_version"),
    ],
)
async def test_a_creditor_that_cannot_be_used_is_refused_by_field(
    world: DoorsWorld, change: dict[str, Any], field: str
) -> None:
    refused = await world.client.put(CREDITOR, json=A_CREDITOR | change)
    assert (refused.status_code, refused.json()["field"]) == (422, field)


async def test_without_creditor_or_without_key_no_mandate_is_stored(world: DoorsWorld, database_url: str) -> None:
    account = (await world.get("/v1/accounts")).json()["accounts"][0]["account_id"]
    refused = await world.post(f"/v1/accounts/{account}/bank-mandates", A_MANDATE)
    assert (refused.status_code, refused.json()["field"]) == (409, "brand")
    await ready(world)
    seal = KeyRing({})
    mandates = BankMandates(world.container.make_work, StandingClock(), seal, cast(Any, RecordingProcess()))
    wanted = BankMandateIn.model_validate(A_MANDATE | {"iban": "DE89370400440532013000"}).as_mandate()
    with pytest.raises(UnableTo, match="EVENFLOW_SECRETS_IBAN_KEYS"):
        await mandates.add(account, wanted, "ann")


async def test_a_creditor_keeps_its_history(world: DoorsWorld) -> None:
    await ready(world)
    changed = await world.client.put(CREDITOR, json=A_CREDITOR | {"name": "Vonk Anders", "reason": "new name"})
    assert (changed.json()["revision"], changed.json()["author"]) == (2, "admin")
    assert (await world.get(CREDITOR)).json()["name"] == "Vonk Anders"


async def test_files_are_made_downloaded_and_said_to_be_delivered(world: DoorsWorld) -> None:
    account = await ready(world)
    await hand_in(world, account)
    (made,) = (await world.post(f"{BATCHES}/make")).json()["batches"]
    assert (made["count"], made["control_sum_minor"], made["collect_on"]) == (1, 4210, "2027-02-03")
    file = await world.get(f"{BATCHES}/{made['batch_id']}/file")
    assert hashlib.sha256(file.content).hexdigest() == made["file_hash"]
    assert file.headers["content-disposition"] == f'attachment; filename="{made["file_name"]}"'
    assert file.content == (await world.get(f"{BATCHES}/{made['batch_id']}/file")).content
    done = await world.post(f"{BATCHES}/{made['batch_id']}/delivered", {"how": "portal"})
    assert (done.json()["status"], done.json()["author"]) == ("delivered", "admin")
    refused = await world.post(f"{BATCHES}/{made['batch_id']}/withdraw", {"reason": "too late"})
    assert (refused.status_code, refused.json()["field"]) == (409, "batch_id")
    assert [one["status"] for one in (await world.get(DEBITS, status="sent")).json()] == ["sent"]
    assert (await world.post(f"{BATCHES}/make")).json() == {"batches": [], "held": []}


async def test_a_held_debit_is_listed_mended_and_let_go_or_given_up(world: DoorsWorld) -> None:
    account = await ready(world, largest_minor=5000)
    await hand_in(world, account, 1, 6000)
    await hand_in(world, account, 2, 7000)
    held = (await world.get(DEBITS, status="held")).json()
    assert [(one["held_field"], one["held_value"]) for one in held] == [
        ("amount_minor", "6000"),
        ("amount_minor", "7000"),
    ]
    assert all(one["held_remedy"] for one in held)
    await world.client.put(CREDITOR, json=A_CREDITOR)
    path = f"/v1/accounts/{account}/bank-debits"
    released = await world.post(f"{path}/inv_9-1/release", {"reason": "limit raised"})
    assert (released.json()["status"], released.json()["held_field"]) == ("waiting", "")
    given_up = await world.post(f"{path}/inv_9-2/give-up", {"reason": "collected by card"})
    assert (given_up.json()["status"], given_up.json()["reason_code"]) == ("rejected", "given_up")
    again = await world.post(f"{path}/inv_9-2/release", {"reason": "no"})
    assert (again.status_code, again.json()["field"]) == (409, "attempt_id")
    (made,) = (await world.post(f"{BATCHES}/make")).json()["batches"]
    assert made["control_sum_minor"] == 6000


async def test_only_finance_may_see_the_file_and_decide(world: DoorsWorld) -> None:
    account = await ready(world)
    await hand_in(world, account)
    (made,) = (await world.post(f"{BATCHES}/make")).json()["batches"]
    agent = world.as_role("agent")
    path = f"{BATCHES}/{made['batch_id']}"
    assert (await world.client.get(path, headers=agent)).status_code == 200
    assert (await world.client.get(f"{path}/file", headers=agent)).status_code == 403
    assert (await world.client.post(f"{path}/hold", json={"reason": "x"}, headers=agent)).status_code == 403
    assert (await world.client.put(CREDITOR, json=A_CREDITOR, headers=world.as_role("finance"))).status_code == 403


# From the command line --------------------------------------------------------------------------------------------


@pytest.fixture
def address(database_url: str) -> Iterator[str]:
    """The doors on a port, with one debit to file."""
    opened: list[FastAPI] = []

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with a_bank_world(database_url, {"first": b"k" * 32}) as world:
            await hand_in(world, await ready(world))
            await hand_in(world, (await world.get("/v1/accounts")).json()["accounts"][0]["account_id"], 2, 2_000_000)
            opened.append(world.app)
            yield

    async def door(scope: Scope, receive: Receive, send: Send) -> None:
        await (FastAPI(lifespan=lifespan) if scope["type"] == "lifespan" else opened[0])(scope, receive, send)

    with served(door) as found:
        yield found


def test_the_command_line_makes_lists_downloads_and_delivers(address: str, tmp_path: Path) -> None:
    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["bank", *arguments, "--api", address, "--key", ADMIN_KEY])

    made = json.loads(run("make", "--json").stdout)["batches"]
    batch = made[0]["batch_id"]
    assert [one["batch_id"] for one in json.loads(run("list", "--status", "made", "--json").stdout)] == [batch]
    assert json.loads(run("held", "--json").stdout)[0]["held_field"] == "amount_minor"
    assert json.loads(run("hold", batch, "--reason", "wait", "--json").stdout)[0]["status"] == "held"
    assert json.loads(run("release", batch, "--reason", "go", "--json").stdout)[0]["status"] == "made"
    told = run("download", batch, "--to", str(tmp_path))
    content = (tmp_path / made[0]["file_name"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == made[0]["file_hash"]
    assert made[0]["file_hash"] in told.stdout
    assert json.loads(run("deliver", batch, "--json").stdout)[0]["status"] == "delivered"
    refused = run("withdraw", batch, "--reason", "too late")
    assert (refused.exit_code, "is delivered" in refused.stderr) == (1, True)
