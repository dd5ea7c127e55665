"""Records as a door may get them: most are usual, some repeat or contradict others, some cannot be used at all."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.builders_usage import LINE

_LEFT_OUT = object()
_USUAL: dict[str, list[Any]] = {
    "source": ["switch", "switch-2"],
    "record_id": [f"r-{number}" for number in range(5)],
    "identifier": [LINE],
    "meter": ["voice", "sms"],
    "quantity": [0, 1, 60, 61, 7200],
    "started_at": ["2027-02-01T10:00:00+00:00", "2027-02-01T11:00:00+01:00", "2027-01-31T23:30:00Z"],
    "destination": ["+31201234567", "+3225551234", "31201234567", ""],
}
_ODD: dict[str, list[Any]] = {
    "source": ["", " switch", "swi tch", None, 7, "é", "x" * 65],
    "record_id": ["", " r-1 ", "r\n1", "Łódź", 'it\'s "odd" \\ $1 ; --', "x" * 200, "x" * 201, None, 5],
    "identifier": ["31612345678", f" {LINE}", "+31600000000", "", None, "\x1f", "x" * 101],
    "meter": ["shop", "unheard-of", "", None, "vo ice"],
    "quantity": ["60", "x", -1, 1.5, True, None, 2**62, 2**70],
    "started_at": [
        "2027-01-20T10:00:00+01:00",
        "2027-02-16T10:00:00+01:00",
        "2027-01-01T00:00:00Z",
        "2020-01-01T00:00:00Z",
        "2027-02-01T10:00:00",
        "0001-01-01T00:00:00+10:00",
        "yesterday",
        20270201,
    ],
    "destination": [_LEFT_OUT, None, "x", "+" + "1" * 21],
}
_MORE: dict[str, list[Any]] = {
    "amount": ["12.305", 3, "x", None, -1],
    "visited": ["BE", "20601", "", "?"],
    "traffic_class": ["premium", ""],
    "attributes": [{"o'clock": "\\'; DROP TABLE x; --", "n": 1.5}, {}, None, [1], {"deep": {}}],
    "unknown": [1],
}


def _record(usual: dict[str, Any], odd: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (usual | odd).items() if value is not _LEFT_OUT}


def _one_or_two(fields: dict[str, list[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    pairs = [(name, value) for name, values in fields.items() for value in values]
    return st.lists(st.sampled_from(pairs), min_size=1, max_size=2).map(dict)


_usual = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in _USUAL.items()})
A_RECORD = st.builds(_record, _usual, st.one_of(st.just({}), st.just({}), _one_or_two(_ODD), _one_or_two(_MORE)))
