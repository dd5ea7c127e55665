"""The Temporal workers: one per task queue, so that one vendor's limit never holds up another's work."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import Worker, WorkerDeploymentConfig

from activities.accounts import AccountActivities
from activities.announcing import AnnouncingActivities
from activities.barring import BarringActivities
from activities.dunning import DunningActivities
from activities.invoicing import InvoicingActivities
from activities.limits import LimitActivities
from activities.notices import NoticeActivities
from activities.payments import PaymentActivities
from activities.plan_corrections import PlanCorrectionActivities
from activities.upkeep import UpkeepActivities
from activities.usage import UsageActivities
from billing.messages.identities import BILLING_QUEUE, MESSAGES_QUEUE, PAYMENTS_QUEUE
from evenflow.boundaries import interceptors
from evenflow.parts import Parts
from evenflow.settings import TemporalSettings
from workflows.account import AccountWorkflow
from workflows.barring import BarringWorkflow
from workflows.dunning import DunningWorkflow
from workflows.plan_correction import PlanCorrectionWorkflow
from workflows.upkeep import UpkeepWorkflow
from workflows.usage_import import UsageImportWorkflow

WORKFLOWS = [
    AccountWorkflow,
    DunningWorkflow,
    BarringWorkflow,
    UsageImportWorkflow,
    PlanCorrectionWorkflow,
    UpkeepWorkflow,
]
# What a worker may still finish after it was told to stop.
GRACE = timedelta(seconds=15)
# How old the progress of a long activity, such as an import, may be where operators see it.
SHOWN_EVERY = timedelta(seconds=1)
# Near nine tenths of the vendors' quotas: Stripe answers 100 calls a second; the messengers' limits are per sender.
CALLS_PER_SECOND = 90.0


def make_workers(client: Client, parts: Parts, temporal: TemporalSettings, prefix: str = "") -> list[Worker]:
    """Workers for billing (with the workflows), payments and messages; ``prefix`` keeps test runs apart."""
    notices = NoticeActivities(parts.notices)
    announcing = AnnouncingActivities(parts.announcing)
    payments = PaymentActivities(parts.payments)
    billing = Worker(
        client,
        task_queue=prefix + BILLING_QUEUE,
        workflows=WORKFLOWS,
        activities=_billing_activities(parts, payments),
        graceful_shutdown_timeout=GRACE,
        deployment_config=_deployment(temporal),
        max_concurrent_activities=50,
        interceptors=interceptors(parts.settings),
        max_heartbeat_throttle_interval=SHOWN_EVERY,
    )
    return [
        billing,
        _vendor_worker(client, parts, prefix + PAYMENTS_QUEUE, payments),
        _vendor_worker(client, parts, prefix + MESSAGES_QUEUE, notices, announcing),
    ]


def _billing_activities(parts: Parts, payments: PaymentActivities) -> list[Callable[..., Any]]:
    return [
        *_of(AccountActivities(parts.accounts)),
        *_of(InvoicingActivities(parts.invoicing)),
        *_of(DunningActivities(parts.dunning)),
        *_of(BarringActivities(parts.barring)),
        *_of(UsageActivities(parts.usage)),
        *_of(PlanCorrectionActivities(parts.usage.plan_corrections)),
        *_of(LimitActivities(parts.limits)),
        *_of(UpkeepActivities(parts.upkeep)),
        payments.review_method,
    ]


def _vendor_worker(client: Client, parts: Parts, queue: str, *collaborators: object) -> Worker:
    return Worker(
        client,
        task_queue=queue,
        activities=[method for one in collaborators for method in _of(one)],
        max_task_queue_activities_per_second=CALLS_PER_SECOND,
        max_concurrent_activities=20,
        # Held back for longer, as by default, a sign of life comes too late from a machine that is busy.
        max_heartbeat_throttle_interval=SHOWN_EVERY,
        interceptors=interceptors(parts.settings),
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
