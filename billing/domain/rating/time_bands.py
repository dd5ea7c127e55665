"""Time bands: named weekly windows in local time, with public holidays as days of their own.

The wall clock decides: an instant is in the first band, in declared order, with a window that contains the local time
on that day. A public holiday is no weekday: only windows that list ``holiday`` contain it. A window that ends at or
before its start runs over midnight and belongs to the day on which it began.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from billing.domain.banking_days import public_holidays
from billing.domain.cycle_calendar import zone_info
from billing.domain.errors import InvalidValue
from billing.domain.fields import Fields

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOLIDAY = "holiday"
DAYS = (*WEEKDAYS, HOLIDAY)
SECONDS_OF_DAY = 86_400
_MOST_BANDS = 24
_MOST_WINDOWS = 50
_CLOCK = re.compile(r"([01][0-9]|2[0-4]):([0-5][0-9])")


@dataclass(frozen=True, slots=True)
class Window:
    """On ``days`` from ``begins`` to ``ends``, in seconds after local midnight; half-open."""

    days: tuple[str, ...]
    begins: int = 0
    ends: int = SECONDS_OF_DAY

    @property
    def runs_over_midnight(self) -> bool:
        return self.ends <= self.begins

    def contains(self, day: str, day_before: str, second: int) -> bool:
        """True for a second of a day of this kind after one of that kind."""
        if not self.runs_over_midnight:
            return day in self.days and self.begins <= second < self.ends
        return (day in self.days and second >= self.begins) or (day_before in self.days and second < self.ends)

    def to_dict(self) -> dict[str, object]:
        written: dict[str, object] = {"days": list(self.days)}
        if (self.begins, self.ends) != (0, SECONDS_OF_DAY):
            written |= {"from": _clock(self.begins), "to": _clock(self.ends)}
        return written


@dataclass(frozen=True, slots=True)
class TimeBand:
    """A named set of windows, which prices and allowances refer to by ``code``."""

    code: str
    name: str
    windows: tuple[Window, ...]

    def to_dict(self) -> dict[str, object]:
        return {"code": self.code, "name": self.name, "windows": [window.to_dict() for window in self.windows]}


@dataclass(frozen=True, slots=True)
class TimeBands:
    """``bands`` in order of priority. ``time_zone`` is an IANA name (empty: not known yet, the brand's is filled in
    when the plan is published); ``holidays`` a country (NL) or one of its parts (DE-BY), empty without holidays.
    ``split_meters`` count seconds, so that a call may run from one band into another; empty: ``voice`` and whatever
    ends in ``seconds``.
    """

    bands: tuple[TimeBand, ...] = ()
    time_zone: str = ""
    holidays: str = ""
    split_meters: tuple[str, ...] = ()

    def splits(self, meter: str) -> bool:
        """True when a use of this meter lasts as many seconds as it counts."""
        return meter in (self.split_meters or ("voice",)) or (not self.split_meters and meter.endswith("seconds"))

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(band.code for band in self.bands)

    def name_of(self, code: str) -> str:
        """A band's name; empty for the time that is in no band."""
        return next((band.name for band in self.bands if band.code == code), "")

    def in_zone(self, time_zone: str) -> TimeBands:
        """The same bands, in this zone unless they have one."""
        return self if self.time_zone or not self.bands else replace(self, time_zone=time_zone)

    def to_dict(self) -> dict[str, object]:
        written: dict[str, object] = {"bands": [band.to_dict() for band in self.bands]}
        named: dict[str, object] = {
            "time_zone": self.time_zone,
            "holidays": self.holidays,
            "split_meters": list(self.split_meters),
        }
        return written | {name: value for name, value in named.items() if value}


@dataclass(frozen=True, slots=True)
class TimeRate:
    """The ``rate`` of a price or a destination within one time band, and its connection fee there if it differs."""

    band: str
    rate: Decimal
    connection_fee: Decimal | None = None

    def to_dict(self) -> dict[str, object]:
        written: dict[str, object] = {"band": self.band, "rate": str(self.rate)}
        if self.connection_fee is not None:
            written["connection_fee"] = str(self.connection_fee)
        return written


