"""What a limit must be like before it is kept."""

from __future__ import annotations

from collections.abc import Collection

from billing.domain.errors import InvalidValue, UnableTo
from billing.domain.fields import LARGEST_QUANTITY
from billing.domain.limits import LimitKind, Measure
from billing.messages.limits import CUSTOMER, OPERATOR, ChangeLimitRequest

MOST_LIMITS = 50


def check_limit(request: ChangeLimitRequest, service_ids: Collection[str], meters: Collection[str]) -> None:
    """Refuse a limit that could never be compared with usage. Raises InvalidValue naming the field."""
    _one_of("kind", request.kind, [kind.value for kind in LimitKind])
    _one_of("measure", request.measure, [measure.value for measure in Measure])
    _one_of("asked_by", request.asked_by, [CUSTOMER, OPERATOR])
    if request.service_id:
        _one_of("service_id", request.service_id, service_ids)
    if request.meter:
        _one_of("meter", request.meter, meters)
    if request.roaming:
        _check_roaming(request)
    elif request.measure == Measure.QUANTITY and not request.meter:
        raise _invalid("meter", "", "A quantity is of one meter.", f"Name one of: {_listed(meters)}.")
    if request.value is not None and not 0 <= request.value <= LARGEST_QUANTITY:
        remedy = f"Use a whole number from 0 to {LARGEST_QUANTITY}."
        raise _invalid("value", request.value, "This limit is negative or beyond measure.", remedy)


def _check_roaming(request: ChangeLimitRequest) -> None:
    if (request.kind, request.measure) != (LimitKind.HARD, Measure.AMOUNT):
        remedy = "Use kind hard and measure amount, or leave roaming out."
        raise _invalid("roaming", "true", "Data abroad is capped by an amount of money.", remedy)
    if not request.service_id:
        raise _invalid("service_id", "", "Data abroad is capped for each service.", "Name the service.")
    if request.meter:
        raise _invalid("meter", request.meter, "The brand's policy says which meters are data.", "Leave it out.")


def refuse_too_many(count: int) -> None:
    """Every limit is compared with usage again and again. Raises UnableTo."""
    if count >= MOST_LIMITS:
        remedy = "Remove one that is no longer needed."
        raise UnableTo(
            f"An account has at most {MOST_LIMITS} limits.", field="account_id", value=str(count), remedy=remedy
        )


def _one_of(field: str, value: str, known: Collection[str]) -> None:
    if value not in known:
        raise _invalid(field, value, f"There is no such {field} here.", f"Use one of: {_listed(known)}.")


def _listed(known: Collection[str]) -> str:
    return ", ".join(sorted(known)) or "none"


def _invalid(field: str, value: object, message: str, remedy: str) -> InvalidValue:
    return InvalidValue(message, field=field, value=value, remedy=remedy)
