"""Telco-like traffic for demos, tests and benchmarks: the same seed gives the same files, to the byte.

Calls, messages and data sessions of given lines, by hour of day and day of week, with the flaws real sources have. What
was injected is answered, so that an import report can be checked against it.
"""

from evenflow.traffic.day import NO_FLAWS, DayTraffic, Flaws, Line, TrafficRequest, traffic_of
from evenflow.traffic.files import TrafficFile, write_day, write_days

__all__ = [
    "NO_FLAWS",
    "DayTraffic",
    "Flaws",
    "Line",
    "TrafficFile",
    "TrafficRequest",
    "traffic_of",
    "write_day",
    "write_days",
]
