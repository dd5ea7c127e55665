"""The console's pages of retry policies and of a brand's own rules: its dates, its barring, its limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, time
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.console.desk import mistakes_of, typed_text, typed_whole
from api.console.exports import csv_answer
from api.console.forms import Form, refused_form
from api.console.listing import Listing
from api.console.posted import AdminForm, Posted
from api.console.visit import ViewerVisit, Visit
from api.routers.console_policies import VersionRow
from billing.domain.cycle_calendar import at_local_time, local_date
from billing.domain.cycle_dates import MethodKind
from billing.domain.errors import InvalidValue, NotFound, Refusal
from billing.domain.retry import FailureCategory, Scheme
from billing.domain.retry_policy import STANDARD, RetryPolicy
from billing.services.brand_policies import READERS, BrandPart
from billing.services.definition_text import WrittenDefinition, as_text, compare, read_definition

router = APIRouter(prefix="/console/policies", include_in_schema=False)
ROOT = "/console/policies"
EVERY_BRAND = "every"
RETRIES = Listing("retries")
PARTS = {"cycle_policy": "Dates of a cycle", "barring_policy": "Barring", "limit_policy": "Limits"}
Version = Annotated[int | None, Query(ge=1, le=100_000)]


@router.get("/retries")
async def retries(visit: ViewerVisit) -> Response:
    """The retry policy in force for every brand; or all versions as CSV."""
    asked = RETRIES.read(visit.request)
    kept = await visit.container.retry_policies.all()
    if asked.as_csv:
        columns = ("brand", "version", "published at", "author", "reason", "policy")
        written = [
            (one.brand or "every brand", one.policy_version, one.published_at, one.author, one.reason, one.definition)
            for one in kept
        ]
        return csv_answer("retry-policies", columns, written)
    newest = {one.brand: one for one in kept}
    brands = [("", "every brand without its own"), *((one.brand, one.name) for one in await _brands(visit))]
    rows = [(brand or EVERY_BRAND, name, newest.get(brand)) for brand, name in brands]
    return visit.page("retries.html", title="Retries", asked=asked, rows=rows)


async def _brands(visit: Visit) -> Sequence[Any]:
    return await visit.container.catalogue.brands()


@router.get("/retries/{brand}")
async def retry_policy(brand: str, visit: ViewerVisit, version: Version = None) -> Response:
    """One brand's retry policy: its rules, its versions, every retry of a failure, and the form."""
    return await _show_retry(visit, brand, Form(), version)


async def _show_retry(visit: Visit, brand: str, form: Form, version: int | None = None, **more: Any) -> Response:
    own = "" if brand == EVERY_BRAND else brand
    kept = [one for one in await visit.container.retry_policies.all() if one.brand == own]
    chosen = next((one for one in reversed(kept) if version in (None, one.policy_version)), None)
    if version is not None and chosen is None:
        raise NotFound("There is no such version.", field="version", value=version, remedy="Choose one of the table.")
    definition = chosen.definition if chosen is not None else STANDARD.to_dict()
    path = f"{ROOT}/retries/{brand}"
    rows = [
        VersionRow(
            one.policy_version, one.published_at, one.author, one.reason, "", [("Look", _at(path, one.policy_version))]
        )
        for one in reversed(kept)
    ]
    brands = await visit.container.catalogue.brands()
    values: dict[str, Any] = {"mistakes": (), "lines": None, "preview": None, "text": as_text(definition)}
    return visit.page(
        "retry_policy.html",
        title=f"Retries of {own or 'every brand'}",
        path=path,
        own=own,
        kept=chosen,
        rows=rows,
        rules=[_rule_in_words(rule) for rule in RetryPolicy.from_dict(definition).rules],
        brand_options=[(one.brand, one.name) for one in brands if own in ("", one.brand)],
        scheme_options=[(scheme.value, scheme.value) for scheme in Scheme],
        category_options=[(category.value, category.value) for category in FailureCategory],
        form=form,
        **{**values, **more},
    )


def _at(path: str, version: int) -> str:
    return f"{path}?version={version}"


def _rule_in_words(rule: Any) -> str:
    payday = ", on a payday where one is near" if rule.on_payday else ""
    retries = "1 retry" if rule.most_retries == 1 else f"{rule.most_retries} retries"
    return f"{rule.name}: {retries}, {rule.days_between} days apart, within {rule.within_days} days{payday}."


@router.post("/retries/{brand}")
async def save_retry(brand: str, posted: AdminForm) -> Response:
    """Check, try or publish what was typed."""
    text, own = typed_text(posted, "text"), "" if brand == EVERY_BRAND else brand
    service = posted.container.retry_policies

    async def act(written: WrittenDefinition) -> Response:
        RetryPolicy.from_dict(written.definition)
        if posted.text("do") == "publish":
            kept = await service.publish(own, written.definition, posted.author, posted.reason)
            return posted.visit.to(f"{ROOT}/retries/{brand}", f"Version {kept.policy_version} is in force.")
        preview = await service.preview(
            posted.needed("brand", "Choose a brand.", 64),
            written.definition,
            posted.text("scheme", 20),
            posted.text("category", 20),
            "",
            posted.container.clock.now(),
        )
        newest = next((one for one in reversed(await service.all()) if one.brand == own), None)
        before = as_text(newest.definition if newest else STANDARD.to_dict())
        lines = compare(before, as_text(RetryPolicy.from_dict(written.definition).to_dict()))
        return await _show_retry(posted.visit, brand, Form(posted.values), text=text, preview=preview, lines=lines)

    return await _typed(
        posted, text, act, lambda form, found: _show_retry(posted.visit, brand, form, text=text, mistakes=found)
    )


