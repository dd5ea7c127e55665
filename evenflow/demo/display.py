"""Progress as it happens: a live picture on a terminal, one line per business day anywhere else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from billing.domain.money import Money
from evenflow.demo.facts import Event, Facts
from evenflow.demo.roster import Customer
from evenflow.demo.stories import Story
from evenflow.demo.usage import CLOCK_STARTS
from evenflow.demo.verdicts import Outcome, Verdict, judge

SIGNS = {Outcome.AS_EXPECTED: "✓", Outcome.UNFINISHED: "…", Outcome.WRONG: "✗"}
STYLES = {Outcome.AS_EXPECTED: "green", Outcome.UNFINISHED: "dim", Outcome.WRONG: "bold red"}
STATES = ("first cycle open", "announced", "debit under way", "paid", "in dunning", "barred outgoing", "barred fully")
EVENTS_IN_PICTURE = 8


class Display(Protocol):
    """Shown as often as there is something to read."""

    def show(
        self, now: datetime, facts: Mapping[str, Facts], events: Sequence[Event], cash: Mapping[str, int]
    ) -> None: ...
    def close(self) -> None: ...


def display_for(console: Console, customers: Sequence[Customer], days: int, links: Mapping[str, str]) -> Display:
    """A live picture where there is a terminal, else plain lines."""
    if console.is_terminal:
        return LiveDisplay(console, customers, days, links)
    return LineDisplay(console, customers, days)


class LineDisplay:
    """One line per business day."""

    def __init__(self, console: Console, customers: Sequence[Customer], days: int) -> None:
        self._console = console
        self._customers = customers
        self._days = days
        self._last: date | None = None

    def show(self, now: datetime, facts: Mapping[str, Facts], events: Sequence[Event], cash: Mapping[str, int]) -> None:
        if now.date() == self._last:
            return
        self._last = now.date()
        states = Counter(one.state for one in facts.values())
        told = ", ".join(f"{states[state]} {state}" for state in STATES if states[state])
        done = sum(1 for one in judged(self._customers, facts, now) if one.outcome is Outcome.AS_EXPECTED)
        line = f"{now:%a %d %b %Y}  day {day_number(now)}/{self._days}  {told}; collected {money_of(cash)}; "
        self._console.print(f"{line}{done} stories done", highlight=False, markup=False)

    def close(self) -> None:
        """Nothing to take down."""


class LiveDisplay:
    """A picture that is drawn again in its place."""

    def __init__(self, console: Console, customers: Sequence[Customer], days: int, links: Mapping[str, str]) -> None:
        self._customers = customers
        self._days = days
        self._links = links
        self._live = Live(console=console, refresh_per_second=4, vertical_overflow="crop")
        self._live.start()

    def show(self, now: datetime, facts: Mapping[str, Facts], events: Sequence[Event], cash: Mapping[str, int]) -> None:
        places = Text("   ".join(f"{name}: {address}" for name, address in self._links.items()), style="dim")
        columns = Table.grid(expand=True, padding=(0, 2))
        columns.add_column(ratio=2)
        columns.add_column(ratio=3)
        columns.add_row(self._states(facts, cash), self._stories(facts, now))
        parts: list[RenderableType] = [self._bar(now), columns, _latest(events, facts), places]
        self._live.update(Panel(Group(*parts), title="Evenflow: two brands, two months", title_align="left"))

    def close(self) -> None:
        self._live.stop()

    def _bar(self, now: datetime) -> RenderableType:
        row = Table.grid(padding=(0, 2))
        day = day_number(now)
        row.add_row(
            Text(f"{now:%A %d %B %Y %H}:00", style="bold"),
            ProgressBar(total=self._days, completed=day, width=40),
            f"day {min(day, self._days)} of {self._days}",
        )
        return row

    def _states(self, facts: Mapping[str, Facts], cash: Mapping[str, int]) -> Table:
        states = Counter(one.state for one in facts.values())
        table = Table.grid(padding=(0, 2))
        table.add_column(justify="right")
        for state in STATES:
            table.add_row(str(states[state]), state)
        table.add_row("", "")
        for currency, minor in sorted(cash.items()):
            table.add_row(f"[green]{Money(minor, currency).decimal:,.2f}[/]", f"{currency} collected")
        return table

    def _stories(self, facts: Mapping[str, Facts], now: datetime) -> Table:
        table = Table.grid(padding=(0, 1))
        for verdict in judged(self._customers, facts, now):
            if verdict.customer.story is not Story.QUIET:
                step = verdict.wrong[:1] or verdict.seen[-1:] or ("waiting for the first bill",)
                sign = Text(SIGNS[verdict.outcome], style=STYLES[verdict.outcome])
                table.add_row(sign, verdict.customer.story.value, Text(step[0], style="dim"))
        return table


def _latest(events: Sequence[Event], facts: Mapping[str, Facts]) -> Table:
    names = {one.account_id: f"{one.number} {one.customer_name}" for one in facts.values()}
    table = Table.grid(padding=(0, 1))
    for event in events[-EVENTS_IN_PICTURE:]:
        summary = Text(event.summary, no_wrap=True, overflow="ellipsis")
        table.add_row(Text(f"{event.at:%d %b %H:%M}", style="dim"), names.get(event.account_id, ""), summary)
    return table


def judged(customers: Sequence[Customer], facts: Mapping[str, Facts], now: datetime) -> list[Verdict]:
    """Every customer's story as it stands."""
    return [judge(one, facts[one.number], now.date()) for one in customers if one.number in facts]


def day_number(now: datetime) -> int:
    """Days since the clock started, the first is 1."""
    return max(0, (now.date() - CLOCK_STARTS) // timedelta(days=1)) + 1


def money_of(cash: Mapping[str, int]) -> str:
    """Amounts by currency, in words."""
    return " and ".join(str(Money(minor, currency)) for currency, minor in sorted(cash.items())) or "nothing yet"
