"""The brand's policy of limits: data used abroad within the EU is capped unless the customer chose otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from billing.domain.errors import InvalidValue
from billing.domain.fields import Fields
from billing.domain.limits import Limit, LimitKind, LimitScope, Measure
from billing.domain.roaming import AREAS

CONSUMER = "consumer"
# EUR 50 net per cycle, told again at EUR 100.
_CAP_MINOR, _REMINDER_MINOR = 5_000, 10_000
_LARGEST_MINOR = 10**9


@dataclass(frozen=True, slots=True)
class RoamingDataPolicy:
    """The default cap on data used abroad: net minor units per service and cycle.

    It holds for usage of ``meters`` in ``area`` outside the brand's country, of customers of ``customer_kinds`` whose
    plan prices data there on its own. Without ``enabled`` no customer has it who did not ask for it.
    """

    enabled: bool = True
    cap_minor: int = _CAP_MINOR
    reminder_minor: int = _REMINDER_MINOR
    meters: tuple[str, ...] = ("data", "data_bytes")
    area: str = "eea"
    customer_kinds: tuple[str, ...] = (CONSUMER,)

    def default_limit(self, service_id: str) -> Limit:
        """The policy's cap of one service."""
        return self.limit(service_id, self.cap_minor, by_policy=True)

    def limit(self, service_id: str, value: int, *, by_policy: bool = False) -> Limit:
        """A cap on data used abroad, with the policy's further reminder."""
        scope = LimitScope(service_id, roaming=True)
        return Limit(LimitKind.HARD, Measure.AMOUNT, scope, value, self.reminder_minor, by_policy)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "enabled": self.enabled,
            "cap_minor": self.cap_minor,
            "reminder_minor": self.reminder_minor,
            "meters": list(self.meters),
            "area": self.area,
            "customer_kinds": list(self.customer_kinds),
        }


@dataclass(frozen=True, slots=True)
class LimitPolicy:
    """What a brand limits by itself."""

    roaming_data: RoamingDataPolicy = RoamingDataPolicy()

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"roaming_data": self.roaming_data.to_dict()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], path: str = "") -> LimitPolicy:
        """Read an operator's JSON; missing fields take their defaults, unknown ones are refused.

        Raises InvalidValue naming the field (under ``path``), its value and what would do.
        """
        fields = Fields(data, path)
        policy = cls(_roaming(fields.nested("roaming_data")) if fields.has("roaming_data") else RoamingDataPolicy())
        fields.finish()
        return policy


def _roaming(fields: Fields) -> RoamingDataPolicy:
    usual = RoamingDataPolicy()
    policy = RoamingDataPolicy(
        enabled=fields.flag("enabled", usual.enabled),
        cap_minor=fields.whole("cap_minor", usual.cap_minor, least=1, most=_LARGEST_MINOR),
        reminder_minor=fields.whole("reminder_minor", usual.reminder_minor, most=_LARGEST_MINOR),
        meters=_words(fields, "meters", usual.meters),
        area=fields.one_of("area", dict.fromkeys(AREAS)) if fields.has("area") else usual.area,
        customer_kinds=_words(fields, "customer_kinds", usual.customer_kinds),
    )
    fields.finish()
    if policy.reminder_minor and policy.reminder_minor <= policy.cap_minor:
        raise fields.refusal(
            "reminder_minor", "The further reminder comes after the cap.", f"Use more than {policy.cap_minor}, or 0."
        )
    return policy


def _words(fields: Fields, name: str, usual: tuple[str, ...]) -> tuple[str, ...]:
    if not fields.has(name):
        return usual
    words = fields.codes(name)
    if not words:
        raise InvalidValue(
            "At least one is needed.", field=fields.where(name), value=words, remedy="Name one, or leave it out."
        )
    return words
