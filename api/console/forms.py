"""What a form shows: the values as they were typed, and what is wrong with each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError

from api.errors import status_of
from billing.domain.errors import Refusal


@dataclass(frozen=True)
class Form:
    """``status`` is 0 for a form not sent yet, else the HTTP status of what was refused.

    ``errors`` are sentences by field; what belongs to no field of the form is under the empty name.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    status: int = 0

    def value(self, name: str, otherwise: object = "") -> str:
        """What was typed, or what the form starts with."""
        found = self.values.get(name, otherwise)
        return "" if found is None else str(found)

    def error(self, name: str) -> str:
        """What is wrong with a field; empty when nothing is."""
        return self.errors.get(name, "")


def refused_form(values: Mapping[str, str], refusal: Refusal) -> Form:
    """The form again after a refusal, at the field that it names."""
    said = " ".join(part for part in (refusal.message, refusal.remedy) if part)
    name = refusal.field.partition("[")[0].rpartition(".")[2]
    return Form(values, {name if name in values else "": said}, status_of(refusal))


def invalid_form(values: Mapping[str, str], error: ValidationError) -> Form:
    """The form again after a model did not take what was typed."""
    found: dict[str, str] = {}
    for issue in error.errors(include_url=False, include_input=False):
        name = next((str(part) for part in issue["loc"] if str(part) in values), "")
        message = issue["msg"].removeprefix("Value error, ")
        place = "" if name or not issue["loc"] else f"{'.'.join(str(part) for part in issue['loc'])}: "
        found.setdefault(name, f"{place}{message[:1].upper()}{message[1:]}.".replace("..", "."))
    return Form(values, found, 422)
