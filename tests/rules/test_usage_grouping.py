"""Grouped commit: everybody gets the own answer, one bad item fails alone, and what is too much is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.services import usage_grouping
from billing.services.usage_grouping import Grouping, TooBusy, Turnstile


@dataclass
class Bank:
    """Takes groups; ``bad`` items break the group they are in; ``gate`` holds everything up."""

    bad: frozenset[int] = frozenset()
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    groups: list[list[int]] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)

    async def take(self, items: Sequence[int]) -> Sequence[str]:
        await self.gate.wait()
        self.groups.append(list(items))
        if self.bad & set(items):
            raise ValueError(f"{sorted(self.bad & set(items))} broke it")
        self.kept += items
        return [f"took {item}" for item in items]


def an_open_bank(*bad: int) -> Bank:
    bank = Bank(frozenset(bad))
    bank.gate.set()
    return bank


async def test_a_single_item_is_taken_at_once_and_alone() -> None:
    bank = an_open_bank()
    assert await Grouping(bank.take).take(7) == "took 7"
    assert bank.groups == [[7]]


async def test_what_arrives_while_a_group_commits_is_the_next_group() -> None:
    bank = Bank()
    grouping: Grouping[int, str] = Grouping(bank.take, groups_at_once=1)
    first = asyncio.create_task(grouping.take(1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    others = [asyncio.create_task(grouping.take(item)) for item in (2, 3, 4)]
    await asyncio.sleep(0)
    bank.gate.set()
    assert await asyncio.gather(first, *others) == ["took 1", "took 2", "took 3", "took 4"]
    assert bank.groups == [[1], [2, 3, 4]]


@dataclass
class Follower:
    """Comes with the next item in the very moment in which its own was answered, as a caller that hurries does."""

    grouping: Grouping[int, str]
    item: int
    told: list[str]
    done: asyncio.Event

    def answer(self, answer: str) -> None:
        self.told.append(answer)
        if self.item == 0:
            self.done.set()
        else:
            next_one = Follower(self.grouping, self.item - 1, self.told, self.done)
            asyncio.get_running_loop().call_soon(self.grouping.put, next_one)

    def fail(self, error: Exception) -> None:
        raise AssertionError(error)


async def test_nobody_is_left_waiting_who_comes_just_when_the_last_group_ends() -> None:
    grouping: Grouping[int, str] = Grouping(an_open_bank().take, groups_at_once=1)
    follower = Follower(grouping, 5, [], asyncio.Event())
    grouping.put(follower)
    async with asyncio.timeout(10):
        await follower.done.wait()
    assert follower.told == [f"took {item}" for item in (5, 4, 3, 2, 1, 0)]


@settings(max_examples=50, deadline=None)
@given(
    items=st.lists(st.integers(0, 30), max_size=40), bad=st.frozensets(st.integers(0, 30)), together=st.integers(1, 9)
)
async def test_whatever_breaks_a_group_fails_alone_and_everything_else_is_taken_once(
    items: list[int], bad: frozenset[int], together: int
) -> None:
    bank = an_open_bank(*bad)
    grouping: Grouping[int, str] = Grouping(bank.take, most_together=together)
    answers = await asyncio.gather(*(grouping.take(item) for item in items), return_exceptions=True)
    for item, answer in zip(items, answers, strict=True):
        assert isinstance(answer, ValueError) if item in bad else answer == f"took {item}"
    assert sorted(bank.kept) == sorted(item for item in items if item not in bad)
    assert all(len(group) <= together for group in bank.groups)


async def test_a_database_that_is_away_is_not_asked_again_for_every_item(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage_grouping, "SPLITTING_SECONDS", -1.0)
    bank = an_open_bank(*range(64))
    grouping: Grouping[int, str] = Grouping(bank.take, groups_at_once=1)
    answers = await asyncio.gather(*(grouping.take(item) for item in range(64)), return_exceptions=True)
    assert all(isinstance(answer, ValueError) for answer in answers)
    assert bank.groups == [list(range(64))]


async def test_more_than_can_be_held_is_refused_with_a_time_to_come_again() -> None:
    bank = Bank()
    grouping: Grouping[int, str] = Grouping(bank.take, most_waiting=3, most_together=1, groups_at_once=1)
    held = [asyncio.create_task(grouping.take(item)) for item in range(4)]
    await asyncio.sleep(0)
    refused = [task.exception() for task in held if task.done()]
    assert [type(error) for error in refused] == [TooBusy]
    bank.gate.set()
    await asyncio.wait(held)
    assert await grouping.take(9) == "took 9"


async def test_a_caller_that_is_gone_does_not_keep_the_others_from_their_answers() -> None:
    bank = Bank()
    grouping: Grouping[int, str] = Grouping(bank.take, groups_at_once=1)
    callers = [asyncio.create_task(grouping.take(item)) for item in range(3)]
    await asyncio.sleep(0)
    callers[1].cancel()
    bank.gate.set()
    answers = await asyncio.gather(*callers, return_exceptions=True)
    assert (answers[0], answers[2]) == ("took 0", "took 2")
    assert isinstance(answers[1], asyncio.CancelledError)


async def test_a_turnstile_lets_some_in_holds_some_and_refuses_the_rest() -> None:
    turnstile = Turnstile("batches", at_once=1, most_waiting=1)
    may_leave = asyncio.Event()

    async def visit() -> str:
        async with turnstile:
            await may_leave.wait()
            return "was in"

    visitors = [asyncio.create_task(visit()) for _ in range(3)]
    await asyncio.sleep(0.01)
    with pytest.raises(TooBusy, match="batches"):
        await visitors[2]
    may_leave.set()
    assert await asyncio.gather(*visitors[:2]) == ["was in", "was in"]
    async with turnstile:
        pass
