"""Readiness probes: a probe answers whether a child can be used now, quickly and without raising."""

from __future__ import annotations

import socket
from collections.abc import Callable

import httpx

from evenflow.stack.ports import LOOPBACK

Probe = Callable[[], bool]
PROBE_TIMEOUT_SECONDS = 2.0


def always() -> bool:
    """For a child that is ready as soon as it runs."""
    return True


def accepts_connections(port: int) -> Probe:
    """Ready when something accepts TCP connections on the loopback port."""

    def probe() -> bool:
        try:
            socket.create_connection((LOOPBACK, port), timeout=PROBE_TIMEOUT_SECONDS).close()
        except OSError:
            return False
        return True

    return probe


def answers_http(url: str) -> Probe:
    """Ready when a GET of the address is answered with any status below 500."""

    def probe() -> bool:
        try:
            return httpx.get(url, timeout=PROBE_TIMEOUT_SECONDS, trust_env=False).status_code < 500
        except httpx.HTTPError:
            return False

    return probe
