"""What the application does at the turning points of the stack's life."""

from __future__ import annotations

from evenflow.stack.running import RunningStack


async def resume_clock(stack: RunningStack) -> None:
    """Before the worker starts: let business time go on from where it was last seen, at ``stack.clock_rate``."""


async def beat(stack: RunningStack) -> None:
    """About every second while everything runs: note that business time was seen."""
