"""Price preview: price a definition with the code that will bill it, before it is published."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body

from api.dependencies import Viewer
from api.schemas.pricing import PricePreviewIn, PricePreviewOut
from api.schemas.pricing_examples import EXAMPLES, title
from billing.domain.discount import Discount
from billing.domain.rating import PriceDefinition, preview_price

router = APIRouter(prefix="/v1/pricing", tags=["pricing"])


def preview(request: PricePreviewIn) -> PricePreviewOut:
    """The preview of a request. Raises InvalidValue with the dotted field of a price that cannot be used."""
    price = PriceDefinition.from_dict(request.price, "price")
    events = None if request.events is None else [event.as_event(price.meter) for event in request.events]
    discounts = [Discount.from_dict(one, f"discounts[{place}]") for place, one in enumerate(request.discounts)]
    priced = preview_price(price, request.currency, request.quantity, events, request.allowance, discounts, request.on)
    return PricePreviewOut.model_validate(priced)


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    return preview(PricePreviewIn.model_validate(request)).model_dump(mode="json")


_REQUESTS: dict[str, Any] = {name: {"summary": title(name), "value": asked} for name, asked in EXAMPLES.items()}
_ANSWERS = {name: {"summary": title(name), "value": _answer(asked)} for name, asked in EXAMPLES.items()}


@router.post(
    "/preview",
    summary="Price a quantity or a list of events",
    responses={200: {"content": {"application/json": {"examples": _ANSWERS}}}},
)
async def preview_pricing(
    request: Annotated[PricePreviewIn, Body(openapi_examples=_REQUESTS)], _caller: Viewer
) -> PricePreviewOut:
    """Nothing is stored. Every line carries its steps, so that a clerk can recompute it by hand.

    The models of a price and the fields each adds: `recurring` (`fee` per cycle), `flat` (`fee` once in a cycle with
    usage), `per_unit` (`rate`), `graduated` and `volume` (`tiers`, by slice or by the total), `package` (`rate` per
    started block of `unit_size`), `percentage` (`percent` of the amount an event carries), `per_event` (`rate`). All
    but a recurring fee may have `increments`, `connection_fee`, `prefixes`, `minimum` and `maximum` per cycle,
    `tax_code`, `draws_allowances`; some `destinations` with rates of their own and `round_each_event`.
    """
    return preview(request)
