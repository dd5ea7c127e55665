"""What an alert to staff says: accounts, amounts and ids, never a customer's name or number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from billing.domain.staff_cases import Severity, kind_of
from billing.ports.alerts import Alert
from billing.ports.staff_cases import StaffCase

_ORDER = [one.value for one in Severity]


def news_of(name: str, cases: Sequence[StaffCase], console: str) -> Alert:
    """What newly needs a person."""
    ordered = _urgent_first(cases)
    first = ordered[0]
    title = _title(first) if len(ordered) == 1 else f"{len(ordered)} cases, the first: {_title(first)}"
    text = "\n\n".join(_told(one, console) for one in ordered)
    return Alert(name, f"[Evenflow] {first.severity}: {title}", text, [_plain(one, console) for one in ordered])


def digest_of(name: str, cases: Sequence[StaffCase], counts: Mapping[str, int], now: datetime, console: str) -> Alert:
    """Everything that is not closed, the most urgent first."""
    ordered = _urgent_first(cases)
    said = ", ".join(f"{counts[one]} {one}" for one in _ORDER if counts.get(one)) or "none"
    total = sum(counts.values())
    lines = [f"Open cases on {now:%Y-%m-%d}: {said}."]
    lines += [f"- {one.case_id} ({one.severity}, {one.state}, {_age(one, now)}): {one.explanation}" for one in ordered]
    if total > len(ordered):
        lines.append(f"and {total - len(ordered)} more")
    if console:
        lines.append(f"{console}/cases")
    plain = [_plain(one, console) for one in ordered]
    return Alert(name, f"[Evenflow] Daily digest: {total} open cases", "\n".join(lines), plain)


def _urgent_first(cases: Sequence[StaffCase]) -> list[StaffCase]:
    return sorted(cases, key=lambda one: (_ORDER.index(one.severity), one.opened_at))


def _title(case: StaffCase) -> str:
    whose = f" of {case.account_id}" if case.account_id else ""
    return f"{case.kind.replace('_', ' ')}{whose}"


def _told(case: StaffCase, console: str) -> str:
    kind = kind_of(case.kind)
    where = f"\n{_link(case, console)}" if console else ""
    return (
        f"{case.case_id}, {case.severity}: {_title(case)}\n{case.explanation}\n"
        f"What it means: {kind.means}\nWhat to do: {kind.what_to_do}\nRunbook: {kind.runbook}{where}"
    )


def _plain(case: StaffCase, console: str) -> dict[str, Any]:
    kind = kind_of(case.kind)
    return {
        "case_id": case.case_id,
        "kind": case.kind,
        "severity": case.severity,
        "account_id": case.account_id,
        "explanation": case.explanation,
        "what_to_do": kind.what_to_do,
        "runbook": kind.runbook,
        "opened_at": case.opened_at.isoformat(),
        "url": _link(case, console) if console else "",
    }


def _link(case: StaffCase, console: str) -> str:
    return f"{console}/cases/{case.case_id}"


def _age(case: StaffCase, now: datetime) -> str:
    days = (now - case.opened_at).days
    return f"{days} days" if days else "since today"
