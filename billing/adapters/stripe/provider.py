"""Stripe as a PaymentProvider: cards, SEPA and Bacs debits collected off session.

Retries are made by our process with the same key and not by the SDK (``max_network_retries=0``): each call is then
visible in the history, and a silent second try cannot stretch a time-out. Every call has an explicit time-out.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import stripe

from billing.adapters.stripe import reading
from billing.adapters.stripe.failures import NOT_REFUNDABLE, busy, failed, looking, merchant_fault, refused_method
from billing.adapters.stripe.hosted import StripePages, numbered
from billing.adapters.stripe.methods import StripeMethods
from billing.adapters.stripe.transport import FormClient
from billing.adapters.stripe.webhooks import verified
from billing.messages.payments import MethodKind
from billing.ports.payment_provider import (
    Capabilities,
    CollectCommand,
    Movement,
    Outcome,
    Pending,
    ProviderEvent,
    ProviderPayment,
    Receipt,
    RefundFact,
    Succeeded,
    Unknown,
)

# Stripe: a target_date lies 3 to 15 calendar days ahead; a failure of a SEPA debit may be reported up to 14 banking
# days later, one of a Bacs debit after 4, or after 7 where its mandate is new.
_CAPABILITIES = {
    MethodKind.CARD: Capabilities(MethodKind.CARD, 0, 0, 0),
    MethodKind.SEPA_DEBIT: Capabilities(MethodKind.SEPA_DEBIT, 3, 15, 10),
    MethodKind.BACS_DEBIT: Capabilities(MethodKind.BACS_DEBIT, 3, 15, 10),
}
_LISTED_AT_MOST = 500
_EVENT_PAGE = 100


class StripePayments(StripeMethods, StripePages):
    """All of the PaymentProvider port. ``webhook_secrets`` holds two while a secret is being rotated.

    ``api_base`` is empty for Stripe itself, else the address of a server that speaks its protocol. ``creditor_id`` is
    the SEPA creditor identifier that Stripe collects under for us.
    """

    def __init__(
        self,
        api_key: str,
        webhook_secrets: Sequence[str],
        api_base: str = "",
        timeout_seconds: float = 20.0,
        creditor_id: str = "",
    ) -> None:
        self._transport = FormClient(timeout=timeout_seconds)
        self._client = stripe.StripeClient(
            api_key,
            base_addresses={"api": api_base} if api_base else None,
            max_network_retries=0,
            http_client=self._transport,
        )
        self._webhook_secrets = tuple(webhook_secrets)
        self._creditor_id = creditor_id

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    @property
    def name(self) -> str:
        return "stripe"

    def capabilities(self, kind: MethodKind) -> Capabilities:
        return _CAPABILITIES[kind]

    async def collect(self, command: CollectCommand) -> ProviderPayment:
        """Debit off session: a decline is an outcome; no answer, 409 and 5xx are Unknown; 429 and our errors raise."""
        try:
            intent = await self._client.v1.payment_intents.create_async(
                _intent_params(command), {"idempotency_key": command.idempotency_key}
            )
        except stripe.CardError as error:
            return _declined(error)
        except stripe.RateLimitError as error:
            raise busy(error) from error
        except stripe.InvalidRequestError as error:
            return ProviderPayment(_refused(error))
        except (stripe.AuthenticationError, stripe.PermissionError, stripe.IdempotencyError) as error:
            # The last: this key was used for another debit (books restored from a copy?). A person has to look.
            raise merchant_fault(error) from error
        except stripe.StripeError as error:
            return ProviderPayment(_no_answer(error))
        return reading.payment(intent.to_dict(), [], [])

    async def get(self, reference: str) -> ProviderPayment:
        """The payment as it is now, with refunds and disputes where its charge has any."""
        with looking():
            intent = await self._client.v1.payment_intents.retrieve_async(reference, {"expand": ["latest_charge"]})
            return await self._complete(intent.to_dict())

    async def _complete(self, intent: dict[str, Any]) -> ProviderPayment:
        charge = intent.get("latest_charge") or {}
        refunds, disputes = [], []
        if charge.get("amount_refunded") or charge.get("refunded"):
            page = await self._client.v1.refunds.list_async({"payment_intent": intent["id"], "limit": 100})
            refunds = [one.to_dict() for one in page.data]
        if charge.get("disputed"):
            found = await self._client.v1.disputes.list_async({"payment_intent": intent["id"], "limit": 100})
            disputes = [one.to_dict() for one in found.data]
        return reading.payment(intent, refunds, disputes)

    async def find_by_attempt(self, provider_customer: str, attempt_id: str) -> ProviderPayment | None:
        """List the customer's payments (the search endpoint lags) and take the furthest one of this attempt."""
        found: list[ProviderPayment] = []
        seen = 0
        with looking():
            page = await self._client.v1.payment_intents.list_async({"customer": provider_customer, "limit": 100})
            async for intent in page.auto_paging_iter():
                seen += 1
                if intent.metadata and intent.to_dict()["metadata"].get("attempt_id") == attempt_id:
                    found.append(await self.get(intent.id))
                if seen >= _LISTED_AT_MOST:
                    break
        return max(found, key=lambda one: _rank(one.outcome), default=None)

    async def cancel(self, reference: str) -> ProviderPayment:
        """Withdraw where that is still possible; the answer says how it stands either way."""
        with looking():
            try:
                await self._client.v1.payment_intents.cancel_async(reference)
            except stripe.InvalidRequestError as error:
                if error.code != "payment_intent_unexpected_state":
                    raise
        return await self.get(reference)

    async def refund(self, reference: str, amount_minor: int, refund_id: str, call_number: int = 1) -> RefundFact:
        """Give money back once per ``refund_id``, also when asked again after the key has aged."""
        with looking():
            page = await self._client.v1.refunds.list_async({"payment_intent": reference, "limit": 100})
            for made in page.data:
                fact = reading.refund_fact(made.to_dict())
                if fact.asked_as == refund_id and fact.status != "failed":
                    return fact
            try:
                refund = await self._client.v1.refunds.create_async(
                    {"payment_intent": reference, "amount": amount_minor, "metadata": {"refund_id": refund_id}},
                    {"idempotency_key": numbered(f"refund/{refund_id}", call_number)},
                )
            except stripe.InvalidRequestError as error:
                if error.code not in NOT_REFUNDABLE:
                    raise
                return RefundFact("", amount_minor, "", "failed", refund_id, error.code or "")
        return reading.refund_fact(refund.to_dict())

    def parse_webhook(self, body: bytes, headers: Mapping[str, str]) -> ProviderEvent:
        return reading.event(verified(body, headers, self._webhook_secrets))

    async def list_events(self, since: datetime) -> AsyncIterator[ProviderEvent]:
        """Oldest first, so that a reader that stops half-way can go on from the last one."""
        with looking():
            page = await self._client.v1.events.list_async(
                {"created": {"gte": int(since.timestamp())}, "limit": _EVENT_PAGE}
            )
            bodies = [one.to_dict() async for one in page.auto_paging_iter()]
        for body in reversed(bodies):
            yield reading.event(body)

    async def list_receipts(self, since: datetime, until: datetime) -> AsyncIterator[Receipt]:
        """From the movements of the balance, which are made when money is certain, not when it was asked for."""
        for body in await self._balance(since, until, reading.MONEY_IN):
            yield reading.receipt(body["source"])

    async def list_movements(self, since: datetime, until: datetime) -> AsyncIterator[Movement]:
        """Every movement of the balance that is about a payment, and fees."""
        for body in await self._balance(since, until, reading.MOVEMENTS):
            if (moved := reading.movement(body)) is not None:
                yield moved

    async def _balance(self, since: datetime, until: datetime, types: frozenset[str]) -> list[dict[str, Any]]:
        with looking():
            page = await self._client.v1.balance_transactions.list_async(
                {
                    "created": {"gte": int(since.timestamp()), "lt": int(until.timestamp())},
                    "limit": _EVENT_PAGE,
                    "expand": ["data.source"],
                }
            )
            return [one.to_dict() async for one in page.auto_paging_iter() if one.type in types]


