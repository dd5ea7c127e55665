"""Status reports of the bank: a debit, a batch or a whole file accepted or refused; and sums of whole batches."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from billing.ports.bank_files import DebitStatus
from billing.services.bank_statement_reports import BankFileReport, as_text
from tests.builders_bank_statements import Account, camt053, camt054, pain002, settlement
from tests.builders_bank_world import BankWorld, a_bank_world


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[BankWorld]:
    async with a_bank_world(database_url) as world:
        yield world
        assert await world.broken() == []


async def told(world: BankWorld, content: bytes) -> BankFileReport:
    return (await world.take(content)).report


def effects(report: BankFileReport) -> list[tuple[str, int]]:
    return [(one.effect, one.count) for one in report.effects]


async def test_a_debit_refused_for_the_customers_account_is_a_failure_that_its_process_hears_of(
    world: BankWorld,
) -> None:
    debit = await world.a_debit(await world.an_invoice())
    report = await told(world, pain002("EF-1001", group="PART", debits=[(debit.end_to_end_id, "RJCT", "AC04")]))
    stands = await world.standing(debit)
    assert (stands.status, stands.reason_code, stands.reason_text) == (DebitStatus.REJECTED, "AC04", "as the bank says")
    assert effects(report) == [("nothing", 1), ("rejected", 1)]
    assert world.told() == [debit.attempt_id]


async def test_a_debit_refused_for_our_own_data_is_held_for_staff_and_nobody_hears_of_it(world: BankWorld) -> None:
    debit = await world.a_debit(await world.an_invoice())
    await told(world, pain002("EF-1001", debits=[(debit.end_to_end_id, "RJCT", "MD02")]))
    stands = await world.standing(debit)
    assert (stands.status, stands.held_field, stands.held_value) == (DebitStatus.HELD, "bank", "MD02")
    assert "data of the mandate" in stands.held_remedy
    assert world.told() == []


@pytest.mark.parametrize("version", ["03", "10"])
async def test_a_file_that_is_refused_holds_its_debits_and_no_customer_hears_of_it(
    world: BankWorld, version: str
) -> None:
    debit, other = [await world.a_debit(await world.an_invoice()) for _ in range(2)]
    report = await told(world, pain002("EF-1001", group="RJCT", reason="FF01", version=version))
    assert [(await world.standing(one)).status for one in (debit, other)] == [DebitStatus.HELD, DebitStatus.SENT]
    async with world.work() as work:
        batch = await work.bank_files.batch("batch_1001")
    assert (batch.status, batch.reason) == ("rejected", "FF01: as the bank says")
    assert effects(report) == [("held", 1)]
    assert world.told() == []


async def test_a_file_that_is_accepted_has_accepted_debits(world: BankWorld) -> None:
    debit = await world.a_debit(await world.an_invoice())
    await told(world, pain002("EF-1001", group="ACCP", batch="ACCP"))
    assert (await world.standing(debit)).status == DebitStatus.ACCEPTED
    assert world.told() == []


async def test_a_report_that_names_nothing_of_ours_changes_nothing_and_says_so(world: BankWorld) -> None:
    report = await told(world, pain002("SOMEBODY", group="RJCT", reason="FF01", debits=[("NOT-OURS", "RJCT", "AC04")]))
    assert effects(report) == [("nothing", 2)]
    assert "say nothing new" in as_text(report)


async def test_a_refusal_after_the_money_came_takes_nothing_back(world: BankWorld) -> None:
    debit = await world.a_debit(await world.an_invoice())
    await told(world, camt054(Account((settlement(4210, debit.end_to_end_id, "R1"),))))
    report = await told(world, pain002("EF-1001", debits=[(debit.end_to_end_id, "RJCT", "AC04")]))
    assert effects(report) == [("nothing", 1)]
    assert (await world.standing(debit)).status == DebitStatus.SETTLED


async def test_money_for_a_debit_that_was_reported_as_refused_counts(world: BankWorld) -> None:
    debit = await world.a_debit(await world.an_invoice())
    await told(world, pain002("EF-1001", debits=[(debit.end_to_end_id, "RJCT", "MS03")]))
    await told(world, camt054(Account((settlement(4210, debit.end_to_end_id, "R1"),))))
    assert (await world.standing(debit)).status == DebitStatus.SETTLED
    assert world.told() == [debit.attempt_id] * 2


# Sums of a whole file ------------------------------------------------------------------------------------------


async def test_a_sum_of_one_of_our_files_settles_its_debits_when_it_is_all_that_is_left_of_it(world: BankWorld) -> None:
    debit = await world.a_debit(await world.an_invoice())
    whole = replace(settlement(4210, debit.end_to_end_id, "R1"), batch="EF-1001")
    await told(world, camt053(Account((whole.bare(),))))
    assert (await world.standing(debit)).status == DebitStatus.SETTLED
    assert world.told() == [debit.attempt_id]
    late = await told(world, camt054(Account((whole,))))
    assert (late.effects, await world.items()) == ((), [])


async def test_a_sum_that_is_not_that_of_the_file_waits_for_its_payments(world: BankWorld) -> None:
    debit = await world.a_debit(await world.an_invoice())
    other = replace(settlement(4000, debit.end_to_end_id, "R1"), batch="EF-1001")
    await told(world, camt053(Account((other.bare(),))))
    assert (await world.standing(debit)).status == DebitStatus.SENT
    assert [one.amount_minor for one in await world.items()] == [4000]
