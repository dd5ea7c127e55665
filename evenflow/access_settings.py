"""What can be set about signing in: sessions, for whom a second factor is demanded, and an identity provider."""

from __future__ import annotations

from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator

from billing.services.access import ROLES


def words_of(text: str) -> tuple[str, ...]:
    """What is written with commas."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _known(roles: tuple[str, ...]) -> None:
    wrong = [role for role in roles if role not in ROLES]
    if wrong:
        raise ValueError(f"{wrong[0]} is no role: use {', '.join(ROLES)}")


class AccessSettings(BaseModel):
    """``second_factor_roles`` (with commas) must have a second factor; never in the demo, whose clock is hurried.

    A session ends after ``idle_minutes`` without use, and after ``session_hours`` at the latest. ``key_sign_in`` opens
    the console to API keys as well; turn it off once the first administrator has a password.
    """

    second_factor_roles: str = "finance,admin"
    idle_minutes: int = Field(default=60, ge=5, le=1440)
    session_hours: int = Field(default=12, ge=1, le=168)
    key_sign_in: bool = True

    @field_validator("second_factor_roles")
    @classmethod
    def _are_roles(cls, roles: str) -> str:
        _known(words_of(roles))
        return roles


class OidcSettings(BaseModel):
    """An OpenID Connect provider; off while ``issuer`` is empty.

    Register ``<EVENFLOW_PUBLIC_API_BASE>/console/openid/back`` as the address it sends browsers back to. ``role_map``
    leads from words in its claim ``roles_claim`` to our roles: ``billing-admins=admin,callcenter=agent``.
    ``default_role`` is for people without any of them; empty keeps them out. ``makes_users`` lets people in who were
    not invited.
    """

    issuer: str = ""
    client_id: str = ""
    client_secret: SecretStr = SecretStr("")
    label: str = "Sign in with your organisation"
    roles_claim: str = "groups"
    role_map: str = ""
    default_role: str = ""
    makes_users: bool = False
    scopes: str = "openid email profile"

    @field_validator("issuer")
    @classmethod
    def _is_an_address(cls, issuer: str) -> str:
        address = urlsplit(issuer)
        is_here = address.scheme == "http" and address.hostname in ("127.0.0.1", "localhost")
        if issuer and not (is_here or (address.scheme == "https" and address.hostname)):
            raise ValueError("write it like https://login.example.com, exactly as the provider does")
        return issuer

    @model_validator(mode="after")
    def _leads_to_roles(self) -> Self:
        pairs = [pair.partition("=") for pair in words_of(self.role_map)]
        if any(not word or not role for word, _, role in pairs):
            raise ValueError("EVENFLOW_OIDC_ROLE_MAP is written like billing-admins=admin,callcenter=agent")
        _known(tuple(role for *_, role in pairs) + words_of(self.default_role))
        return self

    @property
    def roles(self) -> dict[str, str]:
        """``role_map`` as one."""
        return {
            word.strip(): role.strip() for word, _, role in (pair.partition("=") for pair in words_of(self.role_map))
        }
