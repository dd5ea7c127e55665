"""What corrections share: a command counts once, and the same command again answers what it answered then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from billing.domain.errors import Conflict, InvalidValue
from billing.messages.invoicing import CorrectionResult
from billing.ports.accounts import TimelineEntry
from billing.ports.clock import BusinessClock
from billing.ports.documents import DocumentRenderer
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.usage_plans import PlanShelf


@dataclass(frozen=True)
class CommandContext:
    """Who asks for what, and the business instant at which it is carried out."""

    account_id: str
    kind: str
    command_id: str
    author: str
    reason: str
    now: datetime


class InvoicingUseCases:
    """The collaborators of all use cases of invoicing; only drawing PDFs needs the renderer."""

    def __init__(
        self, make_work: UnitOfWorkFactory, clock: BusinessClock, renderer: DocumentRenderer | None = None
    ) -> None:
        self._make_work = make_work
        self._clock = clock
        self._renderer = renderer
        self._shelf = PlanShelf()


async def earlier_result(work: UnitOfWork, context: CommandContext) -> Mapping[str, Any] | None:
    """What this command answered before, or None. Raises Conflict when its id was used for another kind."""
    if not context.command_id:
        return None
    known = await work.invoices.command_result(context.account_id, context.command_id)
    if known is None:
        return None
    kind, result = known
    if kind != context.kind:
        raise Conflict(
            f"The command {context.command_id} was {kind}.",
            field="command_id",
            value=context.command_id,
            remedy="Choose a new id for a new command.",
        )
    return result


async def remember(work: UnitOfWork, context: CommandContext, result: Mapping[str, Any]) -> None:
    """Keep what the command answers; one without an id counts every time."""
    if context.command_id:
        await work.invoices.remember_command(context.account_id, context.command_id, context.kind, result, context.now)


async def tell(work: UnitOfWork, context: CommandContext, summary: str, inputs: Mapping[str, Any]) -> None:
    """Write the command to the account's timeline with its author and reason."""
    reason = {"rule": context.kind, "reason": context.reason, "command_id": context.command_id, **inputs}
    await work.timeline.add(
        TimelineEntry(context.account_id, context.now, context.kind, summary, reason, context.author)
    )


def as_correction(result: Mapping[str, Any]) -> CorrectionResult:
    """A remembered result as it was answered."""
    return CorrectionResult(**{**result, "settled_invoice_ids": tuple(result["settled_invoice_ids"])})


async def finish(work: UnitOfWork, context: CommandContext, result: CorrectionResult) -> CorrectionResult:
    """Remember the answer of a correction and commit."""
    await remember(work, context, asdict(result))
    await work.commit()
    return result


def refuse_unreasoned(context: CommandContext) -> None:
    """A change to a customer's money has an author and a reason."""
    for field, value in (("reason", context.reason), ("author", context.author)):
        if not value.strip():
            raise InvalidValue(
                f"A correction needs {'a reason' if field == 'reason' else 'an author'}.",
                field=field,
                value=value,
                remedy="Say why, in words that whoever reads the account later understands."
                if field == "reason"
                else "Name who asks for it.",
            )
