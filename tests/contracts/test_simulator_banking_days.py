"""The simulator's own banking days agree with the published calendar of the euro settlement system."""

from __future__ import annotations

import holidays
import pytest

from simulator.business_time import _closing_days


@pytest.mark.parametrize("year", range(2015, 2041, 5))
def test_closing_days_are_those_of_target(year: int) -> None:
    assert _closing_days(year) == frozenset(holidays.financial_holidays("ECB", years=year))
