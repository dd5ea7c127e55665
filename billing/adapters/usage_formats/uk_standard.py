"""The UK standard for reseller call records, version 3: quoted CSV, one kind of record per line."""

from __future__ import annotations

from billing.adapters.usage_formats.delimited import CsvProfile
from billing.adapters.usage_formats.records import Kind

COLUMNS = (
    *("call type", "call cause", "customer identifier", "non-charged party", "call date", "call time", "duration"),
    *("bytes transmitted", "bytes received", "description", "chargecode", "time band", "salesprice"),
    *("salesprice (pre-bundle)", "extension", "ddi", "grouping id", "call class (feature)", "carrier", "recording"),
    *("vat", "country of origin", "network", "retail tariff code", "remote network", "apn", "diverted number"),
    *("ring time", "record id", "currency"),
    *("caller line identity", "network access reference", "ngcs access charge", "ngcs service charge"),
    *("total bytes transferred", "user id", "onward billing reference", "contract name", "bundle name"),
    *("bundle allowance", "discount reference", "routing code"),
)
# The letters that suppliers agree on; a supplier with others is declared as a profile of its own.
KINDS = {
    "V": Kind("voice", ("duration",)),
    "Z": Kind("voice", ("duration",)),
    "S": Kind("sms"),
    "M": Kind("mms"),
    "G": Kind("data", ("total bytes transferred",), ("bytes transmitted", "bytes received")),
}


def uk_standard(name: str = "uk-standard", source: str = "uk-standard") -> CsvProfile:
    """Rated by us: the supplier's price is kept as an attribute and checked by control totals, not charged.

    Numbers and times are British, durations whole seconds.
    """
    return CsvProfile(
        name=name,
        source=source,
        columns=COLUMNS,
        take={
            "identifier": "customer identifier",
            "destination": "non-charged party",
            "started_at": "call date",
        },
        record_id=("record id", "call type", "customer identifier"),
        time_columns=("call date", "call time"),
        time_form="%d/%m/%Y %H:%M:%S",
        zone="Europe/London",
        country="GB",
        kind_column="call type",
        kinds=KINDS,
        attributes=("call cause", "chargecode", "time band", "salesprice", "call class (feature)", "currency"),
        skip=("Call Type",),
        delay_days=3,
    )
