"""Price preview: price a definition with the code that will bill it, before it is published."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Body

from api.dependencies import Viewer
from api.schemas.pricing import (
    MOST_EXPLAINED,
    OtherServiceIn,
    PricePreviewIn,
    PricePreviewOut,
    RolledOut,
    ServicePreviewOut,
)
from api.schemas.pricing_examples import EXAMPLES, title
from billing.domain.discount import Discount
from billing.domain.errors import InvalidValue
from billing.domain.rating import (
    Allowance,
    Grant,
    Origin,
    PlanDefinition,
    PreviewedService,
    PricePreview,
    UsageEvent,
    events_of,
    preview_services,
)

router = APIRouter(prefix="/v1/pricing", tags=["pricing"])


def preview(request: PricePreviewIn) -> PricePreviewOut:
    """The preview of a request. Raises InvalidValue with the dotted field of what cannot be used."""
    plan = _plan(request)
    events, times = _events(request, plan)
    if request.explain_events and len(events) > MOST_EXPLAINED:
        raise InvalidValue(
            "So many events are not explained one by one.",
            field="explain_events",
            value=len(events),
            remedy=f"Send at most {MOST_EXPLAINED} events, or leave explain_events out.",
        )
    services = [
        PreviewedService(plan, events, tuple(_grants(request, plan)), times),
        *(_other(other, plan, place) for place, other in enumerate(request.others)),
    ]
    discounts = [
        Discount.from_dict(one, f"invoice_discounts[{at}]") for at, one in enumerate(request.invoice_discounts)
    ]
    first, *others = preview_services(
        services, on=request.on, invoice_discounts=discounts, explain_events=request.explain_events
    )
    if request.quantity is not None and first.unpriced:
        raise InvalidValue(
            first.unpriced[0].reason,
            field="quantity",
            value=request.quantity,
            remedy="Send events with the destination, amount or start it needs.",
        )
    return PricePreviewOut.model_validate(
        _answered(first) | {"others": [_answered(other) for other in others], "invoice": first.invoice}
    )


def _plan(request: PricePreviewIn) -> PlanDefinition:
    """Raises InvalidValue by the names of the request, not of the plan that is built around a price."""
    definition = request.plan_definition()
    if request.plan is not None:
        return PlanDefinition.from_dict(definition, "plan")
    try:
        plan = PlanDefinition.from_dict(definition)
    except InvalidValue as refused:
        field = refused.field.replace("prices[0]", "price").replace("line_discounts[", "discounts[")
        raise InvalidValue(refused.message, field=field, value=refused.value, remedy=refused.remedy) from None
    if not request.allowance:
        return plan
    [price] = plan.prices
    if not price.can_draw:
        raise InvalidValue(
            "This price draws no allowance.",
            field="allowance",
            value=request.allowance,
            remedy="Leave the allowance out.",
        )
    included = Allowance("included", "included", price.meter, request.allowance)
    return replace(plan, allowances=(included, *plan.allowances))


def _other(other: OtherServiceIn, plan: PlanDefinition, place: int) -> PreviewedService:
    own = replace(plan, allowances=())
    if other.plan is not None:
        own = PlanDefinition.from_dict(other.plan, f"others[{place}].plan")
    if own.currency != plan.currency:
        raise InvalidValue(
            "All services of an account are billed in one currency.",
            field=f"others[{place}].plan.currency",
            value=own.currency,
            remedy=f"Use {plan.currency}.",
        )
    return PreviewedService(own, [event.as_event(_meter(own)) for event in other.events])


def _meter(plan: PlanDefinition) -> str:
    """The meter of an event that names none."""
    return plan.usage_prices[0].meter if plan.usage_prices else ""


def _events(request: PricePreviewIn, plan: PlanDefinition) -> tuple[Sequence[UsageEvent], int]:
    events = None if request.events is None else [event.as_event(_meter(plan)) for event in request.events]
    if request.plan is not None:
        return events or (), 1
    [price] = plan.prices
    return events_of(price, request.quantity, events)


def _grants(request: PricePreviewIn, plan: PlanDefinition) -> Iterator[Grant]:
    allowances = {allowance.code: allowance for allowance in plan.allowances}
    for place, rolled in enumerate(request.rolled_over):
        allowance = allowances.get(rolled.allowance)
        if allowance is None:
            raise InvalidValue(
                "There is no such allowance.",
                field=f"rolled_over[{place}].allowance",
                value=rolled.allowance,
                remedy=f"Use one of: {', '.join(allowances) or 'there is none'}.",
            )
        yield Grant(
            f"rollover-{place + 1}",
            replace(allowance, name=f"{allowance.name}, rolled over", rollover=None),
            rolled.quantity,
            Origin.ROLLOVER,
            expires_at=rolled.expires_at,
            rolls_from=rolled.allowance,
            lives_on=rolled.lives_on,
        )
    for place, bought in enumerate(request.add_ons):
        allowance = Allowance.from_dict(bought.allowance, f"add_ons[{place}].allowance")
        yield Grant(
            f"add-on-{place + 1}",
            allowance,
            allowance.quantity,
            Origin.ADD_ON,
            bought.valid_from,
            bought.valid_to,
            bought.expires_at or bought.valid_to,
        )


def _answered(preview: PricePreview) -> dict[str, Any]:
    rolls_over = [
        RolledOut(
            allowance=each.allowance.code, quantity=each.quantity, cycles=each.cycles, explanation=each.explanation
        )
        for each in preview.rolled_over
    ]
    taken = {name: getattr(preview, name) for name in ServicePreviewOut.model_fields if name != "rolls_over"}
    return taken | {"rolls_over": rolls_over}


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    return preview(PricePreviewIn.model_validate(request)).model_dump(mode="json", exclude_none=True)


_REQUESTS: dict[str, Any] = {name: {"summary": title(name), "value": asked} for name, asked in EXAMPLES.items()}
_ANSWERS = {name: {"summary": title(name), "value": _answer(asked)} for name, asked in EXAMPLES.items()}


@router.post(
    "/preview",
    summary="Price a quantity, a list of events, or a whole plan",
    response_model_exclude_none=True,
    responses={200: {"content": {"application/json": {"examples": _ANSWERS}}}},
)
async def preview_pricing(
    request: Annotated[PricePreviewIn, Body(openapi_examples=_REQUESTS)], _caller: Viewer
) -> PricePreviewOut:
    """Nothing is stored. Every line carries its steps, so that a clerk can recompute it by hand.

    The models of a price and the fields each adds: `recurring` (`fee` per cycle), `flat` (`fee` once in a cycle with
    usage), `per_unit` (`rate`), `graduated` and `volume` (`tiers`, by slice or by the total), `package` (`rate` per
    started block of `unit_size`), `percentage` (`percent` of the amount an event carries), `per_event` (`rate`),
    `zero_rated` (counted, free on purpose). All but a recurring fee may have `increments`, `connection_fee`,
    `prefixes`, `zones`, `traffic_classes`, `minimum` and `maximum` per cycle, `tax_code`, `draws_allowances`; some
    `destinations` and `time_bands` with rates of their own and `round_each_event`.

    Beside a price the request may hold what a plan declares: `allowances` (with limits, `shared`, `rollover`),
    `time_bands`, `zones`, line `discounts`; and what an account has: quantities `rolled_over`, `add_ons`, `others` that
    draw what is shared, `invoice_discounts`.
    """
    return preview(request)
