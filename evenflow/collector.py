"""Python's garbage collector, set for processes that make millions of short-lived rows."""

from __future__ import annotations

import gc

# Rows die by reference counting; looking for cycles among them every 700 costs a fifth of an import and finds nothing.
_YOUNG, _MIDDLE, _OLD = 50_000, 20, 50


def calm_collector() -> None:
    """Look for cycles seldom, and never among what the process began with."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
