"""Sessions of customers, on the server: a browser holds a secret, the database its hash and when it was last seen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from billing.domain import identity
from billing.domain.errors import InvalidValue, NotFound
from billing.ports.accounts import Account, TimelineEntry
from billing.ports.clock import BusinessClock
from billing.ports.self_service import CustomerSession
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.customer_access import REAL_NOW, RealClock
from billing.services.customer_secrets import CustomerSecrets, new_token

IDLE = timedelta(minutes=30)
AT_MOST = timedelta(hours=12)
# A session that was seen is written down again only after so long.
SEEN_AGAIN = timedelta(minutes=1)
KEPT = timedelta(days=30)
BY_CUSTOMER = "customer"


class CustomerSessions:
    """Begins, reads and ends them."""

    def __init__(
        self,
        make_work: UnitOfWorkFactory,
        clock: BusinessClock,
        secrets: CustomerSecrets,
        real_now: RealClock = REAL_NOW,
    ) -> None:
        self._make_work = make_work
        self._clock = clock
        self._secrets = secrets
        self._real_now = real_now

    async def begin(self, account_ids: Sequence[str], how: str, user_agent: str = "") -> str:
        """A session of the first of these accounts, which may switch to the others; what the cookie holds."""
        async with self._make_work() as work:
            cookie = await self._begin(work, account_ids[0], account_ids, user_agent)
            await self._tell(work, account_ids[0], f"Customer signed in by {how}.")
            await work.commit()
        return cookie

    async def _begin(self, work: UnitOfWork, account_id: str, account_ids: Sequence[str], user_agent: str) -> str:
        now, secret = self._real_now(), new_token()
        session = CustomerSession(
            account_id=account_id,
            session_hash=self._secrets.hash_of("session", secret),
            account_ids=list(account_ids),
            begun_at=now,
            seen_at=now,
            ends_at=now + AT_MOST,
            user_agent=user_agent[:200],
        )
        await work.self_service.add_session(session)
        await work.self_service.forget_before(now - KEPT)
        return f"{identity.parse(identity.ACCOUNT, account_id)}.{secret}"

    async def of(self, cookie: str, *, is_used: bool = True) -> CustomerSession | None:
        """The session behind a cookie; None when there is none, or it is over.

        What a page does by itself is no use of it (``is_used`` False): a page left open keeps nobody signed in.
        """
        number, _, secret = cookie.partition(".")
        try:
            account_id = identity.show(identity.ACCOUNT, int(number))
            identity.parse(identity.ACCOUNT, account_id)
        except (ValueError, InvalidValue):
            return None
        now = self._real_now()
        session_hash = self._secrets.hash_of("session", secret)
        async with self._make_work() as work:
            session = await work.self_service.session(account_id, session_hash)
            if session is None or not _runs(session, now):
                return None
            if is_used and now - session.seen_at >= SEEN_AGAIN:
                await work.self_service.see_session(account_id, session_hash, now)
                await work.commit()
        return session

    async def is_running(self, session: CustomerSession) -> bool:
        """Whether it is still signed in: a page that goes on by itself ends with it."""
        async with self._make_work() as work:
            kept = await work.self_service.session(session.account_id, session.session_hash)
        return kept is not None and _runs(kept, self._real_now())

    async def switch(self, session: CustomerSession, account_id: str) -> str:
        """A session of another account of the same contact, in the place of this one. Raises NotFound.

        The contact may have changed since the session began: then the other account is not theirs any more.
        """
        async with self._make_work() as work:
            if account_id not in [one.account_id for one in await _theirs(work, session)]:
                raise NotFound("There is no such account here.", field="account_id", value=account_id)
            cookie = await self._begin(work, account_id, session.account_ids, session.user_agent)
            await work.self_service.end_session(session.account_id, session.session_hash, self._real_now())
            await work.commit()
        return cookie

    async def accounts(self, session: CustomerSession) -> Sequence[Account]:
        """The account looked at, and those that may be switched to."""
        async with self._make_work() as work:
            return await _theirs(work, session)

    async def end(self, session: CustomerSession) -> None:
        """Sign this browser out."""
        async with self._make_work() as work:
            await work.self_service.end_session(session.account_id, session.session_hash, self._real_now())
            await work.commit()

    async def end_all(self, account_id: str) -> int:
        """Sign every browser out that may look at an account, wherever it is now; how many there were."""
        async with self._make_work() as work:
            ended = await work.self_service.end_sessions(account_id, self._real_now())
            await self._tell(work, account_id, "Customer signed out everywhere.", ended=ended)
            await work.commit()
        return ended

    async def running(self, account_id: str) -> int:
        """How many browsers are signed in."""
        now = self._real_now()
        async with self._make_work() as work:
            found = await work.self_service.sessions(account_id, now)
        return sum(now < one.seen_at + IDLE for one in found)

    async def _tell(self, work: UnitOfWork, account_id: str, summary: str, **inputs: object) -> None:
        entry = TimelineEntry(account_id, self._clock.now(), "self_service", summary, dict(inputs), BY_CUSTOMER)
        await work.timeline.add(entry)


async def _theirs(work: UnitOfWork, session: CustomerSession) -> list[Account]:
    here = await work.accounts.get(session.account_id)
    known = [here if one == here.account_id else await work.accounts.get(one) for one in session.account_ids]
    return [one for one in known if one is here or _share_a_contact(one, here)]


def _share_a_contact(one: Account, other: Account) -> bool:
    return bool((one.email and one.email == other.email) or (one.mobile and one.mobile == other.mobile))


def _runs(session: CustomerSession, now: datetime) -> bool:
    return session.ended_at is None and now < min(session.ends_at, session.seen_at + IDLE)
