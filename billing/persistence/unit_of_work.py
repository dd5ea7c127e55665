"""The unit of work on PostgreSQL: one connection, one transaction, all repositories."""

from __future__ import annotations

from functools import cached_property
from types import TracebackType
from typing import Self

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from billing.persistence.account_repository import SqlAccountRepository, SqlTimeline
from billing.persistence.alert_store import SqlAlertStore
from billing.persistence.arrangement_repository import SqlArrangementRepository
from billing.persistence.bank_file_repository import SqlBankFileRepository
from billing.persistence.bank_payout_repository import SqlPayoutRepository
from billing.persistence.bank_statement_repository import SqlBankStatementRepository
from billing.persistence.barring_repository import SqlBarringRepository
from billing.persistence.book_checks import SqlCheckRunStore
from billing.persistence.bulk_action_repository import SqlBulkActionRepository
from billing.persistence.dunning_repository import SqlDunningRepository
from billing.persistence.evidence_repository import SqlEvidenceRepository
from billing.persistence.grant_repository import SqlGrantRepository
from billing.persistence.invoice_repository import SqlInvoiceRepository
from billing.persistence.ledger_repository import SqlLedger
from billing.persistence.limit_repository import SqlLimitRepository
from billing.persistence.notice_repository import SqlNoticeRepository
from billing.persistence.payment_repository import SqlPaymentRepository
from billing.persistence.plan_correction_repository import SqlPlanCorrectionRepository
from billing.persistence.retry_repository import SqlRetryRepository
from billing.persistence.self_service_repository import SqlSelfServiceRepository
from billing.persistence.staff_case_repository import SqlStaffCaseRepository
from billing.persistence.suspense_repository import SqlSuspenseRepository
from billing.persistence.totals_store import SqlTotalsStore
from billing.persistence.usage_repository import SqlUsageRepository


def make_engine(url: str, *, pool_size: int = 10) -> AsyncEngine:
    """An async engine on psycopg 3. ``url`` as ``postgresql+psycopg://user:password@host:port/name``."""
    return create_async_engine(url, pool_size=pool_size, max_overflow=pool_size, pool_pre_ping=True)


class SqlUnitOfWork:
    """``async with SqlUnitOfWork(engine) as work: ...; await work.commit()``; rolled back without commit."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._open: AsyncConnection | None = None

    @property
    def connection(self) -> AsyncConnection:
        if self._open is None:
            raise RuntimeError("the unit of work is not entered")
        return self._open

    @cached_property
    def accounts(self) -> SqlAccountRepository:
        return SqlAccountRepository(self.connection)

    @cached_property
    def timeline(self) -> SqlTimeline:
        return SqlTimeline(self.connection)

    @cached_property
    def usage(self) -> SqlUsageRepository:
        return SqlUsageRepository(self.connection)

    @cached_property
    def limits(self) -> SqlLimitRepository:
        return SqlLimitRepository(self.connection)

    @cached_property
    def grants(self) -> SqlGrantRepository:
        return SqlGrantRepository(self.connection)

    @cached_property
    def invoices(self) -> SqlInvoiceRepository:
        return SqlInvoiceRepository(self.connection)

    @cached_property
    def ledger(self) -> SqlLedger:
        return SqlLedger(self.connection)

    @cached_property
    def payments(self) -> SqlPaymentRepository:
        return SqlPaymentRepository(self.connection)

    @cached_property
    def notices(self) -> SqlNoticeRepository:
        return SqlNoticeRepository(self.connection)

    @cached_property
    def dunning(self) -> SqlDunningRepository:
        return SqlDunningRepository(self.connection)

    @cached_property
    def barring(self) -> SqlBarringRepository:
        return SqlBarringRepository(self.connection)

    @cached_property
    def retries(self) -> SqlRetryRepository:
        return SqlRetryRepository(self.connection)

    @cached_property
    def evidence(self) -> SqlEvidenceRepository:
        return SqlEvidenceRepository(self.connection)

    @cached_property
    def arrangements(self) -> SqlArrangementRepository:
        return SqlArrangementRepository(self.connection)

    @cached_property
    def plan_corrections(self) -> SqlPlanCorrectionRepository:
        return SqlPlanCorrectionRepository(self.connection)

    @cached_property
    def bulk_actions(self) -> SqlBulkActionRepository:
        return SqlBulkActionRepository(self.connection)

    @cached_property
    def bank_files(self) -> SqlBankFileRepository:
        return SqlBankFileRepository(self.connection)

    @cached_property
    def bank_payouts(self) -> SqlPayoutRepository:
        return SqlPayoutRepository(self.connection)

    @cached_property
    def bank_statements(self) -> SqlBankStatementRepository:
        return SqlBankStatementRepository(self.connection)

    @cached_property
    def suspense(self) -> SqlSuspenseRepository:
        return SqlSuspenseRepository(self.connection)

    @cached_property
    def staff_cases(self) -> SqlStaffCaseRepository:
        return SqlStaffCaseRepository(self.connection)

    @cached_property
    def alerts(self) -> SqlAlertStore:
        return SqlAlertStore(self.connection)

    @cached_property
    def check_runs(self) -> SqlCheckRunStore:
        return SqlCheckRunStore(self.connection)

    @cached_property
    def provider_totals(self) -> SqlTotalsStore:
        return SqlTotalsStore(self.connection)

    @cached_property
    def self_service(self) -> SqlSelfServiceRepository:
        return SqlSelfServiceRepository(self.connection)

    async def __aenter__(self) -> Self:
        self._open = await self._engine.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        connection, self._open = self.connection, None
        try:
            await connection.rollback()
        except DBAPIError:
            # A cancelled COPY leaves a connection that cannot roll back: the server does when it is closed. What ended
            # the block, such as the cancellation, must not be lost for it.
            await connection.invalidate()
            if error is None:
                raise
        finally:
            await connection.close()

    async def commit(self) -> None:
        await self.connection.commit()
