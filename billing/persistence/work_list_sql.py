"""The work list's statements, in parts: who owes, what narrows it, and what is shown of an account.

Who owes is found by the due dates of open invoices alone (``open_invoices``, kept by triggers). Joins that a filter
does not need are left out, so that a list of 100,000 accounts is narrowed in a few index scans.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from billing.domain.work_list import NO_POLICY, Arrangement, Sort, WorkFilter

# No zone is further ahead of UTC.
_FURTHEST_AHEAD = timedelta(hours=14)

# The date an invoice is due on moves with its debit (billing.persistence.ledger_repository), and only ever later: those
# not due by the date of their issue need no look. A carried amount falls due with the open cycle's debit.
_OWING = """
    SELECT o.account_id, o.currency, sum(o.open_minor)::bigint AS overdue_minor, count(*) AS unpaid_invoices,
        min(d.due_on) AS oldest_due_on
    FROM open_invoices o JOIN accounts a USING (account_id)
    CROSS JOIN LATERAL (SELECT coalesce(
        (SELECT min(y.debit_on) FROM invoice_collections ic JOIN cycles y
            ON y.account_id = ic.account_id AND y.invoice_id = ic.collected_with_invoice_id
            WHERE ic.account_id = o.account_id AND ic.invoice_id = o.invoice_id),
        (SELECT min(y.debit_on) FROM cycles y WHERE y.account_id = o.account_id AND y.status = 'open'),
        o.due_on) AS due_on) d
    WHERE o.open_minor > 0 AND o.due_on < :latest_today AND d.due_on < (:now AT TIME ZONE a.zone)::date
    GROUP BY o.account_id, o.currency
"""
_BASE = f"""
    FROM ({_OWING}) w
    JOIN accounts a USING (account_id)
    JOIN brands b ON b.brand = a.brand AND b.currency = w.currency
    LEFT JOIN dunning_cases c ON c.account_id = w.account_id AND c.closed_at IS NULL
