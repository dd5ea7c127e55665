"""The stack's parts get the right environment: simulated vendors by default, real ones only where it is safe."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from evenflow.settings import SettingsError, read_settings
from evenflow.stack.assembly import StackOptions, assemble, once, settings_beside
from evenflow.stack.child import ChildSpec
from evenflow.stack.directory import DataDirectory
from evenflow.stack.running import RunningStack
from tests.stack_fixtures import reachable_directory

OWN_STRIPE = {"EVENFLOW_STRIPE_SECRET_KEY": "sk_test_my_account", "EVENFLOW_STRIPE_WEBHOOK_SECRET": "whsec_mine"}


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    with reachable_directory() as directory:
        yield directory


@pytest.fixture(autouse=True)
def _read_anew() -> None:
    read_settings.cache_clear()


def assembled(data_dir: Path, clock_rate: float = 1.0) -> tuple[RunningStack, dict[str, ChildSpec]]:
    stack, specs = assemble(DataDirectory(data_dir), StackOptions(data_dir, clock_rate=clock_rate), print)
    return stack, {spec.name: spec for spec in specs}


def test_without_keys_every_vendor_is_simulated_and_knows_the_same_secrets(data_dir: Path) -> None:
    stack, specs = assembled(data_dir)
    told = specs["simulator"].environment
    assert stack.environment["EVENFLOW_STRIPE_API_BASE"] == f"{stack.simulator_url}/stripe"
    assert told["SIMULATOR_STRIPE_API_KEYS"] == stack.environment["EVENFLOW_STRIPE_SECRET_KEY"]
    assert told["SIMULATOR_STRIPE_WEBHOOK_SECRET"] == stack.environment["EVENFLOW_STRIPE_WEBHOOK_SECRET"]
    assert told["SIMULATOR_NETWORK_SECRET"] == stack.environment["EVENFLOW_NETWORK_SIGNING_SECRET"]


def test_a_second_start_has_the_same_ports_and_secrets(data_dir: Path) -> None:
    assert assembled(data_dir)[0].environment == assembled(data_dir)[0].environment


def test_an_own_test_account_is_kept_at_normal_time(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in OWN_STRIPE.items():
        monkeypatch.setenv(name, value)
    environment = assembled(data_dir)[0].environment
    assert "EVENFLOW_STRIPE_SECRET_KEY" not in environment
    assert "EVENFLOW_TWILIO_API_BASE" in environment


def test_hurried_time_reaches_simulated_vendors_only(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENFLOW_STRIPE_SECRET_KEY", "sk_live_abc")
    monkeypatch.setenv("EVENFLOW_SENDGRID_API_KEY", "SG.real")
    environment = assembled(data_dir, clock_rate=17280)[0].environment
    assert environment["EVENFLOW_STRIPE_SECRET_KEY"].startswith("sk_test_sim")
    assert environment["EVENFLOW_SENDGRID_API_KEY"].startswith("SG.simulator")


def test_a_live_key_beside_simulated_vendors_is_refused_before_anything_starts(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENFLOW_STRIPE_SECRET_KEY", "sk_live_abc")
    with pytest.raises(SettingsError, match="live key"):
        assembled(data_dir)


def test_api_and_worker_start_after_the_servers_and_the_clock(data_dir: Path) -> None:
    _, specs = assembled(data_dir)
    for name in {"api", "worker"} & set(specs):
        assert set(specs[name].needs) == {"postgres", "temporal", "simulator"}
        assert specs[name].before_start is not None


def test_commands_beside_a_stack_use_its_environment(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack, _ = assembled(data_dir)
    assert settings_beside(data_dir).database.url.get_secret_value() == stack.database_url
    monkeypatch.setenv("EVENFLOW_DATABASE_URL", "postgresql+psycopg://other/books")
    read_settings.cache_clear()
    assert settings_beside(data_dir).database.url.get_secret_value() == "postgresql+psycopg://other/books"


def test_what_the_children_are_told_is_readable_for_the_owner_only(data_dir: Path) -> None:
    assembled(data_dir)
    file = data_dir / "environment.json"
    assert file.stat().st_mode & 0o077 == 0
    assert "EVENFLOW_DATABASE_URL" in json.loads(file.read_text(encoding="utf-8"))


async def test_what_two_children_wait_for_is_done_once() -> None:
    done: list[str] = []

    async def work() -> None:
        await asyncio.sleep(0)
        done.append("clock resumed")

    hook = once(work)
    await asyncio.gather(hook(), hook())
    assert done == ["clock resumed"]
