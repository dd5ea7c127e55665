"""Allowances: quantities included in the plan's fee, drawn from totals in the declared order of prices."""

from __future__ import annotations

from dataclasses import dataclass

from billing.domain.fields import Fields


@dataclass(frozen=True, slots=True)
class Allowance:
    """``quantity`` of a ``meter`` in its own units per cycle, for all destinations or for ``prefixes`` only.

    ``shared`` lets the account's other services draw what the service itself leaves.
    """

    code: str
    name: str
    meter: str
    quantity: int
    prefixes: tuple[str, ...] = ()
    shared: bool = False

    def covers(self, prefix: str) -> bool:
        """True when every number under this prefix may draw."""
        return not self.prefixes or prefix.startswith(self.prefixes)

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
        )
        if allowance.shared and allowance.prefixes:
            # Another service's counters are not split at these prefixes, so its share could not be told apart.
            raise fields.refusal(
                "prefixes", "A shared allowance covers all destinations.", "Leave out prefixes or shared."
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
        if self.prefixes:
            written["prefixes"] = list(self.prefixes)
        if self.shared:
            written["shared"] = True
        return written
