"""Bulk actions at the door: what to do, to whom, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from api.schemas.actions import ActionIn
from api.schemas.base import Instant, Request, Response
from api.schemas.work_list import WorkFilterIn
from billing.domain.bulk_actions import KINDS, BulkKind, BulkOrder
from billing.domain.work_list import WorkFilter
from billing.messages.bulk_actions import BulkReport
from billing.ports.bulk_actions import BulkAccount, BulkAction

KindName = Literal["hold", "resume", "pause", "retry", "paylink", "move_policy", "cycle_day", "waive_fees", "segment"]
StatusName = Literal["chosen", "done", "unchanged", "refused", "skipped", "failed", "left"]


class BulkOrderIn(Request):
    """What to do to each account, with what that needs."""

    kind: KindName = Field(description="The single action that every account gets.", examples=["hold"])
    until: Instant | None = Field(
        default=None, description="Of hold: until when.", examples=["2027-03-01T09:00:00+01:00"]
    )
    policy_code: str = Field(default="", max_length=64, description="Of move_policy.", examples=["gentle"])
    policy_version: int = Field(default=0, ge=0, le=10**6, description="Of move_policy.", examples=[2])
    cycle_day: int = Field(default=0, ge=0, le=31, description="Of cycle_day: 1 to 31.", examples=[25])
    bridge: Literal["extended", "free", "prorated"] = Field(
        default="extended", description="Of cycle_day: what the days between cost.", examples=["extended"]
    )
    segment: str = Field(default="", max_length=64, description="Of segment.", examples=["gold"])

    def as_order(self) -> BulkOrder:
        """As the service reads it: what the kind does not need is left out."""
        said = {name: getattr(self, name) for name in BulkOrderIn.model_fields}
        return BulkOrder.of(BulkKind(self.kind), said)


class PreviewBulkIn(BulkOrderIn):
    """An order and the accounts it is for."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"kind": "hold", "until": "2027-03-01T09:00:00+01:00", "filter": {"segment": "business"}}]
        }
    )

    filter: WorkFilterIn = Field(
        default_factory=WorkFilterIn,
        description="As of the work list; everything that is overdue without it.",
        examples=[{"segment": "business"}],
    )

    def chosen_by(self) -> WorkFilter:
        """As the work list reads it."""
        return self.filter.as_filter()


class ConfirmBulkIn(ActionIn):
    """What was previewed, with its count."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"bulk_id": "blk_1001", "count": 214, "reason": "Outage on 3 February"}]}
    )

    bulk_id: str = Field(pattern=r"^blk_[1-9][0-9]{0,17}$", description="As the preview answered it.")
    count: int = Field(ge=0, le=10**9, description="The number of accounts that the preview answered.")


class BulkNoteOut(Response):
    """One change of an action's state."""

    at: datetime
    state: str
    author: str
    reason: str


class BulkCountsOut(Response):
    """Accounts by what became of them."""

    waiting: int = Field(description="Not had their turn yet.")
    done: int
    unchanged: int = Field(description="It was so already.")
    refused: int = Field(description="A rule, or the account's process, said no.")
    skipped: int = Field(description="Not matching the filter any more, or changed since.")
    failed: int = Field(description="The account's process gave no answer.")
    left: int = Field(description="The action was cancelled before their turn.")


class BulkAccountOut(Response):
    """One chosen account."""

    account_id: str
    brand: str
    number: str
    currency: str
    overdue_minor: int = Field(description="When it was chosen.")
    foreseen: str = Field(description="Why the preview foresaw that nothing would be done; empty: it would.")
    status: str = Field(description="chosen, asked, done, unchanged, refused, skipped, failed or left.")
    detail: str = Field(description="What was done, or why not.")
    finished_at: datetime | None


class BulkActionOut(Response):
    """A bulk action: what, by which filter, how far."""

    bulk_id: str = Field(examples=["blk_1001"])
    kind: str
    what: str = Field(description="What is done to each account.", examples=["Hold until 2027-03-01 08:00 UTC"])
    filter: dict[str, Any] = Field(description="What chose the accounts.")
    state: str = Field(description="previewed, running, paused, cancelled or done.")
    accounts: int = Field(description="How many are chosen; confirm with this count.")
    amounts_minor: dict[str, int] = Field(description="What they owed at the preview, by currency.")
    foreseen: dict[str, int] = Field(description="Why nothing would be done, and to how many.")
    counts: BulkCountsOut
    undoable: bool
    no_way_back: str = Field(description="Why it cannot be undone; empty: it can.")
    undoes: str | None = Field(description="The action whose changes this one puts back.")
    author: str
    reason: str
    previewed_at: datetime
    confirmed_at: datetime | None
    finished_at: datetime | None
    history: Sequence[BulkNoteOut]

    @classmethod
    def of(cls, action: BulkAction, report: BulkReport) -> BulkActionOut:
        kind = KINDS[action.kind]
        same = ("bulk_id", "kind", "state", "accounts", "undoes", "author", "reason", "previewed_at")
        said = {name: getattr(action, name) for name in (*same, "confirmed_at", "finished_at")}
        return cls(
            **said,
            what=BulkOrder.from_dict(action.definition).in_words,
            filter=dict(action.chosen_by),
            amounts_minor=action.totals.get("amounts", {}),
            foreseen=action.totals.get("reasons", {}),
            counts=BulkCountsOut.model_validate(report),
            undoable=kind.undoable,
            no_way_back=kind.no_way_back,
            history=[BulkNoteOut.model_validate(dict(note)) for note in action.history],
        )


class BulkPreviewOut(BulkActionOut):
    """The same before anything is done, with some of the accounts."""

    sample: Sequence[BulkAccountOut] = Field(description="The first accounts.")
    refused_sample: Sequence[BulkAccountOut] = Field(description="The first to which nothing would be done, and why.")

    @classmethod
    def with_samples(
        cls, shown: BulkActionOut, sample: Sequence[BulkAccount], refused: Sequence[BulkAccount]
    ) -> BulkPreviewOut:
        first, no = [[BulkAccountOut.model_validate(one) for one in some] for some in (sample, refused)]
        return cls(**shown.model_dump(), sample=first, refused_sample=no)


class BulkResultsOut(Response):
    """What became of the accounts, one page."""

    accounts: Sequence[BulkAccountOut]
    next_after: str | None = Field(description="Continues the list; null at the end.")


class BulkListOut(Response):
    """Actions, the newest first."""

    actions: Sequence[BulkActionOut]
    next_before: str | None = Field(description="Continues the list; null at the end.")
