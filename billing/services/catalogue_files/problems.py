"""Problems of a catalogue file: every one with its place, all of them at once, up to a bound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from billing.domain.errors import InvalidValue

MOST_PROBLEMS = 100


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong and where: ``line`` counts from 1 (YAML: the line; CSV: the row, the header is 1), 0: the whole
    file. ``column`` is a column's name of a CSV file, ``path`` the dotted field of the plan."""

    line: int
    column: str
    path: str
    value: str
    message: str
    remedy: str

    @property
    def where(self) -> str:
        """The place in words: "row 7, column rate", "line 12, plans[0].prices[1].rate"."""
        if not self.line:
            return "the file"
        return f"row {self.line}, column {self.column}" if self.column else f"line {self.line}, {self.path}"

    def __str__(self) -> str:
        value = f" (value {self.value[:60]!r})" if self.value else ""
        return f"{self.where}: {self.message}{value} {self.remedy}".rstrip()


class Problems:
    """Collects what is wrong with one file. ``left_out`` counts what came after the bound."""

    def __init__(self) -> None:
        self.found: list[Problem] = []
        self.left_out = 0

    def __bool__(self) -> bool:
        return bool(self.found)

    def add(
        self, line: int, message: str, remedy: str, *, column: str = "", path: str = "", value: object = ""
    ) -> None:
        """Note a problem; the bound keeps an answer readable."""
        if len(self.found) >= MOST_PROBLEMS:
            self.left_out += 1
            return
        self.found.append(Problem(line, column, path, "" if value is None else str(value), message, remedy))

    def refuse(self) -> None:
        """Raises CatalogueRefused when anything is wrong."""
        if self.found:
            raise CatalogueRefused(sorted(self.found, key=lambda each: each.line), self.left_out)


class CatalogueRefused(InvalidValue):
    """A catalogue file that cannot be published; nothing of it was. ``problems`` are in order of their place."""

    def __init__(self, problems: Sequence[Problem], left_out: int = 0) -> None:
        first = problems[0]
        more = len(problems) + left_out - 1
        others = f" {more} more problem{'s' if more > 1 else ''}." if more else ""
        super().__init__(
            f"{first.where}: {first.message}{others}",
            field=first.column or first.path or "file",
            value=first.value,
            remedy=first.remedy,
        )
        self.problems = problems
        self.left_out = left_out

    @property
    def errors(self) -> list[dict[str, str]]:
        """As a problem document lists them."""
        return [
            {"field": each.where, "value": each.value[:200], "message": f"{each.message} {each.remedy}".rstrip()}
            for each in self.problems
        ]
