"""Exporting the catalogue, and importing it: checked as a whole, published at once, answered with what changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import Any

from billing.domain.errors import InvalidValue
from billing.domain.rating import PlanDefinition
from billing.ports.accounts import Brand, Plan
from billing.ports.clock import BusinessClock
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.catalogue import check_against_brand
from billing.services.catalogue_files import csv_form, yaml_form
from billing.services.catalogue_files.checking import differences, plan_refusals
from billing.services.catalogue_files.csv_form import RATE_FIELD, RatesInFile
from billing.services.catalogue_files.problems import Problems
from billing.services.catalogue_files.yaml_form import PlanInFile, nearest

LARGEST_FILE_BYTES = 20 * 2**20
_MOST_DIFFERENCES = 100


class CatalogueForm(StrEnum):
    """How a file is written."""

    YAML = "yaml"
    CSV = "csv"


@dataclass(frozen=True)
class Difference:
    """One thing of a plan that changes; an empty side is not there. Items of lists are named by their code."""

    field: str
    before: str
    after: str


@dataclass(frozen=True)
class PlanChange:
    """What an import makes of one plan: ``kind`` is new, changed or unchanged. Versions: 0 for none."""

    brand: str
    plan_code: str
    kind: str
    from_version: int
    to_version: int
    differences: Sequence[Difference] = ()
    differences_left_out: int = 0


@dataclass(frozen=True)
class CatalogueImported:
    """``published`` is false for a dry run, and where nothing changed."""

    published: bool
    changes: Sequence[PlanChange]

    @property
    def changed(self) -> int:
        """How many new versions there are, or would be."""
        return sum(each.kind != "unchanged" for each in self.changes)


@dataclass(frozen=True)
class _Wanted:
    """A plan's definition as a file wants it, and where a dotted path of it stands: line, column, path in the file."""

    brand: str
    definition: dict[str, Any]
    place: Mapping[str, tuple[int, str]] | PlanInFile
    based_on: int | None = None

    def note(self, problems: Problems, path: str, message: str, remedy: str, value: object) -> None:
        if isinstance(self.place, PlanInFile):
            line = nearest(self.place.lines, path, self.place.line)
            whole = f"{self.place.path}.{path}" if path else self.place.path
            problems.add(line, message, remedy, path=whole, value=value)
            return
        row, column = _nearest_cell(self.place, path)
        problems.add(row, message, remedy, column=column, value=value)


def _nearest_cell(places: Mapping[str, tuple[int, str]], path: str) -> tuple[int, str]:
    while path and path not in places:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return places[path]


