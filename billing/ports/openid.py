"""An OpenID Connect provider, as signing in needs it (OpenID Connect Core 1.0, authorization code with PKCE)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from billing.domain.errors import Refusal


class ProviderRefused(Refusal):
    """The provider, or what it answered, does not prove who somebody is."""


@dataclass(frozen=True)
class Person:
    """Whom the provider vouches for; ``roles`` are its words for what they may, before they are mapped.

    An address that it has not verified (``is_verified``) proves nothing about who was invited.
    """

    issuer: str
    subject: str
    email: str
    is_verified: bool
    name: str
    roles: Sequence[str]


class OpenIdProvider(Protocol):
    """The provider's three doors that we use."""

    async def sign_in_address(self, state: str, nonce: str, challenge: str) -> str:
        """Where the browser is sent. Raises ProviderRefused when the provider does not answer."""
        ...

    async def person(self, code: str, verifier: str, nonce: str) -> Person:
        """Exchange the code and check every claim. Raises ProviderRefused."""
        ...
