"""Free TCP ports on the loopback address."""

from __future__ import annotations

import random
import socket
from collections.abc import Collection

LOOPBACK = "127.0.0.1"
# Below the range from which operating systems give ports to outgoing connections, so that a port remembered for the
# next start has not been borrowed by some connection in the meantime.
LOWEST_PORT, HIGHEST_PORT = 20_000, 32_000
ATTEMPTS = 200


def is_free(port: int) -> bool:
    """True when a server can listen on the port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def free_port(taken: Collection[int] = ()) -> int:
    """A port nobody listens on and that is not among ``taken``."""
    chooser = random.SystemRandom()
    for _ in range(ATTEMPTS):
        port = chooser.randint(LOWEST_PORT, HIGHEST_PORT)
        if port not in taken and is_free(port):
            return port
    raise OSError(f"No free port between {LOWEST_PORT} and {HIGHEST_PORT} on {LOOPBACK}.")
