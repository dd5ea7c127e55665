"""Lines begin, end and move to other accounts, at an instant that may lie behind or ahead.

Whose a number was is kept for every instant, so usage that comes later finds the right account by itself. Usage that
was there before follows a number's move afterwards: each move is recorded in the transaction that makes it and stays
pending until whoever guides usage anew has marked it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from billing.domain.errors import InvalidValue, NotFound, UnableTo
from billing.domain.numbers import directory_spelling
from billing.ports.accounts import Account, Service, TimelineEntry
from billing.ports.clock import BusinessClock
from billing.ports.numbers import MoveKind, NewNumberMove, NumberMove
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.invoicing_commands import CommandContext, earlier_result, refuse_unreasoned, remember, tell
from billing.services.subscribing import NewService, refuse_taken, subscribe


class UnableToChangeService(UnableTo):
    """The line cannot change this way."""


@dataclass(frozen=True)
class ServiceCommand:
    """What every command on a line carries. ``at`` None: now."""

    account_id: str
    service_id: str
    command_id: str
    author: str
    reason: str
    at: datetime | None = None

    def context(self, kind: str, now: datetime) -> CommandContext:
        return CommandContext(self.account_id, kind, self.command_id, self.author, self.reason, now)


@dataclass(frozen=True)
class Port:
    """Where a ported number goes: another account, as a line on one of its brand's plans. Version None: the newest."""

    to_account_id: str
    plan_code: str
    plan_version: int | None = None


@dataclass(frozen=True)
class ServiceEnded:
    """A line that ends; ``summary`` says what that means."""

    service_id: str
    ended_at: datetime
    summary: str


@dataclass(frozen=True)
class NumberPorted:
    """A number that moved: the line that ended and the one that began."""

    identifier: str
    ported_at: datetime
    from_service_id: str
    to_account_id: str
    to_service_id: str
    summary: str


OnNumberMoved = Callable[[NumberMove], Awaitable[None]]


async def followed_later(move: NumberMove) -> None:
    """Nothing at once: the move is pending until usage follows it."""


class ServiceChanges:
    """Begins, ends and moves lines. ``on_number_moved`` is told after the commit; what it misses stays pending."""

    def __init__(
        self, make_work: UnitOfWorkFactory, clock: BusinessClock, on_number_moved: OnNumberMoved = followed_later
    ) -> None:
        self._make_work = make_work
        self._clock = clock
        self._on_number_moved = on_number_moved

    async def add(self, account_id: str, new: NewService, author: str) -> Service:
        """Subscribe a further line, from now on or from ``active_from``; its first fee is on the next invoice."""
        now = self._clock.now()
        active_from = new.active_from or now
        async with self._make_work() as work:
            account = await work.accounts.lock(account_id)
            refuse_ended(account)
            service = await subscribe(work, account, new, active_from)
            move = await _moved(work, service.identifier, active_from, MoveKind.ACTIVATED, None, account_id, now)
            await work.timeline.add(_added(service, now, author))
            await work.commit()
        await self._on_number_moved(move)
        return service

    async def end(self, command: ServiceCommand) -> ServiceEnded:
        """End a line and free its number; its fees of the cycle in which it ends stay whole.

        Raises NotFound for a line the account does not have, InvalidValue for an end before its begin, Conflict when
        another line has the number until that end.
        """
        now = self._clock.now()
        context = command.context("end_service", now)
        async with self._make_work() as work:
            await work.accounts.lock(command.account_id)
            known = await earlier_result(work, context)
            if known is not None:
                return _as_ended(known)
            refuse_unreasoned(context)
            service = await service_of(work, command.account_id, command.service_id)
            ends_at = command.at or now
            since = await _end(work, service, ends_at)
            move = await _moved(work, service.identifier, since, MoveKind.ENDED, command.account_id, None, now)
            summary = f"{service.kind} {service.identifier} ends at {ends_at.isoformat()}"
            await tell(work, context, summary, {"service_id": service.service_id, "ended_at": ends_at.isoformat()})
            result = {"service_id": service.service_id, "ended_at": ends_at.isoformat(), "summary": summary}
            await remember(work, context, result)
            await work.commit()
        await self._on_number_moved(move)
        return _as_ended(result)

    async def port(self, command: ServiceCommand, target: Port) -> NumberPorted:
        """Give a line's number to another account at an instant: usage from then on is that account's.

        Both accounts owe the fees of the cycle in which it moves. Raises as ``end`` does, and for a target that cannot
        take it.
        """
        now = self._clock.now()
        context = command.context("port_number", now)
        async with self._make_work() as work:
            accounts = await _lock_both(work, command.account_id, target.to_account_id)
            known = await earlier_result(work, context)
            if known is not None:
                return _as_ported(known)
            refuse_unreasoned(context)
            service = await service_of(work, command.account_id, command.service_id)
            ported_at = command.at or now
            refuse_ended(accounts[target.to_account_id])
            _refuse_gone(service, ported_at)
            await _end(work, service, ported_at)
            new = NewService(service.kind, service.identifier, target.plan_code, target.plan_version, ported_at)
            begun = await subscribe(work, accounts[target.to_account_id], new, ported_at)
            move = await _moved(
                work, service.identifier, ported_at, MoveKind.PORTED, command.account_id, target.to_account_id, now
            )
            result = await _tell_both(work, context, service, begun, ported_at)
            await remember(work, context, result)
            await work.commit()
        await self._on_number_moved(move)
        return _as_ported(result)


