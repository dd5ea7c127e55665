"""The fault harness in short, as its command; and that its eyes are open: what it must notice, it notices."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import pkgutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest

import activities
from benchmarks.faults.delays import worst_of
from benchmarks.faults.money import differences, messages_twice
from benchmarks.faults.plan import frequent_places, outages, places, vendor_rules, webhook_rules
from simulator.faults import Faults
from tests.stack_fixtures import reachable_directory

ROOT = Path(__file__).resolve().parents[2]
LEAST_FAULTS = 30
SHORT = ("--accounts", "8", "--days", "26", "--day-seconds", "2.5", "--faults", str(LEAST_FAULTS), "--seed", "7")
PACE = ("--kill-seconds", "5", "--outage-seconds", "25", "--rule-seconds", "0.7")
# About two minutes where nothing else runs; then everything has to come to rest, also on a busy machine.
PATIENCE_SECONDS = 700


@pytest.mark.xdist_group("worlds")
@pytest.mark.timeout(PATIENCE_SECONDS + 20)
def test_scenario_11_and_43_a_population_survives_dozens_of_faults_of_every_kind() -> None:
    with reachable_directory() as directory:
        file = directory / "report.json"
        command = [sys.executable, "-m", "benchmarks.faults", *SHORT, *PACE, "--json", str(file)]
        environment = {**os.environ, "TMPDIR": str(directory)}
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_SECONDS, env=environment, check=False
        )
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
        report = json.loads(file.read_text())
    assert report["total"] >= LEAST_FAULTS
    assert report["survived_kills"] == report["faults"]["worker: killed at a boundary"] >= 3
    families = {kind.partition("_")[0].partition(":")[0] for kind in report["faults"]}
    assert {"webhook", "error", "worker"} <= families
    assert report["delays"]["invoice issued"]["looked_at"] >= 8


def test_the_same_seed_draws_the_same_faults_and_another_seed_others() -> None:
    for draw in (frequent_places, outages, webhook_rules, vendor_rules):
        first, again, other = (list(islice(draw(seed), 40)) for seed in (1, 1, 2))
        assert first == again != other


def test_every_boundary_of_a_frequent_activity_is_drawn() -> None:
    frequent = {place for place in places() if place.is_frequent}
    assert set(islice(frequent_places(3), len(frequent))) == frequent


def test_a_worker_is_killed_at_the_boundaries_of_every_activity() -> None:
    found = {
        definition.name
        for module in pkgutil.iter_modules(activities.__path__)
        for kind in vars(importlib.import_module(f"activities.{module.name}")).values()
        for each in (vars(kind).values() if inspect.isclass(kind) else ())
        if (definition := getattr(each, "__temporal_activity_definition", None)) is not None
    }
    assert len(found) > 30
    assert {place.activity for place in places()} == found


def test_the_simulator_takes_every_rule() -> None:
    known = Faults()
    drawn = [*islice(webhook_rules(1), 60), *islice(vendor_rules(1), 60)]
    assert [known.add(rule.body).kind for rule in drawn] == [rule.body["kind"] for rule in drawn]


def test_a_cent_is_noticed() -> None:
    theirs, ours = {("inv_1-1", "EUR"): 4210, ("inv_2-1", "EUR"): 100}, {("inv_1-1", "EUR"): 4209, ("x", "GBP"): 5}
    assert differences("attempt", theirs, theirs) == []
    assert differences("attempt", theirs, ours) == [
        "attempt inv_1-1: the provider has 4210 EUR, the books have 4209",
        "attempt inv_2-1: the provider has 100 EUR, the books have 0",
        "attempt x: the provider has 0 GBP, the books have 5",
    ]


def test_a_message_that_came_twice_or_from_nowhere_is_noticed() -> None:
    mail = {"channel": "email", "id": "m1", "to": "ann@example.com", "custom_args": {"notice_id": "ntc_1"}}
    text = {"channel": "sms", "id": "SM1", "to": "+31600100001", "custom_args": {}}
    notices = {"ntc_1": "m1", "ntc_2": "SM1", "ntc_3": ""}
    assert messages_twice([mail, text], notices) == []
    assert messages_twice([mail, {**mail, "id": "m2"}, {**text, "id": "SM2"}], notices) == [
        "sms SM2 to +31600100001 belongs to no notice of ours",
        "notice ntc_1 reached the customer 2 times",
    ]


def test_the_latest_of_a_kind_is_told() -> None:
    due = datetime(2027, 1, 5, 9, tzinfo=UTC)
    rows = [("issued", f"V{hours}", due, due + timedelta(hours=hours)) for hours in (1, 30, 2)]
    (worst,) = worst_of(rows)
    assert (worst.number, worst.late, worst.looked_at, worst.median) == (
        "V30",
        timedelta(hours=30),
        3,
        timedelta(hours=2),
    )
    assert worst.real(rate=3600) == timedelta(seconds=30)
