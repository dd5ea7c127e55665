"""The first page's figures as what is drawn of them: tiles, charts and funnels, each number with the list behind it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import urlencode

from api.console.charts import Chart, Funnel, Point, Series, bars, funnel, stacked_bars
from api.console.distribution import Distribution, distributions
from api.console.pages import amount
from billing.domain.collection_figures import Stage, success_rate
from billing.ports.overviews import AgedDebt, Forecast, FunnelLine, TodayLine
from billing.services.console_figures import FirstPage
from billing.services.kept_figures import Counted

AGES = ("not due", "1-30 days", "31-60 days", "61-90 days", "over 90 days")
SHOWN_STAGES = (
    (Stage.INVOICED, "Invoiced"),
    (Stage.ANNOUNCED, "Announced"),
    (Stage.FIRST_TRY, "Collected at the first try"),
    (Stage.RETRY, "Collected after a retry"),
    (Stage.PAYLINK, "Paid by paylink"),
    (Stage.TRANSFER, "Transferred by the customer"),
    (Stage.CREDIT, "Settled by credit"),
    (Stage.OPEN, "Open"),
    (Stage.DUNNING, "In dunning"),
    (Stage.WRITTEN_OFF, "Written off"),
    (Stage.OTHER, "Settled otherwise"),
)
# The list behind a stage, where there is one.
_LISTED = {Stage.INVOICED: "", Stage.ANNOUNCED: "announced", Stage.OPEN: "open", Stage.DUNNING: "dunning",
           Stage.WRITTEN_OFF: "written_off"}  # fmt: skip


@dataclass(frozen=True)
class Tile:
    """One number of today, and where its list is."""

    value: str
    label: str
    note: str = ""
    href: str = ""
    tone: str = ""


@dataclass(frozen=True)
class MonthOfCollecting:
    """One month's invoices in one currency; ``taken_back`` is what banks took back of it, and is open or paid again."""

    month: date
    currency: str
    funnel: Funnel
    first_time: str
    taken_back: str


class OverviewPage:
    """Built of what was counted; a figure that is not there yet draws nothing."""

    def __init__(self, first: FirstPage, now: datetime) -> None:
        self._first = first
        self._now = now

    @property
    def today(self) -> Sequence[Tile]:
        return today_tiles(self._first.today.value, self._now.date()) if self._first.today else ()

    @property
    def distributions(self) -> Sequence[Distribution]:
        return distributions(self._first.loads.value) if self._first.loads else ()

    @property
    def forecasts(self) -> Sequence[tuple[Forecast, Chart, Sequence[str]]]:
        found = self._first.forecasts.value if self._first.forecasts else ()
        return [(one, forecast_chart(one), rates_said(one)) for one in found]

    @property
    def months(self) -> Sequence[MonthOfCollecting]:
        return months_of(self._first.funnel.value) if self._first.funnel else ()

    @property
    def ages(self) -> Sequence[Chart]:
        return age_charts(self._first.aging.value) if self._first.aging else ()

    def age_of(self, counted: Counted[object] | None) -> str:
        """How long ago a kept figure was counted; nothing where that is now."""
        if counted is None:
            return ""
        seconds = int((self._now - counted.counted_at).total_seconds())
        if seconds < 5:
            return ""
        if seconds < 120:
            return f"Counted {seconds} seconds ago."
        return f"Counted {seconds // 60} minutes ago." if seconds < 7200 else f"Counted {seconds // 3600} hours ago."


def _money(currency: str) -> Callable[[int], str]:
    return lambda amount_minor: amount(amount_minor, currency)


def today_tiles(lines: Sequence[TodayLine], day: date) -> Sequence[Tile]:
    """Today's cycle in numbers, in the order of a customer's month."""
    closed = sum(one.count for one in lines if one.what == "closed")
    closing = sum(one.count for one in lines if one.what == "closing_next")
    today = day.isoformat()
    tiles = [Tile(f"{closed:,}", "cycles closed at midnight", f"{closing:,} close at the next midnight",
                  f"/console/accounts?closed_on={day.isoformat()}")]  # fmt: skip
    words = (
        ("issued", "invoices issued", f"/console/invoices?issued_on={today}", ""),
        ("due", "announced for today", f"/console/invoices?debit_on={today}", ""),
        ("submitted", "debits submitted", f"/console/payments?created_on={today}&purpose=debit", ""),
        ("received", "payments came in", f"/console/payments?settled_on={today}&status=succeeded", "good"),
        ("failed", "payments failed", f"/console/payments?settled_on={today}&status=failed", "warn"),
        ("reversed", "payments taken back", f"/console/payments?taken_back_on={today}", "warn"),
    )
    for what, label, href, tone in words:
        own = [one for one in lines if one.what == what]
        note = ", ".join(amount(abs(one.amount_minor), one.currency) for one in own) or "none so far"
        tiles.append(Tile(f"{sum(one.count for one in own):,}", label, note, href, tone if own else ""))
    return tiles


