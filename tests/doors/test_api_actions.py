"""Operator actions over HTTP: each is one workflow update, with author, reason and a key that makes it count once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest

from api.schemas.accounts import AN_ACCOUNT
from billing.messages import account as messages
from billing.messages import arrangements as debts
from billing.messages import bulk_actions as bulk
from billing.messages import limits
from billing.messages.account import Command, CommandResult
from billing.messages.restricting import BarService, UnbarService
from tests.doors.doors_world import DoorsWorld, a_doors_world

WHY = {"reason": "Customer called"}
UNTIL = datetime(2027, 4, 1, 9, tzinfo=timezone(timedelta(hours=2)))
ACTIONS: list[tuple[str, dict[str, Any], Command]] = [
    ("pause-collection", {}, messages.PauseCollection()),
    ("resume-collection", {}, messages.ResumeCollection()),
    ("retry-collection", {"invoice_id": "inv_1001"}, messages.RetryCollection(invoice_id="inv_1001")),
    (
        "promise-to-pay",
        {"pay_by": "2027-03-20", "amount_minor": 4210},
        messages.PromiseToPay(pay_by=date(2027, 3, 20), amount_minor=4210),
    ),
    ("hold-until", {"until": UNTIL.isoformat()}, messages.HoldUntil(until=UNTIL)),
    ("change-cycle-day", {"cycle_day": 25}, messages.ChangeCycleDay(cycle_day=25, bridge="extended")),
    ("waive-invoice", {"invoice_id": "inv_1001"}, messages.WaiveInvoice(invoice_id="inv_1001")),
    (
        "adjust-balance",
        {"amount_minor": -500, "description": "Sorry"},
        messages.AdjustBalance(amount_minor=-500, description="Sorry"),
    ),
    ("refund-payment", {"attempt_id": "inv_1001-1"}, messages.RefundPayment(attempt_id="inv_1001-1")),
    ("bar-service", {"level": "full"}, BarService(level="full", cause="operator")),
    (
        "bar-service",
        {"service_id": "svc_1001", "kinds": ["premium", "data_throttled"], "data_kbps": 512, "cause": "customer"},
        BarService(service_id="svc_1001", kinds=("premium", "data_throttled"), data_kbps=512, cause="customer"),
    ),
    ("unbar-service", {"service_id": "svc_1001"}, UnbarService(service_id="svc_1001")),
    (
        "unbar-service",
        {"kinds": ["roaming"], "causes": ["court", "dunning"]},
        UnbarService(kinds=("roaming",), causes=("court", "dunning")),
    ),
    (
        "change-dunning-policy",
        {"policy_code": "gentle", "policy_version": 2},
        messages.ChangeDunningPolicy(policy_code="gentle", policy_version=2),
    ),
    ("change-payment-method", {"method_id": "pm_1001"}, messages.ChangePaymentMethod(method_id="pm_1001")),
    ("close-account", {}, messages.CloseAccount()),
    ("set-usage-limit", {"meter": "data", "value": 2500}, limits.SetUsageLimit(meter="data", value=2500)),
    (
        "remove-usage-limit",
        {"roaming": True, "service_id": "svc_1001"},
        limits.RemoveUsageLimit(roaming=True, service_id="svc_1001"),
    ),
    ("agree-to-continue", {"service_id": "svc_1001"}, limits.AgreeToContinue(service_id="svc_1001")),
    (
        "agree-payment-plan",
        {"invoice_ids": ["inv_1001"], "instalments": [{"due_on": "2027-07-01", "amount_minor": 4210}]},
        debts.AgreePaymentPlan(
            invoice_ids=("inv_1001",), instalments=(debts.PlannedInstalment(date(2027, 7, 1), 4210),)
        ),
    ),
    ("cancel-payment-plan", {"plan_id": "pln_1001"}, debts.CancelPaymentPlan(plan_id="pln_1001")),
    ("write-off-debt", {"invoice_ids": ["inv_1001"]}, debts.WriteOffDebt(invoice_ids=("inv_1001",))),
    ("restore-debt", {"write_off_id": "off-1"}, debts.RestoreDebt(write_off_id="off-1")),
    (
        "hand-over-case",
        {"case_id": "case_1001", "agency": "Incasso Noord"},
        debts.HandOverCase(case_id="case_1001", agency="Incasso Noord"),
    ),
    ("take-back-case", {"case_id": "case_1001"}, debts.TakeBackCase(case_id="case_1001")),
]
MONEY_ACTIONS = (
    *("waive-invoice", "adjust-balance", "refund-payment"),
    *("write-off-debt", "restore-debt", "hand-over-case", "take-back-case"),
)


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[DoorsWorld]:
    async with a_doors_world(database_url) as world:
        await world.sell()
        assert (await world.post("/v1/accounts", AN_ACCOUNT)).status_code == 201
        yield world


def path_of(action: str) -> str:
    return f"/v1/accounts/acc_1001/actions/{action}"


async def test_every_action_is_the_workflow_update_of_its_name(world: DoorsWorld) -> None:
    for action, body, expected in ACTIONS:
        answer = await world.post(path_of(action), WHY | body, headers={"Idempotency-Key": f"key-{action}"})
        assert answer.status_code == 200, answer.text
        assert answer.json() == {"command_id": f"key-{action}", "summary": "done"}
        workflow_id, update, command = world.process.commands[-1]
        assert (workflow_id, update) == ("account/vonk/A100001", action.replace("-", "_"))
        said = {"command_id": f"key-{action}", "author": "admin", "reason": "Customer called"}
        assert command == type(expected)(**vars(expected) | said)


async def test_every_update_of_the_workflow_for_operators_has_its_action() -> None:
    of_accounts = {type(expected) for _, _, expected in ACTIONS} | {messages.OpenPaySession}
    of_bulk_actions = {bulk.PauseBulkAction, bulk.ResumeBulkAction, bulk.CancelBulkAction}
    assert of_accounts | of_bulk_actions == set(Command.__subclasses__())


async def test_a_command_without_a_key_gets_one_of_its_own(world: DoorsWorld) -> None:
    first = (await world.post(path_of("pause-collection"), WHY)).json()["command_id"]
    second = (await world.post(path_of("pause-collection"), WHY)).json()["command_id"]
    assert first
    assert first != second


@pytest.mark.parametrize("reason", [None, "", "   "])
async def test_no_action_goes_without_a_reason(world: DoorsWorld, reason: str | None) -> None:
    for action, body, _ in ACTIONS:
        said = body if reason is None else body | {"reason": reason}
        answer = await world.post(path_of(action), said)
        assert (answer.status_code, answer.json()["field"]) == (422, "body.reason")
    assert world.process.commands == []


async def test_roles_are_kept_apart(world: DoorsWorld) -> None:
    for action, body, _ in ACTIONS:
        for role in ("viewer", "agent", "finance"):
            allowed = role == "finance" or (role == "agent" and action not in MONEY_ACTIONS)
            answer = await world.post(path_of(action), WHY | body, headers=world.as_role(role))
            assert (action, role, answer.status_code) == (action, role, 200 if allowed else 403)
            if not allowed:
                assert answer.json()["field"] == "role"
                assert answer.json()["remedy"]


async def test_the_author_is_the_name_of_the_key(world: DoorsWorld) -> None:
    await world.post(path_of("pause-collection"), WHY, headers=world.as_role("agent"))
    assert world.process.commands[0][2].author == "the agent"


@pytest.mark.parametrize(("field", "status"), [("cycle_day", 422), ("account", 409), ("", 409)])
async def test_what_the_account_refuses_is_told_with_field_value_and_remedy(
    world: DoorsWorld, field: str, status: int
) -> None:
    world.process.answer = lambda command: CommandResult(
        command.command_id, accepted=False, summary="Not now.", field=field, value="25", remedy="Wait a day."
    )
    answer = await world.post(path_of("change-cycle-day"), WHY | {"cycle_day": 25})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()
    assert (said["detail"], said["field"], said["value"], said["remedy"]) == (
        "Not now.",
        field or "account",
        "25",
        "Wait a day.",
    )


async def test_an_account_without_a_process_takes_no_commands(world: DoorsWorld) -> None:
    world.process.started.clear()
    answer = await world.post(path_of("pause-collection"), WHY)
    assert (answer.status_code, answer.json()["field"]) == (404, "workflow_id")


@pytest.mark.parametrize("action", ["bar-service", "unbar-service", "remove-usage-limit", "agree-to-continue"])
async def test_a_line_of_nobody_is_not_touched(world: DoorsWorld, action: str) -> None:
    answer = await world.post(path_of(action), WHY | {"service_id": "svc_9999"})
    assert (answer.status_code, answer.json()["field"]) == (404, "service_id")
    assert world.process.commands == []


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("hold-until", {"until": "2027-04-01T09:00:00"}, "body.until"),
    ("promise-to-pay", {"pay_by": "tomorrow"}, "body.pay_by"),
    ("bar-service", {"level": "everything"}, "body.level"),
    ("change-cycle-day", {"cycle_day": 3, "bridge": "none"}, "body.bridge"),
    ("adjust-balance", {"amount_minor": 1.5, "description": "x"}, "body.amount_minor"),
    ("refund-payment", {"attempt_id": "a", "amount_minor": -1}, "body.amount_minor"),
    ("waive-invoice", {"invoice": "inv_1"}, "body.invoice_id"),
    ("waive-invoice", {"invoice_id": "the first"}, "body.invoice_id"),
    ("refund-payment", {"attempt_id": "a", "amount_minor": False}, "body.amount_minor"),
    ("hold-until", {"until": 0}, "body.until"),
    ("promise-to-pay", {"pay_by": "0"}, "body.pay_by"),
    ("unbar-service", {"service_id": "inv_1001"}, "body.service_id"),
    ("set-usage-limit", {"value": -1}, "body.value"),
    ("set-usage-limit", {"value": 1, "measure": "pages"}, "body.measure"),
    ("set-usage-limit", {}, "body.value"),
    ("agree-to-continue", {}, "body.service_id"),
    ("agree-to-continue", {"service_id": "svc_1001", "asked_by": "a friend"}, "body.asked_by"),
]


@pytest.mark.parametrize(("action", "body", "field"), WRONG)
async def test_a_field_that_cannot_be_used_never_reaches_the_process(
    world: DoorsWorld, action: str, body: dict[str, Any], field: str
) -> None:
    answer = await world.post(path_of(action), WHY | body)
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert answer.json()["remedy"]
    assert world.process.commands == []
