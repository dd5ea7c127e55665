"""`evenflow check`: the invariants of the books, as a table that says what a violation means and what to do."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from billing.persistence.invariants import Finding, check_books
from evenflow.cli.database import one_connection
from evenflow.live_accounts import process_rules
from evenflow.settings import Settings, SettingsError


def run_check(settings: Settings, console: Console | None = None) -> int:
    """Check the books, and that each open account's process lives, and print the result; exit code 0 or 1.

    Says which rule could not be checked for want of a process server: that alone is no failure.
    """
    findings, why_not = asyncio.run(_check(settings))
    out = console or Console()
    out.print(_table(findings))
    for finding in findings:
        if finding.violations:
            _explain(out, finding)
    broken = sum(1 for finding in findings if finding.violations)
    out.print(f"{broken} of {len(findings)} rules are broken." if broken else f"All {len(findings)} rules hold.")
    if why_not:
        out.print(f"[bold yellow]Not checked:[/] that every open account has a live workflow, because {why_not}.")
    return 1 if broken else 0


async def _check(settings: Settings) -> tuple[list[Finding], str]:
    """What was found, and why the rules of the process are not among it."""
    url = settings.database.url.get_secret_value()
    if not url:
        raise SettingsError("No database to check: set EVENFLOW_DATABASE_URL, or name the --data-dir of a stack.")
    of_process, why_not = await process_rules(settings.temporal)
    async with one_connection(url) as engine:
        return await check_books(engine, of_process), why_not


def _table(findings: Sequence[Finding]) -> Table:
    table = Table(title="The books", title_justify="left")
    table.add_column("Rule", no_wrap=True)
    table.add_column("What must hold")
    table.add_column("Found", justify="right", no_wrap=True)
    for finding in findings:
        count = len(finding.violations)
        found = f"[bold red]{count} broken[/]" if count else "[green]holds[/]"
        table.add_row(finding.invariant.name, finding.invariant.holds, found)
    return table


def _explain(out: Console, finding: Finding) -> None:
    out.print(f"\n[bold]{finding.invariant.name}[/]: {finding.invariant.means}")
    for violation in finding.violations[:20]:
        out.print(f"  {violation.account_id or '-'}  {violation.what}", markup=False)
    if len(finding.violations) > 20:
        out.print(f"  and {len(finding.violations) - 20} more")
    out.print(f"  What to do: {finding.invariant.remedy}")
