"""What booking a payment finds that needs a person: a refund beside a chargeback, and the customer's death."""

from __future__ import annotations

from datetime import datetime

from billing.domain import staff_cases as kinds
from billing.domain.money import Money
from billing.ports.payment_provider import Failed, ProviderPayment
from billing.ports.payments import Attempt
from billing.ports.staff_cases import Cause
from billing.ports.unit_of_work import UnitOfWork


async def watch_refund_and_chargeback(
    work: UnitOfWork, attempt: Attempt, payment: ProviderPayment, now: datetime
) -> None:
    """Scenario 30: both are in the ledger; a person learns what was paid out twice. Gone when either was taken back."""
    refunded = sum(one.amount_minor for one in payment.refunds if one.status != "failed")
    charged_back = sum(one.amount_minor for one in payment.disputes if one.standing != "won")
    if not (refunded and charged_back):
        if payment.refunds and payment.disputes:
            await work.staff_cases.gone(kinds.REFUND_AND_CHARGEBACK, attempt.account_id, attempt.attempt_id, now)
        return
    twice = kinds.paid_out_twice(attempt.received_minor, refunded, charged_back)
    amounts = {"received": attempt.received_minor, "refunded": refunded, "charged_back": charged_back}
    said = {name: Money(amount, attempt.currency) for name, amount in amounts.items()}
    cause = Cause(
        kinds.REFUND_AND_CHARGEBACK,
        attempt.attempt_id,
        f"Payment {attempt.attempt_id} of {said['received']}: {said['refunded']} were refunded and "
        f"{said['charged_back']} charged back, so {Money(twice, attempt.currency)} were paid out twice.",
        attempt.account_id,
        {
            "attempt_id": attempt.attempt_id,
            "currency": attempt.currency,
            "paid_out_twice_minor": twice,
            **{f"{name}_minor": amount for name, amount in amounts.items()},
            "references": [*(one.reference for one in payment.refunds), *(one.reference for one in payment.disputes)],
        },
    )
    await work.staff_cases.see([cause], now)


async def watch_death(work: UnitOfWork, attempt: Attempt, outcome: Failed, now: datetime) -> None:
    """Scenario 21: from here on no method of the account may be debited, until a person closes the case."""
    if not kinds.names_death((outcome.code, outcome.detail)):
        return
    cause = Cause(
        kinds.REPORTED_DEATH,
        attempt.account_id,
        f"The bank answered {attempt.attempt_id} with {outcome.detail or outcome.code}: the customer has died.",
        attempt.account_id,
        {"attempt_id": attempt.attempt_id, "code": outcome.detail or outcome.code},
    )
    await work.staff_cases.open_once(cause, now)
