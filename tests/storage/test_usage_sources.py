"""What the settings name is watched and consumed by a worker, and stops with it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from billing.persistence.unit_of_work import make_engine
from evenflow.intake import UsageSources, running
from evenflow.settings import SettingsError, settings_from
from tests.builders_usage import LINE, UsageWorld, a_usage_world
from tests.builders_usage_streams import a_message, stored_events
from tests.kafka_broker import Broker

A_CLOUD_EVENT = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "switch-7",
    "type": "org.evenflow.usage.sms",
    "subject": LINE,
    "time": "2027-02-01T10:00:00Z",
    "data": {"quantity": 1},
}


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[UsageWorld]:
    engine = make_engine(database_url)
    yield await a_usage_world(engine, tmp_path / "spool")
    await engine.dispose()


def sources(world: UsageWorld, **environment: str) -> UsageSources:
    settings = settings_from({f"EVENFLOW_{name}": value for name, value in environment.items()})
    return UsageSources(settings, world.service, world.clock)


async def test_the_folder_and_the_topic_of_the_settings_are_taken_until_the_worker_ends(
    world: UsageWorld, tmp_path: Path, unique: str
) -> None:
    broker = Broker()
    await broker.send_soon(unique, [a_message("by-stream"), b"\xff", json.dumps(A_CLOUD_EVENT).encode()])
    watched = tmp_path / "watched"
    (watched / "incoming" / "csv").mkdir(parents=True)
    rows = ["record_id,identifier,meter,quantity,started_at", f"by-folder,{LINE},sms,1,2027-02-01T10:00:00Z"]
    (watched / "incoming" / "csv" / "day.csv").write_text("\n".join(rows))
    named = sources(
        world,
        USAGE_WATCH=str(watched),
        USAGE_WATCH_QUIET_SECONDS="0.1",
        KAFKA_BROKERS=broker.address,
        KAFKA_TOPIC=unique,
        KAFKA_GROUP=unique,
    )
    async with asyncio.timeout(60), running(named.tasks()):
        while await stored_events(world) < 3 or not list((watched / "done").rglob("*.csv")):
            while world.process.imports:
                await world.service.files.import_file(world.process.imports.pop(0).file_id)
            await asyncio.sleep(0.1)
    (position,) = [each for each in await world.service.streams.positions() if each.read]
    assert (position.consumer_group, position.accepted, position.rejected) == (unique, 2, 1)
    assert (await named.look_after()).alarms == ()


async def test_without_settings_only_counting_runs(world: UsageWorld) -> None:
    tasks = sources(world).tasks()
    assert [task.__qualname__ for task in tasks] == ["UsageCounting.count_forever"]
    async with running(tasks):
        await asyncio.sleep(0)


async def test_upkeep_is_told_what_needs_a_person(world: UsageWorld, tmp_path: Path) -> None:
    gone = sources(world, USAGE_WATCH=str(tmp_path / "nowhere"))
    assert (await gone.look_after()).alarms == (f"The watched folder {tmp_path / 'nowhere'} is not there.",)


async def test_a_profile_that_there_is_not_is_one_sentence(world: UsageWorld) -> None:
    with pytest.raises(SettingsError, match="EVENFLOW_KAFKA_PROFILE is morse, which is no profile: use one of "):
        sources(world, KAFKA_BROKERS="127.0.0.1:9", KAFKA_PROFILE="morse").tasks()


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"KAFKA_BROKERS": "b:9092", "KAFKA_PROTOCOL": "SASL_SSL"}, "needs a username and a password"),
        ({"KAFKA_PROTOCOL": "HTTP"}, "EVENFLOW_KAFKA_PROTOCOL"),
        ({"USAGE_WATCH_MARKER": "ok"}, "EVENFLOW_USAGE_WATCH_MARKER"),
        ({"USAGE_WATCH_QUIET_SECONDS": "0"}, "EVENFLOW_USAGE_WATCH_QUIET_SECONDS"),
    ],
)
def test_what_cannot_be_used_is_named(environment: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        settings_from({f"EVENFLOW_{name}": value for name, value in environment.items()})
