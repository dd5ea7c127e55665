"""Reports of the running day (camt.052): news in advance, booked once, and told where the statement has it not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from billing.services.bank_statement_round import BankStatementRound
from tests.builders_bank_statements import DAY, Account, camt052, camt053, camt054, incoming
from tests.builders_bank_world import BankWorld, a_bank_world


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[BankWorld]:
    async with a_bank_world(database_url) as made:
        yield made
        assert [one for one in await made.broken() if not one.startswith("counters")] == []


@pytest.mark.parametrize("version", ["02", "08"])
@pytest.mark.parametrize("reference", ["", "R1"])
async def test_a_report_is_carried_out_at_once_and_counts_once_whatever_comes_after(
    world: BankWorld, version: str, reference: str
) -> None:
    invoice = await world.an_invoice(1999)
    bookings = (incoming(1999, invoice.number, reference),)
    taken = await world.take(camt052(Account(bookings), version))
    assert (taken.report.file.kind, taken.report.file.status) == ("camt.052", "taken")
    assert await world.open_of(invoice) == 0
    await world.take(camt052(Account(bookings, name="R-2"), version, "RPT-2"))
    await world.take(camt054(Account(bookings), version))
    stated = await world.take(camt053(Account(bookings, opening=100), version))
    assert (stated.report.file.status, stated.report.file.new_entries) == ("taken", 0)
    assert await world.open_of(invoice) == 0
    assert len(world.told()) == 1


async def test_the_balances_of_a_report_are_held_against_nothing(world: BankWorld) -> None:
    later = camt052(Account((incoming(500, "rent", "R2"),), sequence=7), message="RPT-7")
    assert (await world.take(later)).report.file.status == "taken"
    assert (await world.take(camt053(Account((incoming(500, "rent", "R2"),))))).report.file.status == "taken"


async def test_what_is_only_announced_is_not_booked(world: BankWorld) -> None:
    invoice = await world.an_invoice(1000)
    pending = replace(incoming(1000, invoice.number, "R1"), status="PDNG")
    taken = await world.take(camt052(Account((pending,))))
    assert (taken.report.file.not_booked, await world.open_of(invoice)) == (1, 1000)


async def test_news_that_no_statement_confirms_is_an_alarm(world: BankWorld) -> None:
    invoice = await world.an_invoice(1000)
    await world.take(camt052(Account((incoming(1000, invoice.number, "R1"),))))
    upkeep = BankStatementRound(world.work, world.carrying, world.suspense)
    assert not [one for one in (await upkeep.look_after()).alarms if "in advance" in one]
    later = DAY + timedelta(days=1)
    statement = camt053(Account((replace(incoming(300, "rent", "R9"), day=later),))).replace(
        f"<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy='EUR'>3.00</Amt><CdtDbtInd>CRDT</CdtDbtInd>"
        f"<Dt><Dt>{DAY}".encode(),
        f"<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy='EUR'>3.00</Amt><CdtDbtInd>CRDT</CdtDbtInd>"
        f"<Dt><Dt>{later}".encode(),
    )
    assert str(later).encode() in statement
    await world.take(statement)
    (alarm,) = [one for one in (await upkeep.look_after()).alarms if "in advance" in one]
    assert f"10.00 EUR on {DAY}" in alarm
