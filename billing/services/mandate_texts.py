"""What customers agree to when they leave a method: texts per kind and language, in versions that never change."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml

from billing.domain.cycle_policy import CyclePolicy
from billing.domain.errors import NotFound
from billing.messages.payments import MethodKind
from billing.ports.accounts import Brand
from billing.services.notice_templates import fill
from billing.services.notice_words import LANGUAGES

KINDS = (MethodKind.CARD, MethodKind.SEPA_DEBIT, MethodKind.BACS_DEBIT)


@dataclass(frozen=True)
class MandateText:
    """One version of a text in one language, as it is kept or, with a brand's values, as it is shown."""

    kind: MethodKind
    version: int
    language: str
    text: str


def texts() -> list[MandateText]:
    """Every version of every text, with its placeholders."""
    return [
        MandateText(kind, version, language, text)
        for kind in KINDS
        for version, by_language in sorted(_versions(kind).items())
        for language, text in by_language.items()
    ]


def shown(kind: MethodKind, language: str, brand: Brand, creditor_id: str, version: int | None = None) -> MandateText:
    """A text as a brand's customer reads it; the newest version unless one is named.

    Raises NotFound for a kind, version or language without a text.
    """
    versions = _versions(kind) if kind in KINDS else {}
    wanted = max(versions, default=0) if version is None else version
    text = versions.get(wanted, {}).get(language)
    if text is None:
        raise NotFound(
            f"There is no version {wanted} of the text for {kind} in {language}.",
            field="version",
            value=wanted,
            remedy="GET /v1/mandate-texts lists the texts there are.",
        )
    values = {"brand": brand.name, "notice_days": notice_days(kind, brand), "creditor_id": creditor_id}
    return MandateText(kind, wanted, language, fill(text, values).strip())


def notice_days(kind: MethodKind, brand: Brand) -> int:
    """How many days ahead a debit is announced: working days for Bacs, else as the brand's policy counts them."""
    policy = CyclePolicy.from_dict(brand.cycle_policy)
    return policy.bacs_notice_banking_days if kind is MethodKind.BACS_DEBIT else policy.notice_days


@cache
def _versions(kind: MethodKind) -> dict[int, dict[str, str]]:
    source = files("billing").joinpath("mandate_texts", f"{kind.value}.yaml").read_text(encoding="utf-8")
    found: dict[int, dict[str, str]] = {int(one["version"]): one["texts"] for one in yaml.safe_load(source)}
    missing = [(version, language) for version in found for language in LANGUAGES if language not in found[version]]
    if missing:
        raise LookupError(f"mandate texts of {kind} lack {missing}")
    return found
