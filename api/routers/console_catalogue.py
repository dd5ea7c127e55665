"""The console's pages of the catalogue: plans in words, their versions, what differs, and new versions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.console.desk import mistakes_of, typed_day, typed_text
from api.console.exports import csv_answer
from api.console.forms import Form, refused_form
from api.console.listing import Listing, Text
from api.console.posted import AdminForm, Posted
from api.console.visit import AdminVisit, ViewerVisit, Visit
from api.container import Container
from api.routers.console_policies import VersionRow
from billing.domain.cycle_calendar import at_local_time
from billing.domain.errors import InvalidValue, NotFound, Refusal
from billing.domain.rating import PlanDefinition
from billing.domain.rating.plan_words import PlanInWords, plan_in_words
from billing.ports.accounts import Plan
from billing.services.catalogue import check_against_brand
from billing.services.definition_text import WrittenDefinition, read_definition
from billing.services.plan_versions import compare_plans, plan_text

router = APIRouter(prefix="/console/catalogue", include_in_schema=False)
ROOT = "/console/catalogue"
PLANS = Listing("plans", filters=(Text("q"), Text("brand", 64)), sorts=("code", "name", "brand", "lines"))
COLUMNS = ("plan", "name", "brand", "versions", "newest version", "published at", "author", "currency", "what it costs")
Version = Annotated[int | None, Query(ge=1, le=100_000)]


@dataclass(frozen=True)
class PlanRow:
    """One plan as the list shows it."""

    newest: Plan
    versions: int
    lines: int
    words: PlanInWords


PLAN_KEYS: Mapping[str, Callable[[PlanRow], Any]] = {
    "code": lambda row: row.newest.plan_code,
    "name": lambda row: row.newest.name.casefold(),
    "brand": lambda row: row.newest.brand,
    "lines": lambda row: row.lines,
}


@router.get("")
async def plans(visit: ViewerVisit) -> Response:
    """Every plan in its newest version."""
    asked = PLANS.read(visit.request)
    wanted = asked.text("q").casefold()
    by_code: dict[str, list[Plan]] = {}
    for one in await visit.container.catalogue.plans(asked.text("brand") or None):
        if wanted in one.plan_code.casefold() or wanted in one.name.casefold():
            by_code.setdefault(one.plan_code, []).append(one)
    lines = await visit.container.catalogue.lines_by_plan()
    rows = asked.arranged([_row(versions, lines) for versions in by_code.values()], PLAN_KEYS)
    if asked.as_csv:
        return csv_answer("plans", COLUMNS, [_exported(row) for row in rows])
    brands = await visit.container.catalogue.brands()
    return visit.page(
        "catalogue.html",
        title="Catalogue",
        asked=asked,
        rows=rows,
        brand_options=[(one.brand, one.name) for one in brands],
    )


def _row(versions: Sequence[Plan], lines: Mapping[str, int]) -> PlanRow:
    newest = versions[-1]
    return PlanRow(newest, len(versions), lines.get(newest.plan_code, 0), plan_in_words(defined(newest)))


def defined(plan: Plan) -> PlanDefinition:
    """The definition of a published version."""
    return PlanDefinition.from_dict(dict(plan.definition))


def _exported(row: PlanRow) -> Sequence[object]:
    newest = row.newest
    told = (newest.plan_code, newest.name, newest.brand, row.versions, newest.plan_version, newest.published_at)
    return (*told, newest.author, newest.definition["currency"], " | ".join(said.whole for said in row.words.all))


async def versions_of(container: Container, code: str) -> list[Plan]:
    """Every version of a plan, the newest first. Raises NotFound."""
    found = [one for one in await container.catalogue.plans() if one.plan_code == code]
    if not found:
        remedy = "Go back to the list of plans."
        raise NotFound("There is no such plan.", field="plan", value=code, remedy=remedy)
    return list(reversed(found))


def chosen(versions: Sequence[Plan], number: int | None) -> Plan:
    """One version; the newest without a number. Raises NotFound."""
    found = next((one for one in versions if number in (None, one.plan_version)), None)
    if found is None:
        remedy = "Choose one of the versions in the table."
        raise NotFound("There is no such version.", field="version", value=number, remedy=remedy)
    return found


@router.get("/edit")
async def edit(visit: AdminVisit, code: Annotated[str, Query(max_length=64)] = "", version: Version = None) -> Response:
    """A form with a version to begin with, or with an example for a new plan."""
    if not code:
        brands = await visit.container.catalogue.brands()
        return await _show_edit(visit, Form(), _EXAMPLE, brands[0].brand if brands else "")
    kept = chosen(await versions_of(visit.container, code), version)
    return await _show_edit(visit, Form(), plan_text(kept.definition), kept.brand)


_EXAMPLE = """\
code: my-plan
name: My plan
currency: EUR
prices:
- code: fee
  name: Monthly fee
  model: recurring
  fee: '15.00'
- code: calls
  name: Calls
  model: per_unit
  meter: voice_seconds
  unit_size: 60
  rate: '0.12'
allowances:
- code: minutes
  name: 100 minutes
  meter: voice_seconds
  quantity: 6000