def _intent_params(command: CollectCommand) -> Any:
    params: dict[str, Any] = {
        "amount": command.amount_minor,
        "currency": command.currency.lower(),
        "customer": command.provider_customer,
        "payment_method": command.provider_method,
        "payment_method_types": [command.kind.value],
        "off_session": True,
        "confirm": True,
        "metadata": {
            "account_id": command.account_id,
            "attempt_id": command.attempt_id,
            "invoices": ", ".join(command.invoice_numbers)[:500],
        },
    }
    if command.description:
        params["description"] = command.description
    if command.kind in (MethodKind.SEPA_DEBIT, MethodKind.BACS_DEBIT):
        params |= _debit_params(command)
    return params


def _debit_params(command: CollectCommand) -> dict[str, Any]:
    """The mandate, and the announced date where it lies in the window that Stripe takes; else as soon as it can."""
    params: dict[str, Any] = {"mandate": command.mandate} if command.mandate else {}
    window = _CAPABILITIES[command.kind]
    earliest = command.submitted_on + timedelta(days=window.earliest_submission_days)
    latest = command.submitted_on + timedelta(days=window.latest_submission_days)
    if earliest <= command.due_date <= latest:
        params["payment_method_options"] = {command.kind.value: {"target_date": command.due_date.isoformat()}}
    return params


def _declined(error: stripe.CardError) -> ProviderPayment:
    """The card error carries the payment it failed on."""
    body: Any = error.json_body or {}
    details = body.get("error", {})
    intent = details.get("payment_intent") or {}
    return ProviderPayment(
        failed(details), intent.get("id", ""), reading.identity_of(intent.get("customer")), details_method(details)
    )


def _refused(error: stripe.InvalidRequestError) -> Outcome:
    """A rejected request: about the customer's method, about a date that has passed meanwhile, or our own fault."""
    if "target_date" in (error.param or ""):
        return Unknown("the debit date is too near by now", key_is_spent=True)
    refused = refused_method(error)
    if refused is None:
        raise merchant_fault(error) from error
    return refused


def details_method(details: dict[str, Any]) -> str:
    """The method a decline is about."""
    return reading.identity_of(details.get("payment_method"))


def _no_answer(error: stripe.StripeError) -> Unknown:
    """No answer, a conflict while the same key is running, or a server error, which Stripe replays under its key."""
    status = error.http_status or 0
    return Unknown(f"{type(error).__name__} {status or ''} {error.code or ''}".strip(), key_is_spent=status >= 500)


def _rank(outcome: Outcome) -> int:
    return 2 if isinstance(outcome, Succeeded) else int(isinstance(outcome, Pending))
