"""Which days of events were written to files, and dropped."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Date, Integer, Table, Text

from billing.persistence.columns import Instant, metadata

usage_archives = Table(
    "usage_archives",
    metadata,
    Column("day", Date, primary_key=True),
    Column("file_name", Text, nullable=False),
    Column("events", BigInteger, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("dropped_at", Instant),
    # 0, then one row more for each time records of the day were counted after it was dropped.
    Column("supplement", Integer, primary_key=True, autoincrement=False, server_default="0"),
)
