"""How people use the network: when, how long, towards whom. All draws come from the caller's random source."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp
from random import Random

# Share of a day's traffic by local hour: quiet nights, a morning rise, a dip at dinner, a peak in the evening.
HOURS = (8, 4, 2, 2, 2, 5, 14, 32, 52, 66, 72, 74, 70, 70, 72, 72, 74, 80, 76, 78, 82, 68, 42, 20)
WEEKDAYS = (1.0, 1.0, 1.02, 1.04, 1.15, 0.95, 0.85)
DISPOSITIONS = (("ANSWERED", 80), ("NO ANSWER", 13), ("BUSY", 7))
LONGEST_CALL_SECONDS = 4 * 3600
LARGEST_SESSION_BYTES = 8 * 10**9
CALLS_PER_DAY = 5.0
MESSAGES_PER_DAY = 4.0
SESSIONS_PER_DAY = 10.0


@dataclass(frozen=True, slots=True)
class Numbering:
    """A country's numbers as they are dialled at home: prefix and how many digits follow."""

    mobile: tuple[str, int]
    fixed: tuple[str, int]
    premium: tuple[str, int]


HOME = {
    "NL": Numbering(("06", 8), ("020", 7), ("0900", 7)),
    "BE": Numbering(("047", 7), ("02", 7), ("0900", 5)),
    "DE": Numbering(("0151", 8), ("030", 7), ("0900", 7)),
    "FR": Numbering(("06", 8), ("01", 8), ("0899", 6)),
    "ES": Numbering(("6", 8), ("91", 7), ("803", 6)),
    "GB": Numbering(("074", 8), ("020", 8), ("0909", 7)),
}
# Foreign prefix, digits after it, and its share of the international calls.
ABROAD = (
    ("0032", 8, 26),
    ("0049", 10, 24),
    ("0044", 10, 15),
    ("0033", 9, 10),
    ("0034", 9, 9),
    ("0090", 10, 7),
    ("00212", 9, 6),
    ("001", 10, 3),
)
KINDS = (("mobile", 62), ("fixed", 22), ("international", 13), ("premium", 3))


def how_many(random: Random, mean: float) -> int:
    """A Poisson count."""
    limit, product, count = exp(-mean), random.random(), 0
    while product > limit:
        product *= random.random()
        count += 1
    return count


def weighted(random: Random, choices: tuple[tuple[str, int], ...]) -> str:
    """One of the choices by its share."""
    return random.choices([name for name, _ in choices], [share for _, share in choices])[0]


def second_of_day(random: Random) -> float:
    """A moment of the local day, to the millisecond."""
    hour = random.choices(range(24), HOURS)[0]
    return round(hour * 3600 + random.random() * 3600, 3)


def call_seconds(random: Random) -> int:
    """Most calls are short, some are very long."""
    return min(LONGEST_CALL_SECONDS, 1 + int(random.lognormvariate(4.2, 1.15)))


def session_bytes(random: Random) -> int:
    """Most sessions are small, a few carry nearly everything."""
    return min(LARGEST_SESSION_BYTES, 1 + int(random.lognormvariate(15.5, 1.7)))


def dialled(random: Random, country: str) -> str:
    """A called number as it is dialled in ``country``."""
    kind = weighted(random, KINDS)
    if kind == "international":
        prefix, digits, _ = random.choices(ABROAD, [share for *_, share in ABROAD])[0]
        return prefix + _digits(random, digits)
    numbering = HOME[country]
    prefix, digits = {"mobile": numbering.mobile, "fixed": numbering.fixed, "premium": numbering.premium}[kind]
    return prefix + _digits(random, digits)


def _digits(random: Random, count: int) -> str:
    return str(random.randint(1, 9)) + "".join(str(random.randint(0, 9)) for _ in range(count - 1))
