"""Who the two brands of the demonstration are on their documents."""

from __future__ import annotations

_SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} 60">{mark}<text x="64" y="42" '
_SVG += 'font-family="Source Sans Pro" font-weight="700" font-size="38" fill="{colour}">{name}</text></svg>'
_SPARK = '<path d="M34 4 L8 36 L24 36 L18 56 L46 24 L30 24 Z" fill="#f2a33a"/>'
_RINGS = (
    '<circle cx="24" cy="30" r="17" fill="none" stroke="#3346a8" stroke-width="7"/>'
    '<circle cx="40" cy="30" r="9" fill="#e0567a"/>'
)
_GREEN, _BLUE = "#0b6e69", "#3346a8"

LETTERHEADS: dict[str, dict[str, str]] = {
    "vonk": {
        "legal_name": "Vonk Mobiel B.V.",
        "street": "Kade 1",
        "postcode": "1011 AA",
        "city": "Amsterdam",
        "country": "NL",
        "vat_number": "NL123456789B01",
        "registration": "KvK 12345678",
        "email": "facturen@vonk.example",
        "endpoint": "0106:12345678",
        "creditor_id": "NL50ZZZ123456780000",
        "colour": _GREEN,
        "logo": _SVG.format(width=270, mark=_SPARK, colour=_GREEN, name="Vonk Mobiel"),
    },
    "brio": {
        "legal_name": "Brio Mobile Ltd",
        "street": "1 Quay Street",
        "postcode": "SE1 9AA",
        "city": "London",
        "country": "GB",
        "vat_number": "GB123456789",
        "registration": "Company number 01234567",
        "email": "bills@brio.example",
        "colour": _BLUE,
        "logo": _SVG.format(width=270, mark=_RINGS, colour=_BLUE, name="Brio Mobile"),
    },
}
