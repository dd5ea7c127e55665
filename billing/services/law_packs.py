"""The law packs that come with Evenflow: one file per country in ``billing/law_packs``, checked when they are read."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import yaml

from billing.domain.dunning_ladder import DunningPolicy
from billing.domain.errors import InvalidValue
from billing.domain.law_pack import LawPack


@cache
def law_packs() -> Mapping[str, LawPack]:
    """All packs by their code."""
    sources = sorted(files("billing").joinpath("law_packs").iterdir(), key=lambda one: one.name)
    texts = [one.read_text(encoding="utf-8") for one in sources if one.name.endswith(".yaml")]
    packs = [LawPack.from_dict(yaml.safe_load(text)) for text in texts]
    return {pack.code: pack for pack in packs}


def check_law(policy: DunningPolicy) -> None:
    """Refuse a policy that breaks the pack it names. Raises InvalidValue with field, value, rule and the way out."""
    if not policy.law_pack:
        return
    pack = law_packs().get(policy.law_pack)
    if pack is None:
        raise InvalidValue(
            "There is no such law pack.",
            field="law_pack",
            value=policy.law_pack,
            remedy=f"Use one of: {', '.join(law_packs())}; or leave it out.",
        )
    pack.validate(policy)
