"""Invoicing, as the process calls it."""

from __future__ import annotations

from temporalio import activity

from activities.refusals import dependable
from billing.messages.invoicing import (
    AdjustBalanceRequest,
    ChangeCycleDayRequest,
    CloseAccountRequest,
    CorrectionResult,
    CyclePlanChanged,
    IssuedInvoice,
    IssueInvoiceRequest,
    WaiveInvoiceRequest,
)
from billing.services.invoicing import InvoicingService


class InvoicingActivities:
    """Issue and correct documents; each request counts once."""

    def __init__(self, service: InvoicingService) -> None:
        self._service = service

    @activity.defn(name="issue_invoice")
    @dependable
    async def issue_invoice(self, request: IssueInvoiceRequest) -> IssuedInvoice:
        return await self._service.issue_invoice(request)

    @activity.defn(name="waive_invoice")
    @dependable
    async def waive_invoice(self, request: WaiveInvoiceRequest) -> CorrectionResult:
        return await self._service.waive_invoice(request)

    @activity.defn(name="adjust_balance")
    @dependable
    async def adjust_balance(self, request: AdjustBalanceRequest) -> CorrectionResult:
        return await self._service.adjust_balance(request)

    @activity.defn(name="change_cycle_day")
    @dependable
    async def change_cycle_day(self, request: ChangeCycleDayRequest) -> CyclePlanChanged:
        return await self._service.change_cycle_day(request)

    @activity.defn(name="close_account")
    @dependable
    async def close_account(self, request: CloseAccountRequest) -> CyclePlanChanged:
        return await self._service.close_account(request)
