"""kill -9 and start again: no charge, no settlement, no callback is forgotten."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.contracts.simulator_process import (
    ROOT,
    Listener,
    Simulator,
    a_card,
    a_customer,
    an_account,
    collect,
    start_listener,
    wait_for,
)

pytest_plugins = ["tests.contracts.simulator_fixtures"]


@pytest.fixture
def mortal(tmp_path: Path, listener: Listener) -> Iterator[Simulator]:
    """A simulator that a test may kill."""
    running = Simulator(tmp_path, listener)
    yield running
    running.stop()


def test_every_answered_charge_is_there_after_a_kill_and_its_key_still_replays(mortal: Simulator) -> None:
    client = mortal.stripe()
    customer = a_customer(client)
    card = a_card(client, customer)
    made = [collect(client, customer, card, key=f"k-{number}").id for number in range(20)]
    mortal.kill()
    mortal.start()
    client = mortal.stripe()
    assert [collect(client, customer, card, key=f"k-{number}").id for number in range(20)] == made
    assert mortal.control("GET", "/totals")["currencies"]["eur"]["charged"] == 20 * 4210


def test_a_debit_under_way_settles_after_a_restart(mortal: Simulator, listener: Listener) -> None:
    client = mortal.stripe()
    customer = a_customer(client)
    payment = collect(client, customer, an_account(client, customer).payment_method)
    mortal.kill()
    mortal.start()
    clock = {"real_start": datetime.now(UTC).isoformat(), "business_start": datetime.now(UTC).isoformat()}
    mortal.control("POST", "/clock", {**clock, "rate": 2_000_000})
    listener.wait_for_event("payment_intent.succeeded", payment.id)


def test_a_callback_not_yet_taken_comes_after_a_restart(mortal: Simulator, listener: Listener) -> None:
    mortal.fault("webhook_delay", event_type="payment_intent.succeeded", seconds=3)
    payment = collect(mortal.stripe(), a_customer(mortal.stripe()), "pm_card_visa")
    mortal.kill()
    assert "payment_intent.succeeded" not in listener.events(payment.id)
    mortal.start()
    listener.wait_for_event("payment_intent.succeeded", payment.id)


def test_callbacks_under_way_follow_us_to_a_new_address(mortal: Simulator, listener: Listener) -> None:
    mortal.fault("webhook_delay", vendor="stripe", seconds=4)
    payment = collect(mortal.stripe(), a_customer(mortal.stripe()), "pm_card_visa")
    mortal.stop()
    moved, server = start_listener()
    try:
        mortal.listener = moved
        mortal.start()
        moved.wait_for_event("payment_intent.succeeded", payment.id)
    finally:
        server.shutdown()
        server.server_close()
    assert listener.events(payment.id) == []


def test_fast_business_time_stands_still_while_it_is_down(mortal: Simulator) -> None:
    start = "2026-01-01T00:00:00Z"
    mortal.control(
        "POST", "/clock", {"real_start": datetime.now(UTC).isoformat(), "business_start": start, "rate": 864_000}
    )
    wait_for(lambda: mortal.control("GET", "/state")["business_time"] > "2026-01-08")
    before = datetime.fromisoformat(mortal.control("GET", "/state")["business_time"])
    mortal.kill()
    killed = datetime.now(UTC)
    mortal.start()
    after = datetime.fromisoformat(mortal.control("GET", "/state")["business_time"])
    down_for = datetime.now(UTC) - killed
    assert after - before < down_for * 864_000


def test_a_reset_forgets_what_happened_but_keeps_key_and_clock(mortal: Simulator) -> None:
    key = mortal.control("GET", "/sendgrid/public-key")
    collect(mortal.stripe(), a_customer(mortal.stripe()), "pm_card_visa")
    mortal.control("POST", "/reset")
    assert mortal.control("GET", "/totals")["currencies"] == {}
    assert mortal.control("GET", "/sendgrid/public-key") == key


def test_it_stays_small(mortal: Simulator) -> None:
    status = Path(f"/proc/{mortal.process.pid}/status")
    if not status.exists():
        pytest.skip("this system does not tell a process's memory")
    resident = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
    assert int(resident.split()[1]) < 150 * 1024


def test_seeded_customers_are_ready_to_be_charged(mortal: Simulator) -> None:
    wanted = [
        {"name": "Ann", "payment_method": "pm_card_visa", "script": ["insufficient_funds"]},
        {"name": "Bo", "iban": "DE89370400440532013000", "metadata": {"account_id": "2"}},
    ]
    made = mortal.control("POST", "/seed", {"customers": wanted})["customers"]
    assert made[0]["mandate"] is None
    payment = collect(mortal.stripe(), made[1]["customer"], made[1]["payment_method"], mandate=made[1]["mandate"])
    assert payment.status == "processing"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--port", "0"], "data_dir is not set"),
        (["--port", "0", "--data-dir", "{dir}", "--stripe-api-keys", "sk_live_abc"], "live key"),
        (["--port", "{port}", "--data-dir", "{dir}/other"], "is in use"),
        (["--port", "0", "--data-dir", "{dir}"], "another simulator is using"),
    ],
)
def test_a_start_that_cannot_be_is_refused_in_one_sentence(
    mortal: Simulator, tmp_path: Path, arguments: list[str], words: str
) -> None:
    filled = [part.format(dir=tmp_path, port=mortal.port) for part in arguments]
    command = [sys.executable, "-m", "simulator", *filled]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert words in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1
