"""A round of upkeep and people: what failed, what could not be started and what was seen become cases, told once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from billing.domain import staff_cases as kinds
from billing.domain.errors import UnableTo
from billing.messages.account import AccountState
from billing.messages.upkeep import UpkeepReport
from billing.ports.accounts import Account
from billing.ports.alerts import Alert
from billing.ports.messenger import Accepted, SendOutcome
from billing.ports.payment_provider import ProviderAway
from billing.ports.staff_cases import Cause
from billing.services.accounts import AccountService
from billing.services.case_sweep import CaseSweep
from billing.services.payment_outcomes import PaymentOutcomes
from billing.services.people_desk import UpkeepDesk
from billing.services.reconcile import Watched
from billing.services.staff_alerts import AlertRules, StaffAlerts
from billing.services.upkeep import Repairs, UpkeepService
from tests.builders_invoicing import Office, an_office


class Mailbox:
    """Takes every alert."""

    address = "email:ops@example.com"

    def __init__(self) -> None:
        self.taken: list[Alert] = []

    async def send(self, alert: Alert) -> SendOutcome:
        self.taken.append(alert)
        return Accepted("ref")

    async def find(self, alert: Alert, since: Any) -> Accepted | None:
        return None


class House:
    """Upkeep over real books; what it finds and what fails is set by the test."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.mailbox = Mailbox()
        self.missing: list[Account] = []
        self.seen: list[Cause] = []
        self.failing: Exception | None = None
        self.look_fails = False
        self.again: tuple[str, ...] = ()

    async def accounts_without_workflow(self) -> Sequence[Account]:
        return self.missing

    async def cases_without_workflow(self) -> Sequence[tuple[Account, str]]:
        return ()

    async def start_account(self, state: AccountState) -> None:
        raise UnableTo(f"The plan of {state.number} cannot be read.")

    async def round(self) -> UpkeepReport:
        async def mends() -> int:
            return 0

        async def may_fail() -> int:
            if self.failing:
                raise self.failing
            return 0

        async def resent() -> Watched:
            return Watched(0, self.again)

        async def held() -> Sequence[Cause]:
            if self.look_fails:
                raise RuntimeError("no answer")
            return self.seen

        work, clock, process = self.office.work, self.office.clock, _as_any(self)
        alerts = StaffAlerts(work, clock, [self.mailbox], AlertRules(digest_hour=23), lambda: self.office.clock.now())
        desk = UpkeepDesk(CaseSweep(work, clock, {kinds.HELD_USAGE_FILE: held}), alerts)
        repairs = Repairs(mends, mends, mends, mends, may_fail, take_back_resent=resent, people=desk)
        accounts, outcomes = AccountService(work, clock, process), PaymentOutcomes(work, clock, process, _as_any(mends))
        return await UpkeepService(work, clock, process, accounts, self, repairs, outcomes).mend()

    async def open_cases(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for kind in kinds.KINDS:
            async with self.office.work() as work:
                lasting = await work.staff_cases.lasting(kind)
            if lasting:
                found[kind] = [one.subject for one in lasting]
        return found


def _as_any(made: Any) -> Any:
    return made


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with an_office(database_url) as office:
        yield House(office)


async def test_what_is_seen_is_a_case_staff_are_told_in_the_same_round_and_it_closes(house: House) -> None:
    house.seen = [Cause(kinds.HELD_USAGE_FILE, "file_1001", "held: a gap")]
    first, second = await house.round(), await house.round()
    assert (first.cases_opened, first.alerts_sent) == (1, 1)
    assert (second.cases_opened, second.cases_closed, second.alerts_sent) == (0, 0, 0)
    house.seen = []
    assert (await house.round()).cases_closed == 1
    assert (await house.open_cases(), len(house.mailbox.taken)) == ({}, 1)


async def test_a_repair_that_fails_is_a_case_until_it_succeeds(house: House) -> None:
    house.failing = ProviderAway("no answer to sk_live_never_shown")
    report = await house.round()
    assert report.failures == ("old usage: the payment provider gives no answer",)
    assert (report.cases_opened, await house.open_cases()) == (1, {kinds.REPAIR_FAILING: ["old usage"]})
    house.failing = None
    assert (await house.round()).cases_closed == 1
    assert await house.open_cases() == {}


async def test_an_account_that_cannot_be_started_is_a_case_of_its_own(house: House) -> None:
    account, _ = await house.office.open_account()
    house.missing = [account]
    await house.round()
    found = await house.open_cases()
    assert found[kinds.WORKFLOW_MISSING] == [f"account/vonk/{account.number}"]
    assert found[kinds.REPAIR_FAILING] == ["missing workflows"]
    async with house.office.work() as work:
        (case,) = await work.staff_cases.lasting(kinds.WORKFLOW_MISSING)
    assert (case.account_id, "cannot be started" in case.explanation) == (account.account_id, True)
    house.missing = []
    assert (await house.round()).cases_closed == 2


async def test_a_look_that_fails_is_told_and_closes_nothing(house: House) -> None:
    house.seen = [Cause(kinds.HELD_USAGE_FILE, "file_1001", "held: a gap")]
    await house.round()
    house.look_fails = True
    report = await house.round()
    assert [each.partition(":")[0] for each in report.failures] == ["cases for people"]
    assert (await house.open_cases())[kinds.HELD_USAGE_FILE] == ["file_1001"]


async def test_a_record_id_with_many_starts_is_a_case_that_stays_until_a_person_closes_it(house: House) -> None:
    house.again = ("r1 of csv has 40 starts",)
    await house.round()
    house.again = ()
    await house.round()
    assert await house.open_cases() == {kinds.USAGE_SENT_AGAIN: ["r1 of csv has 40 starts"]}
