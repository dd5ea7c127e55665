"""Alerts to staff leave at most once per case and address, and a digest once a day, whatever is away or dies."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from billing.adapters.sendgrid.callbacks import SendGridCallbacks
from billing.adapters.sendgrid.messenger import SendGridMessenger
from billing.adapters.staff_alerts import MailboxAlerts, WebhookAlerts
from billing.domain import staff_cases as kinds
from billing.domain.staff_cases import Severity
from billing.ports.alerts import Alert, AlertChannel
from billing.ports.messenger import Accepted, Failed, SendOutcome, Unknown, VendorBusy, VendorRefusesUs
from billing.ports.staff_cases import Cause
from billing.services.staff_alerts import ANSWERED_WITHIN, AlertRules, StaffAlerts
from billing.services.staff_cases import StaffCases
from tests.builders_invoicing import Office, an_office
from tests.contracts.simulator_process import Simulator

pytest_plugins = ["tests.contracts.simulator_fixtures"]

HELD = Cause(kinds.HELD_USAGE_FILE, "file_1001", "calls.csv (csv) is held: a gap")
PARKED = Cause(kinds.PARKED_WEBHOOK, "stripe/pi_1", "stripe told of pi_1")


@pytest.fixture
async def office(database_url: str) -> AsyncIterator[Office]:
    async with an_office(database_url) as built:
        yield built


@dataclass
class ScriptedChannel:
    """Answers as it is told, then takes everything."""

    answers: list[SendOutcome | Exception] = field(default_factory=list)
    address: str = "email:ops@example.com"
    in_log: bool = False
    taken: list[Alert] = field(default_factory=list)
    tried: int = 0

    async def send(self, alert: Alert) -> SendOutcome:
        self.tried += 1
        answer = self.answers.pop(0) if self.answers else Accepted("ref")
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Accepted):
            self.taken.append(alert)
        return answer

    async def find(self, alert: Alert, since: datetime) -> Accepted | None:
        return Accepted("from the log") if self.in_log else None


@dataclass
class Staff:
    """Alerts over real books; time of the vendors passes by ``later``."""

    office: Office
    channels: list[AlertChannel]
    rules: AlertRules = field(default_factory=lambda: AlertRules(digest_hour=23, console="https://ops.example/console"))
    later: timedelta = timedelta(0)

    async def tell(self) -> int:
        now = self.office.clock.now() + self.later
        return await StaffAlerts(self.office.work, self.office.clock, self.channels, self.rules, lambda: now).tell()

    async def see(self, *causes: Cause) -> None:
        async with self.office.work() as work:
            await work.staff_cases.see(causes, self.office.clock.now())
            await work.commit()

    async def statuses(self) -> list[str]:
        async with self.office.engine.connect() as connection:
            return list((await connection.execute(text("SELECT status FROM staff_alerts ORDER BY alert"))).scalars())


async def test_staff_are_told_once_of_a_case_and_again_when_it_came_back(office: Office) -> None:
    channel = ScriptedChannel()
    staff = Staff(office, [channel])
    await staff.see(HELD)
    assert [await staff.tell(), await staff.tell()] == [1, 0]
    (alert,) = channel.taken
    assert alert.subject == "[Evenflow] high: held usage file"
    for said in (
        "calls.csv (csv) is held: a gap",
        "What to do:",
        "docs/cases.md#held-usage-file",
        "/console/cases/stc_",
    ):
        assert said in alert.text
    async with office.work() as work:
        await work.staff_cases.close_gone(HELD.kind, set(), office.clock.now())
        await work.staff_cases.see([HELD], office.clock.now())
        await work.commit()
    assert (await staff.tell(), len(channel.taken)) == (1, 2)


async def test_cases_of_one_round_are_one_alert_the_most_urgent_first(office: Office) -> None:
    channel = ScriptedChannel()
    staff = Staff(office, [channel])
    await staff.see(HELD, Cause(kinds.CONFIGURATION_REFUSED, "stripe/EUR", "stripe refuses our key"))
    assert await staff.tell() == 1
    assert channel.taken[0].subject == "[Evenflow] urgent: 2 cases, the first: configuration refused"
    assert [one["kind"] for one in channel.taken[0].cases] == [kinds.CONFIGURATION_REFUSED, HELD.kind]


async def test_what_mends_itself_in_time_calls_nobody_and_what_is_mild_waits_for_the_digest(office: Office) -> None:
    channel = ScriptedChannel()
    staff = Staff(office, [channel])
    await staff.see(Cause(kinds.WORKFLOW_MISSING, "account/vonk/A1", "does not run"), PARKED)
    assert await staff.tell() == 0
    staff.later = timedelta(minutes=21)
    assert await staff.tell() == 1
    assert [one["kind"] for one in channel.taken[0].cases] == [kinds.WORKFLOW_MISSING]
    staff.rules, staff.later = AlertRules(Severity.NORMAL, digest_hour=23), timedelta(minutes=31)
    assert await staff.tell() == 1
    assert [one["kind"] for one in channel.taken[1].cases] == [PARKED.kind]


async def test_the_digest_lists_once_a_day_everything_that_is_not_closed(office: Office) -> None:
    channel = ScriptedChannel()
    staff = Staff(office, [channel], AlertRules(Severity.URGENT, digest_hour=0))
    await staff.see(HELD, PARKED)
    people = StaffCases(office.work, office.clock)
    async with office.work() as work:
        (held,) = await work.staff_cases.lasting(HELD.kind)
    await people.acknowledge(held.case_id, "sanne", "asked the source")
    assert [await staff.tell(), await staff.tell()] == [1, 0]
    digest = channel.taken[0]
    assert digest.subject == "[Evenflow] Daily digest: 2 open cases"
    assert digest.text.splitlines()[0].endswith("1 high, 1 normal.")
    assert "acknowledged" in digest.text
    office.clock.at += timedelta(days=1)
    assert await staff.tell() == 1
    office.clock.at += timedelta(days=1)
    async with office.work() as work:
        for cause in (HELD, PARKED):
            await work.staff_cases.close_gone(cause.kind, set(), office.clock.now())
        await work.commit()
    assert (await staff.tell(), (await staff.statuses())[-1]) == (0, "nothing")


@pytest.mark.parametrize("fault", [VendorBusy("sendgrid"), VendorRefusesUs("sendgrid", "401", "no such key")])
async def test_what_was_certainly_not_taken_is_tried_again(office: Office, fault: Exception) -> None:
    channel = ScriptedChannel([fault, fault])
    staff = Staff(office, [channel])
    await staff.see(HELD)
    assert [await staff.tell() for _ in range(4)] == [0, 0, 1, 0]
    assert (channel.tried, await staff.statuses()) == (3, ["sent"])


@pytest.mark.parametrize(("in_log", "status"), [(True, "sent"), (False, "unknown")])
async def test_what_may_have_been_taken_is_looked_for_and_never_sent_twice(
    office: Office, in_log: bool, status: str
) -> None:
    channel = ScriptedChannel([Unknown("no answer")], in_log=in_log)
    staff = Staff(office, [channel])
    await staff.see(HELD)
    assert (await staff.tell(), await staff.statuses()) == (0, ["sending"])
    staff.later = ANSWERED_WITHIN + timedelta(seconds=1)
    assert (await staff.tell(), await staff.statuses(), channel.tried) == (0, [status], 1)


async def test_a_refused_alert_is_not_tried_again_and_another_address_still_hears(office: Office) -> None:
    refuses, hears = ScriptedChannel([Failed("400", "bad address")]), ScriptedChannel(address="webhook")
    staff = Staff(office, [refuses, hears])
    await staff.see(HELD)
    assert [await staff.tell(), await staff.tell()] == [1, 0]
    assert (refuses.tried, len(hears.taken), sorted(await staff.statuses())) == (1, 1, ["refused", "sent"])


async def test_without_an_address_nothing_is_written(office: Office) -> None:
    staff = Staff(office, [])
    await staff.see(HELD)
    assert (await staff.tell(), await staff.statuses()) == (0, [])


async def test_a_mail_reaches_the_letter_box_by_the_real_client(office: Office, faulty: Simulator) -> None:
    to = f"ops-{faulty.port}@staff.example"
    mails = SendGridMessenger("SG.sim-alerts", "", SendGridCallbacks([]), api_base=f"{faulty.url}/sendgrid")
    staff = Staff(office, [MailboxAlerts(mails, to, "alerts@evenflow.example")])
    await staff.see(HELD)
    assert [await staff.tell(), await staff.tell()] == [1, 0]
    async with httpx.AsyncClient(trust_env=False) as browser:
        answer = await browser.get(f"{faulty.url}/inbox.json", params={"to": to})
    (mail,) = answer.json()["messages"]
    assert "calls.csv (csv) is held: a gap" in mail["text"]


@contextmanager
def a_listener(status: int = 200) -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """A web address that keeps what it was sent."""
    heard: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.append((dict(self.headers), body))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/hook", heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def test_a_web_address_gets_signed_json(office: Office) -> None:
    with a_listener() as (url, heard):
        at = datetime.now(UTC).timestamp()
        staff = Staff(office, [WebhookAlerts(url, "secret", real_time=lambda: at)])
        await staff.see(HELD)
        assert await staff.tell() == 1
    ((headers, body),) = heard
    signed = hmac.new(b"secret", f"{int(at)}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers["X-Evenflow-Signature"] == f"t={int(at)},v1={signed}"
    told = json.loads(body)
    assert (told["alert"], told["cases"][0]["kind"]) == (headers["Idempotency-Key"], HELD.kind)
    assert told["text"].startswith("[Evenflow] high: held usage file\n")


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(429, VendorBusy), (403, VendorRefusesUs), (500, Unknown), (400, Failed), (204, Accepted)],
)
async def test_answers_of_a_web_address(status: int, outcome: type[Any]) -> None:
    with a_listener(status) as (url, _):
        channel = WebhookAlerts(url)
        if issubclass(outcome, Exception):
            with pytest.raises(outcome):
                await channel.send(Alert("a", "s", "t"))
        else:
            assert isinstance(await channel.send(Alert("a", "s", "t")), outcome)
    with pytest.raises(VendorBusy):
        await channel.send(Alert("a", "nobody listens", "t"))
