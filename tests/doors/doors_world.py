"""The real application over a fresh database, with a process that only remembers what it was told."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from api.app import create_app
from api.container import Container
from api.schemas.brands import A_BRAND
from api.schemas.plans import A_PLAN
from billing.adapters.pdf import StatementPdf
from billing.adapters.twilio.whatsapp import TwilioWhatsApp
from billing.domain.clock import NORMAL_TIME, ClockSegment
from billing.domain.errors import NotFound
from billing.messages.account import AccountState, AccountView, Command, CommandResult
from billing.messages.bulk_actions import BulkActionState
from billing.messages.identities import account_workflow_id
from billing.messages.plan_corrections import CorrectPlanRequest
from billing.messages.usage import ImportFileRequest
from billing.persistence.book_checks import SqlBookChecks
from billing.persistence.key_store import SqlKeyStore
from billing.persistence.money_lists import SqlMoneyLists
from billing.persistence.overview_queries import SqlOverviews
from billing.persistence.queries import SqlQueries
from billing.persistence.search_queries import SqlSearch
from billing.persistence.unit_of_work import SqlUnitOfWork, make_engine
from billing.persistence.work_list import SqlWorkList
from billing.ports.accounts import Brand
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.access import ROLES, Access
from billing.services.account_search import AccountSearch
from billing.services.account_statements import StatementService
from billing.services.accounts import AccountService
from billing.services.arrangements import ArrangementService
from billing.services.catalogue import CatalogueService
from billing.services.catalogue_files.service import CatalogueFiles
from billing.services.console_figures import ConsoleFigures
from billing.services.credit_refunds import CreditRefunds
from billing.services.disputes import DisputeService
from billing.services.dunning import DunningService
from billing.services.dunning_fees import FeeService
from billing.services.dunning_policies import DunningPolicyService
from billing.services.dunning_promises import PromiseService
from billing.services.hand_overs import HandOvers
from billing.services.invariant_checks import InvariantChecks
from billing.services.invoicing import InvoicingService
from billing.services.method_links import MethodLinks
from billing.services.paylinks import Paylinks
from billing.services.payment_plans import PaymentPlans
from billing.services.plan_changes import PlanChanges
from billing.services.service_changes import ServiceChanges
from billing.services.service_restrictions import RestrictionDesk
from billing.services.staff_cases import StaffCases
from billing.services.usage import UsageService
from billing.services.whatsapp import WhatsAppDesk
from evenflow.access import build_access
from evenflow.settings import SecretsSettings, Settings

NOW = datetime(2027, 2, 1, 12, 0, tzinfo=UTC)
ADMIN_KEY = "evk_the-installation's-own"
DOOR = "http://door.test"
SETTINGS = Settings(secrets=SecretsSettings(iban_keys=SecretStr(f"test:{urlsafe_b64encode(bytes(32)).decode()}")))


class StandingClock:
    """Business time that does not pass."""

    def now(self) -> datetime:
        return NOW

    def segment(self) -> ClockSegment:
        return NORMAL_TIME


@dataclass
class RecordingProcess:
    """Starts and commands are remembered; ``answer`` is what the next commands get."""

    started: dict[str, AccountState] = field(default_factory=dict)
    commands: list[tuple[str, str, Command]] = field(default_factory=list)
    bulk_actions: list[str] = field(default_factory=list)
    answer: Callable[[Command], CommandResult] = field(
        default=lambda command: CommandResult(command.command_id, summary="done")
    )

    async def client(self) -> Any:
        raise RuntimeError("there is no process server")

    async def start_account(self, state: AccountState) -> None:
        self.started[account_workflow_id(state.brand, state.number)] = state

    async def start_plan_correction(self, request: CorrectPlanRequest) -> None: ...

    async def start_bulk_action(self, state: BulkActionState) -> None:
        self.bulk_actions.append(state.bulk_id)

    async def start_import(self, request: ImportFileRequest) -> None: ...

    async def signal(self, workflow_id: str, signal: str, payload: Any) -> None: ...

    async def command(self, workflow_id: str, update: str, command: Command) -> CommandResult:
        self._running(workflow_id)
        self.commands.append((workflow_id, update, command))
        return self.answer(command)

    async def view(self, workflow_id: str) -> AccountView:
        state = self._running(workflow_id)
        return AccountView(state.account_id, state.plan.cycle_number, "waiting", "issue", state.plan.issue_at)

    def _running(self, workflow_id: str) -> AccountState:
        if workflow_id not in self.started:
            raise NotFound("No open workflow.", field="workflow_id", value=workflow_id, remedy="Wait for upkeep.")
        return self.started[workflow_id]


@dataclass
class DoorsWorld:
    """A client of the application as an administrator; ``as_role`` answers one with another role."""

    app: FastAPI
    container: Container
    process: RecordingProcess
    client: httpx.AsyncClient
    keys: dict[str, str]

    def work(self) -> UnitOfWork:
        return self.container.make_work()

    def as_role(self, role: str) -> dict[str, str]:
        """The header of a caller with this role."""
        return {"X-API-Key": self.keys[role]}

    async def sell(self) -> None:
        """The brand and the plan of the examples, kept as they are: checking a policy takes its time."""
        async with self.work() as work:
            await work.accounts.add_brand(Brand(**A_BRAND))
            await work.commit()
        await self.container.catalogue.publish_plan("vonk", A_PLAN)

    async def post(self, path: str, body: Mapping[str, Any] | None = None, **more: Any) -> httpx.Response:
        return await self.client.post(path, json=body if body is not None else {}, **more)

    async def get(self, path: str, **query: Any) -> httpx.Response:
        return await self.client.get(path, params=query)


def _of_pages(
    engine: AsyncEngine, make_work: UnitOfWorkFactory, clock: StandingClock, process: RecordingProcess
) -> dict[str, Any]:
    """What only the console's pages read."""
    queries, keys = SqlQueries(engine), ("a key for addresses",)
    return {
        "money_lists": SqlMoneyLists(engine),
        "figures": ConsoleFigures(queries, SqlOverviews(engine), clock),
        "work_list": SqlWorkList(engine),
        "account_search": AccountSearch(make_work, SqlSearch(engine)),
        "invoicing": InvoicingService(make_work, clock),
        "arrangements": ArrangementService(make_work, clock),
        "promises": PromiseService(make_work, clock),
        "payment_plans": PaymentPlans(make_work, clock),
        "fees": FeeService(make_work, clock),
        "hand_overs": HandOvers(make_work),
        "disputes": DisputeService(make_work, clock, process),
        "dunning": DunningService(make_work, clock),
        "dunning_policies": DunningPolicyService(make_work, clock),
        "paylinks": Paylinks(make_work, keys, DOOR),
        "method_links": MethodLinks(make_work, keys, DOOR),
    }


