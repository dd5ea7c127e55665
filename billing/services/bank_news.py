"""Tell accounts' processes what the bank told us, as a webhook would: each asks for what is true and books that.

What is to be told is written in the transaction that changed it, and forgotten when the process took it; whatever dies
in between, the next round tells it again, and the process counts it once by its message id.
"""

from __future__ import annotations

import logging

from billing.messages.account import PaymentOutcomeReceived
from billing.ports.bank_statements import News
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.services.payment_outcomes import PaymentOutcomes

_log = logging.getLogger(__name__)
AT_ONCE = 500


class BankNews:
    """Passes news on."""

    def __init__(self, make_work: UnitOfWorkFactory, outcomes: PaymentOutcomes) -> None:
        self._make_work = make_work
        self._outcomes = outcomes

    async def tell(self) -> int:
        """Tell what is not told yet; how much was. What cannot be told now waits for the next round."""
        async with self._make_work() as work:
            waiting = await work.bank_statements.news(AT_ONCE)
        told = 0
        for news in waiting:
            try:
                told += await self._tell_one(news)
            except Exception:
                _log.warning("%s of %s waits for upkeep", news.attempt_id, news.account_id, exc_info=True)
        return told

    async def _tell_one(self, news: News) -> bool:
        async with self._make_work() as work:
            account = await work.accounts.get(news.account_id)
        fact = PaymentOutcomeReceived(f"bank-{news.reference}", news.attempt_id)
        if not await self._outcomes.tell(account, fact):
            return False  # upkeep starts it again
        async with self._make_work() as work:
            await work.bank_statements.drop_news(news)
            await work.commit()
        return True
