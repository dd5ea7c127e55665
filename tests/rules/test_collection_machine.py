"""Whatever customer, bank, operator and time do, in whatever order: no rule of the domain is broken.

The second test spoils the domain in ways that a slip of the hand might, and sees that the machine notices each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from billing.domain import cycle_calendar, cycle_plan, dunning_policy, ledger, retry
from billing.domain.dunning_policy import _View
from billing.domain.errors import InvalidValue
from tests.rules.collection_machine import CollectionMachine

_settings = settings(
    max_examples=50,
    stateful_step_count=40,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
# A spoilt domain needs no smallest example, only one.
_spoilt = settings(_settings, max_examples=400, phases=[Phase.generate])


def test_no_rule_is_broken_in_any_order() -> None:
    run_state_machine_as_test(CollectionMachine, settings=_settings)


def _more_than_is_open(amount_minor: int, open_minor: Any) -> dict[str, int]:
    return {open_minor[0][0]: amount_minor}


def _reversed_without_invoice(original: Any, *more: Any) -> Any:
    entry = _mirror(original, *more)
    return replace(entry, postings=tuple(replace(one, invoice_id=None) for one in entry.postings))


def _a_day_late(cycle: Any, *more: Any) -> Any:
    following = _next_cycle(cycle, *more)
    return replace(following, opens_at=following.opens_at + timedelta(days=1))


def _always(*_: Any, **__: Any) -> retry.RetryVerdict:
    return retry.RetryVerdict(True, "always")


_mirror, _next_cycle, _replan = ledger.reversed_entry, cycle_calendar.next_cycle, cycle_plan.replan_debit
MUTATIONS: dict[str, tuple[Any, str, Callable[..., Any]]] = {
    "more is taken off an invoice than is open": (ledger, "spread", _more_than_is_open),
    "a chargeback reopens no invoice": (ledger, "reversed_entry", _reversed_without_invoice),
    "cycles do not join": (cycle_calendar, "next_cycle", _a_day_late),
    "a late notice keeps its debit": (cycle_plan, "replan_debit", lambda plan, *_: plan),
    "any failure is retried": (dunning_policy, "may_retry", _always),
    "a bar needs no delivered warning": (_View, "bar_forbidden", lambda *_: None),
    "a pause is not kept": (_View, "at_rest", lambda *_: None),
    "a bar comes at any hour": (_View, "slot", lambda _self, at, _action: at),
}


@pytest.mark.parametrize("slip", MUTATIONS)
def test_a_slip_in_the_domain_is_noticed(slip: str) -> None:
    where, name, instead = MUTATIONS[slip]
    with patch.object(where, name, instead), pytest.raises((AssertionError, InvalidValue, ExceptionGroup)):
        run_state_machine_as_test(CollectionMachine, settings=_spoilt)
