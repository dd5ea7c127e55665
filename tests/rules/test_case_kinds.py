"""Every kind of case and every rule of the books is written down for the person who meets it."""

from __future__ import annotations

import re

import pytest

from billing.domain.staff_cases import KINDS, CaseKind, Severity, names_death
from billing.persistence.invariants import INVARIANTS, Invariant
from tests.style.source_files import ROOT


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_a_kind_says_what_it_means_and_what_to_do_and_the_page_has_its_section(kind: CaseKind) -> None:
    assert all(re.fullmatch(r"[A-Z`].+\.", said) for said in (kind.means, kind.what_to_do))
    page = (ROOT / "docs" / "cases.md").read_text(encoding="utf-8")
    heading = kind.runbook.partition("#")[2].replace("-", " ")
    assert f"\n### {heading}\n" in page.lower()
    assert kind.severity in Severity


@pytest.mark.parametrize("rule", INVARIANTS, ids=[rule.name for rule in INVARIANTS])
def test_the_page_about_the_rules_has_each_of_them(rule: Invariant) -> None:
    page = (ROOT / "docs" / "invariants.md").read_text(encoding="utf-8")
    assert f"\n### {rule.name}\n" in page
    assert "\n### accounts live\n" in page


@pytest.mark.parametrize(
    ("codes", "told"), [(("MD07",), True), (("recipient_deceased", ""), True), (("MD01", "AC04"), False), ((), False)]
)
def test_only_the_code_of_death_reports_one(codes: tuple[str, ...], told: bool) -> None:
    assert names_death(codes) is told
