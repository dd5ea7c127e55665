"""Two versions of a plan side by side: in words for people who sell it, and as text for people who edit it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from billing.domain.rating import PlanDefinition
from billing.domain.rating.plan_words import plan_changes_in_words
from billing.services.definition_text import DiffLine, as_text, compare


@dataclass(frozen=True)
class Comparison:
    """What differs between two definitions: ``words`` one sentence each, ``lines`` of the text. Empty: the same."""

    words: Sequence[str]
    lines: Sequence[DiffLine]


def plan_text(definition: Mapping[str, Any]) -> str:
    """A plan's definition as people edit it: fields in the order in which they are read, no version."""
    ordered = PlanDefinition.from_dict(dict(definition)).to_dict()
    return as_text({name: value for name, value in ordered.items() if name != "version"})


def compare_plans(before: Mapping[str, Any], after: Mapping[str, Any]) -> Comparison:
    """Two definitions of plans. Raises InvalidValue for one that cannot be read."""
    old, new = PlanDefinition.from_dict(dict(before)), PlanDefinition.from_dict(dict(after))
    return Comparison(plan_changes_in_words(old, new), compare(plan_text(before), plan_text(after)))
