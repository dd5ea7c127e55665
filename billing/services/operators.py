"""Operators as administrators see them: invited, given roles, unlocked, disabled; never without an administrator."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime

from billing.domain.errors import Conflict, InvalidValue, NotFound, UnableTo
from billing.ports.users import (
    ACTIVE,
    DISABLED,
    INVITATION,
    INVITED,
    RESET,
    Link,
    NewUser,
    Session,
    User,
    UserFilter,
    UserStore,
)
from billing.services.access import checked_role, hash_of
from billing.services.access_rules import AccessRules, real_time
from billing.services.console_sessions import ConsoleSessions
from billing.services.signing_in import SigningIn

EMAIL = re.compile(r"[^@\s\"<>(),;:\\]{1,64}@[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?")


class Operators:
    """Each change ends what it must end: a new role or a lost factor is a new sign-in."""

    def __init__(
        self,
        users: UserStore,
        sessions: ConsoleSessions,
        signing_in: SigningIn,
        rules: AccessRules,
        now: Callable[[], datetime] = real_time,
    ) -> None:
        self._users = users
        self._sessions = sessions
        self._signing_in = signing_in
        self._rules = rules
        self._now = now

    async def find(self, wanted: UserFilter) -> Sequence[User]:
        """In the order of their addresses."""
        return await self._users.find(wanted)

    async def get(self, user_id: str) -> User:
        """Raises NotFound."""
        user = await self._users.get(user_id)
        if user is None:
            raise NotFound(f"There is no user {user_id}.", field="user_id", value=user_id, remedy="See GET /v1/users.")
        return user

    async def invite(self, email: str, name: str, role: str, author: str) -> tuple[User, str]:
        """A new user and the word of the link that sets the password. Raises InvalidValue and Conflict."""
        user = await self._users.add(
            NewUser(checked_email(email), checked_name(name), checked_role(role), INVITED, self._now(), author)
        )
        if user is None:
            raise Conflict(
                "There is a user with this address.", field="email", value=email, remedy="Change that user instead."
            )
        return user, await self._link(user, INVITATION, author)

    async def new_link(self, user_id: str, author: str) -> tuple[User, str]:
        """A link to set a (new) password; earlier ones are worth nothing any more. Raises NotFound and UnableTo."""
        user = await self.get(user_id)
        if user.status == DISABLED:
            raise UnableTo("This user is disabled.", field="status", value=user.status, remedy="Enable the user first.")
        if user.subject:
            raise UnableTo(
                "This user signs in at the identity provider.", field="user_id", value=user_id, remedy="Reset it there."
            )
        return user, await self._link(user, INVITATION if user.status == INVITED else RESET, author)

    async def change_role(self, user_id: str, role: str) -> User:
        """Raises NotFound, InvalidValue, and UnableTo for the last administrator. Ends the user's sessions."""
        await self._keeping_an_admin(await self.get(user_id), {"role": checked_role(role)})
        await self._sessions.end_all(user_id)
        return await self.get(user_id)

    async def rename(self, user_id: str, name: str) -> User:
        """Raises NotFound and InvalidValue."""
        user = await self.get(user_id)
        await self._users.change(user.user_id, {"name": checked_name(name)})
        return await self.get(user_id)

    async def disable(self, user_id: str) -> User:
        """Nobody signs in as this user any more. Raises NotFound, and UnableTo for the last administrator."""
        await self._keeping_an_admin(await self.get(user_id), {"status": DISABLED})
        await self._sessions.end_all(user_id)
        return await self.get(user_id)

    async def enable(self, user_id: str) -> User:
        """As before; one who never set a password is invited again. Raises NotFound."""
        user = await self.get(user_id)
        has_way_in = bool(user.password_hash or user.subject)
        await self._users.change(user_id, {"status": ACTIVE if has_way_in else INVITED})
        return await self.get(user_id)

    async def reset_factor(self, user_id: str) -> User:
        """The second factor is set up anew at the next sign-in. Raises NotFound."""
        user = await self.get(user_id)
        await self._users.change(user.user_id, {"factor_sealed": None, "factor_confirmed_at": None})
        await self._users.replace_codes(user.user_id, [])
        await self._sessions.end_all(user.user_id)
        return await self.get(user_id)

    async def unlock(self, user_id: str) -> User:
        """Forget the failed tries. Raises NotFound."""
        user = await self.get(user_id)
        await self._signing_in.forget_tries(user.email)
        return user

    async def is_locked(self, user: User) -> bool:
        """Whether failed tries keep this user out for now."""
        return await self._signing_in.is_locked(user.email)

    async def sessions(self, user_id: str) -> Sequence[Session]:
        """Where the user is signed in. Raises NotFound."""
        return await self._sessions.of_user((await self.get(user_id)).user_id)

    async def end_sessions(self, user_id: str) -> int:
        """Sign the user out everywhere. Raises NotFound."""
        return await self._sessions.end_all((await self.get(user_id)).user_id)

    async def _keeping_an_admin(self, user: User, values: dict[str, object]) -> None:
        if not await self._users.change_keeping_an_admin(user.user_id, values):
            raise UnableTo(
                "This is the last administrator who may sign in.",
                field="user_id",
                value=user.user_id,
                remedy="Make another user an administrator first.",
            )

    async def _link(self, user: User, purpose: str, author: str) -> str:
        word, now = secrets.token_urlsafe(32), self._now()
        lasts = self._rules.invitation if purpose == INVITATION else self._rules.reset
        await self._users.add_link(Link(hash_of(word), user.user_id, purpose, now, author, now + lasts))
        return word


def checked_email(email: str) -> str:
    """In lower case. Raises InvalidValue for what is no address."""
    cleaned = email.strip().lower()
    if not EMAIL.fullmatch(cleaned) or ".." in cleaned:
        raise InvalidValue(
            "This is no email address.", field="email", value=email[:100], remedy="Write it like sanne@vonk.nl."
        )
    return cleaned


def checked_name(name: str) -> str:
    """Raises InvalidValue for an empty or very long name."""
    cleaned = " ".join(name.split())
    if not 0 < len(cleaned) <= 100:
        raise InvalidValue("A name is needed.", field="name", value=name[:100], remedy="Write 1 to 100 characters.")
    return cleaned
