"""The console's pages of dunning policies: versions, the ladder drawn, what would happen to a debt, and edits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.console.desk import mistakes_of, typed_day, typed_minor, typed_text
from api.console.exports import csv_answer
from api.console.forms import Form, refused_form
from api.console.ladder import ladder_picture
from api.console.listing import Choice, Listing, Text
from api.console.posted import AdminForm, Posted, ViewerForm
from api.console.visit import AdminVisit, ViewerVisit, Visit
from api.container import Container
from billing.domain.dunning_ladder import DunningPolicy
from billing.domain.dunning_words import changes_in_words, policy_in_words, step_in_words
from billing.domain.errors import InvalidValue, NotFound, Refusal
from billing.ports.dunning import PolicyVersion
from billing.services.definition_text import as_text, compare, read_definition
from billing.services.dunning_outlook import Debt, Outlook
from billing.services.dunning_policies import checked_definition
from billing.services.dunning_policies import read_definition as read_policy
from billing.services.law_packs import law_packs

router = APIRouter(prefix="/console/policies", include_in_schema=False)
POLICIES = Listing(
    "policies", filters=(Text("q"), Choice("law_pack", tuple(law_packs()))), sorts=("policy", "published", "cases")
)
COLUMNS = ("policy", "versions", "newest version", "published at", "author", "law pack", "steps", "open cases")
ROOT = "/console/policies"
Version = Annotated[int | None, Query(ge=1, le=100_000)]
USUAL_DEBT = "60"


@dataclass(frozen=True)
class VersionRow:
    """One version as the table of versions shows it."""

    number: int
    at: datetime
    author: str
    reason: str
    note: str
    links: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class PolicyRow:
    """One policy as the list shows it."""

    newest: PolicyVersion
    versions: int
    policy: DunningPolicy
    cases: int

    @property
    def code(self) -> str:
        return self.newest.policy_code


def in_version(kept: PolicyVersion) -> DunningPolicy:
    """The policy of a published version."""
    return DunningPolicy.from_dict({**kept.definition, "version": kept.policy_version})


def text_of(definition: Mapping[str, Any]) -> str:
    """A policy as people edit it: fields in their order, without the version."""
    ordered = read_policy(definition).to_dict()
    return as_text({name: value for name, value in ordered.items() if name != "version"})


async def _rows(container: Container) -> list[PolicyRow]:
    by_code: dict[str, list[PolicyVersion]] = {}
    for one in await container.dunning_policies.all():
        by_code.setdefault(one.policy_code, []).append(one)
    rows = []
    for code, versions in by_code.items():
        cases = await container.dunning_policies.cases_by_version(code)
        rows.append(PolicyRow(versions[-1], len(versions), in_version(versions[-1]), sum(cases.values())))
    return rows


POLICY_KEYS: Mapping[str, Callable[[PolicyRow], Any]] = {
    "policy": lambda row: row.code,
    "published": lambda row: row.newest.published_at,
    "cases": lambda row: row.cases,
}


@router.get("")
async def policies(visit: ViewerVisit) -> Response:
    """Every dunning policy in its newest version."""
    asked = POLICIES.read(visit.request)
    wanted, pack = asked.text("q").casefold(), asked.text("law_pack")
    rows = [
        row
        for row in await _rows(visit.container)
        if wanted in row.code.casefold() and (not pack or row.policy.law_pack == pack)
    ]
    rows = asked.arranged(rows, POLICY_KEYS)
    if asked.as_csv:
        return csv_answer("dunning-policies", COLUMNS, [_exported(row) for row in rows])
    brands = await visit.container.catalogue.brands()
    segments = {brand.brand: await visit.container.policy_assignments.all(brand.brand) for brand in brands}
    packs = law_packs()
    return visit.page(
        "policies.html",
        title="Policies",
        asked=asked,
        rows=rows,
        packs=packs,
        law_pack_options=[(pack.code, pack.name) for pack in packs.values()],
        brands=brands,
        segments=segments,
    )


def _exported(row: PolicyRow) -> Sequence[object]:
    newest = row.newest
    steps = "; ".join(step_in_words(step) for step in row.policy.steps)
    told = (newest.policy_version, newest.published_at, newest.author, row.policy.law_pack, steps, row.cases)
    return (row.code, row.versions, *told)


async def _versions(container: Container, code: str) -> list[PolicyVersion]:
    """Every version of a policy, the newest first. Raises NotFound."""
    found = [one for one in await container.dunning_policies.all() if one.policy_code == code]
    if not found:
        remedy = "Go back to the list of policies."
        raise NotFound("There is no such policy.", field="policy", value=code, remedy=remedy)
    return list(reversed(found))


def _chosen(versions: Sequence[PolicyVersion], number: int | None) -> PolicyVersion:
    found = next((one for one in versions if number in (None, one.policy_version)), None)
    if found is None:
        remedy = "Choose one of the versions in the table."
        raise NotFound("There is no such version.", field="version", value=number, remedy=remedy)
    return found


@router.get("/dunning/{code}")
async def policy(code: str, visit: ViewerVisit, version: Version = None) -> Response:
    """One version: the ladder, what it means, who has it, and what it would do to a debt."""
    return await show_policy(visit, code, version, Form())


async def show_policy(visit: Visit, code: str, version: int | None, form: Form, **more: Any) -> Response:
    """The page of a policy, with a form that was refused or what was foreseen."""
    container = visit.container
    versions = await _versions(container, code)
    kept = _chosen(versions, version)
    cases = await container.dunning_policies.cases_by_version(code)
    shown = in_version(kept)
    values: dict[str, Any] = {"outlook": None, "move": None, **await debt_choices(container), **more}
    return visit.page(
        "policy.html",
        title=f"Policy {code}",
        kept=kept,
        newest=versions[0].policy_version,
        picture=ladder_picture(shown),
        steps=[step_in_words(step) for step in shown.steps],
        terms=policy_in_words(shown)[len(shown.steps) :],
        rows=[_version_row(code, one, versions, cases) for one in versions],
        cases=cases,
        text=text_of(kept.definition),
        form=form,
        **_options(versions, cases),
        **values,
    )


def _options(versions: Sequence[PolicyVersion], cases: Mapping[int, int]) -> dict[str, Any]:
    """What the forms of a policy's page offer."""
    numbers = [one.policy_version for one in versions]
    return {
        "version_options": [("newest", "always the newest"), *((number, f"version {number}") for number in numbers)],
        "cases_options": [(number, f"version {number}: {count} cases") for number, count in sorted(cases.items())],
        "to_options": [(number, f"version {number}") for number in numbers],
    }


