"""Mandates, the evidence of agreements, their texts, and the customer's page of methods."""

from __future__ import annotations

import csv
import io
from typing import Any

from fastapi import APIRouter, Response

from api.dependencies import Agent, ContainerDep, Viewer
from api.parameters import AccountId
from api.schemas.mandates import AcceptanceOut, MandateOut, MandatesOut, MandateTextOut, MethodsLinkOut
from api.schemas.problems import problems
from billing.services.mandate_texts import texts

router = APIRouter(tags=["payment methods"])

_CSV: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/csv": {}}, "description": "One line per agreement, newest first."}
}


@router.get("/v1/mandate-texts", summary="What customers agree to")
async def list_texts(_caller: Viewer) -> list[MandateTextOut]:
    """Every version of every text, per kind of method and language; the newest version is shown to customers."""
    return [MandateTextOut.model_validate(one) for one in texts()]


@router.get(
    "/v1/accounts/{account_id}/mandates", summary="Mandates and agreements of an account", responses=problems(404)
)
async def list_mandates(account_id: AccountId, container: ContainerDep, _caller: Viewer) -> MandatesOut:
    """With the evidence: text and version shown, language, time, address, browser, and what was stored by it."""
    mandates, acceptances = await container.payment_methods.mandates(account_id)
    return MandatesOut(
        mandates=[MandateOut.model_validate(one) for one in mandates],
        acceptances=[AcceptanceOut.model_validate(one) for one in acceptances],
    )


@router.get(
    "/v1/accounts/{account_id}/mandates/export",
    summary="The evidence of an account's agreements as a file",
    response_class=Response,
    responses={**_CSV, **problems(404)},
)
async def export_evidence(account_id: AccountId, container: ContainerDep, _caller: Agent) -> Response:
    """CSV in UTF-8, every field of the evidence, for a bank or a court."""
    _, acceptances = await container.payment_methods.mandates(account_id)
    lines = io.StringIO()
    writer = csv.writer(lines)
    names = list(AcceptanceOut.model_fields)
    writer.writerow(names)
    for one in acceptances:
        shown = AcceptanceOut.model_validate(one).model_dump(mode="json")
        writer.writerow([_harmless(shown[name]) for name in names])
    headers = {"Content-Disposition": f'attachment; filename="agreements-{account_id}.csv"'}
    return Response(lines.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def _harmless(value: object) -> str:
    """A browser's name is the customer's text: a spreadsheet must not take it for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


@router.get(
    "/v1/accounts/{account_id}/methods-link",
    summary="The address where the customer manages payment methods",
    responses=problems(404),
)
async def show_link(account_id: AccountId, container: ContainerDep, _caller: Agent) -> MethodsLinkOut:
    """For the customer only: whoever has it sees the methods, masked, and may add and remove them."""
    return MethodsLinkOut(url=await container.method_links.paylink_for(account_id))
