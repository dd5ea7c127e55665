"""VAT: computed once per rate on the sum of the net lines after invoice discounts, never per line.

Sources: directive 2006/112/EC, articles 44 and 196 (business customers in another member state: reverse charge) and 226
(what an invoice shows); category codes of EN 16931 (S standard, Z zero, AE reverse charge, O outside of VAT). Rates
are the brand's data; the usual national standard rates are offered as a starting point and are the operator's to check.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from billing.domain.errors import InvalidValue
from billing.domain.fields import Fields, plain
from billing.domain.money import Money, total

_STANDARD_PERCENT = {
    **{"AT": "20", "BE": "21", "BG": "20", "CH": "8.1", "CY": "19", "CZ": "21", "DE": "19", "DK": "25", "EE": "24"},
    **{"ES": "21", "FI": "25.5", "FR": "20", "GB": "20", "GR": "24", "HR": "25", "HU": "27", "IE": "23", "IT": "22"},
    **{"LT": "21", "LU": "17", "LV": "21", "MT": "18", "NL": "21", "NO": "25", "PL": "23", "PT": "23", "RO": "21"},
    **{"SE": "25", "SI": "22", "SK": "23"},
}
EUROPEAN_UNION = frozenset(_STANDARD_PERCENT) - {"CH", "GB", "NO"}
_COUNTRY = re.compile(r"[A-Z]{2}")
# Greece writes its VAT numbers with EL.
_VAT_PREFIX = {"GR": "EL"}
_HUNDRED = Decimal(100)
# In every table: compensation for late payment is no price of a service (CJEU C-222/81, BAZ Bausystem).
OUTSIDE = "outside"
OUTSIDE_NOTE = "Outside of VAT: compensation for late payment."
REVERSE_CHARGE_NOTE = "Reverse charge: the customer accounts for the VAT (article 196 of directive 2006/112/EC)."


_Rate = tuple[Decimal, str]


@dataclass(frozen=True)
class TaxTable:
    """The rates of the country where a brand is taxed: percent by tax code (``standard``, ``reduced``, ``zero``...)."""

    country: str
    percents: Mapping[str, Decimal]

    @classmethod
    def of_country(cls, country: str) -> TaxTable:
        """The usual table of a country: its standard rate and zero. Raises InvalidValue for one we have no rate for."""
        percent = _STANDARD_PERCENT.get(country)
        if percent is None:
            raise InvalidValue(
                "We have no VAT rate for this country.",
                field="country",
                value=country,
                remedy="Give the brand a tax table of its own, with the country and its rates.",
            )
        return cls(country, {"standard": Decimal(percent), "zero": Decimal(0)})

    @classmethod
    def from_dict(cls, data: object, path: str = "") -> TaxTable:
        """Read ``{"country": "BE", "rates": {"standard": "21"}}``. Raises InvalidValue with the dotted field."""
        fields = Fields(data, path)
        country = fields.text("country")
        if not _COUNTRY.fullmatch(country):
            raise fields.refusal("country", "This is not a country.", "Use the two capitals of ISO 3166, like BE.")
        rates = fields.nested("rates")
        percents = {code: rates.amount(code, most=_HUNDRED) for code in rates.rest()}
        if not percents:
            raise fields.refusal("rates", "There are no rates.", 'Add one, like {"standard": "21"}.')
        fields.finish()
        return cls(country, percents)

    def knows(self, tax_code: str) -> bool:
        """True for a code that a line may have."""
        return tax_code == OUTSIDE or tax_code in self.percents

    def to_dict(self) -> dict[str, object]:
        """The JSON form."""
        return {"country": self.country, "rates": {code: str(percent) for code, percent in self.percents.items()}}

    def percent(self, tax_code: str) -> Decimal:
        """The rate of a tax code. Raises InvalidValue when the table has none: a line is never taxed by guess."""
        if tax_code == OUTSIDE:
            return Decimal(0)
        if tax_code not in self.percents:
            raise InvalidValue(
                f"The tax table of {self.country} has no such code.",
                field="tax_code",
                value=tax_code,
                remedy=f"Use one of: {', '.join(sorted(self.percents))}, or add the code to the table.",
            )
        return self.percents[tax_code]


@dataclass(frozen=True, slots=True)
class TaxedCustomer:
    """What decides the tax of a customer: ISO country, and the VAT number of a business (empty for a consumer)."""

    country: str
    vat_number: str = ""

    @property
    def is_business_elsewhere_in_union(self) -> bool:
        """True when the number is one of the customer's own member state."""
        prefix = _VAT_PREFIX.get(self.country, self.country)
        number = self.vat_number.replace(" ", "").upper()
        return self.country in EUROPEAN_UNION and number.startswith(prefix) and len(number) > len(prefix)


