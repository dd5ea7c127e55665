"""The reconnection fee: by the brand's policy, when a debt was paid after it had services restricted.

Never for what a cap stopped, for what a person lifted, or for a debt that was credited or written off: then nothing was
owed. The fee is a charge on the next invoice, and the timeline says why it was taken, or why not.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from billing.domain.barring_policy import BarringPolicy, ReconnectionFee
from billing.domain.money import Money
from billing.domain.restrictions import Cause
from billing.domain.tax import TaxTable
from billing.ports.accounts import Account, Brand, TimelineEntry
from billing.ports.barring import Order
from billing.ports.unit_of_work import UnitOfWork
from billing.services.barring_holds import BY_DUNNING, LIFTED
from billing.services.barring_standing import CONFIRMED
from billing.services.fee_words import RECONNECTION, fee_name

KIND = "reconnection_fee"
A_YEAR = timedelta(days=365)


async def charge_reconnection(work: UnitOfWork, order: Order, paid_at: datetime | None, now: datetime) -> None:
    """Charge what the brand's policy says for a restoration that was just confirmed, once; or say why not."""
    if order.author != BY_DUNNING or order.level != LIFTED:
        return
    account = await work.accounts.get(order.account_id)
    brand = await work.accounts.brand(account.brand)
    fee = BarringPolicy.from_dict(brand.barring_policy).reconnection_fee
    if fee is not None and await _is_charged_by_its_case(work, order):
        return
    restricted = await _restricted_services(work, order) if fee is not None else {}
    if fee is None or not restricted:
        return
    free = await _why_free(work, account, fee, order, paid_at, max(restricted.values()))
    if free:
        await _tell(work, account, order, now, f"No reconnection fee: {free}", {"free": free})
        return
    await _charge(work, account, brand, fee, order, len(restricted), now)


async def _is_charged_by_its_case(work: UnitOfWork, order: Order) -> bool:
    """True when the case's own policy has such a fee: it takes the place of the brand's, and is booked with its end."""
    cases = {one.case_id: one for one in await work.dunning.cases(order.account_id)}
    case = cases.get(order.order_id.rpartition("-")[0])
    if case is None:
        return False
    pinned = await work.dunning.policy(case.policy_code, case.policy_version)
    fees = pinned.definition.get("fees") or {}
    return bool(fees.get("reconnection_minor"))


async def _restricted_services(work: UnitOfWork, order: Order) -> Mapping[str, datetime]:
    """Services this order freed and the network had confirmed as restricted for the debt; since when."""
    restricted: dict[str, datetime] = {}
    confirmed: dict[str, set[str]] = {}
    for each in await work.barring.services_of(order.account_id, order.order_id):
        for held in await work.barring.ever_held(order.account_id, each.service_id, 100):
            if held.lift_order_id != order.order_id or held.cause != Cause.DUNNING:
                continue
            if held.order_id not in confirmed:
                by = await work.barring.services_of(order.account_id, held.order_id)
                confirmed[held.order_id] = {one.service_id for one in by if one.state == CONFIRMED}
            if each.service_id in confirmed[held.order_id]:
                restricted[each.service_id] = min(held.since, restricted.get(each.service_id, held.since))
    return restricted


async def _why_free(
    work: UnitOfWork,
    account: Account,
    fee: ReconnectionFee,
    order: Order,
    paid_at: datetime | None,
    restricted_at: datetime,
) -> str:
    if paid_at is None or paid_at < restricted_at:
        return "nothing was paid since services were restricted"
    if await work.accounts.open_cycle(account.account_id) is None:
        return "the account has had its last invoice"
    since = order.placed_at - A_YEAR
    earlier = [
        one
        for one in await work.barring.orders(account.account_id)
        if one.order_id != order.order_id and one.level == LIFTED and one.author == BY_DUNNING
        if one.paid_at is not None and one.placed_at > since
    ]
    return fee.waived(account.segment, len(earlier))


async def _charge(
    work: UnitOfWork, account: Account, brand: Brand, fee: ReconnectionFee, order: Order, services: int, now: datetime
) -> None:
    percent = Decimal(TaxTable.from_dict(dict(brand.tax_table), "tax_table").percents[fee.tax_code])
    net = fee.net_minor(services, percent)
    line = await work.invoices.add_adjustment(
        {
            "account_id": account.account_id,
            "amount_minor": net,
            "currency": brand.currency,
            "tax_code": fee.tax_code,
            "description": fee_name(RECONNECTION, account, brand),
            "reason": f"services restored after payment, order {order.order_id}",
            "author": BY_DUNNING,
            "created_at": now,
        }
    )
    facts = {
        "amount_minor": net,
        "services": services,
        "per_service_minor": fee.amount_minor,
        "maximum_minor": fee.maximum_minor,
        "tax_code": fee.tax_code,
        "line": line.adjustment_id,
    }
    summary = f"Reconnection fee: {Money(net, brand.currency)} net on the next invoice"
    await _tell(work, account, order, now, summary, facts)


async def _tell(
    work: UnitOfWork, account: Account, order: Order, now: datetime, summary: str, facts: Mapping[str, Any]
) -> None:
    reason = {"rule": f"barring policy of the brand {account.brand}", "order_id": order.order_id, **facts}
    await work.timeline.add(TimelineEntry(account.account_id, now, KIND, summary, reason, order.author))
