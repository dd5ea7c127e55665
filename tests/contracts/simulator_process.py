"""The simulator as its own process, and a listener for its callbacks; each has a free port and its own directory."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import stripe

ROOT = Path(__file__).resolve().parents[2]
KEY = "sk_test_sim_contracts"
ACCOUNT_SID = "AC00000000000000000000000000000001"
AUTH_TOKEN = "simulator-twilio-token"
WEBHOOK_SECRET = "whsec_simulator"
NETWORK_SECRET = "simulator-network-secret"
RETRIES = "0.1,0.1,0.2,0.5,1,1,1,1,1,1,1,1"


@dataclass
class Callback:
    """One received request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Its body as JSON."""
        return json.loads(self.body)


@dataclass
class Listener:
    """A web server that keeps what it receives; ``answers`` are the statuses it gives first, then always 200."""

    url: str
    received: list[Callback] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    def events(self, object_id: str) -> list[str]:
        """The types of the payment events about an object, as they arrived."""
        return [one["type"] for one in self.payment_events() if _is_about(one, object_id)]

    def payment_events(self) -> list[Any]:
        """All payment events, as they arrived."""
        return [one.json for one in list(self.received) if one.path == "/stripe"]

    def wait_for_event(self, kind: str, object_id: str) -> Any:
        """The payment event of that type about that object."""

        def found() -> Any:
            events = [one for one in self.payment_events() if one["type"] == kind and _is_about(one, object_id)]
            return events[0] if events else None

        return wait_for(found)

    def wait_for_call(self, path: str, fits: Callable[[Callback], bool]) -> Callback:
        """The first callback on a path that fits."""

        def found() -> Callback | None:
            return next((one for one in list(self.received) if one.path == path and fits(one)), None)

        result: Callback = wait_for(found)
        return result


def _is_about(event: Any, object_id: str) -> bool:
    body = event["data"]["object"]
    return object_id in (body["id"], body.get("payment_intent"), body.get("charge"))


def wait_for(found: Callable[[], Any], seconds: float = 20.0) -> Any:
    """What ``found`` gives, once it is there; fails after the time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        result = found()
        if result:
            return result
        time.sleep(0.02)
    raise AssertionError(f"nothing came within {seconds} s")


def start_listener() -> tuple[Listener, ThreadingHTTPServer]:
    """A listener on a free port, and its server to be shut down."""
    kept: list[Listener] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            body = self.rfile.read(length)
            if len(body) < length:
                # The sender was killed while it spoke.
                return
            listener = kept[0]
            listener.received.append(Callback(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(listener.answers.pop(0) if listener.answers else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    kept.append(Listener(f"http://127.0.0.1:{server.server_address[1]}"))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return kept[0], server


class Simulator:
    """A running simulator process."""

    def __init__(self, data_dir: Path, listener: Listener, port: int = 0, arguments: tuple[str, ...] = ()) -> None:
        self.data_dir = data_dir
        self.arguments = arguments
        self.listener = listener
        self.port = port
        self.url = ""
        self.start()

    def start(self) -> None:
        """Start it, also again on the same directory and port."""
        command = [sys.executable, "-m", "simulator", "--port", str(self.port), "--data-dir", str(self.data_dir)]
        command += ["--stripe-webhook-urls", f"{self.listener.url}/stripe"]
        command += ["--sendgrid-webhook-url", f"{self.listener.url}/sendgrid"]
        command += ["--network-webhook-url", f"{self.listener.url}/network"]
        command += ["--twilio-incoming-url", f"{self.listener.url}/incoming"]
        command += ["--webhook-retry-seconds", RETRIES, "--network-confirm-seconds", "0.1"]
        command += ["--message-step-seconds", "0.05", *self.arguments]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().split()[-1]
        self.port = int(self.url.rsplit(":", 1)[1])

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.stop()

    def stop(self) -> None:
        """Stop it and wait."""
        self.process.terminate()
        try:
            self.process.wait(20)
        finally:
            # One that does not end is an error of this test, and no burden to the ones after it.
            self.process.kill()
            self.process.wait()
            if self.process.stdout is not None:
                self.process.stdout.close()

    def control(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        """A call of the control API."""
        answer = httpx.request(method, f"{self.url}/_control{path}", json=body, timeout=20)
        assert answer.status_code == status, answer.text
        return answer.json()

    def fault(self, kind: str, **rule: Any) -> Any:
        """Switch a fault on."""
        return self.control("POST", "/faults", {"kind": kind, **rule})

    def stripe(self, **options: Any) -> stripe.StripeClient:
        """The real client, pointed here; it does not retry by itself."""
        options = {"max_network_retries": 0, **options}
        return stripe.StripeClient(KEY, base_addresses={"api": f"{self.url}/stripe"}, **options)


def a_customer(client: stripe.StripeClient, **details: Any) -> str:
    """A new customer's id."""
    return client.v1.customers.create({"name": "Ann Example", "email": "ann@example.com", **details}).id


def a_card(client: stripe.StripeClient, customer: str, test_id: str = "pm_card_visa") -> str:
    """An attached card's id."""
    return client.v1.payment_methods.attach(test_id, {"customer": customer}).id


def an_account(client: stripe.StripeClient, customer: str, iban: str = "DE89370400440532013000") -> Any:
    """A setup intent that succeeded: a bank account with its mandate."""
    return client.v1.setup_intents.create(
        {
            "customer": customer,
            "payment_method_types": ["sepa_debit"],
            "payment_method_data": {
                "type": "sepa_debit",
                "sepa_debit": {"iban": iban},
                "billing_details": {"name": "Ann Example", "email": "ann@example.com"},
            },
            "mandate_data": {"customer_acceptance": {"type": "offline"}},
            "confirm": True,
            "usage": "off_session",
        }
    )


def collect(client: stripe.StripeClient, customer: str, method: str, key: str | None = None, **more: Any) -> Any:
    """An off-session payment of 42.10 EUR."""
    params: Any = {
        "amount": 4210,
        "currency": "eur",
        "customer": customer,
        "payment_method": method,
        "payment_method_types": ["card", "sepa_debit"],
        "off_session": True,
        "confirm": True,
        "expand": ["latest_charge"],
        **more,
    }
    return client.v1.payment_intents.create(params, {"idempotency_key": key} if key else {})
