"""Stripe's hosted pages: pay one amount, or leave a method for later."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import stripe

from billing.adapters.stripe import reading
from billing.adapters.stripe.failures import looking
from billing.domain.errors import NotFound
from billing.messages.payments import MethodKind
from billing.ports.payment_provider import (
    ActionRequired,
    Cancelled,
    HostedPage,
    MethodFacts,
    PaySessionCommand,
    ProviderPayment,
    Unknown,
)

_BANK_DEBITS = {"EUR": (MethodKind.SEPA_DEBIT,), "GBP": (MethodKind.BACS_DEBIT,)}


def kinds_for(currency: str) -> tuple[MethodKind, ...]:
    """What Stripe can debit in a currency."""
    return (MethodKind.CARD, *_BANK_DEBITS.get(currency, ()))


def numbered(key: str, call_number: int) -> str:
    """An idempotency key for a call that is made anew: Stripe replays a server error under its key for a day."""
    return key if call_number == 1 else f"{key}/{call_number}"


class StripePages:
    """The part of the provider that sends customers to its pages."""

    _client: stripe.StripeClient

    async def get(self, reference: str) -> ProviderPayment:
        raise NotImplementedError

    def facts_of(self, method: dict[str, Any], mandate: dict[str, Any] | None) -> MethodFacts:
        raise NotImplementedError

    async def open_pay_session(self, command: PaySessionCommand) -> HostedPage:
        """A page for one amount; the same page again for the same attempt, amount and call."""
        key = numbered(f"session/{command.attempt_id}/{command.amount_minor}", command.call_number)
        with looking():
            session = await self._client.v1.checkout.sessions.create_async(
                _session_params(command), {"idempotency_key": key}
            )
        return HostedPage(session.id, session.url or "")

    async def pay_session(self, reference: str) -> ProviderPayment:
        """Where the payment behind a page stands."""
        with looking():
            session = await self._client.v1.checkout.sessions.retrieve_async(reference)
        return await self._payment_of(session.to_dict())

    async def close_pay_session(self, reference: str) -> ProviderPayment:
        """Expire an open page; when the customer was faster, the answer is the payment."""
        with looking():
            session = await self._client.v1.checkout.sessions.retrieve_async(reference)
            if session.status == "open":
                try:
                    session = await self._client.v1.checkout.sessions.expire_async(reference)
                except stripe.InvalidRequestError:
                    # Paid or expired between the two calls.
                    session = await self._client.v1.checkout.sessions.retrieve_async(reference)
        return await self._payment_of(session.to_dict())

    async def _payment_of(self, session: dict[str, Any]) -> ProviderPayment:
        intent = reading.identity_of(session.get("payment_intent"))
        customer = reading.identity_of(session.get("customer"))
        if session["status"] == "open":
            return ProviderPayment(ActionRequired("open"), intent, customer)
        if session["status"] == "expired":
            return ProviderPayment(Cancelled(), intent, customer)
        return await self.get(intent) if intent else ProviderPayment(Unknown("a finished page without a payment"))

    def kinds_for(self, currency: str) -> tuple[MethodKind, ...]:
        """Cards everywhere; bank debits where the currency has a scheme."""
        return kinds_for(currency)

    async def start_method_setup(
        self,
        account_id: str,
        provider_customer: str,
        currency: str,
        return_url: str,
        cancel_url: str,
        kinds: tuple[MethodKind, ...] = (),
        locale: str = "",
        acceptance_id: str = "",
    ) -> HostedPage:
        """A page on which the customer leaves a card or signs a mandate."""
        metadata = {"account_id": account_id} | ({"acceptance_id": acceptance_id} if acceptance_id else {})
        params: Any = {
            "mode": "setup",
            "customer": provider_customer,
            "currency": currency.lower(),
            "payment_method_types": [kind.value for kind in kinds or self.kinds_for(currency)],
            "success_url": return_url,
            "cancel_url": cancel_url,
            "metadata": metadata,
            "setup_intent_data": {"metadata": metadata},
        } | ({"locale": locale} if locale else {})
        with looking():
            session = await self._client.v1.checkout.sessions.create_async(params)
        return HostedPage(session.id, session.url or "")

    async def finished_setup(self, reference: str) -> MethodFacts | None:
        """The method left on a setup page (``cs_...``) or by a setup intent (``seti_...``). Raises NotFound."""
        with looking(), _known(reference):
            if reference.startswith("cs_"):
                session = await self._client.v1.checkout.sessions.retrieve_async(reference)
                reference = reading.identity_of(session.to_dict().get("setup_intent"))
            intent = await self._client.v1.setup_intents.retrieve_async(
                reference, {"expand": ["payment_method", "mandate"]}
            )
        body = intent.to_dict()
        if body["status"] != "succeeded":
            return None
        facts = self.facts_of(body["payment_method"], body.get("mandate"))
        return replace(facts, acceptance_id=(body.get("metadata") or {}).get("acceptance_id", ""))


@contextmanager
def _known(reference: str) -> Iterator[None]:
    """A reference the provider has never given out is the caller's mistake and not our configuration's."""
    try:
        yield
    except stripe.InvalidRequestError as error:
        if error.code != "resource_missing":
            raise
        remedy = "Use the reference answered when the page was opened."
        raise NotFound("There is no such setup page.", field="reference", value=reference, remedy=remedy) from error


def _session_params(command: PaySessionCommand) -> Any:
    metadata = {
        "account_id": command.account_id,
        "attempt_id": command.attempt_id,
        "invoices": ", ".join(command.invoice_numbers)[:500],
    }
    price = {
        "currency": command.currency.lower(),
        "unit_amount": command.amount_minor,
        "product_data": {"name": command.purpose},
    }
    params = {
        "mode": "payment",
        "customer": command.provider_customer,
        "client_reference_id": command.attempt_id,
        "line_items": [{"quantity": 1, "price_data": price}],
        "payment_method_types": [kind.value for kind in kinds_for(command.currency)],
        "payment_intent_data": {"metadata": metadata, "description": command.purpose},
        "metadata": metadata,
        "success_url": command.return_url,
        "cancel_url": command.cancel_url,
    }
    return params | ({"locale": command.locale} if command.locale else {})
