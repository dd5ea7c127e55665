"""Letterheads at the door."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import ConfigDict, Field

from api.schemas.base import Request, Response

A_LETTERHEAD: dict[str, Any] = {
    "legal_name": "Vonk Mobiel B.V.",
    "street": "Kade 1",
    "postcode": "1011 AA",
    "city": "Amsterdam",
    "country": "NL",
    "vat_number": "NL123456789B01",
    "registration": "KvK 12345678",
    "email": "facturen@vonk.example",
    "phone": "+31 20 123 4567",
    "endpoint": "0106:12345678",
    "creditor_id": "NL50ZZZ123456780000",
    "colour": "#0b6e69",
}


class LetterheadIn(Request):
    """Who sells, as documents must name them, and how they look. Empty fields are not printed."""

    model_config = ConfigDict(json_schema_extra={"examples": [A_LETTERHEAD]})

    legal_name: str = Field(max_length=200, description="The seller's name in the trade register.")
    street: str = Field(default="", max_length=200, description="Street and house number of the seller.")
    postcode: str = Field(default="", max_length=200, description="Postal code of the seller.")
    city: str = Field(default="", max_length=200, description="Town of the seller.")
    country: str = Field(default="", max_length=200, description="ISO 3166 code of the seller's country.")
    vat_number: str = Field(default="", max_length=200, description="With its country and without blanks.")
    registration: str = Field(default="", max_length=200, description="Trade register and number, as printed.")
    email: str = Field(default="", max_length=200, description="Where customers write about a document.")
    phone: str = Field(default="", max_length=200, description="Where customers call about a document.")
    endpoint: str = Field(default="", max_length=200, description="Address in the Peppol network, scheme:identifier.")
    creditor_id: str = Field(default="", max_length=200, description="Creditor identifier for direct debits.")
    colour: str = Field(default="", max_length=200, description="#rrggbb, dark enough to read as text on white.")
    logo: str = Field(default="", max_length=65_536, description="The text of an SVG file.")

    def as_definition(self) -> dict[str, str]:
        """What was said, without what was left out."""
        return {name: value for name, value in self.model_dump().items() if value}


class PublishLetterheadIn(Request):
    """A letterhead to use from now on."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"letterhead": A_LETTERHEAD, "reason": "We moved"}]})

    letterhead: LetterheadIn = Field(description="The whole letterhead, not only what changes.")
    reason: str = Field(min_length=1, max_length=500, description="Why; it stays with the version.")


class LetterheadOut(Response):
    """One version of a brand's letterhead."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "brand": "vonk",
                    "version": 1,
                    "definition": A_LETTERHEAD,
                    "published_at": "2027-01-04T09:00:00Z",
                    "author": "sanne",
                    "reason": "We moved",
                }
            ]
        },
    )

    brand: str
    version: int
    definition: dict[str, Any]
    published_at: datetime
    author: str
    reason: str
