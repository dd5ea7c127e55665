"""3GPP charging records: volumes, calls, messages, sessions in several records, and files as gateways write them."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.adapters.usage_formats.asn1_layouts import Layouts
from billing.adapters.usage_formats.ber import read_tree
from billing.adapters.usage_formats.charging import ChargingFormat, charging_gateway
from billing.adapters.usage_formats.charging_records import ChargingRules
from billing.ports.usage import DecodedLine
from billing.ports.usage_profiles import FileTotals, SessionPart
from tests.samples import charging_samples as cdr

METERS = {"pGWRecord": "data", "moCallRecord": "voice", "moSMSRecord": "sms"}
RULES = ChargingRules("packet", METERS, country="NL")
CLASSES = ChargingRules("packet", METERS, {200: "video", 300: "music", 301: "music"}, country="NL")
CIRCUIT = ChargingRules("circuit", METERS, country="NL")
ON_SCRATCH = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=2000)


def reader(rules: ChargingRules = RULES) -> ChargingFormat:
    return ChargingFormat(charging_gateway("gateway", "gateway", rules))


def decoded(directory: Path, content: bytes, after_line: int = 0, rules: ChargingRules = RULES) -> list[DecodedLine]:
    path = directory / "file.cdr"
    path.write_bytes(content)
    return list(reader(rules).decode(path, after_line))


def events(lines: Sequence[DecodedLine]) -> list[Mapping[str, Any]]:
    return [line.event for line in lines if line.event is not None]


def only_event(directory: Path, record: tuple[str, Any], rules: ChargingRules = RULES) -> Mapping[str, Any]:
    (line,) = decoded(directory, cdr.encoded(record), rules=rules)
    assert line.event is not None, line.reason
    return line.event


def test_a_session_is_billed_with_both_directions_above_32_bits(tmp_path: Path) -> None:
    event = dict(only_event(tmp_path, cdr.session(up=1000, down=5_000_000_000)))
    assert event.pop("started_at").astimezone(UTC) == datetime(2027, 1, 31, 22, 30, tzinfo=UTC)
    assert event == {
        "source": "gateway",
        "record_id": "pGWRecord/204040000000012/4711/0a000001",
        "identifier": "+31612345678",
        "meter": "data",
        "quantity": 5_000_001_000,
        "destination": "",
        "visited": "",
        "traffic_class": "",
        "attributes": {"imsi": "204040000000012", "network": "20404", "apn": "internet", "charging_id": 4711},
    }


def test_a_session_abroad_says_in_which_country(tmp_path: Path) -> None:
    event = only_event(tmp_path, cdr.session(servingNodePLMNIdentifier=cdr.GERMANY))
    assert (event["visited"], event["attributes"]["network"]) == ("DE", "26201")
    rules = ChargingRules("packet", METERS, home_networks=frozenset({"26201"}), country="NL")
    assert only_event(tmp_path, cdr.session(servingNodePLMNIdentifier=cdr.GERMANY), rules)["visited"] == ""
    named = ChargingRules("packet", METERS, named_networks=frozenset({"26201"}), country="NL")
    assert only_event(tmp_path, cdr.session(servingNodePLMNIdentifier=cdr.GERMANY), named)["visited"] == "26201"


def test_what_another_node_wrote_about_the_session_is_not_billed_again(tmp_path: Path) -> None:
    content = cdr.framed_file(cdr.encoded(cdr.serving_gateway_session()), cdr.encoded(cdr.session()))
    (line,) = decoded(tmp_path, content)
    assert (line.line_number, line.reason) == (2, "")
    assert totals(tmp_path, content) == (FileTotals(records=2), FileTotals(records=2))
    one_node = ChargingFormat(charging_gateway("gateway", "gateway", RULES, is_one_node=True))
    assert one_node.declared_totals(tmp_path / "file.cdr") == FileTotals(records=2, sequence=19)
    rules = ChargingRules("packet", {"sGWRecord": "data"})
    assert [event["quantity"] for event in events(decoded(tmp_path, content, rules=rules))] == [15]


def totals(directory: Path, content: bytes) -> tuple[FileTotals | None, FileTotals]:
    path = directory / "file.cdr"
    path.write_bytes(content)
    return reader().declared_totals(path), reader().counted_totals(path)


def test_traffic_classes_by_rating_group_are_records_of_their_own(tmp_path: Path) -> None:
    services = [cdr.service(1, 1), cdr.service(10, 10, 200), cdr.service(100, 100, 300), cdr.service(50, 50, 301)]
    content = cdr.bare_file(*[cdr.encoded(cdr.session(listOfServiceData=services))] * 2)
    lines = decoded(tmp_path, content, rules=CLASSES)
    assert [line.line_number for line in lines] == [100, 101, 102, 200, 201, 202]
    first = events(lines)[:3]
    assert {event["traffic_class"]: event["quantity"] for event in first} == {"": 2, "music": 300, "video": 20}
    assert len({event["record_id"] for event in first}) == 3
    for after in (0, 100, 101, 102, 200, 202, 300):
        expected = [line for line in lines if line.line_number > after]
        assert decoded(tmp_path, content, after, CLASSES) == expected
    for line in lines:
        assert reader(CLASSES).decode_line(line.raw).event == line.event


@pytest.mark.parametrize(
    ("record", "meter", "quantity", "destination"),
    [
        (cdr.call(seconds=61), "voice", 61, "+4930123456"),
        (cdr.call(calledNumber=cdr.swapped("0201234567", b"\xa1")), "voice", 61, "+31201234567"),
        (cdr.call(calledNumber=bytes.fromhex("81abcd")), "voice", 61, ""),
        (cdr.call(seconds=20, cause=3, answerTime=None), "voice", 0, "+4930123456"),
        (cdr.call(seconds=20, cause=3), "voice", 0, "+4930123456"),
        (cdr.call(seconds=0, answerTime=None, cause=4), "voice", 0, "+4930123456"),
        (cdr.message(), "sms", 1, "+31687654321"),
        (cdr.message(destinationNumber=cdr.swapped("31687654321", b"\x91")), "sms", 1, "+31687654321"),
        (cdr.message(smsResult=("gsm0408Cause", 21)), "sms", 0, "+31687654321"),
    ],
)
def test_calls_and_messages_count_what_was_answered_or_sent(
    tmp_path: Path, record: tuple[str, Any], meter: str, quantity: int, destination: str
) -> None:
    event = only_event(tmp_path, record, CIRCUIT)
    assert (event["meter"], event["quantity"], event["destination"]) == (meter, quantity, destination)


def test_the_record_header_says_which_family_a_record_is_of(tmp_path: Path) -> None:
    (line,) = decoded(tmp_path, cdr.framed_file(cdr.encoded(cdr.call()), specification=6))
    assert line.event is not None
    assert line.event["meter"] == "voice"
    assert reader().decode_line(line.raw).event == line.event


@pytest.mark.parametrize(
    ("record", "field"),
    [
        (cdr.session(down=-268_435_456), "datavolumeFBCDownlink"),
        (cdr.session(recordOpeningTime=b"\x27\x13\x31\x25\x61\x61+\x01\x00"), "recordOpeningTime"),
        (cdr.session(recordOpeningTime=b"\x27\x01\x31\x23\x30\x00?\x01\x00"), "recordOpeningTime"),
        (cdr.session(servedIMSI=bytes.fromhex("0204f40012")), "servedIMSI"),
        (cdr.session(servedMSISDN=b"\x91\x13\xf6\x21"), "servedMSISDN"),
        (cdr.session(servingNodePLMNIdentifier=b"\xff\xff\xff"), "servingNodePLMNIdentifier"),
        (cdr.session(recordSequenceNumber=2**40), "recordSequenceNumber"),
        (cdr.session(recordSequenceNumber=-1), "recordSequenceNumber"),
    ],
)
def test_a_damaged_record_names_its_field_and_does_not_spoil_the_next(
    tmp_path: Path, record: tuple[str, Any], field: str
) -> None:
    damaged, good = decoded(tmp_path, cdr.bare_file(cdr.encoded(record), cdr.encoded(cdr.session())))
    assert (damaged.event, damaged.field) == (None, field)
    assert damaged.reason
    assert good.event is not None
    assert reader().decode_line(damaged.raw).reason == damaged.reason


@pytest.mark.parametrize("filler", [b"", b"\x00" * 3, b"\xff" * 5, b"\x00\xff" * 700])
@pytest.mark.parametrize("make", [cdr.bare_file, cdr.framed_file])
def test_filler_between_records_is_stepped_over(tmp_path: Path, make: Any, filler: bytes) -> None:
    records = [cdr.encoded(cdr.session(chargingID=number)) for number in range(1, 4)]
    lines = decoded(tmp_path, make(*records, filler=filler))
    assert [line.line_number for line in lines if line.event] == [1, 2, 3]


def test_bytes_after_a_record_are_reported_within_its_header_length(tmp_path: Path) -> None:
    whole = cdr.encoded(cdr.session())
    damaged, good = decoded(tmp_path, cdr.framed_file(whole + b"junk", whole))
    assert (damaged.field, good.field) == ("record", "")
    assert "4 bytes follow" in damaged.reason


def test_behind_headers_a_damaged_record_does_not_hide_the_next(tmp_path: Path) -> None:
    whole = cdr.encoded(cdr.session())
    lines = decoded(tmp_path, cdr.framed_file(whole[:-7], whole, bytes.fromhex("bf4f8500ffffffff"), whole))
    assert [line.event is not None for line in lines] == [False, True, False, True]


def test_a_length_that_counts_its_own_header_is_read_too(tmp_path: Path) -> None:
    content = bytearray(cdr.framed_file(*[cdr.encoded(cdr.session())] * 3))
    size = int.from_bytes(content[4:8], "big")
    step = (len(content) - size) // 3
    for record in range(3):
        content[size + record * step : size + record * step + 2] = step.to_bytes(2, "big")
    assert len(events(decoded(tmp_path, bytes(content)))) == 3


def test_a_bare_file_that_stops_being_readable_says_so(tmp_path: Path) -> None:
    whole = cdr.encoded(cdr.session())
    good, rest = decoded(tmp_path, whole + whole[:-1])
    assert good.event is not None
    assert (rest.line_number, rest.field) == (2, "record")
    assert "cannot be read" in rest.reason


@pytest.mark.parametrize(
    "damaged",
    [
        "bf4f80" + "0486ffffffffffff",  # a length beyond every file inside an element without one
        "b00430023000",  # a list whose items the definitions leave open
        "bf4f80" * 40,
        "bf4f84ffffffff",
    ],
)
def test_lengths_beyond_the_file_and_endless_nesting_bill_nothing(tmp_path: Path, damaged: str) -> None:
    for rules in (RULES, CIRCUIT):
        assert all(line.reason for line in decoded(tmp_path, bytes.fromhex(damaged), rules=rules))


def test_a_file_that_was_cut_off_is_seen_by_its_count_and_says_what_is_missing(tmp_path: Path) -> None:
    content = cdr.framed_file(*[cdr.encoded(cdr.session())] * 3)
    size = (len(content) - int.from_bytes(content[4:8], "big")) // 3
    lines = decoded(tmp_path, content[:-size])
    assert [bool(line.reason) for line in lines] == [False, False, True]
    assert str(len(content)) in lines[-1].reason
    declared, counted = totals(tmp_path, content[: -2 * size])
    assert declared is not None
    assert declared.records != counted.records
    other = totals(tmp_path, cdr.framed_file(cdr.encoded(cdr.session()), count=2))
    assert (other[0] and other[0].records, other[1].records) == (2, 1)


def test_other_data_formats_and_unknown_records_are_refused_one_by_one(tmp_path: Path) -> None:
    content = bytearray(cdr.framed_file(cdr.encoded(cdr.session()), bytes.fromhex("bf8f7f03800155")))
    size = int.from_bytes(content[4:8], "big")
    content[size + 3] = 3 << 5 | 7
    packed, unknown = decoded(tmp_path, bytes(content))
    assert "data format 3" in packed.reason
    assert unknown.field == "recordType"


def partial_session(parts: int, **changes: Any) -> list[bytes]:
    """A session in several records; the last one closes it."""
    causes = [cdr.VOLUME_LIMIT] * (parts - 1) + [cdr.NORMAL_RELEASE]
    return [
        cdr.encoded(cdr.session(up=order, down=0, cause=cause, order=order, **changes))
        for order, cause in enumerate(causes, start=1)
    ]


def parts_of(lines: Sequence[DecodedLine]) -> list[SessionPart]:
    return [line.part for line in lines if line.part is not None]


def test_a_session_in_several_records_is_billed_once_and_whole(tmp_path: Path) -> None:
    lines = decoded(tmp_path, cdr.bare_file(*partial_session(3)))
    assert [line.event for line in lines] == [None] * 3
    whole = reader().combine(parts_of(lines))
    assert whole is not None
    assert (whole["quantity"], whole["attributes"]["parts"]) == (1 + 2 + 3, 3)
    assert whole["started_at"].astimezone(UTC) == datetime(2027, 1, 31, 22, 40, tzinfo=UTC)
    assert whole["record_id"] == "pGWRecord/204040000000012/4711/0a000001"


@given(count=st.integers(2, 6), seed=st.integers(0, 10**6))
def test_no_subset_of_the_parts_is_billed_and_their_order_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, count: int, seed: int
) -> None:
    parts = parts_of(decoded(tmp_path_factory.mktemp("parts"), cdr.bare_file(*partial_session(count))))
    shuffled = random.Random(seed)
    shuffled.shuffle(parts)
    whole = reader().combine([*parts, parts[0]])
    assert whole is not None
    assert whole["quantity"] == sum(range(1, count + 1))
    for missing in range(count):
        some = [part for part in parts if part is not parts[missing]]
        assert reader().combine(some) is None
        order = parts[missing].order
        lacks = "closes the session" if order == count else f"Part {order}"
        assert lacks in reader().describe_open(some).reason


def test_an_open_session_says_what_it_lacks(tmp_path: Path) -> None:
    first, second, third = parts_of(decoded(tmp_path, cdr.bare_file(*partial_session(3))))
    assert "Part 2" in reader().describe_open([first, third]).reason
    assert "Part 1" in reader().describe_open([second, third]).reason
    assert "closes the session" in reader().describe_open([first, second]).reason
    assert reader().describe_open([first, second]).event["quantity"] == 3
    assert reader().combine([]) is None


def test_a_session_of_one_record_with_a_number_needs_no_waiting(tmp_path: Path) -> None:
    (line,) = decoded(tmp_path, partial_session(1)[0])
    assert line.event is not None
    assert line.event["quantity"] == 1


def test_a_closed_record_without_a_number_is_the_first_part(tmp_path: Path) -> None:
    first = cdr.encoded(cdr.session(cause=cdr.VOLUME_LIMIT, up=5, down=0))
    last = cdr.encoded(cdr.session(order=2, up=6, down=0))
    whole = reader().combine(parts_of(decoded(tmp_path, first + last)))
    assert whole is not None
    assert whole["quantity"] == 11


def test_a_session_across_a_border_waits_for_a_person(tmp_path: Path) -> None:
    home = cdr.encoded(cdr.session(order=1, cause=cdr.NETWORK_CHANGE))
    abroad = cdr.encoded(cdr.session(order=2, servingNodePLMNIdentifier=cdr.GERMANY))
    parts = parts_of(decoded(tmp_path, home + abroad))
    assert reader().combine(parts) is None
    assert "DE, home" in reader().describe_open(parts).reason


def test_every_class_of_a_session_in_parts_is_complete_with_the_session(tmp_path: Path) -> None:
    first = cdr.session(order=1, cause=cdr.VOLUME_LIMIT, listOfServiceData=[cdr.service(1, 0, 200)])
    last = cdr.session(order=2, listOfServiceData=[cdr.service(4, 0, 300)])
    content = cdr.bare_file(cdr.encoded(first), cdr.encoded(last))
    by_session: dict[str, list[SessionPart]] = {}
    for part in parts_of(decoded(tmp_path, content, rules=CLASSES)):
        by_session.setdefault(part.session_key, []).append(part)
    wholes = [reader(CLASSES).combine(parts) for parts in by_session.values()]
    assert {whole["traffic_class"]: whole["quantity"] for whole in wholes if whole} == {"": 0, "video": 1, "music": 4}


def test_a_call_in_several_records_is_billed_whole(tmp_path: Path) -> None:
    records = [cdr.call(60, cause=1, sequence=1), cdr.call(60, cause=1, sequence=2), cdr.call(5, sequence=3)]
    lines = decoded(tmp_path, cdr.bare_file(*map(cdr.encoded, records)), rules=CIRCUIT)
    whole = reader(CIRCUIT).combine(parts_of(lines))
    assert whole is not None
    assert whole["quantity"] == 125


def test_indefinite_lengths_read_the_same(tmp_path: Path) -> None:
    record = cdr.encoded(cdr.session())
    inside = record[3:] if record[2] < 0x80 else record[4:]
    indefinite = record[:2] + b"\x80" + inside + b"\x00\x00"
    for content in (indefinite * 2, cdr.framed_file(indefinite, indefinite), indefinite + b"\x00" * 6 + indefinite):
        assert events(decoded(tmp_path, content)) == [only_event(tmp_path, cdr.session())] * 2


def test_our_reader_agrees_with_the_decoder_of_the_library() -> None:
    for record in (cdr.session(), cdr.serving_gateway_session(), cdr.call(), cdr.message()):
        data = cdr.encoded(record)
        family = cdr.CIRCUIT if record[0] in cdr.CIRCUIT._cont else cdr.PACKET
        family.from_ber(data)
        ours = Layouts().reader(family)(read_tree(data), "record")
        assert without_bits(ours) == without_bits(family.get_val())


def without_bits(value: Any) -> Any:
    """Bit strings are kept as their bytes here and are numbers there; no field that is billed is one."""
    if isinstance(value, dict):
        return {name: without_bits(each) for name, each in value.items() if name != "serviceConditionChange"}
    if isinstance(value, list):
        return [without_bits(each) for each in value]
    return (value[0], without_bits(value[1])) if isinstance(value, tuple) else value


@pytest.mark.parametrize("make", [cdr.bare_file, cdr.framed_file])
def test_a_file_resumes_after_any_record(tmp_path: Path, make: Any) -> None:
    content = make(*[cdr.encoded(cdr.session(chargingID=number)) for number in range(1, 6)], filler=b"\x00")
    everything = decoded(tmp_path, content)
    for after in range(7):
        assert decoded(tmp_path, content, after) == everything[after:]


@ON_SCRATCH
@given(content=st.binary(max_size=500))
def test_no_bytes_whatsoever_raise(tmp_path: Path, content: bytes) -> None:
    header = cdr.framed_file()
    for changed in (content, b"\xbf\x4f" + content, header + content, header[:4] + content):
        for line in decoded(tmp_path, changed):
            assert (line.event is None and line.part is None) == bool(line.reason)
        totals(tmp_path, changed)


@ON_SCRATCH
@given(place=st.integers(min_value=0), byte=st.integers(0, 255), cut=st.integers(0, 700))
def test_no_changed_or_cut_file_raises(tmp_path: Path, place: int, byte: int, cut: int) -> None:
    records = [cdr.encoded(cdr.session()), *partial_session(2)]
    for whole in (cdr.bare_file(*records), cdr.framed_file(*records)):
        content = bytearray(whole)
        content[place % len(content)] = byte
        for changed in (bytes(content), bytes(content[:cut])):
            for line in decoded(tmp_path, changed, rules=CLASSES):
                assert (line.event is None and line.part is None) == bool(line.reason)


@given(raw=st.text(max_size=200) | st.from_regex(r"(class=\w* )?(bf4f)?[0-9a-f]{0,80}", fullmatch=True))
def test_no_text_whatsoever_raises(raw: str) -> None:
    line = reader().decode_line(raw)
    assert (line.event is None and line.part is None) == bool(line.reason)