def _version_row(
    code: str, one: PolicyVersion, versions: Sequence[PolicyVersion], cases: Mapping[int, int]
) -> VersionRow:
    number = one.policy_version
    links = [("Look", f"{ROOT}/dunning/{code}?version={number}")]
    if number > versions[-1].policy_version:
        links.append(
            ("What changed", f"{ROOT}/dunning/{code}/diff?{urlencode({'before': number - 1, 'after': number})}")
        )
    walking = cases.get(number, 0)
    return VersionRow(
        number, one.published_at, one.author, one.reason, f"{walking} open cases" if walking else "", links
    )


async def debt_choices(container: Container) -> dict[str, Any]:
    """What a form that foresees a debt offers: brands, and a day to begin with."""
    brands = await container.catalogue.brands()
    options = [(one.brand, one.name) for one in brands]
    return {
        "brands": brands,
        "brand_options": options,
        "first_due": (container.clock.now() + timedelta(days=1)).date(),
        "usual_debt": USUAL_DEBT,
    }


@router.post("/dunning/{code}/outlook")
async def foresee_policy(code: str, posted: ViewerForm, version: Version = None) -> Response:
    """What a published version would do to a debt, day by day."""

    async def act() -> Response:
        kept = _chosen(await _versions(posted.container, code), version)
        outlook = await foreseen(posted, kept.definition)
        return await show_policy(posted.visit, code, version, Form(posted.values), outlook=outlook)

    return await posted.carry_out(act, lambda form: show_policy(posted.visit, code, version, form))


