"""The customer's word about WhatsApp at the door, and what they write to us by a signed webhook."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from twilio.request_validator import RequestValidator

from billing.persistence.unit_of_work import SqlUnitOfWork
from tests.builders import an_account
from tests.doors.console_data import FULL_ACCOUNT, fill
from tests.doors.doors_world import DOOR, DoorsWorld, a_doors_world

ADDRESS = f"/v1/accounts/{FULL_ACCOUNT}/whatsapp"
SAID = {"opted_in": True, "reason": "Ticked the box when ordering"}


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[DoorsWorld]:
    async with a_doors_world(database_url) as made:
        work = made.container.make_work()
        assert isinstance(work, SqlUnitOfWork)
        async with work:
            await fill(work, accounts=1)
        yield made


async def writes(world: DoorsWorld, word: str, token: str = "token") -> httpx.Response:
    form = {"From": f"whatsapp:{an_account()['mobile']}", "Body": word, "MessageSid": "SM1"}
    signature = RequestValidator(token).compute_signature(f"{DOOR}/webhooks/twilio/incoming", form)
    return await world.client.post("/webhooks/twilio/incoming", data=form, headers={"X-Twilio-Signature": signature})


async def test_a_customers_word_is_kept_with_who_wrote_it_down_and_why(world: DoorsWorld) -> None:
    assert (await world.get(ADDRESS)).json()["opted_in"] is False
    decided = await world.client.put(ADDRESS, json=SAID)
    assert (decided.status_code, decided.json()["opted_in"]) == (200, True)
    assert (await world.get(ADDRESS)).json() == decided.json()
    entries = (await world.get(f"/v1/accounts/{FULL_ACCOUNT}/timeline")).json()
    (entry,) = [one for one in entries if one["kind"] == "whatsapp"]
    assert (entry["actor"], entry["reason"]) == ("admin", {"reason": SAID["reason"]})


async def test_stop_by_message_ends_it_and_a_forged_one_changes_nothing(world: DoorsWorld) -> None:
    await world.client.put(ADDRESS, json=SAID)
    assert (await writes(world, "STOP", token="guess")).status_code == 400
    assert (await world.get(ADDRESS)).json()["opted_in"] is True
    assert (await writes(world, "STOP")).status_code == 204
    told = (await world.get(ADDRESS)).json()
    assert (told["opted_in"], told["heard_at"] is not None) == (False, True)


async def test_a_reason_is_needed_and_a_viewer_may_only_look(world: DoorsWorld) -> None:
    refused = await world.client.put(ADDRESS, json={"opted_in": True, "reason": ""})
    assert (refused.status_code, refused.json()["field"]) == (422, "body.reason")
    viewer = {"X-API-Key": world.keys["viewer"]}
    assert (await world.client.put(ADDRESS, json=SAID, headers=viewer)).status_code == 403
    assert (await world.client.get(ADDRESS, headers=viewer)).status_code == 200
