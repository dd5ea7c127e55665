"""The commands beside a stack: what they find, and how they refuse."""

from __future__ import annotations

import httpx
import pytest
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.client import Client
from typer.testing import CliRunner

from evenflow.cli.main import app
from evenflow.settings import read_settings, settings_from
from evenflow.stack.temporal_server import SEARCH_ATTRIBUTES

NOBODY_THERE = "postgresql+psycopg://nobody@127.0.0.1:9/nothing"


@pytest.fixture(autouse=True)
def _read_anew() -> None:
    read_settings.cache_clear()


def test_prepare_makes_a_served_namespace_ready_and_may_be_repeated(
    monkeypatch: pytest.MonkeyPatch, empty_database_url: str, temporal_address: str, unique: str
) -> None:
    monkeypatch.setattr("evenflow.cli.prepare.upgrade", lambda url: None)
    monkeypatch.setenv("EVENFLOW_DATABASE_URL", empty_database_url)
    monkeypatch.setenv("EVENFLOW_TEMPORAL_ADDRESS", temporal_address)
    monkeypatch.setenv("EVENFLOW_TEMPORAL_NAMESPACE", unique)
    for _ in range(2):
        result = CliRunner().invoke(app, ["prepare"])
        assert (result.exit_code, result.output) == (0, "The database and the Temporal namespace are ready.\n")


async def test_the_prepared_namespace_knows_every_search_attribute(temporal_client: Client) -> None:
    request = ListSearchAttributesRequest(namespace=temporal_client.namespace)
    listed = await temporal_client.operator_service.list_search_attributes(request)
    assert set(SEARCH_ATTRIBUTES) <= set(listed.custom_attributes)


@pytest.mark.parametrize(
    ("arguments", "environment", "words"),
    [
        (["prepare"], {}, "EVENFLOW_DATABASE_URL is not set"),
        (["doctor"], {"EVENFLOW_CLOCK_RATE": "-1"}, "EVENFLOW_CLOCK_RATE cannot be used"),
        (["up", "--port", "api"], {}, "--port api is not understood"),
        (["up", "--port", "fax=1"], {}, "--port fax=1 is not understood"),
        (["up", "--port", "api=70000"], {}, "--port api=70000 is not understood"),
        (["up", "--port", "api=\u0663"], {}, "is not understood"),
        (["check"], {"EVENFLOW_DATABASE_URL": "mysql://a@b/c"}, "EVENFLOW_DATABASE_URL cannot be used"),
        (["check"], {"EVENFLOW_DATABASE_URL": NOBODY_THERE}, "connection failed"),
        (["check"], {"EVENFLOW_DATABASE_URL": "postgresql+psycopg://a@b:port/c"}, "EVENFLOW_DATABASE_URL cannot"),
        (["key", "create", "crm"], {"EVENFLOW_DATABASE_URL": NOBODY_THERE}, "connection failed"),
        (["key", "revoke", "crm"], {"EVENFLOW_DATABASE_URL": NOBODY_THERE}, "connection failed"),
    ],
)
def test_every_refusal_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    arguments: list[str],
    environment: dict[str, str],
    words: str,
) -> None:
    monkeypatch.setenv("EVENFLOW_DATA_DIR", str(tmp_path_factory.mktemp("data")))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert words in result.stderr
    assert result.stderr.count("\n") == 1


def test_doctor_names_what_is_missing_and_what_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, postgres_url: str, temporal_address: str
) -> None:
    monkeypatch.setenv("EVENFLOW_DATA_DIR", str(tmp_path_factory.mktemp("data")))
    monkeypatch.setenv("EVENFLOW_DATABASE_URL", postgres_url)
    monkeypatch.setenv("EVENFLOW_TEMPORAL_ADDRESS", temporal_address)
    monkeypatch.setenv("EVENFLOW_NETWORK_API_BASE", "http://127.0.0.1:9")
    monkeypatch.setenv("EVENFLOW_NETWORK_SIGNING_SECRET", "hidden")
    monkeypatch.setenv("EVENFLOW_KAFKA_BROKERS", "127.0.0.1:9,broker:9092")
    monkeypatch.setenv("EVENFLOW_USAGE_WATCH", "/nowhere/watched")
    monkeypatch.setenv("COLUMNS", "200")
    result = CliRunner().invoke(app, ["doctor"])
    rows = {line.split("│")[1].strip(): line for line in result.output.splitlines() if line.count("│") > 3}
    assert result.exit_code == 1
    assert "PostgreSQL 18 answers" in rows["database"]
    assert "namespace default answers" in rows["process"]
    assert "EVENFLOW_STRIPE_SECRET_KEY" in rows["Stripe"]
    assert "broken" in rows["network"]
    assert "broken" in rows["Kafka"]
    assert "/nowhere/watched/incoming is not there" in rows["watched folder"]
    assert "hidden" not in result.output


def test_the_simulator_of_the_tests_takes_the_keys_of_its_environment(
    simulator_url: str, simulator_environment: dict[str, str]
) -> None:
    key = simulator_environment["EVENFLOW_STRIPE_SECRET_KEY"]
    assert httpx.get(f"{simulator_url}/stripe/v1/customers", auth=(key, "")).status_code == 200
    assert httpx.get(f"{simulator_url}/stripe/v1/customers", auth=("sk_test_other", "")).status_code == 401
    assert settings_from(simulator_environment).live_vendors == ()
