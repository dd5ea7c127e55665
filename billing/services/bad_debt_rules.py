"""The countries' rules about VAT of bad debts: one file each in ``billing/bad_debt_rules``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from billing.domain.bad_debt_relief import ReliefRule
from billing.domain.errors import InvalidValue
from billing.domain.fields import Fields


@cache
def relief_rules() -> Mapping[str, ReliefRule]:
    """All rules by their code."""
    sources = sorted(files("billing").joinpath("bad_debt_rules").iterdir(), key=lambda one: one.name)
    texts = [one.read_text(encoding="utf-8") for one in sources if one.name.endswith(".yaml")]
    rules = [ReliefRule.from_dict(yaml.safe_load(text)) for text in texts]
    return {rule.code: rule for rule in rules}


def relief_of(definition: Mapping[str, Any]) -> ReliefRule | None:
    """The rule that a brand names; None where VAT of bad debts stays with the accountant. Raises InvalidValue."""
    if not definition:
        return None
    fields = Fields(dict(definition), "bad_debt_relief")
    rule = relief_rules().get(fields.text("rule"))
    if rule is None:
        raise InvalidValue(
            "There is no such rule about the VAT of bad debts.",
            field="bad_debt_relief.rule",
            value=str(definition.get("rule", "")),
            remedy=f"Use one of: {', '.join(relief_rules())}; or leave it out.",
        )
    fields.finish()
    return rule


def check_relief(definition: Mapping[str, Any], country: str) -> None:
    """Refuse a rule that is not of the brand's country. Raises InvalidValue."""
    rule = relief_of(definition)
    if rule is not None and rule.country != country:
        raise InvalidValue(
            f"The rule {rule.code} is of {rule.country}, and VAT of this brand is owed in {country}.",
            field="bad_debt_relief.rule",
            value=rule.code,
            remedy="Use the rule of the country in tax_table, or leave it out.",
        )
