"""`evenflow check`: the invariants of the books, as a table that says what a violation means and what to do."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from billing.persistence.invariants import Finding, Invariant, check_books
from billing.persistence.unit_of_work import make_engine
from evenflow.settings import Settings, SettingsError


def run_check(source: Settings | str, more: Sequence[Invariant] = (), console: Console | None = None) -> int:
    """Check the books of a database, by its settings or address, and print the result; exit code 0 or 1.

    ``more`` adds rules that need other parts than the database (a live workflow for every open account).
    """
    findings = asyncio.run(_check(_url(source), more))
    out = console or Console()
    out.print(_table(findings))
    for finding in findings:
        if finding.violations:
            _explain(out, finding)
    broken = sum(1 for finding in findings if finding.violations)
    out.print(f"{broken} of {len(findings)} rules are broken." if broken else f"All {len(findings)} rules hold.")
    return 1 if broken else 0


async def _check(url: str, more: Sequence[Invariant]) -> list[Finding]:
    engine = make_engine(url, pool_size=1)
    try:
        return await check_books(engine, more)
    finally:
        await engine.dispose()


def _url(source: Settings | str) -> str:
    url = source if isinstance(source, str) else source.database.url.get_secret_value()
    if not url:
        raise SettingsError("No database to check: set EVENFLOW_DATABASE_URL, or name the --data-dir of a stack.")
    return url


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
