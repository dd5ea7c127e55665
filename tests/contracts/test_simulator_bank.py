"""The simulated bank: it takes our files as a bank does, follows the business clock, and writes what banks write."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from simulator.bank.xml import every, text
from tests.builders_bank_files import A_MONDAY, CREDITOR_IBAN, GOOD_IBAN, a_line, an_iban, the_bytes
from tests.contracts.simulator_process import Listener, Simulator, wait_for

pytest_plugins = ["tests.contracts.simulator_fixtures"]
THURSDAY = datetime(2027, 3, 18, 12, tzinfo=UTC)


def set_clock(bank: Simulator, at: datetime) -> None:
    bank.control(
        "POST",
        "/clock",
        {"real_start": datetime.now(UTC).isoformat(), "business_start": at.isoformat(), "rate": 1.0},
    )


@pytest.fixture
def bank(tmp_path: Path, listener: Listener) -> Iterator[Simulator]:
    """A simulator of its own, on the Thursday before the debit date."""
    running = Simulator(tmp_path / "data", listener, arguments=("--bank-folder", str(tmp_path / "bank")))
    set_clock(running, THURSDAY)
    yield running
    running.stop()


def send(bank: Simulator, content: bytes, status: int = 202) -> Any:
    answer = httpx.post(f"{bank.url}/bank/files", content=content)
    assert answer.status_code == status, answer.text
    return answer.json()


def messages(bank: Simulator, kind: str, count: int = 1) -> list[Any]:
    """The newest messages of a kind, parsed, once there are so many."""
    from lxml import etree

    def found() -> list[Any]:
        listed = httpx.get(f"{bank.url}/bank/messages", params={"kind": kind}).json()["messages"]
        return listed if len(listed) >= count else []

    texts = [httpx.get(f"{bank.url}/bank/messages/{one['name']}").content for one in wait_for(found)]
    return [etree.fromstring(one)[0] for one in texts]


def test_a_file_is_taken_once_and_reported(bank: Simulator) -> None:
    content = the_bytes(a_line(1), a_line(2))
    assert send(bank, content)["state"] == "taken"
    assert send(bank, content)["state"] == "known"
    (report,) = messages(bank, "pain.002")
    assert text(report, "OrgnlGrpInfAndSts/OrgnlMsgId") == "EF20270322-1001"
    assert text(report, "OrgnlGrpInfAndSts/GrpSts") == "ACCP"


def test_another_file_under_a_known_message_id_is_refused(bank: Simulator) -> None:
    send(bank, the_bytes(a_line(1)))
    assert send(bank, the_bytes(a_line(2)), status=422)["code"] == "DU01"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"no xml", "FF01"),
        (the_bytes().replace(b"<CtrlSum>42.10", b"<CtrlSum>42.11"), "AM10"),
        (the_bytes().replace(b"<NbOfTxs>1", b"<NbOfTxs>2"), "AM18"),
        (the_bytes().replace(b"NL69ZZZ", b"NL68ZZZ"), "BE05"),
        (the_bytes().replace(b"2027-03-22", b"2027-03-21"), "DT01"),
        (the_bytes().replace(b"2027-03-22", b"2027-03-18"), "TM01"),
        (the_bytes().replace(b"<ChrgBr>SLEV", b"<ChrgBr>FREE"), "FF01"),
    ],
)
def test_a_file_that_is_wrong_is_refused_as_a_whole(bank: Simulator, content: bytes, code: str) -> None:
    assert send(bank, content, status=422)["code"] == code
    (report,) = messages(bank, "pain.002")
    assert text(report, "OrgnlGrpInfAndSts/GrpSts") == "RJCT"
    assert text(report, "OrgnlGrpInfAndSts/StsRsnInf/Rsn/Cd") == code


def test_single_debits_are_refused_and_the_others_taken(bank: Simulator) -> None:
    wrong = a_line(2, iban="DE88370400440532013000")
    send(bank, the_bytes(a_line(1), wrong, a_line(3, iban=an_iban("11"))))
    (report,) = messages(bank, "pain.002")
    told = {
        text(one, "OrgnlEndToEndId"): text(one, "StsRsnInf/Rsn/Cd")
        for one in every(report, "OrgnlPmtInfAndSts/TxInfAndSts")
    }
    assert told == {"inv-2-1": "AC01", "inv-3-1": "AC04"}


def test_the_sum_is_credited_on_the_debit_date_and_a_return_leaves_later(bank: Simulator) -> None:
    send(bank, the_bytes(a_line(1), a_line(2, iban=an_iban("28"))))
    set_clock(bank, datetime(2027, 3, 22, 20, tzinfo=UTC))
    (credit,) = messages(bank, "camt.054")
    assert (text(credit, "Ntfctn/Ntry/Amt"), text(credit, "Ntfctn/Ntry/CdtDbtInd")) == ("84.20", "CRDT")
    details = list(every(credit, "Ntfctn/Ntry/NtryDtls/TxDtls"))
    assert [text(one, "Refs/EndToEndId") for one in details] == ["inv-1-1", "inv-2-1"]
    set_clock(bank, datetime(2027, 3, 24, 8, tzinfo=UTC))
    returned = messages(bank, "camt.054", 2)[0]
    (detail,) = every(returned, "Ntfctn/Ntry/NtryDtls/TxDtls")
    assert text(returned, "Ntfctn/Ntry/Amt") == "45.60"  # with a fee of 3.50
    assert (text(detail, "AmtDtls/InstdAmt/Amt"), text(detail, "RtrInf/Rsn/Cd")) == ("42.10", "AM04")


def test_statements_number_and_carry_balances(bank: Simulator) -> None:
    send(bank, the_bytes(a_line(1)))
    set_clock(bank, datetime(2027, 3, 22, 20, tzinfo=UTC))
    messages(bank, "camt.053")
    bank.control("POST", "/bank/transfers", {"account": CREDITOR_IBAN, "amount_minor": 500, "text": "who knows"})
    set_clock(bank, datetime(2027, 3, 23, 20, tzinfo=UTC))
    second, first = messages(bank, "camt.053", 2)
    assert [text(one, "Stmt/ElctrncSeqNb") for one in (first, second)] == ["1", "2"]
    balances = [[text(each, "Amt") for each in every(one, "Stmt/Bal")] for one in (first, second)]
    assert balances == [["0.00", "42.10"], ["42.10", "47.10"]]


def test_a_script_decides_and_a_refund_can_be_asked_for(bank: Simulator) -> None:
    bank.control("POST", "/scripts", {"subject": f"bank:iban:{GOOD_IBAN}", "outcomes": ["return:MS03:1"]})
    send(bank, the_bytes(a_line(1), a_line(2)))
    set_clock(bank, datetime(2027, 3, 23, 8, tzinfo=UTC))
    messages(bank, "camt.054", 2)
    bank.control("POST", "/bank/returns", {"end_to_end_id": "inv-2-1", "code": "MD06"})
    newest = messages(bank, "camt.054", 3)[0]
    assert text(newest, "Ntfctn/Ntry/NtryDtls/TxDtls/RtrInf/Rsn/Cd") == "MD06"
    problem = bank.control("POST", "/scripts", {"subject": "bank:iban:X", "outcomes": ["nonsense"]}, status=422)
    assert "reject:AC01" in problem["error"]


def test_files_come_and_go_by_folder_and_a_kill_forgets_nothing(bank: Simulator, tmp_path: Path) -> None:
    folder = tmp_path / "bank"
    unfinished = folder / "outgoing" / ".EF20270322-1001.part"
    wait_for((folder / "outgoing").is_dir)
    unfinished.write_bytes(the_bytes(a_line(1)))
    unfinished.rename(folder / "outgoing" / "EF20270322-1001.xml")
    wait_for((folder / "taken" / "EF20270322-1001.xml").exists)
    wait_for(lambda: list((folder / "incoming").glob("pain002-*.xml")))
    bank.kill()
    bank.start()
    set_clock(bank, datetime.combine(A_MONDAY, THURSDAY.time(), UTC) + timedelta(hours=8))
    wait_for(lambda: list((folder / "incoming").glob("camt053-*.xml")))
    assert len(list((folder / "incoming").glob("camt054-*.xml"))) == 1


def test_balances_are_told_by_account_and_by_payment(bank: Simulator) -> None:
    send(bank, the_bytes(a_line(1), a_line(2, iban=an_iban("20"))))
    set_clock(bank, datetime(2027, 3, 24, 20, tzinfo=UTC))
    messages(bank, "camt.054", 2)
    bank.control("POST", "/bank/transfers", {"account": CREDITOR_IBAN, "amount_minor": -300, "text": "a fee"})
    told = httpx.get(f"{bank.url}/bank/balances", params={"by": "end_to_end_id"}).json()
    assert told["accounts"] == {CREDITOR_IBAN: 3910}
    assert told["payments"] == {"inv-1-1": 4210, "inv-2-1": 0, "": -300}
    assert set(httpx.get(f"{bank.url}/bank/balances").json()) == {"accounts"}
    wrong = httpx.get(f"{bank.url}/bank/balances", params={"by": "weather"})
    assert wrong.status_code == 422
    assert "end_to_end_id" in wrong.text
