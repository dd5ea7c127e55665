"""Values as TAP and 3GPP records write them: numbers in nibbles, times, networks."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from functools import cache

from billing.adapters.usage_formats.values import Damaged

_DIGITS = re.compile(r"[0-9]+")
_INTERNATIONAL = 1
_TADIG_COUNTRY_LETTERS = 3
_LONGEST_NUMBER_BYTES = 20
# Country digits that several countries share, or that the table lacks, and letters that are not those of ISO 3166.
_SHARED_CODES = {"221": "XK", "310": "US", "311": "US", "313": "US", "314": "US", "315": "US", "340": "GP"}
_ISO_CODES = {"FG": "GF", "TP": "TL", "AN": "CW"}
YEARS = range(1990, 2150)


def packed_digits(name: str, value: bytes) -> str:
    """Digits, the first one in the high half of a byte, filled up with F at the end (TAP's BCD string)."""
    return _digits(name, value.hex())


def swapped_digits(name: str, value: bytes) -> str:
    """Digits, the first one in the low half of a byte, filled up with F at the end (3GPP's TBCD string)."""
    written = value.hex()
    return _digits(name, "".join(written[at + 1] + written[at] for at in range(0, len(written), 2)))


def _digits(name: str, nibbles: str) -> str:
    digits = nibbles.rstrip("f")
    if len(nibbles) > 2 * _LONGEST_NUMBER_BYTES:
        raise Damaged(name, f"The number in {name} has more than {2 * _LONGEST_NUMBER_BYTES} digits.")
    if not digits:
        raise Damaged(name, f"The number in {name} is empty.")
    if not _DIGITS.fullmatch(digits):
        raise Damaged(name, f"{digits} in {name} has a filler or a letter between its digits.")
    return digits


def service_digits(value: bytes, *, swapped: bool) -> str:
    """What was dialled, signs included: * for A, # for B, letters for the rest. For showing, not for rating."""
    written = value[:_LONGEST_NUMBER_BYTES].hex()
    if swapped:
        written = "".join(written[at + 1] + written[at] for at in range(0, len(written), 2))
    return written.rstrip("f").replace("a", "*").replace("b", "#")


def addressed_number(name: str, value: bytes) -> tuple[str, bool]:
    """The digits of a number with a leading type byte, and whether they are international. Raises Damaged."""
    if not value:
        raise Damaged(name, f"The number in {name} is empty.")
    return swapped_digits(name, value[1:]), (value[0] >> 4 & 7) == _INTERNATIONAL


def local_instant(name: str, written: str, offset: str) -> datetime:
    """A time like 20270131235959 at an offset like +0100. Raises Damaged."""
    zone = _offset(offset)
    if zone is None:
        raise Damaged(name, f"{offset!r} is not a time offset like +0100.")
    try:
        if len(written) != len("YYYYMMDDhhmmss") or not _DIGITS.fullmatch(written) or int(written[:4]) not in YEARS:
            raise ValueError
        month, day, hour, minute, second = (int(written[at : at + 2]) for at in range(4, 14, 2))
        return datetime(int(written[:4]), month, day, hour, minute, second, tzinfo=zone)
    except ValueError:
        raise Damaged(name, f"{written!r} is not a time like 20270131235959.") from None


def stamped_instant(name: str, value: bytes) -> datetime:
    """A 3GPP time stamp: YYMMDDhhmmss in packed digits, a sign, hhmm. Raises Damaged."""
    if len(value) != 9 or value[6:7] not in (b"+", b"-"):
        raise Damaged(name, f"{value[:20].hex()} in {name} is not a time stamp of nine bytes.")
    return local_instant(name, f"20{value[:6].hex()}", f"{value[6:7].decode()}{value[7:].hex()}")


@cache
def _offset(written: str) -> timezone | None:
    if not re.fullmatch(r"[+-](0\d|1[0-4])[0-5]\d", written):
        return None
    away = timedelta(hours=int(written[1:3]), minutes=int(written[3:]))
    return timezone(-away if written[0] == "-" else away)


def network_code(name: str, value: bytes) -> str:
    """The country and network digits (26201) of a PLMN identity of three bytes. Raises Damaged."""
    if len(value) != 3:
        raise Damaged(name, f"{value[:20].hex()} in {name} is not a network identity of three bytes.")
    nibbles = value.hex()
    digits = nibbles[1] + nibbles[0] + nibbles[3] + nibbles[5] + nibbles[4] + nibbles[2].replace("f", "")
    return _digits(name, digits)


@cache
def country_of_network(code: str) -> str:
    """The ISO 3166 country of a network (26201 is DE), the code itself when it belongs to no country (90114)."""
    from pycrate_mobile.MCC_MNC import MCC_dict, MNC_dict

    network, country = MNC_dict.get(code), MCC_dict.get(code[:3])
    known = network[1] if network else _SHARED_CODES.get(code[:3]) or (country[1] if country else "")
    known = _ISO_CODES.get(known, known)
    return known if re.fullmatch(r"[A-Z]{2}", known) else code


@cache
def country_of_tadig(code: str) -> str:
    """The ISO 3166 country of an operator's TADIG code (DEUD1 is DE), the code itself when it is not known."""
    from babel.core import get_global

    known = get_global("territory_aliases").get(code[:_TADIG_COUNTRY_LETTERS])
    return str(known[0]) if known and len(code[:_TADIG_COUNTRY_LETTERS]) == _TADIG_COUNTRY_LETTERS else code