async def foreseen(posted: Posted, definition: Mapping[str, Any]) -> Outlook:
    """The outlook for the debt of a form. Raises InvalidValue, NotFound."""
    brand = posted.needed("brand")
    known = {one.brand: one for one in await posted.container.catalogue.brands()}
    if brand not in known:
        raise NotFound("There is no such brand.", field="brand", value=brand, remedy="Choose one of the list.")
    amount_minor = typed_minor(posted.values, "amount", known[brand].currency)
    debt = Debt(amount_minor, typed_day(posted.values, "due_on"), posted.text("segment", 64) or "standard")
    return await posted.container.dunning_policies.outlook(definition, debt, brand)


@router.get("/dunning/{code}/diff")
async def diff(
    code: str,
    visit: ViewerVisit,
    before: Annotated[int, Query(ge=1, le=100_000)],
    after: Annotated[int, Query(ge=1, le=100_000)],
) -> Response:
    """Two versions, in words and as text."""
    versions = await _versions(visit.container, code)
    old, new = _chosen(versions, before), _chosen(versions, after)
    return visit.page(
        "policy_diff.html",
        title=f"Policy {code}: version {before} and {after}",
        root=f"{ROOT}/dunning/{code}",
        section=("Policies", ROOT),
        name=code,
        before=before,
        after=after,
        numbers=[one.policy_version for one in versions],
        words=changes_in_words(in_version(old), in_version(new)),
        lines=compare(text_of(old.definition), text_of(new.definition)),
        said=new,
    )


@router.get("/edit")
async def edit(
    visit: AdminVisit,
    code: Annotated[str, Query(max_length=64)] = "",
    pack: Annotated[str, Query(max_length=16)] = "",
    version: Version = None,
) -> Response:
    """A form with a version, a country's own ladder, or the newest of the usual policy to begin with."""
    if pack:
        packs = law_packs()
        if pack not in packs:
            raise NotFound("There is no such law pack.", field="pack", value=pack, remedy=f"Use {', '.join(packs)}.")
        text = text_of(packs[pack].default_policy().to_dict())
    else:
        text = text_of(_chosen(await _versions(visit.container, code or "default"), version).definition)
    return await _show_edit(visit, Form(), text)


async def _show_edit(visit: Visit, form: Form, text: str, refusal: Refusal | None = None, **more: Any) -> Response:
    values: dict[str, Any] = {"outlook": None, "words": None, "lines": (), "picture": None, "newest": None}
    values |= {"mistakes": mistakes_of(refusal, text), **await debt_choices(visit.container), **more}
    return visit.page("policy_edit.html", title="Edit a policy", form=form, text=text, **values)


@router.post("/edit")
async def save(posted: AdminForm) -> Response:
    """Check, foresee or publish what was typed; a mistake is shown at its line and nothing typed is lost."""
    text = typed_text(posted, "text")
    try:
        written = read_definition(text)
        try:
            policy = checked_definition(written.definition)
        except InvalidValue as refusal:
            raise written.refused(refusal) from refusal
        if posted.text("do") == "publish":
            published = await posted.container.dunning_policies.publish(
                written.definition, posted.author, posted.reason
            )
            where = f"{ROOT}/dunning/{published.policy_code}"
            said = f"{published.policy_code} is at version {published.policy_version}."
            return posted.visit.to(where, f"{said} Cases that run keep theirs.")
        return await _preview(posted, policy, text)
    except Refusal as refusal:
        posted.visit.request.state.refusal = type(refusal).__name__
        form = refused_form({**posted.values, "text": text}, refusal)
        return await _show_edit(posted.visit, form, text, refusal)


async def _preview(posted: Posted, policy: DunningPolicy, text: str) -> Response:
    """The ladder as it would be, what it changes, and the debt foreseen."""
    known = [one for one in await posted.container.dunning_policies.all() if one.policy_code == policy.code]
    newest = known[-1] if known else None
    return await _show_edit(
        posted.visit,
        Form(posted.values),
        text,
        outlook=await foreseen(posted, policy.to_dict()),
        picture=ladder_picture(policy),
        newest=newest,
        words=changes_in_words(in_version(newest), policy) if newest else policy_in_words(policy),
        lines=compare(text_of(newest.definition), text_of(policy.to_dict())) if newest else (),
    )