class CatalogueFiles:
    """The catalogue as one file, out and in."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock) -> None:
        self._make_work = make_work
        self._clock = clock

    async def export(self, form: CatalogueForm, brand: str = "") -> str:
        """The newest version of every plan, of one brand or of all. Raises NotFound for an unknown brand."""
        async with self._make_work() as work:
            if brand:
                await work.accounts.brand(brand)
            plans = [_in_order(plan) for plan in _newest(await work.accounts.plans(brand or None)).values()]
        return yaml_form.write(plans) if form is CatalogueForm.YAML else csv_form.write(plans)

    async def import_(
        self, form: CatalogueForm, content: bytes, *, dry_run: bool = False, author: str = "", reason: str = ""
    ) -> CatalogueImported:
        """Publish what a file changes: the next version of every plan that differs from its newest, or nothing at all.

        Raises CatalogueRefused with every problem and its place. A dry run answers the same and publishes nothing.
        """
        problems = Problems()
        text = _decoded(content, problems)
        async with self._make_work() as work:
            await work.accounts.lock_catalogue()
            newest = _newest(await work.accounts.plans())
            wanted = _read_yaml(text, problems) if form is CatalogueForm.YAML else _read_csv(text, newest, problems)
            brands = {each.brand: each for each in await work.accounts.brands()}
            read = [(each, _checked(each, brands, newest, problems)) for each in _each_once(wanted, problems)]
            problems.refuse()
            changes = [_change(each.brand, plan, newest.get(plan.code)) for each, plan in read if plan is not None]
            for change, (_, plan) in zip(changes, read, strict=True):
                if plan is not None and change.kind != "unchanged" and not dry_run:
                    await _publish(work, change, plan, self._clock.now(), (author, reason))
            await work.commit()
        return CatalogueImported(not dry_run and any(each.kind != "unchanged" for each in changes), changes)


def _decoded(content: bytes, problems: Problems) -> str:
    if len(content) > LARGEST_FILE_BYTES:
        problems.add(0, "The file is too large.", f"Send at most {LARGEST_FILE_BYTES} bytes.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        problems.add(line, "This is not UTF-8.", "Save the file as UTF-8.", path="?")
        text = ""
    if "\0" in text:
        problems.add(0, "The file holds U+0000.", "Save it as plain text.")
    problems.refuse()
    return text


def _in_order(plan: Plan) -> Plan:
    """The plan with the fields of its definition in the order in which they are read, which the database forgets."""
    return replace(plan, definition=PlanDefinition.from_dict(dict(plan.definition)).to_dict())


def _newest(plans: Iterable[Plan]) -> dict[str, Plan]:
    """The newest version of each plan, by code, in order of brand and code."""
    found = {plan.plan_code: plan for plan in sorted(plans, key=lambda each: each.plan_version)}
    return dict(sorted(found.items(), key=lambda item: (item[1].brand, item[0])))


def _read_yaml(text: str, problems: Problems) -> list[_Wanted]:
    return [_Wanted(each.brand, each.definition, each, each.based_on) for each in yaml_form.read(text, problems)]


def _read_csv(text: str, newest: Mapping[str, Plan], problems: Problems) -> list[_Wanted]:
    """Each plan of the file with its rates in the place of those of its newest version."""
    found: dict[str, _Wanted] = {}
    for rates in csv_form.read(text, problems):
        plan = newest.get(rates.plan_code)
        if plan is None or plan.brand != rates.brand:
            remedy = "Publish it first by YAML; rates are given to plans that are there."
            problems.add(
                rates.first_row,
                f"The brand {rates.brand} has no such plan.",
                remedy,
                column="plan_code",
                value=rates.plan_code,
            )
            continue
        definition = {**plan.definition, "prices": list(plan.definition["prices"])}
        places: dict[str, tuple[int, str]] = {"": (rates.first_row, "plan_code")}
        wanted = found.setdefault(rates.plan_code, _Wanted(plan.brand, definition, places))
        _take_rates(wanted, rates, problems)
    return list(found.values())


def _take_rates(wanted: _Wanted, rates: RatesInFile, problems: Problems) -> None:
    prices = wanted.definition["prices"]
    place = next((at for at, price in enumerate(prices) if price["code"] == rates.price_code), None)
    if place is None:
        remedy = "Add the price by YAML first."
        problems.add(
            rates.first_row, "The plan has no such price.", remedy, column="price_code", value=rates.price_code
        )
        return
    price, currency = prices[place], wanted.definition["currency"]
    for name, has, value in (("model", price["model"], rates.model), ("currency", currency, rates.currency)):
        if value != has:
            problems.add(rates.first_row, f"The price has another {name}.", f"Write {has}.", column=name, value=value)
    if price["model"] not in RATE_FIELD:
        remedy = f"Change it by YAML; rows are for: {', '.join(RATE_FIELD)}."
        problems.add(
            rates.first_row, "This price has more than one rate.", remedy, column="model", value=price["model"]
        )
        return
    replaced = {RATE_FIELD[price["model"]], "zones", "prefixes", "destinations", "time_bands", "connection_fee"}
    prices[place] = {name: value for name, value in price.items() if name not in replaced} | rates.fields
    assert isinstance(wanted.place, dict)
    wanted.place[f"prices[{place}]"] = (rates.first_row, "rate")
    for path, cell in rates.places.items():
        wanted.place[f"prices[{place}].{path}"] = cell


def _each_once(wanted: Iterable[_Wanted], problems: Problems) -> list[_Wanted]:
    """A plan is there once, or it would be published twice."""
    found: dict[str, _Wanted] = {}
    for each in wanted:
        code = str(each.definition.get("code", ""))
        if code and code in found:
            each.note(problems, "code", "This plan is there twice.", "Keep it once.", code)
        found.setdefault(code or f"?{len(found)}", each)
    return list(found.values())


def _checked(
    wanted: _Wanted, brands: Mapping[str, Brand], newest: Mapping[str, Plan], problems: Problems
) -> PlanDefinition | None:
    """The plan as it would be published, or None with what is wrong noted."""
    refused = plan_refusals(wanted.definition)
    for path, refusal in refused:
        wanted.note(problems, path, refusal.message, refusal.remedy, refusal.value)
    brand = brands.get(wanted.brand)
    if brand is None and wanted.brand:
        wanted.note(
            problems, "brand", "There is no such brand.", f"Use one of: {', '.join(sorted(brands))}.", wanted.brand
        )
    if brand is None or refused:
        return None
    plan = PlanDefinition.from_dict(wanted.definition)
    known = newest.get(plan.code)
    try:
        if known is not None and known.brand != brand.brand:
            remedy = "Give the plan another code."
            raise InvalidValue(
                f"The brand {known.brand} has a plan of this code.", field="code", value=plan.code, remedy=remedy
            )
        plan = check_against_brand(plan, brand)
        _refuse_outdated(wanted, plan, known)
    except InvalidValue as refusal:
        wanted.note(problems, refusal.field, refusal.message, refusal.remedy, refusal.value)
        return None
    return plan


def _refuse_outdated(wanted: _Wanted, plan: PlanDefinition, known: Plan | None) -> None:
    """What somebody else published since must not be undone unseen."""
    if known is None or wanted.based_on in (None, known.plan_version) or _is_same(plan, known):
        return
    raise InvalidValue(
        f"The plan is at version {known.plan_version} meanwhile.",
        field="version",
        value=wanted.based_on,
        remedy="Export again and repeat the change, or leave version out to publish this one regardless.",
    )


def _is_same(plan: PlanDefinition, known: Plan) -> bool:
    kept = PlanDefinition.from_dict({**known.definition, "version": 1})
    return kept == PlanDefinition.from_dict({**plan.to_dict(), "version": 1})


def _change(brand: str, plan: PlanDefinition, known: Plan | None) -> PlanChange:
    if known is None:
        return PlanChange(brand, plan.code, "new", 0, 1)
    if _is_same(plan, known):
        return PlanChange(brand, plan.code, "unchanged", known.plan_version, known.plan_version)
    before = PlanDefinition.from_dict({**known.definition, "version": 1}).to_dict()
    found = differences(before, {**plan.to_dict(), "version": 1})
    shown = [Difference(*each) for each in islice(found, _MOST_DIFFERENCES)]
    left_out = sum(1 for _ in found)
    return PlanChange(brand, plan.code, "changed", known.plan_version, known.plan_version + 1, shown, left_out)


async def _publish(
    work: UnitOfWork, change: PlanChange, plan: PlanDefinition, now: datetime, said: tuple[str, str]
) -> None:
    kept = {**plan.to_dict(), "version": change.to_version}
    await work.accounts.add_plan(Plan(plan.code, change.to_version, change.brand, plan.name, kept, now, *said))
