"""What operators see in the Temporal UI: search attributes and details in business words. One upsert per transition."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributePair, SearchAttributeUpdate, TypedSearchAttributes

COLLECTION_STATE = SearchAttributeKey.for_keyword("CollectionState")
BRAND = SearchAttributeKey.for_keyword("Brand")
CYCLE_DAY = SearchAttributeKey.for_int("CycleDay")
NEXT_ACTION_AT = SearchAttributeKey.for_datetime("NextActionAt")
DUNNING_STAGE = SearchAttributeKey.for_keyword("DunningStage")
FAILURE_CODE = SearchAttributeKey.for_keyword("FailureCode")
NEEDS_OPERATOR = SearchAttributeKey.for_bool("NeedsOperator")


class Board:
    """Remembers what is shown, by earlier runs too, so that nothing is written twice."""

    def __init__(self) -> None:
        self._shown = {pair.key.name: pair.value for pair in workflow.info().typed_search_attributes}
        self.state = ""
        self.next_action = ""
        self.next_action_at: datetime | None = None

    def show(
        self,
        state: str,
        next_action: str,
        next_action_at: datetime | None,
        *,
        brand: str,
        cycle_day: int,
        needs_operator: bool,
        failure_code: str | None = None,
    ) -> None:
        """Show where the account stands and what comes next, if that is news."""
        self.state, self.next_action, self.next_action_at = state, next_action, next_action_at
        updates: list[SearchAttributeUpdate[Any]] = []
        self._add(updates, COLLECTION_STATE, state)
        self._add(updates, BRAND, brand)
        self._add(updates, CYCLE_DAY, cycle_day)
        self._add(updates, NEXT_ACTION_AT, next_action_at)
        if failure_code is not None:
            self._add(updates, FAILURE_CODE, failure_code)
        self._add_need(updates, needs_operator)
        if updates:
            workflow.upsert_search_attributes(updates)
        when = f" on {next_action_at:%Y-%m-%d %H:%M} UTC" if next_action_at else ""
        person = " · **a person is needed**" if needs_operator else ""
        workflow.set_current_details(f"**{state}** · next: {next_action}{when}{person}")

    def show_dunning(self, stage: str, next_action_at: datetime | None, level: str) -> None:
        """Show the stage of a dunning case."""
        self.state, self.next_action_at = stage, next_action_at
        updates: list[SearchAttributeUpdate[Any]] = []
        self._add(updates, DUNNING_STAGE, stage)
        self._add(updates, NEXT_ACTION_AT, next_action_at)
        self._add_need(updates, False)
        if updates:
            workflow.upsert_search_attributes(updates)
        when = f" until {next_action_at:%Y-%m-%d %H:%M} UTC" if next_action_at else ""
        workflow.set_current_details(f"**{stage}**{when} · services: {level}")

    def ask_for_a_person(self, why: str) -> None:
        """Show that a person is needed, and why."""
        updates: list[SearchAttributeUpdate[Any]] = []
        self._add_need(updates, True)
        if updates:
            workflow.upsert_search_attributes(updates)
        workflow.set_current_details(f"**a person is needed**: {why}"[:1000])

    def _add_need(self, updates: list[SearchAttributeUpdate[Any]], needs_operator: bool) -> None:
        if needs_operator or NEEDS_OPERATOR.name in self._shown:
            self._add(updates, NEEDS_OPERATOR, needs_operator)

    def _add(self, updates: list[SearchAttributeUpdate[Any]], key: SearchAttributeKey[Any], value: object) -> None:
        if self._shown.get(key.name) != value:
            self._shown[key.name] = value
            updates.append(key.value_unset() if value is None else key.value_set(value))


def of_brand(brand: str) -> TypedSearchAttributes:
    """What a child workflow is found by from its start."""
    return TypedSearchAttributes([SearchAttributePair(BRAND, brand)])
