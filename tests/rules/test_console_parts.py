"""What every page of the console is built of: lists as they are asked for, files, forms, charts."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, ValidationError
from starlette.requests import Request
from starlette.responses import StreamingResponse

from api.console.amounts import minor_of
from api.console.charts import HEIGHT, TOP, Point, Series, bars, funnel, lines, stacked_bars
from api.console.exports import FORMULA_STARTS, cell, csv_answer
from api.console.forms import Form, invalid_form, refused_form
from api.console.listing import Asked, Choice, Day, Flag, Listing, Text, Whole
from api.console.navigation import ENTRIES, entries_for
from billing.domain.errors import InvalidValue
from billing.domain.passwords import checked_length, refuse_known_words
from billing.services.access import ROLES, Caller

THINGS = Listing(
    "things",
    filters=(Text("q", 10), Choice("state", ("open", "paid")), Whole("day", 1, 31), Day("from"), Flag("late")),
    sorts=("-due", "number"),
)


def asked(query: str) -> Asked:
    return THINGS.read(Request({"type": "http", "path": "/things", "query_string": query.encode(), "headers": []}))


def test_a_list_is_read_from_its_address() -> None:
    read = asked("q=+li+&state=open&day=07&from=2027-01-31&late=true&sort=number&after=A1&page=2&format=csv")
    assert (read.text("q"), read.text("state"), read.whole("day"), read.is_on("late")) == ("li", "open", 7, True)
    assert str(read.day("from")) == "2027-01-31"
    assert (read.sort, read.descending, read.after, read.page, read.as_csv) == ("number", False, "A1", 2, True)


def test_what_was_left_open_narrows_nothing() -> None:
    read = asked("q=&state=&day=&from=&page=")
    assert not read.is_filtered
    assert (read.sort, read.descending, read.page) == ("due", True, 1)
    assert read.whole("day") is None


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("colour=red", "colour"),
        ("state=gone", "state"),
        ("day=32", "day"),
        ("day=1.5", "day"),
        ("day=²", "day"),
        ("from=31-01-2027", "from"),
        ("late=maybe", "late"),
        ("sort=colour", "sort"),
        ("page=0", "page"),
        ("format=pdf", "format"),
        ("q=12345678901", "q"),
    ],
)
def test_what_a_list_does_not_take_is_refused_by_name(query: str, field: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        asked(query)
    assert refused.value.field == field
    assert refused.value.remedy


def test_links_keep_the_filter_and_turn_the_order() -> None:
    read = asked("q=li&sort=number&page=3")
    assert read.sort_link("number") == "/things?q=li&sort=-number"
    assert read.sort_link("due") == "/things?q=li&sort=due"
    assert read.link(page=4) == "/things?q=li&sort=number&page=4"
    assert read.export_link == "/things?q=li&sort=number&format=csv"
    assert (read.direction("number"), read.direction("due")) == ("ascending", "none")


@pytest.mark.parametrize(
    ("typed", "minor"),
    [("1250", 125_000), ("1250.00", 125_000), ("1250,00", 125_000), ("1,250.00", 125_000), ("1.250,00", 125_000),
     ("1\u00a0250,00", 125_000), ("1,250,000", 125_000_000), ("42,1", 4210), ("-5.00", -500), ("0.05", 5)],
)  # fmt: skip
def test_an_amount_is_read_as_people_write_it(typed: str, minor: int) -> None:
    assert minor_of(typed, "EUR", "amount") == minor


@pytest.mark.parametrize("currency", ["EUR", "JPY"])
@pytest.mark.parametrize("typed", ["1,250", "1.250", "-1,250", "12.500"])
def test_an_amount_with_two_readings_is_refused_with_both_ways_out(typed: str, currency: str) -> None:
    with pytest.raises(InvalidValue, match="two ways") as refused:
        minor_of(typed, currency, "amount_minor")
    assert (refused.value.field, refused.value.value) == ("amount_minor", typed)
    assert "without groups" in refused.value.remedy


@pytest.mark.parametrize("typed", ["", "lots", "1e3", "NaN", "²", "12 50", "1,250,00", "1,25.00", "0.250", "9" * 14])
def test_what_is_no_amount_is_refused(typed: str) -> None:
    with pytest.raises(InvalidValue, match="not an amount in EUR"):
        minor_of(typed, "EUR", "amount")


@given(st.integers(-(10**12), 10**12), st.sampled_from([("EUR", 2), ("KWD", 3)]))
@example(42_125, ("KWD", 3))
def test_an_amount_that_the_console_writes_is_read_as_the_same(minor: int, currency: tuple[str, int]) -> None:
    code, digits = currency
    whole, part = divmod(abs(minor), 10**digits)
    written = f"{'-' if minor < 0 else ''}{whole:,}.{part:0{digits}}"
    assert minor_of(written, code, "amount") == minor


def test_what_is_proposed_instead_of_an_amount_can_be_used() -> None:
    with pytest.raises(InvalidValue) as refused:
        minor_of("42,125", "KWD", "amount")
    for proposed in re.findall(r"[0-9]+[.][0-9]+", refused.value.remedy):
        assert minor_of(proposed, "KWD", "amount") > 0


@given(st.text())
def test_no_text_is_a_formula_in_a_spreadsheet(text: str) -> None:
    assert not cell(text).startswith(FORMULA_STARTS)
    assert cell(text).removeprefix("'") == text.removeprefix("'") or text.startswith("'")


def test_numbers_stay_numbers_and_instants_are_iso() -> None:
    assert [cell(value) for value in (-5, None, True)] == ["-5", "", "true"]
    assert cell(datetime(2027, 2, 1, tzinfo=UTC)) == "2027-02-01T00:00:00+00:00"


async def test_a_file_is_written_row_by_row() -> None:
    async def rows() -> AsyncIterator[tuple[object, ...]]:
        for number in range(450):
            yield number, '=HYPERLINK("x")'

    answer = csv_answer("things", ("number", "text"), rows())
    assert isinstance(answer, StreamingResponse)
    parts = [bytes(part) async for part in answer.body_iterator if not isinstance(part, str)]
    text = b"".join(parts).decode("utf-8-sig")
    assert len(parts) > 3
    assert text.splitlines()[1] == '0,"\'=HYPERLINK(""x"")"'
    assert len(text.splitlines()) == 451
    assert answer.headers["content-disposition"] == 'attachment; filename="things.csv"'


class Body(BaseModel):
    quantity: int = Field(ge=1)


def test_a_refused_form_shows_what_was_typed_beside_what_is_wrong() -> None:
    typed = {"quantity": "0", "reason": "Because"}
    with pytest.raises(ValidationError) as refused:
        Body.model_validate(typed)
    form = invalid_form(typed, refused.value)
    assert (form.value("quantity"), form.value("reason"), form.status) == ("0", "Because", 422)
    assert "greater than or equal to 1" in form.error("quantity")
    again = refused_form(typed, InvalidValue("Too many.", field="said.quantity", remedy="Use fewer."))
    assert again.error("quantity") == "Too many. Use fewer."
    elsewhere = refused_form(typed, InvalidValue("Not now.", field="account"))
    assert (elsewhere.error(""), elsewhere.error("quantity")) == ("Not now.", "")
    assert Form().value("quantity", 3) == "3"


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=40))
def test_bars_stay_within_their_picture_and_the_table_has_every_number(values: list[int]) -> None:
    chart = bars("Things", "", [Point(str(place), value) for place, value in enumerate(values)])
    drawn = [shape for shape in chart.shapes if shape.kind == "bar"]
    assert len(drawn) == sum(value > 0 for value in values)
    for bar in drawn:
        assert TOP - 0.02 <= bar.top <= TOP + HEIGHT
        assert bar.top + bar.height <= TOP + HEIGHT + 0.02
        assert bar.left + bar.width <= chart.width + 0.02
    assert [row.cells[0] for row in chart.rows] == [f"{value:,}" for value in values]


def test_parts_of_a_bar_lie_on_each_other() -> None:
    points = [Point("Jan", 0)]
    chart = stacked_bars("Usage", "", points, [Series("voice", [30]), Series("data", [10])])
    voice, data = [shape for shape in chart.shapes if shape.kind == "bar"]
    assert voice.top + voice.height == pytest.approx(TOP + HEIGHT)
    assert data.top + data.height == pytest.approx(voice.top, abs=0.05)
    assert [key.name for key in chart.keys] == ["voice", "data"]
    assert (voice.says, data.says) == ("Jan, voice: 30", "Jan, data: 10")


def test_a_line_goes_through_every_value() -> None:
    chart = lines("Cash", "", [Point("Jan", 0), Point("Feb", 0)], [Series("in", [0, 100])])
    dots = [shape for shape in chart.shapes if shape.kind == "dot"]
    assert [dot.top for dot in dots] == [TOP + HEIGHT, TOP]
    path = next(shape.path for shape in chart.shapes if shape.kind == "path")
    assert path.startswith(f"M{dots[0].left:g} ")


def test_a_funnel_shows_shares_of_its_first_step() -> None:
    made = funnel("Collection", "", [Point("Announced", 200), Point("Paid", 150), Point("Late", 0)])
    assert [(step.width, step.note) for step in made.steps] == [(100, ""), (75, "75 %"), (0, "0 %")]
    assert [step.width for step in funnel("Nothing", "", [Point("Announced", 0)]).steps] == [0]
    assert bars("Nothing", "", []).rows == []


def test_the_navigation_shows_what_a_role_may_open() -> None:
    shown = [{entry.path for entry in entries_for(Caller("x", role))} for role in ROLES]
    assert all(lesser <= greater for lesser, greater in pairwise(shown))
    assert "/console/users" not in shown[0]
    assert shown[-1] == {entry.path for entry in ENTRIES}
    assert [entry.label for entry in ENTRIES if entry.is_current("/console/users/usr_1")] == ["Users"]
    assert [entry.label for entry in ENTRIES if entry.is_current("/console")] == ["Overview"]


@pytest.mark.parametrize("password", ["Sanne de Vries", "sannedevries2027", "sanne@vonk.example"])
def test_a_password_is_not_mostly_its_owners_name(password: str) -> None:
    with pytest.raises(InvalidValue, match="mostly your name"):
        refuse_known_words(password, ["sanne@vonk.example", "sanne", "vonk", "example", "Sanne", "de", "Vries"])


@pytest.mark.parametrize("password", ["elevenchars", "x" * 201])
def test_a_password_is_neither_short_nor_endless(password: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        checked_length(password)
    assert password not in str(refused.value)
