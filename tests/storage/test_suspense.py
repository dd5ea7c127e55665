"""Money of nobody: kept on the house's books, shown with who may be meant, decided by a person, never lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.domain.errors import InvalidValue, NotFound
from billing.domain.ledger import LedgerAccount
from billing.ports.bank_files import DebitStatus
from billing.ports.suspense import SuspenseItem
from billing.services.bank_statement_round import BankStatementRound
from billing.services.suspense import Assignment, UnableToDecideSuspense
from tests.builders_bank_statements import Account, Booking, Pay, camt053, camt054, incoming, returned, settlement
from tests.builders_bank_world import BankWorld, a_bank_world


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[BankWorld]:
    async with a_bank_world(database_url) as world:
        yield world
        assert await world.broken() == []


async def an_item(world: BankWorld, minor: int = 1999, remittance: str = "January bill", **more: str) -> SuspenseItem:
    """An amount that names nobody; negative for money that left."""
    booking = incoming(minor, remittance, f"R{minor}", **more)
    if minor < 0:
        booking = Booking((Pay(minor, more.get("end_to_end_id", "")),), reference=f"R{minor}", code="PMNT/ICDT/ESCT")
    await world.take(camt054(Account((booking,)), message=f"M{minor}{remittance}"))
    return (await world.items("open"))[-1]


def assigned(item: SuspenseItem, account_id: str, **changes: Any) -> Assignment:
    return Assignment(
        **{"suspense_id": item.suspense_id, "account_id": account_id, "author": "Fenna", "reason": "receipt"} | changes
    )


async def test_an_item_is_on_the_house_and_the_account_knows_nothing_of_it(world: BankWorld) -> None:
    item = await an_item(world)
    assert item.account_id == "acc_1"
    assert await world.balance(LedgerAccount.SUSPENSE) == -1999
    assert await world.balance(LedgerAccount.CASH) == 1999
    assert await world.balance(LedgerAccount.CASH, world.account_id) == 0


async def test_an_assigned_item_pays_the_invoices_named_and_leaves_the_house(world: BankWorld) -> None:
    first, second = await world.an_invoice(1000), await world.an_invoice(1500)
    item = await an_item(world, 1999)
    done = await world.suspense.assign(assigned(item, world.account_id, invoice_ids=[second.invoice_id]))
    assert (done.status, done.author, done.reason, done.to_account_id) == ("assigned", "Fenna", "receipt", "acc_1001")
    assert (await world.open_of(first), await world.open_of(second)) == (1000, 0)
    assert (await world.balance(LedgerAccount.SUSPENSE), await world.balance(LedgerAccount.CASH)) == (0, 0)
    assert await world.balance(LedgerAccount.CASH, world.account_id) == 1999
    assert await world.balance(LedgerAccount.CUSTOMER_CREDIT, world.account_id) == -499
    assert world.told() == [item.suspense_id]


async def test_without_an_invoice_the_oldest_open_ones_are_paid(world: BankWorld) -> None:
    first, second = await world.an_invoice(1000), await world.an_invoice(1500)
    await world.suspense.assign(assigned(await an_item(world, 1999), world.account_id))
    assert (await world.open_of(first), await world.open_of(second)) == (0, 501)


async def test_an_item_is_assigned_once_also_by_two_at_once(world: BankWorld) -> None:
    invoice = await world.an_invoice(5000)
    item = await an_item(world)
    order = assigned(item, world.account_id)
    results = await asyncio.gather(world.suspense.assign(order), world.suspense.assign(order), return_exceptions=True)
    assert sorted(type(one).__name__ for one in results) == ["SuspenseItem", "UnableToDecideSuspense"]
    assert await world.open_of(invoice) == 5000 - 1999


async def test_a_decision_names_what_it_cannot_be(world: BankWorld) -> None:
    item = await an_item(world)
    with pytest.raises(InvalidValue, match="reason"):
        await world.suspense.assign(assigned(item, world.account_id, reason=" "))
    with pytest.raises(NotFound, match="account"):
        await world.suspense.assign(assigned(item, "acc_4711"))
    with pytest.raises(NotFound):
        await world.suspense.assign(assigned(item, world.account_id, invoice_ids=["inv_4711"]))
    with pytest.raises(NotFound, match="sus_4711"):
        await world.suspense.view("sus_4711")
    assert [one.status for one in await world.items()] == ["open"]


async def test_candidates_are_shown_with_everything_that_speaks_for_them(world: BankWorld) -> None:
    invoice = await world.an_invoice(1999)
    other = await world.another_account("V-1002", customer_name="A. Anders")
    paid = await world.an_invoice(500, other.account_id)
    item = await an_item(world, 1999, f"customer V-1001 or {paid.number}9", name=world.account.customer_name)
    candidates = (await world.suspense.view(item.suspense_id)).candidates
    assert [one.account_id for one in candidates] == [world.account_id]
    assert candidates[0].because == "the account's number is named; this is open on it; the customer is called so"
    assert (candidates[0].invoice_id, candidates[0].open_minor) == (invoice.invoice_id, 1999)


async def test_money_that_is_sent_back_is_closed_by_the_statement_that_shows_it(world: BankWorld) -> None:
    item = await an_item(world)
    sent = await world.suspense.send_back(item.suspense_id, "Fenna", "A stranger's rent")
    assert (sent.status, sent.transfer_reference) == ("sending_back", "SUS-1001")
    assert await world.balance(LedgerAccount.SUSPENSE) == -1999
    with pytest.raises(UnableToDecideSuspense, match="sending_back"):
        await world.suspense.assign(assigned(item, world.account_id))
    out = Booking((Pay(-1999, "SUS-1001"),), reference="OUT1", code="PMNT/ICDT/ESCT")
    taken = await world.take(camt053(Account((out,), opening=1999)))
    assert [one.effect for one in taken.report.effects] == ["sent_back"]
    assert [(one.status, one.author) for one in await world.items()] == [("sent_back", "Fenna")]
    assert (await world.balance(LedgerAccount.SUSPENSE), await world.balance(LedgerAccount.CASH)) == (0, 0)


async def test_a_decision_to_send_back_can_be_taken_back(world: BankWorld) -> None:
    item = await an_item(world)
    await world.suspense.send_back(item.suspense_id, "Fenna", "A stranger's rent")
    assert (await world.suspense.reopen(item.suspense_id, "Fenna", "It is ours after all")).status == "open"
    with pytest.raises(UnableToDecideSuspense, match="is open"):
        await world.suspense.reopen(item.suspense_id, "Fenna", "again")
    await world.suspense.assign(assigned(item, world.account_id))


async def test_another_amount_under_the_reference_closes_nothing(world: BankWorld) -> None:
    item = await an_item(world)
    await world.suspense.send_back(item.suspense_id, "Fenna", "A stranger's rent")
    await an_item(world, -1000, end_to_end_id="SUS-1001")
    assert [(one.amount_minor, one.status) for one in await world.items()] == [(1999, "sending_back"), (-1000, "open")]


async def test_what_was_sent_back_without_its_reference_is_set_against_it(world: BankWorld) -> None:
    item = await an_item(world)
    await world.suspense.send_back(item.suspense_id, "Fenna", "A stranger's rent")
    left = await an_item(world, -1999)
    with pytest.raises(UnableToDecideSuspense, match="cannot be sent back"):
        await world.suspense.send_back(left.suspense_id, "Fenna", "no")
    await world.suspense.offset(left.suspense_id, item.suspense_id, "Fenna", "Sent by hand")
    assert [one.status for one in await world.items()] == ["explained", "explained"]
    assert await world.balance(LedgerAccount.SUSPENSE) == 0


async def test_only_counterparts_that_wait_are_set_against_each_other(world: BankWorld) -> None:
    item, other = await an_item(world, 1999), await an_item(world, -1000)
    with pytest.raises(UnableToDecideSuspense, match="no counterparts"):
        await world.suspense.offset(item.suspense_id, other.suspense_id, "Fenna", "try")
    with pytest.raises(UnableToDecideSuspense, match="no counterparts"):
        await world.suspense.offset(item.suspense_id, item.suspense_id, "Fenna", "try")


async def test_a_return_that_named_nothing_takes_back_the_debit_that_a_person_names(world: BankWorld) -> None:
    invoice = await world.an_invoice(4210)
    debit = await world.a_debit(invoice)
    await world.take(camt054(Account((settlement(4210, debit.end_to_end_id, "R1"),))))
    await world.take(camt054(Account((returned(4210, "garbled", "AM04", reference="R2"),)), message="M2"))
    (item,) = await world.items("open")
    (candidate,) = (await world.suspense.view(item.suspense_id)).candidates
    assert (candidate.account_id, candidate.attempt_id) == (world.account_id, debit.attempt_id)
    with pytest.raises(InvalidValue, match="take back a debit"):
        await world.suspense.assign(assigned(item, world.account_id))
    with pytest.raises(NotFound, match="no such debit"):
        await world.suspense.assign(assigned(item, world.account_id, attempt_id="inv_1-1"))
    await world.suspense.assign(assigned(item, world.account_id, attempt_id=debit.attempt_id))
    stands = await world.standing(debit)
    assert (stands.status, stands.reason_code, stands.returned_minor) == (DebitStatus.RETURNED, "AM04", 4210)
    assert world.told() == [debit.attempt_id, debit.attempt_id]
    assert await world.balance(LedgerAccount.SUSPENSE) == 0


async def test_upkeep_tells_what_waits_for_long_and_which_files_are_held(world: BankWorld) -> None:
    rounds = BankStatementRound(world.work, world.carrying, world.suspense)
    await an_item(world)
    held = await world.take(camt053(Account((incoming(1, "x"),), closing=7)))
    assert (await rounds.look_after()).alarms == (
        f"The bank's file {held.report.file.file_id} (statement.xml) is held: {held.report.file.doubts[0]['message']}",
    )
    world.clock.at = world.clock.now() + timedelta(days=3)
    assert "1 amounts that belong to nobody wait for finance" in (await rounds.look_after()).alarms[1]


async def test_each_brand_has_a_house_account_of_its_own_that_no_customer_has(world: BankWorld) -> None:
    async with world.work() as work:
        houses = [await work.suspense.house_account(brand) for brand in ("vonk", "ster", "vonk")]
        await work.commit()
    assert houses == ["acc_1", "acc_2", "acc_1"]
    with pytest.raises(NotFound):
        await world.suspense.assign(assigned(await an_item(world), "acc_1"))


amounts = st.lists(st.sampled_from([1999, 500, -500, -1999, 4210]), max_size=5)
decisions = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from(["assign", "send_back", "reopen", "offset"])), max_size=8
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(amounts, decisions)
def test_whatever_is_decided_the_suspense_ledger_is_the_sum_of_what_waits(
    migrated_template: str, postgres_server: Any, moves: list[int], decided: list[tuple[int, str]]
) -> None:
    postgres_server.create_database("suspense_property", template=migrated_template)
    try:
        asyncio.run(_decide_all(postgres_server.url("suspense_property"), moves, decided))
    finally:
        postgres_server.drop_database("suspense_property")


async def _decide_all(url: str, moves: list[int], decided: list[tuple[int, str]]) -> None:
    async with a_bank_world(url) as world:
        await world.an_invoice(3000)
        bookings = [Booking((Pay(minor),), reference=f"R{place}") for place, minor in enumerate(moves)]
        await world.take(camt054(Account(tuple(bookings))))
        items = await world.items()
        for place, verb in decided:
            if place < len(items):
                await _try(world, items, place, verb)
        waiting = [one.amount_minor for one in await world.items() if one.status in ("open", "sending_back")]
        assert await world.balance(LedgerAccount.SUSPENSE) == -sum(waiting)
        house = await world.balance(LedgerAccount.CASH)
        assert house + await world.balance(LedgerAccount.CASH, world.account_id) == sum(moves)
        assert await world.broken() == []


async def _try(world: BankWorld, items: list[SuspenseItem], place: int, verb: str) -> None:
    item, other = items[place], items[(place + 1) % len(items)]
    try:
        match verb:
            case "assign":
                await world.suspense.assign(assigned(item, world.account_id))
            case "send_back":
                await world.suspense.send_back(item.suspense_id, "Fenna", "back")
            case "reopen":
                await world.suspense.reopen(item.suspense_id, "Fenna", "again")
            case _:
                await world.suspense.offset(item.suspense_id, other.suspense_id, "Fenna", "same")
    except (UnableToDecideSuspense, InvalidValue):
        return  # refused, which must change nothing either
