"""What API and worker keep in memory while nothing happens."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.administrator import Administrator
from benchmarks.children import living_children
from benchmarks.figures import Figure
from benchmarks.options import Options
from benchmarks.places import data_directory
from benchmarks.stack import with_stack
from evenflow.stack.running import RunningStack

ACCOUNTS = 25
IDLE_SECONDS = 10.0
OURS = ("api", "worker")
KINDS = {"Pss": "PSS", "Rss": "RSS"}
Reading = dict[tuple[str, str], float]


def measure(options: Options) -> list[Figure]:
    """MiB of each, one start of the stack per round on one data directory with some accounts."""
    readings: list[Reading] = []
    with data_directory() as data_dir:
        for number in range(options.rounds):
            options.say(f"memory: round {number + 1} of {options.rounds}")
            readings.append(with_stack(options, data_dir, _read_when_idle))
    return [
        Figure(f"memory of the idle {name}, {KINDS[kind]}", "MiB", tuple(one[name, kind] for one in readings))
        for name in OURS
        for kind in KINDS
    ]


async def _read_when_idle(stack: RunningStack) -> Reading:
    await asyncio.to_thread(_awaken, stack)
    await asyncio.sleep(IDLE_SECONDS)
    children = living_children(stack.data_dir)
    return {(name, kind): value for name in OURS for kind, value in _mebibytes(children[name]).items() if kind in KINDS}


def _awaken(stack: RunningStack) -> None:
    """Every account's process has run in the worker once; at the first start the accounts are opened."""
    administrator = Administrator(stack.environment)
    account_ids = [one["account_id"] for one in administrator.get("/v1/accounts")["accounts"]]
    if not account_ids:
        administrator.load_catalogue()
        activated_at = datetime.now(UTC) - timedelta(days=3)
        account_ids = [administrator.open_account(place, activated_at) for place in range(ACCOUNTS)]
    for account_id in account_ids:
        administrator.wait_for_process(account_id)


def _mebibytes(process_id: int) -> dict[str, float]:
    """The sums of all mappings of a process, by the kernel's names."""
    lines = Path(f"/proc/{process_id}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]
    return {name: int(size.split()[0]) / 1024 for name, _, size in (line.partition(":") for line in lines)}
