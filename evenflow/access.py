"""Signing in to the console, put together from the settings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from billing.adapters.access import ArgonPasswords, HttpOpenIdProvider, TimedCodes
from billing.adapters.bank_files.sealing import key_ring_from
from billing.persistence.audit_store import SqlAuditStore
from billing.persistence.session_store import SqlSessionStore
from billing.persistence.tries import SqlTries
from billing.persistence.user_store import SqlUserStore
from billing.services.access import Access
from billing.services.access_rules import AccessRules
from billing.services.console_sessions import ConsoleSessions
from billing.services.openid import OpenIdRules, OpenIdSignIn
from billing.services.operators import Operators
from billing.services.own_access import OwnAccess
from billing.services.signing_in import SigningIn
from evenflow.access_settings import words_of
from evenflow.settings import Settings

BACK = "/console/openid/back"


@dataclass(frozen=True)
class AccessParts:
    """As the container takes them."""

    sessions: ConsoleSessions
    signing_in: SigningIn
    own_access: OwnAccess
    operators: Operators
    openid: OpenIdSignIn | None
    audit: SqlAuditStore


def rules_of(settings: Settings) -> AccessRules:
    """A demo demands no second factor: nobody's phone keeps up with its clock, and it holds nobody's data."""
    access = settings.access
    return AccessRules(
        second_factor_roles=words_of(access.second_factor_roles) if settings.clock.rate == 1 else (),
        idle=timedelta(minutes=access.idle_minutes),
        absolute=timedelta(hours=access.session_hours),
        key_sign_in=access.key_sign_in,
    )


def build_access(settings: Settings, engine: AsyncEngine, access: Access) -> AccessParts:
    """The services of signing in over an engine."""
    rules, users = rules_of(settings), SqlUserStore(engine)
    sessions = ConsoleSessions(SqlSessionStore(engine), users, access, rules)
    passwords, factor = ArgonPasswords(), TimedCodes()
    sealing = key_ring_from(settings.secrets.iban_keys.get_secret_value())
    signing_in = SigningIn(users, sessions, passwords, factor, sealing, SqlTries(engine), rules)
    return AccessParts(
        sessions=sessions,
        signing_in=signing_in,
        own_access=OwnAccess(users, sessions, signing_in, passwords, factor, sealing, rules),
        operators=Operators(users, sessions, signing_in, rules),
        openid=_openid(settings, users, sessions, signing_in),
        audit=SqlAuditStore(engine),
    )


def _openid(
    settings: Settings, users: SqlUserStore, sessions: ConsoleSessions, signing_in: SigningIn
) -> OpenIdSignIn | None:
    oidc = settings.oidc
    if not oidc.issuer or not oidc.client_id:
        return None
    back = settings.public.api_base.rstrip("/") + BACK
    secret = oidc.client_secret.get_secret_value()
    provider = HttpOpenIdProvider(oidc.issuer, oidc.client_id, secret, back, oidc.roles_claim, oidc.scopes)
    rules = OpenIdRules(oidc.label, oidc.roles, oidc.default_role, oidc.makes_users)
    return OpenIdSignIn(provider, users, sessions, signing_in, rules)
