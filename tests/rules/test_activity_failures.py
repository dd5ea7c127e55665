"""How an activity ends: refused for ever, or tried again, not before a busy vendor wants to be asked."""

from __future__ import annotations

from datetime import timedelta

import pytest
from temporalio.api.failure.v1 import Failure
from temporalio.converter import DefaultFailureConverter, DefaultPayloadConverter
from temporalio.exceptions import ApplicationError

from activities.refusals import refusals_final
from billing.domain.errors import UnableTo
from billing.ports.messenger import VendorBusy
from billing.ports.payment_provider import ProviderAway, ProviderBusy


async def _ended_by(error: Exception) -> BaseException:
    @refusals_final
    async def work() -> None:
        raise error

    with pytest.raises(type(error) if isinstance(error, ProviderAway) else Exception) as ended:
        await work()
    return ended.value


async def test_a_refusal_is_final_and_carries_field_value_and_remedy() -> None:
    ended = await _ended_by(UnableTo("No.", field="amount_minor", value="1", remedy="Ask for less."))
    assert isinstance(ended, ApplicationError)
    assert ended.non_retryable
    assert ended.details[0] == {"field": "amount_minor", "value": "1", "remedy": "Ask for less."}


async def test_a_refusal_that_is_its_own_cause_can_be_told_to_the_process() -> None:
    refusal = UnableTo("No.")
    refusal.__cause__ = refusal  # what SQLAlchemy makes of a malformed identity
    failure = Failure()
    DefaultFailureConverter().to_failure(await _ended_by(refusal), DefaultPayloadConverter(), failure)
    assert (failure.message, failure.HasField("cause")) == ("No.", False)


@pytest.mark.parametrize("busy", [ProviderBusy("slow down", 7.0), VendorBusy("twilio", 7)])
async def test_a_busy_vendor_is_asked_again_when_it_said(busy: Exception) -> None:
    ended = await _ended_by(busy)
    assert isinstance(ended, ApplicationError)
    assert (ended.non_retryable, ended.next_retry_delay) == (False, timedelta(seconds=7))


async def test_a_fault_that_says_nothing_is_retried_by_the_policy() -> None:
    assert isinstance(await _ended_by(ProviderBusy("slow down")), ProviderBusy)
    assert isinstance(await _ended_by(ProviderAway("no answer")), ProviderAway)
