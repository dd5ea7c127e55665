"""Bulk actions, as the process calls them."""

from __future__ import annotations

from temporalio import activity

from activities.refusals import dependable, refusals_final
from billing.messages.bulk_actions import BulkBatch, BulkBatchRequest, BulkNote, BulkReport
from billing.services.bulk_running import BulkRunning


class BulkActionActivities:
    """Batches of accounts; a second call goes on with those that have not had their turn."""

    def __init__(self, service: BulkRunning) -> None:
        self._service = service

    @activity.defn(name="next_bulk_batch")
    @refusals_final
    async def next_bulk_batch(self, request: BulkBatchRequest) -> BulkBatch:
        return await self._service.next_batch(request)

    @activity.defn(name="carry_out_bulk_batch")
    @dependable
    async def carry_out_bulk_batch(self, batch: BulkBatch) -> int:
        return await self._service.carry_out(batch, activity.heartbeat)

    @activity.defn(name="note_bulk_state")
    @refusals_final
    async def note_bulk_state(self, note: BulkNote) -> bool:
        return await self._service.note_state(note)

    @activity.defn(name="finish_bulk_action")
    @refusals_final
    async def finish_bulk_action(self, request: BulkBatchRequest) -> BulkReport:
        return await self._service.finish(request.bulk_id)
