"""What a status report (pain.002) leads to for payouts: refused for our own data they are held, else they failed."""

from __future__ import annotations

from datetime import datetime

from billing.domain.sepa_reasons import TakenBackBy, reason_of
from billing.ports.bank_payouts import Payout, PayoutFilter, PayoutStatus
from billing.ports.bank_statements import Effect, KeptStatus
from billing.ports.unit_of_work import UnitOfWork
from billing.services.bank_payment_effects import Told
from billing.services.bank_payout_outcomes import AT_THE_BANK, undo_payout

_REJECTED = "RJCT"
_MOST_OF_A_FILE = 200_000


async def of_payout(work: UnitOfWork, account_id: str, payout_id: str, status: KeptStatus, now: datetime) -> Told:
    """One payout: refused, or nothing new, since only the statement says that money left."""
    await work.accounts.lock(account_id)
    payout = await work.bank_payouts.lock(account_id, payout_id)
    if payout.status not in AT_THE_BANK:
        return Told(Effect.NOTHING, f"Payout {payout_id} is {payout.status}: the report comes too late or twice.")
    if status.status != _REJECTED:
        return Told(Effect.NOTHING, f"Payout {payout_id} stands at {status.status}.")
    reason = reason_of(status.reason_code)
    told = status.reason_text or reason.meaning
    if reason.by is TakenBackBy.US:
        await _hold(work, payout, status, now)
        return Told(Effect.HELD, f"Payout {payout_id} was refused for our own data ({reason.code}: {told}).")
    await undo_payout(work, payout, PayoutStatus.REJECTED, reason.code, told, now)
    return Told(Effect.REJECTED, f"Payout {payout_id} was refused ({reason.code}: {told}).")


async def hold_payouts(work: UnitOfWork, batch_id: str, status: KeptStatus, now: datetime) -> int:
    """The whole file was refused: its payouts wait for staff, and nothing is given back yet. How many."""
    wanted = PayoutFilter(batch_id=batch_id, statuses=AT_THE_BANK)
    payouts = await work.bank_payouts.all(wanted, limit=_MOST_OF_A_FILE)
    for payout in payouts:
        await _hold(work, payout, status, now)
    return len(payouts)


async def _hold(work: UnitOfWork, payout: Payout, status: KeptStatus, now: datetime) -> None:
    """It is in no file any more; once the cause is mended, staff lets it go again, or cancels it."""
    reason = reason_of(status.reason_code)
    values = {
        "status": PayoutStatus.HELD,
        "batch_id": None,
        "reason_code": reason.code,
        "reason_text": status.reason_text or reason.meaning,
        "held_field": "bank",
        "held_value": reason.code,
        "held_remedy": f"The bank says: {reason.meaning}. Mend our data or file and release the payout.",
        "changed_at": now,
    }
    await work.bank_payouts.change(payout.account_id, payout.payout_id, values)
