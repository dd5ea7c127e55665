"""Our Stripe adapter against an imitation that is not ours: localstripe, for the part of Stripe that it knows.

The simulator and the adapter are written by the same people; what both misread, no test of one against the other shows.
What localstripe cannot do is stated by the tests at the end, so that a version that can is noticed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from billing.adapters.stripe import StripePayments
from billing.adapters.stripe.methods import UnableToStoreMethod
from billing.messages.payments import MethodKind
from billing.ports.payment_provider import (
    ActionRequired,
    Cancelled,
    CollectCommand,
    Failed,
    MerchantFault,
    Pending,
    ProviderAway,
)
from tests.contracts.peer_process import KEY, Peer, a_peer

GOOD, DECLINED, ASKS = "4242424242424242", "4000000000000341", "4000002500003155"
IBAN_THAT_FAILS = "DE62370400440532013001"
SETTLES_WITHIN_SECONDS = 15.0


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    with a_peer() as running:
        yield running


@dataclass
class Shop:
    """The adapter at the peer, with one customer."""

    peer: Peer
    provider: StripePayments
    customer: str

    async def a_method(self, **details: str) -> str:
        """Attached by the older call, which localstripe knows."""
        made = await asyncio.to_thread(self.peer.post, "/v1/payment_methods", **details)
        path = f"/v1/payment_methods/{made['id']}/attach"
        await asyncio.to_thread(self.peer.post, path, customer=self.customer)
        return str(made["id"])

    async def a_card(self, number: str = GOOD) -> str:
        card = {"number": number, "exp_month": "12", "exp_year": "2034", "cvc": "123"}
        return await self.a_method(type="card", **{f"card[{name}]": value for name, value in card.items()})

    async def a_bank_account(self, iban: str = IBAN_THAT_FAILS) -> str:
        owner = {"billing_details[name]": "Ann Example", "billing_details[email]": "ann@example.com"}
        return await self.a_method(type="sepa_debit", **{"sepa_debit[iban]": iban}, **owner)

    def command(self, method: str, kind: MethodKind = MethodKind.CARD) -> CollectCommand:
        attempt_id, today = f"inv_1-{uuid4()}", datetime.now(UTC).date()
        return CollectCommand(
            account_id="acc_1",
            attempt_id=attempt_id,
            idempotency_key=attempt_id,
            amount_minor=4210,
            currency="EUR",
            kind=kind,
            provider_customer=self.customer,
            provider_method=method,
            submitted_on=today,
            due_date=today,
            invoice_numbers=("V27-000001",),
        )

    async def paid(self) -> str:
        """The reference of a card payment that succeeded, from the list of events."""
        command = self.command(await self.a_card())
        with pytest.raises(KeyError, match="amount_received"):
            await self.provider.collect(command)
        told = [one async for one in self.provider.list_events(datetime.now(UTC) - timedelta(minutes=5))]
        ours = [one for one in told if one.attempt_id == command.attempt_id]
        assert [one.kind for one in ours] == ["payment_intent.succeeded"]
        return ours[0].object_id


@pytest.fixture
async def shop(peer: Peer) -> AsyncIterator[Shop]:
    provider = StripePayments(KEY, ("whsec_peer",), peer.url, 10.0)
    customer = await provider.ensure_customer("acc_1", "vonk", "Ann Example", "ann@example.com")
    yield Shop(peer, provider, customer)
    await provider.close()


async def test_a_customer_is_made(shop: Shop) -> None:
    assert shop.customer.startswith("cus_")


async def test_a_stored_card_is_read_and_forgotten(shop: Shop) -> None:
    method = await shop.a_card()
    facts = await shop.provider.get_method(method)
    assert (facts.kind, facts.last_four, facts.expires_on) == (MethodKind.CARD, "4242", date(2034, 12, 31))
    assert facts.provider_customer == shop.customer
    await shop.provider.detach_method(method)
    assert (await shop.provider.get_method(method)).provider_customer == ""
    await shop.provider.detach_method("pm_that_is_gone")


async def test_a_declined_card_is_a_failure_and_no_fault(shop: Shop) -> None:
    payment = await shop.provider.collect(shop.command(await shop.a_card(DECLINED)))
    assert isinstance(payment.outcome, Failed)
    assert payment.outcome.code == "card_declined"


async def test_a_card_that_asks_for_its_owner_is_action_required_and_can_be_cancelled(shop: Shop) -> None:
    payment = await shop.provider.collect(shop.command(await shop.a_card(ASKS)))
    assert isinstance(payment.outcome, ActionRequired)
    assert (await shop.provider.cancel(payment.reference)).outcome == Cancelled()
    assert (await shop.provider.get(payment.reference)).outcome == Cancelled()


async def test_a_direct_debit_is_pending_until_it_comes_back(shop: Shop) -> None:
    command = shop.command(await shop.a_bank_account(), MethodKind.SEPA_DEBIT)
    payment = await shop.provider.collect(command)
    assert payment.outcome == Pending()
    outcome: Any = payment.outcome
    deadline = asyncio.get_running_loop().time() + SETTLES_WITHIN_SECONDS
    while outcome == Pending() and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.5)
        outcome = (await shop.provider.get(payment.reference)).outcome
    assert isinstance(outcome, Failed)


async def test_a_refund_is_made_once_however_often_it_is_asked_for(shop: Shop) -> None:
    reference = await shop.paid()
    first = await shop.provider.refund(reference, 1000, "refund-1")
    again = await shop.provider.refund(reference, 1000, "refund-1")
    assert (first.amount_minor, first.currency, first.status) == (1000, "EUR", "succeeded")
    assert again == first


async def test_events_name_account_attempt_and_object(shop: Shop) -> None:
    command = shop.command(await shop.a_card(DECLINED))
    await shop.provider.collect(command)
    told = [one async for one in shop.provider.list_events(datetime.now(UTC) - timedelta(minutes=5))]
    (ours,) = [one for one in told if one.attempt_id == command.attempt_id]
    assert (ours.kind, ours.account_id, ours.object_id[:3]) == ("payment_intent.payment_failed", "acc_1", "pi_")


async def test_what_is_unknown_there_is_our_fault_and_no_outcome(shop: Shop) -> None:
    with pytest.raises(MerchantFault):
        await shop.provider.get("pi_that_never_was")
    with pytest.raises(MerchantFault):
        await shop.provider.collect(shop.command("pm_that_never_was"))


# What localstripe 1.15 cannot do. The adapter must not take any of it for a payment.


async def test_missing_a_success_without_the_amount_received_is_never_taken_for_money(shop: Shop) -> None:
    with pytest.raises(KeyError, match="amount_received"):
        await shop.provider.get(await shop.paid())


async def test_missing_a_method_cannot_be_set_up_and_confirmed_in_one_call(shop: Shop) -> None:
    with pytest.raises(UnableToStoreMethod):
        await shop.provider.attach_method(shop.customer, await shop.a_card(), "")


async def test_missing_payments_cannot_be_listed_by_customer(shop: Shop) -> None:
    with pytest.raises(MerchantFault):
        await shop.provider.find_by_attempt(shop.customer, "inv_1-1")


async def test_missing_movements_of_the_balance_cannot_be_listed_by_time(shop: Shop) -> None:
    now = datetime.now(UTC)
    with pytest.raises(MerchantFault):
        _ = [one async for one in shop.provider.list_receipts(now - timedelta(hours=1), now)]


async def test_missing_there_are_no_mandates(shop: Shop) -> None:
    with pytest.raises(ProviderAway):
        await shop.provider.get_mandate("mandate_1")


async def test_missing_an_idempotency_key_is_not_honoured(shop: Shop) -> None:
    """So nothing about paying once can be shown there."""
    command = shop.command(await shop.a_card(ASKS))
    first, second = [await shop.provider.collect(command) for _ in range(2)]
    assert first.reference != second.reference
