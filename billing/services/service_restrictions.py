"""What holds a service now and why, and what the network would be told if something were added or lifted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from billing.domain.barring import data_kbps, restrictions, stopped_parts
from billing.domain.errors import NotFound
from billing.domain.restrictions import named
from billing.messages.dunning import BarringState
from billing.ports.accounts import Service
from billing.ports.barring import Held
from billing.ports.clock import BusinessClock
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.barring_holds import LIFTED, after_order, together

_HISTORY = 200


@dataclass(frozen=True)
class Meaning:
    """A level and what it means for each part of a service; ``data_rate_kbps`` where data is throttled."""

    level: str
    restrictions: Mapping[str, str]
    data_rate_kbps: int | None

    @classmethod
    def of(cls, level: str) -> Meaning:
        """A level in the network's words."""
        return cls(level, restrictions(level), data_kbps(level))


@dataclass(frozen=True)
class ServiceRestrictions:
    """One service: what the network confirmed, what it should be told, and every cause of that.

    ``in_step`` False: an order is on its way, or the network does not follow. ``stopped`` is what caps stop, by meter.
    """

    account_id: str
    service_id: str
    identifier: str
    confirmed: Meaning
    wanted: Meaning
    in_step: bool
    stopped: Sequence[str]
    held: Sequence[Held]
    lifted: Sequence[Held]


@dataclass(frozen=True)
class Change:
    """A restriction to add (``lifts`` False) or to lift, as an operator names it."""

    lifts: bool
    service_id: str = ""
    level: str = "outgoing"
    kinds: tuple[str, ...] = ()
    data_kbps: int | None = None
    cause: str = ""
    causes: tuple[str, ...] = ()

    def as_state(self, account_id: str) -> BarringState:
        """The order that a person would place."""
        level = LIFTED if self.lifts else named(self.kinds, self.data_kbps).level if self.kinds else self.level
        return BarringState(
            account_id=account_id,
            brand="",
            number="",
            order_id="",
            level=level,
            reason="",
            author="preview",
            cause="" if self.lifts else self.cause,
            lift_causes=self.causes if self.lifts else (),
            lift_kinds=self.kinds if self.lifts else (),
        )


@dataclass(frozen=True)
class PreviewedRestriction:
    """What a change would mean for a service; ``changes`` False: the network has that already."""

    service_id: str
    identifier: str
    now: Meaning
    then: Meaning
    changes: bool


class RestrictionDesk:
    """Reads what holds services; it changes nothing."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock) -> None:
        self._make_work = make_work
        self._clock = clock

    async def of_service(self, account_id: str, service_id: str) -> ServiceRestrictions:
        """What holds one service, and what held it before, newest first. Raises NotFound."""
        async with self._make_work() as work:
            service = await _service(work, account_id, service_id)
            history = await work.barring.ever_held(account_id, service_id, _HISTORY)
        return _shown(service, history)

    async def of_account(self, account_id: str) -> Sequence[ServiceRestrictions]:
        """The same of every service. Raises NotFound."""
        async with self._make_work() as work:
            await work.accounts.get(account_id)
            services = await work.accounts.services(account_id)
            held = await work.barring.held(account_id)
        return [_shown(one, [each for each in held if each.service_id == one.service_id]) for one in services]

    async def preview(self, account_id: str, change: Change) -> Sequence[PreviewedRestriction]:
        """Each active service the change is about, before and after it; nothing is stored. Raises NotFound."""
        now = self._clock.now()
        async with self._make_work() as work:
            await work.accounts.get(account_id)
            if change.service_id:
                services: Sequence[Service] = [await _service(work, account_id, change.service_id)]
            else:
                services = await work.accounts.services(account_id)
            held = await work.barring.held(account_id)
        active = [one for one in services if one.active_to is None or now < one.active_to]
        levels = after_order(held, change.as_state(account_id), [one.service_id for one in active])
        return [_previewed(one, held, levels[one.service_id]) for one in active]


async def _service(work: UnitOfWork, account_id: str, service_id: str) -> Service:
    await work.accounts.get(account_id)
    for one in await work.accounts.services(account_id):
        if one.service_id == service_id:
            return one
    raise NotFound(
        f"Account {account_id} has no service {service_id}.",
        field="service_id",
        value=service_id,
        remedy=f"GET /v1/accounts/{account_id}/services lists the services there are.",
    )


def _shown(service: Service, history: Sequence[Held]) -> ServiceRestrictions:
    held = [one for one in history if one.lifted_at is None]
    wanted = together(held, service.service_id).level
    return ServiceRestrictions(
        account_id=service.account_id,
        service_id=service.service_id,
        identifier=service.identifier,
        confirmed=Meaning.of(service.barring_level),
        wanted=Meaning.of(wanted),
        in_step=wanted == service.barring_level,
        stopped=stopped_parts(service.usage_stop),
        held=held,
        lifted=[one for one in history if one.lifted_at is not None],
    )


def _previewed(service: Service, held: Sequence[Held], then: str) -> PreviewedRestriction:
    now = together(held, service.service_id).level
    changes = then != now or then != service.barring_level
    return PreviewedRestriction(service.service_id, service.identifier, Meaning.of(now), Meaning.of(then), changes)
