"""Search of the console: what a typed text may be, and everything found by it, in groups."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import phonenumbers

from billing.domain.errors import InvalidValue
from billing.ports.search import MOST_HITS, Search, SearchHit, SearchTerms
from billing.ports.unit_of_work import UnitOfWorkFactory

LONGEST = 100
FEWEST = 2
_KINDS = ("account", "line", "invoice", "mandate", "email", "name", "method")
_IDENTITY = re.compile(r"(acc|inv)_\d{1,18}")
_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{10,30}")
_TELEPHONE = re.compile(r"\+?[\d\s()./-]{4,25}")
_MASKED = re.compile(r"[\s.*•xX]*(\d{4})")


@dataclass(frozen=True)
class HitGroup:
    """What was found of one kind; ``has_more``: there is more than is shown."""

    kind: str
    hits: Sequence[SearchHit]
    has_more: bool


@dataclass(frozen=True)
class Found:
    """The groups in order, and the only hit where there is just one account's one thing to go to."""

    text: str
    groups: Sequence[HitGroup]
    only: SearchHit | None


class AccountSearch:
    """Reads a text as everything that it may be, and looks for each."""

    def __init__(self, make_work: UnitOfWorkFactory, search: Search) -> None:
        self._make_work = make_work
        self._search = search

    async def find(self, text: str) -> Found:
        """Everything that the text names. Raises InvalidValue for a text that is too short or too long."""
        plain = " ".join(text.split())
        if not FEWEST <= len(plain) <= LONGEST:
            raise InvalidValue(
                f"Search takes {FEWEST} to {LONGEST} characters.",
                field="q",
                value=plain[:LONGEST],
                remedy="Type a name, a number, an invoice, or the last four digits of a bank account or card.",
            )
        async with self._make_work() as work:
            countries = {brand.country for brand in await work.accounts.brands()}
        hits = await self._search.find(terms_of(plain, countries))
        return Found(plain, _groups(hits), _only(hits))


def terms_of(text: str, countries: set[str]) -> SearchTerms:
    """What a text may be; national telephone numbers are read in each of the countries."""
    identity = text.lower() if _IDENTITY.fullmatch(text.lower()) else ""
    compact = text.replace(" ", "").upper()
    masked = _MASKED.fullmatch(text)
    is_iban = _IBAN.fullmatch(compact) is not None
    if is_iban:  # the whole of it is kept nowhere and asked of nobody
        return SearchTerms(last_four=compact[-4:], mandate=compact)
    return SearchTerms(
        begins=text.lower(),
        words="" if text.isdigit() else text.lower(),
        email=text.lower() if "@" in text else "",
        numbers=_numbers(text, countries),
        document=compact,
        last_four=masked[1] if masked else "",
        mandate=compact,
        account_id=identity if identity.startswith("acc_") else "",
        invoice_id=identity if identity.startswith("inv_") else "",
    )


def _numbers(text: str, countries: set[str]) -> Sequence[str]:
    """How the identifier may be written: as typed, without signs between, and in the international form."""
    if not _TELEPHONE.fullmatch(text):
        return (text,)
    digits = re.sub(r"[^\d+]", "", text)
    found = {text, digits} | ({f"+{digits[2:]}"} if digits.startswith("00") else set())
    for country in countries:
        try:
            parsed = phonenumbers.parse(text, country)
        except phonenumbers.NumberParseException:
            continue
        found.add(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))
    return tuple(sorted(each for each in found if len(each) >= FEWEST))


def _groups(hits: Sequence[SearchHit]) -> Sequence[HitGroup]:
    groups = []
    for kind in _KINDS:
        of_kind = [hit for hit in hits if hit.kind == kind]
        if of_kind:
            groups.append(HitGroup(kind, of_kind[:MOST_HITS], len(of_kind) > MOST_HITS))
    return groups


def _only(hits: Sequence[SearchHit]) -> SearchHit | None:
    """One account, found in whatever ways: its most telling hit."""
    if len({hit.account_id for hit in hits}) != 1:
        return None
    return min(hits, key=lambda hit: _KINDS.index(hit.kind))
