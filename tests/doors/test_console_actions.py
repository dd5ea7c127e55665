"""Every command on an account as a form: who may, what is sent on, what was refused, and that twice is once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import text

from api.console.actions.commands import ACTIONS, BY_NAME
from billing.domain.dunning_policy import STANDARD
from billing.messages import account as messages
from billing.messages import arrangements as debts
from billing.messages.account import Command, CommandResult
from billing.messages.notices import NoticeRequest, NoticeResult
from billing.messages.restricting import BarService, UnbarService
from billing.persistence.unit_of_work import SqlUnitOfWork, make_engine
from billing.ports.dunning import PolicyVersion
from billing.services.access import ROLES
from billing.services.paylink_sending import PaylinkSender
from tests.doors.console_data import FULL_ACCOUNT, RUNNING, fill
from tests.doors.console_visits import hidden, send, sign_in
from tests.doors.doors_world import NOW, DoorsWorld, StandingClock, a_doors_world

HOME = f"/console/accounts/{FULL_ACCOUNT}"
WHY = {"reason": "Customer called"}
A_LINE = """
INSERT INTO invoice_lines (account_id, invoice_id, position, section, kind, price_code, band, description, tax_code,
    events, quantity, allowance_drawn, chargeable_quantity, unit, unit_price, amount_minor, explanation)
VALUES (1001, 1001, 1, 'service', 'recurring', 'fee', '', 'Monthly fee', 'standard', 0, 0, 0, 0, '', '', 1000, '[]')
"""
ITS_TAX = """
INSERT INTO invoice_taxes (account_id, invoice_id, position, percent, category, net_minor, vat_minor, note, explanation,
    tax_codes) VALUES (1001, 1001, 1, 21, 'S', 1000, 210, '', '', '["standard"]')
