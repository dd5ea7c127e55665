"""Which delimited sources have plain lines, and how those are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from billing.adapters.usage_formats.plain_lines import PlainReader
from billing.adapters.usage_formats.values import Rounding

if TYPE_CHECKING:
    from billing.adapters.usage_formats.delimited import CsvProfile

_TEXTS = {
    "identifier",
    "meter",
    "quantity",
    "started_at",
    "destination",
    "visited",
    "traffic_class",
    "amount",
    "source",
}


def can_be_plain(profile: CsvProfile) -> bool:
    """True for a source that needs nothing beyond columns, whole quantities and ISO times."""
    return (
        profile.encoding in ("utf-8", "ascii")
        and len(profile.delimiter) == 1
        and {"identifier", "quantity", "started_at"} <= profile.take.keys() <= _TEXTS
        and not profile.take.keys() & profile.constants.keys()
        and all(isinstance(value, str) for value in profile.constants.values())
        and profile.constants.keys() <= _TEXTS
        and all(name.isidentifier() for name in profile.attributes)
        and not (profile.blank_after_delimiter or profile.time_form or profile.time_columns or profile.answered_at)
        and not (profile.kinds or profile.causes or profile.quantity_columns or profile.quantity_is_clock)
        and profile.decimal_mark == "."
        and profile.rounding is Rounding.REFUSE
        and profile.unit_size == int(profile.unit_size)
    )


def plain_reader(profile: CsvProfile, columns: tuple[str, ...], number: Callable[[str], str]) -> PlainReader:
    """The reader of a source whose lines can be plain; ``number`` completes a number of a person."""
    answered = profile.answered
    return PlainReader(
        source=profile.source,
        columns=columns,
        delimiter=profile.delimiter,
        quote=profile.quote,
        take=profile.take,
        record_id=tuple(profile.record_id),
        constants={name: str(value) for name, value in profile.constants.items()},
        unit_size=int(profile.unit_size),
        zone=profile.zone,
        clock_rule=profile.clock_rule,
        number=number,
        comment=profile.comment,
        left_out=(*profile.skip, *([profile.control.marker] if profile.control.marker else [])),
        attributes=tuple(sorted(profile.attributes)),
        answered=(answered.column, answered.value) if answered else None,
        longest=profile.no_longer_than,
    )
