"""The live services and doors, lived through in any order; and that a slip in them is noticed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from billing.adapters.stripe import StripePayments
from billing.services import payment_booking
from evenflow.stack.postgres import PostgresServer
from tests.builders_webhooks import a_webhook_world
from tests.contracts.simulator_process import Simulator
from tests.doors.collection_over_doors import DoorsMachine, Stage

pytest_plugins = ["tests.contracts.simulator_fixtures"]

_settings = settings(
    max_examples=8,
    stateful_step_count=12,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def machine(
    postgres_server: PostgresServer, migrated_template: str, simulator: Simulator, tmp_path_factory: Any
) -> Iterator[type[DoorsMachine]]:
    postgres_server.create_database("lived_through", template=migrated_template)
    with asyncio.Runner() as runner:
        directory = Path(tmp_path_factory.mktemp("doors"))
        opened = a_webhook_world(postgres_server.url("lived_through"), simulator, directory)
        stage = Stage(runner, runner.run(opened.__aenter__()))
        yield type("StagedMachine", (DoorsMachine,), {"stage": stage})
        runner.run(opened.__aexit__(None, None, None))
    postgres_server.drop_database("lived_through")


def test_nobody_pays_twice_and_the_books_agree_in_any_order(machine: type[DoorsMachine]) -> None:
    run_state_machine_as_test(machine, settings=_settings)


async def _found_nothing(*_: Any) -> None:
    return None


async def _heard_nothing(_work: Any, attempt: Any, *_: Any) -> Any:
    return attempt


MUTATIONS: dict[str, tuple[Any, str, Callable[..., Any]]] = {
    "the provider is not asked before a new call": (StripePayments, "find_by_attempt", _found_nothing),
    "a chargeback is not booked": (payment_booking, "book_disputes", _heard_nothing),
}


@pytest.mark.parametrize("slip", [None, *MUTATIONS])
def test_a_slip_in_the_services_is_noticed(machine: type[DoorsMachine], slip: str | None) -> None:
    """Steps that a run may take, chosen so that each slip shows: to search for them takes minutes."""
    one = machine()
    one.open_the_account("pm_card_visa")
    one.the_provider_stumbles_once("error_500_after")
    one.a_bill_is_due_and_debited(4210, 0)
    where, name, instead = MUTATIONS.get(slip or "", (StripePayments, "nothing", _found_nothing))
    with patch.object(where, name, instead, create=slip is None):
        one.all_is_asked_about_again()
        one.the_bank_takes_everything_back()
        if slip is None:
            one.all_is_asked_about_and_the_books_agree_with_the_provider()
        else:
            with pytest.raises(AssertionError):
                one.all_is_asked_about_and_the_books_agree_with_the_provider()
