"""The address where a customer manages payment methods: signed like a paylink, and another one.

Whoever pays for somebody else with a paylink must not be able to look at methods, or to take one away.
"""

from __future__ import annotations

from itsdangerous import BadSignature, URLSafeTimedSerializer

from billing.domain import identity
from billing.domain.errors import InvalidValue
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.services.paylinks import Paylinks

# A form older than this is asked for again, so that a text is agreed to soon after it was read.
FORM_SECONDS = 2 * 3600


class StaleForm(InvalidValue):
    """A form that is too old, or that this page did not give out."""


class MethodLinks(Paylinks):
    """Makes and reads the addresses, and the proofs in their forms. They are revoked together with the paylinks."""

    salt = "evenflow.methods"
    path = "methods"

    def __init__(self, make_work: UnitOfWorkFactory, signing_keys: tuple[str, ...], public_base: str) -> None:
        super().__init__(make_work, signing_keys, public_base)
        self._forms = URLSafeTimedSerializer(list(reversed(signing_keys)), salt="evenflow.methods.form")

    def proof(self, account_id: str, *purpose: str) -> str:
        """What a form must send back: that we showed it, to whom, about what, and when."""
        made = self._forms.dumps([identity.parse(identity.ACCOUNT, account_id), *purpose])
        return made if isinstance(made, str) else made.decode()

    def purpose(self, account_id: str, proof: str) -> tuple[str, ...]:
        """What a form is about. Raises StaleForm."""
        try:
            number, *purpose = self._forms.loads(proof, max_age=FORM_SECONDS)
            is_ours = identity.show(identity.ACCOUNT, int(number)) == account_id
        except (BadSignature, ValueError, TypeError):
            is_ours, purpose = False, []
        if not is_ours or not purpose:
            raise StaleForm(
                "This form is too old, or was not ours.",
                field="form",
                remedy="Load the page again and send it once more.",
            )
        return tuple(str(part) for part in purpose)
