"""One transaction: everything a use case reads and writes goes through it, and nothing is kept unless committed."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from billing.ports.accounts import AccountRepository, Timeline
from billing.ports.alerts import AlertStore
from billing.ports.arrangements import ArrangementRepository
from billing.ports.bank_files import BankFileRepository
from billing.ports.bank_payouts import PayoutRepository
from billing.ports.bank_statements import BankStatementRepository
from billing.ports.barring import BarringRepository
from billing.ports.bulk_actions import BulkActionRepository
from billing.ports.dunning import DunningRepository
from billing.ports.grants import GrantStore
from billing.ports.invariants import CheckRunStore
from billing.ports.invoicing import InvoiceRepository
from billing.ports.ledger import Ledger
from billing.ports.limits import LimitRepository
from billing.ports.notices import NoticeRepository
from billing.ports.payment_evidence import EvidenceRepository
from billing.ports.payments import PaymentRepository
from billing.ports.plan_corrections import PlanCorrectionRepository
from billing.ports.provider_totals import TotalsStore
from billing.ports.retries import RetryRepository
from billing.ports.self_service import SelfServiceRepository
from billing.ports.staff_cases import StaffCaseRepository
from billing.ports.suspense import SuspenseRepository
from billing.ports.usage import UsageRepository


class UnitOfWork(Protocol):
    """``async with make() as work: ...; await work.commit()``; leaving without commit rolls back."""

    @property
    def accounts(self) -> AccountRepository: ...
    @property
    def timeline(self) -> Timeline: ...
    @property
    def usage(self) -> UsageRepository: ...
    @property
    def limits(self) -> LimitRepository: ...
    @property
    def grants(self) -> GrantStore: ...
    @property
    def invoices(self) -> InvoiceRepository: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def payments(self) -> PaymentRepository: ...
    @property
    def notices(self) -> NoticeRepository: ...
    @property
    def dunning(self) -> DunningRepository: ...
    @property
    def barring(self) -> BarringRepository: ...
    @property
    def retries(self) -> RetryRepository: ...
    @property
    def evidence(self) -> EvidenceRepository: ...

    @property
    def arrangements(self) -> ArrangementRepository: ...
    @property
    def plan_corrections(self) -> PlanCorrectionRepository: ...
    @property
    def bulk_actions(self) -> BulkActionRepository: ...
    @property
    def bank_files(self) -> BankFileRepository: ...

    @property
    def bank_payouts(self) -> PayoutRepository: ...
    @property
    def bank_statements(self) -> BankStatementRepository: ...
    @property
    def suspense(self) -> SuspenseRepository: ...

    @property
    def staff_cases(self) -> StaffCaseRepository: ...
    @property
    def alerts(self) -> AlertStore: ...
    @property
    def check_runs(self) -> CheckRunStore: ...
    @property
    def provider_totals(self) -> TotalsStore: ...

    @property
    def self_service(self) -> SelfServiceRepository: ...

    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    async def commit(self) -> None: ...


UnitOfWorkFactory = Callable[[], UnitOfWork]
