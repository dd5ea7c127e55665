"""What the doors can reach: the use cases and the process, built once by the application."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NoReturn

from api.portal.looks import PortalLooks
from billing.ports.audit import AuditStore
from billing.ports.clock import BusinessClock
from billing.ports.money_lists import MoneyLists
from billing.ports.process import Process
from billing.ports.queries import Queries
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.ports.work_list import WorkList
from billing.services.access import Access
from billing.services.account_search import AccountSearch
from billing.services.account_statements import StatementService
from billing.services.accounts import AccountService
from billing.services.arrangements import ArrangementService
from billing.services.balance_watch import BalanceWatch
from billing.services.bank_amendments import BankAmendments
from billing.services.bank_batches import BankBatches
from billing.services.bank_creditors import BankCreditors
from billing.services.bank_debits import BankDebits
from billing.services.bank_mandates import BankMandates
from billing.services.bank_payout_files import PayoutFiles
from billing.services.bank_payouts import BankPayouts
from billing.services.bank_statements import BankStatements
from billing.services.barring import BarringService
from billing.services.barring_confirmations import ConfirmationDesk
from billing.services.bulk_actions import BulkActions
from billing.services.catalogue import CatalogueService
from billing.services.catalogue_files.service import CatalogueFiles
from billing.services.console_figures import ConsoleFigures
from billing.services.console_sessions import ConsoleSessions
from billing.services.credit_refunds import CreditRefunds
from billing.services.customer_access import CustomerAccess
from billing.services.customer_choices import CustomerChoices
from billing.services.customer_contacts import CustomerContacts
from billing.services.customer_export import CustomerExport
from billing.services.customer_money import CustomerMoney
from billing.services.customer_sessions import CustomerSessions
from billing.services.customer_tries import CustomerTries
from billing.services.daily_totals import DailyTotals
from billing.services.disputes import DisputeService
from billing.services.dunning import DunningService
from billing.services.dunning_assignments import PolicyAssignments
from billing.services.dunning_fees import FeeService
from billing.services.dunning_moves import CaseMoves
from billing.services.dunning_policies import DunningPolicyService
from billing.services.dunning_promises import PromiseService
from billing.services.hand_overs import HandOvers
from billing.services.invariant_checks import InvariantChecks
from billing.services.invoicing import InvoicingService
from billing.services.letterheads import Letterheads
from billing.services.method_desk import MethodDesk
from billing.services.method_links import MethodLinks
from billing.services.notice_callbacks import NoticeCallbacks
from billing.services.notice_editing import NoticeTemplates
from billing.services.notices import NoticeService
from billing.services.openid import OpenIdSignIn
from billing.services.operators import Operators
from billing.services.own_access import OwnAccess
from billing.services.pay_desk import PayDesk
from billing.services.pay_sessions import PaySessionService
from billing.services.paylink_sending import PaylinkSender
from billing.services.paylinks import Paylinks
from billing.services.payment_methods import MethodService
from billing.services.payment_plans import PaymentPlans
from billing.services.payments import PaymentService
from billing.services.plan_changes import PlanChanges
from billing.services.retry_policies import RetryPolicyService
from billing.services.self_service_links import SelfServiceLinks
from billing.services.service_changes import ServiceChanges
from billing.services.service_restrictions import RestrictionDesk
from billing.services.signing_in import SigningIn
from billing.services.staff_cases import StaffCases
from billing.services.suspense import SuspenseService
from billing.services.usage import UsageService
from billing.services.usage_cloudevents import EventTypes
from billing.services.usage_limits import LimitService
from billing.services.webhook_inbox import WebhookInbox
from billing.services.whatsapp import WhatsAppDesk


class NotBuilt:
    """Stands for a service that this container was built without; using it is a bug, and says so."""

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"this container was built without the service whose {name!r} was asked for")


def _not_built() -> Any:
    return NotBuilt()


@dataclass(frozen=True)
class Container:
    """Built by evenflow.bootstrap; routers take what they need from it. ``public_url`` has no trailing slash.

    ``links`` are shown on the console: a name and an address each. ``session_key`` signs the console's cookies (empty:
    nobody can sign in). ``openid`` is None without an identity provider, ``audit`` None where no trail is kept (in
    tests of single doors). ``demo_mode`` opens the console read-only, without sign-in, to callers on this machine.
    ``cloud_event_types`` says how CloudEvents of a declared type are read.
    """

    make_work: UnitOfWorkFactory
    clock: BusinessClock
    process: Process
    public_url: str
    links: dict[str, str] = field(default_factory=dict)
    session_key: str = ""
    demo_mode: bool = False
    cloud_event_types: EventTypes = field(default_factory=dict)
    accounts: AccountService = field(default_factory=_not_built)
    service_changes: ServiceChanges = field(default_factory=_not_built)
    plan_changes: PlanChanges = field(default_factory=_not_built)
    catalogue: CatalogueService = field(default_factory=_not_built)
    catalogue_files: CatalogueFiles = field(default_factory=_not_built)
    usage: UsageService = field(default_factory=_not_built)
    limits: LimitService = field(default_factory=_not_built)
    balance_watch: BalanceWatch = field(default_factory=_not_built)
    invoicing: InvoicingService = field(default_factory=_not_built)
    letterheads: Letterheads = field(default_factory=_not_built)
    payments: PaymentService = field(default_factory=_not_built)
    payment_methods: MethodService = field(default_factory=_not_built)
    method_links: MethodLinks = field(default_factory=_not_built)
    method_desk: MethodDesk = field(default_factory=_not_built)
    retry_policies: RetryPolicyService = field(default_factory=_not_built)
    pay_sessions: PaySessionService = field(default_factory=_not_built)
    pay_desk: PayDesk = field(default_factory=_not_built)
    notices: NoticeService = field(default_factory=_not_built)
    notice_callbacks: NoticeCallbacks = field(default_factory=_not_built)
    notice_templates: NoticeTemplates = field(default_factory=_not_built)
    whatsapp: WhatsAppDesk = field(default_factory=_not_built)
    dunning: DunningService = field(default_factory=_not_built)
    arrangements: ArrangementService = field(default_factory=_not_built)
    promises: PromiseService = field(default_factory=_not_built)
    payment_plans: PaymentPlans = field(default_factory=_not_built)
    policy_assignments: PolicyAssignments = field(default_factory=_not_built)
    case_moves: CaseMoves = field(default_factory=_not_built)
    fees: FeeService = field(default_factory=_not_built)
    hand_overs: HandOvers = field(default_factory=_not_built)
    dunning_policies: DunningPolicyService = field(default_factory=_not_built)
    disputes: DisputeService = field(default_factory=_not_built)
    paylinks: Paylinks = field(default_factory=_not_built)
    access: Access = field(default_factory=_not_built)
    work_list: WorkList = field(default_factory=_not_built)
    bulk_actions: BulkActions = field(default_factory=_not_built)
    sessions: ConsoleSessions = field(default_factory=_not_built)
    signing_in: SigningIn = field(default_factory=_not_built)
    own_access: OwnAccess = field(default_factory=_not_built)
    operators: Operators = field(default_factory=_not_built)
    openid: OpenIdSignIn | None = None
    audit: AuditStore | None = None
    queries: Queries = field(default_factory=_not_built)
    money_lists: MoneyLists = field(default_factory=_not_built)
    figures: ConsoleFigures = field(default_factory=_not_built)
    account_search: AccountSearch = field(default_factory=_not_built)
    paylink_sender: PaylinkSender = field(default_factory=_not_built)
    webhook_inbox: WebhookInbox = field(default_factory=_not_built)
    barring: BarringService = field(default_factory=_not_built)
    staff_cases: StaffCases = field(default_factory=_not_built)
    invariants: InvariantChecks = field(default_factory=_not_built)
    daily_totals: DailyTotals = field(default_factory=_not_built)
    statements: StatementService = field(default_factory=_not_built)
    credit_refunds: CreditRefunds = field(default_factory=_not_built)
    restrictions: RestrictionDesk = field(default_factory=_not_built)
    network_confirmations: ConfirmationDesk = field(default_factory=_not_built)
    bank_creditors: BankCreditors = field(default_factory=_not_built)
    bank_mandates: BankMandates = field(default_factory=_not_built)
    bank_amendments: BankAmendments = field(default_factory=_not_built)
    bank_batches: BankBatches = field(default_factory=_not_built)
    bank_debits: BankDebits = field(default_factory=_not_built)
    bank_payouts: BankPayouts = field(default_factory=_not_built)
    bank_payout_files: PayoutFiles = field(default_factory=_not_built)
    bank_statements: BankStatements = field(default_factory=_not_built)
    suspense: SuspenseService = field(default_factory=_not_built)
    portal_looks: PortalLooks = field(default_factory=_not_built)
    self_service_links: SelfServiceLinks = field(default_factory=_not_built)
    customer_access: CustomerAccess = field(default_factory=_not_built)
    customer_sessions: CustomerSessions = field(default_factory=_not_built)
    customer_money: CustomerMoney = field(default_factory=_not_built)
    customer_tries: CustomerTries = field(default_factory=_not_built)
    customer_choices: CustomerChoices = field(default_factory=_not_built)
    customer_contacts: CustomerContacts = field(default_factory=_not_built)
    customer_export: CustomerExport = field(default_factory=_not_built)
