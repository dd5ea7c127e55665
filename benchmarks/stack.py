"""A stack in our own process, for the length of a measurement."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from benchmarks.options import Options
from evenflow.stack.assembly import StackOptions, run_stack
from evenflow.stack.running import RunningStack

Result = TypeVar("Result")


def with_stack(
    options: Options,
    data_dir: Path,
    main: Callable[[RunningStack], Awaitable[Result]],
    clock: StackOptions | None = None,
) -> Result:
    """Run ``main`` on a stack at normal time, or as ``clock`` says; everything is stopped whatever happens."""
    wanted = replace(clock, data_dir=data_dir) if clock else StackOptions(data_dir)
    return asyncio.run(run_stack(wanted, main, options.say))
