"""Roaming files as partners write them: what is billed, what is refused, and what the totals say."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pycrate_asn1dir.TAP3 import TAP_0312

from billing.adapters.usage_formats.asn1_layouts import Layouts
from billing.adapters.usage_formats.ber import read_tree
from billing.adapters.usage_formats.tap3 import Tap3Format, roaming
from billing.adapters.usage_formats.tap3_calls import RoamingRules
from billing.adapters.usage_formats.tap3_charges import Money
from billing.adapters.usage_formats.tap3_kinds import RoamingMeters
from billing.ports.usage import DecodedLine
from billing.ports.usage_profiles import FileTotals
from tests.samples import tap3_samples as tap

FORMAT = Tap3Format(roaming())
ON_SCRATCH = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=2000)


def decoded(directory: Path, content: bytes, after_line: int = 0, reader: Tap3Format = FORMAT) -> list[DecodedLine]:
    path = directory / "file.tap"
    path.write_bytes(content)
    return list(reader.decode(path, after_line))


def only_event(directory: Path, call: tuple[str, Any], reader: Tap3Format = FORMAT) -> Mapping[str, Any]:
    (line,) = decoded(directory, tap.batch([call]), reader=reader)
    assert line.event is not None, line.reason
    return line.event


def totals(directory: Path, content: bytes) -> tuple[FileTotals | None, FileTotals]:
    path = directory / "file.tap"
    path.write_bytes(content)
    return FORMAT.declared_totals(path), FORMAT.counted_totals(path)


def test_a_call_is_billed_to_the_number_at_its_local_time_with_the_charge_of_the_visited_network(
    tmp_path: Path,
) -> None:
    event = dict(only_event(tmp_path, tap.call(seconds=61)))
    assert event.pop("started_at").astimezone(UTC) == datetime(2027, 1, 31, 22, 58, tzinfo=UTC)
    assert event == {
        "source": "tap3",
        "record_id": "moc/DEUD1/204040000000012/1-00000001/20270131235800",
        "identifier": "+31612345678",
        "meter": "voice",
        "quantity": 61,
        "destination": "+4930123456",
        "visited": "DE",
        "amount": "1.461750",  # 1.250 SDR at 1.1694 EUR
        "attributes": {
            "imsi": "204040000000012",
            "network": "DEUD1",
            "charge": "1.250",
            "tax": "0.238",
            "currency": "SDR",
            "dialled": "030123456",
            "call_type": "1.0.0",
        },
    }


@pytest.mark.parametrize(
    ("call", "meter", "quantity", "destination"),
    [
        (tap.received_call(seconds=30), "voice-received", 30, ""),
        (tap.message(), "sms", 1, "+31687654321"),
        (tap.data(incoming=3_000_000_000, outgoing=70_000), "data", 3_000_070_000, ""),
    ],
    ids=["received call", "message", "data above 31 bits"],
)
def test_each_kind_has_its_meter(
    tmp_path: Path, call: tuple[str, Any], meter: str, quantity: int, destination: str
) -> None:
    event = only_event(tmp_path, call)
    assert (event["meter"], event["quantity"], event["destination"]) == (meter, quantity, destination)


def test_a_kind_without_a_meter_is_not_billed_and_still_counts_in_the_totals(tmp_path: Path) -> None:
    content = tap.batch([tap.service(), tap.call()])
    assert [line.line_number for line in decoded(tmp_path, content)] == [2]
    declared, counted = totals(tmp_path, content)
    assert declared is not None
    assert (declared.records, declared.charge) == (counted.records, counted.charge) == (2, Decimal("1.250"))


def test_the_profile_names_the_meters_the_home_networks_and_the_currency(tmp_path: Path) -> None:
    meters = RoamingMeters(call="calls", supplementary_service="services")
    rules = RoamingRules(meters, Money("GBP", {"SDR": Decimal("1.05")}), home_networks=frozenset({"DEUD1"}))
    reader = Tap3Format(roaming(rules=rules))
    call, service = decoded(tmp_path, tap.batch([tap.call(), tap.service()]), reader=reader)
    assert call.event is not None
    assert service.event is not None
    assert (call.event["meter"], call.event["visited"], call.event["amount"]) == ("calls", "", "1.312500")
    assert service.event["meter"] == "services"


def test_a_partner_in_our_own_country_is_home(tmp_path: Path) -> None:
    assert only_event(tmp_path, tap.call(), Tap3Format(roaming(rules=RoamingRules(country="DE"))))["visited"] == ""


def test_a_network_that_plans_price_by_itself_is_told_by_its_code(tmp_path: Path) -> None:
    reader = Tap3Format(roaming(rules=RoamingRules(named_networks=frozenset({"DEUD1"}))))
    assert only_event(tmp_path, tap.call(), reader)["visited"] == "DEUD1"


def test_without_any_exchange_rate_there_is_no_amount_and_the_charge_is_kept(tmp_path: Path) -> None:
    event = only_event(tmp_path, tap.call(), Tap3Format(roaming(rules=RoamingRules(money=Money("USD")))))
    assert "amount" not in event
    assert (event["attributes"]["charge"], event["attributes"]["currency"]) == ("1.250", "SDR")


@pytest.mark.parametrize("code", [0, 1])
def test_the_offset_code_decides_the_instant(tmp_path: Path, code: int) -> None:
    event = only_event(tmp_path, tap.call(local="20270201130000", code=code))
    assert event["started_at"].astimezone(UTC) == datetime(2027, 2, 1, 12 - 2 * code, tzinfo=UTC)


def test_a_number_without_msisdn_is_known_by_its_imsi(tmp_path: Path) -> None:
    kind, values = tap.call()
    values["basicCallInformation"]["chargeableSubscriber"] = (
        "simChargeableSubscriber",
        {"imsi": tap.SUBSCRIBER["imsi"]},
    )
    assert only_event(tmp_path, (kind, values))["identifier"] == "204040000000012"


@pytest.mark.parametrize(
    ("dialled", "destination"), [("112", ""), ("030123456", ""), ("0049301234567", "+49301234567"), ("*100#", "")]
)
def test_digits_that_were_only_dialled_are_a_destination_when_they_say_the_country(
    tmp_path: Path, dialled: str, destination: str
) -> None:
    kind, values = tap.call()
    values["basicCallInformation"]["destination"] = {"dialledDigits": dialled.encode()}
    event = only_event(tmp_path, (kind, values))
    assert (event["destination"], event["attributes"]["dialled"]) == (destination, dialled)


@pytest.mark.parametrize(
    ("number", "destination"), [("31687654321", "+31687654321"), ("+31687654321", "+31687654321"), ("4040", "")]
)
def test_a_message_goes_to_its_addressee_not_to_the_service_centre(
    tmp_path: Path, number: str, destination: str
) -> None:
    assert only_event(tmp_path, tap.message(number))["destination"] == destination


def _damaged_number(name: str, digits: str) -> tuple[str, Any]:
    kind, values = tap.call()
    subscriber = dict(tap.SUBSCRIBER) | {name: bytes.fromhex(digits)}
    values["basicCallInformation"]["chargeableSubscriber"] = ("simChargeableSubscriber", subscriber)
    return kind, values


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (tap.call(code=7), "utcTimeOffsetCode"),
        (tap.call(local="20270231120000"), "localTimeStamp"),
        (tap.call(local="2027013123580x"), "localTimeStamp"),
        (tap.call(seconds=-5), "totalCallEventDuration"),
        (tap.data(incoming=-268_435_456), "dataVolumeIncoming"),
        (_damaged_number("imsi", "2040f0"), "imsi"),
        (_damaged_number("msisdn", "3161a2"), "msisdn"),
        (("mobileOriginatedCall", {}), "totalCallEventDuration"),
        (("gprsCall", {}), "dataVolumeIncoming"),
    ],
)
def test_a_damaged_call_names_its_field_and_does_not_spoil_the_next(
    tmp_path: Path, call: tuple[str, Any], field: str
) -> None:
    damaged, good = decoded(tmp_path, tap.batch([call, tap.message()], auditControlInfo=None))
    assert (damaged.event, damaged.field) == (None, field)
    assert damaged.reason
    assert good.event is not None


def test_an_undefined_exchange_rate_code_is_refused_by_its_name(tmp_path: Path) -> None:
    kind, values = tap.call()
    values["basicServiceUsedList"][0]["chargeInformationList"][0]["exchangeRateCode"] = 5
    (line,) = decoded(tmp_path, tap.batch([(kind, values)]))
    assert line.field == "exchangeRateCode"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (tap.fraud_file(), "NRTRDE"),
        (tap.batch([tap.call()], batchControlInfo=tap.control(fileTypeIndicator=b"T")), "test file"),
        (tap.batch([tap.call()])[:-1], "claims"),
        (tap.batch([tap.call()])[:40], "claims"),
        (tap.batch([tap.call()], batchControlInfo=None), "batch control"),
        (b"", "empty"),
        (b"\x00\x00", "empty"),
        (b"BEGIN:VCARD", "not a TAP file"),
        (bytes.fromhex("7f8416005f"), "RAP"),
        (b"\x61", "ends inside"),
        (b"\x61\x80" + b"\x64\x80" * 50, "nested deeper"),
        (b"\x61\x84\xff\xff\xff\xff", "claims"),
    ],
)
def test_what_is_no_billable_tap_file_is_refused_as_a_whole(tmp_path: Path, content: bytes, words: str) -> None:
    (line,) = decoded(tmp_path, content)
    assert (line.event, line.field) == (None, "file")
    assert words in line.reason
    assert totals(tmp_path, content)[0] is None


def test_a_notification_has_no_calls_and_says_so(tmp_path: Path) -> None:
    assert decoded(tmp_path, tap.notification()) == []
    declared, counted = totals(tmp_path, tap.notification())
    assert declared == FileTotals(records=0)
    assert counted == FileTotals(records=0)


@pytest.mark.parametrize("change", [{"callEventDetailsCount": 6}, {"totalCharge": 1}, {"totalTaxValue": 237}])
def test_totals_that_do_not_match_the_calls_are_seen(tmp_path: Path, change: Mapping[str, int]) -> None:
    calls = tap.all_kinds()
    declared, counted = totals(tmp_path, tap.batch(calls, auditControlInfo=tap.audit(calls) | change))
    assert declared is not None
    assert declared != counted
    agreed, counted = totals(tmp_path, tap.batch(calls))
    assert agreed == counted == FileTotals(5, None, Decimal("5.740"), None, Decimal("0.238"))


def test_the_profile_of_one_partner_takes_its_files_by_their_numbers_and_no_others(tmp_path: Path) -> None:
    path = tmp_path / "file.tap"
    path.write_bytes(tap.batch([tap.call()]))
    ours, other = (Tap3Format(roaming(partner=partner)) for partner in ("DEUD1", "FRAF1"))
    declared = ours.declared_totals(path)
    assert declared is not None
    assert (declared.sequence, ours.profile.next_sequence(99_999)) == (17, 1)
    assert other.declared_totals(path) is None
    (line,) = other.decode(path)
    assert "DEUD1" in line.reason
    path.write_bytes(tap.notification())
    assert ours.declared_totals(path) == FileTotals(records=0, sequence=18)


def test_a_file_without_audit_information_declares_nothing(tmp_path: Path) -> None:
    assert totals(tmp_path, tap.batch([tap.call()], auditControlInfo=None))[0] is None
    assert FORMAT.profile.control.is_declared


def test_filler_after_the_batch_is_nothing_and_other_bytes_are_reported(tmp_path: Path) -> None:
    whole = tap.batch([tap.call()])
    assert len(decoded(tmp_path, whole + b"\x00\xff" * 5000)) == 1
    good, rest = decoded(tmp_path, whole + b"tail")
    assert good.event is not None
    assert (rest.line_number, rest.field, rest.event) == (2, "file", None)
    assert "4 bytes follow" in rest.reason


def test_indefinite_lengths_read_the_same(tmp_path: Path) -> None:
    content = tap.batch(tap.all_kinds())
    lines = decoded(tmp_path, content)
    indefinite = decoded(tmp_path, with_indefinite_lengths(content) + b"\x00" * 8)
    assert [line.event for line in indefinite] == [line.event for line in lines]


def with_indefinite_lengths(data: bytes) -> bytes:
    """The same elements, each constructed one without a length and with an end mark."""
    from billing.adapters.usage_formats.ber import read_header

    written, at = b"", 0
    while at < len(data):
        _, is_constructed, length, start = read_header(data, at)
        tag = data[at : start - _length_bytes(length)]
        value = data[start : start + length]
        written += (
            tag + b"\x80" + with_indefinite_lengths(value) + b"\0\0" if is_constructed else data[at : start + length]
        )
        at = start + length
    return written


def _length_bytes(length: int) -> int:
    return 1 if length < 0x80 else 1 + (length.bit_length() + 7) // 8


def test_a_file_resumes_after_any_record_without_reading_what_it_skips(tmp_path: Path) -> None:
    content = tap.batch([tap.call(reference=number) for number in range(6)])
    everything = decoded(tmp_path, content)
    for after in range(8):
        assert decoded(tmp_path, content, after) == everything[after:]


def test_a_rejected_call_is_read_again_from_its_corrected_text(tmp_path: Path) -> None:
    (line,) = decoded(tmp_path, tap.batch([tap.call(code=7)]))
    assert FORMAT.decode_line(line.raw).field == "utcTimeOffsetCode"
    mended = FORMAT.decode_line(line.raw.replace("offsets=", "offsets=7:+0200,"))
    assert mended.event is not None
    assert mended.event["started_at"].astimezone(UTC) == datetime(2027, 1, 31, 21, 58, tzinfo=UTC)
    assert mended.event["record_id"] == "moc/DEUD1/204040000000012/1-00000001/20270131235800"


def test_the_text_of_a_good_call_reads_as_the_same_event(tmp_path: Path) -> None:
    for line in decoded(tmp_path, tap.batch(tap.all_kinds())):
        assert FORMAT.decode_line(line.raw).event == line.event


def test_our_reader_agrees_with_the_decoder_of_the_library() -> None:
    reader = Layouts().reader(TAP_0312.CallEventDetail)
    for kind, values in tap.all_kinds():
        TAP_0312.CallEventDetail.set_val((kind, values))
        data = TAP_0312.CallEventDetail.to_ber()
        TAP_0312.CallEventDetail.from_ber(data)
        assert reader(read_tree(data), "call") == TAP_0312.CallEventDetail.get_val()


def test_a_field_of_a_newer_release_hides_no_other_field() -> None:
    """The library's decoder stops at it, and the volume after it would be nothing."""
    _, values = tap.data(incoming=700, outgoing=70)
    used = TAP_0312.GprsServiceUsed
    used.set_val({name: values["gprsServiceUsed"][name] for name in ("dataVolumeIncoming", "dataVolumeOutgoing")})
    data = used.to_ber()
    newer = bytes.fromhex("5f87670100")
    changed = data[:2] + bytes([data[2] + len(newer)]) + newer + data[3:]
    tree = read_tree(changed)
    assert Layouts().reader(used)(tree, "used") == {"dataVolumeIncoming": 700, "dataVolumeOutgoing": 70}


