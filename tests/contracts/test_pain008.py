"""The files we write: valid in every version that banks ask for, the same bytes always, with nothing a bank refuses."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from billing.adapters.bank_files.folder import FileFolder
from billing.adapters.bank_files.iso20022 import schema_of
from billing.adapters.bank_files.pain008 import VERSIONS
from billing.adapters.bank_files.sealing import KeyRing, KeyRingUnusable, key_ring_from
from billing.domain.errors import InvalidValue
from billing.ports.bank_file_writing import SealBroken
from billing.ports.bank_files import Address
from simulator.bank.orders import read_order
from tests.builders_bank_files import a_creditor_party, a_line, the_bytes

A_KEY = "k" * 43


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("sequence", ["FRST", "RCUR", "OOFF", "FNAL"])
@pytest.mark.parametrize("scheme", ["CORE", "B2B"])
def test_every_version_sequence_and_scheme_is_valid_and_read_as_meant(version: str, sequence: str, scheme: str) -> None:
    lines = (a_line(1, bic="COBADEFFXXX"), a_line(2, amount_minor=1), a_line(3, amount_minor=99_999_999_999))
    content = the_bytes(*lines, version=version, sequence=sequence, scheme=scheme)
    assert schema_of(version).validate(etree.fromstring(content))
    order = read_order(content)
    assert (order.version, order.sequence, order.scheme, order.collect_on) == (
        version, sequence, scheme, date(2027, 3, 22),
    )  # fmt: skip
    assert [(one.end_to_end_id, one.amount_minor, one.problem) for one in order.debits] == [
        ("inv-1-1", 4210, ""), ("inv-2-1", 1, ""), ("inv-3-1", 99_999_999_999, ""),
    ]  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS)
def test_addresses_are_structured_or_hybrid(version: str) -> None:
    structured = Address("NL", "Utrecht", "3511 AB", "Kade", "1")
    hybrid = Address("CH", "Bern", lines=("Weg 1", "Postfach 2"))
    content = the_bytes(
        a_line(1, address=hybrid), creditor=a_creditor_party(address=structured, bic=""), version=version
    )
    assert b"<StrtNm>Kade</StrtNm>" in content
    assert content.count(b"<AdrLine>") == 2
    assert b"NOTPROVIDED" in content


def test_the_same_file_has_the_same_bytes() -> None:
    assert the_bytes(a_line(1), a_line(2)) == the_bytes(a_line(1), a_line(2))


@settings(deadline=None, max_examples=60)
@given(st.text(min_size=1, max_size=90), st.text(max_size=200))
def test_no_name_or_text_makes_a_file_invalid(name: str, text: str) -> None:
    line = a_line(1, holder_name=f"A{name}", text=text)
    assert read_order(the_bytes(line)).debits[0].problem == ""


def test_what_the_schema_refuses_never_leaves() -> None:
    with pytest.raises(InvalidValue, match="maxLength"):
        the_bytes(message_id="x" * 36)
    with pytest.raises(InvalidValue, match="not written"):
        the_bytes(version="pain.008.001.01")


def test_sealed_texts_open_with_every_key_of_the_ring_and_only_in_their_place() -> None:
    old = key_ring_from(f"old:{A_KEY}")
    sealed = old.seal(b"NL20INGB0001234567", "bank_accounts/acc_1/M1")
    ring = key_ring_from(f"new:{'n' * 43},old:{A_KEY}")
    assert ring.open(sealed, "bank_accounts/acc_1/M1") == b"NL20INGB0001234567"
    assert b"INGB" not in sealed
    for other, context in (
        (ring, "bank_accounts/acc_2/M1"),
        (key_ring_from(f"new:{'n' * 43}"), "bank_accounts/acc_1/M1"),
    ):
        with pytest.raises(SealBroken):
            other.open(sealed, context)
    with pytest.raises(SealBroken, match="No key"):
        KeyRing({}).seal(b"", "x")


@pytest.mark.parametrize("text", ["nokey", "a:short", ":" + A_KEY])
def test_a_ring_that_cannot_be_used_is_refused_without_the_key(text: str) -> None:
    with pytest.raises(KeyRingUnusable) as refused:
        key_ring_from(text)
    assert A_KEY not in str(refused.value)


def test_a_file_is_in_the_folder_once_and_whole(tmp_path: Path) -> None:
    folder = FileFolder(tmp_path)
    assert not folder.is_whole()
    folder.stage("a.xml", b"<a/>")
    folder.stage("a.xml", b"<a/>")
    assert list((tmp_path / "outgoing").iterdir()) == []
    assert folder.hand_over("a.xml")
    assert not folder.hand_over("a.xml")
    assert (tmp_path / "outgoing" / "a.xml").read_bytes() == b"<a/>"
    assert folder.is_whole()
