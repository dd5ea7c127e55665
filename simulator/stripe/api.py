"""The door of the payment provider: key, faults, idempotency, then one function per endpoint.

Idempotency as the vendor documents it: a key's first answer is stored in the transaction that made its effects and
replayed for 24 hours of real time; other parameters under the same key are refused (400); a key whose request is still
running is refused (409). Requests refused before they did anything are not stored.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from simulator.config import LIVE_KEY_PREFIXES
from simulator.faults import Fault
from simulator.store import Json, Transaction
from simulator.stripe import (
    charges,
    checkout,
    customers,
    disputes,
    events,
    mandates,
    payment_intents,
    payment_methods,
    refunds,
    setup_intents,
)
from simulator.stripe.lists import expand
from simulator.stripe.wire import Answer, Call, StripeError, fingerprint, parse_form, public, strings
from simulator.world import World, new_id

Endpoint = Callable[[World, Transaction, Call], Answer]

KEY_SECONDS = 24 * 3600
SIMULATOR_KEY_PREFIX = "sk_test_sim"

ENDPOINTS: tuple[tuple[str, str, Endpoint], ...] = (
    ("POST", "/v1/customers", customers.create),
    ("GET", "/v1/customers", customers.list_all),
    ("GET", "/v1/customers/{id}", customers.retrieve),
    ("POST", "/v1/customers/{id}", customers.update),
    ("DELETE", "/v1/customers/{id}", customers.delete),
    ("GET", "/v1/customers/{id}/payment_methods", payment_methods.list_all),
    ("POST", "/v1/payment_methods", payment_methods.create),
    ("GET", "/v1/payment_methods", payment_methods.list_all),
    ("GET", "/v1/payment_methods/{id}", payment_methods.retrieve),
    ("POST", "/v1/payment_methods/{id}", payment_methods.update),
    ("POST", "/v1/payment_methods/{id}/attach", payment_methods.attach),
    ("POST", "/v1/payment_methods/{id}/detach", payment_methods.detach),
    ("POST", "/v1/setup_intents", setup_intents.create),
    ("GET", "/v1/setup_intents", setup_intents.list_all),
    ("GET", "/v1/setup_intents/{id}", setup_intents.retrieve),
    ("POST", "/v1/setup_intents/{id}/confirm", setup_intents.confirm),
    ("POST", "/v1/setup_intents/{id}/cancel", setup_intents.cancel),
    ("GET", "/v1/mandates/{id}", mandates.retrieve),
    ("POST", "/v1/payment_intents", payment_intents.create),
    ("GET", "/v1/payment_intents", payment_intents.list_all),
    ("GET", "/v1/payment_intents/{id}", payment_intents.retrieve),
    ("POST", "/v1/payment_intents/{id}", payment_intents.update),
    ("POST", "/v1/payment_intents/{id}/confirm", payment_intents.confirm),
    ("POST", "/v1/payment_intents/{id}/cancel", payment_intents.cancel),
    ("GET", "/v1/charges", charges.list_all),
    ("GET", "/v1/charges/{id}", charges.retrieve),
    ("POST", "/v1/refunds", refunds.create),
    ("GET", "/v1/refunds", refunds.list_all),
    ("GET", "/v1/refunds/{id}", refunds.retrieve),
    ("GET", "/v1/disputes", disputes.list_all),
    ("GET", "/v1/disputes/{id}", disputes.retrieve),
    ("POST", "/v1/disputes/{id}", disputes.update),
    ("POST", "/v1/disputes/{id}/close", disputes.close),
    ("POST", "/v1/checkout/sessions", checkout.create),
    ("GET", "/v1/checkout/sessions", checkout.list_all),
    ("GET", "/v1/checkout/sessions/{id}", checkout.retrieve),
    ("POST", "/v1/checkout/sessions/{id}/expire", checkout.expire),
    ("GET", "/v1/events", events.list_all),
    ("GET", "/v1/events/{id}", events.retrieve),
    ("GET", "/v1/balance_transactions", charges.list_balance_transactions),
    ("GET", "/v1/balance_transactions/{id}", charges.retrieve_balance_transaction),
)


class StripeDoor:
    """All endpoints under ``/stripe``."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._in_flight: set[str] = set()

    def routes(self) -> list[BaseRoute]:
        """One route per endpoint, and one that names what is unknown."""
        known: list[BaseRoute] = [
            Route(path, self._serve(endpoint), methods=[method]) for method, path, endpoint in ENDPOINTS
        ]
        return [*known, Route("/{rest:path}", _unknown, methods=["GET", "POST", "DELETE"])]

    def _serve(self, endpoint: Endpoint) -> Callable[[Request], object]:
        async def serve(request: Request) -> Response:
            request_id = new_id("req", 14)
            try:
                answer, headers = await self._answer(request, endpoint, request_id)
            except StripeError as refusal:
                answer, headers = Answer(refusal.status, refusal.body), {}
            if answer.status >= 400 and "error" in answer.body:
                answer.body["error"].setdefault(
                    "request_log_url", f"https://dashboard.stripe.com/test/logs/{request_id}"
                )
            headers |= {"request-id": request_id, "stripe-version": events.API_VERSION}
            return Response(json.dumps(public(answer.body)), answer.status, headers, "application/json")

        return serve

    async def _answer(self, request: Request, endpoint: Endpoint, request_id: str) -> tuple[Answer, dict[str, str]]:
        self._check_key(request)
        strikes = await self._strikes(request)
        if "too_many_requests" in strikes:
            raise StripeError("Too many requests hit the API too quickly.", status=429, code="rate_limit")
        if "hang_before" in strikes:
            await asyncio.sleep(strikes["hang_before"].seconds)
        key = request.headers.get("idempotency-key") if request.method == "POST" else None
        if key is None:
            return await self._run(request, endpoint, request_id, None, strikes)
        if key in self._in_flight:
            raise StripeError(
                f"There is currently another in-progress request using this Idempotent Key: {key}.",
                status=409,
                kind="idempotency_error",
                code="idempotency_key_in_use",
            )
        self._in_flight.add(key)
        try:
            result = await self._run(request, endpoint, request_id, key, strikes)
        finally:
            self._in_flight.discard(key)
        return result

    async def _strikes(self, request: Request) -> dict[str, Fault]:
        strikes = self._world.faults.on_request(request.method, request.url.path)
        if strikes:
            await self._world.store.run(lambda tx: tx.keep("faults", self._world.faults.as_json()))
        return strikes

    async def _run(
        self, request: Request, endpoint: Endpoint, request_id: str, key: str | None, strikes: dict[str, Fault]
    ) -> tuple[Answer, dict[str, str]]:
        body = await request.body()
        if "slow" in strikes:
            await asyncio.sleep(strikes["slow"].seconds)
        text = request.url.query if request.method in ("GET", "DELETE") else body.decode()
        call = Call(parse_form(parse_qsl(text, keep_blank_values=True)), dict(request.path_params), request_id, key)
        mark = fingerprint(request.method, request.url.path, body)
        answer, replayed = await self._world.store.run(lambda tx: _once(self._world, tx, endpoint, call, mark, strikes))
        if "hang_after_commit" in strikes and not replayed:
            self._in_flight.discard(key or "")
            await asyncio.sleep(strikes["hang_after_commit"].seconds)
        if key is None:
            return answer, {}
        return answer, {"idempotency-key": key, **({"idempotent-replayed": "true"} if replayed else {})}

    def _check_key(self, request: Request) -> None:
        key = _api_key(request)
        if key.startswith(LIVE_KEY_PREFIXES):
            raise StripeError(
                "A live key was sent to the simulator. Use a simulator key (sk_test_sim...) here, and the live key "
                "only without a simulator address.",
                status=401,
            )
        accepted = self._world.config.stripe_api_keys
        if not (key in accepted if accepted else key.startswith(SIMULATOR_KEY_PREFIX)):
            shown = f"{key[:8]}****{key[-4:]}" if len(key) > 12 else "(none)"
            raise StripeError(f"Invalid API Key provided: {shown}", status=401)


