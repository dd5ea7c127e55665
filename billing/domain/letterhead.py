"""A brand's letterhead: who sells, as documents must name them, and how a document looks.

Sources: directive 2006/112/EC, article 226 (5) (name, address and VAT number of the seller); EN 16931, BG-4 to BG-6
(the seller's identifiers); WCAG 2.2, 1.4.3 (contrast of texts).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from billing.domain.errors import InvalidValue
from billing.domain.fields import Fields

USUAL_COLOUR = "#0b6e69"
LONGEST_LOGO = 64 * 1024
_LEAST_CONTRAST = 4.5
_COLOUR = re.compile(r"#[0-9a-f]{6}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_VAT_NUMBER = re.compile(r"[A-Z]{2}[A-Z0-9+*]{2,13}")
_ENDPOINT = re.compile(r"[0-9]{4}:[A-Za-z0-9.@:_-]{1,50}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_SVG = "{http://www.w3.org/2000/svg}svg"


@dataclass(frozen=True, slots=True)
class Letterhead:
    """The seller of a brand and the look of its documents; what is empty is not printed.

    ``endpoint`` is the seller's address in the Peppol network, ``scheme:identifier`` (0106:12345678). ``logo`` is SVG.
    """

    legal_name: str
    street: str = ""
    postcode: str = ""
    city: str = ""
    country: str = ""
    vat_number: str = ""
    registration: str = ""
    email: str = ""
    phone: str = ""
    endpoint: str = ""
    creditor_id: str = ""
    colour: str = USUAL_COLOUR
    logo: str = ""

    @classmethod
    def from_dict(cls, data: object, path: str = "") -> Letterhead:
        """Read its JSON form. Raises InvalidValue with the dotted field."""
        said = {name: value for name, value in data.items() if value != ""} if isinstance(data, Mapping) else data
        fields = Fields(said, path)
        head = cls(
            legal_name=fields.text("legal_name"),
            street=_text(fields, "street"),
            postcode=_text(fields, "postcode"),
            city=_text(fields, "city"),
            country=_formed(fields, "country", _COUNTRY, "Use the two capitals of ISO 3166, like NL."),
            vat_number=_formed(
                fields, "vat_number", _VAT_NUMBER, "Write it with its country and without blanks, like NL123456789B01."
            ),
            registration=_text(fields, "registration"),
            email=_formed(fields, "email", _EMAIL, "Use an address like invoices@example.com."),
            phone=_text(fields, "phone"),
            endpoint=_formed(
                fields, "endpoint", _ENDPOINT, "Use scheme and identifier of the Peppol network, like 0106:12345678."
            ),
            creditor_id=_text(fields, "creditor_id"),
            colour=_colour(fields),
            logo=_logo(fields),
        )
        fields.finish()
        return head

    @property
    def missing(self) -> tuple[str, ...]:
        """The fields that a structured invoice (EN 16931) needs and this letterhead lacks."""
        needed = ("street", "postcode", "city", "country", "vat_number")
        return tuple(name for name in needed if not getattr(self, name))


NO_LETTERHEAD = Letterhead(legal_name="")


def contrast_with_white(colour: str) -> float:
    """The contrast of ``#rrggbb`` on white, 1 to 21 (WCAG 2.2, relative luminance)."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return 1.05 / (luminance + 0.05)


def _text(fields: Fields, name: str) -> str:
    return fields.text(name, default="")


def _formed(fields: Fields, name: str, pattern: re.Pattern[str], remedy: str) -> str:
    written = _text(fields, name)
    if written and not pattern.fullmatch(written):
        raise fields.refusal(name, "This does not have the form it must have.", remedy)
    return written


def _colour(fields: Fields) -> str:
    colour = (_text(fields, "colour") or USUAL_COLOUR).lower()
    if not _COLOUR.fullmatch(colour):
        raise fields.refusal("colour", "This is not a colour.", f"Use red, green and blue like {USUAL_COLOUR}.")
    contrast = contrast_with_white(colour)
    if contrast < _LEAST_CONTRAST:
        raise fields.refusal(
            "colour",
            f"Texts in this colour are hard to read on white: their contrast is {contrast:.1f} to 1.",
            f"Use a darker one, of at least {_LEAST_CONTRAST} to 1.",
        )
    return colour


def _logo(fields: Fields) -> str:
    logo = fields.text("logo", default="", longest=LONGEST_LOGO)
    if logo and not _is_svg(logo):
        raise InvalidValue(
            "The logo is not an SVG picture.",
            field=fields.where("logo"),
            value=logo[:60],
            remedy="Give the text of an SVG file, without a document type, of at most 64 KiB.",
        )
    return logo


def _is_svg(logo: str) -> bool:
    try:
        return bool(fromstring(logo).tag == _SVG)
    except (ParseError, DefusedXmlException, ValueError):
        return False
