"""What a customer does about payment methods on our page: look, agree and add, choose, remove."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from billing.domain.errors import InvalidValue, Refusal
from billing.messages.payments import MethodKind
from billing.ports.accounts import Account, Brand
from billing.ports.clock import BusinessClock
from billing.ports.payment_evidence import NewAcceptance
from billing.ports.payments import MethodStatus, PaymentMethod
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.services.mandate_texts import MandateText, shown
from billing.services.method_links import MethodLinks, StaleForm
from billing.services.notice_words import read_locale
from billing.services.payment_methods import MethodService
from billing.services.payment_providers import PaymentProviders

LONGEST_USER_AGENT = 500
# The provider's page, as it comes back in our own address.
_REFERENCE = re.compile(r"cs_[A-Za-z0-9_]{1,180}")
BY_CUSTOMER = "customer"


@dataclass(frozen=True)
class MethodsNow:
    """What the page shows: no more of the customer than the account's last digits, of a method its last four."""

    account_id: str
    brand_name: str
    masked_number: str
    language: str
    methods: tuple[PaymentMethod, ...]
    kinds: tuple[MethodKind, ...]
    brand: str = ""


@dataclass(frozen=True)
class Offer:
    """A text to agree to, and the proof that it was this one."""

    page: MethodsNow
    text: MandateText
    proof: str


@dataclass(frozen=True)
class Removed:
    """What became of a removal; ``under_way_minor`` is with the bank already and will still be taken."""

    page: MethodsNow
    under_way_minor: int
    currency: str


class MethodDesk:
    """Everything behind ``/methods/{token}``. A token that is forged or revoked raises UnusablePaylink."""

    def __init__(
        self,
        make_work: UnitOfWorkFactory,
        clock: BusinessClock,
        links: MethodLinks,
        methods: MethodService,
        providers: PaymentProviders,
        creditor_id: str = "",
    ) -> None:
        self._make_work = make_work
        self._clock = clock
        self._links = links
        self._methods = methods
        self._providers = providers
        self._creditor_id = creditor_id

    async def whose(self, token: str) -> Account:
        """The account behind an address."""
        account, _ = await self._customer(await self._links.account_of(token))
        return account

    async def look(self, token: str) -> MethodsNow:
        """The methods stored and the kinds that may be added."""
        return await self._page(await self._links.account_of(token))

    async def offer(self, token: str, kind: str) -> Offer:
        """The text of a kind in the customer's language. Raises InvalidValue for a kind that is not offered."""
        account_id = await self._links.account_of(token)
        page = await self._page(account_id)
        if kind not in page.kinds:
            raise InvalidValue(
                "This kind of method is not offered.",
                field="kind",
                value=kind,
                remedy=f"Use one of: {', '.join(page.kinds)}.",
            )
        _, brand = await self._customer(account_id)
        text = shown(MethodKind(kind), page.language, brand, self._creditor_id)
        proof = self._links.proof(account_id, "agree", kind, str(text.version), text.language)
        return Offer(page, text, proof)

    async def agree(self, token: str, proof: str, ip_address: str, user_agent: str) -> str:
        """Keep the evidence that the customer agreed to the text shown; the address of the provider's page.

        Raises StaleForm, and faults of the provider.
        """
        account_id = await self._links.account_of(token)
        purpose = self._links.purpose(account_id, proof)
        if purpose[0] != "agree" or len(purpose) != 4:
            raise StaleForm("This form is about something else.", field="form", remedy="Load the page again.")
        kind, language = MethodKind(purpose[1]), purpose[3]
        account, brand = await self._customer(account_id)
        text = shown(kind, language, brand, self._creditor_id, int(purpose[2]))
        acceptance_id = await self._keep(account, text, ip_address, user_agent)
        home = self._links.address_of(token)
        page = await self._methods.start_setup(
            account_id,
            f"{home}/done?session={{CHECKOUT_SESSION_ID}}",
            home,
            kinds=(kind,),
            locale=language,
            acceptance_id=acceptance_id,
        )
        async with self._make_work() as work:
            await work.evidence.opened(account_id, acceptance_id, page.reference)
            await work.commit()
        return page.url

    async def _keep(self, account: Account, text: MandateText, ip_address: str, user_agent: str) -> str:
        async with self._make_work() as work:
            kept = await work.evidence.add(
                NewAcceptance(
                    account_id=account.account_id,
                    kind=text.kind,
                    text_version=text.version,
                    language=text.language,
                    text_shown=text.text,
                    accepted_at=self._clock.now(),
                    recorded_at=datetime.now(UTC),
                    ip_address=ip_address,
                    user_agent=user_agent[:LONGEST_USER_AGENT],
                )
            )
            await work.commit()
        return kept

    async def returned(self, token: str, reference: str) -> tuple[MethodsNow, bool]:
        """The customer is back from the provider's page: the page, and whether a method was stored."""
        account_id = await self._links.account_of(token)
        stored = None
        if _REFERENCE.fullmatch(reference):
            with suppress(Refusal):
                stored = await self._methods.complete_setup(account_id, reference, BY_CUSTOMER)
        return await self._page(account_id), stored is not None

    async def use(self, token: str, proof: str) -> MethodsNow:
        """Debit the method named in the form from now on. Raises StaleForm, UnableToUseMethod."""
        account_id = await self._links.account_of(token)
        await self._methods.use(account_id, self._method_of(account_id, proof, "use"), BY_CUSTOMER, "on the page")
        return await self._page(account_id)

    async def remove(self, token: str, proof: str) -> Removed:
        """Never debit the method named in the form again. Raises StaleForm."""
        account_id = await self._links.account_of(token)
        method_id = self._method_of(account_id, proof, "remove")
        under_way = await self._methods.under_way(account_id, method_id)
        await self._methods.remove(account_id, method_id, BY_CUSTOMER, "on the page")
        currency = under_way[0].currency if under_way else ""
        return Removed(await self._page(account_id), sum(one.expected_minor for one in under_way), currency)

    def _method_of(self, account_id: str, proof: str, wanted: str) -> str:
        purpose = self._links.purpose(account_id, proof)
        if purpose[0] != wanted or len(purpose) != 2:
            raise StaleForm("This form is about something else.", field="form", remedy="Load the page again.")
        return purpose[1]

    def proof_of(self, page: MethodsNow, action: str, method: PaymentMethod) -> str:
        """What the form of an action about a method must send back."""
        return self._links.proof(page.account_id, action, method.method_id)

    async def _customer(self, account_id: str) -> tuple[Account, Brand]:
        async with self._make_work() as work:
            account = await work.accounts.get(account_id)
            return account, await work.accounts.brand(account.brand)

    async def _page(self, account_id: str) -> MethodsNow:
        account, brand = await self._customer(account_id)
        stored = await self._methods.methods(account_id)
        return MethodsNow(
            account_id=account_id,
            brand_name=brand.name,
            masked_number="•••" + account.number[-3:],
            language=read_locale(account.locale, brand.locale).language,
            methods=tuple(one for one in stored if one.status is not MethodStatus.REMOVED),
            kinds=self._providers.chosen.kinds_for(brand.currency),
            brand=brand.brand,
        )
