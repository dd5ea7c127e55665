"""What the doors can reach: the use cases and the process, built once by the application."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from billing.ports.clock import BusinessClock
from billing.ports.process import Process
from billing.ports.unit_of_work import UnitOfWorkFactory


@dataclass(frozen=True)
class Container:
    """Built by evenflow.bootstrap; routers take what they need from it. ``public_url`` has no trailing slash."""

    make_work: UnitOfWorkFactory
    clock: BusinessClock
    process: Process
    public_url: str
    links: dict[str, str] = field(default_factory=dict)
    accounts: Any = None
    catalogue: Any = None
    usage: Any = None
    invoicing: Any = None
    payments: Any = None
    pay_sessions: Any = None
    webhook_inbox: Any = None
    notices: Any = None
    notice_templates: Any = None
    notice_callbacks: Any = None
    dunning: Any = None
    barring: Any = None
    paylinks: Any = None
    access: Any = None
