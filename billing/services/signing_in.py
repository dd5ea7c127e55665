"""How somebody proves who they are: a password, then a code of the second factor or a recovery code.

A wrong password, a person there is not and one who is disabled are answered alike and take as long. Every try counts
for its address and for the person it names, before it is looked at, so that tries at the same moment are not free.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from billing.ports.users import (
    ACTIVE,
    BY_OPENID,
    BY_PASSWORD,
    CODE,
    ENROLMENT,
    OPEN,
    PasswordHashing,
    Sealing,
    SecondFactor,
    Tries,
    User,
    UserStore,
)
from billing.services.access import hash_of
from billing.services.access_rules import (
    TRIES_OF_ADDRESS,
    TRIES_OF_PERSON,
    AccessRules,
    NotRecognised,
    Whence,
    real_time,
    too_many,
)
from billing.services.console_sessions import ConsoleSessions, SignedIn


class SigningIn:
    """One step of it per method; each answers the word of a session."""

    def __init__(
        self,
        users: UserStore,
        sessions: ConsoleSessions,
        passwords: PasswordHashing,
        factor: SecondFactor,
        sealing: Sealing,
        tries: Tries,
        rules: AccessRules,
        now: Callable[[], datetime] = real_time,
    ) -> None:
        self._users = users
        self._sessions = sessions
        self._passwords = passwords
        self._factor = factor
        self._sealing = sealing
        self._tries = tries
        self._rules = rules
        self._now = now

    async def by_password(self, email: str, password: str, whence: Whence) -> str:
        """A session, open or with a code to come. Raises NotRecognised and TooManyTries."""
        email = email.strip().lower()
        await self.count_try(email, whence.address)
        user = await self._users.by_email(email)
        # A hash takes its time, on purpose: other pages are answered meanwhile.
        is_right = await asyncio.to_thread(self._passwords.matches, user.password_hash if user else "", password)
        if user is None or not is_right or user.status != ACTIVE:
            raise NotRecognised(
                "This address and this password do not belong together.",
                field="password",
                remedy="Try again, or ask an administrator for a link to set a new password.",
            )
        if self._passwords.is_outdated(user.password_hash):
            renewed = await asyncio.to_thread(self._passwords.hash, password)
            await self._users.change(user.user_id, {"password_hash": renewed})
        if not user.has_factor:
            await self.forget_tries(email)
        return await self._open(user, BY_PASSWORD, self.stage_of(user), whence)

    def stage_of(self, user: User) -> str:
        """What is still to come after the password."""
        if user.has_factor:
            return CODE
        return ENROLMENT if user.role in self._rules.second_factor_roles else OPEN

    async def by_key(self, key: str, whence: Whence) -> str:
        """An open session for an API key. Raises NotRecognised and TooManyTries."""
        if not await self._tries.count(TRIES_OF_ADDRESS, "address", whence.address):
            raise too_many()
        word = await self._sessions.open_for_key(key, whence)
        if word is None:
            raise NotRecognised("This key is not known or was revoked.", field="key", remedy="Use another key.")
        return word

    async def by_openid(self, user: User, whence: Whence) -> str:
        """An open session for whom the provider vouches; the second factor is the provider's to ask for."""
        return await self._open(user, BY_OPENID, OPEN, whence)

    async def by_code(self, signed_in: SignedIn, code: str) -> str:
        """The open session after a code of the app, or a recovery code. Raises NotRecognised and TooManyTries."""
        user = signed_in.user
        assert user is not None
        await self.count_try(user.email, signed_in.session.address)
        if not await self.is_right_code(user, code):
            raise NotRecognised(
                "This code is wrong, or was used before.",
                field="code",
                remedy="Wait for the next code of the app, or use a recovery code.",
            )
        await self.forget_tries(user.email)
        return await self._sessions.advance(signed_in, OPEN)

    async def is_right_code(self, user: User, code: str) -> bool:
        """Takes the code: it counts once."""
        code = "".join(code.split()).lower()
        if user.factor_sealed is None or not user.has_factor:
            return False
        secret = self._sealing.open(user.factor_sealed, factor_context(user.user_id)).decode()
        step = self._factor.step_of(secret, code, self._now()) if len(code) == 6 else None
        if step is not None:
            return await self._users.take_step(user.user_id, step)
        return await self._users.take_code(user.user_id, hash_of(code), self._now())

    async def count_try(self, email: str, address: str) -> None:
        """Raises TooManyTries for an address or a person over the limit."""
        if not await self._tries.count(TRIES_OF_ADDRESS, "address", address):
            raise too_many()
        if not await self._tries.count(TRIES_OF_PERSON, "person", email):
            raise too_many()

    async def forget_tries(self, email: str) -> None:
        """After a success, or to unlock somebody."""
        await self._tries.forget(TRIES_OF_PERSON, "person", email)

    async def is_locked(self, email: str) -> bool:
        """Whether there were so many tries that nothing is looked at for now."""
        return await self._tries.is_over(TRIES_OF_PERSON, "person", email)

    async def _open(self, user: User, signed_in_by: str, stage: str, whence: Whence) -> str:
        await self._users.change(user.user_id, {"last_seen_at": self._now()})
        return await self._sessions.open_for_user(user, signed_in_by, stage, whence)


def factor_context(user_id: str) -> str:
    """What a sealed secret is bound to: moved to another user it does not open."""
    return f"second factor of {user_id}"