@dataclass(frozen=True, slots=True)
class TaxableLine:
    """A net line: its tax code and amount, which is negative for a credit."""

    tax_code: str
    net: Money


@dataclass(frozen=True, slots=True)
class RateTax:
    """The VAT of one rate: ``lines`` less ``discount`` is ``net``; ``category`` is that of EN 16931."""

    percent: Decimal
    category: str
    tax_codes: tuple[str, ...]
    lines: Money
    discount: Money
    net: Money
    vat: Money
    note: str
    explanation: str

    @property
    def gross(self) -> Money:
        """Net and VAT of this rate."""
        return self.net + self.vat


@dataclass(frozen=True, slots=True)
class TaxBreakdown:
    """``net`` plus ``vat`` is ``gross``; ``rates`` from the highest to the lowest."""

    rates: tuple[RateTax, ...]
    net: Money
    vat: Money
    gross: Money
    notes: tuple[str, ...]


def compute_tax(
    lines: Iterable[TaxableLine], discounted: Money, table: TaxTable, customer: TaxedCustomer | None = None
) -> TaxBreakdown:
    """The VAT of an invoice.

    ``discounted`` is what the invoice discounts take off (zero or more); it is shared over the rates in proportion to
    their net sums, so that net is the sum of the lines less it. Without a customer the brand's own rates hold. Raises
    InvalidValue for an unknown tax code, another currency, or a discount on lines that leave nothing to discount.
    """
    currency = discounted.currency
    is_reversed = _is_reverse_charge(table, customer)
    codes: dict[_Rate, list[str]] = {}
    sums: dict[_Rate, Money] = {}
    for line in lines:
        rate = _rate_of(line.tax_code, table, is_reversed)
        sums[rate] = sums.get(rate, Money.zero(currency)) + line.net
        codes.setdefault(rate, []).append(line.tax_code)
    # Outside of VAT comes last, and no discount on what was sold is taken from it.
    order = sorted(sums, key=lambda rate: (rate[1] != "O", rate[0]), reverse=True)
    taxed = [rate for rate in order if rate[1] != "O"]
    shares = dict(zip(taxed, share_discount(discounted, [sums[rate] for rate in taxed]), strict=True))
    rates = tuple(
        _rate_tax(rate, tuple(dict.fromkeys(codes[rate])), sums[rate], shares.get(rate, Money.zero(currency)))
        for rate in order
    )
    net, vat = total((rate.net for rate in rates), currency), total((rate.vat for rate in rates), currency)
    return TaxBreakdown(rates, net, vat, net + vat, tuple(rate.note for rate in rates if rate.note))


def share_discount(discounted: Money, sums: Sequence[Money]) -> list[Money]:
    """Share an invoice discount over net sums in proportion; negative sums (credits) take no part in it."""
    if discounted.is_zero:
        return [discounted for _ in sums]
    weights = [max(0, each.amount_minor) for each in sums]
    if discounted.amount_minor < 0 or sum(weights) < discounted.amount_minor:
        raise InvalidValue(
            "The discount is not between zero and the lines it is taken from.",
            field="discounted",
            value=discounted,
            remedy="Apply discounts with apply_discounts, which stops at zero.",
        )
    return discounted.allocate(weights)


def _is_reverse_charge(table: TaxTable, customer: TaxedCustomer | None) -> bool:
    return (
        customer is not None
        and table.country in EUROPEAN_UNION
        and customer.country != table.country
        and customer.is_business_elsewhere_in_union
    )


def _rate_of(tax_code: str, table: TaxTable, is_reversed: bool) -> _Rate:
    """The percent and the category of EN 16931 of a line."""
    percent = table.percent(tax_code)
    if tax_code == OUTSIDE:
        return percent, "O"
    if is_reversed:
        return Decimal(0), "AE"
    return percent, "S" if percent else "Z"


def _rate_tax(rate: _Rate, codes: tuple[str, ...], lines: Money, discount: Money) -> RateTax:
    percent, category = rate
    net = lines - discount
    vat = Money.from_decimal((net.decimal * percent).scaleb(-2), net.currency)
    less = "" if discount.is_zero else f"{lines} less discount {discount} = {net}; "
    return RateTax(
        percent=percent,
        category=category,
        tax_codes=codes,
        lines=lines,
        discount=discount,
        net=net,
        vat=vat,
        note={"AE": REVERSE_CHARGE_NOTE, "O": OUTSIDE_NOTE}.get(category, ""),
        explanation=f"{less}{plain(percent)} % of {net} = {vat}",
    )
