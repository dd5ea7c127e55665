"""The declared source profiles. Another source of a known format is one more declaration here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from billing.adapters.usage_formats.asterisk_cel import cel
from billing.adapters.usage_formats.asterisk_csv import asterisk
from billing.adapters.usage_formats.binary_profiles import binary_formats
from billing.adapters.usage_formats.declarations import declared_formats
from billing.adapters.usage_formats.delimited import CsvFormat, CsvProfile
from billing.adapters.usage_formats.flatstore import flatstore
from billing.adapters.usage_formats.freeswitch import freeswitch_csv_profile, freeswitch_json, freeswitch_json_profile
from billing.adapters.usage_formats.json_records import own_json
from billing.adapters.usage_formats.radius import radius
from billing.adapters.usage_formats.uk_standard import uk_standard
from billing.ports.usage import UsageFormat

_OWN_NAMES = ("identifier", "meter", "quantity", "started_at", "destination", "amount", "source")

# Columns by our own names, in any order, named by the header line; times carry their offset or are UTC.
GENERIC_CSV = CsvProfile(name="csv", source="csv", take={name: name for name in _OWN_NAMES}, comment="#")
ASTERISK = asterisk()
# Each switch writes its own local time and national numbers, so each is a source of its own.
BRITISH_ASTERISK = asterisk("Europe/London", "GB", "cdr-csv-gb", "asterisk-gb")
NDJSON = own_json("ndjson", "ndjson", one_per_line=True)
JSON = own_json("json", "json", one_per_line=False)


def standard_formats(zone: str = "Europe/Amsterdam", country: str = "NL") -> Mapping[str, UsageFormat]:
    """The profiles every installation has, by name; ``zone`` and ``country`` are those of its switches."""
    switches = [asterisk(zone, country), BRITISH_ASTERISK]
    formats: list[UsageFormat] = [
        CsvFormat(GENERIC_CSV),
        NDJSON,
        JSON,
        *map(CsvFormat, switches),
        *binary_formats(country),
    ]
    formats += [cel(zone, country), flatstore(zone, country), radius(zone, country)]
    formats += [CsvFormat(freeswitch_csv_profile(zone, country), "freeswitch-csv")]
    formats += [freeswitch_json(freeswitch_json_profile(zone, country)), CsvFormat(uk_standard(), "uk-standard")]
    return {each.name: each for each in formats}


def known_formats(own: Path | None = None) -> Mapping[str, UsageFormat]:
    """The standard profiles and those declared in a directory; an own one replaces a standard one of its name."""
    return {**standard_formats(), **(declared_formats(own) if own else {})}
