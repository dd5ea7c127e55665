"""Names other systems see: workflow ids, attempt ids, task queues. Functions of business identity, never random."""

from __future__ import annotations

# One task queue per external limit, so that a slow vendor never holds up billing.
BILLING_QUEUE = "billing"
PAYMENTS_QUEUE = "payments"
MESSAGES_QUEUE = "messages"
# Orders to the network: what frees services never waits behind what restricts them.
RESTORING_QUEUE = "network-restoring"
RESTRICTING_QUEUE = "network-restricting"


def account_workflow_id(brand: str, number: str) -> str:
    """The one long-lived workflow of an account: ``account/<brand>/<account number>``."""
    return f"account/{brand}/{number}"


def dunning_workflow_id(brand: str, number: str) -> str:
    """At most one dunning case runs per account: ``dunning/<brand>/<account number>``."""
    return f"dunning/{brand}/{number}"


def barring_workflow_id(brand: str, number: str, order_id: str) -> str:
    """One workflow per network order: ``barring/<brand>/<account number>/<order id>``."""
    return f"barring/{brand}/{number}/{order_id}"


def usage_import_workflow_id(file_id: str) -> str:
    """One workflow per imported file: ``usage-import/<file id>``."""
    return f"usage-import/{file_id}"


def plan_correction_workflow_id(correction_id: str) -> str:
    """One workflow per correction of a price: ``plan-correction/<correction id>``."""
    return f"plan-correction/{correction_id}"


def bulk_action_workflow_id(bulk_id: str) -> str:
    """One workflow per bulk action: ``bulk-action/<bulk id>``."""
    return f"bulk-action/{bulk_id}"


def bulk_command_id(bulk_id: str, account_id: str, number: int = 0) -> str:
    """The command of one account in a bulk action; a way back of several steps numbers them."""
    return f"bulk/{bulk_id}/{account_id}" + (f"/{number}" if number else "")


UPKEEP_WORKFLOW_ID = "upkeep"
INVARIANTS_WORKFLOW_ID = "invariants"


def attempt_id(invoice_id: str, attempt_number: int) -> str:
    """The identity of one try at a payment, and its idempotency key: ``<invoice id>-<attempt number>``."""
    return f"{invoice_id}-{attempt_number}"
