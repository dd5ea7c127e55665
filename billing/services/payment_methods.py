"""Payment methods: stored, replaced, removed, reviewed after a change; never more of them than the last four digits."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from billing.domain.errors import NotFound, UnableTo
from billing.messages.account import PaymentMethodChanged
from billing.messages.identities import account_workflow_id
from billing.messages.payments import MethodInUse, MethodKind, MethodReview, PaymentStatus
from billing.ports.accounts import TimelineEntry
from billing.ports.clock import BusinessClock
from billing.ports.payment_evidence import Acceptance
from billing.ports.payment_provider import HostedPage, MethodFacts
from billing.ports.payments import Attempt, Mandate, MandateStatus, MethodStatus, PaymentMethod
from billing.ports.process import Process
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.method_changes import take_over
from billing.services.method_review import method_in_use
from billing.services.payment_providers import PaymentProviders


class UnableToUseMethod(UnableTo):
    """A stored method that may not be debited was asked for."""


class MethodService:
    """The methods of accounts. With a ``process``, the account's workflow is told of changes made at the doors."""

    def __init__(
        self,
        make_work: UnitOfWorkFactory,
        clock: BusinessClock,
        providers: PaymentProviders,
        process: Process | None = None,
    ) -> None:
        self._make_work = make_work
        self._clock = clock
        self._providers = providers
        self._process = process

    async def methods(self, account_id: str) -> list[PaymentMethod]:
        """All methods not removed, newest first."""
        async with self._make_work() as work:
            await work.accounts.get(account_id)
            return list(await work.payments.methods(account_id))

    async def add_method(
        self, account_id: str, provider_method: str, author: str, accepted_from: str = ""
    ) -> PaymentMethod:
        """Store a method named by the provider and use it from now on; a bank account gets its mandate.

        ``accepted_from`` is the network address the customer agreed from. Raises UnableToStoreMethod, and
        UnableToUseMethod for one that was stored before and has been blocked.
        """
        customer = await self.ensure_customer(account_id)
        facts = await self._providers.chosen.attach_method(customer, provider_method, accepted_from)
        stored = await self.keep(account_id, replace(facts, provider_customer=customer), author)
        if stored.is_default and stored.status == MethodStatus.USABLE:
            return stored
        await self._put_in_use(account_id, stored.method_id)
        return replace(stored, is_default=True)

    async def start_setup(
        self,
        account_id: str,
        return_url: str,
        cancel_url: str,
        kinds: tuple[MethodKind, ...] = (),
        locale: str = "",
        acceptance_id: str = "",
    ) -> HostedPage:
        """A page of the provider on which the customer leaves a method; ``acceptance_id`` is what they agreed to."""
        customer = await self.ensure_customer(account_id)
        async with self._make_work() as work:
            account = await work.accounts.get(account_id)
            brand = await work.accounts.brand(account.brand)
        return await self._providers.chosen.start_method_setup(
            account_id, customer, brand.currency, return_url, cancel_url, kinds, locale, acceptance_id
        )

    async def complete_setup(self, account_id: str, reference: str, author: str) -> PaymentMethod | None:
        """Store what the customer left on a setup page; None while they have not finished."""
        facts = await self._providers.chosen.finished_setup(reference)
        if facts is None:
            return None
        customer = await self.ensure_customer(account_id)
        if facts.provider_customer not in ("", customer):
            raise UnableToUseMethod(
                "This setup page belongs to another account.",
                field="reference",
                value=reference,
                remedy="Use the reference answered when the page was opened for this account.",
            )
        stored = await self.keep(account_id, replace(facts, provider_customer=customer), author)
        if facts.acceptance_id:
            async with self._make_work() as work:
                await work.evidence.fulfilled(
                    account_id, facts.acceptance_id, stored.method_id, facts.mandate_reference
                )
                await work.commit()
        return stored

    async def ensure_customer(self, account_id: str) -> str:
        """The provider's customer of an account, made on first use."""
        provider = self._providers.chosen
        async with self._make_work() as work:
            account = await work.accounts.get(account_id)
            known = await work.payments.customer(account_id, provider.name)
        if known is not None:
            return known
        made = await provider.ensure_customer(account_id, account.brand, account.customer_name, account.email)
        async with self._make_work() as work:
            await work.accounts.lock(account_id)
            known = await work.payments.customer(account_id, provider.name)
            if known is None:
                await work.payments.add_customer(account_id, provider.name, made)
                await work.commit()
        return known or made

    async def keep(self, account_id: str, facts: MethodFacts, author: str) -> PaymentMethod:
        """Store a method as the provider has it, with its mandate, and make it the one in use.

        Hearing of it again changes nothing: what was blocked, removed or replaced meanwhile stays so.
        """
        now = self._clock.now()
        async with self._make_work() as work:
            await work.accounts.lock(account_id)
            known = await self._known(work, account_id, facts)
            if known is not None:
                return known
            self._providers.refuse_new(facts.kind)
            method = await work.payments.add_method(
                {
                    "account_id": account_id,
                    "kind": facts.kind,
                    "provider": self._providers.chosen.name,
                    "provider_customer": facts.provider_customer,
                    "provider_method": facts.provider_method,
                    "label": facts.label,
                    "last_four": facts.last_four[-4:],
                    "expires_on": facts.expires_on,
                    "status": MethodStatus.USABLE,
                    "blocked_reason": "",
                    "is_default": False,
                    "created_at": now,
                    "fingerprint": facts.fingerprint,
                }
            )
            await self._keep_mandate(work, method, facts)
            await work.payments.make_default(account_id, method.method_id)
            summary = f"Payment method {method.kind} ending in {method.last_four} stored."
            reason = {"method_id": method.method_id, "mandate": facts.mandate_reference}
            await work.timeline.add(TimelineEntry(account_id, now, "method_stored", summary, reason, author))
            stored = await work.payments.method(account_id, method.method_id)
            await work.commit()
        await self._tell(account_id, method.method_id)
        return stored

    async def _known(self, work: UnitOfWork, account_id: str, facts: MethodFacts) -> PaymentMethod | None:
        owner = await work.payments.method_of(self._providers.chosen.name, [facts.provider_method])
        if owner is None or owner[0] != account_id:
            return None
        return await work.payments.method(account_id, owner[1])

    async def _tell(self, account_id: str, method_id: str) -> None:
        """Let the account's process look at the method in use; an account that is closed has none."""
        if self._process is None:
            return
        async with self._make_work() as work:
            account = await work.accounts.get(account_id)
        message_id = f"{method_id}-{self._clock.now().isoformat()}"
        with suppress(NotFound):
            await self._process.signal(
                account_workflow_id(account.brand, account.number),
                "payment_method_changed",
                PaymentMethodChanged(message_id),
            )

    async def _keep_mandate(self, work: UnitOfWork, method: PaymentMethod, facts: MethodFacts) -> None:
        if not facts.provider_mandate:
            return
        await work.payments.put_mandate(
            Mandate(
                account_id=method.account_id,
                method_id=method.method_id,
                provider=method.provider,
                provider_mandate=facts.provider_mandate,
                reference=facts.mandate_reference,
                status=MandateStatus(facts.mandate_status),
                accepted_at=method.created_at,
                creditor_id=facts.creditor_id,
                ended_by=facts.mandate_ended_by,
            )
        )

    async def mandates(self, account_id: str) -> tuple[Sequence[Mandate], Sequence[Acceptance]]:
        """The account's mandates, and what its customer agreed to, newest first; also of methods removed since."""
        async with self._make_work() as work:
            await work.accounts.get(account_id)
            return await work.payments.mandates(account_id), await work.evidence.all(account_id)

    async def under_way(self, account_id: str, method_id: str) -> list[Attempt]:
        """Debits by this method that are with the bank: they will be taken though the method is removed."""
        async with self._make_work() as work:
            live = await work.payments.live_attempts(account_id)
        with_the_bank = (PaymentStatus.PENDING, PaymentStatus.UNKNOWN)
        return [one for one in live if one.method_id == method_id and one.status in with_the_bank]

    async def use(self, account_id: str, method_id: str, author: str, why: str) -> None:
        """Debit this method from now on. Raises NotFound, and UnableToUseMethod for one that may not be debited."""
        await self._put_in_use(account_id, method_id)
        async with self._make_work() as work:
            reason = {"method_id": method_id, "reason": why}
            summary = "Another payment method is used from now on."
            entry = TimelineEntry(account_id, self._clock.now(), "method_chosen", summary, reason, author)
            await work.timeline.add(entry)
            await work.commit()
        await self._tell(account_id, method_id)

    async def remove(self, account_id: str, method_id: str, author: str, why: str = "") -> None:
        """Never debit a method again, here or at the provider. Removing it twice is no error.

        What is with the bank already is taken all the same, and the timeline says so.
        """
        under_way = await self.under_way(account_id, method_id)
        async with self._make_work() as work:
            await work.accounts.lock(account_id)
            method = await work.payments.method(account_id, method_id)
            values = {"status": MethodStatus.REMOVED, "is_default": False}
            await work.payments.change_method(account_id, method_id, values)
            summary = f"Payment method {method.kind} ending in {method.last_four} removed."
            reason = {"method_id": method_id, "reason": why, "under_way": [one.attempt_id for one in under_way]}
            if under_way:
                summary += " A debit that is with the bank already is still taken."
            await work.timeline.add(
                TimelineEntry(account_id, self._clock.now(), "method_removed", summary, reason, author)
            )
            await work.commit()
        await self._providers.of(method.provider).detach_method(method.provider_method)
        await self._tell(account_id, method_id)

    async def refresh(self, account_id: str, method_id: str) -> None:
        """Read a method and its mandate at the provider, after a hint that something changed."""
        async with self._make_work() as work:
            method = await work.payments.method(account_id, method_id)
            mandate = await work.payments.mandate(account_id, method_id)
        provider = self._providers.of(method.provider)
        if mandate is not None:
            facts = await provider.get_mandate(mandate.provider_mandate)
        else:
            facts = await provider.get_method(method.provider_method)
        async with self._make_work() as work:
            await work.accounts.lock(account_id)
            # Read again under the lock: another hint may have been faster.
            method = await work.payments.method(account_id, method_id)
            mandate = await work.payments.mandate(account_id, method_id)
            await take_over(work, method, mandate, facts, self._clock.now())
            await work.commit()

    async def review(self, request: MethodReview) -> MethodInUse:
        """What would be debited now; a named method is put in use first.

        Raises NotFound, and UnableToUseMethod for a method that may not be debited.
        """
        if request.method_id:
            await self._put_in_use(request.account_id, request.method_id)
        async with self._make_work() as work:
            return await method_in_use(work, request.account_id, self._clock.now())

    async def _put_in_use(self, account_id: str, method_id: str) -> None:
        async with self._make_work() as work:
            await work.accounts.lock(account_id)
            method = await work.payments.method(account_id, method_id)
            if not method.usable_on(self._clock.now().date()):
                raise UnableToUseMethod(
                    f"This method is {method.status} and cannot be debited. {method.blocked_reason}".strip(),
                    field="method_id",
                    value=method_id,
                    remedy="Choose another method, or set a new one up.",
                )
            await work.payments.make_default(account_id, method_id)
            await work.commit()
