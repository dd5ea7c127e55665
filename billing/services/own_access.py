"""What people change about their own way in: the password by a link or by the old one, and the second factor."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.domain.errors import InvalidValue, NotFound, UnableTo
from billing.domain.passwords import checked_length, refuse_known_words
from billing.ports.bank_file_writing import SealBroken
from billing.ports.users import (
    ACTIVE,
    DISABLED,
    OPEN,
    PasswordHashing,
    Sealing,
    SecondFactor,
    User,
    UserStore,
)
from billing.services.access import hash_of
from billing.services.access_rules import AccessRules, NotRecognised, Whence, real_time
from billing.services.console_sessions import ConsoleSessions, SignedIn
from billing.services.signing_in import SigningIn, factor_context

RECOVERY_CODES = 10


@dataclass(frozen=True)
class Enrolment:
    """A second factor that is being set up: the picture for the app, and the same to type."""

    secret: str
    picture: str


class OwnAccess:
    """Everything here is done by the person it is about."""

    def __init__(
        self,
        users: UserStore,
        sessions: ConsoleSessions,
        signing_in: SigningIn,
        passwords: PasswordHashing,
        factor: SecondFactor,
        sealing: Sealing,
        rules: AccessRules,
        now: Callable[[], datetime] = real_time,
    ) -> None:
        self._users = users
        self._sessions = sessions
        self._signing_in = signing_in
        self._passwords = passwords
        self._factor = factor
        self._sealing = sealing
        self._rules = rules
        self._now = now

    async def user_of_link(self, word: str) -> tuple[User, str]:
        """Whose link this is, and what for. Raises NotFound for one that was used, is over, or never was."""
        link = await self._users.link(hash_of(word))
        user = await self._users.get(link.user_id) if link is not None else None
        if link is None or user is None or user.status == DISABLED:
            raise _no_link()
        if link.used_at is not None or link.expires_at <= self._now():
            raise _no_link()
        return user, link.purpose

    async def set_password_by_link(self, word: str, password: str, whence: Whence) -> str:
        """Set it, end every session there was, and answer a fresh one. Raises NotFound and InvalidValue."""
        user, _ = await self.user_of_link(word)
        values = await asyncio.to_thread(self._checked, user, password) | {"status": ACTIVE}
        if await self._users.use_link(hash_of(word), self._now(), values) is None:
            raise _no_link()
        await self._sessions.end_all(user.user_id)
        await self._signing_in.forget_tries(user.email)
        return await self._signing_in.by_password(user.email, password, whence)

    async def change_password(self, signed_in: SignedIn, old: str, new: str) -> None:
        """Set a new one, and end the other sessions. Raises InvalidValue, NotRecognised and TooManyTries."""
        user = _person(signed_in)
        await self._signing_in.count_try(user.email, signed_in.session.address)
        if not await asyncio.to_thread(self._passwords.matches, user.password_hash, old):
            raise NotRecognised("This is not your password.", field="old", remedy="Write the one you signed in with.")
        await self._signing_in.forget_tries(user.email)
        await self._users.change(user.user_id, await asyncio.to_thread(self._checked, user, new))
        await self._sessions.end_all(user.user_id, but=signed_in.session)

    async def begin_enrolment(self, signed_in: SignedIn) -> Enrolment:
        """The secret of a second factor; the same one until it is confirmed. Raises UnableTo when one is in use."""
        user = _person(signed_in)
        if user.has_factor:
            raise UnableTo("You have a second factor already.", field="code", remedy="Take it off first.")
        if user.factor_sealed is not None:
            secret = self._sealing.open(user.factor_sealed, factor_context(user.user_id)).decode()
        else:
            secret = self._factor.new_secret()
            sealed = self._sealed(secret, user)
            await self._users.change(user.user_id, {"factor_sealed": sealed})
        return Enrolment(secret, self._factor.picture(self._factor.address(secret, user.email)))

    def _sealed(self, secret: str, user: User) -> bytes:
        try:
            return self._sealing.seal(secret.encode(), factor_context(user.user_id))
        except SealBroken:
            raise UnableTo(
                "This installation has no key to keep second factors with.",
                field="EVENFLOW_SECRETS_IBAN_KEYS",
                remedy="Set it, as docs/access.md says, and start again.",
            ) from None

    async def confirm_enrolment(self, signed_in: SignedIn, code: str) -> tuple[str, Sequence[str]]:
        """The second factor is in use from now on: the word of an open session, and the recovery codes."""
        user = _person(signed_in)
        await self._signing_in.count_try(user.email, signed_in.session.address)
        secret = (await self.begin_enrolment(signed_in)).secret
        step = self._factor.step_of(secret, "".join(code.split()), self._now())
        if step is None or not await self._users.take_step(user.user_id, step):
            raise NotRecognised(
                "This is not the code that the app shows now.", field="code", remedy="Write the six digits it shows."
            )
        await self._users.change(user.user_id, {"factor_confirmed_at": self._now()})
        await self._signing_in.forget_tries(user.email)
        await self._sessions.end_all(user.user_id, but=signed_in.session)
        codes = await self.new_recovery_codes(user)
        return await self._sessions.advance(signed_in, OPEN), codes

    async def new_recovery_codes(self, user: User) -> Sequence[str]:
        """Ten codes that each sign in once; those of before are worth nothing any more."""
        codes = [f"{secrets.token_hex(3)}-{secrets.token_hex(3)}" for _ in range(RECOVERY_CODES)]
        await self._users.replace_codes(user.user_id, [hash_of(code) for code in codes])
        return codes

    async def renew_recovery_codes(self, signed_in: SignedIn, code: str) -> Sequence[str]:
        """Fresh codes after a code of the app. Raises NotRecognised and TooManyTries."""
        user = await self._proven(signed_in, code)
        return await self.new_recovery_codes(user)

    async def remove_factor(self, signed_in: SignedIn, code: str) -> None:
        """Go on without. Raises UnableTo where the role demands it, NotRecognised and TooManyTries."""
        user = _person(signed_in)
        if user.role in self._rules.second_factor_roles:
            raise UnableTo(
                f"The role {user.role} needs a second factor.",
                field="code",
                remedy="Ask an administrator to reset it when you change the app.",
            )
        await self._proven(signed_in, code)
        await self._users.change(user.user_id, {"factor_sealed": None, "factor_confirmed_at": None})
        await self._users.replace_codes(user.user_id, [])

    async def codes_left(self, user: User) -> int:
        """How many recovery codes were not used yet."""
        return await self._users.codes_left(user.user_id)

    async def _proven(self, signed_in: SignedIn, code: str) -> User:
        user = _person(signed_in)
        await self._signing_in.count_try(user.email, signed_in.session.address)
        if not await self._signing_in.is_right_code(user, code):
            raise NotRecognised("This code is wrong, or was used before.", field="code", remedy="Use the next one.")
        await self._signing_in.forget_tries(user.email)
        return user

    def _checked(self, user: User, password: str) -> dict[str, object]:
        """What to keep of a good password. It takes its time, so it is called in a thread. Raises InvalidValue."""
        about = [user.email, *user.email.replace("@", ".").split("."), *user.name.split(), "evenflow"]
        refuse_known_words(checked_length(password), about)
        weakness = self._passwords.weakness(password, about)
        if weakness:
            raise InvalidValue(weakness, field="password", remedy="")
        return {"password_hash": self._passwords.hash(password), "password_set_at": self._now()}


def _person(signed_in: SignedIn) -> User:
    if signed_in.user is None:
        raise UnableTo(
            "An API key has no password and no second factor.",
            field="session",
            remedy="Invite yourself as a user, and sign in as one.",
        )
    return signed_in.user


def _no_link() -> NotFound:
    return NotFound(
        "This link was used, is over, or never was.", field="link", remedy="Ask an administrator for a new one."
    )
