"""Figures that are slow to count are kept and say their age; quick ones are always of now."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from billing.domain.collection_figures import FEWEST_TRIES, success_rate, weighted
from billing.ports.overviews import ExpectedDebit, FirstTries
from billing.services.console_figures import forecasts, months_before
from billing.services.kept_figures import REST_FACTOR, KeptFigure

BEGAN = datetime(2027, 5, 1, tzinfo=UTC)


@dataclass
class Counting:
    """A count that takes as long as the test says, on a clock of its own."""

    seconds: float
    at: float = 0.0
    counted: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    fails: bool = False

    async def count(self) -> int:
        await self.gate.wait()
        self.at += self.seconds
        self.counted += 1
        if self.fails:
            raise ConnectionError("the database is away")
        return self.counted

    def figure(self) -> KeptFigure[int]:
        return KeptFigure(
            self.count, lambda: BEGAN + timedelta(seconds=self.at), lambda: self.at, patience_seconds=0.05
        )


async def value_of(figure: KeptFigure[int]) -> int | None:
    counted = await figure.read()
    return None if counted is None else counted.value


async def test_what_is_quick_is_counted_for_every_reader() -> None:
    counting = Counting(0.01)
    counting.gate.set()
    figure = counting.figure()
    assert [await value_of(figure) for _ in range(3)] == [1, 2, 3]


async def test_the_first_reader_of_a_slow_figure_does_not_wait_for_ever() -> None:
    counting = Counting(3.0)
    figure = counting.figure()
    assert await value_of(figure) is None
    counting.gate.set()
    await asyncio.sleep(0)
    assert await value_of(figure) == 1


async def test_a_slow_figure_is_kept_until_counting_takes_a_twentieth_of_the_time_and_says_when_it_was() -> None:
    counting = Counting(3.0)
    counting.gate.set()
    figure = counting.figure()
    assert await value_of(figure) == 1
    counting.at += REST_FACTOR * 3.0 - 1
    kept = await figure.read()
    assert kept is not None
    assert (kept.value, kept.counted_at) == (1, BEGAN)
    counting.at += 1
    assert await value_of(figure) == 1  # counted again beside this reader
    await asyncio.sleep(0)
    assert await value_of(figure) == 2


async def test_many_readers_count_once() -> None:
    counting = Counting(3.0)
    figure = counting.figure()
    readers = [asyncio.create_task(value_of(figure)) for _ in range(5)]
    await asyncio.sleep(0)
    counting.gate.set()
    assert await asyncio.gather(*readers) == [1] * 5


async def test_a_failure_reaches_the_first_reader_and_leaves_the_kept_figure() -> None:
    counting = Counting(3.0, fails=True)
    counting.gate.set()
    figure = counting.figure()
    with pytest.raises(ConnectionError):
        await figure.read()
    counting.fails = False
    assert await value_of(figure) == 2
    counting.fails, counting.at = True, counting.at + 1000
    assert await value_of(figure) == 2
    await asyncio.sleep(0)
    assert await value_of(figure) == 2


def test_a_rate_needs_enough_tries_and_weighs_each_kind_by_its_own() -> None:
    assert success_rate(10, FEWEST_TRIES - 1) is None
    assert success_rate(18, 20) == Decimal("0.9")
    assert weighted({"card": 1000, "sepa_debit": 500, "bacs_debit": 10}, {"card": Decimal("0.9"), "sepa_debit": None,
                    "bacs_debit": Decimal(0)}) == 1400  # fmt: skip


def test_a_forecast_has_every_day_and_leaves_out_what_customers_pay_themselves() -> None:
    day = BEGAN.date()
    expected = [
        ExpectedDebit(day, "EUR", "card", "announced", 2, 1000),
        ExpectedDebit(day + timedelta(days=30), "EUR", "card", "planned", 1, 500),
        ExpectedDebit(day, "EUR", "none", "announced", 1, 7777),
        ExpectedDebit(day, "GBP", "bacs_debit", "planned", 1, 300),
    ]
    euros, pounds = forecasts(expected, [FirstTries("EUR", "card", 40, 30)], day)
    assert [len(one.days) for one in (euros, pounds)] == [31, 31]
    assert (euros.amount_minor, euros.expected_minor) == (1500, 1125)
    assert (pounds.amount_minor, pounds.expected_minor) == (300, 300)


def test_months_are_counted_back_over_the_year() -> None:
    assert months_before(datetime(2027, 2, 28, tzinfo=UTC).date(), 5).isoformat() == "2026-09-01"
