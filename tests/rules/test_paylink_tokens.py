"""The signed part of a paylink: short, for one purpose, and nobody else can write it."""

from __future__ import annotations

from base64 import urlsafe_b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.services.short_tokens import SIGNATURE_BYTES, ForgedToken, ShortTokens

NUMBERS = st.integers(min_value=0, max_value=2**63)
OURS = ShortTokens("evenflow.paylink", ("the key of today",))


@given(NUMBERS, st.integers(min_value=0, max_value=2**31))
def test_what_is_signed_is_read_again(first: int, second: int) -> None:
    assert OURS.read(OURS.sign(first, second)) == (first, second)


def test_it_is_short_and_needs_no_escaping_in_an_address() -> None:
    token = OURS.sign(1_234_567, 1)
    assert len(token) == 22
    assert token.replace("-", "").replace("_", "").isalnum()
    assert len(urlsafe_b64decode(token + "==")) - 4 == SIGNATURE_BYTES >= 10


@given(NUMBERS, st.data())
def test_any_other_letter_at_any_place_is_refused(number: int, data: st.DataObject) -> None:
    token = OURS.sign(number, 1)
    place = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from("ABCXYZabcxyz0189-_").filter(lambda one: one != token[place]))
    with pytest.raises(ForgedToken):
        OURS.read(token[:place] + letter + token[place + 1 :])


@given(st.text(max_size=80))
def test_texts_of_others_are_refused(text: str) -> None:
    with pytest.raises(ForgedToken):
        OURS.read(text)


def test_a_token_of_another_purpose_or_key_is_refused() -> None:
    for other in (ShortTokens("evenflow.methods", ("the key of today",)), ShortTokens("evenflow.paylink", ("no",))):
        with pytest.raises(ForgedToken, match="signature"):
            OURS.read(other.sign(1001, 1))


def test_a_key_can_be_replaced_while_its_tokens_are_in_customers_hands() -> None:
    replaced = ShortTokens("evenflow.paylink", ("tomorrow", "the key of today"))
    assert replaced.read(OURS.sign(1001, 3)) == (1001, 3)
    with pytest.raises(ForgedToken, match="signature"):
        OURS.read(replaced.sign(1001, 3))
