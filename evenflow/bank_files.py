"""Direct debit by bank file, put together from the settings."""

from __future__ import annotations

from dataclasses import dataclass

from billing.adapters.bank_files.folder import FileFolder
from billing.adapters.bank_files.pain001 import PayoutWriter
from billing.adapters.bank_files.pain008 import PainWriter
from billing.adapters.bank_files.provider import BankFilePayments
from billing.adapters.bank_files.sealing import key_ring_from
from billing.ports.clock import BusinessClock
from billing.ports.process import Process
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.services.bank_amendments import BankAmendments
from billing.services.bank_batches import BankBatches
from billing.services.bank_creditors import BankCreditors
from billing.services.bank_debits import BankDebits
from billing.services.bank_delivery import BankDelivery
from billing.services.bank_mandates import BankMandates
from billing.services.bank_payout_files import PayoutFiles
from billing.services.bank_payouts import BankPayouts
from billing.services.bank_round import BankRound
from evenflow.settings import Settings


@dataclass(frozen=True)
class BankFiles:
    """The provider and the use cases around it."""

    provider: BankFilePayments
    creditors: BankCreditors
    mandates: BankMandates
    amendments: BankAmendments
    batches: BankBatches
    debits: BankDebits
    payouts: BankPayouts
    payout_files: PayoutFiles
    round: BankRound


def bank_files(settings: Settings, make_work: UnitOfWorkFactory, clock: BusinessClock, process: Process) -> BankFiles:
    """Build them; without a folder every file is handed to the bank by a person."""
    seal, writer = key_ring_from(settings.secrets.iban_keys.get_secret_value()), PainWriter()
    batches = BankBatches(make_work, clock, writer, seal)
    debits = BankDebits(make_work, clock, process)
    folder = FileFolder(settings.bank.folder) if settings.bank.folder else None
    payout_files = PayoutFiles(make_work, clock, PayoutWriter(), seal)
    delivery = BankDelivery(make_work, clock, batches, folder)
    return BankFiles(
        provider=BankFilePayments(make_work, clock, seal),
        creditors=BankCreditors(make_work, clock, writer.versions),
        mandates=BankMandates(make_work, clock, seal, process, settings.payments.sepa_debit),
        amendments=BankAmendments(make_work, clock, seal, process),
        batches=batches,
        debits=debits,
        payouts=BankPayouts(make_work, clock, seal),
        payout_files=payout_files,
        round=BankRound(make_work, clock, batches, delivery, debits, payout_files),
    )