def forecast_chart(one: Forecast) -> Chart:
    """Each day in two parts: what is expected at the first try, and what probably is not."""
    say = _money(one.currency)
    points = [Point(f"{day.debit_on.day} {day.debit_on:%b}", 0, f"/console/invoices?debit_on={day.debit_on}")
              for day in one.days]  # fmt: skip
    series = [
        Series("expected at the first try", [day.expected_minor for day in one.days], 2),
        Series("expected to fail first", [day.amount_minor - day.expected_minor for day in one.days], 4),
    ]
    said = f"{say(one.amount_minor)} are to be debited in 31 days, of which {say(one.expected_minor)} are expected."
    return stacked_bars(f"Debits ahead in {one.currency}", said, points, series, say)


def rates_said(one: Forecast) -> Sequence[str]:
    """By what the days are weighted, in words."""
    said = []
    for kind, tries, rate in one.rates:
        name = kind.replace("_", " ")
        if rate is None:
            said.append(f"{name}: {tries.ended} first debits ended in 90 days, too few to tell; counted whole")
        else:
            said.append(f"{name}: {rate:.1%} of {tries.ended:,} first debits were paid")
    return said


def months_of(lines: Sequence[FunnelLine]) -> Sequence[MonthOfCollecting]:
    """The newest month first."""
    grouped: dict[tuple[date, str], dict[str, FunnelLine]] = defaultdict(dict)
    for line in lines:
        grouped[line.month, line.currency][line.stage] = line
    return [_month(month, currency, grouped[month, currency]) for month, currency in sorted(grouped, reverse=True)]


def _month(month: date, currency: str, stages: Mapping[str, FunnelLine]) -> MonthOfCollecting:
    say = _money(currency)
    points = [
        Point(f"{label} ({stages[stage].count:,})", stages[stage].amount_minor, _list_of(month, currency, stage))
        for stage, label in SHOWN_STAGES
        if stage in stages
    ]
    tried = stages[Stage.TRIED].count if Stage.TRIED in stages else 0
    paid = stages[Stage.TRIED_PAID].count if Stage.TRIED_PAID in stages else 0
    rate = success_rate(paid, tried)
    first_time = f"{paid:,} of {tried:,} first debits were paid" + (f" ({rate:.1%})" if rate is not None else "")
    invoiced = stages[Stage.INVOICED]
    described = f"{invoiced.count:,} invoices over {say(invoiced.amount_minor)}. {first_time}."
    back = stages.get(Stage.TAKEN_BACK)
    taken_back = say(-back.amount_minor) if back and back.amount_minor else ""
    return MonthOfCollecting(
        month, currency, funnel(f"{month:%B %Y}, {currency}", described, points, say), first_time, taken_back
    )


def _list_of(month: date, currency: str, stage: Stage) -> str:
    if stage not in _LISTED:
        return ""
    chosen = {"month": month.isoformat(), "currency": currency, "stage": _LISTED[stage]}
    return f"/console/invoices?{urlencode({name: value for name, value in chosen.items() if value})}"


def age_charts(lines: Sequence[AgedDebt]) -> Sequence[Chart]:
    """Open debt by age, one chart per currency."""
    charts = []
    for currency in sorted({one.currency for one in lines}):
        own = {one.bucket: one for one in lines if one.currency == currency}
        points = [Point(age, own[age].amount_minor if age in own else 0, _age_list(age, currency)) for age in AGES]
        say = _money(currency)
        total, number = sum(one.amount_minor for one in own.values()), sum(one.count for one in own.values())
        said = f"{say(total)} are open on {number:,} invoices."
        charts.append(bars(f"Open debt by age in {currency}", said, points, say, tone=3))
    return charts


def _age_list(age: str, currency: str) -> str:
    return f"/console/invoices?{urlencode({'age': age, 'currency': currency})}"
