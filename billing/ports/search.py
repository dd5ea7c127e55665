"""Finding an account by what somebody on the telephone, a letter or a bank line says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

MOST_HITS = 20  # of each kind


@dataclass(frozen=True)
class SearchTerms:
    """What a text may be. Empty where it cannot be that.

    ``begins`` is how an account number may begin, in lower case; ``words`` are of a name; ``numbers`` are how a line's
    identifier may begin, telephone numbers in E.164 among them; ``last_four`` of a bank account or card.
    """

    begins: str = ""
    words: str = ""
    email: str = ""
    numbers: Sequence[str] = ()
    document: str = ""
    last_four: str = ""
    mandate: str = ""
    account_id: str = ""
    invoice_id: str = ""


@dataclass(frozen=True)
class SearchHit:
    """One thing found, and whose it is. ``kind`` is account, name, email, line, invoice, method or mandate.

    ``found`` is what was found, as it may be shown; ``object_id`` is its identity where it is not the account.
    """

    kind: str
    account_id: str
    brand: str
    account_number: str
    customer_name: str
    found: str
    object_id: str = ""


class Search(Protocol):
    """Looks by indexes only: no text of all accounts is ever read through."""

    async def find(self, terms: SearchTerms) -> Sequence[SearchHit]:
        """At most ``MOST_HITS`` and one more of each kind, which tells that there are more."""
        ...
