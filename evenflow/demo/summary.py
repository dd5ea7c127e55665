"""The end of a demonstration: what happened on each account and why, and whether the sums are right."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncEngine

from billing.domain.money import Money
from billing.persistence.invariants import Invariant, check_books
from billing.persistence.unit_of_work import make_engine
from evenflow.demo.bills import compare_bills
from evenflow.demo.days import segment_of
from evenflow.demo.display import SIGNS, judged, money_of
from evenflow.demo.doors import Doors
from evenflow.demo.facts import Event, Facts, read_cash, read_events, read_facts
from evenflow.demo.reasons import why
from evenflow.demo.roster import Customer
from evenflow.demo.usage import UsageFolder
from evenflow.demo.verdicts import Outcome, Verdict
from evenflow.live_accounts import process_rules
from evenflow.settings import settings_from
from evenflow.stack.running import RunningStack

SETTLE_SECONDS = 45.0
LOOK_EVERY_SECONDS = 0.5
LATE_USAGE = "usage.late"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that has to be right, and what is wrong with it."""

    what: str
    troubles: Sequence[str] = ()


async def summarize(
    stack: RunningStack,
    doors: Doors,
    customers: Sequence[Customer],
    usage: UsageFolder,
    days: int,
    console: Console,
) -> int:
    """Print the story of every account and the summary; exit code 0 when everything is as expected."""
    segment = await asyncio.to_thread(segment_of, stack)
    engine = make_engine(stack.database_url, pool_size=2)
    try:
        of_process, why_not = await process_rules(settings_from(stack.environment).temporal)
        checks = await _until_settled(engine, doors, usage, of_process)
        checks.append(await _check_bills(engine, usage, customers))
        if why_not:
            checks.append(Check("every open account has a live workflow", [f"not checked: {why_not}"]))
        facts = await read_facts(engine)
        now = segment.business(datetime.now().astimezone())
        verdicts = judged(customers, facts, now)
        await _print_accounts(console, engine, verdicts, facts)
    finally:
        await engine.dispose()
    _print_stories(console, verdicts)
    _print_totals(console, facts)
    _print_checks(console, checks)
    return _print_end(console, verdicts, checks, stack, days)


async def _until_settled(
    engine: AsyncEngine, doors: Doors, usage: UsageFolder, of_process: Sequence[Invariant]
) -> list[Check]:
    """The checks; imports and callbacks that are under way get some seconds to arrive."""
    deadline = asyncio.get_running_loop().time() + SETTLE_SECONDS
    while True:
        books = await _check_books(engine, of_process)
        checks = [await _check_money(engine, doors), await _check_usage(doors, usage), books]
        if not any(check.troubles for check in checks) or asyncio.get_running_loop().time() > deadline:
            return checks
        await asyncio.sleep(LOOK_EVERY_SECONDS)


async def _check_money(engine: AsyncEngine, doors: Doors) -> Check:
    """What the provider and the bank hold for us is what the ledger calls cash, to the cent."""
    cash = await read_cash(engine)
    held = (await doors.world.get("/_control/totals"))["currencies"]
    provider = {currency.upper(): int(sums["net"]) for currency, sums in held.items()}
    at_the_bank = sum((await doors.world.get("/bank/balances"))["accounts"].values())
    if at_the_bank:
        provider["EUR"] = provider.get("EUR", 0) + at_the_bank
    troubles = [
        f"provider and bank hold {Money(provider.get(currency, 0), currency)}, "
        f"the ledger says {Money(cash.get(currency, 0), currency)}"
        for currency in sorted({*cash, *provider})
        if provider.get(currency, 0) != cash.get(currency, 0)
    ]
    return Check(f"provider and bank hold what the ledger calls cash: {money_of(cash)}", troubles)


async def _check_usage(doors: Doors, usage: UsageFolder) -> Check:
    """Every import reports what the generator put into the file."""
    expected = usage.expected()
    reports = {report["name"]: report for report in await doors.api.get("/v1/usage/files", limit=1000)}
    troubles: list[str] = []
    for name, wanted in expected.items():
        report = reports.get(name)
        if report is None or report["status"] != "done":
            troubles.append(f"{name} is not imported yet")
        else:
            troubles += wanted.differences(report)
    return Check(f"{len(expected)} usage files: {usage_in_words(list(reports.values()))}", troubles)


async def _check_bills(engine: AsyncEngine, usage: UsageFolder, customers: Sequence[Customer]) -> Check:
    """Every bill computed again from the usage files and the price list, by other means than those that billed it."""
    compared = await compare_bills(engine, usage.folder, customers)
    what = f"{compared.bills} bills computed again from {compared.records:,} records of the usage files"
    return Check(what, compared.troubles)


