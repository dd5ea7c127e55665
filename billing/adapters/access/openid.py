"""An OpenID Connect provider over HTTP: discovery, the code for a token (PKCE), and every claim of the token checked.

Only asymmetric signatures are taken. The provider's keys are kept and read again when a token names one that is not
among them, at most once in ten seconds, so that keys may change at any time and wrong tokens cost the provider nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from billing.ports.openid import Person, ProviderRefused

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]
TIMEOUT_SECONDS = 10.0
LEEWAY_SECONDS = 60
METADATA_SECONDS = 3600.0
KEYS_AGAIN_SECONDS = 10.0
SCOPES = "openid email profile"
NEEDED = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")


class HttpOpenIdProvider:
    """``issuer`` exactly as the provider writes it; ``back`` is our own address that it sends browsers to."""

    def __init__(
        self,
        issuer: str,
        client_id: str,
        client_secret: str,
        back: str,
        roles_claim: str = "groups",
        scopes: str = SCOPES,
        real_time: Callable[[], float] = time.time,
    ) -> None:
        self._issuer = issuer
        self._client_id = client_id
        self._client_secret = client_secret
        self._back = back
        self._roles_claim = roles_claim
        self._scopes = scopes
        self._real_time = real_time
        self._metadata: dict[str, Any] = {}
        self._metadata_read_at = 0.0
        self._keys: KeySet | None = None
        self._keys_read_at = 0.0

    async def sign_in_address(self, state: str, nonce: str, challenge: str) -> str:
        asked = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": self._back,
            "scope": self._scopes,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        address = str((await self._described())["authorization_endpoint"])
        return f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}"

    async def person(self, code: str, verifier: str, nonce: str) -> Person:
        described = await self._described()
        asked = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._back,
            "client_id": self._client_id,
            "code_verifier": verifier,
        }
        basic = httpx.BasicAuth(self._client_id, self._client_secret) if self._client_secret else None
        answer = await _asked("POST", str(described["token_endpoint"]), data=asked, auth=basic)
        token = answer.get("id_token")
        if not isinstance(token, str) or len(token) > 20_000:
            raise _refused("The provider answered without a token of identity.")
        return self._person_of(await self._checked(token, nonce))

    async def _checked(self, token: str, nonce: str) -> Mapping[str, Any]:
        """The claims of a token that is signed by the provider, for us, now, and for this sign-in."""
        claims = await self._opened(token)
        registry = jwt.JWTClaimsRegistry(
            now=int(self._real_time()),
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": self._client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            registry.validate(dict(claims))
        except (JoseError, ValueError) as error:
            raise _refused(f"The provider's token is not for this sign-in: {error}") from None
        audience = claims["aud"]
        if isinstance(audience, list) and len(audience) > 1 and claims.get("azp") != self._client_id:
            raise _refused("The provider's token was made for another application.")
        return claims

    async def _opened(self, token: str) -> Mapping[str, Any]:
        """The claims, whose signature is one of the provider's."""
        keys = self._keys or await self._read_keys()
        claims = _claims(token, keys)
        if claims is None and self._real_time() - self._keys_read_at >= KEYS_AGAIN_SECONDS:
            claims = _claims(token, await self._read_keys())
        if claims is None:
            raise _refused("The provider's token is not signed as it must be.")
        return claims

    async def _read_keys(self) -> KeySet:
        self._keys_read_at = self._real_time()
        read = await _asked("GET", str((await self._described())["jwks_uri"]))
        try:
            signing = [key for key in read["keys"] if key.get("use", "sig") == "sig" and key.get("kty") != "oct"]
            self._keys = KeySet.import_key_set({"keys": signing})
            return self._keys
        except (JoseError, ValueError, KeyError, TypeError, AttributeError):
            raise _refused("The provider's keys cannot be read.") from None

    async def _described(self) -> Mapping[str, Any]:
        """The provider's description of itself, kept for an hour."""
        if self._metadata and self._real_time() - self._metadata_read_at < METADATA_SECONDS:
            return self._metadata
        read = await _asked("GET", f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
        missing = [name for name in NEEDED if not isinstance(read.get(name), str)]
        if missing:
            raise _refused(f"The provider's description lacks {', '.join(missing)}.")
        if read["issuer"] != self._issuer:
            raise _refused("The provider calls itself by another name than EVENFLOW_OIDC_ISSUER.")
        self._metadata, self._metadata_read_at = read, self._real_time()
        return read

    def _person_of(self, claims: Mapping[str, Any]) -> Person:
        said = claims.get(self._roles_claim, [])
        roles = [said] if isinstance(said, str) else [one for one in said if isinstance(one, str)]
        email = str(claims.get("email", ""))
        name = str(claims.get("name") or email)[:100]
        is_verified = claims.get("email_verified") in (True, "true")
        return Person(self._issuer, str(claims["sub"])[:255], email, is_verified, name, roles)


def _claims(token: str, keys: KeySet) -> Mapping[str, Any] | None:
    """What is signed with one of these keys; None for anything else."""
    try:
        return dict(jwt.decode(token, keys, algorithms=ALGORITHMS).claims)
    except (JoseError, ValueError):
        return None


async def _asked(method: str, address: str, **more: Any) -> dict[str, Any]:
    """One JSON object from the provider. Raises ProviderRefused for anything else; what it said is not repeated."""
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False) as client:
            answer = await client.request(method, address, headers={"Accept": "application/json"}, **more)
        read = answer.json() if answer.status_code == httpx.codes.OK else None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        read = None
    if not isinstance(read, dict):
        raise _refused("The identity provider did not answer as it should.")
    return read


def _refused(said: str) -> ProviderRefused:
    return ProviderRefused(said, field="openid", remedy="Sign in again, or ask an administrator.")