def _once(
    world: World, tx: Transaction, endpoint: Endpoint, call: Call, mark: str, strikes: dict[str, Fault]
) -> tuple[Answer, bool]:
    stored = _stored(tx, call.idempotency_key, mark)
    if stored is not None:
        return stored, True
    if "error_500_before" in strikes:
        answer = _server_error()
        if strikes["error_500_before"].stored:
            _keep(tx, call.idempotency_key, mark, answer)
        return answer, False
    answer = endpoint(world, tx, call)
    if answer.status == 200:
        expand(tx, answer.body, strings(call.params, "expand"))
    answer = Answer(answer.status, public(answer.body))
    if "error_500_after" in strikes:
        failure = _server_error()
        _keep(tx, call.idempotency_key, mark, failure if strikes["error_500_after"].stored else answer)
        return failure, False
    _keep(tx, call.idempotency_key, mark, answer)
    return answer, False


def _stored(tx: Transaction, key: str | None, mark: str) -> Answer | None:
    if key is None:
        return None
    tx.execute("DELETE FROM answers WHERE key = ? AND stored < ?", (key, tx.real_now.timestamp() - KEY_SECONDS))
    row = tx.execute("SELECT fingerprint, status, body FROM answers WHERE key = ?", (key,)).fetchone()
    if row is None:
        return None
    if row[0] != mark:
        raise StripeError(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. "
            f"Try using a key other than '{key}' if you meant to execute a different request.",
            kind="idempotency_error",
        )
    return Answer(int(row[1]), json.loads(row[2]))


def _keep(tx: Transaction, key: str | None, mark: str, answer: Answer) -> None:
    if key is not None:
        tx.execute(
            "INSERT INTO answers VALUES (?, ?, ?, ?, ?)",
            (key, mark, answer.status, json.dumps(answer.body), tx.real_now.timestamp()),
        )


def _server_error() -> Answer:
    error: Json = {"message": "An error occurred on the simulator's side, as asked for.", "type": "api_error"}
    return Answer(500, {"error": error})


def _api_key(request: Request) -> str:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value).decode().partition(":")[0]
        except ValueError:
            return ""
    return value.strip() if scheme.lower() == "bearer" else ""


async def _unknown(request: Request) -> Response:
    message = f"Unrecognized request URL ({request.method}: {request.url.path}); docs/simulator.md lists what is known."
    body = {"error": {"message": message, "type": "invalid_request_error"}}
    return Response(json.dumps(body), 404, media_type="application/json")