async def _typed(posted: Posted, text: str, act: Any, again: Any) -> Response:
    """Read a text and act on it; a refusal is shown again at its line, with what was typed."""
    try:
        written = read_definition(text)
        try:
            shown: Response = await act(written)
            return shown
        except InvalidValue as refusal:
            # A field of the form is said at the form, a field of the text at its line.
            raise (refusal if refusal.field in posted.values else written.refused(refusal)) from refusal
    except Refusal as refusal:
        posted.visit.request.state.refusal = type(refusal).__name__
        form = refused_form({**posted.values, "text": text}, refusal)
        refused: Response = await again(form, mistakes_of(refusal, text))
        return refused


@router.get("/brands")
async def brands_page(visit: ViewerVisit) -> Response:
    """The rules of every brand, to choose from."""
    asked = RETRIES.read(visit.request)
    brands = await visit.container.catalogue.brands()
    if asked.as_csv:
        rows = [(one.brand, part, as_text(getattr(one, part))) for one in brands for part in PARTS]
        return csv_answer("brand-policies", ("brand", "part", "policy"), rows)
    return visit.page("brand_policies.html", title="Rules of brands", asked=asked, brands=brands, parts=PARTS)


@router.get("/brands/{brand}/{part}")
async def brand_part(brand: str, part: str, visit: ViewerVisit, version: Version = None) -> Response:
    """One part of a brand's rules: what is in force, its versions, and the form."""
    return await _show_part(visit, brand, part, Form(), version)


async def _show_part(
    visit: Visit, brand: str, part: str, form: Form, version: int | None = None, **more: Any
) -> Response:
    if part not in PARTS:
        raise NotFound("There is no such rule.", field="part", value=part, remedy="Choose one of the list.")
    found = await visit.container.catalogue.policies.of(brand, part)
    path = f"{ROOT}/brands/{brand}/{part}"
    chosen = next((one for one in found.versions if one.version == version), None)
    if version is not None and chosen is None:
        raise NotFound("There is no such version.", field="version", value=version, remedy="Choose one of the table.")
    definition = chosen.definition if chosen else found.definition
    values: dict[str, Any] = {"mistakes": (), "lines": None, "text": as_text(definition), "cycles": ()}
    if part == "cycle_policy" and "cycles" not in more:
        values["cycles"] = await _cycles(visit, found, definition, 15, "sepa_debit")
    return visit.page(
        "brand_part.html",
        title=f"{PARTS[part]} of {found.brand.name}",
        label=PARTS[part],
        path=path,
        found=found,
        part=part,
        rows=_part_rows(path, found),
        compared=compare(as_text(found.definition), as_text(chosen.definition)) if chosen else None,
        method_options=[(kind.value, kind.value.replace("_", " ")) for kind in MethodKind],
        form=form,
        **{**values, **more},
    )


def _part_rows(path: str, found: BrandPart) -> Sequence[VersionRow]:
    return [
        VersionRow(
            one.version,
            one.changed_at,
            one.author,
            one.reason,
            "in force" if not place else "",
            [("Look", _at(path, one.version))],
        )
        for place, one in enumerate(found.versions)
    ]


async def _cycles(
    visit: Visit, found: BrandPart, definition: Mapping[str, Any], cycle_day: int, method: str
) -> Sequence[Any]:
    """The dates of the next three cycles; none where a policy cannot be kept."""
    zone = found.brand.zone
    start: datetime = at_local_time(local_date(visit.container.clock.now(), zone), time(12), zone)
    policies = visit.container.catalogue.policies
    return await policies.cycles(found.brand.brand, definition, cycle_day, method, 3, start)


@router.post("/brands/{brand}/{part}")
async def save_part(brand: str, part: str, posted: AdminForm) -> Response:
    """Check, try or put in force what was typed."""
    text = typed_text(posted, "text")
    policies = posted.container.catalogue.policies

    async def act(written: WrittenDefinition) -> Response:
        if posted.text("do") == "publish":
            kept = await policies.change(brand, part, written.definition, posted.author, posted.reason)
            said = f"Version {kept.version} is in force." if kept else "It says what is in force: nothing changed."
            return posted.visit.to(f"{ROOT}/brands/{brand}/{part}", said)
        await policies.check(brand, part, written.definition)
        found = await policies.of(brand, part)
        shown: dict[str, Any] = {"lines": compare(as_text(found.definition), as_text(written.definition))}
        if part == "cycle_policy":
            day = typed_whole(posted.values, "cycle_day", 1, 31)
            method = posted.text("method", 20)
            shown["cycles"] = await _cycles(posted.visit, found, written.definition, day, method)
        return await _show_part(posted.visit, brand, part, Form(posted.values), text=text, **shown)

    return await _typed(
        posted, text, act, lambda form, found: _show_part(posted.visit, brand, part, form, text=text, mistakes=found)
    )


assert set(PARTS) == set(READERS)
