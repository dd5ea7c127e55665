"""The declared sources of binary and XML files. Another one of a known format is one more declaration here."""

from __future__ import annotations

from collections.abc import Sequence

from billing.adapters.usage_formats.tap3 import Tap3Format, roaming
from billing.adapters.usage_formats.tap3_calls import RoamingRules
from billing.adapters.usage_formats.tap3_charges import Money
from billing.ports.usage import UsageFormat

# Partners charge in their own currency or in SDR; the amount of an event is in the currency of the bill.
ROAMING_IN_EUROS = roaming()
ROAMING_IN_POUNDS = roaming("tap3-gb", "tap3-gb", RoamingRules(money=Money("GBP")))


def binary_formats() -> Sequence[UsageFormat]:
    """One reader for each declared source."""
    return [Tap3Format(ROAMING_IN_EUROS), Tap3Format(ROAMING_IN_POUNDS)]
