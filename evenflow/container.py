"""What the doors may reach of the parts."""

from __future__ import annotations

from typing import Any

from api.container import Container
from billing.adapters.pdf import StatementPdf
from billing.persistence.money_lists import SqlMoneyLists
from billing.persistence.overview_queries import SqlOverviews
from billing.persistence.queries import SqlQueries
from billing.persistence.search_queries import SqlSearch
from billing.services.account_search import AccountSearch
from billing.services.account_statements import StatementService
from billing.services.barring_confirmations import ConfirmationDesk
from billing.services.catalogue_files.service import CatalogueFiles
from billing.services.console_figures import ConsoleFigures
from billing.services.credit_refunds import CreditRefunds
from billing.services.disputes import DisputeService
from billing.services.dunning_assignments import PolicyAssignments
from billing.services.dunning_fees import FeeService
from billing.services.dunning_moves import CaseMoves
from billing.services.dunning_policies import DunningPolicyService
from billing.services.hand_overs import HandOvers
from billing.services.notice_callbacks import NoticeCallbacks
from billing.services.notice_editing import NoticeTemplates
from billing.services.pay_desk import PayDesk
from billing.services.paylink_sending import PaylinkSender
from billing.services.payment_plans import PaymentPlans
from billing.services.plan_changes import PlanChanges
from billing.services.retry_policies import RetryPolicyService
from billing.services.service_changes import ServiceChanges
from billing.services.service_restrictions import RestrictionDesk
from billing.services.usage_cloudevents import event_types
from billing.services.whatsapp import WhatsAppDesk
from evenflow.access import build_access
from evenflow.parts import Parts
from evenflow.self_service import self_service_of
from evenflow.settings import Settings
from evenflow.vendors import confirmations_of, whatsapp_of


def container_of(parts: Parts, settings: Settings) -> Container:
    """The container of one API process."""
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
        letterheads=parts.letterheads,
        payments=parts.payments,
        payment_methods=parts.methods,
        method_links=parts.method_links,
        method_desk=parts.method_desk,
        retry_policies=RetryPolicyService(make_work, clock),
        pay_sessions=parts.pay_sessions,
        pay_desk=PayDesk(make_work, clock, process, parts.paylinks, parts.pay_sessions, parts.outcomes),
        notices=parts.notices,
        notice_callbacks=NoticeCallbacks(make_work, clock, parts.messengers, parts.notices, process),
        notice_templates=NoticeTemplates(make_work, clock),
        whatsapp=WhatsAppDesk(make_work, clock, whatsapp_of(settings)),
        **_of_dunning(parts),
        barring=parts.barring,
        staff_cases=parts.people.cases,
        invariants=parts.people.invariants,
        daily_totals=parts.people.totals,
        statements=StatementService(make_work, clock, StatementPdf()),
        credit_refunds=CreditRefunds(make_work),
        restrictions=RestrictionDesk(make_work, clock),
        network_confirmations=ConfirmationDesk(make_work, confirmations_of(settings), parts.barring, process),
        **_of_the_bank(parts),
        **self_service_of(parts, settings),
        paylinks=parts.paylinks,
        access=parts.access,
        **vars(build_access(settings, parts.engine, parts.access)),
        queries=SqlQueries(parts.engine),
        **_of_the_console(parts),
        webhook_inbox=parts.webhook_inbox,
    )


def _of_the_bank(parts: Parts) -> dict[str, Any]:
    """Debits by file, and what the bank tells."""
    return {
        "bank_creditors": parts.bank.creditors,
        "bank_mandates": parts.bank.mandates,
        "bank_amendments": parts.bank.amendments,
        "bank_batches": parts.bank.batches,
        "bank_debits": parts.bank.debits,
        "bank_payouts": parts.bank.payouts,
        "bank_payout_files": parts.bank.payout_files,
        "bank_statements": parts.bank_in.statements,
        "suspense": parts.bank_in.suspense,
    }


def _of_dunning(parts: Parts) -> dict[str, Any]:
    """Overdue money, and what is agreed about it."""
    make_work, clock, process = parts.make_work, parts.clock, parts.process
    return {
        "dunning": parts.dunning,
        "dunning_policies": DunningPolicyService(make_work, clock),
        "arrangements": parts.arrangements,
        "promises": parts.promises,
        "payment_plans": PaymentPlans(make_work, clock),
        "policy_assignments": PolicyAssignments(make_work, clock),
        "case_moves": CaseMoves(make_work, clock, process),
        "fees": FeeService(make_work, clock),
        "hand_overs": HandOvers(make_work),
        "disputes": DisputeService(make_work, clock, process),
        "work_list": parts.collections.work_list,
        "bulk_actions": parts.collections.actions,
    }


def _of_the_console(parts: Parts) -> dict[str, Any]:
    """Lists, search and counts over all accounts."""
    queries, overviews = SqlQueries(parts.engine), SqlOverviews(parts.engine)
    return {
        "money_lists": SqlMoneyLists(parts.engine),
        "figures": ConsoleFigures(queries, overviews, parts.clock),
        "account_search": AccountSearch(parts.make_work, SqlSearch(parts.engine)),
        "paylink_sender": PaylinkSender(parts.make_work, parts.clock, parts.notices),
    }


def _links(settings: Settings) -> dict[str, str]:
    """Pages beside the console."""
    temporal = settings.temporal
    links = {"API docs": "/docs"}
    if temporal.ui_base:
        links["Temporal"] = f"{temporal.ui_base.rstrip('/')}/namespaces/{temporal.namespace}/workflows"
    if settings.stripe.is_simulated_key:
        links["Inbox of every email and SMS"] = f"{settings.stripe.api_base.removesuffix('/stripe')}/inbox"
    return links
