"""Amended mandates: the next debit tells the bank what changed, until one that tells it has not failed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from billing.domain.errors import Conflict, InvalidValue
from billing.services.bank_amendments import MandateAmendment, UnableToAmendMandate
from billing.services.bank_mandates import StoredMandate
from billing.services.old_mandates import OldMandates
from tests.builders_bank_files import GOOD_IBAN
from tests.builders_bank_till import DEBIT_ON, MAKE_AT, BankTill, a_bank_till, a_creditor

ANOTHER_IBAN = "NL91ABNA0417164300"
ANOTHER_CREDITOR = "DE98ZZZ09999999999"


@pytest.fixture
async def bank(database_url: str, tmp_path: Path) -> AsyncIterator[BankTill]:
    async with a_bank_till(database_url, tmp_path / "bank", first_sequence="FRST") as made:
        yield made


async def amend(bank: BankTill, method_id: str, **changes: Any) -> StoredMandate:
    wanted = MandateAmendment("the customer changed banks", **changes)
    return await bank.amendments.amend(bank.till.account_id, method_id, wanted, "Robin")


async def a_used_mandate(bank: BankTill) -> StoredMandate:
    """One under which a debit was paid."""
    stored = await bank.store(reference="VONK-1")
    pending = await bank.collect()
    bank.till.clock.at = MAKE_AT
    await bank.batches.make_due()
    await bank.settles(str(pending.attempt_id))
    bank.till.clock.at = datetime(2027, 4, 12, 9, tzinfo=UTC)
    return stored


async def the_next_file(bank: BankTill, debit_on: date = date(2027, 4, 22)) -> etree._Element:
    """A further debit is filed; its file."""
    await bank.collect(debit_on=debit_on)
    (batch,) = (await bank.batches.make_due(at_once=True)).batches
    return etree.fromstring((await bank.batches.content(batch.batch_id))[1])


def said(file: etree._Element, name: str) -> list[str]:
    return [one.text or "" for one in file.iter(f"{{*}}{name}")]


async def test_another_account_is_told_as_smnda_and_begins_anew_for_a_bank_that_counts_so(bank: BankTill) -> None:
    stored = await a_used_mandate(bank)
    amended = await amend(bank, stored.method.method_id, iban=ANOTHER_IBAN)
    assert (amended.account.mandate_reference, amended.method.last_four) == ("VONK-1", ANOTHER_IBAN[-4:])
    assert amended.account.signed_on == stored.account.signed_on
    file = await the_next_file(bank)
    assert (said(file, "AmdmntInd"), said(file, "MndtId"), said(file, "SeqTp")) == (["true"], ["VONK-1"], ["FRST"])
    original = next(file.iter("{*}OrgnlDbtrAcct"))
    assert "".join(original.itertext()).strip() == "SMNDA"
    assert ANOTHER_IBAN in said(file, "IBAN")
    file = await the_next_file(bank, date(2027, 5, 21))
    assert (said(file, "AmdmntInd"), said(file, "SeqTp")) == ([], ["RCUR"])


async def test_an_amendment_whose_debit_was_refused_is_told_again(bank: BankTill) -> None:
    stored = await a_used_mandate(bank)
    await amend(bank, stored.method.method_id, iban=ANOTHER_IBAN)
    await the_next_file(bank)
    (refused,) = [one for one in await bank.all_debits() if one.status == "batched"]
    assert refused.amended
    await bank.bank_says(refused.attempt_id, status="rejected", reason_code="AC01", batch_id=None)
    assert said(await the_next_file(bank, date(2027, 5, 21)), "AmdmntInd") == ["true"]


async def test_another_reference_names_the_one_before_and_goes_on_as_recurrent(bank: BankTill) -> None:
    stored = await a_used_mandate(bank)
    await amend(bank, stored.method.method_id, reference="VONK-2")
    file = await the_next_file(bank)
    assert (said(file, "MndtId"), said(file, "OrgnlMndtId"), said(file, "SeqTp")) == (["VONK-2"], ["VONK-1"], ["RCUR"])
    assert not list(file.iter("{*}OrgnlDbtrAcct"))


async def test_another_creditor_identifier_names_the_one_before_once(bank: BankTill) -> None:
    await a_used_mandate(bank)
    await bank.creditors.put("vonk", a_creditor(creditor_id=ANOTHER_CREDITOR, name="Vonk Telecom"), "ann")
    file = await the_next_file(bank)
    original = next(file.iter("{*}OrgnlCdtrSchmeId"))
    assert "".join("".join(original.itertext()).split()) == "VonkMobielNL69ZZZ123456780000SEPA"
    assert said(await the_next_file(bank, date(2027, 5, 21)), "AmdmntInd") == []


async def test_a_mandate_that_the_bank_never_heard_of_has_nothing_to_tell(bank: BankTill) -> None:
    stored = await bank.store(reference="VONK-1")
    await amend(bank, stored.method.method_id, iban=ANOTHER_IBAN)
    file = await the_next_file(bank)
    assert (said(file, "AmdmntInd"), said(file, "SeqTp")) == ([], ["FRST"])


async def test_a_debit_that_waits_goes_with_the_amended_mandate(bank: BankTill) -> None:
    stored = await a_used_mandate(bank)
    await bank.collect(debit_on=date(2027, 4, 22))
    amended = await amend(bank, stored.method.method_id, iban=ANOTHER_IBAN)
    (batch,) = (await bank.batches.make_due(at_once=True)).batches
    file = etree.fromstring((await bank.batches.content(batch.batch_id))[1])
    assert ANOTHER_IBAN in said(file, "IBAN")
    (method,) = [one for one in await bank.till.methods.methods(bank.till.account_id) if one.status == "usable"]
    assert (method.method_id, method.is_default) == (amended.method.method_id, True)


async def test_the_same_amendment_again_changes_nothing(bank: BankTill) -> None:
    stored = await bank.store()
    first = await amend(bank, stored.method.method_id, iban=ANOTHER_IBAN)
    second = await amend(bank, stored.method.method_id, iban=ANOTHER_IBAN)
    assert first.method.method_id == second.method.method_id
    assert [name for _, name, _ in bank.process.signals].count("payment_method_changed") == 2


@pytest.mark.parametrize(
    ("changes", "kind", "field"),
    [
        ({"iban": "NL00ABNA0417164300"}, InvalidValue, "iban"),
        ({"iban": GOOD_IBAN}, UnableToAmendMandate, "iban"),
        ({}, UnableToAmendMandate, "iban"),
        ({"reference": "//"}, InvalidValue, "reference"),
        ({"reference": "TAKEN-1"}, Conflict, "reference"),
        ({"iban": ANOTHER_IBAN, "holder_name": "\N{ZERO WIDTH SPACE}"}, InvalidValue, "holder_name"),
    ],
)
async def test_what_cannot_be_amended_is_refused_by_name(
    bank: BankTill, changes: dict[str, Any], kind: type[Exception], field: str
) -> None:
    await bank.store(reference="TAKEN-1", iban=ANOTHER_IBAN)
    stored = await bank.store(reference="VONK-1")
    with pytest.raises(kind) as refusal:
        await amend(bank, stored.method.method_id, **changes)
    assert refusal.value.field == field  # type: ignore[attr-defined]


async def test_an_ended_mandate_is_not_amended(bank: BankTill) -> None:
    stored = await bank.store()
    await amend(bank, stored.method.method_id, iban=ANOTHER_IBAN)
    with pytest.raises(UnableToAmendMandate):
        await amend(bank, stored.method.method_id, reference="VONK-9")


async def test_a_mandate_not_used_for_36_months_ends_and_the_account_is_told(bank: BankTill) -> None:
    stored = await a_used_mandate(bank)
    old = OldMandates(bank.till.work, bank.till.clock, bank.process)  # type: ignore[arg-type]
    bank.till.clock.at = datetime(DEBIT_ON.year + 3, DEBIT_ON.month, DEBIT_ON.day, 9, tzinfo=UTC) - timedelta(days=1)
    assert await old.end() == 0
    bank.till.clock.at += timedelta(days=1)
    bank.process.signals.clear()
    assert [await old.end(), await old.end()] == [1, 0]
    async with bank.till.work() as work:
        method = await work.payments.method(bank.till.account_id, stored.method.method_id)
        mandate = await work.payments.mandate(bank.till.account_id, stored.method.method_id)
    assert (method.status, method.blocked_reason) == ("blocked", "not used for 36 months")
    assert mandate is not None
    assert mandate.status == "inactive"
    assert [name for _, name, _ in bank.process.signals] == ["payment_method_changed"]
