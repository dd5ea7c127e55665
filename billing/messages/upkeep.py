"""What crosses between the upkeep workflow and its side effects."""

from __future__ import annotations

from dataclasses import dataclass

from billing.domain.clock import NORMAL_TIME, ClockSegment


@dataclass(frozen=True)
class UpkeepState:
    """The single input of an upkeep run. ``interval_seconds`` is business time between two rounds."""

    interval_seconds: int = 900
    clock: ClockSegment = NORMAL_TIME
    rounds_done: int = 0
    schema_version: int = 1


@dataclass(frozen=True)
class UpkeepReport:
    """What one round found and mended; ``failures`` and ``alarms`` are sentences, of repairs and for people."""

    workflows_started: int = 0
    messages_delivered: int = 0
    attempts_settled: int = 0
    thresholds_sent: int = 0
    events_reguided: int = 0
    notices_sent: int = 0
    payments_compared: int = 0
    usage_days_dropped: int = 0
    cases_found: int = 0
    imports_started: int = 0
    sessions_reported: int = 0
    usage_moved: int = 0
    usage_resent: int = 0
    plans_correcting: int = 0
    bank_files_delivered: int = 0
    bank_payments_carried_out: int = 0
    orders_mended: int = 0
    days_compared: int = 0
    differences_settled: int = 0
    cases_opened: int = 0
    cases_closed: int = 0
    alerts_sent: int = 0
    methods_told: int = 0
    promises_ended: int = 0
    bulk_actions_started: int = 0
    promises_confirmed: int = 0
    tries_forgotten: int = 0
    mandates_ended: int = 0
    vat_settled: int = 0
    refunds_made: int = 0
    failures: tuple[str, ...] = ()
    alarms: tuple[str, ...] = ()
