"""Banking days of a scheme's calendar, and a country's public holidays.

Calendars are named ``TARGET`` (SEPA: ECB, T2 closing days), ``GB`` (Bacs: bank holidays of England), ``US`` (Fedwire)
or by any ISO 3166 country code, with a subdivision after a dash (``DE-BY``). The `holidays` package is imported on
first use, so that importing this module costs nothing.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

from billing.domain.errors import InvalidValue

TARGET = "TARGET"
_FINANCIAL_CALENDARS = {TARGET: "ECB", "US": "XFED"}
_DEFAULT_SUBDIVISIONS = {"GB": "ENG"}
_SATURDAY = 5


@lru_cache(maxsize=1024)
def bank_holidays(calendar: str, year: int) -> frozenset[date]:
    """The closing days of a scheme's calendar in a year, besides Saturdays and Sundays.

    Raises InvalidValue for an unknown calendar.
    """
    if calendar in _FINANCIAL_CALENDARS:
        import holidays

        return frozenset(holidays.financial_holidays(_FINANCIAL_CALENDARS[calendar], years=[year]))
    return public_holidays(calendar, year, field="scheme_calendar")


@lru_cache(maxsize=1024)
def public_holidays(country: str, year: int, field: str = "country") -> frozenset[date]:
    """The public holidays of a country (``NL``) or one of its parts (``DE-BY``) in a year; none when empty.

    Raises InvalidValue for an unknown country.
    """
    if not country:
        return frozenset()
    import holidays

    name, _, subdivision = country.partition("-")
    try:
        part = subdivision or _DEFAULT_SUBDIVISIONS.get(name)
        return frozenset(holidays.country_holidays(name, subdiv=part, years=[year]))
    except NotImplementedError as unknown:
        raise InvalidValue(
            "No holiday calendar is known under this name.",
            field=field,
            value=country,
            remedy="Use TARGET, GB, US, or an ISO 3166 country code such as NL or DE-BY.",
        ) from unknown


def is_banking_day(day: date, calendar: str) -> bool:
    """True when payments of the scheme settle on that date."""
    return day.weekday() < _SATURDAY and day not in bank_holidays(calendar, day.year)


def next_banking_day(day: date, calendar: str) -> date:
    """The date itself when it is a banking day, else the first one after it."""
    while not is_banking_day(day, calendar):
        day += timedelta(days=1)
    return day


def add_banking_days(day: date, count: int, calendar: str) -> date:
    """The date ``count`` banking days after ``day`` (which is not counted itself); with 0, the next banking day."""
    result = next_banking_day(day, calendar) if count == 0 else day
    for _ in range(count):
        result = next_banking_day(result + timedelta(days=1), calendar)
    return result


def subtract_banking_days(day: date, count: int, calendar: str) -> date:
    """The date ``count`` banking days before ``day`` (which is not counted itself); with 0, ``day`` as it is."""
    for _ in range(count):
        day -= timedelta(days=1)
        while not is_banking_day(day, calendar):
            day -= timedelta(days=1)
    return day


def is_public_holiday(day: date, country: str) -> bool:
    """True on a public holiday of the country."""
    return day in public_holidays(country, day.year)
