"""The parts of one process, put together from the settings: engine, clock, vendors, use cases, the process port."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from api.container import Container
from billing.adapters.http_network import HttpNetwork
from billing.adapters.pdf import PdfRenderer
from billing.adapters.sendgrid.callbacks import SendGridCallbacks
from billing.adapters.sendgrid.messenger import SendGridMessenger
from billing.adapters.stripe.provider import StripePayments
from billing.adapters.twilio.messenger import TwilioMessenger
from billing.adapters.usage_formats import standard_formats
from billing.persistence.clock_segments import SegmentClock, newest_segment
from billing.persistence.key_store import SqlKeyStore
from billing.persistence.unit_of_work import SqlUnitOfWork, make_engine
from billing.ports.messenger import EMAIL, SMS, Messenger
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.services.access import Access
from billing.services.accounts import AccountService
from billing.services.announcing import AnnouncingService
from billing.services.barring import BarringService
from billing.services.catalogue import CatalogueService
from billing.services.dunning import DunningService
from billing.services.invoicing import InvoicingService
from billing.services.notice_composing import Composer
from billing.services.notice_delivery import NoticeDelivery
from billing.services.notices import NoticeService
from billing.services.paylinks import Paylinks
from billing.services.payment_providers import PaymentProviders
from billing.services.payments import PaymentService
from billing.services.upkeep import Repairs, UpkeepService
from billing.services.usage import UsageService
from billing.services.webhook_inbox import WebhookInbox
from evenflow.live_accounts import LiveAccounts
from evenflow.settings import Settings
from evenflow.temporal import TemporalProcess, connect

# Usage files wait here, in the data directory, until they are imported and kept.
SPOOL = "usage-files"


@dataclass(frozen=True)
class Parts:
    """Everything one process needs; ``close`` gives connections back."""

    engine: AsyncEngine
    clock: SegmentClock
    process: TemporalProcess
    make_work: UnitOfWorkFactory
    access: Access
    catalogue: CatalogueService
    accounts: AccountService
    usage: UsageService
    invoicing: InvoicingService
    paylinks: Paylinks
    payments: PaymentService
    webhook_inbox: WebhookInbox
    notices: NoticeService
    announcing: AnnouncingService
    dunning: DunningService
    barring: BarringService
    upkeep: UpkeepService
    close: Callable[[], Awaitable[None]]


def read_clock(settings: Settings) -> SegmentClock:
    """The business clock by the newest segment, which lasts until the stack is started again."""
    engine = create_engine(settings.database.url.get_secret_value())
    try:
        return SegmentClock(newest_segment(engine))
    finally:
        engine.dispose()


def build_parts(settings: Settings, clock: SegmentClock) -> Parts:
    """Build the services of a process over its engine, its Temporal client and its vendors."""
    engine = make_engine(settings.database.url.get_secret_value(), pool_size=settings.database.pool_size)
    make_work: UnitOfWorkFactory = partial(SqlUnitOfWork, engine)
    process = TemporalProcess(partial(_connect, settings))
    base = settings.public.api_base.rstrip("/")
    paylinks = Paylinks(make_work, settings.secrets.paylink_signing_key.get_secret_value(), base)
    stripe = _stripe(settings)
    providers = PaymentProviders(stripe)
    inbox = WebhookInbox(make_work, process, {stripe.name: stripe})
    payments = PaymentService(make_work, clock, providers, paylinks)
    usage = UsageService(make_work, clock, process, standard_formats(), settings.data_dir / SPOOL)
    invoicing = InvoicingService(make_work, clock, PdfRenderer())
    composer = Composer(paylinks.paylink_for, documents=invoicing)
    notices = NoticeService(make_work, clock, NoticeDelivery(make_work, clock, _messengers(settings), composer))
    accounts = AccountService(make_work, clock, process)
    repairs = Repairs(partial(_deliver, inbox), usage.thresholds.send_pending, partial(_reguide, usage))
    upkeep = UpkeepService(make_work, clock, process, accounts, LiveAccounts(engine, process), repairs)
    return Parts(
        engine=engine,
        clock=clock,
        process=process,
        make_work=make_work,
        access=Access(SqlKeyStore(engine), settings.secrets.admin_api_key.get_secret_value()),
        catalogue=CatalogueService(make_work, clock),
        accounts=accounts,
        usage=usage,
        invoicing=invoicing,
        paylinks=paylinks,
        payments=payments,
        webhook_inbox=inbox,
        notices=notices,
        announcing=AnnouncingService(make_work, clock, notices, payments),
        dunning=DunningService(make_work, clock),
        barring=BarringService(make_work, clock, _network(settings)),
        upkeep=upkeep,
        close=engine.dispose,
    )


async def _connect(settings: Settings) -> Client:
    temporal = settings.temporal
    return await connect(temporal.address, temporal.namespace, temporal.api_key.get_secret_value(), temporal.tls)


def _stripe(settings: Settings) -> StripePayments:
    stripe = settings.stripe
    # Two secrets are good while one is being replaced: "whsec_new,whsec_old".
    secrets = [secret for secret in stripe.webhook_secret.get_secret_value().split(",") if secret]
    return StripePayments(stripe.secret_key.get_secret_value(), secrets, stripe.api_base)


def _messengers(settings: Settings) -> dict[str, Messenger]:
    email, sms = settings.sendgrid, settings.twilio
    return {
        EMAIL: SendGridMessenger(
            email.api_key.get_secret_value(),
            email.from_address,
            SendGridCallbacks([email.verification_key]),
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


async def _reguide(usage: UsageService) -> int:
    return (await usage.reguide()).resolved


async def _deliver(inbox: WebhookInbox) -> int:
    """Deliver what was stored and not passed on, and what the provider sent while we were away."""
    return await inbox.read_missed(datetime.now(UTC)) + await inbox.deliver_undelivered()
