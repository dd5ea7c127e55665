"""BroadWorks accounting files: the answered part of calls made, one damaged record at a time, nothing expanded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.adapters.usage_formats.broadworks import BroadWorksFormat, BroadWorksProfile
from billing.adapters.usage_formats.xml_records import LONGEST_RECORD_BYTES
from billing.ports.usage import DecodedLine
from billing.ports.usage_profiles import SourceProfile
from tests.samples import broadworks_samples as xml

SWITCH = SourceProfile("broadworks", "broadworks", "broadworks", country="NL")
FORMAT = BroadWorksFormat(BroadWorksProfile(SWITCH))
ON_SCRATCH = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=2000)


def decoded(
    directory: Path, content: bytes, after_line: int = 0, reader: BroadWorksFormat = FORMAT
) -> list[DecodedLine]:
    path = directory / "file.xml"
    path.write_bytes(content)
    return list(reader.decode(path, after_line))


def only_event(directory: Path, record: str, reader: BroadWorksFormat = FORMAT) -> Mapping[str, Any]:
    (line,) = decoded(directory, xml.whole_file(record), reader=reader)
    assert line.event is not None, line.reason
    return line.event


def test_a_call_is_billed_from_answer_to_release_in_the_users_own_time(tmp_path: Path) -> None:
    event = dict(only_event(tmp_path, xml.call()))
    started_at = event.pop("started_at")
    assert started_at.astimezone(UTC) == datetime(2027, 7, 1, 10, 0, 6, 813_000, tzinfo=UTC)
    assert started_at.utcoffset() == timedelta(hours=2)
    assert event == {
        "source": "broadworks",
        "record_id": "0000000001/AS1/20270701100020.300",
        "identifier": "+31201234567",
        "meter": "voice",
        "quantity": 14,  # 13.483 seconds: a begun second counts
        "destination": "+3225551234",
        "attributes": {
            "calling": "+31201234567",
            "group": "+31201234000",
            "user": "sanne@voice.example",
            "network_call_type": "in",
            "termination_cause": "016",
        },
    }


@pytest.mark.parametrize(
    ("changes", "quantity"),
    [
        ({"answerIndicator": "No", "answerTime": None}, 0),
        ({"answerIndicator": "Yes-PostRedirection"}, 14),
        ({"chargeIndicator": "n"}, 0),
        ({"releaseTime": "20270701100006.813"}, 0),
        ({"releaseTime": "20270701100007.813"}, 1),
        ({"direction": None, "asCallType": None}, 14),
    ],
)
def test_only_the_answered_part_counts(tmp_path: Path, changes: dict[str, str | None], quantity: int) -> None:
    assert only_event(tmp_path, xml.call(**changes))["quantity"] == quantity


@pytest.mark.parametrize(
    "record",
    [
        xml.call(direction="Terminating"),
        xml.call(direction=None, callingNumber="+31611111111"),
        xml.call(asCallType="Group"),
        xml.mark("Interim"),
        xml.mark("Long Duration"),
    ],
)
def test_calls_received_calls_inside_and_calls_in_progress_are_not_billed(tmp_path: Path, record: str) -> None:
    assert decoded(tmp_path, xml.whole_file(record)) == []


def test_the_profile_says_what_is_billed_and_in_which_clock(tmp_path: Path) -> None:
    profile = BroadWorksProfile(
        SWITCH,
        meters={"Terminating": "received"},
        billed_call_types=frozenset({"Network", "Group"}),
        free_network_calls=frozenset({"em"}),
        times_are_local=True,
    )
    reader = BroadWorksFormat(profile)
    event = only_event(tmp_path, xml.call(direction="Terminating", asCallType="Group"), reader)
    assert (event["meter"], event["quantity"]) == ("received", 14)
    assert event["started_at"].astimezone(UTC) == datetime(2027, 7, 1, 8, 0, 6, 813_000, tzinfo=UTC)
    assert only_event(tmp_path, xml.call(direction="Terminating", networkCallType="em"), reader)["quantity"] == 0


def test_an_address_is_no_destination_unless_the_network_made_a_number_of_it(tmp_path: Path) -> None:
    event = only_event(tmp_path, xml.call(calledNumber="helpdesk@voice.example"))
    assert (event["destination"], event["attributes"]["dialled"]) == ("", "helpdesk@voice.example")
    named = xml.call(calledNumber="helpdesk@voice.example", networkTranslatedNumber="+31201112222")
    assert only_event(tmp_path, named)["destination"] == "+31201112222"


@pytest.mark.parametrize(
    ("record", "field"),
    [
        (xml.call(userNumber=None), "userNumber"),
        (xml.call(answerTime=None), "answerTime"),
        (xml.call(releaseTime="20270701095959.000"), "releaseTime"),
        (xml.call(releaseTime="20271301100020.296"), "releaseTime"),
        (xml.call(releaseTime="soon"), "releaseTime"),
        (xml.call(answerTime="00010701100006.813"), "answerTime"),
        (xml.call(userTimeZone="2+990000"), "userTimeZone"),
        (xml.mark("Failover"), "type"),
        (xml.call().replace("</basicModule>", ""), "record"),
        (xml.call().replace("</cdrData>", ""), "record"),
        (xml.call(userId="a").replace("<userId>a", "<userId>&who;"), "record"),
        (xml.call(userId="a").replace("<userId>a", "<userId><!DOCTYPE a [<!ENTITY b 'c'>]>"), "record"),
        (xml.call(userId="a").replace("<userId>a", "<userId><![CDATA[a"), "record"),
        (xml.call(userId="a").replace("<userId>a", "<userId>\x01"), "record"),
        (xml.call(userId="x" * LONGEST_RECORD_BYTES), "record"),
        (xml.call(userId="<a>" * 20_000), "record"),
    ],
)
def test_a_damaged_record_names_its_field_and_does_not_spoil_the_next(tmp_path: Path, record: str, field: str) -> None:
    if "&lt;a&gt;" in record:
        record = record.replace("&lt;a&gt;", "<a>")
    lines = decoded(tmp_path, xml.whole_file(record, xml.call(2)))
    assert (lines[0].event, lines[0].field) == (None, field)
    assert lines[0].reason
    assert [line.event["record_id"][:10] for line in lines if line.event] == ["0000000002"]


def test_tags_in_literal_text_and_comments_are_no_tags(tmp_path: Path) -> None:
    inside = "<![CDATA[</cdrData><cdrData>]]>"
    record = xml.call(userId="a").replace("<userId>a", f"<!-- </cdrData> --><userId>{inside}")
    (line,) = decoded(tmp_path, xml.whole_file(f"<!-- <cdrData> {xml.call(7)} -->", record))
    assert line.event is not None
    assert line.event["attributes"]["user"] == "</cdrData><cdrData>"


@pytest.mark.parametrize(
    ("prolog", "words"),
    [
        (xml.PROLOG.replace("broadWorksCDR>", 'broadWorksCDR [<!ENTITY a "b">]>', 1), "definitions"),
        (xml.PROLOG.replace("broadWorksCDR>", 'broadWorksCDR SYSTEM "http://example/a.dtd">', 1), "definitions"),
        (xml.PROLOG.replace("<broadWorksCDR v", "<!ENTITY a 'b'>\n<broadWorksCDR v"), "definitions"),
        (xml.PROLOG.replace("ISO-8859-1", "UTF-7"), "encoding"),
        (xml.PROLOG.replace("broadWorksCDR", "otherCDR"), "no element broadWorksCDR"),
        ("", "no element broadWorksCDR"),
    ],
)
def test_a_file_with_definitions_of_its_own_or_of_another_kind_is_refused(
    tmp_path: Path, prolog: str, words: str
) -> None:
    (line,) = decoded(tmp_path, xml.whole_file(xml.call(), prolog=prolog))
    assert (line.event, line.field) == (None, "file")
    assert words in line.reason


def test_utf_16_is_refused_and_latin_letters_are_read(tmp_path: Path) -> None:
    (line,) = decoded(tmp_path, xml.whole_file(xml.call()).decode("latin1").encode("utf-16"))
    assert "UTF-16" in line.reason
    assert only_event(tmp_path, xml.call(userId="Zoë"))["attributes"]["user"] == "Zoë"


def test_bytes_that_are_not_in_the_encoding_spoil_one_record(tmp_path: Path) -> None:
    prolog = xml.PROLOG.replace("ISO-8859-1", "UTF-8")
    damaged, good = decoded(tmp_path, xml.whole_file(xml.call(userId="Zoë"), xml.call(2), prolog=prolog))
    assert "not utf-8" in damaged.reason
    assert good.event is not None


def test_a_file_that_was_cut_off_says_so(tmp_path: Path) -> None:
    content = xml.whole_file(xml.call(), xml.call(2))
    inside = decoded(tmp_path, content[: content.index(b"0000000002") + 50])
    assert [bool(line.reason) for line in inside] == [False, True, True]
    assert "ends inside" in inside[1].reason
    between = decoded(tmp_path, xml.whole_file(xml.call(), end=""))
    assert "no end" in between[-1].reason


def test_a_file_resumes_after_any_record_and_across_the_parts_it_is_read_in(tmp_path: Path) -> None:
    content = xml.whole_file(*[xml.call(number, userId="u" * 400) for number in range(1, 1200)])
    everything = decoded(tmp_path, content)
    assert [line.line_number for line in everything] == list(range(2, 1201))
    assert all(line.event for line in everything)
    for after in (1, 2, 600, 1199, 1200, 1300):
        assert decoded(tmp_path, content, after) == [line for line in everything if line.line_number > after]


def test_a_rejected_record_is_read_again_from_its_corrected_text(tmp_path: Path) -> None:
    (line,) = decoded(tmp_path, xml.whole_file(xml.call(userTimeZone="summer")))
    mended = FORMAT.decode_line(line.raw.replace("summer", "1+020000"))
    assert mended.event == only_event(tmp_path, xml.call())
    assert FORMAT.decode_line('<!DOCTYPE a [<!ENTITY b "c">]>' + line.raw).field == "record"


@ON_SCRATCH
@given(content=st.binary(max_size=500), place=st.integers(0, 3000), cut=st.integers(0, 3000))
def test_no_bytes_whatsoever_raise(tmp_path: Path, content: bytes, place: int, cut: int) -> None:
    whole = xml.whole_file(xml.call(), xml.call(2))
    mixed = whole[:place] + content + whole[place:]
    for changed in (content, mixed, whole[:cut], xml.PROLOG.encode() + content):
        for line in decoded(tmp_path, changed):
            assert (line.event is None) == bool(line.reason)


TOKENS = st.sampled_from(
    ["<cdrData>", "</cdrData>", "<cdrData/>", "<!--", "-->", "<![CDATA[", "]]>", "</broadWorksCDR>", "<!DOCTYPE", "x"]
)


@ON_SCRATCH
@given(tokens=st.lists(TOKENS, max_size=30))
def test_no_order_of_tags_raises_or_never_ends(tmp_path: Path, tokens: list[str]) -> None:
    lines = decoded(tmp_path, (xml.PROLOG + "".join(tokens)).encode())
    assert len(lines) <= len(tokens) + 1
    for line in lines:
        assert (line.event is None) == bool(line.reason)


@given(raw=st.text(max_size=300))
def test_no_text_whatsoever_raises(raw: str) -> None:
    for text in (raw, f"<cdrData>{raw}</cdrData>"):
        line = FORMAT.decode_line(text)
        assert (line.event is None) == bool(line.reason)
