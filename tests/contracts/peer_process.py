"""localstripe, somebody else's imitation of Stripe, as a process of its own with its own packages.

It is under the GPL: never imported, never a dependency, only spoken to over HTTP. Its packages are pinned with hashes
in ``tests/peers/localstripe.txt`` and installed once per version into a virtual environment beside the tests' own.
"""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from evenflow.stack.ports import LOOPBACK, free_port

PINNED = Path(__file__).resolve().parents[1] / "peers" / "localstripe.txt"
KEY = "sk_test_12345"
SECONDS_TO_START = 30.0


@dataclass(frozen=True)
class Peer:
    """The running process."""

    url: str

    def post(self, path: str, **form: str) -> dict[str, object]:
        """A plain call, for what our adapter does otherwise: localstripe knows older forms of it."""
        answer = httpx.post(f"{self.url}{path}", data=form, auth=(KEY, ""), timeout=20, trust_env=False)
        assert answer.status_code == 200, answer.text
        body: dict[str, object] = answer.json()
        return body


def installed() -> Path:
    """The program, installed if it is not there yet; one process at a time installs."""
    digest = hashlib.sha256(PINNED.read_bytes()).hexdigest()[:16]
    place = Path(sys.prefix) / "peers" / f"localstripe-{digest}"
    place.parent.mkdir(exist_ok=True)
    program, ready = place / "bin" / "localstripe", place / "ready"
    with place.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            venv.create(place, with_pip=True, clear=True)
            pip = [place / "bin" / "python", "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
            subprocess.run([*pip, "--require-hashes", "-r", PINNED], check=True, capture_output=True, text=True)
            ready.touch()
    return program


@contextmanager
def a_peer() -> Iterator[Peer]:
    """A fresh one on a port of its own, for the length of the block."""
    port = free_port()
    command = [str(installed()), "--port", str(port), "--from-scratch"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    peer = Peer(f"http://{LOOPBACK}:{port}")
    try:
        _wait_for(process, peer)
        yield peer
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(process: subprocess.Popen[bytes], peer: Peer) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline:
        assert process.poll() is None, "localstripe ended"
        try:
            httpx.get(f"{peer.url}/v1/balance", auth=(KEY, ""), timeout=5, trust_env=False)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("localstripe does not answer")
