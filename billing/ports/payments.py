"""Payment methods, mandates, attempts, allocations and the webhook inbox."""

from __future__ import annotations

from typing import Protocol


class PaymentRepository(Protocol):
    """Payment methods, mandates, attempts, allocations and the webhook inbox."""
