"""Scenarios of collecting by bank file: returns, our own mistakes, and two providers beside each other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from billing.messages.payments import PaymentStatus
from billing.persistence.invariants import broken_rules
from billing.ports.bank_files import DebitStatus
from billing.services.payment_methods import MethodService
from billing.services.payment_providers import PaymentProviders, UnableToStoreMethod
from billing.services.payments import PaymentService
from tests.builders_bank_till import DEBIT_ON, MAKE_AT, BankTill, a_bank_till, a_creditor
from tests.builders_payments import a_provider
from tests.contracts.simulator_process import Simulator

pytest_plugins = ["tests.contracts.simulator_fixtures"]
Opened = Callable[[], AbstractAsyncContextManager[BankTill]]


@pytest.fixture
async def bank(database_url: str, tmp_path: Path) -> AsyncIterator[BankTill]:
    async with a_bank_till(database_url, tmp_path / "bank") as world:
        yield world
        assert [each for each in await broken_rules(world.till.engine) if each.startswith("bank")] == []


async def sent(bank: BankTill, total_minor: int = 4210) -> str:
    """A debit that the bank has; its attempt."""
    pending = await bank.collect(total_minor)
    bank.till.clock.at = MAKE_AT
    await bank.round.look_after()
    return pending.attempt_id


async def test_a_debit_that_comes_back_before_settlement_was_never_paid(bank: BankTill) -> None:
    await bank.store()
    attempt = await sent(bank)
    failed = await bank.comes_back(attempt, "AM04")
    assert (failed.status, failed.category, failed.code) == ("failed", "funds", "AM04")
    assert await bank.till.kinds() == []


async def test_scenario_18_a_return_for_funds_after_the_thank_you_is_a_late_failure(bank: BankTill) -> None:
    await bank.store()
    attempt = await sent(bank)
    await bank.settles(attempt)
    late = await bank.comes_back(attempt, "AM04", return_reference="EN1")
    assert (late.status, late.category, late.open_minor) == ("failed", "funds", 4210)
    assert await bank.till.kinds() == ["payment_received", "payment_reversed"]
    again = await bank.till.settle(attempt)
    assert (again.status, await bank.till.kinds()) == ("failed", ["payment_received", "payment_reversed"])


async def test_scenario_17_a_refund_on_the_customers_word_is_a_dispute(bank: BankTill) -> None:
    await bank.store()
    attempt = await sent(bank)
    await bank.settles(attempt)
    disputed = await bank.comes_back(attempt, "MD06")
    assert (disputed.status, disputed.category, disputed.open_minor) == ("disputed", "customer_refused", 4210)


@pytest.mark.parametrize(
    ("code", "category"), [("AC04", "method_dead"), ("MD01", "mandate_dead"), ("MD07", "hard_stop")]
)
async def test_a_dead_account_or_mandate_is_never_tried_again(bank: BankTill, code: str, category: str) -> None:
    stored = await bank.store()
    attempt = await sent(bank)
    failed = await bank.comes_back(attempt, code)
    assert (failed.status, failed.category) == ("failed", category)
    async with bank.till.work() as work:
        method = await work.payments.method(bank.till.account_id, stored.method.method_id)
    assert method.status == "blocked"


async def test_scenario_22_a_debit_our_creditor_cannot_send_is_held_and_nobody_hears_of_it(bank: BankTill) -> None:
    await bank.store()
    await bank.creditors.put("vonk", a_creditor(largest_minor=1000), "ann")
    pending = await bank.collect()
    bank.till.clock.at = MAKE_AT
    found = await bank.round.look_after()
    held = await bank.debit(pending.attempt_id)
    assert (held.status, held.held_field, held.held_value) == (DebitStatus.HELD, "amount_minor", "4210")
    assert found.alarms == (f"the debit {held.attempt_id} of {held.account_id} is held: amount_minor 4210",)
    assert (await bank.till.settle(pending.attempt_id)).status == PaymentStatus.PENDING
    async with bank.till.work() as work:
        notices = await work.notices.of(bank.till.account_id)
    assert [one.kind for one in notices] == ["ready"]
    await bank.creditors.put("vonk", a_creditor(), "ann")
    await bank.debits.release(held.account_id, held.attempt_id, "limit raised", "ann")
    await bank.round.look_after()
    assert (await bank.debit(pending.attempt_id)).status == DebitStatus.SENT


async def test_scenario_22_a_file_that_the_bank_refuses_is_sent_again_once_the_cause_is_mended(bank: BankTill) -> None:
    await bank.store()
    attempt = await sent(bank)
    (batch,) = await bank.all_batches()
    async with bank.till.work() as work:
        await work.bank_files.change_batch(batch.batch_id, {"status": "rejected", "reason": "FF01"})
        values = {"status": "held", "held_field": "bank", "held_value": "FF01", "batch_id": None}
        await work.bank_files.change_debits_of(batch.batch_id, ("sent",), values)
        await work.commit()
    assert f"the bank refused the file {batch.message_id}: FF01" in (await bank.round.look_after()).alarms
    assert (await bank.till.settle(attempt)).status == PaymentStatus.PENDING
    await bank.debits.release(bank.till.account_id, attempt, "version changed", "ann")
    await bank.round.look_after()
    first, second = await bank.all_batches()
    assert (first.status, second.status, second.count) == ("rejected", "delivered", 1)
    assert first.message_id != second.message_id


async def test_scenario_22_without_the_key_of_account_numbers_debits_wait_for_staff(bank: BankTill) -> None:
    await bank.store()
    pending = await bank.collect()
    bank.till.clock.at = MAKE_AT
    bank.batches._seal = type(bank.seal)({"other": b"o" * 32})
    await bank.round.look_after()
    held = await bank.debit(pending.attempt_id)
    assert (held.status, held.held_field, "EVENFLOW_SECRETS_IBAN_KEYS" in held.held_remedy) == ("held", "iban", True)


@asynccontextmanager
async def both(bank: BankTill, simulator: Simulator, sepa_debit: str = "") -> AsyncIterator[MethodService]:
    """Stripe and bank files set up at once."""
    stripe = a_provider(simulator)
    providers = PaymentProviders(stripe, {bank.provider.name: bank.provider}, sepa_debit)
    bank.till.simulator = simulator
    bank.till.service = PaymentService(bank.till.work, bank.till.clock, providers, bank.till.paylinks)
    yield MethodService(bank.till.work, bank.till.clock, providers)
    await stripe.close()


async def test_scenario_41_attempts_keep_their_provider_when_the_customer_changes_it(
    bank: BankTill, faulty: Simulator
) -> None:
    async with both(bank, faulty) as methods:
        await bank.store()
        by_file = await bank.collect(1000)
        card = await methods.add_method(bank.till.account_id, "pm_card_visa", "ann")
        by_card = await bank.till.service.collect(
            bank.till.a_request(await bank.till.an_announced_invoice(2000), amount_minor=2000)
        )
        assert (by_card.status, card.is_default) == ("succeeded", True)
        bank.till.clock.at = MAKE_AT
        await bank.round.look_after()
        paid = await bank.settles(by_file.attempt_id)
        assert (paid.status, paid.received_minor) == ("succeeded", 1000)
        history = await bank.till.service.history(bank.till.account_id)
        assert {one.provider: one.status for one in history} == {"bank_files": "succeeded", "stripe": "succeeded"}


async def test_scenario_41_a_provider_chosen_for_new_accounts_leaves_stored_ones_alone(
    bank: BankTill, faulty: Simulator
) -> None:
    async with both(bank, faulty) as methods:
        await methods.add_method(bank.till.account_id, "pm_sepaDebit_success_de", "ann")
    async with both(bank, faulty, "bank_files") as methods:
        with pytest.raises(UnableToStoreMethod, match="bank-mandates"):
            await methods.add_method(bank.till.account_id, "pm_sepaDebit_success_at", "ann")
        (old,) = await methods.methods(bank.till.account_id)
        assert (old.provider, old.status, old.is_default) == ("stripe", "usable", True)
        await bank.store()
        pending = await bank.collect(2000)
        assert (await bank.debit(pending.attempt_id)).due_on == DEBIT_ON
        assert [one.status for one in await methods.methods(bank.till.account_id)] == ["usable", "usable"]