"""
SENT: list[tuple[str, dict[str, Any], Command]] = [
    ("pause-collection", {}, messages.PauseCollection()),
    ("resume-collection", {}, messages.ResumeCollection()),
    ("retry-collection", {"invoice_id": "inv_1001"}, messages.RetryCollection(invoice_id="inv_1001")),
    ("promise-to-pay", {"pay_by": "2027-03-20", "amount_minor": "42,10"},
     messages.PromiseToPay(pay_by=date(2027, 3, 20), amount_minor=4210)),
    ("waive-invoice", {"invoice_id": "inv_1001"}, messages.WaiveInvoice(invoice_id="inv_1001")),
    ("adjust-balance", {"amount_minor": "-5.00", "description": "Sorry"},
     messages.AdjustBalance(amount_minor=-500, description="Sorry")),
    ("refund-payment", {"attempt_id": "inv_1002-1"}, messages.RefundPayment(attempt_id="inv_1002-1")),
    ("write-off-debt", {"invoice_ids": ["inv_1001"]}, debts.WriteOffDebt(invoice_ids=("inv_1001",))),
    ("hand-over-case", {"agency": "Incasso Noord"}, debts.HandOverCase(agency="Incasso Noord")),
    ("close-account", {}, messages.CloseAccount()),
]  # fmt: skip


class ToldNotices:
    """Notices that are only remembered; the same occasion is told once."""

    def __init__(self) -> None:
        self.told: dict[str, NoticeRequest] = {}

    async def send(self, request: NoticeRequest) -> NoticeResult:
        repeated = request.occasion in self.told
        self.told[request.occasion] = request
        return NoticeResult("repeated" if repeated else "sent", channels=("email",))


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[DoorsWorld]:
    async with a_doors_world(database_url) as made:
        async with made.work() as work:
            assert isinstance(work, SqlUnitOfWork)
            await fill(work, accounts=2)
            policy = PolicyVersion("default", 1, {**STANDARD.to_dict(), "code": "default"}, NOW)
            await work.dunning.add_policy(policy)
            await work.commit()
        await made.process.start_account(RUNNING)
        await sign_in(made)
        yield made


async def test_a_form_becomes_the_command_of_the_api_with_author_and_reason(world: DoorsWorld) -> None:
    for name, typed, expected in SENT:
        answer = await send(world, f"{HOME}/actions/{name}", **WHY, **typed)
        assert (name, answer.status_code, answer.headers.get("location")) == (name, 303, HOME), answer.text[-2000:]
        _, update, command = world.process.commands[-1]
        assert update == name.replace("-", "_")
        assert {**vars(command), "command_id": "", "author": "", "reason": ""} == vars(expected)
        assert (command.author, command.reason) == ("admin", "Customer called")
    assert len(world.process.commands) == len(SENT)
    assert "done" in (await world.client.get(HOME)).text


async def test_a_form_that_is_sent_twice_is_one_command(world: DoorsWorld) -> None:
    path = f"{HOME}/actions/pause-collection"
    filled = hidden(await world.client.get(path)) | WHY
    for _ in range(2):
        assert (await world.client.post(path, data=filled)).status_code == 303
    assert len({command.command_id for _, _, command in world.process.commands}) == 1
    assert hidden(await world.client.get(path))["command_id"] != filled["command_id"]


async def test_every_form_is_shown_to_its_role(world: DoorsWorld) -> None:
    for action in ACTIONS:
        shown = await world.client.get(f"{HOME}/actions/{action.name}")
        assert (action.name, shown.status_code, action.title in shown.text) == (action.name, 200, True)


@pytest.mark.parametrize("lesser", ["viewer", "agent"])
async def test_what_needs_a_greater_role_is_refused_and_not_even_offered(world: DoorsWorld, lesser: str) -> None:
    await sign_in(world, world.keys[lesser])
    page = await world.client.get(HOME)
    token = hidden(await world.client.get(f"{HOME}/actions/pause-collection")) if lesser == "agent" else {}
    refused = [action for action in ACTIONS if ROLES.index(action.role) > ROLES.index(lesser)]
    assert len(refused) > 5
    for action in refused:
        path = f"{HOME}/actions/{action.name}"
        assert (action.name, (await world.client.get(path)).status_code) == (action.name, 403)
        assert (action.name, (await world.client.post(path, data=token | WHY)).status_code) == (action.name, 403)
        assert f"/actions/{action.name}" not in page.text
    assert world.process.commands == []


async def test_a_form_that_is_not_ours_does_nothing(world: DoorsWorld) -> None:
    answer = await world.client.post(f"{HOME}/actions/close-account", data={"form": "made up", **WHY})
    assert answer.status_code == 403
    assert world.process.commands == []


async def test_a_refusal_is_shown_in_the_form_with_the_way_out_and_what_was_typed(world: DoorsWorld) -> None:
    world.process.answer = lambda command: CommandResult(
        command.command_id, False, "Nothing is overdue.", field="account", remedy="Wait for the debit."
    )
    answer = await send(world, f"{HOME}/actions/promise-to-pay", pay_by="2027-03-20", reason="<b>called</b>")
    assert answer.status_code == 409
    for words in ("Nothing is overdue.", "Wait for the debit.", 'value="2027-03-20"', "&lt;b&gt;called"):
        assert words in answer.text


@pytest.mark.parametrize(
    ("name", "typed", "said"),
    [
        ("promise-to-pay", {"pay_by": "2027-03-20"}, "Write in a few words why"),
        ("promise-to-pay", WHY, "This is empty."),
        ("promise-to-pay", WHY | {"pay_by": "2027-03-20", "amount_minor": "12.345"}, "read in two ways"),
        ("refund-payment", WHY | {"attempt_id": "inv_1002-1", "amount_minor": "1,250"}, "Write 1250.00 if"),
        ("adjust-balance", WHY | {"amount_minor": "1.250", "description": "Sorry"}, "Write 1250.00 if"),
        ("promise-to-pay", WHY | {"pay_by": "2027-03-20", "amount_minor": "lots"}, "not an amount in EUR"),
        ("hold-until", WHY | {"until": "soon"}, "not a date with a time"),
        ("bar-service", WHY | {"kinds": ["data_throttled"], "cause": "operator"}, "kbit"),
        ("refund-payment", WHY | {"attempt_id": "x" * 90}, "80 characters"),
    ],
)
async def test_what_cannot_be_used_is_said_at_its_field_and_nothing_is_sent(
    world: DoorsWorld, name: str, typed: dict[str, Any], said: str
) -> None:
    answer = await send(world, f"{HOME}/actions/{name}", **typed)
    assert answer.status_code == 422
    assert said in answer.text
    assert world.process.commands == []


async def test_a_hold_ends_at_the_local_time_of_the_account(world: DoorsWorld) -> None:
    await send(world, f"{HOME}/actions/hold-until", until="2027-07-01T09:00", **WHY)
    ((_, _, command),) = world.process.commands
    assert isinstance(command, messages.HoldUntil)
    assert command.until is not None
    assert command.until.isoformat() == "2027-07-01T09:00:00+02:00"


async def test_a_change_of_the_day_is_previewed_first_and_again_when_it_is_changed(world: DoorsWorld) -> None:
    path = f"{HOME}/actions/change-cycle-day"
    shown = await send(world, path, cycle_day="20", bridge="extended", **WHY)
    assert shown.status_code == 200, shown.text[-2000:]
    assert "What it would do" in shown.text
    for said in ("Bill of", "2027-02-20", "Due"):
        assert said in shown.text
    assert world.process.commands == []
    confirmed = hidden(shown)
    changed = await world.client.post(path, data=confirmed | {"cycle_day": "21", "bridge": "extended"} | WHY)
    assert "What it would do" in changed.text
    assert world.process.commands == []
    answer = await world.client.post(path, data=confirmed | {"cycle_day": "20", "bridge": "extended"} | WHY)
    assert answer.status_code == 303
    ((_, _, command),) = world.process.commands
    assert isinstance(command, messages.ChangeCycleDay)
    assert (command.cycle_day, command.bridge) == (20, "extended")


async def test_lines_are_restricted_and_freed_after_a_look_at_what_the_network_is_told(world: DoorsWorld) -> None:
    for name, typed, kind in (
        ("bar-service", {"service_id": "svc_1001", "kinds": ["premium"], "cause": "customer"}, BarService),
        ("unbar-service", {"service_id": "svc_1001", "causes": ["dunning"]}, UnbarService),
    ):
        path = f"{HOME}/actions/{name}"
        shown = await send(world, path, **WHY, **typed)
        assert "What it would do" in shown.text, shown.text[-2000:]
        await world.client.post(path, data=hidden(shown) | WHY | typed)
        assert isinstance(world.process.commands[-1][2], kind)


async def test_a_paylink_is_sent_once_and_stands_on_the_timeline(database_url: str) -> None:
    notices, engine = ToldNotices(), make_engine(database_url)
    sender = PaylinkSender(lambda: SqlUnitOfWork(engine), StandingClock(), notices)
    async with a_doors_world(database_url, paylink_sender=sender) as world:
        async with world.work() as work:
            assert isinstance(work, SqlUnitOfWork)
            await fill(work, accounts=2)
        await sign_in(world)
        path = f"{HOME}/actions/send-paylink"
        filled = hidden(await world.client.get(path)) | WHY
        for _ in range(2):
            assert (await world.client.post(path, data=filled)).status_code == 303
        ((_, told),) = notices.told.items()
        assert (told.amount_minor, told.currency, told.hurry) == (4210, "EUR", True)
        await world.client.get(HOME)  # which says what was done
        entries = (await world.client.get(f"{HOME}/timeline?kind=paylink_sent")).text
        assert entries.count("A paylink over 42.10 EUR was sent by email") == 1
        refused = await send(world, "/console/accounts/acc_1002/actions/send-paylink", **WHY)
        assert (refused.status_code, "Nothing is open" in refused.text) == (409, True)
    await engine.dispose()


async def test_a_dispute_is_opened_once_and_decided(world: DoorsWorld) -> None:
    path = f"{HOME}/actions/open-dispute"
    filled = hidden(await world.client.get(f"{path}?invoice_id=inv_1001")) | WHY
    for _ in range(2):
        answer = await world.client.post(path, data=filled | {"invoice_id": "inv_1001", "amount_minor": "10"})
        assert answer.status_code == 303, answer.text[-2000:]
    (dispute,) = await world.container.disputes.all(FULL_ACCOUNT)
    assert (dispute.amount_minor, dispute.status) == (1000, "open")
    done = await send(world, f"{HOME}/actions/close-dispute", dispute_id=dispute.dispute_id, outcome="rejected", **WHY)
    assert done.status_code == 303
    (dispute,) = await world.container.disputes.all(FULL_ACCOUNT)
    assert dispute.status == "rejected"


async def test_a_plan_is_worked_out_changed_checked_and_agreed(world: DoorsWorld) -> None:
    path = f"{HOME}/payment-plan"
    proposed = await send(world, path, step="propose", count="2", every="month", paid_by="paylink", first_on="")
    assert proposed.status_code == 200, proposed.text[-2500:]
    assert 'value="21.05"' in proposed.text
    typed = {"due_on_1": "2027-03-01", "amount_1": "30", "due_on_2": "2027-04-01", "amount_2": "12,10",
             "paid_by": "paylink"}  # fmt: skip
    checked = await world.client.post(path, data=hidden(proposed) | typed | {"step": "check"})
    assert checked.status_code == 200, checked.text[-2500:]
    wrong = await world.client.post(path, data=hidden(proposed) | typed | {"step": "check", "amount_1": "31"})
    assert wrong.status_code == 422
    agreed = await world.client.post(path, data=hidden(checked) | typed | WHY | {"step": "agree"})
    assert agreed.status_code == 303
    ((_, update, command),) = world.process.commands
    assert update == "agree_payment_plan"
    assert isinstance(command, debts.AgreePaymentPlan)
    assert [one.amount_minor for one in command.instalments] == [3000, 1210]


async def test_an_action_there_is_not_is_a_page_that_says_so(world: DoorsWorld) -> None:
    answer = await world.client.get(f"{HOME}/actions/make-rich")
    assert answer.status_code == 404
    assert "There is no such action" in answer.text


def test_every_command_has_one_form() -> None:
    assert len(BY_NAME) == len(ACTIONS)


async def test_a_line_is_disputed_with_its_vat_and_only_of_the_invoice_it_is_on(world: DoorsWorld) -> None:
    async with world.work() as work:
        assert isinstance(work, SqlUnitOfWork)
        await work.connection.execute(text(A_LINE))
        await work.connection.execute(text(ITS_TAX))
        await work.commit()
    path = f"{HOME}/actions/open-dispute"
    shown = await world.client.get(f"{path}?invoice_id=inv_1001")
    assert 'value="inv_1001.1"' in shown.text
    wrong = hidden(shown) | WHY | {"invoice_id": "inv_1002", "line_id": "inv_1001.1"}
    assert "names no line of inv_1002" in (await world.client.post(path, data=wrong)).text
    right = hidden(shown) | WHY | {"invoice_id": "inv_1001", "line_id": "inv_1001.1"}
    assert (await world.client.post(path, data=right)).status_code == 303
    (dispute,) = await world.container.disputes.all(FULL_ACCOUNT)
    assert (dispute.amount_minor, dispute.line_id) == (1210, "inv_1001.1")
