"""Encrypted payloads: written with the first key of the ring, read with any, refused in one sentence otherwise."""

from __future__ import annotations

import base64

import pytest
from temporalio.api.common.v1 import Payload

from evenflow.payload_codec import EncryptionCodec, PayloadKeyError, codec_from
from evenflow.settings import SettingsError, settings_from

OLD, NEW = bytes(range(32)), bytes(range(1, 33))
PLAIN = Payload(metadata={"encoding": b"json/plain"}, data=b'{"amount_minor":4210}')


def ring(**keys: bytes) -> str:
    return ",".join(f"{name}:{base64.urlsafe_b64encode(key).decode().rstrip('=')}" for name, key in keys.items())


async def test_what_is_written_cannot_be_read_without_the_key_and_comes_back_with_it() -> None:
    codec = EncryptionCodec({"new": NEW})
    (sealed,) = await codec.encode([PLAIN])
    assert b"4210" not in sealed.SerializeToString()
    assert await codec.decode([sealed]) == [PLAIN]
    assert await codec.encode([sealed]) == [sealed], "nothing is encrypted twice"


async def test_a_key_is_replaced_without_losing_old_histories() -> None:
    (sealed,) = await EncryptionCodec({"old": OLD}).encode([PLAIN])
    rotated = codec_from(ring(new=NEW, old=OLD))
    assert rotated is not None
    assert await rotated.decode([sealed, PLAIN]) == [PLAIN, PLAIN]
    (again,) = await rotated.encode([PLAIN])
    assert again.metadata["encryption-key-id"] == b"new"


@pytest.mark.parametrize(("keys", "word"), [({"new": NEW}, "not in"), ({"old": NEW}, "another key")])
async def test_a_missing_or_wrong_key_is_named(keys: dict[str, bytes], word: str) -> None:
    (sealed,) = await EncryptionCodec({"old": OLD}).encode([PLAIN])
    with pytest.raises(PayloadKeyError, match=word) as refused:
        await EncryptionCodec(keys).decode([sealed])
    assert "'old'" in str(refused.value)


@pytest.mark.parametrize("text", ["abc", "k1:short", ":" + "A" * 43, "k1:" + "!" * 43])
def test_an_unusable_ring_is_one_sentence_without_the_secret(text: str) -> None:
    with pytest.raises(SettingsError, match="EVENFLOW_TEMPORAL_PAYLOAD_KEYS") as refused:
        settings_from({"EVENFLOW_TEMPORAL_PAYLOAD_KEYS": text})
    assert text.partition(":")[2] not in str(refused.value) or not text.partition(":")[2]


def test_no_ring_means_no_encryption() -> None:
    assert codec_from("") is None