"""
_NAME = "{0}.step ->> 'action' || '@' || ({0}.step ->> 'day')"

# What is known of an account beside its own row and its case, each found by the account.
JOINS = {
    "failure": """LEFT JOIN LATERAL (SELECT t.category, t.code, t.created_at FROM payment_attempts t
        WHERE t.account_id = a.account_id AND t.status IN ('failed', 'action_required', 'disputed')
        ORDER BY t.created_at DESC, t.attempt_id DESC LIMIT 1) f ON true""",
    "method": """LEFT JOIN LATERAL (SELECT m.kind, m.label || ' ••' || m.last_four AS label FROM payment_methods m
        LEFT JOIN payment_mandates g ON g.account_id = m.account_id AND g.method_id = m.method_id
        WHERE m.account_id = a.account_id AND m.status = 'usable'
        AND (m.expires_on IS NULL OR m.expires_on >= (:now AT TIME ZONE a.zone)::date)
        AND (m.kind NOT IN ('sepa_debit', 'bacs_debit') OR g.status = 'active'
            OR (m.kind = 'bacs_debit' AND g.status = 'pending'))
        AND NOT EXISTS (SELECT FROM account_staff_cases s WHERE s.account_id = a.account_id
            AND s.kind = 'reported_death' AND s.state <> 'closed')
        ORDER BY m.is_default DESC, m.method_id DESC LIMIT 1) m ON true""",
    "promise": """LEFT JOIN LATERAL (SELECT p.until, p.pay_by FROM (SELECT * FROM promises
        WHERE account_id = a.account_id ORDER BY promise_id DESC LIMIT 1) p
        WHERE p.outcome = '' AND p.until > :now) p ON true""",
    "plan": "LEFT JOIN payment_plans r ON r.account_id = a.account_id AND r.status = 'running'",
    "dispute": """LEFT JOIN LATERAL (SELECT sum(least(i.open_minor, CASE WHEN x.amount_minor = 0 THEN i.open_minor
        ELSE x.amount_minor END))::bigint AS minor FROM disputes x JOIN open_invoices i USING (account_id, invoice_id)
        WHERE x.account_id = a.account_id AND x.status = 'open' AND i.open_minor > 0) x ON true""",
    "flight": """LEFT JOIN LATERAL (SELECT true AS is_so FROM payment_allocations l JOIN payment_attempts t
        USING (account_id, attempt_id) WHERE l.account_id = a.account_id AND l.live
        AND t.status IN ('pending', 'unknown') LIMIT 1) l ON true""",
    "handed": """LEFT JOIN LATERAL (SELECT true AS is_so WHERE EXISTS (SELECT FROM hand_overs h
        WHERE h.account_id = a.account_id AND h.taken_back_at IS NULL) OR (c.case_id IS NULL AND 'handed_over' = (
        SELECT z.outcome FROM dunning_cases z WHERE z.account_id = a.account_id ORDER BY z.case_id DESC LIMIT 1))
        ) h ON true""",
    "lines": """LEFT JOIN LATERAL (SELECT count(*) AS services, count(*) FILTER (WHERE s.barring_level <> 'none')
        AS barred FROM services s WHERE s.account_id = a.account_id AND s.active_to IS NULL) s ON true""",
    "ladder": f"""LEFT JOIN LATERAL (SELECT {_NAME.format("n")} AS next_step FROM dunning_policies q
        CROSS JOIN jsonb_array_elements(q.definition -> 'steps') WITH ORDINALITY n(step, place)
        WHERE q.policy_code = c.policy_code AND q.policy_version = c.policy_version AND n.place > coalesce((
            SELECT max(e.place) FROM jsonb_array_elements(q.definition -> 'steps') WITH ORDINALITY e(step, place)
            WHERE jsonb_exists(c.steps_done, {_NAME.format("e")})), 0)
        ORDER BY n.place LIMIT 1) n ON true""",
    "fees": """LEFT JOIN LATERAL (SELECT count(*) AS number FROM dunning_fees y WHERE y.account_id = a.account_id
        AND y.adjustment_id IS NOT NULL AND y.waived_at IS NULL) y ON true""",
}
_HELD = "coalesce(a.hold_until > :now, false)"
_STATES: dict[str, tuple[str, str]] = {
    Arrangement.PROMISE: ("promise", "p.until IS NOT NULL"),
    Arrangement.PLAN: ("plan", "r.plan_id IS NOT NULL"),
    Arrangement.DISPUTE: ("dispute", "x.minor > 0"),
    Arrangement.HOLD: ("", _HELD),
    Arrangement.PAUSE: ("", "a.paused"),
    Arrangement.HANDED_OVER: ("handed", "h.is_so"),
    Arrangement.IN_FLIGHT: ("flight", "l.is_so"),
}
_SIMPLE = {
    "brand": "a.brand = :brand",
    "segment": "a.segment = :segment",
    "currency": "w.currency = :currency",
    "least_minor": "w.overdue_minor >= :least_minor",
    "most_minor": "w.overdue_minor <= :most_minor",
    "least_days": "(:now AT TIME ZONE a.zone)::date - w.oldest_due_on >= :least_days",
    "most_days": "(:now AT TIME ZONE a.zone)::date - w.oldest_due_on <= :most_days",
    "least_invoices": "w.unpaid_invoices >= :least_invoices",
    "policy_version": "c.policy_version = :policy_version",
    "stage": "c.stage = :stage",
    "next_from": "(c.next_action_at AT TIME ZONE a.zone)::date >= :next_from",
    "next_to": "(c.next_action_at AT TIME ZONE a.zone)::date <= :next_to",
    "cycle_day": "a.cycle_day = :cycle_day",
}
# With the join that it needs.
_JOINED = {
    "next_step": ("ladder", "n.next_step = :next_step"),
    "failure": ("failure", "coalesce(f.category, c.last_failure_category) = :failure"),
    "code": ("failure", "f.code = :code"),
    "method": ("method", "coalesce(m.kind, 'none') = :method"),
}
SORTS: dict[str, tuple[str, str]] = {
    Sort.AMOUNT: ("w.overdue_minor", "bigint"),
    Sort.AGE: ("date '9999-12-31' - w.oldest_due_on", "integer"),
    Sort.NEXT: ("coalesce(c.next_action_at, timestamptz '9999-12-31 00:00+00')", "timestamptz"),
    Sort.NUMBER: ("a.number", "text"),
}


@dataclass(frozen=True)
class Choice:
    """The chosen accounts as ``FROM ... WHERE ...`` and its values; ``w``, ``a``, ``b`` and ``c`` are named in it."""

    sql: str
    values: dict[str, Any]


def choice(wanted: WorkFilter, now: datetime, *more: str) -> Choice:
    """What a filter chooses at an instant; ``more`` are further conditions."""
    joins, conditions, values = _narrowed(wanted)
    values |= {"now": now, "latest_today": (now + _FURTHEST_AHEAD).date()}
    joined = "\n".join(JOINS[name] for name in dict.fromkeys(joins))
    where = " AND ".join((*conditions, *more)) or "true"
    return Choice(f"{_BASE} {joined} WHERE {where}", values)


def _narrowed(wanted: WorkFilter) -> tuple[list[str], list[str], dict[str, Any]]:
    values = {name: getattr(wanted, name) for name in wanted.to_dict()}
    joins = [_JOINED[name][0] for name in values if name in _JOINED]
    conditions = [_SIMPLE[name] for name in values if name in _SIMPLE]
    conditions += [_JOINED[name][1] for name in values if name in _JOINED]
    if wanted.text:
        conditions.append(r"(a.number ILIKE :text ESCAPE '\' OR a.customer_name ILIKE :text ESCAPE '\')")
        values["text"] = f"%{_literally(wanted.text)}%"
    if wanted.policy_code:
        conditions.append("c.case_id IS NULL" if wanted.policy_code == NO_POLICY else "c.policy_code = :policy_code")
    if wanted.barred:
        is_barred = "EXISTS (SELECT FROM services s WHERE s.account_id = a.account_id AND s.active_to IS NULL " + (
            "AND s.barring_level <> 'none')"
        )
        conditions.append(is_barred if wanted.barred == "yes" else f"NOT {is_barred}")
    for join, condition in _arrangement(wanted.arrangement):
        joins += [join] if join else []
        conditions.append(condition)
    return joins, conditions, values


def _literally(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _arrangement(wanted: str) -> list[tuple[str, str]]:
    if not wanted:
        return []
    if wanted != Arrangement.NOTHING:
        return [_STATES[wanted]]
    return [(join, f"NOT coalesce({condition}, false)") for join, condition in _STATES.values()]


KEYS = """
    w.account_id, w.currency, w.overdue_minor, w.unpaid_invoices, w.oldest_due_on,
    (:now AT TIME ZONE a.zone)::date - w.oldest_due_on AS days_overdue
