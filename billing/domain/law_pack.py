"""Law packs: the rules of a country that a dunning policy promises to keep, as data, and the check against them.

A rule names its check (``law_checks.CHECKS``), the value it asks for, what it says, and its source. A rule whose check
is ``always`` is kept by the code that decides, whatever the policy says; it is listed so that nobody has to guess.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from billing.domain.bad_debt_relief import day_of
from billing.domain.dunning_ladder import DunningPolicy
from billing.domain.errors import InvalidValue
from billing.domain.fields import Fields
from billing.domain.law_checks import CHECKS

KEPT_ALWAYS = "always"
_MOST_RULES = 50


@dataclass(frozen=True)
class LawRule:
    """One rule: ``check`` with ``value`` in days or minor units of the pack's currency, in words, and its source."""

    code: str
    check: str
    value: Any
    says: str
    source: str


@dataclass(frozen=True)
class LawPack:
    """The rules of one country as we knew them on the day ``as_of``; ``counsel`` says what to do before relying on it.

    ``policy`` is a definition that keeps them, to begin with; ``readings`` says of each of its values where it is from.
    """

    code: str
    name: str
    country: str
    currency: str
    rules: tuple[LawRule, ...]
    policy: Mapping[str, Any]
    as_of: date
    counsel: str
    readings: Mapping[str, str]

    def validate(self, policy: DunningPolicy) -> None:
        """Refuse a policy that breaks a rule. Raises InvalidValue naming field, value, rule and the way out."""
        for rule in self.rules:
            if rule.check == KEPT_ALWAYS:
                continue
            for breach in CHECKS[rule.check](policy, rule.value):
                raise InvalidValue(
                    f"The law pack {self.code} ({self.name}) asks: {rule.says} (rule {rule.code}, {rule.source})",
                    field=breach.field,
                    value=breach.value,
                    remedy=f"{breach.remedy} Or leave law_pack out, if another law holds.",
                )

    def default_policy(self) -> DunningPolicy:
        """The pack's own policy, under the pack's code."""
        return DunningPolicy.from_dict({"code": self.code, **self.policy, "law_pack": self.code}, "policy")

    @classmethod
    def from_dict(cls, data: Any) -> LawPack:
        """Read a pack's file. Raises InvalidValue naming the field, also for a default policy that breaks a rule."""
        fields = Fields({**data, "as_of": str(data.get("as_of", ""))} if isinstance(data, dict) else data)
        pack = cls(
            code=fields.code("code"),
            name=fields.text("name"),
            country=fields.text("country"),
            currency=fields.currency("currency"),
            rules=tuple([_rule(one) for one in fields.objects("rules", _MOST_RULES)]),
            policy=fields.nested("policy").rest(),
            as_of=day_of(fields),
            counsel=fields.text("counsel"),
            readings={name: str(said) for name, said in fields.nested("readings").rest().items()},
        )
        fields.finish()
        for name in sorted({*pack.policy} ^ {*pack.readings}):
            raise fields.refusal(
                "readings", f"{name} is a value without its source, or a source without value.", "Add it."
            )
        pack.validate(pack.default_policy())
        return pack


def _rule(fields: Fields) -> LawRule:
    rule = LawRule(
        code=fields.code("code"),
        check=fields.one_of("check", {**CHECKS, KEPT_ALWAYS: None}),
        value=fields.rest().get("value"),
        says=fields.text("says", longest=400),
        source=fields.text("source", longest=400),
    )
    if rule.check != KEPT_ALWAYS and rule.value is None:
        raise fields.refusal("value", f"The check {rule.check} needs a value.", "Add it.")
    fields.finish()
    return rule
