"""The page about countries' rules is written from their files by ``python -m tests.rules.test_law_docs``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from billing.domain.law_pack import KEPT_ALWAYS
from billing.services.bad_debt_rules import relief_rules
from billing.services.law_packs import law_packs

PAGE = Path(__file__).parents[2] / "docs" / "law_packs.md"
_HEAD = """# The countries' rules, value by value

Written from the files in `billing/law_packs` and `billing/bad_debt_rules` by `python -m tests.rules.test_law_docs`;
a test holds that page and files agree. What a pack is for is in [dunning policies](dunning_policies.md#law-packs).
Each states the law as we knew it on the day named, and each is to be **checked with counsel** before you rely on it:
laws change, and values that a law leaves open are our reading.
"""


def _page() -> str:
    return "\n".join([_HEAD, *_packs(), *_reliefs()]) + "\n"


def _packs() -> Iterator[str]:
    for pack in law_packs().values():
        yield f"## {pack.name} (`{pack.code}`)\n"
        yield f"As of {pack.as_of}; {pack.counsel}. Amounts in minor units of {pack.currency}.\n"
        yield "| rule | value | what it says | where it stands |\n|---|---|---|---|"
        for rule in pack.rules:
            value = "kept always" if rule.check == KEPT_ALWAYS else f"`{rule.check}`: {_shown(rule.value)}"
            yield f"| {rule.code} | {value} | {rule.says} | {rule.source} |"
        yield "\n| value of its policy | where it is from |\n|---|---|"
        yield from (f"| `{name}` | {said} |" for name, said in pack.readings.items())
        yield ""


def _reliefs() -> Iterator[str]:
    yield "## VAT of bad debts\n"
    yield "| rule | from when on | what it says | where it stands | as of |\n|---|---|---|---|---|"
    for rule in relief_rules().values():
        least = f", from {rule.least_net_minor} minor units net" if rule.least_net_minor else ""
        days = f"{rule.least_days_overdue} days overdue" if rule.least_days_overdue else "when it is given up"
        yield f"| `{rule.code}` | {days}{least} | {rule.says} | {rule.source} | {rule.as_of}; {rule.counsel} |"


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value).lower()


def test_the_page_is_what_the_files_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == _page()


@pytest.mark.parametrize("code", law_packs())
def test_every_value_names_where_it_stands_or_that_it_is_our_reading(code: str) -> None:
    pack = law_packs()[code]
    assert pack.counsel == "check with counsel"
    for said in pack.readings.values():
        assert said.endswith(".")
        assert any(word in said for word in ("article", "section", "Conditions", "guide", "our reading"))


if __name__ == "__main__":
    PAGE.write_text(_page(), encoding="utf-8")
