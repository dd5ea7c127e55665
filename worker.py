"""Runs the Temporal worker: the process of every account, and its side effects."""

import asyncio

from evenflow.bootstrap import run_worker

if __name__ == "__main__":
    asyncio.run(run_worker())