@dataclass(frozen=True, slots=True)
class TimeRates:
    """Rates by time band, of one price or destination."""

    rates: tuple[TimeRate, ...] = field(default=())

    def __bool__(self) -> bool:
        return bool(self.rates)

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(each.band for each in self.rates)

    def of(self, band: str) -> TimeRate | None:
        """The rate of a band; None where the usual rate holds."""
        return next((each for each in self.rates if each.band == band), None)

    @classmethod
    def read(cls, fields: Fields, name: str = "time_bands") -> TimeRates:
        """The field; empty when absent. Each band once."""
        items = fields.objects(name, _MOST_BANDS)
        rates = tuple(_read_rate(item) for item in items)
        for place, each in enumerate(rates):
            if each.band in (earlier.band for earlier in rates[:place]):
                raise items[place].refusal("band", "This time band has two rates.", "Give each band once.")
        return cls(rates)

    def to_list(self) -> list[object]:
        return [each.to_dict() for each in self.rates]


def _read_rate(fields: Fields) -> TimeRate:
    rate = TimeRate(
        band=fields.code("band"), rate=fields.amount("rate"), connection_fee=fields.optional_amount("connection_fee")
    )
    fields.finish()
    return rate


def read_time_bands(fields: Fields) -> TimeBands:
    """The plan's field ``time_bands``; without bands when absent. Raises InvalidValue with the dotted field."""
    if not fields.has("time_bands"):
        return TimeBands()
    own = fields.nested("time_bands")
    items = own.objects("bands", _MOST_BANDS)
    if not items:
        raise own.refusal("bands", "There are no time bands.", "Give at least one band with its windows.")
    bands = tuple(_read_band(item) for item in items)
    for place, band in enumerate(bands):
        if band.code in (earlier.code for earlier in bands[:place]):
            raise items[place].refusal("code", "This code is used twice.", "Give each its own code.")
    read = TimeBands(bands, own.text("time_zone", ""), own.text("holidays", ""), own.codes("split_meters"))
    own.finish()
    _check(read, own)
    return read


def _check(read: TimeBands, fields: Fields) -> None:
    try:
        if read.time_zone:
            zone_info(read.time_zone)
    except InvalidValue as unknown:
        raise fields.refusal("time_zone", unknown.message, unknown.remedy) from None
    public_holidays(read.holidays, 2026, field=fields.where("holidays"))
    lists_holidays = any(HOLIDAY in window.days for band in read.bands for window in band.windows)
    if read.holidays and not lists_holidays:
        raise fields.refusal("holidays", "No window lists the holidays.", 'Add "holiday" to the days of a window.')
    if lists_holidays and not read.holidays:
        raise fields.refusal(
            "holidays", "A window lists holidays, and there is no calendar.", "Name a country, like NL or DE-BY."
        )


def _read_band(fields: Fields) -> TimeBand:
    code = fields.code("code")
    items = fields.objects("windows", _MOST_WINDOWS)
    if not items:
        raise fields.refusal("windows", "A time band has at least one window.", 'Write it as [{"days": ["sat"]}].')
    band = TimeBand(code, fields.text("name", code), tuple(_read_window(item) for item in items))
    fields.finish()
    return band


def _read_window(fields: Fields) -> Window:
    days = fields.words("days", DAYS)
    if not days:
        raise fields.refusal("days", "A window is on at least one day.", f"Use some of: {', '.join(DAYS)}.")
    window = Window(days, _read_clock(fields, "from", 0), _read_clock(fields, "to", SECONDS_OF_DAY))
    if window.begins == SECONDS_OF_DAY or window.begins == window.ends:
        raise fields.refusal("to", "The window is empty.", "Leave out from and to for the whole day.")
    fields.finish()
    return window


def _read_clock(fields: Fields, name: str, default: int) -> int:
    written = fields.text(name, _clock(default))
    matched = _CLOCK.fullmatch(written)
    seconds = int(matched[1]) * 3600 + int(matched[2]) * 60 if matched else SECONDS_OF_DAY + 1
    if seconds > SECONDS_OF_DAY:
        raise fields.refusal(name, "This is not a time of day.", "Write it as 08:00; the end of the day is 24:00.")
    return seconds


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds % 3600 // 60:02}"


def is_holiday(day: date, country: str) -> bool:
    """True on a public holiday of the calendar; never without one."""
    return bool(country) and day in public_holidays(country, day.year)
