"""Customers, stored methods and mandates at Stripe."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import stripe

from billing.adapters.stripe import reading
from billing.adapters.stripe.failures import looking
from billing.domain.errors import UnableTo
from billing.messages.payments import MethodKind
from billing.ports.payment_provider import MethodFacts, ProviderFault


class UnableToStoreMethod(UnableTo):
    """The bank or the provider does not let this method be used for debits without the customer."""


class StripeMethods:
    """The part of the provider that keeps methods."""

    _client: stripe.StripeClient
    _creditor_id: str

    def facts_of(self, method: dict[str, Any], mandate: dict[str, Any] | None) -> MethodFacts:
        """A method with its mandate. Stripe does not say whose SEPA creditor identifier it collects under."""
        facts = reading.method_facts(method, mandate)
        is_ours = facts.kind == MethodKind.SEPA_DEBIT and not facts.creditor_id
        return replace(facts, creditor_id=self._creditor_id) if is_ours else facts

    async def ensure_customer(self, account_id: str, brand: str, name: str, email: str) -> str:
        """A customer that names our account. Asked for once per account: the caller keeps the answer."""
        params: Any = {"name": name, "metadata": {"account_id": account_id, "brand": brand}}
        if email:
            params["email"] = email
        with looking():
            customer = await self._client.v1.customers.create_async(params)
        return customer.id

    async def attach_method(self, provider_customer: str, provider_method: str, accepted_from: str) -> MethodFacts:
        """Set a method up for debits off session; a bank account gets its mandate here.

        Raises UnableToStoreMethod when it is declined or needs the customer on a page.
        """
        try:
            with looking():
                method = await self._client.v1.payment_methods.retrieve_async(provider_method)
                params = _setup_params(provider_customer, method.to_dict(), accepted_from)
                intent = await self._client.v1.setup_intents.create_async(params)
        except ProviderFault as fault:
            if isinstance(fault.__cause__, stripe.CardError):
                raise _unable(provider_method, "The bank declines this card.") from fault
            if isinstance(fault.__cause__, stripe.InvalidRequestError):
                # All else in these requests is constant: what the provider minds is the method.
                raise _unable(provider_method, "The provider does not know this method, or not for us.") from fault
            raise
        body = intent.to_dict()
        if body["status"] != "succeeded":
            raise _unable(provider_method, "The bank asks the customer to confirm this method.")
        return self.facts_of(body["payment_method"], body.get("mandate"))

    async def get_method(self, provider_method: str) -> MethodFacts:
        """A stored method as it is now: banks send new expiry dates and numbers by themselves."""
        with looking():
            method = await self._client.v1.payment_methods.retrieve_async(provider_method)
        return self.facts_of(method.to_dict(), None)

    async def detach_method(self, provider_method: str) -> None:
        """Forget a method at the provider; one that is gone already is no error."""
        try:
            await self._client.v1.payment_methods.detach_async(provider_method)
        except stripe.InvalidRequestError:
            return

    async def get_mandate(self, reference: str) -> MethodFacts:
        """A mandate with its method, as they are now."""
        with looking():
            mandate = await self._client.v1.mandates.retrieve_async(reference, {"expand": ["payment_method"]})
        body = mandate.to_dict()
        return self.facts_of(body["payment_method"], body)


def _setup_params(provider_customer: str, method: dict[str, Any], accepted_from: str) -> Any:
    params: dict[str, Any] = {
        "customer": provider_customer,
        "payment_method": method["id"],
        "payment_method_types": [method["type"]],
        "usage": "off_session",
        "confirm": True,
        "expand": ["payment_method", "mandate"],
    }
    if method["type"] in (MethodKind.SEPA_DEBIT, MethodKind.BACS_DEBIT):
        online = {"ip_address": accepted_from, "user_agent": "self-service"}
        acceptance: dict[str, Any] = {"type": "online", "online": online} if accepted_from else {"type": "offline"}
        params["mandate_data"] = {"customer_acceptance": acceptance}
    return params


def _unable(provider_method: str, why: str) -> UnableToStoreMethod:
    return UnableToStoreMethod(
        why,
        field="provider_method",
        value=provider_method,
        remedy="Open the hosted setup page, where the customer can confirm it or choose another method.",
    )
