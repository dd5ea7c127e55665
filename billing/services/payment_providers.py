"""The payment providers in use: one for new payments, and those that earlier attempts were made with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from billing.domain.errors import UnableTo
from billing.ports.payment_provider import PaymentProvider


class UnableToReachProvider(UnableTo):
    """An attempt belongs to a provider that is not set up any more."""


@dataclass(frozen=True)
class PaymentProviders:
    """``chosen`` takes new payments; an attempt stays with the provider it was made with."""

    chosen: PaymentProvider
    earlier: Mapping[str, PaymentProvider] = field(default_factory=dict)

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
