"""What a line needs before it can be subscribed: a kind, a number that is free, and a plan of the account's brand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import phonenumbers

from billing.domain.errors import Conflict, InvalidValue
from billing.ports.accounts import Account, Plan, Service
from billing.ports.numbers import NumberUse
from billing.ports.unit_of_work import UnitOfWork

SERVICE_KINDS = ("mobile", "fixed", "internet", "tv")


@dataclass(frozen=True)
class NewService:
    """A line to subscribe: ``identifier`` is an E.164 number for mobile and fixed, any id for internet and tv.

    ``plan_version`` None: the newest. ``active_from`` None: when the account was activated, or now for a further line.
    """

    kind: str
    identifier: str
    plan_code: str
    plan_version: int | None = None
    active_from: datetime | None = None


async def subscribe(work: UnitOfWork, account: Account, new: NewService, active_from: datetime) -> Service:
    """Store a line that begins at ``active_from``.

    Raises InvalidValue for a kind, number, plan or start that cannot be used, Conflict when another service has the
    number then or later.
    """
    if new.kind not in SERVICE_KINDS:
        raise InvalidValue(
            "There is no such kind of service.",
            field="services.kind",
            value=new.kind,
            remedy=f"Use one of {', '.join(SERVICE_KINDS)}.",
        )
    if active_from < account.activated_at:
        raise InvalidValue(
            "A line begins when its account is active.",
            field="services.active_from",
            value=active_from.isoformat(),
            remedy=f"Use {account.activated_at.isoformat()} or later.",
        )
    identifier = new.identifier
    if new.kind in ("mobile", "fixed"):
        identifier = phone_number(identifier, account.country, "services.identifier")
    await work.accounts.lock_number(identifier)
    refuse_taken(await work.accounts.uses_of(identifier, active_from, None), identifier, "services.identifier")
    plan = await plan_of_brand(work, account, new.plan_code, new.plan_version, "services.plan_code", active_from)
    return await work.accounts.add_service(
        {
            "account_id": account.account_id,
            "kind": new.kind,
            "identifier": identifier,
            "plan_code": plan.plan_code,
            "plan_version": plan.plan_version,
            "active_from": active_from,
        }
    )


def refuse_taken(uses: Iterable[NumberUse], identifier: str, field_name: str) -> None:
    """Raises Conflict when somebody has the number."""
    for use in uses:
        until = "" if use.active_to is None else f" until {use.active_to.isoformat()}"
        raise Conflict(
            f"This number is in use by another service from {use.active_from.isoformat()}{until}.",
            field=field_name,
            value=identifier,
            remedy="End the other service first, or use another number.",
        )


async def plan_of_brand(
    work: UnitOfWork, account: Account, plan_code: str, plan_version: int | None, field_name: str, sold_at: datetime
) -> Plan:
    """A published version of a plan that the account's brand sells; the newest sold then where none is named.

    Raises NotFound, InvalidValue.
    """
    plan = await work.accounts.plan(plan_code, plan_version, sold_at)
    if plan.brand != account.brand:
        raise InvalidValue(
            f"The plan belongs to the brand {plan.brand}.",
            field=field_name,
            value=plan_code,
            remedy=f"Use a plan of {account.brand}; GET /v1/plans?brand={account.brand} lists them.",
        )
    return plan


def phone_number(text: str, country: str, field_name: str) -> str:
    """The number in E.164; national forms are read in the account's country. Raises InvalidValue."""
    try:
        parsed = phonenumbers.parse(text, country or None)
    except phonenumbers.NumberParseException:
        parsed = None
    if parsed is None or not phonenumbers.is_possible_number(parsed):
        raise InvalidValue(
            "This is not a telephone number.",
            field=field_name,
            value=text,
            remedy="Use the international form, like +31612345678.",
        )
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
