"""IBAN, BIC and creditor identifier: read as people write them, checked as banks do.

`schwifty` knows each country's IBAN and the banks behind it; it is imported on first use, since it loads its registry.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from billing.domain.errors import InvalidValue

_CREDITOR_ID = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{3}[A-Z0-9+?/:().,'-]{1,28}")


@dataclass(frozen=True, slots=True)
class IbanFacts:
    """A checked IBAN without spaces; ``bic`` is empty where the registry does not know the bank."""

    iban: str
    country: str
    bank_code: str
    bic: str

    @property
    def last_four(self) -> str:
        """All that is ever shown of it."""
        return self.iban[-4:]


def read_iban(text: str, field: str = "iban") -> IbanFacts:
    """An IBAN of a SEPA country.

    Raises InvalidValue. What was given is not told: it may be somebody's account number.
    """
    from schwifty import IBAN
    from schwifty.exceptions import SchwiftyException

    try:
        iban = IBAN(text)
    except SchwiftyException as wrong:
        raise _unusable(
            field, text, f"This is no IBAN: {_reason(wrong)}.", "Compare it with the customer's bank card."
        ) from None
    if not iban.in_sepa_zone:
        raise _unusable(
            field, text, f"Accounts of {iban.country_code} take no SEPA debit.", "Use an account of a SEPA country."
        )
    return IbanFacts(str(iban), iban.country_code, iban.bank_code or "", str(iban.bic or ""))


def _reason(wrong: Exception) -> str:
    """Which rule it breaks, without the number itself."""
    return {
        "InvalidLength": "the length is not that of its country",
        "InvalidChecksumDigits": "the check digits are wrong",
        "InvalidBBANChecksum": "the account's own check digits are wrong",
        "InvalidCountryCode": "it begins with no country that has IBANs",
    }.get(type(wrong).__name__, "its form is not that of its country")


def _unusable(field: str, text: str, why: str, remedy: str) -> InvalidValue:
    return InvalidValue(why, field=field, value=f"...{text.strip()[-4:]}", remedy=remedy)


def read_bic(text: str, field: str = "bic") -> str:
    """A BIC of 8 or 11 characters, in capitals. Raises InvalidValue."""
    from schwifty import BIC
    from schwifty.exceptions import SchwiftyException

    try:
        return str(BIC(text))
    except SchwiftyException:
        remedy = "Write 8 or 11 letters and digits, like RABONL2U, or leave it empty."
        raise InvalidValue("This is no BIC.", field=field, value=text, remedy=remedy) from None


def read_creditor_id(text: str, field: str = "creditor_id") -> str:
    """A SEPA creditor identifier, in capitals without spaces (EPC262-08).

    Country, check digits (ISO 7064 Mod 97-10), a business code of our choice which they leave out, the national part.
    Raises InvalidValue.
    """
    written = "".join(text.split()).upper()
    remedy = "Use the identifier that the bank gave you, like NL69ZZZ123456780000."
    if not _CREDITOR_ID.fullmatch(written):
        raise InvalidValue("This is no creditor identifier.", field=field, value=text, remedy=remedy)
    national = re.sub(r"[^A-Z0-9]", "", written[7:])
    digits = "".join(str(int(letter, 36)) for letter in national + written[:4])
    if int(digits) % 97 != 1:
        raise InvalidValue(
            "The check digits of this creditor identifier are wrong.", field=field, value=text, remedy=remedy
        )
    return written
