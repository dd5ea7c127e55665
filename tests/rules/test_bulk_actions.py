"""Bulk actions: what is foreseen of each account, and the way back to how it stood."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.bulk_actions import KINDS, BulkKind, BulkOrder, BulkOutcome
from billing.domain.bulk_standing import Standing, Weighed, changed_since, foresee, way_back
from billing.services.bulk_commands import standing_after

NOW = datetime(2027, 2, 1, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=9)
OPEN = Weighed(Standing(policy_code="default", policy_version=1, segment="standard", cycle_day=15), has_case=True)
HOLD = BulkOrder(BulkKind.HOLD, until=LATER)
MOVE = BulkOrder(BulkKind.MOVE_POLICY, policy_code="gentle", policy_version=2)


def standing(**changes: Any) -> Weighed:
    """The usual account with another standing."""
    return replace(OPEN, standing=replace(OPEN.standing, **changes))


@pytest.mark.parametrize(
    ("order", "account", "outcome", "why"),
    [
        (HOLD, OPEN, "done", ""),
        (HOLD, standing(hold_until=LATER), "unchanged", "held until then"),
        (HOLD, standing(hold_until=LATER - timedelta(days=1)), "done", ""),
        (HOLD, replace(OPEN, status="closed"), "refused", "closed"),
        (BulkOrder(BulkKind.PAUSE), standing(paused=True), "unchanged", "paused already"),
        (BulkOrder(BulkKind.RESUME), OPEN, "unchanged", "neither paused nor held"),
        (BulkOrder(BulkKind.RESUME), standing(hold_until=NOW - timedelta(days=1)), "unchanged", "neither"),
        (BulkOrder(BulkKind.RESUME), standing(hold_until=LATER), "done", ""),
        (BulkOrder(BulkKind.RETRY), replace(OPEN, method="card", failure_category="funds"), "done", ""),
        (BulkOrder(BulkKind.RETRY), replace(OPEN, method="card", failure_category="hard_stop"), "refused", "never"),
        (BulkOrder(BulkKind.RETRY), OPEN, "refused", "no usable payment method"),
        (BulkOrder(BulkKind.RETRY), replace(OPEN, method="card", promised=True), "refused", "promise"),
        (BulkOrder(BulkKind.PAYLINK), replace(OPEN, reachable=False), "refused", "email"),
        (MOVE, OPEN, "done", ""),
        (MOVE, replace(OPEN, has_case=False), "refused", "no open case"),
        (MOVE, standing(policy_code="gentle", policy_version=2), "unchanged", "by this policy"),
        (BulkOrder(BulkKind.WAIVE_FEES), OPEN, "refused", "no dunning fee"),
        (BulkOrder(BulkKind.WAIVE_FEES), replace(OPEN, fees=1), "done", ""),
        (BulkOrder(BulkKind.SEGMENT, segment="standard"), OPEN, "unchanged", "segment"),
        (BulkOrder(BulkKind.CYCLE_DAY, cycle_day=15), OPEN, "unchanged", "cycle day"),
    ],
)
def test_what_would_become_of_an_account(order: BulkOrder, account: Weighed, outcome: str, why: str) -> None:
    seen = foresee(order, account, NOW)
    assert (seen.outcome, why in seen.why) == (BulkOutcome(outcome), True)


STANDINGS = st.builds(
    Standing,
    paused=st.booleans(),
    hold_until=st.sampled_from([None, NOW - timedelta(days=1), LATER, LATER + timedelta(days=2)]),
    policy_code=st.just("default"),
    policy_version=st.sampled_from([1, 2]),
    segment=st.sampled_from(["standard", "gold"]),
    cycle_day=st.just(15),
)
UNDOABLE = [
    HOLD,
    BulkOrder(BulkKind.PAUSE),
    BulkOrder(BulkKind.RESUME),
    MOVE,
    BulkOrder(BulkKind.SEGMENT, segment="business"),
]


@given(before=STANDINGS, order=st.sampled_from(UNDOABLE))
def test_the_way_back_leads_to_how_it_stood(before: Standing, order: BulkOrder) -> None:
    after = standing_after(order, before)
    found = after
    assert changed_since(before, after, found, NOW) == ""
    for step in way_back(before, after, found, NOW):
        found = standing_after(step, found)
    assert found.at(NOW) == before.at(NOW)


@given(before=STANDINGS, order=st.sampled_from(UNDOABLE), later=STANDINGS)
def test_the_way_back_leaves_alone_what_the_action_did_not_change(
    before: Standing, order: BulkOrder, later: Standing
) -> None:
    """Whatever happened meanwhile to the rest of the account stays."""
    after = standing_after(order, before)
    mine = {name for name in vars(before) if getattr(before, name) != getattr(after, name)}
    found = Standing(**{name: getattr(after if name in mine else later, name) for name in vars(before)})
    ended = found
    for step in way_back(before, after, found, NOW):
        ended = standing_after(step, ended)
    for name in vars(before):
        expected = before if name in mine else found
        assert getattr(ended.at(NOW), name) == getattr(expected.at(NOW), name), name


def test_somebodys_later_decision_is_not_overruled() -> None:
    before = OPEN.standing
    after = standing_after(HOLD, before)
    found = replace(after, hold_until=LATER + timedelta(days=20))
    assert changed_since(before, after, found, NOW) == "hold until was changed since"
    assert changed_since(before, after, replace(after, segment="gold"), NOW) == "", "that was not the action's"
    assert changed_since(before, after, replace(after, hold_until=None), LATER + timedelta(days=1)) == "", "it ended"


def test_what_cannot_be_undone_says_why() -> None:
    hopeless = {kind for kind, info in KINDS.items() if not info.undoable}
    assert hopeless == {"retry", "paylink", "cycle_day", "waive_fees", "undo"}
    assert all(KINDS[kind].no_way_back for kind in hopeless)


@given(order=st.sampled_from([*UNDOABLE, BulkOrder(BulkKind.CYCLE_DAY, cycle_day=3, bridge="free")]), before=STANDINGS)
def test_orders_and_standings_survive_being_stored(order: BulkOrder, before: Standing) -> None:
    assert BulkOrder.from_dict(order.to_dict()) == order
    assert Standing.from_dict(before.to_dict()) == before
