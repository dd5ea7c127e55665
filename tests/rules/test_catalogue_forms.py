"""The catalogue as a file: what is written is read back, and what is wrong is named with its place, all at once."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.schemas.plans import A_PLAN
from billing.domain.rating import PlanDefinition
from billing.ports.accounts import Plan
from billing.services.catalogue_files import csv_form, yaml_form
from billing.services.catalogue_files.checking import differences, plan_refusals, steps_of, written
from billing.services.catalogue_files.problems import MOST_PROBLEMS, CatalogueRefused, Problems
from evenflow.demo.catalogue import PLANS

DEMO = [
    Plan(
        plan["code"], 1, brand, plan["name"], PlanDefinition.from_dict(plan).to_dict(), datetime(2027, 1, 1, tzinfo=UTC)
    )
    for brand, plans in PLANS.items()
    for plan in (*plans, *([A_PLAN | {"code": "everything"}] if brand == "vonk" else []))
]


def read_yaml(text: str) -> tuple[list[yaml_form.PlanInFile], list[str]]:
    """What a file says, and its problems in words."""
    problems = Problems()
    plans = yaml_form.read(text, problems)
    return plans, [str(each) for each in problems.found]


def read_csv(text: str) -> tuple[list[csv_form.RatesInFile], list[tuple[int, str]]]:
    """What a file says, and the places of its problems."""
    problems = Problems()
    rates = csv_form.read(text, problems)
    return rates, [(each.line, each.column) for each in problems.found]


def test_plans_written_as_yaml_are_read_back_equal() -> None:
    plans, problems = read_yaml(yaml_form.write(DEMO))
    assert problems == []
    assert [(each.brand, each.based_on) for each in plans] == [(plan.brand, 1) for plan in DEMO]
    assert [PlanDefinition.from_dict(each.definition) for each in plans] == [
        PlanDefinition.from_dict(dict(plan.definition)) for plan in DEMO
    ]


def test_every_value_of_a_yaml_file_has_its_line() -> None:
    text = "catalogue: 1\nplans:\n- brand: vonk\n  code: a\n  prices:\n  - code: fee\n    fee: '1'\n"
    [plan], _ = read_yaml(text)
    assert (plan.line, plan.lines["code"], plan.lines["prices[0].fee"]) == (3, 4, 7)
    assert yaml_form.nearest(plan.lines, "prices[0].model", plan.line) == 6


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("0.10", "0.10"),
        ("NO", "NO"),
        ("2027-03-01", "2027-03-01"),
        ("'12'", "12"),
        ("12", 12),
        ("012", "012"),
        ("true", True),
        ("", None),
    ],
)
def test_a_yaml_value_is_what_was_written(written: str, value: object) -> None:
    [plan], _ = read_yaml(f"catalogue: 1\nplans:\n- brand: vonk\n  x: {written}\n")
    assert plan.definition["x"] == value


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "line 1, plans: The file has no list of plans."),
        ("a: [", "line 1, ?: This is not YAML"),
        ("catalogue: 2\nplans: []", "line 1, catalogue: This form of file is not known."),
        ("catalogue: 1\nplans: []\nplanz: []", "line 3, planz: This field is not known here."),
        ("catalogue: 1\nplans:\n- 7", "line 3, plans[0]: A plan is a list of named fields."),
        ("catalogue: 1\nplans:\n- code: a", "line 3, plans[0].brand: The brand that sells the plan is missing."),
        ("catalogue: 1\nplans:\n- brand: a\n  code: a\n  code: b", "line 5, plans[0].code: This field is there twice."),
        ("catalogue: 1\nplans: &a [*a]", "line 2, ?: References"),
        ("catalogue: 1\nplans: !!python/object:os.system []", "line 2, ?: Tags"),
        ("[" * 100_000, "line 1, ?: This is nested too deep."),
        ("catalogue: 1\nplans:\n- brand: a\n  version: x", "line 4, plans[0].version: A version is a whole number."),
    ],
)
def test_a_yaml_file_that_is_none_is_refused_with_its_line(text: str, told: str) -> None:
    _, problems = read_yaml(text)
    assert problems[0].startswith(told), problems


def test_everything_wrong_with_a_plan_is_found_at_once() -> None:
    plan: dict[str, Any] = deepcopy(A_PLAN)
    plan["colour"] = "red"
    plan["prices"][0]["fee"] = -1
    plan["prices"][2]["rate"] = 0.12
    plan["prices"][2]["destinations"][0]["prefixes"] = ["+32"]
    plan["prices"][2]["speed"] = "fast"
    del plan["prices"][3]["model"]
    plan["allowances"][1]["quantity"] = "50"
    plan["on_change"] = {"fees": "half"}
    assert {path for path, _ in plan_refusals(plan)} == {
        "colour",
        "prices[0].fee",
        "prices[2].rate",
        "prices[2].destinations[0].prefixes[0]",
        "prices[2].speed",
        "prices[3].model",
        "allowances[1].quantity",
        "on_change.fees",
    }


def test_parts_that_do_not_fit_together_are_found_when_each_is_sound() -> None:
    plan: dict[str, Any] = deepcopy(A_PLAN)
    plan["line_discounts"][0]["price_code"] = "nobody"
    plan["allowances"][0]["meter"] = "nothing"
    plan["prices"].append(deepcopy(plan["prices"][0]))
    paths = [path for path, _ in plan_refusals(plan)]
    assert paths == ["prices[9].code", "allowances[0].meter", "line_discounts[0].price_code"]


def test_a_sound_plan_has_nothing_wrong() -> None:
    assert [plan_refusals(dict(plan.definition)) for plan in DEMO] == [[] for _ in DEMO]


def test_problems_are_bounded_and_counted() -> None:
    problems = Problems()
    for line in range(MOST_PROBLEMS + 5):
        problems.add(line + 1, "Wrong.", "Right it.", path="x")
    with pytest.raises(CatalogueRefused, match="104 more problems") as refused:
        problems.refuse()
    assert (len(refused.value.errors), refused.value.left_out) == (MOST_PROBLEMS, 5)


def test_rates_written_as_csv_are_read_back_equal() -> None:
    rates, problems = read_csv(csv_form.write(DEMO))
    assert problems == []
    for each in rates:
        plan = next(plan for plan in DEMO if plan.plan_code == each.plan_code)
        price = next(price for price in plan.definition["prices"] if price["code"] == each.price_code)
        for name in (
            csv_form.RATE_FIELD[price["model"]],
            "zones",
            "prefixes",
            "destinations",
            "time_bands",
            "connection_fee",
        ):
            assert each.fields.get(name) == price.get(name), (each.plan_code, each.price_code, name)
    flat = sum(price["model"] in csv_form.RATE_FIELD for plan in DEMO for price in plan.definition["prices"])
    assert len(rates) == flat


HEADER = ",".join(csv_form.COLUMNS)
ROW = "vonk,basis,calls,per_unit,,,31,,EUR,0.12,"


def test_time_bands_and_destinations_are_rows_of_their_own() -> None:
    rows = [
        ROW,
        "vonk,basis,calls,per_unit,,,31,night,EUR,0.05,0.01",
        "vonk,basis,calls,per_unit,,België,32 33,,EUR,0.20,0.10",
        "vonk,basis,calls,per_unit,,België,32 33,night,EUR,0.15,",
    ]
    [rates], problems = read_csv("\r\n".join([HEADER, *rows]))
    assert problems == []
    assert rates.fields == {
        "rate": "0.12",
        "prefixes": ["31"],
        "time_bands": [{"band": "night", "rate": "0.05", "connection_fee": "0.01"}],
        "destinations": [
            {
                "name": "België",
                "prefixes": ["32", "33"],
                "rate": "0.20",
                "connection_fee": "0.10",
                "time_bands": [{"band": "night", "rate": "0.15"}],
            }
        ],
    }
    assert rates.places["destinations[0].time_bands[0].rate"] == (5, "rate")


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("", [(1, name) for name in csv_form.COLUMNS]),
        (HEADER.replace("rate,", "rats,"), [(1, "rats"), (1, "rate")]),
        (f"{HEADER},rate", [(1, "rate"), (1, "rate")]),
        (f"{HEADER}\n{ROW},x", [(2, "connection_fee")]),
        (f"{HEADER}\nvonk,,calls,per_unit,,,31,,EUR,,", [(2, "plan_code"), (2, "rate")]),
        (f"{HEADER}\n{ROW}\n{ROW}", [(3, "price_code")]),
        (f"{HEADER}\n{ROW}\n\n{ROW.replace('EUR', 'GBP').replace(',,31', ',x,31')}", [(4, "currency")]),
        (f'{HEADER}\n"vonk', [(2, "?")]),
    ],
)
def test_a_csv_file_that_cannot_be_used_is_refused_with_row_and_column(
    text: str, places: list[tuple[int, str]]
) -> None:
    assert read_csv(text)[1] == places


def test_semicolons_and_a_byte_order_mark_are_what_spreadsheets_write() -> None:
    rates, problems = read_csv("\ufeff" + HEADER.replace(",", ";") + "\n" + ROW.replace(",", ";"))
    assert (problems, [each.fields["rate"] for each in rates]) == ([], ["0.12"])


@pytest.mark.parametrize("text", ["=1+1", "+32", "-1", "@SUM(A1)", "\tx", "'=1", "''", "'"])
def test_a_cell_that_a_spreadsheet_would_run_is_written_as_text(text: str) -> None:
    assert csv_form.safe_cell(text).startswith("'")
    assert csv_form.plain_cell(csv_form.safe_cell(text)) == text


@given(st.text())
def test_every_text_comes_back_from_its_cell_and_none_runs(text: str) -> None:
    cell = csv_form.safe_cell(text)
    assert csv_form.plain_cell(cell) == text
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


@given(st.text(max_size=300))
def test_no_text_breaks_the_readers(text: str) -> None:
    for read in (yaml_form.read, csv_form.read):
        problems = Problems()
        assert isinstance(read(text, problems), list)
        assert isinstance(read(f"{HEADER}\n{text}", problems), list)


def test_paths_are_taken_apart_and_put_together() -> None:
    path = "prices[2].destinations[0].prefixes[1]"
    assert steps_of(path) == ("prices", 2, "destinations", 0, "prefixes", 1)
    assert written(steps_of(path)) == path


def test_differences_name_items_by_their_code() -> None:
    after: dict[str, Any] = deepcopy(A_PLAN)
    after["prices"][2]["destinations"][0]["rate"] = "0.25"
    del after["allowances"][0]
    after["prices"][0]["name"] = "Fee"
    assert [(path, new[:4]) for path, _, new in differences(A_PLAN, after)] == [
        ("prices[fee].name", "Fee"),
        ("prices[calls].destinations[Belgium].rate", "0.25"),
        ("allowances[minutes]", ""),
    ]
