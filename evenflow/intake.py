"""What a worker does for usage beside its task queues: it watches a folder and consumes a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from billing.adapters.kafka_usage import KafkaAccess, KafkaStream
from billing.ports.clock import BusinessClock
from billing.ports.usage import UsageFormat
from billing.services.reconcile import Watched
from billing.services.usage import UsageService
from billing.services.usage_cloudevents import event_types, record_of
from billing.services.usage_folder import FolderRules, WatchedFolder
from billing.services.usage_streams import StreamSource, consume_forever
from evenflow.settings import Settings, SettingsError
from evenflow.usage_settings import KafkaSettings


class UsageSources:
    """The folder and the stream of the settings, if there are any."""

    def __init__(self, settings: Settings, usage: UsageService, clock: BusinessClock) -> None:
        self._kafka = settings.kafka
        self._unwrap = partial(record_of, types=event_types(settings.usage.cloud_event_types))
        self._usage = usage
        self._folder = _watched_folder(settings, usage, clock)

    async def look_after(self) -> Watched:
        """For upkeep: starts imports that were never started, and says what of files and streams needs a person."""
        found = [await self._usage.arrivals.look_after(), await self._usage.streams.alarms()]
        alarms = [alarm for each in found for alarm in each.alarms]
        alarms += await self.waiting_in_folder()
        return Watched(found[0].count, tuple(alarms))

    async def waiting_in_folder(self) -> Sequence[str]:
        """A sentence for each file that lies too long in the watched folder."""
        return (await self._folder.waiting()).alarms if self._folder else ()

    def tasks(self) -> Sequence[Coroutine[Any, Any, None]]:
        """What runs until the worker ends. Raises SettingsError for a profile there is not."""
        tasks: list[Coroutine[Any, Any, None]] = []
        if self._kafka.brokers:
            source = StreamSource(self._kafka.group, _decoder(self._kafka, self._usage), self._unwrap)
            tasks.append(consume_forever(self._usage.streams, source, partial(KafkaStream, _access(self._kafka))))
        if self._folder is not None:
            tasks.append(self._folder.watch())
        return [*tasks, self._usage.counting.count_forever()]


@asynccontextmanager
async def running(tasks: Sequence[Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Run them for the length of the block; at its end they are told to stop, and waited for."""
    begun = [asyncio.create_task(task) for task in tasks]
    try:
        yield
    finally:
        for task in begun:
            task.cancel()
        await asyncio.gather(*begun, return_exceptions=True)


def _watched_folder(settings: Settings, usage: UsageService, clock: BusinessClock) -> WatchedFolder | None:
    wanted = settings.usage
    if wanted.watch is None:
        return None
    rules = FolderRules(wanted.watch_quiet_seconds, wanted.watch_marker, wanted.watch_patience_minutes * 60.0)
    return WatchedFolder(wanted.watch, usage.files, usage.arrivals, clock, rules)


def _decoder(kafka: KafkaSettings, usage: UsageService) -> UsageFormat:
    if kafka.profile not in usage.files.profiles:
        known = ", ".join(usage.files.profiles)
        raise SettingsError(f"EVENFLOW_KAFKA_PROFILE is {kafka.profile}, which is no profile: use one of {known}.")
    return usage.files.format(kafka.profile)


def _access(kafka: KafkaSettings) -> KafkaAccess:
    return KafkaAccess(
        brokers=kafka.brokers,
        topic=kafka.topic,
        group=kafka.group,
        protocol=kafka.protocol,
        mechanism=kafka.mechanism,
        username=kafka.username,
        password=kafka.password.get_secret_value(),
        authority=kafka.authority,
    )
