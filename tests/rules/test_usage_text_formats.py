"""The text formats read their samples: every trap that real files hold, one by one."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from billing.adapters.usage_formats import standard_formats
from tests.rules.usage_samples import FORMATS, SAMPLES, damages_of, events_of, in_utc, lines_of, sessions_of

SANNE, AMSTERDAM, BRUSSELS = "+31612345678", "+31201234567", "+3225551234"
TEN = "2026-11-20T09:00:00+00:00"


def test_asterisk_rows_with_equal_ids_differ_ringing_is_free_and_more_seconds_than_duration_is_damaged() -> None:
    events = events_of("cdr-csv")
    assert [event["quantity"] for event in events] == [75, 40, 0, 60]
    assert len({event["record_id"] for event in events}) == 4
    assert {event["identifier"] for event in events} == {SANNE}
    assert events[2]["destination"] == BRUSSELS
    assert damages_of("cdr-csv") == [(4, "billsec"), (5, "line")]


def test_asterisk_local_times_in_the_repeated_hour_are_the_first_one() -> None:
    assert events_of("cdr-csv")[3]["started_at"] == "2026-10-25T00:30:00+00:00"


def test_freeswitch_csv_starts_at_the_answer_and_stands_quotes_inside_names() -> None:
    first, unanswered = events_of("freeswitch-csv")
    assert (first["started_at"], first["quantity"]) == ("2026-11-20T09:00:07+00:00", 75)
    assert (unanswered["quantity"], unanswered["destination"]) == (0, BRUSSELS)
    assert unanswered["started_at"] == "2026-11-20T09:05:00+00:00"
    assert damages_of("freeswitch-csv") == [(3, "line"), (4, "billsec")]


def test_freeswitch_json_bills_the_callers_leg_by_the_profile_with_which_the_call_began() -> None:
    callers_leg, dialled_leg, unanswered = events_of("freeswitch-json")
    assert callers_leg == {
        "source": "freeswitch",
        "record_id": "22222222-aaaa-4bbb-8ccc-000000000001",
        "identifier": SANNE,
        "destination": AMSTERDAM,
        "meter": "voice",
        "quantity": 75,
        "started_at": "2026-11-20T09:00:07+00:00",
        "attributes": {"hangup_cause": "NORMAL_CLEARING", "duration": "82"},
    }
    assert (dialled_leg["quantity"], unanswered["quantity"]) == (0, 0)
    assert damages_of("freeswitch-json") == [(4, "variables")]


def test_cel_events_become_one_call_of_the_answered_part() -> None:
    lines = lines_of("asterisk-cel")
    sessions = sessions_of("asterisk-cel", lines)
    answered, unanswered, running = (sessions[f"1795165{rest}"] for rest in ("200.1", "500.5", "600.7"))
    assert answered is not None
    assert in_utc(answered) == {
        "source": "asterisk-cel",
        "record_id": "1795165200.1",
        "identifier": SANNE,
        "destination": AMSTERDAM,
        "meter": "voice",
        "quantity": 75,
        "started_at": "2026-11-20T09:00:07.500000+00:00",
    }
    assert unanswered is not None
    assert (unanswered["quantity"], unanswered["destination"]) == (0, BRUSSELS)
    assert running is None
    assert damages_of("asterisk-cel") == [(14, "line")]


def test_a_channel_that_the_switch_dialled_is_no_call_of_its_own() -> None:
    assert sessions_of("asterisk-cel", lines_of("asterisk-cel"))["1795165200.2"] == {}


def test_a_hang_up_without_answer_waits_unless_it_says_that_nobody_answered() -> None:
    lines = [line for line in lines_of("asterisk-cel") if line.part and line.part.kind != "answer"]
    assert sessions_of("asterisk-cel", lines)["1795165200.1"] is None
    parts = [line.part for line in lines if line.part and line.part.session_key == "1795165200.1"]
    opened = FORMATS["asterisk-cel"].describe_open(parts)
    assert "without ANSWER" in opened.reason
    assert opened.event["identifier"] == SANNE


def test_a_flatstore_call_is_found_from_either_side_and_in_any_order() -> None:
    sessions = sessions_of("flatstore", lines_of("flatstore"))
    quantities = {key: event and event["quantity"] for key, event in sessions.items()}
    assert quantities == {
        "call-1@192.0.2.1/as1/t1": 75,
        "call-2@192.0.2.1/as2/t2": 60,
        "call-3@192.0.2.1/as3/t4": None,
        "call-5@192.0.2.1/as5/t6": None,
    }
    second = sessions["call-2@192.0.2.1/as2/t2"]
    assert second is not None
    assert (second["identifier"], second["destination"]) == (SANNE, BRUSSELS)


def test_a_flatstore_call_that_was_busy_or_a_message_is_whole_by_itself() -> None:
    busy, message = events_of("flatstore")
    assert (busy["quantity"], busy["meter"]) == (0, "voice")
    assert (message["quantity"], message["meter"], message["destination"]) == (1, "sms", "+31687654321")
    assert damages_of("flatstore") == [(11, "line")]


def test_an_open_flatstore_call_says_what_it_lacks() -> None:
    parts = {line.part.session_key: [line.part] for line in lines_of("flatstore") if line.part}
    flatstore = FORMATS["flatstore"]
    without_bye = flatstore.describe_open(parts["call-3@192.0.2.1/as3/t4"])
    assert without_bye.reason.startswith("INVITE without BYE")
    assert "quantity" not in without_bye.event
    assert without_bye.event["identifier"] == SANNE
    assert flatstore.describe_open(parts["call-5@192.0.2.1/as5/t6"]).reason.startswith("BYE without INVITE")


def test_a_bye_that_was_refused_ends_no_call_by_itself() -> None:
    refused = [line.part for line in lines_of("flatstore") if line.part and line.part.kind != "bye"]
    call = [part for part in refused if part.session_key.startswith("call-1@")]
    assert FORMATS["flatstore"].combine(call) is None
    opened = FORMATS["flatstore"].describe_open(call)
    assert (opened.event["quantity"], "refused" in opened.reason) == (77, True)


@given(data=st.data())
def test_some_parts_of_a_session_are_the_whole_usage_or_none(data: st.DataObject) -> None:
    profile = data.draw(st.sampled_from(["asterisk-cel", "flatstore", "radius"]))
    lines = lines_of(profile)
    whole = sessions_of(profile, lines)
    parts = [line.part for line in lines if line.part]
    key = data.draw(st.sampled_from(sorted(whole)))
    own = data.draw(st.permutations([part for part in parts if part.session_key == key]))
    some = own[: data.draw(st.integers(1, len(own)))]
    assert FORMATS[profile].combine(some) in (None, whole[key])
    assert FORMATS[profile].combine(own) == whole[key]


def test_a_radius_session_counts_64_bits_from_two_fields_once() -> None:
    lines = lines_of("radius")
    session = sessions_of("radius", lines)["5d1f0c7e9a3b2c41"]
    assert session is not None
    assert in_utc(session) == {
        "source": "radius",
        "record_id": "5d1f0c7e9a3b2c41",
        "identifier": "sanne@example.net",
        "meter": "data",
        "quantity": 5_000_000_000 + 2 * 2**32 + 20,
        "started_at": TEN,
    }


def test_a_radius_stop_that_is_sent_again_is_the_same_part() -> None:
    stops = [line.part for line in lines_of("radius") if line.part and line.part.kind == "stop"]
    assert stops[0] == stops[1]


def test_a_radius_counter_written_as_a_signed_number_is_read_and_quotes_are_undone() -> None:
    (key,) = [key for key in sessions_of("radius", lines_of("radius")) if "0000A2" in key]
    session = sessions_of("radius", lines_of("radius"))[key]
    assert session is not None
    assert (session["quantity"], session["identifier"]) == (2**32, 'jo"e\\nl')
    assert in_utc(session)["started_at"] == "2026-11-20T10:59:00+00:00"


def test_a_radius_restart_is_no_usage_and_a_cut_attribute_is_damaged() -> None:
    numbers = [line.line_number for line in lines_of("radius")]
    assert numbers == sorted(set(numbers))
    assert [field for _, field in damages_of("radius")] == ["line", "Timestamp"]


def test_a_larger_interim_counter_stands_for_a_stop_that_lost_it(tmp_path: Path) -> None:
    stop = (
        (SAMPLES / "radius.detail")
        .read_text()
        .replace("Gigawords = 1", "Gigawords = 0")
        .replace("words = 2", "words = 0")
    )
    path = tmp_path / "detail"
    path.write_text(stop)
    session = sessions_of("radius", list(FORMATS["radius"].decode(path)))["5d1f0c7e9a3b2c41"]
    assert session is not None
    assert session["quantity"] == 3_000_001_000


def test_the_uk_standard_gives_each_kind_its_meter_and_every_form_of_a_number_is_one() -> None:
    events = events_of("uk-standard")
    assert [(event["meter"], event["quantity"]) for event in events] == [
        ("voice", 75),
        ("voice", 30),
        ("data", 3_000_001_500),
        ("data", 30),
        ("sms", 1),
        ("voice", 60),
    ]
    assert events[0]["identifier"] == events[1]["identifier"] == "+442079460101"
    assert events[4]["destination"] == "+447700900456"
    assert damages_of("uk-standard") == [(7, "call type")]


def test_uk_times_are_british_and_prices_are_kept_but_not_charged() -> None:
    events = events_of("uk-standard")
    assert events[0]["started_at"] == "2026-11-20T10:00:00+00:00"
    assert events[5]["started_at"] == "2026-10-25T00:30:00+00:00"
    assert "amount" not in events[0]
    assert events[0]["attributes"]["salesprice"] == "0.0125"


def test_a_json_array_is_read_record_by_record() -> None:
    events = events_of("json")
    assert [event["record_id"] for event in events] == ["a-1", "a-2", "a-4"]
    assert str(events[1]["amount"]) == "0.10"
    assert events[2]["quantity"] == 9_000_000_000
    assert damages_of("json") == [(3, "line"), (4, "line")]


def test_ndjson_spoils_one_line_only() -> None:
    assert [event["record_id"] for event in events_of("ndjson")] == ["n-1", "n-2", "n-4"]
    assert damages_of("ndjson") == [(4, "line")]


def test_a_csv_line_with_an_unclosed_quote_or_a_negative_volume_is_damaged_alone() -> None:
    assert [event["record_id"] for event in events_of("csv")] == ["c-1", "c-2"]
    assert damages_of("csv") == [(6, "line"), (7, "quantity")]


def test_every_profile_has_a_format_of_its_family() -> None:
    families = {name: each.profile.format for name, each in standard_formats().items()}
    assert families["cdr-csv"] == families["csv"] == "csv"
    assert families["uk-standard"] == "uk-standard"
