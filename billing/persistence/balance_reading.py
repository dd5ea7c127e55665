"""Everything a live balance is computed from, in one statement: a page that looks must not wait for many answers.

The statement is asked within a unit of work, or alone by connections that know it already and answer in one round trip.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import psycopg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.domain import identity
from billing.persistence.pipeline import Pipeline, Question, driver_url
from billing.persistence.tables.limits import LIMIT_CHANGE
from billing.ports.balance import BalanceFacts, LineName
from billing.ports.grants import GrantRow
from billing.ports.limits import LimitAgreement, LimitChange, LimitTerms
from billing.ports.usage_intake import CycleSpan, ServicePlan
from billing.ports.usage_records import CounterRow

# The cycle that began last; before the first one, that one.
_CYCLE = (
    "SELECT cycle_number, opens_at, closes_at, status, plan ->> 'zone' AS zone FROM cycles "
    "WHERE account_id = asked.account_id ORDER BY (status <> 'cancelled' AND opens_at <= {now}) DESC, "
    "CASE WHEN status <> 'cancelled' AND opens_at <= {now} THEN -cycle_number ELSE cycle_number END LIMIT 1"
)
_OF_CYCLE = "WHERE account_id = asked.account_id AND cycle_number = running.cycle_number"
_COUNTER = "service_id, plan_code, plan_version, price_code, band"
_COUNTED = f"SELECT {_COUNTER}, events, quantity, amount, counted_at FROM"
_COUNTERS = (
    f"SELECT {_COUNTER}, sum(events)::bigint AS events, sum(quantity)::bigint AS quantity, "
    "sum(amount)::text AS amount, max(counted_at) AS counted_at "
    f"FROM ({_COUNTED} usage_counters {_OF_CYCLE} UNION ALL {_COUNTED} usage_pending {_OF_CYCLE}) AS counted "
    f"GROUP BY {_COUNTER}"
)
_PERIODS = (
    "SELECT plans.service_id, plans.active_from, plans.plan_code, plans.plan_version, coalesce(lead(plans.active_from) "
    "OVER (PARTITION BY plans.service_id ORDER BY plans.active_from), services.active_to) AS active_to "
    "FROM service_plans AS plans JOIN services USING (account_id, service_id) "
    "WHERE plans.account_id = asked.account_id"
)


def _listed(columns: str, source: str, order: str) -> str:
    """The rows of a query as one JSON list of lists."""
    return f"(SELECT json_agg(json_build_array({columns}) ORDER BY {order}) FROM {source})"


_LINES = _listed(
    "service_id, identifier, usage_stop", "services WHERE account_id = asked.account_id", "services.service_id"
)
_CHANGES = _listed(
    "change_id, kind, measure, service_id, meter, roaming, value, from_cycle, set_at, asked_by, author, reason",
    "usage_limit_changes WHERE account_id = asked.account_id",
    "change_id",
)
_AGREEMENTS = _listed(
    "cycle_number, service_id, agreed_at, asked_by, author, reason",
    "usage_agreements WHERE account_id = asked.account_id",
    "cycle_number, service_id",
)
_ROWS = _listed(
    f"{_COUNTER}, events, quantity, amount, counted_at",
    f"({_COUNTERS}) AS counters",
    _COUNTER,
)
_PLANS = _listed(
    "service_id, plan_code, plan_version, active_from, active_to",
    f"({_PERIODS}) AS periods",
    "service_id, active_from",
)
_GRANTS = (
    "(SELECT json_agg(usage_grants ORDER BY grant_id) FROM usage_grants WHERE account_id = asked.account_id "
    "AND cycle_number BETWEEN running.cycle_number AND running.cycle_number + 1)"
)
_FOLLOWS_UNBILLED = (
    "EXISTS (SELECT FROM cycles AS before WHERE before.account_id = asked.account_id "
    "AND before.cycle_number = running.cycle_number - 1 AND before.status = 'open')"
)
# What was bought in any cycle that is over and not billed may live on from one to the next.
_FOLLOWS_GRANTS = (
    "EXISTS (SELECT FROM usage_grants AS given JOIN cycles AS before USING (account_id, cycle_number) "
    "WHERE given.account_id = asked.account_id AND before.cycle_number < running.cycle_number "
    "AND before.status = 'open')"
)
_FACTS = (
    "SELECT asked.customer_kind, brands.currency, brands.country, brands.limit_policy, running.cycle_number, "
    "running.opens_at, running.closes_at, running.status, coalesce(running.zone, brands.zone) AS zone, "
    f"{_LINES} AS lines, {_PLANS} AS periods, {_ROWS} AS counters, {_CHANGES} AS changes, {_AGREEMENTS} AS agreements, "
    f"{_GRANTS} AS grants, {_FOLLOWS_UNBILLED} AS follows_unbilled, "
    f"{_FOLLOWS_GRANTS} AS follows_grants "
    "FROM accounts AS asked JOIN brands ON brands.brand = asked.brand "
    f"LEFT JOIN LATERAL ({_CYCLE}) AS running ON true WHERE asked.account_id = {{account_id}}"
)
_ASKED = text(_FACTS.format(now=":now", account_id="CAST(:account_id AS bigint)"))
_PREPARED = {b"facts": _FACTS.format(now="$2::timestamptz", account_id="$1::bigint")}
# Planning it anew would take longer than reading.
_PLANNED_ONCE = "-c plan_cache_mode=force_generic_plan"
_MOST_CONNECTIONS = 5


class _Row(NamedTuple):
    """What the statement answers."""

    customer_kind: str
    currency: str
    country: str
    limit_policy: Any
    cycle_number: int | None
    opens_at: datetime
    closes_at: datetime
    status: str
    zone: str
    lines: Any
    periods: Any
    counters: Any
    changes: Any
    agreements: Any
    grants: Any
    follows_unbilled: bool
    follows_grants: bool


class SqlBalanceReading:
    """What a balance is computed from."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def balance_facts(self, account_id: str, now: datetime) -> BalanceFacts | None:
        asked = {"account_id": identity.parse(identity.ACCOUNT, account_id, "account_id"), "now": now}
        row = (await self._connection.execute(_ASKED, asked)).first()
        return None if row is None else _facts(account_id, _Row(*row))


