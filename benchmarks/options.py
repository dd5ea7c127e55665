"""What the user asked for."""

from __future__ import annotations

import sys
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """``rounds`` per figure; ``requests`` per endpoint, number of connections and round; ``stored`` rows in a table
    that is called full.
    """

    rounds: int
    requests: int
    stored: int = 25_000_000

    def say(self, text: str) -> None:
        """Progress, beside the result."""
        print(text, file=sys.stderr, flush=True)
