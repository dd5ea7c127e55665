"""The payment providers in use: one for new payments, and those that earlier attempts were made with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from billing.domain.errors import UnableTo
from billing.messages.payments import MethodKind
from billing.ports.payment_provider import PaymentProvider


class UnableToStoreMethod(UnableTo):
    """A new method belongs to another provider by the installation's choice."""


class UnableToReachProvider(UnableTo):
    """An attempt belongs to a provider that is not set up any more."""


@dataclass(frozen=True)
class PaymentProviders:
    """``chosen`` takes new cards and pages; a stored method, and an attempt, stay with their own provider.

    ``sepa_debit`` names the one provider of bank accounts stored from now on; empty: each takes those given to it.
    """

    chosen: PaymentProvider
    earlier: Mapping[str, PaymentProvider] = field(default_factory=dict)
    sepa_debit: str = ""

    def refuse_new(self, kind: MethodKind) -> None:
        """Raises UnableToStoreMethod for a bank account that another provider than the chosen one is to debit."""
        if kind != MethodKind.SEPA_DEBIT or self.sepa_debit in ("", self.chosen.name):
            return
        raise UnableToStoreMethod(
            f"Bank accounts are stored with {self.sepa_debit}.",
            field="provider_method",
            value=kind,
            remedy="POST /v1/accounts/{account_id}/bank-mandates stores an IBAN with its mandate.",
        )

    def of(self, name: str) -> PaymentProvider:
        """The provider of that name."""
        if name == self.chosen.name:
            return self.chosen
        if name in self.earlier:
            return self.earlier[name]
        raise UnableToReachProvider(
            f"The payment provider {name} is not set up.",
            field="provider",
            value=name,
            remedy="Set its key until every attempt made with it is settled.",
        )
