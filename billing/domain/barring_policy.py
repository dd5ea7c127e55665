"""The brand's policy of barring: at which hours services are restricted for a debt, and what a reconnection costs.

Freeing a service never waits, and no restriction but that for a debt does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from billing.domain.fields import Fields
from billing.domain.quiet_hours import WORKING_HOURS, QuietHours

_LARGEST_MINOR = 10**6


@dataclass(frozen=True, slots=True)
class ReconnectionFee:
    """What restoring services after a debt was paid costs, as a charge on the next invoice.

    ``amount_minor`` is net, per service that was restricted; ``maximum_minor`` is the most the customer pays for one
    restoration, VAT included (0: no maximum). ``free_per_year`` restorations within 365 days cost nothing, nor do
    those of accounts in ``waived_segments``.
    """

    amount_minor: int
    maximum_minor: int = 0
    tax_code: str = "standard"
    free_per_year: int = 0
    waived_segments: tuple[str, ...] = ()

    def net_minor(self, services: int, percent: Decimal) -> int:
        """The net fee for restoring that many services, taxed at ``percent``."""
        net = self.amount_minor * services
        if not self.maximum_minor:
            return net
        most = (Decimal(self.maximum_minor) * 100 / (100 + percent)).to_integral_value(ROUND_FLOOR)
        return min(net, int(most))

    def waived(self, segment: str, restored_this_year: int) -> str:
        """Why this restoration costs nothing; empty when it costs the fee."""
        if segment in self.waived_segments:
            return f"the segment {segment} pays none"
        if restored_this_year < self.free_per_year:
            return f"restoration {restored_this_year + 1} within 365 days, and {self.free_per_year} are free"
        return ""


@dataclass(frozen=True, slots=True)
class BarringPolicy:
    """What a brand adds to its dunning policies; nothing of it by default."""

    restricting_hours: QuietHours | None = None
    reconnection_fee: ReconnectionFee | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], path: str = "") -> BarringPolicy:
        """Read an operator's JSON; missing fields take their defaults, unknown ones are refused.

        Raises InvalidValue naming the field (under ``path``), its value and what would do.
        """
        fields = Fields(data, path)
        hours = None
        if fields.has("restricting_hours"):
            hours = QuietHours.within(fields, data, "restricting_hours", WORKING_HOURS)
        fee = _fee(fields.nested("reconnection_fee")) if fields.has("reconnection_fee") else None
        fields.finish()
        return cls(hours, fee)


def _fee(fields: Fields) -> ReconnectionFee:
    fee = ReconnectionFee(
        amount_minor=fields.whole("amount_minor", least=1, most=_LARGEST_MINOR),
        maximum_minor=fields.whole("maximum_minor", 0, most=_LARGEST_MINOR),
        tax_code=fields.code("tax_code", "standard"),
        free_per_year=fields.whole("free_per_year", 0, most=365),
        waived_segments=fields.codes("waived_segments"),
    )
    fields.finish()
    return fee
