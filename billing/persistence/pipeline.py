"""One connection in libpq's pipeline mode: several prepared statements as one message, answered by one event.

The event loop calls back when an answer arrives. So a round trip costs one future, where a cursor registers its socket
anew for every step; statements travel prepared and results come in binary form. Who uses it is measured by the
microsecond; everybody else has SQLAlchemy.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import psycopg
from psycopg import pq
from psycopg.abc import Buffer
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.types.json import set_json_loads

# Instants come back in UTC, whatever zone the server lives in.
_OPTIONS = "-c timezone=UTC -c client_encoding=utf8"
_GOOD = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK)
_decode = msgspec.json.Decoder().decode
Question = tuple[bytes, Sequence[Buffer | None]]
"""The name of a prepared statement, and its parameters as texts."""


def driver_url(url: str) -> str:
    """An address as SQLAlchemy writes it, as libpq reads it."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


class Pipeline:
    """Asks questions; each call of ``ask`` is answered as a whole, in order."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection
        self._libpq = connection.pgconn
        self._socket = self._libpq.socket
        self._loop = asyncio.get_running_loop()
        self._asked: deque[tuple[asyncio.Future[list[pq.abc.PGresult]], list[pq.abc.PGresult]]] = deque()
        set_json_loads(_decode, connection)
        self._transformer = Transformer(connection)
        self._is_closed = False
        self._libpq.enter_pipeline_mode()
        self._loop.add_reader(self._socket, self._read)

    @classmethod
    async def connect(cls, url: str, statements: Mapping[bytes, str], more_options: str = "") -> Pipeline:
        """A new connection that knows these statements. ``url`` as libpq reads it."""
        options = f"{_OPTIONS} {more_options}".strip()
        connection = await psycopg.AsyncConnection.connect(url, autocommit=True, options=options)
        pipeline = cls(connection)
        try:
            for name, statement in statements.items():
                pipeline._libpq.send_prepare(name, statement.encode())
            await pipeline._sent()
        except BaseException:
            pipeline.close()
            raise
        return pipeline

    @property
    def waiting(self) -> int:
        """How many calls of ``ask`` are not answered yet."""
        return len(self._asked)

    async def ask(self, questions: Sequence[Question]) -> list[pq.abc.PGresult]:
        """One result per statement, in binary form. Raises the error of the first that failed; then, within a
        transaction, the connection is of no more use.
        """
        if self._is_closed or self._libpq.status != pq.ConnStatus.OK:
            raise psycopg.OperationalError("the connection is lost")
        for name, values in questions:
            self._libpq.send_query_prepared(name, values, result_format=pq.Format.BINARY)
        return await self._sent()

    def rows(self, result: pq.abc.PGresult) -> list[tuple[Any, ...]]:
        """The rows of a result as Python values."""
        self._transformer.set_pgresult(result)
        return self._transformer.load_rows(0, result.ntuples, tuple)

    def close(self) -> None:
        """End the connection at once; the server rolls back what was begun. Whoever waits is told."""
        if self._is_closed:  # by now its socket's number may be another's
            return
        self._is_closed = True
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._libpq.finish()
        self._fail(psycopg.OperationalError("the connection was closed"))

    def _sent(self) -> asyncio.Future[list[pq.abc.PGresult]]:
        answer: asyncio.Future[list[pq.abc.PGresult]] = self._loop.create_future()
        self._asked.append((answer, []))
        self._libpq.pipeline_sync()
        self._flush()
        return answer

    def _flush(self) -> None:
        """What the socket does not take at once is written when it does."""
        if self._libpq.flush():
            self._loop.add_writer(self._socket, self._flush)
        else:
            self._loop.remove_writer(self._socket)

    def _read(self) -> None:
        try:
            self._libpq.consume_input()
            while self._asked and not self._libpq.is_busy():
                self._take(self._libpq.get_result())
        except psycopg.OperationalError as lost:
            self._loop.remove_reader(self._socket)
            self._fail(lost)

    def _take(self, result: pq.abc.PGresult | None) -> None:
        if result is None:  # the end of one statement's answer
            return
        answer, results = self._asked[0]
        if result.status != pq.ExecStatus.PIPELINE_SYNC:
            results.append(result)
            return
        self._asked.popleft()
        if answer.done():  # whoever asked is gone
            return
        failed = next((each for each in results if each.status not in _GOOD), None)
        if failed is None:
            answer.set_result(results)
        else:
            answer.set_exception(error_from_result(failed))

    def _fail(self, error: psycopg.Error) -> None:
        while self._asked:
            answer, _ = self._asked.popleft()
            if not answer.done():
                answer.set_exception(error)