class SqlBalanceSource:
    """Reads balances on connections of its own; when the database was started again meanwhile, by a second try.

    ``url`` as SQLAlchemy writes it. Those who read at the same time share a connection where all are busy.
    """

    def __init__(self, url: str) -> None:
        self._url = driver_url(url)
        self._pipelines: list[Pipeline] = []
        self._opening = 0

    async def balance_facts(self, account_id: str, now: datetime) -> BalanceFacts | None:
        number = identity.parse(identity.ACCOUNT, account_id, "account_id")
        asked = b"facts", (b"%d" % number, now.isoformat().encode())
        try:
            rows = await self._look(asked)
        except psycopg.OperationalError:
            rows = await self._look(asked)
        return _facts(account_id, _Row(*rows[0])) if rows else None

    async def close(self) -> None:
        """Give the connections back."""
        while self._pipelines:
            self._pipelines.pop().close()

    async def _look(self, asked: Question) -> list[tuple[Any, ...]]:
        pipeline = await self._pipeline()
        try:
            (found,) = await pipeline.ask((asked,))
        except psycopg.OperationalError:
            if pipeline in self._pipelines:
                self._pipelines.remove(pipeline)
                pipeline.close()
            raise
        return pipeline.rows(found)

    async def _pipeline(self) -> Pipeline:
        """The one on which fewest wait; a new one when all are busy and there may be more."""
        best = min(self._pipelines, key=lambda each: each.waiting, default=None)
        if best is not None and (not best.waiting or len(self._pipelines) + self._opening >= _MOST_CONNECTIONS):
            return best
        self._opening += 1
        try:
            pipeline = await Pipeline.connect(self._url, _PREPARED, _PLANNED_ONCE)
        finally:
            self._opening -= 1
        self._pipelines.append(pipeline)
        return pipeline


def _facts(account_id: str, row: _Row) -> BalanceFacts:
    cycle = row.cycle_number and CycleSpan(
        account_id, row.cycle_number, row.opens_at.astimezone(UTC), row.closes_at.astimezone(UTC), row.status, row.zone
    )
    counters = row.counters or ()
    return BalanceFacts(
        cycle=cycle or None,
        lines=[LineName(_service(one[0]), *one[1:]) for one in row.lines or ()],
        periods=[
            ServicePlan(account_id, _service(one[0]), one[1], one[2], _at(one[3]), one[4] and _at(one[4]))
            for one in row.periods or ()
        ],
        rows=[_counter(one) for one in counters],
        last_update_at=max((_at(one[8]) for one in counters), default=None),
        changes=[_change(account_id, one) for one in row.changes or ()],
        agreements=[
            LimitAgreement(account_id, one[0], _service(one[1]), _at(one[2]), *one[3:]) for one in row.agreements or ()
        ],
        terms=LimitTerms(account_id, row.customer_kind, row.currency, row.country, row.limit_policy),
        grants=[_grant(one) for one in row.grants or ()],
        follows_unbilled=row.follows_unbilled,
        follows_grants=row.follows_grants,
    )


def _counter(one: Sequence[Any]) -> CounterRow:
    service_id, plan_code, plan_version, price_code, band, events, quantity, amount, _ = one
    return CounterRow(
        _service(service_id), price_code, band, events, quantity, Decimal(amount), plan_code, plan_version
    )


def _grant(one: Mapping[str, Any]) -> GrantRow:
    names = {
        "account_id": identity.show(identity.ACCOUNT, one["account_id"]),
        "grant_id": identity.show(identity.GRANT, one["grant_id"]),
        "service_id": _service(one["service_id"]),
    }
    instants = ("granted_at", "valid_from", "valid_to", "expires_at")
    known = {field.name for field in fields(GrantRow)}
    values = {name: value for name, value in one.items() if name in known} | names
    return GrantRow(**values | {name: values[name] and _at(values[name]) for name in instants})


def _change(account_id: str, one: Sequence[Any]) -> LimitChange:
    change_id, kind, measure, service_id, meter, roaming, value, from_cycle, set_at, *said = one
    named = None if service_id is None else _service(service_id)
    shown = identity.show(LIMIT_CHANGE, change_id)
    return LimitChange(account_id, shown, kind, measure, named, meter, roaming, value, from_cycle, _at(set_at), *said)


def _service(number: int) -> str:
    return identity.show(identity.SERVICE, number)


def _at(written: str) -> datetime:
    return datetime.fromisoformat(written).astimezone(UTC)
