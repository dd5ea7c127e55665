"""Allowances: quantities included in the plan's fee or bought beside it, drawn from totals in the declared order of
prices.
"""

from __future__ import annotations

from dataclasses import dataclass

from billing.domain.fields import Fields
from billing.domain.rating.zones import HOME, read_zone_codes


@dataclass(frozen=True, slots=True)
class Rollover:
    """What is left at the end of a cycle may be drawn in the next ``cycles`` cycles.

    At most ``most_quantity``, or ``most_cycles`` times the allowance, is ever carried together; None: no cap.
    """

    cycles: int = 1
    most_quantity: int | None = None
    most_cycles: int | None = None

    def cap(self, quantity: int) -> int | None:
        """The most that may be carried of an allowance of ``quantity``, in the meter's own units; None: no cap."""
        caps = [self.most_quantity, None if self.most_cycles is None else self.most_cycles * quantity]
        return min((cap for cap in caps if cap is not None), default=None)

    @classmethod
    def read(cls, fields: Fields) -> Rollover | None:
        """The field ``rollover``; None when absent."""
        if not fields.has("rollover"):
            return None
        own = fields.nested("rollover")
        rollover = cls(
            cycles=own.whole("cycles", 1, least=1, most=120),
            most_quantity=own.optional_whole("most_quantity", least=1),
            most_cycles=own.optional_whole("most_cycles", least=1),
        )
        own.finish()
        return rollover

    def to_dict(self) -> dict[str, object]:
        options: dict[str, object] = {"most_quantity": self.most_quantity, "most_cycles": self.most_cycles}
        written: dict[str, object] = {"cycles": self.cycles}
        return written | {name: value for name, value in options.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Allowance:
    """``quantity`` of a ``meter`` in its own units per cycle.

    It covers usage in ``zones`` (home unless told otherwise), towards all destinations or ``prefixes`` only, of all
    traffic or ``traffic_classes`` only, at all times or in ``time_bands`` only. ``shared`` lets the account's other
    services draw what the service itself leaves.
    """

    code: str
    name: str
    meter: str
    quantity: int
    prefixes: tuple[str, ...] = ()
    shared: bool = False
    zones: tuple[str, ...] = (HOME,)
    traffic_classes: tuple[str, ...] = ()
    time_bands: tuple[str, ...] = ()
    rollover: Rollover | None = None

    def covers(self, prefix: str) -> bool:
        """True when every number under this prefix may draw."""
        return not self.prefixes or prefix.startswith(self.prefixes)

    def covers_use(self, zone: str, traffic_class: str, time_band: str) -> bool:
        """True when usage of this kind may draw, whatever its destination."""
        return (
            zone in self.zones
            and (not self.traffic_classes or traffic_class in self.traffic_classes)
            and (not self.time_bands or time_band in self.time_bands)
        )

    @classmethod
    def from_dict(cls, data: object, path: str = "") -> Allowance:
        """Read the JSON form. Raises InvalidValue with the dotted field under ``path``."""
        fields = Fields(data, path)
        code = fields.code("code")
        allowance = cls(
            code=code,
            name=fields.text("name", code),
            meter=fields.code("meter"),
            quantity=fields.whole("quantity", least=1),
            prefixes=fields.prefixes("prefixes"),
            shared=fields.flag("shared", False),
            zones=read_zone_codes(fields),
            traffic_classes=fields.codes("traffic_classes"),
            time_bands=fields.codes("time_bands"),
            rollover=Rollover.read(fields),
        )
        if allowance.shared and allowance.prefixes:
            # Another service's counters are not split at these prefixes, so its share could not be told apart.
            raise fields.refusal(
                "prefixes", "A shared allowance covers all destinations.", "Leave out prefixes or shared."
            )
        if allowance.shared and allowance.time_bands:
            raise fields.refusal(
                "time_bands", "A shared allowance covers all times of day.", "Leave out time_bands or shared."
            )
        fields.finish()
        return allowance

    def to_dict(self) -> dict[str, object]:
        """The JSON form, without options that have their default."""
        written: dict[str, object] = {
            "code": self.code,
            "name": self.name,
            "meter": self.meter,
            "quantity": self.quantity,
        }
        options: dict[str, tuple[object, object]] = {
            "prefixes": (list(self.prefixes), []),
            "shared": (self.shared, False),
            "zones": (list(self.zones), [HOME]),
            "traffic_classes": (list(self.traffic_classes), []),
            "time_bands": (list(self.time_bands), []),
            "rollover": (self.rollover and self.rollover.to_dict(), None),
        }
        return written | {name: value for name, (value, usual) in options.items() if value != usual}
