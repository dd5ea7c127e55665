"""The simulator ends when it is told to, whatever happens at that moment."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from simulator.app import build_world
from simulator.config import read_config
from simulator.scheduler import Scheduler


@pytest.mark.parametrize("turns", range(8))
async def test_a_stop_that_comes_together_with_new_work_is_not_lost(tmp_path: Path, turns: int) -> None:
    world = build_world(read_config(["--port", "0", "--data-dir", str(tmp_path)]))
    loop = asyncio.create_task(Scheduler(world.store, world.deliveries, {}).run())
    await asyncio.sleep(0.2)  # it waits for work now
    world.store.wake.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    loop.cancel()
    ended, _ = await asyncio.wait({loop}, timeout=10)
    loop.cancel()
    await asyncio.wait({loop})
    await world.deliveries.close()
    world.store.close()
    assert ended