@ON_SCRATCH
@given(content=st.binary(max_size=600))
def test_no_bytes_whatsoever_raise(tmp_path: Path, content: bytes) -> None:
    for line in decoded(tmp_path, b"\x61" + content) + decoded(tmp_path, content):
        assert (line.event is None) == bool(line.reason)
    totals(tmp_path, content)


@ON_SCRATCH
@given(place=st.integers(min_value=0), byte=st.integers(0, 255), cut=st.integers(0, 1200))
def test_no_changed_or_cut_file_raises_or_bills_without_end(tmp_path: Path, place: int, byte: int, cut: int) -> None:
    content = bytearray(tap.batch(tap.all_kinds()))
    content[place % len(content)] = byte
    for changed in (bytes(content), bytes(content[:cut])):
        lines = decoded(tmp_path, changed)
        assert len(lines) <= 1 + len(changed)
        for line in lines:
            assert (line.event is None) == bool(line.reason)
        totals(tmp_path, changed)


@given(raw=st.text(max_size=200) | st.from_regex(r"(offsets=\d:\+\d{4} )?[0-9a-f]{0,80}", fullmatch=True))
def test_no_text_whatsoever_raises(raw: str) -> None:
    line = FORMAT.decode_line(raw)
    assert (line.event is None) == bool(line.reason)
