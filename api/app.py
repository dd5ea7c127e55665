"""The doors of Evenflow: every router, error, header and page, put together around a container."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.staticfiles import StaticFiles
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from api import errors
from api.audit import AuditTrail
from api.console.pages import error_page
from api.container import Container
from api.hardening import BodyLimit, SecurityHeaders
from api.pay.pages import error_page as pay_error_page
from api.portal.pages import error_page as portal_error_page
from api.routers import (
    accounts,
    actions,
    arrangements,
    audit,
    balance,
    bank_files,
    bank_payouts,
    bank_statements,
    barring,
    books,
    brands,
    bulk_actions,
    cases,
    catalogue,
    collections,
    console,
    console_access,
    console_account,
    console_account_parts,
    console_actions,
    console_bulk,
    console_cases,
    console_catalogue,
    console_catalogue_use,
    console_collections,
    console_letterheads,
    console_lookup,
    console_me,
    console_money,
    console_people,
    console_plans,
    console_policies,
    console_policy_use,
    console_records,
    console_rules,
    console_sign_in,
    console_templates,
    console_usage,
    console_waiting,
    cycles,
    dunning,
    dunning_policies,
    grants,
    health,
    invoices,
    ledger,
    limits,
    mandates,
    methods,
    notices,
    pay,
    payments,
    plan_corrections,
    plans,
    portal,
    portal_bills,
    portal_data,
    portal_day,
    portal_later,
    portal_limits,
    portal_pay,
    portal_settings,
    portal_sign_in,
    pricing,
    reference,
    restrictions,
    retries,
    services,
    statements,
    suspense,
    usage,
    usage_files,
    usage_lookup,
    usage_records,
    usage_streams,
    users,
)
from api.routers.usage_records import with_usage
from api.schemas.problems import with_problems
from api.usage_doors.door import doors_of
from api.webhooks import network, sendgrid, stripe, twilio

DESCRIPTION = """
Billing and collection for telcos: usage in, one clear invoice on any day of the month, money in the bank.

* Send an API key in the header `X-API-Key` (`evenflow key create NAME --role agent`). Roles, each with the rights of
  those before it: viewer, agent, finance, admin.
* Amounts are whole minor units with an ISO 4217 currency: `{"amount_minor": 4210, "currency": "EUR"}` is EUR 42.10.
* Instants are ISO 8601 with an offset and answered in UTC; dates without a time are local dates of the brand.
* Every error is `application/problem+json` and names the field, its value and the way out.
* Commands take the header `Idempotency-Key`: the same key again answers what the first one did.
"""
STATIC = Path(__file__).parent / "static"
ROUTERS = (
    health.router,
    brands.router,
    catalogue.router,
    plans.router,
    plan_corrections.router,
    pricing.router,
    cycles.router,
    accounts.router,
    services.router,
    actions.router,
    balance.router,
    limits.router,
    usage_records.router,
    grants.router,
    usage.router,
    usage_lookup.router,
    usage_files.router,
    usage_streams.router,
    invoices.router,
    ledger.router,
    statements.router,
    payments.router,
    bank_files.router,
    bank_payouts.router,
    bank_statements.router,
    suspense.router,
    mandates.router,
    retries.router,
    notices.router,
    dunning.router,
    dunning_policies.router,
    arrangements.router,
    barring.router,
    collections.router,
    bulk_actions.router,
    cases.router,
    books.router,
    restrictions.router,
    pay.router,
    methods.router,
    stripe.router,
    sendgrid.router,
    twilio.router,
    network.router,
    users.router,
    audit.router,
    reference.router,
    console_collections.router,
    console_bulk.router,
    portal_sign_in.router,
    portal.router,
    portal_bills.router,
    portal_later.router,
    portal_pay.router,
    portal_settings.router,
    portal_limits.router,
    portal_day.router,
    portal_data.router,
    console_cases.router,
    console_sign_in.router,
    console_me.router,
    console_people.router,
    console_access.router,
    console_money.router,
    console_plans.router,
    console_actions.router,
    console_account.router,
    console_account_parts.router,
    console_usage.router,
    console_records.router,
    console_waiting.router,
    console_lookup.router,
    console_catalogue.router,
    console_catalogue_use.router,
    console_policies.router,
    console_policy_use.router,
    console_rules.router,
    console_templates.router,
    console_letterheads.router,
    console.router,
)


class Doors(FastAPI):
    """The application; its description names the errors that every route may answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Usage is taken before the framework looks for a route."""
        doors = doors_of(self)
        await (doors if doors.answers(scope) else super().__call__)(scope, receive, send)

    def openapi(self) -> dict[str, Any]:
        return _description()


@cache
def _routes() -> tuple[BaseRoute, ...]:
    """Every route, put together once for all applications of a process: they differ in their containers only."""
    together = FastAPI(openapi_url=None)
    for router in ROUTERS:
        together.include_router(router)
    return tuple(together.routes)


@cache
def _description() -> dict[str, Any]:
    described = get_openapi(title="Evenflow", version="1", description=DESCRIPTION, routes=_routes())
    with_problems(described)
    with_usage(described)
    return described


def create_app(container: Container) -> FastAPI:
    """The application over a container; nothing is connected before the first request."""
    app = Doors(title="Evenflow", version="1", docs_url=None, redoc_url=None, routes=list(_routes()))
    app.state.container = container
    app.state.error_page = error_page
    app.state.portal_error_page = portal_error_page
    app.state.pay_error_page = pay_error_page
    errors.install(app)
    app.add_middleware(AuditTrail)
    app.add_middleware(BodyLimit)
    app.add_middleware(SecurityHeaders)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    return app
