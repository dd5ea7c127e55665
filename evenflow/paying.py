"""What takes money: methods, attempts, pay pages and the provider's webhooks."""

from __future__ import annotations

from dataclasses import dataclass

from billing.adapters.stripe.provider import StripePayments
from billing.persistence.clock_segments import SegmentClock
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.services.method_desk import MethodDesk
from billing.services.method_links import MethodLinks
from billing.services.pay_sessions import PaySessionService
from billing.services.paylinks import Paylinks
from billing.services.payment_calls import PaymentCalls
from billing.services.payment_methods import MethodService
from billing.services.payment_outcomes import PaymentOutcomes
from billing.services.payment_providers import PaymentProviders
from billing.services.payments import PaymentService
from billing.services.webhook_inbox import WebhookInbox
from evenflow.bank_files import BankFiles
from evenflow.boundaries import watched
from evenflow.settings import Settings
from evenflow.temporal import TemporalProcess
from evenflow.vendors import several


@dataclass(frozen=True)
class Paying:
    """The parts that take money; each is a part of the process under the same name."""

    paylinks: Paylinks
    methods: MethodService
    method_links: MethodLinks
    method_desk: MethodDesk
    pay_sessions: PaySessionService
    payments: PaymentService
    outcomes: PaymentOutcomes
    webhook_inbox: WebhookInbox


def build_paying(
    settings: Settings,
    make_work: UnitOfWorkFactory,
    clock: SegmentClock,
    process: TemporalProcess,
    stripe: StripePayments,
    bank: BankFiles,
) -> Paying:
    """One provider by web, and the operator's bank by file."""
    keys, base = several(settings.secrets.paylink_signing_key), settings.public.api_base.rstrip("/")
    paylinks = Paylinks(make_work, keys, base)
    method_links = MethodLinks(make_work, keys, base)
    providers = PaymentProviders(
        stripe, {bank.provider.name: watched(settings, bank.provider)}, settings.payments.sepa_debit
    )
    methods = MethodService(make_work, clock, providers, process)
    payments = PaymentService(make_work, clock, providers, paylinks)
    outcomes = PaymentOutcomes(make_work, clock, process, payments.settle)
    return Paying(
        paylinks=paylinks,
        methods=methods,
        method_links=method_links,
        method_desk=MethodDesk(make_work, clock, method_links, methods, providers, settings.stripe.creditor_id),
        pay_sessions=PaySessionService(
            make_work, clock, providers, paylinks, PaymentCalls(make_work, clock, providers)
        ),
        payments=payments,
        outcomes=outcomes,
        webhook_inbox=WebhookInbox(make_work, process, {stripe.name: stripe}, methods, outcomes),
    )
