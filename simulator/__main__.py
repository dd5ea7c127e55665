"""``python -m simulator --port 4242 --data-dir ...``: one process, stopped by SIGTERM or Ctrl-C."""

from __future__ import annotations

import errno
import fcntl
import socket
import sys
from dataclasses import replace
from typing import TextIO

import uvicorn

from simulator.app import create_app
from simulator.config import SimulatorConfig, UnusableConfiguration, read_config


def main() -> int:
    """Serve until stopped; gives the exit code, with one sentence on what is wrong."""
    try:
        config = read_config(sys.argv[1:])
        lock = _take_data_directory(config)
        listening = _listen(config)
        config = replace(config, port=listening.getsockname()[1])
    except (UnusableConfiguration, OSError) as problem:
        print(f"simulator: {problem}", file=sys.stderr)
        return 2
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(config), log_level="warning", access_log=False, timeout_graceful_shutdown=2, lifespan="on"
        )
    )
    print(f"simulator listening on {config.base_url}", flush=True)
    server.run(sockets=[listening])
    lock.close()
    return 0


def _take_data_directory(config: SimulatorConfig) -> TextIO:
    config.data_dir.mkdir(parents=True, exist_ok=True)
    lock = (config.data_dir / "simulator.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UnusableConfiguration(
            f"another simulator is using {config.data_dir}. Stop it, or give another --data-dir."
        ) from None
    return lock


def _listen(config: SimulatorConfig) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((config.host, config.port))
    except OSError as problem:
        if problem.errno == errno.EADDRINUSE:
            raise UnusableConfiguration(f"port {config.port} is in use. Give another --port.") from None
        raise
    listening.listen(256)
    return listening


if __name__ == "__main__":
    raise SystemExit(main())