"""
FACTS = f"""
    SELECT a.account_id, a.brand, a.number, a.customer_name, a.segment, a.status, a.zone, a.cycle_day, a.paused,
        a.hold_until, c.case_id, coalesce(c.policy_code, '') AS policy_code,
        coalesce(c.policy_version, 0) AS policy_version, coalesce(c.stage, '') AS stage,
        coalesce(c.steps_done, '[]') AS steps_done, coalesce(n.next_step, '') AS next_step, c.next_action_at,
        coalesce(f.category, c.last_failure_category, '') AS failure_category, coalesce(f.code, '') AS failure_code,
        f.created_at AS failed_at, coalesce(m.kind, 'none') AS method, coalesce(m.label, '') AS method_label,
        p.until AS promise_until, p.pay_by AS promised_on, r.plan_id, coalesce(x.minor, 0) AS disputed_minor,
        coalesce(l.is_so, false) AS in_flight, coalesce(h.is_so, false) AS handed_over,
        coalesce(s.services, 0) AS services, coalesce(s.barred, 0) AS barred_services,
        coalesce(y.number, 0) AS fees, a.email <> '' OR a.mobile <> '' AS reachable
    FROM accounts a LEFT JOIN dunning_cases c ON c.account_id = a.account_id AND c.closed_at IS NULL
    {" ".join(JOINS.values())}
    WHERE a.account_id = ANY(:ids)
"""
