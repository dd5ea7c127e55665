"""What the application does at the turning points of the stack's life.

Its modules are imported late: the servers are already starting while they load.
"""

from __future__ import annotations

from evenflow.stack.running import RunningStack


async def resume_clock(stack: RunningStack) -> None:
    """Before API and worker start: let business time go on from where it was last seen, at ``stack.clock_rate``."""
    from evenflow import business_clock

    await business_clock.resume_clock(stack)


async def beat(stack: RunningStack) -> None:
    """About every second while everything runs: note that business time was seen."""
    from evenflow import business_clock

    await business_clock.beat(stack)