async def service_of(work: UnitOfWork, account_id: str, service_id: str) -> Service:
    """A line of the account. Raises NotFound."""
    for service in await work.accounts.services(account_id):
        if service.service_id == service_id:
            return service
    raise NotFound(
        f"Account {account_id} has no service {service_id}.",
        field="service_id",
        value=service_id,
        remedy=f"GET /v1/accounts/{account_id}/services lists the services there are.",
    )


def refuse_ended(account: Account) -> None:
    """Raises UnableToChangeService for an account that takes no lines any more."""
    if account.closed_at is not None:
        raise UnableToChangeService(
            f"Account {account.account_id} is {account.status}.",
            field="account_id",
            value=account.account_id,
            remedy="Open a new account.",
        )


def _refuse_gone(service: Service, at: datetime) -> None:
    if service.active_to is not None and service.active_to <= at:
        raise UnableToChangeService(
            f"The line ended at {service.active_to.isoformat()}, and its number is no longer its own.",
            field="at",
            value=at.isoformat(),
            remedy="Subscribe the number as a line of the other account.",
        )


async def _end(work: UnitOfWork, service: Service, at: datetime) -> datetime:
    """End a line; answers from when on its number is somebody else's, or free, than it was."""
    if at < service.active_from:
        raise InvalidValue(
            f"The line began at {service.active_from.isoformat()}.",
            field="at",
            value=at.isoformat(),
            remedy="Use that instant or a later one.",
        )
    ended_at = service.active_to
    if ended_at == at:
        raise UnableToChangeService(
            f"The line ends then already: {at.isoformat()}.",
            field="at",
            value=at.isoformat(),
            remedy="Nothing needs to be done.",
        )
    await work.accounts.lock_number(service.identifier)
    if ended_at is not None and at > ended_at:
        uses = await work.accounts.uses_of(service.identifier, ended_at, at)
        refuse_taken(uses, service.identifier, "at")
    await work.accounts.change_service(service.account_id, service.service_id, {"active_to": at})
    return at if ended_at is None else min(at, ended_at)


async def _moved(
    work: UnitOfWork,
    identifier: str,
    since: datetime,
    kind: MoveKind,
    from_account_id: str | None,
    to_account_id: str | None,
    now: datetime,
) -> NumberMove:
    move = NewNumberMove(directory_spelling(identifier), since, kind, from_account_id, to_account_id)
    return await work.accounts.add_number_move(move, now)


async def _lock_both(work: UnitOfWork, one: str, other: str) -> Mapping[str, Account]:
    """Always in the same order, so that two ports in opposite directions do not wait for each other."""
    if one == other:
        raise InvalidValue(
            "The number is this account's already.",
            field="to_account_id",
            value=other,
            remedy="Name another account; POST .../plan changes the plan of a line.",
        )
    return await work.accounts.lock_all((one, other))


async def _tell_both(
    work: UnitOfWork, context: CommandContext, ended: Service, begun: Service, at: datetime
) -> dict[str, Any]:
    summary = f"{ended.identifier} moves to account {begun.account_id} at {at.isoformat()}"
    inputs = {"service_id": ended.service_id, "to_service_id": begun.service_id, "at": at.isoformat()}
    await tell(work, context, summary, {**inputs, "to_account_id": begun.account_id})
    reason = {"rule": context.kind, "reason": context.reason, **inputs, "from_account_id": ended.account_id}
    came = f"{begun.identifier} comes from account {ended.account_id} at {at.isoformat()}"
    await work.timeline.add(TimelineEntry(begun.account_id, context.now, context.kind, came, reason, context.author))
    return {
        "identifier": ended.identifier,
        "ported_at": at.isoformat(),
        "from_service_id": ended.service_id,
        "to_account_id": begun.account_id,
        "to_service_id": begun.service_id,
        "summary": summary,
    }


def _added(service: Service, now: datetime, author: str) -> TimelineEntry:
    return TimelineEntry(
        service.account_id,
        now,
        "service_added",
        f"{service.kind} {service.identifier} on plan {service.plan_code} version {service.plan_version}",
        {
            "service_id": service.service_id,
            "plan_version": service.plan_version,
            "active_from": service.active_from.isoformat(),
        },
        author,
    )


def _as_ended(result: Mapping[str, Any]) -> ServiceEnded:
    return ServiceEnded(**{**result, "ended_at": datetime.fromisoformat(result["ended_at"])})


def _as_ported(result: Mapping[str, Any]) -> NumberPorted:
    return NumberPorted(**{**result, "ported_at": datetime.fromisoformat(result["ported_at"])})
