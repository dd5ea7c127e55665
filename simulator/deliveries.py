"""Signed callbacks to us: queued in the transaction that made the fact, sent with retries in real time.

The signature is made when the callback is sent, with the time of sending, each vendor in its own way.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx

from simulator.config import SimulatorConfig
from simulator.faults import Faults
from simulator.signatures import Signer
from simulator.store import Json, Store, Transaction

AT_ONCE = 8
REORDER_LIMIT_SECONDS = 10.0


class Deliveries:
    """The outgoing side of every vendor."""

    def __init__(self, config: SimulatorConfig, store: Store, faults: Faults, signer: Signer) -> None:
        self._config = config
        self._store = store
        self._faults = faults
        self._signer = signer
        self._places = asyncio.Semaphore(AT_ONCE)
        self._client = httpx.AsyncClient(timeout=config.webhook_timeout_seconds, trust_env=False)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def queue(self, tx: Transaction, vendor: str, url: str, event_type: str, payload: Any) -> None:
        """Queue one callback; the faults in force decide whether it is lost, late, doubled or overtaken.

        ``payload`` is a form (a flat mapping) for twilio and JSON for all others.
        """
        strikes = self._faults.on_webhook(vendor, event_type)
        wait = strikes["webhook_delay"].seconds if "webhook_delay" in strikes else 0.0
        held = "webhook_reorder" in strikes
        for _ in range(2 if "webhook_duplicate" in strikes else 1):
            delivery = _new_delivery(tx, vendor, url, event_type, payload)
            if "webhook_drop" in strikes:
                delivery["state"] = "dropped"
            else:
                delivery["held"] = held
                due = tx.real_now + timedelta(seconds=max(wait, REORDER_LIMIT_SECONDS) if held else wait)
                delivery["job"] = tx.schedule("deliver", {"delivery": delivery["id"]}, real=due)
            tx.save("delivery", delivery)
        if strikes:
            tx.keep("faults", self._faults.as_json())

    async def attempt(self, job: int, identity: str, attempts: int) -> None:
        """Send one callback once; on anything but a 2xx it is put on the clock again."""
        delivery = await self._store.run(lambda tx: tx.get("delivery", identity))
        if delivery is None:
            await self._store.run(lambda tx: tx.execute("DELETE FROM jobs WHERE id = ?", (job,)).close())
            return
        async with self._places:
            status = await self._send(delivery)
        await self._store.run(lambda tx: self._record(tx, job, identity, attempts + 1, status))

    async def _send(self, delivery: Json) -> int | str:
        content, headers = self._signer.sign(delivery["vendor"], delivery["url"], delivery["payload"])
        try:
            answer = await self._client.post(delivery["url"], content=content, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as problem:
            return f"{type(problem).__name__}: {problem}"[:200]
        return answer.status_code

    def _record(self, tx: Transaction, job: int, identity: str, attempts: int, status: int | str) -> None:
        delivery = tx.get("delivery", identity)
        if delivery is None:
            return
        delivery.update(attempts=attempts, last_answer=status, last_attempt=tx.real_now.isoformat())
        delivered = isinstance(status, int) and 200 <= status < 300
        waits = self._config.webhook_retry_seconds
        if delivered or attempts > len(waits):
            delivery["state"] = "delivered" if delivered else "abandoned"
            tx.execute("DELETE FROM jobs WHERE id = ?", (job,))
        else:
            due = tx.real_now + timedelta(seconds=waits[attempts - 1])
            tx.execute("UPDATE jobs SET attempts = ?, due = ? WHERE id = ?", (attempts, due.timestamp(), job))
        tx.save("delivery", delivery)
        if delivered:
            _release_held(tx, delivery)

    def resend(self, tx: Transaction, identity: str) -> bool:
        """Send a delivery again, whatever became of it. False where it is unknown."""
        delivery = tx.get("delivery", identity)
        if delivery is None:
            return False
        delivery["state"] = "pending"
        delivery["job"] = tx.schedule("deliver", {"delivery": identity})
        tx.save("delivery", delivery)
        return True


Queue = Callable[[Transaction, str, str, str, Any], None]


def _new_delivery(tx: Transaction, vendor: str, url: str, event_type: str, payload: Any) -> Json:
    return {
        "id": f"delivery_{secrets.token_hex(8)}",
        "vendor": vendor,
        "url": url,
        "event_type": event_type,
        "payload": payload if isinstance(payload, str) else json.dumps(payload),
        "created": tx.real_now.isoformat(),
        "state": "pending",
        "attempts": 0,
        "last_answer": None,
        "held": False,
        "job": 0,
    }


def _release_held(tx: Transaction, delivered: Json) -> None:
    """A callback that was to be overtaken goes out once a later one to the same address has arrived."""
    for held in tx.find("delivery", {"url": delivered["url"], "held": True, "state": "pending"}):
        if held["job"] >= delivered["job"]:
            continue
        held["held"] = False
        tx.save("delivery", held)
        tx.execute("UPDATE jobs SET due = ? WHERE id = ?", (tx.real_now.timestamp(), held["job"]))
        tx.scheduled = True
