"""The parts of one process, put together from the settings: engine, clock, vendors, use cases, the process port."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

from pydantic import SecretStr
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from api.container import Container
from billing.adapters.http_network import HttpNetwork, SignedConfirmations
from billing.adapters.pdf import PdfRenderer
from billing.adapters.sendgrid.callbacks import SendGridCallbacks
from billing.adapters.sendgrid.messenger import SendGridMessenger
from billing.adapters.stripe.provider import StripePayments
from billing.adapters.twilio.messenger import TwilioMessenger
from billing.adapters.usage_formats import known_formats
from billing.persistence.balance_reading import SqlBalanceSource, make_reading_engine
from billing.persistence.clock_segments import SegmentClock, newest_segment
from billing.persistence.key_store import SqlKeyStore
from billing.persistence.queries import SqlQueries
from billing.persistence.unit_of_work import SqlUnitOfWork, make_engine
from billing.persistence.usage_quick import SqlQuickStore
from billing.ports.messenger import EMAIL, SMS, Messenger
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.services.access import Access
from billing.services.accounts import AccountService
from billing.services.announcing import AnnouncingService
from billing.services.balance_watch import BalanceWatch
from billing.services.barring import BarringService
from billing.services.barring_confirmations import ConfirmationDesk
from billing.services.catalogue import CatalogueService
from billing.services.catalogue_files.service import CatalogueFiles
from billing.services.disputes import DisputeService
from billing.services.dunning import DunningService
from billing.services.dunning_policies import DunningPolicyService
from billing.services.invoicing import InvoicingService
from billing.services.notice_callbacks import NoticeCallbacks
from billing.services.notice_composing import Composer
from billing.services.notice_delivery import NoticeDelivery
from billing.services.notice_editing import NoticeTemplates
from billing.services.notices import NoticeService
from billing.services.pay_desk import PayDesk
from billing.services.pay_sessions import PaySessionService
from billing.services.paylinks import Paylinks
from billing.services.payment_calls import PaymentCalls
from billing.services.payment_methods import MethodService
from billing.services.payment_providers import PaymentProviders
from billing.services.payments import PaymentService
from billing.services.plan_changes import PlanChanges
from billing.services.reconcile import Reconciler
from billing.services.service_changes import ServiceChanges
from billing.services.upkeep import Repairs, UpkeepService
from billing.services.usage import UsageService
from billing.services.usage_cloudevents import event_types
from billing.services.usage_limits import LimitService
from billing.services.webhook_inbox import WebhookInbox
from evenflow.bank_files import BankFiles, bank_files
from evenflow.bank_statements import BankStatementParts, bank_statements
from evenflow.intake import UsageSources
from evenflow.live_accounts import LiveAccounts
from evenflow.payload_codec import codec_from
from evenflow.settings import Settings
from evenflow.temporal import TemporalProcess, connect

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
    paylinks: Paylinks
    payments: PaymentService
    webhook_inbox: WebhookInbox
    notices: NoticeService
    announcing: AnnouncingService
    dunning: DunningService
    barring: BarringService
    bank: BankFiles
    bank_in: BankStatementParts
    upkeep: UpkeepService
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
    keys = _several(settings.secrets.paylink_signing_key)
    paylinks = Paylinks(make_work, keys, settings.public.api_base.rstrip("/"))
    stripe = _stripe(settings)
    bank = bank_files(settings, make_work, clock, process)
    bank_in = bank_statements(settings, make_work, clock, process)
    providers = PaymentProviders(stripe, {bank.provider.name: bank.provider}, settings.payments.sepa_debit)
    methods = MethodService(make_work, clock, providers, process)
    inbox = WebhookInbox(make_work, process, {stripe.name: stripe}, methods)
    calls = PaymentCalls(make_work, clock, providers)
    payments = PaymentService(make_work, clock, providers, paylinks)
    looks = make_reading_engine(settings.database.url.get_secret_value())
    quick = SqlQuickStore(settings.database.url.get_secret_value())
    usage = _usage(settings, make_work, clock, process, SqlBalanceSource(looks), quick)
    sources = UsageSources(settings, usage, clock)
    invoicing = InvoicingService(make_work, clock, PdfRenderer())
    composer = Composer(paylinks.paylink_for, documents=_Documents(invoicing))
    messengers = _messengers(settings)
    notices = NoticeService(make_work, clock, NoticeDelivery(make_work, clock, messengers, composer))
    accounts = AccountService(make_work, clock, process, settings.billing.spread_seconds)
    reconciler = Reconciler(make_work, inbox, {stripe.name: stripe})
    repairs = _repairs(settings, inbox, usage, notices, sources, reconciler, bank, bank_in)
    upkeep = UpkeepService(make_work, clock, process, accounts, LiveAccounts(engine, process), repairs)
    return Parts(
        settings=settings,
        engine=engine,
        messengers=messengers,
        methods=methods,
        pay_sessions=PaySessionService(make_work, clock, providers, paylinks, calls),
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
        paylinks=paylinks,
        payments=payments,
        webhook_inbox=inbox,
        notices=notices,
        announcing=AnnouncingService(make_work, clock, notices, payments),
        dunning=DunningService(make_work, clock),
        barring=BarringService(make_work, clock, _network(settings)),
        bank=bank,
        bank_in=bank_in,
        upkeep=upkeep,
        close=partial(_close, stripe, quick, engine, looks),
    )


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


def container_of(parts: Parts, settings: Settings) -> Container:
    """What the doors may reach of the parts."""
    make_work, clock, process = parts.make_work, parts.clock, parts.process
    return Container(
        make_work=make_work,
        clock=clock,
        process=process,
        public_url=settings.public.api_base.rstrip("/"),
        links=_links(settings),
        session_key=settings.secrets.session_key.get_secret_value(),
        demo_mode=settings.clock.rate != 1,
        cloud_event_types=event_types(settings.usage.cloud_event_types),
        accounts=parts.accounts,
        service_changes=ServiceChanges(make_work, clock, parts.usage.moves.number_moved),
        plan_changes=PlanChanges(make_work, clock, parts.usage.moves.number_moved),
        catalogue=parts.catalogue,
        catalogue_files=CatalogueFiles(make_work, clock),
        usage=parts.usage,
        limits=parts.limits,
        balance_watch=parts.balance_watch,
        invoicing=parts.invoicing,
        payments=parts.payments,
        payment_methods=parts.methods,
        pay_sessions=parts.pay_sessions,
        pay_desk=PayDesk(make_work, clock, process, parts.paylinks, parts.pay_sessions),
        notices=parts.notices,
        notice_callbacks=NoticeCallbacks(make_work, clock, parts.messengers, parts.notices, process),
        notice_templates=NoticeTemplates(make_work, clock),
        dunning=parts.dunning,
        barring=parts.barring,
        network_confirmations=ConfirmationDesk(make_work, _confirmations(settings), parts.barring, process),
        dunning_policies=DunningPolicyService(make_work, clock),
        bank_creditors=parts.bank.creditors,
        bank_statements=parts.bank_in.statements,
        suspense=parts.bank_in.suspense,
        bank_mandates=parts.bank.mandates,
        bank_batches=parts.bank.batches,
        bank_debits=parts.bank.debits,
        disputes=DisputeService(make_work, clock, process),
        paylinks=parts.paylinks,
        access=parts.access,
        queries=SqlQueries(parts.engine),
        webhook_inbox=parts.webhook_inbox,
    )


def _links(settings: Settings) -> dict[str, str]:
    """Pages beside the console."""
    temporal = settings.temporal
    links = {"API docs": "/docs"}
    if temporal.ui_base:
        links["Temporal"] = f"{temporal.ui_base.rstrip('/')}/namespaces/{temporal.namespace}/workflows"
    if settings.stripe.is_simulated_key:
        links["Inbox of every email and SMS"] = f"{settings.stripe.api_base.removesuffix('/stripe')}/inbox"
    return links


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


def _stripe(settings: Settings) -> StripePayments:
    stripe = settings.stripe
    return StripePayments(stripe.secret_key.get_secret_value(), _several(stripe.webhook_secret), stripe.api_base)


def _several(keys: SecretStr | str) -> tuple[str, ...]:
    """The keys of a setting, the newest first: "new,old" while one is being replaced."""
    text = keys if isinstance(keys, str) else keys.get_secret_value()
    return tuple(key.strip() for key in text.split(",") if key.strip())


def _messengers(settings: Settings) -> dict[str, Messenger]:
    email, sms = settings.sendgrid, settings.twilio
    return {
        EMAIL: SendGridMessenger(
            email.api_key.get_secret_value(),
            email.from_address,
            SendGridCallbacks(_several(email.verification_key)),
            api_base=email.api_base,
        ),
        SMS: TwilioMessenger(
            sms.account_sid,
            sms.auth_token.get_secret_value(),
            sms.from_number,
            f"{settings.public.api_base.rstrip('/')}/webhooks/twilio",
            api_base=sms.api_base,
        ),
    }


def _network(settings: Settings) -> HttpNetwork:
    return HttpNetwork(settings.network.api_base, settings.network.api_key.get_secret_value())


def _confirmations(settings: Settings) -> SignedConfirmations:
    return SignedConfirmations(_several(settings.network.signing_secret))


async def _close(stripe: StripePayments, quick: SqlQuickStore, *engines: AsyncEngine) -> None:
    await quick.close()
    await stripe.close()
    for engine in engines:
        await engine.dispose()
