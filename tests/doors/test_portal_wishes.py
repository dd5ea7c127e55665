"""What customers want in self-service becomes the command that staff would give, once, with the author "customer"."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import AsyncIterator

import pytest

from billing.messages.account import ChangeCycleDay, CommandResult, OpenPaySession, PromiseToPay
from billing.messages.limits import RemoveUsageLimit, SetUsageLimit
from billing.services.customer_tries import DOWNLOAD_BY_ACCOUNT
from tests.builders_portal import EMAIL, Browser, PortalWorld, a_portal
from tests.doors.console_data import FULL_ACCOUNT


@pytest.fixture
async def portal(database_url: str) -> AsyncIterator[PortalWorld]:
    async with a_portal(database_url) as world:
        yield world


@pytest.fixture
async def browser(portal: PortalWorld) -> Browser:
    """Signed in as the customer of the first account, who reads English."""
    async with portal.doors.work() as work:
        await work.accounts.change(FULL_ACCOUNT, {"locale": "en_GB"})
        await work.commit()
    return await portal.signed_in()


async def test_a_line_is_disputed_with_its_vat_and_the_rest_stays_payable(
    portal: PortalWorld, browser: Browser
) -> None:
    await browser.get("/my/bills/inv_1001")
    assert (await browser.post("/my/bills/inv_1001/dispute", reason="  ")).status_code == 422
    twice = [await browser.post("/my/bills/inv_1001/dispute", reason="I was abroad") for _ in range(2)]
    shown = await browser.get(twice[0].headers["location"])
    assert ("We have your dispute" in shown.text, "I was abroad" in shown.text) == (True, True)
    async with portal.doors.work() as work:
        (one,) = await work.dunning.disputes(FULL_ACCOUNT)
        (told,) = [each for each in await work.timeline.of(FULL_ACCOUNT) if each.kind == "dispute_opened"]
    assert (one.invoice_id, one.reason, told.actor) == ("inv_1001", "I was abroad", "customer")


async def test_what_staff_noted_on_a_dispute_is_not_shown_and_the_decision_is(
    portal: PortalWorld, browser: Browser
) -> None:
    disputes = portal.doors.container.disputes
    theirs = await disputes.open(FULL_ACCOUNT, "inv_1001", 100, "Suspect: rings often", "robin@vonk.example")
    await disputes.open(FULL_ACCOUNT, "inv_1001", 200, "I was abroad", "customer")
    await disputes.close(FULL_ACCOUNT, theirs.dispute_id, "rejected", "Nonsense", "robin@vonk.example")
    page = (await browser.get("/my/bills/inv_1001")).text
    for noted in ("Suspect", "Nonsense", "robin"):
        assert noted not in page
    assert "I was abroad" in page
    decided = portal.doors.container.clock.now()
    assert f"the amount stands. Decided on {decided.day} {decided:%B %Y}." in page


async def test_a_rejected_dispute_is_opened_again_by_staff_only(portal: PortalWorld, browser: Browser) -> None:
    disputes = portal.doors.container.disputes
    form = (await browser.get("/my/bills/inv_1001")).text
    await browser.post("/my/bills/inv_1001/dispute", reason="I was abroad")
    (first,) = await disputes.all(FULL_ACCOUNT)
    browser.page = form
    await disputes.close(FULL_ACCOUNT, first.dispute_id, "rejected", "Roaming is in the plan", "Robin")
    again = await browser.post("/my/bills/inv_1001/dispute", reason="But I was")
    assert (again.status_code, "please write to us" in again.text) == (409, True)
    assert '<textarea id="reason"' not in again.text
    assert len(await disputes.all(FULL_ACCOUNT)) == 1
    assert (await disputes.open(FULL_ACCOUNT, "inv_1001", 0, "A letter came", "Robin")).status == "open"


async def test_all_or_part_is_paid_through_a_page_of_ours(portal: PortalWorld, browser: Browser) -> None:
    portal.doors.process.answer = lambda command: CommandResult(command.command_id, url="https://bank.example/pay")
    await browser.get("/my/pay")
    for typed, part in (("42.10", 0), ("10,00", 1000), ("", 0)):
        page = await browser.post("/my/pay", amount=typed)
        assert (page.status_code, 'content="0; url=https://bank.example/pay"' in page.text) == (200, True)
        command = portal.doors.process.commands[-1][2]
        assert isinstance(command, OpenPaySession)
        assert (command.author, command.amount_minor) == ("customer", part)
        assert command.return_url == "http://door.test/my/pay/done"
        await browser.get("/my/pay")
    for wrong in ("42.11", "0.10", "1.250", "-5", "all"):
        page = await browser.post("/my/pay", amount=wrong)
        assert (page.status_code, "between €0.50 and €42.10" in page.text) == (422, True)
    page = await browser.post("/my/pay", amount="41.90")
    assert (page.status_code, "Pay €42.10, or leave at least €0.50." in page.text) == (422, True)


async def test_a_form_sent_twice_is_one_command(portal: PortalWorld, browser: Browser) -> None:
    await browser.get("/my/pay")
    page = browser.page
    for _ in range(2):
        browser.page = page
        assert (await browser.post("/my/pay/promise", pay_by="2027-02-10")).status_code == 303
    first, second = [command for _, _, command in portal.doors.process.commands]
    assert isinstance(first, PromiseToPay)
    assert (first, first.author) == (second, "customer")


async def test_what_the_policy_refuses_is_said_in_plain_words(portal: PortalWorld, browser: Browser) -> None:
    def refusal(field: str) -> None:
        portal.doors.process.answer = lambda command: CommandResult(
            command.command_id, accepted=False, summary="This case has had 3 promises", field=field
        )

    await browser.get("/my/pay")
    for field, said in (("promises", "promised as often"), ("pay_by", "cannot wait that long"), ("x", "nothing open")):
        refusal(field)
        page = await browser.post("/my/pay/promise", pay_by="2027-02-10")
        assert (page.status_code, said in page.text, "This case" in page.text) == (409, True, False)
    assert (await browser.post("/my/pay/promise", pay_by="2027-01-01")).status_code == 422


async def test_limits_are_set_and_removed_by_the_accounts_process(portal: PortalWorld, browser: Browser) -> None:
    await browser.get("/my/settings/limits")
    answer = await browser.post("/my/settings/limits", amount="25", kind="hard", service_id="svc_1001")
    assert answer.headers["location"] == "/my/settings/limits?done=set"
    workflow_id, update, command = portal.doors.process.commands[-1]
    assert isinstance(command, SetUsageLimit)
    assert (workflow_id, update) == ("account/vonk/A100001", "set_usage_limit")
    assert (command.value, command.kind, command.asked_by, command.author) == (2500, "hard", "customer", "customer")
    assert (await browser.post("/my/settings/limits", amount="25", service_id="svc_1002")).status_code == 404
    await browser.get("/my/settings/limits")
    assert (await browser.post("/my/settings/limits/abroad", service_id="svc_1002")).status_code == 404
    await browser.get("/my/settings/limits")
    await browser.post("/my/settings/limits/remove", limit="hard:amount:svc_9999:data")
    assert not [one for _, _, one in portal.doors.process.commands if isinstance(one, RemoveUsageLimit)]


async def test_the_bill_day_is_shown_before_it_is_changed(portal: PortalWorld, browser: Browser) -> None:
    await browser.get("/my/settings/day")
    shown = await browser.post("/my/settings/day/preview", day="25")
    assert ("Change to day 25" in shown.text, portal.doors.process.commands) == (True, [])
    invoicing = portal.doors.container.invoicing
    change = await invoicing.preview_cycle_day(FULL_ACCOUNT, 25, "extended")
    for plan in await invoicing.preview_plans(FULL_ACCOUNT, change):
        due_on = plan.debit_on
        assert f"</th><td>{due_on.day} {due_on:%B %Y}</td>" in shown.text
    assert (await browser.post("/my/settings/day", day="25")).status_code == 303
    command = portal.doors.process.commands[-1][2]
    assert isinstance(command, ChangeCycleDay)
    assert (command.cycle_day, command.bridge, command.author) == (25, "extended", "customer")
    await browser.get("/my/settings/day")
    for wrong in ("0", "32", "x", ""):
        assert (await browser.post("/my/settings/day/preview", day=wrong)).status_code in (409, 422)


async def test_language_channels_and_fewer_messages_are_kept_and_told(portal: PortalWorld, browser: Browser) -> None:
    await browser.get("/my/settings/messages")
    wanted = {"language": "fr", "bills": "both", "payments": "sms", "usage": "usual", "quiet": "thank_you"}
    saved = await browser.follow(await browser.post("/my/settings/messages", **wanted))
    assert ('lang="fr"' in saved.text, "Enregistré" in saved.text) == (True, True)
    async with portal.doors.work() as work:
        account = await work.accounts.get(FULL_ACCOUNT)
        (told,) = [one for one in await work.timeline.of(FULL_ACCOUNT) if one.kind == "choices"]
    assert (account.locale, account.quiet_notices, told.actor) == ("fr", ["thank_you"], "customer")
    assert account.notice_channels["ready"] == ["email", "sms"]
    assert account.notice_channels["failed"] == ["sms"]
    assert "usage_80" not in account.notice_channels
    assert (await browser.post("/my/settings/messages", **wanted | {"quiet": "failed"})).status_code == 422


async def test_a_new_address_is_confirmed_there_and_told_to_the_old_one(portal: PortalWorld, browser: Browser) -> None:
    other = await portal.signed_in()
    await browser.get("/my/settings/contact")
    asked = await browser.post("/my/settings/contact", channel="email", contact="new@example.com")
    page = await browser.follow(asked)
    assert ("n***@example.com" in page.text, portal.email.sent[-1].to) == (True, "new@example.com")
    path = asked.headers["location"]
    right = portal.code()
    assert (await browser.post(path, code=f"{(int(right) + 1) % 10**6:06}")).status_code == 422
    assert (await browser.post(path, code=right)).headers["location"] == "/my/settings/contact?changed=1"
    old = portal.email.sent[-1]
    assert (old.to, "n***@example.com" in old.content.text) == (EMAIL, True)
    async with portal.doors.work() as work:
        assert (await work.accounts.get(FULL_ACCOUNT)).email == "new@example.com"
    assert (await other.get("/my")).status_code == 303, "other browsers are signed out"
    assert (await browser.get("/my")).status_code == 200
    await browser.get("/my/settings/contact")
    for wrong in ("nothing", "+31", "a@b@c.nl"):
        assert (await browser.post("/my/settings/contact", channel="email", contact=wrong)).status_code == 422


async def test_all_data_comes_as_one_archive_a_few_times_a_day(portal: PortalWorld, browser: Browser) -> None:
    disputes = portal.doors.container.disputes
    theirs = await disputes.open(FULL_ACCOUNT, "inv_1001", 100, "Rings very often", "robin@vonk.example")
    await disputes.open(FULL_ACCOUNT, "inv_1001", 200, "I was abroad", "customer")
    await disputes.close(FULL_ACCOUNT, theirs.dispute_id, "rejected", "Utter nonsense", "robin@vonk.example")
    await browser.get("/my/settings/data")
    answers = [await browser.post("/my/settings/data") for _ in range(DOWNLOAD_BY_ACCOUNT.most)]
    archive = zipfile.ZipFile(io.BytesIO(answers[0].content))
    assert archive.testzip() is None
    names = set(archive.namelist())
    assert {"README.txt", "account.json", "payments.csv", "timeline.json", "bills/V15-2027-000001.pdf"} <= names
    account = json.loads(archive.read("account.json"))
    assert (account["customer_name"], account["email"]) == ("Sanne de Vries", EMAIL)
    everything = b"".join(archive.read(name) for name in names if not name.endswith(".pdf"))
    agreed = json.loads(archive.read("agreements.json"))["disputes"]
    assert [(one["by"], one.get("reason")) for one in agreed] == [("us", None), ("you", "I was abroad")]
    for secret in (b"provider_method", b"the agent", b"acc_1002", b"robin@", b"Rings", b"Utter"):
        assert (secret, secret in everything) == (secret, False)
    await browser.get("/my/settings/data")
    assert (await browser.post("/my/settings/data")).status_code == 429
