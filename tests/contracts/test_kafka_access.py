"""How we reach brokers: over TLS that proves who they are, and signed in with a password."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from billing.adapters.kafka_usage import KafkaAccess, KafkaStream
from tests.builders_certificates import Authority
from tests.kafka_server import KafkaServer, kafka_server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kafka")


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    return Authority(folder, "authority")


@pytest.fixture(scope="module")
def secured(folder: Path, authority: Authority) -> Iterator[KafkaServer]:
    """A broker that speaks TLS alone."""
    certificate, key = authority.server()
    options = ("--cert", str(certificate), "--key", str(key))
    client = {"security_protocol": "SSL", "ssl_ca_location": str(authority.certificate)}
    with kafka_server(folder / "tls.log", *options, **client) as server:
        yield server


async def received(access: KafkaAccess) -> Sequence[bytes]:
    """The first messages that come. Raises ConnectionError."""

    async def from_the_beginning() -> Mapping[tuple[str, int], int]:
        return {}

    stream = KafkaStream(access)
    async with asyncio.timeout(30):
        await stream.start(from_the_beginning)
        try:
            found: list[bytes] = []
            while not found:
                found = [each.value for batch in await stream.take() for each in batch.messages]
        finally:
            await stream.stop()
    return found


@pytest.fixture
def filled(secured: KafkaServer, unique: str, authority: Authority) -> KafkaAccess:
    """How to reach a topic with one message."""
    secured.make(unique)
    secured.send(unique, [b"over TLS"])
    return KafkaAccess(secured.address, unique, unique, "SSL", authority=str(authority.certificate))


async def test_messages_come_from_a_broker_whose_authority_is_known(filled: KafkaAccess) -> None:
    assert await received(filled) == [b"over TLS"]


async def test_a_broker_of_another_authority_is_not_talked_to(filled: KafkaAccess, folder: Path) -> None:
    other = Authority(folder, "somebody-else")
    with pytest.raises(ConnectionError):
        await received(replace(filled, authority=str(other.certificate)))


async def test_without_an_authority_of_our_own_the_systems_are_asked(filled: KafkaAccess) -> None:
    with pytest.raises(ConnectionError):
        await received(replace(filled, authority=""))


async def test_a_certificate_for_another_address_is_refused(authority: Authority, folder: Path, unique: str) -> None:
    certificate, key = authority.server("127.0.0.2")
    with kafka_server(folder / "elsewhere.log", "--cert", str(certificate), "--key", str(key)) as server:
        access = KafkaAccess(server.address, unique, unique, "SSL", authority=str(authority.certificate))
        with pytest.raises(ConnectionError):
            await received(access)


async def test_a_broker_of_tls_does_not_hear_plain_text(filled: KafkaAccess) -> None:
    with pytest.raises(ConnectionError):
        await received(replace(filled, protocol="PLAINTEXT"))