@asynccontextmanager
async def a_doors_world(database_url: str, **changes: Any) -> AsyncIterator[DoorsWorld]:
    """The application with real catalogue, accounts, keys and queries over this database."""
    engine = make_engine(database_url)

    def make_work() -> SqlUnitOfWork:
        return SqlUnitOfWork(engine)

    clock, process, access = StandingClock(), RecordingProcess(), Access(SqlKeyStore(engine), ADMIN_KEY)
    container = Container(
        **{
            "make_work": make_work,
            "clock": clock,
            "process": process,
            "public_url": "http://door.test",
            "accounts": AccountService(make_work, clock, process),
            "service_changes": ServiceChanges(make_work, clock),
            "plan_changes": PlanChanges(make_work, clock),
            "restrictions": RestrictionDesk(make_work, clock),
            "catalogue": CatalogueService(make_work, clock),
            "catalogue_files": CatalogueFiles(make_work, clock),
            "access": access,
            **vars(build_access(SETTINGS, engine, access)),
            "queries": SqlQueries(engine),
            "usage": UsageService(make_work, clock, process, {}, Path("unused")),
            "whatsapp": WhatsAppDesk(make_work, clock, TwilioWhatsApp("AC1", "token", {}, f"{DOOR}/webhooks/twilio")),
            "session_key": "a key for tests",
            "staff_cases": StaffCases(make_work, clock),
            "invariants": InvariantChecks(make_work, clock, SqlBookChecks(engine)),
            "statements": StatementService(make_work, clock, StatementPdf()),
            "credit_refunds": CreditRefunds(make_work),
            **_of_pages(engine, make_work, clock, process),
        }
        | changes
    )
    app = create_app(container)
    keys = {role: await access.create(f"the {role}", role) for role in ROLES}
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {"X-API-Key": ADMIN_KEY}
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://door.test", headers=headers) as client:
            yield DoorsWorld(app, container, process, client, keys)
    finally:
        await engine.dispose()
