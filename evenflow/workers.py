"""The Temporal workers: one per task queue, so that one vendor's limit never holds up another's work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import Interceptor, Worker, WorkerDeploymentConfig

from activities.accounts import AccountActivities
from activities.announcing import AnnouncingActivities
from activities.arrangements import ArrangementActivities
from activities.barring import BarringActivities
from activities.bulk_actions import BulkActionActivities
from activities.dunning import DunningActivities
from activities.invariants import InvariantActivities
from activities.invoicing import InvoicingActivities
from activities.limits import LimitActivities
from activities.notices import NoticeActivities
from activities.payments import PaymentActivities
from activities.plan_corrections import PlanCorrectionActivities
from activities.upkeep import UpkeepActivities
from activities.usage import UsageActivities
from billing.messages.identities import (
    BILLING_QUEUE,
    MESSAGES_QUEUE,
    PAYMENTS_QUEUE,
    RESTORING_QUEUE,
    RESTRICTING_QUEUE,
)
from evenflow.boundaries import interceptors
from evenflow.parts import Parts
from evenflow.settings import TemporalSettings
from workflows.account import AccountWorkflow
from workflows.barring import BarringWorkflow
from workflows.bulk_action import BulkActionWorkflow
from workflows.dunning import DunningWorkflow
from workflows.invariants import InvariantsWorkflow
from workflows.plan_correction import PlanCorrectionWorkflow
from workflows.upkeep import UpkeepWorkflow
from workflows.usage_import import UsageImportWorkflow

WORKFLOWS = [
    AccountWorkflow,
    DunningWorkflow,
    BarringWorkflow,
    UsageImportWorkflow,
    PlanCorrectionWorkflow,
    BulkActionWorkflow,
    UpkeepWorkflow,
    InvariantsWorkflow,
]
# What a worker may still finish after it was told to stop.
GRACE = timedelta(seconds=15)
# How old the progress of a long activity, such as an import, may be where operators see it.
SHOWN_EVERY = timedelta(seconds=1)
# Near nine tenths of the vendors' quotas: Stripe answers 100 calls a second; the messengers' limits are per sender.
CALLS_PER_SECOND = 90.0


def make_workers(client: Client, parts: Parts, temporal: TemporalSettings, prefix: str = "") -> list[Worker]:
    """Workers for billing (with the workflows), payments, messages and network; ``prefix`` keeps test runs apart."""
    notices = NoticeActivities(parts.notices)
    announcing = AnnouncingActivities(parts.announcing)
    payments = PaymentActivities(parts.payments)
    barring = BarringActivities(parts.barring)
    watching = interceptors(parts.settings)
    billing = Worker(
        client,
        task_queue=prefix + BILLING_QUEUE,
        workflows=WORKFLOWS,
        activities=_billing_activities(parts, payments),
        graceful_shutdown_timeout=GRACE,
        deployment_config=_deployment(temporal),
        max_concurrent_activities=50,
        interceptors=watching,
        max_heartbeat_throttle_interval=SHOWN_EVERY,
    )
    return [
        billing,
        _vendor_worker(client, watching, prefix + PAYMENTS_QUEUE, payments),
        _vendor_worker(client, watching, prefix + MESSAGES_QUEUE, notices, announcing),
        *network_workers(client, barring, prefix, watching),
    ]


def network_workers(
    client: Client, barring: BarringActivities, prefix: str = "", watching: Sequence[Interceptor] = ()
) -> list[Worker]:
    """One for orders that free services, one for the others: a pile of bars takes none of the first one's places."""
    return [_vendor_worker(client, watching, prefix + queue, barring) for queue in (RESTORING_QUEUE, RESTRICTING_QUEUE)]


def _billing_activities(parts: Parts, payments: PaymentActivities) -> list[Callable[..., Any]]:
    return [
        *_of(AccountActivities(parts.accounts)),
        *_of(InvoicingActivities(parts.invoicing)),
        *_of(DunningActivities(parts.dunning)),
        *_of(ArrangementActivities(parts.arrangements)),
        *_of(BarringActivities(parts.barring)),  # orders begun by an earlier build, and what is written down
        *_of(UsageActivities(parts.usage)),
        *_of(PlanCorrectionActivities(parts.usage.plan_corrections)),
        *_of(BulkActionActivities(parts.collections.running)),
        *_of(LimitActivities(parts.limits)),
        *_of(UpkeepActivities(parts.upkeep)),
        *_of(InvariantActivities(parts.people.invariants)),
        payments.review_method,
    ]


def _vendor_worker(client: Client, watching: Sequence[Interceptor], queue: str, *collaborators: object) -> Worker:
    return Worker(
        client,
        task_queue=queue,
        activities=[method for one in collaborators for method in _of(one)],
        max_task_queue_activities_per_second=CALLS_PER_SECOND,
        max_concurrent_activities=20,
        # Held back for longer, as by default, a sign of life comes too late from a machine that is busy.
        max_heartbeat_throttle_interval=SHOWN_EVERY,
        interceptors=watching,
        graceful_shutdown_timeout=GRACE,
        disable_eager_activity_execution=True,
    )


def _of(collaborator: object) -> list[Callable[..., Any]]:
    """The activity methods of a collaborator."""
    methods = (getattr(collaborator, name) for name in dir(collaborator) if not name.startswith("_"))
    return [method for method in methods if hasattr(method, "__temporal_activity_definition")]


def _deployment(temporal: TemporalSettings) -> WorkerDeploymentConfig | None:
    """Versioned where a build id is given: a run stays on its build and the next run takes the newest."""
    if not temporal.build_id:
        return None
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(temporal.deployment_name, temporal.build_id),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.PINNED,
    )
