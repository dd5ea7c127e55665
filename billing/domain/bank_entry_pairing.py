"""Which entries of a file are known already, so that each is booked once whatever files bring it.

The same booking comes in a report of the day (camt.052), in a notification (camt.054), again in the statement
(camt.053), again in a statement that is sent twice; the files' bytes differ, and the bank's references may stand in one
and not in the other. Two bookings may also be equal in everything: two customers who pay 10.00 on one day. The rule:

1. Entries can only be the same when account, amount, sign, currency, booking date and the mark of a reversal are.
2. Where both carry the bank's reference (AcctSvcrRef), it alone decides; of several with it, equal payments come first.
3. Else, where both list their payments, those decide: amounts, end-to-end ids, remittance, the other account.
4. Else (one has neither) they are the same.
5. Each known entry is the same as at most one of a file: what a file holds twice is two bookings, and so a booking is
   counted as often as the file that holds it most often. What a later file knows more of it is kept with it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from billing.domain.bank_statement import EntryDetail, StatementEntry

Basics = tuple[int, str, date, bool]


@dataclass(frozen=True, slots=True)
class EntryKey:
    """What tells an entry of one account from others; ``reference`` and ``content`` are empty where it has none."""

    basics: Basics
    reference: str
    content: str

    def with_what(self, other: EntryKey) -> EntryKey:
        """This key with what another file knows of the same entry."""
        return EntryKey(self.basics, self.reference or other.reference, self.content or other.content)


def key_of(entry: StatementEntry) -> EntryKey:
    """The key of an entry; ``content`` is a digest of its payments."""
    basics = (entry.amount_minor, entry.currency, entry.booked_on, entry.is_reversal)
    return EntryKey(basics, entry.bank_reference, _digest(entry.details))


def _digest(details: Sequence[EntryDetail]) -> str:
    if not details:
        return ""
    written = sorted(
        json.dumps([one.amount_minor, one.end_to_end_id, *map(_bare, _words(one)), one.return_code]) for one in details
    )
    return hashlib.sha256("\n".join(written).encode()).hexdigest()


def _words(detail: EntryDetail) -> tuple[str, ...]:
    return (detail.remittance, detail.structured_reference, detail.counterparty.account)


def _bare(text: str) -> str:
    """Without blanks, which banks break differently."""
    return "".join(text.split()).upper()


def pair(incoming: Sequence[EntryKey], known: Sequence[EntryKey]) -> list[int | None]:
    """For each incoming entry of one file the place of the known one that it is, None for a new one."""
    found: list[int | None] = [None] * len(incoming)
    places: dict[Basics, list[int]] = {}
    for place, key in enumerate(known):
        places.setdefault(key.basics, []).append(place)
    for is_same in _RULES:
        for place, key in enumerate(incoming):
            free = places.get(key.basics, []) if found[place] is None else []
            match = next((one for one in free if is_same(key, known[one])), None)
            if match is not None:
                found[place] = match
                free.remove(match)
    return found


def _same_in_all(one: EntryKey, other: EntryKey) -> bool:
    return _same_reference(one, other) and one.content == other.content


def _same_reference(one: EntryKey, other: EntryKey) -> bool:
    return bool(one.reference) and one.reference == other.reference


def _same_content(one: EntryKey, other: EntryKey) -> bool:
    return not (one.reference and other.reference) and bool(one.content) and one.content == other.content


def _one_is_bare(one: EntryKey, other: EntryKey) -> bool:
    return not (one.reference and other.reference) and not (one.content and other.content)


_RULES: tuple[Callable[[EntryKey, EntryKey], bool], ...] = (
    _same_in_all,
    _same_reference,
    _same_content,
    _one_is_bare,
)
