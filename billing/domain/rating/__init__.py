"""Rating by totals: an event is guided, rounded to its billable quantity and counted; a price is a pure function of
counters.

Owns: price and plan definitions with their JSON form, guiding within a plan, counters, allowances, rated lines,
previews. Does not own: which account and service an event belongs to, storing counters, invoice discounts
(``billing.domain.discount``), VAT (``billing.domain.tax``). Every quantity is an integer in the meter's own units
(seconds, bytes, messages).
"""

from billing.domain.rating.allowance import Allowance, Rollover
from billing.domain.rating.bands import NoPrice, Place, PrefixTable, since, without_since
from billing.domain.rating.counters import Counter, count, merge
from billing.domain.rating.destinations import Destination
from billing.domain.rating.drawing import AllowanceState
from billing.domain.rating.events import UsageEvent
from billing.domain.rating.explaining import explain_event
from billing.domain.rating.flat import Flat
from billing.domain.rating.graduated import Graduated
from billing.domain.rating.grants import Grant, Origin, ServiceGrants
from billing.domain.rating.guiding import Guided, guide
from billing.domain.rating.increments import Increments
from billing.domain.rating.lines import LineKind, RatedLine, RatedUsage
from billing.domain.rating.meters import Counts, MeterDisplay, Scale
from billing.domain.rating.model import PriceModel
from billing.domain.rating.on_change import ChangeRule, OnChange, Share, shares
from billing.domain.rating.package import Package
from billing.domain.rating.per_event import PerEvent
from billing.domain.rating.per_unit import PerUnit
from billing.domain.rating.percentage import Percentage
from billing.domain.rating.plan import LineDiscount, PlanDefinition
from billing.domain.rating.preview import (
    PreviewedService,
    PricePreview,
    UnpricedEvent,
    events_of,
    preview_price,
    preview_services,
)
from billing.domain.rating.price import PRICE_MODELS, PriceDefinition
from billing.domain.rating.recurring import Recurring
from billing.domain.rating.rollover import RolledOver, left_of, roll_over
from billing.domain.rating.tiers import Tier
from billing.domain.rating.time_bands import TimeBand, TimeBands
from billing.domain.rating.totals import allowance_states, rate_services, rate_totals, recurring_lines
from billing.domain.rating.volume import Volume
from billing.domain.rating.zero_rated import ZeroRated
from billing.domain.rating.zones import HOME, Zone

__all__ = [
    "HOME",
    "PRICE_MODELS",
    "Allowance",
    "AllowanceState",
    "ChangeRule",
    "Counter",
    "Counts",
    "Destination",
    "Flat",
    "Graduated",
    "Grant",
    "Guided",
    "Increments",
    "LineDiscount",
    "LineKind",
    "MeterDisplay",
    "NoPrice",
    "OnChange",
    "Origin",
    "Package",
    "PerEvent",
    "PerUnit",
    "Percentage",
    "Place",
    "PlanDefinition",
    "PrefixTable",
    "PreviewedService",
    "PriceDefinition",
    "PriceModel",
    "PricePreview",
    "RatedLine",
    "RatedUsage",
    "Recurring",
    "RolledOver",
    "Rollover",
    "Scale",
    "ServiceGrants",
    "Share",
    "Tier",
    "TimeBand",
    "TimeBands",
    "UnpricedEvent",
    "UsageEvent",
    "Volume",
    "ZeroRated",
    "Zone",
    "allowance_states",
    "count",
    "events_of",
    "explain_event",
    "guide",
    "left_of",
    "merge",
    "preview_price",
    "preview_services",
    "rate_services",
    "rate_totals",
    "recurring_lines",
    "roll_over",
    "shares",
    "since",
    "without_since",
]
