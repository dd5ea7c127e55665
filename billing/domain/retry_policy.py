"""The retry policy: how often, how soon and on which days a failed amount is debited again, per instrument and reason.

A versioned piece of data beside the dunning policy: the ladder says when a retry may come, this says whether one makes
sense and on which date. It only narrows what the schemes allow (``billing.domain.retry``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from billing.domain.errors import InvalidValue
from billing.domain.fields import Fields
from billing.domain.paydays import Paydays
from billing.domain.retry import BUDGETS, RETRYABLE, FailureCategory, Scheme

_MOST_RULES = 50
_LONGEST_DAYS = 180
_CATEGORIES = tuple(sorted(category.value for category in RETRYABLE))
# Words of a rule for whose instruments it is; "card" is every card that has no rule of its own before it.
_INSTRUMENTS: Mapping[str, tuple[Scheme, ...]] = {
    "visa": (Scheme.VISA,),
    "mastercard": (Scheme.MASTERCARD,),
    "card": (Scheme.VISA, Scheme.MASTERCARD, Scheme.CARD),
    "sepa_debit": (Scheme.SEPA,),
    "bacs_debit": (Scheme.BACS,),
}


@dataclass(frozen=True, slots=True)
class RetryRule:
    """What holds for failures of some categories (and codes; none: any) with some instruments.

    ``most_retries`` per debt and instrument, ``days_between`` two tries at least, and none later than ``within_days``
    after the first failure. With ``on_payday`` the debit waits for the next payday where one is near.
    """

    instruments: tuple[str, ...]
    categories: tuple[FailureCategory, ...]
    most_retries: int
    days_between: int
    within_days: int
    codes: tuple[str, ...] = ()
    on_payday: bool = False

    @property
    def name(self) -> str:
        """As it is called in an explanation: ``card funds``."""
        codes = f" {'/'.join(self.codes)}" if self.codes else ""
        return f"{'/'.join(self.instruments)} {'/'.join(self.categories)}{codes}"

    def covers(self, scheme: Scheme, category: FailureCategory, code: str) -> bool:
        """True when the rule is about such a failure."""
        schemes = {each for word in self.instruments for each in _INSTRUMENTS[word]}
        return scheme in schemes and category in self.categories and (not self.codes or code in self.codes)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "instruments": list(self.instruments),
            "categories": [category.value for category in self.categories],
            "codes": list(self.codes),
            "most_retries": self.most_retries,
            "days_between": self.days_between,
            "within_days": self.within_days,
            "on_payday": self.on_payday,
        }


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Rules, of which the first that covers a failure holds, and the customers' paydays. No rule: no retry."""

    rules: tuple[RetryRule, ...]
    paydays: Paydays = field(default_factory=Paydays)
    version: int = 0

    def rule_for(self, scheme: Scheme, category: FailureCategory, code: str) -> RetryRule | None:
        """The rule that holds for a failure."""
        return next((rule for rule in self.rules if rule.covers(scheme, category, code)), None)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON, without the version."""
        return {"rules": [rule.to_dict() for rule in self.rules], "paydays": self.paydays.to_dict()}

    @classmethod
    def from_dict(cls, data: Any, version: int = 0) -> RetryPolicy:
        """Read an operator's JSON; unknown fields are refused.

        Raises InvalidValue naming the field, its value and what would do.
        """
        fields = Fields(data)
        rules = tuple(_read_rule(item) for item in fields.objects("rules", _MOST_RULES))
        paydays = Paydays.from_fields(fields.nested("paydays")) if fields.has("paydays") else Paydays()
        fields.finish()
        for place, rule in enumerate(rules):
            _refuse_beyond_scheme(place, rule)
            _refuse_covered(place, rule, rules[:place])
        return cls(rules, paydays, version)


def _read_rule(fields: Fields) -> RetryRule:
    rule = RetryRule(
        instruments=fields.words("instruments", tuple(_INSTRUMENTS)),
        categories=tuple(FailureCategory(word) for word in fields.words("categories", _CATEGORIES)),
        codes=fields.codes("codes"),
        most_retries=fields.whole("most_retries", most=100),
        days_between=fields.whole("days_between", default=1, least=0, most=_LONGEST_DAYS),
        within_days=fields.whole("within_days", default=30, least=1, most=_LONGEST_DAYS),
        on_payday=fields.flag("on_payday", default=False),
    )
    for name in ("instruments", "categories"):
        if not getattr(rule, name):
            raise fields.refusal(name, "A rule needs at least one.", f"Add {name}.")
    fields.finish()
    return rule


def most_retries(scheme: Scheme) -> int | None:
    """How many retries of one debt a scheme can allow at the most within its windows; None: it sets no number."""
    if scheme is Scheme.BACS:
        return 1
    return min((budget.attempts - 1 for budget in BUDGETS[scheme] if budget.window.days > 1), default=None)


def _refuse_beyond_scheme(place: int, rule: RetryRule) -> None:
    """A count above the scheme's budget would never be reached, and reads as a promise."""
    for word in rule.instruments:
        limits = [limit for scheme in _INSTRUMENTS[word] if (limit := most_retries(scheme)) is not None]
        if limits and rule.most_retries > min(limits):
            raise InvalidValue(
                f"The scheme of {word} allows {min(limits)} retries at the most.",
                field=f"rules[{place}].most_retries",
                value=rule.most_retries,
                remedy=f"Use {min(limits)} or less, or a rule of its own for each instrument.",
            )


def _refuse_covered(place: int, rule: RetryRule, before: Sequence[RetryRule]) -> None:
    """A rule that an earlier one leaves nothing to do is a mistake."""
    schemes = {each for word in rule.instruments for each in _INSTRUMENTS[word]}
    for earlier in before:
        shadows = {each for word in earlier.instruments for each in _INSTRUMENTS[word]} >= schemes
        if shadows and not earlier.codes and set(rule.categories) <= set(earlier.categories):
            raise InvalidValue(
                f"The rule {earlier.name!r} before it covers all of this one.",
                field=f"rules[{place}].instruments",
                value=", ".join(rule.instruments),
                remedy="Put the narrower rule first, or remove it.",
            )


STANDARD = RetryPolicy(
    rules=(
        RetryRule(("card",), (FailureCategory.FUNDS,), 4, 2, 30, on_payday=True),
        RetryRule(("card",), (FailureCategory.TECHNICAL,), 3, 1, 14),
        RetryRule(("sepa_debit",), (FailureCategory.FUNDS,), 2, 3, 40, on_payday=True),
        RetryRule(("sepa_debit",), (FailureCategory.TECHNICAL,), 1, 2, 30),
        RetryRule(("bacs_debit",), (FailureCategory.FUNDS, FailureCategory.TECHNICAL), 1, 5, 30, on_payday=True),
    ),
    paydays=Paydays(last_banking_day=True, window_days=5),
)
