"""Selecting kept records to work on at once: never all of them by mistake, and no more than one call can do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from billing.domain.errors import InvalidValue, NotFound
from billing.ports.unit_of_work import UnitOfWork
from billing.ports.usage import IssueSelection, SelectedIssues

MOST_SELECTED = 10_000
MOST_NAMED = 1000
PAGE = 500


async def select(work: UnitOfWork, wanted: IssueSelection, limit: int = MOST_SELECTED) -> SelectedIssues:
    """The records that are meant, the first ``limit`` of them.

    Raises InvalidValue for a selection that says nothing, that both names records and says what they have in common,
    or that names too many; NotFound for a name that is none.
    """
    named = list(dict.fromkeys(wanted.issue_ids))
    _check(wanted, named)
    if not named:
        return await work.usage.select_issues(wanted, limit)
    found = await work.usage.select_issues(replace(wanted, issue_ids=named), limit)
    unknown = sorted(set(named) - set(found.issue_ids))
    if unknown:
        remedy = "GET /v1/usage/issues lists the records that wait."
        raise NotFound(f"There is no kept record {unknown[0]}.", field="issue_ids", value=unknown[0], remedy=remedy)
    return found


def pages_of(selected: SelectedIssues) -> Iterator[Sequence[str]]:
    """The selected records by what one transaction takes."""
    for begin in range(0, len(selected.issue_ids), PAGE):
        yield selected.issue_ids[begin : begin + PAGE]


def _check(wanted: IssueSelection, named: Sequence[str]) -> None:
    says_nothing = replace(wanted, issue_ids=()) == IssueSelection()
    if says_nothing and not named:
        remedy = (
            "Say at least one of kind, file_id, identifier, source, field, created_from, created_before, issue_ids."
        )
        raise InvalidValue("This would be every record that waits.", field="issue_ids", remedy=remedy)
    if named and not says_nothing:
        remedy = "Give issue_ids alone, or only what the records have in common."
        raise InvalidValue("Both names and a filter are given.", field="issue_ids", value=named[0], remedy=remedy)
    if len(named) > MOST_NAMED:
        remedy = f"Name at most {MOST_NAMED} records at once, or say what they have in common."
        raise InvalidValue("These are too many records.", field="issue_ids", value=len(named), remedy=remedy)
