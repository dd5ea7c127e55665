"""Signing in at an identity provider: sent there with state, nonce and PKCE, and taken back as a user of ours."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from billing.ports.openid import OpenIdProvider, Person, ProviderRefused
from billing.ports.users import ACTIVE, DISABLED, NewUser, User, UserStore
from billing.services.access import ROLES
from billing.services.access_rules import Whence, real_time
from billing.services.console_sessions import ConsoleSessions
from billing.services.operators import checked_email, checked_name
from billing.services.signing_in import SigningIn


@dataclass(frozen=True)
class OpenIdRules:
    """``role_map`` leads from the provider's words to our roles; the highest that is found counts.

    ``default_role`` is for people without any of them (empty: they stay outside); ``makes_users`` lets people in who
    were not invited before.
    """

    label: str
    role_map: Mapping[str, str]
    default_role: str = ""
    makes_users: bool = False


@dataclass(frozen=True)
class Attempt:
    """What the browser keeps while it is at the provider."""

    state: str
    nonce: str
    verifier: str

    @property
    def challenge(self) -> str:
        """RFC 7636, S256."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()


def new_attempt() -> Attempt:
    return Attempt(secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(48))


class OpenIdSignIn:
    """One provider."""

    def __init__(
        self,
        provider: OpenIdProvider,
        users: UserStore,
        sessions: ConsoleSessions,
        signing_in: SigningIn,
        rules: OpenIdRules,
        now: Callable[[], datetime] = real_time,
    ) -> None:
        self._provider = provider
        self._users = users
        self._sessions = sessions
        self._signing_in = signing_in
        self._rules = rules
        self._now = now

    @property
    def label(self) -> str:
        """What the button on the sign-in page says."""
        return self._rules.label

    async def address(self, attempt: Attempt) -> str:
        """Where the browser is sent. Raises ProviderRefused."""
        return await self._provider.sign_in_address(attempt.state, attempt.nonce, attempt.challenge)

    async def come_back(self, attempt: Attempt, state: str, code: str, whence: Whence) -> tuple[str, User]:
        """The word of an open session, and whose. Raises ProviderRefused."""
        if not attempt.state or not secrets.compare_digest(state.encode(), attempt.state.encode()):
            raise _refused("This answer belongs to another sign-in.")
        person = await self._provider.person(code, attempt.verifier, attempt.nonce)
        user = await self._user_of(person, self._role_of(person))
        return await self._signing_in.by_openid(user, whence), user

    def _role_of(self, person: Person) -> str:
        mapped = [self._rules.role_map[one] for one in person.roles if one in self._rules.role_map]
        role = max(mapped, key=ROLES.index, default=self._rules.default_role)
        if not role:
            raise _refused("The provider gives this person no role here.")
        return role

    async def _user_of(self, person: Person, role: str) -> User:
        """The user that belongs to the person; a role that changed at the provider changes here, and ends sessions."""
        user = await self._users.by_subject(person.issuer, person.subject) or await self._join(person, role)
        if user.status == DISABLED:
            raise _refused("This user is disabled.")
        if user.role != role:
            if not await self._users.change_keeping_an_admin(user.user_id, {"role": role}):
                raise _refused("The provider takes the role from the last administrator.")
            await self._sessions.end_all(user.user_id)
        return await self._known(user.user_id)

    async def _join(self, person: Person, role: str) -> User:
        """Somebody invited before, by the address that the provider has verified; or somebody new."""
        if not person.is_verified:
            raise _refused("The provider has not verified this person's email address.")
        email, name = checked_email(person.email), checked_name(person.name or person.email)
        invited = await self._users.by_email(email)
        if invited is not None and not invited.subject:
            joined = {"issuer": person.issuer, "subject": person.subject}
            values = joined if invited.status == DISABLED else {**joined, "status": ACTIVE}
            await self._users.change(invited.user_id, values)
            return await self._known(invited.user_id)
        if not self._rules.makes_users:
            raise _refused("This person was not invited.")
        added = await self._users.add(
            NewUser(email, name, role, ACTIVE, self._now(), self.label, person.issuer, person.subject)
        )
        if added is None:
            raise _refused("Another person of the provider has this address here.")
        return added

    async def _known(self, user_id: str) -> User:
        user = await self._users.get(user_id)
        assert user is not None
        return user


def _refused(said: str) -> ProviderRefused:
    return ProviderRefused(said, field="openid", remedy="Sign in again, or ask an administrator.")
