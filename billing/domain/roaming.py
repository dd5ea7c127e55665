"""Where European roaming rules hold: the EU and the rest of the EEA, by country, network code and operator code.

Regulation (EU) 2022/612, article 14: usage of data abroad stops at a financial limit unless the customer agreed to go
on. The tables are data: a brand's policy names an area by its word, ``eea``, or means every country, ``any``.
"""

from __future__ import annotations

from functools import lru_cache

from billing.domain.errors import InvalidValue

AREAS = ("eea", "any")
# By country: mobile country codes (ITU-T E.212), and the letters with which its operators' codes (TADIG) begin.
_EEA: dict[str, tuple[str, ...]] = {
    "AT": ("232", "AUT"),
    "BE": ("206", "BEL"),
    "BG": ("284", "BGR"),
    "CY": ("280", "CYP"),
    "CZ": ("230", "CZE"),
    "DE": ("262", "DEU"),
    "DK": ("238", "DNK"),
    "EE": ("248", "EST"),
    "ES": ("214", "ESP"),
    "FI": ("244", "FIN"),
    "FR": ("208", "340", "547", "647", "FRA", "GLP", "MTQ", "GUF", "REU", "MYT"),
    "GR": ("202", "GRC"),
    "HR": ("219", "HRV"),
    "HU": ("216", "HUN"),
    "IE": ("272", "IRL"),
    "IS": ("274", "ISL"),
    "IT": ("222", "ITA"),
    "LI": ("295", "LIE"),
    "LT": ("246", "LTU"),
    "LU": ("270", "LUX"),
    "LV": ("247", "LVA"),
    "MT": ("278", "MLT"),
    "NL": ("204", "NLD"),
    "NO": ("242", "NOR"),
    "PL": ("260", "POL"),
    "PT": ("268", "PRT"),
    "RO": ("226", "ROM", "ROU"),
    "SE": ("240", "SWE"),
    "SI": ("293", "SVN"),
    "SK": ("231", "SVK"),
}
# Parts of a member state with country codes of their own, in which its rules hold.
_OUTERMOST = {"AX": "FI", "GF": "FR", "GP": "FR", "MF": "FR", "MQ": "FR", "RE": "FR", "YT": "FR"}
_COUNTRY_OF = (
    {country: country for country in _EEA}
    | {code: country for country, codes in _EEA.items() for code in codes}
    | _OUTERMOST
)


def country_of(place: str) -> str:
    """The EEA country of a visited place: a country (two letters) or a network (20601, BELTB); '' for any other."""
    return _COUNTRY_OF.get(place.upper() if len(place) == 2 else place.upper()[:3], "")


def is_abroad(place: str, home: str, area: str = "eea") -> bool:
    """True when a visited place lies outside the country ``home`` and within the area; '' is at home.

    Raises InvalidValue for an unknown area.
    """
    if area not in AREAS:
        raise InvalidValue(
            "This area is not known.", field="area", value=area, remedy=f"Use one of: {', '.join(AREAS)}."
        )
    country = country_of(place)
    if not place or home.upper() in (place.upper(), country):
        return False
    return area == "any" or country != ""


@lru_cache(maxsize=1024)
def any_abroad(places: tuple[str, ...], home: str, area: str) -> bool:
    """True when one of a zone's places is abroad in the area; remembered, because zones are asked about all day."""
    return any(is_abroad(place, home, area) for place in places)
