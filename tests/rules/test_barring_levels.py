"""Barring levels and what they leave open."""

import pytest

from billing.domain.barring import NEVER_RESTRICTED, BarringLevel, restrictions


@pytest.mark.parametrize("level", list(BarringLevel))
@pytest.mark.parametrize("part", ["emergency_calls", "incoming_sms", "pay_page"])
def test_emergency_calls_incoming_messages_and_the_pay_page_always_work(level: BarringLevel, part: str) -> None:
    assert part in NEVER_RESTRICTED
    assert restrictions(level)[part] == "allowed"


def test_no_level_restricts_nothing() -> None:
    assert set(restrictions(BarringLevel.NONE).values()) == {"allowed"}


def test_outgoing_barring_leaves_the_customer_reachable() -> None:
    soft = restrictions(BarringLevel.OUTGOING)
    assert soft["incoming_calls"] == "allowed"
    assert {soft[part] for part in ("outgoing_calls", "outgoing_sms", "data", "roaming")} == {"barred"}


def test_full_barring_stops_incoming_calls_too() -> None:
    assert restrictions(BarringLevel.FULL)["incoming_calls"] == "barred"


def test_each_level_names_the_same_parts_and_restricts_at_least_as_much_as_the_one_below() -> None:
    none, soft, full = (restrictions(level) for level in BarringLevel)
    assert none.keys() == soft.keys() == full.keys()
    barred_softly = {part for part, state in soft.items() if state == "barred"}
    assert barred_softly < {part for part, state in full.items() if state == "barred"}


def test_levels_are_ordered_by_what_they_restrict_and_not_by_their_letters() -> None:
    assert BarringLevel.FULL.restricts_more_than(BarringLevel.OUTGOING)
    assert BarringLevel.OUTGOING.restricts_more_than(BarringLevel.NONE)
    assert not BarringLevel.NONE.restricts_more_than(BarringLevel.FULL)
    assert not BarringLevel.FULL.restricts_more_than(BarringLevel.FULL)
    assert BarringLevel("full") is BarringLevel.FULL
