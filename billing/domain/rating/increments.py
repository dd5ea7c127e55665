"""Increments: how finely one event is billed. 30/6 bills 45 seconds as 48: the first 30, then steps of 6."""

from __future__ import annotations

import re
from dataclasses import dataclass

from billing.domain.fields import Fields

_WRITTEN = re.compile(r"([0-9]{1,12})/([0-9]{1,12})")


@dataclass(frozen=True, slots=True)
class Increments:
    """``initial`` is billed at least, then ``further`` at a time; both in the meter's own units."""

    initial: int = 1
    further: int = 1

    def billable(self, quantity: int) -> int:
        """The billable quantity of one event; nothing used is nothing billed."""
        if quantity <= 0:
            return 0
        if quantity <= self.initial:
            return self.initial
        return self.initial - (self.initial - quantity) // self.further * self.further

    def __str__(self) -> str:
        return f"{self.initial}/{self.further}"

    @classmethod
    def read(cls, fields: Fields, name: str = "increments") -> Increments:
        """The field as "60/60"; 1/1 when absent."""
        written = _WRITTEN.fullmatch(fields.text(name, "1/1"))
        if not written or int(written[1]) < 1 or int(written[2]) < 1:
            raise fields.refusal(name, "These are not increments.", 'Write initial/further, like "60/60" or "30/6".')
        return cls(int(written[1]), int(written[2]))
