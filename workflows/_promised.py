"""What a promise to pay does to amounts that no case presses for yet: their dates wait until it is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from billing.messages.account import CollectionStage, OpenCollection
from workflows._desk import Desk

# What has a date of its own ahead; with the provider it cannot be held any more, and dunning knows of the promise.
AHEAD = (CollectionStage.ISSUED, CollectionStage.ANNOUNCED, CollectionStage.REMINDED, CollectionStage.RETRY_WANTED)
ANNOUNCED = (CollectionStage.ANNOUNCED, CollectionStage.REMINDED)


def wait_for_promise(desk: Desk, invoice_ids: tuple[str, ...], until: datetime) -> bool:
    """Put off what would be done about these invoices before a promise is over; True when a debit was called off.

    What is not paid by then is announced with a new date, or handed over where nothing is debited.
    """
    held = [one for one in desk.collections if set(invoice_ids) & set(one.invoice_ids) and _is_before(one, until)]
    for collection in held:
        desk.put(_put_off(collection, until))
    return any(one.debits and one.stage in ANNOUNCED for one in held)


def _is_before(collection: OpenCollection, until: datetime) -> bool:
    planned_at = collection.submit_at if collection.debits else collection.debit_at
    return collection.stage in AHEAD and planned_at is not None and planned_at < until


def _put_off(collection: OpenCollection, until: datetime) -> OpenCollection:
    if collection.stage is CollectionStage.ISSUED:
        return replace(collection, wake_at=until)  # a bill that leaves late moves its debit by itself
    if collection.debits:
        return replace(collection, stage=CollectionStage.RETRY_WANTED, submit_at=until, wake_at=until)
    return replace(collection, stage=CollectionStage.REMINDED, wake_at=until)
