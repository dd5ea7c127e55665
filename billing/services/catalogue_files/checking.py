"""Reading a definition for all that is wrong with it, not only the first thing.

A definition's own reader stops at the first field it refuses. Here something usable is put in its place and the rest is
read again, so that one look at a file tells everything. ``origins`` remember where the values that are left stood.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

from billing.domain.errors import InvalidValue
from billing.domain.rating import Allowance, PlanDefinition, PriceDefinition

_STEP = re.compile(r"([^.\[\]]+)|\[([0-9]+)\]")
Path = tuple[str | int, ...]
_MOST_ROUNDS = 120
_MOST_CODES = 20
# One of these is usable for nearly every field, the commonest first.
_USABLE: tuple[object, ...] = ("1", 1, False, [], "EUR", "pro_rata", "mon", "12:00")
_PARTS = (("prices",), ("allowances",), ("add_ons",), ("line_discounts",))


class _List(list[Any]):
    """A list that knows the original places of its items."""

    def __init__(self, items: list[Any]) -> None:
        super().__init__(items)
        self.origins = list(range(len(items)))


def steps_of(path: str) -> Path:
    """``prices[2].tiers[0].rate`` as its steps."""
    return tuple(name or int(number) for name, number in _STEP.findall(path))


def written(path: Path) -> str:
    """The steps as a dotted path."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def plan_refusals(definition: dict[str, Any]) -> list[tuple[str, InvalidValue]]:
    """Everything wrong with a plan, by the dotted path it stands at; parts first, and if they are sound, the whole."""
    data = _copied(definition)
    found: list[tuple[str, InvalidValue]] = []
    readers: dict[str, Callable[[object, str], object]] = {
        "prices": PriceDefinition.from_dict,
        "allowances": Allowance.from_dict,
        "add_ons": Allowance.from_dict,
    }
    for name, read in readers.items():
        items = data.get(name)
        for place, item in enumerate(items) if isinstance(items, list) else ():
            found += [
                (f"{name}[{place}]{'.' if path else ''}{path}", refusal) for path, refusal in _refusals(item, read)
            ]
    whole = _refusals(data, PlanDefinition.from_dict)
    # Without the parts that were refused, what one part says of another could not be judged.
    return found + [each for each in whole if not found or steps_of(each[0])[:1] not in _PARTS]


def _refusals(data: Any, read: Callable[[object, str], object]) -> list[tuple[str, InvalidValue]]:
    """Read, mend what was refused, read again; ends when nothing is refused or nothing more can be mended."""
    found: dict[str, InvalidValue] = {}
    refusal = _refusal(data, read)
    while refusal is not None and len(found) < _MOST_ROUNDS:
        path = steps_of(refusal.field)
        origin = written(_origin(data, path))
        if origin in found:
            break
        found[origin] = refusal
        refusal = _mended(data, path, read)
    return list(found.items())


def _refusal(data: Any, read: Callable[[object, str], object]) -> InvalidValue | None:
    try:
        read(data, "")
    except InvalidValue as refusal:
        return refusal
    return None


def _mended(data: Any, path: Path, read: Callable[[object, str], object]) -> InvalidValue | None:
    """Put something usable at a path, or take out what is there; answers what is refused then.

    A usable value is better than none: without it, other fields would be refused that are right.
    """
    holder, last = _at(data, path[:-1]), path[-1:]
    is_field = isinstance(holder, dict) and bool(last)
    if is_field or (isinstance(holder, _List) and last and isinstance(last[0], int) and last[0] < len(holder)):
        for usable in (*_USABLE, *_codes_in(data)):
            holder[last[0]] = deepcopy(usable)
            refusal = _refusal(data, read)
            if refusal is None or not _is_within(steps_of(refusal.field), path):
                return refusal
        if is_field:
            del holder[last[0]]
            refusal = _refusal(data, read)
            if refusal is None or steps_of(refusal.field) != path:
                return refusal
    _take_out_item(data, path)
    return _refusal(data, read)


def _codes_in(data: Any) -> list[str]:
    """What prices and allowances of a plan may name: its zones and time bands."""
    named = [_at(data, ("zones",)), _at(data, ("time_bands", "bands"))]
    items = [item for items in named if isinstance(items, list) for item in items if isinstance(item, dict)]
    return [str(item.get("code")) for item in items[:_MOST_CODES]]


def _is_within(path: Path, around: Path) -> bool:
    return path[: len(around)] == around


def _take_out_item(data: Any, path: Path) -> None:
    """Remove the innermost item of a list around a path."""
    for length in range(len(path), 0, -1):
        holder, last = _at(data, path[: length - 1]), path[length - 1]
        if isinstance(holder, _List) and isinstance(last, int) and last < len(holder):
            del holder[last], holder.origins[last]
            return


def _at(data: Any, path: Path) -> Any:
    for step in path:
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _origin(data: Any, path: Path) -> Path:
    """Where a path of what is left stood in the beginning."""
    origin: list[str | int] = []
    for place, step in enumerate(path):
        holder = _at(data, path[:place])
        is_moved = isinstance(holder, _List) and isinstance(step, int) and step < len(holder.origins)
        origin.append(holder.origins[step] if is_moved else step)
    return tuple(origin)


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copied(each) for name, each in value.items()}
    return _List([_copied(each) for each in value]) if isinstance(value, list) else value


def differences(before: Any, after: Any, path: str = "") -> Iterator[tuple[str, str, str]]:
    """What differs between two definitions: path, before and after ("" where it is not). Items with a code or a name
    are told apart by it, other lists as a whole."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in dict.fromkeys((*before, *after)):
            yield from differences(before.get(name), after.get(name), f"{path}.{name}" if path else str(name))
    elif isinstance(before, list) and isinstance(after, list) and _named(before) and _named(after):
        old, new = _by_name(before), _by_name(after)
        for key in dict.fromkeys((*old, *new)):
            yield from differences(old.get(key), new.get(key), f"{path}[{key}]")
        if before != after and list(old) != list(new) and set(old) == set(new):
            yield path, f"order {', '.join(old)}"[:200], f"order {', '.join(new)}"[:200]
    elif before != after:
        yield path, _shown(before), _shown(after)


def _named(items: list[Any]) -> bool:
    return all(isinstance(each, dict) and ("code" in each or "name" in each or "band" in each) for each in items)


def _by_name(items: list[Any]) -> dict[str, Any]:
    named: dict[str, Any] = {}
    for each in items:
        key = str(each.get("code") or each.get("name") or each.get("band"))
        while key in named:
            key += "'"
        named[key] = each
    return named


def _shown(value: Any) -> str:
    if value is None:
        return ""
    text = str(value)
    return text if len(text) <= 200 else f"{text[:197]}..."
