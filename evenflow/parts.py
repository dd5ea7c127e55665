"""The parts of one process, put together from the settings: engine, clock, vendors, use cases, the process port."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from billing.adapters.pdf import PdfRenderer, TypsetLogos
from billing.adapters.stripe.provider import StripePayments
from billing.adapters.usage_formats import known_formats
from billing.persistence.balance_reading import SqlBalanceSource
from billing.persistence.clock_segments import SegmentClock, newest_segment
from billing.persistence.key_store import SqlKeyStore
from billing.persistence.unit_of_work import SqlUnitOfWork, make_engine
from billing.persistence.usage_quick import SqlQuickStore
from billing.ports.documents import InvoiceDocument
from billing.ports.messenger import Messenger
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.services.access import Access
from billing.services.accounts import AccountService
from billing.services.announcing import AnnouncingService
from billing.services.arrangements import ArrangementService
from billing.services.balance_watch import BalanceWatch
from billing.services.barring import BarringService
from billing.services.catalogue import CatalogueService
from billing.services.customer_secrets import CustomerSecrets
from billing.services.dunning import DunningService
from billing.services.dunning_promises import PromiseService
from billing.services.invoicing import InvoicingService
from billing.services.letterheads import Letterheads
from billing.services.method_desk import MethodDesk
from billing.services.method_links import MethodLinks
from billing.services.method_notices import MethodNotices, MethodWords
from billing.services.notice_composing import Composer
from billing.services.notice_delivery import NoticeDelivery
from billing.services.notices import NoticeService
from billing.services.pay_sessions import PaySessionService
from billing.services.paylinks import Paylinks
from billing.services.payment_methods import MethodService
from billing.services.payment_outcomes import PaymentOutcomes
from billing.services.payments import PaymentService
from billing.services.reconcile import Reconciler
from billing.services.self_service_links import SelfServiceLinks
from billing.services.upkeep import Repairs, UpkeepService
from billing.services.usage import UsageService
from billing.services.usage_limits import LimitService
from billing.services.webhook_inbox import WebhookInbox
from evenflow.bank_files import BankFiles, bank_files
from evenflow.bank_statements import BankStatementParts, bank_statements
from evenflow.boundaries import watched
from evenflow.collection_repairs import with_collection
from evenflow.collections_desk import CollectionsDesk, collections_desk
from evenflow.intake import UsageSources
from evenflow.live_accounts import LiveAccounts
from evenflow.paying import Paying, build_paying
from evenflow.payload_codec import codec_from
from evenflow.people import People, build_people
from evenflow.settings import Settings
from evenflow.temporal import TemporalProcess, connect
from evenflow.vendors import messengers_of, network_of, stripe_of

# Usage files wait here, in the data directory, until they are imported and kept.
SPOOL = "usage-files"
# A part that starts while a server is being started again waits for it, instead of dying as well.
START_PATIENCE_SECONDS = 45.0
LOOK_AGAIN_SECONDS = 0.5


@dataclass(frozen=True)
class Parts:
    """Everything one process needs; ``close`` gives connections back."""

    settings: Settings
    engine: AsyncEngine
    messengers: Mapping[str, Messenger]
    methods: MethodService
    method_links: MethodLinks
    method_desk: MethodDesk
    pay_sessions: PaySessionService
    clock: SegmentClock
    process: TemporalProcess
    make_work: UnitOfWorkFactory
    access: Access
    catalogue: CatalogueService
    accounts: AccountService
    usage: UsageService
    limits: LimitService
    balance_watch: BalanceWatch
    sources: UsageSources
    invoicing: InvoicingService
    letterheads: Letterheads
    paylinks: Paylinks
    payments: PaymentService
    outcomes: PaymentOutcomes
    webhook_inbox: WebhookInbox
    notices: NoticeService
    announcing: AnnouncingService
    dunning: DunningService
    arrangements: ArrangementService
    promises: PromiseService
    barring: BarringService
    bank: BankFiles
    bank_in: BankStatementParts
    collections: CollectionsDesk
    upkeep: UpkeepService
    people: People
    close: Callable[[], Awaitable[None]]


def read_clock(settings: Settings) -> SegmentClock:
    """The business clock by the newest segment, which lasts until the stack is started again.

    A database that is just being started again is waited for.
    """
    engine = create_engine(settings.database.url.get_secret_value())
    deadline = time.monotonic() + START_PATIENCE_SECONDS
    try:
        while True:
            try:
                return SegmentClock(newest_segment(engine))
            except OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(LOOK_AGAIN_SECONDS)
    finally:
        engine.dispose()


def build_parts(settings: Settings, clock: SegmentClock, metrics_address: str = "") -> Parts:
    """Build the services of a process over its engine, its Temporal client and its vendors.

    ``metrics_address`` (host:port) is where this process serves its metrics; empty for nowhere.
    """
    engine = make_engine(settings.database.url.get_secret_value(), pool_size=settings.database.pool_size)
    make_work: UnitOfWorkFactory = partial(SqlUnitOfWork, engine)
    process = TemporalProcess(partial(_connect, settings, metrics_address))
    stripe = watched(settings, stripe_of(settings))
    bank = bank_files(settings, make_work, clock, process)
    paying = build_paying(settings, make_work, clock, process, stripe, bank)
    bank_in = bank_statements(settings, make_work, clock, paying.outcomes)
    balances = SqlBalanceSource(settings.database.url.get_secret_value())
    quick = SqlQuickStore(settings.database.url.get_secret_value())
    usage = _usage(settings, make_work, clock, process, balances, quick)
    sources = UsageSources(settings, usage, clock)
    renderer, messengers = PdfRenderer(), messengers_of(settings)
    invoicing = InvoicingService(make_work, clock, renderer)
    notices = _notices(settings, make_work, clock, paying, invoicing, messengers)
    accounts = AccountService(make_work, clock, process, settings.billing.spread_seconds)
    barring = BarringService(make_work, clock, watched(settings, network_of(settings)))
    people = build_people(settings, engine, make_work, clock, process, messengers, sources, stripe)
    reconciler = Reconciler(make_work, paying.webhook_inbox, {stripe.name: stripe}, clock=clock)
    repairs = _repairs(settings, paying.webhook_inbox, usage, notices, sources, reconciler, bank, bank_in)
    promises = PromiseService(make_work, clock)
    collections = collections_desk(settings, engine, make_work, clock, process, notices)
    repairs = replace(
        with_collection(people.joining(repairs, barring, reconciler), make_work, clock, process, notices),
        tell_of_methods=MethodNotices(make_work, clock, notices, settings.billing.card_expiry_notice_days).send_due,
        end_promises=promises.end_over,
        make_refunds=paying.payments.make_refunds,
        look_after_bulk_actions=collections.actions.look_after,
    )
    upkeep = UpkeepService(make_work, clock, process, accounts, LiveAccounts(engine, process), repairs, paying.outcomes)
    return Parts(
        settings=settings,
        engine=engine,
        messengers=messengers,
        **vars(paying),
        clock=clock,
        process=process,
        make_work=make_work,
        access=Access(SqlKeyStore(engine), settings.secrets.admin_api_key.get_secret_value()),
        catalogue=CatalogueService(make_work, clock),
        accounts=accounts,
        usage=usage,
        limits=LimitService(make_work, clock, usage.thresholds),
        balance_watch=BalanceWatch(make_work, clock, usage.balance),
        sources=sources,
        invoicing=invoicing,
        letterheads=Letterheads(make_work, clock, renderer),
        notices=notices,
        announcing=AnnouncingService(make_work, clock, notices, paying.payments),
        dunning=DunningService(make_work, clock),
        arrangements=ArrangementService(make_work, clock),
        promises=promises,
        barring=barring,
        bank=bank,
        bank_in=bank_in,
        collections=collections,
        upkeep=upkeep,
        people=people,
        close=partial(_close, stripe, quick, balances, engine),
    )


def _notices(
    settings: Settings,
    make_work: UnitOfWorkFactory,
    clock: SegmentClock,
    paying: Paying,
    invoicing: InvoicingService,
    messengers: Mapping[str, Messenger],
) -> NoticeService:
    words = MethodWords(make_work, paying.method_links.paylink_for)
    links = SelfServiceLinks(CustomerSecrets(settings.secrets.session_key.get_secret_value()))
    composer = Composer(paying.paylinks.paylink_for, links.address, _Documents(invoicing), words, TypsetLogos())
    return NoticeService(make_work, clock, NoticeDelivery(make_work, clock, messengers, composer))


def _repairs(
    settings: Settings,
    inbox: WebhookInbox,
    usage: UsageService,
    notices: NoticeService,
    sources: UsageSources,
    reconciler: Reconciler,
    bank: BankFiles,
    bank_in: BankStatementParts,
) -> Repairs:
    return Repairs(
        inbox.deliver_undelivered,
        usage.thresholds.send_pending,
        usage.reguide_waiting,
        notices.send_waiting,
        partial(usage.forget_older_than, settings.usage.keep_days),
        reconciler,
        look_after_files=sources.look_after,
        report_open_sessions=usage.files.sessions.look_after,
        follow_numbers=usage.moves.follow_pending,
        correct_plans=usage.plan_corrections.start_unfinished,
        look_after_bank_files=bank.round.look_after,
        look_after_bank_statements=bank_in.round.look_after,
        take_back_resent=partial(usage.resent.look_after, settings.usage.resent_days),
    )


def _usage(
    settings: Settings,
    make_work: UnitOfWorkFactory,
    clock: SegmentClock,
    process: TemporalProcess,
    balances: SqlBalanceSource,
    quick: SqlQuickStore,
) -> UsageService:
    formats = known_formats(settings.usage.profiles)
    return UsageService(make_work, clock, process, formats, settings.data_dir / SPOOL, balances, quick=quick)


@dataclass(frozen=True)
class _Documents:
    """Invoices as attachments of notices."""

    invoicing: InvoicingService

    async def pdf(self, account_id: str, invoice_id: str) -> bytes:
        return (await self.invoicing.pdf(account_id, invoice_id))[1]

    async def document(self, account_id: str, invoice_id: str) -> InvoiceDocument:
        return await self.invoicing.document(account_id, invoice_id)


async def _connect(settings: Settings, metrics_address: str) -> Client:
    temporal = settings.temporal
    return await connect(
        temporal.address,
        temporal.namespace,
        temporal.api_key.get_secret_value(),
        temporal.tls,
        codec_from(temporal.payload_keys.get_secret_value()),
        metrics_address,
    )


async def _close(stripe: StripePayments, quick: SqlQuickStore, balances: SqlBalanceSource, engine: AsyncEngine) -> None:
    await quick.close()
    await balances.close()
    await stripe.close()
    await engine.dispose()
