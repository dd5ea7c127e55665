"""The faults themselves: each family is carried out by a task of its own, until there were enough of them."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from httpx import TransportError

from benchmarks.faults.plan import (
    Place,
    Rule,
    frequent_places,
    outages,
    places,
    vendor_rules,
    webhook_rules,
)
from benchmarks.faults.recovery import Recovery
from benchmarks.faults.stack import Victims
from billing.domain.clock import ClockSegment
from evenflow.boundaries import ARMED, STRUCK
from evenflow.demo.doors import Door, Refused, persistently

LOOK_EVERY_SECONDS = 0.2
# An order that nobody reaches in so long makes room for the next.
ORDER_SECONDS = 20.0
# Faults that have not struck yet at the same time, per vendor.
MOST_WAITING = 4
# So many draws bring every kind and vendor.
A_ROUND = 40
# A part that is down is being started; then it can be ended again.
LONGEST_START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Pace:
    """Real seconds between two faults of a family, on average as the machine lets them happen."""

    kills: float
    outages: float
    webhooks: float
    vendors: float


class Injector:
    """Breaks things until ``wanted`` faults have struck. ``struck`` counts them by kind."""

    def __init__(
        self,
        seed: int,
        orders: Path,
        victims: Victims,
        recovery: Recovery,
        world: Door,
        pace: Pace,
        segment: ClockSegment,
    ) -> None:
        self._seed = seed
        self._orders = orders
        self._victims = victims
        self._recovery = recovery
        self._world = world
        self._pace = pace
        self._segment = {
            "real_start": segment.real_start.isoformat(),
            "business_start": segment.business_start.isoformat(),
            "rate": segment.rate,
        }
        self._rules: dict[str, Rule] = {}
        self._outages: Counter[str] = Counter()
        self._tally: Counter[str] = Counter()
        self._armed = 0

    async def break_things(self, wanted: int, is_over: Callable[[], bool], is_long: Callable[[], bool]) -> None:
        """Until so many struck and it is over, or it is long enough; what waits to strike then is called off."""
        tasks = [
            asyncio.create_task(family)
            for family in (
                self._kill_at_places(),
                self._end_parts(),
                self._switch(webhook_rules(self._seed), self._pace.webhooks),
                self._switch(vendor_rules(self._seed), self._pace.vendors),
            )
        ]
        try:
            while (not is_over() or self.struck.total() < wanted) and not is_long():
                for task in tasks:
                    if task.done():
                        task.result()
                await asyncio.sleep(LOOK_EVERY_SECONDS)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._call_off()

    @property
    def struck(self) -> Counter[str]:
        """How many faults struck, by kind."""
        kills = Counter({"worker: killed at a boundary": len(self.killed_at)})
        return kills + self._outages + self._tally

    @property
    def deaths(self) -> Counter[str]:
        """How often the supervisor found which part dead."""
        return self._victims.deaths()

    @property
    def killed_at(self) -> list[tuple[Place, Path]]:
        """The boundaries at which a worker was killed, with the file that says of which activity."""
        known = {f"{place.activity}.{place.boundary}": place for place in places()}
        struck = self._orders / STRUCK
        return [(known[path.name.rpartition(".")[0]], path) for path in sorted(struck.glob("*"))]

    async def _kill_at_places(self) -> None:
        """One death at a time: orders lie at every rare place and at one frequent one, until one is carried out.

        The rare places that were reached least often come first, so that no single activity is killed over and over.
        """
        rare = [place for place in places() if not place.is_frequent]
        reached: Counter[Place] = Counter()
        for frequent in frequent_places(self._seed):
            least = min(reached[place] for place in rare)
            wanted = [frequent, *(place for place in rare if reached[place] <= least + 1)]
            orders = {place: self._arm(place) for place in wanted}
            is_struck = await _until(partial(_is_any_gone, list(orders.values())), ORDER_SECONDS)
            reached.update(place for place, order in orders.items() if not order.exists())
            for order in orders.values():
                order.unlink(missing_ok=True)
            if is_struck:
                await self._recovery.until_working()
                await asyncio.sleep(self._pace.kills)

    def _arm(self, place: Place) -> Path:
        self._armed += 1
        order = self._orders / ARMED / f"{place.activity}.{place.boundary}.{self._armed:05d}"
        order.parent.mkdir(parents=True, exist_ok=True)
        order.touch()
        return order

    async def _end_parts(self) -> None:
        for outage in outages(self._seed):
            await asyncio.sleep(self._pace.outages)
            await self._recovery.until_working()
            if await _until(partial(self._victims.end, outage), LONGEST_START_SECONDS):
                self._outages[outage.kind] += 1
            if outage.part == "simulator":
                await self._set_the_clock_of_the_world()

    async def _set_the_clock_of_the_world(self) -> None:
        """A simulator that starts again goes on from where it was, and would stay behind."""
        with suppress(Refused, TransportError):
            await self._world.post("/_control/clock", self._segment)

    async def _switch(self, rules: Iterator[Rule], pause: float) -> None:
        """Switch rules on one after the other, and count what they did; a vendor of which enough wait is left out."""
        mine: set[str] = set()
        while True:
            await asyncio.sleep(pause)
            waiting = Counter(self._rules[one].vendor for one in mine if one in self._rules)
            rule = next((one for one in islice(rules, A_ROUND) if waiting[one.vendor] < MOST_WAITING), None)
            try:
                mine &= await self._count()
                if rule is None:
                    continue
                made = await self._world.post("/_control/faults", rule.body)
                self._rules[made["id"]] = rule
                mine.add(made["id"])
            except (Refused, TransportError):
                continue

    async def _count(self) -> set[str]:
        """Take rules away that are used up, and note what they did; the ids of the others."""
        waiting: set[str] = set()
        for rule in (await self._world.get("/_control/faults"))["faults"]:
            if rule["strikes"] >= (rule["count"] or 0):
                await self._retire(rule)
            else:
                waiting.add(rule["id"])
        return waiting

    async def _retire(self, rule: dict[str, Any]) -> None:
        await persistently(self._world.client, "DELETE", f"/_control/faults/{rule['id']}")
        drawn = self._rules.pop(rule["id"], None)
        if drawn is not None and rule["strikes"]:
            self._tally[drawn.kind] += rule["strikes"]

    async def _call_off(self) -> None:
        for order in (self._orders / ARMED).glob("*"):
            order.unlink(missing_ok=True)
        for rule in (await self._world.get("/_control/faults"))["faults"]:
            await self._retire(rule)


def _is_any_gone(orders: Sequence[Path]) -> bool:
    return not all(order.exists() for order in orders)


async def _until(what: Callable[[], bool], seconds: float) -> bool:
    """Look again and again until it is so; False when it is not within so many seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if what():
            return True
        await asyncio.sleep(LOOK_EVERY_SECONDS)
    return False
