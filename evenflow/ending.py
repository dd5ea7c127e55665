"""Being told that this process must end, while the server around us still answers what is under way."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def told_of_the_end(tell: Callable[[], None], signals: tuple[signal.Signals, ...] = SIGNALS) -> Iterator[None]:
    """Call ``tell`` in the running loop when the process is asked to end; then whoever handled it before goes on.

    A web server waits for every answer to be complete before it stops, and an endless one has to be told. In a thread
    that gets no signals nothing is done.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {each: signal.getsignal(each) for each in signals}

    def handle(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(tell)
        earlier = before[signal.Signals(number)]
        if callable(earlier):
            earlier(number, frame)

    for each in signals:
        signal.signal(each, handle)
    try:
        yield
    finally:
        for each, earlier in before.items():
            signal.signal(each, earlier)
