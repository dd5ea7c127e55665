"""The accounts of a demonstration: the same number asked for gives the same accounts, so that a restart finds them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import count, cycle, islice
from typing import Any
from zoneinfo import ZoneInfo

from evenflow.demo import people
from evenflow.demo.catalogue import BRANDS
from evenflow.demo.stories import (
    BANK_FILE,
    QUIET_DAYS,
    QUIET_DISCOUNTS,
    QUIET_METHODS,
    QUIET_PLANS,
    SETTINGS,
    Setting,
    Story,
)

ZONES = {brand["brand"]: brand["zone"] for brand in BRANDS}
COUNTRIES = {brand["brand"]: brand["country"] for brand in BRANDS}


@dataclass(frozen=True, slots=True)
class Customer:
    """One account to open: ``number`` is its account number, ``position`` its place among its brand's."""

    position: int
    number: str
    setting: Setting

    @property
    def brand(self) -> str:
        return self.setting.brand

    @property
    def story(self) -> Story:
        return self.setting.story

    @property
    def person(self) -> people.Person:
        return people.person(self.brand, self.position)

    @property
    def email(self) -> str:
        return people.email(self.person.name, self.number)

    @property
    def mobile(self) -> str:
        return people.mobile(self.brand, self.position)

    @property
    def activated_at(self) -> datetime:
        """In the morning of the cycle day of December, one cycle before the clock starts."""
        local = datetime(2026, 12, self.setting.cycle_day, 10, 0, tzinfo=ZoneInfo(ZONES[self.brand]))
        return local.astimezone(UTC)

    @property
    def first_close(self) -> date:
        """The local day on which the first cycle closes."""
        return date(2027, 1, self.setting.cycle_day)

    def as_mandate(self) -> dict[str, Any]:
        """The bank account of one who is debited by file, with the mandate signed on activation."""
        return {
            "holder_name": self.person.name,
            "iban": people.iban(self.position),
            "reference": f"VONK-{self.number}",
            "signed_on": self.activated_at.date().isoformat(),
            "medium": "web",
            "accepted_from": "192.0.2.10",
        }

    def lines(self) -> list[dict[str, str]]:
        """The services to subscribe: mobile numbers, and a home line where the plan is one."""
        found = []
        for place, plan in enumerate(self.setting.plans):
            if plan == "vonk-thuis":
                found.append({"kind": "internet", "identifier": f"vonk-thuis-{self.number}", "plan_code": plan})
            else:
                number = people.mobile(self.brand, self.position + 50_000 * place)
                found.append({"kind": "mobile", "identifier": number, "plan_code": plan})
        return found

    def as_account(self) -> dict[str, Any]:
        """The request that opens the account."""
        person = self.person
        account: dict[str, Any] = {
            "brand": self.brand,
            "number": self.number,
            "customer_name": person.name,
            "email": self.email,
            "mobile": self.mobile,
            "postal_address": {"street": person.street, "postcode": person.postcode, "city": person.city},
            "cycle_day": self.setting.cycle_day,
            "activated_at": self.activated_at.isoformat(),
            "discounts": list(self.setting.discounts),
            "services": self.lines(),
        }
        return account | (_A_BUSINESS if self.story is Story.BUSINESS else {})


_A_BUSINESS: dict[str, Any] = {
    "customer_kind": "business",
    "customer_name": "Elise Claes",
    "company": "Claes & Zonen Drukkerij BV",
    "vat_number": "BE0123456749",
    "country": "BE",
    "postal_address": {"street": "Meir 55", "postcode": "2000", "city": "Antwerpen"},
}


def roster(accounts: int) -> list[Customer]:
    """So many accounts: the stories first, then quiet customers on every day that is left, then more of them."""
    positions = {brand: count() for brand in ZONES}
    return [
        Customer(next(positions[setting.brand]), f"{setting.brand[0].upper()}{100_001 + place}", setting)
        for place, setting in enumerate(islice(_settings(), accounts))
    ]


def _settings() -> Iterator[Setting]:
    yield from SETTINGS
    taken = {setting.cycle_day for setting in SETTINGS}
    free = [day for day in range(1, 32) if day not in taken]
    brands = cycle(("vonk", "brio"))
    for place, day in enumerate([*free, *_more_days()]):
        yield _quiet(next(brands), place, day)


def _more_days() -> Iterator[int]:
    """Days for further accounts, spread over the month."""
    return iter([1 + (7 * number) % 31 for number in range(2000)])


def _quiet(brand: str, place: int, day: int) -> Setting:
    """A customer without a story of its own: plans, methods and discounts in turn."""
    turn = place // 2
    methods, plans = QUIET_METHODS[brand], QUIET_PLANS[brand]
    return Setting(
        Story.BANK_FILE if (method := methods[turn % len(methods)]) == BANK_FILE else Story.QUIET,
        brand,
        day,
        plans[turn % len(plans)],
        method,
        QUIET_DAYS,
        discounts=QUIET_DISCOUNTS[turn % len(QUIET_DISCOUNTS)],
    )
