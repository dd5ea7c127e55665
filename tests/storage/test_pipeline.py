"""Several prepared statements as one message: answered as a whole, in order, and never left waiting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest

from billing.persistence.pipeline import Pipeline, driver_url

STATEMENTS = {
    b"echo": "SELECT $1::text, 7::bigint, NULL::integer, TIMESTAMPTZ '2027-02-01 10:00+01'",
    b"divide": "SELECT 1 / $1::integer",
    b"sleep": "SELECT pg_sleep($1::float8)",
    b"pid": "SELECT pg_backend_pid()",
    b"end": "SELECT pg_terminate_backend($1::integer)",
}


@pytest.fixture
async def pipeline(database_url: str) -> AsyncIterator[Pipeline]:
    pipeline = await Pipeline.connect(driver_url(database_url), STATEMENTS)
    yield pipeline
    pipeline.close()


async def echoed(pipeline: Pipeline, text: str) -> object:
    (result,) = await pipeline.ask([(b"echo", [text.encode()])])
    return pipeline.rows(result)[0][0]


async def test_values_come_as_what_they_are_and_instants_in_utc(pipeline: Pipeline) -> None:
    (result,) = await pipeline.ask([(b"echo", ["Łódź".encode()])])
    ((text, number, nothing, at),) = pipeline.rows(result)
    assert (text, number, nothing, at.isoformat()) == ("Łódź", 7, None, "2027-02-01T09:00:00+00:00")


async def test_those_who_ask_at_once_each_get_their_own_answer_in_order(pipeline: Pipeline) -> None:
    asked = [f"question {number}" for number in range(50)]
    assert await asyncio.gather(*(echoed(pipeline, each) for each in asked)) == asked
    assert pipeline.waiting == 0


async def test_what_the_socket_does_not_take_at_once_is_sent_too(pipeline: Pipeline) -> None:
    long = "x" * 20_000_000
    assert await asyncio.gather(echoed(pipeline, long), echoed(pipeline, "short")) == [long, "short"]


async def test_a_statement_that_fails_is_told_to_who_asked_it_and_to_nobody_else(pipeline: Pipeline) -> None:
    failed = pipeline.ask([(b"divide", [b"1"]), (b"divide", [b"0"]), (b"divide", [b"1"])])
    answers = await asyncio.gather(failed, echoed(pipeline, "next"), return_exceptions=True)
    assert isinstance(answers[0], psycopg.errors.DivisionByZero)
    assert answers[1] == "next"


async def test_who_is_gone_leaves_the_answers_of_the_others_in_order(pipeline: Pipeline) -> None:
    gone = asyncio.create_task(pipeline.ask([(b"sleep", [b"0.3"])]))
    await asyncio.sleep(0.05)
    gone.cancel()
    assert await echoed(pipeline, "mine") == "mine"


async def test_who_waits_is_told_when_the_connection_ends_and_so_is_who_comes_later(
    pipeline: Pipeline, database_url: str
) -> None:
    (found,) = await pipeline.ask([(b"pid", [])])
    ((process_id,),) = pipeline.rows(found)
    waiting = asyncio.create_task(pipeline.ask([(b"sleep", [b"60"])]))
    other = await Pipeline.connect(driver_url(database_url), STATEMENTS)
    await other.ask([(b"end", [str(process_id).encode()])])
    other.close()
    for asking in (waiting, pipeline.ask([(b"pid", [])])):
        with pytest.raises(psycopg.OperationalError):
            async with asyncio.timeout(30):
                await asking


async def test_closing_tells_who_waits(pipeline: Pipeline) -> None:
    waiting = asyncio.create_task(pipeline.ask([(b"sleep", [b"60"])]))
    await asyncio.sleep(0.05)
    pipeline.close()
    with pytest.raises(psycopg.OperationalError):
        await waiting
