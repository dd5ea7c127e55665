"""Files of banks coming in, and what belongs to nobody: put together from the settings."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from billing.adapters.bank_files.sealing import key_ring_from
from billing.adapters.bank_statements import read_bank_file
from billing.ports.clock import BusinessClock
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.services.bank_carrying_out import CarryingOut
from billing.services.bank_folder import BankFolder
from billing.services.bank_news import BankNews
from billing.services.bank_statement_round import BankStatementRound
from billing.services.bank_statements import BankStatements
from billing.services.payment_outcomes import PaymentOutcomes
from billing.services.suspense import SuspenseService
from evenflow.settings import Settings


@dataclass(frozen=True)
class BankStatementParts:
    """The use cases; ``tasks`` run beside the worker."""

    statements: BankStatements
    suspense: SuspenseService
    round: BankStatementRound
    folder: BankFolder | None

    def tasks(self) -> Sequence[Coroutine[Any, Any, None]]:
        """What runs until the worker ends: the folder is watched, where there is one."""
        return [self.folder.watch()] if self.folder else []


def bank_statements(
    settings: Settings, make_work: UnitOfWorkFactory, clock: BusinessClock, outcomes: PaymentOutcomes
) -> BankStatementParts:
    """Build them; without a folder files are uploaded."""
    news = BankNews(make_work, outcomes)
    carrying = CarryingOut(make_work, clock, news)
    seal = key_ring_from(settings.secrets.iban_keys.get_secret_value())
    statements = BankStatements(make_work, clock, read_bank_file, seal, carrying)
    suspense = SuspenseService(make_work, clock, news)
    folder = BankFolder(settings.bank.folder, statements) if settings.bank.folder else None
    return BankStatementParts(statements, suspense, BankStatementRound(make_work, carrying, suspense, folder), folder)
