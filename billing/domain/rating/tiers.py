"""Tiers: rising limits in units, each with its rate; the last one is open."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from billing.domain.fields import Fields
from billing.domain.rating.model import Unit, money_text

_MOST_TIERS = 100


@dataclass(frozen=True, slots=True)
class Tier:
    """``up_to`` units included (None in the last tier: no limit), at ``rate`` whole currency units per unit."""

    up_to: int | None
    rate: Decimal

    def to_dict(self) -> dict[str, object]:
        return {"up_to": self.up_to, "rate": str(self.rate)}

    def limit(self, unit: Unit) -> int | None:
        """The limit in the meter's own units."""
        return None if self.up_to is None else self.up_to * unit.size


def read_tiers(fields: Fields) -> tuple[Tier, ...]:
    """The field ``tiers``: limits rise, and exactly the last has none, so that no usage is without a rate."""
    items = fields.objects("tiers", _MOST_TIERS)
    if not items:
        raise fields.refusal("tiers", "There are no tiers.", "Give at least one tier with a rate.")
    tiers = tuple(_read_tier(item, is_last=place == len(items) - 1) for place, item in enumerate(items))
    for place, (lower, upper) in enumerate(pairwise(tiers), start=1):
        if lower.up_to is not None and upper.up_to is not None and upper.up_to <= lower.up_to:
            raise items[place].refusal("up_to", "Limits of tiers rise.", f"Use more than {lower.up_to}.")
    return tiers


def _read_tier(fields: Fields, *, is_last: bool) -> Tier:
    has_limit = fields.has("up_to")
    if is_last and has_limit:
        raise fields.refusal("up_to", "The last tier has no limit.", "Leave up_to out of the last tier.")
    if not is_last and not has_limit:
        raise fields.refusal("up_to", "Only the last tier is open.", "Give up_to, in units of the price.")
    tier = Tier(up_to=None if is_last else fields.whole("up_to", least=1), rate=fields.amount("rate"))
    fields.finish()
    return tier


def tiers_text(tiers: tuple[Tier, ...], unit: Unit, currency: str) -> str:
    """The tiers as one short text: "up to 100: 0.1 EUR, then 0.08 EUR per minute"."""
    parts = [
        money_text(tier.rate, currency)
        if tier.up_to is None
        else f"up to {tier.up_to}: {money_text(tier.rate, currency)}"
        for tier in tiers
    ]
    return f"{', then '.join(parts)} per {unit.name}"