"""


async def _show_edit(visit: Visit, form: Form, text: str, brand: str, **more: Any) -> Response:
    brands = await visit.container.catalogue.brands()
    values: dict[str, Any] = {"mistakes": (), "words": None, "comparison": None, "newest": None}
    return visit.page(
        "plan_edit.html",
        title="Edit a plan",
        form=form,
        text=text,
        brand=brand,
        brand_options=[(one.brand, f"{one.name}, {one.currency}") for one in brands],
        **{**values, **more},
    )


@router.post("/edit")
async def save(posted: AdminForm) -> Response:
    """Check, show or publish what was typed; a mistake is shown at its line and nothing typed is lost."""
    text, brand = typed_text(posted, "text"), posted.text("brand", 64)
    try:
        written = read_definition(text)
        plan = await _checked(posted.container, written, brand)
        if posted.text("do") != "publish":
            return await _preview(posted, plan, text, brand)
        published = await posted.container.catalogue.publish_plan(
            brand, written.definition, posted.author, posted.reason, await _start(posted, brand)
        )
        said = f"{published.name} is at version {published.plan_version}. Lines keep the version they have."
        return posted.visit.to(f"{ROOT}/plans/{published.plan_code}", said)
    except Refusal as refusal:
        posted.visit.request.state.refusal = type(refusal).__name__
        form = refused_form({**posted.values, "text": text}, refusal)
        return await _show_edit(posted.visit, form, text, brand, mistakes=mistakes_of(refusal, text))


async def _checked(container: Container, written: WrittenDefinition, brand: str) -> PlanDefinition:
    """The plan of a text as a brand would publish it. Raises DefinitionRefused with the line, NotFound."""
    known = {one.brand: one for one in await container.catalogue.brands()}
    if brand not in known:
        raise NotFound("There is no such brand.", field="brand", value=brand, remedy="Choose one of the list.")
    try:
        return check_against_brand(PlanDefinition.from_dict(written.definition), known[brand])
    except InvalidValue as refusal:
        raise written.refused(refusal) from refusal


async def _start(posted: Posted, brand: str) -> datetime | None:
    """From when new lines get the version: midnight of the brand's date; at once where none is given."""
    if not posted.text("sold_from", 20):
        return None
    zone = next(one.zone for one in await posted.container.catalogue.brands() if one.brand == brand)
    return at_local_time(typed_day(posted.values, "sold_from"), time(), zone)


async def _preview(posted: Posted, plan: PlanDefinition, text: str, brand: str) -> Response:
    known = [one for one in await posted.container.catalogue.plans() if one.plan_code == plan.code]
    newest = known[-1] if known else None
    comparison = compare_plans(newest.definition, plan.to_dict()) if newest else None
    return await _show_edit(
        posted.visit,
        Form(posted.values),
        text,
        brand,
        words=plan_in_words(plan),
        newest=newest,
        comparison=comparison,
    )


@router.get("/plans/{code}")
async def plan_page(code: str, visit: ViewerVisit, version: Version = None) -> Response:
    """One version of a plan: what a customer pays, in words; its versions; what usage would cost."""
    return await show_plan(visit, code, version, Form())


async def show_plan(visit: Visit, code: str, version: int | None, form: Form, **more: Any) -> Response:
    """The page of a plan, with a form that was refused or a price that was asked."""
    versions = await versions_of(visit.container, code)
    kept = chosen(versions, version)
    lines = await visit.container.catalogue.lines_by_version(code)
    plan = defined(kept)
    values: dict[str, Any] = {"priced": None, "correction": None}
    return visit.page(
        "plan.html",
        title=kept.name,
        kept=kept,
        newest=versions[0].plan_version,
        words=plan_in_words(plan),
        rows=[_version_row(code, one, lines) for one in versions],
        lines=lines,
        text=plan_text(kept.definition),
        meters=[(price.code, f"{price.name} ({price.meter})") for price in plan.usage_prices],
        other_options=[(one.plan_version, f"version {one.plan_version}") for one in versions if one is not kept],
        corrections=await visit.container.usage.plan_corrections.of(code, 20),
        form=form,
        **{**values, **more},
    )


def _version_row(code: str, one: Plan, lines: Mapping[int, int]) -> VersionRow:
    number = one.plan_version
    links = [("Look", f"{ROOT}/plans/{code}?version={number}")]
    if number > 1:
        links.append(("What changed", f"{ROOT}/plans/{code}/diff?before={number - 1}&after={number}"))
    notes = [f"{lines[number]} lines"] if lines.get(number) else []
    if one.sold_from is not None:
        notes.append(f"sold from {one.sold_from:%Y-%m-%d %H:%M} UTC on")
    return VersionRow(number, one.published_at, one.author, one.reason, ", ".join(notes), links)


@router.get("/plans/{code}/diff")
async def diff(
    code: str,
    visit: ViewerVisit,
    before: Annotated[int, Query(ge=1, le=100_000)],
    after: Annotated[int, Query(ge=1, le=100_000)],
) -> Response:
    """Two versions, in words and as text."""
    versions = await versions_of(visit.container, code)
    old, new = chosen(versions, before), chosen(versions, after)
    compared = compare_plans(old.definition, new.definition)
    return visit.page(
        "policy_diff.html",
        title=f"{new.name}: version {before} and {after}",
        root=f"{ROOT}/plans/{code}",
        section=("Catalogue", ROOT),
        name=new.name,
        before=before,
        after=after,
        numbers=[one.plan_version for one in versions],
        words=compared.words,
        lines=compared.lines,
        said=new,
    )
