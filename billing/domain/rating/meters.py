"""What meters count, so that people read minutes and gigabytes where the books hold seconds and bytes.

A plan says it of its meters. Of others their name says it: what ends in ``seconds`` counts seconds, in ``bytes`` bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from billing.domain.fields import Fields

_MOST_METERS = 100
_SECONDS = {"second": 1, "minute": 60, "hour": 3600}


class Counts(StrEnum):
    """What one of a meter's own units is."""

    SECONDS = "seconds"
    BYTES = "bytes"
    PIECES = "pieces"


class Scale(StrEnum):
    """How bytes become larger units: by thousands (kB, MB, GB of SI), or by 1024 (KiB, MiB, GiB of IEC 80000-13)."""

    DECIMAL = "decimal"
    BINARY = "binary"


_BYTE_UNITS = {
    Scale.DECIMAL: ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB")),
    Scale.BINARY: ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")),
}
# The last word of a unit's name, whoever named it, and what it stands for.
_WORDS: dict[str, tuple[Counts, Scale]] = {
    **dict.fromkeys(("second", "seconds", "minute", "minutes", "hour", "hours"), (Counts.SECONDS, Scale.DECIMAL)),
    **dict.fromkeys(("b", "byte", "bytes", "kb", "mb", "gb", "tb"), (Counts.BYTES, Scale.DECIMAL)),
    **dict.fromkeys(("kilobyte", "megabyte", "gigabyte", "terabyte"), (Counts.BYTES, Scale.DECIMAL)),
    **dict.fromkeys(("kib", "mib", "gib", "tib"), (Counts.BYTES, Scale.BINARY)),
}


@dataclass(frozen=True, slots=True)
class MeterDisplay:
    """How quantities of a meter are shown."""

    counts: Counts = Counts.PIECES
    scale: Scale = Scale.DECIMAL

    @classmethod
    def by_name(cls, meter: str) -> MeterDisplay:
        """Of a meter that no plan says anything of."""
        if meter.endswith("bytes"):
            return cls(Counts.BYTES)
        return cls(Counts.SECONDS) if meter.endswith("seconds") else cls()

    @classmethod
    def by_unit(cls, unit: str) -> MeterDisplay:
        """Of a quantity whose price is per this unit, as an invoice line names it."""
        words = unit.casefold().split()
        return cls(*_WORDS.get(words[-1] if words else "", (Counts.PIECES, Scale.DECIMAL)))

    def unit_name(self, size: int) -> str:
        """What so many of the meter's own units are called: "MB", "100 MB", "minute"; empty without a good name."""
        if self.counts is Counts.SECONDS:
            return next((name for name, seconds in _SECONDS.items() if seconds == size), "")
        if self.counts is Counts.BYTES:
            if size == 1:
                return "byte"
            larger, name = next((each for each in _BYTE_UNITS[self.scale] if size % each[0] == 0), (0, ""))
            return "" if not larger else name if size == larger else f"{size // larger} {name}"
        return ""

    def in_bytes(self, quantity: int) -> tuple[Decimal, str]:
        """A number of bytes in the largest unit of which it is at least one: (1.5, "GB")."""
        larger, name = next((each for each in _BYTE_UNITS[self.scale] if abs(quantity) >= each[0]), (1, "B"))
        return Decimal(quantity) / larger, name


def read_meters(fields: Fields) -> dict[str, MeterDisplay]:
    """The plan's field ``meters``; empty when absent. No meter is there twice."""
    found: dict[str, MeterDisplay] = {}
    for item in fields.objects("meters", _MOST_METERS):
        meter = item.code("meter")
        if meter in found:
            raise item.refusal("meter", f"The meter {meter} is there twice.", "Say once what it counts.")
        counts = Counts(item.one_of("counts", {each.value: each for each in Counts}))
        scale = Scale.DECIMAL
        if item.has("scale"):
            scale = Scale(item.one_of("scale", {each.value: each for each in Scale}))
            if counts is not Counts.BYTES:
                raise item.refusal("scale", "Only bytes have a scale.", "Leave it out.")
        item.finish()
        found[meter] = MeterDisplay(counts, scale)
    return found


def written_meters(meters: dict[str, MeterDisplay]) -> list[dict[str, str]]:
    """The JSON form; ``read_meters`` reads it back."""
    return [
        {"meter": meter, "counts": each.counts.value}
        | ({"scale": each.scale.value} if each.counts is Counts.BYTES else {})
        for meter, each in meters.items()
    ]
