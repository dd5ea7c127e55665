"""Payments, as the process calls them."""

from __future__ import annotations

from temporalio import activity

from activities.refusals import dependable
from billing.messages.payments import (
    AttemptQuery,
    CollectRequest,
    MethodInUse,
    MethodReview,
    PaymentResult,
    PaySession,
    PaySessionRequest,
    RefundRequest,
)
from billing.services.payments import PaymentService


class PaymentActivities:
    """Collect, ask, open a page to pay on, refund; each request counts once."""

    def __init__(self, service: PaymentService) -> None:
        self._service = service

    @activity.defn(name="collect_payment")
    @dependable
    async def collect_payment(self, request: CollectRequest) -> PaymentResult:
        return await self._service.collect(request)

    @activity.defn(name="settle_attempt")
    @dependable
    async def settle_attempt(self, request: AttemptQuery) -> PaymentResult:
        return await self._service.settle(request)

    @activity.defn(name="open_pay_session")
    @dependable
    async def open_pay_session(self, request: PaySessionRequest) -> PaySession:
        return await self._service.open_pay_session(request)

    @activity.defn(name="refund_payment")
    @dependable
    async def refund_payment(self, request: RefundRequest) -> PaymentResult:
        return await self._service.refund(request)

    @activity.defn(name="review_method")
    @dependable
    async def review_method(self, request: MethodReview) -> MethodInUse:
        return await self._service.review_method(request)
