"""Whatever is heard, in whatever order and however often: money is booked once and the books balance."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.domain.ledger import EntryKind, LedgerAccount, invoice_issued
from billing.domain.retry import FailureCategory
from billing.messages.payments import PaymentStatus
from billing.persistence.unit_of_work import SqlUnitOfWork, make_engine
from billing.ports.payment_provider import (
    ActionRequired,
    Cancelled,
    DisputeFact,
    Failed,
    Outcome,
    Pending,
    ProviderPayment,
    RefundFact,
    Succeeded,
    Unknown,
)
from billing.ports.payments import Allocation, Attempt, AttemptPurpose
from billing.services.payment_booking import book
from tests.builders import a_brand, an_account

NOW = datetime(2027, 3, 1, 8, tzinfo=UTC)
EARLY: list[Outcome] = [Unknown("silence"), Pending(), ActionRequired("open"), Unknown("409")]
REFUND = RefundFact("re_1", 300, "EUR", "succeeded")
DISPUTE = DisputeFact("du_1", 1000, "EUR", "fraudulent", "open")

# What a provider may answer over the life of one payment that succeeds: any number of early answers, in any order,
# repeated, then the success with refunds and disputes as they come; a stale early answer may still arrive at any time.
successes = st.sampled_from(
    [
        ProviderPayment(Succeeded(1000, "EUR"), "pi_1"),
        ProviderPayment(Succeeded(1000, "EUR"), "pi_1", refunds=(REFUND,)),
        ProviderPayment(Succeeded(1000, "EUR"), "pi_1", disputes=(DISPUTE,)),
        ProviderPayment(Succeeded(1000, "EUR"), "pi_1", disputes=(replace(DISPUTE, standing="won"),)),
    ]
)
stale = st.sampled_from([ProviderPayment(outcome, "pi_1") for outcome in (*EARLY, Cancelled())])
failures = st.just(ProviderPayment(Failed(FailureCategory.FUNDS, "insufficient_funds"), "pi_1"))


@dataclass
class Books:
    """One database and loop for all examples; each example has an account of its own."""

    url: str
    runner: asyncio.Runner
    accounts: int = 0

    def __post_init__(self) -> None:
        self.engine = make_engine(self.url, pool_size=2)
        self.runner.run(self._open())

    async def _open(self) -> None:
        async with SqlUnitOfWork(self.engine) as work:
            await work.accounts.add_brand(a_brand())
            await work.commit()

    def replay(self, heard: list[ProviderPayment]) -> tuple[list[str], Attempt, int, list[int]]:
        return self.runner.run(self._replay(heard))

    async def _replay(self, heard: list[ProviderPayment]) -> tuple[list[str], Attempt, int, list[int]]:
        """Kinds booked, the attempt, what is open, and what each booking said was newly received."""
        account_id = await self._an_attempt()
        received = []
        for place, payment in enumerate(heard):
            async with SqlUnitOfWork(self.engine) as work:
                await work.accounts.lock(account_id)
                attempt = await work.payments.attempt(account_id, "try-1")
                assert attempt is not None
                booked = await book(work, attempt, payment, NOW + timedelta(hours=place), 10)
                received.append(booked.received_minor)
                await work.commit()
        return await self._look(account_id, received)

    async def _an_attempt(self) -> str:
        self.accounts += 1
        async with SqlUnitOfWork(self.engine) as work:
            account = await work.accounts.add(an_account(number=f"H{self.accounts}"))
            await work.ledger.post(invoice_issued(account.account_id, "inv_1", NOW, 1000, 0, "EUR"))
            attempt = Attempt(
                account_id=account.account_id,
                attempt_id="try-1",
                purpose=AttemptPurpose.DEBIT,
                provider="stripe",
                expected_minor=1000,
                currency="EUR",
                status=PaymentStatus.UNKNOWN,
                created_at=NOW,
            )
            # No method is named, as for a page: the property is about the books.
            allocation = Allocation(account.account_id, "try-1", "inv_1", 1000)
            await work.payments.add_attempt(attempt, [allocation])
            await work.commit()
        return account.account_id

    async def _look(self, account_id: str, received: list[int]) -> tuple[list[str], Attempt, int, list[int]]:
        async with SqlUnitOfWork(self.engine) as work:
            entries = [one for one in await work.ledger.entries(account_id) if one.kind != EntryKind.INVOICE_ISSUED]
            attempt = await work.payments.attempt(account_id, "try-1")
            still_open = await work.ledger.open_of(account_id, "inv_1")
        assert attempt is not None
        cash = sum(
            posting.amount_minor
            for entry in entries
            for posting in entry.postings
            if posting.ledger_account == LedgerAccount.CASH
        )
        assert cash >= -300
        return [str(entry.kind) for entry in entries], attempt, still_open, received


@pytest.fixture(scope="module")
def books(postgres_server: Any, migrated_template: str) -> Iterator[Books]:
    postgres_server.create_database("payments_properties", template=migrated_template)
    with asyncio.Runner() as runner:
        made = Books(postgres_server.url("payments_properties"), runner)
        yield made
        runner.run(made.engine.dispose())
    postgres_server.drop_database("payments_properties")


_many = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@_many
@given(st.lists(st.one_of(stale, successes), max_size=7))
def test_a_payment_is_received_at_most_once_in_any_order(books: Books, heard: list[ProviderPayment]) -> None:
    kinds, attempt, _, received = books.replay(heard)
    succeeded = any(isinstance(one.outcome, Succeeded) for one in heard)
    assert kinds.count("payment_received") == int(succeeded)
    assert [amount for amount in received if amount] == [1000] * int(succeeded)
    assert all(kinds.count(kind) <= 1 for kind in kinds)
    assert (attempt.received_minor == 1000) == succeeded
    assert (attempt.status in (PaymentStatus.SUCCEEDED, PaymentStatus.DISPUTED)) == succeeded


@_many
@given(st.lists(st.one_of(stale, successes), max_size=6))
def test_what_is_open_follows_from_the_last_word_about_the_dispute(books: Books, heard: list[ProviderPayment]) -> None:
    last = ProviderPayment(Succeeded(1000, "EUR"), "pi_1", disputes=(DISPUTE,))
    won = ProviderPayment(Succeeded(1000, "EUR"), "pi_1", disputes=(replace(DISPUTE, standing="won"),))
    never_won = [one for one in heard if one.disputes != won.disputes]
    _, disputed, still_open, _ = books.replay([*never_won, last, last])
    _, paid, paid_open, _ = books.replay([*never_won, last, won, won])
    assert (disputed.status, still_open) == (PaymentStatus.DISPUTED, 1000)
    assert (paid.status, paid_open) == (PaymentStatus.SUCCEEDED, 0)


@_many
@given(st.lists(st.one_of(stale, failures), max_size=7))
def test_a_payment_that_never_succeeded_books_nothing(books: Books, heard: list[ProviderPayment]) -> None:
    kinds, attempt, still_open, received = books.replay(heard)
    assert (kinds, still_open, sum(received), attempt.received_minor) == ([], 1000, 0, 0)
    ended = any(isinstance(one.outcome, Failed | Cancelled) for one in heard)
    assert (attempt.status in (PaymentStatus.FAILED, PaymentStatus.CANCELLED)) == ended
