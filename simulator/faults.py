"""Switches that make the world go wrong, on requests and on webhooks, by count or by seeded probability.

A rule names its ``kind`` and where it applies (``path`` prefix and ``method`` for requests; ``vendor`` and
``event_type`` prefix for webhooks). ``count`` limits how often it strikes, ``skip`` lets the first matches pass,
``probability`` (with ``seed``) makes it strike by chance, the same way every time. ``seconds`` is its length.
"""

from __future__ import annotations

import random
import threading
from dataclasses import asdict, dataclass, fields
from typing import Any

REQUEST_KINDS = (
    "error_500_before",
    "error_500_after",
    "hang_before",
    "hang_after_commit",
    "too_many_requests",
    "slow",
    "network_refuse",
    "network_never_confirm",
    "network_fail",
    "network_delay",
)
WEBHOOK_KINDS = ("webhook_duplicate", "webhook_delay", "webhook_drop", "webhook_reorder")


class UnusableFault(ValueError):
    """The rule cannot be used; the text names the field."""


@dataclass(slots=True)
class Fault:
    """One rule and what it has seen so far."""

    id: str
    kind: str
    path: str = ""
    method: str = ""
    vendor: str = ""
    event_type: str = ""
    count: int | None = None
    skip: int = 0
    probability: float = 1.0
    seed: int = 0
    seconds: float = 30.0
    stored: bool = True
    draws: int = 0
    strikes: int = 0

    def strikes_now(self) -> bool:
        """Count this match and say whether the rule strikes."""
        if self.count is not None and self.strikes >= self.count:
            return False
        self.draws += 1
        if self.draws <= self.skip:
            return False
        if self.probability < 1.0 and random.Random(f"{self.seed}:{self.draws}").random() >= self.probability:
            return False
        self.strikes += 1
        return True


class Faults:
    """All rules now in force; kept in the file through ``as_json``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.rules: list[Fault] = []
        self.changed = False

    def load(self, kept: list[dict[str, Any]] | None) -> None:
        """Take the rules as they were kept."""
        self.rules = [Fault(**rule) for rule in kept or []]

    def as_json(self) -> list[dict[str, Any]]:
        """The rules as they are kept and shown."""
        with self._lock:
            self.changed = False
            return [asdict(rule) for rule in self.rules]

    def add(self, body: dict[str, Any]) -> Fault:
        """A new rule from JSON.

        Raises ``UnusableFault`` for an unknown kind or field.
        """
        known = {field.name for field in fields(Fault)} - {"id", "draws", "strikes"}
        for name in body:
            if name not in known:
                raise UnusableFault(f"{name} is not a field of a fault; known are {', '.join(sorted(known))}.")
        if body.get("kind") not in REQUEST_KINDS + WEBHOOK_KINDS:
            raise UnusableFault(
                f"kind {body.get('kind')!r} is unknown; use one of {', '.join(REQUEST_KINDS + WEBHOOK_KINDS)}."
            )
        with self._lock:
            number = max((int(rule.id.removeprefix("fault_")) for rule in self.rules), default=0) + 1
            rule = Fault(id=f"fault_{number}", **body)
            self.rules.append(rule)
            return rule

    def remove(self, identity: str | None = None) -> None:
        """Drop one rule, or all."""
        with self._lock:
            self.rules = [rule for rule in self.rules if identity is not None and rule.id != identity]

    def on_request(self, method: str, path: str) -> dict[str, Fault]:
        """The rules that strike this request, by kind."""
        return self._striking(
            REQUEST_KINDS, lambda rule: path.startswith(rule.path) and rule.method.upper() in ("", method)
        )

    def on_webhook(self, vendor: str, event_type: str) -> dict[str, Fault]:
        """The rules that strike this webhook, by kind."""
        return self._striking(
            WEBHOOK_KINDS,
            lambda rule: rule.vendor in ("", vendor) and event_type.startswith(rule.event_type),
        )

    def _striking(self, kinds: tuple[str, ...], applies: Any) -> dict[str, Fault]:
        if not self.rules:
            return {}
        with self._lock:
            found: dict[str, Fault] = {}
            for rule in self.rules:
                if rule.kind in kinds and rule.kind not in found and applies(rule):
                    self.changed = True
                    if rule.strikes_now():
                        found[rule.kind] = rule
            return found