def usage_in_words(reports: Sequence[Mapping[str, Any]]) -> str:
    """The counts of all import reports together."""
    names = {
        "read": "records",
        "accepted": "accepted",
        "duplicates": "duplicates without effect",
        "recycled": "waiting for an unknown number",
        "rejected": "damaged and kept",
        "late": "late, billed on the next invoice",
    }
    return ", ".join(f"{sum(one[name] for one in reports):,} {words}" for name, words in names.items())


async def _check_books(engine: AsyncEngine, of_process: Sequence[Invariant]) -> Check:
    findings = await check_books(engine, of_process)
    troubles = [f"{one.invariant.name}: {each.account_id} {each.what}" for one in findings for each in one.violations]
    live = ", a live workflow for every open account among them" if of_process else ""
    return Check(f"{len(findings)} rules of the books{live}", troubles)


async def _print_accounts(
    console: Console, engine: AsyncEngine, verdicts: Sequence[Verdict], facts: Mapping[str, Facts]
) -> None:
    """Per account what happened and why."""
    for verdict in verdicts:
        account, customer = facts[verdict.customer.number], verdict.customer
        head = (
            f"{account.number} {account.customer_name}: {customer.story.value} (cycle day {customer.setting.cycle_day})"
        )
        console.print(f"\n{SIGNS[verdict.outcome]} {head}", style="bold", highlight=False, markup=False)
        for event, times in _told_once(await read_events(engine, account_id=account.account_id)):
            reason = why(event)
            more = f" ({times} times)" if times > 1 else ""
            console.print(f"  {event.at:%d %b %H:%M}  {event.summary}{more}", highlight=False, markup=False)
            if reason:
                console.print(f"                {reason}", style="dim", highlight=False, markup=False)


def _told_once(events: Sequence[Event]) -> list[tuple[Event, int]]:
    """The events, but late usage of a cycle only where it came first, with how often it came."""
    late = Counter(one.summary for one in events if one.kind == LATE_USAGE)
    told: list[tuple[Event, int]] = []
    for event in events:
        times = late.pop(event.summary, 0) if event.kind == LATE_USAGE else 1
        if times:
            told.append((event, times))
    return told


def _print_stories(console: Console, verdicts: Sequence[Verdict]) -> None:
    table = Table(title="\nThe stories", title_justify="left", show_lines=False)
    for name in ("", "Account", "Story", "Seen", "Missing or wrong"):
        table.add_column(name, no_wrap=name in ("", "Account"))
    for verdict in verdicts:
        trouble = [f"missing: {one}" for one in verdict.missing] + [f"WRONG: {one}" for one in verdict.wrong]
        table.add_row(
            SIGNS[verdict.outcome],
            verdict.customer.number,
            verdict.customer.story.value,
            ", ".join(verdict.seen),
            "; ".join(trouble),
        )
    console.print(table)


def _print_totals(console: Console, facts: Mapping[str, Facts]) -> None:
    table = Table(title="\nMoney per brand", title_justify="left")
    for name in ("Brand", "Bills", "Invoiced", "Credited", "Collected", "Open"):
        table.add_column(name, justify="left" if name == "Brand" else "right")
    for brand in sorted({one.brand for one in facts.values()}):
        table.add_row(brand, *_totals_of([one for one in facts.values() if one.brand == brand]))
    console.print(table)


def _totals_of(accounts: Sequence[Facts]) -> list[str]:
    bills = [bill for one in accounts for bill in one.invoices]
    notes = [note for one in accounts for note in one.documents if note.kind == "credit_note"]
    currency = bills[0].currency if bills else ""
    received = sum(
        each.received_minor for one in accounts for each in one.attempts if each.status not in ("disputed", "refunded")
    )
    amounts = (
        sum(bill.total_minor for bill in bills),
        sum(note.total_minor for note in notes),
        received,
        sum(one.open_minor for one in accounts),
    )
    return [str(len(bills)), *(str(Money(amount, currency)) if currency else "0" for amount in amounts)]


def _print_checks(console: Console, checks: Sequence[Check]) -> None:
    console.print("\nChecks", style="bold italic")
    for check in checks:
        console.print(f"{'✗' if check.troubles else '✓'} {check.what}", highlight=False, markup=False)
        for trouble in check.troubles[:20]:
            console.print(f"    {trouble}", style="red", highlight=False, markup=False)


def _print_end(
    console: Console, verdicts: Sequence[Verdict], checks: Sequence[Check], stack: RunningStack, days: int
) -> int:
    counts = {outcome: sum(1 for one in verdicts if one.outcome is outcome) for outcome in Outcome}
    told = ", ".join(f"{number} {outcome.value}" for outcome, number in counts.items())
    console.print(f"\nAfter {days} days: {told}.", style="bold", highlight=False, markup=False)
    for name, address in stack.links().items():
        console.print(f"  {name:<30} {address}", highlight=False, markup=False)
    return 1 if counts[Outcome.WRONG] or any(check.troubles for check in checks) else 0
