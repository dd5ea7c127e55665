"""A definition as the text that people edit: written as YAML, read with the line of every field, and compared."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from billing.domain.errors import InvalidValue
from billing.services.catalogue_files.problems import CatalogueRefused, Problem, Problems
from billing.services.catalogue_files.yaml_form import nearest, read_document

LONGEST_TEXT = 200_000
_CONTEXT_LINES = 3


class DefinitionRefused(CatalogueRefused):
    """A text that is no usable definition; ``problems`` name their lines."""


@dataclass(frozen=True)
class WrittenDefinition:
    """A definition that was read from ``text``; ``lines`` are those of its fields by dotted path, from 1."""

    text: str
    definition: dict[str, Any]
    lines: Mapping[str, int] = field(default_factory=dict)

    def refused(self, refusal: InvalidValue) -> DefinitionRefused:
        """The same refusal with the line at which its field, or what is closest around it, stands."""
        line = nearest(self.lines, refusal.field, 1)
        problem = Problem(line, "", refusal.field or "?", refusal.value, refusal.message, refusal.remedy)
        return DefinitionRefused([problem])


@dataclass(frozen=True)
class DiffLine:
    """One line of a comparison: ``kind`` is same, added, removed or gap (lines left out); numbers are 0 where the line
    is not in that text."""

    kind: str
    before: int
    after: int
    text: str


def as_text(definition: Mapping[str, Any]) -> str:
    """The definition as YAML, its fields in the order in which they are."""
    return yaml.safe_dump(
        dict(definition), sort_keys=False, allow_unicode=True, default_flow_style=None, width=100, indent=2
    )


def read_definition(text: str) -> WrittenDefinition:
    """The definition in a text. Raises DefinitionRefused naming the line of what cannot be read."""
    problems = Problems()
    if len(text) > LONGEST_TEXT:
        problems.add(0, "The text is too long.", f"Use at most {LONGEST_TEXT} characters.", path="?")
    elif "\0" in text:
        problems.add(0, "The text holds U+0000.", "Write plain text.", path="?")
    value, lines = (None, {}) if problems else read_document(text, problems)
    if not problems and not isinstance(value, dict):
        problems.add(1, "A definition is a list of named fields.", "Write one name: value on each line.", path="?")
    if not isinstance(value, dict) or problems:
        raise DefinitionRefused(sorted(problems.found, key=lambda each: each.line), problems.left_out)
    return WrittenDefinition(text, value, lines)


def compare(before: str, after: str) -> Sequence[DiffLine]:
    """What differs, line by line, with a few lines around each difference; nothing where both are the same."""
    old, new = before.splitlines(), after.splitlines()
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    groups = list(matcher.get_grouped_opcodes(_CONTEXT_LINES))
    found: list[DiffLine] = []
    for place, group in enumerate(groups):
        if place or group[0][1]:
            found.append(DiffLine("gap", 0, 0, ""))
        for step in group:
            found += _lines_of(step, old, new)
    if groups and groups[-1][-1][2] < len(old):
        found.append(DiffLine("gap", 0, 0, ""))
    return found


def _lines_of(step: tuple[str, int, int, int, int], old: Sequence[str], new: Sequence[str]) -> Iterator[DiffLine]:
    tag, old_from, old_to, new_from, new_to = step
    if tag == "equal":
        for offset in range(old_to - old_from):
            yield DiffLine("same", old_from + offset + 1, new_from + offset + 1, old[old_from + offset])
        return
    for place in range(old_from, old_to):
        yield DiffLine("removed", place + 1, 0, old[place])
    for place in range(new_from, new_to):
        yield DiffLine("added", 0, place + 1, new[place])
