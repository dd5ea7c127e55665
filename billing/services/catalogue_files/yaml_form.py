"""The catalogue as YAML: whole plans, as people edit them; every value is read with its line.

Numbers with a point, dates and words like NO stay the text that was written: a rate is exact and a country is a
country. Tags, anchors and aliases are refused, so a small file cannot become a large one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from billing.ports.accounts import Plan
from billing.services.catalogue_files.problems import Problems

FORM = 1
_MOST_DEPTH = 32
_MOST_PLANS = 5_000
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_WORDS: Mapping[str, object] = {"true": True, "false": False, "null": None, "~": None, "": None}
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same, ten times faster where libyaml is there
_HEADER = """\
# The catalogue: the newest version of every plan. Import it to publish what was changed, all of it or nothing.
# A plan's `version` is the one this file is based on: leave it out to publish whatever was published since.
"""


@dataclass(frozen=True, slots=True)
class PlanInFile:
    """A plan as a file has it: ``lines`` by dotted path within the plan, ``line`` where it begins, ``path`` where it
    stands. ``based_on`` is the version the file names, if any.
    """

    brand: str
    definition: dict[str, Any]
    line: int
    path: str
    based_on: int | None = None
    lines: Mapping[str, int] = field(default_factory=dict)


def write(plans: Iterable[Plan]) -> str:
    """The file of these plans, in their order."""
    written = [{"brand": plan.brand, **_ordered(plan)} for plan in plans]
    body = yaml.safe_dump(
        {"catalogue": FORM, "plans": written}, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120
    )
    return _HEADER + body


def _ordered(plan: Plan) -> dict[str, Any]:
    first = {"code": plan.plan_code, "name": plan.name, "version": plan.plan_version}
    return first | {name: value for name, value in plan.definition.items() if name not in first}


def read(text: str, problems: Problems) -> list[PlanInFile]:
    """The plans of a file; what cannot be read is noted with its line."""
    root = _composed(text, problems)
    return [] if problems else _Reading(problems).plans(root)


def read_document(text: str, problems: Problems) -> tuple[Any, Mapping[str, int]]:
    """Any one document, and the line of every value by its dotted path; what cannot be read is noted."""
    root = _composed(text, problems)
    reading = _Reading(problems)
    if root is None or problems:
        return None, {}
    return reading.value(root, ""), reading.lines


def _composed(text: str, problems: Problems) -> yaml.Node | None:
    """The nodes of a document; none, with the line noted, where it cannot be read."""
    try:
        return yaml.compose(text, Loader=_LOADER) if _is_plain(text, problems) else None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        told = getattr(error, "problem", None) or "it cannot be read"
        remedy = "Correct the line; a text with a colon needs quotes."
        line = min(mark.line + 1 if mark else 1, text.count("\n") + 1)
        problems.add(line, f"This is not YAML: {told}.", remedy, path="?")
        return None


def _is_plain(text: str, problems: Problems) -> bool:
    """Look at the file without building anything of it: no depth, no references, no tags."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        line = event.start_mark.line + 1 if event.start_mark else 1
        if depth > _MOST_DEPTH:
            problems.add(line, "This is nested too deep.", f"Use at most {_MOST_DEPTH} levels.", path="?")
        elif isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            problems.add(line, "References (& and *) are not read here.", "Write the value where it belongs.", path="?")
        elif tag := getattr(event, "tag", None):
            problems.add(line, "Tags (!) are not read here.", "Leave the tag out.", path="?", value=tag)
        if problems:
            return False
    return True


class _Reading:
    """Turns nodes into plain values and remembers their lines."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self.lines: dict[str, int] = {}

    def plans(self, root: yaml.Node | None) -> list[PlanInFile]:
        value = {} if root is None else self.value(root, "")
        if not isinstance(value, dict) or not isinstance(value.get("plans"), list):
            remedy = f"Begin it with catalogue: {FORM} and plans:, then a list."
            self._note("plans", "The file has no list of plans.", remedy)
            return []
        if value.get("catalogue") != FORM:
            self._note(
                "catalogue", "This form of file is not known.", f"Write catalogue: {FORM}.", value.get("catalogue")
            )
        for name in value.keys() - {"catalogue", "plans"}:
            self._note(name, "This field is not known here.", "Remove it, or use one of: catalogue, plans.")
        if len(value["plans"]) > _MOST_PLANS:
            self._note("plans", "There are too many plans.", f"Send at most {_MOST_PLANS} at once.")
            return []
        read = [self._plan(each, f"plans[{place}]") for place, each in enumerate(value["plans"])]
        return [plan for plan in read if plan is not None]

    def _plan(self, value: Any, path: str) -> PlanInFile | None:
        if not isinstance(value, dict):
            self._note(path, "A plan is a list of named fields.", "Write brand, code, name, currency and prices.")
            return None
        brand, version = value.pop("brand", None), value.pop("version", None)
        if not isinstance(brand, str) or not brand:
            self._note(f"{path}.brand", "The brand that sells the plan is missing.", "Add brand.", brand)
        if version is not None and (not isinstance(version, int) or isinstance(version, bool)):
            self._note(f"{path}.version", "A version is a whole number.", "Write the number, or leave it out.", version)
        own = {name.removeprefix(f"{path}."): line for name, line in self.lines.items() if name.startswith(f"{path}.")}
        based_on = version if isinstance(version, int) else None
        return PlanInFile(str(brand or ""), value, self.lines[path], path, based_on, own)

    def _note(self, path: str, message: str, remedy: str, value: object = "") -> None:
        self._problems.add(nearest(self.lines, path, 1), message, remedy, path=path, value=value)

    def value(self, node: yaml.Node, path: str) -> Any:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(each, f"{path}[{place}]") for place, each in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            return self._fields(node, path)
        return _scalar(node)

    def _fields(self, node: yaml.MappingNode, path: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.value:
            name = str(key.value)
            own = f"{path}.{name}" if path else name
            if name in found:
                remedy = "Keep it once."
                self._problems.add(key.start_mark.line + 1, "This field is there twice.", remedy, path=own)
            self.lines[own] = key.start_mark.line + 1
            found[name] = self.value(value, own)
        return found


def _scalar(node: yaml.Node) -> Any:
    """Only words and whole numbers without quotes are more than their text."""
    text = str(node.value)
    if isinstance(node, yaml.ScalarNode) and not node.style:
        if text in _WORDS:
            return _WORDS[text]
        if _WHOLE.fullmatch(text):
            return int(text)
    return text


def nearest(lines: Mapping[str, int], path: str, otherwise: int) -> int:
    """The line of a path, or of the closest thing around it that has one."""
    while path:
        if path in lines:
            return lines[path]
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return otherwise
