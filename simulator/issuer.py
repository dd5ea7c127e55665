"""An identity provider: OpenID Connect with the authorization code and PKCE, and tokens that are wrong on demand.

    /openid/.well-known/openid-configuration      what there is
    /openid/authorize                             a page that asks who you are
    /openid/token, /openid/jwks                   the code for a token; the keys it is signed with
    /openid/_control                              POST {"people": [...]}, {"wrong": "nonce"}, {"rotate": true}

Everything is in memory: another start has other keys. ``wrong`` makes the next token wrong in one way: nonce, issuer,
audience, expired, unsigned, foreign_key, symmetric or unverified.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from simulator.doors import answer_json
from simulator.pages import page
from simulator.store import Json

CLIENT_ID, CLIENT_SECRET = "evenflow", "simulated"
SECONDS_GOOD = 300
CODE_SECONDS = 60
PEOPLE: tuple[Json, ...] = (
    {"sub": "p-1", "email": "sanne@vonk.example", "name": "Sanne de Vries", "groups": ["billing-admins"]},
    {"sub": "p-2", "email": "robin@vonk.example", "name": "Robin Smit", "groups": ["callcenter"]},
    {"sub": "p-3", "email": "outsider@elsewhere.example", "name": "Out Sider", "groups": []},
)


@dataclass
class Issuer:
    """One provider at ``address``."""

    address: str
    people: list[Json] = field(default_factory=lambda: [dict(person) for person in PEOPLE])
    wrong: str = ""
    keys: list[RSAKey] = field(default_factory=lambda: [_new_key()])
    codes: dict[str, Json] = field(default_factory=dict)

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/.well-known/openid-configuration", self.describe),
            Route("/authorize", self.ask),
            Route("/chosen", self.choose),
            Route("/token", self.token, methods=["POST"]),
            Route("/jwks", self.jwks),
            Route("/_control", self.control, methods=["POST"]),
        ]

    async def describe(self, request: Request) -> Response:
        described = {
            "issuer": self.address,
            "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token",
            "jwks_uri": f"{self.address}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }
        return answer_json(200, described)

    async def ask(self, request: Request) -> Response:
        """Who are you? A wrong request is told at once, and sends nobody anywhere."""
        asked = dict(request.query_params)
        wrong = _wrong_in(asked)
        if wrong:
            return answer_json(400, {"error": "invalid_request", "error_description": wrong})
        choices = [{**person, "link": f"chosen?{urlencode({**asked, 'sub': person['sub']})}"} for person in self.people]
        return page("identity.html", people=choices, back=_back(asked, error="access_denied"))

    async def choose(self, request: Request) -> Response:
        """Back to the application with a code."""
        asked = dict(request.query_params)
        person = next((one for one in self.people if one["sub"] == asked.get("sub")), None)
        if person is None or _wrong_in(asked):
            return answer_json(400, {"error": "invalid_request"})
        code = secrets.token_urlsafe(24)
        self.codes[code] = {**asked, "person": person, "until": time.time() + CODE_SECONDS}
        return RedirectResponse(_back(asked, code=code), 303)

    async def token(self, request: Request) -> Response:
        """A code is good once, for the client and address it was made for, with the verifier of its challenge."""
        form = await request.form()
        asked = self.codes.pop(str(form.get("code")), None)
        if not _is_our_client(request):
            return answer_json(401, {"error": "invalid_client"})
        hashed = hashlib.sha256(str(form.get("code_verifier")).encode()).digest()
        challenge = base64.urlsafe_b64encode(hashed).rstrip(b"=").decode()
        if (
            asked is None
            or asked["until"] < time.time()
            or asked["redirect_uri"] != form.get("redirect_uri")
            or asked["code_challenge"] != challenge
        ):
            return answer_json(400, {"error": "invalid_grant"})
        wrong, self.wrong = self.wrong, ""
        token = self._signed(_claims(self.address, asked, wrong), wrong)
        return answer_json(200, {"access_token": secrets.token_urlsafe(16), "token_type": "Bearer", "id_token": token})

    def _signed(self, claims: Json, wrong: str) -> str:
        if wrong == "unsigned":
            return f"{_encoded({'alg': 'none'})}.{_encoded(claims)}."
        if wrong == "symmetric":  # the public key taken for a secret: the oldest trick with tokens
            key = OctKey.import_key(json.dumps(self.keys[-1].as_dict(private=False)))
            return str(jwt.encode({"alg": "HS256", "kid": self.keys[-1].kid}, claims, key, algorithms=["HS256"]))
        signing = _new_key() if wrong == "foreign_key" else self.keys[-1]
        return str(jwt.encode({"alg": "RS256", "kid": signing.kid}, claims, signing))

    async def jwks(self, request: Request) -> Response:
        return answer_json(200, {"keys": [dict(key.as_dict(private=False)) for key in self.keys]})

    async def control(self, request: Request) -> Response:
        """Who there is, what goes wrong next, and a new key in the place of the old one."""
        said = await request.json()
        self.people = said.get("people", self.people)
        self.wrong = said.get("wrong", self.wrong)
        if said.get("rotate"):
            self.keys = [_new_key()]
        return answer_json(200, {"people": len(self.people), "wrong": self.wrong, "keys": len(self.keys)})


def _claims(address: str, asked: Json, wrong: str) -> Json:
    now = int(time.time()) - (2 * SECONDS_GOOD if wrong == "expired" else 0)
    return {
        **asked["person"],
        "iss": "https://another.example" if wrong == "issuer" else address,
        "aud": "another-application" if wrong == "audience" else CLIENT_ID,
        "nonce": "another" if wrong == "nonce" else asked["nonce"],
        "email_verified": wrong != "unverified",
        "iat": now,
        "exp": now + SECONDS_GOOD,
    }


def _wrong_in(asked: dict[str, Any]) -> str:
    """What a request to sign in lacks; empty when nothing does."""
    needed = ("redirect_uri", "state", "nonce", "code_challenge")
    missing = [name for name in needed if not asked.get(name)]
    if missing:
        return f"{missing[0]} is missing"
    told = {"response_type": "code", "client_id": CLIENT_ID, "code_challenge_method": "S256"}
    return next((f"{name} must be {value}" for name, value in told.items() if asked.get(name) != value), "")


def _back(asked: dict[str, Any], **said: str) -> str:
    return f"{asked['redirect_uri']}?{urlencode({**said, 'state': asked['state']})}"


def _is_our_client(request: Request) -> bool:
    expected = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
    return request.headers.get("authorization") == f"Basic {expected}"


def _new_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, private=True, auto_kid=True)


def _encoded(part: Json) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
