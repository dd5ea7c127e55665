"""A consumer in a process of its own, which kills itself between storing a batch and committing it.

``python -m tests.killed_consumer DATABASE_URL BROKERS TOPIC BATCHES``: how many batches are committed before that.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import billing.services.usage_streams as streams
from billing.adapters.kafka_usage import KafkaAccess, KafkaStream
from billing.adapters.usage_formats import standard_formats
from billing.persistence.unit_of_work import SqlUnitOfWork, make_engine
from billing.services.usage import UsageService
from tests.builders_usage import RecordingProcess, StandingClock
from tests.builders_usage_streams import a_source


async def main(database_url: str, brokers: str, topic: str, batches: int) -> None:
    engine = make_engine(database_url)
    clock, process = StandingClock(), RecordingProcess()
    service = UsageService(lambda: SqlUnitOfWork(engine), clock, process, standard_formats(), Path("unused"))
    move, stored = streams._move, 0

    async def dies_after_some(*args: Any) -> None:
        nonlocal stored
        await move(*args)
        stored += 1
        if stored > batches:
            os.kill(os.getpid(), signal.SIGKILL)

    streams._move = dies_after_some
    # A group of its own at the broker: it would wait for the killed member otherwise. Positions are not the broker's.
    stream = KafkaStream(KafkaAccess(brokers, topic, f"{topic}-{os.getpid()}"), most_messages=10)
    await streams.consume(service.streams, a_source(), stream)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4], int(sys.argv[4])))
