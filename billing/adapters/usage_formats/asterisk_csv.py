"""Asterisk's cdr-csv (Master.csv)."""

from __future__ import annotations

from billing.adapters.usage_formats.delimited import Answered, CsvProfile


def asterisk(
    zone: str = "Europe/Amsterdam", country: str = "NL", name: str = "cdr-csv", source: str = "asterisk"
) -> CsvProfile:
    """Asterisk's cdr-csv (Master.csv): no header, local time, billsec is the answered part of the call.

    One uniqueid appears on several rows (transfers, queues), so both channels belong to the key.
    """
    return CsvProfile(
        name=name,
        source=source,
        columns=(
            *("accountcode", "src", "dst", "dcontext", "clid", "channel", "dstchannel", "lastapp", "lastdata"),
            *("start", "answer", "end", "duration", "billsec", "disposition", "amaflags", "uniqueid", "userfield"),
        ),
        take={"identifier": "src", "destination": "dst", "started_at": "start", "quantity": "billsec"},
        record_id=("uniqueid", "channel", "dstchannel"),
        constants={"meter": "voice"},
        zone=zone,
        country=country,
        attributes=("disposition", "duration"),
        answered=Answered("disposition", "ANSWERED"),
        no_longer_than="duration",
    )
