"""Sources that an operator declares in YAML: they read as declared, and a wrong declaration says what is wrong."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from billing.adapters.usage_formats import declared_formats, known_formats, standard_formats
from billing.domain.errors import Conflict, InvalidValue, NotFound, Refusal
from billing.ports.usage_profiles import ClockRule
from tests.rules.usage_samples import SAMPLES, in_utc

OWN = declared_formats(SAMPLES / "profiles")


def read(profile: str, file: str) -> tuple[list[dict[str, Any]], list[tuple[int, str]]]:
    """The events of a sample, and what cannot be read in it."""
    lines = list(OWN[profile].decode(SAMPLES / file))
    events = [in_utc(line.event) for line in lines if line.event is not None]
    return events, [(line.line_number, line.field) for line in lines if line.reason]


def test_a_csv_with_decimal_commas_minutes_and_local_dates_is_read_as_declared() -> None:
    events, damages = read("nordic-voice", "nordic-voice.csv")
    assert events[0] == {
        "source": "nordic",
        "record_id": "1001/a",
        "identifier": "+4722123456",
        "destination": "+4687654321",
        "meter": "voice",
        "quantity": 75,
        "amount": "0.1250",
        "started_at": "2026-11-20T09:00:00+00:00",
        "attributes": {"place": "Tromsø"},
    }
    assert (events[1]["quantity"], events[1]["record_id"]) == (0, "1001/b")
    assert (events[2]["quantity"], events[2]["amount"]) == (60_000, "1234.5000")
    assert damages == [(4, "day"), (6, "cause")]


def test_the_totals_of_a_csv_are_those_of_its_trailer() -> None:
    path = SAMPLES / "nordic-voice.csv"
    declared, counted = OWN["nordic-voice"].declared_totals(path), OWN["nordic-voice"].counted_totals(path)
    assert declared is not None
    assert (declared.records, declared.quantity, declared.charge) == (5, Decimal("1006.75"), Decimal("1235.1750"))
    assert (counted.records, counted.quantity, counted.charge) == (5, Decimal("1006.75"), Decimal("1235.1750"))


def test_fixed_width_fields_are_cut_where_they_stand() -> None:
    events, damages = read("mast-data", "mast-data.txt")
    assert [(event["identifier"], event["quantity"]) for event in events] == [
        ("+31612345678", 300 * 1024),
        ("+31612345678", 3_000_000 * 1024),
    ]
    assert events[0]["started_at"] == "2026-11-20T09:00:00+00:00"
    assert damages == [(3, "up"), (4, "up")]
    declared = OWN["mast-data"].declared_totals(SAMPLES / "mast-data.txt")
    assert declared is not None
    assert (declared.records, declared.quantity, declared.charge) == (4, 3_000_300, None)
    assert OWN["mast-data"].counted_totals(SAMPLES / "mast-data.txt").records == 4


def test_json_fields_are_found_by_their_paths() -> None:
    events, damages = read("chat", "chat.ndjson")
    assert [(event["meter"], event["quantity"], event["destination"]) for event in events] == [
        ("sms", 1, "+447700900456"),
        ("data", 5_000_000_000, ""),
    ]
    assert events[0]["identifier"] == events[1]["identifier"] == "+447700900123"
    assert damages == [(3, "message.kind")]


def test_a_declaration_says_delay_file_names_and_clock_rule() -> None:
    profile = OWN["nordic-voice"].profile
    assert (profile.delay_days, profile.clock_rule, profile.country) == (5, ClockRule.REFUSE, "NO")
    assert (profile.sequence_of("CDR_000017.csv"), profile.next_sequence(999_999)) == (17, 1)
    assert profile.control.is_declared


def test_own_profiles_join_the_standard_ones_and_replace_those_of_their_name(tmp_path: Path) -> None:
    declared = {"name": "cdr-csv", "format": "asterisk-csv", "source": "pbx", "zone": "Asia/Tokyo", "country": "JP"}
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(declared))
    known = known_formats(tmp_path)
    assert known.keys() == standard_formats().keys()
    assert (known["cdr-csv"].source, known["cdr-csv"].profile.zone) == ("pbx", "Asia/Tokyo")
    assert known_formats(None).keys() == standard_formats().keys()


@pytest.mark.parametrize(
    ("declared", "sample", "count"),
    [
        ({"format": "asterisk-csv", "country": "NL"}, "cdr-csv.csv", 6),
        ({"format": "freeswitch-csv", "country": "NL"}, "freeswitch-csv.csv", 4),
        ({"format": "freeswitch-json", "identifier": "variables.uuid"}, "freeswitch-json.json", 4),
        ({"format": "uk-standard"}, "uk-standard.csv", 7),
        ({"format": "asterisk-cel", "contexts": ["from-subscribers"]}, "asterisk-cel.csv", 10),
        ({"format": "flatstore", "country": "NL"}, "flatstore.log", 10),
        ({"format": "radius", "measure": "seconds", "meter": "voice"}, "radius.detail", 7),
    ],
)
def test_every_switch_format_can_be_declared_for_another_place(
    tmp_path: Path, declared: dict[str, Any], sample: str, count: int
) -> None:
    (tmp_path / "own.yaml").write_text(yaml.safe_dump({"name": "own", "zone": "Europe/London", **declared}))
    (made,) = declared_formats(tmp_path).values()
    assert (made.name, made.source, made.profile.zone) == ("own", "own", "Europe/London")
    assert len(list(made.decode(SAMPLES / sample))) == count


GOOD: dict[str, Any] = {
    "name": "own",
    "format": "csv",
    "key": ["id"],
    "fields": {"identifier": "who", "started_at": "when", "quantity": "much"},
    "constants": {"meter": "voice"},
}


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"format": "tape"}, "format", "Use one of csv"),
        ({"name": "two words"}, "name", "pattern"),
        ({"zone": "Europe/Atlantis"}, "zone", "Europe/Amsterdam"),
        ({"country": "Holland"}, "country", "capital letters"),
        ({"encoding": "ebcdic"}, "encoding", "latin-1"),
        ({"delay_days": 0}, "delay_days", "greater than or equal to 1"),
        ({"file_name": "("}, "file_name", "regular expression"),
        ({"file_name": r"(?P<day>\d+)"}, "file_name", "sequence"),
        ({"clock_rule": "guess"}, "clock_rule", "'first', 'second' or 'refuse'"),
        ({"colour": "red"}, "colour", "Leave it out"),
        ({"fields": {"identifier": "who", "quantity": "much"}}, "", "started_at or time.columns"),
        ({"constants": {}}, "", "constants.meter"),
        ({"columns": ["id", "who", "when"]}, "", "'much' is none of the declared columns"),
        ({"key": ["ID"]}, "", "small letters"),
        ({"time": {"form": "%d.%m.%Y"}}, "time.form", "whole date and time"),
        ({"quantity": {"unit_size": -1}}, "quantity.unit_size", "greater than 0"),
        ({"quantity": {"rounding": "sideways"}}, "quantity.rounding", "'up'"),
        ({"kinds": {"column": "kind", "values": {"V": {}}}}, "kinds.values.V.meter", "Add it"),
        ({"control": {"marker": ""}}, "control.marker", "at least 1 character"),
        ({"delimiter": '"'}, "", "the same"),
    ],
)
def test_a_wrong_declaration_names_file_field_value_and_remedy(
    tmp_path: Path, changes: dict[str, Any], field: str, said: str
) -> None:
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(GOOD | changes))
    with pytest.raises(InvalidValue) as refused:
        declared_formats(tmp_path)
    assert refused.value.field == f"wrong.yaml: {field}".rstrip(": ")
    assert said in refused.value.remedy
    if field and isinstance(value := next(iter(changes.values())), str | int):
        assert refused.value.value == str(value)


def test_two_profiles_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(GOOD))
    (tmp_path / "b.yaml").write_text(yaml.safe_dump({"profiles": [GOOD | {"name": "other"}, GOOD]}))
    with pytest.raises(Conflict, match="one name") as refused:
        declared_formats(tmp_path)
    assert refused.value.field == "b.yaml: profiles.1.name"


def test_a_directory_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no such directory"):
        declared_formats(tmp_path / "nowhere")


def test_norway_is_a_country_and_not_the_answer_no(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(GOOD).replace("name: own", "name: own\ncountry: NO"))
    assert declared_formats(tmp_path)["own"].profile.country == "NO"


@given(content=st.one_of(st.text(max_size=200), st.recursive(st.none() | st.text(max_size=9), st.lists).map(str)))
def test_no_text_whatsoever_does_more_than_be_refused(tmp_path_factory: pytest.TempPathFactory, content: str) -> None:
    directory = tmp_path_factory.mktemp("profiles")
    (directory / "a.yaml").write_text(content, encoding="utf-8", errors="replace")
    with pytest.raises(Refusal):
        declared_formats(directory)


@given(
    changes=st.dictionaries(
        st.sampled_from([*GOOD, "columns", "time", "causes", "control", "delimiter", "kinds", "quantity", "zone"]),
        st.recursive(
            st.integers() | st.booleans() | st.text(max_size=8),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
            max_leaves=6,
        ),
        min_size=1,
        max_size=3,
    )
)
def test_a_declaration_makes_a_format_or_a_refusal(
    tmp_path_factory: pytest.TempPathFactory, changes: dict[str, Any]
) -> None:
    directory = tmp_path_factory.mktemp("profiles")
    (directory / "a.yaml").write_text(yaml.safe_dump(GOOD | changes), encoding="utf-8")
    try:
        made = declared_formats(directory)
    except Refusal:
        return
    for each in made.values():
        list(each.decode(SAMPLES / "csv.csv"))


def test_the_example_of_the_documentation_is_a_declaration(tmp_path: Path) -> None:
    page = (SAMPLES.parents[2] / "docs" / "usage_formats.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL)
    (tmp_path / "a.yaml").write_text(example, encoding="utf-8")
    (declared,) = declared_formats(tmp_path).values()
    path = SAMPLES / "nordic-voice.csv"
    assert list(declared.decode(path)) == list(OWN["nordic-voice"].decode(path))
