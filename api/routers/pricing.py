"""Price preview: price a definition with the code that will bill it, before it is published."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body

from api.dependencies import Viewer
from api.schemas.pricing import EXAMPLE_REQUESTS, PricePreviewIn, PricePreviewOut
from billing.domain.rating import PriceDefinition, preview_price

router = APIRouter(prefix="/v1/pricing", tags=["pricing"])


def preview(request: PricePreviewIn) -> PricePreviewOut:
    """The preview of a request. Raises InvalidValue with the dotted field of a price that cannot be used."""
    price = PriceDefinition.from_dict(request.price, "price")
    events = None if request.events is None else [event.as_event(price.meter) for event in request.events]
    priced = preview_price(price, request.currency, request.quantity, events, request.allowance)
    return PricePreviewOut.model_validate(priced)


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    return preview(PricePreviewIn.model_validate(request)).model_dump(mode="json")


_REQUESTS: dict[str, Any] = {
    name: {"summary": f"A {name.replace('_', ' ')} price", "value": request}
    for name, request in EXAMPLE_REQUESTS.items()
}
_ANSWERS = {
    name: {"summary": f"A {name.replace('_', ' ')} price", "value": _answer(request)}
    for name, request in EXAMPLE_REQUESTS.items()
}


@router.post(
    "/preview",
    summary="Price a quantity or a list of events",
    responses={200: {"content": {"application/json": {"examples": _ANSWERS}}}},
)
async def preview_pricing(
    request: Annotated[PricePreviewIn, Body(openapi_examples=_REQUESTS)], _caller: Viewer
) -> PricePreviewOut:
    """Nothing is stored. Every line carries its steps, so that a clerk can recompute it by hand."""
    return preview(request)
